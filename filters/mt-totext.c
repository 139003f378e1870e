/* SPDX-License-Identifier: MIT */
/*
 * mt-totext: records for people.  Names stand where the stream defines them,
 * definitions and other context are left out, reports are tables.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "totext/table.h"

static const char help[] =
"usage: mt-totext [--raw] <stream\n"
"\n"
"Writes the stream on standard input as text for people: accesses and other\n"
"events one a line, reports as tables, names instead of addresses and ids where\n"
"the stream defines them.  Definitions and other context are left out.\n"
"\n"
"  --raw      every record with every field as a line of words, nothing resolved\n"
"  --help     this text\n"
"\n"
"    mt-cat log.mt | mt-addr2line prog | mt-totext | less\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 5 moves | mt-addr2line prog | mt-totext\n"
"    mt-stat <log.mt | mt-totext\n";

/* ---- any report, by the record table ----------------------------------- */

static void report_titles(const struct mt_type *t)
{
	for (unsigned i = 0; i < t->n_fields && i < COLUMNS; i++)
		add_title(t->fields[i].name, t->fields[i].unit, t->fields[i].show == MT_DEC);
}

static void word_flags(struct mt_out *o, const struct mt_field_info *f, uint64_t bits)
{
	const char *plus = "";

	for (const struct mt_value *v = f->values; v->name; v++)
		if (bits & v->number) {
			mt_out_printf(o, "%s%s", plus, v->name);
			plus = "+";
		}
}

static void word_definition(struct mt_out *o, const struct mt_hdr *def, uint64_t value)
{
	if (def->kind == MT_KIND_symbol)
		mt_names_code(o, (const struct mt_symbol *)def, value, word_name);
	else if (def->kind == MT_KIND_object)
		mt_names_thing(o, (const struct mt_object *)def, word_name);
	else if (def->kind == MT_KIND_field)
		word_string(o, def, 1);
	else
		word_stack(o, (const struct mt_stack *)def);
}

static void word_value(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const struct mt_hdr *def = mt_names_follow(&names, rec, f);
	const char *name = NULL;
	uint64_t n;

	if (f->show == MT_SHOW_STRING) {
		word_string(o, rec, f->offset);
		return;
	}
	n = mt_field_u64(rec, f);
	if (f->show == MT_SHOW_ENUM)
		name = mt_value_name(f->values, n);
	if (name)
		mt_out_str(o, name);
	else if (def)
		word_definition(o, def, n);
	else if (f->show == MT_SHOW_FLAGS)
		word_flags(o, f, n);
	else if (f->show == MT_HEX)
		mt_out_hex(o, n);
	else
		mt_out_grouped(o, n);
}

static void print_report(const struct mt_type *t, const struct mt_hdr *rec)
{
	open_table(t, report_titles);
	begin_line(false);
	for (unsigned i = 0; i < t->n_fields && i < COLUMNS; i++) {
		word_value(&word, rec, &t->fields[i]);
		add_cell(take_word());
	}
	end_line();
}

/* ---- stat -------------------------------------------------------------- */

static void stat_titles(const struct mt_type *t)
{
	(void)t;
	add_title("value", "", true);
	add_title("unit", "", false);
	add_title("what", "", false);
}

static void print_stat(const struct mt_type *t, const struct mt_hdr *rec)
{
	open_table(t, stat_titles);
	begin_line(false);
	add_number(((const struct mt_stat *)rec)->value);
	add_string(rec, 1);
	add_string(rec, 0);
	end_line();
}

/* ---- events ------------------------------------------------------------ */

/* Nothing to say: an id that refers to nothing, an address that is not known. */
static bool is_empty(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	if (f->show == MT_SHOW_STRING)
		return !*mt_string(rec, f->offset);
	return f->show != MT_SHOW_ENUM && !mt_field_u64(rec, f);
}

/* time cpu kind field=value ..., what is 0 or empty left out */
static void print_event(const struct mt_type *t, const struct mt_hdr *rec)
{
	end_table();
	mt_out_printf(&out, "%14llu %4u  %s", (unsigned long long)rec->time, rec->cpu, t->name);
	for (unsigned i = 0; i < t->n_fields; i++) {
		if (is_empty(rec, &t->fields[i]))
			continue;
		mt_out_printf(&out, " %s=", t->fields[i].name);
		word_value(&out, rec, &t->fields[i]);
	}
	mt_out_char(&out, '\n');
}

/* ---- the frame of the stream ------------------------------------------- */

