/* SPDX-License-Identifier: MIT */
/*
 * From when to when each cpu was seen: how much ran, for logs that do not say.
 * Accesses are not asked: of a stream in parts each part has others.
 */
#ifndef MT_LOCKS_SPANS_H
#define MT_LOCKS_SPANS_H

#include "../libmt/mt.h"

/* Zero-initialise it. */
struct spans {
	struct mt_table first, last;	/* cpu -> time of its first and last record */
};

void spans_note(struct spans *s, const struct mt_hdr *rec);
uint64_t spans_sum(const struct spans *s);
uint64_t spans_cpus(const struct spans *s);
void spans_release(struct spans *s);

#endif
