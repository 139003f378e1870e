// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attaches the hooks, tells of what is there, and lets them speak.  What a
 * kernel lacks is left out and named once in its log.
 */
#include <linux/kallsyms.h>
#include <linux/stop_machine.h>
#include <linux/tracepoint.h>

#include "hooks.h"

bool hooks_on;

static struct tracepoint_hook *const tracepoint_tables[] = {
	memory_hooks, task_hooks, deferred_hooks,
};

static struct kprobe_hook *const kprobe_tables[] = {
	memory_kprobes, map_kprobes, module_kprobes, deferred_kprobes,
};

#define FOR_EACH_HOOK(hook, table, tables, member)					\
	for (table = tables; table < tables + ARRAY_SIZE(tables); table++)		\
		for (hook = *table; hook->member; hook++)

/* ---- symbols ------------------------------------------------------------------- */

static unsigned long (*lookup_name)(const char *name);
static int (*lookup_size_offset)(unsigned long addr, unsigned long *size, unsigned long *offset);

void *hooks_symbol(const char *name)
{
	return (void *)lookup_name(name);
}

bool hooks_symbol_bytes(unsigned long addr, unsigned long *bytes)
{
	unsigned long offset;

	return lookup_size_offset && lookup_size_offset(addr, bytes, &offset) && !offset;
}

/* Symbols are not exported, but a kprobe finds one by its name. */
static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup_name = (void *)probe.addr;
	unregister_kprobe(&probe);
	lookup_size_offset = hooks_symbol("kallsyms_lookup_size_offset");
	return 0;
}

/* ---- attaching ----------------------------------------------------------------- */

static void find_tracepoint(struct tracepoint *point, void *unused)
{
	struct tracepoint_hook *const *table, *hook;

	FOR_EACH_HOOK(hook, table, tracepoint_tables, name)
		if (!strcmp(hook->name, point->name))
			hook->point = point;
}

static bool has_tracepoint(const char *name)
{
	struct tracepoint_hook *const *table, *hook;

	FOR_EACH_HOOK(hook, table, tracepoint_tables, name)
		if (!strcmp(hook->name, name))
			return hook->point;
	return false;
}

/* A kprobe stands in for it. */
static bool is_replaced(const char *tracepoint)
{
	struct kprobe_hook *const *table, *hook;

	FOR_EACH_HOOK(hook, table, kprobe_tables, kprobe.symbol_name)
		if (hook->instead && !strcmp(hook->instead, tracepoint))
			return true;
	return false;
}

static void attach_tracepoints(void)
{
	struct tracepoint_hook *const *table, *hook;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	FOR_EACH_HOOK(hook, table, tracepoint_tables, name) {
		if (hook->point && tracepoint_probe_register(hook->point, hook->probe, NULL))
			hook->point = NULL;
		if (!hook->point && !is_replaced(hook->name))
			pr_info("mtrace: without %s\n", hook->name);
	}
}

static void attach_kprobes(void)
{
	struct kprobe_hook *const *table, *hook;
	struct kretprobe **ret;

	FOR_EACH_HOOK(hook, table, kprobe_tables, kprobe.symbol_name) {
		if (hook->instead && has_tracepoint(hook->instead))
			continue;
		hook->attached = !register_kprobe(&hook->kprobe);
		if (!hook->attached)
			pr_info("mtrace: without %s\n", hook->kprobe.symbol_name);
	}
	for (ret = memory_returns; *ret; ret++)
		if (register_kretprobe(*ret)) {
			pr_info("mtrace: without %s\n", (*ret)->kp.symbol_name);
			(*ret)->handler = NULL;
		}
}

static void detach_kprobes(void)
{
	struct kprobe_hook *const *table, *hook;
	struct kretprobe **ret;

	FOR_EACH_HOOK(hook, table, kprobe_tables, kprobe.symbol_name) {
		if (!hook->attached)
			continue;
		unregister_kprobe(&hook->kprobe);
		if (hook->kprobe.nmissed)
			pr_warn("mtrace: %lu of %s were missed\n", hook->kprobe.nmissed,
				hook->kprobe.symbol_name);
	}
	for (ret = memory_returns; *ret; ret++)
		if ((*ret)->handler) {
			unregister_kretprobe(*ret);
			if ((*ret)->nmissed)
				pr_warn("mtrace: %u of %s were missed\n", (*ret)->nmissed,
					(*ret)->kp.symbol_name);
		}
}

static void detach(void)
{
	struct tracepoint_hook *const *table, *hook;

	hooks_on = false;
	unregister_module_notifier(&module_notifier);
	FOR_EACH_HOOK(hook, table, tracepoint_tables, name)
		if (hook->point)
			tracepoint_probe_unregister(hook->point, hook->probe, NULL);
	detach_kprobes();
	tracepoint_synchronize_unregister();
}

/* ---- the moment at which all begins ------------------------------------------------ */

/* All other cpus wait, interrupts off: nothing can change under the walks. */
static int tell_all(void *unused)
{
	tables_tell();
	walk_pages();
	walk_areas();
	walk_caches();
	modules_tell();
	tasks_tell();
	hooks_on = true;
	return 0;
}

static int __init hooks_init(void)
{
	int error = find_lookup();

	if (!error)
		error = watch_tell();
	if (error)
		return error;
	deferred_prepare();
	attach_tracepoints();
	attach_kprobes();
	register_module_notifier(&module_notifier);
	error = stop_machine(tell_all, NULL, NULL);
	if (error)
		detach();
	return error;
}

static void __exit hooks_exit(void)
{
	detach();
	watch_forget();
}

module_init(hooks_init);
module_exit(hooks_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("tells the mtrace tracer about memory, tasks, locks and modules");
