/* SPDX-License-Identifier: MIT */
/*
 * Heat: how the bytes of a type are used, whatever object they are in.
 *
 * Each site is a span of bytes of its object.  Spans of one kind of object are
 * sorted by where they begin; between two places where any begins or ends all
 * bytes are used alike, and neighbours with the same numbers are one row.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "numbers.h"
#include "report.h"

struct span {
	uint64_t group;			/* number of the kind of object */
	uint64_t offset, end;		/* in the object */
	uint64_t loads, stores, moves;
	uint32_t cpu, field;
	bool reads;
};

/* What a run of bytes adds up to. */
struct run {
	uint64_t offset, bytes, loads, stores, moves;
	uint32_t field;
	struct numbers readers, writers;
};

struct heat {
	const struct groups *g;
	const struct report_options *o;
	struct mt_writer *out;
	uint64_t group;
	struct span *spans;
	size_t n_spans, span_room;
	struct numbers borders;		/* of the group */
	struct run last;		/* not written yet; no bytes: there is none */
};

/* ---- spans ----------------------------------------------------------------- */

static int by_place(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;
	const uint64_t keys[][2] = {
		{ a->group, b->group }, { a->offset, b->offset }, { a->end, b->end },
		{ a->cpu, b->cpu }, { a->field, b->field }, { a->reads, b->reads },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare_numbers(keys[i][0], keys[i][1]);
	return c;
}

static void add_span(struct heat *h, const struct lines *t, const struct site *s)
{
	uint64_t group = groups_of(h->g, t, s->subject.object);
	uint64_t start = group ? *mt_table_get(&h->g->addr_of, lines_scramble(t, s->subject.object)) : 0;

	if (!group || s->grain->addr < start)
		return;
	h->spans = mt_xgrow(h->spans, h->n_spans, &h->span_room, sizeof(*h->spans));
	h->spans[h->n_spans++] = (struct span){
		.group = group, .offset = s->grain->addr - start,
		.end = s->grain->addr - start + s->grain->width,
		.loads = s->accesses[LOADS], .stores = s->accesses[STORES], .moves = s->moves,
		.cpu = s->cpu, .field = s->subject.field,
		.reads = s->accesses[LOADS] || s->flags & MT_access_flag_load,
	};
}

/* Most spans are one of many objects of the type, or of many instructions: once each. */
static void merge_spans(struct heat *h)
{
	size_t n = 0;

	if (h->n_spans)
		qsort(h->spans, h->n_spans, sizeof(*h->spans), by_place);
	for (size_t i = 0; i < h->n_spans; i++) {
		struct span *x = &h->spans[i];

		if (!n || by_place(&h->spans[n - 1], x)) {
			h->spans[n++] = *x;
			continue;
		}
		h->spans[n - 1].loads += x->loads;
		h->spans[n - 1].stores += x->stores;
		h->spans[n - 1].moves += x->moves;
	}
	h->n_spans = n;
}

static void collect(struct heat *h, const struct lines *t)
{
	for (uint32_t i = 0; i < t->shares.used; i++) {
		const struct share *s = share_at(t, i);

		for (size_t k = 0; report_wants(h->o, line_of(t, s)) && k < share_places(s); k++)
			if (s->tallies[k].key) {
				const struct site site = lines_site(t, s, &s->tallies[k]);

				add_span(h, t, &site);
			}
	}
	merge_spans(h);
}

/* ---- runs -------------------------------------------------------------------- */

static void flush_run(struct heat *h)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	static char readers[NUMBERS_TEXT], writers[NUMBERS_TEXT];
	const char *strings[] = { readers, writers };
	const struct run *x = &h->last;
	struct mt_heat m = {
		.hdr.kind = MT_KIND_heat, .offset = x->offset, .bytes = x->bytes, .moves = x->moves,
		.loads = x->loads, .stores = x->stores, .field = x->field,
		.object = h->g->first[h->group - 1],
		.reader_cpus = (uint32_t)x->readers.n, .writer_cpus = (uint32_t)x->writers.n,
	};

	if (!x->bytes || x->moves < h->o->min_moves)
		return;
	numbers_text(&x->readers, readers);
	numbers_text(&x->writers, writers);
	mt_writer_put(h->out, mt_build(buf, &m, strings));
}

static bool same_numbers(const struct numbers *a, const struct numbers *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->of, b->of, a->n * sizeof(*a->of)));
}

static bool alike(const struct run *a, const struct run *b)
{
	return a->bytes && a->offset + a->bytes == b->offset && a->loads == b->loads &&
	       a->stores == b->stores && a->moves == b->moves && a->field == b->field &&
	       same_numbers(&a->readers, &b->readers) && same_numbers(&a->writers, &b->writers);
}

static void release_run(struct run *x)
{
	free(x->readers.of);
	free(x->writers.of);
	*x = (struct run){ 0 };
}

/* Takes the run over: joins it to the last one, or writes that. */
static void put_run(struct heat *h, struct run *x)
{
	if (alike(&h->last, x)) {
		h->last.bytes += x->bytes;
		release_run(x);
		return;
	}
	flush_run(h);
	release_run(&h->last);
	h->last = *x;
}

/* ---- one kind of object ------------------------------------------------------ */

/* Adds the spans that cover all of a run; most accesses say which field it is. */
static void cover(const struct span *spans, size_t n, struct run *x)
{
	uint64_t most = 0;

	for (size_t i = 0; i < n && spans[i].offset <= x->offset; i++) {
		const struct span *s = &spans[i];

		if (s->end < x->offset + x->bytes)
			continue;
		x->loads += s->loads;
		x->stores += s->stores;
		x->moves += s->moves;
		if (s->reads)
			numbers_add(&x->readers, s->cpu);
		if (s->stores)
			numbers_add(&x->writers, s->cpu);
		if (s->loads + s->stores > most && s->field) {
			most = s->loads + s->stores;
			x->field = s->field;
		}
	}
	numbers_unique(&x->readers);
	numbers_unique(&x->writers);
}

/* n spans of one kind. */
static void put_group(struct heat *h, const struct span *spans, size_t n)
{
	size_t from = 0;		/* the first span that may reach this far */

	h->group = spans->group;
	h->borders.n = 0;
	for (size_t i = 0; i < n; i++) {
		numbers_add(&h->borders, spans[i].offset);
		numbers_add(&h->borders, spans[i].end);
	}
	numbers_unique(&h->borders);
	for (size_t i = 0; i + 1 < h->borders.n; i++) {
		struct run x = { .offset = h->borders.of[i] };

		x.bytes = h->borders.of[i + 1] - x.offset;
		while (from < n && spans[from].offset + LINE_MAX <= x.offset)
			from++;
		cover(spans + from, n - from, &x);
		if (x.loads | x.stores | x.moves)
			put_run(h, &x);
		else
			release_run(&x);
	}
	flush_run(h);
	release_run(&h->last);
}

void report_heat(struct lines *t, const struct groups *g, const struct report_options *o,
		 struct mt_writer *out)
{
	struct heat h = { .g = g, .o = o, .out = out };

	report_classify(t);
	collect(&h, t);
	for (size_t i = 0, end; i < h.n_spans; i = end) {
		for (end = i; end < h.n_spans && h.spans[end].group == h.spans[i].group;)
			end++;
		put_group(&h, h.spans + i, end - i);
	}
	free(h.spans);
	free(h.borders.of);
}
