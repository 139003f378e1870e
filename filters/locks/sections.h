/* SPDX-License-Identifier: MIT */
/*
 * Serial sections: what mt-serial counts while it reads.
 *
 * Everything is counted in cells: one for each row of the report, cpu and place
 * of acquisition.  That is the finest grain that the report needs, and what
 * --partial writes, as rows of one cpu and one place.
 */
#ifndef MT_LOCKS_SECTIONS_H
#define MT_LOCKS_SECTIONS_H

#include "holds.h"

/* What a cell, or a row, stands for; members that do not count are 0. */
struct section_key {
	uint64_t addr, pc;
	uint32_t name, object, task, cpu, process;	/* name: 0 is "" */
	uint16_t section, read;
};

struct cell {
	uint64_t instructions, waited, longest, acquires, contended, failed;
	uint64_t moves, wait_moves, atomics, wait_atomics, mismatches;
	uint64_t addr;			/* of all; 0 when there are several */
	uint32_t object;		/* the same */
};

/* Moves by an instruction, in all sections of a row. */
struct site_key {
	struct section_key row;
	uint64_t pc, process;
};

/* A row of the list, or what one instruction moved in that section: see sections-list.c. */
struct listed {
	struct mt_serial row;		/* without its strings */
	uint32_t name;
};

/* How the report is made: see mt-serial(1). */
struct serial_report {
	struct mt_writer *out;
	uint64_t miss_cost;
	bool sites, partial;
};

struct sections {
	struct serial_report report;
	unsigned by;			/* MT_serial_by_... */
	bool first_part;		/* counts what all parts of a stream see alike */
	struct mt_intern *names;
	struct mt_intern cell_keys, site_keys;
	struct cell *cells;		/* by number of their key */
	uint64_t *site_moves;
	size_t cell_room, site_room;
	struct mt_work work;		/* totals that do not follow from the cells */
	struct listed *list;		/* of which no record is written yet */
	size_t n_listed, list_room;
	uint64_t number;		/* of the last section that was listed */
};

/* by and report are set. */
void sections_init(struct sections *s, struct mt_intern *names);
void sections_clear(struct sections *s);

void cell_add(struct cell *to, const struct cell *c);

/* The row that a cell is a part of. */
struct section_key sections_row(const struct sections *s, const struct section_key *k);

/* A record has ended a hold of a lock, which is in that object, or an attempt. */
void sections_hold(struct sections *s, enum lock_event what, const struct hold *h,
		   uint32_t object, const struct mt_hdr *rec);

/* An access under no lock; task 0 and name 0 where they are not known. */
void sections_access(struct sections *s, const struct mt_access *a, uint32_t process,
		     uint32_t task, uint32_t name);

/* Adds a row of a partial report. */
void sections_add_row(struct sections *s, const struct mt_serial *rec);
void sections_add_site(struct sections *s, const struct mt_locked *rec);
void sections_add_work(struct sections *s, const struct mt_work *rec);

void sections_report(struct sections *s);

/* Writes a row. */
void sections_put(const struct sections *s, const struct mt_serial *row, const char *name,
		  const char *cpus);
/* What keys and counts say by themselves. */
void sections_fill(const struct section_key *k, const struct cell *c, struct mt_serial *row);

/* ---- the list: sections-list.c ---- */

/* A section, the last of s->number so far: it ended with rec; then what moved in it. */
void sections_list(struct sections *s, const struct section_key *k, const struct cell *c,
		   const struct mt_hdr *rec, uint64_t start);
void sections_list_moves(struct sections *s, uint64_t pc, uint64_t moves);

/* A row of a part's list. */
void sections_list_row(struct sections *s, const struct mt_serial *row);

/* Writes what was listed; or forgets it, and all that was. */
void sections_list_write(struct sections *s);
void sections_list_drop(struct sections *s);

#endif
