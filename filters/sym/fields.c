/* SPDX-License-Identifier: MIT */
/* The member of a type that lies at an offset, written as in C. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "types.h"

/*
 * A type may contain itself, and unions may branch, without end: damaged
 * DWARF.  Then the path stops where it has got to.
 */
#define DEPTH_MAX 48
#define STEPS_MAX 4096
#define BRANCHES_MAX 16			/* members of a union that are named; "..." for the rest */

static const char padding[] = "<padding>";

/* One way down from a type to a leaf. */
struct way {
	struct sym_field *f;
	uint64_t *room;			/* bytes of the leaf from the offset on */
	unsigned *steps;		/* left, of all ways together */
	unsigned depth;
};

static void down(struct way w, struct sym_type *t, uint64_t offset, uint64_t width, uint64_t at);

static void __attribute__((format(printf, 2, 3))) append(struct sym_field *f, const char *format, ...)
{
	size_t len = strlen(f->path);
	va_list args;

	va_start(args, format);
	vsnprintf(f->path + len, sizeof(f->path) - len, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 3))) set_type(struct sym_field *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->member_type, sizeof(f->member_type), format, args);
	va_end(args);
}

/* offset: of what is accessed, in the leaf */
static void leaf(struct way w, uint64_t at, uint64_t bytes, uint64_t offset, const char *type)
{
	w.f->offset = at;
	w.f->bytes = bytes;
	*w.room = bytes > offset ? bytes - offset : 0;
	set_type(w.f, "%s", type);
}

static bool is_flexible(const struct sym_type *t)
{
	return t->kind == SYM_ARRAY && t->flexible;
}

static bool holds(const struct sym_member *m, uint64_t offset)
{
	return offset >= m->offset && (offset - m->offset < m->bytes || is_flexible(m->type));
}

