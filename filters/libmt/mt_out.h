/* SPDX-License-Identifier: MIT */
/* Output: bytes that are gathered in front of a descriptor. */
#ifndef MT_OUT_H
#define MT_OUT_H

#include "mt_pipe.h"

/*
 * Bytes that are written together: what the pipes of this kernel like best.
 * Less means more wake-ups, more that a copy has left the cache.
 */
#define MT_OUT_BUFFER (64 * 1024)
#define MT_OUT_GIVEN (256 * 1024)	/* where they are given, not copied */
#define MT_OUT_ROOM (128 * 1024)	/* a record, of less than 64 KiB, still fits behind them */

/*
 * The first error sticks: later bytes are lost, and mt_out_flush reports it.
 * With fd -1 what was gathered is for the program itself: buf and used, which
 * may be set back to 0.
 */
struct mt_out {
	int fd;
	int error;			/* errno of the first failure; 0 */
	size_t used;
	size_t full;			/* it is written when so many are there; see MT_OUT_ROOM */
	char *buf;			/* own, or a part of area */
	struct mt_area area;
	uint64_t copies;		/* bytes that are still copied before an area is worth it */
	_Alignas(8) char own[MT_OUT_ROOM];
};

void mt_out_init(struct mt_out *o, int fd);

/* If its descriptor is a pipe, that is given memory from now on. */
void mt_out_give(struct mt_out *o);

/* Writes what was gathered; or len bytes that stand elsewhere, past it. */
void mt_out_drain(struct mt_out *o);
void mt_out_write(struct mt_out *o, const void *bytes, size_t len);

MT_MUST_CHECK int mt_out_flush(struct mt_out *o);	/* 0, or -1 with errno */
void mt_out_idle(void *out);		/* for mt_reader.idle */

#endif
