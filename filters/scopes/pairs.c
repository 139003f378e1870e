/* SPDX-License-Identifier: MIT */
/*
 * Unexpected sharing.  Scopes have a rank, by operation, name and id; the index
 * tells for each which of a higher rank it shares something with.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "findings.h"

/* ---- ranks -------------------------------------------------------------------- */

static int compare_operations(const struct ranked *a, const struct ranked *b)
{
	size_t len = a->operation_len < b->operation_len ? a->operation_len : b->operation_len;
	int c = memcmp(a->name, b->name, len);

	return c ? c : (a->operation_len > b->operation_len) - (a->operation_len < b->operation_len);
}

static int by_name(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	int c = compare_operations(a, b);

	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : a->kept->id < b->kept->id ? -1 : 1;
}

static void rank(struct report *r, const struct mt_intern *names)
{
	r->n = r->p->bodies.n;
	r->ranked = mt_xcalloc(r->n, sizeof(*r->ranked));
	for (uint32_t i = 0; i < r->n; i++) {
		struct ranked *x = &r->ranked[i];

		x->body = mt_interned(&r->p->bodies, i);
		x->kept = &r->p->kept[i];
		x->name = mt_interned(names, x->body->name);
		x->operation_len = strcspn(x->name, "(");
	}
	if (r->n)
		qsort(r->ranked, r->n, sizeof(*r->ranked), by_name);
	for (uint32_t i = 1; i < r->n; i++)
		r->ranked[i].operation = r->ranked[i - 1].operation +
			(compare_operations(&r->ranked[i - 1], &r->ranked[i]) != 0);
}

/* ---- the index ------------------------------------------------------------------ */

/* A word may have several touches, of different instructions. */
static void index_memory(struct index *x, const struct body *b, uint32_t place)
{
	const uint64_t *t = touches_of(b);

	for (uint32_t i = 0; i < b->n_touches;) {
		struct posting p = { .thing = t[2 * i], .rank = place };

		for (; i < b->n_touches && t[2 * i] == p.thing; i++)
			if (t[2 * i + 1] >> 8)
				p.written |= (uint8_t)t[2 * i + 1];
			else
				p.read |= (uint8_t)t[2 * i + 1];
		index_add(x, p);
	}
}

static void index_variables(struct index *x, const struct body *b, uint32_t place)
{
	for (uint32_t i = 0; i < b->n_vars; i++) {
		bool written = (b->words[i] & 3) == MT_var_access_write;

		index_add(x, (struct posting){ b->words[i] >> 2, place, !written, written });
	}
}

static void make_indices(struct report *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		index_memory(&r->memory, r->ranked[i].body, i);
		index_variables(&r->variables, r->ranked[i].body, i);
	}
	index_finish(&r->memory, r->n);
	index_finish(&r->variables, r->n);
	r->amount = mt_xcalloc(r->n, sizeof(*r->amount));
	r->hits = mt_xcalloc(r->n, sizeof(*r->hits));
	r->logical = mt_xcalloc(r->n, sizeof(*r->logical));
	r->logical_hits = mt_xcalloc(r->n, sizeof(*r->logical_hits));
}

/* ---- cpus ------------------------------------------------------------------------- */

static bool disjoint(const struct pairs *p, uint32_t a, uint32_t b)
{
	size_t words_a, words_b, words;
	const uint64_t *x = mt_interned_bytes(&p->cpu_sets, a, &words_a);
	const uint64_t *y = mt_interned_bytes(&p->cpu_sets, b, &words_b);

	words = (words_a < words_b ? words_a : words_b) / sizeof(*x);
	for (size_t i = 0; i < words; i++)
		if (x[i] & y[i])
			return false;
	return true;
}

/* Pairs on different cpus, by arithmetic. */
static uint64_t count_compared(const struct pairs *p)
{
	uint64_t *scopes = mt_xcalloc(p->cpu_sets.n, sizeof(*scopes)), pairs = 0;

	for (uint32_t i = 0; i < p->bodies.n; i++) {
		const struct body *b = mt_interned(&p->bodies, i);

		scopes[b->cpus] += p->kept[i].count;
	}
	for (uint32_t i = 0; i < p->cpu_sets.n; i++) {
		if (disjoint(p, i, i))	/* of no access: on no cpu */
			pairs += scopes[i] * (scopes[i] - 1) / 2;
		for (uint32_t k = i + 1; k < p->cpu_sets.n; k++)
			if (disjoint(p, i, k))
				pairs += scopes[i] * scopes[k];
	}
	free(scopes);
	return pairs;
}

/* ---- pairs ------------------------------------------------------------------------ */

