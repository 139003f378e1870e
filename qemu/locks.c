/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who takes and releases locks, seen from outside: the guest has told where the
 * functions are that do it (MTRACE_WATCH_...).
 *
 * The entry of such a function tells the lock (rdi) and who called.  It has
 * returned when a ret takes the return address off the very slot of the stack
 * that the call put it in; that holds for functions that end in a jump to
 * another one, that sleep, and that wake up on another cpu.
 *
 * Read epochs of RCU are watched in the same way.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../kernel/mtrace.h"
#include "tracer.h"
#include "x86.h"

#define WATCH_MAX 4096
#define TABLE 16384			/* power of two, a few times WATCH_MAX */
#define BUCKETS 1024
#define WAYS 8				/* one line of the host's cache */

enum { RAX, RSP = 4, RDI = 7 };

/* By pc, open addressing; what is 0 is free. */
static struct mtrace_watch *table[TABLE];
static struct mtrace_watch watched[WATCH_MAX];
static unsigned n_watched;

/* Has rdi a lock? */
static bool of_lock(const struct mtrace_watch *w)
{
	return w->what <= MTRACE_WATCH_UNLOCK;
}

/* Functions that have not returned: by the slot with the return address. */
static _Alignas(64) uint64_t slots[BUCKETS][WAYS];
static struct waiting {
	uint64_t lock, pc;
	const struct mtrace_watch *watch;
} waiting[BUCKETS][WAYS];
static _Atomic unsigned char used[BUCKETS];	/* of a bucket's ways */
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- which functions --------------------------------------------------------- */

