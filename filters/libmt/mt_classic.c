/* SPDX-License-Identifier: MIT */
/*
 * From entries of the original mtrace to records.  The original's structs are
 * packed; of its flag bytes only one bit is ever set on purpose, and its
 * strings need not end.
 */
#include <string.h>

#include "mt_classic.h"

#define TEXT 64
#define TASKS_MAX (1u << 20)		/* threads whose process is remembered */

/* ---- layouts --------------------------------------------------------------- */

#define PACKED __attribute__((packed))

struct label {
	struct mt_classic_hdr hdr;
	uint64_t host_addr;
	uint32_t storage;		/* 1 heap, 2 block, 3 static, 4 percpu */
	char name[TEXT];
	uint64_t addr, bytes, pc;	/* bytes 0: gone */
} PACKED;

struct access {
	struct mt_classic_hdr hdr;
	uint32_t op;			/* 1 load, 2 store, 3 store to a page that was clean */
	uint8_t flags;			/* 1 moved, 2 in a LOCKed instruction */
	uint64_t pc, host_addr, addr;
	uint8_t bytes;
} PACKED;

struct host {
	struct mt_classic_hdr hdr;
	uint32_t what;
	uint64_t instructions;		/* of all cpus */
	union {
		struct { uint32_t mode; char name[TEXT]; } PACKED set;
		uint64_t cpu;
		char room[72];
	} u;
} PACKED;

struct fcall {
	struct mt_classic_hdr hdr;
	uint64_t task, pc, tag;
	uint16_t depth;
	uint32_t state;			/* 1 start, 2 and 3 done, 4 resume, 5 pause */
} PACKED;

struct segment {
	struct mt_classic_hdr hdr;
	uint64_t base, end;
	uint16_t owner;
	uint32_t storage;		/* 4 */
} PACKED;

struct call {
	struct mt_classic_hdr hdr;
	uint64_t target, return_pc;
	uint32_t is_return;
} PACKED;

struct lock {
	struct mt_classic_hdr hdr;
	uint64_t pc, addr;
	char name[TEXT];
	uint32_t op;			/* 1 acquire, 2 acquired, 3 release */
	uint8_t read;
} PACKED;

struct task {
	struct mt_classic_hdr hdr;
	uint64_t task, process;
	uint32_t op;			/* 1 created, 2 has another name, 3 exits */
	char name[TEXT];
} PACKED;

struct sched {
	struct mt_classic_hdr hdr;
	uint64_t task;
} PACKED;

struct machine {
	struct mt_classic_hdr hdr;
	uint16_t cpus;
	uint64_t ram, quantum, sample;
	uint8_t flags;			/* 1 locked, 2 calls */
} PACKED;

struct appdata {
	struct mt_classic_hdr hdr;
	uint16_t what;		/* the usual helpers do not set it */
	uint64_t value;
} PACKED;

/* ascope (bit 0: leaves) and avar (bit 0: writes) */
struct named {
	struct mt_classic_hdr hdr;
	uint8_t flags;
	char name[TEXT];
} PACKED;

struct gc {
	struct mt_classic_hdr hdr;
	uint64_t addr, bytes;
	char ctype[TEXT];
	uint8_t retired;
} PACKED;

struct epoch {
	struct mt_classic_hdr hdr;
	uint8_t begins;
} PACKED;

static const uint16_t sizes[] = {
	[MT_CLASSIC_LABEL] = sizeof(struct label), [MT_CLASSIC_ACCESS] = sizeof(struct access),
	[MT_CLASSIC_HOST] = sizeof(struct host), [MT_CLASSIC_FCALL] = sizeof(struct fcall),
	[MT_CLASSIC_SEGMENT] = sizeof(struct segment), [MT_CLASSIC_CALL] = sizeof(struct call),
	[MT_CLASSIC_LOCK] = sizeof(struct lock), [MT_CLASSIC_TASK] = sizeof(struct task),
	[MT_CLASSIC_SCHED] = sizeof(struct sched), [MT_CLASSIC_MACHINE] = sizeof(struct machine),
	[MT_CLASSIC_APPDATA] = sizeof(struct appdata), [MT_CLASSIC_ASCOPE] = sizeof(struct named),
	[MT_CLASSIC_AVAR] = sizeof(struct named), [MT_CLASSIC_GC] = sizeof(struct gc),
	[MT_CLASSIC_GCEPOCH] = sizeof(struct epoch),
};
_Static_assert(sizeof(struct label) == MT_CLASSIC_MAX && sizeof(struct host) == 108 &&
	       sizeof(struct lock) == 109, "the original's layouts are packed");

