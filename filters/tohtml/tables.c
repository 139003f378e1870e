/* SPDX-License-Identifier: MIT */
/*
 * Reports as tables.  A row is written when it comes, because the names that it
 * refers to are those of its stream, and only if it can be among the first: those
 * with most of what the form measures, else those that come first.
 */
#include <stdlib.h>
#include <string.h>

#include "tables.h"

#define COLUMNS 64			/* in a table; cells are marked in a 64-bit word */

struct row {
	uint64_t weight, order;		/* most weight first, then as they came */
	uint32_t cpu;
	char *run;			/* NULL: none */
	char *cells;			/* HTML, a line each */
};

struct table {
	const struct mt_type *type;
	const struct form *form;	/* NULL: none of its own */
	uint64_t by;
	uint64_t seen, total;		/* all rows, also those left out */
	uint64_t filled;		/* a bit for each column: has something */
	uint64_t least;			/* weight that is needed, once there are enough */
	struct row *rows;
	size_t n, room;
	bool cpus, runs;		/* rows differ in these */
};

static struct table *tables;		/* few: one for each kind of report */
static size_t n_tables, table_room;

/* ---- columns ---------------------------------------------------------------- */

static const struct mt_field_info *field_of(const struct table *t, unsigned i)
{
	if (!t->form || !t->form->columns)
		return &t->type->fields[i];
	return t->form->columns[i].write ? NULL : mt_field_find(t->type, t->form->columns[i].title);
}

static unsigned n_columns(const struct table *t)
{
	unsigned n = 0;

	if (!t->form || !t->form->columns)
		return t->type->n_fields < COLUMNS ? t->type->n_fields : COLUMNS;
	while (t->form->columns[n].title)
		n++;
	return n;
}

/* What rows are compared by; NULL: nothing. */
static const struct mt_field_info *measure(const struct table *t)
{
	return t->form && t->form->measure ? mt_field_find(t->type, t->form->measure) : NULL;
}

/* The measure has columns of its own in front; "by" is the same in all rows. */
static bool is_skipped(const struct table *t, unsigned i)
{
	const struct mt_field_info *f = field_of(t, i);

	return f && (f == measure(t) || (t->by != ANY_BY && !strcmp(f->name, "by")));
}

static const char *class_of(const struct table *t, unsigned i)
{
	const struct mt_field_info *f = field_of(t, i);

	if (t->form && t->form->columns)
		return t->form->columns[i].class;
	if (mt_refers_to(f) || f->show == MT_SHOW_STRING)
		return "w";
	return f->show == MT_DEC ? "n" : "c";
}

static void print_title(const struct table *t, unsigned i)
{
	const struct mt_field_info *f = field_of(t, i);
	const char *name = f ? f->name : t->form->columns[i].title;

	mt_out_str(&page, "<th class=\"");
	mt_out_str(&page, class_of(t, i));
	if (f) {
		mt_out_str(&page, "\" title=\"");
		html_name(&page, f->doc, strlen(f->doc));
	}
	mt_out_str(&page, "\">");
	for (; *name; name++)
		mt_out_char(&page, *name == '_' ? ' ' : *name);
	if (f && *f->unit)
		mt_out_printf(&page, " (%s)", f->unit);
	mt_out_str(&page, "</th>");
}

/* ---- rows as they come ------------------------------------------------------- */

/* Nothing to show: an id or address of nothing, an empty string. */
static bool is_empty(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	if (f->show == MT_SHOW_STRING)
		return !*mt_string(rec, f->offset);
	return f->show != MT_SHOW_ENUM && !mt_field_u64(rec, f);
}

static void write_cell(struct table *t, struct mt_out *o, unsigned i, const struct mt_hdr *rec)
{
	const struct mt_field_info *f = field_of(t, i);
	size_t before;

	mt_out_printf(o, "<td class=\"%s\">", class_of(t, i));
	before = o->used;
	if (!f)
		t->form->columns[i].write(o, rec);
	else if (f->show == MT_DEC && !mt_refers_to(f))
		html_field(o, rec, f);		/* a number that is 0 is a number */
	else if (!is_empty(rec, f))
		html_field(o, rec, f);
	if (o->used > before && !(f && is_empty(rec, f)))
		t->filled |= 1ull << i;
	mt_out_char(o, '\n');			/* which no cell has in it: names are escaped */
}