static void print_begin(const struct mt_type *t, const struct mt_begin *b)
{
	if (out_started)
		mt_out_char(&out, '\n');
	out_started = true;
	mt_out_str(&out, colour ? "\033[1m" : "");
	word_string(&out, &b->hdr, 2);
	mt_out_str(&out, colour ? "\033[0m" : "");
	mt_out_printf(&out, "%s%s, %s mode, lines of %u bytes", *mt_string(&b->hdr, 2) ? ": " : "",
		      b->machine == MT_machine_user ? "one program" : "a whole guest",
		      value_name(t, "mode", b->mode), b->line);
	if (b->cpus)
		mt_out_printf(&out, ", %u cpus", b->cpus);
	if (b->sample > 1)
		mt_out_printf(&out, ", one access in %u", b->sample);
	mt_out_char(&out, '\n');
}

static void print_mode(const struct mt_type *t, const struct mt_mode *m)
{
	mt_out_printf(&out, "%14llu %4u  recording: %s", (unsigned long long)m->hdr.time, m->hdr.cpu,
		      value_name(t, "mode", m->mode));
	if (*mt_string(&m->hdr, 0)) {
		mt_out_str(&out, ", run ");
		word_string(&out, &m->hdr, 0);
	}
	mt_out_char(&out, '\n');
}

static void print_drop(const struct mt_type *t, const struct mt_drop *d)
{
	const struct mt_value *v = mt_field_find(t, "reason")->values;

	while (v->name && v->number != d->reason)
		v++;
	mt_out_str(&out, "records were lost here: ");
	if (d->count)
		mt_out_grouped(&out, d->count);
	else
		mt_out_str(&out, "nobody knows how many");
	mt_out_printf(&out, "; %s\n", v->name ? v->doc : "reason not known");
}

static void print_context(const struct mt_type *t, const struct mt_hdr *rec)
{
	if (rec->kind != MT_KIND_begin && rec->kind != MT_KIND_mode && rec->kind != MT_KIND_drop &&
	    rec->kind != MT_KIND_end)
		return;
	end_table();
	if (rec->kind == MT_KIND_begin)
		print_begin(t, (const struct mt_begin *)rec);
	else if (rec->kind == MT_KIND_mode)
		print_mode(t, (const struct mt_mode *)rec);
	else if (rec->kind == MT_KIND_drop)
		print_drop(t, (const struct mt_drop *)rec);
}

/* Reports that have a table of their own; the others are told by the record table. */
static const struct {
	unsigned kind;
	void (*print)(const struct mt_type *t, const struct mt_hdr *rec);
} reports[] = {
	{ MT_KIND_shared, print_shared },
	{ MT_KIND_pair, print_pair },
	{ MT_KIND_heat, print_heat },
	{ MT_KIND_diff, print_diff },
	{ MT_KIND_stat, print_stat },
	{ MT_KIND_serial, print_serial },
	{ MT_KIND_work, print_work },
	{ MT_KIND_scaling, print_scaling },
	{ MT_KIND_guard, print_guard },
	{ MT_KIND_locked, print_locked },
	{ MT_KIND_syscall, print_syscall },
	{ MT_KIND_testcase, print_testcase },
	{ MT_KIND_unexpected, print_unexpected },
	{ MT_KIND_conflict, print_conflict },
	{ MT_KIND_rcu, print_rcu },
};

static void print_any_report(const struct mt_type *t, const struct mt_hdr *rec)
{
	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++)
		if (reports[i].kind == rec->kind) {
			reports[i].print(t, rec);
			return;
		}
	print_report(t, rec);
}

static void print(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (!t) {
		end_table();
		mt_text(&out, rec);
		mt_out_char(&out, '\n');
	} else if (t->class == MT_CLASS_report) {
		print_any_report(t, rec);
	} else if (t->class == MT_CLASS_event) {
		print_event(t, rec);
	} else if (t->class == MT_CLASS_context) {
		print_context(t, rec);
	}
}

static void print_raw(const struct mt_hdr *rec)
{
	mt_text(&out, rec);
	mt_out_char(&out, '\n');
}

/* ---- main -------------------------------------------------------------- */

static bool raw;

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "raw", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'r':
			raw = true;
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

/* no-color.org: set and not empty */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&out, &in);
	mt_out_init(&word, -1);
	colour = wants_colour();

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (raw)
			print_raw(rec);
		else if (rec->kind == MT_KIND_access)
			print_access((const struct mt_access *)rec);
		else
			print(rec);
	end_table();
	return mt_close_text(&in, got, &out);
}
