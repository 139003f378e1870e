/* SPDX-License-Identifier: MIT */
/* What type an object has that a label told of. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "label.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

/* A type by name, for labels. */
struct named {
	const char *name;		/* interned */
	struct sym_type *type;
	uint64_t changes;		/* of the set, when it was not found */
	UT_hash_handle hh;
};

static struct sym_type *find_in(struct sym_module *m, const char *name)
{
	struct sym_type *t = NULL;

	for (; m && !t; m = m->next)
		t = sym_type_find(m, name);
	return t;
}

/* A type by name: what the user named first, then what is mapped. */
static struct sym_type *type_named(struct label_set *s, const char *name)
{
	struct named *n;

	HASH_FIND_PTR(s->named_types, &name, n);
	if (n && (n->type || n->changes == s->sym.changes))
		return n->type;
	if (!n) {
		n = mt_xcalloc(1, sizeof(*n));
		n->name = name;
		HASH_ADD_PTR(s->named_types, name, n);
	}
	n->changes = s->sym.changes;
	n->type = find_in(s->sym.operands, name);
	if (!n->type)
		n->type = find_in(s->sym.opened, name);
	return n->type;
}

/* kmalloc gives blocks of its own sizes. */
static bool is_rounded(const struct object *o)
{
	return o->storage == MT_storage_heap && label_is_kernel(o);
}

/* What the code allocates that asked for a block. */
static struct sym_type *type_by_site(struct label_set *s, const struct object *o)
{
	uint32_t process = o->pc >> 63 ? 0 : o->extent.process;
	struct sym_place place;

	if (!o->pc || (o->storage != MT_storage_heap && o->storage != MT_storage_percpu) ||
	    !sym_find(&s->sym, process, o->pc - 1, &place))
		return NULL;
	return sym_site_type(place.module, place.vaddr + 1, o->extent.bytes, is_rounded(o));
}

static struct sym_type *type_named_raw(void *arg, const char *name)
{
	struct label_set *s = arg;

	return type_named(s, label_intern(s, name));
}

/* A heap block without a type: what its cache is for, or what the code that asked for it allocates. */
static struct sym_type *guess_type(struct label_set *s, const struct object *o)
{
	if (o->storage == MT_storage_heap && label_is_kernel(o) && !sym_cache_general(o->name))
		return sym_cache_type(o->name, o->extent.bytes, type_named_raw, s);
	return type_by_site(s, o);
}

/*
 * The type of a label's object; of several side by side when there is room,
 * but a slab cache's objects are single ones.  Tables of the kernel, such as
 * its struct pages, and what kmalloc gave for several, we do not know how many,
 * stand for their elements: a member is the same in all of them.
 */
void label_find_type(struct label_set *s, struct object *o)
{
	struct sym_type *t = *o->ctype ? type_named(s, o->ctype) : guess_type(s, o);
	uint64_t n = t && t->bytes ? o->extent.bytes / t->bytes : 0;

	o->typed = true;
	o->type = t;
	if (n < 2 || sym_type_flexible(t) ||
	    (!*o->ctype && is_rounded(o) && !sym_cache_general(o->name)))
		return;
	o->repeats = o->storage == MT_storage_heap ? !*o->ctype && is_rounded(o) :
		     n > SYM_INDEX_MAX;
	if (!o->repeats)
		o->type = sym_type_array(t, n);
}
