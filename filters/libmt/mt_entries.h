/* SPDX-License-Identifier: MIT */
/*
 * Why the kernel runs on each cpu, learnt from entry records: which call stack
 * (system call, interrupt, ...) is current there.
 *
 * What ends with a record still holds for the record itself: whoever asks about
 * an entry record asks before noting one that ends or sets aside, and after
 * noting one that starts or takes up.
 */
#ifndef MT_ENTRIES_H
#define MT_ENTRIES_H

#include "mt.h"

/* One that is alive; lives until the next note. */
struct mt_kentry {
	uint64_t tag, pc;
	uint64_t below;			/* tag of what it stands on, if has_below */
	uint32_t task, number, cpu;
	uint16_t cause;			/* MT_entry_cause_..., or anything */
	bool has_below, current;
};

/* Zero-initialise it. */
struct mt_entries {
	struct mt_table by_tag;		/* tag -> struct mt_kentry */
	struct mt_table current;	/* cpu -> the same; 0: none */
	struct mt_table aside;		/* cpu -> set aside by the cpu's last entry record; 0: none */
	bool always;			/* entries are told also while nothing is recorded */
};

/*
 * Takes any record; -1 when there is no memory.  A begin forgets all, and so
 * does the end of recording, unless the log tells also then how entries go on.
 */
MT_MUST_CHECK int mt_entries_note(struct mt_entries *e, const struct mt_hdr *rec);

/*
 * The entry that is current on the cpu; the one that its last entry or switch
 * record set aside; the one with that tag; or NULL.
 */
const struct mt_kentry *mt_entries_current(const struct mt_entries *e, uint32_t cpu);
const struct mt_kentry *mt_entries_aside(const struct mt_entries *e, uint32_t cpu);
const struct mt_kentry *mt_entries_find(const struct mt_entries *e, uint64_t tag);

void mt_entries_release(struct mt_entries *e);

#endif
