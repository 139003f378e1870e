/* SPDX-License-Identifier: MIT */
/*
 * mt-stack: rebuilds call stacks from calls, returns and entries.
 *
 *	strand		calls that return in order: of an entry to the kernel,
 *			or of a task outside of any
 *	frame		a call that has not returned
 *	node		a whole stack: a frame's place and the node below; equal
 *			stacks are one node, and a node that a record refers to
 *			becomes a stack record
 *
 * Calls and returns meet by the stack slot that holds the return address, never
 * by counting: a longjmp, a missed return or a tail call costs nothing, because
 * slots at or below the one in use are dead.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libmt/cli.h"
#include "libmt/mt_entries.h"

static const char help[] =
"usage: mt-stack [--depth N] <stream >stream\n"
"\n"
"Rebuilds the call stack of each access and call from the calls, returns and\n"
"entries of the stream, across interrupts and task switches, puts its id into the\n"
"field stack, and defines it by stack records ahead of its first use.  A system\n"
"call or exception stands on the stack that it interrupted.\n"
"\n"
"The log needs calls (mt-run --calls) or, of a whole guest, entries.\n"
"\n"
"  --depth N    tell only the N outermost frames of a stack apart (1024)\n"
"  --help       this text\n"
"\n"
"    mt-run --calls -o log.mt ./prog\n"
"    mt-cat log.mt | mt-stack | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-stack | mt-filter -e 'moved && stack' | mt-tojson\n";

struct node {
	uint64_t pc;
	uint32_t parent;		/* index; 0: none */
	uint32_t process, number;
	uint32_t next;			/* with the same key */
	uint32_t id;			/* of its stack record; 0: not defined yet */
	uint32_t depth;
	uint32_t frame;			/* MT_stack_frame_... */
};

struct frame {
	uint64_t slot;			/* of the return address */
	uint32_t node;
};

/*
 * A strand may run on several stacks, one after the other: an interrupt comes
 * on that of the task and goes on on the cpu's own.  Slots of one stack only
 * are comparable, so the frames of each are a segment; in it slots fall.
 */
#define SEGMENTS 8

struct strand {
	struct frame *frames;
	size_t n, room;
	size_t segment[SEGMENTS];	/* first frame of each */
	unsigned n_segments;
	uint32_t root;			/* node below the frames */
};

static uint64_t depth_limit = 1024;
static struct mt_writer out;

static struct node *nodes;		/* [0] is no node */
static size_t n_nodes, node_room;
static struct mt_table node_of;		/* hash -> first node with it */
static uint64_t seed;
static uint32_t n_ids;

static struct mt_entries entries;
static struct mt_cpus cpus;
static bool user_mode;			/* a thread is a cpu, and there are no entries */
static bool useful;			/* the stream has calls or entries */

/* ---- nodes ------------------------------------------------------------- */

/* Chains cannot be made long by who makes the log: the seed is not known. */
static uint64_t node_key(const struct node *n)
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

static uint32_t intern(struct node want)
{
	uint64_t *first = mt_xtable_put(&node_of, node_key(&want));

	for (uint32_t i = (uint32_t)*first; i; i = nodes[i].next)
		if (same_node(&nodes[i], &want))
			return i;
	if (n_nodes >= UINT32_MAX)
		mt_die(MT_FAIL, "more than 4294967294 different stacks");
	nodes = mt_xgrow(nodes, n_nodes, &node_room, sizeof(*nodes));
	want.next = (uint32_t)*first;
	nodes[n_nodes] = want;
	*first = n_nodes;
	return (uint32_t)n_nodes++;
}

/* The stack with one more frame; deeper than wanted, they are all one. */
static uint32_t push_node(uint32_t parent, struct node frame)
{
	const struct node *below = &nodes[parent];

	if (below->frame == MT_stack_frame_cut)
		return parent;
	if (below->depth >= depth_limit)
		frame = (struct node){ .frame = MT_stack_frame_cut };
	frame.parent = parent;
	frame.depth = below->depth + 1;
	return intern(frame);
}

