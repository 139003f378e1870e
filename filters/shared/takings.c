/* SPDX-License-Identifier: MIT */
/* Rows of pairs: takings sorted by what a row stands for; equal keys are a row. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "numbers.h"
#include "report.h"

#define KEYS 4

struct ref {
	uint64_t key[KEYS];		/* of the row */
	const struct taking *taking;
	const struct party *taker, *giver;
};

struct row {
	uint64_t moves;
	size_t first, n;		/* its refs */
};

/* Rows under construction. */
struct rows {
	const struct lines *t;
	const struct groups *g;
	unsigned by;			/* MT_pair_by_... */
	struct ref *refs;
	size_t n_refs;
	struct row *rows;
	size_t n_rows, row_room;
	struct numbers lines, takers, givers;	/* scratch, of a row */
};

/* ---- order ------------------------------------------------------------- */

static int compare_parties(const struct party *a, const struct party *b)
{
	const uint64_t keys[][2] = {
		{ a->pc, b->pc }, { a->cpu, b->cpu }, { a->process, b->process },
		{ a->object, b->object }, { a->field, b->field }, { a->stack, b->stack },
		{ a->offset, b->offset },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare_numbers(keys[i][0], keys[i][1]);
	return c;
}

/* By row; in it the one to show first: most moves. */
static int by_key(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	int c = 0;

	for (int i = 0; !c && i < KEYS; i++)
		c = compare_numbers(a->key[i], b->key[i]);
	if (!c)
		c = compare_numbers(b->taking->moves, a->taking->moves);
	if (!c)
		c = compare_numbers(a->taking->line, b->taking->line);
	if (!c)
		c = compare_parties(a->taker, b->taker);
	return c ? c : compare_parties(a->giver, b->giver);
}

static int by_moves(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int c = compare_numbers(b->moves, a->moves);

	return c ? c : compare_numbers(a->first, b->first);
}

/* ---- keys ---------------------------------------------------------------- */

/* What lines are taken of: a thing of the taker's side. */
static void thing_key(const struct rows *r, const struct ref *x, uint64_t key[2])
{
	switch (r->by) {
	case MT_pair_by_line_cpus:
		key[0] = x->taking->line;
		break;
	case MT_pair_by_object_cpus:
		key[0] = x->taker->object;
		break;
	case MT_pair_by_ctype_cpus:
		key[0] = groups_of(r->g, r->t, x->taker->object);
		break;
	case MT_pair_by_field_cpus:
		key[0] = x->taker->field;
		key[1] = x->taker->field ? 0 : groups_of(r->g, r->t, x->taker->object);
		break;
	}
}

static void make_key(const struct rows *r, struct ref *x)
{
	const struct party *a = x->taker, *b = x->giver;

	if (r->by == MT_pair_by_pair) {
		x->key[0] = a->pc;
		x->key[1] = (uint64_t)a->process << 32 | a->stack;
		x->key[2] = b->pc;
		x->key[3] = (uint64_t)b->process << 32 | b->stack;
	} else if (r->by != MT_pair_by_part) {
		thing_key(r, x, x->key);
		x->key[2] = (uint64_t)a->cpu << 32 | b->cpu;
	}
}

static bool same_row(const struct rows *r, const struct ref *a, const struct ref *b)
{
	return r->by != MT_pair_by_part && !memcmp(a->key, b->key, sizeof(a->key));
}

static void collect(struct rows *r, const struct pairs *p)
{
	r->refs = mt_xcalloc(p->n_takings, sizeof(*r->refs));
	for (size_t i = 0; i < p->n_takings; i++) {
		struct ref *x = &r->refs[r->n_refs++];

		x->taking = &p->takings[i];
		x->taker = &p->parties[x->taking->taker];
		x->giver = &p->parties[x->taking->giver];
		make_key(r, x);
	}
	if (r->n_refs)
		qsort(r->refs, r->n_refs, sizeof(*r->refs), by_key);
}

static void find_rows(struct rows *r, uint64_t min_moves)
{
	for (size_t i = 0, end; i < r->n_refs; i = end) {
		struct row row = { .first = i };

		for (end = i; end == i || (end < r->n_refs && same_row(r, &r->refs[end], &r->refs[i])); end++)
			row.moves += r->refs[end].taking->moves;
		row.n = end - i;
		if (row.moves < min_moves)
			continue;
		r->rows = mt_xgrow(r->rows, r->n_rows, &r->row_room, sizeof(*r->rows));
		r->rows[r->n_rows++] = row;
	}
	if (r->n_rows && r->by != MT_pair_by_part)
		qsort(r->rows, r->n_rows, sizeof(*r->rows), by_moves);
}

/* ---- the fields of a row ------------------------------------------------- */

static void fill_parties(struct mt_pair *m, const struct party *a, const struct party *b)
{
	m->pc = a->pc;
	m->pc2 = b->pc;
	m->stack = a->stack;
	m->stack2 = b->stack;
	m->process = a->process;
	m->process2 = b->process;
	m->to = a->cpu;
	m->from = b->cpu;
	m->offset = a->offset;
	m->offset2 = b->offset;
	if (m->by == MT_pair_by_cpus)
		return;			/* all objects are in such a row */
	m->object = a->object;
	m->object2 = b->object;
	m->field = a->field;
	m->field2 = b->field;
}

static void sum_up(struct rows *r, const struct ref *refs, size_t n, struct mt_pair *m)
{
	r->lines.n = r->takers.n = r->givers.n = 0;
	for (size_t i = 0; i < n; i++) {
		m->moves += refs[i].taking->moves;
		m->true_moves += refs[i].taking->true_moves;
		m->false_moves += refs[i].taking->false_moves;
		m->flags |= refs[i].taker->flags;
		m->flags2 |= refs[i].giver->flags;
		numbers_add(&r->lines, refs[i].taking->line);
		numbers_add(&r->takers, refs[i].taker->cpu);
		numbers_add(&r->givers, refs[i].giver->cpu);
	}
	numbers_unique(&r->takers);
	numbers_unique(&r->givers);
	m->lines = (uint32_t)numbers_unique(&r->lines);
	m->line = m->lines == 1 ? refs->taking->line : 0;
}

static void put_row(struct rows *r, const struct ref *refs, size_t n, struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	static char takers[NUMBERS_TEXT], givers[NUMBERS_TEXT];
	const char *strings[] = { takers, givers };
	struct mt_pair m = { .hdr.kind = MT_KIND_pair, .by = r->by };

	fill_parties(&m, refs->taker, refs->giver);
	sum_up(r, refs, n, &m);
	numbers_text(&r->takers, takers);
	numbers_text(&r->givers, givers);
	mt_writer_put(out, mt_build(buf, &m, strings));
}

void pairs_report(const struct pairs *p, const struct lines *t, const struct groups *g,
		  const struct report_options *o, struct mt_writer *out)
{
	struct rows r = { .t = t, .g = g, .by = o->partial ? MT_pair_by_part : o->pairs };

	collect(&r, p);
	find_rows(&r, o->partial ? 0 : o->min_moves);
	for (size_t i = 0; i < r.n_rows; i++)
		put_row(&r, r.refs + r.rows[i].first, r.rows[i].n, out);
	free(r.refs);
	free(r.rows);
	free(r.lines.of);
	free(r.takers.of);
	free(r.givers.of);
}
