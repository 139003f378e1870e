/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The movement filter: which cpus hold each cache line, and so which access
 * makes it travel.  Pure C, no QEMU: tests/unit/lines.c drives it.
 *
 *   a load by c   hits if c is in the line's set; else it moves the line and
 *                 c joins the set
 *   a store by c  hits if the set is {c}; else it moves the line and the set
 *                 becomes {c}
 *
 * The set is a bit for each slot, in `words` words of 64 bits.  A cpu has a
 * slot; in user mode, where threads come and go by the thousand, slots are
 * used again.  What a dead thread held must still count as held by another
 * cpu, so its bits are folded into one bit that no cpu has (LINES_GHOST).  And
 * a line that was never stored to is held by all cpus, those to come among
 * them: all its bits are set, LINES_INITIAL too, which no later set has.
 *
 * Several threads may judge at the same time.  With one word a line is judged
 * atomically; with more, simultaneous stores to one line can both be hits.
 */
#ifndef LINES_H
#define LINES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINES_PAGE_SHIFT 12
#define LINES_PAGE (1u << LINES_PAGE_SHIFT)
#define LINES_BUCKETS (1u << 18)
#define LINES_INITIAL UINT64_C(1)	/* bits of the first word */
#define LINES_GHOST UINT64_C(2)
#define LINES_RESERVED 2		/* bits before slot 0 */

struct page {
	uint64_t number;		/* address >> LINES_PAGE_SHIFT */
	struct page *next;
	_Atomic uint64_t state[];	/* the words of its first line, of the second, ... */
};

struct lines {
	unsigned shift;			/* log2 of the line size */
	unsigned words;			/* of a line's set */
	bool cold;			/* at first no cpu holds a line; else all do */
	_Atomic(struct page *) *buckets;
	unsigned char *slots;		/* 64 * words of them: LINES_FREE, ... */
};

enum { LINES_FREE, LINES_LIVE, LINES_DEAD };

static inline unsigned lines_per_page(const struct lines *l)
{
	return 1u << (LINES_PAGE_SHIFT - l->shift);
}

/* Slots that there are in all. */
static inline unsigned lines_slots(const struct lines *l)
{
	return 64 * l->words - LINES_RESERVED;
}

/* Words that are needed for so many slots. */
static inline unsigned lines_words_for(unsigned slots)
{
	return (slots + LINES_RESERVED + 63) / 64;
}

/* shift from 4 to 12; false when there is no memory. */
static inline bool lines_init(struct lines *l, unsigned shift, unsigned words, bool cold)
{
	*l = (struct lines){ .shift = shift, .words = words, .cold = cold };
	l->buckets = calloc(LINES_BUCKETS, sizeof(*l->buckets));
	l->slots = calloc(64, words);
	return l->buckets && l->slots;
}

static inline struct page *lines_page_new(const struct lines *l, uint64_t number)
{
	size_t bytes = (size_t)lines_per_page(l) * l->words * sizeof(uint64_t);
	struct page *p = malloc(sizeof(*p) + bytes);

	if (p) {
		p->number = number;
		memset(p->state, l->cold ? 0 : 0xff, bytes);
	}
	return p;
}

/* The page with that number; NULL when there is no memory. */
static inline struct page *lines_page(struct lines *l, uint64_t number)
{
	/* Neighbours go to neighbouring buckets; processes and regions do not collide. */
	_Atomic(struct page *) *bucket = &l->buckets[(number ^ number >> 18) & (LINES_BUCKETS - 1)];
	struct page *first = atomic_load_explicit(bucket, memory_order_acquire), *p, *made = NULL;

	for (;;) {
		for (p = first; p; p = p->next)
			if (p->number == number) {
				free(made);
				return p;
			}
		if (!made && !(made = lines_page_new(l, number)))
			return NULL;
		made->next = first;
		/* On failure first is what another thread has put there: look again. */
		if (atomic_compare_exchange_strong(bucket, &first, made))
			return made;
	}
}

/* ---- judging ------------------------------------------------------------ */

/*
 * The functions take the number of words as an argument of its own so that a
 * caller that knows it gets code for that number.
 */
static inline _Atomic uint64_t *lines_state(struct page *p, uint64_t addr, unsigned shift, unsigned words)
{
	return &p->state[((addr & (LINES_PAGE - 1)) >> shift) * words];
}

/* True if the load by that slot makes the line of s travel. */
static inline bool lines_load(_Atomic uint64_t *s, unsigned slot, unsigned words)
{
	unsigned at = slot + LINES_RESERVED;
	_Atomic uint64_t *word = words == 1 ? s : s + at / 64;
	uint64_t bit = UINT64_C(1) << at % 64;

	if (atomic_load_explicit(word, memory_order_relaxed) & bit)
		return false;
	return !(atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit);
}

