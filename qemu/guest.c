/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: xchg %bx,%bx with a function number in rax; kernel/mtrace.h says
 * what they do, classic.c does those of the original mtrace.
 *
 * The guest is not trusted: what is malformed is counted and said once.  The
 * tracer fills in cpu and time, and what else only it knows.
 */
#include <stdlib.h>
#include <string.h>

#include "../kernel/mtrace.h"
#include "tracer.h"

#define WATCH_MAX 4096			/* functions, and system calls of a table */

static const char *const register_names[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};
#define REGISTERS (sizeof(register_names) / sizeof(*register_names))
enum { RAX, RCX, RDX, RBX };

static struct qemu_plugin_register *registers[REGISTERS];

void guest_find_registers(void)
{
	GArray *list;
	unsigned i, n;

	if (registers[RAX])
		return;
	list = qemu_plugin_get_registers();
	for (i = 0; i < list->len; i++) {
		const qemu_plugin_reg_descriptor *r =
			&g_array_index(list, qemu_plugin_reg_descriptor, i);

		for (n = 0; n < REGISTERS; n++)
			if (!strcmp(r->name, register_names[n]))
				registers[n] = r->handle;
	}
	g_array_free(list, TRUE);
}

uint64_t guest_register(struct vcpu *v, unsigned n)
{
	uint64_t value = 0;

	/* read_register appends. */
	g_byte_array_set_size(v->bytes, 0);
	if (n < REGISTERS && registers[n] && qemu_plugin_read_register(registers[n], v->bytes) > 0)
		memcpy(&value, v->bytes->data, v->bytes->len < 8 ? v->bytes->len : 8);
	return value;
}

/* ---- records ------------------------------------------------------------- */

/* What a guest may put into a log; the rest is the tracer's or a filter's. */
static bool kind_allowed(unsigned kind)
{
	static const uint16_t kinds[] = {
		MT_KIND_mode, MT_KIND_entry, MT_KIND_lock, MT_KIND_scope, MT_KIND_var,
		MT_KIND_gc, MT_KIND_epoch, MT_KIND_appdata, MT_KIND_task, MT_KIND_switch,
		MT_KIND_map, MT_KIND_label, MT_KIND_segment, MT_KIND_section,
	};
	unsigned i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i] == kind)
			return true;
	return false;
}

/* A program does not know which number its address space has in the log. */
static void fill_process(struct mt_hdr *rec)
{
	uint32_t *process = NULL;

	switch (rec->kind) {
	case MT_KIND_task:
		process = &((struct mt_task *)rec)->process;
		break;
	case MT_KIND_switch:
		process = &((struct mt_switch *)rec)->process;
		break;
	case MT_KIND_map:
		process = &((struct mt_map *)rec)->process;
		break;
	case MT_KIND_label:
		process = &((struct mt_label *)rec)->process;
		break;
	}
	if (process && !*process)
		*process = tracer.process;
}

/* Nor need a kernel look up who runs: it has told when it switched. */
static void fill_task(struct vcpu *v, struct mt_hdr *rec)
{
	struct mt_label *label = (struct mt_label *)rec;
	uint32_t *task = NULL;

	if (rec->kind == MT_KIND_switch)
		v->process = ((struct mt_switch *)rec)->process;
	if (rec->kind == MT_KIND_label && !label->process && !(label->addr >> 63))
		label->process = v->process;

	switch (rec->kind) {
	case MT_KIND_lock:
		task = &((struct mt_lock *)rec)->task;
		break;
	case MT_KIND_scope:
		task = &((struct mt_scope *)rec)->task;
		break;
	case MT_KIND_var:
		task = &((struct mt_var *)rec)->task;
		break;
	case MT_KIND_gc:
		task = &((struct mt_gc *)rec)->task;
		break;
	case MT_KIND_epoch:
		task = &((struct mt_epoch *)rec)->task;
		break;
	case MT_KIND_label:
		task = &((struct mt_label *)rec)->task;
		break;
	}
	if (task && !*task)
		*task = entries_task(v);
}

static void put_mode(struct vcpu *v, struct mt_mode *rec)
{
	if (rec->mode > MT_mode_all) {
		out_malformed(v, "mode record with a mode that there is not");
		return;
	}
	/* The option says what a guest gets that asks for movement. */
	if (rec->mode == MT_mode_movement)
		rec->mode = tracer.opt.mode;
	tracer_totals(&rec->accesses, &rec->instructions);
	out_put(v, &rec->hdr);
	tracer_switch((unsigned)rec->mode);
}

