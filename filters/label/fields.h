/* SPDX-License-Identifier: MIT */
/* The fields that accesses touched. */
#ifndef MT_LABEL_FIELDS_H
#define MT_LABEL_FIELDS_H

#include "../libmt/mt.h"
#include "../sym/types.h"

#include <uthash.h>

struct field {
	uint32_t id;			/* from 1 */
	uint32_t stream;		/* in which it was defined last: the caller's */
	uint64_t offset, bytes;
	char *ctype, *path, *member_type;
	UT_hash_handle hh;
	char key[];
};

struct fields {
	struct field *all;		/* uthash, by what they say */
	struct field **of_id;
	size_t n, room;
	struct mt_table of_place;	/* type, offset, width -> id + 1 */
};

/* The field at an offset of a type, or NULL; remembered unless numbers are absurd. */
struct field *field_at(struct fields *f, struct sym_type *t, uint64_t offset, uint64_t width);

/* A type as a field of itself, without a path: says how long it is. */
struct field *field_whole(struct fields *all, struct sym_type *t);

/*
 * Calls use(arg, f) for each member of t, those of members within it, and those of
 * each element of arrays that are told apart; of unions for all that lie over
 * each other.  A field may come more than once.  Of absurd types a part.
 */
void fields_of(struct fields *all, struct sym_type *t,
	       void (*use)(const void *arg, struct field *f), const void *arg);

#endif
