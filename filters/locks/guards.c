/* SPDX-License-Identifier: MIT */
/* Accesses to fields, by the set of locks that is held. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "guards.h"

struct pc_cell {
	uint64_t cell, pc, process;
};

void guards_init(struct guards *g, struct mt_intern *names)
{
	g->names = names;
	mt_xintern(&g->sets, "", 0);	/* 0: no lock */
}

static void counted_clear(struct counted *c)
{
	mt_intern_release(&c->keys);
}

void guards_clear(struct guards *g)
{
	mt_table_release(&g->cells);
	mt_intern_release(&g->pc_cells);
	g->n_counts = 0;
	for (uint32_t i = 0; i < g->subject_keys.n; i++)
		g->subjects[i].hidden = 0;
	counted_clear(&g->by_lock);
	counted_clear(&g->by_pc);
}

void guards_forget(struct guards *g)
{
	mt_table_release(&g->field_subject);
	mt_table_release(&g->object_subject);
	mt_table_release(&g->births);
	mt_table_release(&g->owner);
}

/* ---- fields ----------------------------------------------------------------- */

static uint32_t subject_of(struct guards *g, const char *ctype, const char *path, uint64_t offset)
{
	static char key[2 * MT_RECORD_MAX];
	size_t n = strlen(ctype) + 1, m = strlen(path);
	uint32_t known = g->subject_keys.n, i;

	memcpy(key, ctype, n);
	memcpy(key + n, path, m);
	i = mt_xintern(&g->subject_keys, key, n + m);
	g->subjects = mt_xgrow(g->subjects, i, &g->subject_room, sizeof(*g->subjects));
	if (i == known)
		g->subjects[i] = (struct subject){ .offset = offset };
	return i;
}

void guards_field(struct guards *g, const struct mt_field *f)
{
	*mt_xtable_put(&g->field_subject, f->id) =
		subject_of(g, mt_string(&f->hdr, 0), mt_string(&f->hdr, 1), f->offset) + 1u;
}

/* Labels name blocks by the address alone in the kernel, and by process too elsewhere. */
static uint64_t birth_key(uint32_t process, uint64_t addr)
{
	return addr ^ (uint64_t)process << 48;
}

/* A variable is a field of its own; of other objects only what has a type counts. */
void guards_object(struct guards *g, const struct mt_object *o)
{
	uint64_t *birth = mt_table_get(&g->births, birth_key(o->process, o->addr));

	if (o->storage == MT_storage_static || o->storage == MT_storage_percpu)
		*mt_xtable_put(&g->object_subject, o->id) =
			subject_of(g, "", mt_string(&o->hdr, 0), 0) + 1u;
	if (birth && o->storage == MT_storage_heap) {
		*mt_xtable_put(&g->owner, o->id) = *birth >> 32;
		*birth |= o->id;
	}
}

void guards_label(struct guards *g, const struct mt_label *l, uint32_t task)
{
	uint64_t key = birth_key(l->process, l->addr);
	const uint64_t *birth;

	if (l->storage != MT_storage_heap)
		return;
	birth = mt_table_get(&g->births, key);
	if (birth)
		mt_table_remove(&g->owner, (uint32_t)*birth);
	if (l->op == MT_label_op_alloc && task)
		*mt_xtable_put(&g->births, key) = (uint64_t)task << 32;
	else if (birth)
		mt_table_remove(&g->births, key);
}

/* ---- accesses ------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#define SET_MAX 64			/* locks that one strand holds: more do not count */

/* The locks of a strand: each name once, held exclusively if one of that name is. */
static uint32_t find_set(struct guards *g, const struct strand *s)
{
	uint64_t set[SET_MAX];
	size_t n = 0, used = 0;

	for (const struct hold *h = s->top; h && n < SET_MAX; h = h->below)
		if (!h->tries)
			set[n++] = (uint64_t)h->name << 1 | !h->read;
	if (n)
		qsort(set, n, sizeof(*set), by_number);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || set[i + 1] >> 1 != set[i] >> 1)
			set[used++] = set[i];
	return mt_xintern(&g->sets, set, used * sizeof(*set));
}

static uint32_t set_of(struct guards *g, struct strand *s)
{
	if (!s)
		return 0;
	if (!s->locks_known) {
		s->locks = find_set(g, s);
		s->locks_known = true;
	}
	return (uint32_t)s->locks;
}

/* 0: no subject */
static uint32_t subject_at(const struct guards *g, const struct mt_access *a)
{
	const uint64_t *p = a->field ? mt_table_get(&g->field_subject, a->field) :
		a->object ? mt_table_get(&g->object_subject, a->object) : NULL;

	return p ? (uint32_t)*p : 0;
}

/* From the first access of another task, or of a handler, on it is reachable. */
static bool is_hidden(struct guards *g, const struct mt_access *a, uint32_t task)
{
	const uint64_t *owner = g->owner.used ? mt_table_get(&g->owner, a->object) : NULL;

	if (!owner || g->count_hidden)
		return false;
	if (*owner == task)
		return true;
	mt_table_remove(&g->owner, a->object);
	return false;
}

