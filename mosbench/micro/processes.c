/* SPDX-License-Identifier: MIT */
/* Loads that make processes and threads, or move them. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "micro.h"

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0)
		micro_die("fork");
	if (waitpid(pid, &status, 0) != pid)
		micro_die("wait");
	if (status) {
		errno = 0;
		micro_die("a child ended with status %#x", (unsigned)status);
	}
}

static void procy(struct worker *w)
{
	pid_t pid = fork();

	(void)w;
	if (pid == 0)
		_exit(0);
	wait_for(pid);
}

static void *nothing(void *arg)
{
	return arg;
}

static void procy_threads(struct worker *w)
{
	pthread_t thread;

	(void)w;
	errno = pthread_create(&thread, NULL, nothing, NULL);
	if (errno)
		micro_die("thread");
	pthread_join(thread, NULL);
}

static void procy_yield(struct worker *w)
{
	(void)w;
	sched_yield();
}

/* ---- exec ------------------------------------------------------------------ */

static void exec_setup(struct worker *w)
{
	if (micro_own())
		snprintf(w->path, sizeof(w->path), "%s/%ld/micro", micro_directory(), w->cpu);
	else
		strcpy(w->path, "/proc/self/exe");
}

static void exec(struct worker *w)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(w->path, "micro-nothing", (char *)NULL);
		_exit(1);
	}
	wait_for(pid);
}

/* ---- proc-ping-pong: a task between its cpu and the partner's -------------------- */

static void ping_pong(struct worker *w)
{
	w->i ^= 1;
	bench_run_on(micro_has_partner(w) ? w->cpu ^ w->i : w->cpu);
}

const struct load process_loads[] = {
	{ .name = "procy", .what = "fork, exit and wait", .ops = 100, .operation = procy },
	{ .name = "procy-threads", .what = "create and join a thread", .ops = 300,
	  .operation = procy_threads },
	{ .name = "procy-yield", .what = "sched_yield", .ops = 2000, .operation = procy_yield },
	{ .name = "exec", .what = "fork, exec, exit and wait", .ops = 50,
	  .setup = exec_setup, .operation = exec },
	{ .name = "proc-ping-pong", .what = "move to the partner's cpu, or back", .ops = 200,
	  .operation = ping_pong },
	{ .name = NULL }
};
