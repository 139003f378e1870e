/* SPDX-License-Identifier: MIT */
/* Shares, for who takes accesses: all of it stands on the way of each. */
#ifndef MT_SHARED_SHARES_H
#define MT_SHARED_SHARES_H

#include "lines.h"

static inline struct share **cache_place(struct lines *t, uint64_t number, uint32_t cpu)
{
	return &t->cache[(number + cpu * t->seed[1]) * t->seed[0] >> (64 - CACHE_BITS)];
}

static inline bool is_share(const struct share *s, uint64_t number, uint32_t cpu)
{
	return !((s->number ^ number) | (s->cpu ^ cpu));
}

/* What is not in the cache: found, or made, and in the cache from now on. */
struct share *share_search(struct lines *t, const struct touch *x);

static inline struct share *find_share(struct lines *t, const struct touch *x)
{
	struct share *s = *cache_place(t, x->number, x->cpu);

	return is_share(s, x->number, x->cpu) ? s : share_search(t, x);
}

static inline uint64_t *mask_of(unsigned words, struct share *s, unsigned which)
{
	return s->mask + which * words;
}

/* Of a share that is not its line's only one. */
static inline struct news *news_of(const struct lines *t, const struct share *s)
{
	return pool_at(&t->news, s->news - 1);
}

#endif
