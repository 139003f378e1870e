/* SPDX-License-Identifier: MIT */
/* From counts to the rows of mt-locks. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "guards.h"

/* One lock and one field. */
struct pair {
	uint32_t subject, name;
	struct guard_count all, read, write;
	uint64_t share, access_share;
};

/* One instruction, for a field, while a lock is held in some way. */
struct line {
	struct guard_key key;
	struct guard_count count;
};

static const struct guards *g;		/* qsort has no place for it */
static const struct guard_report *o;

/* ---- order --------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static const char *name_of(uint32_t name)
{
	return name ? mt_interned(g->names, name - 1) : "";
}

/* Type and path: the path is behind the type's zero. */
static int compare_subjects(uint32_t a, uint32_t b)
{
	const char *x, *y;
	int c;

	if (a == b)
		return 0;
	x = mt_interned(&g->subject_keys, a);
	y = mt_interned(&g->subject_keys, b);
	c = strcmp(x, y);
	return c ? c : strcmp(x + strlen(x) + 1, y + strlen(y) + 1);
}

static int compare_pairs(uint32_t subject1, uint32_t name1, uint32_t subject2, uint32_t name2)
{
	int c = compare_subjects(subject1, subject2);

	return c || name1 == name2 ? c : strcmp(name_of(name1), name_of(name2));
}

static int by_key(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = compare_pairs(x->key.subject, x->key.name, y->key.subject, y->key.name);

	c = c ? c : compare(y->key.held, x->key.held);
	c = c ? c : compare(x->key.process, y->key.process);
	return c ? c : compare(x->key.pc, y->key.pc);
}

static int by_use(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = compare(y->key.held, x->key.held);

	c = c ? c : compare(y->count.stores, x->count.stores);
	c = c ? c : compare(y->count.loads, x->count.loads);
	c = c ? c : compare(x->key.process, y->key.process);
	return c ? c : compare(x->key.pc, y->key.pc);
}

static int by_share(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int c = compare(y->share, x->share);

	c = c ? c : compare(y->write.stores, x->write.stores);
	c = c ? c : compare(y->access_share, x->access_share);
	return c ? c : compare_pairs(x->subject, x->name, y->subject, y->name);
}

static struct line *sorted(const struct counted *c)
{
	struct line *l = mt_xcalloc(c->keys.n, sizeof(*l));

	for (uint32_t i = 0; i < c->keys.n; i++) {
		memcpy(&l[i].key, mt_interned(&c->keys, i), sizeof(l[i].key));
		l[i].count = c->count[i];
	}
	if (c->keys.n)
		qsort(l, c->keys.n, sizeof(*l), by_key);
	return l;
}

/* ---- rows ------------------------------------------------------------------------- */

static uint64_t total(const struct guard_count *c)
{
	return c->loads + c->stores;
}

static uint64_t ppm(uint64_t part, uint64_t all)
{
	return all ? (uint64_t)((unsigned __int128)part * 1000000 / all) : 0;
}

static bool protects(const struct pair *p)
{
	return o->all || (p->all.stores && total(&p->all) >= o->min_accesses &&
			  p->share >= o->min_share * 10000);
}

/* Lines of a subject stand together, the one without a lock first; returns how many pairs. */
static size_t make_pairs(const struct line *l, size_t n, struct pair *pairs)
{
	const struct guard_count none = { 0 };
	struct guard_count all = none;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct pair *p = used ? &pairs[used - 1] : NULL;

		if (!i || l[i].key.subject != l[i - 1].key.subject)
			all = l[i].key.name ? none : l[i].count;
		if (!l[i].key.name && !o->partial)
			continue;
		if (!p || p->subject != l[i].key.subject || p->name != l[i].key.name) {
			p = &pairs[used++];
			*p = (struct pair){ .subject = l[i].key.subject, .name = l[i].key.name, .all = all };
		}
		if (l[i].key.held == MT_held_write)
			p->write = l[i].count;
		if (l[i].key.held == MT_held_read)
			p->read = l[i].count;
	}
	return used;
}

