/* SPDX-License-Identifier: MIT */
/* From a place in a type to the field record. */
#include <stdio.h>
#include <string.h>

#include "../libmt/cli.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include "fields.h"

/* Fields that say the same are one, whichever file they are from. */
static struct field *field_like(struct fields *all, const char *ctype, const struct sym_field *like)
{
	char key[2048];
	struct field *f;
	size_t len = (size_t)snprintf(key, sizeof(key), "%s\n%s\n%s\n%llx\n%llx", ctype, like->path,
				      like->member_type, (unsigned long long)like->offset,
				      (unsigned long long)like->bytes);

	if (len >= sizeof(key))
		len = sizeof(key) - 1;
	HASH_FIND(hh, all->all, key, len, f);
	if (f)
		return f;
	f = mt_xcalloc(1, sizeof(*f) + len + 1);
	memcpy(f->key, key, len + 1);
	f->ctype = mt_xstrdup(ctype);
	f->path = mt_xstrdup(like->path);
	f->member_type = mt_xstrdup(like->member_type);
	f->offset = like->offset;
	f->bytes = like->bytes;
	HASH_ADD_KEYPTR(hh, all->all, f->key, len, f);
	all->of_id = mt_xgrow(all->of_id, all->n, &all->room, sizeof(struct field *));
	all->of_id[all->n++] = f;
	f->id = (uint32_t)all->n;
	return f;
}

static struct field *look_up_field(struct fields *all, struct sym_type *t, uint64_t offset,
				   uint64_t width)
{
	struct sym_field found;

	return sym_field(t, offset, width, &found) ? field_like(all, t->own_name, &found) : NULL;
}

struct field *field_at(struct fields *all, struct sym_type *t, uint64_t offset, uint64_t width)
{
	uint64_t at = sym_field_offset(t, offset), *p;
	struct field *f;

	if (width > 63)
		width = 63;
	if (t->number >> 24 || at >> 34)
		return look_up_field(all, t, at, width);
	p = mt_xtable_put(&all->of_place, (uint64_t)t->number << 40 | at << 6 | width);
	if (*p)
		return *p > 1 ? all->of_id[*p - 2] : NULL;
	f = look_up_field(all, t, at, width);
	*p = f ? (uint64_t)f->id + 1 : 1;
	return f;
}

/* ---- all members of a type ------------------------------------------------ */

struct field *field_whole(struct fields *all, struct sym_type *t)
{
	struct sym_field whole = { .bytes = t->bytes };

	snprintf(whole.member_type, sizeof(whole.member_type), "%s", t->own_name);
	return field_like(all, t->own_name, &whole);
}

/* DWARF is not trusted: a type may contain itself, and have any number of members. */
#define DEPTH_MAX 32
#define STEPS_MAX 65536
#define FIELDS_MAX 8192

struct walk {
	struct fields *all;
	struct sym_type *top;
	void (*use)(const void *arg, struct field *f);
	const void *arg;
	unsigned steps, fields;		/* that are left */
};

static void use_leaf(struct walk *w, uint64_t at, uint64_t bytes)
{
	struct field *f = bytes ? field_at(w->all, w->top, at, bytes) : NULL;

	if (!f)
		return;
	w->fields--;
	w->use(w->arg, f);
}

static void walk_type(struct walk *w, struct sym_type *t, uint64_t at, unsigned depth);

static void walk_array(struct walk *w, struct sym_type *t, uint64_t at, unsigned depth)
{
	uint64_t n = t->flexible || t->n_elements > SYM_INDEX_MAX ? 1 : t->n_elements;

	for (uint64_t i = 0; i < n && w->steps && w->fields; i++)
		walk_type(w, t->element, at + i * t->element->bytes, depth + 1);
}

static void walk_type(struct walk *w, struct sym_type *t, uint64_t at, unsigned depth)
{
	if (!w->steps || !w->fields || depth > DEPTH_MAX)
		return;
	w->steps--;
	sym_type_open(t);
	if (t->kind == SYM_ARRAY) {
		walk_array(w, t, at, depth);
	} else if (!t->n_members) {
		use_leaf(w, at, t->bytes);
	} else {
		for (size_t i = 0; i < t->n_members; i++)
			walk_type(w, t->members[i].type, at + t->members[i].offset, depth + 1);
	}
}

void fields_of(struct fields *all, struct sym_type *t,
	       void (*use)(const void *arg, struct field *f), const void *arg)
{
	struct walk w = { all, t, use, arg, STEPS_MAX, FIELDS_MAX };

	sym_type_open(t);
	if (t->n_members || t->kind == SYM_ARRAY)
		walk_type(&w, t, 0, 0);
}
