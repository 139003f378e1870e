/* SPDX-License-Identifier: MIT */
/* Text output, and a record as one line of text. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "mt_digits.h"
#include "mt_text.h"

void mt_out_bytes(struct mt_out *o, const char *s, size_t len)
{
	while (len > o->full - o->used) {
		size_t part = o->full - o->used;

		memcpy(o->buf + o->used, s, part);
		o->used += part;
		s += part;
		len -= part;
		mt_out_drain(o);
	}
	memcpy(o->buf + o->used, s, len);
	o->used += len;
}

void mt_out_str(struct mt_out *o, const char *s)
{
	mt_out_bytes(o, s, strlen(s));
}

void mt_out_char(struct mt_out *o, char c)
{
	if (o->used == o->full)
		mt_out_drain(o);
	o->buf[o->used++] = c;
}

void mt_out_dec(struct mt_out *o, uint64_t n)
{
	mt_out_end(o, mt_put_dec(mt_out_room(o, MT_DIGITS), n));
}

void mt_out_grouped(struct mt_out *o, uint64_t n)
{
	if (n >= 1000) {
		mt_out_grouped(o, n / 1000);
		mt_out_printf(o, ",%03u", (unsigned)(n % 1000));
	} else {
		mt_out_dec(o, n);
	}
}

void mt_out_hex(struct mt_out *o, uint64_t n)
{
	mt_out_end(o, mt_put_hex(mt_out_room(o, 2 * MT_DIGITS), n));
}

void mt_out_printf(struct mt_out *o, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	mt_out_bytes(o, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* Length of the UTF-8 sequence at s, or 0 when it is none (RFC 3629). */
static unsigned utf8(const unsigned char *s, size_t len)
{
	static const struct { unsigned char lo, hi, lo2, hi2, n; } row[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (s[0] < 0x80)
		return 1;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (s[0] < row[i].lo || s[0] > row[i].hi)
			continue;
		if (len < row[i].n || s[1] < row[i].lo2 || s[1] > row[i].hi2)
			return 0;
		for (unsigned k = 2; k < row[i].n; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return row[i].n;
	}
	return 0;
}

size_t mt_utf8_span(const char *s, size_t len)
{
	size_t at = 0;
	unsigned n = 1;

	while (at < len && (n = utf8((const unsigned char *)s + at, len - at)))
		at += n;
	return at;
}

void mt_out_utf8(struct mt_out *o, const char *s, size_t len)
{
	for (;;) {
		size_t n = mt_utf8_span(s, len);

		mt_out_bytes(o, s, n);
		if (n == len)
			return;
		mt_out_str(o, "\xef\xbf\xbd");
		s += n + 1;
		len -= n + 1;
	}
}

/* C1 controls are two bytes in UTF-8; a terminal obeys them too. */
static bool is_control(const unsigned char *s, unsigned n)
{
	return n == 1 ? s[0] < 0x20 || s[0] == 0x7f : n == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

void mt_out_json_string(struct mt_out *o, const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;
	unsigned n;

	mt_out_char(o, '"');
	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8(s + i, len - i);
		if (!n)
			mt_out_str(o, "\\ufffd");
		else if (s[i] == '"' || s[i] == '\\')
			mt_out_printf(o, "\\%c", s[i]);
		else if (is_control(s + i, n))
			mt_out_printf(o, "\\u%04x", n == 1 ? s[i] : s[i + 1]);
		else
			mt_out_bytes(o, str + i, n);
	}
	mt_out_char(o, '"');
}

void mt_out_text_string(struct mt_out *o, const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;
	unsigned n;

	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8(s + i, len - i);
		if (!n || is_control(s + i, n) || s[i] == '\\' || s[i] == '"')
			for (unsigned k = 0; k < (n ? n : 1); k++)
				mt_out_printf(o, "\\x%02x", s[i + k]);
		else
			mt_out_bytes(o, str + i, n);
	}
}

void mt_out_html_string(struct mt_out *o, const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;
	unsigned n;

	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8(s + i, len - i);
		if (!n || is_control(s + i, n))
			for (unsigned k = 0; k < (n ? n : 1); k++)
				mt_out_printf(o, "\\x%02x", s[i + k]);
		else if (strchr("<>&\"'", s[i]))
			mt_out_printf(o, "&#%u;", s[i]);
		else
			mt_out_bytes(o, str + i, n);
	}
}

void mt_out_flags(struct mt_out *o, const struct mt_value *v, uint64_t bits)
{
	const char *plus = "";

	for (; v->name; v++)
		if (bits & v->number) {
			mt_out_str(o, plus);
			mt_out_str(o, v->name);
			plus = "+";
			bits &= ~v->number;
		}
	if (bits || !*plus) {
		mt_out_str(o, plus);
		mt_out_hex(o, bits);
	}
}

static void text_field(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const char *s;
	uint64_t n;

	mt_out_char(o, ' ');
	mt_out_str(o, f->name);
	mt_out_char(o, '=');
	if (f->show == MT_SHOW_STRING) {
		s = mt_string(rec, f->offset);
		mt_out_char(o, '"');
		mt_out_text_string(o, s, strlen(s));
		mt_out_char(o, '"');
		return;
	}
	n = mt_field_u64(rec, f);
	if (f->show == MT_SHOW_FLAGS)
		mt_out_flags(o, f->values, n);
	else if (f->show == MT_SHOW_ENUM && (s = mt_value_name(f->values, n)))
		mt_out_str(o, s);
	else if (f->show == MT_HEX)
		mt_out_hex(o, n);
	else
		mt_out_dec(o, n);
}

static void text_unknown(struct mt_out *o, const struct mt_hdr *rec)
{
	const unsigned char *p = (const unsigned char *)rec;

	mt_out_printf(o, "%u size=%u cpu=%u time=%llu", rec->kind, rec->size, rec->cpu,
		      (unsigned long long)rec->time);
	if (rec->size > sizeof(*rec))
		mt_out_str(o, " data=");
	for (size_t i = sizeof(*rec); i < rec->size; i++)
		mt_out_printf(o, "%02x", p[i]);
}

void mt_text(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (!t) {
		text_unknown(o, rec);
		return;
	}
	mt_out_str(o, t->name);
	text_field(o, rec, &mt_header_fields[0]);
	text_field(o, rec, &mt_header_fields[1]);
	for (unsigned i = 0; i < t->n_fields; i++)
		text_field(o, rec, &t->fields[i]);
}
