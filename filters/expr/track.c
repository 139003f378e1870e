/* SPDX-License-Identifier: MIT */
/*
 * What runs on each cpu: the task (switch records), the system call (entry
 * records) and the scopes (scope records).
 */
#include <stdlib.h>
#include <string.h>

#include "expr.h"

#define DEEPEST_SCOPE 16		/* names are kept; deeper ones are counted */

struct scopes {
	unsigned depth;
	char *name[DEEPEST_SCOPE];
};

static void clear_scopes(struct mt_table *m)
{
	for (size_t i = 0; i < m->n_slots; i++) {
		struct scopes *s = (struct scopes *)(uintptr_t)m->slots[i].value;

		for (unsigned k = 0; s && k < s->depth && k < DEEPEST_SCOPE; k++)
			free(s->name[k]);
		free(s);
	}
	mt_table_release(m);
}

static void clear(struct expr_state *s)
{
	clear_scopes(&s->scopes);
	free(s->run);
	s->run = NULL;
}

/* The task of a record's own field, or the one that runs; none: its cpu. */
static uint64_t scope_key(const struct expr_state *s, const struct mt_hdr *rec)
{
	uint32_t task = mt_cpus_task(&s->names.cpus, rec->cpu);

	if (rec->kind == MT_KIND_scope && ((const struct mt_scope *)rec)->task)
		task = ((const struct mt_scope *)rec)->task;
	return task ? task : 1ull << 32 | rec->cpu;
}

static struct scopes *scopes_of(const struct expr_state *s, const struct mt_hdr *rec)
{
	const uint64_t *p = mt_table_get(&s->scopes, scope_key(s, rec));

	return p ? (struct scopes *)(uintptr_t)*p : NULL;
}

static void enter_scope(struct expr_state *state, const struct mt_hdr *rec)
{
	struct scopes *s = scopes_of(state, rec);

	if (!s) {
		s = mt_xcalloc(1, sizeof(*s));
		*mt_xtable_put(&state->scopes, scope_key(state, rec)) = (uintptr_t)s;
	}
	if (s->depth < DEEPEST_SCOPE)
		s->name[s->depth] = mt_xstrdup(mt_string(rec, 0));
	if (s->depth < UINT32_MAX)
		s->depth++;
}

static void leave_scope(struct expr_state *state, const struct mt_hdr *rec)
{
	struct scopes *s = scopes_of(state, rec);

	if (s && s->depth && --s->depth < DEEPEST_SCOPE)
		free(s->name[s->depth]);
}

/* A run starts before its mode record is judged, and ends there. */
static void note_mode(struct expr_state *s, const struct mt_mode *m)
{
	free(s->run);
	s->run = m->mode == MT_mode_off ? NULL : mt_xstrdup(mt_string(&m->hdr, 0));
}

static bool is_end_of_entry(const struct mt_hdr *rec)
{
	const struct mt_entry *e = (const struct mt_entry *)rec;

	return rec->kind == MT_KIND_entry &&
	       (e->state == MT_entry_state_done || e->state == MT_entry_state_pause);
}

void expr_state_before(struct expr_state *s, const struct mt_hdr *rec)
{
	if (mt_names_note(&s->names, rec) < 0 ||
	    (!is_end_of_entry(rec) && mt_entries_note(&s->entries, rec) < 0))
		mt_die(MT_FAIL, "out of memory");
	if (rec->kind == MT_KIND_begin)
		clear(s);
	else if (rec->kind == MT_KIND_mode)
		note_mode(s, (const struct mt_mode *)rec);
	else if (rec->kind == MT_KIND_scope &&
		 ((const struct mt_scope *)rec)->op == MT_scope_op_enter)
		enter_scope(s, rec);
}

/* What ends with a record still holds for the record itself. */
void expr_state_after(struct expr_state *s, const struct mt_hdr *rec)
{
	if (is_end_of_entry(rec) && mt_entries_note(&s->entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	else if (rec->kind == MT_KIND_scope &&
		 ((const struct mt_scope *)rec)->op == MT_scope_op_leave)
		leave_scope(s, rec);
}

/* ---- questions --------------------------------------------------------- */

int expr_running_find(const char *member)
{
	static const char *const members[] = { "task", "process", "syscall", "cause", "scope", "run" };

	for (int i = 0; i < 6; i++)
		if (!strcmp(member, members[i]))
			return i;
	return -1;
}

bool expr_running_number(const struct expr_state *s, enum expr_running what,
			 const struct mt_hdr *rec, uint64_t *n)
{
	const struct mt_kentry *e = mt_entries_current(&s->entries, rec->cpu);
	const uint64_t *p;

	if (what == RUNNING_syscall || what == RUNNING_cause) {
		*n = !e ? 0 : what == RUNNING_cause ? e->cause : e->number;
		return e && (what == RUNNING_cause || e->cause == MT_entry_cause_syscall);
	}
	p = mt_table_get(what == RUNNING_task ? &s->names.cpus.task : &s->names.cpus.process,
			 rec->cpu);
	*n = p ? *p : 0;
	return p;
}

const char *expr_running_string(const struct expr_state *s, enum expr_running what,
				const struct mt_hdr *rec)
{
	const struct scopes *scopes;

	if (what == RUNNING_run)
		return s->run;
	scopes = scopes_of(s, rec);
	if (!scopes || !scopes->depth || scopes->depth > DEEPEST_SCOPE)
		return NULL;
	return scopes->name[scopes->depth - 1];
}

bool expr_in_scope(const struct expr_state *s, const struct mt_hdr *rec, const char *name,
		   bool *inside)
{
	const struct scopes *scopes = scopes_of(s, rec);

	*inside = false;
	if (!scopes || !scopes->depth)
		return false;
	for (unsigned i = 0; i < scopes->depth && i < DEEPEST_SCOPE; i++)
		*inside |= !strcmp(scopes->name[i], name);
	return true;
}
