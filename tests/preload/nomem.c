/* SPDX-License-Identifier: MIT */
/* nomem: a preloaded library.  Allocation number NOMEM and all later ones fail. */
#include <errno.h>
#include <stdlib.h>

/* glibc's own names, so that no lookup allocates */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);

static int refused(void)
{
	static long calls;
	const char *first = getenv("NOMEM");

	if (first && __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) >= atol(first)) {
		errno = ENOMEM;
		return 1;
	}
	return 0;
}

void *malloc(size_t bytes) { return refused() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t n, size_t bytes) { return refused() ? NULL : __libc_calloc(n, bytes); }
void *realloc(void *p, size_t bytes) { return refused() ? NULL : __libc_realloc(p, bytes); }
