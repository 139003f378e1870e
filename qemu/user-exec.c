/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode: execve.  It is carried out here, before QEMU sees it: QEMU would
 * hand it to the host and lose the program.  We execute QEMU instead, with the
 * same plugin options, on the program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"
#include "user.h"

#define STRING_MAX (128 << 10)		/* Linux: MAX_ARG_STRLEN */

static void free_vector(char **vector)
{
	for (char **p = vector; p && *p; p++)
		free(*p);
	free(vector);
}

/*
 * A NULL-terminated vector of strings in guest memory, address 0 an empty one,
 * as for Linux; NULL if it cannot be read.
 */
static char **read_vector(uint64_t addr)
{
	char *text = malloc(STRING_MAX), **vector = NULL;
	size_t n = 0, slots = 0;
	bool good = text != NULL;
	uint64_t p = 0;

	while (good) {
		vector = user_more(vector, n, &slots, sizeof(*vector));
		vector[n] = NULL;
		good = !addr || user_read(addr + 8 * n, &p, sizeof(p));
		if (!good || !p)
			break;
		good = user_read_string(p, text, STRING_MAX) >= 0;
		vector[n++] = good ? strdup(text) : NULL;
	}
	free(text);
	if (good)
		return vector;
	free_vector(vector);
	return NULL;
}

/* The program's own name for itself would be QEMU. */
static bool names_own_binary(const char *path)
{
	char own[64];

	snprintf(own, sizeof(own), "/proc/%d/exe", (int)getpid());
	return !strcmp(path, "/proc/self/exe") || !strcmp(path, own) ||
	       !strcmp(path, "/proc/thread-self/exe");
}

/* The file that execve(path) or execveat(fd, path) means. */
static bool exec_path(char path[PATH_MAX], int dir, uint64_t addr)
{
	char name[PATH_MAX], link[32];
	ssize_t len;

	if (user_read_string(addr, name, sizeof(name)) < 0)
		return false;
	if (names_own_binary(name)) {
		memcpy(path, user.program, PATH_MAX);
		return true;
	}
	if (dir == AT_FDCWD || *name == '/') {
		memcpy(path, name, PATH_MAX);
		return true;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	len = readlink(link, path, PATH_MAX - 1);
	if (len <= 0 || (size_t)len + strlen(name) + 2 > PATH_MAX)
		return false;
	snprintf(path + len, PATH_MAX - (size_t)len, "%s%s", *name ? "/" : "", name);
	return true;
}

void user_keep_descriptors(bool keep)
{
	int fds[] = { tracer.opt.session, tracer.opt.fd };

	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static bool have_descriptors(void)
{
	return tracer.opt.session >= 0 && fcntl(tracer.opt.session, F_GETFD) >= 0 &&
	       tracer.opt.fd >= 0 && fcntl(tracer.opt.fd, F_GETFD) >= 0;
}

/*
 * A signal that came since the guest last looked waits in QEMU, with all
 * signals blocked; the next program would start with all of them blocked, and
 * without this one.  QEMU's own execve sees that and lets the guest handle the
 * signal first; then we are asked again.
 */
static bool signal_waits(void)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGTERM) && sigismember(&now, SIGUSR1) &&
	       sigismember(&now, SIGCHLD) && sigismember(&now, SIGWINCH) &&
	       !(self.sigmask & (UINT64_C(1) << (SIGWINCH - 1)));
}

static void exec_qemu(const struct launch *l, char *const *argv, char *const *envp)
{
	const struct launch_setup setup = { user.qemu, user.plugin, user.shim };
	struct launch_command c;

	if (launch_command(&c, &setup, l, argv, envp) < 0)
		return;
	out_leave();
	user_keep_descriptors(true);
	execve(user.qemu, c.argv, c.envp);
	user_keep_descriptors(false);
	out_return();
	launch_command_release(&c);
}

void user_exec(int dir, uint64_t path_addr, uint64_t argv_addr, uint64_t envp_addr)
{
	char path[PATH_MAX];
	char **argv, **envp;
	struct launch l;
	int bad;

	if (signal_waits() || !exec_path(path, dir, path_addr))
		return;
	bad = launch_find(&l, path);
	if (bad > 0) {
		launch_release(&l);
		return;			/* an error that the kernel will say, too */
	}
	argv = read_vector(argv_addr);
	envp = read_vector(envp_addr);
	if (argv && envp && !bad && user.plugin && have_descriptors())
		exec_qemu(&l, argv, envp);
	free_vector(argv);
	free_vector(envp);
	launch_release(&l);

	/* Still here: if QEMU's own try succeeds, the program runs untraced. */
	out_leave();
	self.left = true;
	atomic_fetch_add(&tracer.session->untraced, 1);
}

/* ---- descriptors of ours that the program closed ------------------------ */

/* Daemons and the like close whatever is open. */
static void restore_descriptor(int fd)
{
	char path[64];
	int again;

	if (fd < 0 || fcntl(fd, F_GETFD) >= 0 || !user.runner)
		return;
	snprintf(path, sizeof(path), "%s/fd/%d", user.runner, fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0)
		again = open(path, O_WRONLY | O_CLOEXEC);	/* a pipe */
	if (again < 0 || again == fd)
		return;
	dup3(again, fd, O_CLOEXEC);
	close(again);
}

void user_restore_descriptors(void)
{
	restore_descriptor(tracer.opt.session);
	restore_descriptor(tracer.opt.fd);
}
