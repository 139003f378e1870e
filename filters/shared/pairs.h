/* SPDX-License-Identifier: MIT */
/*
 * Who takes lines from whom.
 *
 * A store takes the line from the cpu that wrote it last; when that was the same
 * cpu, from the one that has read it last since then.  A load takes it from the
 * cpu that wrote it last.  Where the log does not have such an access the move
 * belongs to no pair: the line came from memory, or nobody knows from where.
 */
#ifndef MT_SHARED_PAIRS_H
#define MT_SHARED_PAIRS_H

#include "lines.h"

struct groups;
struct report_options;

/* One side: an instruction of a cpu, with what it touches and who called it. */
struct party {
	uint64_t pc;
	uint32_t cpu;			/* its id */
	uint32_t process, object, field, stack;
	uint32_t offset;		/* in the line */
	uint32_t flags;			/* all that its accesses in pairs had, but moved */
	uint32_t next;			/* with the same hash */
};

/* Moves of one line from one party to another. */
struct taking {
	uint64_t line;			/* physical address */
	uint64_t moves, true_moves, false_moves;
	uint32_t taker, giver;		/* indices in pairs.parties */
	uint32_t next;			/* with the same hash */
};

/* An access that somebody may take the line from. */
struct last {
	uint64_t pc;
	uint32_t subject;		/* as a tally's; 0: there was none */
	uint32_t cpu;			/* index in lines.cpu */
	uint16_t offset, flags;
};

/* Of a line: the last store, the last load since, and the last load of another cpu than that. */
struct lasts {
	struct last store, load, other_load;
};

struct pairs {
	uint64_t seed[4];
	struct lasts *lasts;		/* by index in lines.lines */
	size_t n_lasts;
	struct party *parties;
	size_t n_parties, party_room;
	struct taking *takings;
	size_t n_takings, taking_room;
	struct mt_table party_of, taking_of;	/* hash -> index of the last with it, + 1 */
};

void pairs_init(struct pairs *p, const struct lines *t);
void pairs_release(struct pairs *p);

/* Forgets the moves, but not who had which line last. */
void pairs_clear(struct pairs *p);

/* Takes an access, behind its movement. */
void pairs_note(struct pairs *p, const struct lines *t, const struct share *s,
		const struct touch *x, enum move what);

/* Takes a row of another mt-shared in the place of the moves that it counts. */
void pairs_row(struct pairs *p, const struct mt_pair *row);

/* Writes the rows. */
void pairs_report(const struct pairs *p, const struct lines *t, const struct groups *g,
		  const struct report_options *o, struct mt_writer *out);

#endif
