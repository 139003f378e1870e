/* SPDX-License-Identifier: MIT */
/* Commutativity tests: what the cpus of one run touch, and where they meet. */
#ifndef MT_SCOPES_TESTCASES_H
#define MT_SCOPES_TESTCASES_H

#include "../libmt/mt_runs.h"
#include "touches.h"

/* Zero-initialise it. */
struct testcase {
	uint64_t accesses;
	struct mt_intern sites;
	struct mt_table of_cpu;		/* -> struct footprint */
	struct mt_conflict *rows;	/* of parts of the log */
	size_t n_rows, row_room;
};

void testcase_access(struct testcase *t, const struct mt_access *a, uint32_t process);

/* Rows of a part of the log. */
void testcase_add(struct testcase *t, const struct mt_testcase *row);
void testcase_add_conflict(struct testcase *t, const struct mt_conflict *row);

/* Writes the rows of the run that ends, and forgets it. */
void testcase_report(struct testcase *t, const struct mt_runs *run, uint32_t mode, uint32_t line,
		     struct mt_writer *out);

#endif
