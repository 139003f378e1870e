/* SPDX-License-Identifier: MIT */
/* The table of documents, what they share, and those that are written row by row. */
#include <string.h>

#include "classic.h"

#define FRAMES 1024		/* a bound where the parents of a stack are a circle */
#define NESTING 16

struct mt_out *js;
struct mt_names classic_defs;
struct mt_entries classic_entries;

/* ---- items ------------------------------------------------------------------- */

static bool filled[NESTING];		/* has an item, by level */
static unsigned level;

void js_item(void)
{
	if (filled[level])
		mt_out_str(js, ",");
	filled[level] = true;
}

void js_items_begin(char bracket)
{
	mt_out_char(js, bracket);
	filled[++level] = false;
}

void js_items_end(char bracket)
{
	level--;
	mt_out_char(js, bracket);
}

void js_key(const char *key)
{
	js_item();
	mt_out_json_string(js, key, strlen(key));
	mt_out_char(js, ':');
}

void js_string(const char *key, const char *text)
{
	js_key(key);
	mt_out_json_string(js, text, strlen(text));
}

void js_number(const char *key, uint64_t n)
{
	js_key(key);
	mt_out_dec(js, n);
}

void js_hex(const char *key, uint64_t n)
{
	js_key(key);
	mt_out_char(js, '"');
	mt_out_hex(js, n);
	mt_out_char(js, '"');
}

/* ---- names --------------------------------------------------------------------- */

static struct mt_out *scratch(void)
{
	static struct mt_out text;

	mt_out_init(&text, -1);
	return &text;
}

static void put_scratch(const struct mt_out *text)
{
	mt_out_json_string(js, text->buf, text->used);
}

static void put_code(uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_symbol(&classic_defs, process, pc);
	struct mt_out *text = scratch();

	if (s)
		mt_names_code(text, s, pc, mt_out_bytes);
	else
		mt_out_hex(text, pc);
	put_scratch(text);
}

void js_code(const char *key, uint32_t process, uint64_t pc)
{
	js_key(key);
	put_code(process, pc);
}

/* The function's name where it is known; of a system call its name; else the address. */
void js_function(uint32_t process, uint64_t pc, unsigned cause, uint32_t number)
{
	const struct mt_symbol *s = mt_names_symbol(&classic_defs, process, pc);
	const char *name = s ? mt_string(&s->hdr, 0) : "";
	struct mt_out *text = scratch();

	if (*name)
		mt_out_str(text, name);
	else if (pc && cause == MT_entry_cause_syscall && mt_syscall_name(number))
		mt_out_str(text, mt_syscall_name(number));
	else
		mt_out_hex(text, pc);
	put_scratch(text);
}

/* ---- an access to memory ------------------------------------------------------- */

/* "(*(struct dentry)0xffff888000001000).d_lockref.count", or the address. */
void js_address(const char *key, uint64_t addr, const struct js_side *s)
{
	const struct mt_object *o = mt_names_object(&classic_defs, s->object);
	const struct mt_field *f = mt_names_field(&classic_defs, s->field);
	const char *type = o ? mt_string(&o->hdr, 1) : "";
	struct mt_out *text = scratch();

	js_key(key);
	if (o && f) {
		mt_out_str(text, "(*(");
		mt_out_str(text, *type ? type : mt_string(&o->hdr, 0));
		mt_out_char(text, ')');
		mt_out_hex(text, o->addr);
		mt_out_str(text, ").");
		mt_out_str(text, mt_string(&f->hdr, 1));
	} else if (o && addr >= o->addr) {
		mt_out_str(text, *type ? type : mt_string(&o->hdr, 0));
		mt_out_char(text, '+');
		mt_out_hex(text, addr - o->addr);
	} else {
		mt_out_hex(text, addr);
	}
	put_scratch(text);
}

static bool same_type(const struct js_side *a, const struct js_side *b)
{
	const struct mt_object *x = mt_names_object(&classic_defs, a->object);
	const struct mt_object *y = mt_names_object(&classic_defs, b->object);

	return a->object == b->object || (x && y && !strcmp(mt_string(&x->hdr, 1), mt_string(&y->hdr, 1)) &&
					  !strcmp(mt_string(&x->hdr, 0), mt_string(&y->hdr, 0)));
}

