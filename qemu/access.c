/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs at each load, store, call and return.
 *
 * The way of nearly every access in movement mode is: find the page in the
 * vCPU's own cache of pages (one compare), find the line in it, see that the
 * set of its holders is as the access needs it (one more compare), return.
 * QEMU's own lookup of the physical address costs more than all of that.
 */
#include <stdlib.h>
#include <string.h>

#include "tracer.h"
#include "x86.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* QEMU tells of at most 16 bytes at once. */
#define WIDTH_MAX 16

/* ---- descriptors --------------------------------------------------------- */

/*
 * They live as long as the blocks that refer to them: until QEMU drops all of
 * those at once.
 */
#define DESCS_PER_CHUNK 4096
static struct chunk {
	struct chunk *next;
	struct desc descs[DESCS_PER_CHUNK];
} *chunks;
static unsigned chunk_used;
static pthread_mutex_t chunk_lock = PTHREAD_MUTEX_INITIALIZER;

/* What a call or return has to know. */
static struct branch {
	struct branch *older;
	struct desc desc;
	uint64_t next;			/* address of the next instruction */
	uint64_t target;		/* if it is known */
	unsigned reg;
} *branches;

static struct desc *desc_new(void)
{
	struct chunk *c;
	struct desc *d = NULL;

	pthread_mutex_lock(&chunk_lock);
	if (!chunks || chunk_used == DESCS_PER_CHUNK) {
		c = malloc(sizeof(*c));
		if (!c)
			goto out;
		c->next = chunks;
		chunks = c;
		chunk_used = 0;
	}
	d = &chunks->descs[chunk_used++];
out:
	pthread_mutex_unlock(&chunk_lock);
	return d;
}

void access_flushed(void)
{
	struct chunk *c;
	struct branch *b;

	while ((c = chunks)) {
		chunks = c->next;
		free(c);
	}
	while ((b = branches)) {
		branches = b->older;
		free(b);
	}
}

/* ---- appending ------------------------------------------------------------ */

/*
 * What callbacks were chosen for.  When a guest has just switched, the block
 * that did so goes on with those of before, which then are silent.
 */
static unsigned selected;

static inline uint64_t time_of(const struct vcpu *v, const struct desc *d)
{
	return vcpu_time(v, d->back);
}

static ALWAYS_INLINE void fill(struct entry *e, const struct vcpu *v, const struct desc *d, uint64_t addr,
			       uint64_t page, unsigned width, unsigned flags)
{
	e->pc = d->pc;
	e->addr = addr;
	e->time = time_of(v, d);
	e->what = entry_what(width, d->flags | flags, page);
}

/* The writer does not keep up, and the user would rather lose accesses than wait. */
static NOINLINE void lose(struct vcpu *v, const struct desc *d)
{
	out_lost(v, time_of(v, d));
}

/* page: number of the physical page, in system mode. */
static void append(struct vcpu *v, const struct desc *d, uint64_t addr, uint64_t page,
		   unsigned width, unsigned flags, bool fresh_mark)
{
	struct lane *l = v->lane;

	if (tracer.mode != selected)
		return;
	if ((fresh_mark || d->flags & MT_access_flag_atomic || !lane_ready(l, v->cpu)) &&
	    !lane_mark(l, v->cpu)) {
		lose(v, d);
		return;
	}
	fill(lane_next(l), v, d, addr, page, width, flags);
	lane_push(l);
}

/*
 * The same for nearly every access where all are logged: false if it takes
 * more.  No call in here, so that no register has to be saved.
 */
static ALWAYS_INLINE bool append_quickly(struct vcpu *v, const struct desc *d, uint64_t addr,
					 uint64_t page, unsigned flags)
{
	struct lane *l = v->lane;

	if (UNLIKELY(!l || !lane_ready(l, v->cpu) || tracer.mode != selected))
		return false;
	fill(lane_next(l), v, d, addr, page, d->width, flags);
	lane_push(l);
	return true;
}

/* ---- pages ---------------------------------------------------------------- */

/*
 * The number of the physical page behind addr, which the running access has
 * touched; false for a device, whose registers are in no cache.
 */
