/* SPDX-License-Identifier: MIT */
/*
 * An index of words: a table in memory for each worker, that goes to a sorted
 * file (a run) whenever it is full; at the end the runs are merged into a
 * database.  Words are letters, digits and _; letters are lower case in the index.
 */
#ifndef PSEARCHY_INDEX_H
#define PSEARCHY_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORD_MAX   200			/* bytes; the rest of a longer word is left out */
#define TABLE_MIN  (64 << 10)
#define TABLE_MAX  (1 << 30)

/* A word occurs in that file at that byte. */
struct posting {
	uint32_t file, offset;
};

struct table {
	char *memory;			/* words and their postings, all by their offset */
	uint32_t bytes, used;
	uint32_t *slot, slots, words;	/* a power of two; words by their hash, 0: none */
	uint64_t postings;		/* of all runs */
	int runs;
	char prefix[256];		/* run n is PREFIX.n */
};

void table_init(struct table *t, uint32_t bytes, const char *prefix);
void table_add(struct table *t, const char *word, size_t length, struct posting p);
/* Writes what is in the table to a new run, sorted by word, and empties it. */
void table_flush(struct table *t);
void table_release(struct table *t);

/* A record of a run is such a header, the word and the postings. */
struct run_header {
	uint32_t length, postings;
};

/* Merges the runs into a new database; removes them. */
void merge_runs(const struct table *t, const char *database);

/* Prints "WORD FILE:OFFSET" for each posting of the words, or of all, in DIR. */
void query(const char *dir, char **words);

#endif
