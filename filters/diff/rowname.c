/* SPDX-License-Identifier: MIT */
/* Names of rows: from a list for rows that need one, else by the record table. */
#include <string.h>

#include "rowname.h"

/*
 * What a row stands for, as words: names of its fields, or
 *
 *	place	field or variable that it is about	type	type of its object
 *	entry	entry of the kernel
 *
 * by: of the row's field of that name; NULL: any.  What stands in no list goes
 * by all its enums, strings and references.
 */
static const struct shape {
	unsigned kind;
	const char *by, *words;
} shapes[] = {
	{ MT_KIND_shared, "line", "place" },
	{ MT_KIND_shared, "object", "object" },
	{ MT_KIND_shared, "ctype", "type" },
	{ MT_KIND_shared, "field", "place" },
	{ MT_KIND_shared, "pc", "pc" },
	{ MT_KIND_shared, "site", "pc place" },
	{ MT_KIND_shared, "entry", "entry" },
	{ MT_KIND_shared, "task", "task" },
	{ MT_KIND_shared, "address", "place" },
	{ MT_KIND_use, NULL, "place pc" },
	{ MT_KIND_pair, "pair", "pc pc2" },
	{ MT_KIND_pair, "cpus", "to from" },
	{ MT_KIND_pair, "line_cpus", "place to from" },
	{ MT_KIND_pair, "object_cpus", "object to from" },
	{ MT_KIND_pair, "ctype_cpus", "type to from" },
	{ MT_KIND_pair, "field_cpus", "place to from" },
	{ MT_KIND_pair, "part", "pc pc2 place to from" },
	{ MT_KIND_heat, NULL, "type offset" },
	{ MT_KIND_syscall, "entry", "entry" },
	{ MT_KIND_syscall, "site", "entry pc" },
	{ MT_KIND_syscall, "operation", "operation" },
	{ MT_KIND_stat, NULL, "name" },
	{ MT_KIND_set, NULL, "cpu set" },
	{ MT_KIND_miss, NULL, "cpu set place pc" },
};

static const char *by_of(const struct mt_hdr *rec)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(rec->kind), "by");

	return f && f->values ? mt_value_name(f->values, mt_field_u64(rec, f)) : NULL;
}

static const struct shape *shape_of(const struct mt_hdr *rec)
{
	const char *by = by_of(rec);

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].kind == rec->kind &&
		    (!shapes[i].by || (by && !strcmp(by, shapes[i].by))))
			return &shapes[i];
	return NULL;
}

/* ---- words ----------------------------------------------------------------- */

/* Value of a number, 0 when the record has none of that name. */
static uint64_t number(const struct mt_hdr *rec, const char *name)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(rec->kind), name);

	return f && f->width ? mt_field_u64(rec, f) : 0;
}

static void write_type(struct mt_out *o, const struct mt_object *object)
{
	const char *ctype = object ? mt_string(&object->hdr, 1) : "";

	if (*ctype)
		mt_out_bytes(o, ctype, strlen(ctype));
	else if (object)
		mt_names_thing(o, object, mt_out_bytes);
	else
		mt_out_str(o, "nothing known");
}

/* Without line numbers: they move when a source changes. */
static void write_code(struct mt_out *o, const struct mt_symbol *s, uint64_t pc)
{
	const char *function = s ? mt_string(&s->hdr, 0) : "";

	if (*function)
		mt_out_bytes(o, function, strlen(function));
	else
		mt_out_hex(o, pc);
}

static void write_definition(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *def,
			     uint64_t value)
{
	switch (def->kind) {
	case MT_KIND_symbol:
		write_code(o, (const struct mt_symbol *)def, value);
		break;
	case MT_KIND_object:
		mt_names_thing(o, (const struct mt_object *)def, mt_out_bytes);
		break;
	case MT_KIND_field:
		mt_out_bytes(o, mt_string(def, 0), strlen(mt_string(def, 0)));
		mt_out_char(o, '.');
		mt_out_bytes(o, mt_string(def, 1), strlen(mt_string(def, 1)));
		break;
	default:
		mt_names_frame(o, n, (const struct mt_stack *)def, mt_out_bytes);
	}
}

static void write_field(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec,
			const struct mt_field_info *f)
{
	const struct mt_hdr *def = f->width ? mt_names_follow(n, rec, f) : NULL;
	uint64_t value = f->width ? mt_field_u64(rec, f) : 0;
	const char *name = f->show == MT_SHOW_ENUM ? mt_value_name(f->values, value) : NULL;

	if (f->show == MT_SHOW_STRING)
		mt_out_bytes(o, mt_string(rec, f->offset), strlen(mt_string(rec, f->offset)));
	else if (name)
		mt_out_str(o, name);
	else if (def)
		write_definition(o, n, def, value);
	else if (f->show == MT_HEX)
		mt_out_hex(o, value);
	else
		mt_out_dec(o, value);
}

static void write_word(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec,
		       const char *word)
{
	const struct mt_object *object = mt_names_object(n, (uint32_t)number(rec, "object"));
	const struct mt_field_info *f = mt_field_find(mt_type_of(rec->kind), word);

	if (!strcmp(word, "place")) {
		mt_names_place(o, n, (uint32_t)number(rec, "object"), (uint32_t)number(rec, "field"),
			       number(rec, "addr") ? number(rec, "addr") : number(rec, "line"),
			       mt_out_bytes);
	} else if (!strcmp(word, "type")) {
		write_type(o, object);
	} else if (!strcmp(word, "entry") && number(rec, "entry_pc")) {
		mt_names_entry(o, n, (unsigned)number(rec, "cause"), (uint32_t)number(rec, "number"),
			       number(rec, "entry_pc"), mt_out_bytes);
	} else if (!strcmp(word, "entry")) {
		mt_out_str(o, "outside of kernel entries");
	} else if (f) {
		if (f->show == MT_DEC && !mt_refers_to(f))
			mt_out_printf(o, "%s ", word);
		write_field(o, n, rec, f);
	}
}

/* ---- names ------------------------------------------------------------------- */

static void write_words(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec,
			const char *words)
{
	char word[32];
	size_t len;

	for (const char *comma = ""; *words; words += len, comma = ", ") {
		words += *words == ' ';
		len = strcspn(words, " ");
		memcpy(word, words, len);
		word[len] = 0;
		mt_out_str(o, comma);
		write_word(o, n, rec, word);
	}
}

/* What tells rows apart, and not what they count. */
static bool is_name(const struct mt_field_info *f)
{
	static const char *const sets[] = { "readers", "writers", "takers", "givers", "by_cpu" };

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (!strcmp(f->name, sets[i]))
			return false;
	return f->show == MT_SHOW_STRING || f->show == MT_SHOW_ENUM ||
	       (mt_refers_to(f) && f->width);
}

static void write_all(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	const char *comma = "";

	for (unsigned i = 0; i < t->n_fields; i++) {
		if (!is_name(&t->fields[i]) || !strcmp(t->fields[i].name, "by"))
			continue;
		mt_out_str(o, comma);
		write_field(o, n, rec, &t->fields[i]);
		comma = ", ";
	}
}

void rowname_write(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec)
{
	const struct shape *s = shape_of(rec);

	if (s)
		write_words(o, n, rec, s->words);
	else
		write_all(o, n, rec);
}

void rowname_report(struct mt_out *o, const struct mt_hdr *rec)
{
	const char *by = by_of(rec);

	mt_out_str(o, mt_type_of(rec->kind)->name);
	if (by)
		mt_out_printf(o, " by %s", by);
}
