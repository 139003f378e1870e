/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack of entries of each task: which system call it is in, which
 * interrupt or exception came on top of that, and so on.
 *
 * A task that sleeps keeps its stack; a cpu that is idle, or that never told
 * which task it runs, has one of its own.  traps.c sees where the kernel is
 * entered and left, the guest tells of switches and softirqs.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "tracer.h"

#define DEPTH_MAX 64			/* entries deeper than this are not told */
/*
 * Linux moves the frame of an int3 down by six words, to make room for a call
 * that it may emulate (6.1, entry_64.S, idtentry): kprobes do so all the time.
 */
#define FRAME_MOVE 48
#define STACKS_MAX 65536		/* a task too many has no stack */

struct entry_on {
	uint64_t tag;
	struct way way;
};

struct stack {
	uint32_t task;
	unsigned n;
	unsigned epochs;		/* open ones, one in another */
	bool dying;			/* its task has ended, and goes on to its last switch */
	bool taken;			/* a cpu runs the task */
	struct entry_on on[DEPTH_MAX];
	UT_hash_handle hh;
};

struct entries {
	struct stack idle;		/* of no task */
	struct stack *now;		/* NULL: the task has none yet */
	uint64_t tags;
	uint32_t task;
	bool told;			/* by a switch record */
};

static struct stack *stacks;		/* by task */
static pthread_mutex_t stacks_lock = PTHREAD_MUTEX_INITIALIZER;
static bool by_guest;

/* NULL when there is no memory. */
static struct entries *entries_of(struct vcpu *v)
{
	if (!v->entries && (v->entries = calloc(1, sizeof(*v->entries))))
		v->entries->now = &v->entries->idle;
	return v->entries;
}

uint32_t entries_task(const struct vcpu *v)
{
	return v->entries ? v->entries->task : 0;
}

void entries_by_guest(void)
{
	by_guest = true;
}

static bool recording(void)
{
	return tracer.mode != MT_mode_off && !by_guest;
}

/* ---- records ----------------------------------------------------------------- */

static void put_state(struct vcpu *v, const struct stack *s, unsigned state)
{
	const struct entry_on *on = &s->on[s->n - 1];
	struct mt_entry entry = {
		.hdr = { .kind = MT_KIND_entry, .size = sizeof(entry) },
		.tag = on->tag, .pc = on->way.pc, .task = s->task, .number = on->way.number,
		.state = (uint16_t)state, .cause = on->way.cause, .depth = s->n - 1
	};

	if (recording())
		out_put(v, &entry.hdr);
}

static void push(struct vcpu *v, struct stack *s, const struct way *way)
{
	if (s->n == DEPTH_MAX)
		return;
	if (s->n)
		put_state(v, s, MT_entry_state_pause);
	s->on[s->n++] = (struct entry_on){
		.tag = (uint64_t)v->cpu << 48 | ++v->entries->tags, .way = *way
	};
	put_state(v, s, MT_entry_state_start);
}

static void pop(struct vcpu *v, struct stack *s)
{
	put_state(v, s, MT_entry_state_done);
	if (--s->n)
		put_state(v, s, MT_entry_state_resume);
}

static void pop_to(struct vcpu *v, struct stack *s, unsigned n)
{
	while (s->n > n)
		pop(v, s);
}

/* ---- stacks of tasks ------------------------------------------------------------ */

/*
 * The stack of the task that the cpu runs now; if make is false, NULL when it
 * has none.  A guest that says that two cpus run one task is wrong: the second
 * one gets the stack of its cpu.
 */
static struct stack *take(struct entries *e, bool make)
{
	struct stack *s = NULL;

	if (!e->task)
		return &e->idle;
	pthread_mutex_lock(&stacks_lock);
	HASH_FIND(hh, stacks, &e->task, sizeof(e->task), s);
	if (s && s->taken) {
		s = &e->idle;
	} else if (!s && make) {
		s = HASH_COUNT(stacks) < STACKS_MAX ? calloc(1, sizeof(*s)) : NULL;
		if (s) {
			s->task = e->task;
			HASH_ADD(hh, stacks, task, sizeof(s->task), s);
		} else {
			s = &e->idle;
		}
	}
	if (s)
		s->taken = true;
	pthread_mutex_unlock(&stacks_lock);
	return s;
}

/* The cpu runs the task no more.  An empty stack is nothing to keep. */
static void leave(struct entries *e)
{
	struct stack *s = e->now;

	e->now = NULL;
	if (!s || s == &e->idle)
		return;
	pthread_mutex_lock(&stacks_lock);
	s->taken = false;
	if (!s->n && !s->epochs) {
		HASH_DEL(stacks, s);
		free(s);
	}
	pthread_mutex_unlock(&stacks_lock);
}

