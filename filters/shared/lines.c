/* SPDX-License-Identifier: MIT */
/* What accesses mean for lines; lines.h says it in words. */
#include <string.h>

#include "../libmt/cli.h"
#include "pairs.h"
#include "shares.h"
#include "tallies.h"

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

static inline void add_mask(unsigned words, uint64_t *to, const uint64_t *from)
{
	for (unsigned i = 0; i < words; i++)
		to[i] |= from[i];
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

static inline enum move judge(unsigned words, const struct lines *t, struct share *s,
			      const uint64_t *bytes, bool store)
{
	const struct news *news = news_of(t, s);
	const uint64_t *known = news->mask + (store ? TOUCHED : NEWS) * words;
	const uint64_t *maybe = news->mask + (store ? MAYBE_TOUCHED : MAYBE_NEWS) * words;

	if (cold(words, s, store))
		return MOVE_UNDECIDED;
	if (meet(words, known, bytes))
		return MOVE_TRUE;
	if (!empty(words, known) && (t->complete || !meet(words, maybe, bytes)))
		return MOVE_FALSE;
	return MOVE_UNDECIDED;
}

/* After an access nothing is new to this cpu. */
static inline void forget(unsigned words, struct line *l, struct news *news, bool store)
{
	const size_t bytes = words * sizeof(uint64_t);
	uint64_t *mask = news->mask;

	if (!empty(words, mask + NEWS * words) || (store && !empty(words, mask + TOUCHED * words)))
		l->epoch++;
	else
		return;
	memset(mask + NEWS * words, 0, bytes);
	memset(mask + MAYBE_NEWS * words, 0, bytes);
	if (store) {
		memset(mask + TOUCHED * words, 0, bytes);
		memset(mask + MAYBE_TOUCHED * words, 0, bytes);
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

static inline void tell_one(unsigned words, struct news *other, struct share *s,
			    const uint64_t *bytes, bool store)
{
	uint64_t *mask = other->mask;

	if (store) {
		add_mask(words, mask + NEWS * words, bytes);
		add_mask(words, mask + MAYBE_NEWS * words, mask_of(words, s, WRITTEN));
	}
	add_mask(words, mask + TOUCHED * words, bytes);
	add_mask(words, mask + MAYBE_TOUCHED * words, mask_of(words, s, WRITTEN));
	add_mask(words, mask + MAYBE_TOUCHED * words, mask_of(words, s, READ));
}

/*
 * Adds to the masks of the other cpus.  Most accesses repeat themselves; as
 * long as no mask was cleared in between, the others know already.
 */
static inline void tell(unsigned words, const struct lines *t, struct line *l, struct share *s,
			const uint64_t *bytes, bool store)
{
	struct news *news = news_of(t, s);
	uint64_t *told = news->mask + (store ? TOLD_WRITTEN : TOLD_READ) * words;

	if (news->epoch != l->epoch) {
		memset(news->mask + TOLD_READ * words, 0, 2 * words * sizeof(uint64_t));
		news->epoch = l->epoch;
	}
	if (within(words, bytes, told))
		return;
	add_mask(words, told, bytes);
	for (uint32_t i = 0; i < line_places(l); i++) {
		const struct share *o = line_share(t, l, i);

		if (o && o != s)
			tell_one(words, news_of(t, o), s, bytes, store);
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

static __attribute__((noinline))
void add_count(struct lines *t, struct tally *y, int which, uint64_t n)
{
	uint64_t *count = &tally_detail(t, y)->count[which];

	*count += n < COUNT_MAX - *count ? n : COUNT_MAX - *count;
}

static inline void count(struct lines *t, struct tally *y, unsigned flags)
{
	const int which = flags & MT_access_flag_store ? STORES : LOADS;

	y->flags |= (uint16_t)(flags & ~(unsigned)MT_access_flag_moved);
	if (!++y->count[which])
		add_count(t, y, which, UINT8_MAX + 1);
}

/* Nearly all tallies move lines in one context only: others cost a look-up. */
static inline struct detail *add_moves(struct lines *t, struct tally *y, unsigned offset, uint32_t context,
				uint64_t n)
{
	struct detail *d = tally_detail(t, y);

	if (d->age & AGE_UNMOVED) {
		d->offset = (uint16_t)offset;
		d->context = (uint16_t)context;
		d->age = t->n_moved++;
	}
	d->moves += n;
	if (d->context != context && n)
		*mt_xtable_put(&t->moves_by, lines_moves_key(y->where, context)) += n;
	return d;
}

static inline __attribute__((always_inline))
enum move count_move(unsigned words, struct lines *t, struct share *s, const uint64_t *bytes,
		     struct tally *y, unsigned offset, bool store)
{
	struct detail *d = add_moves(t, y, offset, t->cpu[s->cpu].context, 1);
	enum move what = s->news ? judge(words, t, s, bytes, store) : MOVE_UNDECIDED;

	d->true_moves += what == MOVE_TRUE;
	d->false_moves += what == MOVE_FALSE;
	return what;
}

/* What an access to a line that others use as well means for them, and they for it. */
static inline __attribute__((always_inline))
void share(unsigned words, struct lines *t, struct share *s, const uint64_t *bytes, bool store)
{
	struct line *l = line_of(t, s);

	forget(words, l, news_of(t, s), store);
	tell(words, t, l, s, bytes, store);
}

/*
 * What few accesses need is not in the way of the others; and for lines of up to 64
 * bytes, with a constant for words, its loops are gone.
 */
static __attribute__((noinline))
enum move count_move_word(struct lines *t, struct share *s, const uint64_t *bytes, struct tally *y,
			  unsigned offset, bool store)
{
	return count_move(1, t, s, bytes, y, offset, store);
}

static __attribute__((noinline))
enum move count_move_words(struct lines *t, struct share *s, const uint64_t *bytes, struct tally *y,
			   unsigned offset, bool store)
{
	return count_move(t->words, t, s, bytes, y, offset, store);
}

static __attribute__((noinline))
void share_word(struct lines *t, struct share *s, const uint64_t *bytes, bool store)
{
	share(1, t, s, bytes, store);
}

static __attribute__((noinline))
void share_words(struct lines *t, struct share *s, const uint64_t *bytes, bool store)
{
	share(t->words, t, s, bytes, store);
}

/*
 * A piece of an access, on its line.  words is t->words, and nearly always a
 * constant 1; fine, whether t->grain asks for something, always is.
 */
static inline __attribute__((always_inline))
void settle(unsigned words, bool fine, struct lines *t, struct share *s, const struct touch x)
{
	uint64_t bytes[LINE_MAX / 64];
	struct tally *y = find_tally(t, s, x.key, x.offset);
	bool store = x.flags & MT_access_flag_store;
	bool moved = x.flags & MT_access_flag_moved;
	enum move what = MOVE_NONE;

	set_bits(bytes, words, x.offset, x.width);
	if (!t->trust)
		moved = move(line_of(t, s), s, store);
	if (moved)
		what = (words == 1 ? count_move_word : count_move_words)(t, s, bytes, y, x.offset, store);
	if (fine && t->pairs)
		pairs_note(t->pairs, t, s, &x, what);
	count(t, y, x.flags);
	/* without a branch, which would be guessed wrong too often */
	add_mask_if(words, mask_of(words, s, READ), bytes, !store || x.flags & MT_access_flag_load);
	add_mask_if(words, mask_of(words, s, WRITTEN), bytes, store);
	if (s->news)
		(words == 1 ? share_word : share_words)(t, s, bytes, store);
}

/* ---- accesses ------------------------------------------------------------ */

/* So many at once: what is fetched for them shall still be there when its turn comes. */
#define AT_ONCE 64

/* What is known of an access before its turn. */
struct ahead {
	struct share *share;
	uint64_t key;			/* of its tally */
};

/* Who makes an access, and to what: mostly the same as the one before. */
struct who {
	uint32_t id, high, object, field;
	uint32_t cpu, subject;
};

static inline bool is_who(const struct who *w, const struct mt_access *a)
{
	return !((w->id ^ a->hdr.cpu) | (w->high ^ (uint32_t)(a->pc >> 32)) |
		 (w->object ^ a->object) | (w->field ^ a->field));
}

static inline struct who who(struct lines *t, const struct mt_access *a)
{
	const uint32_t cpu = lines_cpu(t, a->hdr.cpu);

	return (struct who){
		.id = a->hdr.cpu, .high = (uint32_t)(a->pc >> 32), .object = a->object, .field = a->field,
		.cpu = cpu, .subject = lines_subject_of(t, &t->cpu[cpu], a),
	};
}

static inline __attribute__((always_inline))
void look_ahead(struct lines *t, unsigned bits, const struct mt_access *a, struct who *w, struct ahead *x)
{
	if (!is_who(w, a))
		*w = who(t, a);
	x->share = *cache_place(t, (a->paddr + t->shift) >> bits, w->cpu);
	x->key = tally_key(a->pc, w->subject);
	__builtin_prefetch(x->share, 1);
}

/*
 * False for an access that is not whole on one line.  A share that is new now,
 * before its access has its turn, knows more of the others than it would then;
 * but its first load and its first store forget that.
 */
static inline __attribute__((always_inline))
bool look_closer(struct lines *t, unsigned bits, const struct mt_access *a, struct ahead *x)
{
	const uint64_t at = a->paddr + t->shift, size = 1ull << bits;
	const unsigned offset = (unsigned)(at & (size - 1));

	if (a->width - 1u >= t->max_width || offset + a->width > size)
		return false;
	if (x->share->number != at >> bits || x->share->id != a->hdr.cpu)
		x->share = find_share(t, &(struct touch){
			.number = at >> bits, .addr = a->addr - offset, .cpu = lines_cpu(t, a->hdr.cpu) });
	__builtin_prefetch(bucket_of(t, x->share, x->key), 1);
	return true;
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
	x->key = tally_key(x->pc, x->subject);
}

/* Any access: one that crosses lines of the size that we look at, say. */
static __attribute__((noinline))
void take_slowly(struct lines *t, const struct mt_access *a)
{
	const unsigned size = 1u << t->bits;
	/* a damaged width must not make thousands of lines */
	unsigned left = !a->width ? 1 : a->width < t->max_width ? a->width : t->max_width;
	const struct who w = who(t, a);
	uint64_t at = a->paddr + t->shift, addr = a->addr;

	while (left) {
		unsigned offset = (unsigned)at & (size - 1);
		unsigned width = left < size - offset ? left : size - offset;
		struct touch x = {
			.pc = a->pc, .number = at >> t->bits, .addr = addr - offset,
			.cpu = w.cpu, .subject = w.subject, .key = tally_key(a->pc, w.subject),
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
	const struct touch x = {
		.key = ahead->key, .width = a->width, .flags = a->flags,
		.offset = (uint16_t)((a->paddr + t->shift) & ((1u << bits) - 1)),
	};

	settle(words, false, t, ahead->share, x);
}

/*
 * Takes accesses up to the first that is not whole on one line, and says how many:
 * lines are made in the order of accesses.
 */
static inline __attribute__((always_inline))
size_t take_some(unsigned words, struct lines *t, unsigned bits, const struct mt_access *a, size_t n,
		 struct who *w)
{
	struct ahead ahead[AT_ONCE];
	size_t whole = 0;

	for (size_t i = 0; i < n; i++)
		look_ahead(t, bits, &a[i], w, &ahead[i]);
	while (whole < n && look_closer(t, bits, &a[whole], &ahead[whole]))
		whole++;
	for (size_t i = 0; i < whole; i++)
		take(words, t, bits, &a[i], &ahead[i]);
	if (whole == n)
		return n;
	take_slowly(t, &a[whole]);
	return whole + 1;
}

/* The same for accesses that a grain tells apart: three tables stand behind each other. */
struct fine {
	struct share *share;		/* NULL: not in the cache */
	struct touch touch;
	struct grain grain;
	uint64_t hash;			/* of grain */
	bool whole;			/* on one line */
};

static inline void look_fine(struct lines *t, const struct mt_access *a, struct who *w, struct fine *x)
{
	const uint64_t at = a->paddr + t->shift, size = 1ull << t->bits;

	if (!is_who(w, a))
		*w = who(t, a);
	x->share = NULL;
	x->touch = (struct touch){
		.pc = a->pc, .number = at >> t->bits, .cpu = w->cpu, .subject = w->subject,
		.offset = (uint16_t)(at & (size - 1)), .width = a->width, .flags = a->flags,
	};
	x->whole = a->width && a->width <= t->max_width && x->touch.offset + a->width <= size;
	if (!x->whole)
		return;
	x->touch.addr = a->addr - x->touch.offset;
	x->grain = grain_of(t, &x->touch, a->addr, t->cpu[w->cpu].task, a->stack);
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
	touch->key = tally_key(touch->pc, touch->subject);
	x->share = s;
	__builtin_prefetch(bucket_of(t, s, touch->key), 1);
}

static inline __attribute__((always_inline))
void take_fine(unsigned words, struct lines *t, const struct mt_access *a, size_t n, struct who *w)
{
	struct fine x[AT_ONCE];

	for (size_t i = 0; i < n; i++)
		look_fine(t, &a[i], w, &x[i]);
	for (size_t i = 0; i < n; i++)
		if (x[i].whole)
			lines_grain_prefetch_more(t, x[i].hash);
	for (size_t i = 0; i < n; i++)
		look_finer(t, &x[i]);
	for (size_t i = 0; i < n; i++)
		if (x[i].share)
			settle(words, true, t, x[i].share, x[i].touch);
		else
			take_slowly(t, &a[i]);
}

void lines_accesses(struct lines *t, const struct mt_access *a, size_t n)
{
	struct who w = who(t, a);

	while (n) {
		size_t some = n < AT_ONCE ? n : AT_ONCE;

		if (t->grain && t->words == 1)
			take_fine(1, t, a, some, &w);
		else if (t->grain)
			take_fine(t->words, t, a, some, &w);
		else if (t->bits == 6)	/* nearly always: constants save much */
			some = take_some(1, t, 6, a, some, &w);
		else
			some = take_some(t->words, t, t->bits, a, some, &w);
		a += some;
		n -= some;
	}
}

/* ---- rows in the place of accesses ---------------------------------------- */

static uint32_t use_subject(struct lines *t, const struct mt_use *u, uint32_t context)
{
	return lines_subject(t, &(struct subject){
		.process = u->entry_pc && t->one_kernel ? 0 : u->process,
		.object = u->object, .field = u->field, .context = t->apart ? context : 0,
		.high = (uint32_t)(u->pc >> 32) });
}

static void add_use(struct lines *t, const struct mt_use *u, struct share *s, struct tally *y,
		    uint32_t context)
{
	uint64_t bytes[LINE_MAX / 64];
	bool first = !(y->where & TALLY_DETAIL) || tally_detail(t, y)->age & AGE_UNMOVED;
	struct detail *d = add_moves(t, y, u->offset, context, u->moves);

	add_count(t, y, LOADS, u->loads);
	add_count(t, y, STORES, u->stores);
	if (u->loads || u->stores)
		y->flags |= (uint16_t)(u->flags & ~(uint32_t)MT_access_flag_moved);
	set_bits(bytes, t->words, u->offset, u->width);
	add_mask_if(t->words, mask_of(t->words, s, READ), bytes,
		    u->loads || u->flags & MT_access_flag_load);
	add_mask_if(t->words, mask_of(t->words, s, WRITTEN), bytes, u->stores);
	d->true_moves += u->true_moves;
	d->false_moves += u->false_moves;
	if (first || u->age < d->age) {
		d->age = (uint32_t)u->age;
		d->offset = (uint16_t)u->offset;
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

	x.key = tally_key(x.pc, x.subject);
	if (t->grain)
		refine(t, &x, u->addr, u->task, 0);
	add_use(t, u, s, find_tally(t, s, x.key, x.offset), context);
}
