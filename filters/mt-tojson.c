/* SPDX-License-Identifier: MIT */
/* mt-tojson: records as JSON, one object a line. */
#include <getopt.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "tojson/classic.h"

static const char help[] =
"usage: mt-tojson [--names | --classic DOCUMENT] <stream\n"
"\n"
"Writes each record of the stream on standard input as one JSON object on a\n"
"line of its own: {\"type\":\"access\",\"cpu\":3,...}.  Addresses are strings in\n"
"hex, because JSON numbers lose bits above 2^53; flags are arrays of names.\n"
"\n"
"  -n, --names   also what pcs, objects and fields are called, as far as the\n"
"                stream has defined it: pc_at, pc_function, pc_file, object_name,\n"
"                object_ctype, field_path, field_ctype, stack_functions\n"
"  -c, --classic DOCUMENT\n"
"                instead: one document, {\"DOCUMENT\":...}, with the keys of the\n"
"                original's mscan, from rows of the analysis that it had\n"
"      --help    this text\n"
"\n"
"    mt-tojson <log.mt | jq -c 'select(.type == \"access\") | .addr'\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 5 moves | mt-tojson --names\n";

#define FRAMES 1024		/* a bound where the parents of a stack are a circle */

static bool with_names, classic;
static struct mt_names names;
static struct mt_out out;

/* ---- --names ----------------------------------------------------------- */

/* ,"field_suffix": */
static void member(const struct mt_field_info *f, const char *suffix)
{
	mt_out_str(&out, ",\"");
	mt_out_str(&out, f->name);
	mt_out_char(&out, '_');
	mt_out_str(&out, suffix);
	mt_out_str(&out, "\":");
}

/* The definition's strings that say what the value is called, if not empty. */
static void add_string(const struct mt_field_info *f, const struct mt_hdr *def, const char *name)
{
	const char *s = mt_string(def, mt_field_find(mt_type_of(def->kind), name)->offset);

	if (!*s)
		return;
	member(f, name);
	mt_out_json_string(&out, s, strlen(s));
}

static void add_code(const struct mt_field_info *f, const struct mt_hdr *rec,
		     const struct mt_hdr *def)
{
	static struct mt_out text;

	mt_out_init(&text, -1);
	mt_names_code(&text, (const struct mt_symbol *)def, mt_field_u64(rec, f), mt_out_bytes);
	member(f, "at");
	mt_out_json_string(&out, text.buf, text.used);
	add_string(f, def, "function");
	add_string(f, def, "file");
}

/* The functions of a stack, innermost first. */
static void add_stack(const struct mt_field_info *f, const struct mt_stack *s)
{
	static struct mt_out text;
	unsigned n = 0;

	member(f, "functions");
	mt_out_char(&out, '[');
	for (; s && n < FRAMES; n++, s = mt_names_stack(&names, s->parent)) {
		mt_out_init(&text, -1);
		mt_names_frame(&text, &names, s, mt_out_bytes);
		mt_out_str(&out, n ? "," : "");
		mt_out_json_string(&out, text.buf, text.used);
	}
	mt_out_char(&out, ']');
}

static void add_names(const struct mt_hdr *rec, const struct mt_type *t)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];
		const struct mt_hdr *def = f->width ? mt_names_follow(&names, rec, f) : NULL;

		if (!def)
			continue;
		if (def->kind == MT_KIND_symbol) {
			add_code(f, rec, def);
		} else if (def->kind == MT_KIND_object) {
			add_string(f, def, "name");
			add_string(f, def, "ctype");
		} else if (def->kind == MT_KIND_field) {
			add_string(f, def, "path");
			add_string(f, def, "ctype");
		} else {
			add_stack(f, (const struct mt_stack *)def);
		}
	}
}

static void end_line(void)
{
	char *to = mt_out_room(&out, 2);

	memcpy(to, "}\n", 2);
	mt_out_end(&out, to + 2);
}

static void write_with_names(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	mt_json_fields(&out, rec);
	if (t && t->class != MT_CLASS_definition)
		add_names(rec, t);
	end_line();
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "names", no_argument, NULL, 'n' },
		{ "classic", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "nc:h", options, NULL)) != -1)
		if (c == 'n')
			with_names = true;
		else if (c == 'c' && !(classic = classic_choose(optarg)))
			mt_die(MT_USAGE, "--classic: there is no '%s'; there are: %s", optarg, classic_names());
		else if (c == 'h')
			mt_help(help);
		else if (c != 'c')
			mt_bad_usage();
	mt_no_operands(argc, argv);
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

	if (classic)
		classic_begin(&out);
	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (classic) {
			classic_take(rec);
		} else if (with_names) {
			write_with_names(rec);
		} else {
			mt_json_fields(&out, rec);
			end_line();
		}
	if (classic)
		classic_end();		/* a cut stream still gives a whole document */
	return mt_close_text(&in, got, &out);
}