static bool page_number(qemu_plugin_meminfo_t info, uint64_t addr, uint64_t *number)
{
	struct qemu_plugin_hwaddr *hw;

	if (!tracer.system) {
		*number = user_paddr(addr) >> LINES_PAGE_SHIFT;
		return true;
	}
	hw = qemu_plugin_get_hwaddr(info, addr);
	if (!hw || qemu_plugin_hwaddr_is_io(hw))
		return false;
	*number = qemu_plugin_hwaddr_phys_addr(hw) >> LINES_PAGE_SHIFT;
	return true;
}

static inline uint64_t page_tag(const struct vcpu *v, uint64_t addr)
{
	return addr >> LINES_PAGE_SHIFT | v->generation;
}

static inline struct page_ref *page_ref(struct vcpu *v, uint64_t addr)
{
	return &v->refs[addr >> LINES_PAGE_SHIFT & (PAGE_REFS - 1)];
}

/* The page at addr, through the cache; NULL for a device. */
static struct page *page_at(struct vcpu *v, qemu_plugin_meminfo_t info, uint64_t addr)
{
	struct page_ref *ref = page_ref(v, addr);
	uint64_t number;
	struct page *p;

	if (ref->tag == page_tag(v, addr))
		return ref->page;
	if (!page_number(info, addr, &number))
		return NULL;
	p = lines_page(&tracer.lines, number);
	if (p) {
		ref->page = p;
		ref->tag = page_tag(v, addr);
	}
	return p;
}

/* In user mode the address tells the page. */
static inline uint64_t page_logged(const struct page *p)
{
	return tracer.system ? p->number : 0;
}

/* ---- judging -------------------------------------------------------------- */

static inline bool moves(struct page *p, const struct vcpu *v, uint64_t addr, bool store, unsigned words)
{
	_Atomic uint64_t *state = lines_state(p, addr, tracer.lines.shift, words);

	return store ? lines_store(state, v->slot, words) : lines_load(state, v->slot, words);
}

static inline unsigned op_flag(bool store)
{
	return store ? MT_access_flag_store : MT_access_flag_load;
}

/*
 * QEMU has to be asked for the width.  Where an instruction has but one, the
 * answer is kept: it also tells up to which place in a line it cannot cross.
 */
static NOINLINE unsigned width_of(qemu_plugin_meminfo_t info, struct desc *d)
{
	unsigned width = 1u << qemu_plugin_mem_size_shift(info);

	if (d->one_width) {
		d->width = (uint8_t)width;
		if (!(tracer.judge_late && d->flags & MT_access_flag_atomic))
			d->limit = (int16_t)(tracer.opt.line - width);
	}
	return width;
}

/* In mode scope, and not in one: what is accessed may move, but is not logged. */
static inline bool outside(const struct vcpu *v)
{
	return selected == MT_mode_scope && !v->in_scope;
}

/* An access to one line: does it move, is it logged? */
static void judge(struct vcpu *v, const struct desc *d, uint64_t addr, struct page *p,
		  unsigned width, unsigned flags)
{
	bool all = tracer.judge_late || selected == MT_mode_scope ||
		(tracer.locked && d->flags & MT_access_flag_atomic);

	if (!tracer.judge_late && moves(p, v, addr, flags & MT_access_flag_store, tracer.lines.words))
		flags |= MT_access_flag_moved;
	if ((all || flags & MT_access_flag_moved) && !outside(v))
		append(v, d, addr, page_logged(p), width, flags, !tracer.judge_late);
}

/* ---- frames --------------------------------------------------------------- */

static struct page *page_cached(struct vcpu *v, uint64_t addr)
{
	struct page_ref *ref = page_ref(v, addr);

	return ref->tag == page_tag(v, addr) ? ref->page : NULL;
}

/* False if a page of it is not in the cache. */
static bool put_frame(struct vcpu *v, const struct frame *f, unsigned back)
{
	const struct desc d = {
		.pc = f->pc, .back = (uint16_t)back,
		.flags = MT_access_flag_kernel | MT_access_flag_frame
	};
	unsigned width = f->bytes, piece = lines_piece(f->addr, width, tracer.lines.shift);
	unsigned flags = MT_access_flag_store | (piece < width ? MT_access_flag_split : 0);
	uint64_t addr = f->addr;

	if (!page_cached(v, addr) || !page_cached(v, addr + width - 1))
		return false;
	v->accesses += !outside(v);
	for (; width; addr += piece, width -= piece) {
		piece = lines_piece(addr, width, tracer.lines.shift);
		judge(v, &d, addr, page_cached(v, addr), piece, flags);
	}
	return true;
}

