/* SPDX-License-Identifier: MIT */
/* The tables behind mt-shared; lines.h says what they mean. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../libmt/cli.h"
#include "lines.h"
#include "pairs.h"

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
	static struct share none = { .cpu = UINT32_MAX };

	*t = (struct lines){ .bits = bits, .shift = shift, .cpus = b->cpus,
			     .max_width = b->line,
			     .cold = b->options & MT_option_cold };
	t->words = bits <= 6 ? 1 : 1u << (bits - 6);
	init_seed(t);
	pool_init(&t->lines, sizeof(struct line));
	pool_init(&t->shares, share_bytes(t->words));
	pool_init(&t->moves, sizeof(struct moves));
	(void)lines_context(t, 0, 0, 0);	/* none is number 0 */
	for (size_t i = 0; i < 1 << CACHE_BITS; i++)
		t->cache[i] = &none;
}

void lines_release(struct lines *t)
{
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		if (l->shares != &l->one)
			free(l->shares);
	}
	for (uint32_t i = 0; i < t->shares.used; i++) {
		struct share *s = share_at(t, i);

		if (s->bits >= ALONE_BITS)
			tables_drop(&t->tables, s->tallies, s->bits);
	}
	for (size_t i = 0; i < t->pages.n_slots; i++)
		if (t->pages.slots[i].key)
			free((void *)(uintptr_t)t->pages.slots[i].value);
	free((void *)(uintptr_t)t->pages.zero);
	pool_release(&t->lines);
	pool_release(&t->shares);
	pool_release(&t->moves);
	tables_release(&t->tables);
	mt_table_release(&t->pages);
	mt_table_release(&t->cpu_index);
	for (int i = 0; i < 3; i++)
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

	*l = (struct line){ .index = i, .number = x->number, .addr = x->addr, .share_room = 1, .version = 1,
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

static struct share *new_share(struct lines *t, struct line *l, uint32_t cpu)
{
	uint32_t i = pool_new(&t->shares);
	struct share *s = share_at(t, i);

	t->cpu[cpu].counts = true;
	if (l->n_shares == l->share_room || (l->n_shares > 4 && l->n_shares * 4 >= l->share_room * 3))
		grow_shares(t, l);
	*s = (struct share){ .line = l, .number = l->number, .cpu = cpu, .alone = !l->n_shares,
			     .bits = 1, .tallies = tables_new(&t->tables, 1) };
	*share_place(t, l->shares, l->share_room, cpu) = i + 1;
	if (l->n_shares++ == 1)
		for (uint32_t k = 0; k < l->share_room; k++)
			if (l->shares[k])
				line_share(t, l, k)->alone = false;
	l->epoch++;			/* the others have told this one nothing yet */
	return s;
}

static inline struct share **cache_place(struct lines *t, uint64_t number, uint32_t cpu)
{
	return &t->cache[(number + cpu * t->seed[1]) * t->seed[0] >> (64 - CACHE_BITS)];
}

static inline bool is_share(const struct share *s, uint64_t number, uint32_t cpu)
{
	return !((s->number ^ number) | (s->cpu ^ cpu));
}

static __attribute__((noinline)) struct share *search_share(struct lines *t, const struct touch *x)
{
	struct line *l = find_line(t, x);
	const uint32_t *place = share_place(t, l->shares, l->share_room, x->cpu);
	struct share *s = place && *place ? share_at(t, *place - 1) : new_share(t, l, x->cpu);

	*cache_place(t, x->number, x->cpu) = s;
	return s;
}

/* ---- tallies ------------------------------------------------------------- */

static inline uint64_t tally_hash(const struct lines *t, uint64_t pc, uint32_t subject)
{
	return (pc + subject * t->seed[3]) * t->seed[2];
}

static inline struct tally *tally_at(const struct share *s, uint64_t hash)
{
	return &s->tallies[hash >> (64 - s->bits)];
}

/* The tally, or the free place where it belongs; NULL when there is none. */
static struct tally *search_tally(const struct share *s, uint64_t hash, uint64_t pc, uint32_t subject)
{
	size_t i = hash >> (64 - s->bits), mask = ((size_t)1 << s->bits) - 1;

	for (size_t n = 0; n <= mask; n++, i = (i + 1) & mask) {
		struct tally *y = &s->tallies[i];

		if (!y->subject || (y->pc == pc && y->subject == subject))
			return y;
	}
	return NULL;
}

static void grow_tallies(struct lines *t, struct share *s)
{
	const struct share old = *s;

	s->bits++;
	s->tallies = tables_new(&t->tables, s->bits);
	for (size_t i = 0; i < (size_t)1 << old.bits; i++) {
		const struct tally *y = &old.tallies[i];

		if (y->subject)
			*search_tally(s, tally_hash(t, y->pc, y->subject), y->pc, y->subject) = *y;
	}
	tables_drop(&t->tables, old.tallies, old.bits);
}

/*
 * Not where its hash says, or not at all yet.  A small table may be full.
 * offset: of an access that would be its first.
 */
static __attribute__((noinline))
struct tally *find_tally(struct lines *t, struct share *s, uint64_t hash, uint64_t pc,
			 uint32_t subject, unsigned offset)
{
	struct tally *y = search_tally(s, hash, pc, subject);
	const uint32_t room = 1u << s->bits;

	if (y && y->subject)
		return y;
	if (s->n_tallies >= (room <= 4 ? room : room / 4 * 3)) {
		grow_tallies(t, s);
		y = search_tally(s, hash, pc, subject);
	}
	s->n_tallies++;
	if (t->grain & GRAIN_PLACE)
		offset = t->n_tallies < TALLY_MOVED - 1 ? t->n_tallies++ : t->n_tallies;
	*y = (struct tally){ .pc = pc, .subject = subject, .where = offset };
	return y;
}

static struct moves *tally_moves(struct lines *t, struct tally *y, unsigned offset, uint32_t context)
{
	if (!(y->where & TALLY_MOVED)) {
		const uint32_t age = pool_new(&t->moves);

		y->where = TALLY_MOVED | age;
		*(struct moves *)pool_at(&t->moves, age) = (struct moves){
			.offset = (uint16_t)offset, .context = (uint16_t)context, .age = age };
	}
	return pool_at(&t->moves, y->where & ~TALLY_MOVED);
}

struct site lines_site(const struct lines *t, const struct share *s, const struct tally *y)
{
	const struct moves none = { .offset = (uint16_t)y->where, .age = TALLY_MOVED | y->where };
	const uint64_t counts = (1ull << TALLY_FLAGS) - 1;
	const struct grain *g = t->grain ? &t->grains[y->subject - 1] : NULL;
	const struct subject *subject = &t->subjects[(g ? g->subject : y->subject) - 1];
	const struct moves *m = y->where & TALLY_MOVED ?
		pool_at(&t->moves, y->where & ~TALLY_MOVED) : &none;

	return (struct site){
		.line = s->line, .grain = g, .pc = y->pc,
		.cpu = t->cpu[s->cpu].id, .cpu_index = s->cpu,
		.accesses = { y->count[LOADS] & counts, y->count[STORES] & counts },
		.moves = m->all, .true_moves = m->true_moves, .false_moves = m->false_moves,
		.subject = *subject, .entry = &t->contexts[subject->context],
		.context = m->context, .part = y->where, .age = m->age,
		.offset = (uint16_t)(t->grain & GRAIN_PLACE ? g->offset : m->offset),
		.flags = (uint16_t)((y->count[LOADS] | y->count[STORES]) >> TALLY_FLAGS),
	};
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

static inline enum move judge(unsigned words, bool complete, struct share *s,
			      const uint64_t *bytes, bool store)
{
	const uint64_t *known = mask_of(words, s, store ? TOUCHED : NEWS);
	const uint64_t *maybe = mask_of(words, s, store ? MAYBE_TOUCHED : MAYBE_NEWS);

	if (cold(words, s, store))
		return MOVE_UNDECIDED;
	if (meet(words, known, bytes))
		return MOVE_TRUE;
	if (!empty(words, known) && (complete || !meet(words, maybe, bytes)))
		return MOVE_FALSE;
	return MOVE_UNDECIDED;
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

static inline void add_mask_if(unsigned words, uint64_t *to, const uint64_t *from, bool yes)
{
	for (unsigned i = 0; i < words; i++)
		to[i] |= from[i] & (0 - (uint64_t)yes);
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
		*mask = ((2ull << (n - 1)) - 1) << from;
		return;
	}
	memset(mask, 0, words * sizeof(*mask));
	for (unsigned i = from; i < from + n; i++)
		mask[i / 64] |= 1ull << i % 64;
}

static inline void count(struct tally *y, unsigned flags)
{
	uint64_t *count = &y->count[flags & MT_access_flag_store ? STORES : LOADS];

	*count = (*count + 1) | (uint64_t)(flags & ~(unsigned)MT_access_flag_moved) << TALLY_FLAGS;
}

/* Nearly all tallies move lines in one context only: others cost a look-up. */
static struct moves *add_moves(struct lines *t, struct tally *y, unsigned offset, uint32_t context,
			       uint64_t n)
{
	struct moves *m = tally_moves(t, y, offset, context);

	m->all += n;
	if (m->context != context && n)
		*mt_xtable_put(&t->moves_by, lines_moves_key(y->where, context)) += n;
	return m;
}

static __attribute__((noinline))
enum move count_move(unsigned words, struct lines *t, struct share *s, const uint64_t *bytes,
		     struct tally *y, unsigned offset, bool store)
{
	struct moves *m = add_moves(t, y, offset, t->cpu[s->cpu].context, 1);
	enum move what = s->alone ? MOVE_UNDECIDED : judge(words, t->complete, s, bytes, store);

	m->true_moves += what == MOVE_TRUE;
	m->false_moves += what == MOVE_FALSE;
	return what;
}

/* What an access to a line that others use as well means for them, and they for it. */
static __attribute__((noinline)) void share(unsigned words, struct lines *t, struct share *s, const uint64_t *bytes,
			 bool store)
{
	forget(words, s->line, s, store);
	tell(words, t, s->line, s, bytes, store);
}

/*
 * A piece of an access, on its line.  words is t->words, and nearly always a
 * constant 1; fine, whether t->grain asks for something, always is.
 */
static inline __attribute__((always_inline))
void settle(unsigned words, bool fine, struct lines *t, struct share *s, const struct touch x)
{
	uint64_t bytes[LINE_MAX / 64];
	struct tally *y = tally_at(s, x.hash);
	bool store = x.flags & MT_access_flag_store;
	bool moved = x.flags & MT_access_flag_moved;
	enum move what = MOVE_NONE;

	if (y->pc != x.pc || y->subject != x.subject)
		y = find_tally(t, s, x.hash, x.pc, x.subject, x.offset);
	set_bits(bytes, words, x.offset, x.width);
	if (!t->trust)
		moved = move(s->line, s, store);
	if (moved)
		what = count_move(words, t, s, bytes, y, x.offset, store);
	if (fine && t->pairs)
		pairs_note(t->pairs, t, s, &x, what);
	count(y, x.flags);
	/* without a branch, which would be guessed wrong too often */
	add_mask_if(words, mask_of(words, s, READ), bytes, !store || x.flags & MT_access_flag_load);
	add_mask_if(words, mask_of(words, s, WRITTEN), bytes, store);
	if (!s->alone)
		share(words, t, s, bytes, store);
}

/* ---- accesses ------------------------------------------------------------ */

/* So many at once: what is fetched for them shall still be there when its turn comes. */
#define AT_ONCE 32

/* What is known of an access before its turn. */
struct ahead {
	struct share *share;		/* of its first byte; NULL: not in the cache */
	uint64_t hash;			/* of its tally */
	uint32_t cpu, subject;
};

static inline uint32_t subject_of(struct lines *t, const struct mt_access *a, const struct cpu *cpu)
{
	if (a->object | a->field)
		return lines_subject_of(t, cpu, a);
	return cpu->subject[a->pc >> 63];
}

static inline __attribute__((always_inline))
void look_ahead(struct lines *t, unsigned bits, const struct mt_access *a, struct ahead *x)
{
	const uint64_t number = (a->paddr + t->shift) >> bits;
	struct share *s;

	x->cpu = lines_cpu(t, a->hdr.cpu);
	x->subject = subject_of(t, a, &t->cpu[x->cpu]);
	x->hash = tally_hash(t, a->pc, x->subject);
	x->share = NULL;
	s = *cache_place(t, number, x->cpu);
	if (is_share(s, number, x->cpu)) {
		x->share = s;
		__builtin_prefetch(tally_at(s, x->hash), 1);
	}
}

static struct share *find_share(struct lines *t, const struct touch *x)
{
	struct share *s = *cache_place(t, x->number, x->cpu);

	return is_share(s, x->number, x->cpu) ? s : search_share(t, x);
}

static void settle_piece(struct lines *t, const struct touch *x)
{
	struct share *s = find_share(t, x);

	if (t->grain)
		settle(t->words, true, t, s, *x);
	else if (t->words == 1)
		settle(1, false, t, s, *x);
	else
		settle(t->words, false, t, s, *x);
}

static inline struct grain grain_of(const struct lines *t, const struct touch *x, uint64_t addr,
				    uint32_t task, uint32_t stack)
{
	struct grain g = { .subject = x->subject };

	if (t->grain & GRAIN_PLACE) {
		g.addr = addr;
		g.offset = x->offset;
		g.width = x->width;
	}
	if (t->grain & GRAIN_TASK)
		g.task = task;
	if (t->grain & GRAIN_STACK)
		g.stack = stack;
	return g;
}

/* Makes the subject of a touch that of its grain. */
static void refine(struct lines *t, struct touch *x, uint64_t addr, uint32_t task, uint32_t stack)
{
	const struct grain g = grain_of(t, x, addr, task, stack);

	x->subject = lines_grain(t, &g, lines_grain_hash(t, &g));
	x->hash = tally_hash(t, x->pc, x->subject);
}

/* Any access: of a line that is new, or that crosses one of the size that we look at. */
static __attribute__((noinline))
void take_slowly(struct lines *t, const struct mt_access *a, const struct ahead *ahead)
{
	const unsigned size = 1u << t->bits;
	/* a damaged width must not make thousands of lines */
	unsigned left = !a->width ? 1 : a->width < t->max_width ? a->width : t->max_width;
	uint64_t at = a->paddr + t->shift, addr = a->addr;

	while (left) {
		unsigned offset = (unsigned)at & (size - 1);
		unsigned width = left < size - offset ? left : size - offset;
		struct touch x = {
			.pc = a->pc, .number = at >> t->bits, .addr = addr - offset, .hash = ahead->hash,
			.cpu = ahead->cpu, .subject = ahead->subject,
			.offset = (uint16_t)offset, .width = (uint16_t)width, .flags = a->flags,
		};

		if (t->grain)
			refine(t, &x, addr, t->cpu[x.cpu].task, a->stack);
		settle_piece(t, &x);
		left -= width;
		at += width;
		addr += width;
	}
}

static inline __attribute__((always_inline))
void take(unsigned words, struct lines *t, unsigned bits, const struct mt_access *a,
	  const struct ahead *ahead)
{
	const unsigned size = 1u << bits;
	const struct touch x = {
		.pc = a->pc, .hash = ahead->hash, .subject = ahead->subject,
		.width = a->width, .flags = a->flags,
		.offset = (uint16_t)((a->paddr + t->shift) & (size - 1)),
	};

	if (ahead->share && x.width && x.width <= t->max_width && x.offset + x.width <= size)
		settle(words, false, t, ahead->share, x);
	else
		take_slowly(t, a, ahead);
}

static inline __attribute__((always_inline))
void take_some(unsigned words, struct lines *t, unsigned bits, const struct mt_access *a, size_t n)
{
	struct ahead ahead[AT_ONCE];

	for (size_t i = 0; i < n; i++)
		look_ahead(t, bits, &a[i], &ahead[i]);
	for (size_t i = 0; i < n; i++)
		take(words, t, bits, &a[i], &ahead[i]);
}

/* The same for accesses that a grain tells apart: three tables stand behind each other. */
struct fine {
	struct ahead ahead;
	struct touch touch;
	struct grain grain;
	uint64_t hash;			/* of grain */
	bool whole;			/* on one line */
};

static inline void look_fine(struct lines *t, const struct mt_access *a, struct fine *x)
{
	const uint64_t at = a->paddr + t->shift, size = 1ull << t->bits;

	x->ahead.cpu = lines_cpu(t, a->hdr.cpu);
	x->ahead.subject = subject_of(t, a, &t->cpu[x->ahead.cpu]);
	x->ahead.share = NULL;
	x->touch = (struct touch){
		.pc = a->pc, .number = at >> t->bits, .cpu = x->ahead.cpu, .subject = x->ahead.subject,
		.offset = (uint16_t)(at & (size - 1)), .width = a->width, .flags = a->flags,
	};
	x->whole = a->width && a->width <= t->max_width && x->touch.offset + a->width <= size;
	if (!x->whole)
		return;
	x->touch.addr = a->addr - x->touch.offset;
	x->grain = grain_of(t, &x->touch, a->addr, t->cpu[x->ahead.cpu].task, a->stack);
	x->hash = lines_grain_hash(t, &x->grain);
	lines_grain_prefetch(t, x->hash);
}

static inline void look_finer(struct lines *t, struct fine *x)
{
	struct touch *touch = &x->touch;
	struct share *s = *cache_place(t, touch->number, touch->cpu);

	if (!x->whole || !is_share(s, touch->number, touch->cpu))
		return;
	touch->subject = lines_grain(t, &x->grain, x->hash);
	touch->hash = tally_hash(t, touch->pc, touch->subject);
	x->ahead.share = s;
	__builtin_prefetch(tally_at(s, touch->hash), 1);
}

static inline __attribute__((always_inline))
void take_fine(unsigned words, struct lines *t, const struct mt_access *a, size_t n)
{
	struct fine x[AT_ONCE];

	for (size_t i = 0; i < n; i++)
		look_fine(t, &a[i], &x[i]);
	for (size_t i = 0; i < n; i++)
		if (x[i].whole)
			lines_grain_prefetch_more(t, x[i].hash);
	for (size_t i = 0; i < n; i++)
		look_finer(t, &x[i]);
	for (size_t i = 0; i < n; i++)
		if (x[i].ahead.share)
			settle(words, true, t, x[i].ahead.share, x[i].touch);
		else
			take_slowly(t, &a[i], &x[i].ahead);
}

void lines_accesses(struct lines *t, const struct mt_access *a, size_t n)
{
	while (n) {
		size_t some = n < AT_ONCE ? n : AT_ONCE;

		if (t->grain && t->words == 1)
			take_fine(1, t, a, some);
		else if (t->grain)
			take_fine(t->words, t, a, some);
		else if (t->bits == 6)	/* nearly always: constants save much */
			take_some(1, t, 6, a, some);
		else
			take_some(t->words, t, t->bits, a, some);
		a += some;
		n -= some;
	}
}

/* ---- rows in the place of accesses ---------------------------------------- */

static void add_count(struct tally *y, int which, uint64_t n, uint32_t flags)
{
	const uint64_t most = (1ull << TALLY_FLAGS) - 1;
	uint64_t have = y->count[which] & most;

	if (!n)
		return;
	y->count[which] += n < most - have ? n : most - have;
	y->count[which] |= (uint64_t)(flags & 0xffff & ~(uint32_t)MT_access_flag_moved) << TALLY_FLAGS;
}

static uint32_t use_subject(struct lines *t, const struct mt_use *u, uint32_t context)
{
	return lines_subject(t, &(struct subject){
		.process = u->entry_pc && t->one_kernel ? 0 : u->process,
		.object = u->object, .field = u->field, .context = t->apart ? context : 0 });
}

static void add_use(struct lines *t, const struct mt_use *u, struct share *s, struct tally *y,
		    uint32_t context)
{
	uint64_t bytes[LINE_MAX / 64];
	bool first = !(y->where & TALLY_MOVED);
	struct moves *m = add_moves(t, y, u->offset, context, u->moves);

	add_count(y, LOADS, u->loads, u->flags);
	add_count(y, STORES, u->stores, u->flags);
	set_bits(bytes, t->words, u->offset, u->width);
	add_mask_if(t->words, mask_of(t->words, s, READ), bytes,
		    u->loads || u->flags & MT_access_flag_load);
	add_mask_if(t->words, mask_of(t->words, s, WRITTEN), bytes, u->stores);
	m->true_moves += u->true_moves;
	m->false_moves += u->false_moves;
	if (first || u->age < m->age) {
		m->age = (uint32_t)u->age;
		m->offset = (uint16_t)u->offset;
	}
}

void lines_use(struct lines *t, const struct mt_use *u)
{
	uint32_t context = u->entry_pc ? lines_context(t, u->entry_pc, u->number, u->cause) : 0;
	struct touch x = {
		.pc = u->pc, .number = (u->line + t->shift) >> t->bits, .addr = u->line_addr,
		.cpu = lines_cpu(t, u->hdr.cpu), .subject = use_subject(t, u, context),
		.offset = (uint16_t)u->offset, .width = (uint16_t)u->width,
	};
	struct share *s = find_share(t, &x);

	x.hash = tally_hash(t, x.pc, x.subject);
	if (t->grain)
		refine(t, &x, u->addr, u->task, 0);
	add_use(t, u, s, find_tally(t, s, x.hash, x.pc, x.subject, x.offset), context);
}

/* ---- another run ---------------------------------------------------------- */

static void clear_share(struct lines *t, struct share *s)
{
	tables_drop(&t->tables, s->tallies, s->bits);
	s->bits = 1;
	s->tallies = tables_new(&t->tables, 1);
	s->n_tallies = 0;
	memset(s->mask, 0, MASKS * t->words * sizeof(*s->mask));
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
	t->n_tallies = 0;
	t->moves.used = 0;
	mt_table_release(&t->moves_by);
}
