/* SPDX-License-Identifier: MIT */
/* What the record table says, as data; and judging a record's frame by it. */
#include <stdlib.h>
#include <string.h>

#include "mt.h"

/* A struct with padding would leak memory into logs and differ by compiler. */
#define MT_RECORD(rec, kind, class, doc) \
	_Static_assert(sizeof(struct mt_##rec) == sizeof(struct mt_hdr)
#define MT_FIELD(rec, type, name, show, unit, doc)	+ sizeof(type)
#define MT_ENUM(rec, type, name, values, doc)		+ sizeof(type)
#define MT_FLAGS(rec, type, name, values, doc)		+ sizeof(type)
#define MT_END(rec)	, "mt_" #rec " has padding: reorder its fields"); \
	_Static_assert(sizeof(struct mt_##rec) % 8 == 0, "mt_" #rec " is no multiple of 8");
#include "mt_records.def"

/* Which string of its record a string is, from 0; and how many there are. */
#define MT_RECORD(rec, kind, class, doc) enum {
#define MT_STRING(rec, name, doc) string_##rec##_##name,
#define MT_END(rec) n_strings_##rec };
#include "mt_records.def"

#define MT_SET(values) static const struct mt_value values_##values[] = {
#define MT_VALUE(values, name, number, doc) { #name, number, doc },
#define MT_SET_END(values) { NULL, 0, NULL } };
#include "mt_records.def"

#define AT(rec, name) offsetof(struct mt_##rec, name), sizeof(((struct mt_##rec *)0)->name)

#define MT_RECORD(rec, kind, class, doc) static const struct mt_field_info fields_##rec[] = {
#define MT_FIELD(rec, type, name, show, unit, doc) \
	{ #name, unit, doc, NULL, AT(rec, name), (show) & 15, (show) >> 4 },
#define MT_ENUM(rec, type, name, values, doc) \
	{ #name, "", doc, values_##values, AT(rec, name), MT_SHOW_ENUM, 0 },
#define MT_FLAGS(rec, type, name, values, doc) \
	{ #name, "", doc, values_##values, AT(rec, name), MT_SHOW_FLAGS, 0 },
#define MT_STRING(rec, name, doc) \
	{ #name, "", doc, NULL, string_##rec##_##name, 0, MT_SHOW_STRING, 0 },
#define MT_END(rec) };
#include "mt_records.def"

const struct mt_type mt_types[] = {
#define MT_RECORD(rec, kind, class, doc) \
	{ #rec, doc, fields_##rec, sizeof(fields_##rec) / sizeof(fields_##rec[0]), \
	  n_strings_##rec, sizeof(struct mt_##rec), kind, MT_CLASS_##class },
#include "mt_records.def"
};

const unsigned mt_n_types = sizeof(mt_types) / sizeof(mt_types[0]);

const struct mt_field_info mt_header_fields[2] = {
	{ "cpu", "", "virtual cpu; in user mode: thread", NULL,
	  offsetof(struct mt_hdr, cpu), sizeof(uint32_t), MT_DEC, MT_SPACE_cpu },
	{ "time", "instruction", "guest instructions executed by that cpu", NULL,
	  offsetof(struct mt_hdr, time), sizeof(uint64_t), MT_DEC, MT_SPACE_none },
};

/* begin and end are judged by where they stand, too. */
const uint16_t mt_plain_size[MT_KINDS] = {
#define MT_RECORD(rec, kind, class, doc) \
	[(kind) < MT_KINDS ? (kind) : 0] = n_strings_##rec > 0 || (kind) == MT_KIND_end ? 0 : \
		sizeof(struct mt_##rec),
#include "mt_records.def"
};

static const struct mt_type *const *type_by_kind(void)
{
	static const struct mt_type *by_kind[MT_KINDS];

	if (!by_kind[MT_KIND_end])
		for (unsigned i = 0; i < mt_n_types; i++)
			if (mt_types[i].kind < MT_KINDS)
				by_kind[mt_types[i].kind] = &mt_types[i];
	return by_kind;
}

const struct mt_type *mt_type_of(unsigned kind)
{
	if (kind < MT_KINDS)
		return type_by_kind()[kind];
	return kind == MT_KIND_begin ? &mt_types[0] : NULL;
}

const struct mt_type *mt_type_find(const char *name)
{
	for (unsigned i = 0; i < mt_n_types; i++)
		if (!strcmp(mt_types[i].name, name))
			return &mt_types[i];
	return NULL;
}

const struct mt_field_info *mt_field_find(const struct mt_type *t, const char *name)
{
	for (unsigned i = 0; i < 2; i++)
		if (!strcmp(mt_header_fields[i].name, name))
			return &mt_header_fields[i];
	for (unsigned i = 0; i < t->n_fields; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

const char *mt_value_name(const struct mt_value *values, uint64_t number)
{
	for (; values->name; values++)
		if (values->number == number)
			return values->name;
	return NULL;
}

const struct mt_value *mt_value_named(const struct mt_value *values, const char *name)
{
	while (values && values->name && strcmp(values->name, name))
		values++;
	return values && values->name ? values : NULL;
}

const char *mt_string(const struct mt_hdr *rec, unsigned n)
{
	const char *s = (const char *)rec + mt_type_of(rec->kind)->size;

	while (n--)
		s += strlen(s) + 1;
	return s;
}

/* Shortens the longest strings, one byte at a time, until all fit. */
static void fit(size_t *len, unsigned n, size_t room)
{
	for (;;) {
		size_t sum = 0, longest = 0;

		for (unsigned i = 0; i < n; i++) {
			sum += len[i] + 1;
			if (len[i] > len[longest])
				longest = i;
		}
		if (sum <= room)
			return;
		len[longest] -= sum - room < len[longest] / 2 ? sum - room : len[longest] / 2 + 1;
	}
}

struct mt_hdr *mt_build(void *buf, const void *fixed, const char *const *strings)
{
	const struct mt_type *t = mt_type_of(((const struct mt_hdr *)fixed)->kind);
	struct mt_hdr *rec = buf;
	size_t len[8], at = t->size;

	memcpy(buf, fixed, t->size);
	for (unsigned i = 0; i < t->n_strings; i++)
		len[i] = strings[i] ? strlen(strings[i]) : 0;
	fit(len, t->n_strings, MT_RECORD_MAX - t->size);
	for (unsigned i = 0; i < t->n_strings; i++) {
		if (len[i])
			memcpy((char *)buf + at, strings[i], len[i]);
		((char *)buf)[at + len[i]] = 0;
		at += len[i] + 1;
	}
	while (at % 8)
		((char *)buf)[at++] = 0;
	rec->size = (uint16_t)at;
	return rec;
}

/* The tail holds exactly the strings, then fewer than 8 zeros. */
static const char *check_strings(const struct mt_type *t, const unsigned char *rec, size_t size)
{
	const unsigned char *p = rec + t->size, *end = rec + size;

	for (unsigned i = 0; i < t->n_strings; i++) {
		const unsigned char *nul = memchr(p, 0, (size_t)(end - p));

		if (!nul)
			return "a string without an end";
		p = nul + 1;
	}
	if (end - p >= 8)
		return "more bytes than its strings need";
	for (; p < end; p++)
		if (*p)
			return "padding that is not zero";
	return NULL;
}

int mt_frame(const void *buf, size_t len, const char **error)
{
	const struct mt_hdr *h = buf;
	const struct mt_type *t;

	if (len < sizeof(*h))
		return 0;
	if (h->size < sizeof(*h) || h->size % 8) {
		*error = "not a record: its size is no multiple of 8 from 16 up";
		return -1;
	}
	t = mt_type_of(h->kind);
	if (t && (t->n_strings ? h->size < t->size : h->size != t->size)) {
		*error = "a known kind with another size";
		return -1;
	}
	if (h->size > len)
		return 0;
	if (t && t->n_strings && (*error = check_strings(t, buf, h->size)))
		return -1;
	return h->size;
}
