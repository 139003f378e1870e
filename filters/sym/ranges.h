/* SPDX-License-Identifier: MIT */
/*
 * Disjoint ranges of addresses, ordered: what is mapped where.  A new range
 * replaces what it overlaps; the rest of a range that is cut stays.  Each
 * operation takes logarithmic time for any sequence of ranges, because the
 * sequence comes from a log.
 */
#ifndef SYM_RANGES_H
#define SYM_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct sym_range {
	uint64_t first, last;		/* both inclusive */
	uint64_t tag;			/* the owner's; copied to the pieces of a cut range */
	void *data;			/* the owner's, likewise; never freed here */
	struct sym_range *left, *right;	/* a treap: ordered by first, heaped by weight */
	uint32_t weight;
};

/* Zero-initialise it. */
struct sym_ranges { struct sym_range *root; uint32_t seed; };

/* first..last becomes one range; bytes that had another one lose it. */
void sym_ranges_set(struct sym_ranges *r, uint64_t first, uint64_t last, uint64_t tag, void *data);

/* No byte of first..last has a range any more. */
void sym_ranges_unset(struct sym_ranges *r, uint64_t first, uint64_t last);

/*
 * The range with the greatest first <= addr, or NULL: it holds addr if its
 * last >= addr.  Valid until the next change.
 */
const struct sym_range *sym_ranges_below(const struct sym_ranges *r, uint64_t addr);

void sym_ranges_release(struct sym_ranges *r);

#endif
