/* SPDX-License-Identifier: MIT */
/*
 * What a stream has led to so far, as the few records that lead there again:
 * whoever reads those instead of all that came before them understands what
 * follows as well.
 *
 * They are records of the stream itself, in its order.  One goes when what it
 * says is over (a label with its free, an entry with its end, a call with its
 * return) or is said anew; it stays, over or not, as long as something stays
 * that was told under it (a call under the switch to its task).
 *
 *	kept	begin; the last mode; tasks that live; who runs on each cpu; maps,
 *		segments, sections, labels in force; definitions, drops and
 *		kinds that are not known; entries that live; calls that have
 *		not returned; locks tried and held; open scopes and their
 *		variables; epochs; objects under deferred freeing
 *	not	accesses, numbers of the application, reports: they lead to nothing
 */
#ifndef MT_STATE_H
#define MT_STATE_H

#include "mt.h"

/* Who writes states keeps no more bytes of records: so large a state helps nobody. */
#define MT_STATE_MAX (256u << 20)

struct mt_state;

/*
 * Beyond max bytes of records all are forgotten, until the next begin.  NULL
 * when there is no memory.
 */
struct mt_state *mt_state_new(size_t max);
void mt_state_free(struct mt_state *s);

/* Does the record lead to anything that later ones depend on, and is an event? */
bool mt_state_carries(unsigned kind);

/* Takes any record but an access; a begin forgets all.  -1 when there is no memory. */
MT_MUST_CHECK int mt_state_note(struct mt_state *s, const struct mt_hdr *rec);

/* Bytes of the records; 0: there are none, as before a begin, or too many. */
size_t mt_state_bytes(const struct mt_state *s);

/*
 * Is it worth a place in a log that has so many bytes of records since the last
 * one?  A reader that goes there saves itself a good part of what came before,
 * and the log grows by a few hundredths.
 */
bool mt_state_due(const struct mt_state *s, uint64_t since);

/*
 * Hands all to put, in order and then an end record that counts them, until
 * that returns not 0; returns that.
 */
int mt_state_each(const struct mt_state *s, int (*put)(void *arg, const struct mt_hdr *rec),
		  void *arg);

/* Forgets all; nothing is kept until the next begin. */
void mt_state_clear(struct mt_state *s);

#endif