size_t mt_classic_size(uint32_t type)
{
	return type < sizeof(sizes) / sizeof(*sizes) ? sizes[type] : 0;
}

/* An entry, copied to where it may be read. */
union entry {
	struct mt_classic_hdr hdr;
	struct label label;
	struct access access;
	struct host host;
	struct fcall fcall;
	struct segment segment;
	struct call call;
	struct lock lock;
	struct task task;
	struct sched sched;
	struct machine machine;
	struct appdata appdata;
	struct named named;
	struct gc gc;
	struct epoch epoch;
};

/* ---- one function for each type: the record's size; 0; -1 ------------------- */

/* Header and frame of a record; strings may be NULL for a kind without any. */
static int finish(const union entry *e, void *out, void *fixed, const char *const *strings)
{
	struct mt_hdr *hdr = fixed;

	hdr->cpu = e->hdr.cpu;
	hdr->time = e->hdr.type == MT_CLASSIC_CALL ? 0 : e->hdr.time;
	return mt_build(out, fixed, strings)->size;
}

/* The same for a kind with one string: text, cut to room. */
static int finish_named(const union entry *e, void *out, void *fixed, const char *text)
{
	char name[TEXT + 1];
	const char *strings[] = { name, "" };

	memcpy(name, text, TEXT);
	name[TEXT] = 0;
	return finish(e, out, fixed, strings);
}

static int from_label(const union entry *e, void *out)
{
	struct mt_label r = {
		.hdr.kind = MT_KIND_label, .addr = e->label.addr, .bytes = e->label.bytes,
		.pc = e->label.pc, .op = e->label.bytes ? MT_label_op_alloc : MT_label_op_free,
		.storage = e->label.storage - 1
	};

	return r.storage > MT_storage_percpu ? -1 : finish_named(e, out, &r, e->label.name);
}

static int from_access(const union entry *e, void *out)
{
	const struct access *a = &e->access;
	struct mt_access r = {
		.hdr.kind = MT_KIND_access, .pc = a->pc, .addr = a->addr, .paddr = a->host_addr,
		.width = a->bytes,
		.flags = (uint16_t)((a->op == 1 ? MT_access_flag_load : MT_access_flag_store) |
				    (a->flags & 1 ? MT_access_flag_moved : 0) |
				    (a->flags & 2 ? MT_access_flag_atomic : 0) |
				    (a->pc >> 63 ? MT_access_flag_kernel : 0))
	};

	return a->op - 1 > 2 ? -1 : finish(e, out, &r, NULL);
}

static int from_host(const union entry *e, void *out)
{
	struct mt_mode r = {
		.hdr.kind = MT_KIND_mode, .mode = e->host.u.set.mode,
		.accesses = e->hdr.accesses, .instructions = e->host.instructions
	};

	if (e->host.what - 1 >= MT_CLASSIC_COUNT_ON)
		return -1;
	if (e->host.what != MT_CLASSIC_SET_MODE)
		return 0;
	return r.mode > MT_mode_kernel ? -1 : finish_named(e, out, &r, e->host.u.set.name);
}

/*
 * The original says where the kernel is entered, not why: what happens beside
 * any thread is an interrupt.
 */
static int from_fcall(const union entry *e, void *out)
{
	static const uint16_t states[] = {
		MT_entry_state_start, MT_entry_state_done, MT_entry_state_done,
		MT_entry_state_resume, MT_entry_state_pause,
	};
	const struct fcall *f = &e->fcall;
	struct mt_entry r = {
		.hdr.kind = MT_KIND_entry, .tag = f->tag, .pc = f->pc, .task = (uint32_t)f->task,
		.depth = f->depth, .number = MT_NUMBER_UNTOLD,
		.cause = f->task ? MT_entry_cause_syscall : MT_entry_cause_interrupt
	};

	if (f->state - 1 >= sizeof(states) / sizeof(*states) || f->task > UINT32_MAX)
		return -1;
	r.state = states[f->state - 1];
	return finish(e, out, &r, NULL);
}

static int from_segment(const union entry *e, void *out)
{
	const struct segment *s = &e->segment;
	struct mt_segment r = {
		.hdr.kind = MT_KIND_segment, .addr = s->base, .bytes = s->end - s->base,
		.owner = s->owner
	};

	return s->storage != MT_storage_percpu + 1 || s->end < s->base ? -1 : finish(e, out, &r, NULL);
}

