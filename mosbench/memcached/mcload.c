/* SPDX-License-Identifier: MIT */
/*
 * mcload: clients of memcached, each of a server of its own: client N talks to
 * port + N, in memcached's text protocol, by UDP (a request in a datagram) or
 * TCP.  Requests go out in batches, and every reply is checked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bench.h"
#include "../clients/clients.h"

#define BATCH_MAX 64			/* requests; bits of a word */
#define PATIENCE  2000			/* ms for a batch's next reply */
#define FRAME     8			/* bytes before a datagram's text: id, number, of, 0 */

static const char help[] =
"Usage: mcload --port N [OPTION]...\n"
"Asks memcached servers, client N the one on port + N, for a key that is not there.\n"
"\n"
CLIENT_HELP
"  --batch N     requests at a time (20)\n"
"  --sets N      percent of the batches that store; the others then ask for that\n"
"                key, and must get what was stored (0)\n"
"  --tcp         one stream a client, not datagrams\n"
"\n"
"Example: mcload --port 11211 --cores 4 --ops 20000\n";

static uint64_t batch = 20, sets;
static bool tcp;

struct session {
	int fd;
	uint16_t id;				/* of the batch's first request */
	bool stored;				/* the key has its value */
	uint64_t batches;
	char key[32], value[64];
};

/* ---- one request, one reply ---------------------------------------------------- */

/* Every request of a batch is alike; the frame is the only difference. */
static void send_requests(const struct session *s, const char *text, uint64_t n)
{
	char datagram[FRAME + 160];
	size_t len = strlen(text);

	for (uint16_t i = 0; i < n; i++) {
		uint16_t id = (uint16_t)(s->id + i);

		if (tcp) {
			client_send(s->fd, text, len);
			continue;
		}
		memcpy(datagram, (const char[FRAME]){ (char)(id >> 8), (char)id, 0, 0, 0, 1, 0, 0 }, FRAME);
		memcpy(datagram + FRAME, text, len);
		client_send(s->fd, datagram, FRAME + len);
	}
}

static void check(const char *got, size_t len, const char *want)
{
	if (len != strlen(want) || memcmp(got, want, len))
		bench_fail("the server says '%.*s', expected '%.*s'", (int)strcspn(got, "\r\n"), got,
			    (int)strcspn(want, "\r\n"), want);
}

/* Replies to n datagrams, in any order; returns how many came. */
static uint64_t read_datagrams(const struct session *s, const char *want, uint64_t n)
{
	char got[2048];
	uint64_t seen = 0, answered = 0;
	ssize_t len;

	while (answered < n) {
		len = recv(s->fd, got, sizeof(got) - 1, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (len < FRAME)
			bench_fail("no reply: %s", len < 0 ? strerror(errno) : "less than a frame");
		uint16_t at = (uint16_t)(((got[0] & 255) << 8 | (got[1] & 255)) - s->id);

		/* One that was given up for lost, or a second one. */
		if (at >= n || seen >> at & 1)
			continue;
		got[len] = 0;
		check(got + FRAME, (size_t)len - FRAME, want);
		seen |= (uint64_t)1 << at;
		answered++;
	}
	return answered;
}

/* Replies in a stream: nothing is lost there. */
static uint64_t read_stream(const struct session *s, const char *want, uint64_t n)
{
	char got[161];
	size_t len = strlen(want);

	for (uint64_t i = 0; i < n; i++) {
		ssize_t r = recv(s->fd, got, len, MSG_WAITALL);

		if (r <= 0)
			bench_fail("no reply: %s", r < 0 ? strerror(errno) : "the connection ended");
		got[r] = 0;
		check(got, (size_t)r, want);
	}
	return n;
}

/* ---- batches --------------------------------------------------------------------- */

/* Exactly that share of the batches, spread evenly. */
static bool time_to_store(const struct session *s)
{
	return (s->batches + 1) * sets / 100 > s->batches * sets / 100;
}

static uint64_t exchange(struct session *s, uint64_t n)
{
	char text[160], want[160] = "END\r\n";
	bool store = time_to_store(s);
	uint64_t answered;

	if (store) {
		snprintf(s->value, sizeof(s->value), "value %" PRIu64 " of %s", s->batches, s->key);
		snprintf(text, sizeof(text), "set %s 0 0 %zu\r\n%s\r\n", s->key, strlen(s->value), s->value);
		strcpy(want, "STORED\r\n");
	} else {
		snprintf(text, sizeof(text), "get %s\r\n", s->key);
		if (s->stored)
			snprintf(want, sizeof(want), "VALUE %s 0 %zu\r\n%s\r\nEND\r\n", s->key,
				 strlen(s->value), s->value);
	}
	send_requests(s, text, n);
	answered = tcp ? read_stream(s, want, n) : read_datagrams(s, want, n);
	/* One of the equal requests is enough; with none, nobody knows what is stored. */
	if (store && !answered)
		bench_fail("no reply to a set");
	s->stored |= store;
	s->id = (uint16_t)(s->id + n);
	s->batches++;
	return answered;
}

static void ask(struct client *me)
{
	static struct session s = { .key = "0123456789" };
	uint64_t n, answered;

	/* Kept from the warm-up: the server still has what was stored. */
	if (!s.fd)
		s.fd = client_connect(tcp ? SOCK_STREAM : SOCK_DGRAM,
				      me->plan->port + me->number, PATIENCE);
	while ((n = client_more(me, batch))) {
		answered = exchange(&s, n);
		me->done += answered;
		me->lost += n - answered;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		CLIENT_OPTIONS,
		{ "batch", required_argument, NULL, 'b' },
		{ "sets", required_argument, NULL, 'S' },
		{ "tcp", no_argument, NULL, 't' },
		{ 0 },
	};
	static const struct load load = { .work = ask, .tolerated = 10 };
	struct plan plan = { .name = "memcached" };
	int c;

	while ((c = client_option(&plan, argc, argv, options, help)) != -1)
		switch (c) {
		case 'b': batch = (uint64_t)bench_number("--batch", optarg, BATCH_MAX); break;
		case 'S': sets = client_number("--sets", optarg, 100); break;
		default:  tcp = true;
		}
	clients_run(&plan, &load);
	return 0;
}
