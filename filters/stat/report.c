/* SPDX-License-Identifier: MIT */
/* The numbers as rows. */
#include <stdlib.h>
#include <string.h>

#include "stat.h"

static void put(struct mt_writer *out, uint64_t value, const char *name, const char *unit)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_stat s = { .hdr = { .kind = MT_KIND_stat }, .value = value };
	const char *strings[] = { name, unit };

	mt_writer_put(out, mt_build(buf, &s, strings));
}

static void put_kinds(const struct stat *st, struct mt_writer *out)
{
	uint64_t records = 0;

	for (unsigned k = 0; k < KINDS; k++)
		records += st->kinds[k];
	put(out, records, "records", "");
	put(out, st->bytes, "size", "byte");
	for (unsigned k = 0; k < KINDS; k++) {
		const struct mt_type *t = mt_type_of(k);
		char name[64];

		if (!st->kinds[k])
			continue;
		if (t)
			snprintf(name, sizeof(name), "records %s", t->name);
		else
			snprintf(name, sizeof(name), "records of unknown kind %u", k);
		put(out, st->kinds[k], name, "");
	}
}

/* Accesses whose flags in mask are those of has. */
static uint64_t with(const struct stat *st, unsigned mask, unsigned has)
{
	uint64_t n = 0;

	for (unsigned flags = 0; flags < FLAG_SETS; flags++)
		n += (flags & mask) == has ? st->with_flags[flags] : 0;
	return n;
}

static void put_accesses(const struct stat *st, struct mt_writer *out)
{
	static const struct { unsigned flag; const char *name; } single[] = {
		{ MT_access_flag_atomic, "accesses atomic" }, { MT_access_flag_kernel, "accesses kernel" },
		{ MT_access_flag_moved, "accesses moved" }, { MT_access_flag_split, "accesses split" },
	};
	const unsigned both = MT_access_flag_load | MT_access_flag_store;

	put(out, st->kinds[MT_KIND_access], "accesses", "");
	put(out, with(st, both, MT_access_flag_load), "accesses load", "");
	put(out, with(st, both, MT_access_flag_store), "accesses store", "");
	put(out, with(st, both, both), "accesses load+store", "");
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		put(out, with(st, single[i].flag, single[i].flag), single[i].name, "");
	put(out, st->judged, "accesses judged by the tracer", "");
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
static void put_places(const struct stat *st, struct mt_writer *out)
{
	struct place places[PLACES_MAX];
	char where[100];

	if (!st->n_places)
		return;
	memcpy(places, st->places, st->n_places * sizeof(places[0]));
	qsort(places, st->n_places, sizeof(places[0]), by_name);
	for (size_t i = 0; i < st->n_places; i++) {
		const struct place *p = &places[i];

		snprintf(where, sizeof(where), "in %s%s%s", p->storage, p->name ? ": " : "",
			 p->name ? p->name : "");
		put_place(out, p, where);
	}
	put_place(out, &st->nowhere, "without an object");
	put(out, st->with_field, "accesses with a field", "");
}

static int by_cpu(const void *a, const void *b)
{
	uint32_t x = ((const struct cpu *)a)->cpu, y = ((const struct cpu *)b)->cpu;

	return x < y ? -1 : x > y;
}

static void put_cpus(struct stat *st, bool each_cpu, struct mt_writer *out)
{
	uint64_t longest = 0;
	char name[64];

	if (st->n_cpus)
		qsort(st->cpus, st->n_cpus, sizeof(*st->cpus), by_cpu);
	for (size_t i = 0; i < st->n_cpus; i++) {
		const struct cpu *c = &st->cpus[i];

		if (c->last - c->first > longest)
			longest = c->last - c->first;
		if (!each_cpu)
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
	put(out, st->n_cpus, "cpus", "");
	put(out, longest, "longest span of a cpu", "instruction");
}

static void put_appdata(const struct stat *st, struct mt_writer *out)
{
	char name[100];

	for (size_t i = 0; i < st->n_sums; i++) {
		snprintf(name, sizeof(name), "appdata %s", st->sums[i].name);
		put(out, st->sums[i].value, name, "");
	}
}

void stat_report(struct stat *st, bool each_cpu, struct mt_writer *out)
{
	put_kinds(st, out);
	put_accesses(st, out);
	put_places(st, out);
	put_cpus(st, each_cpu, out);
	put(out, st->instructions, "instructions", "instruction");
	put_appdata(st, out);
	put(out, st->runs, "runs", "");
	put(out, st->drops, "drops", "");
	put(out, st->dropped, "records lost", "");
}