/* Where the instruction itself stands is not told. */
static int from_call(const union entry *e, void *out)
{
	const struct call *c = &e->call;
	struct mt_call r = {
		.hdr.kind = MT_KIND_call, .target = c->target,
		.return_pc = c->is_return ? c->target : c->return_pc,
		.op = c->is_return ? MT_call_op_ret : MT_call_op_call
	};

	return c->is_return > 1 ? -1 : finish(e, out, &r, NULL);
}

static int from_lock(const union entry *e, void *out)
{
	const struct lock *l = &e->lock;
	struct mt_lock r = {
		.hdr.kind = MT_KIND_lock, .addr = l->addr, .pc = l->pc,
		.op = (uint16_t)(l->op - 1), .read = l->read & 1
	};

	return l->op - 1 > MT_lock_op_release ? -1 : finish_named(e, out, &r, l->name);
}

/* A thread's process is kept for its sched entries, as far as there is room. */
static int from_task(struct mt_classic *c, const union entry *e, void *out)
{
	const struct task *t = &e->task;
	struct mt_task r = {
		.hdr.kind = MT_KIND_task, .task = (uint32_t)t->task,
		.process = (uint32_t)t->process, .op = t->op - 1
	};
	uint64_t *process;

	if (r.op > MT_task_op_exit || t->task > UINT32_MAX || t->process > UINT32_MAX)
		return -1;
	if (r.op == MT_task_op_exit) {
		mt_table_remove(&c->processes, t->task);
	} else if (c->processes.used < TASKS_MAX) {
		process = mt_table_put(&c->processes, t->task);
		if (process)
			*process = t->process;
	}
	return finish_named(e, out, &r, t->name);
}

static int from_sched(const struct mt_classic *c, const union entry *e, void *out)
{
	const uint64_t *process = mt_table_get(&c->processes, e->sched.task);
	struct mt_switch r = {
		.hdr.kind = MT_KIND_switch, .task = (uint32_t)e->sched.task,
		.process = process ? (uint32_t)*process : 0
	};

	return e->sched.task > UINT32_MAX ? -1 : finish(e, out, &r, NULL);
}

static int from_appdata(const union entry *e, void *out)
{
	struct mt_appdata r = { .hdr.kind = MT_KIND_appdata, .value = e->appdata.value };
	const char *strings[] = { "operations" };

	return finish(e, out, &r, strings);
}

static int from_ascope(const union entry *e, void *out)
{
	struct mt_scope r = {
		.hdr.kind = MT_KIND_scope,
		.op = e->named.flags & 1 ? MT_scope_op_leave : MT_scope_op_enter
	};

	return finish_named(e, out, &r, e->named.name);
}

static int from_avar(const union entry *e, void *out)
{
	struct mt_var r = { .hdr.kind = MT_KIND_var, .write = e->named.flags & 1 };

	return finish_named(e, out, &r, e->named.name);
}

static int from_gc(const union entry *e, void *out)
{
	struct mt_gc r = {
		.hdr.kind = MT_KIND_gc, .addr = e->gc.addr, .bytes = e->gc.bytes,
		.op = e->gc.retired & 1 ? MT_gc_op_retire : MT_gc_op_create
	};

	return finish_named(e, out, &r, e->gc.ctype);
}

static int from_gcepoch(const union entry *e, void *out)
{
	struct mt_epoch r = {
		.hdr.kind = MT_KIND_epoch,
		.op = e->epoch.begins & 1 ? MT_epoch_op_begin : MT_epoch_op_end
	};

	return finish(e, out, &r, NULL);
}

/* ---- the whole ---------------------------------------------------------------- */

static bool load(union entry *e, const void *entry, size_t len, const char **error)
{
	struct mt_classic_hdr hdr;
	size_t want;

	memset(e, 0, sizeof(*e));
	*error = "classic entry without a header";
	if (len < sizeof(hdr))
		return false;
	memcpy(&hdr, entry, sizeof(hdr));
	*error = "classic entry of an unknown type";
	want = mt_classic_size(hdr.type);
	if (!want)
		return false;
	*error = "classic entry of a size that its type does not have";
	if (hdr.size != want || len < want)
		return false;
	memcpy(e, entry, want);
	*error = "classic entry with an impossible value";
	return true;
}

