/* SPDX-License-Identifier: MIT */
/* The caches: what hits, what misses, what has to go. */
#include <string.h>

#include "sets.h"

/* ---- sets ------------------------------------------------------------------ */

static struct set *new_set(struct sets *all, uint32_t cpu, uint32_t number)
{
	struct set *s = mt_xcalloc(1, sizeof(*s) + all->o.ways * sizeof(s->tags[0]));

	s->cpu = cpu;
	s->number = number;
	s->random = (all->o.seed ^ (uint64_t)cpu << 32 ^ number) * 0x9e3779b97f4a7c15ull | 1;
	all->sets = mt_xgrow(all->sets, all->n_sets, &all->set_room, sizeof(*all->sets));
	all->sets[all->n_sets++] = s;
	return s;
}

struct set *sets_find(struct sets *all, uint32_t cpu, uint32_t number)
{
	uint64_t *i = mt_xtable_put(&all->set_of, (uint64_t)cpu << 32 | number);

	if (!*i) {
		new_set(all, cpu, number);
		*i = all->n_sets;
	}
	return all->sets[*i - 1];
}

/* Marsaglia's xorshift64*. */
static uint64_t draw(struct set *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

/* Way i comes first, all before it move back. */
static void to_front(struct set *s, uint64_t i, struct tag tag)
{
	memmove(&s->tags[1], &s->tags[0], i * sizeof(tag));
	s->tags[0] = tag;
}

static void insert(const struct sets *all, struct set *s, struct tag tag)
{
	uint64_t way = s->used;

	if (s->used < all->o.ways)
		s->used++;
	else if (all->o.policy == RANDOM)
		way = (uint64_t)((unsigned __int128)draw(s) * all->o.ways >> 64);
	else
		way = all->o.ways - 1;
	if (all->o.policy == LRU) {
		to_front(s, way, tag);
	} else if (all->o.policy == FIFO) {
		s->tags[s->oldest] = tag;
		s->oldest = s->oldest + 1 == all->o.ways ? 0 : s->oldest + 1;
	} else {
		s->tags[way] = tag;
	}
}

/* Uses the line; false when the set had to take it in. */
static bool use(const struct sets *all, struct set *s, struct tag tag)
{
	for (uint32_t i = 0; i < s->used; i++) {
		if (s->tags[i].line != tag.line || s->tags[i].process != tag.process)
			continue;
		if (all->o.policy == LRU && i)
			to_front(s, i, tag);
		return true;
	}
	insert(all, s, tag);
	return false;
}

/* ---- accesses -------------------------------------------------------------- */

static struct miss *find_miss(struct sets *all, const struct miss_key *k, uint64_t paddr, uint32_t flags)
{
	uint32_t i = mt_xintern(&all->keys, k, sizeof(*k));

	if (i == all->n_misses) {
		all->misses = mt_xgrow(all->misses, all->n_misses, &all->miss_room, sizeof(*all->misses));
		all->misses[all->n_misses++] = (struct miss){ .paddr = paddr, .flags = flags, .key = i };
	}
	return &all->misses[i];
}

/* The piece of an access that is on one line, at a distance from its start. */
static void take_piece(struct sets *all, const struct mt_access *a, uint32_t at, uint32_t width)
{
	uint64_t addr = a->addr + at, paddr = a->paddr + at;
	const struct tag tag = {
		.line = (all->o.virtual ? addr : paddr) >> all->o.line_bits,
		.process = all->o.virtual ? mt_cpus_process(&all->cpus, a->hdr.cpu, addr) : 0,
	};
	struct set *s = sets_find(all, a->hdr.cpu, (uint32_t)(tag.line & (all->o.sets - 1)));
	const struct miss_key k = {
		.addr = addr, .pc = a->pc, .cpu = a->hdr.cpu, .set = s->number, .object = a->object,
		.process = mt_cpus_process(&all->cpus, a->hdr.cpu, a->pc), .field = a->field,
		.width = width,
	};

	if (use(all, s, tag)) {
		s->hits++;
		return;
	}
	s->misses++;
	find_miss(all, &k, paddr, a->flags)->count++;
}

void sets_access(struct sets *all, const struct mt_access *a)
{
	const uint32_t size = 1u << all->o.line_bits;
	/* no line of a log is longer, and none is touched for nothing */
	uint32_t left = !a->width ? 1 : a->width < 4096 ? a->width : 4096, at = 0;

	while (left) {
		uint32_t offset = (uint32_t)((all->o.virtual ? a->addr : a->paddr) + at) & (size - 1);
		uint32_t width = left < size - offset ? left : size - offset;

		take_piece(all, a, at, width);
		at += width;
		left -= width;
	}
}

/* ---- rows of another mt-sets --------------------------------------------------- */

void sets_add_set(struct sets *all, const struct mt_set *m)
{
	struct set *s = sets_find(all, m->hdr.cpu, m->set);

	s->hits += m->hits;
	s->misses += m->misses;
}

void sets_add_miss(struct sets *all, const struct mt_miss *m)
{
	const struct miss_key k = {
		.addr = m->addr, .pc = m->pc, .cpu = m->hdr.cpu, .set = m->set,
		.process = m->process, .object = m->object, .field = m->field, .width = m->width,
	};

	find_miss(all, &k, m->paddr, m->flags)->count += m->misses;
}
