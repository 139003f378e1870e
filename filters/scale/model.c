/* SPDX-License-Identifier: MIT */
/* Predictions by formula. */
#include "scale.h"

static double miss_latency(const struct costs *c, unsigned cores)
{
	return (double)c->miss + (double)c->miss_per_core * cores;
}

/* What a serial row takes, when so many cores want it. */
static double time_of(const struct serial_work *w, const struct costs *c, unsigned cores)
{
	double time = w->misses * miss_latency(c, cores);

	if (w->section != MT_serial_section_access)
		time += w->instructions;
	if (w->section == MT_serial_section_lock)
		time += (c->uncontended ? w->acquires : w->contended) * (double)c->lock *
			cores * cores;
	return time;
}

static double max_work(const struct table *t, const struct costs *c, unsigned cores)
{
	return t->instructions + t->misses * miss_latency(c, cores);
}

/* Readers do not exclude each other, nor what one cpu of several has for itself. */
static bool excludes(const struct table *t, const struct serial_work *w)
{
	return !w->read && !(w->cpus == 1 && t->n_cpus > 1);
}

/* The row that takes longest; of equals the first. */
static const struct serial_work *limit(const struct table *t, const struct costs *c, unsigned cores)
{
	const struct serial_work *most = NULL;

	for (size_t i = 0; i < t->n_rows; i++)
		if (excludes(t, &t->rows[i]) &&
		    (!most || time_of(&t->rows[i], c, cores) > time_of(most, c, cores)))
			most = &t->rows[i];
	return most;
}

/*
 * One bound of the contention model.  alone: the work on one core, without
 * misses for the lower bound, with them for the upper one.
 */
static double bound(double share, double alone, double serial_alone, double parallel)
{
	double speedup = parallel > 0 ? (alone - serial_alone) / parallel : 0;

	if (share >= 1)
		return 1 / share;
	return speedup > 0 ? 1 / (share + (1 - share) / speedup) : 0;
}

struct prediction scale_contention(const struct table *t, const struct costs *c, unsigned cores)
{
	struct prediction p = { .limit = limit(t, c, cores) };
	double serial = p.limit ? time_of(p.limit, c, cores) : 0;
	double serial_alone = p.limit ? time_of(p.limit, c, 1) : 0;
	double all = max_work(t, c, cores), parallel = (all - serial) / cores;

	p.share = all > 0 ? serial / all : 0;
	p.low = bound(p.share, t->instructions, serial_alone, parallel);
	p.high = bound(p.share, max_work(t, c, 1), serial_alone, parallel);
	return p;
}

struct prediction scale_amdahl(const struct table *t, const struct costs *c, unsigned cores)
{
	struct prediction p = scale_contention(t, c, cores);

	p.low = p.high = p.share >= 1 ? 1 / p.share : 1 / (p.share + (1 - p.share) / cores);
	return p;
}
