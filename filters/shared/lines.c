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

static inline uint64_t *mask_of(unsigned words, struct share *s, unsigned which)
{
	return s->mask + which * words;
}

static inline void add_mask(unsigned words, uint64_t *to, const uint64_t *from)
{
	for (unsigned i = 0; i < words; i++)
		to[i] |= from[i];
}

static void new_tallies(struct lines *t, struct share *s, uint32_t buckets)
{
	s->buckets = buckets;
	s->tallies = tables_new(&t->tables, buckets);
}

static struct news *news_of(const struct lines *t, const struct share *s)
{
	return pool_at(&t->news, s->news - 1);
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
	new_tallies(t, s, 1);
	*share_place(t, l, cpu) = i + 1;
	if (l->n_shares++)
		tell_of_others(t, l);
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
	const uint32_t *place = share_place(t, l, x->cpu);
	struct share *s = place && *place ? share_at(t, *place - 1) : new_share(t, l, x->cpu);

	*cache_place(t, x->number, x->cpu) = s;
	return s;
}

/* ---- tallies ------------------------------------------------------------- */

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

	new_tallies(t, s, old.buckets * 2);
	for (size_t i = 0; i < share_places(&old); i++) {
		const struct tally *y = &old.tallies[i];

		if (y->key)
			*search_further(s, bucket_of(t, s, y->key), y->key) = *y;
	}
	tables_drop(&t->tables, old.tallies, old.buckets);
}

/*
 * Not where its search begins, or not at all yet.  A small table may be full.
 * offset: of an access that would be its first.
 */
static __attribute__((noinline))
struct tally *find_further(struct lines *t, struct share *s, uint64_t key, unsigned offset)
{
	struct tally *y = search_further(s, bucket_of(t, s, key), key);
	const size_t room = share_places(s);

	if (y && y->key)
		return y;
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

static inline struct tally *find_tally(struct lines *t, struct share *s, uint64_t key,
				       unsigned offset)
{
	struct tally *y = tally_in(bucket_of(t, s, key), key);

	return y ? y : find_further(t, s, key, offset);
}

static struct detail *detail_of(struct lines *t, struct tally *y)
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
	uint64_t *count = &detail_of(t, y)->count[which];

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
	struct detail *d = detail_of(t, y);

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

static inline struct share *find_share(struct lines *t, const struct touch *x)
{
	struct share *s = *cache_place(t, x->number, x->cpu);

	return is_share(s, x->number, x->cpu) ? s : search_share(t, x);
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
	bool first = !(y->where & TALLY_DETAIL) || detail_of(t, y)->age & AGE_UNMOVED;
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

/* ---- another run ---------------------------------------------------------- */

static void clear_share(struct lines *t, struct share *s)
{
	tables_drop(&t->tables, s->tallies, s->buckets);
	new_tallies(t, s, 1);
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
