/* SPDX-License-Identifier: MIT */
/*
 * The guest ABI: how a traced program or kernel talks to the tracer.  Static
 * inlines only, for freestanding C and C++; outside the tracer each call costs
 * a few nanoseconds and does nothing.
 *
 * A call hands one record of the stream (mt-log(5)) to the tracer, by an
 * instruction that a real processor takes for a no-op.  The tracer copies the
 * record, fills in cpu and time, and in user mode the process where it is 0.
 *
 *     mtrace_mode(MT_mode_all, "warm cache");	// record all from here on
 *     ... what is to be measured ...
 *     mtrace_appdata(n, "operations");
 *     mtrace_mode(MT_mode_off, "warm cache");
 *
 * Names are cut at MTRACE_NAME bytes.
 */
#ifndef MTRACE_H
#define MTRACE_H

#ifdef __KERNEL__
#include <linux/types.h>
#endif
#include "../filters/libmt/mt_struct.h"

#define MTRACE_NAME 120			/* bytes for the strings of a record, with their NULs */
#define MTRACE_PATH 256			/* for the path of a mapping */
#define MTRACE_BUILD_ID 64

/* Functions, in rax.  1 is the original's (its structs in rbx, rcx, rdx). */
#define MTRACE_PUT   2			/* rbx: a record, rcx: its kind, rdx: its bytes */
#define MTRACE_WATCH 3			/* rbx: struct mtrace_watch[], rdx: bytes of the array */
#define MTRACE_SET   4			/* rbx: MTRACE_SET_..., rcx: value, rdx: cpu */
#define MTRACE_END   5			/* the log ends here */

/*
 * Code and tables of a kernel that the tracer is told of, so that the kernel
 * need not report what happens there.  A later array replaces an earlier one.
 */
enum {
	MTRACE_WATCH_LOCK,		/* rdi: a lock; held when the function returns */
	MTRACE_WATCH_TRYLOCK,		/* the same, if it returns other than 0 (eax) */
	MTRACE_WATCH_LOCK_ERROR,	/* the same, if it returns 0 (eax) */
	MTRACE_WATCH_UNLOCK,		/* rdi: a lock; no longer held */
	MTRACE_WATCH_SYSCALLS,		/* pc: array of bytes / 8 entry functions by number */
	MTRACE_WATCH_EPOCH_BEGIN,	/* a read epoch of the task begins: rcu_read_lock */
	MTRACE_WATCH_EPOCH_END,		/* and ends; they nest */
};

struct mtrace_watch {
	uint64_t pc;			/* first instruction of the function */
	uint64_t bytes;			/* its length */
	uint32_t what;			/* MTRACE_WATCH_... */
	uint32_t read;			/* 1: shared */
	char name[16];			/* kind of lock: spinlock, rwlock, mutex, rwsem, semaphore */
};

enum {
	MTRACE_SET_CALLS,		/* record calls: 1, 0 */
	MTRACE_SET_COUNT,		/* count instructions: 1, 0 */
	MTRACE_SET_LOCKED,		/* record atomic accesses that hit; of all cpus */
	MTRACE_SET_SAMPLE,		/* one access in so many; of all cpus */
	MTRACE_SET_QUANTUM,		/* a cpu's turn in instructions; of all cpus */
};
#define MTRACE_ALL_CPUS  (~(uint64_t)0)
#define MTRACE_THIS_CPU  (~(uint64_t)1)

/*
 * The asm reads what registers point to ("memory"), so the compiler has stored
 * it by then; the tracer cannot take a page fault on our behalf, but what was
 * just stored is in memory.
 */
static inline void mtrace_hypercall(uint64_t function, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	/* xchg %bx,%bx; as bytes, because assemblers may choose another coding */
	__asm__ __volatile__(".byte 0x66, 0x87, 0xdb"
			     : "+a"(function)
			     : "b"(rbx), "c"(rcx), "d"(rdx)
			     : "memory");
}

/* Hands over a whole record: len bytes, which its header says, too. */
static inline void mtrace_put(const void *record, uint64_t kind, uint64_t len)
{
	mtrace_hypercall(MTRACE_PUT, (uint64_t)(uintptr_t)record, kind, len);
}

/* Tells of code and tables to watch, see MTRACE_WATCH_... */
static inline void mtrace_watch_code(const struct mtrace_watch *watch, uint64_t n)
{
	mtrace_hypercall(MTRACE_WATCH, (uint64_t)(uintptr_t)watch, 0, n * sizeof(*watch));
}

/* Sets what is recorded, see MTRACE_SET_...; cpu: a number, MTRACE_ALL_CPUS, MTRACE_THIS_CPU. */
static inline void mtrace_set(uint64_t what, uint64_t value, uint64_t cpu)
{
	mtrace_hypercall(MTRACE_SET, what, value, cpu);
}

