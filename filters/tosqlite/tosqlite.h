/* SPDX-License-Identifier: MIT */
/*
 * The parts of mt-tosqlite:
 *
 *	now		id of the next access: the clock of the database
 *	schema		the tables and the views, as SQL
 *	labels		objects and how long they lived; which one an access touches
 *	traces		call stacks of the kernel, piece by piece, and calls in them
 *	sections	what was done under each lock
 *	runs		from the start of recording to its stop
 *	rows		every other record: a table for each kind
 */
#ifndef TOSQLITE_H
#define TOSQLITE_H

#include "../libmt/mt_names.h"
#include "../locks/holds.h"
#include "db.h"

extern uint64_t now;
extern struct mt_names names;
extern struct holds holds;		/* also who runs where, and in which entry */

extern const char schema_tables[], schema_indexes[], schema_views[];

/* ---- labels ---- */
struct label_ref { uint64_t id; unsigned type; };	/* id 0: none */

void labels_open(void);
void labels_note(const struct mt_hdr *rec);	/* label, object, begin */
void labels_host(uint64_t host);		/* host address of the label that comes next */
struct label_ref labels_of(const struct mt_access *a);
struct label_ref labels_at(uint32_t process, uint64_t addr);

/* ---- traces ---- */
void traces_open(void);
void traces_note(const struct mt_hdr *rec);	/* behind holds_note */
void traces_end(void);

/* ---- sections ---- */
void sections_open(void);
void sections_before(const struct mt_hdr *rec);	/* ahead of holds_note */
uint64_t sections_charge(const struct mt_access *a);	/* id of the innermost one, or 0 */

/* ---- runs ---- */
struct run_counts {
	uint64_t accesses, locked, traffic, acquires;
	uint64_t spin_time, spin_locked, spin_traffic;
};

extern struct run_counts run;		/* of the current one */

void runs_open(void);
void runs_note(const struct mt_hdr *rec);
uint64_t runs_id(void);			/* 0: recording is off */
void runs_end(void);

/* ---- rows ---- */
void rows_open(const char *type);	/* its table, empty */
void rows_put(const struct mt_hdr *rec);

#endif
