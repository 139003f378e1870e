/* SPDX-License-Identifier: MIT */
/* Lines and shares: where they stand, and how they are found. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../libmt/cli.h"
#include "shares.h"
#include "tallies.h"

/* Lines that one entry of the page table leads to: a page's, at 64 bytes. */
#define GROUP_BITS 6
#define GROUP (1u << GROUP_BITS)

/* ---- begin and end ------------------------------------------------------- */

static void init_seed(struct lines *t)
{
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[1] = (uintptr_t)&t;	/* early boot: any numbers will do */
	for (int i = 0; i < 4; i++)
		t->seed[i] |= 1;
}

void lines_init(struct lines *t, unsigned bits, uint64_t shift, const struct mt_begin *b)
{
	static struct share none = { .number = UINT64_MAX, .cpu = UINT32_MAX };

	*t = (struct lines){ .bits = bits, .shift = shift, .cpus = b->cpus,
			     .max_width = b->line,
			     .cold = b->options & MT_option_cold };
	t->words = bits <= 6 ? 1 : 1u << (bits - 6);
	init_seed(t);
	pool_init(&t->lines, sizeof(struct line));
	pool_init(&t->shares, share_bytes(t->words));
	pool_init(&t->news, sizeof(struct news) + NEWS_MASKS * t->words * sizeof(uint64_t));
	pool_init(&t->details, sizeof(struct detail));
	(void)lines_context(t, 0, 0, 0);	/* none is number 0 */
	for (size_t i = 0; i < 1 << CACHE_BITS; i++)
		t->cache[i] = &none;
}

void lines_release(struct lines *t)
{
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		if (l->share_bits)
			free(l->shares);
	}
	for (uint32_t i = 0; i < t->shares.used; i++) {
		struct share *s = share_at(t, i);

		if (s->buckets >= ALONE_BUCKETS)
			tables_drop(&t->tables, s->tallies, s->buckets);
	}
	for (size_t i = 0; i < t->pages.n_slots; i++)
		if (t->pages.slots[i].key)
			free((void *)(uintptr_t)t->pages.slots[i].value);
	free((void *)(uintptr_t)t->pages.zero);
	pool_release(&t->lines);
	pool_release(&t->shares);
	pool_release(&t->news);
	pool_release(&t->details);
	tables_release(&t->tables);
	mt_table_release(&t->pages);
	mt_table_release(&t->cpu_index);
	for (int i = 0; i < 4; i++)
		mt_table_release(&t->pair_ids[i]);
	mt_table_release(&t->context_of);
	mt_table_release(&t->moves_by);
	mt_table_release(&t->grain_of);
	mt_entries_release(&t->entries);
	mt_table_release(&t->running.task);
	mt_table_release(&t->running.process);
	free(t->contexts);
	free(t->subjects);
	free(t->grains);
	free(t->cpu);
	*t = (struct lines){ 0 };
}

/* ---- lines and shares ---------------------------------------------------- */

static struct line *new_line(struct lines *t, const struct touch *x)
{
	uint32_t i = pool_new(&t->lines);
	struct line *l = pool_at(&t->lines, i);

	*l = (struct line){ .index = i, .number = x->number, .addr = x->addr, .version = 1,
			    .epoch = 1, .everywhere = !t->cold };
	return l;
}

static struct line *find_line(struct lines *t, const struct touch *x)
{
	uint64_t *page = mt_xtable_put(&t->pages, lines_scramble(t, x->number >> GROUP_BITS));
	struct line **l;

	if (!*page)
		*page = (uintptr_t)mt_xcalloc(GROUP, sizeof(struct line *));
	l = (struct line **)(uintptr_t)*page + (x->number & (GROUP - 1));
	if (!*l)
		*l = new_line(t, x);
	return *l;
}

/*
 * Cpus are numbered from 0: their low bits are a good hash, and a small table
 * may be full.
 */
static inline uint32_t *share_place(const struct lines *t, struct line *l, uint32_t cpu)
{
	const uint32_t room = line_places(l);
	uint32_t *shares = l->share_bits ? l->shares : &l->one, i = cpu & (room - 1);

	for (uint32_t n = 0; n < room; n++, i = (i + 1) & (room - 1))
		if (!shares[i] || share_at(t, shares[i] - 1)->cpu == cpu)
			return &shares[i];
	return NULL;
}

static void grow_shares(const struct lines *t, struct line *l)
{
	const struct line old = *l;

	l->shares = mt_xcalloc(2 * (size_t)line_places(l), sizeof(*l->shares));
	l->share_bits++;
	for (uint32_t i = 0; i < line_places(&old); i++) {
		const struct share *s = line_share(t, &old, i);

		if (s)
			*share_place(t, l, s->cpu) = old.share_bits ? old.shares[i] : old.one;
	}
	if (old.share_bits)
		free(old.shares);
}

/* The line has another share now, and so each has somebody to hear of. */
static void tell_of_others(struct lines *t, struct line *l)
{
	for (uint32_t i = 0; i < line_places(l); i++) {
		struct share *s = line_share(t, l, i);

		if (s && !s->news)
			s->news = pool_new(&t->news) + 1;
	}
	l->epoch++;			/* the others have told this one nothing yet */
}

static struct share *new_share(struct lines *t, struct line *l, uint32_t cpu)
{
	const uint32_t i = pool_new(&t->shares);
	struct share *s = share_at(t, i);

	t->cpu[cpu].counts = true;
	if (l->n_shares == line_places(l) || (l->n_shares > 4 && l->n_shares * 4 >= line_places(l) * 3))
		grow_shares(t, l);
	*s = (struct share){ .line = l->index, .number = l->number, .cpu = cpu, .id = t->cpu[cpu].id };
	tallies_new(t, s, 1);
	*share_place(t, l, cpu) = i + 1;
	if (l->n_shares++)
		tell_of_others(t, l);
	return s;
}

struct share *share_search(struct lines *t, const struct touch *x)
{
	struct line *l = find_line(t, x);
	const uint32_t *place = share_place(t, l, x->cpu);
	struct share *s = place && *place ? share_at(t, *place - 1) : new_share(t, l, x->cpu);

	*cache_place(t, x->number, x->cpu) = s;
	return s;
}

/* ---- another run ---------------------------------------------------------- */

static void clear_share(struct lines *t, struct share *s)
{
	tables_drop(&t->tables, s->tallies, s->buckets);
	tallies_new(t, s, 1);
	s->n_tallies = 0;
	memset(s->mask, 0, 2 * t->words * sizeof(*s->mask));
	if (s->news)
		memset(news_of(t, s)->mask, 0, NEWS_MASKS * t->words * sizeof(*s->mask));
}

void lines_clear(struct lines *t)
{
	for (uint32_t i = 0; i < t->shares.used; i++)
		clear_share(t, share_at(t, i));
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		l->epoch++;
		l->best = l->other = NULL;
	}
	t->n_tallies = t->n_moved = 0;
	t->details.used = 0;
	mt_table_release(&t->moves_by);
}
