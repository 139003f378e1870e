/* SPDX-License-Identifier: MIT */
/*
 * The map of extents.
 *
 * An extent belongs to the level at which it covers at most 17 pages: pages
 * are 1 KiB at level 0 and grow 64-fold with each level.  A page is a node in
 * the hash table of its level and holds the extents that touch it, sorted; so
 * a look-up is one probe for each level in use and a binary search.  A node
 * also says which of the 64 pages one level down have nodes, so that all that
 * lies in a range is found without probing each page of it.
 */
#include <stdlib.h>
#include <string.h>

#include "mt_objects.h"

#define LEVELS 9			/* 10 + 6 * 8 = 58: 64 pages at the top */
#define SPAN 16				/* pages of its level that an extent may be long */

struct node {
	struct slot { uint64_t addr; struct mt_extent *e; } *slots;
	uint32_t n, room;
	uint64_t children;		/* bit i: page i one level down has extents in or below it */
};

struct space {
	struct layer {
		struct mt_table pages[LEVELS];	/* page number -> struct node */
		uint64_t n[LEVELS];		/* extents of the level */
	} layers[MT_LAYERS];
};

static unsigned shift_of(unsigned level)
{
	return 10 + 6 * level;
}

static unsigned level_of(uint64_t first, uint64_t last)
{
	unsigned level = 0;

	while (level < LEVELS - 1 && (last - first) >> shift_of(level) >= SPAN)
		level++;
	return level;
}

static uint64_t last_of(const struct mt_extent *e)
{
	return e->addr + (e->bytes ? e->bytes - 1 : 0);
}

static struct space *space_of(const struct mt_objects *m, uint32_t process)
{
	uint64_t *p = mt_table_get(&m->spaces, process);

	return p ? (struct space *)(uintptr_t)*p : NULL;
}

static struct node *node_at(const struct layer *l, unsigned level, uint64_t page)
{
	uint64_t *p = mt_table_get(&l->pages[level], page);

	return p ? (struct node *)(uintptr_t)*p : NULL;
}

/* The node of a page, made when there is none; NULL without memory. */
static struct node *node_make(struct layer *l, unsigned level, uint64_t page)
{
	uint64_t *p = mt_table_put(&l->pages[level], page);

	if (p && !*p)
		*p = (uintptr_t)calloc(1, sizeof(struct node));
	return p ? (struct node *)(uintptr_t)*p : NULL;
}

