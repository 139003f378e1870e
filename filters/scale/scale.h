/* SPDX-License-Identifier: MIT */
/* Predictions of mt-scale: see mt-scale(1) for what the models mean. */
#ifndef MT_SCALE_SCALE_H
#define MT_SCALE_SCALE_H

#include "../libmt/mt.h"

struct costs {
	uint64_t miss, miss_per_core;	/* of a move or atomic access, on n cores: miss + n * that */
	uint64_t lock;			/* of a contended acquisition: n * n * that */
	bool uncontended;		/* of any acquisition */
};

/* One row of mt-serial. */
struct serial_work {
	double instructions, misses;	/* misses: moves and atomic accesses */
	double acquires, contended;
	uint32_t cpus;			/* 0: not known */
	uint64_t addr;
	unsigned section;		/* MT_serial_section_... */
	bool read;
	char *name;
};

struct table {
	struct serial_work *rows;
	size_t n_rows, room;
	double instructions, misses;	/* of the run, without waiting */
	uint64_t n_cpus;		/* 0: not known */
};

struct prediction {
	double low, high, share;
	const struct serial_work *limit;	/* NULL: nothing is serial */
};

struct prediction scale_contention(const struct table *t, const struct costs *c, unsigned cores);
struct prediction scale_amdahl(const struct table *t, const struct costs *c, unsigned cores);

/* A core's round: so many units that run anywhere, so many that only one core does. */
struct load {
	uint64_t parallel, serial;
	uint64_t steps;			/* that are simulated */
	uint64_t seed;
};

/* Units done per step, by all cores. */
double scale_steps(const struct load *l, unsigned cores);
double scale_queue(const struct load *l, unsigned cores);

#endif