/* Most bytes first; the order is total. */
static int by_bytes(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	if (a->pairs != b->pairs)
		return a->pairs > b->pairs ? -1 : 1;
	if (a->one != b->one)
		return a->one < b->one ? -1 : 1;
	return a->two < b->two ? -1 : 1;
}

/* As many as there are rows for; counts the others. */
static void keep_largest(struct report *r)
{
	if (r->n_findings)
		qsort(r->findings, r->n_findings, sizeof(*r->findings), by_bytes);
	if (r->n_findings <= r->o->rows)
		return;
	r->left_out += r->n_findings - r->o->rows;
	r->n_findings = r->o->rows;
}

static struct finding *finding_of(struct report *r, uint32_t one, uint32_t two)
{
	uint64_t key = (uint64_t)r->ranked[one].operation << 32 | r->ranked[two].operation;
	uint64_t *place = NULL;

	if (r->o->by == MT_unexpected_by_operation) {
		place = mt_xtable_put(&r->of_operations, key);
		if (*place)
			return &r->findings[*place - 1];
	}
	if (r->o->by == MT_unexpected_by_scope && r->n_findings / 2 >= r->o->rows)
		keep_largest(r);	/* pairs of scopes may be millions of millions */
	r->findings = mt_xgrow(r->findings, r->n_findings, &r->finding_room, sizeof(*r->findings));
	r->findings[r->n_findings] = (struct finding){ .one = one, .two = two };
	if (place)
		*place = r->n_findings + 1;
	return &r->findings[r->n_findings++];
}

static void found(struct report *r, uint32_t one, uint32_t two, uint64_t pairs)
{
	struct finding *f = finding_of(r, one, two);
	uint64_t bytes = r->amount[two];

	f->pairs += pairs;
	f->bytes += pairs * bytes;
	if (bytes > f->most || (bytes == f->most && one == f->one && two < f->two)) {
		f->most = bytes;
		f->one = one;
		f->two = two;
	}
}

static void judge(struct report *r, uint32_t one, uint32_t two)
{
	const struct ranked *x = &r->ranked[one], *y = &r->ranked[two];
	uint64_t pairs = x->kept->count * y->kept->count;

	if (!disjoint(r->p, x->body->cpus, y->body->cpus))
		return;
	if (!r->amount[two]) {
		r->only_logical += pairs;
	} else if (r->logical[two]) {
		r->both += pairs;
	} else {
		r->only_physical += pairs;
		found(r, one, two, pairs);
	}
}

static bool writes_variable(const struct body *b)
{
	for (uint32_t i = 0; i < b->n_vars; i++)
		if ((b->words[i] & 3) == MT_var_access_write)
			return true;
	return false;
}

/* Scopes that did the same are on different cpus only if they touched nothing. */
static void judge_alike(struct report *r, const struct ranked *x)
{
	if (disjoint(r->p, x->body->cpus, x->body->cpus) && writes_variable(x->body))
		r->only_logical += x->kept->count * (x->kept->count - 1) / 2;
}

static void judge_pairs_of(struct report *r, uint32_t one)
{
	size_t n = index_shared(&r->memory, one, r->amount, r->hits, 0);
	size_t m = index_shared(&r->variables, one, r->logical, r->logical_hits, 0);

	judge_alike(r, &r->ranked[one]);
	for (size_t i = 0; i < n; i++)
		judge(r, one, r->hits[i]);
	for (size_t i = 0; i < m; i++)
		if (!r->amount[r->logical_hits[i]])
			judge(r, one, r->logical_hits[i]);
	for (size_t i = 0; i < n; i++)
		r->amount[r->hits[i]] = 0;
	for (size_t i = 0; i < m; i++)
		r->logical[r->logical_hits[i]] = 0;
}

/* ---- the report ------------------------------------------------------------------ */

static void release(struct report *r)
{
	index_release(&r->memory);
	index_release(&r->variables);
	mt_table_release(&r->of_operations);
	free(r->ranked);
	free(r->amount);
	free(r->hits);
	free(r->logical);
	free(r->logical_hits);
	free(r->findings);
}

void pairs_report(const struct pairs *p, const struct mt_intern *names,
		  const struct pairs_options *o, uint32_t line, struct mt_writer *out)
{
	struct report r = { .p = p, .o = o };

	rank(&r, names);
	make_indices(&r);
	r.compared = count_compared(p);
	for (uint32_t i = 0; i < r.n; i++)
		judge_pairs_of(&r, i);
	put_counts(&r, out);
	keep_largest(&r);
	for (size_t i = 0; i < r.n_findings; i++)
		put_finding(&r, &r.findings[i], line, out);
	if (r.left_out)
		mt_warn("%llu pairs that share less have no row (--rows)",
			(unsigned long long)r.left_out);
	release(&r);
}