static void put_definition(struct node *n, const struct mt_hdr *at)
{
	struct mt_stack s = {
		.hdr = { MT_KIND_stack, sizeof(s), at->cpu, at->time },
		.pc = n->pc,
		.id = n->id = ++n_ids,
		.parent = nodes[n->parent].id,
		.process = n->process,
		.number = n->number,
		.frame = n->frame,
	};

	mt_writer_put(&out, &s.hdr);
}

/* The id of a node, defined ahead of the record at, with all that is below it. */
static uint32_t stack_id(uint32_t node, const struct mt_hdr *at)
{
	static uint32_t *todo;
	static size_t room;
	size_t n = 0;

	for (uint32_t i = node; i && !nodes[i].id; i = nodes[i].parent) {
		todo = mt_xgrow(todo, n, &room, sizeof(*todo));
		todo[n++] = i;
	}
	while (n)
		put_definition(&nodes[todo[--n]], at);
	return nodes[node].id;
}

/* ---- frames ------------------------------------------------------------ */

static uint32_t top_node(const struct strand *s)
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

/* Back in user code, frames of the kernel are dead: how it was left was not seen. */
static void leave_kernel(struct strand *s)
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
 * The kernel's entry code moves its return address to another slot (and stack)
 * before it returns; such a return is known by where it goes.
 */
static void take_return(struct strand *s, const struct mt_call *c)
{
	size_t before = s->n;
	const struct node *top;

	unwind(s, c->sp);
	if (!s->n || s->n != before)
		return;
	top = &nodes[top_node(s)];
	if (top->frame == MT_stack_frame_call && top->pc == c->target)
		pop(s);
}

static void take_call(struct strand *s, const struct mt_call *c)
{
	struct node frame = {
		.pc = c->return_pc,
		.process = mt_cpus_process(&cpus, c->hdr.cpu, c->return_pc),
		.frame = MT_stack_frame_call,
	};

	if (!unwind(s, c->sp)) {
		if (s->n_segments == SEGMENTS)
			forget_segment(s);
		s->segment[s->n_segments++] = s->n;
	}
	push(s, c->sp, push_node(top_node(s), frame));
}

static void drop_frames(struct strand *s)
{
	s->n = 0;
	s->n_segments = 0;
}

/* ---- strands ----------------------------------------------------------- */

/*
 * Strands live until the end of their stream, so that no table is left with a
 * pointer to nothing, whatever the log says; those that ended are used again.
 */
static struct {
	struct mt_table of_entry, of_task, of_cpu;	/* tag, task or cpu -> struct strand */
	struct mt_table now;		/* cpu -> what runs there, once asked for */
	struct mt_table held;		/* cpu -> 1: now is that of the task before */
	struct strand **all, **unused;
	size_t n, room, n_unused, unused_room;
} strands;

static struct strand *new_strand(void)
{
	struct strand *s;

	if (strands.n_unused)
		return strands.unused[--strands.n_unused];
	strands.all = mt_xgrow(strands.all, strands.n, &strands.room, sizeof(*strands.all));
	s = strands.all[strands.n++] = mt_xcalloc(1, sizeof(*s));
	return s;
}

static struct strand *strand_in(struct mt_table *m, uint64_t key)
{
	uint64_t *place = mt_xtable_put(m, key);

	if (!*place)
		*place = (uintptr_t)new_strand();
	return (struct strand *)(uintptr_t)*place;
}

static void end_strand(struct mt_table *m, uint64_t key)
{
	const uint64_t *place = mt_table_get(m, key);
	struct strand *s = place ? (struct strand *)(uintptr_t)*place : NULL;

	if (!s)
		return;
	mt_table_remove(m, key);
	free(s->frames);
	memset(s, 0, sizeof(*s));
	strands.unused = mt_xgrow(strands.unused, strands.n_unused, &strands.unused_room,
				  sizeof(*strands.unused));
	strands.unused[strands.n_unused++] = s;
}

