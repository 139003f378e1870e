/* SPDX-License-Identifier: MIT */
/* mt-stat: what is in a stream, as numbers. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "stat/stat.h"

static const char help[] =
"usage: mt-stat [--per-cpu] [--per-run] <stream >stream\n"
"\n"
"Counts what is in the stream on standard input and writes one stat report\n"
"record for each number: records by kind, cpus, spans of time, accesses by what\n"
"they did and, behind mt-label, by what they touched, instructions, what the\n"
"application counted (appdata), runs, lost records.  The stream itself is dropped\n"
"but for begin, end and drop.\n"
"\n"
"  -c, --per-cpu   also accesses, moves and time of each cpu\n"
"  -r, --per-run   the numbers of each run, behind its mode record\n"
"      --help      this text\n"
"\n"
"    mt-stat <log.mt | mt-totext\n"
"    mt-cat log.mt | mt-filter --cpu 0 | mt-stat | mt-tojson\n"
"    mt-cat log.mt | mt-label prog | mt-stat | mt-totext\n";

static struct stat st;
static struct mt_runs runs;
static struct { uint64_t accesses, instructions; } from;	/* at the start of the run */
static bool per_cpu, per_run;

static void clear(void)
{
	mt_table_release(&st.cpu_index);
	free(st.cpus);
	mt_table_release(&st.place_of);
	for (size_t i = 0; i < st.n_places; i++)
		free(st.places[i].name);
	for (size_t i = 0; i < st.n_sums; i++)
		free(st.sums[i].name);
	memset(&st, 0, sizeof(st));
}

/* Objects live on, and so does where they are. */
static void next_run(void)
{
	static struct stat old;

	old = st;
	memset(&st.place_of, 0, sizeof(st.place_of));
	st.n_places = 0;
	clear();
	st.place_of = old.place_of;
	st.n_places = old.n_places;
	for (size_t i = 0; i < st.n_places; i++)
		st.places[i] = (struct place){ .storage = old.places[i].storage,
					       .name = old.places[i].name };
}

static struct cpu *cpu_of(uint32_t cpu)
{
	uint64_t *index;

	if (st.last && st.last->cpu == cpu)
		return st.last;
	index = mt_xtable_put(&st.cpu_index, cpu);
	if (!*index) {
		st.cpus = mt_xgrow(st.cpus, st.n_cpus, &st.room, sizeof(*st.cpus));
		st.cpus[st.n_cpus++] = (struct cpu){ .cpu = cpu, .first = UINT64_MAX };
		*index = st.n_cpus;
	}
	return st.last = &st.cpus[*index - 1];
}

static size_t find_place(const char *storage, const char *name)
{
	size_t i;

	for (i = 0; i < st.n_places; i++)
		if (!strcmp(st.places[i].storage, storage) &&
		    (!name || !strcmp(st.places[i].name, name)))
			break;
	return i;
}

/* The index of the place, made when there is none. */
static size_t place_named(const char *storage, const char *name)
{
	size_t i = find_place(storage, name);

	if (i == st.n_places && name && i >= NAMES_MAX) {
		name = "other";
		i = find_place(storage, name);
	}
	if (i < st.n_places)
		return i;
	st.places[i] = (struct place){ .storage = storage, .name = name ? mt_xstrdup(name) : NULL };
	return st.n_places++;
}

static void note_object(const struct mt_object *o)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_object), "storage");
	const char *storage = mt_value_name(f->values, o->storage);

	if (!storage || o->storage == MT_storage_unknown)
		*mt_xtable_put(&st.place_of, o->id) =
			place_named("unknown", mt_string(&o->hdr, 0)) + 1;
	else
		*mt_xtable_put(&st.place_of, o->id) = place_named(storage, NULL) + 1;
}

static void note_place(const struct mt_access *a)
{
	const uint64_t *i = a->object ? mt_table_get(&st.place_of, a->object) : NULL;
	struct place *p = i ? &st.places[*i - 1] : &st.nowhere;

	p->accesses++;
	p->moves += (a->flags & MT_access_flag_moved) != 0;
	st.with_field += a->field != 0;
}


