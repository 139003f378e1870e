// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions that the tracer watches by itself, so that a lock costs the guest
 * nothing: their addresses are all it needs.  A function that this kernel does
 * not have, or has inlined everywhere, is left out.
 */
#include <linux/vmalloc.h>
#include <asm/unistd.h>
#include <asm/syscall.h>

#include "hooks.h"

struct function {
	const char *symbol, *kind;
	u32 what, read;
};

#define LOCK(symbol, kind, read) { #symbol, kind, MTRACE_WATCH_LOCK, read }
#define TRYLOCK(symbol, kind, read) { #symbol, kind, MTRACE_WATCH_TRYLOCK, read }
#define LOCK_ERROR(symbol, kind, read) { #symbol, kind, MTRACE_WATCH_LOCK_ERROR, read }
#define UNLOCK(symbol, kind, read) { #symbol, kind, MTRACE_WATCH_UNLOCK, read }

static const struct function functions[] = {
	LOCK(_raw_spin_lock, "spinlock", 0),
	LOCK(_raw_spin_lock_bh, "spinlock", 0),
	LOCK(_raw_spin_lock_irq, "spinlock", 0),
	LOCK(_raw_spin_lock_irqsave, "spinlock", 0),
	LOCK(_raw_spin_lock_nested, "spinlock", 0),
	LOCK(_raw_spin_lock_irqsave_nested, "spinlock", 0),
	TRYLOCK(_raw_spin_trylock, "spinlock", 0),
	TRYLOCK(_raw_spin_trylock_bh, "spinlock", 0),
	UNLOCK(_raw_spin_unlock, "spinlock", 0),
	UNLOCK(_raw_spin_unlock_bh, "spinlock", 0),
	UNLOCK(_raw_spin_unlock_irq, "spinlock", 0),
	UNLOCK(_raw_spin_unlock_irqrestore, "spinlock", 0),

	LOCK(_raw_read_lock, "rwlock", 1),
	LOCK(_raw_read_lock_bh, "rwlock", 1),
	LOCK(_raw_read_lock_irq, "rwlock", 1),
	LOCK(_raw_read_lock_irqsave, "rwlock", 1),
	TRYLOCK(_raw_read_trylock, "rwlock", 1),
	UNLOCK(_raw_read_unlock, "rwlock", 1),
	UNLOCK(_raw_read_unlock_bh, "rwlock", 1),
	UNLOCK(_raw_read_unlock_irq, "rwlock", 1),
	UNLOCK(_raw_read_unlock_irqrestore, "rwlock", 1),
	LOCK(_raw_write_lock, "rwlock", 0),
	LOCK(_raw_write_lock_bh, "rwlock", 0),
	LOCK(_raw_write_lock_irq, "rwlock", 0),
	LOCK(_raw_write_lock_irqsave, "rwlock", 0),
	LOCK(_raw_write_lock_nested, "rwlock", 0),
	TRYLOCK(_raw_write_trylock, "rwlock", 0),
	UNLOCK(_raw_write_unlock, "rwlock", 0),
	UNLOCK(_raw_write_unlock_bh, "rwlock", 0),
	UNLOCK(_raw_write_unlock_irq, "rwlock", 0),
	UNLOCK(_raw_write_unlock_irqrestore, "rwlock", 0),

	LOCK(mutex_lock, "mutex", 0),
	LOCK(mutex_lock_io, "mutex", 0),
	LOCK_ERROR(mutex_lock_interruptible, "mutex", 0),
	LOCK_ERROR(mutex_lock_killable, "mutex", 0),
	TRYLOCK(mutex_trylock, "mutex", 0),
	UNLOCK(mutex_unlock, "mutex", 0),

	LOCK(down_read, "rwsem", 1),
	LOCK_ERROR(down_read_interruptible, "rwsem", 1),
	LOCK_ERROR(down_read_killable, "rwsem", 1),
	TRYLOCK(down_read_trylock, "rwsem", 1),
	UNLOCK(up_read, "rwsem", 1),
	LOCK(down_write, "rwsem", 0),
	LOCK_ERROR(down_write_killable, "rwsem", 0),
	TRYLOCK(down_write_trylock, "rwsem", 0),
	UNLOCK(up_write, "rwsem", 0),

	LOCK(percpu_down_write, "percpu-rwsem", 0),
	UNLOCK(percpu_up_write, "percpu-rwsem", 0),

	LOCK(down, "semaphore", 0),
	LOCK_ERROR(down_interruptible, "semaphore", 0),
	LOCK_ERROR(down_killable, "semaphore", 0),
	LOCK_ERROR(down_trylock, "semaphore", 0),	/* 1 is failure here */
	LOCK_ERROR(down_timeout, "semaphore", 0),
	UNLOCK(up, "semaphore", 0),

	LOCK(rt_mutex_lock, "rtmutex", 0),
	LOCK_ERROR(rt_mutex_lock_interruptible, "rtmutex", 0),
	LOCK_ERROR(rt_mutex_lock_killable, "rtmutex", 0),
	TRYLOCK(rt_mutex_trylock, "rtmutex", 0),
	UNLOCK(rt_mutex_unlock, "rtmutex", 0),

	{ "__rcu_read_lock", "rcu", MTRACE_WATCH_EPOCH_BEGIN, 1 },
	{ "__rcu_read_unlock", "rcu", MTRACE_WATCH_EPOCH_END, 1 },
};

static void fill(struct mtrace_watch *watch, void *pc, unsigned long bytes, u32 what, u32 read,
		 const char *name)
{
	watch->pc = (u64)pc;
	watch->bytes = bytes;
	watch->what = what;
	watch->read = read;
	strscpy_pad(watch->name, name, sizeof(watch->name));
}

static unsigned int fill_functions(struct mtrace_watch *watch)
{
	unsigned int i, n = 0;
	unsigned long bytes;
	void *pc;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		pc = hooks_symbol(functions[i].symbol);
		if (pc && hooks_symbol_bytes((unsigned long)pc, &bytes))
			fill(&watch[n++], pc, bytes, functions[i].what, functions[i].read,
			     functions[i].kind);
	}
	return n;
}

int watch_tell(void)
{
	struct mtrace_watch *watch;
	unsigned int n;
	void *table = hooks_symbol("sys_call_table");

	/* Not on the stack, and written before the tracer reads: present. */
	watch = kcalloc(ARRAY_SIZE(functions) + 1, sizeof(*watch), GFP_KERNEL);
	if (!watch)
		return -ENOMEM;
	n = fill_functions(watch);
	if (table)
		fill(&watch[n++], table, NR_syscalls * sizeof(void *), MTRACE_WATCH_SYSCALLS, 0, "");
	mtrace_watch_code(watch, n);
	kfree(watch);
	return 0;
}

/* Nothing is watched any more. */
void watch_forget(void)
{
	static const struct mtrace_watch none;

	mtrace_watch_code(&none, 0);
}
