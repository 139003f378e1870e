/* SPDX-License-Identifier: MIT */
/*
 * Starting a program under qemu-x86_64: what the kernel's execve does for a
 * file (scripts, permissions), and the command line of QEMU for it.  mt-run
 * starts the first program this way, the tracer each later one.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <limits.h>

#define LAUNCH_SCRIPTS 5		/* Linux: so many "#!" lines in a row, then ELOOP */

/* A program, found and judged. */
struct launch {
	char path[PATH_MAX];		/* of the ELF file */
	char *args[2 * LAUNCH_SCRIPTS + 1];	/* between argv[0] and the caller's argv[1] */
	unsigned n_args;
	const char *why_not;		/* not for QEMU: the reason */
	int script;			/* path is an interpreter: argv[0] is its name */
};

/* Which QEMU, and what it is told. */
struct launch_setup {
	const char *qemu;
	const char *plugin;		/* the whole argument of -plugin */
	const char *shim;		/* to preload into the program; or NULL */
};

/* NULL-terminated vectors for execve of QEMU. */
struct launch_command {
	char **argv, **envp;
	unsigned n_argv, n_envp;
};

/*
 * Judges the file at path.  0: QEMU can run it; an errno: execve would fail
 * with it; -1: only the kernel itself can run it (l->why_not).  Whatever the
 * result, launch_release frees what it took.
 */
int launch_find(struct launch *l, const char *path);
void launch_release(struct launch *l);

/* Makes the command; -1 when there is no memory. */
int launch_command(struct launch_command *c, const struct launch_setup *s,
		   const struct launch *l, char *const argv[], char *const envp[]);
void launch_command_release(struct launch_command *c);

#endif