static unsigned hash(uint64_t n)
{
	return (unsigned)(n * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

static struct mtrace_watch **place(uint64_t pc)
{
	unsigned i = hash(pc) % TABLE;

	while (table[i] && table[i]->pc != pc)
		i = (i + 1) % TABLE;
	return &table[i];
}

void locks_watch(const struct mtrace_watch *watch, size_t n)
{
	size_t i;

	pthread_mutex_lock(&waiting_lock);
	memset(table, 0, sizeof(table));
	n_watched = 0;
	for (i = 0; i < n && n_watched < WATCH_MAX; i++)
		if (watch[i].what != MTRACE_WATCH_SYSCALLS && !*place(watch[i].pc)) {
			struct mtrace_watch *w = &watched[n_watched++];

			*w = watch[i];
			w->name[sizeof(w->name) - 1] = 0;
			*place(w->pc) = w;
		}
	pthread_mutex_unlock(&waiting_lock);
	/* Blocks that are translated already do not know. */
	if (tracer.mode != MT_mode_off)
		tracer_switch(tracer.mode);
}

/* ---- records ------------------------------------------------------------------- */

static void put(struct vcpu *v, const struct mtrace_watch *w, const struct waiting *on, unsigned op)
{
	struct { struct mt_lock fixed; char name[sizeof(w->name)]; } rec = {
		.fixed = {
			.hdr = { .kind = MT_KIND_lock },
			.addr = on->lock, .pc = on->pc, .op = (uint16_t)op,
			.read = w->read != 0, .task = entries_task(v)
		}
	};
	/* Another thread's guest may replace the list just now: no NUL is relied on. */
	size_t n = strnlen(w->name, sizeof(rec.name) - 1) + 1;

	memcpy(rec.name, w->name, n - 1);
	rec.fixed.hdr.size = (uint16_t)(sizeof(rec.fixed) + (n + 7) / 8 * 8);
	out_put(v, &rec.fixed.hdr);
}

/* A read epoch; they nest, and the outermost one counts. */
static void put_epoch(struct vcpu *v, bool begin)
{
	struct mt_epoch rec = {
		.hdr = { .kind = MT_KIND_epoch, .size = sizeof(rec) },
		.op = begin ? MT_epoch_op_begin : MT_epoch_op_end, .task = entries_task(v)
	};

	if (entries_epoch(v, begin))
		out_put(v, &rec.hdr);
}

/* ---- functions that have not returned --------------------------------------------- */

/* False if one with that slot waits already: it has jumped to another watched one. */
static bool wait_for(uint64_t slot, const struct waiting *on)
{
	unsigned b = hash(slot) % BUCKETS, i, at = WAYS;
	bool fresh = true;

	pthread_mutex_lock(&waiting_lock);
	for (i = 0; i < WAYS; i++)
		if (slots[b][i] == slot)
			fresh = waiting[b][i].lock != on->lock, at = i;
		else if (!slots[b][i] && at == WAYS)
			at = i;
	/* A bucket is full of those whose task died waiting: the oldest makes room. */
	if (at == WAYS) {
		memmove(&slots[b][0], &slots[b][1], sizeof(slots[b]) - sizeof(slots[b][0]));
		memmove(&waiting[b][0], &waiting[b][1], sizeof(waiting[b]) - sizeof(waiting[b][0]));
		at = WAYS - 1;
	} else if (!slots[b][at]) {
		used[b]++;
	}
	slots[b][at] = slot;
	if (fresh)
		waiting[b][at] = *on;
	pthread_mutex_unlock(&waiting_lock);
	return fresh;
}

static bool has_returned(uint64_t slot, struct waiting *on)
{
	unsigned b = hash(slot) % BUCKETS, i;
	bool found = false;

	pthread_mutex_lock(&waiting_lock);
	for (i = 0; i < WAYS; i++)
		if (slots[b][i] == slot) {
			*on = waiting[b][i];
			slots[b][i] = 0;
			used[b]--;
			found = true;
		}
	pthread_mutex_unlock(&waiting_lock);
	return found;
}

void locks_reset(void)
{
	memset(slots, 0, sizeof(slots));
	memset((void *)used, 0, sizeof(used));
}

/* ---- what is seen -------------------------------------------------------------------- */

static bool succeeded(struct vcpu *v, const struct mtrace_watch *w)
{
	bool zero;

	if (w->what == MTRACE_WATCH_LOCK)
		return true;
	zero = (uint32_t)guest_register(v, RAX) == 0;
	return zero == (w->what == MTRACE_WATCH_LOCK_ERROR);
}

/* A kernel's ret; most are of no function that is watched. */
static void on_ret(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *back)
{
	struct waiting on = { 0 };
	struct vcpu *v;

	(void)info;
	if (!used[hash(addr) % BUCKETS] || !has_returned(addr, &on) || tracer.mode == MT_mode_off)
		return;
	v = vcpu_started(index);
	v->now = vcpu_time(v, (unsigned)(uintptr_t)back);
	put(v, on.watch, &on, succeeded(v, on.watch) ? MT_lock_op_acquired : MT_lock_op_failed);
}

/*
 * The push of a direct call to a watched function: that spares it the search
 * for its caller.
 */
static void on_call(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *next)
{
	struct vcpu *v = vcpu_running(index);

	(void)info;
	v->call_slot = addr;
	v->call_return = (uintptr_t)next;
}

/* Of a jump or an indirect call. */
static bool find_caller(struct vcpu *v, uint64_t *slot, uint64_t *pc)
{
	*slot = guest_register(v, RSP);
	if (!qemu_plugin_read_memory_vaddr(*slot, v->bytes, sizeof(*pc)))
		return false;
	memcpy(pc, v->bytes->data, sizeof(*pc));
	return true;
}

static void on_lock(struct vcpu *v, const struct mtrace_watch *w)
{
	struct waiting on = { .lock = guest_register(v, RDI), .pc = v->call_return, .watch = w };
	uint64_t slot = v->call_slot;

	v->call_slot = 0;
	if (!slot && !find_caller(v, &slot, &on.pc))
		return;
	if (w->what == MTRACE_WATCH_UNLOCK)
		put(v, w, &on, MT_lock_op_release);
	else if (wait_for(slot, &on))
		put(v, w, &on, MT_lock_op_acquire);
}

static void on_entry(unsigned index, void *desc)
{
	struct vcpu *v = vcpu_started(index);
	const struct desc *d = desc;
	const struct mtrace_watch *w = *place(d->pc);

	if (!w || tracer.mode == MT_mode_off)
		return;
	v->now = vcpu_time(v, d->back);
	if (of_lock(w))
		on_lock(v, w);
	else
		put_epoch(v, w->what == MTRACE_WATCH_EPOCH_BEGIN);
}

/* ---- at translation ---------------------------------------------------------------------- */

void locks_block(struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t pc = qemu_plugin_insn_vaddr(insn);
	struct desc *d;

	if (!n_watched || !*place(pc))
		return;
	d = access_desc(pc, (unsigned)qemu_plugin_tb_n_insns(tb));
	if (d)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, QEMU_PLUGIN_CB_R_REGS, d);
}

void locks_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back)
{
	uint64_t pc = qemu_plugin_insn_vaddr(insn), next = pc + qemu_plugin_insn_size(insn);
	const struct mtrace_watch *w;

	if (!n_watched || !(pc >> 63))
		return;
	if (x->branch == X86_RET)
		qemu_plugin_register_vcpu_mem_cb(insn, on_ret, QEMU_PLUGIN_CB_R_REGS,
						 QEMU_PLUGIN_MEM_R, (void *)(uintptr_t)back);
	w = x->branch == X86_CALL ? *place(next + (uint64_t)x->target) : NULL;
	if (w && of_lock(w))
		qemu_plugin_register_vcpu_mem_cb(insn, on_call, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, (void *)(uintptr_t)next);
}