/* What the cpu runs outside of entries: its task. */
static struct strand *base_strand(uint32_t cpu)
{
	uint32_t task = user_mode ? 0 : mt_cpus_task(&cpus, cpu);

	return task ? strand_in(&strands.of_task, task) : strand_in(&strands.of_cpu, cpu);
}

static struct strand *strand_now(uint32_t cpu)
{
	uint64_t *now = mt_xtable_put(&strands.now, cpu);
	const struct mt_kentry *k;

	if (!*now) {
		k = mt_entries_current(&entries, cpu);
		*now = (uintptr_t)(k ? strand_in(&strands.of_entry, k->tag) : base_strand(cpu));
	}
	return (struct strand *)(uintptr_t)*now;
}

/*
 * A switch of tasks is told while the kernel still runs on the old one's stack:
 * the strand stays until the first slot on another stack.
 */
static void hold(uint32_t cpu)
{
	const struct strand *s = strand_now(cpu);

	if (s->n)
		*mt_xtable_put(&strands.held, cpu) = 1;
	else
		mt_table_remove(&strands.now, cpu);
}

static bool is_held(uint32_t cpu)
{
	return mt_table_get(&strands.held, cpu);
}

static void let_go(uint32_t cpu)
{
	mt_table_remove(&strands.held, cpu);
	mt_table_remove(&strands.now, cpu);
}

/* What was set aside for the switch is held already, or had nothing to hold. */
static void take_switch(uint32_t cpu)
{
	if (!mt_entries_aside(&entries, cpu))
		hold(cpu);
	if (!is_held(cpu))
		mt_table_remove(&strands.now, cpu);
}

/* The strand that a call or return with this slot belongs to. */
static struct strand *strand_for(uint32_t cpu, uint64_t slot)
{
	const struct strand *s = strand_now(cpu);

	if (is_held(cpu) && !(s->n && same_stack(s->frames[s->n - 1].slot, slot)))
		let_go(cpu);
	return strand_now(cpu);
}

static void clear_strands(void)
{
	for (size_t i = 0; i < strands.n; i++) {
		free(strands.all[i]->frames);
		free(strands.all[i]);
	}
	strands.n = strands.n_unused = 0;
	mt_table_release(&strands.of_entry);
	mt_table_release(&strands.of_task);
	mt_table_release(&strands.of_cpu);
	mt_table_release(&strands.now);
	mt_table_release(&strands.held);
}

/* ---- entries and tasks ------------------------------------------------- */

/* Interrupts come at any time: they are nobody's. */
static bool stands_on_another(unsigned cause)
{
	return cause == MT_entry_cause_syscall || cause == MT_entry_cause_exception;
}

static uint32_t node_below(const struct mt_kentry *k)
{
	if (!stands_on_another(k->cause))
		return 0;
	if (k->has_below)
		return top_node(strand_in(&strands.of_entry, k->below));
	return top_node(base_strand(k->cpu));
}

static void start(const struct mt_kentry *k)
{
	bool known = k->cause <= MT_entry_cause_scheduler;
	struct strand *s = strand_in(&strands.of_entry, k->tag);
	struct node frame = {
		.pc = k->pc,
		.process = mt_cpus_process(&cpus, k->cpu, k->pc),
		.number = k->number,
		.frame = known ? k->cause + 1u : MT_stack_frame_interrupt,
	};

	drop_frames(s);
	s->root = push_node(node_below(k), frame);
}

