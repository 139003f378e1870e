/* SPDX-License-Identifier: MIT */
/*
 * Text output: numbers and escapes, and records as JSON and as text.
 *
 * Names are bytes from the traced system and are escaped here, at the last
 * moment: JSON stays valid (what is not UTF-8 becomes U+FFFD), and text
 * carries no control character to a terminal (they become \xNN).
 */
#ifndef MT_TEXT_H
#define MT_TEXT_H

#include "mt.h"

/* Room for len bytes, at most MT_OUT_BUFFER, to be filled up to where mt_out_end says. */
static inline char *mt_out_room(struct mt_out *o, size_t len)
{
	if (len > o->full - o->used)
		mt_out_drain(o);
	return o->buf + o->used;
}

static inline void mt_out_end(struct mt_out *o, const char *end)
{
	o->used = (size_t)(end - o->buf);
}

void mt_out_bytes(struct mt_out *o, const char *s, size_t len);
void mt_out_str(struct mt_out *o, const char *s);
void mt_out_char(struct mt_out *o, char c);
void mt_out_dec(struct mt_out *o, uint64_t n);
void mt_out_grouped(struct mt_out *o, uint64_t n);	/* 20,123 */
void mt_out_hex(struct mt_out *o, uint64_t n);		/* 0x1f */
void mt_out_printf(struct mt_out *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How many bytes, from the start of s, are whole UTF-8 sequences. */
size_t mt_utf8_span(const char *s, size_t len);

/* s with bytes that are not UTF-8 as U+FFFD, as in JSON, and nothing else changed. */
void mt_out_utf8(struct mt_out *o, const char *s, size_t len);

/* load+user; what has no name as hex; 0x0 for none. */
void mt_out_flags(struct mt_out *o, const struct mt_value *values, uint64_t bits);

/* A JSON string with its quotes. */
void mt_out_json_string(struct mt_out *o, const char *s, size_t len);

/* s with control characters, backslash and bytes that are not UTF-8 as \xNN. */
void mt_out_text_string(struct mt_out *o, const char *s, size_t len);

/* The same for HTML text and attributes in quotes: < > & " ' are references. */
void mt_out_html_string(struct mt_out *o, const char *s, size_t len);

/*
 * One record as a JSON object, without a newline:
 * {"type":"access","cpu":3,"time":10,"pc":"0x401000",...}.  Addresses are
 * strings, because JSON numbers lose bits above 2^53; flags are an array of
 * names; an unknown kind has type "unknown", its kind, size and bytes in hex.
 * mt_json_fields writes the same without the closing brace, to add members.
 */
void mt_json(struct mt_out *o, const struct mt_hdr *rec);
void mt_json_fields(struct mt_out *o, const struct mt_hdr *rec);

/*
 * One record as a line of words, without the newline:
 * access cpu=3 time=10 pc=0x401000 ... flags=load+user.  Strings stand in
 * double quotes.  This is also what tests/helper/mkrec reads.
 */
void mt_text(struct mt_out *o, const struct mt_hdr *rec);

#endif
