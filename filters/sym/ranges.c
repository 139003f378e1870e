/* SPDX-License-Identifier: MIT */
/* Disjoint ranges of addresses in a treap. */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "ranges.h"

/* xorshift: the weights only have to be unrelated to the addresses. */
static uint32_t next_weight(struct sym_ranges *r)
{
	uint32_t x = r->seed ? r->seed : 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return r->seed = x;
}

static struct sym_range *merge(struct sym_range *a, struct sym_range *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->weight > b->weight) {
		a->right = merge(a->right, b);
		return a;
	}
	b->left = merge(a, b->left);
	return b;
}

/* Into *a all ranges with first < key, into *b the others. */
static void split(struct sym_range *t, uint64_t key, struct sym_range **a, struct sym_range **b)
{
	if (!t) {
		*a = *b = NULL;
	} else if (t->first < key) {
		split(t->right, key, &t->right, b);
		*a = t;
	} else {
		split(t->left, key, a, &t->left);
		*b = t;
	}
}

static void free_all(struct sym_range *t)
{
	if (!t)
		return;
	free_all(t->left);
	free_all(t->right);
	free(t);
}

static struct sym_range *new_range(struct sym_ranges *r, uint64_t first, uint64_t last,
				   uint64_t tag, void *data)
{
	struct sym_range *n = mt_xmalloc(sizeof(*n));

	*n = (struct sym_range){ .first = first, .last = last, .tag = tag, .data = data,
				 .weight = next_weight(r) };
	return n;
}

static struct sym_range *rightmost(struct sym_range *t)
{
	while (t && t->right)
		t = t->right;
	return t;
}

/* Cuts first..last out: what is below stays in *low, what is above in *high. */
static void cut(struct sym_ranges *r, uint64_t first, uint64_t last,
		struct sym_range **low, struct sym_range **high)
{
	struct sym_range *middle = NULL, *edge, *rest = NULL;

	split(r->root, first, low, &middle);
	*high = NULL;
	if (last < UINT64_MAX)
		split(middle, last + 1, &middle, high);

	edge = rightmost(*low);
	if (edge && edge->last > last)		/* first..last lies inside it */
		rest = new_range(r, last + 1, edge->last, edge->tag, edge->data);
	if (edge && edge->last >= first)
		edge->last = first - 1;
	edge = rightmost(middle);
	if (edge && edge->last > last)
		rest = new_range(r, last + 1, edge->last, edge->tag, edge->data);
	free_all(middle);
	*high = merge(rest, *high);
}

void sym_ranges_set(struct sym_ranges *r, uint64_t first, uint64_t last, uint64_t tag, void *data)
{
	struct sym_range *low, *high;

	cut(r, first, last, &low, &high);
	r->root = merge(merge(low, new_range(r, first, last, tag, data)), high);
}

void sym_ranges_unset(struct sym_ranges *r, uint64_t first, uint64_t last)
{
	struct sym_range *low, *high;

	cut(r, first, last, &low, &high);
	r->root = merge(low, high);
}

const struct sym_range *sym_ranges_below(const struct sym_ranges *r, uint64_t addr)
{
	const struct sym_range *t = r->root, *best = NULL;

	while (t) {
		if (t->first <= addr) {
			best = t;
			t = t->right;
		} else {
			t = t->left;
		}
	}
	return best;
}

void sym_ranges_release(struct sym_ranges *r)
{
	free_all(r->root);
	*r = (struct sym_ranges){ 0 };
}
