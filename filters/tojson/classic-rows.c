/* SPDX-License-Identifier: MIT */
/* Documents that have an item for each row, or for rows that stand together. */
#include <string.h>

#include "classic.h"

/* ---- rows that are items --------------------------------------------------------- */

static void put_average(uint64_t sum, uint64_t n)
{
	js_key("ave");
	mt_out_printf(js, "%f", n ? (double)sum / (double)n : 0.0);
}

void distinct_take(const struct mt_hdr *rec)
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

void per_op_take(const struct mt_hdr *rec)
{
	const struct mt_syscall *r = (const struct mt_syscall *)rec;

	if (rec->kind != MT_KIND_syscall || r->by != MT_syscall_by_operation)
		return;
	if (js_has_items())
		mt_die(MT_FAIL, "distinct-per-op: rows of several operations; mt-filter -e 'operation == \"NAME\"'");
	js_number("ops", r->calls);
	js_number("distinct", r->lines);
	put_average(r->lines, r->calls);
}

void sections_take(const struct mt_hdr *rec)
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

static void put_conflict(const struct mt_conflict *c, const char *type)
{
	const struct js_side a = { c->pc, c->process, c->object, c->field, c->stack };
	const struct js_side b = { c->pc2, c->process2, c->object2, c->field2, c->stack2 };

	js_physical(c->addr, c->bytes, &a, &b, type);
}

/* ---- scopes and testcases: a row opens an item that others fill ------------------ */

static bool open_item;

void close_item(void)
{
	if (!open_item)
		return;
	js_items_end(']');
	js_items_end('}');
	open_item = false;
}

void testcases_take(const struct mt_hdr *rec)
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

void unexpected_take(const struct mt_hdr *rec)
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

/* What the scope that is open writes, until all that it reads is written. */
static struct { uint32_t id; struct mt_out writes; } scope;

void scopes_end(void)
{
	if (open_item) {
		js_items_end(']');
		js_key("awrite");
		js_items_begin('[');
		mt_out_bytes(js, scope.writes.buf, scope.writes.used);
	}
	close_item();
}

static void begin_scope(const struct mt_hdr *rec, uint32_t id)
{
	js_item();
	js_items_begin('{');
	js_string("name", mt_string(rec, 0));
	js_key("aread");
	js_items_begin('[');
	open_item = true;
	scope.id = id;
	mt_out_init(&scope.writes, -1);
}

void scopes_take(const struct mt_hdr *rec)
{
	const struct mt_abstract *r = (const struct mt_abstract *)rec;
	const char *var;

	if (rec->kind != MT_KIND_abstract || r->access == MT_var_access_none)
		return;
	if (!open_item || r->id != scope.id) {
		scopes_end();
		begin_scope(rec, r->id);
	}
	var = mt_string(rec, 1);
	if (r->access == MT_var_access_write) {
		if (scope.writes.used)
			mt_out_char(&scope.writes, ',');
		mt_out_json_string(&scope.writes, var, strlen(var));
	} else {
		js_item();
		mt_out_json_string(js, var, strlen(var));
	}
}

/* The original's keys, blanks and all; pairs of an imprecise spec stand there only if there are any. */
void scope_summary_take(const struct mt_hdr *rec)
{
	static const struct { const char *name, *key; } keys[] = {
		{ "total scopes", "total scopes" },
		{ "compared scopes", "compared scopes" },
		{ "logically unshared/physically unshared", "logically unshared/physically unshared" },
		{ "logically shared/physically shared", "logically shared  /physically shared" },
		{ "logically unshared/physically shared", "logically unshared/physically shared" },
		{ "logically shared/physically unshared",
		  "logically shared  /physically unshared (imprecise spec)" },
	};
	const struct mt_stat *row = (const struct mt_stat *)rec;

	for (size_t i = 0; rec->kind == MT_KIND_stat && i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(mt_string(rec, 0), keys[i].name) && (row->value || !strstr(keys[i].key, "imprecise")))
			js_number(keys[i].key, row->value);
}
