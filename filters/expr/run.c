/* SPDX-License-Identifier: MIT */
/* Running a compiled condition on a record, or on many accesses at once. */
#include <regex.h>
#include <string.h>

#include "program.h"

/* The record that holds the last field of a path; NULL when one is missing. */
static const struct mt_hdr *walk(const struct expr_state *s, const struct expr_value *v,
				 const struct mt_hdr *rec)
{
	for (unsigned i = 0; rec && i + 1 < v->steps; i++)
		rec = mt_names_follow(&s->names, rec, v->path[i]);
	return rec;
}

static bool number_of(const struct expr_state *s, const struct expr_value *v,
		      const struct mt_hdr *rec, uint64_t *n)
{
	uint64_t a, b;

	switch (v->how) {
	case VALUE_NUMBER:
		*n = v->number;
		return true;
	case VALUE_FIELD:
		rec = walk(s, v, rec);
		if (rec)
			*n = mt_field_u64(rec, v->path[v->steps - 1]);
		return rec;
	case VALUE_RUNNING:
		return expr_running_number(s, (enum expr_running)v->number, rec, n);
	case VALUE_ADD:
	case VALUE_SUB:
	case VALUE_BITS:
		if (!number_of(s, v->a, rec, &a) || !number_of(s, v->b, rec, &b))
			return false;
		*n = v->how == VALUE_ADD ? a + b : v->how == VALUE_SUB ? a - b : a & b;
		return true;
	default:
		return false;
	}
}

static const char *string_of(const struct expr_state *s, const struct expr_value *v,
			     const struct mt_hdr *rec)
{
	switch (v->how) {
	case VALUE_STRING:
		return v->string;
	case VALUE_STRING_FIELD:
		rec = walk(s, v, rec);
		return rec ? mt_string(rec, v->path[v->steps - 1]->offset) : NULL;
	case VALUE_RUNNING_STRING:
		return expr_running_string(s, (enum expr_running)v->number, rec);
	default:
		return NULL;
	}
}

/* ---- tests: true, false or unknown ------------------------------------- */

enum truth { FALSE, TRUE, UNKNOWN };

static bool in_ranges(const struct expr_leaf *l, uint64_t n)
{
	size_t lo = 0, hi = l->n_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n < l->ranges[mid].lo)
			hi = mid;
		else if (n > l->ranges[mid].hi)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

/* The ranges are apart and sorted, but an extent can span several: look at all. */
static bool touches(const struct expr_leaf *l, uint64_t addr, uint64_t extent)
{
	for (size_t i = 0; i < l->n_ranges; i++) {
		const struct expr_range *r = &l->ranges[i];

		if (addr - r->lo <= r->hi - r->lo || r->lo - addr < extent)
			return true;
	}
	return false;
}

static bool compared(enum expr_op op, int order)
{
	switch (op) {
	case EXPR_EQ: return order == 0;
	case EXPR_NE: return order != 0;
	case EXPR_LT: return order < 0;
	case EXPR_LE: return order <= 0;
	case EXPR_GT: return order > 0;
	default: return order >= 0;
	}
}

static enum truth rare(const struct expr_state *s, const struct expr_leaf *l,
		       const struct mt_hdr *rec)
{
	const char *x, *y;
	uint64_t a = 0, b = 1;
	bool inside;

	switch (l->test) {
	case TEST_IN_SCOPE:
		return expr_in_scope(s, rec, l->string, &inside) ? (enum truth)inside : UNKNOWN;
	case TEST_MATCH:
		x = string_of(s, l->a, rec);
		return x ? (enum truth)!regexec(l->pattern, x, 0, NULL, 0) : UNKNOWN;
	case TEST_STRINGS:
		x = string_of(s, l->a, rec);
		y = string_of(s, l->b, rec);
		return x && y ? (enum truth)compared(l->op, strcmp(x, y)) : UNKNOWN;
	}
	if (!number_of(s, l->a, rec, &a) || (l->b && !number_of(s, l->b, rec, &b)))
		return UNKNOWN;
	if (l->test == TEST_SET)
		return (enum truth)in_ranges(l, a);
	if (l->test == TEST_TOUCHES)
		return (enum truth)touches(l, a, b);
	return (enum truth)compared(l->op, a < b ? -1 : a > b);
}

