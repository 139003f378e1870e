/* SPDX-License-Identifier: MIT */
/* What mt-cat.c offers to the readers of other formats. */
#ifndef CAT_H
#define CAT_H

#include "../libmt/cli.h"

/* One record of the stream, if the options let it pass; nothing is kept. */
void cat_put(const struct mt_hdr *rec);

/* For a read that may take long: what is there goes on. */
void cat_idle(void *arg);

/*
 * Damage at that byte of the file: the message, and status 1 in the end.  The
 * stream gets no end record then: cat_lost().
 */
void cat_complain(uint64_t offset, const char *what);
bool cat_lost(void);

/* The name of the file, for messages. */
const char *cat_name(void);

/*
 * A log of the original mtrace, raw or in gzip: whether it begins so, and its
 * records as a stream.  The first len bytes were read from fd already.
 */
#define CAT_CLASSIC_PEEK 6
bool cat_is_classic(const unsigned char *bytes, size_t len);
void cat_classic(int fd, const void *bytes, size_t len);

#endif