/* Innermost first: the instruction, then where each frame was called. */
static void put_stack(const char *key, const struct js_side *s)
{
	const struct mt_stack *frame = mt_names_stack(&classic_defs, s->stack);

	if (!frame)
		return;
	js_key(key);
	js_items_begin('[');
	js_item();
	put_code(s->process, s->pc);
	for (unsigned n = 0; frame && n < FRAMES; n++) {
		struct mt_out *text = scratch();

		js_item();
		mt_names_frame(text, &classic_defs, frame, mt_out_bytes);
		put_scratch(text);
		frame = mt_names_stack(&classic_defs, frame->parent);
	}
	js_items_end(']');
}

void js_physical(uint64_t addr, uint64_t bytes, const struct js_side *a, const struct js_side *b,
		 const char *type)
{
	bool two = b && (a->pc != b->pc || a->process != b->process);

	js_item();
	js_items_begin('{');
	js_address("addr", addr, a);
	if (b && !same_type(a, b))
		js_address("addr2", addr, b);
	js_hex("rawaddr", addr);
	js_code(two ? "pc1" : "pc", a->process, a->pc);
	if (two)
		js_code("pc2", b->process, b->pc);
	js_number("size", bytes);
	if (type)
		js_string("type", type);
	if (b && a->stack != b->stack) {
		put_stack("stack1", a);
		put_stack("stack2", b);
	} else {
		put_stack("stack", a);
	}
	js_items_end('}');
}

static void put_conflict(const struct mt_conflict *c, const char *type)
{
	const struct js_side a = { c->pc, c->process, c->object, c->field, c->stack };
	const struct js_side b = { c->pc2, c->process2, c->object2, c->field2, c->stack2 };

	js_physical(c->addr, c->bytes, &a, &b, type);
}

/* ---- rows that are items --------------------------------------------------------- */

static void put_average(uint64_t sum, uint64_t n)
{
	js_key("ave");
	mt_out_printf(js, "%f", n ? (double)sum / (double)n : 0.0);
}

static void distinct_take(const struct mt_hdr *rec)
{
	const struct mt_syscall *r = (const struct mt_syscall *)rec;

	if (rec->kind != MT_KIND_syscall || r->by != MT_syscall_by_entry)
		return;
	js_item();
	js_items_begin('{');
	js_key("entry");
	js_function(0, r->entry_pc, r->cause, r->number);
	js_number("calls", r->calls);
	js_number("distinct", r->lines);
	put_average(r->lines, r->calls);
	js_items_end('}');
}

static void per_op_take(const struct mt_hdr *rec)
{
	const struct mt_syscall *r = (const struct mt_syscall *)rec;

	if (rec->kind != MT_KIND_syscall || r->by != MT_syscall_by_operation)
		return;
	if (filled[level])
		mt_die(MT_FAIL, "distinct-per-op: rows of several operations; mt-filter -e 'operation == \"NAME\"'");
	js_number("ops", r->calls);
	js_number("distinct", r->lines);
	put_average(r->lines, r->calls);
}

static void sections_take(const struct mt_hdr *rec)
{
	const struct mt_serial *r = (const struct mt_serial *)rec;

	if (rec->kind != MT_KIND_serial || !(r->by & MT_serial_by_section))
		return;
	js_item();
	js_items_begin('{');
	js_code("pc", r->process, r->pc);
	js_hex("lock", r->addr);
	js_number("start", r->start);
	js_number("stop", r->start + r->instructions);
	js_number("total", r->instructions);
	js_items_end('}');
}

/* ---- scopes and testcases: a row opens an item that others fill ------------------ */

static bool open_item;

static void close_item(void)
{
	if (!open_item)
		return;
	js_items_end(']');
	js_items_end('}');
	open_item = false;
}

