/* SPDX-License-Identifier: MIT */
/*
 * A compiled condition: leaves that each test one thing and say where to go
 * on.  There is no negation but in leaves, so that unknown is simply "no".
 */
#ifndef EXPR_PROGRAM_H
#define EXPR_PROGRAM_H

#include "expr.h"

#define EXPR_STEPS 4			/* names in object.pc.function and the like */

/* Where a value comes from. */
enum expr_how {
	VALUE_UNKNOWN,
	VALUE_NUMBER,
	VALUE_STRING,
	VALUE_FIELD,		/* number at the end of path */
	VALUE_STRING_FIELD,	/* string at the end of path */
	VALUE_RUNNING,
	VALUE_RUNNING_STRING,
	VALUE_ADD, VALUE_SUB, VALUE_BITS,
};

/* A number or a string that a record yields. */
struct expr_value {
	enum expr_how how;
	uint64_t number;		/* or enum expr_running */
	const char *string;
	const struct mt_field_info *path[EXPR_STEPS];	/* all but the last are references */
	unsigned steps;
	struct expr_value *a, *b;
	struct expr_value *made_before;	/* all stay until the program ends */
};

enum expr_test {
	/* a plain field of 1, 2, 4, 8 bytes at offset: within lo to lo + span */
	TEST_RANGE8, TEST_RANGE4, TEST_RANGE2, TEST_RANGE1,
	/* ... has a bit of lo */
	TEST_BITS8, TEST_BITS4, TEST_BITS2, TEST_BITS1,
	TEST_SET,			/* value a is in ranges */
	TEST_COMPARE,			/* numbers a and b, by op */
	TEST_STRINGS,			/* strings a and b, by op */
	TEST_MATCH,			/* string a matches pattern */
	TEST_TOUCHES,			/* a to a + b meets ranges */
	TEST_IN_SCOPE,			/* a scope named string is open */
};

struct expr_range { uint64_t lo, hi; };

struct expr_leaf {
	uint64_t lo, span;
	uint16_t offset;
	uint8_t test;			/* enum expr_test */
	bool negated;
	int pass, fail;			/* next leaf, or ACCEPT or REJECT */

	/* what the rarer tests need */
	enum expr_op op;
	struct expr_value *a, *b;
	struct expr_range *ranges;	/* sorted, apart */
	size_t n_ranges;
	const void *pattern;
	const char *string;
};

enum { ACCEPT = -1, REJECT = -2 };

struct expr_program {
	int entry;
	int n_leaves;
	struct expr_leaf *leaves;
	const struct expr_state *state;
	struct expr_program *made_before;	/* as with values */
};

/* a.b.c from a record of type t: how many steps, 0 when there is no such thing. */
unsigned expr_walk(const struct mt_type *t, const char *name, const struct mt_field_info **path);

/* The named values that stand beside what is compared with e, or NULL. */
const struct mt_value *expr_values_of(const struct expr *e, const struct mt_type *t);

#endif
