/* SPDX-License-Identifier: MIT */
/* The tables behind mt-shared; lines.h says what they mean. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "../libmt/cli.h"
#include "lines.h"

/* Lines that one entry of the page table leads to: a page's, at 64 bytes. */
#define GROUP_BITS 6
#define GROUP (1u << GROUP_BITS)

/* ---- memory ------------------------------------------------------------ */

#define HUGE_PAGE (2u << 20)

/*
 * Zeroed, and on huge pages where it is big: with small ones most of our
 * cache misses would be TLB misses as well.  Freed by free().
 */
static void *big_alloc(size_t bytes)
{
	void *p;

	if (bytes < HUGE_PAGE)
		return mt_xcalloc(1, bytes);
	p = aligned_alloc(HUGE_PAGE, bytes);
	if (!p)
		mt_die(MT_FAIL, "out of memory");
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 0, bytes);
	return p;
}

static void pool_init(struct pool *p, size_t bytes)
{
	*p = (struct pool){ .bytes = bytes };
	while (bytes << (p->bits + 1) <= HUGE_PAGE)
		p->bits++;
}

static void pool_release(struct pool *p)
{
	for (size_t i = 0; i < p->n_chunks; i++)
		free(p->chunks[i]);
	free(p->chunks);
	*p = (struct pool){ 0 };
}

/* Index of a new one, all zero. */
static uint32_t pool_new(struct pool *p)
{
	if (p->used == UINT32_MAX - 1)
		mt_die(MT_FAIL, "more than %u lines or sites: split the stream", p->used);
	if (p->used >> p->bits == p->n_chunks) {
		p->chunks = mt_xgrow(p->chunks, p->n_chunks, &p->chunk_room, sizeof(*p->chunks));
		p->chunks[p->n_chunks++] = big_alloc(HUGE_PAGE);
	}
	return p->used++;
}

void lines_init(struct lines *t, unsigned bits, uint64_t shift, const struct mt_begin *b)
{
	*t = (struct lines){ .bits = bits, .shift = shift, .max_width = b->line,
			     .cold = b->options & MT_option_cold };
	t->words = bits <= 6 ? 1 : 1u << (bits - 6);
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[1] = (uintptr_t)&t;	/* early boot: any numbers will do */
	for (int i = 0; i < 4; i++)
		t->seed[i] |= 1;
	pool_init(&t->lines, sizeof(struct line));
	pool_init(&t->shares, sizeof(struct share) + MASKS * t->words * sizeof(uint64_t));
	pool_init(&t->sites, sizeof(struct site));
	t->index_room = 1024;
	t->index = mt_xcalloc(t->index_room, sizeof(*t->index));
}

void lines_release(struct lines *t)
{
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		if (l->shares != &l->one)
			free(l->shares);
	}
	for (size_t i = 0; i < t->pages.n_slots; i++)
		if (t->pages.slots[i].key)
			free((void *)(uintptr_t)t->pages.slots[i].value);
	free((void *)(uintptr_t)t->pages.zero);
	pool_release(&t->lines);
	pool_release(&t->shares);
	pool_release(&t->sites);
	mt_table_release(&t->pages);
	mt_table_release(&t->cpu_index);
	mt_table_release(&t->running.task);
	mt_table_release(&t->running.process);
	free(t->index);
	free(t->cpu);
	*t = (struct lines){ 0 };
}

/* ---- cpus -------------------------------------------------------------- */

static uint32_t new_cpu(struct lines *t, uint32_t id)
{
	uint64_t *index = mt_xtable_put(&t->cpu_index, lines_scramble(t, id));

	if (!*index) {
		t->cpu = mt_xgrow(t->cpu, t->n_cpus, &t->cpu_room, sizeof(*t->cpu));
		t->cpu[t->n_cpus++] = (struct cpu){ id, mt_cpus_process(&t->running, id, 0) };
		*index = t->n_cpus;
		if (id < 256)
			t->low_cpu[id] = (uint32_t)*index;
	}
	return (uint32_t)(*index - 1);
}

static uint32_t cpu_index(struct lines *t, uint32_t id)
{
	if (id < 256 && t->low_cpu[id])
		return t->low_cpu[id] - 1;
	return new_cpu(t, id);
}

void lines_switch(struct lines *t, const struct mt_hdr *rec)
{
	uint32_t i = cpu_index(t, rec->cpu);

	mt_xcpus_note(&t->running, rec);
	t->cpu[i].process = mt_cpus_process(&t->running, rec->cpu, 0);
}

