/* SPDX-License-Identifier: MIT */
/*
 * libmtheap.so: tells the tracer of heap blocks.  mt-run preloads it into the
 * traced program; it passes each call on to the allocator that the program
 * would have had, and hands the tracer a label record with the call site.
 *
 * Order matters with threads: a block is unlabelled before it is freed and
 * labelled after it was allocated, so that another thread that gets the same
 * address cannot lose its label to ours.
 *
 * No locks and no allocations of our own, so fork needs no care; nothing here
 * touches errno but the allocator.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../kernel/mtrace.h"

#define EXPORT __attribute__((visibility("default")))
#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

/*
 * operator new calls malloc, but the interesting call site is its own: left
 * here for the next allocation of this thread.
 */
static __thread uint64_t outer_pc __attribute__((tls_model("initial-exec")));

/* ---- labels ------------------------------------------------------------ */

static void put_label(const void *p, size_t bytes, uint64_t pc, uint32_t op)
{
	struct {
		struct mt_label fixed;
		char strings[8];	/* name "malloc", ctype "" */
	} r = {
		.fixed = {
			.hdr = { .kind = MT_KIND_label, .size = sizeof(r) },
			.addr = (uint64_t)(uintptr_t)p,
			.bytes = bytes,
			.pc = pc,
			.op = op,
			.storage = MT_storage_heap,
		},
		.strings = "malloc",
	};

	mtrace_put(&r, MT_KIND_label, sizeof(r));
}

static void *labelled(void *p, size_t bytes, uint64_t pc)
{
	if (outer_pc)
		pc = outer_pc;
	outer_pc = 0;
	if (p)
		put_label(p, bytes, pc, MT_label_op_alloc);
	return p;
}

/* ---- the allocator below us -------------------------------------------- */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
} next;

/*
 * dlsym itself may want memory before we know where to get it.  What it gets
 * then is never freed.
 */
static struct {
	alignas(16) char bytes[8192];
	size_t used;
	bool busy;
} early;

static bool is_early(const void *p)
{
	return (const char *)p >= early.bytes && (const char *)p < early.bytes + sizeof(early.bytes);
}

static void *early_alloc(size_t bytes)
{
	size_t at = early.used;

	if (bytes > sizeof(early.bytes) - at - 16)
		return NULL;
	early.used = at + ((bytes + 15) & ~(size_t)15);
	return early.bytes + at;
}

static void *find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* False while the look-up is going on, in the thread that does it. */
static bool ready(void)
{
	if (__builtin_expect(next.free != NULL, 1))
		return true;
	if (early.busy)
		return false;
	early.busy = true;
	next.malloc = (void *(*)(size_t))find("malloc");
	next.calloc = (void *(*)(size_t, size_t))find("calloc");
	next.realloc = (void *(*)(void *, size_t))find("realloc");
	next.posix_memalign = (int (*)(void **, size_t, size_t))find("posix_memalign");
	next.aligned_alloc = (void *(*)(size_t, size_t))find("aligned_alloc");
	next.memalign = (void *(*)(size_t, size_t))find("memalign");
	next.valloc = (void *(*)(size_t))find("valloc");
	next.pvalloc = (void *(*)(size_t))find("pvalloc");
	next.free = (void (*)(void *))find("free");	/* last: says that all are there */
	early.busy = false;
	return next.free != NULL;
}

/* Before the program's threads, so that the look-up above needs no lock. */
static void __attribute__((constructor)) start(void)
{
	(void)ready();
}

/* ---- the calls --------------------------------------------------------- */

EXPORT void *malloc(size_t bytes)
{
	if (!ready())
		return early_alloc(bytes);
	return labelled(next.malloc(bytes), bytes, CALLER);
}

EXPORT void *calloc(size_t n, size_t each)
{
	if (!ready())
		return early_alloc(n * each);	/* static: zero */
	return labelled(next.calloc(n, each), n * each, CALLER);
}

EXPORT void free(void *p)
{
	if (!p || is_early(p) || !ready())
		return;
	put_label(p, 0, CALLER, MT_label_op_free);
	next.free(p);
}

