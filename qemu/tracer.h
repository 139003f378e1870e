/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the plugin know of each other.
 *
 *   mtrace.c   vCPUs, switching recording on and off
 *   options.c  what the user asked for
 *   access.c   what runs at each load, store, call and return
 *   guest.c    hypercalls; classic.c: those of the original mtrace
 *   settings.c what a guest may change while it runs
 *   scopes.c   which vCPUs are inside an abstract scope
 *   lines.h    which accesses make a cache line move
 *   x86.c      the little that must be known about instructions
 *   traps.c    where the kernel is entered and left
 *   entries.c  the stack of entries of each task
 *   locks.c    watched functions: who takes and releases locks
 *   out.c      lanes, the writer thread, the log
 *   session.h  what the processes of one log share
 *   user.c     user mode: tasks, fork; user-maps.c, user-exec.c (user.h)
 *
 * Threads: a lane belongs to one host thread (thread=single: all vCPUs share
 * the thread and so the lane).  A vCPU's struct is touched by its own thread,
 * or in QEMU's exclusive context, where no vCPU runs.  The writer thread reads
 * lanes only.
 */
#ifndef TRACER_H
#define TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <qemu-plugin.h>

#include "../filters/libmt/mt.h"
#include "lines.h"
#include "session.h"

/* ---- options and state ------------------------------------------------- */

struct options {
	const char *out;		/* path, or "-"; NULL: see fd */
	int fd;				/* of the log, -1: none given */
	int session;			/* descriptor of a shared session; -1 */
	unsigned mode;			/* MT_mode_..., not off: at the start, and whenever the
					   guest asks for movement */
	bool start;			/* record from the start */
	bool calls, locked, cold, check, stream;
	bool lossless;			/* who finds no room in a lane waits; else accesses are dropped */
	uint32_t sample, quantum, line;
	const char *command;
};

struct tracer {
	struct options opt;
	qemu_plugin_id_t id;
	bool system;			/* a whole guest, not one program */
	bool by_current;		/* the index in callbacks may be wrong: ask QEMU's current_cpu */
	unsigned smp, max_vcpus;	/* system mode */
	_Atomic unsigned mode;		/* what is recorded now: MT_mode_... */
	bool calls, locked;		/* as opt, until the guest sets them; calls: of new vCPUs */
	bool calls_seen;		/* some vCPU records calls, or did */
	uint32_t sample, quantum;
	_Atomic bool ended;		/* by the guest: the log is closed */
	bool inline_count;		/* QEMU adds up instructions: the scoreboard is good */
	bool judge_late;		/* the writer finds out which accesses moved their line */
	struct lines lines;
	uint32_t process;		/* user mode: number of this address space, from 1 */
	struct session *session;	/* never NULL after installation */
};
extern struct tracer tracer;

/* Reads KEY=VALUE words into tracer.opt; -1 after a message (options.c). */
int options_read(int argc, char **argv);

/* User mode: what stands for the physical address. */
static inline uint64_t user_paddr(uint64_t addr)
{
	return (uint64_t)tracer.process << 48 | (addr & ((UINT64_C(1) << 48) - 1));
}

/* "mtrace: message" on stderr, in one write. */
void tracer_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Another mode from here on, for all cpus: MT_mode_...  In a vCPU's thread. */
void tracer_switch(unsigned mode);

/* Something that is decided at translation has changed.  In a vCPU's thread. */
void tracer_translate_anew(void);

/* Can a cpu's turn be ended, other than at the start? */
bool tracer_can_yield(void);

/* Is the log to be the same, bit for bit, in each run? */
bool tracer_reproducible(void);

/* The begin record, made in buf; parallel: several host threads run cpus. */
const struct mt_hdr *tracer_begin(void *buf, bool parallel);

/* False while QEMU has not yet started all cpus. */
bool tracer_vcpus_known(void);

/* The slot's thread has ended, and all that it did is judged. */
void tracer_slot_drop(uint32_t slot);

/* Totals over all vCPUs that are or were. */
void tracer_totals(uint64_t *accesses, uint64_t *instructions);

/* ---- descriptors: what is known about an instruction at translation ----- */

struct desc {
	uint64_t pc;
	uint16_t back;			/* instructions from this one to the end of its block */
	int16_t limit;			/* an access farther on in a line takes more: it may cross it,
					   or, if all are logged, have no width yet or need a mark */
	uint8_t flags;			/* MT_access_flag_: atomic, kernel; load: its stores are rmw */
	uint8_t width;			/* of all its accesses; 0: not known, or different ones */
	bool one_width;			/* width may be kept once it is known */
};