/* Index of the first member behind offset. */
static size_t member_behind(const struct sym_type *t, uint64_t offset)
{
	size_t low = 0, high = t->n_members;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->members[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool sym_type_flexible(struct sym_type *t)
{
	sym_type_open(t);
	return t->kind == SYM_STRUCT && t->n_members && is_flexible(t->members[t->n_members - 1].type);
}

uint64_t sym_field_offset(struct sym_type *t, uint64_t offset)
{
	uint64_t at = 0;

	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		const struct sym_member *m;
		size_t i;

		sym_type_open(t);
		if (t->kind == SYM_ARRAY && t->element->bytes) {
			if (!t->flexible && t->n_elements <= SYM_INDEX_MAX)
				at += offset / t->element->bytes * t->element->bytes;
			offset %= t->element->bytes;
			t = t->element;
			continue;
		}
		i = t->kind == SYM_STRUCT ? member_behind(t, offset) : 0;
		m = i ? &t->members[i - 1] : NULL;
		if (!m || m->bit_field || !holds(m, offset))
			break;
		at += m->offset;
		offset -= m->offset;
		t = m->type;
	}
	return at + offset;
}

static void in_array(struct way w, struct sym_type *t, uint64_t offset, uint64_t width, uint64_t at)
{
	uint64_t each = t->element->bytes, index = each ? offset / each : 0;

	if (!each) {
		leaf(w, at, t->bytes, offset, t->name);
		return;
	}
	if (t->flexible || t->n_elements > SYM_INDEX_MAX) {
		append(w.f, "[]");
		index = 0;
	} else {
		append(w.f, "[%" PRIu64 "]", index);
	}
	down(w, t->element, offset % each, width, at + index * each);
}

static void in_member(struct way w, struct sym_member *m, uint64_t offset, uint64_t width, uint64_t at)
{
	const char *p = w.f->path;

	if (*m->name)
		append(w.f, "%s%s", *p ? "." : "", m->name);
	if (m->bit_field)
		leaf(w, at + m->offset, m->bytes, offset - m->offset, m->type->name);
	else
		down(w, m->type, offset - m->offset, width, at + m->offset);
}

/* The hole around offset: from the end of what lies before to what comes next. */
static void in_hole(struct way w, struct sym_type *t, uint64_t offset, uint64_t at)
{
	uint64_t start = 0, end = t->bytes;

	for (size_t i = 0; i < t->n_members; i++) {
		const struct sym_member *m = &t->members[i];

		if (m->offset + m->bytes <= offset && m->offset + m->bytes > start)
			start = m->offset + m->bytes;
		if (m->offset > offset && m->offset < end)
			end = m->offset;
	}
	append(w.f, "%s%s", *w.f->path ? "." : "", padding);
	leaf(w, at + start, end - start, offset - start, "");
}

static bool is_padding(const struct sym_field *f)
{
	size_t len = strlen(f->path);

	return len >= strlen(padding) && !strcmp(f->path + len - strlen(padding), padding);
}

/* Length of the first alternative of a list "a|{b|c}|d". */
static size_t first_word(const char *list)
{
	size_t i;
	int deep = 0;

	for (i = 0; list[i] && (list[i] != '|' || deep); i++)
		deep += (list[i] == '{') - (list[i] == '}');
	return i;
}

/* Adds an alternative to a list, unless it is there. */
static void add_word(char *list, size_t room, const char *word)
{
	size_t len = strlen(list), n = strlen(word);

	for (const char *p = list; *p; p += first_word(p), p += *p == '|')
		if (first_word(p) == n && !strncmp(p, word, n))
			return;
	snprintf(list + len, room - len, "%s%s", len ? "|" : "", word);
}

/* Makes one field of what several members at one place say; padding says nothing. */
static void merge(struct sym_field *all, const struct sym_field *one)
{
	uint64_t end = all->offset + all->bytes;

	if (!*all->path || is_padding(all)) {
		*all = *one;
		return;
	}
	if (is_padding(one))
		return;
	if (end < one->offset + one->bytes)
		end = one->offset + one->bytes;
	if (all->offset > one->offset)
		all->offset = one->offset;
	all->bytes = end - all->offset;
	add_word(all->path, sizeof(all->path), one->path);
	add_word(all->member_type, sizeof(all->member_type), one->member_type);
}

/* In braces when it is a list. */
static const char *opening(const char *list)
{
	return list[first_word(list)] ? "{" : "";
}

/* The list that says most, of a union: members that are just what is accessed, or hold all of it. */
static const struct sym_field *choose(const struct sym_field *exact, const struct sym_field *whole,
				      const struct sym_field *all)
{
	if (*exact->path && !is_padding(exact))
		return exact;
	return *whole->path && !is_padding(whole) ? whole : all;
}

/* All members that hold offset; of a union only the best ones. */
static void in_several(struct way w, struct sym_type *t, uint64_t offset, uint64_t width, uint64_t at)
{
	struct sym_field all = { .path = "" }, whole = { .path = "" }, exact = { .path = "" }, one;
	unsigned branches = 0;
	uint64_t room, most = 0;
	const char *brace;

	for (size_t i = 0; i < t->n_members && branches < BRANCHES_MAX; i++) {
		if (!holds(&t->members[i], offset))
			continue;
		one = (struct sym_field){ .path = "" };
		in_member((struct way){ &one, &room, w.steps, w.depth }, &t->members[i], offset,
			  width, at);
		merge(&all, &one);
		if (t->kind == SYM_UNION && room >= width)
			merge(&whole, &one);
		if (t->kind == SYM_UNION && room == width && one.bytes == width)
			merge(&exact, &one);
		most = room > most ? room : most;
		branches++;
	}
	if (*exact.path && !is_padding(&exact))
		most = width;
	all = *choose(&exact, &whole, &all);
	if (!*all.path) {
		in_hole(w, t, offset, at);
		return;
	}
	brace = opening(all.path);
	append(w.f, "%s%s%s%s", *w.f->path ? "." : "", brace, all.path, *brace ? "}" : "");
	leaf(w, all.offset, all.bytes, 0, "");
	*w.room = most;
	set_type(w.f, "%s%s%s", opening(all.member_type), all.member_type,
		 *opening(all.member_type) ? "}" : "");
}

static void in_struct(struct way w, struct sym_type *t, uint64_t offset, uint64_t width, uint64_t at)
{
	size_t i = member_behind(t, offset);
	struct sym_member *m = i ? &t->members[i - 1] : NULL;

	/* An empty base or member shares its place with a real one. */
	while (m > t->members && !holds(m, offset) && (m[-1].offset == m->offset || !m->bytes))
		m--;
	if (!m || !holds(m, offset))
		in_hole(w, t, offset, at);
	else if (m->bit_field)
		in_several(w, t, offset, width, at);
	else
		in_member(w, m, offset, width, at);
}

/* Appends the path from t to what is at offset in it; t itself is at at. */
static void down(struct way w, struct sym_type *t, uint64_t offset, uint64_t width, uint64_t at)
{
	sym_type_open(t);
	if (w.depth >= DEPTH_MAX || !*w.steps || t->kind == SYM_OPAQUE ||
	    (t->kind != SYM_ARRAY && !t->n_members)) {
		leaf(w, at, t->bytes, offset, t->name);
		return;
	}
	w.depth++;
	--*w.steps;
	if (t->kind == SYM_ARRAY)
		in_array(w, t, offset, width, at);
	else if (t->kind == SYM_UNION)
		in_several(w, t, offset, width, at);
	else
		in_struct(w, t, offset, width, at);
}

bool sym_field(struct sym_type *t, uint64_t offset, uint64_t width, struct sym_field *f)
{
	unsigned steps = STEPS_MAX;
	uint64_t room = 0;

	*f = (struct sym_field){ .path = "" };
	sym_type_open(t);
	if (offset >= t->bytes && !sym_type_flexible(t) && !is_flexible(t))
		return false;
	down((struct way){ f, &room, &steps, 0 }, t, offset, width, 0);
	return *f->path;
}
