/* SPDX-License-Identifier: MIT */
/* A pipe for each command; what the stream's memory stands in can stand in all of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../libmt/cli.h"
#include "../libmt/mt_pipe.h"
#include "tee.h"

static struct branch {
	const char *command;
	pid_t pid;
	int fd;				/* -1: it has stopped to read */
} *branches;
static size_t n_branches, room;

void tee_add(const char *command)
{
	branches = mt_xgrow(branches, n_branches, &room, sizeof(*branches));
	branches[n_branches++] = (struct branch){ .command = command, .fd = -1 };
}

bool tee_any(void)
{
	return n_branches != 0;
}

/* What it prints must not get into the stream. */
static void run_command(const struct branch *b, int from)
{
	signal(SIGPIPE, SIG_DFL);
	if (dup2(from, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", b->command, (char *)NULL);
	_exit(127);
}

void tee_start(void)
{
	int ends[2];

	if (n_branches)
		signal(SIGPIPE, SIG_IGN);
	for (struct branch *b = branches; b < branches + n_branches; b++) {
		if (pipe2(ends, O_CLOEXEC) < 0 || (b->pid = fork()) < 0)
			mt_die(MT_FAIL, "--tee: '%s': %s", b->command, strerror(errno));
		if (!b->pid)
			run_command(b, ends[0]);
		close(ends[0]);
		mt_widen_pipe(ends[1]);
		b->fd = ends[1];
	}
}

static void write_to(struct branch *b, const void *bytes, size_t len)
{
	if (mt_write_full(b->fd, bytes, len) == 0)
		return;
	if (errno != EPIPE)
		mt_die(MT_FAIL, "--tee: '%s': %s", b->command, strerror(errno));
	close(b->fd);
	b->fd = -1;
}

void tee_write(const void *bytes, size_t len)
{
	for (struct branch *b = branches; b < branches + n_branches; b++)
		if (b->fd >= 0)
			write_to(b, bytes, len);
}

bool tee_give(const void *bytes, size_t len)
{
	bool any = false;

	for (struct branch *b = branches; b < branches + n_branches; b++) {
		size_t given = b->fd < 0 ? len : mt_give(b->fd, bytes, len);

		any |= b->fd >= 0 && given;
		if (given < len)
			write_to(b, (const char *)bytes + given, len - given);
	}
	return any;
}

static bool ended_well(const struct branch *b, bool quiet)
{
	int how;

	while (waitpid(b->pid, &how, 0) < 0)
		if (errno != EINTR)
			return false;
	if (WIFEXITED(how) && !WEXITSTATUS(how))
		return true;
	if (!quiet && WIFEXITED(how))
		mt_warn("--tee: '%s': exit status %d", b->command, WEXITSTATUS(how));
	else if (!quiet)
		mt_warn("--tee: '%s': ended by signal %d", b->command, WTERMSIG(how));
	return false;
}

int tee_end(bool quiet)
{
	int status = MT_OK;

	for (struct branch *b = branches; b < branches + n_branches; b++)
		if (b->fd >= 0)
			close(b->fd);
	for (struct branch *b = branches; b < branches + n_branches; b++)
		if (!ended_well(b, quiet))
			status = MT_FAIL;
	return status;
}
