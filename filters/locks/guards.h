/* SPDX-License-Identifier: MIT */
/*
 * Which locks are held when a field is accessed: what mt-locks counts.
 *
 * An access is counted under the set of locks that its strand holds; there are
 * few different sets.  What that says of each lock is worked out at the end.
 *
 * Until another than the task that allocated it touches an object, no lock is
 * needed for it: what is done to it so far is counted apart, as hidden.
 */
#ifndef MT_LOCKS_GUARDS_H
#define MT_LOCKS_GUARDS_H

#include "holds.h"

struct guard_count { uint64_t loads, stores; };

/* A kind of field, or a variable. */
struct subject {
	uint64_t offset, hidden;
};

/* For the report: accesses to a subject, while a lock is held in that way. */
struct guard_key {
	uint32_t subject, name;		/* 0: all accesses; else number of the lock's name + 1 */
	uint32_t held, process;
	uint64_t pc;			/* 0 in counts of all instructions */
};

struct counted {
	struct mt_intern keys;		/* struct guard_key */
	struct guard_count *count;
	size_t room;
};

struct guards {
	struct mt_intern *names;	/* of locks */
	bool pcs;			/* count for each instruction, too */
	bool count_hidden;		/* as if all were reachable */
	struct mt_intern sets;		/* of names and ways, as numbers that are sorted */
	struct mt_intern subject_keys;	/* type, NUL, path */
	struct subject *subjects;
	size_t subject_room;
	struct mt_table field_subject, object_subject;	/* id -> number + 1 */
	struct mt_table cells;		/* set and subject -> index in counts + 1 */
	struct mt_intern pc_cells;	/* struct pc_cell */
	struct guard_count *counts, *pc_counts;
	size_t n_counts, count_room, pc_room;
	struct mt_table births;		/* address of a heap block -> who allocated it << 32 | id, or 0 */
	struct mt_table owner;		/* id of an object that only one task knows -> the task */
	struct counted by_lock, by_pc;	/* for the report, and from partial ones */
};

void guards_init(struct guards *g, struct mt_intern *names);
void guards_clear(struct guards *g);	/* counts only */
void guards_forget(struct guards *g);	/* what ids mean, at the begin of a stream */

void guards_field(struct guards *g, const struct mt_field *f);
void guards_object(struct guards *g, const struct mt_object *o);
void guards_label(struct guards *g, const struct mt_label *l, uint32_t task);

/* s: the strand on the access' cpu, or NULL; task: of the cpu, 0 in a handler. */
void guards_access(struct guards *g, struct strand *s, uint32_t task, uint32_t process,
		   const struct mt_access *a);

void guards_add_row(struct guards *g, const struct mt_guard *rec);
void guards_add_pc(struct guards *g, const struct mt_locked *rec);

struct guard_report {
	struct mt_writer *out;
	uint64_t min_share, min_accesses;	/* percent */
	bool all, partial;
};

/* Fills by_lock and by_pc from the cells. */
void guards_expand(struct guards *g);
void guards_report(struct guards *g, const struct guard_report *o);

#endif