static char *cells_of(struct table *t, const struct mt_hdr *rec)
{
	struct mt_out *o = html_scratch();

	for (unsigned i = 0, n = n_columns(t); i < n; i++)
		write_cell(t, o, i, rec);
	return html_take(o);
}

static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The first ones, in order; the others are let go. */
static void settle(struct table *t)
{
	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), by_weight);
	while (t->n > top) {
		t->n--;
		free(t->rows[t->n].cells);
		free(t->rows[t->n].run);
	}
	if (t->n && t->n == top)
		t->least = t->rows[t->n - 1].weight;
}

static void add_row(struct table *t, const struct mt_hdr *rec, uint64_t weight)
{
	const char *run = summary_run();
	struct row row = { .weight = weight, .order = t->seen, .cpu = rec->cpu };
	struct mt_out *o;

	row.cells = cells_of(t, rec);
	if (*run) {
		o = html_scratch();
		html_name(o, run, strlen(run));
		row.run = html_take(o);
	}
	t->cpus |= rec->cpu != 0;
	t->runs |= row.run != NULL;
	t->rows = mt_xgrow(t->rows, t->n, &t->room, sizeof(*t->rows));
	t->rows[t->n++] = row;
	if (t->n >= 2 * top)
		settle(t);
}

static const struct form *form_of(unsigned kind, uint64_t by)
{
	for (const struct form *f = forms; f->kind; f++)
		if (f->kind == kind && (f->by == by || f->by == ANY_BY))
			return f;
	return NULL;
}

static struct table *table_of(const struct mt_type *type, uint64_t by)
{
	const struct form *form = form_of(type->kind, by);

	if (form && form->by == ANY_BY)
		by = ANY_BY;
	for (size_t i = 0; i < n_tables; i++)
		if (tables[i].type == type && tables[i].by == by)
			return &tables[i];
	tables = mt_xgrow(tables, n_tables, &table_room, sizeof(*tables));
	tables[n_tables] = (struct table){ .type = type, .form = form, .by = by };
	return &tables[n_tables++];
}

/* Not what has a picture, a place in the summary, or is for mt-merge. */
static bool is_tabular(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_pair)
		return ((const struct mt_pair *)rec)->by == MT_pair_by_pair;
	return rec->kind != MT_KIND_stat && rec->kind != MT_KIND_heat && rec->kind != MT_KIND_use;
}

void tables_note(const struct mt_type *type, const struct mt_hdr *rec)
{
	const struct mt_field_info *by = mt_field_find(type, "by");
	struct table *t;
	uint64_t weight;

	if (!is_tabular(rec))
		return;
	/* a value of by that has no name is nobody's: they could be any number */
	if (by && by->show == MT_SHOW_ENUM && !mt_value_name(by->values, mt_field_u64(rec, by)))
		return;
	t = table_of(type, by && by->show == MT_SHOW_ENUM ? mt_field_u64(rec, by) : ANY_BY);
	weight = measure(t) ? mt_field_u64(rec, measure(t)) : 0;
	if (weight > t->least || t->n < top)
		add_row(t, rec, weight);
	t->total += weight;
	t->seen++;
}

/* ---- the page ---------------------------------------------------------------- */

static void print_id(const struct table *t)
{
	mt_out_str(&page, t->form ? t->form->id : t->type->name);
	if (!t->form && t->by != ANY_BY)
		mt_out_printf(&page, "-%u", (unsigned)t->by);
}

static void print_heading(const struct table *t)
{
	mt_out_str(&page, t->form ? t->form->title : t->type->name);
	if (!t->form && t->by != ANY_BY)
		mt_out_printf(&page, " by %s",
			      mt_value_name(mt_field_find(t->type, "by")->values, t->by));
}

static void print_titles(const struct table *t)
{
	mt_out_str(&page, "<thead><tr>");
	if (measure(t)) {
		mt_out_printf(&page, "<th class=\"n\">%s</th><th class=\"n\">%%</th>", t->form->measure);
		if (summary_operations())
			mt_out_str(&page, "<th class=\"n\">per op</th>");
	}
	mt_out_str(&page, t->runs ? "<th>run</th>" : "");
	mt_out_str(&page, t->cpus ? "<th class=\"n\">cpu</th>" : "");
	for (unsigned i = 0, n = n_columns(t); i < n; i++)
		if (t->filled >> i & 1 && !is_skipped(t, i))
			print_title(t, i);
	mt_out_str(&page, "</tr></thead>\n");
}

