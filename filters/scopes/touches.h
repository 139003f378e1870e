/* SPDX-License-Identifier: MIT */
/*
 * Which bytes somebody touched, and by which access: a footprint.  Memory is
 * told apart by physical address, so that two mappings of a page are one.
 *
 * Each byte has one touch: the first store to it, or if there is none the
 * first load.
 */
#ifndef MT_SCOPES_TOUCHES_H
#define MT_SCOPES_TOUCHES_H

#include "../libmt/mt.h"
#include "../libmt/mt_intern.h"

/* What an access was, but for its address. */
struct access_site {
	uint64_t pc;
	uint64_t shift;			/* virtual - physical address */
	uint32_t process, object, field, stack;
	uint32_t flags;			/* MT_access_flag_... without moved and split */
	uint32_t cpu;
};

/* Bytes of a word of 8 that one access was the first to touch. */
struct touch {
	uint64_t word;			/* physical address / 8 */
	uint32_t site;			/* number of an access_site */
	uint32_t next;			/* in the same word: index + 1 */
	uint32_t side;			/* who; see conflicts_find */
	uint8_t mask;			/* a bit for each byte */
	bool write;
};

/* Zero-initialise it. */
struct footprint {
	struct mt_table words;		/* word -> index + 1 of its last touch */
	struct touch *touches;
	size_t n, room;
};

/* No instruction touches more bytes at once; a record that says so is cut. */
#define WIDTH_MAX 64

/* Adds an access, and its site to sites if it is the first to touch a byte. */
void footprint_add(struct footprint *f, const struct mt_access *a, uint32_t process,
		   struct mt_intern *sites);

/* Drops touches that others have replaced, and sorts by word and byte. */
void footprint_finish(struct footprint *f);

void footprint_release(struct footprint *f);

/* ---- where footprints meet ---------------------------------------------- */

/*
 * Bytes of one line that several sides touched, one of them with a store, and
 * two of these touches: of the first side that stores and the first other one,
 * the smaller side first.
 */
struct conflict {
	uint64_t paddr;
	uint32_t bytes;
	uint32_t pairs;			/* of sides that meet there, one of them with a store */
	struct touch one, two;
};

struct conflicts {
	struct conflict *found;		/* by address */
	size_t n, room;
	uint64_t bytes;			/* of all */
};

/*
 * Sorts the touches of all sides and adds what it finds.  Touches of one side
 * never overlap.
 */
void conflicts_find(struct conflicts *c, struct touch *touches, size_t n, uint32_t line);

/* Fills in all that a conflict says by itself. */
void conflict_row(const struct conflict *c, const struct mt_intern *sites, struct mt_conflict *row);

#endif