/*
 * The log ends here, whole; what the guest does from now on is not in it.  Of
 * several processes under mt-run: what the others have not yet written, neither.
 */
static inline void mtrace_end(void)
{
	mtrace_hypercall(MTRACE_END, 0, 0, 0);
}

/* Appends a string and its NUL to the n bytes of a record's strings; cut at end.  NULL is "". */
static inline unsigned mtrace_string_to(char *strings, unsigned n, unsigned end, const char *s)
{
	while (s && *s && n < end)
		strings[n++] = *s++;
	strings[n++] = 0;
	return n;
}

/* The same; keeps its NUL and those of strings that follow within MTRACE_NAME. */
static inline unsigned mtrace_string(char *strings, unsigned n, const char *s)
{
	return mtrace_string_to(strings, n, MTRACE_NAME - 8, s);
}

/* Pads the record's strings, fills its header and hands it over. */
static inline void mtrace_finish(struct mt_hdr *hdr, uint64_t kind, uint64_t fixed,
				 char *strings, unsigned n)
{
	while (n % 8)
		strings[n++] = 0;
	hdr->kind = (uint16_t)kind;
	hdr->size = (uint16_t)(fixed + n);
	hdr->cpu = 0;
	hdr->time = 0;
	mtrace_put(hdr, kind, fixed + n);
}

/* The same for a record without strings. */
static inline void mtrace_finish_fixed(struct mt_hdr *hdr, uint64_t kind, uint64_t size)
{
	mtrace_finish(hdr, kind, size, (char *)0, 0);
}

/* Switches recording for all cpus; name is of the run that starts or stops. */
static inline void mtrace_mode(uint64_t mode, const char *name)
{
	struct { struct mt_mode fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.mode = mode;
	r.fixed.accesses = 0;
	r.fixed.instructions = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_mode, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* Names an object: from here on accesses to these bytes are its own. */
static inline void mtrace_label(const void *addr, uint64_t bytes, uint32_t storage,
				const char *name, const char *ctype)
{
	struct { struct mt_label fixed; char strings[MTRACE_NAME]; } r;
	unsigned n = mtrace_string(r.strings, 0, name);

	r.fixed.addr = (uint64_t)(uintptr_t)addr;
	r.fixed.bytes = bytes;
	r.fixed.pc = (uint64_t)(uintptr_t)__builtin_return_address(0);
	r.fixed.process = 0;
	r.fixed.task = 0;
	r.fixed.op = MT_label_op_alloc;
	r.fixed.storage = storage;
	mtrace_finish(&r.fixed.hdr, MT_KIND_label, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, n, ctype));
}

/* The object that starts at addr is gone; call it before the memory is given back. */
static inline void mtrace_unlabel(const void *addr, uint32_t storage)
{
	struct { struct mt_label fixed; char strings[8]; } r;

	r.fixed.addr = (uint64_t)(uintptr_t)addr;
	r.fixed.bytes = 0;
	r.fixed.pc = 0;
	r.fixed.process = 0;
	r.fixed.task = 0;
	r.fixed.op = MT_label_op_free;
	r.fixed.storage = storage;
	r.strings[0] = r.strings[1] = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_label, sizeof(r.fixed), r.strings, 2);
}

