/* SPDX-License-Identifier: MIT */
/* The frame of the page, and the words on it. */
#include <math.h>
#include <string.h>

#include "page.h"

#define NAME_SHOWN 120			/* bytes; C++ names can fill screens */

struct mt_out page;
struct mt_names names;
size_t top = 100;
const char *given_title;

static const char css[] = ""
#include "filters/tohtml/page.css.inc"
;
static const char js[] = ""
#include "filters/tohtml/page.js.inc"
;
static const char css_hash[] = ""
#include "filters/tohtml/page.css.hash.inc"
;
static const char js_hash[] = ""
#include "filters/tohtml/page.js.hash.inc"
;

/* ---- words ---------------------------------------------------------------- */

void html_name(struct mt_out *o, const char *s, size_t len)
{
	size_t shown = len;

	if (len > NAME_SHOWN)
		for (shown = NAME_SHOWN; shown && ((unsigned char)s[shown] & 0xc0) == 0x80; )
			shown--;			/* not inside a letter */
	mt_out_html_string(o, s, shown);
	if (shown < len)
		mt_out_str(o, "&#8230;");
}

void html_string(struct mt_out *o, const struct mt_hdr *rec, unsigned n)
{
	const char *s = mt_string(rec, n);

	html_name(o, s, strlen(s));
}

void html_code(struct mt_out *o, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_symbol(&names, process, pc);
	const struct mt_symbol *outer = mt_names_outer(&names, process, pc);

	if (!s) {
		mt_out_hex(o, pc);
		return;
	}
	mt_names_code(o, s, pc, html_name);
	if (outer && *mt_string(&outer->hdr, 0)) {
		mt_out_str(o, " in ");
		html_string(o, &outer->hdr, 0);
	}
}

const char *html_operation(unsigned flags)
{
	if (flags & MT_access_flag_atomic)
		return "atomic";
	if ((flags & MT_access_flag_load) && (flags & MT_access_flag_store))
		return "rmw";
	return flags & MT_access_flag_store ? "store" : "load";
}

void html_short(struct mt_out *o, uint64_t n)
{
	static const char units[] = "kMGTPE";
	double x = (double)n;
	int i = -1;

	while (x >= 999.5) {
		x /= 1000;
		i++;
	}
	if (i < 0)
		mt_out_dec(o, n);
	else
		mt_out_printf(o, x < 9.95 ? "%.1f%c" : "%.0f%c", x, units[i]);
}

void html_percent(struct mt_out *o, uint64_t part, uint64_t whole)
{
	mt_out_printf(o, "%.1f", whole ? 100.0 * (double)part / (double)whole : 0.0);
}

void html_shade(struct mt_out *o, uint64_t n, uint64_t most)
{
	mt_out_printf(o, "%.2f", most ? sqrt((double)n / (double)most) : 0.0);
}

void html_per_operation(struct mt_out *o, uint64_t n)
{
	uint64_t operations = summary_operations();

	if (operations)
		mt_out_printf(o, "%.2f", (double)n / (double)operations);
}

struct mt_out *html_scratch(void)
{
	static struct mt_out scratch;

	mt_out_init(&scratch, -1);
	return &scratch;
}

char *html_take(struct mt_out *o)
{
	char *s;

	if (o->error)
		return mt_xstrdup("<td>too long to show");
	s = mt_xmalloc(o->used + 1);
	memcpy(s, o->buf, o->used);
	s[o->used] = 0;
	return s;
}

/* ---- the frame -------------------------------------------------------------- */

const char *page_title(void)
{
	const char *s = given_title ? given_title : summary_command();

	return *s ? s : "mtrace report";
}

static void print_title(void)
{
	html_name(&page, page_title(), strlen(page_title()));
}

void page_open(void)
{
	mt_out_str(&page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		   "base-uri 'none'; form-action 'none'; style-src 'sha256-");
	mt_out_str(&page, css_hash);
	mt_out_str(&page, "'; script-src 'sha256-");
	mt_out_str(&page, js_hash);
	mt_out_str(&page, "'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
		   "<meta name=\"generator\" content=\"mt-tohtml " MT_VERSION "\">\n<title>");
	print_title();
	mt_out_str(&page, "</title>\n<style>");
	mt_out_str(&page, css);
	mt_out_str(&page, "</style>\n</head>\n<body>\n<header><h1>");
	print_title();
	mt_out_str(&page, "</h1></header>\n");
}

void page_close(void)
{
	mt_out_str(&page, "</main>\n<footer>mtrace " MT_VERSION ": cache lines that travel between cpus. "
		   "A click on a title sorts a table.</footer>\n<script>");
	mt_out_str(&page, js);
	mt_out_str(&page, "</script>\n</body>\n</html>\n");
}

void page_section(const char *id, const char *title, const char *what)
{
	mt_out_str(&page, "<section id=\"");
	mt_out_str(&page, id);
	mt_out_str(&page, "\">\n<h2>");
	mt_out_str(&page, title);
	mt_out_str(&page, "</h2>\n<p>");
	mt_out_str(&page, what);
	mt_out_str(&page, "</p>\n");
}

void page_section_end(void)
{
	mt_out_str(&page, "</section>\n");
}
