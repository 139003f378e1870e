/* SPDX-License-Identifier: MIT */
/*
 * Predictions by simulation: cores that share one lock, step by step.  How they
 * begin is not typical, so as many steps as count go ahead of those that do.
 */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "scale.h"

struct core {
	uint64_t parallel, serial;	/* left of this round */
	uint64_t at, done;		/* of the queue: place in the loop, units of this round */
	bool in_serial;
};

struct random { uint64_t state; };

/* SplitMix64: Steele, Lea and Flood, OOPSLA 2014. */
static uint64_t next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t below(struct random *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)next(r) * n >> 64);
}

/* ---- one core in each step does serial work -------------------------------------- */

/* A core that has begun its serial work stays with it. */
static void choose(struct core *c, const struct load *l, struct random *r)
{
	if (!c->parallel && !c->serial) {
		c->parallel = l->parallel;
		c->serial = l->serial;
	}
	if (!c->in_serial)
		c->in_serial = below(r, c->parallel + c->serial) < c->serial;
}

/* Does one unit, unless it is serial and another core has done one in this step. */
static bool work(struct core *c, bool *taken)
{
	if (!c->in_serial) {
		c->parallel--;
		return true;
	}
	if (*taken)
		return false;
	*taken = true;
	c->in_serial = --c->serial;
	return true;
}

double scale_steps(const struct load *l, unsigned cores)
{
	struct core *core = mt_xcalloc(cores, sizeof(*core));
	struct random r = { l->seed + cores };
	uint64_t units = 0;

	for (uint64_t step = 0; step < 2 * l->steps; step++) {
		unsigned first = (unsigned)below(&r, cores);
		bool taken = false;

		if (step == l->steps)
			units = 0;

		for (unsigned i = 0; i < cores; i++) {
			struct core *c = &core[(first + i) % cores];

			choose(c, l, &r);
			units += work(c, &taken);
		}
	}
	free(core);
	return (double)units / (double)l->steps;
}

/* ---- one core at a time has the lock ------------------------------------------------ */

#define NOBODY UINT32_MAX
#define LET_GO (UINT32_MAX - 1)		/* in this step: free from the next one on */

/* A round begins anywhere in the loop of parallel and serial work. */
static void begin_round(struct core *c, const struct load *l, struct random *r)
{
	c->at = below(r, l->parallel + l->serial);
	c->done = 0;
}

/* Does one unit, unless it is serial and another core has the lock. */
static bool advance(struct core *c, unsigned number, const struct load *l, unsigned *holder)
{
	uint64_t loop = l->parallel + l->serial;

	if (c->at >= l->parallel) {
		if (*holder != NOBODY && *holder != number)
			return false;
		*holder = number;
	}
	c->at++;
	c->done++;
	if (*holder == number && (c->at == loop || c->done == loop))
		*holder = LET_GO;
	c->at %= loop;
	return true;
}

double scale_queue(const struct load *l, unsigned cores)
{
	struct core *core = mt_xcalloc(cores, sizeof(*core));
	struct random r = { l->seed + cores };
	unsigned holder = NOBODY;
	uint64_t units = 0;

	for (unsigned i = 0; i < cores; i++)
		begin_round(&core[i], l, &r);
	for (uint64_t step = 0; step < 2 * l->steps; step++) {
		unsigned first = (unsigned)below(&r, cores);

		if (step == l->steps)
			units = 0;
		holder = holder == LET_GO ? NOBODY : holder;
		for (unsigned i = 0; i < cores; i++) {
			unsigned number = (first + i) % cores;

			units += advance(&core[number], number, l, &holder);
			if (core[number].done == l->parallel + l->serial)
				begin_round(&core[number], l, &r);
		}
	}
	free(core);
	return (double)units / (double)l->steps;
}