/* ---- vCPUs -------------------------------------------------------------- */

/* Which page a vCPU sees at a virtual address. */
struct page_ref {
	uint64_t tag;			/* virtual page number | generation */
	struct page *page;
};

/* What the processor pushes when it enters a handler. */
struct frame {
	uint64_t addr;
	uint64_t pc;			/* of the handler */
	unsigned bytes;
};

#define PAGE_REFS 1024
#define GENERATION (UINT64_C(1) << 52)	/* above every virtual page number */

struct lane;

struct vcpu {
	uint64_t generation;		/* multiples of GENERATION; a new one forgets all refs */
	uint64_t accesses;		/* judged */
	const uint64_t *count;		/* instructions, this block to its end among them */
	uint64_t own_count;		/* what count points to, unless QEMU adds up inline */
	uint64_t now;			/* time of the last thing that was logged beside accesses */
	_Atomic bool stopped;		/* its time stands still, */
	uint64_t stopped_at;		/* at this */
	uint64_t skipped;		/* instructions that are not in its time */
	uint64_t real;			/* instructions at its last hypercall, skipped ones among them */
	_Atomic bool calls;		/* its calls and returns are recorded */
	uint32_t process;		/* system mode: of the task that it runs, as the guest says */
	bool in_scope;			/* what it runs is inside an abstract scope */
	uint64_t target;		/* of the indirect call that it executes */
	struct lane *lane;		/* NULL: before its start, after its end */
	unsigned index;			/* QEMU's */
	uint32_t cpu;			/* in the log; user mode: never used again */
	uint32_t slot;			/* its bit in the state of lines */
	bool no_slot;			/* it has none of its own */
	uint32_t slice;			/* instructions since it was last made to yield */
	struct entries *entries;	/* entries.c's; NULL: none yet */
	uint64_t call_slot, call_return;	/* of the call to a watched function that it executes; or 0 */
	struct frame frame;		/* whose page is not known yet; bytes 0: none */
	GByteArray *bytes;		/* for registers and guest memory */
	_Atomic uint64_t lost;		/* accesses dropped that no drop record tells of yet, */
	uint64_t lost_at;		/* the last one at this time */
	struct page_ref refs[PAGE_REFS];
};

#define VCPUS_MAX 65536
extern struct vcpu *vcpus[VCPUS_MAX];	/* by QEMU's index; never NULL, see nobody */

/*
 * The vCPU of an index that has none: it has no lane, and sees no page.  While
 * callbacks are registered anew QEMU may start a thread without telling; whoever
 * finds no lane calls vcpu_started.
 */
extern struct vcpu nobody;

/* Its time, `back` instructions before the end of the block that it executes. */
static inline uint64_t vcpu_time(const struct vcpu *v, unsigned back)
{
	if (__builtin_expect(v->stopped, 0))
		return v->stopped_at;
	return *v->count - back - v->skipped;
}

/* For each vCPU that has started. */
void vcpus_each(void (*f)(struct vcpu *v, void *arg), void *arg);

/* The running vCPU by QEMU's own account, where the index may be wrong. */
struct vcpu *vcpu_current(void);

/* The vCPU that runs a callback which was told that index. */
static inline struct vcpu *vcpu_running(unsigned index)
{
	if (__builtin_expect(tracer.by_current, 0))
		return vcpu_current();
	return vcpus[index];
}

/* The same, in its own thread, and with a lane. */
struct vcpu *vcpu_started(unsigned index);

/* User mode: the vCPU that the calling host thread runs. */
struct vcpu *vcpu_self(void);

/* Forgets which pages the vCPU sees. */
void vcpu_forget_pages(struct vcpu *v);

/* ---- lanes -------------------------------------------------------------- */

/*
 * An access on its way to the writer: as small as can be, since each of them
 * crosses from one core's cache to another's.
 */
struct entry {
	uint64_t pc, addr, time;
	uint64_t what;			/* width | flags << 8 | in system mode page << 16 */
};

/* What is no access has a width of 0: see what it is. */
enum {
	ENTRY_MARK = 1 << 8,		/* next ones: of cpu pc, from addr on by the host's clock */
	ENTRY_RECORD = 2 << 8,		/* in the next entries: of addr bytes */
};

static inline uint64_t entry_what(unsigned width, unsigned flags, uint64_t page)
{
	return width | flags << 8 | page << 16;
}

/*
 * A queue from one host thread to the writer.  head and tail only grow; what
 * is between them waits.
 */