#define AT(type) (*(const type *)((const unsigned char *)rec + l->offset))

/* From leaf number at on; it may be ACCEPT or REJECT already. */
static bool run_from(const struct expr_program *p, int at, const struct mt_hdr *rec)
{
	while (at >= 0) {
		const struct expr_leaf *l = &p->leaves[at];
		enum truth is;

		switch (l->test) {
		case TEST_RANGE8: is = AT(uint64_t) - l->lo <= l->span; break;
		case TEST_RANGE4: is = AT(uint32_t) - l->lo <= l->span; break;
		case TEST_RANGE2: is = AT(uint16_t) - l->lo <= l->span; break;
		case TEST_RANGE1: is = AT(uint8_t) - l->lo <= l->span; break;
		case TEST_BITS8: is = (AT(uint64_t) & l->lo) != 0; break;
		case TEST_BITS4: is = (AT(uint32_t) & l->lo) != 0; break;
		case TEST_BITS2: is = (AT(uint16_t) & l->lo) != 0; break;
		case TEST_BITS1: is = (AT(uint8_t) & l->lo) != 0; break;
		default: is = rare(p->state, l, rec);
		}
		at = is != UNKNOWN && (is == TRUE) != l->negated ? l->pass : l->fail;
	}
	return at == ACCEPT;
}

bool expr_true(const struct expr_program *p, const struct mt_hdr *rec)
{
	return run_from(p, p->entry, rec);
}

/* ---- many accesses at once ----------------------------------------------- */

/* Keeps those of which[] that meet the leaf: without branches, which would be guessed wrong. */
#define NARROW(is)							\
	for (size_t i = 0; i < n; i++) {				\
		const struct mt_access *rec = &a[which[i]];		\
									\
		which[kept] = which[i];					\
		kept += (is) != l->negated;				\
	}								\
	return kept

static size_t narrow(const struct expr_leaf *leaf, const struct mt_access *a, uint16_t *which,
		     size_t n)
{
	const struct expr_leaf copy = *leaf, *l = &copy;	/* which[] is not in it */
	size_t kept = 0;

	switch (l->test) {
	case TEST_RANGE8: NARROW(AT(uint64_t) - l->lo <= l->span);
	case TEST_RANGE4: NARROW(AT(uint32_t) - l->lo <= l->span);
	case TEST_RANGE2: NARROW(AT(uint16_t) - l->lo <= l->span);
	case TEST_RANGE1: NARROW(AT(uint8_t) - l->lo <= l->span);
	case TEST_BITS8: NARROW((AT(uint64_t) & l->lo) != 0);
	case TEST_BITS4: NARROW((AT(uint32_t) & l->lo) != 0);
	case TEST_BITS2: NARROW((AT(uint16_t) & l->lo) != 0);
	case TEST_BITS1: NARROW((AT(uint8_t) & l->lo) != 0);
	default: NARROW(touches(l, rec->addr, rec->width));
	}
}

/* Can the leaf be judged for many accesses, and what does not meet it is out? */
static bool narrows(const struct expr_leaf *l)
{
	return l->fail == REJECT && (l->test < TEST_SET || l->test == TEST_TOUCHES);
}

size_t expr_select(const struct expr_program *p, const struct mt_access *a, size_t n,
		   uint16_t which[EXPR_AT_ONCE])
{
	int at = p->entry;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		which[i] = (uint16_t)i;
	for (; at >= 0 && narrows(&p->leaves[at]); at = p->leaves[at].pass)
		n = narrow(&p->leaves[at], a, which, n);
	if (at == ACCEPT)
		return n;
	for (size_t i = 0; i < n; i++)
		if (run_from(p, at, &a[which[i]].hdr))
			which[kept++] = which[i];
	return kept;
}
