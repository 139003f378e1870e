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
