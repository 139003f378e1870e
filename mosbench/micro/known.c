/* SPDX-License-Identifier: MIT */
/* Patterns with a known answer, of a kernel module of the tests (tests/guest/known). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "micro.h"

static void known_setup(struct worker *w)
{
	w->fd[1] = open("/dev/known", O_WRONLY);
	if (w->fd[1] < 0)
		micro_die("/dev/known");
	snprintf(w->path, sizeof(w->path), "%s%s", strchr(micro_load(), '-') + 1,
		 micro_own() ? " fixed" : "");
}

static void known_run(struct worker *w)
{
	size_t n = strlen(w->path);

	if (write(w->fd[1], w->path, n) != (ssize_t)n)
		micro_die("/dev/known: %s", w->path);
}

const struct load known_loads[] = {
	{ .name = "known-", .what = "pattern known-X of /dev/known; --own: its repaired twin",
	  .ops = 500, .setup = known_setup, .operation = known_run },
	{ .name = NULL }
};
