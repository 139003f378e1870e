/* SPDX-License-Identifier: MIT */
/* Scopes that are open. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "open.h"

/* The scopes that one call stack has opened. */
struct strand {
	struct scope *scopes[SCOPES_MAX];
	uint32_t depth;			/* may be more than SCOPES_MAX */
};

static struct strand *find(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct strand *)(uintptr_t)*p : NULL;
}

/* ---- whose ----------------------------------------------------------------- */

static uint64_t task_key(const struct open_scopes *o, uint32_t cpu, uint32_t task)
{
	if (!task)
		task = mt_cpus_task(&o->cpus, cpu);
	return task ? task : 1ull << 32 | cpu;
}

/* The table and key of the call stack that runs on the cpu. */
static struct mt_table *owner(struct open_scopes *o, uint32_t cpu, uint32_t task, uint64_t *key)
{
	const struct mt_kentry *k = mt_entries_current(&o->entries, cpu);

	*key = k ? k->tag : task_key(o, cpu, task);
	return k ? &o->by_tag : &o->by_task;
}

static void add_strand(const struct strand *s, struct scope *in[], size_t *n)
{
	uint32_t depth = s && s->depth < SCOPES_MAX ? s->depth : SCOPES_MAX;

	while (s && depth-- && *n < IN_SCOPES_MAX)
		in[(*n)++] = s->scopes[depth];
}

size_t open_scopes_of(const struct open_scopes *o, uint32_t cpu, struct scope *in[IN_SCOPES_MAX])
{
	const struct mt_kentry *k = mt_entries_current(&o->entries, cpu);
	size_t n = 0;

	/* a log that is wrong can make a circle of what stands on what */
	for (int i = 0; k && i < 16; i++) {
		add_strand(find(&o->by_tag, k->tag), in, &n);
		if (k->cause != MT_entry_cause_syscall && k->cause != MT_entry_cause_exception)
			return n;
		if (k->cause == MT_entry_cause_syscall || !k->has_below)
			break;
		k = mt_entries_find(&o->entries, k->below);
	}
	add_strand(find(&o->by_task, task_key(o, cpu, 0)), in, &n);
	return n;
}

/* ---- opening and closing ----------------------------------------------------- */

static void enter(struct open_scopes *o, const struct mt_scope *rec)
{
	uint64_t key, *place;
	struct mt_table *m = owner(o, rec->hdr.cpu, rec->task, &key);
	struct strand *s;
	struct scope *scope;

	place = mt_xtable_put(m, key);
	if (!*place)
		*place = (uintptr_t)mt_xcalloc(1, sizeof(struct strand));
	s = (struct strand *)(uintptr_t)*place;
	if (s->depth++ >= SCOPES_MAX)
		return;
	scope = s->scopes[s->depth - 1] = mt_xcalloc(1, sizeof(*scope));
	scope->id = ++o->opened;
	scope->name = mt_xintern(&o->names, mt_string(&rec->hdr, 0), strlen(mt_string(&rec->hdr, 0)));
	scope->cpu = rec->hdr.cpu;
	scope->time = rec->hdr.time;
}

void scope_release(struct scope *s)
{
	mt_table_release(&s->vars);
	mt_table_release(&s->cpus);
	footprint_release(&s->footprint);
}

static void close_innermost(struct open_scopes *o, struct strand *s)
{
	struct scope *scope;

	if (s->depth-- > SCOPES_MAX)
		return;
	scope = s->scopes[s->depth];
	scope->number = ++o->n_closed;
	o->closed(o->arg, scope);
	scope_release(scope);
	free(scope);
}

static void leave(struct open_scopes *o, const struct mt_scope *rec)
{
	uint64_t key;
	struct mt_table *m = owner(o, rec->hdr.cpu, rec->task, &key);
	struct strand *s = find(m, key);

	if (!s)
		return;			/* it was opened before recording */
	close_innermost(o, s);
	if (s->depth)
		return;
	mt_table_remove(m, key);
	free(s);
}

/* Closes the scopes of a strand and forgets it. */
static void end_strand(struct open_scopes *o, struct mt_table *m, uint64_t key)
{
	struct strand *s = find(m, key);

	if (!s)
		return;
	while (s->depth)
		close_innermost(o, s);
	mt_table_remove(m, key);
	free(s);
}

static int by_number(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* By key, so that the order does not depend on how the table lies in memory. */
static void end_all(struct open_scopes *o, struct mt_table *m)
{
	uint64_t *keys = mt_xcalloc(m->used + 1, sizeof(*keys));
	size_t n = 0;

	if (m->has_zero)
		keys[n++] = 0;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			keys[n++] = m->slots[i].key;
	qsort(keys, n, sizeof(*keys), by_number);
	for (size_t i = 0; i < n; i++)
		end_strand(o, m, keys[i]);
	mt_table_release(m);
	free(keys);
}

void open_close_all(struct open_scopes *o)
{
	end_all(o, &o->by_tag);
	end_all(o, &o->by_task);
}

/* ---- records ------------------------------------------------------------------ */

static void note_var(struct open_scopes *o, const struct mt_var *v)
{
	const char *name = mt_string(&v->hdr, 0);
	uint64_t key, *access;
	struct mt_table *m = owner(o, v->hdr.cpu, v->task, &key);
	struct strand *s = find(m, key);

	if (!s || s->depth > SCOPES_MAX)
		return;
	access = mt_xtable_put(&s->scopes[s->depth - 1]->vars,
			       mt_xintern(&o->names, name, strlen(name)));
	if (v->write || !*access)
		*access = v->write ? MT_var_access_write : MT_var_access_read;
}

static void begin_stream(struct open_scopes *o, const struct mt_hdr *rec)
{
	open_close_all(o);
	mt_intern_release(&o->names);
	o->opened = 0;
	o->n_closed = 0;
	mt_xentries_note(&o->entries, rec);
	mt_xcpus_note(&o->cpus, rec);
}

static void note_entry(struct open_scopes *o, const struct mt_entry *e)
{
	/* what starts again has ended, whether or not that was recorded */
	if (e->state == MT_entry_state_start || e->state == MT_entry_state_done)
		end_strand(o, &o->by_tag, e->tag);
	mt_xentries_note(&o->entries, &e->hdr);
}

void open_note(struct open_scopes *o, const struct mt_hdr *rec)
{
	const struct mt_scope *scope = (const struct mt_scope *)rec;
	const struct mt_task *task = (const struct mt_task *)rec;

	switch (rec->kind) {
	case MT_KIND_begin:
		begin_stream(o, rec);
		return;
	case MT_KIND_entry:
		note_entry(o, (const struct mt_entry *)rec);
		return;
	case MT_KIND_scope:
		if (scope->op == MT_scope_op_enter && o->on)
			enter(o, scope);
		else if (scope->op == MT_scope_op_leave)
			leave(o, scope);
		return;
	case MT_KIND_var:
		note_var(o, (const struct mt_var *)rec);
		return;
	case MT_KIND_task:
		if (task->op == MT_task_op_exit)
			end_strand(o, &o->by_task, task->task);
		break;
	}
	mt_xentries_note(&o->entries, rec);
	mt_xcpus_note(&o->cpus, rec);
}
