/* SPDX-License-Identifier: MIT */
/* Scopes as bodies: those that did the same are one. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "pairs.h"

static int by_number(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* Keys and values of a small table as key << shift | value, sorted; how many. */
static uint32_t flatten(const struct mt_table *m, unsigned shift, uint64_t *to)
{
	uint32_t n = 0;

	if (m->has_zero)
		to[n++] = m->zero;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			to[n++] = m->slots[i].key << shift | m->slots[i].value;
	qsort(to, n, sizeof(*to), by_number);
	return n;
}

static uint32_t cpu_bit(struct pairs *p, uint32_t cpu)
{
	uint64_t *bit = mt_xtable_put(&p->cpu_bits, cpu);

	if (!*bit)
		*bit = ++p->n_cpu_bits;
	return (uint32_t)*bit - 1;
}

/* The number of the set of cpus of a scope. */
static uint32_t cpu_set(struct pairs *p, const struct mt_table *cpus)
{
	size_t n = cpus->used + 1, words = 0;
	uint64_t *list = mt_xcalloc(n, sizeof(*list)), *set;
	uint32_t number, bit, used = flatten(cpus, 0, list);

	for (uint32_t i = 0; i < used; i++)
		list[i] = cpu_bit(p, (uint32_t)list[i]);
	for (uint32_t i = 0; i < used; i++)
		if (list[i] / 64 + 1 > words)
			words = list[i] / 64 + 1;
	set = mt_xcalloc(words, sizeof(*set));
	for (uint32_t i = 0; i < used; i++) {
		bit = (uint32_t)list[i];
		set[bit / 64] |= 1ull << bit % 64;
	}
	number = mt_xintern(&p->cpu_sets, set, words * sizeof(*set));
	free(list);
	free(set);
	return number;
}

/* The first scope of a body is the one to show. */
static void show(struct pairs *p, struct kept *k, const struct scope *s)
{
	k->id = s->id;
	for (size_t i = 0; i < s->footprint.n; i++)
		p->touch_sites[k->sites + i] = s->footprint.touches[i].site;
}

static void add_kept(struct pairs *p, const struct scope *s)
{
	struct kept *k;

	p->kept = mt_xgrow(p->kept, p->bodies.n - 1, &p->kept_room, sizeof(*p->kept));
	k = &p->kept[p->bodies.n - 1];
	*k = (struct kept){ .sites = p->n_touch_sites };
	for (size_t i = 0; i < s->footprint.n; i++) {
		p->touch_sites = mt_xgrow(p->touch_sites, p->n_touch_sites, &p->touch_site_room,
					  sizeof(*p->touch_sites));
		p->n_touch_sites++;
	}
	show(p, k, s);
}

void pairs_keep(struct pairs *p, struct scope *s)
{
	size_t n_vars = s->vars.used + s->vars.has_zero, words;
	struct footprint *f = &s->footprint;
	struct body *b;
	uint32_t n = p->bodies.n, number;

	if (!n_vars)
		return;			/* nothing is said of what it may share */
	footprint_finish(f);
	words = n_vars + 2 * f->n;
	b = mt_xcalloc(1, sizeof(*b) + words * sizeof(*b->words));
	b->name = s->name;
	b->cpus = cpu_set(p, &s->cpus);
	b->n_vars = flatten(&s->vars, 2, b->words);
	b->n_touches = (uint32_t)f->n;
	for (size_t i = 0; i < f->n; i++) {
		b->words[n_vars + 2 * i] = f->touches[i].word;
		b->words[n_vars + 2 * i + 1] = (uint64_t)f->touches[i].mask |
					       (uint64_t)f->touches[i].write << 8;
	}
	number = mt_xintern(&p->bodies, b, sizeof(*b) + words * sizeof(*b->words));
	free(b);
	if (number == n)
		add_kept(p, s);
	else if (s->id < p->kept[number].id)
		show(p, &p->kept[number], s);
	p->kept[number].count++;
	p->scopes++;
}

void pairs_release(struct pairs *p)
{
	mt_intern_release(&p->sites);
	mt_intern_release(&p->cpu_sets);
	mt_intern_release(&p->bodies);
	mt_table_release(&p->cpu_bits);
	free(p->kept);
	free(p->touch_sites);
	*p = (struct pairs){ 0 };
}
