/* SPDX-License-Identifier: MIT */
/*
 * Scopes that are open, and in which of them each cpu is.
 *
 * A scope belongs to the call stack that opened it: an entry of the kernel, or
 * outside of any the task (or the cpu, where no task is known).  An access is
 * in the scopes of its own call stack, and in those of the one that asked for
 * its work: a system call works for its task, an exception for what it
 * interrupted.  An interrupt works for nobody.
 */
#ifndef MT_SCOPES_OPEN_H
#define MT_SCOPES_OPEN_H

#include "../libmt/mt.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_intern.h"
#include "touches.h"

#define SCOPES_MAX 64			/* open in one call stack; deeper ones are only counted */

struct scope {
	uint32_t id;			/* from 1, in the order of opening */
	uint64_t number;		/* from 1, in the order of closing */
	uint32_t name;			/* number in names */
	uint32_t cpu;			/* where it was opened, */
	uint64_t time;			/* and when */
	struct mt_table vars;		/* number in names -> 1: read, 2: written */
	struct mt_table cpus;		/* with an access in it */
	struct footprint footprint;
};

struct open_scopes {
	/* set before the first record */
	void (*closed)(void *arg, struct scope *s);	/* may take what s has */
	void *arg;

	bool on;			/* scopes that open count */
	uint32_t opened;		/* so far */
	uint64_t n_closed;
	struct mt_intern names;		/* of scopes and variables */
	struct mt_entries entries;
	struct mt_cpus cpus;
	struct mt_table by_tag, by_task;	/* -> struct strand */
};

/* Takes any record but accesses and reports.  A begin closes all and starts anew. */
void open_note(struct open_scopes *o, const struct mt_hdr *rec);

/* What a scope has, but not itself. */
void scope_release(struct scope *s);

/* Closes all scopes. */
void open_close_all(struct open_scopes *o);

/*
 * The scopes that cpu is in now, innermost first; how many.  Valid until the
 * next note.
 */
#define IN_SCOPES_MAX 256
size_t open_scopes_of(const struct open_scopes *o, uint32_t cpu, struct scope *in[IN_SCOPES_MAX]);

#endif
