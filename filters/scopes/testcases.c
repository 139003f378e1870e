/* SPDX-License-Identifier: MIT */
/* Commutativity tests. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "testcases.h"

void testcase_access(struct testcase *t, const struct mt_access *a, uint32_t process)
{
	uint64_t *place = mt_xtable_put(&t->of_cpu, a->hdr.cpu);

	if (!*place)
		*place = (uintptr_t)mt_xcalloc(1, sizeof(struct footprint));
	footprint_add((struct footprint *)(uintptr_t)*place, a, process, &t->sites);
	t->accesses++;
}

void testcase_add(struct testcase *t, const struct mt_testcase *row)
{
	t->accesses += row->accesses;
}

void testcase_add_conflict(struct testcase *t, const struct mt_conflict *row)
{
	t->rows = mt_xgrow(t->rows, t->n_rows, &t->row_room, sizeof(*t->rows));
	t->rows[t->n_rows++] = *row;
}

/* ---- report ------------------------------------------------------------------- */

static size_t count_touches(const struct testcase *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->of_cpu.n_slots; i++)
		if (t->of_cpu.slots[i].key)
			n += ((struct footprint *)(uintptr_t)t->of_cpu.slots[i].value)->n;
	if (t->of_cpu.has_zero)
		n += ((struct footprint *)(uintptr_t)t->of_cpu.zero)->n;
	return n;
}

/* Moves the touches of a cpu behind the others. */
static size_t take_touches(struct touch *all, uint32_t cpu, uint64_t value)
{
	struct footprint *f = (struct footprint *)(uintptr_t)value;
	size_t n;

	footprint_finish(f);
	n = f->n;
	for (size_t i = 0; i < n; i++) {
		all[i] = f->touches[i];
		all[i].side = cpu;
	}
	footprint_release(f);
	free(f);
	return n;
}

static void find_conflicts(struct testcase *t, uint32_t line)
{
	struct touch *all = mt_xcalloc(count_touches(t), sizeof(*all));
	struct conflicts c = { 0 };
	struct mt_conflict row;
	size_t n = 0;

	for (size_t i = 0; i < t->of_cpu.n_slots; i++)
		if (t->of_cpu.slots[i].key)
			n += take_touches(all + n, (uint32_t)t->of_cpu.slots[i].key,
					  t->of_cpu.slots[i].value);
	if (t->of_cpu.has_zero)
		n += take_touches(all + n, 0, t->of_cpu.zero);
	mt_table_release(&t->of_cpu);
	conflicts_find(&c, all, n, line);
	for (size_t i = 0; i < c.n; i++) {
		conflict_row(&c.found[i], &t->sites, &row);
		testcase_add_conflict(t, &row);
	}
	free(c.found);
	free(all);
}

/* Each byte is in one conflict; the rest of a row decides only if the input is wrong. */
static int by_address(const void *pa, const void *pb)
{
	const struct mt_conflict *a = pa, *b = pb;

	if (a->paddr != b->paddr)
		return a->paddr < b->paddr ? -1 : 1;
	return memcmp(a, b, sizeof(*a));
}

static void put_testcase(const struct testcase *t, const struct mt_runs *run, uint32_t mode,
			 struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const char *strings[] = { run->name };
	struct mt_testcase row = {
		.hdr.kind = MT_KIND_testcase, .number = run->number, .conflicts = t->n_rows,
		.accesses = t->accesses, .mode = mode,
	};

	for (size_t i = 0; i < t->n_rows; i++)
		row.bytes += t->rows[i].bytes;
	mt_writer_put(out, mt_build(buf, &row, strings));
}

void testcase_report(struct testcase *t, const struct mt_runs *run, uint32_t mode, uint32_t line,
		     struct mt_writer *out)
{
	find_conflicts(t, line);
	if (t->n_rows)
		qsort(t->rows, t->n_rows, sizeof(*t->rows), by_address);
	put_testcase(t, run, mode, out);
	for (size_t i = 0; i < t->n_rows; i++) {
		t->rows[i].hdr.size = sizeof(t->rows[i]);
		t->rows[i].number = run->number;
		mt_writer_put(out, &t->rows[i].hdr);
	}
	free(t->rows);
	mt_intern_release(&t->sites);
	*t = (struct testcase){ 0 };
}