/*
 * QEMU tells the physical page of an access only, and the push was none.  Mostly
 * the stack's page is in the cache; if not, the handler's own first push, which
 * comes next, brings it.
 */
void access_frame(struct vcpu *v, const struct frame *frame, unsigned back)
{
	v->frame.bytes = 0;
	if (!put_frame(v, frame, back))
		v->frame = *frame;
}

static NOINLINE void frame_late(struct vcpu *v, unsigned back)
{
	if (put_frame(v, &v->frame, back))
		v->frame.bytes = 0;
}

/* Each piece of an access is an access of its own to its line. */
static NOINLINE void
slowly(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, struct desc *d, bool store)
{
	struct vcpu *v = vcpu_started(index);
	unsigned width = width_of(info, d), piece = lines_piece(addr, width, tracer.lines.shift);
	unsigned split = piece < width ? MT_access_flag_split : 0;
	struct page *p;

	for (; width; addr += piece, width -= piece, piece = width) {
		p = page_at(v, info, addr);
		if (p && UNLIKELY(v->frame.bytes))
			frame_late(v, d->back);
		if (p)
			judge(v, d, addr, p, piece, op_flag(store) | split);
	}
}

static inline bool in_one_line(uint64_t addr, const struct desc *d)
{
	return (int)(addr & (tracer.opt.line - 1)) <= d->limit;
}

static NOINLINE void moved(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr,
			   struct desc *d, bool store)
{
	struct vcpu *v = vcpus[index];

	append(v, d, addr, page_logged(page_ref(v, addr)->page), width_of(info, d),
	       op_flag(store) | MT_access_flag_moved, true);
}

/* The movement filter; where the index can be wrong, all goes slowly instead. */
static ALWAYS_INLINE void filter(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr,
				 struct desc *d, bool store, unsigned words)
{
	struct vcpu *v = vcpus[index];
	struct page_ref *ref = page_ref(v, addr);

	v->accesses++;
	if (UNLIKELY(ref->tag != page_tag(v, addr) || !in_one_line(addr, d)))
		slowly(index, info, addr, d, store);
	else if (UNLIKELY(moves(ref->page, v, addr, store, words)))
		moved(index, info, addr, d, store);
}

static void filter_load(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	filter(index, info, addr, desc, false, 1);
}

static void filter_store(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	filter(index, info, addr, desc, true, 1);
}

static void filter_load_wide(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	filter(index, info, addr, desc, false, tracer.lines.words);
}

static void filter_store_wide(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	filter(index, info, addr, desc, true, tracer.lines.words);
}

static void slow_load(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	struct vcpu *v = vcpu_running(index);

	v->accesses += !outside(v);
	slowly(index, info, addr, desc, false);
}

static void slow_store(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	struct vcpu *v = vcpu_running(index);

	v->accesses += !outside(v);
	slowly(index, info, addr, desc, true);
}

/* ---- every access --------------------------------------------------------- */

static ALWAYS_INLINE void everything(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr,
				     struct desc *d, bool store)
{
	struct vcpu *v = vcpus[index];
	const struct page_ref *ref = page_ref(v, addr);

	v->accesses++;
	if (UNLIKELY(ref->tag != page_tag(v, addr) || !in_one_line(addr, d) ||
		     !append_quickly(v, d, addr, ref->page->number, op_flag(store))))
		slowly(index, info, addr, d, store);
}

static void all_load(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	everything(index, info, addr, desc, false);
}

static void all_store(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	everything(index, info, addr, desc, true);
}

/* In user mode the page need not be found: its number is in the address. */
static ALWAYS_INLINE void everything_user(unsigned index, qemu_plugin_meminfo_t info,
					  uint64_t addr, struct desc *d, bool store)
{
	struct vcpu *v = vcpus[index];

	v->accesses++;
	if (UNLIKELY(!in_one_line(addr, d) || !append_quickly(v, d, addr, 0, op_flag(store))))
		slowly(index, info, addr, d, store);
}