/* ---- lines and shares ---------------------------------------------------- */

static struct line *new_line(struct lines *t, const struct touch *x)
{
	struct line *l = pool_at(&t->lines, pool_new(&t->lines));

	*l = (struct line){ .number = x->number, .addr = x->addr, .share_room = 1, .version = 1,
			    .epoch = 1, .everywhere = !t->cold };
	l->shares = &l->one;
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
static uint32_t *share_place(const struct lines *t, uint32_t *shares, uint32_t room, uint32_t cpu)
{
	uint32_t i = cpu & (room - 1);

	for (uint32_t n = 0; n < room; n++, i = (i + 1) & (room - 1))
		if (!shares[i] || share_at(t, shares[i] - 1)->cpu == cpu)
			return &shares[i];
	return NULL;
}

static void grow_shares(const struct lines *t, struct line *l)
{
	uint32_t room = l->share_room * 2;
	uint32_t *shares = mt_xcalloc(room, sizeof(*shares));

	for (uint32_t i = 0; i < l->share_room; i++) {
		struct share *s = line_share(t, l, i);

		if (s)
			*share_place(t, shares, room, s->cpu) = l->shares[i];
	}
	if (l->shares != &l->one)
		free(l->shares);
	l->shares = shares;
	l->share_room = room;
}

static inline uint64_t *mask_of(unsigned words, struct share *s, unsigned which)
{
	return s->mask + which * words;
}

static inline void add_mask(unsigned words, uint64_t *to, const uint64_t *from)
{
	for (unsigned i = 0; i < words; i++)
		to[i] |= from[i];
}

static uint32_t new_share(struct lines *t, struct line *l, uint32_t cpu)
{
	uint32_t i = pool_new(&t->shares);
	struct share *s = share_at(t, i);

	if (l->n_shares == l->share_room || (l->n_shares > 4 && l->n_shares * 4 >= l->share_room * 3))
		grow_shares(t, l);
	*s = (struct share){ .line = l, .number = l->number, .cpu = cpu, .alone = !l->n_shares };
	*share_place(t, l->shares, l->share_room, cpu) = i + 1;
	if (l->n_shares++ == 1)
		for (uint32_t k = 0; k < l->share_room; k++)
			if (l->shares[k])
				line_share(t, l, k)->alone = false;
	l->epoch++;			/* the others have told this one nothing yet */
	return i;
}

static uint32_t find_share(struct lines *t, const struct touch *x)
{
	struct line *l = find_line(t, x);
	const uint32_t *place = share_place(t, l->shares, l->share_room, x->cpu);

	return place && *place ? *place - 1 : new_share(t, l, x->cpu);
}

/* ---- sites --------------------------------------------------------------- */

static uint64_t hash(const struct lines *t, const struct touch *x)
{
	uint64_t h = x->pc * t->seed[0] + x->number * t->seed[1] +
		     (x->process ^ (uint64_t)x->cpu << 32) * t->seed[2] +
		     (x->object ^ (uint64_t)x->field << 32) * t->seed[3];

	return h ^ h >> 32;
}

static struct site *site_at(const struct lines *t, uint32_t i)
{
	return pool_at(&t->sites, i);
}

static bool is_site(const struct lines *t, const struct touch *x, const struct site *p)
{
	const struct share *s = share_at(t, p->share);

	return p->pc == x->pc && p->process == x->process && p->object == x->object &&
	       p->field == x->field && s->cpu == x->cpu && s->number == x->number;
}

static void grow_index(struct lines *t)
{
	size_t room = t->index_room * 2;
	struct site_slot *index = big_alloc(room * sizeof(*index));

	for (size_t i = 0; i < t->index_room; i++) {
		size_t to = t->index[i].tag & (room - 1);

		if (!t->index[i].site)
			continue;
		while (index[to].site)
			to = (to + 1) & (room - 1);
		index[to] = t->index[i];
	}
	free(t->index);
	t->index = index;
	t->index_room = room;
}

static struct site *new_site(struct lines *t, const struct touch *x, struct site_slot *slot)
{
	uint32_t i = pool_new(&t->sites);
	struct site *p = site_at(t, i);

	*slot = (struct site_slot){ (uint32_t)x->hash, i + 1 };
	p->pc = x->pc;
	p->process = x->process;
	p->object = x->object;
	p->field = x->field;
	p->offset = x->offset;
	p->share = find_share(t, x);
	return p;
}

static struct site *find_site(struct lines *t, const struct touch *x)
{
	uint32_t tag = (uint32_t)x->hash;
	size_t i;

