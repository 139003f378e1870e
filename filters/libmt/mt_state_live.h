/* SPDX-License-Identifier: MIT */
/* The records of a state; shared by mt_state.c and mt_state_events.c alone. */
#ifndef MT_STATE_LIVE_H
#define MT_STATE_LIVE_H

#include "mt_entries.h"
#include "mt_objects.h"
#include "mt_state.h"

/* What a record is found by, with a number of the group's own. */
enum live_group {
	LIVE_ALWAYS,			/* never found: it stays */
	LIVE_DROP, LIVE_MODE, LIVE_TASK, LIVE_SWITCH, LIVE_MAP, LIVE_LABEL, LIVE_GC,
	LIVE_ENTRY, LIVE_CALL, LIVE_LOCK, LIVE_SCOPE, LIVE_EPOCH,
};

/* One record that is kept. */
struct live {
	struct live *before, *after;	/* in its list */
	struct live *older;		/* at the same place of the table */
	struct live *under[2];		/* the switch and the entry record that it was told under */
	struct live *on_before, *on_after;	/* of entry records: those of the same cpu */
	uint64_t number;		/* counts all: the order */
	uint64_t key;
	uint64_t locker;		/* of a lock: who has it */
	uint32_t holders;		/* how many are under it */
	uint8_t group;
	bool over;			/* kept for its holders alone */
	_Alignas(8) unsigned char rec[];
};

struct live_list { struct live *first, *last; };

struct mt_state {
	struct live_list events;	/* groups from LIVE_MODE to LIVE_SWITCH and from LIVE_ENTRY */
	struct live_list others;
	struct mt_table by_key;		/* hash of group and key -> the newest */
	struct mt_table entry_on;	/* cpu -> its last entry record here */
	struct mt_objects labels, gc;	/* of struct live_extent */
	struct mt_cpus cpus;
	struct mt_entries entries;
	struct mt_table process_of, tasks_in;	/* task -> process; process -> how many tasks */
	uint64_t count;
	size_t bytes, max;
	bool begun, user;
};

static inline const struct mt_hdr *live_rec(const struct live *l)
{
	return (const struct mt_hdr *)l->rec;
}

/* A copy of rec, found by group and key.  NULL when there is no memory. */
struct live *live_add(struct mt_state *s, enum live_group g, uint64_t key, const struct mt_hdr *rec);

/* The newest one of a key; the one before it. */
struct live *live_newest(const struct mt_state *s, enum live_group g, uint64_t key);
struct live *live_older(const struct live *l);

/* It is over. */
void live_drop(struct mt_state *s, struct live *l);

/* All of a key are. */
void live_drop_all(struct mt_state *s, enum live_group g, uint64_t key);

/* Takes an event that carries state.  -1 when there is no memory. */
MT_MUST_CHECK int state_note_event(struct mt_state *s, const struct mt_hdr *rec);

/* Recording stopped: entries, calls and locks end untold. */
void state_stop(struct mt_state *s);

/* A task begins, ends, or runs another program: what it had is gone. */
void state_note_task(struct mt_state *s, const struct mt_task *t);

#endif
