/* SPDX-License-Identifier: MIT */
/* Reads a log: all of its blocks, or those that an index says may pass. */
#ifndef CAT_LOG_H
#define CAT_LOG_H

#include "../libmt/mt_log.h"

/*
 * The log behind an initialised reader, on so many threads.  With follow it is
 * the file of that name, and read as it grows, until it is closed by its index,
 * replaced, or a signal says that it is enough.
 */
void cat_log(struct mt_log_reader *in, unsigned threads, const char *follow);

/* Its blocks, as text. */
void cat_list(struct mt_log_reader *in);

#endif
