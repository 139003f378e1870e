/* SPDX-License-Identifier: MIT */
/*
 * Rows.  Sites of the lines that count are sorted by what a row stands for;
 * each run of equal keys is a row.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "row.h"

struct row {
	uint64_t moves;
	uint64_t order;			/* paddr of its only line; 0: several */
	size_t first, n;		/* its refs; of a line, its index and sites */
};

struct rows {
	struct row *of;
	size_t n, room;
};

/* ---- order ------------------------------------------------------------- */

int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_moves(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int c = compare_numbers(b->moves, a->moves);

	if (!c)
		c = compare_numbers(a->order, b->order);
	return c ? c : compare_numbers(a->first, b->first);
}

/* ---- lines ------------------------------------------------------------- */

/* What the bytes alone say: did two cpus, one of them a writer, meet on one? */
static unsigned class_of_bytes(const struct lines *t, const struct line *l)
{
	uint64_t read[LINE_MAX / 64] = { 0 }, written[LINE_MAX / 64] = { 0 };
	bool met = false, writes = false;
	unsigned users = 0;

	if (l->n_shares < 2)		/* nearly always */
		return MT_sharing_none;
	for (uint32_t i = 0; i < line_places(l); i++) {
		const struct share *s = line_share(t, l, i);

		users += s && s->n_tallies;
		for (unsigned j = 0; s && j < t->words; j++) {
			uint64_t r = s->mask[READ * t->words + j];
			uint64_t w = s->mask[WRITTEN * t->words + j];

			met |= (w & (read[j] | written[j])) || (r & written[j]);
			writes |= w != 0;
			read[j] |= r;
			written[j] |= w;
		}
	}
	if (users < 2)
		return MT_sharing_none;
	return !writes ? MT_sharing_read : met ? MT_sharing_true : MT_sharing_false;
}

void report_classify(struct lines *t)
{
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		l->class = (uint8_t)class_of_bytes(t, l);
	}
}

bool report_wants(const struct report_options *o, const struct line *l)
{
	return o->all || l->class == MT_sharing_true || l->class == MT_sharing_false;
}

static void rank_site(struct line *l, const struct site *s)
{
	const struct site *best = l->best;

	if (!best || compare_sites(s, best) < 0) {
		if (best && best->cpu != s->cpu)
			l->other = best;
		l->best = s;
	} else if (s->cpu != best->cpu && (!l->other || compare_sites(s, l->other) < 0)) {
		l->other = s;
	}
}

/* ---- refs -------------------------------------------------------------- */

static void make_key(const struct report *r, const struct site *s, uint64_t key[3])
{
	switch (r->o->by) {
	case MT_shared_by_line:		/* each is a row: what follows is its order */
		key[0] = s->subject.process;
		key[1] = s->pc;
		break;
	case MT_shared_by_object:
		key[0] = s->subject.object;
		break;
	case MT_shared_by_ctype:
		key[0] = groups_of(r->g, r->t, s->subject.object);
		break;
	case MT_shared_by_field:
		key[0] = s->subject.field;
		key[1] = s->subject.field ? 0 : groups_of(r->g, r->t, s->subject.object);
		break;
	case MT_shared_by_entry:
		key[0] = s->entry->pc;
		key[1] = s->entry->number;
		key[2] = s->entry->cause;
		break;
	case MT_shared_by_task:
		key[0] = s->grain->task;
		break;
	case MT_shared_by_address:
	case BY_USE:
		key[0] = s->grain->addr;
		key[1] = s->subject.object;
		key[2] = s->line->number;
		break;
	case MT_shared_by_site:
		key[2] = line_paddr(r->t, s->line);
		/* fall through */
	case MT_shared_by_pc:
		key[0] = s->subject.process;
		key[1] = s->pc;
		break;
	}
}

static size_t count_sites(const struct report *r)
{
	size_t n = 0;

	for (uint32_t i = 0; i < r->t->shares.used; i++) {
		const struct share *s = share_at(r->t, i);

		if (report_wants(r->o, line_of(r->t, s)))
			n += s->n_tallies;
	}
	return n;
}

static void collect_share(struct report *r, const struct share *s)
{
	for (size_t i = 0; i < share_places(s); i++) {
		const struct tally *y = &s->tallies[i];
		struct site *site = &r->sites[r->n_refs];

		if (!y->key)
			continue;
		*site = lines_site(r->t, s, y);
		rank_site(line_of(r->t, s), site);
		r->refs[r->n_refs].site = site;
		make_key(r, site, r->refs[r->n_refs].key);
		r->n_refs++;
	}
}