static void print_measure(const struct table *t, const struct row *r)
{
	mt_out_str(&page, "<td class=\"n\">");
	mt_out_grouped(&page, r->weight);
	mt_out_str(&page, "</td><td class=\"n\"><svg class=\"bar\" width=\"48\" height=\"8\"><rect height=\"8\" width=\"");
	mt_out_printf(&page, "%.1f", 48.0 * (double)r->weight / (double)(t->rows[0].weight + !r->weight));
	mt_out_str(&page, "\"/></svg><span class=\"percent\">");
	html_percent(&page, r->weight, t->total);
	mt_out_str(&page, "</span></td>");
	if (!summary_operations())
		return;
	mt_out_str(&page, "<td class=\"n\">");
	html_per_operation(&page, r->weight);
	mt_out_str(&page, "</td>");
}

static void print_cells(const struct table *t, const char *cell)
{
	for (unsigned i = 0; *cell; i++) {
		const char *end = strchr(cell, '\n');
		size_t len = end ? (size_t)(end - cell) : strlen(cell);

		if (!end || (t->filled >> i & 1 && !is_skipped(t, i))) {
			mt_out_bytes(&page, cell, len);
			mt_out_str(&page, "</td>");
		}
		cell += len + (end != NULL);
	}
}

static void print_row(const struct table *t, const struct row *r)
{
	mt_out_str(&page, "<tr>");
	if (measure(t))
		print_measure(t, r);
	if (t->runs) {
		mt_out_str(&page, "<td>");
		mt_out_str(&page, r->run ? r->run : "");
		mt_out_str(&page, "</td>");
	}
	if (t->cpus)
		mt_out_printf(&page, "<td class=\"n\">%u</td>", r->cpu);
	print_cells(t, r->cells);
	mt_out_str(&page, "</tr>\n");
}

static void print_table(struct table *t)
{
	settle(t);
	mt_out_str(&page, "<section id=\"");
	print_id(t);
	mt_out_str(&page, "\">\n<h2>");
	print_heading(t);
	mt_out_str(&page, "</h2>\n<p>");
	mt_out_str(&page, t->form ? t->form->what : t->type->doc);
	mt_out_str(&page, " Shown: ");
	mt_out_grouped(&page, t->n);
	mt_out_str(&page, " of ");
	mt_out_grouped(&page, t->seen);
	mt_out_str(&page, t->seen == 1 ? " row" : " rows");
	if (measure(t)) {
		mt_out_str(&page, " with ");
		mt_out_grouped(&page, t->total);
		mt_out_printf(&page, " %s", t->form->measure);
	}
	mt_out_str(&page, ".</p>\n<div class=\"wide\"><table class=\"sort\">\n");
	print_titles(t);
	mt_out_str(&page, "<tbody>\n");
	for (size_t i = 0; i < t->n; i++)
		print_row(t, &t->rows[i]);
	mt_out_str(&page, "</tbody></table></div>\n</section>\n");
}

/* In the order of their forms, then by kind. */
static int by_form(const void *a, const void *b)
{
	const struct table *x = a, *y = b;

	if (x->form && y->form)
		return x->form < y->form ? -1 : x->form > y->form;
	if (x->form || y->form)
		return x->form ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->by < y->by ? -1 : x->by > y->by;
}

static bool is_first(const struct table *t)
{
	return t->form == &forms[0];
}

void tables_links(bool first)
{
	if (n_tables)
		qsort(tables, n_tables, sizeof(*tables), by_form);
	for (size_t i = 0; i < n_tables; i++) {
		if (is_first(&tables[i]) != first)
			continue;
		mt_out_str(&page, "<a href=\"#");
		print_id(&tables[i]);
		mt_out_str(&page, "\">");
		print_heading(&tables[i]);
		mt_out_str(&page, "</a>\n");
	}
}

void tables_print(bool first)
{
	for (size_t i = 0; i < n_tables; i++)
		if (is_first(&tables[i]) == first)
			print_table(&tables[i]);
}
