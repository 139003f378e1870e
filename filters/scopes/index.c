/* SPDX-License-Identifier: MIT */
/* The index from things to scopes. */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "index.h"

void index_add(struct index *x, struct posting p)
{
	x->postings = mt_xgrow(x->postings, x->n, &x->room, sizeof(*x->postings));
	x->postings[x->n++] = p;
}

static int by_thing(const void *pa, const void *pb)
{
	const struct posting *a = pa, *b = pb;

	if (a->thing != b->thing)
		return a->thing < b->thing ? -1 : 1;
	if (!a->written != !b->written)
		return a->written ? -1 : 1;
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Groups of things that two scopes use and one writes; drops the other postings. */
static void make_groups(struct index *x)
{
	size_t n = 0, room = 0;

	for (size_t i = 0, end; i < x->n; i = end) {
		struct group g = { n, n, n };

		for (end = i; end < x->n && x->postings[end].thing == x->postings[i].thing; end++)
			;
		if (end - i < 2 || !x->postings[i].written)
			continue;
		for (size_t k = i; k < end; k++) {
			g.readers += x->postings[k].written != 0;
			x->postings[n++] = x->postings[k];
		}
		g.end = n;
		x->groups = mt_xgrow(x->groups, x->n_groups, &room, sizeof(*x->groups));
		x->groups[x->n_groups++] = g;
	}
	x->n = n;
}

/* By rank: counted, then put in place. */
static void make_uses(struct index *x, uint32_t n_ranks)
{
	size_t *next = mt_xcalloc((size_t)n_ranks + 1, sizeof(*next));

	x->of = mt_xcalloc((size_t)n_ranks + 1, sizeof(*x->of));
	x->uses = mt_xcalloc(x->n, sizeof(*x->uses));
	for (size_t i = 0; i < x->n; i++)
		x->of[x->postings[i].rank + 1]++;
	for (uint32_t r = 0; r < n_ranks; r++) {
		x->of[r + 1] += x->of[r];
		next[r] = x->of[r];
	}
	for (size_t g = 0; g < x->n_groups; g++)
		for (size_t i = x->groups[g].first; i < x->groups[g].end; i++) {
			const struct posting *p = &x->postings[i];

			x->uses[next[p->rank]++] =
				(struct use){ (uint32_t)g, p->read, p->written };
		}
	free(next);
}

void index_finish(struct index *x, uint32_t n_ranks)
{
	if (x->n)
		qsort(x->postings, x->n, sizeof(*x->postings), by_thing);
	make_groups(x);
	make_uses(x, n_ranks);
}

/* The first posting from low to high with a higher rank. */
static size_t behind(const struct index *x, size_t low, size_t high, uint32_t rank)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->postings[middle].rank > rank)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static size_t scan(const struct index *x, const struct use *u, size_t from, size_t to,
		   uint32_t *amount, uint32_t *hits, size_t n)
{
	for (size_t i = from; i < to; i++) {
		const struct posting *p = &x->postings[i];
		unsigned shared = (u->written & (p->read | p->written)) | (u->read & p->written);

		if (!shared)
			continue;
		if (!amount[p->rank])
			hits[n++] = p->rank;
		amount[p->rank] += (uint32_t)__builtin_popcount(shared);
	}
	return n;
}

size_t index_shared(const struct index *x, uint32_t rank, uint32_t *amount, uint32_t *hits,
		    size_t n)
{
	for (size_t i = x->of[rank]; i < x->of[rank + 1]; i++) {
		const struct use *u = &x->uses[i];
		const struct group *g = &x->groups[u->group];

		n = scan(x, u, behind(x, g->first, g->readers, rank), g->readers, amount, hits, n);
		if (u->written)		/* what both only read is not shared */
			n = scan(x, u, behind(x, g->readers, g->end, rank), g->end, amount, hits, n);
	}
	return n;
}

void index_release(struct index *x)
{
	free(x->postings);
	free(x->groups);
	free(x->uses);
	free(x->of);
}