static void all_load_user(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	everything_user(index, info, addr, desc, false);
}

static void all_store_user(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	everything_user(index, info, addr, desc, true);
}

/* ---- accesses in scopes ---------------------------------------------------- */

/* Those of outside are judged, too, so that `moved` is true of those inside. */
static ALWAYS_INLINE void scoped(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr,
				 struct desc *d, bool store)
{
	struct vcpu *v = vcpus[index];
	const struct page_ref *ref = page_ref(v, addr);

	v->accesses += v->in_scope;
	if (v->in_scope || UNLIKELY(ref->tag != page_tag(v, addr) || !in_one_line(addr, d)))
		slowly(index, info, addr, d, store);
	else
		moves(ref->page, v, addr, store, tracer.lines.words);
}

static void scope_load(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	scoped(index, info, addr, desc, false);
}

static void scope_store(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	scoped(index, info, addr, desc, true);
}

/* ---- choosing ------------------------------------------------------------- */

static struct {
	qemu_plugin_vcpu_mem_cb_t load, store;		/* plain instructions */
	qemu_plugin_vcpu_mem_cb_t atomic_load, atomic_store;
} on;

void access_select(void)
{
	bool wide = tracer.lines.words > 1;

	selected = tracer.mode;
	if (tracer.by_current) {
		on.load = slow_load;
		on.store = slow_store;
	} else if (selected == MT_mode_scope) {
		on.load = scope_load;
		on.store = scope_store;
	} else if (tracer.judge_late) {
		on.load = tracer.system ? all_load : all_load_user;
		on.store = tracer.system ? all_store : all_store_user;
	} else {
		on.load = wide ? filter_load_wide : filter_load;
		on.store = wide ? filter_store_wide : filter_store;
	}
	/* With the option locked they are logged though they hit. */
	on.atomic_load = tracer.locked ? slow_load : on.load;
	on.atomic_store = tracer.locked ? slow_store : on.store;
}

/*
 * The option check: QEMU's own lookup beside the cached page, at each access.
 * A difference means that a log could name a wrong line; it ends the run.
 */
static void check(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, const struct desc *d)
{
	struct vcpu *v = vcpu_running(index);
	const struct page_ref *ref = page_ref(v, addr);
	uint64_t number = 0;

	if (d->width && d->width != 1u << qemu_plugin_mem_size_shift(info)) {
		tracer_warn("check: the instruction at %#llx has not one width only",
			    (unsigned long long)d->pc);
		_Exit(1);
	}
	if (ref->tag != page_tag(v, addr))
		return;
	if (page_number(info, addr, &number) && ref->page->number == number &&
	    lines_page(&tracer.lines, number) == ref->page)
		return;
	tracer_warn("check: cpu %u sees page %#llx at %#llx, not %#llx", v->cpu,
		    (unsigned long long)number, (unsigned long long)addr,
		    (unsigned long long)ref->page->number);
	_Exit(1);
}

static void check_any(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *desc)
{
	check(index, info, addr, desc);
}

/* ---- calls and returns ---------------------------------------------------- */

static void put_call(struct vcpu *v, const struct desc *d, uint64_t sp, uint64_t target,
		     uint64_t return_pc, unsigned op)
{
	struct mt_call call = {
		.hdr = { .kind = MT_KIND_call, .size = sizeof(call) },
		.pc = d->pc, .target = target, .return_pc = return_pc, .sp = sp, .op = op
	};

	if (!v->calls || tracer.mode != selected)
		return;
	v->now = time_of(v, d);
	out_put(v, &call.hdr);
}

/* The push of a call.  An indirect one has left its target in the vCPU. */
static void on_call(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *branch)
{
	struct vcpu *v = vcpu_running(index);
	const struct branch *b = branch;

	(void)info;
	put_call(v, &b->desc, addr, b->target ? b->target : v->target, b->next, MT_call_op_call);
}

/* The pop of a return. */
static void on_ret(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *branch)
{
	struct vcpu *v = vcpu_running(index);
	const struct branch *b = branch;
	uint64_t target = qemu_plugin_mem_get_value(info).data.u64;

	put_call(v, &b->desc, addr, target, target, MT_call_op_ret);
}