void guest_put(struct vcpu *v, struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_mode) {
		put_mode(v, (struct mt_mode *)rec);
		return;
	}
	if (tracer.system) {
		fill_task(v, rec);
		entries_put(v, rec);
	} else {
		fill_process(rec);
		if (rec->kind == MT_KIND_label)
			user_label((const struct mt_label *)rec);
		out_put(v, rec);
	}
	scopes_note(v, rec);
}

static void put_record(struct vcpu *v, uint64_t addr, uint64_t kind, uint64_t size)
{
	const char *error;
	struct mt_hdr *rec;

	if (size < sizeof(*rec) || size > MT_RECORD_MAX || size % 8) {
		out_malformed(v, "impossible size of a record");
		return;
	}
	if (!qemu_plugin_read_memory_vaddr(addr, v->bytes, size)) {
		out_malformed(v, "record in memory that cannot be read");
		return;
	}
	rec = (struct mt_hdr *)v->bytes->data;
	if (rec->size != size || rec->kind != kind || !kind_allowed(rec->kind) ||
	    mt_frame(rec, size, &error) != (int)size) {
		out_malformed(v, "record that is malformed or of a kind that a guest cannot put");
		return;
	}
	guest_put(v, rec);
}

/* ---- the other functions ---------------------------------------------------- */

static bool watch_makes_sense(struct mtrace_watch *watch, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (watch[i].what > MTRACE_WATCH_EPOCH_END)
			return false;
		if (watch[i].what == MTRACE_WATCH_SYSCALLS && watch[i].bytes / 8 > WATCH_MAX)
			return false;
		watch[i].name[sizeof(watch[i].name) - 1] = 0;
	}
	return true;
}

static void take_watch(struct vcpu *v, struct mtrace_watch *watch, size_t n)
{
	size_t i;

	if (!watch_makes_sense(watch, n)) {
		out_malformed(v, "code to watch of an unknown sort or size");
		return;
	}
	for (i = 0; i < n; i++)
		if (watch[i].what == MTRACE_WATCH_SYSCALLS)
			entries_syscall_table(v, watch[i].pc, watch[i].bytes / 8);
	locks_watch(watch, n);
}

static void put_watch(struct vcpu *v, uint64_t addr, uint64_t bytes)
{
	struct mtrace_watch *watch;

	if (!tracer.system || bytes % sizeof(*watch) || bytes / sizeof(*watch) > WATCH_MAX) {
		out_malformed(v, tracer.system ? "impossible size of an array of code to watch"
					       : "code to watch, but there is no kernel");
		return;
	}
	if (bytes && !qemu_plugin_read_memory_vaddr(addr, v->bytes, bytes)) {
		out_malformed(v, "array of code to watch in memory that cannot be read");
		return;
	}
	/* A copy: reading the table of system calls uses the same buffer. */
	watch = malloc(bytes + 1);
	if (!watch) {
		out_malformed(v, "no memory for code to watch");
		return;
	}
	if (bytes)
		memcpy(watch, v->bytes->data, bytes);
	take_watch(v, watch, bytes / sizeof(*watch));
	free(watch);
}

/* What comes after the end is not even looked at. */
static void end_log(void)
{
	tracer.ended = true;
	out_end();
	tracer_switch(MT_mode_off);
}

static void call(struct vcpu *v, uint64_t function, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	const char *error;

	switch (function) {
	case 1:
		classic_put(v, rbx, rcx, rdx);
		break;
	case MTRACE_PUT:
		put_record(v, rbx, rcx, rdx);
		break;
	case MTRACE_WATCH:
		put_watch(v, rbx, rdx);
		break;
	case MTRACE_SET:
		error = settings_set(v, rbx, rcx, rdx);
		if (error)
			out_malformed(v, error);
		break;
	case MTRACE_END:
		end_log();
		break;
	default:
		out_malformed(v, "unknown function");
	}
}

static void on_hypercall(unsigned index, void *back)
{
	struct vcpu *v = vcpu_started(index);

	if (tracer.ended)
		return;
	v->real = *v->count - (uintptr_t)back;
	v->now = vcpu_time(v, (unsigned)(uintptr_t)back);
	call(v, guest_register(v, RAX), guest_register(v, RBX), guest_register(v, RCX),
	     guest_register(v, RDX));
}

void guest_instrument(struct qemu_plugin_insn *insn, unsigned back)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, on_hypercall, QEMU_PLUGIN_CB_R_REGS,
					       (void *)(uintptr_t)back);
}
