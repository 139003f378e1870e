/* SPDX-License-Identifier: MIT */
/*
 * Who shares what: an index from things (words of memory, abstract variables)
 * to the scopes that use them, by rank.
 */
#ifndef MT_SCOPES_INDEX_H
#define MT_SCOPES_INDEX_H

#include <stddef.h>
#include <stdint.h>

/* What one scope does with one thing: bits for its bytes (a variable has one). */
struct posting {
	uint64_t thing;
	uint32_t rank;			/* of the scope */
	uint8_t read, written;
};

/* The scopes of one thing: first those that write, then the others, each by rank. */
struct group { size_t first, readers, end; };

/* What a scope does with the things that others share, scope by scope. */
struct use {
	uint32_t group;
	uint8_t read, written;
};

/* Zero-initialise it. */
struct index {
	struct posting *postings;
	size_t n, room;
	/* after index_finish */
	struct group *groups;
	size_t n_groups;
	struct use *uses;		/* those of rank r from of[r] to of[r + 1] */
	size_t *of;
};

void index_add(struct index *x, struct posting p);
void index_finish(struct index *x, uint32_t n_ranks);

/*
 * How much each scope with a higher rank shares with this one, in bytes, one
 * of both writing: adds to amount[rank].  Ranks that were 0 before go to hits,
 * n_hits of them so far; returns the new n_hits.
 */
size_t index_shared(const struct index *x, uint32_t rank, uint32_t *amount, uint32_t *hits,
		    size_t n_hits);

void index_release(struct index *x);

#endif