static void *resize(void *p, size_t bytes, uint64_t pc)
{
	void *q;

	if (!p)
		return labelled(next.malloc(bytes), bytes, pc);
	put_label(p, 0, pc, MT_label_op_free);
	q = next.realloc(p, bytes);
	if (!q && bytes)		/* failed: the old block is still there */
		put_label(p, malloc_usable_size(p), pc, MT_label_op_alloc);
	return labelled(q, bytes, pc);
}

static void *resize_early(const void *p, size_t bytes, uint64_t pc)
{
	void *q = ready() ? labelled(next.malloc(bytes), bytes, pc) : early_alloc(bytes);
	size_t room = p ? (size_t)(early.bytes + sizeof(early.bytes) - (const char *)p) : 0;

	if (q && p)
		memcpy(q, p, bytes < room ? bytes : room);
	return q;
}

EXPORT void *realloc(void *p, size_t bytes)
{
	if (!ready() || is_early(p))
		return resize_early(p, bytes, CALLER);
	return resize(p, bytes, CALLER);
}

EXPORT void *reallocarray(void *p, size_t n, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, each, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	if (!ready() || is_early(p))
		return resize_early(p, bytes, CALLER);
	return resize(p, bytes, CALLER);
}

EXPORT int posix_memalign(void **p, size_t align, size_t bytes)
{
	int failed;

	if (!ready())
		return ENOMEM;
	failed = next.posix_memalign(p, align, bytes);
	if (!failed)
		labelled(*p, bytes, CALLER);
	return failed;
}

EXPORT void *aligned_alloc(size_t align, size_t bytes)
{
	return ready() ? labelled(next.aligned_alloc(align, bytes), bytes, CALLER) : NULL;
}

EXPORT void *memalign(size_t align, size_t bytes)
{
	return ready() ? labelled(next.memalign(align, bytes), bytes, CALLER) : NULL;
}

EXPORT void *valloc(size_t bytes)
{
	return ready() ? labelled(next.valloc(bytes), bytes, CALLER) : NULL;
}

EXPORT void *pvalloc(size_t bytes)
{
	return ready() ? labelled(next.pvalloc(bytes), bytes, CALLER) : NULL;
}

/* ---- callers of malloc whose own caller is the one to name ------------- */

EXPORT char *strdup(const char *s)
{
	size_t bytes = strlen(s) + 1;
	char *copy = ready() ? labelled(next.malloc(bytes), bytes, CALLER) : early_alloc(bytes);

	return copy ? memcpy(copy, s, bytes) : NULL;
}

EXPORT char *strndup(const char *s, size_t most)
{
	size_t len = strnlen(s, most);
	char *copy = ready() ? labelled(next.malloc(len + 1), len + 1, CALLER) : early_alloc(len + 1);

	if (!copy)
		return NULL;
	copy[len] = 0;
	return memcpy(copy, s, len);
}

/*
 * operator new and new[], plain, nothrow, aligned, and both, under their names
 * in the C++ ABI.  Each calls the one that the program would have had: that
 * one knows about new handlers and exceptions, which may pass through us.
 */
#define OPERATOR_NEW(name, params, args)				\
	EXPORT void *name params;					\
	EXPORT void *name params					\
	{								\
		static void *(*real) params;				\
		void *p;						\
									\
		if (!real)						\
			real = (void *(*) params)find(#name);		\
		if (!outer_pc)	/* new[] calls new */			\
			outer_pc = CALLER;				\
		p = real args;						\
		outer_pc = 0;						\
		return p;						\
	}

OPERATOR_NEW(_Znwm, (size_t bytes), (bytes))
OPERATOR_NEW(_Znam, (size_t bytes), (bytes))
OPERATOR_NEW(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag))
OPERATOR_NEW(_ZnamRKSt9nothrow_t, (size_t bytes, const void *tag), (bytes, tag))
OPERATOR_NEW(_ZnwmSt11align_val_t, (size_t bytes, size_t align), (bytes, align))
OPERATOR_NEW(_ZnamSt11align_val_t, (size_t bytes, size_t align), (bytes, align))
OPERATOR_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t,
	     (size_t bytes, size_t align, const void *tag), (bytes, align, tag))
OPERATOR_NEW(_ZnamSt11align_val_tRKSt9nothrow_t,
	     (size_t bytes, size_t align, const void *tag), (bytes, align, tag))
