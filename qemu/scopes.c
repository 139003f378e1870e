/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which vCPUs are inside an abstract scope.  A scope belongs to the task that
 * opened it: it is left alone while another task runs, and goes with its own to
 * another cpu.  Where no task is known (no switch records, the idle task, user
 * mode) it belongs to the cpu.
 */
#include "tracer.h"

#define OWNERS_MAX (1u << 20)		/* that have scopes open at the same time */

static struct mt_table depths;		/* by owner */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t owner_of(const struct vcpu *v, uint32_t task)
{
	return tracer.system && task ? UINT64_C(1) << 32 | task : v->cpu;
}

static uint64_t own_owner(const struct vcpu *v)
{
	return owner_of(v, tracer.system ? entries_task(v) : 0);
}

static void enter(uint64_t owner)
{
	uint64_t *depth = mt_table_get(&depths, owner);

	if (!depth && depths.used < OWNERS_MAX)
		depth = mt_table_put(&depths, owner);
	if (depth)
		++*depth;
}

static void leave(uint64_t owner)
{
	uint64_t *depth = mt_table_get(&depths, owner);

	if (depth && !--*depth)
		mt_table_remove(&depths, owner);
}

static void note(const struct vcpu *v, const struct mt_hdr *rec)
{
	const struct mt_scope *scope = (const struct mt_scope *)rec;
	const struct mt_task *task = (const struct mt_task *)rec;

	/* A task that is named is of use only where tasks are known. */
	uint64_t owner = own_owner(v);

	if (rec->kind == MT_KIND_scope && scope->task && owner != v->cpu)
		owner = owner_of(v, scope->task);
	if (rec->kind == MT_KIND_scope && scope->op == MT_scope_op_enter)
		enter(owner);
	else if (rec->kind == MT_KIND_scope)
		leave(owner);
	else if (rec->kind == MT_KIND_task && task->op == MT_task_op_exit && tracer.system)
		mt_table_remove(&depths, owner_of(v, task->task));
}

void scopes_note(struct vcpu *v, const struct mt_hdr *rec)
{
	if (rec->kind != MT_KIND_scope && rec->kind != MT_KIND_switch && rec->kind != MT_KIND_task)
		return;
	pthread_mutex_lock(&lock);
	note(v, rec);
	v->in_scope = mt_table_get(&depths, own_owner(v)) != NULL;
	pthread_mutex_unlock(&lock);
}