/* The load of an indirect call's target. */
static void on_target(unsigned index, qemu_plugin_meminfo_t info, uint64_t addr, void *branch)
{
	(void)addr, (void)branch;
	vcpu_running(index)->target = qemu_plugin_mem_get_value(info).data.u64;
}

/* The same, from a register, before the call. */
static void on_target_register(unsigned index, void *branch)
{
	struct vcpu *v = vcpu_running(index);
	const struct branch *b = branch;

	v->target = guest_register(v, b->reg);
}

static void instrument_branch(struct qemu_plugin_insn *insn, const struct x86 *x, const struct desc *d)
{
	struct branch *b = malloc(sizeof(*b));

	if (!b)
		return;
	*b = (struct branch){ .desc = *d, .reg = x->reg };
	pthread_mutex_lock(&chunk_lock);
	b->older = branches;
	branches = b;
	pthread_mutex_unlock(&chunk_lock);
	b->next = d->pc + qemu_plugin_insn_size(insn);
	if (x->branch == X86_CALL)
		b->target = b->next + (uint64_t)x->target;
	if (x->branch == X86_CALL_MEM)
		qemu_plugin_register_vcpu_mem_cb(insn, on_target, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_R, b);
	if (x->branch == X86_CALL_REG)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_target_register,
						       QEMU_PLUGIN_CB_R_REGS, b);
	if (x->branch == X86_RET)
		qemu_plugin_register_vcpu_mem_cb(insn, on_ret, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_R, b);
	else
		qemu_plugin_register_vcpu_mem_cb(insn, on_call, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, b);
}

/* ---- at translation -------------------------------------------------------- */

static void on_forget(unsigned index, void *unused)
{
	(void)unused;
	vcpu_forget_pages(vcpu_running(index));
}

/* The time at which a system call's records happen. */
static void on_syscall(unsigned index, void *desc)
{
	struct vcpu *v = vcpu_running(index);

	v->now = time_of(v, desc);
}

struct desc *access_desc(uint64_t pc, unsigned back)
{
	struct desc *d = desc_new();

	if (d)
		*d = (struct desc){
			.pc = pc, .back = (uint16_t)back,
			.flags = tracer.system && pc >> 63 ? MT_access_flag_kernel : 0
		};
	return d;
}

static struct desc *describe(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back)
{
	struct desc *d = access_desc(qemu_plugin_insn_vaddr(insn), back);

	if (!d)
		return NULL;
	d->limit = tracer.judge_late ? -1 : (int16_t)(tracer.opt.line - WIDTH_MAX);
	d->one_width = x->one_width;
	d->flags |= (uint8_t)((x->atomic ? MT_access_flag_atomic : 0) |
			      (x->rmw ? MT_access_flag_load : 0));
	return d;
}

static void instrument_memory(struct qemu_plugin_insn *insn, const struct x86 *x, struct desc *d)
{
	if (tracer.opt.check)
		qemu_plugin_register_vcpu_mem_cb(insn, check_any, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, d);
	if (!x->rmw)
		qemu_plugin_register_vcpu_mem_cb(insn, x->atomic ? on.atomic_load : on.load,
						 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_R, d);
	qemu_plugin_register_vcpu_mem_cb(insn, x->atomic ? on.atomic_store : on.store,
					 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, d);
	if (tracer.calls_seen && x->branch)
		instrument_branch(insn, x, d);
}

void access_instrument(struct qemu_plugin_insn *insn, const struct x86 *x, unsigned back)
{
	struct desc *d = describe(insn, x, back);

	if (!d) {
		tracer_warn("no memory: accesses of a block are not seen");
		return;
	}
	/* User code costs nothing where only the kernel is recorded. */
	if (selected != MT_mode_kernel || d->flags & MT_access_flag_kernel)
		instrument_memory(insn, x, d);
	if (tracer.system && x->forgets_pages)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_forget, QEMU_PLUGIN_CB_NO_REGS, d);
	if (!tracer.system && x->syscall)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_syscall, QEMU_PLUGIN_CB_NO_REGS, d);
}
