/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hooks: a module that tells the tracer, by hypercall 2 of mtrace.h, what
 * goes on in this kernel.  A hook is a probe at a tracepoint, or a kprobe where
 * there is none; it puts one record and does nothing else: no allocation, no
 * lock.  What existed before is told by walks, once, with all cpus stopped.
 */
#ifndef MTRACE_HOOKS_H
#define MTRACE_HOOKS_H

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../mtrace.h"

struct tracepoint_hook {
	const char *name;
	void *probe;
	struct tracepoint *point;	/* where it is attached; NULL: not there */
};

/*
 * A hook at a tracepoint.  The kernel finds tracepoints by name alone, so that
 * the compiler must compare the arguments: CHECK_HOOK in an unused function.
 */
#define HOOK(tracepoint, function) { .name = #tracepoint, .probe = (function) }
#define CHECK_HOOK(tracepoint, function) check_trace_callback_type_##tracepoint(function)

struct kprobe_hook {
	struct kprobe kprobe;
	const char *instead;		/* only where this tracepoint is missing; NULL: always */
	bool attached;
};

#define KPROBE_HOOK(function, handler, tracepoint) \
	{ .kprobe = { .symbol_name = #function, .pre_handler = (handler) }, .instead = (tracepoint) }

extern struct tracepoint_hook memory_hooks[], task_hooks[], deferred_hooks[];
extern struct kretprobe *memory_returns[];
extern struct kprobe_hook memory_kprobes[], map_kprobes[], module_kprobes[], deferred_kprobes[];

/*
 * Hooks are attached one by one, but begin to speak in one moment, in which the
 * walks have told of all that was there: each object is told of exactly once.
 */
extern bool hooks_on;

/* The address of a symbol that is not exported; NULL where there is none. */
void *hooks_symbol(const char *name);
bool hooks_symbol_bytes(unsigned long addr, unsigned long *bytes);

/* memory.c */
void label_alloc(const void *addr, u64 bytes, unsigned long pc, u32 storage, const char *name,
		 const char *ctype);
void label_free(const void *addr, unsigned long pc, u32 storage);
const char *slab_name(const void *addr, const void **start);

/* What was there: walk.c, tables.c, tasks.c, maps.c, modules.c.  For stopped cpus. */
void walk_pages(void);
void walk_areas(void);
void walk_caches(void);
void tables_tell(void);
void tasks_tell(void);
void maps_tell(struct task_struct *task);
void modules_tell(void);

u32 task_process(const struct task_struct *task);
void deferred_prepare(void);
extern struct notifier_block module_notifier;

/* watch.c */
int watch_tell(void);
void watch_forget(void);

#endif
