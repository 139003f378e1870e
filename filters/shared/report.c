/* SPDX-License-Identifier: MIT */
/*
 * Rows.  Sites of the lines that count are sorted by what a row stands for;
 * each run of equal keys is a row.
 *
 * Every choice below is made by a total order over what the log says, so that
 * the same log gives the same bytes however the tables happen to be laid out.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "report.h"

/* A site as a part of a row. */
struct ref {
	uint64_t key[3];		/* of the row */
	const struct site *site;
	const struct line *line;
};

struct row {
	uint64_t moves;
	uint64_t order;			/* paddr of its only line; 0: several */
	size_t first, n;		/* its refs */
};

struct report {
	struct lines *t;
	const struct groups *g;
	const struct report_options *o;
	struct mt_writer *out;
	struct ref *refs;
	size_t n_refs;
	struct row *rows;
	size_t n_rows, row_room;
	uint64_t *numbers;		/* scratch: lines or cpus of a row */
	size_t n_numbers, number_room;
};

/* ---- order ------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static uint64_t accesses(const struct site *s)
{
	return s->loads + s->stores;
}

static struct line *site_line(const struct lines *t, const struct site *s)
{
	return share_at(t, s->share)->line;
}

/* Negative when a is the one to show: most moves, then most accesses. */
static int compare_sites(const struct lines *t, const struct site *a, const struct site *b)
{
	const uint64_t keys[][2] = {
		{ b->moves, a->moves }, { accesses(b), accesses(a) },
		{ site_line(t, a)->number, site_line(t, b)->number },
		{ a->pc, b->pc }, { a->process, b->process },
		{ site_cpu(t, a), site_cpu(t, b) },
		{ a->object, b->object }, { a->field, b->field },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare(keys[i][0], keys[i][1]);
	return c;
}

static int by_key_and_pc(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	int c = 0;

	for (int i = 0; !c && i < 3; i++)
		c = compare(a->key[i], b->key[i]);
	if (!c)
		c = compare(a->site->process, b->site->process);
	return c ? c : compare(a->site->pc, b->site->pc);
}

static void sort_refs(struct ref *refs, size_t n)
{
	if (n > 1)
		qsort(refs, n, sizeof(*refs), by_key_and_pc);
}

static int by_moves(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int c = compare(b->moves, a->moves);

	if (!c)
		c = compare(a->order, b->order);
	return c ? c : compare(a->first, b->first);
}

static int by_number(const void *a, const void *b)
{
	return compare(*(const uint64_t *)a, *(const uint64_t *)b);
}

/* ---- lines ------------------------------------------------------------- */

/* What the bytes alone say: did two cpus, one of them a writer, meet on one? */
static unsigned class_of_bytes(const struct lines *t, const struct line *l)
{
	uint64_t read[LINE_MAX / 64] = { 0 }, written[LINE_MAX / 64] = { 0 };
	bool met = false, writes = false;

	if (l->n_shares < 2)
		return MT_sharing_none;
	for (uint32_t i = 0; i < l->share_room; i++) {
		const struct share *s = line_share(t, l, i);

		for (unsigned j = 0; s && j < t->words; j++) {
			uint64_t r = s->mask[READ * t->words + j];
			uint64_t w = s->mask[WRITTEN * t->words + j];

			met |= (w & (read[j] | written[j])) || (r & written[j]);
			writes |= w != 0;
			read[j] |= r;
			written[j] |= w;
		}
	}
	return !writes ? MT_sharing_read : met ? MT_sharing_true : MT_sharing_false;
}

static bool reportable(const struct report *r, const struct line *l)
{
	return r->o->all || l->class == MT_sharing_true || l->class == MT_sharing_false;
}

static void rank_site(const struct lines *t, struct line *l, const struct site *s)
{
	const struct site *best = l->best;

	if (!best || compare_sites(t, s, best) < 0) {
		if (best && site_cpu(t, best) != site_cpu(t, s))
			l->other = best;
		l->best = s;
	} else if (site_cpu(t, s) != site_cpu(t, best) &&
		   (!l->other || compare_sites(t, s, l->other) < 0)) {
		l->other = s;
	}
}

/* ---- refs -------------------------------------------------------------- */

static uint64_t group_of(const struct report *r, uint32_t object)
{
	const uint64_t *n = mt_table_get(&r->g->of_object, lines_scramble(r->t, object));

	return n ? *n : 0;
}

static void make_key(const struct report *r, const struct line *l, const struct site *s,
		     uint64_t key[3])
{
	switch (r->o->by) {
	case MT_shared_by_line:
		key[0] = l->number;
		break;
	case MT_shared_by_object:
		key[0] = s->object;
		break;
	case MT_shared_by_ctype:
		key[0] = group_of(r, s->object);
		break;
	case MT_shared_by_field:
		key[0] = s->field;
		key[1] = s->field ? 0 : group_of(r, s->object);
		break;
	case MT_shared_by_site:
		key[2] = line_paddr(r->t, l);
		/* fall through */
	case MT_shared_by_pc:
		key[0] = s->process;
		key[1] = s->pc;
		break;
	}
}

/* Turns counts of sites into starts. */
static size_t place_lines(struct lines *t)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);
		size_t sites = l->sites;

		l->sites = n;
		n += sites;
	}
	return n;
}

