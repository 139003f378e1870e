/* SPDX-License-Identifier: MIT */
/* Documents from events themselves. */
#include <stdlib.h>
#include <string.h>

#include "classic.h"

/* ---- events ------------------------------------------------------------------------ */

static uint64_t instructions;

void summary_take(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_end)
		instructions += ((const struct mt_end *)rec)->instructions;
}

void summary_end(void)
{
	js_number("total-instructions", instructions);
}

static struct {
	uint64_t accesses;		/* access_count of the next one */
	uint32_t deps, with_value;	/* what an origin record says of the next record */
} count;

static void note_count(const struct mt_hdr *rec)
{
	const struct mt_origin *o = (const struct mt_origin *)rec;

	if (rec->kind == MT_KIND_begin)
		count.accesses = 0;
	else if (rec->kind == MT_KIND_judged)
		count.accesses = ((const struct mt_judged *)rec)->accesses;
	else if (rec->kind == MT_KIND_origin && o->entry == MT_classic_entry_access)
		count.deps = o->host != 0;
	else if (rec->kind == MT_KIND_origin && o->entry == MT_classic_entry_fcall)
		count.with_value = o->detail == 3;
}

void accesses_take(const struct mt_hdr *rec)
{
	const struct mt_access *a = (const struct mt_access *)rec;
	const struct mt_kentry *k = mt_entries_current(&classic_entries, rec->cpu);
	const struct js_side side = { a->pc, 0, a->object, a->field, a->stack };

	note_count(rec);
	if (rec->kind != MT_KIND_access)
		return;
	js_item();
	js_items_begin('{');
	js_number("cpu", rec->cpu);
	js_number("access-count", count.accesses++);
	js_string("access-type", a->flags & MT_access_flag_store ? "s" : "l");
	js_number("traffic", (a->flags & MT_access_flag_moved) != 0);
	js_hex("pc", a->pc);
	js_hex("host-addr", a->paddr);
	js_hex("guest-addr", a->addr);
	js_number("bytes", a->width);
	js_number("deps", count.deps);
	js_address("description", a->addr, &side);
	js_hex("fcall", k ? k->tag : 0);
	js_items_end('}');
	count.deps = 0;
}

/* Calls that are going on, also while nothing is recorded. */
struct fcall {
	uint64_t pc, start;		/* access_count */
	uint32_t number;
	uint16_t cause;
};

static struct mt_table fcalls;		/* tag -> struct fcall */

static struct fcall *fcall_of(uint64_t tag)
{
	const uint64_t *p = mt_table_get(&fcalls, tag);

	return p ? (struct fcall *)(uintptr_t)*p : NULL;
}

static void fcall_start(const struct mt_entry *e)
{
	struct fcall *f = fcall_of(e->tag);

	if (!f)
		f = mt_xcalloc(1, sizeof(*f));
	*f = (struct fcall){ e->pc, count.accesses, e->number, e->cause };
	*mt_xtable_put(&fcalls, e->tag) = (uintptr_t)f;
}

static void fcall_done(const struct mt_entry *e)
{
	struct fcall *f = fcall_of(e->tag);

	if (!f)
		return;
	js_item();
	js_items_begin('{');
	js_hex("tag", e->tag);
	js_number("cpu", e->hdr.cpu);
	js_key("description");
	js_function(0, f->pc, f->cause, f->number);
	js_hex("pc", f->pc);
	js_number("start-access-count", f->start);
	js_number("done-access-count", count.accesses);
	js_number("done-value", count.with_value);	/* that there is one; logs do not have it */
	js_items_end('}');
	mt_table_remove(&fcalls, e->tag);
	free(f);
}

void fcalls_take(const struct mt_hdr *rec)
{
	const struct mt_entry *e = (const struct mt_entry *)rec;

	note_count(rec);
	count.accesses += rec->kind == MT_KIND_access;
	if (rec->kind != MT_KIND_entry)
		return;
	if (e->state == MT_entry_state_start)
		fcall_start(e);
	else if (e->state == MT_entry_state_done)
		fcall_done(e);
	count.with_value = 0;
}

/*
 * What a frame has called: the function that has the pc of the frame above it.
 * After a jump to another function that is the last one, which was not called.
 */
static void put_target(uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_outer(&classic_defs, process, pc);

	if (!s)
		s = mt_names_symbol(&classic_defs, process, pc);
	if (!s || !s->base)
		return;
	js_hex("target-pc", s->base);
	js_string("target-info", mt_string(&s->hdr, 0));
}

static void put_frame(const struct mt_stack *s)
{
	bool call = s->frame == MT_stack_frame_call;
	struct mt_out *text = js_scratch();

	mt_names_frame(text, &classic_defs, s, mt_out_bytes);
	js_hex(call ? "return-pc" : "target-pc", s->pc);
	js_key(call ? "return-info" : "target-info");
	js_put_scratch(text);
}

/* The long form of a call stack: of an access, so filter before with mt-filter --pc. */
void call_stacks_take(const struct mt_hdr *rec)
{
	const struct mt_access *a = (const struct mt_access *)rec;
	const struct mt_stack *s = rec->kind == MT_KIND_access ?
		mt_names_stack(&classic_defs, a->stack) : NULL;
	uint64_t pc;			/* of the frame above */
	uint32_t process;

	if (!s)
		return;
	pc = a->pc;
	process = mt_names_process(&classic_defs, rec, pc);
	js_item();
	js_items_begin('{');
	js_key("call-stack");
	js_items_begin('[');
	for (unsigned n = 0; s && n < FRAMES; n++, s = mt_names_stack(&classic_defs, s->parent)) {
		bool call = s->frame == MT_stack_frame_call;

		js_item();
		js_items_begin('{');
		js_string("type", call ? "call" : "entry");
		if (call)
			put_target(process, pc);
		put_frame(s);
		js_items_end('}');
		pc = call ? s->pc : 0;	/* below an entry is what it interrupted, anywhere */
		process = s->process;
	}
	js_items_end(']');
	js_hex("filter-pc", a->pc);
	js_items_end('}');
}