static void testcases_take(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_testcase) {
		close_item();
		js_item();
		js_items_begin('{');
		js_string("name", mt_string(rec, 0));
		js_key("shared");
		js_items_begin('[');
		open_item = true;
	} else if (rec->kind == MT_KIND_conflict && open_item) {
		if (((const struct mt_conflict *)rec)->number)	/* else: of two scopes */
			put_conflict((const struct mt_conflict *)rec, NULL);
	}
}

static const char *meeting(const struct mt_conflict *c)
{
	bool w = c->flags & MT_access_flag_store, w2 = c->flags2 & MT_access_flag_store;

	return w && w2 ? "ww" : w ? "wr" : "rw";
}

static void unexpected_take(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_unexpected) {
		close_item();
		js_item();
		js_items_begin('{');
		js_string("s1", mt_string(rec, 0));
		js_string("s2", mt_string(rec, 1));
		js_key("shared");
		js_items_begin('[');
		open_item = true;
	} else if (rec->kind == MT_KIND_conflict && open_item) {
		if (!((const struct mt_conflict *)rec)->number)	/* else: of a testcase */
			put_conflict((const struct mt_conflict *)rec, meeting((const struct mt_conflict *)rec));
	}
}

/* Of a scope all that it reads comes first, then what it writes. */
static struct { uint32_t id; bool writes; } scope;

static void end_scope(void)
{
	if (open_item && !scope.writes) {
		js_items_end(']');
		js_key("awrite");
		js_items_begin('[');
	}
	close_item();
}

static void scopes_take(const struct mt_hdr *rec)
{
	const struct mt_abstract *r = (const struct mt_abstract *)rec;

	if (rec->kind != MT_KIND_abstract || r->access == MT_var_access_none)
		return;
	if (!open_item || r->id != scope.id) {
		end_scope();
		js_item();
		js_items_begin('{');
		js_string("name", mt_string(rec, 0));
		js_key("aread");
		js_items_begin('[');
		open_item = true;
		scope.id = r->id;
		scope.writes = false;
	}
	if (r->access == MT_var_access_write && !scope.writes) {
		js_items_end(']');
		js_key("awrite");
		js_items_begin('[');
		scope.writes = true;
	}
	js_item();
	mt_out_json_string(js, mt_string(rec, 1), strlen(mt_string(rec, 1)));
}

static void scope_summary_take(const struct mt_hdr *rec)
{
	const char *name = rec->kind == MT_KIND_stat ? mt_string(rec, 0) : "";

	if (strstr(name, "scopes") || strstr(name, "logically"))
		js_number(name, ((const struct mt_stat *)rec)->value);
}

/* ---- events ------------------------------------------------------------------------ */

static uint64_t instructions;

static void summary_take(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_end)
		instructions += ((const struct mt_end *)rec)->instructions;
}

static void summary_end(void)
{
	js_number("total-instructions", instructions);
}

static struct {
	uint64_t accesses;		/* access_count of the next one */
	uint32_t access_type, deps;	/* what an origin record says of it */
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
}

static void accesses_take(const struct mt_hdr *rec)
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

static struct mt_table fcall_starts;	/* tag -> access_count */

static void fcalls_take(const struct mt_hdr *rec)
{
	const struct mt_entry *e = (const struct mt_entry *)rec;
	const struct mt_kentry *k;
	const uint64_t *start;

	note_count(rec);
	count.accesses += rec->kind == MT_KIND_access;
	if (rec->kind != MT_KIND_entry)
		return;
	if (e->state == MT_entry_state_start)
		*mt_xtable_put(&fcall_starts, e->tag) = count.accesses;
	k = mt_entries_find(&classic_entries, e->tag);
	if (e->state != MT_entry_state_done || !k)
		return;
	start = mt_table_get(&fcall_starts, e->tag);
	js_item();
	js_items_begin('{');
	js_hex("tag", e->tag);
	js_number("cpu", rec->cpu);
	js_key("description");
	js_function(0, k->pc, k->cause, k->number);
	js_hex("pc", k->pc);
	js_number("start-access-count", start ? *start : 0);
	js_number("done-access-count", count.accesses);
	js_number("done-value", 0);	/* the original's logs do not have it either */
	js_items_end('}');
	mt_table_remove(&fcall_starts, e->tag);
}