struct lane {
	struct entry *ring;
	uint64_t mask;			/* entries - 1 */
	uint64_t tail_seen;		/* tail, when the producer last looked; less what it keeps free */
	uint64_t next_mark;		/* at this head the next access needs a mark */
	uint32_t cpu;			/* of the last mark */
	uint32_t slot;			/* user mode */
	bool dropping;			/* accesses are dropped: it was full, and is not half empty yet */
	bool lost;			/* some were that no drop record tells of yet */
	_Atomic bool closed;		/* its thread has ended */
	_Alignas(64) struct lane *next;	/* from here on the writer's */
	uint64_t snapshot;		/* head, when it last looked */
	uint64_t stamp;			/* of the last mark that was taken */
	uint32_t taken_cpu;
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
};

/*
 * Makes room for an access with a mark before it, and puts the mark.  Marks are
 * what lanes are merged by.  Reading the clock costs more than the rest of an
 * entry, so where every access is logged some share one; whatever may order
 * threads (atomics, records) takes one of its own.  False: there is no room, and
 * the access is to be dropped, since nobody shall wait for the writer.
 */
bool lane_mark(struct lane *l, uint32_t cpu);

/* The next access gets a mark: all that others did so far was before it. */
static inline void lane_fresh(struct lane *l)
{
	l->next_mark = l->head;
}

/* May the cpu's next access do without? */
static inline bool lane_ready(const struct lane *l, uint32_t cpu)
{
	return atomic_load_explicit(&l->head, memory_order_relaxed) != l->next_mark && cpu == l->cpu;
}

/* Where the next entry goes; lane_push makes it visible. */
static inline struct entry *lane_next(struct lane *l)
{
	return &l->ring[atomic_load_explicit(&l->head, memory_order_relaxed) & l->mask];
}

static inline void lane_push(struct lane *l)
{
	uint64_t head = atomic_load_explicit(&l->head, memory_order_relaxed);

	atomic_store_explicit(&l->head, head + 1, memory_order_release);
}

/* ---- what callbacks do (access.c, guest.c) -------------------------------- */

/* Chooses callbacks for the present mode; before blocks are translated in it. */
void access_select(void);

/* Registers what has to run when the instruction does. */
struct x86;
void access_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back);

/* All blocks are gone, and so are their descriptors. */
void access_flushed(void);

/* What a callback at that instruction has to know; lives as long as its block.  Or NULL. */
struct desc *access_desc(uint64_t pc, unsigned back);

/* The processor has pushed that frame, at the instruction that is so far from its block's end. */
void access_frame(struct vcpu *v, const struct frame *frame, unsigned back);

/* Finds the handles of registers; once, in a vCPU's thread. */
void guest_find_registers(void);

/* The general register, 0: rax, in the order of encoding. */
uint64_t guest_register(struct vcpu *v, unsigned n);

/* Registers the hypercall. */
void guest_instrument(struct qemu_plugin_insn *insn, unsigned back);

/* Puts a record of the guest, whose frame is right, and does what it says. */
void guest_put(struct vcpu *v, struct mt_hdr *rec);

/* The original's hypercall: a struct of that type and size is at addr. */
void classic_put(struct vcpu *v, uint64_t addr, uint64_t type, uint64_t size);

/* MTRACE_SET_...: NULL, or what is wrong with it. */
const char *settings_set(const struct vcpu *v, uint64_t what, uint64_t value, uint64_t cpu);

/* Scopes that open, close, go with a task: after the record was put. */
void scopes_note(struct vcpu *v, const struct mt_hdr *rec);

/* ---- kernel entries (entries.c) and locks (locks.c): system mode ----------- */

/*
 * Puts a record that the guest handed over, and what it means for entries: a
 * switch, pause before and resume after it; a softirq's entry, with tag, depth
 * and task filled in, or nothing while nothing is recorded; the end of a task,
 * the end of its entries.  Whatever else it is, it goes through as it is.
 */
void entries_put(struct vcpu *v, struct mt_hdr *rec);

/* The task that the vCPU runs, from the last switch record; 0: idle or not known. */
uint32_t entries_task(const struct vcpu *v);

/* The guest tells its entries itself (classic ABI): the tracer puts none any more. */
void entries_by_guest(void);

/* n entry functions of system calls, by number, at that address of the guest. */
void entries_syscall_table(struct vcpu *v, uint64_t addr, uint64_t n);

/* In the exclusive context, when recording was switched from one mode to another. */
void entries_reset(unsigned before, unsigned mode);

/* One way into the kernel. */
struct way {
	uint64_t pc;			/* where it begins: a handler, a system call's function */
	uint64_t frame;			/* address of the RIP that the processor pushed; 0: none */
	uint32_t number;		/* system call or vector */
	uint16_t cause;			/* MT_entry_cause_... */
	bool from_user;
};

