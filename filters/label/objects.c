/* SPDX-License-Identifier: MIT */
/* The objects: told by labels, or made from symbols and sections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "label.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

/* What a symbol or section stands for in one process. */
struct mapped {
	struct mapped_key {
		struct sym_module *module;
		uint64_t addr, bytes;
		uint32_t process, storage;
	} key;
	struct object object;
	UT_hash_handle hh;
};

struct string { UT_hash_handle hh; char text[]; };

const char *label_intern(struct label_set *s, const char *text)
{
	size_t len = strlen(text);
	struct string *p;

	HASH_FIND(hh, s->strings, text, len, p);
	if (!p) {
		p = mt_xmalloc(sizeof(*p) + len + 1);
		memcpy(p->text, text, len + 1);
		HASH_ADD_KEYPTR(hh, s->strings, p->text, len, p);
	}
	return p->text;
}

/* ---- per-cpu data -------------------------------------------------------- */

/* A cpu's copy of the per-cpu data. */
struct segment { uint64_t addr, bytes; uint32_t owner; };

void label_note_segment(struct label_set *s, const struct mt_segment *rec)
{
	const struct sym_range *below;
	struct segment *g;

	s->epoch++;
	if (!(rec->addr >> 63) || !rec->bytes || rec->bytes - 1 > UINT64_MAX - rec->addr)
		return;
	below = sym_ranges_below(&s->segments, rec->addr - 1);
	if (below && (!s->unit || rec->addr - below->first < s->unit))
		s->unit = rec->addr - below->first;
	g = mt_xmalloc(sizeof(*g));	/* the ranges keep it */
	*g = (struct segment){ rec->addr, rec->bytes, (uint32_t)rec->owner };
	sym_ranges_set(&s->segments, rec->addr, rec->addr + rec->bytes - 1, 0, g);
}

/* The segment that addr is in, or not far behind: there is what was allocated at run time. */
static const struct segment *segment_at(const struct label_set *s, uint64_t addr)
{
	const struct sym_range *r = addr >> 63 ? sym_ranges_below(&s->segments, addr) : NULL;
	const struct segment *g = r ? r->data : NULL;

	if (!g || (addr - g->addr >= g->bytes && addr - g->addr >= s->unit))
		return NULL;
	return g;
}

/* ---- labels -------------------------------------------------------------- */

static void changed(struct label_set *s, const struct mt_extent *e)
{
	uint64_t last = (e->addr + (e->bytes ? e->bytes - 1 : 0)) >> 12;

	if (last - (e->addr >> 12) > 16)
		s->epoch++;
	else
		for (uint64_t page = e->addr >> 12; page <= last; page++)
			++*label_page(s, e->process, page);
}

static void gone(void *arg, struct mt_extent *e)
{
	changed(arg, e);
	free(e);
}

static void note_free(struct label_set *s, const struct mt_label *l, uint32_t process)
{
	struct mt_extent *e = mt_objects_freed(&s->labels, l->storage, process, l->addr);

	if (e)
		mt_objects_remove(&s->labels, e);
	else
		s->unknown_frees++;
}

static uint32_t owner_of(const struct label_set *s, const struct mt_label *l)
{
	const struct segment *g;

	if (l->storage == MT_storage_stack)
		return l->task;
	g = l->storage == MT_storage_percpu ? segment_at(s, l->addr) : NULL;
	return g ? g->owner : 0;
}

void label_note(struct label_set *s, const struct mt_hdr *rec)
{
	const struct mt_label *l = (const struct mt_label *)rec;
	uint32_t process = l->addr >> 63 ? 0 :
			   l->process ? l->process : mt_cpus_process(&s->cpus, rec->cpu, l->addr);
	struct object *o;
	long replaced;

	if (l->op == MT_label_op_free) {
		note_free(s, l, process);
		return;
	}
	o = mt_xcalloc(1, sizeof(*o));
	*o = (struct object){
		.extent = { l->addr, l->bytes, process, (uint16_t)mt_layer_of(l->storage), 0 },
		.pc = l->pc, .name = label_intern(s, mt_string(rec, 0)),
		.ctype = label_intern(s, mt_string(rec, 1)),
		.storage = (uint16_t)(l->storage < MT_storage_unknown ? l->storage : MT_storage_unknown),
		.owner = owner_of(s, l),
	};
	s->empty += !l->bytes;
	replaced = mt_objects_put(&s->labels, &o->extent);
	if (replaced < 0)
		mt_die(MT_FAIL, "out of memory");
	s->overlaps += (uint64_t)replaced;
	changed(s, &o->extent);
}

void label_begin(struct label_set *s)
{
	struct mapped *m, *next;

	mt_objects_release(&s->labels);
	mt_objects_init(&s->labels, gone, s);
	HASH_ITER(hh, s->mapped, m, next) {
		HASH_DEL(s->mapped, m);
		free(m);
	}
	sym_ranges_release(&s->segments);
	s->unit = 0;
	s->epoch++;
}

/* ---- mapped objects ------------------------------------------------------ */

