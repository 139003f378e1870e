/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"
#include "clients.h"

#define CLIENTS_MAX 4096

/* What the parent knows of each client; a socket joins the two. */
struct child {
	pid_t pid;
	int fd;
};

struct report {
	uint64_t done, lost;
};

/* Those to end, whatever ends us. */
static struct child *children;
static uint64_t n_children;

/* Where all clients complain: they often have the same to say, and once is enough. */
static int complaints[2];

/* ---- options ---------------------------------------------------------------- */

uint64_t client_number(const char *option, const char *text, long max)
{
	return text && !strcmp(text, "0") ? 0 : (uint64_t)bench_number(option, text, max);
}

static bool common_option(struct plan *plan, int c)
{
	switch (c) {
	case 'c': plan->cores = (uint64_t)bench_number("--cores", optarg, CLIENTS_MAX); return true;
	case 'n': plan->clients = (uint64_t)bench_number("--clients", optarg, CLIENTS_MAX); return true;
	case 'o': plan->ops = (uint64_t)bench_number("--ops", optarg, UINT32_MAX); return true;
	case 's':
		plan->seconds = (uint64_t)bench_number("--seconds", optarg, 1000000);
		plan->ops = 0;
		return true;
	case 'w': plan->warm_up = client_number("--warm-up", optarg, UINT32_MAX); return true;
	case 'p': plan->port = (uint64_t)bench_number("--port", optarg, UINT16_MAX); return true;
	default:  return false;
	}
}

static void finish_plan(struct plan *plan)
{
	if (!plan->port)
		bench_usage("--port: which one?");
	if (!plan->cores)
		plan->cores = 1;
	if (!plan->clients)
		plan->clients = plan->cores;
	if (!plan->ops && !plan->seconds)
		plan->ops = 100;
	/* Each has something to do. */
	if (plan->ops && plan->clients > plan->ops)
		plan->clients = plan->ops;
}

int client_option(struct plan *plan, int argc, char **argv, const struct option *options,
		  const char *help)
{
	int c;

	bench_name = plan->name;
	do {
		c = getopt_long(argc, argv, "", options, NULL);
		if (c == '?')
			exit(2);
		if (c == 'h') {
			fputs(help, stdout);
			exit(0);
		}
	} while (common_option(plan, c));
	if (c != -1)
		return c;
	if (optind < argc)
		bench_usage("%s: what is it? Try --help", argv[optind]);
	finish_plan(plan);
	return -1;
}

/* ---- for the client ------------------------------------------------------------ */

uint64_t client_more(const struct client *me, uint64_t n)
{
	uint64_t left = me->share - me->done - me->lost;

	if (me->deadline && bench_now() >= me->deadline)
		return 0;
	return left < n ? left : n;
}

