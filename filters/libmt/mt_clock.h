/* SPDX-License-Identifier: MIT */
/*
 * One clock for all cpus.  Times of two cpus cannot be compared, the order of
 * the records can: the instructions that all cpus together have executed, as
 * far as records told, grow in that order.
 */
#ifndef MT_CLOCK_H
#define MT_CLOCK_H

#include "mt.h"

/* Zero-initialise it. */
struct mt_clock {
	struct mt_table times;		/* cpu -> its last time */
	uint64_t now;
};

/* Takes any record: the clock at it; streams behind each other go on.  -1: no memory. */
MT_MUST_CHECK int mt_clock_note(struct mt_clock *c, const struct mt_hdr *rec);

void mt_clock_release(struct mt_clock *c);

#endif
