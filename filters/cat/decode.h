/* SPDX-License-Identifier: MIT */
/* Decodes the blocks of a log, and leaves out what does not pass, on several threads. */
#ifndef CAT_DECODE_H
#define CAT_DECODE_H

#include "../libmt/mt_log.h"
#include "../libmt/mt_pool.h"

struct decoding {
	struct mt_log_block block;
	uint64_t offset;		/* in the file, for messages */
	uint64_t number;		/* of the block in the file, states not counted */
	uint64_t skipped;		/* records of blocks left out before this one */
	bool others;			/* all but the accesses will do */
	unsigned char *payload;
	size_t payload_room;
	unsigned char *records;		/* in area, or in own */
	struct mt_area area;		/* that can be given to a pipe */
	bool given;			/* it was: whoever did it says so */
	unsigned char *own;
	size_t own_room;
	size_t used;			/* bytes of records that passed */
	uint32_t kept;			/* how many */
	bool marked;			/* has a begin or end record; then nothing was left out */
	const char *error;		/* could not be decoded: why; else NULL */
};

struct decoder;

/* gives: records stand in areas, if there are any.  NULL when there is no memory or no thread. */
struct decoder *decoder_new(unsigned threads, bool gives);
void decoder_free(struct decoder *d);

/* As mt_pool_idle, mt_pool_submit (with a copy of the payload; -1: no memory), mt_pool_take. */
struct decoding *decoder_idle(struct decoder *d);
MT_MUST_CHECK int decoder_submit(struct decoder *d, const void *payload);
struct decoding *decoder_take(struct decoder *d);

#endif
