/* SPDX-License-Identifier: MIT */
/* Options that leave out records, and what they mean for a record and for a block. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/mt_state.h"
#include "select.h"

#define EVERYTHING \
	{ .time = { 0, UINT64_MAX }, .blocks = { 0, UINT64_MAX }, .line = { 0, UINT64_MAX } }

struct selection selection = EVERYTHING;

void select_all(void)
{
	free(selection.cpus);
	selection = (struct selection)EVERYTHING;
}

/* ---- options ----------------------------------------------------------- */

/* A or A-B, in place; either may be left out of A-B. */
static struct range parse_range(const char *what, char *text, uint64_t max)
{
	struct range r = { 0, max };
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = 0;
	if (!dash || *text)
		r.first = mt_number(what, text, max);
	if (!dash)
		r.last = r.first;
	else if (*dash)
		r.last = mt_number(what, dash, max);
	if (r.first > r.last)
		mt_die(MT_USAGE, "%s: '%s-%s': the first is larger than the last", what, text, dash);
	return r;
}

void select_time(char *text)
{
	selection.time = parse_range("--time", text, UINT64_MAX);
	selection.any = selection.range = true;
}

void select_blocks(char *text)
{
	selection.blocks = parse_range("--blocks", text, UINT64_MAX);
	selection.any = selection.range = true;
}

void select_line(char *text)
{
	bool one = !strchr(text, '-');

	selection.line = parse_range("--line", text, UINT64_MAX);
	if (one) {
		selection.line.first &= ~63ull;
		selection.line.last |= 63;
	}
	selection.any = true;
}

void select_cpus(char *text)
{
	static size_t room;
	struct selection *s = &selection;

	for (char *save, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct range r = parse_range("--cpu", word, UINT32_MAX);

		s->cpus = mt_xgrow(s->cpus, s->n_cpus, &room, sizeof(r));
		s->cpus[s->n_cpus++] = r;
		for (uint64_t c = r.first; c <= r.last && c < r.first + 256; c++)
			s->cpu_bits[c / 64 % 4] |= 1ull << c % 64;
	}
	if (!s->n_cpus)
		mt_die(MT_USAGE, "--cpu: names no cpu");
	s->any = true;
}

void select_shard(char *text)
{
	char *slash = strchr(text, '/');

	if (!slash)
		mt_die(MT_USAGE, "--shard: '%s' is not I/N, as in 1/4", text);
	*slash++ = 0;
	selection.shards = (uint32_t)mt_number("--shard", slash, 1 << 20);
	selection.shard = (uint32_t)mt_number("--shard", text, selection.shards) - 1;
	if (selection.shard >= selection.shards)
		mt_die(MT_USAGE, "--shard: shards are counted from 1");
	selection.any = true;
}

void select_kinds(char *text)
{
	for (char *save, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		const struct mt_type *t = mt_type_find(word);

		if (!t)
			mt_die(MT_USAGE, "--kind: no kind is called '%s', see mt-log(5)", word);
		if (t->class != MT_CLASS_event && t->class != MT_CLASS_report)
			mt_die(MT_USAGE, "--kind: %s always passes; events and reports are chosen", word);
		selection.kinds[t->kind % 256] = true;
		selection.by_kind = true;
	}
	if (!selection.by_kind)
		mt_die(MT_USAGE, "--kind: names no kind");
	selection.any = true;
}

/* ---- records ------------------------------------------------------------- */

static bool inside(struct range r, uint64_t n)
{
	return n >= r.first && n <= r.last;
}

static bool cpu_matches(uint32_t cpu)
{
	if (!selection.n_cpus)
		return true;
	for (size_t i = 0; i < selection.n_cpus; i++)
		if (inside(selection.cpus[i], cpu))
			return true;
	return false;
}

static uint32_t shard_of(uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * selection.shards >> 32);
}

static bool place_matches(uint64_t paddr)
{
	return inside(selection.line, paddr) &&
		(!selection.shards || shard_of(mt_log_granule(paddr)) == selection.shard);
}

/* But for the range; rec is judged. */
static bool matches(const struct mt_hdr *rec)
{
	if (!cpu_matches(rec->cpu) || (selection.by_kind && !selection.kinds[rec->kind % 256]))
		return false;
	return rec->kind != MT_KIND_access || place_matches(((const struct mt_access *)rec)->paddr);
}

static bool in_range(const struct mt_hdr *rec, uint64_t block)
{
	return inside(selection.blocks, block) && inside(selection.time, rec->time);
}

static bool is_judged(const struct mt_hdr *rec)
{
	return rec->kind == MT_KIND_access || mt_log_judged(rec);
}

bool selection_begins(const struct mt_hdr *rec, uint64_t block)
{
	return is_judged(rec) && in_range(rec, block) && matches(rec);
}

bool selection_passes(const struct mt_hdr *rec, uint64_t block)
{
	if (!is_judged(rec))
		return true;
	return matches(rec) && (mt_state_carries(rec->kind) || in_range(rec, block));
}

/* ---- blocks -------------------------------------------------------------- */

/* Some bit of the header's set of granules belongs to our shard. */
static bool granules_match(uint64_t granules)
{
	for (uint32_t bit = 0; bit < 64; bit++)
		if (granules >> bit & 1 && shard_of(bit << 26) <= selection.shard &&
		    shard_of(bit << 26 | ((1u << 26) - 1)) >= selection.shard)
			return true;
	return false;
}

static bool cpus_match(const struct mt_log_block *b)
{
	bool any = !selection.n_cpus;

	for (unsigned i = 0; i < 4; i++)
		any |= (b->cpus[i] & selection.cpu_bits[i]) != 0;
	return any;
}

/* May a judged record be in the range, and of our cpus? */
static bool judged_match(const struct mt_log_block *b, uint64_t number)
{
	return b->judged && inside(selection.blocks, number) && cpus_match(b) &&
		b->time_min <= selection.time.last && b->time_max >= selection.time.first;
}

static bool accesses_match(const struct mt_log_block *b, uint64_t number)
{
	return b->accesses && judged_match(b, number) &&
		(!selection.by_kind || selection.kinds[MT_KIND_access]) &&
		b->paddr_min <= selection.line.last && b->paddr_max >= selection.line.first &&
		(!selection.shards || granules_match(b->granules));
}

enum wanted selection_wants(const struct mt_log_block *b, uint64_t number)
{
	if (!selection.any || accesses_match(b, number))
		return WANT_ALL;
	if (b->records == b->accesses)
		return WANT_NOTHING;
	/* Context always passes, and what carries state in a range. */
	if (b->judged < b->records || selection.range || judged_match(b, number))
		return WANT_OTHERS;
	return WANT_NOTHING;
}

bool selection_wants_whole(const struct mt_log_block *b, uint64_t number)
{
	const bool apart = selection.n_cpus || selection.by_kind || selection.shards ||
		selection.line.first || selection.line.last != UINT64_MAX;

	return !apart && inside(selection.blocks, number) &&
		b->time_min >= selection.time.first && b->time_max <= selection.time.last;
}

bool selection_may_begin(const struct mt_log_block *b, uint64_t number)
{
	return accesses_match(b, number) || (b->judged > b->accesses && judged_match(b, number));
}
