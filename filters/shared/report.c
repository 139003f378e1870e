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
	struct site *sites;
	struct ref *refs;
	size_t n_refs;			/* and sites */
	struct row *rows;
	size_t n_rows, row_room;
	uint64_t *numbers;		/* scratch: lines or cpus of a row */
	size_t n_numbers, number_room;
	struct part *parts;		/* by tally */
	size_t n_parts;
};

/* Moves of a tally in another context than its first one. */
struct part {
	uint64_t key;			/* lines_moves_key */
	uint64_t moves;
};

/* ---- order ------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static uint64_t accesses(const struct site *s)
{
	return s->accesses[LOADS] + s->accesses[STORES];
}

static int compare_contexts(const struct context *a, const struct context *b)
{
	int c = compare(a->pc, b->pc);

	if (!c)
		c = compare(a->number, b->number);
	return c ? c : compare(a->cause, b->cause);
}

/* Negative when a is the one to show: most moves, then most accesses. */
static int compare_sites(const struct lines *t, const struct site *a, const struct site *b)
{
	const uint64_t keys[][2] = {
		{ b->moves, a->moves }, { accesses(b), accesses(a) },
		{ a->line->number, b->line->number },
		{ a->pc, b->pc }, { a->subject.process, b->subject.process },
		{ a->cpu, b->cpu },
		{ a->subject.object, b->subject.object }, { a->subject.field, b->subject.field },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare(keys[i][0], keys[i][1]);
	return c ? c : compare_contexts(&t->contexts[a->subject.context],
					&t->contexts[b->subject.context]);
}

static int by_key_and_pc(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	int c = 0;

	for (int i = 0; !c && i < 3; i++)
		c = compare(a->key[i], b->key[i]);
	if (!c)
		c = compare(a->site->subject.process, b->site->subject.process);
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
		if (best && best->cpu != s->cpu)
			l->other = best;
		l->best = s;
	} else if (s->cpu != best->cpu && (!l->other || compare_sites(t, s, l->other) < 0)) {
		l->other = s;
	}
}

/* ---- refs -------------------------------------------------------------- */

static uint64_t group_of(const struct report *r, uint32_t object)
{
	const uint64_t *n = mt_table_get(&r->g->of_object, lines_scramble(r->t, object));

	return n ? *n : 0;
}

static void make_key(const struct report *r, const struct site *s, uint64_t key[3])
{
	switch (r->o->by) {
	case MT_shared_by_line:
		key[0] = s->line->number;
		break;
	case MT_shared_by_object:
		key[0] = s->subject.object;
		break;
	case MT_shared_by_ctype:
		key[0] = group_of(r, s->subject.object);
		break;
	case MT_shared_by_field:
		key[0] = s->subject.field;
		key[1] = s->subject.field ? 0 : group_of(r, s->subject.object);
		break;
	case MT_shared_by_entry:
		key[0] = r->t->contexts[s->subject.context].pc;
		key[1] = r->t->contexts[s->subject.context].number;
		key[2] = r->t->contexts[s->subject.context].cause;
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

		if (reportable(r, s->line))
			n += s->n_tallies;
	}
	return n;
}

static void collect_share(struct report *r, const struct share *s)
{
	for (size_t i = 0; i < (size_t)1 << s->bits; i++) {
		const struct tally *y = &s->tallies[i];
		struct site *site = &r->sites[r->n_refs];

		if (!y->subject)
			continue;
		*site = lines_site(r->t, s, y);
		rank_site(r->t, s->line, site);
		r->refs[r->n_refs].site = site;
		make_key(r, site, r->refs[r->n_refs].key);
		r->n_refs++;
	}
}

/* All sites of lines that count, line by line. */
static void collect(struct report *r)
{
	struct lines *t = r->t;
	size_t n = count_sites(r);

	r->sites = mt_xcalloc(n, sizeof(*r->sites));
	r->refs = mt_xcalloc(n, sizeof(*r->refs));
	for (uint32_t i = 0; i < t->lines.used; i++) {
		const struct line *l = pool_at(&t->lines, i);

		for (uint32_t k = 0; reportable(r, l) && k < l->share_room; k++)
			if (line_share(t, l, k))
				collect_share(r, line_share(t, l, k));
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

		if (s->accesses[write ? STORES : LOADS] || (!write && s->flags & MT_access_flag_load))
			add_number(r, s->cpu);
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
		add_number(r, refs[i].site->line->number);
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
		unsigned class = refs[i].site->line->class;

		if (rank[class] > rank[worst])
			worst = class;
	}
	return worst;
}

