/* SPDX-License-Identifier: MIT */
/* From lines to the rows of mt-shared. */
#ifndef MT_SHARED_REPORT_H
#define MT_SHARED_REPORT_H

#include "lines.h"

struct report_options {
	unsigned by;			/* MT_shared_by_... */
	bool all;			/* lines of one cpu or without a writer, too */
	uint64_t min_moves;
};

/*
 * Kinds of objects, numbered from 1 by first definition: by type, or where
 * none is known by name and place of allocation.  With apart, objects with
 * different names are different kinds even when they share a type: two int
 * variables are two fields.
 */
struct groups {
	bool apart;
	uint64_t n;
	struct mt_table of_object;	/* id, scrambled -> number */
	struct group_name *names;	/* uthash */
};

void groups_note(struct groups *g, const struct lines *t, const struct mt_object *o);
void groups_release(struct groups *g);

void report_rows(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out);

#endif