/* The object of a symbol or section as it stands in one process. */
static struct object *mapped_object(struct label_set *s, const struct sym_place *place,
				    const struct sym_variable *v, uint32_t process, unsigned storage)
{
	struct mapped_key key;
	struct mapped *m;

	memset(&key, 0, sizeof(key));	/* it is hashed with its padding */
	key.module = place->module;
	key.addr = v->vaddr + place->bias;
	key.bytes = v->bytes;
	key.process = process;
	key.storage = storage;
	HASH_FIND(hh, s->mapped, &key, sizeof(key), m);
	if (m)
		return &m->object;
	m = mt_xcalloc(1, sizeof(*m));
	m->key = key;
	m->object = (struct object){
		.extent = { .addr = key.addr, .bytes = key.bytes, .process = process },
		.name = label_intern(s, v->name), .ctype = "", .type = v->type, .typed = true,
		.storage = (uint16_t)storage,
	};
	HASH_ADD(hh, s->mapped, key, sizeof(key), m);
	return &m->object;
}

/* A per-cpu variable, or as much of the cpu's copy as nothing is known about. */
static struct object *percpu_object(struct label_set *s, const struct segment *g, uint64_t addr)
{
	struct sym_place place = { 0 };
	struct sym_variable v = { "per-cpu data", g->addr, g->bytes, NULL };
	struct object *o;

	if (addr - g->addr >= g->bytes)
		v = (struct sym_variable){ "per-cpu allocations", g->addr + g->bytes,
					   s->unit - g->bytes, NULL };
	if (sym_percpu(&s->sym, g->addr, addr, &place) && sym_variable(place.module, place.vaddr, &v))
		o = mapped_object(s, &place, &v, 0, MT_storage_percpu);
	else
		o = mapped_object(s, &(struct sym_place){ NULL, 0, 0 }, &v, 0, MT_storage_percpu);
	o->owner = g->owner;
	return o;
}

/* Where in the kernel's address space (x86-64, four levels) nothing is known: why. */
static struct object *region_object(struct label_set *s, uint64_t addr)
{
	static const struct { uint64_t first; const char *name; } regions[] = {
		{ 0xffffffffff000000, "fixed mappings" },
		{ 0xffffffffa0000000, "kernel modules" },
		{ 0xffffffff80000000, "kernel image" },
		{ 0xfffffe0000000000, "entry area of a cpu" },
		{ 0xffffea0000000000, "struct pages" },
		{ 0xffffc90000000000, "vmalloc area" },
		{ 0xffff888000000000, "memory without a label" },
		{ 0x8000000000000000, "unknown kernel address" },
	};
	uint64_t end = 0;
	size_t i = 0;

	if (!(addr >> 63))
		return NULL;
	for (; addr < regions[i].first; i++)
		end = regions[i].first;
	return mapped_object(s, &(struct sym_place){ NULL, 0, 0 },
			     &(struct sym_variable){ regions[i].name, regions[i].first,
						     end - regions[i].first, NULL },
			     0, MT_storage_unknown);
}

/* A section of an ELF file, or all of another one as far as it is mapped. */
static struct object *file_object(struct label_set *s, const struct sym_place *place,
				  uint32_t process, uint64_t addr)
{
	struct sym_place whole = { NULL, addr, 0 };
	struct sym_variable v;
	uint64_t first, last;
	const char *path;
	char name[512];

	if (place->module && sym_section(place->module, place->vaddr, &v)) {
		snprintf(name, sizeof(name), "%s %s", sym_basename(place->module->path), v.name);
		v.name = name;
		return mapped_object(s, place, &v, process, MT_storage_file);
	}
	path = addr >> 63 ? sym_kernel_section(&s->sym, addr, &first, &last) :
	       sym_mapping(&s->sym, process, addr, &first, &last);
	if (!path)
		return region_object(s, addr);
	v = (struct sym_variable){ sym_basename(path), first, last - first + 1, NULL };
	return mapped_object(s, &whole, &v, process, MT_storage_file);
}

/* ---- look-up ------------------------------------------------------------- */

static struct object *object_at(struct label_set *s, uint32_t process, uint64_t addr)
{
	struct mt_extent *e = mt_objects_at(&s->labels, MT_LAYER_stack, process, addr);
	const struct segment *g;
	struct sym_place place = { 0 };
	struct sym_variable v;

	if (!e)
		e = mt_objects_at(&s->labels, MT_LAYER_inner, process, addr);
	if (e)
		return (struct object *)e;
	g = segment_at(s, addr);
	if (g)
		return percpu_object(s, g, addr);
	if (sym_find(&s->sym, process, addr, &place) &&
	    sym_variable(place.module, place.vaddr, &v))
		return mapped_object(s, &place, &v, process, MT_storage_static);
	e = mt_objects_at(&s->labels, MT_LAYER_outer, process, addr);
	if (e)
		return (struct object *)e;
	return file_object(s, &place, process, addr);
}

uint64_t label_offset(const struct object *o, uint64_t addr)
{
	uint64_t offset = addr - o->extent.addr;

	return o->repeats ? offset % o->type->bytes : offset;
}

struct object *label_object_at(struct label_set *s, uint32_t process, uint64_t addr)
{
	struct object *o = object_at(s, process, addr);

	if (o && !o->typed)
		label_find_type(s, o);
	return o;
}
