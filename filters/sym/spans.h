/* SPDX-License-Identifier: MIT */
/*
 * Nested address ranges made flat: which is the innermost one at an address?
 * Add all, build once, then look up by binary search.
 */
#ifndef SYM_SPANS_H
#define SYM_SPANS_H

#include <stddef.h>
#include <stdint.h>

#define SYM_NO_SPAN UINT32_MAX

/* Zero-initialise it. */
struct sym_spans {
	struct sym_span { uint64_t start, end; uint32_t id; } *nested;	/* until built */
	size_t n_nested, room_nested;
	struct sym_flat { uint64_t start; uint32_t id; } *flat;
	size_t n_flat, room_flat;
};

/* start..end-1 is id's.  Of two equal ranges the one with the higher id is the inner one. */
void sym_spans_add(struct sym_spans *s, uint64_t start, uint64_t end, uint32_t id);

void sym_spans_build(struct sym_spans *s);

/* The id of the innermost range around addr, or SYM_NO_SPAN. */
uint32_t sym_spans_find(const struct sym_spans *s, uint64_t addr);

#endif
