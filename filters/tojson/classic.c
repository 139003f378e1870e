/* SPDX-License-Identifier: MIT */
/* The table of documents, and what they share. */
#include <string.h>

#include "classic.h"

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

bool js_has_items(void)
{
	return filled[level];
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

struct mt_out *js_scratch(void)
{
	static struct mt_out text;

	mt_out_init(&text, -1);
	return &text;
}

void js_put_scratch(const struct mt_out *text)
{
	mt_out_json_string(js, text->buf, text->used);
}

static void put_code(uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_symbol(&classic_defs, process, pc);
	struct mt_out *text = js_scratch();

	if (s)
		mt_names_code(text, s, pc, mt_out_bytes);
	else
		mt_out_hex(text, pc);
	js_put_scratch(text);
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
	struct mt_out *text = js_scratch();

	if (*name)
		mt_out_str(text, name);
	else if (pc && cause == MT_entry_cause_syscall && mt_syscall_name(number))
		mt_out_str(text, mt_syscall_name(number));
	else
		mt_out_hex(text, pc);
	js_put_scratch(text);
}

/* ---- an access to memory ------------------------------------------------------- */

/* What has no label is for the original no object: files, regions without a name. */
const struct mt_object *js_object(uint32_t id)
{
	const struct mt_object *o = mt_names_object(&classic_defs, id);

	return o && o->storage != MT_storage_file && o->storage != MT_storage_unknown ? o : NULL;
}

/* Behind the object: ".d_lockref.count", "[2]", "[1].next+0x4". */
static void put_path(struct mt_out *text, const struct mt_field *f, uint64_t offset)
{
	const char *path = mt_string(&f->hdr, 1);

	if (*path != '[')
		mt_out_char(text, '.');
	mt_out_str(text, path);
	/* of one in a long array the offset is the first one's */
	if (offset <= f->offset || strstr(path, "[]"))
		return;
	mt_out_char(text, '+');
	mt_out_hex(text, offset - f->offset);
}

/* "(*(struct dentry)0xffff888000001000).d_lockref.count", or the address. */
void js_address(const char *key, uint64_t addr, const struct js_side *s)
{
	const struct mt_object *o = js_object(s->object);
	const struct mt_field *f = mt_names_field(&classic_defs, s->field);
	const char *type = o ? mt_string(&o->hdr, 1) : "";
	struct mt_out *text = js_scratch();

	js_key(key);
	if (o && f) {
		mt_out_str(text, "(*(");
		mt_out_str(text, *type ? type : mt_string(&o->hdr, 0));
		mt_out_char(text, ')');
		mt_out_hex(text, o->addr);
		mt_out_char(text, ')');
		put_path(text, f, addr - o->addr);
	} else if (o && addr >= o->addr) {
		mt_out_str(text, *type ? type : mt_string(&o->hdr, 0));
		mt_out_char(text, '+');
		mt_out_hex(text, addr - o->addr);
	} else {
		mt_out_hex(text, addr);
	}
	js_put_scratch(text);
}

static bool same_type(const struct js_side *a, const struct js_side *b)
{
	const struct mt_object *x = js_object(a->object);
	const struct mt_object *y = js_object(b->object);

	return x == y || (x && y && !strcmp(mt_string(&x->hdr, 1), mt_string(&y->hdr, 1)) &&
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
		struct mt_out *text = js_scratch();

		js_item();
		mt_names_frame(text, &classic_defs, frame, mt_out_bytes);
		js_put_scratch(text);
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

/* ---- the table ------------------------------------------------------------------------ */

static const struct document {
	const char *name;
	char open, close;
	void (*take)(const struct mt_hdr *rec);
	void (*end)(void);		/* of a stream, and of all; or NULL */
	bool whole;			/* takes accesses as they were before they were split */
} documents[] = {
	{ "distinct-per-entry", '[', ']', distinct_take, NULL, false },
	{ "distinct-per-op", '{', '}', per_op_take, NULL, false },
	{ "false-sharing", '[', ']', uses_take, false_sharing_end, false },
	{ "scope-summary", '{', '}', scope_summary_take, NULL, false },
	{ "abstract-scopes", '[', ']', scopes_take, scopes_end, false },
	{ "unexpected-sharing", '[', ']', unexpected_take, close_item, false },
	{ "summary", '{', '}', summary_take, NULL, false },
	{ "shared-addresses", '[', ']', uses_take, shared_addresses_end, false },
	{ "testcases", '[', ']', testcases_take, close_item, false },
	{ "shared_cachelines", '[', ']', uses_take, shared_cachelines_end, false },
	{ "cachesim_cpus", '{', '}', cachesim_take, cachesim_end, false },
	{ "accesses", '[', ']', accesses_take, NULL, true },
	{ "fcalls", '[', ']', fcalls_take, NULL, true },
	{ "checkgc", '{', '}', checkgc_take, groups_end, false },
	{ "sections", '[', ']', sections_take, NULL, false },
	{ "call-stacks", '[', ']', call_stacks_take, NULL, false },
	{ "syscall-accesses", '{', '}', syscall_accesses_take, groups_end, true },
	{ "syscall-accesses-pc", '{', '}', syscall_pcs_take, groups_end, false },
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

/* An access that was split at the border of a line, as far as it has come. */
static struct mt_access split;
static bool is_split;

static void flush_split(void)
{
	if (is_split)
		chosen->take(&split.hdr);
	is_split = false;
}

/* Takes the parts of an access that crosses lines, to be one again. */
static bool take_split(const struct mt_hdr *rec)
{
	const struct mt_access *a = (const struct mt_access *)rec;

	if (rec->kind == MT_KIND_access && is_split && (a->flags & MT_access_flag_split) &&
	    rec->cpu == split.hdr.cpu && a->pc == split.pc && a->addr == split.addr + split.width) {
		split.width = (uint16_t)(split.width + a->width);
		split.flags |= a->flags & MT_access_flag_moved;
		return true;
	}
	flush_split();
	if (rec->kind != MT_KIND_access || !(a->flags & MT_access_flag_split))
		return false;
	split = *a;
	is_split = true;
	return true;
}

/* Definitions may stand between the parts. */
static bool is_definition(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	return t && t->class == MT_CLASS_definition;
}

void classic_take(const struct mt_hdr *rec)
{
	bool ends = rec->kind == MT_KIND_entry &&
		    ((const struct mt_entry *)rec)->state != MT_entry_state_start;

	if (chosen->whole && !is_definition(rec) && take_split(rec))
		return;
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
	flush_split();
	if (chosen->end)
		chosen->end();
	if (chosen->take == summary_take)
		summary_end();
	js_items_end(chosen->close);
	js_items_end('}');
	mt_out_char(js, '\n');
}
