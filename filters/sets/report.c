/* SPDX-License-Identifier: MIT */
/* The rows.  All orders are total. */
#include <stdlib.h>

#include "sets.h"

static const struct sets *all;		/* for qsort */

static const struct miss_key *key_of(const struct miss *m)
{
	return mt_interned(&all->keys, m->key);
}

static uint64_t line_of(const struct miss *m)
{
	return (all->o.virtual ? key_of(m)->addr : m->paddr) >> all->o.line_bits;
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

static int by_line(const void *pa, const void *pb)
{
	const struct miss *a = pa, *b = pb;
	const struct miss_key *x = key_of(a), *y = key_of(b);
	int c = COMPARE(x->cpu, y->cpu);

	if (!c)
		c = COMPARE(x->set, y->set);
	if (!c)
		c = COMPARE(line_of(a), line_of(b));
	/* a virtual address may be one of several processes */
	return c ? c : COMPARE(a->paddr >> all->o.line_bits, b->paddr >> all->o.line_bits);
}

static int by_count(const void *pa, const void *pb)
{
	const struct miss *a = pa, *b = pb;
	const struct miss_key *x = key_of(a), *y = key_of(b);
	const uint64_t keys[][2] = {
		{ x->addr, y->addr }, { x->pc, y->pc }, { x->process, y->process },
		{ x->object, y->object }, { x->field, y->field }, { x->width, y->width },
	};
	int c = COMPARE(b->count, a->count);

	if (!c)
		c = by_line(pa, pb);
	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = COMPARE(keys[i][0], keys[i][1]);
	return c;
}

static int by_misses(const void *pa, const void *pb)
{
	const struct set *a = *(struct set *const *)pa, *b = *(struct set *const *)pb;
	int c = COMPARE(b->misses, a->misses);

	if (!c)
		c = COMPARE(a->cpu, b->cpu);
	return c ? c : COMPARE(a->number, b->number);
}

static void count_lines(struct sets *s)
{
	for (size_t i = 0; i < all->n_misses; i++)
		if (!i || by_line(&all->misses[i - 1], &all->misses[i])) {
			const struct miss_key *k = key_of(&all->misses[i]);

			sets_find(s, k->cpu, k->set)->lines++;
		}
}

static void put_sets(struct mt_writer *out)
{
	for (size_t i = 0; i < all->n_sets; i++) {
		const struct set *s = all->sets[i];
		const struct mt_set m = {
			.hdr = { .kind = MT_KIND_set, .size = sizeof(m), .cpu = s->cpu },
			.misses = s->misses, .hits = s->hits, .lines = s->lines, .set = s->number,
			.ways = (uint32_t)all->o.ways,
		};

		if (!s->misses && !s->hits)
			continue;	/* in this run */
		if (all->o.partial || s->misses >= all->o.least)
			mt_writer_put(out, &m.hdr);
	}
}

static void put_misses(struct mt_writer *out)
{
	for (size_t i = 0; i < all->n_misses; i++) {
		const struct miss *x = &all->misses[i];
		const struct miss_key *k = key_of(x);
		const struct mt_miss m = {
			.hdr = { .kind = MT_KIND_miss, .size = sizeof(m), .cpu = k->cpu },
			.misses = x->count, .addr = k->addr, .paddr = x->paddr, .pc = k->pc,
			.set = k->set, .process = k->process, .object = k->object, .field = k->field,
			.width = k->width, .flags = x->flags,
		};

		if (all->o.partial || x->count >= all->o.least)
			mt_writer_put(out, &m.hdr);
	}
}

void sets_report(struct sets *s, struct mt_writer *out)
{
	all = s;
	if (all->n_misses)
		qsort(all->misses, all->n_misses, sizeof(*all->misses), by_line);
	count_lines(s);
	if (all->n_sets)
		qsort(all->sets, all->n_sets, sizeof(*all->sets), by_misses);
	put_sets(out);
	if (!all->o.misses && !all->o.partial)
		return;
	if (all->n_misses)
		qsort(all->misses, all->n_misses, sizeof(*all->misses), by_count);
	put_misses(out);
}

void sets_start_anew(struct sets *s)
{
	for (size_t i = 0; i < s->n_sets; i++) {
		struct set *set = s->sets[i];

		set->hits = set->misses = set->lines = 0;
		/* a report has put them in order */
		*mt_xtable_put(&s->set_of, (uint64_t)set->cpu << 32 | set->number) = i + 1;
	}
	s->n_misses = 0;
	mt_intern_release(&s->keys);
}

void sets_clear(struct sets *s)
{
	for (size_t i = 0; i < s->n_sets; i++)
		free(s->sets[i]);
	s->n_sets = s->n_misses = 0;
	mt_table_release(&s->set_of);
	mt_intern_release(&s->keys);
}
