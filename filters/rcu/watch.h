/* SPDX-License-Identifier: MIT */
/*
 * Objects under deferred freeing, and who touches them outside of a read epoch.
 *
 * An object is watched from its birth until it is retired: from then on others
 * hold it no longer.  Where the log tells no births (gc create), any heap block
 * may be one; what is seen of it counts if it is retired in the end.
 *
 * An epoch belongs to the task that began it, wherever that goes, and holds for
 * the interrupts on top of it too: they keep the epoch from ending.
 *
 * Memory grows with objects that live and the instructions that touch them.
 */
#ifndef MT_RCU_WATCH_H
#define MT_RCU_WATCH_H

#include "../libmt/mt.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_intern.h"
#include "../libmt/mt_objects.h"

/* What one instruction did to one object. */
struct touched {
	uint64_t loads, stores;
	uint64_t offset;		/* lowest in the object, and of that access: */
	uint32_t width;
	uint32_t object, field, stack;
	uint32_t flags;			/* of all */
	uint32_t site;			/* number in sites */
};

struct site { uint64_t pc, process; };

struct watched {
	struct mt_extent extent;
	uint64_t number;		/* from 1, in the order of births */
	uint64_t creator;		/* task or cpu, as for epochs */
	uint32_t ctype;			/* number in names */
	bool managed;			/* said to be under deferred freeing */
	bool published;			/* somebody else has touched it */
	struct touched *touched;
	size_t n, room;
	struct mt_table of_site;	/* -> index + 1, once there are many */
	struct watched *before, *next;	/* in the list of those with touches */
};

struct watch {
	/* set before the first record */
	bool unpublished;		/* what its creator does first is no touch */
	/* the touches of w are complete; they are forgotten then */
	void (*done)(void *arg, const struct watched *w, bool retired);
	void *arg;

	struct mt_intern names;		/* of types */
	struct mt_intern sites;
	struct mt_objects objects;	/* managed: inner layer; heap: outer */
	struct mt_cpus cpus;
	struct mt_table epochs;		/* task or cpu -> depth */
	uint64_t births;
	struct watched *first;
	bool ready;

	/* the cpu of the last access; not known after other records */
	bool known, in_epoch;
	uint32_t cpu;
	uint64_t owner;
};

/* Takes any record but accesses and reports. */
void watch_note(struct watch *w, const struct mt_hdr *rec);

void watch_access(struct watch *w, const struct mt_access *a);

/* A report is due: all touches so far are done. */
void watch_flush(struct watch *w);

#endif
