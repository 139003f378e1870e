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

#include "libmt/cli.h"
#include "libmt/mt_entries.h"
#include "stack/strand.h"

static const char help[] =
"usage: mt-stack [options] <stream >stream\n"
"\n"
"Rebuilds the call stack of each access and call from the calls, returns and\n"
"entries of the stream, across interrupts and task switches, puts its id into the\n"
"field stack, and defines it by stack records ahead of its first use.  A system\n"
"call or exception stands on the stack that it interrupted.\n"
"\n"
"The log needs calls (mt-run --calls) or, of a whole guest, entries.\n"
"\n"
"  --depth N        tell only the N outermost frames of a stack apart (1024)\n"
"  --drop-calls     pass no calls on, and define only stacks of accesses\n"
"  --kernel-apart   no user code below the kernel's frames: its stacks begin at\n"
"                   the system call or exception, whoever made it\n"
"  --help           this text\n"
"\n"
"    mt-run --calls -o log.mt ./prog\n"
"    mt-cat log.mt | mt-stack | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-stack | mt-filter -e 'moved && stack' | mt-tojson\n";

static struct mt_writer out;
static struct nodes nodes = { .depth_limit = 1024 };
static struct mt_entries entries;
static struct mt_cpus cpus;
static bool user_mode;			/* a thread is a cpu, and there are no entries */
static bool useful;			/* the stream has calls or entries */
static bool drop_calls;
static bool kernel_apart;

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

	if (s->n && !s->no_slots)
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

	if (is_held(cpu) && !strand_is_on(s, slot))
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
		return strand_top(strand_in(&strands.of_entry, k->below));
	return kernel_apart ? 0 : strand_top(base_strand(k->cpu));
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

	strand_drop(s);
	s->root = nodes_push(&nodes, node_below(k), frame);
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
	nodes_begin(&nodes);
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

/* Logs of the original do not tell where a call stands, only where it returns to. */
static bool calls_from_user(const struct mt_call *c)
{
	return !((c->pc ? c->pc : c->return_pc) >> 63);
}

/* An instruction runs on the stack that was there before it. */
static void take_access(struct mt_access *a)
{
	struct strand *s = strand_now(a->hdr.cpu);

	if (!(a->pc >> 63))
		strand_leave_kernel(s);
	a->stack = nodes_id(&nodes, strand_top(s), &a->hdr, &out);
}

static void take_call(struct mt_call *c)
{
	struct strand *s = strand_for(c->hdr.cpu, c->sp);

	useful = true;
	if (calls_from_user(c))
		strand_leave_kernel(s);
	if (!drop_calls)
		c->stack = nodes_id(&nodes, strand_top(s), &c->hdr, &out);
	if (c->op == MT_call_op_ret)
		strand_return(s, &nodes, c);
	else
		strand_call(s, &nodes, c, mt_cpus_process(&cpus, c->hdr.cpu, c->return_pc));
}

static void take(struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_access) {
		take_access((struct mt_access *)rec);
	} else if (rec->kind == MT_KIND_call) {
		take_call((struct mt_call *)rec);
		if (drop_calls)
			return;
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
		{ "drop-calls", no_argument, NULL, 'c' },
		{ "kernel-apart", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'd': nodes.depth_limit = mt_number("--depth", optarg, UINT32_MAX - 1); break;
		case 'c': drop_calls = true; break;
		case 'k': kernel_apart = true; break;
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
	mt_open_input(&in);
	mt_open_output(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		take((struct mt_hdr *)rec);	/* it is in our buffer */
	status = mt_close(&in, got, &out);
	if (status == MT_OK && !useful)
		mt_warn("standard input: no calls and no entries in it: record them (mt-run --calls)");
	return status;
}