/* Index of the first slot behind addr. */
static uint32_t slot_behind(const struct node *n, uint64_t addr)
{
	uint32_t low = 0, high = n->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (n->slots[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Tells the pages above that a page holds something now. */
static int mark(struct layer *l, unsigned level, uint64_t page)
{
	for (level++; level < LEVELS; level++, page >>= 6) {
		struct node *up = node_make(l, level, page >> 6);
		uint64_t bit = 1ull << (page & 63);

		if (!up)
			return -1;
		if (up->children & bit)
			return 0;
		up->children |= bit;
	}
	return 0;
}

/* Tells the pages above when a page holds nothing any more. */
static void unmark(struct layer *l, unsigned level, uint64_t page, const struct node *n)
{
	while (!n->n && !n->children && ++level < LEVELS) {
		struct node *up = node_at(l, level, page >> 6);

		if (!up)
			return;
		up->children &= ~(1ull << (page & 63));
		n = up;
		page >>= 6;
	}
}

static int node_add(struct node *n, struct mt_extent *e)
{
	uint32_t i = slot_behind(n, e->addr);

	if (n->n == n->room) {
		uint32_t room = n->room ? n->room * 2 : 4;
		struct slot *slots = reallocarray(n->slots, room, sizeof(*slots));

		if (!slots)
			return -1;
		n->slots = slots;
		n->room = room;
	}
	memmove(&n->slots[i + 1], &n->slots[i], (n->n - i) * sizeof(*n->slots));
	n->slots[i] = (struct slot){ e->addr, e };
	n->n++;
	return 0;
}

static void node_delete(struct node *n, const struct mt_extent *e)
{
	uint32_t i = slot_behind(n, e->addr);

	if (!i || n->slots[i - 1].e != e)
		return;
	memmove(&n->slots[i - 1], &n->slots[i], (n->n - i) * sizeof(*n->slots));
	n->n--;
	if (!n->n) {
		free(n->slots);
		n->slots = NULL;
		n->room = 0;
	}
}

static void delete(struct mt_objects *m, struct layer *l, struct mt_extent *e)
{
	unsigned shift = shift_of(e->level);
	uint64_t last = last_of(e) >> shift;

	for (uint64_t page = e->addr >> shift; page <= last; page++) {
		struct node *n = node_at(l, e->level, page);

		if (!n)
			continue;
		node_delete(n, e);
		unmark(l, e->level, page, n);
	}
	l->n[e->level]--;
	m->gone(m->arg, e);
}

/* Removes what overlaps first..last from a page and, if deep, those below; says how many. */
static long clear_page(struct mt_objects *m, struct layer *l, unsigned level, uint64_t page,
		       uint64_t first, uint64_t last, bool deep)
{
	struct node *n = node_at(l, level, page);
	uint64_t start, end;
	long cleared = 0;
	uint32_t i;

	if (!n)
		return 0;
	while ((i = slot_behind(n, last)) && last_of(n->slots[i - 1].e) >= first) {
		delete(m, l, n->slots[i - 1].e);
		cleared++;
	}
	if (!deep || !n->children)
		return cleared;
	start = page << shift_of(level);
	end = start + ((1ull << shift_of(level)) - 1);
	start = (start < first ? first : start) >> shift_of(level - 1);
	end = (end > last ? last : end) >> shift_of(level - 1);
	for (uint64_t p = start; p <= end; p++)
		if (n->children >> (p & 63) & 1)
			cleared += clear_page(m, l, level - 1, p, first, last, true);
	return cleared;
}

/*
 * Removes what overlaps first..last: from the level where the range is a few
 * pages down through the children, and from the levels above.
 */
static long clear(struct mt_objects *m, struct layer *l, uint64_t first, uint64_t last)
{
	unsigned own = level_of(first, last);
	long cleared = 0;

	for (unsigned level = own; level < LEVELS; level++) {
		unsigned shift = shift_of(level);

		if (level > own && !l->n[level])
			continue;
		for (uint64_t p = first >> shift; p <= last >> shift; p++)
			cleared += clear_page(m, l, level, p, first, last, level == own);
	}
	return cleared;
}

void mt_objects_init(struct mt_objects *m, void (*gone)(void *arg, struct mt_extent *e), void *arg)
{
	*m = (struct mt_objects){ .gone = gone, .arg = arg };
}

long mt_objects_put(struct mt_objects *m, struct mt_extent *e)
{
	uint64_t *p = mt_table_put(&m->spaces, e->process), last;
	struct layer *l;
	unsigned shift;
	long cleared;

	if (p && !*p)
		*p = (uintptr_t)calloc(1, sizeof(struct space));
	if (!p || !*p)
		return -1;
	if (e->bytes && e->bytes - 1 > UINT64_MAX - e->addr)
		e->bytes = UINT64_MAX - e->addr + 1;
	l = &((struct space *)(uintptr_t)*p)->layers[e->layer];
	last = last_of(e);
	cleared = clear(m, l, e->addr, last);
	e->level = (uint16_t)level_of(e->addr, last);
	shift = shift_of(e->level);
	l->n[e->level]++;
	for (uint64_t page = e->addr >> shift; page <= last >> shift; page++) {
		struct node *n = node_make(l, e->level, page);

		if (!n || node_add(n, e) < 0 || mark(l, e->level, page) < 0)
			return -1;
	}
	return cleared;
}

void mt_objects_remove(struct mt_objects *m, struct mt_extent *e)
{
	struct space *s = space_of(m, e->process);
	uint64_t first = e->addr, last = last_of(e);
	unsigned layer = e->layer;

	delete(m, &s->layers[layer], e);
	while (++layer < MT_LAYERS)
		clear(m, &s->layers[layer], first, last);
}

struct mt_extent *mt_objects_at(const struct mt_objects *m, enum mt_layer layer,
				uint32_t process, uint64_t addr)
{
	const struct space *s = space_of(m, process);

	if (!s)
		return NULL;
	for (unsigned level = 0; level < LEVELS; level++) {
		const struct node *n;
		uint32_t i;

		if (!s->layers[layer].n[level])
			continue;
		n = node_at(&s->layers[layer], level, addr >> shift_of(level));
		i = n ? slot_behind(n, addr) : 0;
		if (i && addr - n->slots[i - 1].addr < n->slots[i - 1].e->bytes)
			return n->slots[i - 1].e;
	}
	return NULL;
}

struct mt_extent *mt_objects_starting(const struct mt_objects *m, enum mt_layer layer,
				      uint32_t process, uint64_t addr)
{
	const struct space *s = space_of(m, process);

	if (!s)
		return NULL;
	for (unsigned level = 0; level < LEVELS; level++) {
		const struct node *n = node_at(&s->layers[layer], level, addr >> shift_of(level));
		uint32_t i = n ? slot_behind(n, addr) : 0;

		if (i && n->slots[i - 1].addr == addr)
			return n->slots[i - 1].e;
	}
	return NULL;
}

enum mt_layer mt_layer_of(unsigned storage)
{
	switch (storage) {
	case MT_storage_heap:
	case MT_storage_static:
	case MT_storage_percpu:
		return MT_LAYER_inner;
	case MT_storage_stack:
		return MT_LAYER_stack;
	}
	return MT_LAYER_outer;
}

struct mt_extent *mt_objects_freed(const struct mt_objects *m, unsigned storage,
				   uint32_t process, uint64_t addr)
{
	struct mt_extent *e = mt_objects_starting(m, mt_layer_of(storage), process, addr);

	for (unsigned i = 0; !e && i < MT_LAYERS; i++)
		e = mt_objects_starting(m, i, process, addr);
	return e;
}

void mt_objects_forget(struct mt_objects *m, uint32_t process)
{
	struct space *s = space_of(m, process);

	for (unsigned layer = 0; s && layer < MT_LAYERS; layer++)
		clear(m, &s->layers[layer], 0, UINT64_MAX);
}

/* Calls f for each value of a table of pointers. */
static void for_each(const struct mt_table *t, void (*f)(void *p))
{
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].value)
			f((void *)(uintptr_t)t->slots[i].value);
	if (t->zero)
		f((void *)(uintptr_t)t->zero);
}

static void free_node(void *p)
{
	struct node *n = p;

	free(n->slots);
	free(n);
}

static void free_space(void *p)
{
	struct space *s = p;

	for (unsigned i = 0; i < MT_LAYERS; i++)
		for (unsigned level = 0; level < LEVELS; level++) {
			for_each(&s->layers[i].pages[level], free_node);
			mt_table_release(&s->layers[i].pages[level]);
		}
	free(s);
}

void mt_objects_release(struct mt_objects *m)
{
	for (size_t i = 0; i < m->spaces.n_slots; i++)
		if (m->spaces.slots[i].value)
			mt_objects_forget(m, (uint32_t)m->spaces.slots[i].key);
	mt_objects_forget(m, 0);
	for_each(&m->spaces, free_space);
	mt_table_release(&m->spaces);
}