int mt_classic_record(struct mt_classic *c, const void *entry, size_t len, void *out,
		      const char **error)
{
	union entry e;

	if (!load(&e, entry, len, error))
		return -1;
	switch (e.hdr.type) {
	case MT_CLASSIC_LABEL: return from_label(&e, out);
	case MT_CLASSIC_ACCESS: return from_access(&e, out);
	case MT_CLASSIC_HOST: return from_host(&e, out);
	case MT_CLASSIC_FCALL: return from_fcall(&e, out);
	case MT_CLASSIC_SEGMENT: return from_segment(&e, out);
	case MT_CLASSIC_CALL: return from_call(&e, out);
	case MT_CLASSIC_LOCK: return from_lock(&e, out);
	case MT_CLASSIC_TASK: return from_task(c, &e, out);
	case MT_CLASSIC_SCHED: return from_sched(c, &e, out);
	case MT_CLASSIC_APPDATA: return from_appdata(&e, out);
	case MT_CLASSIC_ASCOPE: return from_ascope(&e, out);
	case MT_CLASSIC_AVAR: return from_avar(&e, out);
	case MT_CLASSIC_GC: return from_gc(&e, out);
	case MT_CLASSIC_GCEPOCH: return from_gcepoch(&e, out);
	default: return 0;		/* machine */
	}
}

int mt_classic_begin(const void *entry, size_t len, void *out, const char **error)
{
	static const char *const strings[] = { "the original mtrace", "", "" };
	struct mt_begin r = {
		.hdr.kind = MT_KIND_begin, .version = 1, .line = 64, .sample = 1,
		.machine = MT_machine_system, .options = MT_option_always
	};
	union entry e;

	if (entry && (!load(&e, entry, len, error) || e.hdr.type != MT_CLASSIC_MACHINE ||
		      e.machine.quantum > UINT32_MAX || e.machine.sample > UINT32_MAX))
		return -1;
	if (entry) {
		r.hdr.cpu = e.hdr.cpu;
		r.cpus = e.machine.cpus;
		r.quantum = (uint32_t)e.machine.quantum;
		r.sample = (uint32_t)e.machine.sample;
		r.options |= (e.machine.flags & 1 ? MT_option_locked : 0) |
			    (e.machine.flags & 2 ? MT_option_calls : 0);
	}
	return mt_build(out, &r, strings)->size;
}

bool mt_classic_rest(const void *entry, struct mt_origin *out)
{
	union entry e;
	size_t len = mt_classic_size(((const struct mt_classic_hdr *)entry)->type);
	struct mt_origin r = { .hdr.kind = MT_KIND_origin, .hdr.size = sizeof(r) };

	memset(&e, 0, sizeof(e));
	memcpy(&e, entry, len);
	r.hdr.cpu = e.hdr.cpu;
	r.hdr.time = e.hdr.time;
	r.entry = e.hdr.type;
	switch (e.hdr.type) {
	case MT_CLASSIC_LABEL:
		r.host = e.label.host_addr;
		break;
	case MT_CLASSIC_ACCESS:
		r.detail = e.access.op > 2 || e.access.flags & 4 ? e.access.op : 0;
		r.host = e.access.flags & 4;
		break;
	case MT_CLASSIC_HOST:
		r.detail = e.host.what != MT_CLASSIC_SET_MODE ? e.host.what : 0;
		r.host = r.detail ? e.host.u.cpu : 0;
		r.instructions = r.detail ? e.host.instructions : 0;
		break;
	case MT_CLASSIC_FCALL:
		r.detail = e.fcall.state == 3 ? 3 : 0;
		break;
	case MT_CLASSIC_MACHINE:
		r.host = e.machine.ram;
		break;
	case MT_CLASSIC_APPDATA:
		r.detail = e.appdata.what;
		break;
	}
	*out = r;
	return r.host || r.detail || e.hdr.type == MT_CLASSIC_MACHINE;
}

bool mt_classic_host(const void *entry, size_t len, struct mt_classic_host *host, const char **error)
{
	union entry e;

	if (!load(&e, entry, len, error) || e.hdr.type != MT_CLASSIC_HOST ||
	    e.host.what - 1 >= MT_CLASSIC_COUNT_ON)
		return false;
	*host = (struct mt_classic_host){ e.host.what, e.host.u.cpu };
	return true;
}

void mt_classic_release(struct mt_classic *c)
{
	mt_table_release(&c->processes);
}
