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
"they did and, behind mt-label, by what they touched, instructions, what the\n"
"application counted (appdata), runs, lost records.  The stream itself is dropped\n"
"but for begin, end and drop.\n"
"\n"
"  -c, --per-cpu   also accesses, moves and time of each cpu\n"
"      --help      this text\n"
"\n"
"    mt-cat log.mt | mt-stat | mt-totext\n"
"    mt-cat log.mt | mt-filter --cpu 0 | mt-stat | mt-tojson\n"
"    mt-cat log.mt | mt-label prog | mt-stat | mt-totext\n";

#define KINDS 65536

struct cpu {
	uint32_t cpu;
	uint64_t first, last;		/* time */
	uint64_t records, accesses, moves;
};

/*
 * What accesses touch: a kind of storage, or of unknown storage what mt-label
 * calls it.  It has few such names; those of others go together.
 */
#define NAMES_MAX 24
#define PLACES_MAX (NAMES_MAX + 1 + MT_storage_unknown)

struct place {
	const char *storage;
	char *name;			/* or NULL */
	uint64_t accesses, moves;
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
	struct mt_table place_of;	/* object -> index in places, plus 1 */
	struct place places[PLACES_MAX];
	size_t n_places;
	struct place nowhere;		/* accesses without an object */
	uint64_t with_field;
	struct sum { char *name; uint64_t value; } sums[NAMES_MAX + 1];	/* of appdata */
	size_t n_sums;
} st;

static bool per_cpu;

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
	note_place(a);
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

static void put_place(struct mt_writer *out, const struct place *p, const char *where)
{
	char name[128];

	if (!p->accesses)
		return;
	snprintf(name, sizeof(name), "accesses %s", where);
	put(out, p->accesses, name, "");
	snprintf(name, sizeof(name), "accesses moved %s", where);
	put(out, p->moves, name, "");
}

static int by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->storage, y->storage);

	return order ? order : x->name ? strcmp(x->name, y->name) : 0;
}

/* Says nothing of a stream that mt-label has not seen. */
static void put_places(struct mt_writer *out)
{
	char where[100];

	if (!st.n_places)
		return;
	qsort(st.places, st.n_places, sizeof(st.places[0]), by_name);
	for (size_t i = 0; i < st.n_places; i++) {
		const struct place *p = &st.places[i];

		snprintf(where, sizeof(where), "in %s%s%s", p->storage, p->name ? ": " : "",
			 p->name ? p->name : "");
		put_place(out, p, where);
	}
	put_place(out, &st.nowhere, "without an object");
	put(out, st.with_field, "accesses with a field", "");
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

static void put_appdata(struct mt_writer *out)
{
	char name[100];

	for (size_t i = 0; i < st.n_sums; i++) {
		snprintf(name, sizeof(name), "appdata %s", st.sums[i].name);
		put(out, st.sums[i].value, name, "");
	}
}

static void report(struct mt_writer *out)
{
	put_kinds(out);
	put_accesses(out);
	put_places(out);
	put_cpus(out);
	put(out, st.instructions, "instructions", "instruction");
	put_appdata(out);
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
