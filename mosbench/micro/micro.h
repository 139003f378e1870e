/* SPDX-License-Identifier: MIT */
/*
 * A load is a few functions that a worker calls; micro.c has the workers, the
 * barriers and the traced interval.  To add one: a line in a table of loads.
 */
#ifndef MICRO_H
#define MICRO_H

#include <stdbool.h>
#include <sys/types.h>

#include "../bench.h"

#define PAGE     4096
#define CHILDREN 20

/* What a worker and its load work with; zeroed but for cpu and path. */
struct worker {
	long cpu;			/* its number, from 0 */
	char path[128];			/* a file of all workers; --own: of this one */
	int fd[2];			/* reads, writes */
	char *memory;
	long i;
	pid_t child[CHILDREN];
	int children;
	bool last;			/* this operation is the last of this worker ... */
	bool over;			/* ... as the time is up: partners have to be told */
};

struct load {
	const char *name;		/* what ends in - is the beginning of names */
	const char *what;		/* an operation, for --help */
	long ops;			/* of each worker, by default */
	void (*setup)(struct worker *);
	void (*operation)(struct worker *);
	bool threads;			/* the workers are one process, unless told otherwise */
};

/* Tables, ended by a load without a name. */
extern const struct load file_loads[], memory_loads[], pipe_loads[], process_loads[],
	socket_loads[], known_loads[];

/* What all workers know. */
bool micro_own(void);				/* share as little as possible */
long micro_cpus(void);				/* workers */
const char *micro_load(void);			/* the load's whole name */
const char *micro_directory(void);
uint64_t *micro_counter(void);			/* of all workers */
/* The worker beside this one, w->cpu ^ 1, if there is one. */
bool micro_has_partner(const struct worker *w);
/* A pipe that was made for worker n before it started: [0] reads. */
const int *micro_pipe(long n);

/* Says what and what errno says, through the program that waits; does not return. */
__attribute__((format(printf, 1, 2), noreturn)) void micro_die(const char *format, ...);

/*
 * Forks a child that works for w until that is done, and is then killed; returns
 * true in the child, which may neither return nor call any of these.
 */
bool micro_child(struct worker *w);

#endif
