/* SPDX-License-Identifier: MIT */
/*
 * Call stacks of the kernel: a row for each piece of an entry that ran on a cpu
 * without being set aside, and, where calls were recorded, one for each
 * interval between two calls or returns.
 */
#include <stdlib.h>
#include <string.h>

#include "tosqlite.h"

#define FRAMES_MAX 65536		/* of a strand; a longer one loses its outer half */

/* What runs on a cpu. */
struct piece {
	uint64_t id;			/* of the row; 0: nothing */
	uint64_t tag;
	uint64_t start;			/* now, when it began */
};

/* A chain of calls: of an entry, or of what a cpu does outside of entries. */
struct strand_calls {
	uint64_t *callers;		/* ids of the intervals to return to */
	size_t n, room;
	uint64_t id, prev;		/* of the running interval; 0: set aside */
	uint64_t start, start_pc;
	uint32_t cpu;
	bool has_tag;
	uint64_t tag;
};

static struct mt_table pieces;		/* cpu -> struct piece */
static struct mt_table by_tag, by_cpu;	/* -> struct strand_calls */
static uint64_t last_piece, last_interval;
static sqlite3_stmt *insert, *close_row, *insert_interval;

void traces_open(void)
{
	insert = db_prepare("INSERT INTO call_traces VALUES (?,?,?,?,?,?,?,?,?,?,?)");
	close_row = db_prepare("UPDATE call_traces SET access_end = ? WHERE call_trace_id = ?");
	insert_interval = db_prepare("INSERT INTO call_intervals VALUES (?,?,?,?,?,?,?,?,?,?)");
}

/* ---- intervals --------------------------------------------------------------- */

/* Ends the running one; the next one, if it is known, follows at once. */
static void end_interval(struct strand_calls *s, uint64_t end_pc, uint64_t next)
{
	if (!s->id)
		return;
	db_int(insert_interval, 1, s->id);
	if (s->has_tag)
		db_int(insert_interval, 2, s->tag);
	db_int(insert_interval, 3, s->cpu);
	db_int(insert_interval, 4, s->start_pc);
	db_int_or_null(insert_interval, 5, end_pc);
	db_int(insert_interval, 6, s->start);
	db_int(insert_interval, 7, now ? now - 1 : 0);
	db_int_or_null(insert_interval, 8, s->prev);
	db_int_or_null(insert_interval, 9, next);
	if (s->n)
		db_int(insert_interval, 10, s->callers[s->n - 1]);
	db_run(insert_interval);
	s->prev = s->id;
	s->id = 0;
}

static void begin_interval(struct strand_calls *s, uint64_t id, uint64_t pc, uint32_t cpu)
{
	s->id = id;
	s->start = now;
	s->start_pc = pc;
	s->cpu = cpu;
}

static void push_caller(struct strand_calls *s, uint64_t id)
{
	if (s->n == FRAMES_MAX) {
		s->n /= 2;
		memmove(s->callers, s->callers + s->n, s->n * sizeof(*s->callers));
	}
	s->callers = mt_xgrow(s->callers, s->n, &s->room, sizeof(*s->callers));
	s->callers[s->n++] = id;
}

static struct strand_calls *strand_in(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct strand_calls *)(uintptr_t)*p : NULL;
}

/* The first call that is seen tells that the function around it runs. */
static struct strand_calls *strand_for(uint32_t cpu, const struct piece *p)
{
	struct mt_table *m = p->id ? &by_tag : &by_cpu;
	uint64_t key = p->id ? p->tag : cpu;
	struct strand_calls *s = strand_in(m, key);
	const struct mt_kentry *k = mt_entries_current(&holds.entries, cpu);

	if (s)
		return s;
	s = mt_xcalloc(1, sizeof(*s));
	s->has_tag = p->id != 0;
	s->tag = p->tag;
	begin_interval(s, ++last_interval, k ? k->pc : 0, cpu);
	s->start = p->id ? p->start : now;
	*mt_xtable_put(m, key) = (uintptr_t)s;
	return s;
}

static void note_call(const struct mt_call *c, const struct piece *p)
{
	struct strand_calls *s = strand_for(c->hdr.cpu, p);
	uint64_t next = ++last_interval, ended = s->id ? s->id : s->prev;

	/* the original does not say where a call stands: the one before its return address */
	end_interval(s, c->pc ? c->pc : c->op == MT_call_op_call ? c->return_pc - 1 : 0, next);
	if (c->op == MT_call_op_call)
		push_caller(s, ended);
	else if (s->n)
		s->n--;
	begin_interval(s, next, c->target, c->hdr.cpu);
}

/* ---- pieces --------------------------------------------------------------------- */