static void put_pair(const struct pair *p)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const char *ctype = mt_interned(&g->subject_keys, p->subject);
	bool total_only = o->partial && p->name;	/* the row without a lock has these */
	struct mt_guard m = {
		.hdr.kind = MT_KIND_guard,
		.loads = total_only ? 0 : p->all.loads, .stores = total_only ? 0 : p->all.stores,
		.write_loads = p->write.loads, .write_stores = p->write.stores,
		.read_loads = p->read.loads, .read_stores = p->read.stores,
		.hidden = total_only ? 0 : g->subjects[p->subject].hidden,
		.share = o->partial ? 0 : p->share, .access_share = o->partial ? 0 : p->access_share,
		.offset = g->subjects[p->subject].offset
	};

	mt_writer_put(o->out, mt_build(buf, &m, (const char *const[]){
				name_of(p->name), ctype, ctype + strlen(ctype) + 1 }));
}

static void put_line(const struct line *l, uint32_t name)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const char *ctype = mt_interned(&g->subject_keys, l->key.subject);
	struct mt_locked m = {
		.hdr.kind = MT_KIND_locked, .loads = l->count.loads, .stores = l->count.stores,
		.pc = l->key.pc, .offset = g->subjects[l->key.subject].offset,
		.process = l->key.process, .held = (uint16_t)l->key.held
	};

	mt_writer_put(o->out, mt_build(buf, &m, (const char *const[]){
				name_of(name), ctype, ctype + strlen(ctype) + 1 }));
}

/* ---- instructions ------------------------------------------------------------------- */

/* The first line that is not before that subject and lock. */
static size_t find_lines(const struct line *l, size_t n, uint32_t subject, uint32_t name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_pairs(l[middle].key.subject, l[middle].key.name, subject, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct line *l, uint32_t subject, uint32_t name)
{
	return l->key.subject == subject && l->key.name == name;
}

static void take_away(struct line *from, const struct line *l)
{
	from->count.loads -= l->count.loads;
	from->count.stores -= l->count.stores;
}

/* The line of all accesses by that instruction. */
static struct line *same_pc(struct line *all, size_t n, const struct line *l)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].key.pc == l->key.pc && all[i].key.process == l->key.process)
			return &all[i];
	return NULL;
}

/* What instructions do with the lock, most stores first, and then without it: the rest. */
static void put_lines(const struct line *l, size_t n, const struct pair *p)
{
	size_t i = find_lines(l, n, p->subject, 0), k = find_lines(l, n, p->subject, p->name);
	size_t n_all = 0, n_lock = 0;
	struct line *lines;

	while (i + n_all < n && is_of(&l[i + n_all], p->subject, 0))
		n_all++;
	while (k + n_lock < n && is_of(&l[k + n_lock], p->subject, p->name))
		n_lock++;
	lines = mt_xcalloc(n_all + n_lock, sizeof(*lines));
	if (n_all)
		memcpy(lines, l + i, n_all * sizeof(*lines));
	if (n_lock)
		memcpy(lines + n_all, l + k, n_lock * sizeof(*lines));
	for (i = 0; i < n_lock; i++) {
		struct line *from = same_pc(lines, n_all, &lines[n_all + i]);

		if (from)
			take_away(from, &lines[n_all + i]);
	}
	if (n_all + n_lock)
		qsort(lines, n_all + n_lock, sizeof(*lines), by_use);
	for (i = 0; i < n_all + n_lock; i++)
		if (total(&lines[i].count))
			put_line(&lines[i], p->name);
	free(lines);
}

/* ---- report ----------------------------------------------------------------------------- */

void guards_report(struct guards *guards, const struct guard_report *report)
{
	struct line *locks, *pcs;
	struct pair *pairs;
	size_t n;

	g = guards;
	o = report;
	guards_expand(guards);
	locks = sorted(&g->by_lock);
	pcs = sorted(&g->by_pc);
	pairs = mt_xcalloc(g->by_lock.keys.n, sizeof(*pairs));
	n = make_pairs(locks, g->by_lock.keys.n, pairs);
	for (size_t i = 0; i < n; i++) {
		struct pair *p = &pairs[i];

		p->share = ppm(p->write.stores, p->all.stores);
		p->access_share = ppm(total(&p->write) + total(&p->read), total(&p->all));
	}
	if (n && !o->partial)
		qsort(pairs, n, sizeof(*pairs), by_share);
	for (size_t i = 0; i < n; i++) {
		if (!o->partial && !protects(&pairs[i]))
			continue;
		put_pair(&pairs[i]);
		if (!o->partial && g->pcs)
			put_lines(pcs, g->by_pc.keys.n, &pairs[i]);
	}
	for (size_t i = 0; i < g->by_pc.keys.n && o->partial; i++)
		put_line(&pcs[i], pcs[i].key.name);
	free(locks);
	free(pcs);
	free(pairs);
}
