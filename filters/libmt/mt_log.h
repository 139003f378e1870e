/* SPDX-License-Identifier: MIT */
/*
 * The log at rest: self-contained, checksummed, compressed blocks of records
 * and an index at the end.  Only mt-cat and the tracer know this format; it is
 * specified in mt-log(5).
 *
 * A block can be encoded and decoded without any other block, so several
 * processes may append to one file (each block by one write under a lock), a
 * damaged block costs only itself, and all cores can work.
 */
#ifndef MT_LOG_H
#define MT_LOG_H

#include "mt.h"

/* Records are collected up to about this many bytes for one block. */
#define MT_LOG_BLOCK (2 * 1024 * 1024)

/* Encodes blocks; one for each thread.  NULL when there is no memory. */
struct mt_log_encoder;
struct mt_log_encoder *mt_log_encoder_new(void);
void mt_log_encoder_free(struct mt_log_encoder *e);

/*
 * Encodes whole records (at most MT_LOG_BLOCK + MT_RECORD_MAX bytes of them)
 * as one block.  *block is the encoder's and lives until the next call.
 * Returns the block's length, or -1 when there is no memory.
 */
MT_MUST_CHECK long mt_log_encode(struct mt_log_encoder *e, const void *records, size_t len,
				 const void **block);

/*
 * Closes a log: hops over the block headers of the regular file fd (open for
 * reading and writing) and appends the index.  0, or -1 with errno.  A log
 * without an index is still read, block by block.
 */
MT_MUST_CHECK int mt_log_finish(int fd);

#endif
