/* SPDX-License-Identifier: MIT */
/* Nested address ranges made flat. */
#include <stdbool.h>
#include <stdlib.h>

#include "../libmt/cli.h"
#include "spans.h"

void sym_spans_add(struct sym_spans *s, uint64_t start, uint64_t end, uint32_t id)
{
	if (end <= start)
		return;
	s->nested = mt_xgrow(s->nested, s->n_nested, &s->room_nested, sizeof(*s->nested));
	s->nested[s->n_nested++] = (struct sym_span){ start, end, id };
}

/* Outer ranges before what they hold. */
static int by_start(const void *x, const void *y)
{
	const struct sym_span *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static bool in_order(const struct sym_span *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (by_start(&v[i - 1], &v[i]) > 0)
			return false;
	return true;
}

#define DIGIT 11			/* bits */

/* One pass of a stable radix sort by some bits of start - lowest. */
static void sort_digit(const struct sym_span *from, struct sym_span *to, size_t n, uint64_t lowest,
		       unsigned shift)
{
	size_t places[1 << DIGIT] = { 0 }, place = 0;

	for (size_t i = 0; i < n; i++)
		places[(from[i].start - lowest) >> shift & ((1 << DIGIT) - 1)]++;
	for (size_t d = 0; d < 1 << DIGIT; d++) {
		size_t count = places[d];

		places[d] = place;
		place += count;
	}
	for (size_t i = 0; i < n; i++)
		to[places[(from[i].start - lowest) >> shift & ((1 << DIGIT) - 1)]++] = from[i];
}

/*
 * Comparing was a quarter of the time that a big unit took.  A radix sort over
 * the few bits that differ leaves outer ranges before inner ones, if they came
 * that way, so what remains is to see whether they did.
 */
static void sort_nested(struct sym_spans *s)
{
	uint64_t low = UINT64_MAX, high = 0;
	struct sym_span *other, *swap;

	for (size_t i = 0; i < s->n_nested; i++) {
		if (s->nested[i].start < low)
			low = s->nested[i].start;
		if (s->nested[i].start > high)
			high = s->nested[i].start;
	}
	if (s->n_nested > 64 && high - low < 1ull << 3 * DIGIT) {
		other = mt_xmalloc(s->n_nested * sizeof(*other));
		for (unsigned shift = 0; (high - low) >> shift; shift += DIGIT) {
			sort_digit(s->nested, other, s->n_nested, low, shift);
			swap = s->nested;
			s->nested = other;
			other = swap;
		}
		free(other);
	}
	if (!in_order(s->nested, s->n_nested))
		qsort(s->nested, s->n_nested, sizeof(*s->nested), by_start);
}

static void emit(struct sym_spans *s, uint64_t start, uint32_t id)
{
	if (s->n_flat && s->flat[s->n_flat - 1].start == start) {
		s->flat[s->n_flat - 1].id = id;
		return;
	}
	s->flat = mt_xgrow(s->flat, s->n_flat, &s->room_flat, sizeof(*s->flat));
	s->flat[s->n_flat++] = (struct sym_flat){ start, id };
}

/*
 * Ends the open ranges that end by then.  Ranges that overlap without nesting
 * come from strange compilers and hostile files: the later one wins, and a
 * range that ended underneath it goes with it.
 */
static size_t close_until(struct sym_spans *s, const struct sym_span **open, size_t n,
			  uint64_t then)
{
	while (n && open[n - 1]->end <= then) {
		uint64_t end = open[n - 1]->end;

		while (n && open[n - 1]->end <= end)
			n--;
		emit(s, end, n ? open[n - 1]->id : SYM_NO_SPAN);
	}
	return n;
}

void sym_spans_build(struct sym_spans *s)
{
	const struct sym_span **open = mt_xmalloc((s->n_nested + 1) * sizeof(*open));
	size_t n = 0;

	sort_nested(s);
	for (size_t i = 0; i < s->n_nested; i++) {
		n = close_until(s, open, n, s->nested[i].start);
		emit(s, s->nested[i].start, s->nested[i].id);
		open[n++] = &s->nested[i];
	}
	close_until(s, open, n, UINT64_MAX);
	free(open);
	free(s->nested);
	s->nested = NULL;
	s->n_nested = s->room_nested = 0;
}

uint32_t sym_spans_find(const struct sym_spans *s, uint64_t addr)
{
	size_t low = 0, high = s->n_flat;

	while (low < high) {		/* the first one that starts above addr */
		size_t middle = low + (high - low) / 2;

		if (s->flat[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? s->flat[low - 1].id : SYM_NO_SPAN;
}
