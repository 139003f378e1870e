/* SPDX-License-Identifier: MIT */
/* The events that lead to something: entries, calls, locks, scopes, epochs. */
#include <string.h>

#include "mt_state_live.h"

/* ---- whose ----------------------------------------------------------------- */

/* A task, or the cpu where no task is known. */
static uint64_t task_key(const struct mt_state *s, uint32_t cpu, uint32_t task)
{
	if (!task)
		task = mt_cpus_task(&s->cpus, cpu);
	return task ? task : 1ull << 32 | cpu;
}

/* Tags are of 64 bits, too: keep them apart from tasks and cpus as well as can be. */
static uint64_t tag_key(uint64_t tag)
{
	return ~tag * 0x9e3779b97f4a7c15ull;
}

/* The call stack that runs on the cpu: an entry, or outside of any the task. */
static uint64_t strand_key(const struct mt_state *s, uint32_t cpu, uint32_t task)
{
	const struct mt_kentry *k = mt_entries_current(&s->entries, cpu);

	return k ? tag_key(k->tag) : task_key(s, cpu, task);
}

#define DEPTH 64			/* of entries on each other; hostile ones form circles */

/* Whose calls return in order: in user mode a thread is a cpu. */
static uint64_t caller_key(const struct mt_state *s, uint32_t cpu)
{
	return s->user ? 1ull << 32 | cpu : strand_key(s, cpu, 0);
}

/* Who takes locks there: a handler of interrupts does not for the task it interrupts. */
static uint64_t locker_key(const struct mt_state *s, uint32_t cpu)
{
	const struct mt_kentry *k = mt_entries_current(&s->entries, cpu);

	for (unsigned n = 0; k && n < DEPTH; n++) {
		if (k->cause == MT_entry_cause_interrupt || k->cause == MT_entry_cause_softirq)
			return tag_key(k->tag);
		k = k->has_below ? mt_entries_find(&s->entries, k->below) : NULL;
	}
	return task_key(s, cpu, 0);
}

static int add(struct mt_state *s, enum live_group g, uint64_t key, const struct mt_hdr *rec)
{
	return live_add(s, g, key, rec) ? 0 : -1;
}

/* ---- entries ----------------------------------------------------------------- */

static void end_strand(struct mt_state *s, uint64_t key)
{
	live_drop_all(s, LIVE_CALL, key);
	live_drop_all(s, LIVE_SCOPE, key);
}

/* Those of a live entry that are not its start; of `what` alone if that is not -1. */
static void drop_later(struct mt_state *s, uint64_t tag, int what)
{
	struct live *l = live_newest(s, LIVE_ENTRY, tag), *older;

	for (; l; l = older) {
		unsigned state = ((const struct mt_entry *)l->rec)->state;

		older = live_older(l);
		if (state != MT_entry_state_start && (what < 0 || state == (unsigned)what))
			live_drop(s, l);
	}
}

/* Start, the last time it was taken up, and the pause after that. */
static int note_entry(struct mt_state *s, const struct mt_entry *e)
{
	bool known = mt_entries_find(&s->entries, e->tag);

	if (e->state == MT_entry_state_start || e->state == MT_entry_state_done) {
		end_strand(s, tag_key(e->tag));
		live_drop_all(s, LIVE_ENTRY, e->tag);
	} else if (e->state == MT_entry_state_resume) {
		drop_later(s, e->tag, -1);
	} else if (known) {
		drop_later(s, e->tag, MT_entry_state_pause);
	}
	if (mt_entries_note(&s->entries, &e->hdr) < 0)
		return -1;
	return mt_entries_find(&s->entries, e->tag) ? add(s, LIVE_ENTRY, e->tag, &e->hdr) : 0;
}

/* ---- calls ---------------------------------------------------------------------- */

