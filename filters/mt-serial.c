/* SPDX-License-Identifier: MIT */
/* mt-serial: work that is done by one cpu at a time, because of locks. */
#include <getopt.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "locks/defined.h"
#include "locks/sections.h"
#include "locks/spans.h"

static const char help[] =
"usage: mt-serial [options] <stream >rows\n"
"\n"
"Reports for each class of locks how much was done while one was held: sections,\n"
"instructions, waiting, line moves and atomic accesses, the share of each cpu.\n"
"The rows are records of type serial, most work first; a record of type work,\n"
"the totals of the run, stands before them.\n"
"\n"
"  --by WHAT[,WHAT]  a row for each class (default), lock, pc (of acquisition),\n"
"                    task, cpu, or section (as a list, in the order of their ends)\n"
"  --unlocked        also accesses under no lock, each a section of length 1\n"
"  --miss-cost N     a move costs as much as N instructions (0)\n"
"  --sites           after each row the instructions that moved lines (locked)\n"
"  --per-run         a report for each run instead of one for the stream\n"
"  --partial         rows to be put together by mt-merge, for mt-serial; not of\n"
"                    --by section --unlocked\n"
"  --part N          this is part N of a stream divided by line\n"
"  --help            this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-serial | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-serial --by section | mt-filter -e 'instructions > 10000' | mt-tojson\n"
"    mt-cat log.mt | mt-serial --by lock --unlocked | mt-scale | mt-totext\n";

static bool unlocked, per_run;

static struct mt_writer out;
static struct holds holds;
static struct sections sections = { .report.out = &out, .first_part = true };
static struct defined defined;
static struct mt_runs runs;

/* The run that is being read. */
static struct {
	bool open;			/* between begin and end */
	bool busy;			/* something was counted since the last report */
	bool unsaid;			/* nothing was said of recording yet */
	bool parts;			/* totals came with the rows of parts */
	uint64_t from;			/* instructions of all cpus at its start */
	uint64_t n_cpus;		/* of the guest; 0: not known */
	struct spans spans;		/* of cpus with locks, tasks or entries */
} run;

/* A log that says nothing of recording was recorded all the same. */
static bool recording(void)
{
	return runs.on || run.unsaid;
}

/* ---- options -------------------------------------------------------------- */

static unsigned parse_by(char *text)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_serial), "by");
	unsigned all = 0;

	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		const struct mt_value *v = mt_value_named(f->values, word);

		if (!v)
			mt_die(MT_USAGE, "--by: '%s' is none of class, lock, pc, task, cpu, section", word);
		all |= (unsigned)v->number;
	}
	return all;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "unlocked", no_argument, NULL, 'u' },
		{ "miss-cost", required_argument, NULL, 'm' },
		{ "sites", no_argument, NULL, 's' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'p' },
		{ "part", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct serial_report *report = &sections.report;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'b': sections.by |= parse_by(optarg); break;
		case 'u': unlocked = true; break;
		case 'm': report->miss_cost = mt_number("--miss-cost", optarg, UINT32_MAX); break;
		case 's': report->sites = true; break;
		case 'r': per_run = true; break;
		case 'p': report->partial = true; break;
		case 'n': sections.first_part = mt_number("--part", optarg, UINT32_MAX) == 1; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (!sections.by)
		sections.by = MT_serial_by_class;
	if (sections.by & MT_serial_by_section && unlocked && report->partial)
		mt_die(MT_USAGE, "--by section --unlocked: no part knows when other parts had their accesses");
	mt_no_operands(argc, argv);
}

/* ---- accesses and locks ---------------------------------------------------- */

/* Until a log says that it records, its sections are perhaps of no run. */
static void write_list(void)
{
	if (!run.unsaid)
		sections_list_write(&sections);
}

static void on_event(enum lock_event what, const struct hold *h, const struct mt_hdr *rec)
{
	if (what == LOCK_UNHELD)
		sections.work.unheld += sections.first_part;
	else
		sections_hold(&sections, what, h, defined_at(&defined, h->space, h->addr), rec);
	write_list();
}

static void on_unlocked(const struct mt_access *a)
{
	uint32_t task = sections.by & MT_serial_by_task ? mt_cpus_task(&holds.cpus, a->hdr.cpu) : 0;

	sections_access(&sections, a, mt_cpus_process(&holds.cpus, a->hdr.cpu, a->pc), task,
			defined_name(&defined, a->object));
	write_list();
}

