/* SPDX-License-Identifier: MIT */
/*
 * Documents that are objects with a list for each name: the rows come in any
 * order, so each list is kept as text until the end.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/mt_intern.h"
#include "classic.h"

struct group {
	char *text;			/* items of the list, with commas */
	size_t used, room;
};

static struct mt_intern names;		/* keys, as JSON strings */
static struct group *groups;		/* by number of the key */
static size_t room;
static struct mt_out *whole;		/* js, while an item is made */
static struct mt_out item;

/* What is written until end_item goes to the list of that key, a JSON string. */
static void begin_item(void)
{
	whole = js;
	js = &item;
	mt_out_init(&item, -1);
}

static void end_item(const char *key, size_t len)
{
	uint32_t had = names.n;
	long number = mt_intern(&names, key, len);
	struct group *g;

	if (number < 0)
		mt_die(MT_FAIL, "out of memory");
	groups = mt_xgrow(groups, (size_t)number, &room, sizeof(*groups));
	g = &groups[number];
	if ((uint32_t)number >= had)
		*g = (struct group){ 0 };
	while (g->used + item.used + 1 > g->room) {
		g->room = g->room ? 2 * g->room : 256;
		g->text = realloc(g->text, g->room);
		if (!g->text)
			mt_die(MT_FAIL, "out of memory");
	}
	if (g->used && item.used)
		g->text[g->used++] = ',';
	memcpy(g->text + g->used, item.buf, item.used);
	g->used += item.used;
	js = whole;
}

void groups_end(void)
{
	for (uint32_t i = 0; i < names.n; i++) {
		js_item();
		mt_out_str(js, mt_interned(&names, i));
		mt_out_str(js, ":[");
		mt_out_bytes(js, groups[i].text, groups[i].used);
		mt_out_char(js, ']');
		free(groups[i].text);
	}
	mt_intern_release(&names);
	free(groups);
	groups = NULL;
	room = 0;
}

/* A JSON string to take as a key, from what put() writes. */
static size_t key_of(char *buf, size_t size, uint64_t pc, unsigned cause, uint32_t number)
{
	size_t len;

	begin_item();
	js_function(0, pc, cause, number);
	js = whole;
	len = item.used < size ? item.used : 0;
	memcpy(buf, item.buf, len);
	return len;
}

/* ---- documents ------------------------------------------------------------------------ */

void checkgc_take(const struct mt_hdr *rec)
{
	const struct mt_rcu *r = (const struct mt_rcu *)rec;
	const struct js_side side = { r->pc, r->process, r->object, r->field, r->stack };
	static char key[MT_RECORD_MAX];
	size_t len;

	if (rec->kind != MT_KIND_rcu)
		return;
	begin_item();
	mt_out_json_string(js, mt_string(rec, 0), strlen(mt_string(rec, 0)));
	len = item.used < sizeof(key) ? item.used : 0;
	memcpy(key, item.buf, len);
	mt_out_init(&item, -1);
	mt_out_str(js, "{\"access\":");
	js_items_begin(' ');
	js_physical(r->addr + r->offset, r->width, &side, NULL, NULL);
	js_items_end(' ');
	mt_out_printf(js, ",\"object_base\":\"0x%llx\",\"object_bytes\":%llu}",
		      (unsigned long long)r->addr, (unsigned long long)r->bytes);
	end_item(key, len);
}

void syscall_accesses_take(const struct mt_hdr *rec)
{
	const struct mt_access *a = (const struct mt_access *)rec;
	const struct mt_kentry *k = mt_entries_current(&classic_entries, rec->cpu);
	char key[1024];
	size_t len;

	if (rec->kind != MT_KIND_access)
		return;
	len = key_of(key, sizeof(key), k ? k->pc : 0, k ? k->cause : 0, k ? k->number : 0);
	begin_item();
	mt_out_printf(js, "{\"pc\":\"0x%llx\",\"guest_addr\":\"0x%llx\",\"traffic\":%d,\"lock\":%d,"
		      "\"access_type\":\"%s\"}", (unsigned long long)a->pc, (unsigned long long)a->addr,
		      (a->flags & MT_access_flag_moved) != 0, (a->flags & MT_access_flag_atomic) != 0,
		      a->flags & MT_access_flag_store ? "st" : "ld");
	end_item(key, len);
}

void syscall_pcs_take(const struct mt_hdr *rec)
{
	const struct mt_syscall *r = (const struct mt_syscall *)rec;
	char key[1024];
	size_t len;

	if (rec->kind != MT_KIND_syscall || r->by != MT_syscall_by_site)
		return;
	len = key_of(key, sizeof(key), r->entry_pc, r->cause, r->number);
	begin_item();
	mt_out_printf(js, "{\"pc\":\"0x%llx\",\"count\":%llu}", (unsigned long long)r->pc,
		      (unsigned long long)(r->loads + r->stores));
	end_item(key, len);
}
