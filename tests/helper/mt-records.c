/* SPDX-License-Identifier: MIT */
/*
 * mt-records: prints the record table for other tools.
 *
 *   --doc        the tables of mt-log(5), in mdoc
 *   --schema     JSON Schema of a line of mt-tojson
 *   --fuzz-dict  kinds with their sizes and the magic, for a fuzzer
 */
#include <string.h>

#include "../../filters/libmt/cli.h"

static struct mt_out out;

static const char *const class_names[] = { "event", "context", "definition", "report" };

static const char *const class_titles[] = {
	"Events", "Context", "Definitions", "Reports",
};

/* ---- --doc ------------------------------------------------------------- */

/* Text into mdoc: a backslash, and a dot or quote that starts a line. */
static void roff(const char *s)
{
	if (*s == '.' || *s == '\'')
		mt_out_str(&out, "\\&");
	for (; *s; s++)
		if (*s == '\\')
			mt_out_str(&out, "\\e");
		else
			mt_out_char(&out, *s);
}

static void doc_values(const struct mt_field_info *f)
{
	mt_out_str(&out, ".Bl -tag -width Ds -compact\n");
	for (const struct mt_value *v = f->values; v->name; v++) {
		mt_out_printf(&out, ".It %llu Cm %s\n", (unsigned long long)v->number, v->name);
		roff(v->doc);
		mt_out_char(&out, '\n');
	}
	mt_out_str(&out, ".El\n");
}

static void doc_field(const struct mt_field_info *f)
{
	if (f->width)
		mt_out_printf(&out, ".It %u Fa %s Ns [%u]\n", f->offset, f->name, f->width);
	else
		mt_out_printf(&out, ".It string Fa %s\n", f->name);
	roff(f->doc);
	if (*f->unit && f->show == MT_DEC)
		mt_out_printf(&out, " (%ss)", f->unit);
	mt_out_str(&out, f->values && f->show == MT_SHOW_FLAGS ? "; bits:\n" :
		   f->values ? "; values:\n" : "\n");
	if (f->values)
		doc_values(f);
}

static void doc_record(const struct mt_type *t)
{
	mt_out_printf(&out, ".It Sy %s Pq kind %u, %u bytes%s\n", t->name, t->kind, t->size,
		      t->n_strings ? " and strings" : "");
	roff(t->doc);
	mt_out_str(&out, "\n.Bl -tag -width \"string\"\n");
	for (unsigned i = 0; i < t->n_fields; i++)
		doc_field(&t->fields[i]);
	mt_out_str(&out, ".El\n");
}

static void doc(void)
{
	for (unsigned c = MT_CLASS_event; c <= MT_CLASS_report; c++) {
		mt_out_printf(&out, ".Ss %s\n.Bl -tag -width Ds\n", class_titles[c]);
		for (unsigned i = 0; i < mt_n_types; i++)
			if (mt_types[i].class == c)
				doc_record(&mt_types[i]);
		mt_out_str(&out, ".El\n");
	}
}

/* ---- --schema ---------------------------------------------------------- */

static void names_of(const struct mt_field_info *f)
{
	mt_out_char(&out, '[');
	for (const struct mt_value *v = f->values; v->name; v++)
		mt_out_printf(&out, "%s\"%s\"", v == f->values ? "" : ",", v->name);
	mt_out_char(&out, ']');
}

static void schema_field(const struct mt_field_info *f)
{
	mt_out_printf(&out, ",\n        \"%s\": {\"description\": ", f->name);
	mt_out_json_string(&out, f->doc, strlen(f->doc));
	if (f->show == MT_SHOW_STRING) {
		mt_out_str(&out, ", \"type\": \"string\"");
	} else if (f->show == MT_HEX) {
		mt_out_str(&out, ", \"type\": \"string\", \"pattern\": \"^0x[0-9a-f]+$\"");
	} else if (f->show == MT_SHOW_FLAGS) {		/* bits of a newer version are hex */
		mt_out_str(&out, ", \"type\": \"array\", \"items\": {\"anyOf\": [{\"enum\": ");
		names_of(f);
		mt_out_str(&out, "}, {\"type\": \"string\", \"pattern\": \"^0x\"}]}");
	} else if (f->show == MT_SHOW_ENUM) {		/* values of a newer version are numbers */
		mt_out_str(&out, ", \"anyOf\": [{\"enum\": ");
		names_of(f);
		mt_out_str(&out, "}, {\"type\": \"integer\"}]");
	} else {
		mt_out_str(&out, ", \"type\": \"integer\", \"minimum\": 0");
	}
	mt_out_char(&out, '}');
}

static void schema_required(const struct mt_type *t)
{
	mt_out_str(&out, "\n      },\n      \"required\": [\"type\", \"cpu\", \"time\"");
	for (unsigned i = 0; i < t->n_fields; i++)
		mt_out_printf(&out, ", \"%s\"", t->fields[i].name);
	mt_out_str(&out, "]\n    }");
}

static void schema_record(const struct mt_type *t)
{
	mt_out_str(&out, "    {\n      \"description\": ");
	mt_out_json_string(&out, t->doc, strlen(t->doc));
	mt_out_printf(&out, ",\n      \"properties\": {\n        \"type\": {\"const\": \"%s\"}", t->name);
	for (unsigned i = 0; i < 2; i++)
		schema_field(&mt_header_fields[i]);
	for (unsigned i = 0; i < t->n_fields; i++)
		schema_field(&t->fields[i]);
	schema_required(t);
}

static void schema(void)
{
	mt_out_str(&out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		   "  \"title\": \"a line of mt-tojson\",\n  \"type\": \"object\",\n"
		   "  \"oneOf\": [\n");
	for (unsigned i = 0; i < mt_n_types; i++) {
		schema_record(&mt_types[i]);
		mt_out_str(&out, ",\n");
	}
	mt_out_str(&out, "    {\n      \"description\": \"a kind of a newer version\",\n"
		   "      \"properties\": {\"type\": {\"const\": \"unknown\"}},\n"
		   "      \"required\": [\"type\", \"kind\", \"size\", \"cpu\", \"time\", \"data\"]\n"
		   "    }\n  ]\n}\n");
}

/* ---- --fuzz-dict ------------------------------------------------------- */

/* The first four bytes of a record: little-endian kind and size. */
static void fuzz_dict(void)
{
	for (unsigned i = 0; i < mt_n_types; i++) {
		const struct mt_type *t = &mt_types[i];
		unsigned size = (t->size + t->n_strings + 7u) / 8 * 8;

		mt_out_printf(&out, "# %s, %s\n%s=\"\\x%02x\\x%02x\\x%02x\\x%02x\"\n", t->name,
			      class_names[t->class], t->name, t->kind & 255u, t->kind >> 8,
			      size & 255, size >> 8);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	mt_start(argv);
	mt_out_init(&out, 1);
	if (!strcmp(what, "--doc"))
		doc();
	else if (!strcmp(what, "--schema"))
		schema();
	else if (!strcmp(what, "--fuzz-dict"))
		fuzz_dict();
	else
		mt_die(MT_USAGE, "usage: mt-records --doc | --schema | --fuzz-dict");
	if (mt_out_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: write failed");
	return MT_OK;
}
