/* SPDX-License-Identifier: MIT */
/*
 * smtpload: clients of a mail server.  Each sends to a user of its own, a few
 * messages over each connection, and takes no reply but the right one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../bench.h"
#include "../clients/clients.h"

#define PATIENCE 120000			/* ms that a reply, or all deliveries, may take */

static const char help[] =
"Usage: smtpload --port N [OPTION]...\n"
"Sends mail by SMTP: client N to the user userN, the body \"the body\".\n"
"\n"
CLIENT_HELP
"  --messages N  over each connection (10)\n"
"  --log FILE    exim's main log: an operation is a message that is Completed there\n"
"\n"
"Example: smtpload --port 2525 --clients 8 --ops 200 --log /var/log/exim4/mainlog\n";

static uint64_t messages = 10;
static int log_fd = -1;

/* ---- one connection ---------------------------------------------------------- */

struct connection {
	int fd;
	size_t n;				/* bytes in text */
	char text[1024];
};

/* Takes one line off the connection, without its end; false when there is none. */
static bool line(struct connection *c, char *to, size_t size)
{
	char *end;
	ssize_t got;
	size_t len;

	while (!(end = memchr(c->text, '\n', c->n))) {
		got = c->n == sizeof(c->text) ? 0
			: recv(c->fd, c->text + c->n, sizeof(c->text) - c->n, 0);
		if (got <= 0)
			return false;
		c->n += (size_t)got;
	}
	len = (size_t)(end - c->text);
	snprintf(to, size, "%.*s", (int)(len && end[-1] == '\r' ? len - 1 : len), c->text);
	c->n -= len + 1;
	memmove(c->text, end + 1, c->n);
	return true;
}

/* Sends a command, unless it is NULL, and reads its reply: all lines, of this code. */
static void expect(struct connection *c, const char *code, const char *command)
{
	char got[256];

	if (command)
		client_send(c->fd, command, strlen(command));
	do {
		if (!line(c, got, sizeof(got)))
			bench_fail("no reply of the server, expected %s", code);
		if (strncmp(got, code, 3))
			bench_fail("the server says '%s', expected %s", got, code);
	} while (got[3] == '-');
}

static void send_message(struct connection *c, uint64_t user)
{
	char text[256];

	snprintf(text, sizeof(text), "MAIL FROM:<user%" PRIu64 "@localhost>\r\n", user);
	expect(c, "250", text);
	snprintf(text, sizeof(text), "RCPT TO:<user%" PRIu64 "@localhost>\r\n", user);
	expect(c, "250", text);
	expect(c, "354", "DATA\r\n");
	snprintf(text, sizeof(text), "Subject: to user%" PRIu64 "\r\n\r\nthe body\r\n.\r\n", user);
	expect(c, "250", text);
}

static void send_mail(struct client *me)
{
	struct connection c;
	uint64_t n;

	while ((n = client_more(me, messages))) {
		c.fd = client_connect(SOCK_STREAM, me->plan->port, PATIENCE);
		c.n = 0;
		expect(&c, "220", NULL);
		expect(&c, "250", "HELO localhost\r\n");
		for (; n; n--, me->done++)
			send_message(&c, me->number);
		expect(&c, "221", "QUIT\r\n");
		close(c.fd);
	}
}

/* ---- the server's log ---------------------------------------------------------- */

/* Messages that the log has as delivered, in what was added since the last call. */
static uint64_t completed(void)
{
	static const char word[] = " Completed\n";
	static size_t matched;			/* bytes of word at the end of what was read */
	char text[8192];
	uint64_t found = 0;
	ssize_t got;

	while ((got = read(log_fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] != word[matched])
				matched = 0;
			if (text[i] == word[matched] && ++matched == sizeof(word) - 1) {
				found++;
				matched = 0;
			}
		}
	if (got < 0)
		bench_die("--log");
	return found;
}

/* The server answers before it delivers. */
static void await_deliveries(uint64_t done)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t delivered = 0, deadline = bench_now() + (uint64_t)PATIENCE * 1000000;

	while ((delivered += completed()) < done) {
		if (bench_now() > deadline)
			bench_fail("only %" PRIu64 " of %" PRIu64 " messages were delivered",
				    delivered, done);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		CLIENT_OPTIONS,
		{ "messages", required_argument, NULL, 'm' },
		{ "log", required_argument, NULL, 'l' },
		{ 0 },
	};
	struct plan plan = { .name = "exim" };
	struct load load = { .work = send_mail };
	int c;

	while ((c = client_option(&plan, argc, argv, options, help)) != -1) {
		if (c == 'm') {
			messages = (uint64_t)bench_number("--messages", optarg, UINT32_MAX);
			continue;
		}
		log_fd = open(optarg, O_RDONLY | O_CLOEXEC);
		if (log_fd < 0)
			bench_die("--log: %s", optarg);
		lseek(log_fd, 0, SEEK_END);
		load.settle = await_deliveries;
	}
	clients_run(&plan, &load);
	return 0;
}
