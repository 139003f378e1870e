// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks: who is created, runs another program, ends, and which one a cpu runs.
 * The process of a task is its thread group, 0 for a kernel thread.
 */
#include <linux/binfmts.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <trace/events/sched.h>
#include <trace/events/task.h>

#include "hooks.h"

u32 task_process(const struct task_struct *task)
{
	return task->flags & PF_KTHREAD ? 0 : (u32)task->tgid;
}

static void tell_stack(const struct task_struct *task, u32 op)
{
	struct { struct mt_label fixed; char strings[MTRACE_NAME]; } r;
	unsigned int n = mtrace_string(r.strings, 0, op == MT_label_op_alloc ? task->comm : "");

	r.fixed.addr = (u64)task_stack_page(task);
	r.fixed.bytes = op == MT_label_op_alloc ? THREAD_SIZE : 0;
	r.fixed.pc = 0;
	r.fixed.process = 0;
	r.fixed.task = (u32)task->pid;
	r.fixed.op = op;
	r.fixed.storage = MT_storage_stack;
	mtrace_finish(&r.fixed.hdr, MT_KIND_label, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, n, ""));
}

static void tell_task(struct task_struct *task, u32 parent)
{
	mtrace_task(MT_task_op_create, (u32)task->pid, task_process(task), parent, task->comm);
	tell_stack(task, MT_label_op_alloc);
}

/* A new process has the mappings of its parent. */
static void on_new_task(void *data, struct task_struct *task, unsigned long flags)
{
	if (!hooks_on)
		return;
	tell_task(task, (u32)current->pid);
	if (!(flags & CLONE_THREAD))
		maps_tell(task);
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	if (!hooks_on)
		return;
	/* A thread that is not the first takes the number of the one that was. */
	if (old_pid != task->pid) {
		mtrace_task(MT_task_op_exit, (u32)old_pid, task_process(task), 0, "");
		mtrace_task(MT_task_op_create, (u32)task->pid, task_process(task), (u32)old_pid,
			    task->comm);
		mtrace_switch((u32)task->pid, task_process(task));
	}
	mtrace_task(MT_task_op_exec, (u32)task->pid, task_process(task), 0, task->comm);
}

/* A task that ends is told of when it leaves its cpu for good, and its stack. */
static void on_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
		      unsigned int state)
{
	if (!hooks_on)
		return;
	if (state & TASK_DEAD) {
		tell_stack(prev, MT_label_op_free);
		mtrace_task(MT_task_op_exit, (u32)prev->pid, task_process(prev), 0, "");
	}
	mtrace_switch((u32)next->pid, next->mm ? task_process(next) : 0);
}

struct tracepoint_hook task_hooks[] = {
	HOOK(task_newtask, on_new_task),
	HOOK(sched_process_exec, on_exec),
	HOOK(sched_switch, on_switch),
	{ }
};

static void __maybe_unused check(void)
{
	CHECK_HOOK(task_newtask, on_new_task);
	CHECK_HOOK(sched_process_exec, on_exec);
	CHECK_HOOK(sched_switch, on_switch);
}

/* The idle tasks are all number 0: nothing is told of them but their stacks. */
static void tell_idle_stacks(void)
{
	struct task_struct *(*idle_task)(int cpu) = hooks_symbol("idle_task");
	int cpu;

	if (!idle_task)
		return;
	for_each_online_cpu(cpu)
		tell_stack(idle_task(cpu), MT_label_op_alloc);
}

/* All that exist; called with the cpus stopped. */
void tasks_tell(void)
{
	struct task_struct *process, *task;

	tell_idle_stacks();
	for_each_process_thread(process, task) {
		tell_task(task, (u32)task->real_parent->pid);
		if (task == process)
			maps_tell(task);
	}
}
