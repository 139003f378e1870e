/* SPDX-License-Identifier: MIT */
/*
 * Who touches which cache line: what mt-shared knows while it reads.
 *
 *	lines		all of them, found by physical address
 *	line		one cache line
 *	share		what one cpu did to one line
 *	tally		what one instruction did to one share
 *	grain		what else tells tallies apart, where a report asks for it
 *	site		a tally with all that it stands for, made for the report
 *
 * Memory grows with distinct lines and tallies, never with accesses.  Accesses
 * keep to few lines for a while, though not to few instructions.  So a share is
 * nearly always found in a small cache, its tallies stand together in a table
 * of its own, and accesses are taken some at a time: the share of each is
 * fetched, then the tally of each, before the first of them is looked at.  Nearly
 * all lines are of one cpu: what a cpu knows of others stands apart.
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
#include "../libmt/mt_entries.h"

struct pairs;

#define LINE_MIN 8
#define LINE_MAX 4096

/*
 * A quarter of a cache line: there may be millions.  What few have to tell, and
 * has no room here, is in a detail.
 */
struct tally {
	uint64_t key;			/* tally_key; 0: a free place */
	uint32_t where;			/* offset of the first access (with GRAIN_PLACE: how many
					   tallies are older), or TALLY_DETAIL + index in lines.details */
	uint16_t flags;			/* all that its accesses had, but moved */
	uint8_t count[2];		/* LOADS, STORES; the rest is in the detail */
};

#define BUCKET 4			/* tallies that are looked at together: a cache line of them */

enum { LOADS, STORES };			/* what only reads; what writes */
#define TALLY_DETAIL (1u << 31)
#define COUNT_MAX ((1ull << 48) - 1)	/* no count is that big, and sums of them do not overflow */

/* Of a tally with moves or many accesses.  A move that is neither true nor false is not decided. */
struct detail {
	uint64_t moves, true_moves, false_moves;
	uint64_t count[2];		/* to be added to the tally's */
	uint16_t offset;		/* in the line, of the first move; or access */
	uint16_t context;		/* of the first move; mostly of all */
	uint32_t age;			/* the older the first move, the smaller; or AGE_UNMOVED + where */
};

#define AGE_UNMOVED (1u << 31)

/* In whose name an instruction runs, and on what: what makes tallies of one pc differ. */
struct subject {
	uint32_t process, object, field;
	uint32_t context;		/* with lines.apart, else 0 */
	uint32_t high;			/* half of the pc: a tally has only the other */
};

/* Parts of a grain that are asked for; the others are 0. */
enum { GRAIN_PLACE = 1, GRAIN_TASK = 2, GRAIN_STACK = 4 };

/* A subject at one place, of one task, behind one call stack. */
struct grain {
	uint64_t addr;			/* virtual, of the first byte */
	uint32_t offset, width;		/* in the line */
	uint32_t task, stack;
	uint32_t subject;		/* index in lines.subjects + 1 */
	uint32_t next;			/* with the same hash */
};

/* What a tally means. */
struct site {
	const struct line *line;
	const struct grain *grain;	/* NULL without */
	const struct context *entry;	/* of its subject */
	uint64_t pc, accesses[2], moves, true_moves, false_moves;
	uint32_t cpu;			/* its id */
	uint32_t cpu_index;
	struct subject subject;
	uint32_t context;		/* of its first move; mostly of all */
	uint32_t part;			/* for lines_moves_key */
	uint32_t age;			/* the smaller, the older: first what moved, then the rest */
	uint16_t offset, flags;		/* all that its accesses had, but moved */
};

/* Masks of a share: a bit for each byte of the line. */
enum { READ, WRITTEN };			/* by this cpu, ever */

/* All that most accesses need: of lines up to 64 bytes it is one cache line. */
struct share {
	struct tally *tallies;		/* hash table */
	uint64_t number;		/* the line's */
	uint32_t line;			/* its index in lines.lines */
	uint32_t news;			/* index in lines.news + 1; 0: the line's only share */
	uint32_t cpu;			/* index in lines.cpu, */
	uint32_t id;			/* and its id */
	uint32_t n_tallies;
	uint32_t buckets;		/* of tallies: a power of two */
	uint32_t version;		/* holds the line if equal to the line's */
	uint64_t mask[];		/* 2 times lines.words */
};

/* What a cpu knows of the others on a line. */
struct news {
	uint64_t epoch;			/* of TOLD_*; see line.epoch */
	uint64_t mask[];		/* NEWS_MASKS times lines.words */
};

