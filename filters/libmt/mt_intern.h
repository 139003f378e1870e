/* SPDX-License-Identifier: MIT */
/*
 * Things that are told apart by their bytes alone (names, keys of rows), as
 * numbers: from 0, in the order in which they first came.
 */
#ifndef MT_INTERN_H
#define MT_INTERN_H

#include "mt.h"

/* Zero-initialise it. */
struct mt_intern {
	struct mt_table heads;		/* hash -> number + 1 of the last thing with it */
	struct mt_interned *things;	/* by number */
	uint32_t n;
	size_t room;
	unsigned char *bytes;		/* of all things; each begins at a multiple of 8 */
	size_t used, bytes_room;
};

/* The number of these bytes, a new one if need be; -1 when there is no memory. */
MT_MUST_CHECK long mt_intern(struct mt_intern *t, const void *bytes, size_t len);

/* The bytes of a number, a NUL behind them; valid until the next mt_intern. */
const void *mt_interned(const struct mt_intern *t, uint32_t number);
const void *mt_interned_bytes(const struct mt_intern *t, uint32_t number, size_t *len);

void mt_intern_release(struct mt_intern *t);

#endif