static void note_entries(const struct mt_hdr *rec)
{
	if (mt_entries_note(&entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

static void take_entry(const struct mt_entry *e)
{
	bool known = mt_entries_find(&entries, e->tag);

	if (e->state == MT_entry_state_pause)
		hold(e->hdr.cpu);
	note_entries(&e->hdr);
	if (e->state == MT_entry_state_start || e->state == MT_entry_state_done ||
	    (e->state == MT_entry_state_resume && !is_held(e->hdr.cpu)))
		let_go(e->hdr.cpu);
	if (e->state == MT_entry_state_done)
		end_strand(&strands.of_entry, e->tag);
	else if (e->state == MT_entry_state_start || (e->state == MT_entry_state_resume && !known))
		start(mt_entries_find(&entries, e->tag));
}

/*
 * Another program: the frames of the old one are gone.  A mere change of name
 * is told by the same record, but not from within this system call.
 */
static bool is_exec(const struct mt_task *t)
{
	const struct mt_kentry *k = mt_entries_current(&entries, t->hdr.cpu);

	return t->op == MT_task_op_exec && k && k->cause == MT_entry_cause_syscall &&
	       (k->number == 59 || k->number == 322);	/* execve, execveat */
}

static void take_task(const struct mt_task *t)
{
	if (t->op == MT_task_op_exec && !is_exec(t))
		return;
	end_strand(&strands.of_task, t->task);
	mt_table_release(&strands.now);
}

/* While nothing is recorded, calls and returns go by unseen, and entries too. */
static void take_mode(const struct mt_mode *m)
{
	if (m->mode == MT_mode_off)
		clear_strands();
}

/* ---- records ----------------------------------------------------------- */

static void begin(const struct mt_begin *b)
{
	clear_strands();
	mt_table_release(&node_of);
	n_nodes = 1;
	n_ids = 0;
	user_mode = b->machine == MT_machine_user;
}

static void take_context(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_switch)
		take_switch(rec->cpu);
	if (rec->kind != MT_KIND_entry)
		note_entries(rec);
	mt_xcpus_note(&cpus, rec);
	switch (rec->kind) {
	case MT_KIND_begin:
		begin((const struct mt_begin *)rec);
		break;
	case MT_KIND_entry:
		useful = true;
		take_entry((const struct mt_entry *)rec);
		break;
	case MT_KIND_task:
		take_task((const struct mt_task *)rec);
		break;
	case MT_KIND_mode:
		take_mode((const struct mt_mode *)rec);
		break;
	}
}

/* An instruction runs on the stack that was there before it. */
static void take(struct mt_hdr *rec)
{
	struct mt_access *a = (struct mt_access *)rec;
	struct mt_call *c = (struct mt_call *)rec;
	struct strand *s;

	if (rec->kind == MT_KIND_access) {
		s = strand_now(rec->cpu);
		if (!(a->pc >> 63))
			leave_kernel(s);
		a->stack = stack_id(top_node(s), rec);
	} else if (rec->kind == MT_KIND_call) {
		useful = true;
		s = strand_for(rec->cpu, c->sp);
		if (!(c->pc >> 63))
			leave_kernel(s);
		c->stack = stack_id(top_node(s), rec);
		if (c->op == MT_call_op_ret)
			take_return(s, c);
		else
			take_call(s, c);
	} else if (rec->kind == MT_KIND_stack) {
		return;			/* of an earlier mt-stack: all are defined anew */
	} else {
		take_context(rec);
	}
	mt_writer_put(&out, rec);
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "depth", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'd': depth_limit = mt_number("--depth", optarg, UINT32_MAX - 1); break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)&in;	/* early boot: any number will do */
	nodes = mt_xgrow(nodes, 0, &node_room, sizeof(*nodes));
	memset(&nodes[0], 0, sizeof(nodes[0]));
	mt_open_input(&in);
	mt_open_output(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		take((struct mt_hdr *)rec);	/* it is in our buffer */
	status = mt_close(&in, got, &out);
	if (status == MT_OK && !useful)
		mt_warn("standard input: no calls and no entries in it: record them (mt-run --calls)");
	return status;
}
