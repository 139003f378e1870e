/* SPDX-License-Identifier: MIT */
/* The order of a stream: that it begins and ends, that nothing is missing, and its range. */
#ifndef CAT_STREAM_H
#define CAT_STREAM_H

#include "../libmt/mt_state.h"
#include "cat.h"

struct decoding;

/* The file that is read from now on. */
void stream_file(const char *name);

/* The worst that happened so far. */
int stream_status(void);

/* A decoded block; records of others that were left out. */
void stream_take_block(struct decoding *job);
void stream_skip(uint64_t records);

/*
 * A range that still waits for its first event goes on with what led to here,
 * instead of what it has taken; it takes the state over.  False: it has begun.
 */
bool stream_set_state(struct mt_state *s);

/* The stream ends here, whatever might follow: as one that is whole. */
void stream_stop(void);

/* It is not whole, and that was said. */
void stream_cut(void);

/* From now on damage is mended: drop records in its place, and an end in any case. */
void stream_recover(void);

/* The file ends at that byte, perhaps too early. */
void stream_end_file(uint64_t offset);

#endif
