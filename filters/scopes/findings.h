/* SPDX-License-Identifier: MIT */
/* What is found by pairs.c, for those who write it as rows. */
#ifndef MT_SCOPES_FINDINGS_H
#define MT_SCOPES_FINDINGS_H

#include "index.h"
#include "pairs.h"

/* A scope with its rank. */
struct ranked {
	const struct body *body;
	const struct kept *kept;
	const char *name;
	size_t operation_len;		/* of name */
	uint32_t operation;		/* number */
};

/* A row. */
struct finding {
	uint64_t bytes, pairs, most;
	uint32_t one, two;		/* ranks of the pair with most */
};

struct report {
	const struct pairs *p;
	const struct pairs_options *o;
	struct ranked *ranked;
	uint32_t n;
	struct index memory, variables;
	uint32_t *amount, *hits, *logical, *logical_hits;	/* of one scope; by rank */
	struct mt_table of_operations;	/* operation << 32 | operation -> number + 1 of the finding */
	struct finding *findings;
	size_t n_findings, finding_room;
	uint64_t left_out;		/* findings that there is no row for */
	uint64_t compared, both, only_logical, only_physical;
};

static inline const uint64_t *touches_of(const struct body *b)
{
	return b->words + b->n_vars;
}

void put_counts(const struct report *r, struct mt_writer *out);
void put_finding(const struct report *r, const struct finding *f, uint32_t line,
		 struct mt_writer *out);

#endif