int client_connect(int type, uint64_t port, uint64_t milliseconds)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval limit = { .tv_sec = (time_t)(milliseconds / 1000),
				 .tv_usec = (suseconds_t)(milliseconds % 1000 * 1000) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		bench_die("127.0.0.1 port %" PRIu64, port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	/* Requests are small, and do not wait for those before them. */
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

void client_send(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;
	ssize_t sent;

	while (n) {
		sent = send(fd, at, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			bench_die("cannot send");
		at += sent;
		n -= (size_t)sent;
	}
}

/* Between parent and client; whoever stays alone learns it here. */
static bool give(int fd, const void *bytes, size_t n)
{
	return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool take(int fd, void *bytes, size_t n)
{
	ssize_t got;

	do
		got = recv(fd, bytes, n, MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)n;
}

/* A client's life: as often as the parent gives it a share, it does that and reports. */
__attribute__((noreturn))
static void be_client(const struct plan *plan, const struct load *load, uint64_t number, int fd)
{
	struct client me = { .plan = plan, .number = number };
	struct report report;

	dup2(complaints[1], STDERR_FILENO);
	bench_run_on((long)(number % plan->cores));
	while (take(fd, &me.share, sizeof(me.share))) {
		me.deadline = 0;
		if (!me.share) {
			me.share = UINT64_MAX;
			me.deadline = bench_now() + plan->seconds * 1000000000;
		}
		me.done = me.lost = 0;
		load->work(&me);
		report = (struct report){ me.done, me.lost };
		if (!give(fd, &report, sizeof(report)))
			break;
	}
	exit(0);
}

/* ---- for the parent -------------------------------------------------------------- */

static void end_clients(void)
{
	for (uint64_t i = 0; i < n_children; i++)
		kill(children[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	n_children = 0;
}

static void end_by_signal(int sig)
{
	end_clients();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void at_end_signals(void (*handler)(int))
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		signal(ends[i], handler);
}

/* For the child: its siblings are not its own. */
static void forget_siblings(void)
{
	while (n_children)
		close(children[--n_children].fd);
	at_end_signals(SIG_DFL);
	/* No client outlives its parent, even if that is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void start(const struct plan *plan, const struct load *load)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	children = bench_alloc(NULL, plan->clients, sizeof(*children));
	if (pipe2(complaints, O_CLOEXEC | O_NONBLOCK) < 0)
		bench_die("pipe");
	atexit(end_clients);
	at_end_signals(end_by_signal);
	for (uint64_t i = 0; i < plan->clients; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			bench_die("socketpair");
		pid = fork();
		if (pid < 0)
			bench_die("fork");
		if (pid == 0) {
			close(pair[0]);
			forget_siblings();
			if (getppid() != parent)
				exit(1);
			be_client(plan, load, i, pair[1]);
		}
		close(pair[1]);
		children[n_children++] = (struct child){ pid, pair[0] };
	}
}

/* What the first one that complained has said. */
__attribute__((noreturn))
static void client_died(struct child *child)
{
	char text[512];
	int status;
	ssize_t n;

	waitpid(child->pid, &status, 0);
	*child = children[--n_children];
	if (WIFSIGNALED(status))
		bench_fail("a client was ended by signal %d", WTERMSIG(status));
	n = read(complaints[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	fprintf(stderr, "%s\n", text);
	exit(1);
}

/* Every client does its share of ops (0: as time allows); returns what they report. */
static struct report all_do(const struct plan *plan, uint64_t ops)
{
	struct report sum = { 0, 0 }, one;
	uint64_t share;

	for (uint64_t i = 0; i < plan->clients; i++) {
		share = ops / plan->clients + (i < ops % plan->clients);
		if (!give(children[i].fd, &share, sizeof(share)))
			client_died(&children[i]);
	}
	for (uint64_t i = 0; i < plan->clients; i++) {
		if (!take(children[i].fd, &one, sizeof(one)))
			client_died(&children[i]);
		sum.done += one.done;
		sum.lost += one.lost;
	}
	return sum;
}

static void warm_up(const struct plan *plan, const struct load *load)
{
	if (!plan->warm_up)
		return;
	all_do(plan, plan->warm_up * plan->clients);
	if (load->settle)
		load->settle(plan->warm_up * plan->clients);
}

void clients_run(const struct plan *plan, const struct load *load)
{
	struct report sum;
	uint64_t begin, took;

	start(plan, load);
	warm_up(plan, load);
	begin = bench_start(plan->name);
	sum = all_do(plan, plan->ops);
	if (load->settle)
		load->settle(sum.done);
	took = bench_stop(plan->name, sum.done) - begin;

	end_clients();
	if (sum.lost * 1000 > load->tolerated * (sum.done + sum.lost))
		bench_fail("%" PRIu64 " of %" PRIu64 " requests had no answer", sum.lost,
			   sum.done + sum.lost);
	if (sum.lost)
		fprintf(stderr, "%s: %" PRIu64 " requests had no answer\n", plan->name, sum.lost);
	bench_result(plan->name, sum.done, took, (long)plan->cores);
}
