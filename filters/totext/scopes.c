/* SPDX-License-Identifier: MIT */
/* The tables of mt-syscalls, mt-scopes and mt-rcu. */
#include "table.h"

/* ---- syscall: a row for each entry; instructions under it as details ---------- */

static void syscall_titles(const struct mt_type *t)
{
	(void)t;
	add_title("lines/call", "", true);
	add_title("most", "", true);
	add_title("calls", "", true);
	add_title("lines", "", true);
	add_title("moves", "", true);
	add_title("loads", "", true);
	add_title("stores", "", true);
	add_title("entry", "", false);
}

static void word_entry(const struct mt_syscall *s)
{
	if (s->by == MT_syscall_by_operation) {
		mt_out_str(&word, "operation ");
		word_string(&word, &s->hdr, 0);
	} else if (s->entry_pc) {
		mt_names_entry(&word, &names, s->cause, s->number, s->entry_pc, word_name);
	} else {
		mt_out_str(&word, "outside of kernel entries");
	}
}

static void add_mean(uint64_t sum, uint64_t n)
{
	if (n)
		mt_out_printf(&word, "%.2f", (double)sum / (double)n);
	else
		mt_out_char(&word, '-');
	add_word();
}

static void print_site(const struct mt_syscall *s)
{
	for (int i = 0; i < 3; i++)
		table.right[1][i] = true;
	begin_line(true);
	add_number(s->moves);
	add_number(s->loads);
	add_number(s->stores);
	word_code(&word, s->process, s->pc);
	add_word();
	word_entry(s);
	add_word();
	end_line();
}

void print_syscall(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_syscall *s = (const struct mt_syscall *)rec;

	open_table(t, syscall_titles);
	if (s->by == MT_syscall_by_site) {
		print_site(s);
		return;
	}
	begin_line(false);
	add_mean(s->lines, s->calls);
	add_number(s->most);
	add_number(s->calls);
	add_number(s->lines);
	add_number(s->moves);
	add_number(s->loads);
	add_number(s->stores);
	word_entry(s);
	if (s->cut && s->by == MT_syscall_by_entry)
		mt_out_printf(&word, " (%llu cut)", (unsigned long long)s->cut);
	add_word();
	end_line();
}

/* ---- testcase, unexpected: a row; its conflicts as details ---------------------- */

static void testcase_titles(const struct mt_type *t)
{
	(void)t;
	add_title("conflicts", "", true);
	add_title("bytes", "", true);
	add_title("accesses", "", true);
	add_title("test", "", false);
}

void print_testcase(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_testcase *c = (const struct mt_testcase *)rec;

	open_table(t, testcase_titles);
	begin_line(false);
	add_number(c->conflicts);
	add_number(c->bytes);
	add_number(c->accesses);
	add_string(rec, 0);
	end_line();
}

static void unexpected_titles(const struct mt_type *t)
{
	(void)t;
	add_title("bytes", "", true);
	add_title("pairs", "", true);
	add_title("most", "", true);
	add_title("unexpectedly shared by", "", false);
}

void print_unexpected(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_unexpected *u = (const struct mt_unexpected *)rec;

	open_table(t, unexpected_titles);
	begin_line(false);
	add_number(u->bytes);
	add_number(u->pairs);
	add_number(u->most);
	word_string(&word, rec, 0);
	mt_out_str(&word, " and ");
	word_string(&word, rec, 1);
	add_word();
	end_line();
}

static void conflict_titles(const struct mt_type *t)
{
	(void)t;
	add_title("bytes", "", true);
	add_title("place", "", false);
	add_title("op", "", false);
	add_title("code", "", false);
	add_title("op", "", false);
	add_title("other code", "", false);
}

static void add_side(uint32_t flags, uint32_t process, uint64_t pc, uint32_t stack)
{
	const struct mt_stack *s = mt_names_stack(&names, stack);

	add_text(operation(flags));
	word_code(&word, process, pc);
	if (s) {
		mt_out_str(&word, " < ");
		word_stack(&word, s);
	}
	add_word();
}

void print_conflict(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_conflict *c = (const struct mt_conflict *)rec;
	bool detail = table.type == mt_type_of(MT_KIND_testcase) ||
		      table.type == mt_type_of(MT_KIND_unexpected);

	if (!detail)
		open_table(t, conflict_titles);
	table.right[1][0] = true;
	begin_line(detail);
	add_number(c->bytes);
	mt_names_place(&word, &names, c->object, c->field, c->addr, word_name);
	add_word();
	add_side(c->flags, c->process, c->pc, c->stack);
	add_side(c->flags2, c->process2, c->pc2, c->stack2);
	end_line();
}

/* ---- rcu -------------------------------------------------------------------------- */

static void rcu_titles(const struct mt_type *t)
{
	(void)t;
	add_title("loads", "", true);
	add_title("stores", "", true);
	add_title("objects", "", true);
	add_title("retired", "", true);
	add_title("place", "", false);
	add_title("code", "", false);
}

void print_rcu(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_rcu *r = (const struct mt_rcu *)rec;
	const struct mt_field *field = mt_names_field(&names, r->field);

	open_table(t, rcu_titles);
	begin_line(false);
	add_number(r->loads);
	add_number(r->stores);
	add_number(r->objects);
	add_number(r->retired);
	word_string(&word, rec, 0);
	if (field && *mt_string(&field->hdr, 1)) {
		mt_out_char(&word, '.');
		word_string(&word, &field->hdr, 1);
	} else {
		mt_out_printf(&word, "+%llu", (unsigned long long)r->offset);
	}
	if (r->by == MT_rcu_by_object)
		mt_out_printf(&word, " at 0x%llx", (unsigned long long)r->addr);
	add_word();
	word_code(&word, r->process, r->pc);
	add_word();
	end_line();
}
