/* SPDX-License-Identifier: MIT */
/*
 * Conditions on records: parsed once, compiled once for each type of record,
 * then run on many records.
 *
 * Logic has three values.  A field that the record does not have, a definition
 * that the stream does not hold and a state that is not known make a comparison
 * unknown; unknown stays unknown under !, and only true passes.
 */
#ifndef EXPR_H
#define EXPR_H

#include "../libmt/cli.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_names.h"

enum expr_op {
	EXPR_OR, EXPR_AND, EXPR_NOT,			/* a b */
	EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE,	/* a b */
	EXPR_MATCH,					/* a =~ string */
	EXPR_IN,					/* a, items */
	EXPR_ADD, EXPR_SUB, EXPR_BITS,			/* a b */
	EXPR_NUMBER, EXPR_STRING, EXPR_NAME,
	/* only from options */
	EXPR_TOUCHES,		/* addr to addr + extent meets one of items */
	EXPR_DOES,		/* string names a flag of flags, or a value of op */
	EXPR_IN_SCOPE,		/* a scope of that name is open */
};

/* One element of a set: lo to hi, numbers or (lo only) a name. */
struct expr_item {
	uint64_t lo, hi;
	const char *name;
	size_t at;		/* of the name, in the text */
};

/* A node of the syntax tree. */
struct expr {
	enum expr_op op;
	struct expr *a, *b;
	uint64_t number;
	char *string;		/* of a string, a name (with its dots) or a pattern */
	struct expr_item *items;
	size_t n_items;
	void *pattern;		/* EXPR_MATCH: regex_t */
	size_t at;		/* where it stands in the text, for the caret */
	struct expr *made_before;	/* all stay until the program ends */
	bool used;		/* means something for at least one type of record */
};

/* ---- parse.c ----------------------------------------------------------- */

/* Parses the text of -e; dies with a caret under what is wrong. */
struct expr *expr_parse(const char *text);

/* Dies with the message, the text and a caret under byte number at. */
void expr_fail(const char *text, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/* Nodes for options. */
struct expr *expr_new(enum expr_op op, struct expr *a, struct expr *b);
struct expr *expr_name(const char *name);
struct expr *expr_with_string(enum expr_op op, struct expr *a, const char *string);

/*
 * Parses a set such as 0-3,7 or 0x1000-0x1fff,0x4000+64 or 5- into an EXPR_IN
 * or EXPR_TOUCHES node over a; dies naming the option otherwise.
 */
struct expr *expr_set(enum expr_op op, struct expr *a, const char *option, const char *text,
		      uint64_t max);

/* ---- track.c ----------------------------------------------------------- */

/* What runs on each cpu, and the definitions so far. */
struct expr_state {
	struct mt_names names;
	struct mt_entries entries;
	struct mt_table scopes;		/* task or cpu -> struct scopes */
	char *run;			/* name of the mode record that is on; NULL: off */
};

/* Before a record is judged, and after. */
void expr_state_before(struct expr_state *s, const struct mt_hdr *rec);
void expr_state_after(struct expr_state *s, const struct mt_hdr *rec);

/* Members of "running"; false when not known. */
enum expr_running {
	RUNNING_task, RUNNING_process, RUNNING_syscall, RUNNING_cause,	/* numbers */
	RUNNING_scope, RUNNING_run,					/* strings */
};
int expr_running_find(const char *member);	/* -1: no such member */
bool expr_running_number(const struct expr_state *s, enum expr_running what,
			 const struct mt_hdr *rec, uint64_t *n);
const char *expr_running_string(const struct expr_state *s, enum expr_running what,
				const struct mt_hdr *rec);
bool expr_in_scope(const struct expr_state *s, const struct mt_hdr *rec, const char *name,
		   bool *inside);

/* ---- compile.c --------------------------------------------------------- */

struct expr_program;

/*
 * The program of e, negated or not, for records of type t (NULL: unknown
 * kinds).  Marks what it could use in e.
 */
struct expr_program *expr_compile(struct expr *e, bool negated, const struct mt_type *t,
				  const struct expr_state *state);

/* Whether the programs look at the state, that is, need expr_state_*. */
bool expr_needs_state(void);

/* ---- check.c ----------------------------------------------------------- */

/* Once all types are compiled: dies when a part of e (from text) means nothing. */
void expr_check(const struct expr *e, const char *text);

/* Writes what expressions can name: the fields of every kind and their values. */
void expr_list_fields(void) __attribute__((noreturn));

/* ---- run.c: the per-record path ---------------------------------------- */

bool expr_true(const struct expr_program *p, const struct mt_hdr *rec);

/* So many accesses stay in the first-level cache while leaf after leaf looks at them. */
#define EXPR_AT_ONCE 512

/*
 * Which of n accesses the program, made for accesses, is true of: their indices
 * in order, and how many.  The state is the same for all of them.
 */
size_t expr_select(const struct expr_program *p, const struct mt_access *a, size_t n,
		   uint16_t which[EXPR_AT_ONCE]);

#endif
