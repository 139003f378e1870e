/* SPDX-License-Identifier: MIT */
/* Rows of mt-shared --by pair, cpus and byte, and of mt-diff. */
#include <string.h>

#include "table.h"

static void add_cpu_set(const struct mt_hdr *rec, unsigned n)
{
	const char *s = mt_string(rec, n);

	word_cut(&word, *s ? s : "-", *s ? strlen(s) : 1, CPUS_SHOWN);
	add_word();
}

/* ---- pair: who took from whom, and a detail line for each side --------------- */

static void pair_titles(const struct mt_type *t)
{
	(void)t;
	add_title("moves", "", true);
	add_title("true", "", true);
	add_title("false", "", true);
	add_title("to cpu", "", false);
	add_title("from cpu", "", false);
	add_title("what travels", "", false);
}

static void add_side(const char *what, uint32_t flags, uint32_t process, uint64_t pc, uint32_t stack)
{
	const struct mt_stack *s = mt_names_stack(&names, stack);

	begin_line(true);
	add_text(what);
	add_text(operation(flags));
	word_code(&word, process, pc);
	if (s) {
		mt_out_str(&word, " < ");
		word_stack(&word, s);
	}
	add_word();
	end_line();
}

static void word_travels(const struct mt_pair *p)
{
	if (p->by == MT_pair_by_cpus) {
		mt_out_grouped(&word, p->lines);
		mt_out_str(&word, p->lines == 1 ? " line" : " lines");
		return;
	}
	mt_names_place(&word, &names, p->object, p->field, p->line, word_name);
	if (p->object2 == p->object && p->field2 == p->field)
		return;
	mt_out_str(&word, " for ");
	mt_names_place(&word, &names, p->object2, p->field2, p->line, word_name);
}

void print_pair(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_pair *p = (const struct mt_pair *)rec;

	open_table(t, pair_titles);
	keep_together(3);
	begin_line(false);
	add_number(p->moves);
	add_number(p->true_moves);
	add_number(p->false_moves);
	add_cpu_set(rec, 0);
	add_cpu_set(rec, 1);
	word_travels(p);
	add_word();
	end_line();
	if (p->by != MT_pair_by_pair && p->by != MT_pair_by_part)
		return;
	add_side("taken by", p->flags, p->process, p->pc, p->stack);
	add_side("used by", p->flags2, p->process2, p->pc2, p->stack2);
}

/* ---- heat ------------------------------------------------------------------------ */

static void heat_titles(const struct mt_type *t)
{
	(void)t;
	add_title("offset", "", true);
	add_title("bytes", "", true);
	add_title("moves", "", true);
	add_title("loads", "", true);
	add_title("stores", "", true);
	add_title("readers", "", false);
	add_title("writers", "", false);
	add_title("type", "", false);
	add_title("field", "", false);
}

void print_heat(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_heat *h = (const struct mt_heat *)rec;
	const struct mt_object *object = mt_names_object(&names, h->object);
	const struct mt_field *field = mt_names_field(&names, h->field);

	open_table(t, heat_titles);
	begin_line(false);
	add_number(h->offset);
	add_number(h->bytes);
	add_number(h->moves);
	add_number(h->loads);
	add_number(h->stores);
	add_cpu_set(rec, 0);
	add_cpu_set(rec, 1);
	if (object && *mt_string(&object->hdr, 1))
		word_string(&word, &object->hdr, 1);
	else if (object)
		mt_names_thing(&word, object, word_name);
	add_word();
	if (field)
		mt_names_path(&word, mt_string(&field->hdr, 1), word_name);
	add_word();
	end_line();
}

/* ---- diff ------------------------------------------------------------------------ */

static void diff_titles(const struct mt_type *t)
{
	(void)t;
	add_title("before", "", true);
	add_title("after", "", true);
	add_title("", "", false);
	add_title("of", "", false);
	add_title("report", "", false);
	add_title("what", "", false);
}

/* 12.345 */
static void add_thousandths(uint64_t n)
{
	mt_out_grouped(&word, n / 1000);
	mt_out_printf(&word, ".%03u", (unsigned)(n % 1000));
	add_word();
}

void print_diff(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_diff *d = (const struct mt_diff *)rec;
	bool per_op = d->before_per_op || d->after_per_op;

	open_table(t, diff_titles);
	begin_line(false);
	if (per_op) {
		add_thousandths(d->before_per_op);
		add_thousandths(d->after_per_op);
	} else {
		add_number(d->before);
		add_number(d->after);
	}
	add_text(value_name(t, "verdict", d->verdict));
	word_string(&word, rec, 2);
	mt_out_str(&word, per_op ? " per operation" : "");
	add_word();
	add_string(rec, 0);
	add_string(rec, 1);
	end_line();
}
