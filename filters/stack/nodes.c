/* SPDX-License-Identifier: MIT */
/* Whole stacks: a frame on another stack. */
#include <string.h>
#include <sys/random.h>

#include "../libmt/cli.h"
#include "nodes.h"

void nodes_begin(struct nodes *t)
{
	if (!t->seed && getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)t;	/* early boot: any number will do */
	mt_table_release(&t->of);
	t->node = mt_xgrow(t->node, 0, &t->room, sizeof(*t->node));
	memset(&t->node[0], 0, sizeof(t->node[0]));
	t->n = 1;
	t->n_ids = 0;
}

/* Chains cannot be made long by who makes the log: the seed is not known. */
static uint64_t node_key(uint64_t seed, const struct node *n)
{
	uint64_t h = (n->pc ^ seed) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32 ^ n->parent ^ (uint64_t)n->process << 32) * (seed | 1);
	return (h ^ h >> 29 ^ n->number ^ (uint64_t)n->frame << 32) * 0xd6e8feb86659fd93ull;
}

static bool same_node(const struct node *a, const struct node *b)
{
	return a->pc == b->pc && a->parent == b->parent && a->process == b->process &&
	       a->number == b->number && a->frame == b->frame;
}

static uint32_t intern(struct nodes *t, struct node want)
{
	uint64_t *first = mt_xtable_put(&t->of, node_key(t->seed, &want));

	for (uint32_t i = (uint32_t)*first; i; i = t->node[i].next)
		if (same_node(&t->node[i], &want))
			return i;
	if (t->n >= UINT32_MAX)
		mt_die(MT_FAIL, "more than 4294967294 different stacks");
	t->node = mt_xgrow(t->node, t->n, &t->room, sizeof(*t->node));
	want.next = (uint32_t)*first;
	t->node[t->n] = want;
	*first = t->n;
	return (uint32_t)t->n++;
}

uint32_t nodes_push(struct nodes *t, uint32_t parent, struct node frame)
{
	const struct node *below = &t->node[parent];

	if (below->frame == MT_stack_frame_cut)
		return parent;
	if (below->depth >= t->depth_limit)
		frame = (struct node){ .frame = MT_stack_frame_cut };
	frame.parent = parent;
	frame.depth = below->depth + 1;
	return intern(t, frame);
}

static void put_definition(struct nodes *t, struct node *n, const struct mt_hdr *at,
			   struct mt_writer *out)
{
	struct mt_stack s = {
		.hdr = { MT_KIND_stack, sizeof(s), at->cpu, at->time },
		.pc = n->pc,
		.id = n->id = ++t->n_ids,
		.parent = t->node[n->parent].id,
		.process = n->process,
		.number = n->number,
		.frame = n->frame,
	};

	mt_writer_put(out, &s.hdr);
}

uint32_t nodes_id(struct nodes *t, uint32_t node, const struct mt_hdr *at, struct mt_writer *out)
{
	static uint32_t *todo;
	static size_t room;
	size_t n = 0;

	for (uint32_t i = node; i && !t->node[i].id; i = t->node[i].parent) {
		todo = mt_xgrow(todo, n, &room, sizeof(*todo));
		todo[n++] = i;
	}
	while (n)
		put_definition(t, &t->node[todo[--n]], at, out);
	return t->node[node].id;
}