	if ((size_t)t->sites.used * 8 >= t->index_room * 5)
		grow_index(t);
	for (i = tag & (t->index_room - 1); t->index[i].site; i = (i + 1) & (t->index_room - 1))
		if (t->index[i].tag == tag && is_site(t, x, site_at(t, t->index[i].site - 1)))
			return site_at(t, t->index[i].site - 1);
	return new_site(t, x, &t->index[i]);
}

/* ---- what an access means ---------------------------------------------- */

static bool holds(const struct line *l, const struct share *s)
{
	return l->everywhere || s->version == l->version;
}

/* The movement rule; the set of holders is kept as versions. */
static bool move(struct line *l, struct share *s, bool store)
{
	if (store) {
		if (!l->everywhere && l->holders == 1 && holds(l, s))
			return false;
		l->everywhere = false;
		l->holders = 1;
		s->version = ++l->version;
		return true;
	}
	if (holds(l, s))
		return false;
	l->holders++;
	s->version = l->version;
	return true;
}

static inline bool meet(unsigned words, const uint64_t *a, const uint64_t *b)
{
	for (unsigned i = 0; i < words; i++)
		if (a[i] & b[i])
			return true;
	return false;
}

static inline bool empty(unsigned words, const uint64_t *a)
{
	return !meet(words, a, a);
}

/* Has this cpu had the line before (for a store: to write it)? */
static inline bool cold(unsigned words, struct share *s, bool store)
{
	return empty(words, mask_of(words, s, WRITTEN)) &&
	       (store || empty(words, mask_of(words, s, READ)));
}

static inline void judge(unsigned words, bool complete, struct share *s, const uint64_t *bytes,
			 bool store, struct site *p)
{
	const uint64_t *known = mask_of(words, s, store ? TOUCHED : NEWS);
	const uint64_t *maybe = mask_of(words, s, store ? MAYBE_TOUCHED : MAYBE_NEWS);

	if (cold(words, s, store))
		return;
	if (meet(words, known, bytes))
		p->true_moves++;
	else if (!empty(words, known) && (complete || !meet(words, maybe, bytes)))
		p->false_moves++;
}

/* After an access nothing is new to this cpu. */
static inline void forget(unsigned words, struct line *l, struct share *s, bool store)
{
	const size_t bytes = words * sizeof(uint64_t);

	if (!empty(words, mask_of(words, s, NEWS)) || (store && !empty(words, mask_of(words, s, TOUCHED))))
		l->epoch++;
	else
		return;
	memset(mask_of(words, s, NEWS), 0, bytes);
	memset(mask_of(words, s, MAYBE_NEWS), 0, bytes);
	if (store) {
		memset(mask_of(words, s, TOUCHED), 0, bytes);
		memset(mask_of(words, s, MAYBE_TOUCHED), 0, bytes);
	}
}

static inline bool within(unsigned words, const uint64_t *a, const uint64_t *all)
{
	for (unsigned i = 0; i < words; i++)
		if (a[i] & ~all[i])
			return false;
	return true;
}

static inline void tell_one(unsigned words, struct share *o, struct share *s,
			    const uint64_t *bytes, bool store)
{
	if (store) {
		add_mask(words, mask_of(words, o, NEWS), bytes);
		add_mask(words, mask_of(words, o, MAYBE_NEWS), mask_of(words, s, WRITTEN));
	}
	add_mask(words, mask_of(words, o, TOUCHED), bytes);
	add_mask(words, mask_of(words, o, MAYBE_TOUCHED), mask_of(words, s, WRITTEN));
	add_mask(words, mask_of(words, o, MAYBE_TOUCHED), mask_of(words, s, READ));
}

/*
 * Adds to the masks of the other cpus.  Most accesses repeat themselves; as
 * long as no mask was cleared in between, the others know already.
 */
static inline void tell(unsigned words, const struct lines *t, struct line *l, struct share *s,
			const uint64_t *bytes, bool store)
{
	uint64_t *told = mask_of(words, s, store ? TOLD_WRITTEN : TOLD_READ);

	if (s->epoch != l->epoch) {
		memset(mask_of(words, s, TOLD_READ), 0, 2 * words * sizeof(uint64_t));
		s->epoch = l->epoch;
	}
	if (within(words, bytes, told))
		return;
	add_mask(words, told, bytes);
	for (uint32_t i = 0; i < l->share_room; i++) {
		struct share *o = line_share(t, l, i);

		if (o && o != s)
			tell_one(words, o, s, bytes, store);
	}
}

static inline void set_bits(uint64_t *mask, unsigned words, unsigned from, unsigned n)
{
	if (words == 1) {
		*mask = (n < 64 ? (1ull << n) - 1 : ~0ull) << from;
		return;
	}
	memset(mask, 0, words * sizeof(*mask));
	for (unsigned i = from; i < from + n; i++)
		mask[i / 64] |= 1ull << i % 64;
}

static void count(struct site *p, const struct touch *x, bool moved)
{
	if (moved && !p->moves++)
		p->offset = x->offset;
	if (x->flags & MT_access_flag_store)
		p->stores++;
	else
		p->loads++;
	p->flags |= (uint16_t)(x->flags & ~MT_access_flag_moved);
}

/* words is t->words, and nearly always a constant 1. */
static inline __attribute__((always_inline))
void settle_words(unsigned words, struct lines *t, const struct touch *x)
{
	uint64_t bytes[LINE_MAX / 64];
	struct site *p = find_site(t, x);
	struct share *s = share_at(t, p->share);
	struct line *l = s->line;	/* touched only if it must be */
	bool store = x->flags & MT_access_flag_store;
	bool moved = x->flags & MT_access_flag_moved;

	set_bits(bytes, words, x->offset, x->width);
	if (!t->trust)
		moved = move(l, s, store);
	if (moved)
		judge(words, t->complete, s, bytes, store, p);
	count(p, x, moved);
	forget(words, l, s, store);
	if (!store || x->flags & MT_access_flag_load)
		add_mask(words, mask_of(words, s, READ), bytes);
	if (store)
		add_mask(words, mask_of(words, s, WRITTEN), bytes);
	if (!s->alone)
		tell(words, t, l, s, bytes, store);
}

static void settle(struct lines *t, const struct touch *x)
{
	if (t->words == 1)
		settle_words(1, t, x);
	else
		settle_words(t->words, t, x);
}

/* ---- the queue ----------------------------------------------------------- */

#define STEP (QUEUE / 2)

/* What x needs: first the place in the index, then the site. */
static void fetch_site(struct lines *t, const struct touch *x)
{
	const uint32_t tag = (uint32_t)x->hash;
	const struct site_slot *slot = &t->index[tag & (t->index_room - 1)];

	for (size_t i = tag; slot->site && slot->tag != tag; )
		slot = &t->index[++i & (t->index_room - 1)];
	if (slot->site)
		__builtin_prefetch(site_at(t, slot->site - 1), 1);
}

/* x is the next place of the queue, filled. */
static inline void push(struct lines *t, struct touch *x)
{
	uint64_t i = t->queued++;

	x->hash = hash(t, x);
	__builtin_prefetch(&t->index[(uint32_t)x->hash & (t->index_room - 1)]);
	if (i - t->settled >= STEP)
		fetch_site(t, &t->queue[(i - STEP) % QUEUE]);
	if (t->queued - t->settled == QUEUE)
		settle(t, &t->queue[t->settled++ % QUEUE]);
}

void lines_settle(struct lines *t)
{
	while (t->settled < t->queued)
		settle(t, &t->queue[t->settled++ % QUEUE]);
}

void lines_access(struct lines *t, const struct mt_access *a)
{
	const unsigned size = 1u << t->bits;
	const uint32_t cpu = cpu_index(t, a->hdr.cpu);
	const uint32_t process = a->pc >> 63 ? 0 : t->cpu[cpu].process;
	/* a damaged width must not make thousands of lines */
	unsigned left = !a->width ? 1 : a->width < t->max_width ? a->width : t->max_width;
	uint64_t at = a->paddr + t->shift, addr = a->addr;

	for (;;) {
		/* filled in place: a copy would wait for each of these stores */
		struct touch *x = &t->queue[t->queued % QUEUE];
		unsigned offset = (unsigned)at & (size - 1);
		unsigned width = left < size - offset ? left : size - offset;

		x->pc = a->pc;
		x->number = at >> t->bits;
		x->addr = addr - offset;
		x->cpu = cpu;
		x->process = process;
		x->object = a->object;
		x->field = a->field;
		x->offset = (uint16_t)offset;
		x->width = (uint16_t)width;
		x->flags = a->flags;
		push(t, x);
		left -= width;
		if (!left)
			return;
		at += width;
		addr += width;
	}
}
