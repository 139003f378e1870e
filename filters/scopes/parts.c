/* SPDX-License-Identifier: MIT */
/* Scopes as rows, and back. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "parts.h"

/* ---- out -------------------------------------------------------------------- */

static int by_key(const void *pa, const void *pb)
{
	const struct mt_table_slot *a = pa, *b = pb;

	return a->key < b->key ? -1 : a->key > b->key;
}

/* The slots of a table, sorted; to be freed. */
static struct mt_table_slot *sorted(const struct mt_table *m, size_t *n)
{
	struct mt_table_slot *slots = mt_xcalloc(m->used + 1, sizeof(*slots));

	*n = 0;
	if (m->has_zero)
		slots[(*n)++] = (struct mt_table_slot){ 0, m->zero };
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			slots[(*n)++] = m->slots[i];
	qsort(slots, *n, sizeof(*slots), by_key);
	return slots;
}

static void put_abstract(const struct scope *s, uint32_t cpu, const struct mt_intern *names,
			 const char *var, uint64_t access, struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const char *strings[] = { mt_interned(names, s->name), var };
	struct mt_abstract row = {
		.hdr = { .kind = MT_KIND_abstract, .cpu = cpu, .time = s->time },
		.number = s->number, .id = s->id, .access = (uint32_t)access,
	};

	mt_writer_put(out, mt_build(buf, &row, strings));
}

struct variable {
	const char *name;
	uint64_t access;
};

static int by_name(const void *pa, const void *pb)
{
	return strcmp(((const struct variable *)pa)->name, ((const struct variable *)pb)->name);
}

void parts_put_variables(const struct scope *s, const struct mt_intern *names,
			 struct mt_writer *out)
{
	size_t n;
	struct mt_table_slot *slots = sorted(&s->vars, &n);
	struct variable *vars = mt_xcalloc(n, sizeof(*vars));

	for (size_t i = 0; i < n; i++)
		vars[i] = (struct variable){ mt_interned(names, (uint32_t)slots[i].key),
					     slots[i].value };
	qsort(vars, n, sizeof(*vars), by_name);
	for (size_t i = 0; i < n; i++)
		put_abstract(s, s->cpu, names, vars[i].name, vars[i].access, out);
	if (!n)
		put_abstract(s, s->cpu, names, "", MT_var_access_none, out);
	free(vars);
	free(slots);
}

static void put_touch(const struct scope *s, const struct touch *t, const struct mt_intern *sites,
		      struct mt_writer *out)
{
	const struct access_site *site = mt_interned(sites, t->site);

	for (unsigned i = 0, end; i < 8; i = end + 1) {
		uint64_t at = t->word * 8 + i;

		for (end = i; end < 8 && t->mask >> end & 1; end++)
			;
		if (end == i)
			continue;
		mt_writer_put(out, &(struct mt_touch){
			.hdr = { .kind = MT_KIND_touch, .size = sizeof(struct mt_touch),
				 .cpu = site->cpu },
			.pc = site->pc, .addr = at + site->shift, .paddr = at, .bytes = end - i,
			.id = s->id, .process = site->process, .object = site->object,
			.field = site->field, .stack = site->stack, .flags = site->flags,
		}.hdr);
	}
}

void parts_put(struct scope *s, const struct mt_intern *names, const struct mt_intern *sites,
	       struct mt_writer *out)
{
	struct mt_table_slot *cpus;
	size_t n;

	if (!s->vars.used && !s->vars.has_zero)
		return;
	cpus = sorted(&s->cpus, &n);
	for (size_t i = 0; i < n; i++)
		put_abstract(s, (uint32_t)cpus[i].key, names, "", MT_var_access_none, out);
	free(cpus);
	parts_put_variables(s, names, out);
	footprint_finish(&s->footprint);
	for (size_t i = 0; i < s->footprint.n; i++)
		put_touch(s, &s->footprint.touches[i], sites, out);
}

/* ---- and in ------------------------------------------------------------------ */

static struct scope *scope_of(struct parts *p, uint32_t id)
{
	uint64_t *place = mt_xtable_put(&p->by_id, id);
	struct scope *s = (struct scope *)(uintptr_t)*place;

	if (s)
		return s;
	s = mt_xcalloc(1, sizeof(*s));
	s->id = id;
	*place = (uintptr_t)s;
	return s;
}

static uint32_t number_of(struct mt_intern *names, const char *name)
{
	return mt_xintern(names, name, strlen(name));
}

static void add_abstract(struct parts *p, const struct mt_abstract *row, struct mt_intern *names)
{
	struct scope *s = scope_of(p, row->id);

	s->name = number_of(names, mt_string(&row->hdr, 0));
	s->number = row->number;
	s->cpu = row->hdr.cpu;
	s->time = row->hdr.time;
	if (row->access == MT_var_access_none)
		*mt_xtable_put(&s->cpus, row->hdr.cpu) = row->hdr.cpu;
	else
		*mt_xtable_put(&s->vars, number_of(names, mt_string(&row->hdr, 1))) =
			row->access == MT_var_access_write ? MT_var_access_write : MT_var_access_read;
}

/* As the access that it was made from. */
static void add_touch(struct parts *p, const struct mt_touch *row, struct mt_intern *sites)
{
	struct mt_access a = {
		.hdr.cpu = row->hdr.cpu, .pc = row->pc, .addr = row->addr, .paddr = row->paddr,
		.width = row->bytes < 8 ? (uint16_t)row->bytes : 8, .flags = (uint16_t)row->flags,
		.object = row->object, .field = row->field, .stack = row->stack,
	};

	footprint_add(&scope_of(p, row->id)->footprint, &a, row->process, sites);
}

void parts_add(struct parts *p, const struct mt_hdr *row, struct mt_intern *names,
	       struct mt_intern *sites)
{
	if (row->kind == MT_KIND_abstract)
		add_abstract(p, (const struct mt_abstract *)row, names);
	else
		add_touch(p, (const struct mt_touch *)row, sites);
}

static int by_closing(const void *pa, const void *pb)
{
	const struct mt_table_slot *a = pa, *b = pb;
	const struct scope *s = (const struct scope *)(uintptr_t)a->value;
	const struct scope *t = (const struct scope *)(uintptr_t)b->value;

	if (s->number != t->number)
		return s->number < t->number ? -1 : 1;
	return by_key(a, b);
}

void parts_flush(struct parts *p, void (*closed)(void *arg, struct scope *s), void *arg)
{
	size_t n;
	struct mt_table_slot *scopes;

	if (!p->by_id.used && !p->by_id.has_zero)
		return;
	scopes = sorted(&p->by_id, &n);
	qsort(scopes, n, sizeof(*scopes), by_closing);
	for (size_t i = 0; i < n; i++) {
		struct scope *s = (struct scope *)(uintptr_t)scopes[i].value;

		closed(arg, s);
		scope_release(s);
		free(s);
	}
	free(scopes);
	mt_table_release(&p->by_id);
}