/* The same for a store or a read-modify-write. */
static inline bool lines_store(_Atomic uint64_t *s, unsigned slot, unsigned words)
{
	unsigned at = slot + LINES_RESERVED, i;
	uint64_t bit = UINT64_C(1) << at % 64, want;
	bool moved = false;

	for (i = 0; i < words; i++) {
		want = i == at / 64 ? bit : 0;
		if (atomic_load_explicit(&s[i], memory_order_relaxed) != want)
			moved |= atomic_exchange_explicit(&s[i], want, memory_order_relaxed) != want;
	}
	return moved;
}

/* Bytes of an access of that width that are in its first line. */
static inline unsigned lines_piece(uint64_t addr, unsigned width, unsigned shift)
{
	uint64_t left = (UINT64_C(1) << shift) - (addr & ((UINT64_C(1) << shift) - 1));

	return width < left ? width : (unsigned)left;
}

/* ---- slots: one caller at a time ---------------------------------------- */

/* What the cpus of dead slots hold in p becomes a ghost's. */
static inline void lines_bury_in(struct lines *l, struct page *p, const uint64_t *dead)
{
	unsigned i, w;

	for (i = 0; i < lines_per_page(l); i++) {
		_Atomic uint64_t *s = p->state + (size_t)i * l->words;
		bool held = false;

		if (*s & LINES_INITIAL)
			continue;
		for (w = 0; w < l->words; w++)
			if (s[w] & dead[w])
				held |= (atomic_fetch_and(&s[w], ~dead[w]) & dead[w]) != 0;
		if (held)
			atomic_fetch_or(s, LINES_GHOST);
	}
}

/* Makes dead slots free.  False when there is no memory, or none is dead. */
static inline bool lines_bury(struct lines *l)
{
	uint64_t *dead = calloc(l->words, sizeof(*dead));
	unsigned i, n = 0;
	struct page *p;

	for (i = 0; dead && i < lines_slots(l); i++)
		if (l->slots[i] == LINES_DEAD) {
			dead[(i + LINES_RESERVED) / 64] |= UINT64_C(1) << (i + LINES_RESERVED) % 64;
			l->slots[i] = LINES_FREE;
			n++;
		}
	for (i = 0; n && i < LINES_BUCKETS; i++)
		for (p = l->buckets[i]; p; p = p->next)
			lines_bury_in(l, p, dead);
	free(dead);
	return n > 0;
}

/* A slot for a new cpu; -1 when all are taken by live ones: grow first. */
static inline int lines_slot_take(struct lines *l)
{
	unsigned i;

	do {
		for (i = 0; i < lines_slots(l); i++)
			if (l->slots[i] == LINES_FREE) {
				l->slots[i] = LINES_LIVE;
				return (int)i;
			}
	} while (lines_bury(l));
	return -1;
}

static inline void lines_slot_drop(struct lines *l, unsigned slot)
{
	l->slots[slot] = LINES_DEAD;
}

/* ---- changes of all lines: nobody may judge meanwhile, pages move -------- */

static inline struct page *lines_page_grown(const struct lines *l, const struct page *p, unsigned words)
{
	unsigned i, w, n = lines_per_page(l);
	struct page *q = malloc(sizeof(*q) + (size_t)n * words * sizeof(uint64_t));

	if (!q)
		return NULL;
	q->number = p->number;
	q->next = p->next;
	for (i = 0; i < n; i++) {
		const _Atomic uint64_t *from = p->state + (size_t)i * l->words;

		for (w = 0; w < words; w++)
			q->state[(size_t)i * words + w] = w < l->words ? from[w]
				: *from & LINES_INITIAL ? UINT64_MAX : 0;
	}
	return q;
}

/*
 * Sets of more words.  False when there is no memory; then pages were lost
 * (they begin anew), but all is consistent if words did grow.
 */
static inline bool lines_grow(struct lines *l, unsigned words)
{
	unsigned char *slots = calloc(64, words);
	bool whole = true;
	unsigned i;

	if (!slots)
		return false;
	memcpy(slots, l->slots, (size_t)64 * l->words);
	for (i = 0; i < LINES_BUCKETS; i++) {
		struct page *p = l->buckets[i], *next, *grown, *chain = NULL;

		for (; p; p = next) {
			next = p->next;
			grown = lines_page_grown(l, p, words);
			if (grown) {
				grown->next = chain;
				chain = grown;
			}
			whole &= grown != NULL;
			free(p);
		}
		l->buckets[i] = chain;
	}
	free(l->slots);
	l->slots = slots;
	l->words = words;
	return whole;
}

/* Every line is as at the start; slots stay. */
static inline void lines_reset(struct lines *l)
{
	struct page *p, *next;
	unsigned i;

	for (i = 0; i < LINES_BUCKETS; i++) {
		for (p = l->buckets[i]; p; p = next) {
			next = p->next;
			free(p);
		}
		l->buckets[i] = NULL;
	}
}

#endif