static void count(struct guard_count *c, const struct mt_access *a)
{
	if (a->flags & MT_access_flag_store)
		c->stores++;
	else
		c->loads++;
}

static void count_pc(struct guards *g, uint64_t cell, uint32_t process, const struct mt_access *a)
{
	struct pc_cell key = { cell, a->pc, process };
	uint32_t known = g->pc_cells.n, i = mt_xintern(&g->pc_cells, &key, sizeof(key));

	g->pc_counts = mt_xgrow(g->pc_counts, i, &g->pc_room, sizeof(*g->pc_counts));
	if (i == known)
		g->pc_counts[i] = (struct guard_count){ 0 };
	count(&g->pc_counts[i], a);
}

void guards_access(struct guards *g, struct strand *s, uint32_t task, uint32_t process,
		   const struct mt_access *a)
{
	bool hidden = is_hidden(g, a, task);
	uint32_t subject = subject_at(g, a);
	uint64_t cell, *place;

	if (!subject)
		return;
	if (hidden) {
		g->subjects[subject - 1].hidden++;
		return;
	}
	cell = (uint64_t)set_of(g, s) << 32 | subject;
	place = mt_xtable_put(&g->cells, cell);
	if (!*place) {
		g->counts = mt_xgrow(g->counts, g->n_counts, &g->count_room, sizeof(*g->counts));
		g->counts[g->n_counts++] = (struct guard_count){ 0 };
		*place = g->n_counts;
	}
	count(&g->counts[*place - 1], a);
	if (g->pcs)
		count_pc(g, cell, process, a);
}

/* ---- what that says of each lock --------------------------------------------------- */

static void add(struct counted *to, const struct guard_key *key, const struct guard_count *c)
{
	uint32_t known = to->keys.n, i = mt_xintern(&to->keys, key, sizeof(*key));

	to->count = mt_xgrow(to->count, i, &to->room, sizeof(*to->count));
	if (i == known)
		to->count[i] = (struct guard_count){ 0 };
	to->count[i].loads += c->loads;
	to->count[i].stores += c->stores;
}

/* Adds to all accesses of the subject, and to those under each lock of the set. */
static void expand(const struct guards *g, struct counted *to, uint64_t cell, uint64_t pc,
		   uint32_t process, const struct guard_count *c)
{
	struct guard_key key = { .subject = (uint32_t)cell - 1, .pc = pc, .process = process };
	size_t bytes;
	const uint64_t *set = mt_interned_bytes(&g->sets, (uint32_t)(cell >> 32), &bytes);

	add(to, &key, c);
	for (size_t i = 0; i < bytes / sizeof(*set); i++) {
		key.name = (uint32_t)(set[i] >> 1) + 1;
		key.held = set[i] & 1 ? MT_held_write : MT_held_read;
		add(to, &key, c);
	}
}

void guards_expand(struct guards *g)
{
	for (size_t i = 0; i < g->cells.n_slots; i++)
		if (g->cells.slots[i].key)
			expand(g, &g->by_lock, g->cells.slots[i].key, 0, 0,
			       &g->counts[g->cells.slots[i].value - 1]);
	for (uint32_t i = 0; i < g->pc_cells.n; i++) {
		const struct pc_cell *p = mt_interned(&g->pc_cells, i);

		expand(g, &g->by_pc, p->cell, p->pc, (uint32_t)p->process, &g->pc_counts[i]);
	}
	for (uint32_t i = 0; i < g->subject_keys.n; i++)
		if (g->subjects[i].hidden)	/* perhaps all that this part has seen of it */
			add(&g->by_lock, &(struct guard_key){ .subject = i }, &(struct guard_count){ 0 });
}

/* ---- partial reports ------------------------------------------------------------------ */

static uint32_t name_number(struct guards *g, const struct mt_hdr *rec)
{
	const char *name = mt_string(rec, 0);

	return *name ? mt_xintern_string(g->names, name) + 1 : 0;
}

void guards_add_row(struct guards *g, const struct mt_guard *r)
{
	uint32_t subject = subject_of(g, mt_string(&r->hdr, 1), mt_string(&r->hdr, 2), r->offset);
	struct guard_key key = { .subject = subject, .name = name_number(g, &r->hdr) };

	if (!key.name) {
		g->subjects[subject].hidden += r->hidden;
		add(&g->by_lock, &key, &(struct guard_count){ r->loads, r->stores });
		return;
	}
	key.held = MT_held_read;
	add(&g->by_lock, &key, &(struct guard_count){ r->read_loads, r->read_stores });
	key.held = MT_held_write;
	add(&g->by_lock, &key, &(struct guard_count){ r->write_loads, r->write_stores });
}

void guards_add_pc(struct guards *g, const struct mt_locked *r)
{
	struct guard_key key = {
		.subject = subject_of(g, mt_string(&r->hdr, 1), mt_string(&r->hdr, 2), r->offset),
		.name = name_number(g, &r->hdr), .held = r->held, .process = r->process, .pc = r->pc
	};

	add(&g->by_pc, &key, &(struct guard_count){ r->loads, r->stores });
}
