/* SPDX-License-Identifier: MIT */
/* One row of mt-shared, from the sites that it is made of. */
#ifndef MT_SHARED_ROW_H
#define MT_SHARED_ROW_H

#include "numbers.h"
#include "report.h"

/* A site as a part of a row. */
struct ref {
	uint64_t key[3];		/* of the row */
	const struct site *site;
};

/* A report under construction. */
struct report {
	struct lines *t;
	const struct groups *g;
	const struct report_options *o;
	struct mt_writer *out;
	struct site *sites;
	struct ref *refs;
	size_t n_refs;			/* and sites */
	struct numbers lines, readers, writers, cpus;	/* scratch, of a row */
	uint64_t *of_cpu;		/* scratch: accesses, by index in t->cpu */
	size_t n_cpus;			/* to spread accesses over */
	struct part *parts;		/* by tally */
	size_t n_parts;
};

/* Orders of what the log says; of sites the one to show comes first. */
int compare_contexts(const struct context *a, const struct context *b);
int compare_sites(const struct site *a, const struct site *b);
uint64_t site_accesses(const struct site *s);

/* Before the first row: what all of them need. */
void row_prepare(struct report *r);
void row_release(struct report *r);

/* Sorts refs by key, process and pc. */
void row_sort(struct ref *refs, size_t n, unsigned by);

/* The site that a row shows, of n sorted ones; of those of one line, which it sorts as it needs. */
const struct ref *row_top(const struct ref *refs, size_t n);
const struct ref *row_top_of_line(struct ref *refs, size_t n);

/* Writes the row of n sites, that shows top; or each of them, for BY_USE. */
void row_put(struct report *r, const struct ref *refs, size_t n, const struct ref *top);

#endif
