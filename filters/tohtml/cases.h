/* SPDX-License-Identifier: MIT */
/*
 * Commutative test cases by the pair of calls that they make: how many, and in
 * how many the calls touch the same memory.
 */
#ifndef MT_TOHTML_CASES_H
#define MT_TOHTML_CASES_H

#include "page.h"

#define CALLS_MAX 64			/* with names of their own; the rest is "other" */

/* Of two runs when they are compared: now, and before. */
enum { NOW, BEFORE, RUNS };

struct cell {
	unsigned cases[RUNS], conflicted[RUNS];
	unsigned worse, better;		/* cases that have conflicts now, or had them before */
};

struct case_map {
	const char *call[CALLS_MAX + 1];	/* escaped by who prints; in the order of the map */
	size_t n;
	struct cell cell[CALLS_MAX + 1][CALLS_MAX + 1];	/* row <= column is used */
	struct cell all;
	unsigned pairs, free_pairs;	/* of calls with cases; those without any conflict now */
	bool two;			/* there is a run before */
};

void cases_note(const struct mt_hdr *rec, unsigned run);
bool cases_any(void);
const struct case_map *cases_map(void);

/* The section of the page; the map alone as a picture, as text, for LaTeX. */
void cases_print(void);
void cases_svg(bool alone);
void cases_text(void);
void cases_tikz(void);

#endif
