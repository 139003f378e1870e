/* SPDX-License-Identifier: MIT */
/* mt-stat: what is in a stream, as numbers. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"

static const char help[] =
"usage: mt-stat [--per-cpu] <stream >stream\n"
"\n"
"Counts what is in the stream on standard input and writes one stat report\n"
"record for each number: records by kind, cpus, spans of time, accesses by what\n"
"they did, instructions, runs, lost records.  The stream itself is dropped but\n"
"for begin, end and drop.\n"
"\n"
"  -c, --per-cpu   also accesses, moves and time of each cpu\n"
"      --help      this text\n"
"\n"
"    mt-cat log.mt | mt-stat | mt-totext\n"
"    mt-cat log.mt | mt-filter --cpu 0 | mt-stat | mt-tojson\n";

#define KINDS 65536

struct cpu {
	uint32_t cpu;
	uint64_t first, last;		/* time */
	uint64_t records, accesses, moves;
};

/* What is known about one stream; begin clears it. */
static struct {
	uint64_t kinds[KINDS];
	uint64_t bytes;
	uint64_t loads, stores, both, atomic, kernel, moved, split;
	uint64_t runs, drops, dropped;
	uint64_t judged, instructions;	/* as the tracer's end says */
	struct mt_table cpu_index;	/* cpu -> index in cpus, plus 1 */
	struct cpu *cpus;
	size_t n_cpus, room;
	struct cpu *last;		/* of the record before: most come in runs */
} st;

static bool per_cpu;

static void clear(void)
{
	mt_table_release(&st.cpu_index);
	free(st.cpus);
	memset(&st, 0, sizeof(st));
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

static void note_access(const struct mt_access *a, struct cpu *c)
{
	unsigned both = MT_access_flag_load | MT_access_flag_store;
	unsigned what = a->flags & both;

	st.loads += what == MT_access_flag_load;
	st.stores += what == MT_access_flag_store;
	st.both += what == both;
	st.atomic += (a->flags & MT_access_flag_atomic) != 0;
	st.kernel += (a->flags & MT_access_flag_kernel) != 0;
	st.moved += (a->flags & MT_access_flag_moved) != 0;
	st.split += (a->flags & MT_access_flag_split) != 0;
	c->accesses++;
	c->moves += (a->flags & MT_access_flag_moved) != 0;
}

/* Only events run on a cpu: context and reports may carry any cpu and time. */
static void note_event(const struct mt_hdr *rec)
{
	struct cpu *c = cpu_of(rec->cpu);

	c->records++;
	if (rec->time < c->first)
		c->first = rec->time;
	if (rec->time > c->last)
		c->last = rec->time;
	if (rec->kind == MT_KIND_access)
		note_access((const struct mt_access *)rec, c);
}

static void note(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	st.kinds[rec->kind]++;
	st.bytes += rec->size;
	if (t && t->class == MT_CLASS_event)
		note_event(rec);
	if (rec->kind == MT_KIND_mode) {
		st.runs += ((const struct mt_mode *)rec)->mode != MT_mode_off;
	} else if (rec->kind == MT_KIND_drop) {
		st.drops++;
		st.dropped += ((const struct mt_drop *)rec)->count;
	} else if (rec->kind == MT_KIND_end) {
		st.judged = ((const struct mt_end *)rec)->accesses;
		st.instructions = ((const struct mt_end *)rec)->instructions;
	}
}

/* ---- the report -------------------------------------------------------- */

static void put(struct mt_writer *out, uint64_t value, const char *name, const char *unit)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_stat s = { .hdr = { .kind = MT_KIND_stat }, .value = value };
	const char *strings[] = { name, unit };

	mt_writer_put(out, mt_build(buf, &s, strings));
}

static void put_kinds(struct mt_writer *out)
{
	uint64_t records = 0;

	for (unsigned k = 0; k < KINDS; k++)
		records += st.kinds[k];
	put(out, records, "records", "");
	put(out, st.bytes, "size", "byte");
	for (unsigned k = 0; k < KINDS; k++) {
		const struct mt_type *t = mt_type_of(k);
		char name[64];

		if (!st.kinds[k])
			continue;
		if (t)
			snprintf(name, sizeof(name), "records %s", t->name);
		else
			snprintf(name, sizeof(name), "records of unknown kind %u", k);
		put(out, st.kinds[k], name, "");
	}
}

static void put_accesses(struct mt_writer *out)
{
	put(out, st.kinds[MT_KIND_access], "accesses", "");
	put(out, st.loads, "accesses load", "");
	put(out, st.stores, "accesses store", "");
	put(out, st.both, "accesses load+store", "");
	put(out, st.atomic, "accesses atomic", "");
	put(out, st.kernel, "accesses kernel", "");
	put(out, st.moved, "accesses moved", "");
	put(out, st.split, "accesses split", "");
	put(out, st.judged, "accesses judged by the tracer", "");
}

static int by_cpu(const void *a, const void *b)
{
	uint32_t x = ((const struct cpu *)a)->cpu, y = ((const struct cpu *)b)->cpu;

	return x < y ? -1 : x > y;
}

static void put_cpus(struct mt_writer *out)
{
	uint64_t longest = 0;
	char name[64];

	if (st.n_cpus)
		qsort(st.cpus, st.n_cpus, sizeof(*st.cpus), by_cpu);
	for (size_t i = 0; i < st.n_cpus; i++) {
		const struct cpu *c = &st.cpus[i];

		if (c->last - c->first > longest)
			longest = c->last - c->first;
		if (!per_cpu)
			continue;
		snprintf(name, sizeof(name), "cpu %u events", c->cpu);
		put(out, c->records, name, "");
		snprintf(name, sizeof(name), "cpu %u accesses", c->cpu);
		put(out, c->accesses, name, "");
		snprintf(name, sizeof(name), "cpu %u accesses moved", c->cpu);
		put(out, c->moves, name, "");
		snprintf(name, sizeof(name), "cpu %u span", c->cpu);
		put(out, c->last - c->first, name, "instruction");
	}
	put(out, st.n_cpus, "cpus", "");
	put(out, longest, "longest span of a cpu", "instruction");
}

static void report(struct mt_writer *out)
{
	put_kinds(out);
	put_accesses(out);
	put_cpus(out);
	put(out, st.instructions, "instructions", "instruction");
	put(out, st.runs, "runs", "");
	put(out, st.drops, "drops", "");
	put(out, st.dropped, "records lost", "");
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "per-cpu", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "ch", options, NULL)) != -1)
		switch (c) {
		case 'c':
			per_cpu = true;
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	mt_no_operands(argc, argv);
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
		if (rec->kind == MT_KIND_begin) {
			clear();
			mt_writer_put(&out, rec);
		}
		note(rec);
		if (rec->kind == MT_KIND_end)
			report(&out);
		if (rec->kind == MT_KIND_end || rec->kind == MT_KIND_drop)
			mt_writer_put(&out, rec);
	}
	if (in.open)
		report(&out);	/* a cut stream: what there was, without an end */
	return mt_close(&in, got, &out);
}
