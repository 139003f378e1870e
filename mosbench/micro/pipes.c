/* SPDX-License-Identifier: MIT */
/* Loads of workers that wake each other up. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "micro.h"

static void put(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		micro_die("write");
}

static void get(int fd, void *p, size_t n)
{
	if (read(fd, p, n) != (ssize_t)n)
		micro_die("read");
}

/* ---- pipe: ping-pong, cpus 0 and 1 are partners, 2 and 3, ... -------------------- */

/* Who has no partner plays alone: what was just written is read. */
static bool alone(const struct worker *w)
{
	return micro_own() || !micro_has_partner(w);
}

static void pipe_ends(struct worker *w)
{
	if (alone(w)) {
		if (pipe(w->fd) < 0)
			micro_die("pipe");
		return;
	}
	w->fd[0] = micro_pipe(w->cpu)[0];
	w->fd[1] = micro_pipe(w->cpu ^ 1)[1];
}

static void pipe_setup(struct worker *w)
{
	pipe_ends(w);
	if (!alone(w) && w->cpu & 1)
		put(w->fd[1], "", 1);			/* the first serve */
}

/*
 * With a number of operations both come to their last by themselves.  A ball of 1
 * says that the time is up: it does not come back.
 */
static void pipe_play(struct worker *w)
{
	char ball = 0;

	if (alone(w)) {
		put(w->fd[1], &ball, 1);
		get(w->fd[0], &ball, 1);
		return;
	}
	get(w->fd[0], &ball, 1);
	if (ball)
		w->last = true;
	else
		put(w->fd[1], w->over ? "\1" : "", 1);
}

/* ---- fops-pipe: the same file for all, and a byte for the partner ------------------- */

static void fops_pipe_setup(struct worker *w)
{
	int fd = open(w->path, O_CREAT | O_RDONLY, 0600);

	if (fd < 0 || close(fd) < 0)
		micro_die("%s", w->path);
	pipe_ends(w);
}

/* Even workers write, odd ones read; who reads stops when told, else the pipe fills. */
static void fops_pipe(struct worker *w)
{
	int fd = open(w->path, O_RDONLY);
	char byte = 0;

	if (fd < 0 || close(fd) < 0)
		micro_die("%s", w->path);
	if (alone(w)) {
		pipe_play(w);
	} else if (w->cpu & 1) {
		get(w->fd[0], &byte, 1);
		w->last = byte || (w->last && !w->over);
	} else {
		put(w->fd[1], w->over ? "\1" : "", 1);
	}
}

/* ---- hackbench: ten tasks that send to ten others -------------------------------- */

#define TASKS   (CHILDREN / 2)
#define MESSAGE 100				/* bytes, as in hackbench */

struct group {
	int go[2];				/* a byte for each sender: a round begins */
	int got[2];				/* a byte of each receiver: it has all its messages */
	int to[TASKS][2];			/* sockets: receivers read [0] */
};

static void send_rounds(const struct group *g)
{
	static const char message[MESSAGE];
	char go;
	int i;

	while (read(g->go[0], &go, 1) == 1)
		for (i = 0; i < TASKS; i++)
			if (send(g->to[i][1], message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
				_exit(1);
	_exit(0);
}

static void receive_rounds(const struct group *g, int to)
{
	char message[MESSAGE];
	int n = 0;

	while (recv(to, message, MESSAGE, MSG_WAITALL) == MESSAGE)
		if (++n % TASKS == 0 && write(g->got[1], "", 1) != 1)
			break;
	_exit(1);
}

/* Who serves the worker runs on any cpu: where tasks wake up is what is measured. */
static void hackbench_setup(struct worker *w)
{
	struct group g;
	long cpus = micro_cpus();
	int i;

	if (pipe(g.go) < 0 || pipe(g.got) < 0)
		micro_die("pipe");
	for (i = 0; i < TASKS; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, g.to[i]) < 0)
			micro_die("socketpair");
	for (i = 0; i < 2 * TASKS; i++)
		if (micro_child(w)) {
			bench_run_on_first(cpus);
			if (i < TASKS)
				receive_rounds(&g, g.to[i][0]);
			else
				send_rounds(&g);
		}
	w->fd[0] = g.got[0];
	w->fd[1] = g.go[1];
}

static void hackbench(struct worker *w)
{
	char go[TASKS] = { 0 };
	ssize_t n, got;

	put(w->fd[1], go, TASKS);
	for (got = 0; got < TASKS; got += n) {
		n = read(w->fd[0], go, (size_t)(TASKS - got));
		if (n <= 0)
			micro_die("read");
	}
}

const struct load pipe_loads[] = {
	{ .name = "pipe", .what = "two cpus play ping-pong; --own: each with itself", .ops = 500,
	  .setup = pipe_setup, .operation = pipe_play },
	{ .name = "fops-pipe", .what = "open and close one file; a byte from one cpu to another",
	  .ops = 500, .setup = fops_pipe_setup, .operation = fops_pipe },
	{ .name = "hackbench", .what = "ten tasks each send to ten others", .ops = 20,
	  .setup = hackbench_setup, .operation = hackbench },
	{ .name = NULL }
};
