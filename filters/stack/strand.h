/* SPDX-License-Identifier: MIT */
/* Calls that return in order: of an entry to the kernel, or of a task outside of any. */
#ifndef MT_STACK_STRAND_H
#define MT_STACK_STRAND_H

#include "nodes.h"

/*
 * A strand may run on several stacks, one after the other: an interrupt comes
 * on that of the task and goes on on the cpu's own.  Slots of one stack only
 * are comparable, so the frames of each are a segment; in it slots fall.
 */
#define SEGMENTS 8

struct strand {
	struct frame {
		uint64_t slot;		/* of the return address */
		uint32_t node;
	} *frames;
	size_t n, room;
	size_t segment[SEGMENTS];	/* first frame of each */
	unsigned n_segments;
	uint32_t root;			/* node below the frames */
	bool no_slots;			/* the log does not tell them: slots are made up */
};

/* The node of the innermost frame. */
uint32_t strand_top(const struct strand *s);

/* Is the slot on the stack of the innermost frame? */
bool strand_is_on(const struct strand *s, uint64_t slot);

/* process: of the return address. */
void strand_call(struct strand *s, struct nodes *t, const struct mt_call *c, uint32_t process);
void strand_return(struct strand *s, const struct nodes *t, const struct mt_call *c);

/* Back in user code, frames of the kernel are dead: how it was left was not seen. */
void strand_leave_kernel(struct strand *s);

/* No frames. */
void strand_drop(struct strand *s);

#endif