static struct stack *current(struct entries *e)
{
	if (!e->now)
		e->now = take(e, true);
	return e->now;
}

/* The first switch of a cpu: what it was in belongs to the task that it ran all along. */
static void adopt(struct entries *e)
{
	struct stack *s = take(e, e->idle.n || e->idle.epochs);

	if (s && s != &e->idle && !s->n) {
		memcpy(s->on, e->idle.on, sizeof(s->on));
		s->n = e->idle.n;
		s->epochs = e->idle.epochs;
		e->idle.n = e->idle.epochs = 0;
	}
	e->now = s;
}

/* ---- what traps.c sees ------------------------------------------------------------ */

void entries_start(struct vcpu *v, const struct way *way)
{
	struct entries *e = entries_of(v);
	struct stack *s;

	if (!e || !recording())
		return;
	s = current(e);
	/* From user code nothing can be open: a return was missed. */
	if (way->from_user)
		pop_to(v, s, 0);
	push(v, s, way);
}

void entries_leave(struct vcpu *v)
{
	if (v->entries && v->entries->now)
		pop_to(v, v->entries->now, 0);
}

void entries_return(struct vcpu *v, uint64_t frame)
{
	struct stack *s = v->entries ? v->entries->now : NULL;
	unsigned n;

	/* Not every iret is the end of an entry: sync_core() returns to where it is. */
	for (n = s ? s->n : 0; n; n--)
		if (s->on[n - 1].way.frame - frame <= FRAME_MOVE) {
			pop_to(v, s, n - 1);
			return;
		}
}

bool entries_epoch(struct vcpu *v, bool begin)
{
	struct entries *e = entries_of(v);
	struct stack *s;

	if (!e)
		return false;
	s = current(e);
	if (begin)
		return s->epochs++ == 0;
	/* One that was open before recording began is not known. */
	return s->epochs && --s->epochs == 0;
}

/* ---- what the guest tells ------------------------------------------------------------ */

static void put_switch(struct vcpu *v, struct entries *e, struct mt_switch *rec)
{
	if (!e->told) {
		e->told = true;
		e->task = rec->task;
		adopt(e);
		out_put(v, &rec->hdr);
		return;
	}
	if (e->now && e->now->n) {
		if (e->now->dying)
			pop_to(v, e->now, 0);
		else
			put_state(v, e->now, MT_entry_state_pause);
	}
	leave(e);
	out_put(v, &rec->hdr);
	e->task = rec->task;
	e->now = take(e, false);
	if (e->now && e->now->n)
		put_state(v, e->now, MT_entry_state_resume);
}

static void put_softirq(struct vcpu *v, struct entries *e, const struct mt_entry *rec)
{
	struct way way = { .pc = rec->pc, .number = rec->number, .cause = rec->cause };
	struct stack *s = current(e);
	unsigned n;

	if (rec->state == MT_entry_state_start)
		push(v, s, &way);
	if (rec->state != MT_entry_state_done)
		return;
	for (n = s->n; n; n--)
		if (s->on[n - 1].way.cause == MT_entry_cause_softirq &&
		    s->on[n - 1].way.number == rec->number) {
			pop_to(v, s, n - 1);
			return;
		}
}

/* A task says so itself, some way before it is switched away for the last time. */
static void note_end(struct entries *e, const struct mt_task *rec)
{
	if (rec->op == MT_task_op_exit && rec->task == e->task && e->now && e->now != &e->idle)
		e->now->dying = true;
}

void entries_put(struct vcpu *v, struct mt_hdr *rec)
{
	struct entries *e = by_guest ? NULL : entries_of(v);

	if (e && rec->kind == MT_KIND_switch) {
		put_switch(v, e, (struct mt_switch *)rec);
		return;
	}
	if (e && rec->kind == MT_KIND_entry && ((struct mt_entry *)rec)->cause == MT_entry_cause_softirq) {
		if (recording())
			put_softirq(v, e, (struct mt_entry *)rec);
		return;
	}
	if (e && rec->kind == MT_KIND_task)
		note_end(e, (struct mt_task *)rec);
	out_put(v, rec);
}

/* ---- switching ------------------------------------------------------------------------ */

void entries_reset(unsigned before, unsigned mode)
{
	struct stack *s, *next;
	unsigned i;

	/* What happened while nothing was recorded is not known. */
	if (before != MT_mode_off && mode != MT_mode_off)
		return;
	locks_reset();
	for (i = 0; i < tracer.max_vcpus; i++)
		if (vcpus[i]->entries) {
			vcpus[i]->entries->idle.n = vcpus[i]->entries->idle.epochs = 0;
			vcpus[i]->entries->now = NULL;
		}
	HASH_ITER(hh, stacks, s, next) {
		HASH_DEL(stacks, s);
		free(s);
	}
}
