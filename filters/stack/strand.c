/* SPDX-License-Identifier: MIT */
/* Frames by the stack slots that hold their return addresses. */
#include <string.h>

#include "../libmt/cli.h"
#include "strand.h"

uint32_t strand_top(const struct strand *s)
{
	return s->n ? s->frames[s->n - 1].node : s->root;
}

/*
 * Are two slots on one stack?  Kernel stacks are aligned blocks of 16 KiB and
 * may lie side by side; a user's are large and apart.
 */
static bool same_stack(uint64_t a, uint64_t b)
{
	if ((a | b) >> 63)
		return a >> 14 == b >> 14;
	return (a > b ? a - b : b - a) < 1 << 20;
}

bool strand_is_on(const struct strand *s, uint64_t slot)
{
	return s->n && same_stack(s->frames[s->n - 1].slot, slot);
}

static size_t segment_end(const struct strand *s, unsigned i)
{
	return i + 1 < s->n_segments ? s->segment[i + 1] : s->n;
}

/* The segment that a slot belongs to, innermost first; -1: none. */
static int segment_of(const struct strand *s, uint64_t slot)
{
	for (int i = (int)s->n_segments - 1; i >= 0; i--) {
		uint64_t high = s->frames[s->segment[i]].slot;
		uint64_t low = s->frames[segment_end(s, (unsigned)i) - 1].slot;

		if ((low <= slot && slot <= high) || same_stack(slot, low) || same_stack(slot, high))
			return i;
	}
	return -1;
}

/* Frames with slots up to this one are dead.  False: it is on a stack that is not known. */
static bool unwind(struct strand *s, uint64_t slot)
{
	int i = segment_of(s, slot);

	if (i < 0)
		return false;
	s->n = segment_end(s, (unsigned)i);
	while (s->n > s->segment[i] && s->frames[s->n - 1].slot <= slot)
		s->n--;
	s->n_segments = (unsigned)i + (s->n > s->segment[i]);
	return s->n_segments == (unsigned)i + 1;
}

/* Too many stacks: the outermost frames will not be returned to. */
static void forget_segment(struct strand *s)
{
	size_t gone = s->segment[1];

	s->root = s->frames[gone - 1].node;
	memmove(s->frames, s->frames + gone, (s->n - gone) * sizeof(*s->frames));
	s->n -= gone;
	s->n_segments--;
	for (unsigned i = 0; i < s->n_segments; i++)
		s->segment[i] = s->segment[i + 1] - gone;
}

static void push(struct strand *s, uint64_t slot, uint32_t node)
{
	s->frames = mt_xgrow(s->frames, s->n, &s->room, sizeof(*s->frames));
	s->frames[s->n++] = (struct frame){ slot, node };
}

void strand_leave_kernel(struct strand *s)
{
	while (s->n_segments && s->frames[s->segment[s->n_segments - 1]].slot >> 63)
		s->n = s->segment[--s->n_segments];
}

static void pop(struct strand *s)
{
	if (--s->n == s->segment[s->n_segments - 1])
		s->n_segments--;
}

/*
 * Logs of the original do not tell the slot: each call goes one deeper, and a
 * return leaves the last one.
 */
static uint64_t slot_of(const struct strand *s, const struct mt_call *c)
{
	if (c->sp)
		return c->sp;
	if (!s->n)
		return c->target >> 63 ? UINT64_MAX - 7 : 1ull << 62;
	return s->frames[s->n - 1].slot - (c->op == MT_call_op_call ? 8 : 0);
}

/*
 * The kernel's entry code moves its return address to another slot (and stack)
 * before it returns; such a return is known by where it goes.
 */
void strand_return(struct strand *s, const struct nodes *t, const struct mt_call *c)
{
	size_t before = s->n;
	const struct node *top;

	unwind(s, slot_of(s, c));
	if (!s->n || s->n != before)
		return;
	top = &t->node[strand_top(s)];
	if (top->frame == MT_stack_frame_call && top->pc == c->target)
		pop(s);
}

void strand_call(struct strand *s, struct nodes *t, const struct mt_call *c, uint32_t process)
{
	struct node frame = {
		.pc = c->return_pc,
		.process = process,
		.frame = MT_stack_frame_call,
	};
	uint64_t slot = slot_of(s, c);

	if (!unwind(s, slot)) {
		if (s->n_segments == SEGMENTS)
			forget_segment(s);
		s->segment[s->n_segments++] = s->n;
	}
	s->no_slots = !c->sp;
	push(s, slot, nodes_push(t, strand_top(s), frame));
}

void strand_drop(struct strand *s)
{
	s->n = 0;
	s->n_segments = 0;
}
