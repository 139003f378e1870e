/* SPDX-License-Identifier: MIT */
/* From lines to the rows of mt-shared. */
#ifndef MT_SHARED_REPORT_H
#define MT_SHARED_REPORT_H

#include "lines.h"
#include "pairs.h"

/* What rows stand for, beside the values MT_shared_by_... */
enum { BY_USE = 64, BY_BYTE, BY_PAIR, BY_CPUS };

struct report_options {
	unsigned by;			/* MT_shared_by_... or BY_... */
	unsigned pairs;			/* MT_pair_by_..., for BY_PAIR and BY_CPUS */
	bool all;			/* lines of one cpu or without a writer, too */
	bool partial;			/* all that a report can be made of, instead of one */
	uint64_t min_moves, min_cpus;
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
	struct mt_table addr_of;	/* id, scrambled -> address of the object */
	uint32_t *first;		/* by number - 1: an object of the kind */
	size_t first_room;
	struct group_name *names;	/* uthash */
};

void groups_note(struct groups *g, const struct lines *t, const struct mt_object *o);
void groups_release(struct groups *g);

/* Number of the object's kind; 0: not known. */
uint64_t groups_of(const struct groups *g, const struct lines *t, uint32_t object);

/* By a total order of what the log says: negative when a is before b. */
int compare_numbers(uint64_t a, uint64_t b);

/* Says of all lines of what class they are, before they are reported. */
void report_classify(struct lines *t);
bool report_wants(const struct report_options *o, const struct line *l);

/* The rows of each way to report. */
void report_rows(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out);
void report_heat(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out);
void report_parts(struct lines *t, struct mt_writer *out);
/*
 * Ages of sites count over all lines, though only those of one line are compared:
 * as a rank, from 1, they are the same in a part of the stream.
 */
void report_rank_ages(struct site *sites_of_a_line, size_t n);

void report_use(const struct lines *t, const struct site *s, struct mt_writer *out);

#endif
