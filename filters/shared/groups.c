/* SPDX-License-Identifier: MIT */
/* Which kind of thing an object is, for rows by type and by field. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "report.h"

#define uthash_fatal(why) mt_die(MT_FAIL, "%s", why)
#include <uthash.h>

struct group_name {
	uint64_t number;
	UT_hash_handle hh;
	char key[];
};

/* The strings with their zeros, so that no two triples look alike. */
static size_t make_key(const struct groups *g, const struct mt_object *o, char *key)
{
	const char *name = mt_string(&o->hdr, 0), *ctype = mt_string(&o->hdr, 1);
	bool typed = *ctype;
	uint64_t pc = typed ? 0 : o->pc;
	size_t n = strlen(ctype) + 1;

	memcpy(key, ctype, n);
	if (!typed || g->apart) {
		memcpy(key + n, name, strlen(name) + 1);
		n += strlen(name) + 1;
	}
	memcpy(key + n, &pc, sizeof(pc));
	return n + sizeof(pc);
}

/* Of the kind with that key; id is an object of it. */
static uint64_t number_of(struct groups *g, const char *key, size_t n, uint32_t id)
{
	struct group_name *found;

	HASH_FIND(hh, g->names, key, n, found);
	if (!found) {
		found = mt_xcalloc(1, sizeof(*found) + n);
		memcpy(found->key, key, n);
		found->number = ++g->n;
		g->first = mt_xgrow(g->first, g->n - 1, &g->first_room, sizeof(*g->first));
		g->first[g->n - 1] = id;
		HASH_ADD(hh, g->names, key, n, found);
	}
	return found->number;
}

void groups_note(struct groups *g, const struct lines *t, const struct mt_object *o)
{
	char key[MT_RECORD_MAX];
	size_t n = make_key(g, o, key);

	*mt_xtable_put(&g->of_object, lines_scramble(t, o->id)) = number_of(g, key, n, o->id);
	*mt_xtable_put(&g->addr_of, lines_scramble(t, o->id)) = o->addr;
}

uint64_t groups_of(const struct groups *g, const struct lines *t, uint32_t object)
{
	const uint64_t *n = mt_table_get(&g->of_object, lines_scramble(t, object));

	return n ? *n : 0;
}

void groups_release(struct groups *g)
{
	struct group_name *n, *next;

	HASH_ITER(hh, g->names, n, next) {
		HASH_DEL(g->names, n);
		free(n);
	}
	mt_table_release(&g->of_object);
	mt_table_release(&g->addr_of);
	free(g->first);
	*g = (struct groups){ .apart = g->apart };
}
