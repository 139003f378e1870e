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

#endif
