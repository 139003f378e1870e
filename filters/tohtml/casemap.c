/* SPDX-License-Identifier: MIT */
/*
 * The map of test cases: an upper-left triangle with a cell for each pair of
 * calls, as a picture and as text.
 */
#include <string.h>

#include "cases.h"

#define PX 40				/* side of a cell */
#define LEFT 84
#define ABOVE 72

static const char style[] =
"<style>text{font:11px monospace;fill:#1d2126}.label{fill:#667080}.mid{text-anchor:middle}"
".end{text-anchor:end}.cell{fill:#e9edf3}.heat{fill:#d9480f}.better{fill:#1a5fb4}.lit{fill:#fff}</style>\n";

/* "NAME (3 of 5 cases scale)" */
static void caption(const struct case_map *m, void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	unsigned cases = m->all.cases[NOW];

	escape(&page, page_title(), strlen(page_title()));
	mt_out_printf(&page, " (%u of %u cases scale", cases - m->all.conflicted[NOW], cases);
	if (m->two)
		mt_out_printf(&page, "; before, %u of %u", m->all.cases[BEFORE] - m->all.conflicted[BEFORE],
			      m->all.cases[BEFORE]);
	mt_out_char(&page, ')');
}

/* What stands in a cell: how many conflict; +N -N when runs are compared. */
static void cell_text(char text[32], const struct case_map *m, const struct cell *c, const char *none)
{
	if (!c->cases[NOW] && !(m->two && c->cases[BEFORE]))
		snprintf(text, 32, "%s", "");
	else if (m->two && (c->worse || c->better))
		snprintf(text, 32, "+%u -%u", c->worse, c->better);
	else if (!m->two && c->conflicted[NOW])
		snprintf(text, 32, "%u", c->conflicted[NOW]);
	else
		snprintf(text, 32, "%s", none);
}

/* ---- as a picture -------------------------------------------------------------- */

/* True if it is so dark that it wants light letters. */
static bool cell_shade(const struct case_map *m, const struct cell *c)
{
	unsigned part = c->conflicted[NOW], whole = c->cases[NOW];
	const char *class = "heat";

	if (m->two) {
		part = c->worse > c->better ? c->worse - c->better : c->better - c->worse;
		class = c->worse >= c->better ? "heat" : "better";
	}
	if (!part || !whole)
		return false;
	mt_out_printf(&page, "<rect class=\"%s\" width=\"%u\" height=\"%u\" fill-opacity=\"%.2f\"/>",
		      class, PX - 2, PX - 2, (double)part / whole);
	return 2 * part > whole;
}

static void draw_cell(const struct case_map *m, size_t row, size_t column, unsigned x, unsigned y)
{
	const struct cell *c = &m->cell[row][column];
	char text[32];
	bool lit;

	if (!c->cases[NOW] && !c->cases[BEFORE])
		return;
	mt_out_printf(&page, "<g transform=\"translate(%u %u)\"><title>", x, y);
	html_name(&page, m->call[row], strlen(m->call[row]));
	mt_out_str(&page, ", ");
	html_name(&page, m->call[column], strlen(m->call[column]));
	mt_out_printf(&page, ": %u of %u cases conflict</title><rect class=\"cell\" width=\"%u\" height=\"%u\"/>",
		      c->conflicted[NOW], c->cases[NOW], PX - 2, PX - 2);
	lit = cell_shade(m, c);
	cell_text(text, m, c, "");
	mt_out_printf(&page, "<text class=\"mid%s\" x=\"%u\" y=\"%u\">%s</text></g>\n", lit ? " lit" : "",
		      PX / 2 - 1, PX / 2 + 3, text);
}

static void draw_name(const char *class, const char *name, unsigned x, unsigned y, const char *turn)
{
	mt_out_printf(&page, "<text class=\"%s\" transform=\"translate(%u %u)%s\">", class, x, y, turn);
	html_name(&page, name, strlen(name));
	mt_out_str(&page, "</text>\n");
}

void cases_svg(bool alone)
{
	const struct case_map *m = cases_map();
	unsigned side = (unsigned)m->n * PX;

	mt_out_printf(&page, "<svg%s class=\"cases\" width=\"%u\" height=\"%u\">\n",
		      alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : " role=\"img\"",
		      LEFT + side + 60, ABOVE + side + (alone ? 24 : 4));
	mt_out_str(&page, alone ? style : "");
	for (size_t i = 0; i < m->n; i++) {
		unsigned at = (unsigned)i * PX;

		draw_name("label end", m->call[i], LEFT - 6, ABOVE + at + PX / 2 + 3, "");
		draw_name("label", m->call[m->n - 1 - i], LEFT + at + PX / 2, ABOVE - 6, " rotate(-50)");
	}
	for (size_t row = 0; row < m->n; row++)
		for (size_t i = 0; i < m->n - row; i++)
			draw_cell(m, row, m->n - 1 - i, LEFT + (unsigned)i * PX, ABOVE + (unsigned)row * PX);
	if (alone) {
		mt_out_printf(&page, "<text x=\"4\" y=\"%u\">", ABOVE + side + 16);
		caption(m, html_name);
		mt_out_str(&page, "</text>\n");
	}
	mt_out_str(&page, "</svg>\n");
}

