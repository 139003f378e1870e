/* SPDX-License-Identifier: MIT */
/* Where records go: a stream, or a log whose blocks are encoded on several threads. */
#ifndef CAT_SINK_H
#define CAT_SINK_H

#include "../libmt/mt.h"

/* To standard output. */
void sink_open_stream(void);

/*
 * To a log, created or emptied; files are the inputs, ended by NULL, and must
 * not be among it.
 */
void sink_open_log(const char *name, char **files, unsigned threads);

/* Bytes of records in each block of it, before the next sink_open_log. */
void sink_set_block(uint64_t bytes);

/* A state stands in it after so many blocks, at any cost; 0: never.  Else now and then. */
void sink_set_states(uint64_t blocks);

/* One record.  End records get the count of what was put since begin. */
void sink_put(const struct mt_hdr *rec);

/* May memory go to the reader?  It can then be put with sink_give. */
bool sink_gives(void);

/* Records without begin and end among them. */
void sink_put_many(const unsigned char *records, size_t len, uint32_t n);

/* The same, of an area; true if they were given and must not be written again. */
bool sink_give(const unsigned char *records, size_t len, uint32_t n);

/* What was put so far may be waited for. */
void sink_idle(void);

void sink_close(void);

#endif