static bool same_pc(const struct site *a, const struct site *b)
{
	return a->pc == b->pc && a->subject.process == b->subject.process;
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

static void fill_sides(struct mt_shared *m, const struct ref *top)
{
	const struct site *one = top->site, *two = one->line->best;

	m->pc = one->pc;
	m->offset = one->offset;
	m->object = one->subject.object;
	m->field = one->subject.field;
	m->flags = one->flags;
	m->process = one->subject.process;
	if (two->cpu == one->cpu)
		two = one->line->other;
	if (!two)
		return;			/* one cpu only */
	m->pc2 = two->pc;
	m->offset2 = two->offset;
	m->object2 = two->subject.object;
	m->field2 = two->subject.field;
	m->flags2 = two->flags;
	if (!m->process)
		m->process = two->subject.process;
}

/* ---- why the kernel moved lines ------------------------------------------ */

static int by_part(const void *a, const void *b)
{
	return compare(((const struct part *)a)->key, ((const struct part *)b)->key);
}

static void collect_parts(struct report *r)
{
	const struct mt_table *m = &r->t->moves_by;

	r->parts = mt_xcalloc(m->used, sizeof(*r->parts));
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			r->parts[r->n_parts++] = (struct part){ m->slots[i].key, m->slots[i].value };
	if (r->n_parts)
		qsort(r->parts, r->n_parts, sizeof(*r->parts), by_part);
}

/* The first part of a tally or behind it. */
static size_t find_part(const struct report *r, const struct site *s)
{
	uint64_t key = lines_moves_key(s->part, 0);
	size_t low = 0, high = r->n_parts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->parts[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds the moves of a site to those of its contexts. */
static void add_contexts(const struct report *r, const struct site *s, uint64_t *moves)
{
	uint64_t rest = s->moves;

	for (size_t i = find_part(r, s); i < r->n_parts &&
	     r->parts[i].key >> 16 == s->part; i++) {
		moves[r->parts[i].key & (CONTEXTS - 1)] += r->parts[i].moves;
		rest -= r->parts[i].moves;
	}
	moves[s->context] += rest;
}

static void fill_entry(struct mt_shared *m, const struct context *c)
{
	m->entry_pc = c->pc;
	m->number = c->number;
	m->cause = c->cause;
}

/* The entry that most moves of a row were made for, be it none. */
static void find_entry(struct report *r, const struct ref *refs, size_t n, struct mt_shared *m)
{
	static uint64_t moves[CONTEXTS];
	const struct lines *t = r->t;
	size_t best = 0;

	if (t->n_contexts < 2)
		return;
	memset(moves, 0, t->n_contexts * sizeof(*moves));
	for (size_t i = 0; i < n; i++)
		add_contexts(r, refs[i].site, moves);
	for (size_t i = 1; i < t->n_contexts; i++)
		if (moves[i] > moves[best] || (moves[i] && moves[i] == moves[best] &&
		    compare_contexts(&t->contexts[i], &t->contexts[best]) < 0))
			best = i;
	fill_entry(m, &t->contexts[best]);
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
		m.loads += refs[i].site->accesses[LOADS];
		m.stores += refs[i].site->accesses[STORES];
	}
	m.lines = count_lines(r, refs, n);
	if (m.lines == 1) {
		m.line = line_paddr(r->t, top->site->line);
		m.addr = top->site->line->addr;
	}
	m.sharing = classify(refs, n);
	fill_sides(&m, top);
	if (r->o->by == MT_shared_by_entry)
		fill_entry(&m, &r->t->contexts[top->site->subject.context]);
	else
		find_entry(r, refs, n, &m);
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
		struct row row = { .first = i, .order = line_paddr(r->t, r->refs[i].site->line) };

		for (end = i; end < r->n_refs && same_key(&r->refs[end], &r->refs[i]); end++) {
			row.moves += r->refs[end].site->moves;
			if (r->refs[end].site->line != r->refs[i].site->line)
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

	for (uint32_t i = 0; i < t->lines.used; i++) {
		struct line *l = pool_at(&t->lines, i);

		l->class = (uint8_t)class_of_bytes(t, l);
	}
	collect(&r);
	collect_parts(&r);
	if (o->by != MT_shared_by_line)
		sort_refs(r.refs, r.n_refs);
	find_rows(&r);
	for (size_t i = 0; i < r.n_rows; i++) {
		if (o->by == MT_shared_by_line)	/* only together so far, not in order */
			sort_refs(r.refs + r.rows[i].first, r.rows[i].n);
		put_row(&r, r.refs + r.rows[i].first, r.rows[i].n);
	}
	free(r.sites);
	free(r.refs);
	free(r.rows);
	free(r.numbers);
	free(r.parts);
}