/* The long form of a call stack: of an access, so filter before with mt-filter --pc. */
static void call_stacks_take(const struct mt_hdr *rec)
{
	const struct mt_access *a = (const struct mt_access *)rec;
	const struct mt_stack *s = rec->kind == MT_KIND_access ?
		mt_names_stack(&classic_defs, a->stack) : NULL;

	if (!s)
		return;
	js_item();
	js_items_begin('{');
	js_key("call-stack");
	js_items_begin('[');
	for (unsigned n = 0; s && n < FRAMES; n++, s = mt_names_stack(&classic_defs, s->parent)) {
		struct mt_out *text = scratch();

		mt_names_frame(text, &classic_defs, s, mt_out_bytes);
		js_item();
		js_items_begin('{');
		js_string("type", s->frame == MT_stack_frame_call ? "call" : "entry");
		js_hex(s->frame == MT_stack_frame_call ? "return-pc" : "target-pc", s->pc);
		js_key(s->frame == MT_stack_frame_call ? "return-info" : "target-info");
		put_scratch(text);
		js_items_end('}');
	}
	js_items_end(']');
	js_hex("filter-pc", a->pc);
	js_items_end('}');
}

/* ---- the table ------------------------------------------------------------------------ */

static const struct document {
	const char *name;
	char open, close;
	void (*take)(const struct mt_hdr *rec);
	void (*end)(void);		/* of a stream, and of all; or NULL */
} documents[] = {
	{ "distinct-per-entry", '[', ']', distinct_take, NULL },
	{ "distinct-per-op", '{', '}', per_op_take, NULL },
	{ "false-sharing", '[', ']', uses_take, false_sharing_end },
	{ "scope-summary", '{', '}', scope_summary_take, NULL },
	{ "abstract-scopes", '[', ']', scopes_take, end_scope },
	{ "unexpected-sharing", '[', ']', unexpected_take, close_item },
	{ "summary", '{', '}', summary_take, NULL },
	{ "shared-addresses", '[', ']', uses_take, shared_addresses_end },
	{ "testcases", '[', ']', testcases_take, close_item },
	{ "shared_cachelines", '[', ']', uses_take, shared_cachelines_end },
	{ "cachesim_cpus", '{', '}', cachesim_take, cachesim_end },
	{ "accesses", '[', ']', accesses_take, NULL },
	{ "fcalls", '[', ']', fcalls_take, NULL },
	{ "checkgc", '{', '}', checkgc_take, groups_end },
	{ "sections", '[', ']', sections_take, NULL },
	{ "call-stacks", '[', ']', call_stacks_take, NULL },
	{ "syscall-accesses", '{', '}', syscall_accesses_take, groups_end },
	{ "syscall-accesses-pc", '{', '}', syscall_pcs_take, groups_end },
};

static const struct document *chosen;

bool classic_choose(const char *name)
{
	for (unsigned i = 0; i < sizeof(documents) / sizeof(*documents); i++)
		if (!strcmp(documents[i].name, name))
			chosen = &documents[i];
	return chosen;
}

const char *classic_names(void)
{
	static char all[512];
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(documents) / sizeof(*documents); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? " " : "", documents[i].name);
	return all;
}

void classic_begin(struct mt_out *out)
{
	js = out;
	js_items_begin('{');
	js_key(chosen->name);
	js_items_begin(chosen->open);
}

void classic_take(const struct mt_hdr *rec)
{
	bool ends = rec->kind == MT_KIND_entry &&
		    ((const struct mt_entry *)rec)->state != MT_entry_state_start;

	if (rec->kind == MT_KIND_begin && chosen->end)
		chosen->end();		/* what definitions mean is over */
	if (mt_names_note(&classic_defs, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (ends)			/* what ends with a record still holds for it */
		chosen->take(rec);
	if (mt_entries_note(&classic_entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (!ends)
		chosen->take(rec);
}

void classic_end(void)
{
	if (chosen->end)
		chosen->end();
	if (chosen->take == summary_take)
		summary_end();
	js_items_end(chosen->close);
	js_items_end('}');
	mt_out_char(js, '\n');
}
