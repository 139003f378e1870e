/* SPDX-License-Identifier: MIT */
/*
 * Work on several threads: jobs go in and come out in the same order, and there
 * are only so many of them, which bounds the memory.
 */
#ifndef MT_POOL_H
#define MT_POOL_H

#include "mt.h"

struct mt_pool;

/*
 * Jobs are of job_bytes, zeros at first; they are used again and again, so what
 * they point to may stay for the next time.  work is called on thread number
 * 0 to threads - 1.  NULL when there is no memory or no thread.
 */
struct mt_pool *mt_pool_new(unsigned threads, size_t job_bytes,
			    void (*work)(void *arg, unsigned thread, void *job), void *arg);

/* A job to be filled, or NULL when all are under way: take one first. */
void *mt_pool_idle(struct mt_pool *p);

/* Starts the idle job. */
void mt_pool_submit(struct mt_pool *p);

/* Waits for the oldest job; NULL when none is under way.  Its next call ends the job's life. */
void *mt_pool_take(struct mt_pool *p);

/* Ends the threads; release gets each job, for what it points to.  p may be NULL. */
void mt_pool_free(struct mt_pool *p, void (*release)(void *job));

#endif
