/* SPDX-License-Identifier: MIT */
/*
 * The fields of a row.  Every choice is made by a total order over what the log
 * says, so that the same log gives the same bytes however tables are laid out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "row.h"

/* Moves of a tally in another context than its first one. */
struct part {
	uint64_t key;			/* lines_moves_key */
	uint64_t moves;
};

/* ---- order ------------------------------------------------------------- */

uint64_t site_accesses(const struct site *s)
{
	return s->accesses[LOADS] + s->accesses[STORES];
}

int compare_contexts(const struct context *a, const struct context *b)
{
	int c = compare_numbers(a->pc, b->pc);

	if (!c)
		c = compare_numbers(a->number, b->number);
	return c ? c : compare_numbers(a->cause, b->cause);
}

static int compare_grains(const struct grain *a, const struct grain *b)
{
	const uint64_t keys[][2] = {
		{ a->addr, b->addr }, { a->offset, b->offset }, { a->width, b->width },
		{ a->task, b->task },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare_numbers(keys[i][0], keys[i][1]);
	return c;
}

/* Negative when a is the one to show: most moves, then most accesses. */
int compare_sites(const struct site *a, const struct site *b)
{
	const uint64_t keys[][2] = {
		{ b->moves, a->moves }, { site_accesses(b), site_accesses(a) },
		{ a->line->number, b->line->number },
		{ a->pc, b->pc }, { a->subject.process, b->subject.process },
		{ a->cpu, b->cpu },
		{ a->subject.object, b->subject.object }, { a->subject.field, b->subject.field },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare_numbers(keys[i][0], keys[i][1]);
	if (!c)
		c = compare_contexts(a->entry, b->entry);
	return c || !a->grain ? c : compare_grains(a->grain, b->grain);
}

static int by_key_and_pc(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	int c = 0;

	for (int i = 0; !c && i < 3; i++)
		c = compare_numbers(a->key[i], b->key[i]);
	if (!c)
		c = compare_numbers(a->site->subject.process, b->site->subject.process);
	return c ? c : compare_numbers(a->site->pc, b->site->pc);
}

/* Whole rows of uses are written: their order must be told by what they say. */
static int by_key_and_all(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	int c = by_key_and_pc(pa, pb);

	return c ? c : compare_sites(a->site, b->site);
}

void row_sort(struct ref *refs, size_t n, unsigned by)
{
	if (n > 1)
		qsort(refs, n, sizeof(*refs), by == BY_USE ? by_key_and_all : by_key_and_pc);
}

/* ---- the fields of a row ------------------------------------------------- */

static bool reads(const struct site *s)
{
	return s->accesses[LOADS] || s->flags & MT_access_flag_load;
}

/*
 * 2 * accesses / their standard deviation over the cpus, in thousandths: what
 * the original sorted shared addresses by.  With whole numbers until the root.
 */
static uint64_t weight(const struct report *r, uint64_t all)
{
	unsigned __int128 squares = 0;
	double spread;

	for (size_t i = 0; i < r->cpus.n; i++) {
		uint64_t n = r->of_cpu[r->cpus.of[i]];

		squares += (unsigned __int128)n * n;
	}
	squares = squares * r->n_cpus - (unsigned __int128)all * all;
	if (!squares)
		return all < UINT64_MAX / 2000 ? all * 2000 : UINT64_MAX;
	spread = sqrt((double)squares) / (double)r->n_cpus;
	return (uint64_t)(2000.0 * (double)all / spread);
}

/* Which cpus, and how evenly. */
static void fill_cpus(struct report *r, const struct ref *refs, size_t n, struct mt_shared *m)
{
	r->cpus.n = r->readers.n = r->writers.n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct site *s = refs[i].site;

		r->of_cpu[s->cpu_index] += site_accesses(s);
		numbers_add(&r->cpus, s->cpu_index);
		if (reads(s))
			numbers_add(&r->readers, s->cpu);
		if (s->accesses[STORES])
			numbers_add(&r->writers, s->cpu);
	}
	m->cpus = (uint32_t)numbers_unique(&r->cpus);
	m->reader_cpus = (uint32_t)numbers_unique(&r->readers);
	m->writer_cpus = (uint32_t)numbers_unique(&r->writers);
	m->weight = weight(r, m->loads + m->stores);
	for (size_t i = 0; i < r->cpus.n; i++)
		r->of_cpu[r->cpus.of[i]] = 0;
}

static uint64_t count_lines(struct report *r, const struct ref *refs, size_t n)
{
	r->lines.n = 0;
	for (size_t i = 0; i < n; i++)
		numbers_add(&r->lines, refs[i].site->line->number);
	return numbers_unique(&r->lines);
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

/*
 * The site to show for the instruction with most moves in the row, of refs sorted by
 * instruction.  tie: several have as many.
 */
static const struct ref *top_of_sorted(const struct ref *refs, size_t n, bool *tie)
{
	const struct ref *top = NULL;
	uint64_t top_moves = 0, top_accesses = 0;

	*tie = false;
	for (size_t i = 0, end; i < n; i = end) {
		const struct ref *best = &refs[i];
		uint64_t moves = 0, all = 0;

		for (end = i; end < n && same_pc(refs[end].site, refs[i].site); end++) {
			moves += refs[end].site->moves;
			all += site_accesses(refs[end].site);
			if (compare_sites(refs[end].site, best->site) < 0)
				best = &refs[end];
		}
		*tie = top && (moves == top_moves || (*tie && moves < top_moves));
		if (!top || moves > top_moves || (moves == top_moves && all > top_accesses)) {
			top = best;
			top_moves = moves;
			top_accesses = all;
		}
	}
	return top;
}

const struct ref *row_top(const struct ref *refs, size_t n)
{
	bool tie;

	return top_of_sorted(refs, n, &tie);
}

/* Puts the sites that moved their line in front, and says how many. */
static size_t movers_first(struct ref *refs, size_t n)
{
	size_t movers = 0;

	for (size_t i = 0; i < n; i++)
		if (refs[i].site->moves) {
			const struct ref mover = refs[i];

			refs[i] = refs[movers];
			refs[movers++] = mover;
		}
	return movers;
}

/*
 * Most sites of most lines never moved it.  These count only between instructions
 * with as many moves: else they need no order.
 */
const struct ref *row_top_of_line(struct ref *refs, size_t n)
{
	const size_t movers = movers_first(refs, n);
	const struct ref *top;
	bool tie;

	row_sort(refs, movers, MT_shared_by_line);
	top = top_of_sorted(refs, movers, &tie);
	if (top && !tie)
		return top;
	row_sort(refs, n, MT_shared_by_line);
	return row_top(refs, n);
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
	return compare_numbers(((const struct part *)a)->key, ((const struct part *)b)->key);
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

static void sum_up(const struct ref *refs, size_t n, struct mt_shared *m)
{
	for (size_t i = 0; i < n; i++) {
		m->moves += refs[i].site->moves;
		m->loads += refs[i].site->accesses[LOADS];
		m->stores += refs[i].site->accesses[STORES];
	}
}

/* What the row stands for, where that is not what its top instruction touches. */
static void fill_key(struct report *r, const struct ref *refs, size_t n, const struct ref *top,
		     struct mt_shared *m)
{
	const struct site *s = top->site;

	m->lines = count_lines(r, refs, n);
	if (m->lines == 1) {
		m->line = line_paddr(r->t, s->line);
		m->addr = r->o->by == MT_shared_by_address ? s->grain->addr : s->line->addr;
	}
	if (r->o->by == MT_shared_by_task)
		m->task = s->grain->task;
	if (r->o->by == MT_shared_by_entry)
		fill_entry(m, s->entry);
	else
		find_entry(r, refs, n, m);
}

static void put_uses(struct report *r, const struct ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		report_use(r->t, refs[i].site, r->out);
}

void row_put(struct report *r, const struct ref *refs, size_t n, const struct ref *top)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	static char readers[NUMBERS_TEXT], writers[NUMBERS_TEXT];
	const char *strings[] = { readers, writers };
	struct mt_shared m = { .hdr.kind = MT_KIND_shared, .by = r->o->by };

	sum_up(refs, n, &m);
	fill_cpus(r, refs, n, &m);
	if (m.cpus < r->o->min_cpus)
		return;
	if (r->o->by == BY_USE) {
		put_uses(r, refs, n);
		return;
	}
	m.sharing = classify(refs, n);
	fill_sides(&m, top);
	fill_key(r, refs, n, top, &m);
	numbers_text(&r->readers, readers);
	numbers_text(&r->writers, writers);
	mt_writer_put(r->out, mt_build(buf, &m, strings));
}

void row_prepare(struct report *r)
{
	for (size_t i = 0; i < r->t->n_cpus; i++)
		r->n_cpus += r->t->cpu[i].counts;
	if (r->n_cpus < r->t->cpus)
		r->n_cpus = r->t->cpus;
	r->of_cpu = mt_xcalloc(r->t->n_cpus, sizeof(*r->of_cpu));
	collect_parts(r);
}

void row_release(struct report *r)
{
	free(r->of_cpu);
	free(r->lines.of);
	free(r->readers.of);
	free(r->writers.of);
	free(r->cpus.of);
	free(r->parts);
}
