/* SPDX-License-Identifier: MIT */
/* Loads on address spaces, page faults and the page cache. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "micro.h"

#define PAGES 256

static char *map(size_t bytes, int flags, int fd)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		micro_die("mmap");
	return p;
}

/* ---- memclone: a page fault each -------------------------------------------- */

static void memclone_setup(struct worker *w)
{
	w->memory = map(PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* Small pages: a huge one would be a single fault. */
	if (madvise(w->memory, PAGES * PAGE, MADV_NOHUGEPAGE) < 0)
		micro_die("madvise");
}

/* When all pages are there, they go, and it starts again. */
static void memclone(struct worker *w)
{
	*(volatile char *)(w->memory + w->i * PAGE) = 1;
	w->i = (w->i + 1) % PAGES;
	if (w->i == 0 && madvise(w->memory, PAGES * PAGE, MADV_DONTNEED) < 0)
		micro_die("madvise");
}

/* ---- memmap: map and unmap ----------------------------------------------------- */

static void memmap(struct worker *w)
{
	volatile char *page = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	(void)w;
	*page = 1;
	if (munmap((void *)page, PAGE) < 0)
		micro_die("munmap");
}

static void memmap_populate(struct worker *w)
{
	(void)w;
	if (munmap(map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1), PAGE) < 0)
		micro_die("munmap");
}

/* ---- pagecache: pages of a file, mapped shared -------------------------------- */

#define FILE_PAGES 16

static void pagecache_setup(struct worker *w)
{
	static const char page[PAGE];
	int i;

	w->fd[0] = open(w->path, O_CREAT | O_RDWR, 0600);
	if (w->fd[0] < 0)
		micro_die("%s", w->path);
	for (i = 0; i < FILE_PAGES; i++)
		if (pwrite(w->fd[0], page, PAGE, i * PAGE) != PAGE)
			micro_die("%s", w->path);
}

static void pagecache(struct worker *w)
{
	volatile char *p = map(FILE_PAGES * PAGE, MAP_SHARED, w->fd[0]);
	int i;

	for (i = 0; i < FILE_PAGES; i++)
		(void)p[i * PAGE];
	if (munmap((void *)p, FILE_PAGES * PAGE) < 0)
		micro_die("munmap");
}

/* ---- icnt: no system call at all ------------------------------------------------- */

static void icnt(struct worker *w)
{
	uint64_t own = 0, *counter = micro_own() ? &own : micro_counter();

	(void)w;
	__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

const struct load memory_loads[] = {
	{ .name = "memclone", .what = "the first touch of a page", .ops = 2000, .threads = true,
	  .setup = memclone_setup, .operation = memclone },
	{ .name = "memmap", .what = "map, touch and unmap a page", .ops = 1000, .threads = true,
	  .operation = memmap },
	{ .name = "memmap-populate", .what = "the same with MAP_POPULATE in place of the touch",
	  .ops = 1000, .threads = true, .operation = memmap_populate },
	{ .name = "pagecache", .what = "map, touch and unmap 16 pages of one file", .ops = 500,
	  .setup = pagecache_setup, .operation = pagecache },
	{ .name = "icnt", .what = "count one counter of all up", .ops = 20000,
	  .operation = icnt },
	{ .name = NULL }
};
