/* SPDX-License-Identifier: MIT */
/* Tallies of a share: a hash table, whose buckets are cache lines. */
#include "../libmt/cli.h"
#include "tallies.h"

void tallies_new(struct lines *t, struct share *s, uint32_t buckets)
{
	s->buckets = buckets;
	s->tallies = tables_new(&t->tables, buckets);
}

/* The first free place of that bucket, which is filled in order; NULL when it is full. */
static inline struct tally *free_in(struct tally *bucket)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BUCKET; i++)
		n += bucket[i].key != 0;
	return n < BUCKET ? bucket + n : NULL;
}

static inline struct tally *next_bucket(const struct share *s, struct tally *bucket)
{
	bucket += BUCKET;
	return bucket == s->tallies + share_places(s) ? s->tallies : bucket;
}

/*
 * The tally, which is not in the bucket where its search begins, or the free place
 * where it belongs; NULL when there is none.
 */
static inline struct tally *search_further(const struct share *s, struct tally *bucket, uint64_t key)
{
	struct tally *y = free_in(bucket);

	for (uint32_t n = 1; !y && n < s->buckets; n++) {
		bucket = next_bucket(s, bucket);
		y = tally_in(bucket, key);
		if (!y)
			y = free_in(bucket);
	}
	return y;
}

static void grow_tallies(struct lines *t, struct share *s)
{
	const struct share old = *s;

	tallies_new(t, s, old.buckets * 2);
	for (size_t i = 0; i < share_places(&old); i++) {
		const struct tally *y = &old.tallies[i];

		if (y->key)
			*search_further(s, bucket_of(t, s, y->key), y->key) = *y;
	}
	tables_drop(&t->tables, old.tallies, old.buckets);
}

/*
 * What is asked for stands in front from now on: another of the bucket, which is full,
 * takes its place, and is on the way of a search there, too.
 */
static struct tally *move_up(struct tally *bucket, struct tally *y)
{
	struct tally *other = bucket + (y->count[LOADS] + y->count[STORES]) % BUCKET;
	const struct tally up = *y;

	*y = *other;
	*other = up;
	return other;
}

struct tally *tally_further(struct lines *t, struct share *s, uint64_t key, unsigned offset)
{
	struct tally *bucket = bucket_of(t, s, key), *y = search_further(s, bucket, key);
	const size_t room = share_places(s);

	if (y && y->key)
		return move_up(bucket, y);
	if (s->n_tallies >= (room <= BUCKET ? room : room / 4 * 3)) {
		grow_tallies(t, s);
		y = search_further(s, bucket_of(t, s, key), key);
	}
	s->n_tallies++;
	if (t->grain & GRAIN_PLACE)
		offset = t->n_tallies < TALLY_DETAIL - 1 ? t->n_tallies++ : t->n_tallies;
	*y = (struct tally){ .key = key, .where = offset };
	return y;
}

struct detail *tally_detail(struct lines *t, struct tally *y)
{
	if (!(y->where & TALLY_DETAIL)) {
		const uint32_t i = pool_new(&t->details);

		*(struct detail *)pool_at(&t->details, i) = lines_detail(t, y);
		y->where = TALLY_DETAIL | i;
	}
	return pool_at(&t->details, y->where & ~TALLY_DETAIL);
}

struct detail lines_detail(const struct lines *t, const struct tally *y)
{
	if (y->where & TALLY_DETAIL)
		return *(struct detail *)pool_at(&t->details, y->where & ~TALLY_DETAIL);
	return (struct detail){ .offset = (uint16_t)y->where, .age = AGE_UNMOVED | y->where };
}

struct site lines_site(const struct lines *t, const struct share *s, const struct tally *y)
{
	const struct detail d = lines_detail(t, y);
	const uint32_t id = (uint32_t)(y->key >> 32);
	const struct grain *g = t->grain ? &t->grains[id - 1] : NULL;
	const struct subject *subject = &t->subjects[(g ? g->subject : id) - 1];

	return (struct site){
		.line = line_of(t, s), .grain = g, .pc = (uint64_t)subject->high << 32 | (uint32_t)y->key,
		.cpu = t->cpu[s->cpu].id, .cpu_index = s->cpu,
		.accesses = { y->count[LOADS] + d.count[LOADS], y->count[STORES] + d.count[STORES] },
		.moves = d.moves, .true_moves = d.true_moves, .false_moves = d.false_moves,
		.subject = *subject, .entry = &t->contexts[subject->context],
		.context = d.context, .part = y->where, .age = d.age,
		.offset = (uint16_t)(t->grain & GRAIN_PLACE ? g->offset : d.offset),
		.flags = y->flags,
	};
}