static void on_access(const struct mt_access *a)
{
	bool moved = a->flags & MT_access_flag_moved;
	bool hit_atomic = a->flags & MT_access_flag_atomic && !moved;
	const struct strand *s;

	if (!recording())
		return;
	run.busy = true;
	s = holds_strand(&holds, a->hdr.cpu);
	sections.work.total_moves += moved;
	sections.work.total_atomics += hit_atomic;
	if (!s) {
		if (unlocked)
			on_unlocked(a);
		return;
	}
	if (s->top->tries) {
		s->top->wait.moves += moved;
		s->top->wait.atomics += hit_atomic;
		return;
	}
	s->top->held.atomics += hit_atomic;
	if (moved) {
		s->top->held.moves++;
		++*mt_xtable_put(&s->top->moves_of, a->pc);
	}
}

/* ---- runs -------------------------------------------------------------------------- */

static void write_report(void)
{
	sections_report(&sections);
	sections_clear(&sections);
	run.busy = false;
}

/* The part of the run's totals that all parts of the stream see alike. */
static void end_run(uint64_t instructions)
{
	uint64_t n_cpus = run.n_cpus ? run.n_cpus : spans_cpus(&run.spans);

	if (sections.first_part && !run.parts) {
		sections.work.total_instructions += instructions ? instructions : spans_sum(&run.spans);
		if (n_cpus > sections.work.n_cpus)
			sections.work.n_cpus = n_cpus;
	}
	spans_release(&run.spans);
	if (per_run && run.busy)
		write_report();
}

/* Nothing so far was of any run. */
static void start_anew(void)
{
	sections_clear(&sections);
	sections_list_drop(&sections);
	spans_release(&run.spans);
	run.busy = false;
}

static void on_mode(const struct mt_mode *m, int change)
{
	if (run.unsaid && (change & MT_RUN_BEGINS))
		start_anew();
	run.unsaid = false;
	write_list();
	if (change & MT_RUN_ENDS)
		end_run(m->instructions > run.from ? m->instructions - run.from : 0);
	if (change & MT_RUN_BEGINS)
		run.from = m->instructions;
}

static void on_begin(const struct mt_begin *b)
{
	start_anew();
	run.n_cpus = b->cpus;
	run.from = 0;
	run.unsaid = b->mode == MT_mode_off;
	run.parts = false;
	run.open = true;
}

static void on_end(uint64_t instructions)
{
	sections_list_write(&sections);
	if (recording())
		end_run(instructions);
	if (!per_run || run.busy)
		write_report();
	run.open = false;
}

/* ---- records ------------------------------------------------------------------------ */

/* The rows of parts come with totals: ours, of mode records alone, do not count. */
static void on_work(const struct mt_work *w)
{
	if (!run.parts)
		sections.work = (struct mt_work){ 0 };
	run.parts = run.busy = true;
	sections_add_work(&sections, w);
}

static void on_cpu(const struct mt_hdr *rec)
{
	if (!recording())
		return;
	spans_note(&run.spans, rec);
	run.busy |= rec->kind == MT_KIND_lock;
}

static bool is_row(const struct mt_hdr *rec)
{
	return rec->kind == MT_KIND_serial || rec->kind == MT_KIND_locked || rec->kind == MT_KIND_work;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec)
{
	defined_note(&defined, rec, &holds.names);
	if (!is_row(rec))
		write_list();		/* mt-merge keeps the rows of parts together */
	switch (rec->kind) {
	case MT_KIND_begin: on_begin((const struct mt_begin *)rec); break;
	case MT_KIND_mode:
		on_mode((const struct mt_mode *)rec, mt_runs_change(&runs, rec));
		break;
	case MT_KIND_end: on_end(((const struct mt_end *)rec)->instructions); break;
	case MT_KIND_serial: sections_add_row(&sections, (const struct mt_serial *)rec); break;
	case MT_KIND_locked: sections_add_site(&sections, (const struct mt_locked *)rec); break;
	case MT_KIND_work:
		on_work((const struct mt_work *)rec);
		break;
	case MT_KIND_lock: case MT_KIND_switch: case MT_KIND_entry:
		on_cpu(rec);
		break;
	}
	if (rec->kind != MT_KIND_lock || recording())
		holds_note(&holds, rec);
	mt_xruns_note(&runs, rec);
	return !is_row(rec) && mt_report_needs(rec, MT_KIND_serial);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);
	holds_init(&holds, on_event);
	sections_init(&sections, &holds.names);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			on_access((const struct mt_access *)rec);
		else if (note(rec))
			mt_writer_put(&out, rec);
	if (run.open)			/* cut: the rows of what there was, but no end */
		on_end(0);
	return mt_close(&in, got, &out);
}
