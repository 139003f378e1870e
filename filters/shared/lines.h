/* SPDX-License-Identifier: MIT */
/*
 * Who touches which cache line: what mt-shared knows while it reads.
 *
 *	lines		all of them, found by physical address
 *	line		one cache line
 *	share		what one cpu did to one line
 *	site		what one instruction on one cpu did to one line
 *
 * Memory grows with distinct lines and sites, never with accesses.  Sites are
 * found by one hash of all that makes them; they lead to their share and line,
 * so the page table is walked for new ones only.  On a big trace each step is
 * a cache miss: accesses wait in a short queue, and while they do, what they
 * will need is fetched.
 *
 * Why a line moved.  A load that moves its line is true sharing if it reads
 * bytes that another cpu has written since this cpu's previous access to the
 * line; a store, if it writes bytes that another cpu has read or written since
 * this cpu's previous store to it.  Otherwise the line moved for neighbouring
 * bytes only: false sharing.  That is the question of Torrellas, Lam and
 * Hennessy (IEEE Trans. Computers 43(6), 1994) and Dubois et al. (ISCA 1993),
 * "is the word new to this cpu?", asked of every move and not only of misses.
 * As there, the first time is neither: a cpu's first access to a line, and its
 * first store, move it because somebody else set it up.
 *
 * A log of moves hides hits: a cpu that holds a line may write more of it
 * unseen.  So a move there is false only if the cpus that had the line in
 * between were never, in all of the log, seen to touch its bytes; it is true
 * if they were in between; and else it is not decided and counts for neither.
 */
#ifndef MT_SHARED_LINES_H
#define MT_SHARED_LINES_H

#include "../libmt/mt.h"

#define LINE_MIN 8
#define LINE_MAX 4096

/* Fills a cache line: there may be millions. */
struct site {
	uint64_t pc;
	uint64_t moves : 48;
	uint64_t offset : 16;			/* in the line, of its first move */
	uint64_t loads : 48;			/* accesses that only read */
	uint64_t flags : 16;			/* all that its accesses had, but moved */
	uint64_t stores;			/* accesses that write */
	uint64_t true_moves, false_moves;	/* the rest is not decided */
	uint32_t process, object, field;
	uint32_t share;
};

/* Masks of a share: a bit for each byte of the line. */
enum {
	READ, WRITTEN,			/* by this cpu, ever */
	NEWS,				/* written by others since its last access */
	TOUCHED,			/* touched by others since its last store */
	MAYBE_NEWS, MAYBE_TOUCHED,	/* ever by those others */
	TOLD_READ, TOLD_WRITTEN,	/* added to the others' masks in this epoch */
	MASKS
};

struct share {
	struct line *line;
	uint64_t number;		/* the line's: most accesses need no more of it */
	uint32_t cpu;			/* index in lines.cpu */
	uint32_t version;		/* holds the line if equal to the line's */
	uint32_t epoch;			/* of TOLD_*; see line.epoch */
	bool alone;			/* the line's only share */
	uint64_t mask[];		/* MASKS times lines.words */
};

struct line {
	uint64_t number;		/* (paddr + lines.shift) / line size */
	uint64_t addr;			/* virtual, of its first byte, as first seen */
	uint32_t *shares;		/* hash table of share_room indices + 1; 0: free */
	uint32_t one;			/* the table, as long as one has room */
	uint32_t n_shares, share_room;
	uint32_t version;		/* counts stores that moved it */
	uint32_t holders;		/* shares with this version */
	uint32_t epoch;			/* counts how often a share's masks were cleared */
	bool everywhere;		/* as at the start: every cpu holds it */
	/* for the report */
	uint8_t class;			/* sharing by its bytes */
	const struct site *best;	/* with most moves, */
	const struct site *other;	/* and of those of another cpu */
	size_t sites;			/* how many; then, where they start */
};

/* A cpu by order of appearance: ids have holes, and may be anything. */
struct cpu {
	uint32_t id;
	uint32_t process;		/* that it runs */
};

/* Things of one size that stay where they are, by index. */
struct pool {
	char **chunks;
	size_t n_chunks, chunk_room;
	size_t bytes;			/* of one */
	unsigned bits;			/* 1 << bits in a chunk */
	uint32_t used;
};

/* One access, or the piece of it that is on one line. */
struct touch {
	uint64_t pc, number, addr, hash;
	uint32_t cpu, process, object, field;
	uint16_t offset, width, flags;
};

#define QUEUE 32			/* a power of two */

struct lines {
	/* set before the first access */
	unsigned bits;			/* line size is 1 << bits */
	uint64_t shift;			/* moves line borders down by that many bytes */
	bool cold;			/* at the start nobody holds a line, not everybody */
	unsigned max_width;		/* of an access: the tracer's line size */

	/* may change on the way, after lines_settle */
	bool trust;			/* the records' moved flag says what moved; else the rule */
	bool complete;			/* the log has every access, hits too */

	unsigned words;			/* of a mask */
	uint64_t seed[4];
	struct mt_table pages;		/* group of lines -> struct line *[] */
	struct pool lines, shares, sites;
	struct site_slot { uint32_t tag, site; } *index;	/* site + 1; 0: free */
	size_t index_room;
	struct touch queue[QUEUE];
	uint64_t queued, settled;	/* since the start */
	struct mt_table cpu_index;	/* id -> index in cpu + 1 */
	uint32_t low_cpu[256];		/* the same for low ids */
	struct cpu *cpu;
	size_t n_cpus, cpu_room;
	struct mt_cpus running;		/* processes of the cpus */
};

void lines_init(struct lines *t, unsigned bits, uint64_t shift, const struct mt_begin *b);
void lines_release(struct lines *t);

/* Takes an access; a switch record. */
void lines_access(struct lines *t, const struct mt_access *a);
void lines_switch(struct lines *t, const struct mt_hdr *rec);

/* Finishes accesses that wait. */
void lines_settle(struct lines *t);

static inline void *pool_at(const struct pool *p, uint32_t i)
{
	return p->chunks[i >> p->bits] + (i & ((1u << p->bits) - 1)) * p->bytes;
}

static inline struct share *share_at(const struct lines *t, uint32_t i)
{
	return pool_at(&t->shares, i);
}

/* The i-th slot, from 0 to share_room - 1: a share, or NULL. */
static inline struct share *line_share(const struct lines *t, const struct line *l, uint32_t i)
{
	return l->shares[i] ? share_at(t, l->shares[i] - 1) : NULL;
}

/* First byte of the line. */
static inline uint64_t line_paddr(const struct lines *t, const struct line *l)
{
	return (l->number << t->bits) - t->shift;
}

static inline uint32_t site_cpu(const struct lines *t, const struct site *s)
{
	return t->cpu[share_at(t, s->share)->cpu].id;
}

/*
 * Spreads keys over 64 bits, one to one, differently in each run: a log made
 * to collide in our tables cannot be made.
 */
static inline uint64_t lines_scramble(const struct lines *t, uint64_t key)
{
	key *= t->seed[0];
	return key ^ key >> 32;
}

#endif
