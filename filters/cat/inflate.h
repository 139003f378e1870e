/* SPDX-License-Identifier: MIT */
/* The bytes of a file, raw or in gzip (any number of members), in sequence. */
#ifndef CAT_INFLATE_H
#define CAT_INFLATE_H

#include "../libmt/mt.h"

#define CAT_CHUNK (256 * 1024)

/*
 * cat_bytes_need makes len bytes stand at bytes + pos; there may be fewer at
 * the end, and then error says whether the end was a good one.
 */
struct cat_bytes {
	int fd;
	void (*idle)(void *arg);	/* called before a read that would block */
	const char *error;		/* static text; NULL: all is well */
	uint64_t base;			/* offset of bytes[0], uncompressed */
	uint64_t read;			/* bytes of the file so far */
	size_t pos, used;
	struct cat_gzip *gzip;		/* NULL: raw */
	bool eof;
	unsigned char bytes[CAT_CHUNK + MT_RECORD_MAX];
};

/* The first len bytes, at most as many as bytes has room for, were read from fd already.  -1: no memory. */
MT_MUST_CHECK int cat_bytes_init(struct cat_bytes *b, int fd, const void *first, size_t len);
void cat_bytes_release(struct cat_bytes *b);

/* How many are there now: len, at most MT_RECORD_MAX, or fewer at the end. */
size_t cat_bytes_need(struct cat_bytes *b, size_t len);

#endif
