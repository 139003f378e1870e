/* SPDX-License-Identifier: MIT */
/*
 * Unexpected sharing: pairs of scopes that ran on different cpus, share no
 * abstract variable, and yet share memory that one of them writes.
 *
 * Scopes that did the same (name, cpus, variables, bytes) are one with a count,
 * so that memory grows with different scopes only.  Pairs are found through an
 * index from words of memory to the scopes that touch them; pairs that share
 * nothing are never looked at, only counted.
 */
#ifndef MT_SCOPES_PAIRS_H
#define MT_SCOPES_PAIRS_H

#include "open.h"

struct pairs_options {
	unsigned by;			/* MT_unexpected_by_... */
	uint32_t conflicts;		/* rows of each pair */
	uint64_t rows;			/* at most, from 1 */
};

/*
 * What a scope did, as bytes: this, then its variables (number << 2 | access,
 * sorted), then for each touch its word and mask | write << 8.
 */
struct body {
	uint32_t name, cpus;		/* numbers in names and cpu_sets */
	uint32_t n_vars, n_touches;
	uint64_t words[];
};

/* Scopes with one body. */
struct kept {
	uint64_t count;
	uint32_t id;			/* of the first of them */
	size_t sites;			/* of its touches: index in touch_sites */
};

/* Zero-initialise it. */
struct pairs {
	struct mt_intern sites;		/* of accesses */
	struct mt_table cpu_bits;	/* cpu -> bit + 1 in a set */
	uint32_t n_cpu_bits;
	struct mt_intern cpu_sets;	/* of uint64_t, as many as are needed */
	struct mt_intern bodies;	/* see struct body */
	struct kept *kept;		/* by number of the body */
	size_t kept_room;
	uint32_t *touch_sites;		/* of all touches of all bodies */
	size_t n_touch_sites, touch_site_room;
	uint64_t scopes;		/* that were kept, alike or not */
};

/* A scope has closed. */
void pairs_keep(struct pairs *p, struct scope *s);

/* Writes the counts and the rows, most bytes first. */
void pairs_report(const struct pairs *p, const struct mt_intern *names,
		  const struct pairs_options *o, uint32_t line, struct mt_writer *out);

void pairs_release(struct pairs *p);

#endif
