/* SPDX-License-Identifier: MIT */
/*
 * Who holds and who tries which lock, at each moment of a stream.
 *
 * Locks belong to strands: a task, or an interrupt or softirq that was put on
 * top of one.  What such a handler does is not the interrupted task's work, so
 * it is not done under the task's locks; a system call or a page fault is.
 * Where no task is known, the cpu is the strand.
 *
 * The holds and attempts of a strand are a stack, latest on top.  An access is
 * charged to the top alone: the innermost lock.
 *
 * A lock may be let go by another strand (the run queue's, by the task that
 * was switched to).  One whose release was not seen is lost when somebody else
 * has it or its task number is used again.  What is held when recording stops is
 * forgotten.
 *
 * Memory grows with locks that are held at one time.
 */
#ifndef MT_LOCKS_HOLDS_H
#define MT_LOCKS_HOLDS_H

#include "../libmt/mt.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_intern.h"

/* What was done under one lock, or in one attempt. */
struct charge {
	uint64_t moves, atomics;	/* atomics: that hit */
};

struct lock {
	uint64_t key;
	uint64_t releases, write_releases;	/* seen so far */
	struct hold *holds;		/* through .same_lock; attempts too */
};

struct strand {
	struct mt_table *in;		/* the table that has it */
	uint64_t key;
	struct hold *top;		/* through .below */
	uint64_t locks;			/* for the user: what the set of its locks is known by; */
	bool locks_known;		/* cleared when that changes */
};

struct hold {
	struct strand *strand;
	struct lock *lock;
	struct hold *below, *same_lock;
	bool tries;			/* does not have it yet */
	uint16_t read;
	uint32_t name;			/* number in names */
	uint32_t task, process;
	uint32_t depth;			/* times acquired, by a strand that has it */
	uint32_t cpu;			/* on which it was acquired, or the attempt began */
	uint64_t addr, pc;		/* pc: of that acquisition */
	uint32_t space;			/* process of addr */
	uint64_t start;			/* time on that cpu */
	uint64_t releases;		/* of the lock, when the attempt began */
	uint64_t waited;
	bool contended;
	struct charge held, wait;
	struct mt_table moves_of;	/* pc -> moves, while held */
};

/* What a lock record did. */
enum lock_event {
	LOCK_NOTHING,			/* to a section, that is */
	LOCK_ENDED,			/* a section is complete */
	LOCK_LOST,			/* its end is on another cpu, or was not seen */
	LOCK_FAILED,			/* an attempt was given up */
	LOCK_UNHELD			/* release of what nobody is known to hold; hold is NULL */
};

#define HOLDS_CACHE 64

struct holds {
	struct mt_intern names;
	/* Called for each but LOCK_NOTHING; h is freed after that.  rec: the record that did it. */
	void (*event)(enum lock_event what, const struct hold *h, const struct mt_hdr *rec);
	struct mt_cpus cpus;
	struct mt_entries entries;
	struct mt_table strands[3];	/* by task, by cpu, by tag of an entry */
	struct mt_table locks;		/* address -> struct lock */
	uint64_t epoch;			/* counts what may change the strand of a cpu */
	struct strand_cache {
		uint64_t epoch;		/* in which it holds */
		struct strand *strand;
		uint32_t cpu;
		uint32_t task;		/* 0 in a handler */
	} cache[HOLDS_CACHE];		/* by cpu */
	struct hold *spare;
};

void holds_init(struct holds *h, void (*event)(enum lock_event, const struct hold *,
					       const struct mt_hdr *));

/* Takes any record but accesses. */
void holds_note(struct holds *h, const struct mt_hdr *rec);

/* The strand that runs on the cpu, if it holds or tries anything; else NULL. */
struct strand *holds_strand_slow(struct holds *h, uint32_t cpu);

static inline struct strand *holds_strand(struct holds *h, uint32_t cpu)
{
	const struct strand_cache *c = &h->cache[cpu % HOLDS_CACHE];

	if (c->cpu == cpu && c->epoch == h->epoch)
		return c->strand;
	return holds_strand_slow(h, cpu);
}

/* The task that runs on the cpu; 0 where an interrupt or softirq does, or none is known. */
static inline uint32_t holds_task(struct holds *h, uint32_t cpu)
{
	holds_strand(h, cpu);
	return h->cache[cpu % HOLDS_CACHE].task;
}

#endif
