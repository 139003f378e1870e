/* SPDX-License-Identifier: MIT */
/*
 * The runs of a stream: a run goes from a mode record that switches recording
 * on to the one that switches it off or names another run, or to the end.
 * What was recorded from the start (begin has a mode) is a run without a name.
 */
#ifndef MT_RUNS_H
#define MT_RUNS_H

#include "mt.h"

/* Zero-initialise it. */
struct mt_runs {
	uint64_t number;		/* of the run, from 1 in its stream */
	uint32_t mode;			/* MT_mode_..., of accesses that come */
	bool on;			/* inside a run */
	char *name;			/* never NULL after a begin */
};

/* What a record does to runs.  One that ends a run and begins another does both. */
enum { MT_RUN_ENDS = 1, MT_RUN_BEGINS = 2 };

/*
 * What the record will do, and what it does; -1 when there is no memory.  Who
 * reports a run asks first, reports, and then notes the record.
 */
MT_MUST_CHECK int mt_runs_change(const struct mt_runs *r, const struct mt_hdr *rec);
MT_MUST_CHECK int mt_runs_note(struct mt_runs *r, const struct mt_hdr *rec);

void mt_runs_release(struct mt_runs *r);

#endif
