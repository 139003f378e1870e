/* SPDX-License-Identifier: MIT */
/*
 * Memory of one worker: chunks straight from mmap, so that the workers share no
 * lock of an allocator and meet only in the kernel.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../../bench.h"
#include "mr.h"

#define CHUNK (1 << 20)
#define HUGE  (2 << 20)

struct chunk {
	char *before;
	size_t bytes;
};

/* Huge pages have to begin at a multiple of their size: what is around it goes back. */
static char *map(size_t bytes, bool huge)
{
	size_t more = huge ? HUGE : 0;
	char *p = mmap(NULL, bytes + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t skip;

	if (p == MAP_FAILED)
		bench_die("memory");
	if (!huge)
		return p;
	skip = -(uintptr_t)p % HUGE;
	if ((skip && munmap(p, skip) < 0) || munmap(p + skip + bytes, HUGE - skip) < 0)
		bench_die("memory");
	if (madvise(p + skip, bytes, MADV_HUGEPAGE) < 0)
		bench_die("huge pages");
	return p + skip;
}

static void new_chunk(struct arena *a, size_t bytes)
{
	size_t size = a->huge ? HUGE : CHUNK;
	char *chunk;

	while (size < bytes + sizeof(struct chunk))
		size *= 2;
	chunk = map(size, a->huge);
	*(struct chunk *)chunk = (struct chunk){ a->chunk, size };
	a->chunk = chunk;
	a->size = size;
	a->used = sizeof(struct chunk);
}

void *arena_take(struct arena *a, size_t bytes)
{
	void *p;

	bytes = (bytes + 15) & ~(size_t)15;
	if (!a->chunk || bytes > a->size - a->used)
		new_chunk(a, bytes);
	p = a->chunk + a->used;
	a->used += bytes;
	return p;
}

void arena_release(struct arena *a)
{
	while (a->chunk) {
		struct chunk last = *(struct chunk *)a->chunk;

		munmap(a->chunk, last.bytes);
		a->chunk = last.before;
	}
	a->used = a->size = 0;
}
