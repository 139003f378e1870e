/* SPDX-License-Identifier: MIT */
/*
 * The types that moved most as they lie in memory: cache lines with their
 * members, and under them how much each byte moved.
 *
 * Members are the stream's field records ("mt-label --members" has all, else
 * those that were touched).  Heat comes from the rows of mt-shared --by byte,
 * or where there are none, from its rows by field.
 */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

#define LINE 64
#define LAYOUTS 12			/* types that are drawn */
#define LINES 12			/* of a type */
#define REACH (1u << 30)		/* offsets beyond are not drawn */
#define LONGEST 4096			/* of a run of heat what is drawn */

struct member {
	uint64_t offset, bytes;
	char *path, *type;
	UT_hash_handle hh;
	char key[];
};

struct heat {
	uint64_t offset, bytes, moves, loads, stores;
	char *cells;			/* HTML: member and its type */
	char *readers, *writers;
};

struct layout {
	char *ctype;
	uint64_t bytes;			/* of an object of the type; 0: not known */
	uint64_t moves;
	struct member **members;
	size_t n_members, member_room;
	struct heat *heats;
	size_t n_heats, heat_room;
	struct mt_table heat_of;	/* offset << 32 | bytes -> index in heats, plus 1 */
	UT_hash_handle hh;
};

static struct layout *layouts;		/* uthash, by type */
static struct layout *by_field;		/* the same from rows by field */
static struct member *members;		/* uthash, by all they say */

/* ---- as they come ------------------------------------------------------------- */

static struct layout *layout_named(struct layout **all, const char *ctype)
{
	struct layout *l;

	HASH_FIND_STR(*all, ctype, l);
	if (l)
		return l;
	l = mt_xcalloc(1, sizeof(*l));
	l->ctype = mt_xstrdup(ctype);
	HASH_ADD_KEYPTR(hh, *all, l->ctype, strlen(l->ctype), l);
	return l;
}

/* Each report has the definitions again: those that say the same are one. */
static void note_member(const struct mt_field *f)
{
	const char *ctype = mt_string(&f->hdr, 0), *path = mt_string(&f->hdr, 1);
	size_t len = strlen(ctype) + strlen(path) + 48;
	struct member *m = mt_xcalloc(1, sizeof(*m) + len), *known;
	struct layout *l;

	len = (size_t)snprintf(m->key, len, "%s\n%s\n%llx\n%x", ctype, path,
			       (unsigned long long)f->offset, f->bytes);
	HASH_FIND(hh, members, m->key, len, known);
	if (known || f->offset > REACH || !f->bytes) {
		free(m);
		return;
	}
	m->offset = f->offset;
	m->bytes = f->bytes;
	m->path = mt_xstrdup(path);
	m->type = mt_xstrdup(mt_string(&f->hdr, 2));
	HASH_ADD_KEYPTR(hh, members, m->key, len, m);
	l = layout_named(&layouts, ctype);
	if (!*path) {			/* the type itself */
		l->bytes = m->bytes;
		return;
	}
	l->members = mt_xgrow(l->members, l->n_members, &l->member_room, sizeof(struct member *));
	l->members[l->n_members++] = m;
}

static char *heat_cells(const struct mt_field *field)
{
	struct mt_out *o = html_scratch();

	mt_out_str(o, "<td class=\"w\">");
	if (field)
		mt_names_path(o, mt_string(&field->hdr, 1), html_name);
	mt_out_str(o, "</td><td class=\"w\">");
	if (field)
		html_string(o, &field->hdr, 2);
	mt_out_str(o, "</td>");
	return html_take(o);
}

/*
 * In an object that holds many of a type, where in the type it is.  A field
 * behind the end is of a flexible array; what is there stays there.
 */
