/* SPDX-License-Identifier: MIT */
/* Commands that read the same stream as standard output gets: one decoding for all. */
#ifndef CAT_TEE_H
#define CAT_TEE_H

#include <stdbool.h>
#include <stddef.h>

/* Of an option, before tee_start. */
void tee_add(const char *command);
bool tee_any(void);

/* From then on SIGPIPE is ignored: a command may stop to read. */
void tee_start(void);

void tee_write(const void *bytes, size_t len);

/* The same, of an area; true if some were given and must not be written again. */
bool tee_give(const void *bytes, size_t len);

/* Waits for the commands; the exit status.  Of a cut stream they complain: then we do not. */
int tee_end(bool quiet);

#endif
