/* SPDX-License-Identifier: MIT */
/* What was traced, and the numbers that say most about it. */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define STATS 400			/* numbers that are kept: mt-stat has some dozens */
#define NOTES 40			/* lines about streams, runs, lost records */

static struct stat { uint64_t value; char *name, *unit; } stats[STATS];
static size_t n_stats;
static char *notes[NOTES];		/* HTML */
static size_t n_notes;
static uint64_t operations;		/* of appdata records, where no row of mt-stat counts them */
static char *command;			/* of the first stream */
static char run[128];

/* ---- as it comes ------------------------------------------------------------------ */

/* Once: each report of a log says it again. */
static void add_note(struct mt_out *o)
{
	char *text = html_take(o);

	for (size_t i = 0; i < n_notes; i++)
		if (!strcmp(notes[i], text)) {
			free(text);
			return;
		}
	if (n_notes < NOTES)
		notes[n_notes++] = text;
	else
		free(text);
}

static void note_begin(const struct mt_begin *b)
{
	struct mt_out *o = html_scratch();
	const struct mt_type *t = mt_type_of(MT_KIND_begin);
	const char *mode = mt_value_name(mt_field_find(t, "mode")->values, b->mode);

	run[0] = 0;
	if (!command)
		command = mt_xstrdup(mt_string(&b->hdr, 2));
	mt_out_str(o, "Traced: ");
	if (*mt_string(&b->hdr, 2)) {
		mt_out_str(o, "<code>");
		html_string(o, &b->hdr, 2);
		mt_out_str(o, "</code>, ");
	}
	mt_out_str(o, b->machine == MT_machine_user ? "one program" : "a whole guest");
	if (b->cpus)
		mt_out_printf(o, ", %u cpus", b->cpus);
	mt_out_printf(o, ", lines of %u bytes, %s mode", b->line, mode ? mode : "unknown");
	if (b->quantum)
		mt_out_printf(o, ", slices of %u instructions", b->quantum);
	if (b->sample > 1)
		mt_out_printf(o, ", one access in %u recorded", b->sample);
	if (b->order == MT_order_approximate)
		mt_out_str(o, ", order by host clock");
	if (b->options & MT_option_reproducible)
		mt_out_str(o, ", reproducible");
	if (*mt_string(&b->hdr, 1)) {
		mt_out_str(o, ". QEMU: ");
		html_string(o, &b->hdr, 1);
	}
	add_note(o);
}

static void note_mode(const struct mt_mode *m)
{
	struct mt_out *o = html_scratch();
	const char *name = mt_string(&m->hdr, 0);

	snprintf(run, sizeof(run), "%s", m->mode == MT_mode_off ? "" : name);
	if (m->mode == MT_mode_off || !*name)
		return;
	mt_out_str(o, "Run: ");
	html_name(o, name, strlen(name));
	add_note(o);
}

static void note_drop(const struct mt_drop *d)
{
	struct mt_out *o = html_scratch();

	mt_out_str(o, "Records were lost: ");
	if (d->count)
		mt_out_grouped(o, d->count);
	else
		mt_out_str(o, "nobody knows how many");
	add_note(o);
}

static bool is_operations(const char *name)
{
	return !strcmp(name, "operations");
}

static void note_stat(const struct mt_stat *s)
{
	const char *name = mt_string(&s->hdr, 0);

	for (size_t i = 0; i < n_stats; i++)
		if (!strcmp(stats[i].name, name))
			return;			/* the first word counts: reports may repeat it */
	if (n_stats < STATS)
		stats[n_stats++] = (struct stat){ s->value, mt_xstrdup(name),
						  mt_xstrdup(mt_string(&s->hdr, 1)) };
}

void summary_note(const struct mt_hdr *rec)
{
	const struct mt_appdata *a = (const struct mt_appdata *)rec;

	if (rec->kind == MT_KIND_begin)
		note_begin((const struct mt_begin *)rec);
	else if (rec->kind == MT_KIND_mode)
		note_mode((const struct mt_mode *)rec);
	else if (rec->kind == MT_KIND_drop)
		note_drop((const struct mt_drop *)rec);
	else if (rec->kind == MT_KIND_stat)
		note_stat((const struct mt_stat *)rec);
	else if (rec->kind == MT_KIND_appdata && is_operations(mt_string(rec, 0)))
		operations += a->value;
}

/* ---- asked by others ---------------------------------------------------------------- */

static const struct stat *find(const char *name)
{
	for (size_t i = 0; i < n_stats; i++)
		if (!strcmp(stats[i].name, name))
			return &stats[i];
	return NULL;
}

uint64_t summary_operations(void)
{
	const struct stat *s = find("appdata operations");

	return s ? s->value : operations;
}

const char *summary_run(void)
{
	return run;
}

const char *summary_command(void)
{
	return command ? command : "";
}

/* ---- the section --------------------------------------------------------------------- */

static void card(uint64_t value, const char *what)
{
	mt_out_str(&page, "<div><b>");
	mt_out_grouped(&page, value);
	mt_out_str(&page, "</b><span>");
	mt_out_str(&page, what);
	mt_out_str(&page, "</span></div>\n");
}

static void stat_card(const char *name, const char *what)
{
	const struct stat *s = find(name);

	if (s)
		card(s->value, what);
}

static void print_cards(void)
{
	const struct stat *moved = find("accesses moved");

	mt_out_str(&page, "<div class=\"cards\">\n");
	stat_card("accesses moved", "lines moved");
	if (summary_operations())
		card(summary_operations(), "operations");
	if (summary_operations() && moved) {
		mt_out_str(&page, "<div><b>");
		html_per_operation(&page, moved->value);
		mt_out_str(&page, "</b><span>moves for each operation</span></div>\n");
	}
	stat_card("cpus", "cpus");
	stat_card("instructions", "instructions");
	stat_card("accesses judged by the tracer", "accesses judged");
	stat_card("records lost", "records lost");
	mt_out_str(&page, "</div>\n");
}

static void print_stats(void)
{
	mt_out_str(&page, "<details><summary>all numbers</summary><div class=\"wide\"><table class=\"sort\">\n"
		   "<thead><tr><th class=\"n\">value</th><th>unit</th><th>what</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n_stats; i++) {
		mt_out_str(&page, "<tr><td class=\"n\">");
		mt_out_grouped(&page, stats[i].value);
		mt_out_str(&page, "</td><td>");
		html_name(&page, stats[i].unit, strlen(stats[i].unit));
		mt_out_str(&page, "</td><td>");
		html_name(&page, stats[i].name, strlen(stats[i].name));
		mt_out_str(&page, "</td></tr>\n");
	}
	mt_out_str(&page, "</tbody></table></div></details>\n");
}

void summary_print(void)
{
	mt_out_str(&page, "<section id=\"summary\">\n");
	if (n_stats || summary_operations())
		print_cards();
	for (size_t i = 0; i < n_notes; i++) {
		mt_out_str(&page, "<p>");
		mt_out_str(&page, notes[i]);
		mt_out_str(&page, "</p>\n");
	}
	if (n_stats)
		print_stats();
	page_section_end();
}
