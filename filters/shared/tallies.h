/* SPDX-License-Identifier: MIT */
/* Tallies of a share, for who takes accesses. */
#ifndef MT_SHARED_TALLIES_H
#define MT_SHARED_TALLIES_H

#include "lines.h"

static inline uint64_t tally_key(uint64_t pc, uint32_t subject)
{
	return (uint64_t)subject << 32 | (uint32_t)pc;
}

/* The bucket where the search begins. */
static inline struct tally *bucket_of(const struct lines *t, const struct share *s, uint64_t key)
{
	return s->tallies + ((key * t->seed[2] >> 32) * s->buckets >> 32) * BUCKET;
}

/* The tally, if it is in that bucket.  A branch that asks where would be guessed wrong too often. */
static inline struct tally *tally_in(struct tally *bucket, uint64_t key)
{
	struct tally *y = bucket + (bucket[1].key == key) + 2 * (bucket[2].key == key) +
			  3 * (bucket[3].key == key);

	return y->key == key ? y : NULL;
}

/*
 * Not where its search begins, or not at all yet.  A small table may be full.
 * offset: of an access that would be its first.
 */
struct tally *tally_further(struct lines *t, struct share *s, uint64_t key, unsigned offset);

static inline struct tally *find_tally(struct lines *t, struct share *s, uint64_t key,
				       unsigned offset)
{
	struct tally *y = tally_in(bucket_of(t, s, key), key);

	return y ? y : tally_further(t, s, key, offset);
}

/* Makes one, if there is none yet. */
struct detail *tally_detail(struct lines *t, struct tally *y);

/* An empty table. */
void tallies_new(struct lines *t, struct share *s, uint32_t buckets);

#endif
