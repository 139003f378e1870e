/* SPDX-License-Identifier: MIT */
/*
 * What entries to the kernel touch: what mt-syscalls knows while it reads.
 *
 *	entry	a way into the kernel: function, number and cause
 *	call	one invocation of an entry, alive, with the lines that it moved
 *	site	an instruction under an entry
 *
 * A call is known by the tag of its call stack, so that neither an interrupt
 * nor another thread is charged to it.  What runs outside of any entry counts
 * as one call for each task, or for each cpu where no task is known.
 *
 * Memory grows with entries, sites and the lines of the calls that are alive.
 */
#ifndef MT_SYSCALLS_CALLS_H
#define MT_SYSCALLS_CALLS_H

#include "../libmt/mt.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_intern.h"

/* Key of an entry; all 0 outside of any, or where the start was not recorded. */
struct entry_key {
	uint64_t pc;
	uint32_t number, cause;
};

struct site_key {
	uint64_t pc;
	uint32_t process;
	uint32_t entry;			/* number of the entry */
};

struct counts {
	uint64_t moves, loads, stores, atomics;
};

struct entry {
	struct counts counts;
	uint64_t lines, calls, cut, most;
};

struct call {
	uint32_t entry;			/* number */
	bool cut;
	struct mt_table lines;
};

struct calls {
	/* set before the first record */
	bool all;			/* every line counts, moved or not */
	bool with_sites;

	unsigned line_bits;
	bool on;			/* a call that starts is seen from its start */
	struct mt_entries entries;
	struct mt_cpus cpus;
	struct mt_intern entry_keys, site_keys;
	struct entry *entry;		/* by number */
	size_t entry_room;
	struct counts *site;		/* by number */
	size_t site_room;
	struct mt_table by_tag, outside;	/* tag, task or cpu -> struct call */

	/* the cpu of the last access; NULL: look it up */
	struct call *now;
	uint32_t now_cpu;
};

/* Forgets all: a stream begins, with lines of 1 << line_bits bytes. */
void calls_begin(struct calls *c, const struct mt_begin *b, unsigned line_bits);

/* Takes any other record but accesses and reports. */
void calls_note(struct calls *c, const struct mt_hdr *rec);

/* Takes n accesses that stand behind each other. */
void calls_accesses(struct calls *c, const struct mt_access *a, size_t n);

/* Takes a row of a part of the log. */
void calls_row(struct calls *c, const struct mt_syscall *row);

/* Recording ends: so do all calls. */
void calls_end(struct calls *c);

/* Forgets what was counted, not what runs. */
void calls_clear(struct calls *c);

#endif
