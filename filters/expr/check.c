/* SPDX-License-Identifier: MIT */
/*
 * Complaints about an expression that parses but means nothing.  Compiling for
 * every type of record has marked the nodes that mean something somewhere.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define NEAR 2				/* typing errors that are forgiven in a suggestion */

/* A list of words for a message: what does not fit is left out. */
struct list {
	char text[600];
	size_t used;
};

static void add_word(struct list *l, const char *s)
{
	size_t len = strlen(s);
	char delimited[64];

	snprintf(delimited, sizeof(delimited), " %s,", s);
	if (len > 40 || l->used + len + 4 > sizeof(l->text))
		return;
	if (strstr(l->text, delimited))		/* each word once */
		return;
	l->used += (size_t)sprintf(l->text + l->used, " %s,", s);
}

/* The list without its last comma. */
static const char *words(struct list *l)
{
	if (l->used)
		l->text[l->used - 1] = 0;
	return l->text;
}

/* Levenshtein distance, up to words of 31 letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33], n = (unsigned)strlen(b);

	if (n > 31 || strlen(a) > 31)
		return 99;
	for (unsigned k = 0; k <= n; k++)
		row[k] = k;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0]++;

		for (unsigned k = 1; k <= n; k++) {
			unsigned best = diagonal + (a[i] != b[k - 1]);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[n];
}

static void add_if_near(struct list *l, const char *wanted, const char *word)
{
	unsigned d = distance(wanted, word);

	if (d <= NEAR && 2 * d < strlen(wanted))
		add_word(l, word);
}

static void near_words(struct list *l, const char *wanted)
{
	add_if_near(l, wanted, "kind");
	for (unsigned i = 0; i < 2; i++)
		add_if_near(l, wanted, mt_header_fields[i].name);
	for (unsigned t = 0; t < mt_n_types; t++)
		for (unsigned i = 0; i < mt_types[t].n_fields; i++) {
			const struct mt_field_info *f = &mt_types[t].fields[i];

			add_if_near(l, wanted, f->name);
			for (const struct mt_value *v = f->values;
			     f->show == MT_SHOW_FLAGS && v->name; v++)
				add_if_near(l, wanted, v->name);
		}
}

/* What can follow the last dot of a name. */
static void member_words(struct list *l, const char *name)
{
	const struct mt_field_info *path[EXPR_STEPS];
	char prefix[256];
	size_t len = (size_t)(strrchr(name, '.') - name);

	if (len >= sizeof(prefix))
		return;
	memcpy(prefix, name, len);
	prefix[len] = 0;
	if (!strcmp(prefix, "running")) {
		snprintf(l->text, sizeof(l->text), " task, process, syscall, cause, scope, run,");
		l->used = strlen(l->text);
		return;
	}
	for (unsigned t = 0; t < mt_n_types; t++) {
		unsigned n = expr_walk(&mt_types[t], prefix, path);
		const struct mt_type *to = n ? mt_refers_to(path[n - 1]) : NULL;

		for (unsigned i = 0; to && i < to->n_fields; i++)
			add_word(l, to->fields[i].name);
	}
}

static void unknown_name(const struct expr *e, const char *text)
{
	struct list l = { "", 0 };

	if (strchr(e->string, '.')) {
		member_words(&l, e->string);
		if (l.used)
			expr_fail(text, e->at, "there is no '%s'; members:%s", e->string, words(&l));
	} else {
		near_words(&l, e->string);
		if (l.used)
			expr_fail(text, e->at, "no record has a field '%s'; near it:%s", e->string,
				  words(&l));
	}
	expr_fail(text, e->at, "no record has a field '%s'; --fields lists them", e->string);
}

/* Dies when name is no value of what stands beside it, which has named values. */
static void check_value(const struct expr *beside, const char *name, const char *text, size_t at)
{
	struct list l = { "", 0 };
	bool any = false;

	for (unsigned t = 0; t < mt_n_types; t++)
		for (const struct mt_value *v = expr_values_of(beside, &mt_types[t]);
		     v && v->name; v++) {
			if (!strcmp(v->name, name))
				return;
			add_word(&l, v->name);
			any = true;
		}
	if (any)
		expr_fail(text, at, "'%s' is none of its values:%s", name, words(&l));
}

