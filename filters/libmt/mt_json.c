/* SPDX-License-Identifier: MIT */
/*
 * A record as a JSON object.  What does not change from record to record (the
 * names, the commas, the opening of arrays) is put together once for each
 * type, so that a record costs a few copies and its digits.
 */
#include <string.h>

#include "mt_digits.h"
#include "mt_text.h"

/* ---- slowly: any value ------------------------------------------------- */

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
	} else if (f->show == MT_SHOW_ENUM && (s = mt_value_name(f->values, n))) {
		mt_out_char(o, '"');
		mt_out_str(o, s);
		mt_out_char(o, '"');
	} else {
		mt_out_dec(o, n);
	}
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

/* ---- what is prepared for each type ------------------------------------ */

/*
 * A piece is copied whole, or its first half, whatever its length, because a
 * copy of fixed size is a few moves.
 */
#define PIECE 64

struct piece {
	char text[PIECE];
	size_t len;
};

/* Longer names would not fit {"type":"NAME","cpu": into a piece. */
#define MT_RECORD(rec, kind, class, doc) _Static_assert(sizeof(#rec) <= 32, "long name: " #rec);
#define MT_FIELD(rec, type, name, show, unit, doc) \
	_Static_assert(sizeof(#name) <= 32, "long name: " #name);
#define MT_ENUM(rec, type, name, values, doc)	MT_FIELD(rec, type, name, show, unit, doc)
#define MT_FLAGS(rec, type, name, values, doc)	MT_FIELD(rec, type, name, show, unit, doc)
#define MT_STRING(rec, name, doc)		MT_FIELD(rec, type, name, show, unit, doc)
#include "mt_records.def"

#define FIELDS 32			/* fields of a record that are prepared */
#define FLAG_SETS 64			/* values of the first flags field that are prepared */

/* How a value is written; what is not prepared, slowly. */
enum how { SLOWLY, DEC, HEX, FLAGS };

struct plan {
	const struct mt_type *type;
	unsigned n;
	struct piece head;			/* {"type":"access","cpu": */
	struct member {
		struct piece before;		/* ,"addr":" and the like */
		uint8_t how, width;
		uint16_t offset;
	} member[FIELDS];
	struct piece flags[FLAG_SETS];		/* of the prepared field: ["load","store"]; len 0: too long */
};

static void piece_set(struct piece *p, const char *a, const char *b, const char *c)
{
	int n = snprintf(p->text, PIECE, "%s%s%s", a, b, c);

	p->len = n < PIECE ? (size_t)n : 0;
}

static void prepare_flags(struct plan *p, const struct mt_field_info *f)
{
	for (unsigned bits = 0; bits < FLAG_SETS; bits++) {
		struct mt_out o;

		mt_out_init(&o, -1);
		json_flags(&o, f->values, bits);
		o.buf[o.used] = 0;
		piece_set(&p->flags[bits], o.buf, "", "");
	}
}

static void prepare(struct plan *p, const struct mt_type *t)
{
	bool flags = false;

	p->type = t;
	p->n = t->n_fields;
	piece_set(&p->head, "{\"type\":\"", t->name, "\",\"cpu\":");
	for (unsigned i = 0; i < p->n; i++) {
		const struct mt_field_info *f = &t->fields[i];
		struct member *m = &p->member[i];

		*m = (struct member){ .width = f->width, .offset = f->offset };
		piece_set(&m->before, ",\"", f->name, f->show == MT_HEX ? "\":\"" : "\":");
		if (f->show == MT_DEC || f->show == MT_HEX) {
			m->how = f->show == MT_DEC ? DEC : HEX;
		} else if (f->show == MT_SHOW_FLAGS && !flags) {
			m->how = FLAGS;
			flags = true;
			prepare_flags(p, f);
		}
	}
}

static const struct plan *plan_of(const struct mt_hdr *rec)
{
	static struct plan plans[MT_KINDS];
	unsigned i = rec->kind < MT_KINDS ? rec->kind : 0;	/* 0 is no kind: begin's place */

	if (!plans[i].type) {
		const struct mt_type *t = mt_type_of(rec->kind);

		if (!t || t->n_fields > FIELDS)
			return NULL;
		prepare(&plans[i], t);
	}
	return plans[i].type->kind == rec->kind ? &plans[i] : NULL;
}

/* ---- fast -------------------------------------------------------------- */

/* The most that is written between two looks at the room: pieces and digits. */
#define ROOM ((FIELDS + 3) * 2 * PIECE)

static inline char *put_piece(char *to, const struct piece *p)
{
	memcpy(to, p->text, PIECE / 2);
	if (p->len > PIECE / 2)
		memcpy(to + PIECE / 2, p->text + PIECE / 2, PIECE / 2);
	return to + p->len;
}

static inline uint64_t load(const struct mt_hdr *rec, const struct member *m)
{
	const unsigned char *p = (const unsigned char *)rec + m->offset;

	if (m->width == 8)
		return *(const uint64_t *)p;
	return m->width == 4 ? *(const uint32_t *)p : m->width == 2 ? *(const uint16_t *)p : *p;
}

/* A member whose value was not prepared; where the next one goes. */
static __attribute__((noinline))
char *put_slowly(struct mt_out *o, char *to, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	mt_out_end(o, to);
	json_value(o, rec, f);
	return mt_out_room(o, ROOM);
}

static inline char *put_member(struct mt_out *o, char *to, const struct mt_hdr *rec,
			       const struct plan *p, unsigned i)
{
	const struct member *m = &p->member[i];
	uint64_t n;

	to = put_piece(to, &m->before);
	switch (m->how) {
	case DEC:
		return mt_put_dec(to, load(rec, m));
	case HEX:
		to = mt_put_hex(to, load(rec, m));
		*to++ = '"';
		return to;
	case FLAGS:
		n = load(rec, m);
		if (n < FLAG_SETS && p->flags[n].len)
			return put_piece(to, &p->flags[n]);
	}
	return put_slowly(o, to, rec, &p->type->fields[i]);
}

void mt_json_fields(struct mt_out *o, const struct mt_hdr *rec)
{
	static const struct piece time = { ",\"time\":", 8 };
	const struct plan *p = plan_of(rec);
	char *to;

	if (!p) {
		json_unknown(o, rec);
		return;
	}
	to = put_piece(mt_out_room(o, ROOM), &p->head);
	to = mt_put_dec(to, rec->cpu);
	to = mt_put_dec(put_piece(to, &time), rec->time);
	for (unsigned i = 0; i < p->n; i++)
		to = put_member(o, to, rec, p, i);
	mt_out_end(o, to);
}

void mt_json(struct mt_out *o, const struct mt_hdr *rec)
{
	mt_json_fields(o, rec);
	mt_out_char(o, '}');
}
