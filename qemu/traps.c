/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the kernel is entered and left, found without its help.
 *
 * Plugins are not told of interrupts.  But what handles one is in a table that
 * the kernel has in its memory and that `lidt` names: a block that begins at
 * the address of a handler is a handler.  It finds what the processor has
 * pushed on the stack.  System calls and returns are instructions.
 *
 * lidt and wrmsr are seen from the start, because a kernel does them at boot;
 * the rest only while recording.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tracer.h"
#include "x86.h"

#define VECTORS 256
#define GATE 16				/* bytes of one in the table */
#define MSR_LSTAR 0xc0000082		/* where system calls go; SDM vol. 4 */
#define VECTOR_NMI 2
#define VECTOR_INTERRUPT 32		/* the first that is no exception */
#define VECTOR_SYSCALL 0x80		/* Linux: of 32-bit programs */
#define SYSCALLS_MAX 4096

enum { RAX, RCX, RDX, RSP = 4 };

/* The words that the processor pushes, from the last one. */
struct pushed {
	uint64_t rip, cs, flags, sp, ss;
};

static struct {
	pthread_mutex_t lock;		/* of what follows but the atomics */
	_Atomic uint64_t base;		/* of the table, as the last lidt had it */
	_Atomic uint32_t limit;		/* its last byte */
	uint8_t raw[VECTORS * GATE];	/* as it was when last looked at */
	uint64_t handlers[VECTORS];	/* by vector; 0: none */
	GByteArray *bytes;
} idt = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Atomic uint64_t lstar;
static uint64_t syscalls[SYSCALLS_MAX];
static uint64_t n_syscalls;

/* ---- the table of handlers -------------------------------------------------- */

/* SDM vol. 3, 6.14.1: the offset is in three parts. */
static uint64_t gate_handler(const uint8_t *gate)
{
	uint16_t low, middle;
	uint32_t high;

	memcpy(&low, gate, 2);
	memcpy(&middle, gate + 6, 2);
	memcpy(&high, gate + 8, 4);
	return gate[5] & 0x80 ? (uint64_t)high << 32 | (uint32_t)middle << 16 | low : 0;
}

/* The kernel may have changed it since, with plain stores. */
static void look_at_table(void)
{
	size_t n = (size_t)idt.limit + 1, i;

	if (n > sizeof(idt.raw))
		n = sizeof(idt.raw);
	if (!idt.bytes)
		idt.bytes = g_byte_array_new();
	if (!(idt.base >> 63) || !qemu_plugin_read_memory_vaddr(idt.base, idt.bytes, n))
		return;
	if (!memcmp(idt.raw, idt.bytes->data, n))
		return;
	memset(idt.raw, 0, sizeof(idt.raw));
	memcpy(idt.raw, idt.bytes->data, n);
	for (i = 0; i < VECTORS; i++)
		idt.handlers[i] = gate_handler(idt.raw + i * GATE);
}

/* -1: nothing begins there.  Vectors that share a handler cannot be told apart. */
static int vector_of(uint64_t pc)
{
	int i, vector = -1;

	pthread_mutex_lock(&idt.lock);
	for (i = 0; i < VECTORS && vector < 0; i++)
		if (idt.handlers[i] == pc)
			vector = i;
	pthread_mutex_unlock(&idt.lock);
	return vector;
}

static void on_lidt(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *unused)
{
	qemu_plugin_mem_value value = qemu_plugin_mem_get_value(info);

	(void)index, (void)addr, (void)unused;
	if (value.type == QEMU_PLUGIN_MEM_VALUE_U16)
		idt.limit = value.data.u16;
	else if (value.type == QEMU_PLUGIN_MEM_VALUE_U64)
		idt.base = value.data.u64;
}

static void on_wrmsr(unsigned index, void *unused)
{
	struct vcpu *v = vcpu_started(index);

	(void)unused;
	if ((uint32_t)guest_register(v, RCX) == MSR_LSTAR)
		lstar = guest_register(v, RDX) << 32 | (uint32_t)guest_register(v, RAX);
}

/* ---- interrupts and exceptions ------------------------------------------------ */

static bool read_pushed(struct vcpu *v, uint64_t addr, struct pushed *pushed)
{
	if (!qemu_plugin_read_memory_vaddr(addr, v->bytes, sizeof(*pushed)))
		return false;
	memcpy(pushed, v->bytes->data, sizeof(*pushed));
	return true;
}

