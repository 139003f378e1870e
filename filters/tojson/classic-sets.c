/* SPDX-License-Identifier: MIT */
/* The document of mt-sets: the sets of each cpu's cache, and what missed in them. */
#include <stdlib.h>
#include <string.h>

#include "classic.h"

static struct mt_set *sets;
static struct mt_miss *misses;
static size_t n_sets, n_misses, sets_room, misses_room;

void cachesim_take(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_set) {
		sets = mt_xgrow(sets, n_sets, &sets_room, sizeof(*sets));
		memcpy(&sets[n_sets++], rec, sizeof(*sets));
	} else if (rec->kind == MT_KIND_miss) {
		misses = mt_xgrow(misses, n_misses, &misses_room, sizeof(*misses));
		memcpy(&misses[n_misses++], rec, sizeof(*misses));
	}
}

#define COMPARE(a, b) if ((a) != (b)) return (a) < (b) ? -1 : 1

/* The worst set of a cpu first. */
static int by_misses(const void *x, const void *y)
{
	const struct mt_set *a = x, *b = y;

	COMPARE(a->hdr.cpu, b->hdr.cpu);
	COMPARE(b->misses, a->misses);
	COMPARE(a->set, b->set);
	return 0;
}

static int by_set(const struct mt_miss *m, uint32_t cpu, uint32_t set)
{
	COMPARE(m->hdr.cpu, cpu);
	COMPARE(m->set, set);
	return 0;
}

static int by_place(const void *x, const void *y)
{
	const struct mt_miss *a = x, *b = y;
	int sets_differ = by_set(a, b->hdr.cpu, b->set);

	if (sets_differ)
		return sets_differ;
	COMPARE(a->addr, b->addr);
	COMPARE(a->pc, b->pc);
	return 0;
}

/* The first miss of a set, or where it would be. */
static size_t find(uint32_t cpu, uint32_t set)
{
	size_t low = 0, high = n_misses;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_set(&misses[middle], cpu, set) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void put_set(const struct mt_set *s)
{
	js_item();
	js_items_begin('{');
	js_number("misses", s->misses);
	js_key("accesses");
	js_items_begin('[');
	for (size_t i = find(s->hdr.cpu, s->set); i < n_misses && !by_set(&misses[i], s->hdr.cpu, s->set); i++) {
		const struct mt_miss *m = &misses[i];
		const struct js_side side = { m->pc, m->process, m->object, m->field, 0 };

		js_physical(m->addr, m->width, &side, NULL, NULL);
	}
	js_items_end(']');
	js_items_end('}');
}

void cachesim_end(void)
{
	char key[32];

	if (n_sets)
		qsort(sets, n_sets, sizeof(*sets), by_misses);
	if (n_misses)
		qsort(misses, n_misses, sizeof(*misses), by_place);
	for (size_t i = 0; i < n_sets; i++) {
		if (!i || sets[i].hdr.cpu != sets[i - 1].hdr.cpu) {
			snprintf(key, sizeof(key), "cpu%u", sets[i].hdr.cpu);
			js_key(key);
			js_items_begin('[');
		}
		put_set(&sets[i]);
		if (i + 1 == n_sets || sets[i].hdr.cpu != sets[i + 1].hdr.cpu)
			js_items_end(']');
	}
	free(sets);
	free(misses);
	sets = NULL;
	misses = NULL;
	n_sets = n_misses = sets_room = misses_room = 0;
}
