/* SPDX-License-Identifier: MIT */
/* mt-tocsv: records of one kind as a table (RFC 4180). */
#include <getopt.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-tocsv --kind KIND [--names] <stream\n"
"\n"
"Writes the records of one kind as comma-separated values: a line with the names\n"
"of the fields, then one for each record.  Text is in quotes; addresses are hex;\n"
"flags are joined by +.  Numbers do not lose bits: import addresses as text.\n"
"\n"
"  -k, --kind KIND   access, shared, ...: a name of the tables in mt-log(5)\n"
"  -n, --names       behind each pc, object, field and stack what it is called\n"
"      --help        this text\n"
"\n"
"    mt-cat log.mt | mt-tocsv --kind access\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-tocsv --kind shared --names\n";

#define FRAMES 1024		/* a bound where the parents of a stack are a circle */

static const struct mt_type *type;
static bool with_names;
static struct mt_names names;
static struct mt_out out;

/* Text of the log in quotes, whatever is in it; a quote is doubled. */
static void quoted(struct mt_out *o, const char *s, size_t len)
{
	const char *quote;

	while ((quote = memchr(s, '"', len))) {
		mt_out_utf8(o, s, (size_t)(quote - s));
		mt_out_str(o, "\"\"");
		len -= (size_t)(quote + 1 - s);
		s = quote + 1;
	}
	mt_out_utf8(o, s, len);
}

static void put_string(const char *s)
{
	mt_out_char(&out, '"');
	quoted(&out, s, strlen(s));
	mt_out_char(&out, '"');
}

static void put_value(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	uint64_t n = f->width ? mt_field_u64(rec, f) : 0;
	const char *name = f->show == MT_SHOW_ENUM ? mt_value_name(f->values, n) : NULL;

	if (f->show == MT_SHOW_STRING)
		put_string(mt_string(rec, f->offset));
	else if (f->show == MT_SHOW_FLAGS)
		mt_out_flags(&out, f->values, n);
	else if (f->show == MT_HEX)
		mt_out_hex(&out, n);
	else if (name)
		mt_out_str(&out, name);
	else
		mt_out_dec(&out, n);
}

/* ---- --names ----------------------------------------------------------- */

static void put_field_name(const struct mt_field *f)
{
	const char *ctype = mt_string(&f->hdr, 0), *path = mt_string(&f->hdr, 1);

	quoted(&out, ctype, strlen(ctype));
	mt_out_str(&out, *ctype && *path ? "." : "");
	quoted(&out, path, strlen(path));
}

/* The functions of a stack, innermost first. */
static void put_stack(const struct mt_stack *s)
{
	for (unsigned n = 0; s && n < FRAMES; n++, s = mt_names_stack(&names, s->parent)) {
		mt_out_str(&out, n ? ";" : "");
		mt_names_frame(&out, &names, s, quoted);
	}
}

static void put_name(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const struct mt_hdr *def = mt_names_follow(&names, rec, f);

	mt_out_str(&out, ",\"");
	if (def && def->kind == MT_KIND_symbol)
		mt_names_code(&out, (const struct mt_symbol *)def, mt_field_u64(rec, f), quoted);
	else if (def && def->kind == MT_KIND_object)
		quoted(&out, mt_string(def, 0), strlen(mt_string(def, 0)));
	else if (def && def->kind == MT_KIND_field)
		put_field_name((const struct mt_field *)def);
	else if (def)
		put_stack((const struct mt_stack *)def);
	mt_out_char(&out, '"');
}

static bool has_name(const struct mt_field_info *f)
{
	return with_names && f->width && mt_refers_to(f);
}

/* ---- lines ------------------------------------------------------------- */

static void put_head(void)
{
	mt_out_str(&out, "cpu,time");
	for (unsigned i = 0; i < type->n_fields; i++) {
		mt_out_printf(&out, ",%s", type->fields[i].name);
		if (has_name(&type->fields[i]))
			mt_out_printf(&out, ",%s_name", type->fields[i].name);
	}
	mt_out_str(&out, "\r\n");
}

static void put_line(const struct mt_hdr *rec)
{
	mt_out_dec(&out, rec->cpu);
	mt_out_char(&out, ',');
	mt_out_dec(&out, rec->time);
	for (unsigned i = 0; i < type->n_fields; i++) {
		mt_out_char(&out, ',');
		put_value(rec, &type->fields[i]);
		if (has_name(&type->fields[i]))
			put_name(rec, &type->fields[i]);
	}
	mt_out_str(&out, "\r\n");
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kind", required_argument, NULL, 'k' },
		{ "names", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "k:nh", options, NULL)) != -1)
		if (c == 'k' && !(type = mt_type_find(optarg)))
			mt_die(MT_USAGE, "--kind: there is no kind '%s'; mt-log(5) lists them", optarg);
		else if (c == 'n')
			with_names = true;
		else if (c == 'h')
			mt_help(help);
		else if (c != 'k')
			mt_bad_usage();
	mt_no_operands(argc, argv);
	if (!type)
		mt_die(MT_USAGE, "--kind is wanted: a table has rows of one kind");
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
	put_head();
	while ((got = mt_reader_next(&in, &rec)) > 0) {
		if (with_names && mt_names_note(&names, rec) < 0)
			mt_die(MT_FAIL, "out of memory");
		if (rec->kind == type->kind)
			put_line(rec);
	}
	return mt_close_text(&in, got, &out);
}