/* All sites of lines that count, line by line. */
static void collect(struct report *r)
{
	struct lines *t = r->t;

	for (uint32_t i = 0; i < t->sites.used; i++) {
		const struct site *s = pool_at(&t->sites, i);
		struct line *l = site_line(t, s);

		if (reportable(r, l)) {
			rank_site(t, l, s);
			l->sites++;
		}
	}
	r->n_refs = place_lines(t);
	r->refs = mt_xcalloc(r->n_refs, sizeof(*r->refs));
	for (uint32_t i = 0; i < t->sites.used; i++) {
		const struct site *s = pool_at(&t->sites, i);
		struct line *l = site_line(t, s);

		if (reportable(r, l)) {
			struct ref *ref = &r->refs[l->sites++];

			ref->site = s;
			ref->line = l;
			make_key(r, l, s, ref->key);
		}
	}
}

/* ---- the fields of a row ------------------------------------------------- */

static void add_number(struct report *r, uint64_t n)
{
	r->numbers = mt_xgrow(r->numbers, r->n_numbers, &r->number_room, sizeof(*r->numbers));
	r->numbers[r->n_numbers++] = n;
}

/* Sorts the scratch numbers and leaves each once. */
static void unique_numbers(struct report *r)
{
	size_t n = 0;

	qsort(r->numbers, r->n_numbers, sizeof(*r->numbers), by_number);
	for (size_t i = 0; i < r->n_numbers; i++)
		if (!n || r->numbers[n - 1] != r->numbers[i])
			r->numbers[n++] = r->numbers[i];
	r->n_numbers = n;
}

/* Room for both sets in a record; a longer one ends in ",...". */
#define CPU_SET 16384

/* The cpus of the refs that read (or write), as 0-3,7. */
static void cpu_set(struct report *r, const struct ref *refs, size_t n, bool write, char *text)
{
	size_t used = 0;

	r->n_numbers = 0;
	for (size_t i = 0; i < n; i++) {
		const struct site *s = refs[i].site;

		if (write ? s->stores : s->loads || s->flags & MT_access_flag_load)
			add_number(r, site_cpu(r->t, s));
	}
	unique_numbers(r);
	text[0] = 0;
	for (size_t i = 0, last; i < r->n_numbers; i = last + 1) {
		for (last = i; last + 1 < r->n_numbers && r->numbers[last + 1] == r->numbers[last] + 1;)
			last++;
		if (used > CPU_SET - 32) {
			strcpy(text + used, ",...");
			return;
		}
		used += (size_t)sprintf(text + used, "%s%u", used ? "," : "", (unsigned)r->numbers[i]);
		if (last > i)
			used += (size_t)sprintf(text + used, "-%u", (unsigned)r->numbers[last]);
	}
}

static uint64_t count_lines(struct report *r, const struct ref *refs, size_t n)
{
	r->n_numbers = 0;
	for (size_t i = 0; i < n; i++)
		add_number(r, refs[i].line->number);
	unique_numbers(r);
	return r->n_numbers;
}

/* 5 % of the moves may be of the other kind: start and end of a run are untypical. */
static unsigned class_of_moves(uint64_t true_moves, uint64_t false_moves)
{
	uint64_t all = true_moves + false_moves;

	if (true_moves * 20 > all && false_moves * 20 > all)
		return MT_sharing_mixed;
	return true_moves >= false_moves ? MT_sharing_true : MT_sharing_false;
}

static unsigned classify(const struct ref *refs, size_t n)
{
	/* names as in enum sharing; their order is that of severity up to here */
	static const unsigned rank[] = { [MT_sharing_none] = 0, [MT_sharing_read] = 1,
					 [MT_sharing_false] = 2, [MT_sharing_true] = 3 };
	uint64_t true_moves = 0, false_moves = 0;
	unsigned worst = MT_sharing_none;

	for (size_t i = 0; i < n; i++) {
		true_moves += refs[i].site->true_moves;
		false_moves += refs[i].site->false_moves;
	}
	if (true_moves + false_moves)
		return class_of_moves(true_moves, false_moves);
	for (size_t i = 0; i < n; i++) {
		unsigned class = refs[i].line->class;

		if (rank[class] > rank[worst])
			worst = class;
	}
	return worst;
}

