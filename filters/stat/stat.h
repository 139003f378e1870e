/* SPDX-License-Identifier: MIT */
/* What mt-stat counts. */
#ifndef MT_STAT_STAT_H
#define MT_STAT_STAT_H

#include "../libmt/mt.h"

#define KINDS 65536

struct cpu {
	uint32_t cpu;
	uint64_t first, last;		/* time */
	uint64_t records, accesses, moves;
};

/*
 * What accesses touch: a kind of storage, or of unknown storage what mt-label
 * calls it.  It has few such names; those of others go together.
 */
#define NAMES_MAX 24
#define PLACES_MAX (NAMES_MAX + 1 + MT_storage_unknown)

#define FLAG_SETS 64			/* of access flags, up to split: all that is counted */

struct place {
	const char *storage;
	char *name;			/* or NULL */
	uint64_t accesses, moves;
};

/* What is known about one stream, or run. */
struct stat {
	uint64_t kinds[KINDS];
	uint64_t bytes;
	uint64_t with_flags[FLAG_SETS];	/* accesses with just these flags */
	uint64_t runs, drops, dropped;
	uint64_t judged, instructions;	/* as the tracer's end says */
	struct mt_table cpu_index;	/* cpu -> index in cpus, plus 1 */
	struct cpu *cpus;
	size_t n_cpus, room;
	struct cpu *last;		/* of the record before: most come in runs */
	struct mt_table place_of;	/* object -> index in places, plus 1 */
	struct place places[PLACES_MAX];
	size_t n_places;
	struct place nowhere;		/* accesses without an object */
	uint64_t with_field;
	struct sum { char *name; uint64_t value; } sums[NAMES_MAX + 1];	/* of appdata */
	size_t n_sums;
};

/* Writes the numbers as rows; with each_cpu also those of each cpu. */
void stat_report(struct stat *st, bool each_cpu, struct mt_writer *out);

#endif
