/* SPDX-License-Identifier: MIT */
/* Loads on the network, of 127.0.0.1 only, on ports that the kernel picks. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "micro.h"

static void socko(struct worker *w)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)w;
	if (s < 0 || close(s) < 0)
		micro_die("socket");
}

/* A socket at a port of its own; to is the address others reach it by. */
static int bound_socket(int type, struct sockaddr_in *to)
{
	socklen_t n = sizeof(*to);
	int s = socket(AF_INET, type, 0);

	*to = (struct sockaddr_in){ .sin_family = AF_INET };
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s < 0 || bind(s, (struct sockaddr *)to, n) < 0 ||
	    getsockname(s, (struct sockaddr *)to, &n) < 0)
		micro_die("socket");
	return s;
}

static void connect_to(int s, const struct sockaddr_in *to)
{
	if (connect(s, (const struct sockaddr *)to, sizeof(*to)) < 0)
		micro_die("connect");
}

/* The other end: a child on the same cpu that sends back what it gets. */
static void echo(int s)
{
	char c;

	while (recv(s, &c, 1, 0) == 1 && send(s, &c, 1, MSG_NOSIGNAL) == 1)
		;
	_exit(1);
}

static void tcpee_setup(struct worker *w)
{
	struct sockaddr_in to;
	int one = 1, other, s = bound_socket(SOCK_STREAM, &to);

	if (listen(s, 1) < 0)
		micro_die("listen");
	w->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (w->fd[0] < 0)
		micro_die("socket");
	connect_to(w->fd[0], &to);
	other = accept(s, NULL, NULL);
	if (other < 0 || close(s) < 0 ||
	    setsockopt(w->fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		micro_die("accept");
	if (micro_child(w))
		echo(other);
	close(other);
}

static void udpee_setup(struct worker *w)
{
	struct sockaddr_in us, them;
	int other = bound_socket(SOCK_DGRAM, &them);

	w->fd[0] = bound_socket(SOCK_DGRAM, &us);
	connect_to(w->fd[0], &them);
	connect_to(other, &us);
	if (micro_child(w))
		echo(other);
	close(other);
}

/* There and back; what comes back is what was sent. */
static void ping(struct worker *w)
{
	char c = (char)++w->i, back;

	if (send(w->fd[0], &c, 1, MSG_NOSIGNAL) != 1)
		micro_die("send");
	if (recv(w->fd[0], &back, 1, 0) != 1 || back != c)
		micro_die("receive");
}

const struct load socket_loads[] = {
	{ .name = "socko", .what = "open and close a socket", .ops = 1000, .operation = socko },
	{ .name = "tcpee", .what = "a byte there and back, over TCP", .ops = 200,
	  .setup = tcpee_setup, .operation = ping },
	{ .name = "udpee", .what = "a byte there and back, over UDP", .ops = 200,
	  .setup = udpee_setup, .operation = ping },
	{ .name = NULL }
};