/* The kernel is entered, at v->now. */
void entries_start(struct vcpu *v, const struct way *way);

/* It goes back to user code. */
void entries_leave(struct vcpu *v);

/* It goes back to itself, by the frame at that address. */
void entries_return(struct vcpu *v, uint64_t frame);

/* The current task enters or leaves a read epoch; true if that is the outermost one. */
bool entries_epoch(struct vcpu *v, bool begin);

/* Registers what traps.c has to see in a block, and in an instruction of it. */
void traps_block(struct qemu_plugin_tb *tb);
void traps_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back, bool recording);

/* Functions to watch (what other than MTRACE_WATCH_SYSCALLS is passed over); copied. */
struct mtrace_watch;
void locks_watch(const struct mtrace_watch *watch, size_t n);

/* Registers what locks.c has to see in a block, and in an instruction of it. */
void locks_block(struct qemu_plugin_tb *tb);
void locks_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back);

/* In the exclusive context: what waits for a lock is forgotten. */
void locks_reset(void);

/* ---- the log (out.c) ---------------------------------------------------- */

/* Opens the output and the session as the options say; -1 after a message. */
int out_open(void);

/* The calling host thread's lane for that cpu; makes one. */
struct lane *lane_open(uint32_t cpu, uint32_t slot);

/* The thread ends; what is in the lane is still written. */
void lane_close(struct lane *l);

/*
 * Appends a record that is not an access, in order with the accesses of the
 * vCPU.  Sets cpu, and time to v->now.  In the vCPU's own thread only.
 */
void out_put(struct vcpu *v, struct mt_hdr *rec);

/*
 * Everything appended so far is in the log when this returns (or the output is
 * broken), and the session has the totals.  Any thread that is no writer.
 */
void out_drain(void);

/* From here on one in n accesses is logged. */
void out_sample(uint32_t n);

/* The guest says that the log ends: it is whole, and nothing is written any more. */
void out_end(void);

/* An access of v was dropped at that time: lane_mark found no room. */
void out_lost(struct vcpu *v, uint64_t time);

/* A malformed hypercall: counted, said once. */
void out_malformed(struct vcpu *v, const char *what);

/*
 * A signal handler for signals that end the process: as out_leave, as far as
 * that is possible, then the signal's own default action.
 */
void out_die(int sig);

/*
 * The last call: drains, tells the session that this process ended, and closes
 * the log if it is this process's own.
 */
void out_close(void);

/*
 * Around an execve of QEMU itself: out_leave drains and ends the tracing of
 * this process as out_close does; out_return takes it back, should the call
 * have failed.
 */
void out_leave(void);
void out_return(void);

/* The writer stands still in between: lines may be changed as a whole. */
void out_lock(void);
void out_unlock(void);

/* User mode, around fork: pthread_atfork.  The child goes on with lane_open. */
void out_fork_prepare(void);
void out_fork_parent(void);
void out_fork_child(void);

/* ---- turns (turns.c): user mode with a quantum ---------------------------- */

/* The calling thread is about to run guest code: waits for its first turn. */
void turns_enter(struct vcpu *v);

/* Its turn is over: waits for the next one. */
void turns_pass(struct vcpu *v);

/* It will not run guest code for a while, or ever. */
void turns_leave(void);

/* In the child of a fork. */
void turns_forked(void);

/* ---- user mode (user.c) -------------------------------------------------- */

/*
 * An option the core does not know: true if it is user.c's.  Called while
 * options are read; value is never NULL.
 */
bool user_option(const char *key, const char *value);

/* Installation in user mode, options read, session there: 0, or -1 after a message. */
int user_install(void);

/*
 * Registers syscall callbacks (qemu_plugin_register_vcpu_syscall_cb and _ret_cb);
 * called at installation and after each qemu_plugin_reset, which forgets them.
 */
void user_register(void);

/* A label of the program: a child of fork inherits the objects. */
void user_label(const struct mt_label *label);

/* In the new thread: v is ready for out_put.  The first one is the main thread. */
void user_thread_start(struct vcpu *v);

/* In the thread that ends, before its lane is closed. */
void user_thread_exit(struct vcpu *v);

/*
 * In the child of a fork, in its only thread: tracer.process and v->cpu are
 * new, the lane is empty.  No QEMU function but memory reads may be called.
 */
void user_forked(struct vcpu *v);

/*
 * The guest may have closed the descriptors of the log and of the session:
 * opens them again where that is possible.  Any thread.
 */
void user_restore_descriptors(void);

#endif