static bool same_pc(const struct site *a, const struct site *b)
{
	return a->pc == b->pc && a->process == b->process;
}

/* The site to show for the instruction with most moves in the row. */
static const struct ref *top_ref(const struct lines *t, const struct ref *refs, size_t n)
{
	const struct ref *top = NULL;
	uint64_t top_moves = 0, top_accesses = 0;

	for (size_t i = 0, end; i < n; i = end) {
		const struct ref *best = &refs[i];
		uint64_t moves = 0, all = 0;

		for (end = i; end < n && same_pc(refs[end].site, refs[i].site); end++) {
			moves += refs[end].site->moves;
			all += accesses(refs[end].site);
			if (compare_sites(t, refs[end].site, best->site) < 0)
				best = &refs[end];
		}
		if (!top || moves > top_moves || (moves == top_moves && all > top_accesses)) {
			top = best;
			top_moves = moves;
			top_accesses = all;
		}
	}
	return top;
}

static void fill_sides(const struct lines *t, struct mt_shared *m, const struct ref *top)
{
	const struct site *one = top->site, *two = top->line->best;

	m->pc = one->pc;
	m->offset = one->offset;
	m->object = one->object;
	m->field = one->field;
	m->flags = one->flags;
	m->process = one->process;
	if (site_cpu(t, two) == site_cpu(t, one))
		two = top->line->other;
	if (!two)
		return;			/* one cpu only */
	m->pc2 = two->pc;
	m->offset2 = two->offset;
	m->object2 = two->object;
	m->field2 = two->field;
	m->flags2 = two->flags;
	if (!m->process)
		m->process = two->process;
}

static void put_row(struct report *r, const struct ref *refs, size_t n)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	static char readers[CPU_SET], writers[CPU_SET];
	const char *strings[] = { readers, writers };
	const struct ref *top = top_ref(r->t, refs, n);
	struct mt_shared m = { .hdr.kind = MT_KIND_shared, .by = r->o->by };

	for (size_t i = 0; i < n; i++) {
		m.moves += refs[i].site->moves;
		m.loads += refs[i].site->loads;
		m.stores += refs[i].site->stores;
	}
	m.lines = count_lines(r, refs, n);
	if (m.lines == 1) {
		m.line = line_paddr(r->t, top->line);
		m.addr = top->line->addr;
	}
	m.sharing = classify(refs, n);
	fill_sides(r->t, &m, top);
	cpu_set(r, refs, n, false, readers);
	cpu_set(r, refs, n, true, writers);
	mt_writer_put(r->out, mt_build(buf, &m, strings));
}

/* ---- rows -------------------------------------------------------------- */

static void add_row(struct report *r, struct row row)
{
	if (row.moves < r->o->min_moves)
		return;
	r->rows = mt_xgrow(r->rows, r->n_rows, &r->row_room, sizeof(*r->rows));
	r->rows[r->n_rows++] = row;
}

static bool same_key(const struct ref *a, const struct ref *b)
{
	return !memcmp(a->key, b->key, sizeof(a->key));
}

static void find_rows(struct report *r)
{
	for (size_t i = 0, end; i < r->n_refs; i = end) {
		struct row row = { .first = i, .order = line_paddr(r->t, r->refs[i].line) };

		for (end = i; end < r->n_refs && same_key(&r->refs[end], &r->refs[i]); end++) {
			row.moves += r->refs[end].site->moves;
			if (r->refs[end].line != r->refs[i].line)
				row.order = 0;
		}
		row.n = end - i;
		add_row(r, row);
	}
	if (r->n_rows)
		qsort(r->rows, r->n_rows, sizeof(*r->rows), by_moves);
}

void report_rows(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out)
{
	struct report r = { .t = t, .g = g, .o = o, .out = out };

	lines_settle(t);
	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		l->class = (uint8_t)class_of_bytes(t, l);
	}
	collect(&r);
	if (o->by != MT_shared_by_line)
		sort_refs(r.refs, r.n_refs);
	find_rows(&r);
	for (size_t i = 0; i < r.n_rows; i++) {
		if (o->by == MT_shared_by_line)	/* only together so far, not in order */
			sort_refs(r.refs + r.rows[i].first, r.rows[i].n);
		put_row(&r, r.refs + r.rows[i].first, r.rows[i].n);
	}
	free(r.refs);
	free(r.rows);
	free(r.numbers);
}