enum {
	NEWS,				/* written by others since its last access */
	TOUCHED,			/* touched by others since its last store */
	MAYBE_NEWS, MAYBE_TOUCHED,	/* ever by those others */
	TOLD_READ, TOLD_WRITTEN,	/* added to the others' masks in this epoch */
	NEWS_MASKS
};

struct line {
	uint64_t number;		/* (paddr + lines.shift) / line size */
	uint64_t addr;			/* virtual, of its first byte, as first seen */
	union {				/* index of a share + 1; 0: free */
		uint32_t one;
		uint32_t *shares;	/* hash table, with share_bits */
	};
	uint32_t n_shares;
	uint32_t version;		/* counts stores that moved it */
	uint32_t holders;		/* shares with this version */
	uint32_t epoch;			/* counts how often a share's masks were cleared */
	uint32_t index;			/* in lines.lines */
	uint8_t share_bits;		/* 1 << share_bits places for shares */
	bool everywhere;		/* as at the start: every cpu holds it */
	/* for the report */
	uint8_t class;			/* sharing by its bytes */
	const struct site *best;	/* with most moves, */
	const struct site *other;	/* and of those of another cpu */
};

/* There are millions of lines, and of 65 bytes only half as many fit into a chunk. */
_Static_assert(sizeof(struct line) <= 64, "a line is a cache line");

#define MEMO_BITS 8

/*
 * A cpu by order of appearance: ids have holes, and may be anything.  Whose
 * code it runs depends on the highest bit of the pc: the kernel is process 0.
 */
struct cpu {
	uint32_t id;
	uint32_t process[2];
	uint32_t context;		/* of its entry; 0: none is current */
	uint32_t task;
	bool counts;			/* it has made accesses */
};

/* Why code runs: for which entry to the kernel.  There are as many as that has entry functions. */
struct context {
	uint64_t pc;			/* 0: none */
	uint32_t number, cause;
	uint32_t next;			/* with the same hash */
};

#define CONTEXTS 65536			/* more are taken for none */

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
	uint64_t pc, number, addr;
	uint64_t key;			/* of its tally */
	uint32_t cpu, subject;
	uint16_t offset, width, flags;
};

#define CACHE_BITS 13

struct lines {
	/* set before the first access */
	unsigned bits;			/* line size is 1 << bits */
	uint32_t cpus;			/* of the guest; 0: not known */
	uint64_t shift;			/* moves line borders down by that many bytes */
	bool cold;			/* at the start nobody holds a line, not everybody */
	unsigned max_width;		/* of an access: the tracer's line size */
	unsigned grain;			/* GRAIN_...: tallies are told apart by that, too */
	bool apart;			/* tallies of different contexts are different */
	bool one_kernel;		/* and an entry is the same, whoever made it */
	struct pairs *pairs;		/* learn who takes from whom; or NULL; with grain only */

	/* may change on the way */
	bool trust;			/* the records' moved flag says what moved; else the rule */
	bool complete;			/* the log has every access, hits too */

	unsigned words;			/* of a mask */
	uint64_t seed[4];
	struct mt_table pages;		/* group of lines -> struct line *[] */
	struct pool lines, shares, news, details;
	struct share *cache[1 << CACHE_BITS];	/* found lately; never NULL */
	struct tables {				/* of tallies */
		char **chunks;
		size_t n_chunks, chunk_room;
		size_t left;			/* bytes of the last chunk */
		struct spare *spare[32];	/* by log2 of its buckets: the first one */
	} tables;
	uint32_t n_tallies;		/* with GRAIN_PLACE */
	uint32_t n_moved;		/* tallies with moves */
	struct grain *grains;
	size_t n_grains, grain_room;
	struct mt_table grain_of;	/* hash -> the last with it, + 1 */
	struct subject *subjects;
	size_t n_subjects, subject_room;
	struct mt_table pair_ids[4];	/* two numbers, scrambled -> a number for both */
	struct { struct subject of; uint32_t id; } memo[1 << MEMO_BITS];
	struct mt_table cpu_index;	/* id -> index in cpu + 1 */
	uint32_t low_cpu[256];		/* the same for low ids */
	struct cpu *cpu;
	size_t n_cpus, cpu_room;
	struct mt_cpus running;		/* processes of the cpus */
	struct mt_entries entries;	/* and why they are in the kernel */
	struct context *contexts;	/* [0]: none */
	size_t n_contexts, context_room;
	struct mt_table context_of;	/* hash -> the last with it */
	struct mt_table moves_by;	/* lines_moves_key -> moves of that tally in another context */
};

