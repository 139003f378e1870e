/* SPDX-License-Identifier: MIT */
/* Whole stacks: equal ones are one node. */
#ifndef MT_STACK_NODES_H
#define MT_STACK_NODES_H

#include "../libmt/mt.h"

struct node {
	uint64_t pc;
	uint32_t parent;		/* index; 0: none */
	uint32_t process, number;
	uint32_t next;			/* with the same key */
	uint32_t id;			/* of its stack record; 0: not defined yet */
	uint32_t depth;
	uint32_t frame;			/* MT_stack_frame_... */
};

struct nodes {
	struct node *node;		/* [0] is no node */
	size_t n, room;
	struct mt_table of;		/* hash -> first node with it */
	uint64_t depth_limit;
	uint64_t seed;
	uint32_t n_ids;
};

/* A stream begins: no nodes.  Zero-initialise and set depth_limit before the first. */
void nodes_begin(struct nodes *t);

/* The stack with one more frame; deeper than the limit, they are all one. */
uint32_t nodes_push(struct nodes *t, uint32_t parent, struct node frame);

/* The id of a node, defined ahead of the record at, with all that is below it. */
uint32_t nodes_id(struct nodes *t, uint32_t node, const struct mt_hdr *at, struct mt_writer *out);

#endif