static struct piece *piece_of(uint32_t cpu)
{
	uint64_t *place = mt_xtable_put(&pieces, cpu);

	if (!*place)
		*place = (uintptr_t)mt_xcalloc(1, sizeof(struct piece));
	return (struct piece *)(uintptr_t)*place;
}

static void end_piece(struct piece *p)
{
	struct strand_calls *s = p->id ? strand_in(&by_tag, p->tag) : NULL;

	if (!p->id)
		return;
	db_int(close_row, 1, now ? now - 1 : 0);
	db_int(close_row, 2, p->id);
	db_run(close_row);
	p->id = 0;
	if (s)
		end_interval(s, 0, 0);
}

/* What the entry is called: its function, or the system call. */
static void bind_name(sqlite3_stmt *to, int at, const struct mt_kentry *k)
{
	const struct mt_symbol *symbol = mt_names_symbol(&names, 0, k->pc);
	const char *name = symbol ? mt_string(&symbol->hdr, 0) : "";
	static struct mt_out text;	/* db_run reads it later */

	if (!*name && k->cause == MT_entry_cause_syscall)
		name = mt_syscall_name(k->number);
	if (name && *name) {
		db_text(to, at, name);
		return;
	}
	mt_out_init(&text, -1);
	mt_names_entry(&text, &names, k->cause, k->number, k->pc, mt_out_utf8);
	mt_out_char(&text, 0);
	db_text(to, at, text.buf);
}

static void begin_piece(struct piece *p, const struct mt_kentry *k, const struct mt_hdr *rec)
{
	const struct mt_entry *e = rec->kind == MT_KIND_entry ? (const struct mt_entry *)rec : NULL;
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_entry), "cause");
	const char *cause = mt_value_name(f->values, k->cause);
	struct strand_calls *s = strand_in(&by_tag, k->tag);

	*p = (struct piece){ ++last_piece, k->tag, now };
	db_int(insert, 1, p->id);
	db_int(insert, 2, k->tag);
	db_int(insert, 3, k->cpu);
	db_int_or_null(insert, 4, k->task);
	db_int(insert, 5, k->pc);
	bind_name(insert, 6, k);
	if (cause)
		db_text(insert, 7, cause);
	db_int(insert, 8, k->number);
	if (e && e->tag == k->tag)
		db_int(insert, 9, e->depth);
	db_int(insert, 10, p->start);
	db_int(insert, 11, DB_OPEN_END);
	db_run(insert);
	if (s)
		begin_interval(s, ++last_interval, s->start_pc, k->cpu);
}

/* Has what runs on the cpu changed? */
static void sync_cpu(uint32_t cpu, const struct mt_hdr *rec)
{
	const struct mt_kentry *k = mt_entries_current(&holds.entries, cpu);
	struct piece *p = piece_of(cpu);

	if (k && p->id && p->tag == k->tag)
		return;
	end_piece(p);
	if (k)
		begin_piece(p, k, rec);
}

/* ---- ends ------------------------------------------------------------------------- */

static void free_strand(struct strand_calls *s)
{
	end_interval(s, 0, 0);
	free(s->callers);
	free(s);
}

static void free_strands(struct mt_table *m)
{
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			free_strand((struct strand_calls *)(uintptr_t)m->slots[i].value);
	if (m->has_zero)
		free_strand((struct strand_calls *)(uintptr_t)m->zero);
	mt_table_release(m);
}

static void end_strand(uint64_t tag)
{
	struct strand_calls *s = strand_in(&by_tag, tag);

	if (!s)
		return;
	mt_table_remove(&by_tag, tag);
	free_strand(s);
}

void traces_end(void)
{
	for (size_t i = 0; i < pieces.n_slots; i++)
		if (pieces.slots[i].value)
			end_piece((struct piece *)(uintptr_t)pieces.slots[i].value);
	if (pieces.has_zero && pieces.zero)
		end_piece((struct piece *)(uintptr_t)pieces.zero);
	free_strands(&by_tag);
	free_strands(&by_cpu);
}

void traces_note(const struct mt_hdr *rec)
{
	const struct mt_entry *e = (const struct mt_entry *)rec;

	switch (rec->kind) {
	case MT_KIND_begin:
	case MT_KIND_end:
		traces_end();
		break;
	case MT_KIND_mode:
		if (((const struct mt_mode *)rec)->mode == MT_mode_off)
			traces_end();
		break;
	case MT_KIND_call:
		note_call((const struct mt_call *)rec, piece_of(rec->cpu));
		break;
	case MT_KIND_entry:
		sync_cpu(rec->cpu, rec);
		if (e->state == MT_entry_state_done)
			end_strand(e->tag);
		break;
	}
}