static void describe(struct vcpu *v, struct way *way, unsigned vector)
{
	way->number = vector;
	way->cause = vector >= VECTOR_INTERRUPT || vector == VECTOR_NMI ? MT_entry_cause_interrupt
		: MT_entry_cause_exception;
	if (vector == VECTOR_SYSCALL && way->from_user) {
		way->cause = MT_entry_cause_syscall;
		way->number = (uint32_t)guest_register(v, RAX);
	}
}

static void on_handler(unsigned index, void *desc)
{
	struct vcpu *v = vcpu_started(index);
	const struct desc *d = desc;
	struct way way = { .pc = d->pc };
	struct frame frame = { .pc = d->pc };
	struct pushed pushed;
	int vector = vector_of(d->pc);

	if (tracer.mode == MT_mode_off || vector < 0)
		return;
	v->call_slot = 0;
	v->now = vcpu_time(v, d->back);
	/*
	 * SDM vol. 3, 6.14.2: the stack is aligned to 16 bytes, then five words are
	 * pushed, or six with an error code.
	 */
	frame.addr = guest_register(v, RSP);
	frame.bytes = frame.addr % 16 ? 40 : 48;
	way.frame = frame.addr + frame.bytes - sizeof(pushed);
	if (!read_pushed(v, way.frame, &pushed))
		return;
	way.from_user = pushed.cs & 3;
	describe(v, &way, (unsigned)vector);
	entries_start(v, &way);
	access_frame(v, &frame, d->back);
}

void traps_block(struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t pc = qemu_plugin_insn_vaddr(insn);
	struct desc *d;

	if (!(pc >> 63))
		return;
	pthread_mutex_lock(&idt.lock);
	look_at_table();
	pthread_mutex_unlock(&idt.lock);
	if (vector_of(pc) < 0)
		return;
	d = access_desc(pc, (unsigned)qemu_plugin_tb_n_insns(tb));
	if (d)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_handler, QEMU_PLUGIN_CB_R_REGS, d);
}

/* ---- system calls, and back ------------------------------------------------------ */

void entries_syscall_table(struct vcpu *v, uint64_t addr, uint64_t n)
{
	n_syscalls = 0;
	if (n > SYSCALLS_MAX)
		n = SYSCALLS_MAX;
	if (!qemu_plugin_read_memory_vaddr(addr, v->bytes, n * sizeof(*syscalls))) {
		out_malformed(v, "system call table in memory that cannot be read");
		return;
	}
	memcpy(syscalls, v->bytes->data, n * sizeof(*syscalls));
	n_syscalls = n;
}

static void on_syscall(unsigned index, void *back)
{
	struct vcpu *v = vcpu_started(index);
	struct way way = { .cause = MT_entry_cause_syscall, .from_user = true };

	v->now = vcpu_time(v, (unsigned)(uintptr_t)back);
	way.number = (uint32_t)guest_register(v, RAX);
	way.pc = way.number < n_syscalls ? syscalls[way.number] : lstar;
	entries_start(v, &way);
}

static void on_sysret(unsigned index, void *back)
{
	struct vcpu *v = vcpu_started(index);

	v->now = vcpu_time(v, (unsigned)(uintptr_t)back);
	entries_leave(v);
}

static void on_iret(unsigned index, void *back)
{
	struct vcpu *v = vcpu_started(index);
	uint64_t sp = guest_register(v, RSP);
	struct pushed pushed;

	v->now = vcpu_time(v, (unsigned)(uintptr_t)back);
	if (!read_pushed(v, sp, &pushed))
		return;
	if (pushed.cs & 3)
		entries_leave(v);
	else
		entries_return(v, sp);
}

void traps_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back, bool recording)
{
	void *data = (void *)(uintptr_t)back;

	if (x->system == X86_LIDT)
		qemu_plugin_register_vcpu_mem_cb(insn, on_lidt, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_R, NULL);
	if (x->system == X86_WRMSR)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wrmsr, QEMU_PLUGIN_CB_R_REGS, NULL);
	if (!recording)
		return;
	if (x->syscall)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_syscall, QEMU_PLUGIN_CB_R_REGS, data);
	if (x->system == X86_SYSRET)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_sysret, QEMU_PLUGIN_CB_NO_REGS, data);
	if (x->system == X86_IRET)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_iret, QEMU_PLUGIN_CB_R_REGS, data);
}