static bool is_condition(const struct expr *e)
{
	return e->op <= EXPR_IN;
}

/* A condition is no number and no string. */
static void check_operand(const struct expr *e, const struct expr *beside, const char *text)
{
	if (is_condition(e))
		expr_fail(text, e->at, "a condition stands where a value is wanted");
	if (e->op == EXPR_NAME && !e->used && beside)
		check_value(beside, e->string, text, e->at);
}

/* Whether anything that e can be has named values. */
static bool has_values(const struct expr *e)
{
	for (unsigned t = 0; t < mt_n_types; t++)
		if (expr_values_of(e, &mt_types[t]))
			return true;
	return false;
}

static void check_items(const struct expr *e, const char *text)
{
	for (size_t i = 0; i < e->n_items; i++) {
		if (!e->items[i].name)
			continue;
		if (!has_values(e->a))
			expr_fail(text, e->items[i].at, "'%s' names no number here",
				  e->items[i].name);
		check_value(e->a, e->items[i].name, text, e->items[i].at);
	}
}

static bool may_be_string(const struct expr *e)
{
	const struct mt_field_info *path[EXPR_STEPS];

	if (e->op == EXPR_STRING)
		return true;
	if (e->op != EXPR_NAME)
		return false;
	for (unsigned t = 0; t < mt_n_types; t++) {
		unsigned n = expr_walk(&mt_types[t], e->string, path);

		if (n && !path[n - 1]->width)
			return true;
	}
	return !strcmp(e->string, "running.scope") || !strcmp(e->string, "running.run");
}

static const char *why_useless(const struct expr *e)
{
	bool a = e->a && may_be_string(e->a), b = e->b && may_be_string(e->b);

	if (e->op == EXPR_MATCH)
		return "=~ matches strings, not numbers";
	if (e->op == EXPR_STRING || e->op == EXPR_NAME)
		return "a string is no condition: compare it with == or =~";
	if (e->op == EXPR_IN && a)
		return "a string is in no set of numbers";
	if (a && b)
		return "strings are compared with == != and =~ only";
	return a || b ? "a string and a number cannot be compared" :
	       "no record has all that is compared here";
}

void expr_check(const struct expr *e, const char *text)
{
	bool values = e->op >= EXPR_EQ && e->op <= EXPR_BITS;

	if (e->a && values)
		check_operand(e->a, e->b, text);
	if (e->b && values)
		check_operand(e->b, e->a, text);
	if (e->a)
		expr_check(e->a, text);
	if (e->b)
		expr_check(e->b, text);
	if (e->op == EXPR_NAME && !e->used && !may_be_string(e))
		unknown_name(e, text);
	if (e->op == EXPR_IN)
		check_items(e, text);
	if (!e->used)
		expr_fail(text, e->at, "%s", why_useless(e));
}

/* ---- --fields ---------------------------------------------------------- */

static void list_field(struct mt_out *o, const struct mt_field_info *f)
{
	mt_out_printf(o, "    %-13s %s", f->name, f->doc);
	if (*f->unit && f->show == MT_DEC)
		mt_out_printf(o, " (%ss)", f->unit);
	for (const struct mt_value *v = f->values; v && v->name; v++)
		mt_out_printf(o, "%s%s", v == f->values ? ": " : " ", v->name);
	mt_out_char(o, '\n');
}

void expr_list_fields(void)
{
	static struct mt_out o;

	mt_out_init(&o, STDOUT_FILENO);
	mt_out_str(&o, "every record\n    kind          type of the record, by name\n");
	for (unsigned i = 0; i < 2; i++)
		list_field(&o, &mt_header_fields[i]);
	for (unsigned t = 0; t < mt_n_types; t++) {
		mt_out_printf(&o, "%s\n", mt_types[t].name);
		for (unsigned i = 0; i < mt_types[t].n_fields; i++)
			list_field(&o, &mt_types[t].fields[i]);
	}
	mt_out_str(&o, "running (of the record's cpu: running.task, ...)\n"
		   "    task process syscall cause scope run\n");
	if (mt_out_flush(&o) < 0)
		mt_die(MT_FAIL, "standard output: write failed");
	exit(MT_OK);
}
