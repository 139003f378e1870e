/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: xchg %bx,%bx with a function number in rax.
 *
 *   1   reserved: the entries of the original mtrace
 *   2   put a record: rbx its guest address, rcx its kind, rdx its size
 *
 * The guest is not trusted: what is malformed is counted and said once.  The
 * tracer fills in cpu and time, and what else only it knows.
 */
#include <string.h>

#include "tracer.h"

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

/* What a guest may put into a log; the rest is the tracer's or a filter's. */
static bool kind_allowed(unsigned kind)
{
	static const uint16_t kinds[] = {
		MT_KIND_mode, MT_KIND_entry, MT_KIND_lock, MT_KIND_scope, MT_KIND_var,
		MT_KIND_gc, MT_KIND_epoch, MT_KIND_appdata, MT_KIND_task, MT_KIND_switch,
		MT_KIND_map, MT_KIND_label, MT_KIND_segment,
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

static void put_mode(struct vcpu *v, struct mt_mode *rec)
{
	if (rec->mode != MT_mode_off && rec->mode != MT_mode_movement && rec->mode != MT_mode_all) {
		out_malformed(v, "mode record with a mode that this tracer does not have");
		return;
	}
	/* Where the option asks for all, a guest that asks for movement gets all. */
	if (rec->mode == MT_mode_movement)
		rec->mode = tracer.opt.mode;
	tracer_totals(&rec->accesses, &rec->instructions);
	out_put(v, &rec->hdr);
	tracer_switch((unsigned)rec->mode);
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
	if (!tracer.system)
		fill_process(rec);
	if (!tracer.system && rec->kind == MT_KIND_label)
		user_label((const struct mt_label *)rec);
	if (rec->kind == MT_KIND_mode)
		put_mode(v, (struct mt_mode *)rec);
	else
		out_put(v, rec);
}

static void on_hypercall(unsigned index, void *back)
{
	struct vcpu *v = vcpu_started(index);
	uint64_t rbx, rcx, rdx;

	v->now = *v->count - (uintptr_t)back;
	if (guest_register(v, RAX) != 2) {
		out_malformed(v, "unknown function");
		return;
	}
	rbx = guest_register(v, RBX);
	rcx = guest_register(v, RCX);
	rdx = guest_register(v, RDX);
	put_record(v, rbx, rcx, rdx);
}

void guest_instrument(struct qemu_plugin_insn *insn, unsigned back)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, on_hypercall, QEMU_PLUGIN_CB_R_REGS,
					       (void *)(uintptr_t)back);
}