static void fold(const struct layout *l, const struct mt_field *field, struct heat *h)
{
	if (!field || !l->bytes || h->offset < l->bytes || field->offset >= l->bytes)
		return;
	h->offset %= l->bytes;
	if (h->bytes > l->bytes - h->offset)
		h->bytes = l->bytes - h->offset;
}

/* Adds heat to the type of the object; rec has readers and writers. */
static void add_heat(struct layout **all, const struct mt_hdr *rec, uint32_t object_id,
		     uint32_t field_id, struct heat h)
{
	const struct mt_object *object = mt_names_object(&names, object_id);
	const struct mt_field *field = mt_names_field(&names, field_id);
	const char *ctype = object ? mt_string(&object->hdr, 1) : "";
	struct layout *l;
	struct heat *at;
	uint64_t *index;

	if (!*ctype)
		return;
	l = layout_named(all, ctype);
	fold(layout_named(&layouts, ctype), field, &h);
	l->moves += h.moves;
	if (h.offset > REACH || h.bytes > REACH || !h.bytes)
		return;
	index = mt_xtable_put(&l->heat_of, h.offset << 32 | h.bytes);
	if (!*index) {
		h.cells = heat_cells(field);
		h.readers = mt_xstrdup(mt_string(rec, 0));
		h.writers = mt_xstrdup(mt_string(rec, 1));
		l->heats = mt_xgrow(l->heats, l->n_heats, &l->heat_room, sizeof(*l->heats));
		l->heats[l->n_heats++] = h;
		*index = l->n_heats;
		return;
	}
	at = &l->heats[*index - 1];
	at->moves += h.moves;
	at->loads += h.loads;
	at->stores += h.stores;
	at->readers = cpus_union(at->readers, mt_string(rec, 0));
	at->writers = cpus_union(at->writers, mt_string(rec, 1));
}

static void note_shared(const struct mt_shared *s)
{
	const struct mt_field *f = mt_names_field(&names, s->field);

	if (s->by == MT_shared_by_field && f)
		add_heat(&by_field, &s->hdr, s->object, s->field,
			 (struct heat){ .offset = f->offset, .bytes = f->bytes, .moves = s->moves,
					 .loads = s->loads, .stores = s->stores });
}

void layout_note(const struct mt_hdr *rec)
{
	const struct mt_heat *h = (const struct mt_heat *)rec;

	if (rec->kind == MT_KIND_field)
		note_member((const struct mt_field *)rec);
	else if (rec->kind == MT_KIND_shared)
		note_shared((const struct mt_shared *)rec);
	else if (rec->kind == MT_KIND_heat)
		add_heat(&layouts, rec, h->object, h->field,
			 (struct heat){ .offset = h->offset, .bytes = h->bytes, .moves = h->moves,
					 .loads = h->loads, .stores = h->stores });
}

/* ---- what is drawn --------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
	const struct heat *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return strcmp(x->cells, y->cells);
}

/*
 * Members of unions lie over each other: of those that begin together the one
 * to be drawn comes first: one with a name of its own, the longest.
 */