/* A number from the application, by custom the operations it has done. */
static inline void mtrace_appdata(uint64_t value, const char *name)
{
	struct { struct mt_appdata fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.value = value;
	mtrace_finish(&r.fixed.hdr, MT_KIND_appdata, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* An abstract operation opens (MT_scope_op_enter) or closes (MT_scope_op_leave). */
static inline void mtrace_scope(uint32_t op, const char *name)
{
	struct { struct mt_scope fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.op = op;
	r.fixed.task = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_scope, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* The innermost open scope reads (0) or writes (1) an abstract variable. */
static inline void mtrace_var(uint32_t write, const char *name)
{
	struct { struct mt_var fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.write = write;
	r.fixed.task = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_var, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* ---- what kernels tell ----------------------------------------------------- */

/*
 * A call stack starts, ends, is set aside or taken up: MT_entry_state_...  tag
 * names it; 0 leaves tag, depth and task to the tracer.
 */
static inline void mtrace_entry(uint16_t state, uint16_t cause, uint32_t number, const void *pc,
				uint64_t tag, uint32_t depth, uint32_t task)
{
	struct mt_entry r;

	r.tag = tag;
	r.pc = (uint64_t)(uintptr_t)pc;
	r.task = task;
	r.number = number;
	r.state = state;
	r.cause = cause;
	r.depth = depth;
	mtrace_finish_fixed(&r.hdr, MT_KIND_entry, sizeof(r));
}

/* MT_lock_op_...; read is 1 for a shared holder, pc the place of the call. */
static inline void mtrace_lock(uint16_t op, const void *addr, uint16_t read, const void *pc,
			       const char *name)
{
	struct { struct mt_lock fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.addr = (uint64_t)(uintptr_t)addr;
	r.fixed.pc = (uint64_t)(uintptr_t)pc;
	r.fixed.op = op;
	r.fixed.read = read;
	r.fixed.task = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_lock, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* An object under deferred freeing is born (MT_gc_op_create) or retired; bytes 0 then. */
static inline void mtrace_gc(uint32_t op, const void *addr, uint64_t bytes, const char *ctype)
{
	struct { struct mt_gc fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.addr = (uint64_t)(uintptr_t)addr;
	r.fixed.bytes = bytes;
	r.fixed.op = op;
	r.fixed.task = 0;
	mtrace_finish(&r.fixed.hdr, MT_KIND_gc, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, ctype));
}

/* The task enters (MT_epoch_op_begin) or leaves a read epoch. */
static inline void mtrace_epoch(uint32_t op)
{
	struct mt_epoch r;

	r.op = op;
	r.task = 0;
	mtrace_finish_fixed(&r.hdr, MT_KIND_epoch, sizeof(r));
}

/* MT_task_op_...: a thread is created by its parent, has another name, ends. */
static inline void mtrace_task(uint32_t op, uint32_t task, uint32_t process, uint32_t parent,
			       const char *name)
{
	struct { struct mt_task fixed; char strings[MTRACE_NAME]; } r;

	r.fixed.task = task;
	r.fixed.process = process;
	r.fixed.parent = parent;
	r.fixed.op = op;
	mtrace_finish(&r.fixed.hdr, MT_KIND_task, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, name));
}

/* This cpu runs that task from here on; 0, 0: it is idle. */
static inline void mtrace_switch(uint32_t task, uint32_t process)
{
	struct mt_switch r;

	r.task = task;
	r.process = process;
	mtrace_finish_fixed(&r.hdr, MT_KIND_switch, sizeof(r));
}

/* That cpu's copy of the per-cpu section. */
static inline void mtrace_segment(const void *addr, uint64_t bytes, uint64_t cpu)
{
	struct mt_segment r;

	r.addr = (uint64_t)(uintptr_t)addr;
	r.bytes = bytes;
	r.owner = cpu;
	mtrace_finish_fixed(&r.hdr, MT_KIND_segment, sizeof(r));
}

/* A section of a kernel module, ".text"; bytes 0: all of the module are gone. */
static inline void mtrace_section(const void *addr, uint64_t bytes, const char *module,
				  const char *name)
{
	struct { struct mt_section fixed; char strings[MTRACE_NAME]; } r;
	unsigned n = mtrace_string_to(r.strings, 0, MTRACE_NAME / 2, module);

	r.fixed.addr = (uint64_t)(uintptr_t)addr;
	r.fixed.bytes = bytes;
	mtrace_finish(&r.fixed.hdr, MT_KIND_section, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, n, name));
}

/* A file is mapped into a process (MT_map_op_map), or the range unmapped. */
static inline void mtrace_map(uint32_t op, uint64_t addr, uint64_t bytes, uint64_t offset,
			      uint32_t process, const char *path, const char *build_id)
{
	struct { struct mt_map fixed; char strings[MTRACE_PATH + MTRACE_BUILD_ID]; } r;
	unsigned n = mtrace_string_to(r.strings, 0, MTRACE_PATH - 1, path);

	r.fixed.addr = addr;
	r.fixed.bytes = bytes;
	r.fixed.offset = offset;
	r.fixed.process = process;
	r.fixed.op = op;
	mtrace_finish(&r.fixed.hdr, MT_KIND_map, sizeof(r.fixed), r.strings,
		      mtrace_string_to(r.strings, n, n + MTRACE_BUILD_ID - 8, build_id));
}

/* ---- programs with a C library: names as in printf --------------------------- */

#if !defined(__KERNEL__) && !defined(MTRACE_NO_LIBC) && __STDC_HOSTED__
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3)))
static inline void mtrace_scopef(uint32_t op, const char *format, ...)
{
	char name[MTRACE_NAME];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	mtrace_scope(op, name);
}

__attribute__((format(printf, 2, 3)))
static inline void mtrace_varf(uint32_t write, const char *format, ...)
{
	char name[MTRACE_NAME];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	mtrace_var(write, name);
}
#endif

#ifdef __cplusplus
/* An abstract operation that lasts as long as the variable: mtrace_scoped s("rename"); */
class mtrace_scoped {
	char name[MTRACE_NAME];

	mtrace_scoped(const mtrace_scoped &);
	mtrace_scoped &operator=(const mtrace_scoped &);
public:
	explicit mtrace_scoped(const char *s)
	{
		mtrace_string(name, 0, s);
		mtrace_scope(MT_scope_op_enter, name);
	}
	~mtrace_scoped()
	{
		mtrace_scope(MT_scope_op_leave, name);
	}
};
#endif

#endif
