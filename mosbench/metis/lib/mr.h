/* SPDX-License-Identifier: MIT */
/*
 * MapReduce in shared memory.  A job's input is cut into tasks; workers, a thread
 * pinned to each cpu, map them: they emit keys with values into tables of their
 * own.  Then they reduce: all values of a key come together, and are combined or
 * kept.  Then they merge what the partitions gave, so that the result is sorted.
 *
 *	struct mr_job job = { .input = text, .bytes = n, .map = count_words,
 *			      .combine = add, .workers = 4 };
 *
 *	mr_run(&job);
 *	for (i = 0; i < job.pairs; i++)
 *		... job.pair[i]->text, job.pair[i]->value ...
 *	mr_release(&job);
 *
 * Keys are bytes that stay where they are while the job's result is used: in the
 * input, or static.  The result does not depend on the number of workers.
 */
#ifndef MR_H
#define MR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_worker;

/* A key and what became of its values. */
struct mr_pair {
	const char *text;
	uint32_t length, hash;
	uint64_t values;		/* emitted */
	uint64_t value;			/* all of them combined */
	const uint64_t *kept;		/* or all of them, in order, if nothing combines them */
};

struct mr_job {
	const char *input;
	size_t bytes;
	size_t unit;			/* tasks are so many bytes or a multiple; 0: words stay whole */
	long workers;
	bool huge;			/* ask for huge pages for all that is allocated */
	void (*map)(struct mr_worker *, const char *input, size_t bytes);
	uint64_t (*combine)(uint64_t, uint64_t);	/* of any order; NULL: values are kept */

	struct mr_pair **pair;		/* the result, by key */
	size_t pairs;
	struct mr_run *run;		/* of the library */
};

/* Runs a job, and fails with a message if there is no memory. */
void mr_run(struct mr_job *job);
/* Frees the result. */
void mr_release(struct mr_job *job);

/* For map: a key occurs with that value. */
void mr_emit(struct mr_worker *w, const char *key, size_t length, uint64_t value);

/* Letters, digits and _ make words. */
bool mr_in_word(char c);

/* ---- memory of one worker, freed as a whole ---------------------------------------- */

struct arena {
	char *chunk;			/* the last one; its first bytes point to the one before */
	size_t used, size;
	bool huge;
};

/* Zeroed, at a multiple of 16. */
void *arena_take(struct arena *a, size_t bytes);
void arena_release(struct arena *a);

#endif