/* Names beyond the first ones go together, as with places. */
static void note_appdata(const struct mt_appdata *a)
{
	const char *name = mt_string(&a->hdr, 0);
	size_t i;

	for (i = 0; i < st.n_sums && i < NAMES_MAX; i++)
		if (!strcmp(st.sums[i].name, name))
			break;
	if (i == st.n_sums)
		st.sums[st.n_sums++].name = mt_xstrdup(i < NAMES_MAX ? name : "other");
	st.sums[i].value += a->value;
}

/* Only events run on a cpu: context and reports may carry any cpu and time. */
static struct cpu *note_event(const struct mt_hdr *rec)
{
	struct cpu *c = cpu_of(rec->cpu);

	c->records++;
	if (rec->time < c->first)
		c->first = rec->time;
	if (rec->time > c->last)
		c->last = rec->time;
	return c;
}

/* Nearly all records are accesses: n that stand behind each other. */
static void note_accesses(const struct mt_access *a, size_t n)
{
	st.kinds[MT_KIND_access] += n;
	st.bytes += n * sizeof(*a);
	for (size_t i = 0; i < n; i++) {
		struct cpu *c = note_event(&a[i].hdr);

		c->accesses++;
		c->moves += (a[i].flags & MT_access_flag_moved) != 0;
		st.with_flags[a[i].flags % FLAG_SETS]++;
		note_place(&a[i]);
	}
}

static void note(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	st.kinds[rec->kind]++;
	st.bytes += rec->size;
	if (t && t->class == MT_CLASS_event)
		(void)note_event(rec);
	if (rec->kind == MT_KIND_object) {
		note_object((const struct mt_object *)rec);
	} else if (rec->kind == MT_KIND_appdata) {
		note_appdata((const struct mt_appdata *)rec);
	} else if (rec->kind == MT_KIND_mode) {
		st.runs += ((const struct mt_mode *)rec)->mode != MT_mode_off;
	} else if (rec->kind == MT_KIND_drop) {
		st.drops++;
		st.dropped += ((const struct mt_drop *)rec)->count;
	} else if (rec->kind == MT_KIND_end) {
		st.judged = ((const struct mt_end *)rec)->accesses;
		st.instructions = ((const struct mt_end *)rec)->instructions;
	}
}

/* ---- runs ---------------------------------------------------------------- */

/* What the tracer's counters say of the run that ends here. */
static void end_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	const struct mt_mode *m = (const struct mt_mode *)rec;
	const struct mt_end *e = (const struct mt_end *)rec;
	uint64_t accesses = rec->kind == MT_KIND_mode ? m->accesses : e->accesses;
	uint64_t instructions = rec->kind == MT_KIND_mode ? m->instructions : e->instructions;

	st.judged = accesses > from.accesses ? accesses - from.accesses : 0;
	st.instructions = instructions > from.instructions ? instructions - from.instructions : 0;
	stat_report(&st, per_cpu, out);
}

static void note_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	const struct mt_mode *m = (const struct mt_mode *)rec;
	int change = mt_runs_change(&runs, rec);

	if (change & MT_RUN_ENDS)
		end_run(rec, out);
	if (change & MT_RUN_BEGINS) {
		bool told = rec->kind == MT_KIND_mode;

		next_run();
		from.accesses = told ? m->accesses : 0;
		from.instructions = told ? m->instructions : 0;
	}
	mt_xruns_note(&runs, rec);
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "per-cpu", no_argument, NULL, 'c' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "crh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			per_cpu = true;
			break;
		case 'r':
			per_run = true;
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

static bool passes(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin:
	case MT_KIND_end:
	case MT_KIND_drop:
		return true;
	}
	return per_run && rec->kind == MT_KIND_mode;
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_writer out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0) {
		if (rec->kind == MT_KIND_access) {
			note_accesses((const struct mt_access *)rec, 1 + mt_reader_run(&in));
			continue;
		}
		if (rec->kind == MT_KIND_begin)
			clear();
		if (per_run)
			note_run(rec, &out);
		note(rec);
		if (rec->kind == MT_KIND_end && !per_run)
			stat_report(&st, per_cpu, &out);
		if (passes(rec))
			mt_writer_put(&out, rec);
	}
	if (in.open && (!per_run || runs.on))
		stat_report(&st, per_cpu, &out);	/* a cut stream: what there was, without an end */
	return mt_close(&in, got, &out);
}
