/* SPDX-License-Identifier: MIT */
/* mt-tohtml: reports as one page that needs no network. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "tohtml/cases.h"
#include "tohtml/page.h"

static const char help[] =
"usage: mt-tohtml [OPTION...] <streams >page.html\n"
"\n"
"Writes the reports on standard input, of one stream or of several in a row, as\n"
"one HTML page that loads nothing: the fields that travel, who took lines from\n"
"whom, cpu by cpu, the layout of the types with the heat of each byte, system\n"
"calls, locks, test cases, and a table for any other report.\n"
"\n"
"  -n, --top N     at most N rows in a table (100)\n"
"  --title TEXT    what the page is called, instead of what was traced\n"
"  --text          only the map of test cases (mt-scopes --testcases), as text\n"
"  --svg, --tikz   the same as a picture; as one for LaTeX\n"
"  --diff FILE     the map shows what became of the test cases of another run\n"
"  --help          this text\n"
"\n"
"    mt-cat log.mt | mt-label --members prog >labelled &&\n"
"    for by in field cpus pair byte; do mt-shared --by $by <labelled; done |\n"
"    mt-addr2line prog | mt-tohtml --title prog >page.html\n"
"\n"
"    mt-cat log.mt | mt-scopes --testcases | mt-tohtml --svg >map.svg\n";

enum form { FORM_page, FORM_text, FORM_svg, FORM_tikz };

static enum form form;
static const char *before;		/* the other run; NULL: none */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "top", required_argument, NULL, 'n' },
		{ "title", required_argument, NULL, 'i' },
		{ "text", no_argument, NULL, 't' },
		{ "svg", no_argument, NULL, 's' },
		{ "tikz", no_argument, NULL, 'k' },
		{ "diff", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:h", options, NULL)) != -1)
		switch (c) {
		case 'n': top = mt_number("--top", optarg, 100000); break;
		case 'i': given_title = optarg; break;
		case 't': form = FORM_text; break;
		case 's': form = FORM_svg; break;
		case 'k': form = FORM_tikz; break;
		case 'd': before = optarg; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (!top)
		mt_die(MT_USAGE, "--top: a table without rows says nothing");
	mt_no_operands(argc, argv);
}

static void take(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	summary_note(rec);
	cpus_note(rec);
	layout_note(rec);
	cases_note(rec, NOW);
	if (t && t->class == MT_CLASS_report)
		tables_note(t, rec);
}

/* The test cases of the other run. */
static void read_before(void)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, fd = open(before, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		mt_die(MT_FAIL, "%s: %s", before, strerror(errno));
	mt_reader_init(&in, fd);
	while ((got = mt_reader_next(&in, &rec)) > 0)
		cases_note(rec, BEFORE);
	if (got < 0)
		mt_die(MT_FAIL, "%s: byte %llu: %s", before, (unsigned long long)in.offset, in.error);
	close(fd);
}

static void link_to(const char *id, const char *name)
{
	mt_out_printf(&page, "<a href=\"#%s\">%s</a>\n", id, name);
}

static void print_links(void)
{
	mt_out_str(&page, "<nav>\n");
	link_to("summary", "Summary");
	tables_links(true);
	if (cpus_any())
		link_to("cpus", "Cpu by cpu");
	if (layout_any())
		link_to("layouts", "Layouts");
	if (cases_any())
		link_to("cases", "Commutative test cases");
	tables_links(false);
	mt_out_str(&page, "</nav>\n<main>\n");
}

static void print_page(void)
{
	page_open();
	print_links();
	summary_print();
	tables_print(true);
	if (cpus_any())
		cpus_print();
	if (layout_any())
		layout_print();
	if (cases_any())
		cases_print();
	tables_print(false);
	page_close();
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&page, &in);
	if (before)
		read_before();

	while ((got = mt_reader_next(&in, &rec)) > 0)
		take(rec);
	if (form == FORM_page)
		print_page();
	else if (form == FORM_text)
		cases_text();
	else if (form == FORM_svg)
		cases_svg(true);
	else
		cases_tikz();
	return mt_close_text(&in, got, &page);
}
