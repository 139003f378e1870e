/* SPDX-License-Identifier: MIT */
/*
 * What the loads of servers share: client processes, each on a cpu, that warm
 * the server up and then load it, all at once, in the traced interval.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct plan {
	const char *name;		/* of the benchmark */
	uint64_t cores, clients;	/* client N runs on cpu N modulo cores */
	uint64_t ops;			/* in all; 0: as many as seconds allow */
	uint64_t seconds;
	uint64_t warm_up;		/* operations of each client that come first */
	uint64_t port;			/* on 127.0.0.1 */
};

struct client {
	const struct plan *plan;
	uint64_t number;		/* from 0 */
	uint64_t share;			/* operations that are its own */
	uint64_t deadline;		/* or the time when it shall stop, in ns; 0: none */
	uint64_t done, lost;		/* operations; lost ones have had no answer */
};

struct load {
	/* Loads the server while client_more says so, and counts in done and lost. */
	void (*work)(struct client *me);
	/* Waits until the server is done with what all clients did since the start; or NULL. */
	void (*settle)(uint64_t done);
	/* Operations of 1000 that may get lost. */
	uint64_t tolerated;
};

#define CLIENT_OPTIONS \
	{ "cores", required_argument, NULL, 'c' }, \
	{ "clients", required_argument, NULL, 'n' }, \
	{ "ops", required_argument, NULL, 'o' }, \
	{ "seconds", required_argument, NULL, 's' }, \
	{ "warm-up", required_argument, NULL, 'w' }, \
	{ "port", required_argument, NULL, 'p' }, \
	{ "help", no_argument, NULL, 'h' }
#define CLIENT_HELP \
	"  --port N      of the server, on 127.0.0.1\n" \
	"  --cores N     the clients run on so many cpus (1)\n" \
	"  --clients N   so many of them (as --cores)\n" \
	"  --ops N       operations of all of them together (100); or\n" \
	"  --seconds S   as many as they can in S seconds\n" \
	"  --warm-up N   operations of each of them before that (0)\n"

/* The next option of getopt_long, common ones seen to; -1 at the end, when the plan is whole. */
int client_option(struct plan *plan, int argc, char **argv, const struct option *options,
		  const char *help);
/* A number from 0. */
uint64_t client_number(const char *option, const char *text, long max);

/* The next n operations: as many as are to be done of them, 0 at the end. */
uint64_t client_more(const struct client *me, uint64_t n);

/* A connected socket to port on 127.0.0.1; receiving gives up after some time. */
int client_connect(int type, uint64_t port, uint64_t milliseconds);
void client_send(int fd, const void *bytes, size_t n);

/* Forks the clients, runs the load, prints its result. */
void clients_run(const struct plan *plan, const struct load *load);

#endif
