/* SPDX-License-Identifier: MIT */
/* mt-scale: the speed-up that serial work allows on more cores. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "scale/scale.h"

static const char help[] =
"usage: mt-scale [options] <rows >rows\n"
"\n"
"Predicts from the rows of mt-serial how much faster than one core 2 to N cores\n"
"would be: records of type scaling.  What is serial is the row that takes longest.\n"
"\n"
"  --model NAME         contention: bounds, misses and locks cost more with more\n"
"                       cores (default); amdahl: the serial share alone; step,\n"
"                       queue: simulated, see the manual\n"
"  --cores N            up to so many cores (48)\n"
"  --miss-latency N     a miss costs that much (200)\n"
"  --miss-per-core N    and that much more for each core (50)\n"
"  --lock-latency N     a contended acquisition costs that times the cores squared\n"
"                       (5000)\n"
"  --uncontended        so does any other\n"
"  --seed N             of a simulation (1)\n"
"  --steps N            of a simulation (50000)\n"
"  --parallel N --serial N   units of a round that is simulated, instead of the\n"
"                       share of the largest row; nothing is read then\n"
"  --help               this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-serial --by lock --unlocked | mt-scale | mt-totext\n"
"    mt-scale --model queue --parallel 50 --serial 50 | mt-totext\n";

#define ROUND 1000			/* units of a simulated round */
#define CORES_MAX 4096

static unsigned model = MT_scaling_model_contention;
static uint64_t cores = 48;
static struct costs costs = { .miss = 200, .miss_per_core = 50, .lock = 5000 };
static struct load load = { .steps = 50000, .seed = 1 };

static struct mt_writer out;
static struct table table;
static bool have_work;

static unsigned parse_model(const char *text)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_scaling), "model");
	const struct mt_value *v = mt_value_named(f->values, text);

	if (!v)
		mt_die(MT_USAGE, "--model: '%s' is none of contention, amdahl, step, queue", text);
	return (unsigned)v->number;
}

static bool is_simulation(void)
{
	return model == MT_scaling_model_step || model == MT_scaling_model_queue;
}

static void check_options(void)
{
	if (cores < 2)
		mt_die(MT_USAGE, "--cores: %u is less than 2", (unsigned)cores);
	if (!load.steps)
		mt_die(MT_USAGE, "--steps: 0 is too few");
	if ((load.parallel || load.serial) && !is_simulation())
		mt_die(MT_USAGE, "--parallel, --serial: are for --model step and queue");
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "model", required_argument, NULL, 'm' },
		{ "cores", required_argument, NULL, 'c' },
		{ "miss-latency", required_argument, NULL, 'l' },
		{ "miss-per-core", required_argument, NULL, 'i' },
		{ "lock-latency", required_argument, NULL, 'k' },
		{ "uncontended", no_argument, NULL, 'u' },
		{ "seed", required_argument, NULL, 's' },
		{ "steps", required_argument, NULL, 't' },
		{ "parallel", required_argument, NULL, 'P' },
		{ "serial", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'm': model = parse_model(optarg); break;
		case 'c': cores = mt_number("--cores", optarg, CORES_MAX); break;
		case 'l': costs.miss = mt_number("--miss-latency", optarg, UINT32_MAX); break;
		case 'i': costs.miss_per_core = mt_number("--miss-per-core", optarg, UINT32_MAX); break;
		case 'k': costs.lock = mt_number("--lock-latency", optarg, UINT32_MAX); break;
		case 'u': costs.uncontended = true; break;
		case 's': load.seed = mt_number("--seed", optarg, UINT64_MAX); break;
		case 't': load.steps = mt_number("--steps", optarg, UINT32_MAX); break;
		case 'P': load.parallel = mt_number("--parallel", optarg, UINT32_MAX); break;
		case 'S': load.serial = mt_number("--serial", optarg, UINT32_MAX); break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	check_options();
	mt_no_operands(argc, argv);
}

/* ---- what was measured ---------------------------------------------------------- */

static void on_work(const struct mt_work *w)
{
	table.instructions += (double)w->total_instructions - (double)w->total_waited;
	table.misses += (double)w->total_moves - (double)w->waited_moves +
			(double)w->total_atomics - (double)w->waited_atomics;
	if (w->n_cpus > table.n_cpus)
		table.n_cpus = w->n_cpus;
	have_work = true;
}