/* As mt-stack does it: see filters/stack/strand.c. */
static bool same_stack(uint64_t a, uint64_t b)
{
	if ((a | b) >> 63)
		return a >> 14 == b >> 14;
	return (a > b ? a - b : b - a) < 1 << 20;
}

static const struct mt_call *call_of(const struct live *l)
{
	return (const struct mt_call *)l->rec;
}

/* Frames with slots up to sp are dead, and those on stacks entered since; true: some were. */
static bool unwind(struct mt_state *s, uint64_t key, uint64_t sp)
{
	struct live *top = live_newest(s, LIVE_CALL, key), *l = top;

	while (l && !same_stack(call_of(l)->sp, sp))
		l = live_older(l);
	if (!l)
		return false;
	while (l && same_stack(call_of(l)->sp, sp) && call_of(l)->sp <= sp)
		l = live_older(l);
	for (struct live *dead = top, *older; dead != l; dead = older) {
		older = live_older(dead);
		live_drop(s, dead);
	}
	return l != top;
}

static void leave_kernel(struct mt_state *s, uint64_t key)
{
	struct live *l;

	while ((l = live_newest(s, LIVE_CALL, key)) && call_of(l)->sp >> 63)
		live_drop(s, l);
}

static int note_call(struct mt_state *s, const struct mt_call *c)
{
	uint64_t key = caller_key(s, c->hdr.cpu);
	struct live *top;

	if (!(c->pc >> 63))
		leave_kernel(s, key);
	if (unwind(s, key, c->sp) || c->op != MT_call_op_ret)
		return c->op == MT_call_op_ret ? 0 : add(s, LIVE_CALL, key, &c->hdr);
	top = live_newest(s, LIVE_CALL, key);
	if (top && call_of(top)->return_pc == c->target)
		live_drop(s, top);
	return 0;
}

/* ---- locks ------------------------------------------------------------------------ */

/* The latest record of that lock by that locker, of that kind; or NULL. */
static struct live *lock_by(const struct mt_state *s, uint64_t key, uint64_t locker, unsigned op)
{
	struct live *l = live_newest(s, LIVE_LOCK, key);

	for (; l; l = live_older(l)) {
		const struct mt_lock *rec = (const struct mt_lock *)l->rec;

		if (rec->op == op && (!locker || l->locker == locker))
			break;
	}
	return l;
}

static void drop_one(struct mt_state *s, struct live *l)
{
	if (l)
		live_drop(s, l);
}

/* Whoever had it in a way that excludes this one has let it go unseen. */
static void lose_others(struct mt_state *s, uint64_t key, uint64_t locker, bool read)
{
	struct live *l = live_newest(s, LIVE_LOCK, key), *older;

	for (; l; l = older) {
		const struct mt_lock *rec = (const struct mt_lock *)l->rec;

		older = live_older(l);
		if (l->locker != locker && rec->op == MT_lock_op_acquired && !(read && rec->read))
			live_drop(s, l);
	}
}

/* Its own last acquisition; else that of this cpu; else a writer's. */
static struct live *released(const struct mt_state *s, uint64_t key, uint64_t locker, uint32_t cpu)
{
	struct live *l = live_newest(s, LIVE_LOCK, key), *same_cpu = NULL, *writer = NULL;

	for (; l; l = live_older(l)) {
		const struct mt_lock *rec = (const struct mt_lock *)l->rec;

		if (rec->op != MT_lock_op_acquired)
			continue;
		if (l->locker == locker)
			return l;
		if (!same_cpu && rec->hdr.cpu == cpu)
			same_cpu = l;
		if (!writer && !rec->read)
			writer = l;
	}
	return same_cpu ? same_cpu : writer;
}

