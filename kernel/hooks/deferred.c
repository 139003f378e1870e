// SPDX-License-Identifier: GPL-2.0-or-later
/* Work put off: softirqs, and objects that RCU frees later. */
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <trace/events/irq.h>
#include <trace/events/rcu.h>

#include "hooks.h"

/* ---- softirqs: tag, task and depth are the tracer's ------------------------------- */

static const struct softirq_action *softirqs;

static void tell_softirq(u16 state, unsigned int number)
{
	mtrace_entry(state, MT_entry_cause_softirq, number,
		     softirqs && number < NR_SOFTIRQS ? softirqs[number].action : NULL, 0, 0, 0);
}

static void on_softirq(void *data, unsigned int number)
{
	if (hooks_on)
		tell_softirq(MT_entry_state_start, number);
}

static void on_softirq_done(void *data, unsigned int number)
{
	if (hooks_on)
		tell_softirq(MT_entry_state_done, number);
}

void deferred_prepare(void)
{
	softirqs = hooks_symbol("softirq_vec");
}

/* ---- RCU --------------------------------------------------------------------------- */

/* An address inside the object is known; the slab knows the rest. */
static void tell_retired(const void *addr)
{
	const char *name = slab_name(addr, &addr);

	mtrace_gc(MT_gc_op_retire, addr, 0, name ? name : "");
}

static void on_callback(void *data, const char *flavor, struct rcu_head *head, long queued)
{
	if (hooks_on)
		tell_retired(head);
}

static int on_call_rcu(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (hooks_on)
		tell_retired((const void *)regs->di);
	return 0;
}

/* kvfree_call_rcu(head, offset of head in the object), or (NULL, object) */
static int on_kfree_rcu(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (hooks_on)
		tell_retired((const void *)(regs->di ? regs->di - regs->si : regs->si));
	return 0;
}

struct tracepoint_hook deferred_hooks[] = {
	HOOK(softirq_entry, on_softirq),
	HOOK(softirq_exit, on_softirq_done),
	HOOK(rcu_callback, on_callback),
	{ }
};

struct kprobe_hook deferred_kprobes[] = {
	KPROBE_HOOK(call_rcu, on_call_rcu, "rcu_callback"),
	KPROBE_HOOK(kvfree_call_rcu, on_kfree_rcu, NULL),
	{ }
};

static void __maybe_unused check(void)
{
	CHECK_HOOK(softirq_entry, on_softirq);
	CHECK_HOOK(softirq_exit, on_softirq_done);
#ifdef CONFIG_RCU_TRACE
	CHECK_HOOK(rcu_callback, on_callback);
#endif
}
