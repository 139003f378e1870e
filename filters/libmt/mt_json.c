/* SPDX-License-Identifier: MIT */
/* A record as a JSON object: one loop over its fields. */
#include <string.h>

#include "mt_text.h"

static void json_flags(struct mt_out *o, const struct mt_value *v, uint64_t bits)
{
	const char *comma = "";

	mt_out_char(o, '[');
	for (; v->name; v++)
		if (bits & v->number) {
			mt_out_str(o, comma);
			mt_out_char(o, '"');
			mt_out_str(o, v->name);
			mt_out_char(o, '"');
			comma = ",";
			bits &= ~v->number;
		}
	if (bits) {			/* bits of a newer version */
		mt_out_str(o, comma);
		mt_out_char(o, '"');
		mt_out_hex(o, bits);
		mt_out_char(o, '"');
	}
	mt_out_char(o, ']');
}

static void json_value(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const char *s;
	uint64_t n;

	if (f->show == MT_SHOW_STRING) {
		s = mt_string(rec, f->offset);
		mt_out_json_string(o, s, strlen(s));
		return;
	}
	n = mt_field_u64(rec, f);
	if (f->show == MT_SHOW_FLAGS) {
		json_flags(o, f->values, n);
	} else if (f->show == MT_HEX) {
		mt_out_char(o, '"');
		mt_out_hex(o, n);
		mt_out_char(o, '"');
	} else if (f->show == MT_SHOW_ENUM && (s = mt_value_name(f->values, n))) {
		mt_out_char(o, '"');
		mt_out_str(o, s);
		mt_out_char(o, '"');
	} else {
		mt_out_dec(o, n);
	}
}

static void json_member(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	mt_out_bytes(o, ",\"", 2);
	mt_out_str(o, f->name);
	mt_out_bytes(o, "\":", 2);
	json_value(o, rec, f);
}

static void json_unknown(struct mt_out *o, const struct mt_hdr *rec)
{
	const unsigned char *p = (const unsigned char *)rec;

	mt_out_printf(o, "{\"type\":\"unknown\",\"kind\":%u,\"size\":%u,\"cpu\":%u,\"time\":%llu,\"data\":\"",
		      rec->kind, rec->size, rec->cpu, (unsigned long long)rec->time);
	for (size_t i = sizeof(*rec); i < rec->size; i++)
		mt_out_printf(o, "%02x", p[i]);
	mt_out_char(o, '"');
}

void mt_json_fields(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (!t) {
		json_unknown(o, rec);
		return;
	}
	mt_out_str(o, "{\"type\":\"");
	mt_out_str(o, t->name);
	mt_out_char(o, '"');
	json_member(o, rec, &mt_header_fields[0]);
	json_member(o, rec, &mt_header_fields[1]);
	for (unsigned i = 0; i < t->n_fields; i++)
		json_member(o, rec, &t->fields[i]);
}

void mt_json(struct mt_out *o, const struct mt_hdr *rec)
{
	mt_json_fields(o, rec);
	mt_out_char(o, '}');
}
