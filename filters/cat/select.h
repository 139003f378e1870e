/* SPDX-License-Identifier: MIT */
/*
 * What of a log passes.
 *
 * Events and reports are judged, all else passes.  A range (--time, --blocks)
 * begins with its first event: what led there is given as a state, and from
 * then on events that later ones depend on (entries, locks, ...) pass as well,
 * whatever their time, for the times of cpus do not go hand in hand.
 */
#ifndef CAT_SELECT_H
#define CAT_SELECT_H

#include "../libmt/cli.h"
#include "../libmt/mt_log.h"

struct range { uint64_t first, last; };

extern struct selection {
	bool any;			/* anything may be left out */
	bool range;			/* --time or --blocks */
	struct range time, blocks;
	struct range line;		/* of physical addresses */
	struct range *cpus;
	size_t n_cpus;
	uint64_t cpu_bits[4];		/* as in a block's header */
	uint32_t shard, shards;		/* from 0; shards 0: all */
	bool by_kind, kinds[256];	/* of judged records */
} selection;

/* As without any option. */
void select_all(void);

/* The values of the options; they die of wrong ones. */
void select_time(char *text);
void select_blocks(char *text);
void select_line(char *text);
void select_cpus(char *text);
void select_shard(char *text);
void select_kinds(char *text);

/* Of a range: is the event in it, rather than passing for what it leads to? */
bool selection_begins(const struct mt_hdr *rec, uint64_t block);

/* Does the record of this block pass, once the range has begun? */
bool selection_passes(const struct mt_hdr *rec, uint64_t block);

/* How much of a block may pass.  Its number is counted without those of states. */
enum wanted { WANT_NOTHING, WANT_OTHERS, WANT_ALL };	/* others: all but accesses */
enum wanted selection_wants(const struct mt_log_block *b, uint64_t number);

/* Does all of the block pass? */
bool selection_wants_whole(const struct mt_log_block *b, uint64_t number);

/* Of a range: may there be an event of it? */
bool selection_may_begin(const struct mt_log_block *b, uint64_t number);

#endif