static int by_place(const void *a, const void *b)
{
	const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
	bool some = strchr(x->path, '{') != NULL, other = strchr(y->path, '{') != NULL;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (some != other)
		return some - other;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Length of the path without the last index: name[3] without [3]; 0: it has none. */
static size_t stem(const char *path)
{
	size_t n = strlen(path);

	if (!n || path[n - 1] != ']')
		return 0;
	while (n && path[n] != '[')
		n--;
	return n;
}

static bool next_element(const struct member *a, const struct member *b)
{
	size_t n = stem(a->path);

	return n && n == stem(b->path) && !memcmp(a->path, b->path, n) && a->bytes == b->bytes;
}

/* A run of heat or a member, cut to the line that begins at line. */
static bool cut(uint64_t line, uint64_t offset, uint64_t bytes, unsigned *at, unsigned *width)
{
	uint64_t from = offset > line ? offset : line, end = offset + bytes;

	if (end > line + LINE)
		end = line + LINE;
	if (from >= end)
		return false;
	*at = (unsigned)(from - line);
	*width = (unsigned)(end - from);
	return true;
}

/* ---- the drawing ------------------------------------------------------------------ */

#define PX 20				/* for each byte */
#define LETTER 7			/* of a name */
#define LEFT 56
#define BOX 22				/* height of a member */
#define STRIP 11			/* of the heat under it */
#define STEP (BOX + STRIP + 7)

/* What atomic_t adds to a path says nothing. */
static size_t without_counter(const char *path, size_t len)
{
	static const char counter[] = ".counter";
	size_t n = sizeof(counter) - 1;

	return len > n && !memcmp(path + len - n, counter, n) ? len - n : len;
}

/* The end of a path says more than its beginning, if there is no room for all. */
static void draw_name(const char *path, size_t len, size_t room)
{
	const char *dot, *end;

	if (len > room)
		len = without_counter(path, len);
	end = path + len;

	while (len > room && !strchr(path, '{') && (dot = memchr(path, '.', len))) {
		path = dot + 1;
		len = (size_t)(end - path);
		room--;
		if (len <= room || !memchr(path, '.', len))
			mt_out_str(&page, "&#8230;");
	}
	if (memchr(path, '{', len))
		mt_names_path(&page, path, html_name);
	else
		html_name(&page, path, len);
}

static void draw_box(const struct member *m, uint64_t bytes, unsigned elements, uint64_t line,
		     unsigned y)
{
	unsigned at, width;

	if (!cut(line, m->offset, bytes, &at, &width))
		return;
	mt_out_printf(&page, "<svg x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"><title>",
		      LEFT + at * PX, y, width * PX, BOX);
	mt_names_path(&page, m->path, html_name);
	mt_out_printf(&page, ": +%llu, %llu bytes, ", (unsigned long long)m->offset,
		      (unsigned long long)bytes);
	html_name(&page, m->type, strlen(m->type));
	mt_out_str(&page, "</title><rect class=\"member\" width=\"100%\" height=\"100%\"/>");
	if (width >= 2) {
		mt_out_str(&page, "<text x=\"3\" y=\"15\">");
		draw_name(m->path, elements > 1 ? stem(m->path) : strlen(m->path), width * PX / LETTER);
		if (elements > 1)
			mt_out_printf(&page, "[%u]", elements);
		mt_out_str(&page, "</text>");
	}
	mt_out_str(&page, "</svg>\n");
}

/* Members that no other one covers, array elements in a row as one. */
static void draw_members(const struct layout *l, uint64_t line, unsigned y)
{
	uint64_t done = 0, bytes;
	unsigned elements;

	for (size_t i = 0; i < l->n_members; i++) {
		const struct member *m = l->members[i], *last = m;

		if (m->offset < done)
			continue;
		if (m->offset >= line + LINE)
			return;
		elements = 1;
		bytes = m->bytes;
		for (; i + 1 < l->n_members; i++) {
			const struct member *next = l->members[i + 1];

			if (next->offset >= m->offset + bytes &&
			    !(next->offset == m->offset + bytes && next_element(last, next)))
				break;
			if (next->offset < m->offset + bytes)
				continue;	/* another name for the same bytes */
			bytes += next->bytes;
			last = next;
			elements++;
		}
		draw_box(m, bytes, elements, line, y);
		done = m->offset + bytes;
	}
}

static uint64_t end_of(const struct heat *h)
{
	return h->offset + (h->bytes < LONGEST ? h->bytes : LONGEST);
}

/* The first run, of those that are sorted, that may reach behind offset. */
static size_t first_heat(const struct layout *l, uint64_t offset)
{
	size_t low = 0, high = l->n_heats;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->heats[middle].offset + LONGEST <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What each byte of a line moved; runs that overlap add up. */
static void heat_of_line(const struct layout *l, uint64_t line, uint64_t moves[LINE])
{
	unsigned at, width;

	memset(moves, 0, LINE * sizeof(*moves));
	for (size_t i = first_heat(l, line); i < l->n_heats && l->heats[i].offset < line + LINE; i++) {
		const struct heat *h = &l->heats[i];

		if (cut(line, h->offset, end_of(h) - h->offset, &at, &width))
			for (unsigned k = at; k < at + width; k++)
				moves[k] += h->moves;
	}
}

static void draw_heat(const struct layout *l, uint64_t line, unsigned y, uint64_t most)
{
	uint64_t moves[LINE];

	heat_of_line(l, line, moves);
	for (unsigned at = 0, width; at < LINE; at += width) {
		for (width = 1; at + width < LINE && moves[at + width] == moves[at]; )
			width++;
		if (!moves[at])
			continue;
		mt_out_printf(&page, "<g><title>+%llu, %u bytes: ", (unsigned long long)line + at, width);
		mt_out_grouped(&page, moves[at]);
		mt_out_printf(&page, " moves</title><rect class=\"heat\" x=\"%u\" y=\"%u\" width=\"%u\" "
			      "height=\"%u\" fill-opacity=\"", LEFT + at * PX, y, width * PX, STRIP);
		html_shade(&page, moves[at], most);
		mt_out_str(&page, "\"/></g>\n");
	}
}

static void draw_line(const struct layout *l, uint64_t line, unsigned y, uint64_t most)
{
	mt_out_printf(&page, "<text class=\"label end\" x=\"%u\" y=\"%u\">+%llu</text>\n"
		      "<rect class=\"hole\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>\n",
		      LEFT - 6, y + 15, (unsigned long long)line, LEFT, y, LINE * PX, BOX + STRIP);
	draw_members(l, line, y);
	draw_heat(l, line, y + BOX, most);
}

/* The line at or behind from in which there is heat; UINT64_MAX: there is none. */
static uint64_t next_line(const struct layout *l, uint64_t from)
{
	for (size_t i = first_heat(l, from); i < l->n_heats; i++) {
		const struct heat *h = &l->heats[i];

		if (end_of(h) > from)
			return h->offset > from ? h->offset / LINE * LINE : from;
	}
	return UINT64_MAX;
}

/* The lines that are drawn: those with most moves, in their order. */
struct drawn {
	uint64_t line, moves, most;	/* most: of one byte */
};

static int by_heat(const void *a, const void *b)
{
	const struct drawn *x = a, *y = b;

	if (x->moves != y->moves)
		return x->moves > y->moves ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int by_line(const void *a, const void *b)
{
	const struct drawn *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

/* Into d, which has room for one more than are kept; the number of those that are not. */
static size_t choose_lines(const struct layout *l, struct drawn d[LINES + 1], size_t *n)
{
	uint64_t bytes[LINE];
	size_t others = 0;

	*n = 0;
	for (uint64_t line = next_line(l, 0); line != UINT64_MAX; line = next_line(l, line + LINE)) {
		struct drawn *new = &d[(*n)++];

		*new = (struct drawn){ .line = line };
		heat_of_line(l, line, bytes);
		for (unsigned i = 0; i < LINE; i++) {
			new->moves += bytes[i];
			new->most = bytes[i] > new->most ? bytes[i] : new->most;
		}
		if (*n <= LINES)
			continue;
		qsort(d, *n, sizeof(*d), by_heat);
		--*n;
		others++;
	}
	qsort(d, *n, sizeof(*d), by_line);
	return others;
}

static void draw(const struct layout *l)
{
	struct drawn d[LINES + 1] = { 0 };
	uint64_t most = 0;
	size_t n, others = choose_lines(l, d, &n);

	for (size_t i = 0; i < n; i++)
		most = d[i].most > most ? d[i].most : most;
	mt_out_printf(&page, "<div class=\"wide\"><svg class=\"layout\" role=\"img\" width=\"%u\" height=\"%u\">\n",
		      LEFT + LINE * PX + 4, (unsigned)n * STEP + 4);
	for (size_t i = 0; i < n; i++)
		draw_line(l, d[i].line, 2 + (unsigned)i * STEP, most);
	mt_out_str(&page, "</svg></div>\n");
	if (others)
		mt_out_printf(&page, "<p>%zu more lines moved less.</p>\n", others);
}

/* ---- the section ------------------------------------------------------------------- */

static void print_heats(const struct layout *l)
{
	size_t n = l->n_heats < top ? l->n_heats : top;

	mt_out_str(&page, "<details><summary>bytes that were used</summary><div class=\"wide\"><table class=\"sort\">\n"
		   "<thead><tr><th class=\"n\">offset</th><th class=\"n\">bytes</th><th class=\"n\">moves</th>"
		   "<th class=\"n\">loads</th><th class=\"n\">stores</th><th>member</th><th>type</th>"
		   "<th>readers</th><th>writers</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++) {
		const struct heat *h = &l->heats[i];
		const uint64_t numbers[] = { h->offset, h->bytes, h->moves, h->loads, h->stores };

		mt_out_str(&page, "<tr>");
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			mt_out_str(&page, "<td class=\"n\">");
			mt_out_grouped(&page, numbers[k]);
			mt_out_str(&page, "</td>");
		}
		mt_out_str(&page, h->cells);
		mt_out_str(&page, "<td class=\"c\">");
		html_name(&page, h->readers, strlen(h->readers));
		mt_out_str(&page, "</td><td class=\"c\">");
		html_name(&page, h->writers, strlen(h->writers));
		mt_out_str(&page, "</td>");
		mt_out_str(&page, "</tr>\n");
	}
	mt_out_str(&page, "</tbody></table></div></details>\n");
}

static void print_layout(struct layout *l)
{
	if (l->n_members)
		qsort(l->members, l->n_members, sizeof(struct member *), by_place);
	qsort(l->heats, l->n_heats, sizeof(*l->heats), by_offset);
	mt_out_str(&page, "<h3>");
	html_name(&page, l->ctype, strlen(l->ctype));
	mt_out_str(&page, " <small>");
	mt_out_grouped(&page, l->moves);
	mt_out_str(&page, " moves</small></h3>\n");
	draw(l);
	print_heats(l);
}

static int by_moves(const struct layout *a, const struct layout *b)
{
	if (a->moves != b->moves)
		return a->moves > b->moves ? -1 : 1;
	return strcmp(a->ctype, b->ctype);
}

/* Rows by byte say more than rows by field; where there are none, these do. */
static void settle(void)
{
	struct layout *l, *next, *same;
	bool exact = false;

	for (l = layouts; l; l = l->hh.next)
		exact |= l->n_heats != 0;
	if (exact)
		return;
	HASH_ITER(hh, by_field, l, next) {
		same = layout_named(&layouts, l->ctype);
		same->heats = l->heats;
		same->n_heats = l->n_heats;
		same->moves = l->moves;
		l->n_heats = 0;
	}
}

bool layout_any(void)
{
	settle();
	for (struct layout *l = layouts; l; l = l->hh.next)
		if (l->n_heats && l->n_members)
			return true;
	return false;
}

void layout_print(void)
{
	unsigned n = 0;

	page_section("layouts", "Layout of the worst types",
		     "The types that moved most, a cache line of 64 bytes in a row as if the object began with "
		     "it, with their members; the strip below is as dark as the bytes above it moved. "
		     "Of a large type the lines that moved most are shown.");
	HASH_SORT(layouts, by_moves);
	for (struct layout *l = layouts; l && n < LAYOUTS; l = l->hh.next) {
		if (!l->n_heats || !l->n_members)
			continue;
		print_layout(l);
		n++;
	}
	page_section_end();
}