void lines_init(struct lines *t, unsigned bits, uint64_t shift, const struct mt_begin *b);
void lines_release(struct lines *t);

/* Forgets all accesses, but not where the lines are: another run begins. */
void lines_clear(struct lines *t);

/* Takes n accesses that stand behind each other; a switch, entry or mode record. */
void lines_accesses(struct lines *t, const struct mt_access *a, size_t n);
void lines_runs(struct lines *t, const struct mt_hdr *rec);

/* Takes a row of another mt-shared in the place of the accesses that it counts. */
void lines_use(struct lines *t, const struct mt_use *u);

/* What a move was for; undecided when the first time or the log does not tell. */
enum move { MOVE_NONE, MOVE_UNDECIDED, MOVE_TRUE, MOVE_FALSE };

/* ---- memory.c: what lines, shares and tallies stand in ------------------- */

#define HUGE_PAGE (2u << 20)		/* bytes of a chunk */

void pool_init(struct pool *p, size_t bytes);
void pool_release(struct pool *p);

/* Index of a new one, all zero. */
uint32_t pool_new(struct pool *p);

/*
 * Tables of free tallies.  Big ones stand alone and must be dropped; the others
 * side by side: dropped ones are used again, and all go with tables_release.
 */
#define ALONE_BUCKETS 8192

struct tally *tables_new(struct tables *t, uint32_t buckets);
void tables_drop(struct tables *t, struct tally *table, uint32_t buckets);
void tables_release(struct tables *t);

static inline void *pool_at(const struct pool *p, uint32_t i)
{
	return p->chunks[i >> p->bits] + (i & ((1u << p->bits) - 1)) * p->bytes;
}

/* Of one share, in whole cache lines. */
static inline size_t share_bytes(unsigned words)
{
	return (sizeof(struct share) + 2 * words * sizeof(uint64_t) + 63) & ~(size_t)63;
}

static inline struct share *share_at(const struct lines *t, uint32_t i)
{
	return pool_at(&t->shares, i);
}

static inline size_t share_places(const struct share *s)
{
	return (size_t)s->buckets * BUCKET;
}

static inline struct line *line_of(const struct lines *t, const struct share *s)
{
	return pool_at(&t->lines, s->line);
}

static inline uint32_t line_places(const struct line *l)
{
	return 1u << l->share_bits;
}

/* At the i-th place: a share, or NULL. */
static inline struct share *line_share(const struct lines *t, const struct line *l, uint32_t i)
{
	const uint32_t share = l->share_bits ? l->shares[i] : l->one;

	return share ? share_at(t, share - 1) : NULL;
}

/* First byte of the line. */
static inline uint64_t line_paddr(const struct lines *t, const struct line *l)
{
	return (l->number << t->bits) - t->shift;
}

/* ---- tallies.c ------------------------------------------------------------ */

/* The tally's detail, or what it would begin with. */
struct detail lines_detail(const struct lines *t, const struct tally *y);

/* Fills in what the tally means. */
struct site lines_site(const struct lines *t, const struct share *s, const struct tally *y);

/* ---- subjects.c: in whose name an access is made ------------------------- */

/* Each gives a number for what is the same, from 1, but of contexts from 0: none. */
uint32_t lines_context(struct lines *t, uint64_t pc, uint32_t number, uint32_t cause);
uint32_t lines_subject(struct lines *t, const struct subject *s);
uint32_t lines_grain(struct lines *t, const struct grain *g, uint64_t hash);

/* Of an access that knows its object or field: lines_subject, quick for what came up lately. */
uint32_t lines_subject_of(struct lines *t, const struct cpu *c, const struct mt_access *a);

/* hash for lines_grain.  Two steps before it, in this order, make it quick. */
uint64_t lines_grain_hash(const struct lines *t, const struct grain *g);
void lines_grain_prefetch(const struct lines *t, uint64_t hash);
void lines_grain_prefetch_more(const struct lines *t, uint64_t hash);

uint32_t lines_new_cpu(struct lines *t, uint32_t id);

/* Index of a cpu in lines.cpu. */
static inline uint32_t lines_cpu(struct lines *t, uint32_t id)
{
	if (id < 256 && t->low_cpu[id])
		return t->low_cpu[id] - 1;
	return lines_new_cpu(t, id);
}

static inline uint64_t lines_moves_key(uint32_t part, uint32_t context)
{
	return (uint64_t)part << 16 | context;
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