static void on_serial(const struct mt_serial *s)
{
	struct serial_work w = {
		.instructions = (double)s->instructions, .acquires = (double)s->acquires,
		.contended = (double)s->contended, .cpus = s->cpus,
		.misses = (double)s->moves + (double)s->atomics,
		.addr = s->addr, .section = s->section, .read = s->read,
		.name = mt_xstrdup(mt_string(&s->hdr, 0))
	};

	table.rows = mt_xgrow(table.rows, table.n_rows, &table.room, sizeof(*table.rows));
	table.rows[table.n_rows++] = w;
}

static void forget(void)
{
	for (size_t i = 0; i < table.n_rows; i++)
		free(table.rows[i].name);
	free(table.rows);
	table = (struct table){ 0 };
	have_work = false;
}

/* ---- predictions ------------------------------------------------------------------ */

static uint64_t rounded(double x, double unit)
{
	x = x * unit + 0.5;
	return x < 1e18 ? (uint64_t)x : 0;
}

static void put(unsigned n, const struct prediction *p)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_scaling m = {
		.hdr.kind = MT_KIND_scaling, .cores = n, .speedup = rounded(p->low, 1000),
		.speedup_max = rounded(p->high, 1000), .share = rounded(p->share, 1e6),
		.addr = p->limit ? p->limit->addr : 0, .model = model
	};

	mt_writer_put(&out, mt_build(buf, &m, (const char *const[]){ p->limit ? p->limit->name : "" }));
}

/* The round that is simulated: what was asked for, or the share of the largest row. */
static struct load load_of(const struct prediction *p)
{
	struct load l = load;

	if (l.parallel || l.serial)
		return l;
	l.serial = p->share < 1 ? rounded(p->share, ROUND) : ROUND;
	l.parallel = ROUND - l.serial;
	return l;
}

static void simulate(void)
{
	const struct costs none = { 0 };
	struct prediction p = scale_contention(&table, &none, 1);
	struct load l = load_of(&p);

	p.share = (double)l.serial / (double)(l.serial + l.parallel);
	for (unsigned n = 2; n <= cores; n++) {
		p.low = p.high = model == MT_scaling_model_step ? scale_steps(&l, n) :
			scale_queue(&l, n);
		put(n, &p);
	}
}

static void predict(void)
{
	for (unsigned n = 2; n <= cores; n++) {
		struct prediction p = model == MT_scaling_model_amdahl ?
			scale_amdahl(&table, &costs, n) : scale_contention(&table, &costs, n);

		put(n, &p);
	}
}

static void report(void)
{
	if (is_simulation())
		simulate();
	else
		predict();
	forget();
}

/* ---- main --------------------------------------------------------------------------- */

static int without_input(void)
{
	struct mt_begin begin = { .hdr.kind = MT_KIND_begin, .version = 1, .line = 64 };
	struct mt_end end = { .hdr = { .kind = MT_KIND_end, .size = sizeof(end) } };
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];

	mt_open_output(&out, NULL);
	mt_writer_put(&out, mt_build(buf, &begin, (const char *const[]){ "mt-scale", "", "" }));
	report();
	mt_writer_put(&out, &end.hdr);
	if (mt_writer_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	return MT_OK;
}

/* Predictions stand where their rows did: before the end of a stream or of a run. */
static void take(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_serial:
		on_serial((const struct mt_serial *)rec);
		return;
	case MT_KIND_locked:
		return;
	case MT_KIND_work:
		if (have_work)
			report();	/* of the run before */
		on_work((const struct mt_work *)rec);
		return;
	case MT_KIND_begin:
		forget();
		break;
	case MT_KIND_end:
	case MT_KIND_mode:
		if (have_work)
			report();
	}
	mt_writer_put(&out, rec);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	if (load.parallel || load.serial)
		return without_input();
	mt_open_input(&in);
	mt_open_output(&out, &in);
	while ((got = mt_reader_next(&in, &rec)) > 0)
		take(rec);
	if (have_work)
		report();
	return mt_close(&in, got, &out);
}