static int note_lock(struct mt_state *s, const struct mt_lock *k)
{
	uint64_t key = k->addr ^ (uint64_t)mt_cpus_process(&s->cpus, k->hdr.cpu, k->addr) << 48;
	uint64_t locker = locker_key(s, k->hdr.cpu);
	struct live *l;

	if (k->op == MT_lock_op_release) {
		drop_one(s, released(s, key, locker, k->hdr.cpu));
		return 0;
	}
	drop_one(s, lock_by(s, key, locker, MT_lock_op_acquire));
	if (k->op != MT_lock_op_acquire && k->op != MT_lock_op_acquired)
		return 0;
	if (k->op == MT_lock_op_acquired)
		lose_others(s, key, locker, k->read);
	l = live_add(s, LIVE_LOCK, key, &k->hdr);
	if (!l)
		return -1;
	l->locker = locker;
	return 0;
}

/* ---- scopes, variables, epochs ------------------------------------------------------ */

static int note_scope(struct mt_state *s, const struct mt_scope *r)
{
	uint64_t key = strand_key(s, r->hdr.cpu, r->task);
	struct live *l;

	if (r->op == MT_scope_op_enter)
		return add(s, LIVE_SCOPE, key, &r->hdr);
	while ((l = live_newest(s, LIVE_SCOPE, key))) {
		bool opened = live_rec(l)->kind == MT_KIND_scope;

		live_drop(s, l);
		if (opened)
			break;
	}
	return 0;
}

/* How many of a scope's last variables are looked at: loops use the same few. */
#define VARS_AT_ONCE 16

static int note_var(struct mt_state *s, const struct mt_var *v)
{
	uint64_t key = strand_key(s, v->hdr.cpu, v->task);
	struct live *l = live_newest(s, LIVE_SCOPE, key);

	if (!l)
		return 0;
	for (unsigned n = 0; l && n < VARS_AT_ONCE && live_rec(l)->kind == MT_KIND_var; n++) {
		const struct mt_var *old = (const struct mt_var *)l->rec;

		if (old->write == v->write && !strcmp(mt_string(&old->hdr, 0), mt_string(&v->hdr, 0)))
			return 0;
		l = live_older(l);
	}
	return add(s, LIVE_SCOPE, key, &v->hdr);
}

static int note_epoch(struct mt_state *s, const struct mt_epoch *e)
{
	uint64_t key = task_key(s, e->hdr.cpu, e->task);

	if (e->op == MT_epoch_op_begin)
		return add(s, LIVE_EPOCH, key, &e->hdr);
	drop_one(s, live_newest(s, LIVE_EPOCH, key));
	return 0;
}

/* ---- all of them ----------------------------------------------------------------------- */

int state_note_event(struct mt_state *s, const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_entry: return note_entry(s, (const struct mt_entry *)rec);
	case MT_KIND_call:  return note_call(s, (const struct mt_call *)rec);
	case MT_KIND_lock:  return note_lock(s, (const struct mt_lock *)rec);
	case MT_KIND_scope: return note_scope(s, (const struct mt_scope *)rec);
	case MT_KIND_var:   return note_var(s, (const struct mt_var *)rec);
	case MT_KIND_epoch: return note_epoch(s, (const struct mt_epoch *)rec);
	}
	return 0;
}

void state_stop(struct mt_state *s)
{
	struct live *l = s->events.first, *after;

	for (; l; l = after) {
		after = l->after;
		if ((l->group == LIVE_ENTRY || l->group == LIVE_CALL || l->group == LIVE_LOCK) &&
		    !l->over)
			live_drop(s, l);
	}
}

void state_note_task(struct mt_state *s, const struct mt_task *t)
{
	const struct mt_kentry *k = mt_entries_current(&s->entries, t->hdr.cpu);
	bool execs = k && k->cause == MT_entry_cause_syscall &&
		     (k->number == 59 || k->number == 322);	/* execve, execveat */

	if (t->op != MT_task_op_exec || execs)	/* else it has but a new name */
		live_drop_all(s, LIVE_CALL, t->task);
	if (t->op == MT_task_op_exit)
		live_drop_all(s, LIVE_SCOPE, t->task);
}