void cases_print(void)
{
	const struct case_map *m = cases_map();

	page_section("cases", "Commutative test cases",
		     "Cases in which two calls that commute touch the same memory, by their calls: their "
		     "number, and the darker the larger their part. Compared with another run: "
		     "+ have conflicts now, - had them before.");
	mt_out_str(&page, "<h3>");
	caption(m, html_name);
	mt_out_printf(&page, "</h3>\n<p>%u of %u pairs of calls scale in all cases.</p>\n<div class=\"wide\">",
		      m->free_pairs, m->pairs);
	cases_svg(false);
	mt_out_str(&page, "</div>\n");
	page_section_end();
}

/* ---- for LaTeX ----------------------------------------------------------------- */

/* Any bytes as letters that TeX does not take for its own. */
static void tex_name(struct mt_out *o, const char *s, size_t len)
{
	for (; len--; s++)
		if (strchr("#$%&_{}", *s) && *s)
			mt_out_printf(o, "\\%c", *s);
		else if (*s < ' ' || *s > '~' || strchr("\\^~\"<>|", *s))
			mt_out_char(o, '?');
		else
			mt_out_char(o, *s);
}

static void tikz_name(const char *name, const char *how, double x, double y)
{
	mt_out_printf(&page, "\\node[%s] at (%.1f,%.1f) {", how, x, y);
	tex_name(&page, name, strlen(name));
	mt_out_str(&page, "};\n");
}

/* Its shade is the part of the cases that conflict, or what changed of them. */
static void tikz_cell(const struct case_map *m, const struct cell *c, double x, double y)
{
	unsigned part = c->conflicted[NOW];
	char text[32];

	if (!c->cases[NOW] && !c->cases[BEFORE])
		return;
	if (m->two)
		part = c->worse > c->better ? c->worse - c->better : c->better - c->worse;
	part = !c->cases[NOW] ? 0 : part > c->cases[NOW] ? 100 : 100 * part / c->cases[NOW];
	cell_text(text, m, c, "");
	mt_out_printf(&page, "\\filldraw[draw=white,fill=%s!%u!black!8] (%.1f,%.1f) rectangle +(1,1) node[midway] {%s};\n",
		      m->two && c->better > c->worse ? "blue" : "red", part, x, y, text);
}

void cases_tikz(void)
{
	const struct case_map *m = cases_map();

	mt_out_str(&page, "\\begin{tikzpicture}[y=-1cm,font=\\scriptsize]\n");
	for (size_t row = 0; row < m->n; row++) {
		tikz_name(m->call[row], "left", 0, (double)row + 0.5);
		tikz_name(m->call[m->n - 1 - row], "right,rotate=50", (double)row + 0.5, 0);
		for (size_t i = 0; i < m->n - row; i++)
			tikz_cell(m, &m->cell[row][m->n - 1 - i], (double)i, (double)row);
	}
	mt_out_printf(&page, "\\node[right] at (0,%.1f) {", (double)m->n + 0.5);
	caption(m, tex_name);
	mt_out_str(&page, "};\n\\end{tikzpicture}\n");
}

/* ---- as text ---------------------------------------------------------------------- */

static void percent(char text[32], const struct case_map *m, const struct cell *c, const char *none)
{
	(void)m;
	if (!c->cases[NOW])
		snprintf(text, 32, "%s", "");
	else if (!c->conflicted[NOW])
		snprintf(text, 32, "%s", none);
	else
		snprintf(text, 32, "%.0f%%", 100.0 * c->conflicted[NOW] / c->cases[NOW]);
}

#define WIDE 10				/* letters of a column */

static void pad(const char *s, bool right)
{
	size_t len = strlen(s) < WIDE - 1 ? strlen(s) : WIDE - 1, fill = WIDE - len;

	for (; right && fill; fill--)
		mt_out_char(&page, ' ');
	mt_out_text_string(&page, s, len);
	for (; fill; fill--)
		mt_out_char(&page, ' ');
}

static void text_table(const struct case_map *m, const char *what,
		       void (*text_of)(char text[32], const struct case_map *m, const struct cell *c,
				       const char *none))
{
	char text[32];

	mt_out_char(&page, '\n');
	pad(what, false);
	for (size_t i = m->n; i--; )
		pad(m->call[i], true);
	mt_out_char(&page, '\n');
	for (size_t row = 0; row < m->n; row++) {
		pad(m->call[row], false);
		for (size_t i = m->n; i-- > row; ) {
			text_of(text, m, &m->cell[row][i], ".");
			pad(text, true);
		}
		mt_out_char(&page, '\n');
	}
}

void cases_text(void)
{
	const struct case_map *m = cases_map();

	caption(m, mt_out_text_string);
	mt_out_printf(&page, "\n%u of %u pairs of calls scale in all cases\n", m->free_pairs, m->pairs);
	if (m->two) {
		mt_out_printf(&page, "+%u -%u cases with conflicts\n", m->all.worse, m->all.better);
		text_table(m, "change", cell_text);
		return;
	}
	text_table(m, "conflicts", cell_text);
	text_table(m, "percent", percent);
}
