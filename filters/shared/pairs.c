/* SPDX-License-Identifier: MIT */
/* Learning who takes lines from whom; pairs.h says what that means. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "pairs.h"

void pairs_init(struct pairs *p, const struct lines *t)
{
	*p = (struct pairs){ 0 };
	memcpy(p->seed, t->seed, sizeof(p->seed));
}

void pairs_clear(struct pairs *p)
{
	p->n_parties = p->n_takings = 0;
	mt_table_release(&p->party_of);
	mt_table_release(&p->taking_of);
}

void pairs_release(struct pairs *p)
{
	pairs_clear(p);
	free(p->lasts);
	free(p->parties);
	free(p->takings);
	*p = (struct pairs){ 0 };
}

/* ---- parties and takings --------------------------------------------------- */

static bool same_party(const struct party *a, const struct party *b)
{
	return a->pc == b->pc && a->cpu == b->cpu && a->process == b->process &&
	       a->object == b->object && a->field == b->field && a->stack == b->stack &&
	       a->offset == b->offset;
}

/* Its index. */
static uint32_t find_party(struct pairs *p, struct party want)
{
	uint64_t h = want.pc * p->seed[0] + ((uint64_t)want.object << 32 | want.field) * p->seed[1] +
		     ((uint64_t)want.stack << 32 | want.cpu) * p->seed[2] +
		     ((uint64_t)want.process << 32 | want.offset) * p->seed[3];
	uint64_t *last = mt_xtable_put(&p->party_of, h);

	for (uint32_t i = (uint32_t)*last; i; i = p->parties[i - 1].next)
		if (same_party(&p->parties[i - 1], &want)) {
			p->parties[i - 1].flags |= want.flags;
			return i - 1;
		}
	want.next = (uint32_t)*last;
	p->parties = mt_xgrow(p->parties, p->n_parties, &p->party_room, sizeof(*p->parties));
	p->parties[p->n_parties++] = want;
	*last = p->n_parties;
	return (uint32_t)p->n_parties - 1;
}

static struct taking *find_taking(struct pairs *p, uint64_t line, uint32_t taker, uint32_t giver)
{
	uint64_t h = line * p->seed[0] + ((uint64_t)taker << 32 | giver) * p->seed[1];
	uint64_t *last = mt_xtable_put(&p->taking_of, h);

	for (uint32_t i = (uint32_t)*last; i; i = p->takings[i - 1].next) {
		struct taking *x = &p->takings[i - 1];

		if (x->line == line && x->taker == taker && x->giver == giver)
			return x;
	}
	if (p->n_takings == UINT32_MAX)
		mt_die(MT_FAIL, "more than %u pairs: split the stream", UINT32_MAX);
	p->takings = mt_xgrow(p->takings, p->n_takings, &p->taking_room, sizeof(*p->takings));
	p->takings[p->n_takings++] = (struct taking){ .line = line, .taker = taker, .giver = giver,
						.next = (uint32_t)*last };
	*last = p->n_takings;
	return &p->takings[p->n_takings - 1];
}

/* ---- accesses ------------------------------------------------------------ */

static struct lasts *lasts_of(struct pairs *p, uint32_t line)
{
	if (line >= p->n_lasts) {
		size_t n = p->n_lasts ? p->n_lasts : 1024;
		struct lasts *more;

		while (n <= line)
			n *= 2;
		more = mt_xcalloc(n, sizeof(*more));
		if (p->n_lasts)
			memcpy(more, p->lasts, p->n_lasts * sizeof(*more));
		free(p->lasts);
		p->lasts = more;
		p->n_lasts = n;
	}
	return &p->lasts[line];
}

static const struct last *taken_from(const struct lasts *l, uint32_t cpu, bool store)
{
	const struct last *from = &l->store;

	if (store && (!from->subject || from->cpu == cpu))
		from = l->load.cpu == cpu ? &l->other_load : &l->load;
	return from->subject && from->cpu != cpu ? from : NULL;
}

static void remember(struct lasts *l, const struct last *me, bool store)
{
	if (store) {
		*l = (struct lasts){ .store = *me };
		return;
	}
	if (l->load.cpu != me->cpu)
		l->other_load = l->load;
	l->load = *me;
}

static struct party party_of(const struct lines *t, const struct last *x)
{
	const struct grain *g = &t->grains[x->subject - 1];
	const struct subject *s = &t->subjects[g->subject - 1];

	return (struct party){
		.pc = x->pc, .cpu = t->cpu[x->cpu].id, .process = s->process, .object = s->object,
		.field = s->field, .stack = g->stack, .offset = x->offset,
		.flags = x->flags & ~(uint32_t)MT_access_flag_moved,
	};
}

static void count_pair(struct pairs *p, const struct lines *t, const struct line *l,
		       const struct last *to, const struct last *from, enum move what)
{
	uint32_t taker = find_party(p, party_of(t, to));
	uint32_t giver = find_party(p, party_of(t, from));
	struct taking *x = find_taking(p, line_paddr(t, l), taker, giver);

	x->moves++;
	x->true_moves += what == MOVE_TRUE;
	x->false_moves += what == MOVE_FALSE;
}

void pairs_note(struct pairs *p, const struct lines *t, const struct share *s,
		const struct touch *x, enum move what)
{
	struct lasts *l = lasts_of(p, s->line);
	bool store = x->flags & MT_access_flag_store;
	const struct last me = { .pc = x->pc, .subject = x->subject, .cpu = s->cpu,
				 .offset = x->offset, .flags = x->flags };
	const struct last *from = what == MOVE_NONE ? NULL : taken_from(l, me.cpu, store);

	if (from)
		count_pair(p, t, line_of(t, s), &me, from, what);
	remember(l, &me, store);
}

/* ---- rows ---------------------------------------------------------------- */

void pairs_row(struct pairs *p, const struct mt_pair *row)
{
	uint32_t taker = find_party(p, (struct party){
		.pc = row->pc, .cpu = row->to, .process = row->process, .object = row->object,
		.field = row->field, .stack = row->stack, .offset = row->offset,
		.flags = row->flags });
	uint32_t giver = find_party(p, (struct party){
		.pc = row->pc2, .cpu = row->from, .process = row->process2, .object = row->object2,
		.field = row->field2, .stack = row->stack2, .offset = row->offset2,
		.flags = row->flags2 });
	struct taking *x = find_taking(p, row->line, taker, giver);

	x->moves += row->moves;
	x->true_moves += row->true_moves;
	x->false_moves += row->false_moves;
}