static void collect_line(struct report *r, const struct line *l)
{
	for (uint32_t i = 0; i < line_places(l); i++)
		if (line_share(r->t, l, i))
			collect_share(r, line_share(r->t, l, i));
}

static void make_room(struct report *r, size_t sites)
{
	r->sites = mt_xcalloc(sites, sizeof(*r->sites));
	r->refs = mt_xcalloc(sites, sizeof(*r->refs));
}

/* All sites of lines that count, line by line. */
static void collect(struct report *r)
{
	struct lines *t = r->t;

	make_room(r, count_sites(r));
	for (uint32_t i = 0; i < t->lines.used; i++) {
		const struct line *l = pool_at(&t->lines, i);
		size_t first = r->n_refs;

		if (report_wants(r->o, l))
			collect_line(r, l);
		if (r->o->by == BY_USE)
			report_rank_ages(r->sites + first, r->n_refs - first);
	}
}

/* ---- rows -------------------------------------------------------------- */

static void add_row(const struct report *r, struct rows *rows, struct row row)
{
	if (row.moves < r->o->min_moves)
		return;
	rows->of = mt_xgrow(rows->of, rows->n, &rows->room, sizeof(*rows->of));
	rows->of[rows->n++] = row;
}

static void sort_rows(struct rows *rows)
{
	if (rows->n)
		qsort(rows->of, rows->n, sizeof(*rows->of), by_moves);
}

static bool same_key(const struct ref *a, const struct ref *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key));
}

static void find_rows(const struct report *r, struct rows *rows)
{
	for (size_t i = 0, end; i < r->n_refs; i = end) {
		struct row row = { .first = i, .order = line_paddr(r->t, r->refs[i].site->line) };

		for (end = i; end < r->n_refs && same_key(&r->refs[end], &r->refs[i]); end++) {
			row.moves += r->refs[end].site->moves;
			if (r->refs[end].site->line != r->refs[i].site->line)
				row.order = 0;
		}
		row.n = end - i;
		add_row(r, rows, row);
	}
	sort_rows(rows);
}

static void put_rows(struct report *r, struct rows *rows)
{
	collect(r);
	row_sort(r->refs, r->n_refs, r->o->by);
	find_rows(r, rows);
	for (size_t i = 0; i < rows->n; i++) {
		const struct ref *refs = r->refs + rows->of[i].first;

		row_put(r, refs, rows->of[i].n, row_top(refs, rows->of[i].n));
	}
}

/* ---- lines as rows ------------------------------------------------------- */

static struct row line_row(const struct lines *t, const struct line *l)
{
	struct row row = { .first = l->index, .order = line_paddr(t, l) };

	for (uint32_t k = 0; k < line_places(l); k++) {
		const struct share *s = line_share(t, l, k);

		row.n += s ? s->n_tallies : 0;
		for (size_t j = 0; s && j < share_places(s); j++)
			row.moves += lines_detail(t, &s->tallies[j]).moves;
	}
	return row;
}

/* There may be millions of sites, but a row needs only its own. */
static void put_lines(struct report *r, struct rows *rows)
{
	size_t most = 0;

	for (uint32_t i = 0; i < r->t->lines.used; i++) {
		const struct line *l = pool_at(&r->t->lines, i);
		const struct row row = report_wants(r->o, l) ? line_row(r->t, l) : (struct row){ 0 };

		if (row.n > most)
			most = row.n;
		if (row.n)
			add_row(r, rows, row);
	}
	sort_rows(rows);
	make_room(r, most);
	for (size_t i = 0; i < rows->n; i++) {
		r->n_refs = 0;
		collect_line(r, pool_at(&r->t->lines, (uint32_t)rows->of[i].first));
		row_put(r, r->refs, r->n_refs, row_top_of_line(r->refs, r->n_refs));
	}
}

void report_rows(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out)
{
	struct report r = { .t = t, .g = g, .o = o, .out = out };
	struct rows rows = { 0 };

	report_classify(t);
	row_prepare(&r);
	if (o->by == MT_shared_by_line)
		put_lines(&r, &rows);
	else
		put_rows(&r, &rows);
	free(r.sites);
	free(r.refs);
	free(rows.of);
	row_release(&r);
}
