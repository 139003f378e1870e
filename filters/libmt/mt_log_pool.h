/* SPDX-License-Identifier: MIT */
/*
 * Decodes blocks on several threads: jobs go in and come out in the same
 * order, and there are only so many of them, which bounds the memory.
 */
#ifndef MT_LOG_POOL_H
#define MT_LOG_POOL_H

#include "mt_log.h"

struct mt_log_job {
	struct mt_log_block block;
	uint64_t offset;		/* in the file, for messages */
	uint64_t number;		/* of the block in the file */
	uint64_t skipped;		/* records of blocks left out before this one */
	unsigned char *payload;
	size_t payload_room;
	unsigned char *records;
	size_t records_room;
	size_t used;			/* bytes of records left after the filter */
	uint32_t kept;			/* how many */
	bool marked;			/* has a begin or end record; then nothing was filtered */
	const char *error;		/* could not be decoded: why; else NULL */
};

/* Called on a thread of the pool for a job that could be decoded. */
typedef void mt_log_filter(void *arg, struct mt_log_job *job);

struct mt_log_pool;

/* NULL when there is no memory or no thread. */
struct mt_log_pool *mt_log_pool_new(unsigned threads, mt_log_filter *filter, void *arg);
void mt_log_pool_free(struct mt_log_pool *p);

/* A job to be filled, or NULL when all are under way: take one first. */
struct mt_log_job *mt_log_pool_idle(struct mt_log_pool *p);

/* Starts the idle job, with a copy of the payload; -1 when there is no memory. */
MT_MUST_CHECK int mt_log_pool_submit(struct mt_log_pool *p, const void *payload);

/* Waits for the oldest job; NULL when none is under way.  Its next call ends the job's life. */
struct mt_log_job *mt_log_pool_take(struct mt_log_pool *p);

#endif
