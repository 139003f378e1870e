/* SPDX-License-Identifier: MIT */
/* Caches of cpus, set by set. */
#ifndef MT_SETS_H
#define MT_SETS_H

#include "../libmt/cli.h"

enum policy { LRU, FIFO, RANDOM };

struct sets_options {
	uint64_t sets, ways;
	unsigned line_bits;
	enum policy policy;
	uint64_t seed;
	bool virtual, misses, partial;
	uint64_t least;
};

/* A line in a cache; the same virtual address of two processes is two lines. */
struct tag {
	uint64_t line;
	uint32_t process;
};

/* One set of one cpu. */
struct set {
	uint64_t hits, misses;
	uint64_t lines;			/* distinct ones that missed; for the report */
	uint64_t random;		/* its own, so that no cpu changes another's */
	uint32_t cpu, number;
	uint32_t used;			/* ways that hold a line */
	uint32_t oldest;		/* fifo: the way to use next */
	struct tag tags[];		/* lru: used last comes first */
};

/* What tells misses apart; no padding, it is compared by bytes. */
struct miss_key {
	uint64_t addr, pc;
	uint32_t cpu, set, process, object, field, width;
};

struct miss {
	uint64_t count;
	uint64_t paddr;			/* and flags: of the first */
	uint32_t flags, key;
};

struct sets {
	struct sets_options o;
	struct mt_table set_of;		/* cpu << 32 | set -> index in sets + 1 */
	struct set **sets;
	size_t n_sets, set_room;
	struct mt_intern keys;		/* struct miss_key */
	struct miss *misses;		/* by key */
	size_t n_misses, miss_room;
	struct mt_cpus cpus;
};

void sets_access(struct sets *s, const struct mt_access *a);

/* Rows of another mt-sets, in the place of accesses. */
void sets_add_set(struct sets *s, const struct mt_set *row);
void sets_add_miss(struct sets *s, const struct mt_miss *row);

struct set *sets_find(struct sets *s, uint32_t cpu, uint32_t number);

/* Writes the rows. */
void sets_report(struct sets *s, struct mt_writer *out);
/* Forgets what was counted, not what the caches hold; or all but the options. */
void sets_start_anew(struct sets *s);
void sets_clear(struct sets *s);

#endif
