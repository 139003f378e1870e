/* SPDX-License-Identifier: MIT */
/* mt-label: which object, and which field of it, each access touches. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

#include "libmt/cli.h"
#include "libmt/mt_objects.h"
#include "sym/types.h"

static const char help[] =
"usage: mt-label [OPTION...] [FILE...] <stream\n"
"\n"
"Finds for each access of the stream the object that it touches - heap block,\n"
"variable, stack, part of a mapped file - and the struct field, by the label\n"
"records of the stream and the symbol tables and DWARF of the ELF files that\n"
"it maps.  Everything passes on; accesses carry the ids of object and field\n"
"records, which stand ahead of their first use, and locks the name of their\n"
"class.\n"
"\n"
"  FILE               vmlinux, a kernel module, a list of symbols (nm -S,\n"
"                     /proc/kallsyms), a program, shared object or debug file,\n"
"                     used where its build-id or name fits, before what is mapped\n"
"  --root DIR         what a guest had mapped is looked for below DIR first\n"
"  --debug-dir DIR    look for debug files in DIR too, before /usr/lib/debug\n"
"  --no-fields        objects only\n"
"  --stats            at the end say on stderr how many accesses have an object\n"
"  --help             this text\n"
"\n"
"    mt-cat log.mt | mt-label | mt-shared --by field | mt-top -n 10 moves | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-tojson | jq -c 'select(.type == \"field\")'\n"
"    mt-cat log.mt | mt-label mscan.kern mtrace.ko | mt-stat | mt-totext\n";

/* ---- state ------------------------------------------------------------- */

struct object {
	struct mt_extent extent;	/* first, because the map hands it back */
	struct sym_type *type;
	uint32_t id;			/* 0: not defined yet */
	uint16_t storage;
	bool typed;			/* type was looked for */
	bool repeats;			/* many of type side by side */
	uint32_t owner;
	uint64_t pc;
	const char *name, *ctype;	/* interned */
};

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

struct field {
	uint32_t id;
	uint32_t stream;		/* in which it was defined last */
	uint64_t offset, bytes;
	char *ctype, *path, *member_type;
	UT_hash_handle hh;
	char key[];
};

struct string { UT_hash_handle hh; char s[]; };

/* A type by name, for labels. */
struct named {
	const char *name;		/* interned */
	struct sym_type *type;
	uint64_t changes;		/* of the set, when it was not found */
	UT_hash_handle hh;
};

/* A cpu's copy of the per-cpu data. */
struct segment { uint64_t addr, bytes; uint32_t owner; };

/* What a lock is called, by its address: most are taken again and again. */
#define LOCKS 4096
static struct { uint64_t addr, stamp; uint32_t process; const char *kind, *name; } locks[LOCKS];

static struct sym_set set;
static struct mt_cpus cpus;
static struct sym_ranges segments;
static uint64_t unit;			/* bytes from one cpu's per-cpu data to the next; 0: not known */
static struct mt_writer out;
static struct mt_objects labels;
static struct mapped *mappeds;
static struct field *fields;		/* by what they say */
static struct field **field_of_id;
static size_t n_fields, room_fields;
static struct mt_table field_of_place;	/* type, offset, width -> id + 1 */
static struct string *strings;
static struct named *named_types;
static uint32_t n_objects, stream;
static bool user_mode, no_fields, stats, labelled_before;

static struct {
	uint64_t unknown_frees, overlaps, empty, accesses, with[MT_storage_unknown + 1];
} count;

/*
 * What the last accesses to an address found.  An entry holds while nothing
 * has changed in its page: each page has a counter (shared by hash: a
 * collision costs a look-up), and what covers many pages counts for all.
 */
#define CACHE_BITS 16
#define EPOCH_BITS 14

static struct cached {
	uint64_t addr, stamp;
	uint32_t process, object, field;
	uint16_t width, storage;
} cache[1 << CACHE_BITS] __attribute__((aligned(32)));
static uint32_t epochs[1 << EPOCH_BITS];
static uint64_t epoch = 1;

static uint64_t mix(uint32_t process, uint64_t n)
{
	return (n ^ (uint64_t)process << 40) * 0x9e3779b97f4a7c15ull;
}

static uint32_t *epoch_of(uint32_t process, uint64_t page)
{
	return &epochs[mix(process, page) >> (64 - EPOCH_BITS)];
}

static void changed(const struct mt_extent *e)
{
	uint64_t last = (e->addr + (e->bytes ? e->bytes - 1 : 0)) >> 12;

	if (last - (e->addr >> 12) > 16)
		epoch++;
	else
		for (uint64_t page = e->addr >> 12; page <= last; page++)
			++*epoch_of(e->process, page);
}

static const char *intern(const char *s)
{
	size_t len = strlen(s);
	struct string *p;

	HASH_FIND(hh, strings, s, len, p);
	if (!p) {
		p = mt_xmalloc(sizeof(*p) + len + 1);
		memcpy(p->s, s, len + 1);
		HASH_ADD_KEYPTR(hh, strings, p->s, len, p);
	}
	return p->s;
}

/* ---- definitions ------------------------------------------------------- */

static void define(const struct mt_hdr *cause, void *fixed, const char *const *s)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_hdr *h = fixed;

	h->cpu = cause->cpu;
	h->time = cause->time;
	mt_writer_put(&out, mt_build(buf, fixed, s));
}

static void define_object(const struct mt_hdr *cause, struct object *o)
{
	struct mt_object rec = {
		.hdr.kind = MT_KIND_object,
		.addr = o->extent.addr, .bytes = o->extent.bytes, .pc = o->pc,
		.process = o->extent.process, .owner = o->owner, .storage = o->storage,
	};

	if (n_objects == UINT32_MAX)
		mt_die(MT_FAIL, "more than %u objects", n_objects);
	rec.id = o->id = ++n_objects;
	define(cause, &rec, (const char *const[]){ o->name, o->type ? o->type->own_name : o->ctype });
}

static void define_field(const struct mt_hdr *cause, struct field *f)
{
	struct mt_field rec = {
		.hdr.kind = MT_KIND_field, .offset = f->offset, .id = f->id,
		.bytes = f->bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)f->bytes,
	};

	f->stream = stream;
	define(cause, &rec, (const char *const[]){ f->ctype, f->path, f->member_type });
}

/* ---- fields ------------------------------------------------------------ */

/* Fields that say the same are one, whichever file they are from. */
static struct field *field_like(const char *ctype, const struct sym_field *like)
{
	char key[2048];
	struct field *f;
	size_t len = (size_t)snprintf(key, sizeof(key), "%s\n%s\n%s\n%llx\n%llx", ctype, like->path,
				      like->member_type, (unsigned long long)like->offset,
				      (unsigned long long)like->bytes);

	if (len >= sizeof(key))
		len = sizeof(key) - 1;
	HASH_FIND(hh, fields, key, len, f);
	if (f)
		return f;
	f = mt_xcalloc(1, sizeof(*f) + len + 1);
	memcpy(f->key, key, len + 1);
	f->ctype = mt_xstrdup(ctype);
	f->path = mt_xstrdup(like->path);
	f->member_type = mt_xstrdup(like->member_type);
	f->offset = like->offset;
	f->bytes = like->bytes;
	HASH_ADD_KEYPTR(hh, fields, f->key, len, f);
	field_of_id = mt_xgrow(field_of_id, n_fields, &room_fields, sizeof(struct field *));
	field_of_id[n_fields++] = f;
	f->id = (uint32_t)n_fields;
	return f;
}

static struct field *look_up_field(struct sym_type *t, uint64_t offset, uint64_t width)
{
	struct sym_field found;

	return sym_field(t, offset, width, &found) ? field_like(t->own_name, &found) : NULL;
}

/* The field at an offset of a type, or NULL; remembered unless numbers are absurd. */
static struct field *field_at(struct sym_type *t, uint64_t offset, uint64_t width)
{
	uint64_t at = sym_field_offset(t, offset), *p;
	struct field *f;

	if (width > 63)
		width = 63;
	if (t->number >> 24 || at >> 34)
		return look_up_field(t, at, width);
	p = mt_xtable_put(&field_of_place, (uint64_t)t->number << 40 | at << 6 | width);
	if (*p)
		return *p > 1 ? field_of_id[*p - 2] : NULL;
	f = look_up_field(t, at, width);
	*p = f ? (uint64_t)f->id + 1 : 1;
	return f;
}

/* ---- types of labels ---------------------------------------------------- */

static struct sym_type *find_in(struct sym_module *m, const char *name)
{
	struct sym_type *t = NULL;

	for (; m && !t; m = m->next)
		t = sym_type_find(m, name);
	return t;
}

/* A type by name: what the user named first, then what is mapped. */
static struct sym_type *type_named(const char *name)
{
	struct named *n;

	HASH_FIND_PTR(named_types, &name, n);
	if (n && (n->type || n->changes == set.changes))
		return n->type;
	if (!n) {
		n = mt_xcalloc(1, sizeof(*n));
		n->name = name;
		HASH_ADD_PTR(named_types, name, n);
	}
	n->changes = set.changes;
	n->type = find_in(set.operands, name);
	if (!n->type)
		n->type = find_in(set.opened, name);
	return n->type;
}

static bool is_kernel(const struct object *o)
{
	return o->extent.addr >> 63;
}

/* kmalloc gives blocks of its own sizes. */
static bool is_rounded(const struct object *o)
{
	return o->storage == MT_storage_heap && is_kernel(o);
}

/* What the code allocates that asked for a block. */
static struct sym_type *type_by_site(const struct object *o)
{
	uint32_t process = o->pc >> 63 ? 0 : o->extent.process;
	struct sym_place place;

	if (!o->pc || (o->storage != MT_storage_heap && o->storage != MT_storage_percpu) ||
	    !sym_find(&set, process, o->pc - 1, &place))
		return NULL;
	return sym_site_type(place.module, place.vaddr + 1, o->extent.bytes, is_rounded(o));
}

static struct sym_type *type_named_raw(const char *name)
{
	return type_named(intern(name));
}

/* A heap block without a type: what its cache is for, or what the code allocates that asked for it. */
static struct sym_type *guess_type(const struct object *o)
{
	if (o->storage == MT_storage_heap && is_kernel(o) && !sym_cache_general(o->name))
		return sym_cache_type(o->name, o->extent.bytes, type_named_raw);
	return type_by_site(o);
}

/*
 * The type of a label's object; of several side by side when there is room,
 * but a slab cache's objects are single ones.  Tables of the kernel, such as
 * its struct pages, and what kmalloc gave for several, we do not know how many,
 * stand for their elements: a member is the same in all of them.
 */
static void find_type(struct object *o)
{
	struct sym_type *t = *o->ctype ? type_named(o->ctype) : guess_type(o);
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

/* ---- per-cpu data -------------------------------------------------------- */

static void note_segment(const struct mt_segment *rec)
{
	const struct sym_range *below;
	struct segment *g;

	epoch++;
	if (!(rec->addr >> 63) || !rec->bytes || rec->bytes - 1 > UINT64_MAX - rec->addr)
		return;
	below = sym_ranges_below(&segments, rec->addr - 1);
	if (below && (!unit || rec->addr - below->first < unit))
		unit = rec->addr - below->first;
	g = mt_xmalloc(sizeof(*g));	/* the ranges keep it */
	*g = (struct segment){ rec->addr, rec->bytes, (uint32_t)rec->owner };
	sym_ranges_set(&segments, rec->addr, rec->addr + rec->bytes - 1, 0, g);
}

/* The segment that addr is in, or not far behind: there is what was allocated at run time. */
static const struct segment *segment_at(uint64_t addr)
{
	const struct sym_range *r = addr >> 63 ? sym_ranges_below(&segments, addr) : NULL;
	const struct segment *g = r ? r->data : NULL;

	if (!g || (addr - g->addr >= g->bytes && addr - g->addr >= unit))
		return NULL;
	return g;
}

/* ---- objects ----------------------------------------------------------- */

static enum mt_layer layer_of(unsigned storage)
{
	switch (storage) {
	case MT_storage_heap:
	case MT_storage_static:
	case MT_storage_percpu:
		return MT_LAYER_inner;
	case MT_storage_stack:
		return MT_LAYER_stack;
	}
	return MT_LAYER_outer;
}

static void gone(void *arg, struct mt_extent *e)
{
	(void)arg;
	changed(e);
	free(e);
}

static void note_free(const struct mt_label *l, uint32_t process)
{
	enum mt_layer layer = layer_of(l->storage);
	struct mt_extent *e = mt_objects_starting(&labels, layer, process, l->addr);

	for (unsigned i = 0; !e && i < MT_LAYERS; i++)
		e = mt_objects_starting(&labels, i, process, l->addr);
	if (e)
		mt_objects_remove(&labels, e);
	else
		count.unknown_frees++;
}

static uint32_t owner_of(const struct mt_label *l)
{
	const struct segment *g;

	if (l->storage == MT_storage_stack)
		return l->task;
	g = l->storage == MT_storage_percpu ? segment_at(l->addr) : NULL;
	return g ? g->owner : 0;
}

static void note_label(const struct mt_hdr *rec)
{
	const struct mt_label *l = (const struct mt_label *)rec;
	uint32_t process = l->addr >> 63 ? 0 :
			   l->process ? l->process : mt_cpus_process(&cpus, rec->cpu, l->addr);
	struct object *o;
	long replaced;

	if (l->op == MT_label_op_free) {
		note_free(l, process);
		return;
	}
	o = mt_xcalloc(1, sizeof(*o));
	*o = (struct object){
		.extent = { l->addr, l->bytes, process, (uint16_t)layer_of(l->storage), 0 },
		.pc = l->pc, .name = intern(mt_string(rec, 0)), .ctype = intern(mt_string(rec, 1)),
		.storage = (uint16_t)(l->storage < MT_storage_unknown ? l->storage : MT_storage_unknown),
		.owner = owner_of(l),
	};
	count.empty += !l->bytes;
	replaced = mt_objects_put(&labels, &o->extent);
	if (replaced < 0)
		mt_die(MT_FAIL, "out of memory");
	count.overlaps += (uint64_t)replaced;
	changed(&o->extent);
}

/* The object of a symbol or section as it stands in one process. */
static struct object *mapped_object(const struct sym_place *place, const struct sym_variable *v,
				    uint32_t process, unsigned storage)
{
	struct mapped_key key;
	struct mapped *m;

	memset(&key, 0, sizeof(key));	/* it is hashed with its padding */
	key.module = place->module;
	key.addr = v->vaddr + place->bias;
	key.bytes = v->bytes;
	key.process = process;
	key.storage = storage;
	HASH_FIND(hh, mappeds, &key, sizeof(key), m);
	if (m)
		return &m->object;
	m = mt_xcalloc(1, sizeof(*m));
	m->key = key;
	m->object = (struct object){
		.extent = { .addr = key.addr, .bytes = key.bytes, .process = process },
		.name = intern(v->name), .ctype = "", .type = v->type, .typed = true,
		.storage = (uint16_t)storage,
	};
	HASH_ADD(hh, mappeds, key, sizeof(key), m);
	return &m->object;
}

/* A per-cpu variable, or as much of the cpu's copy as nothing is known about. */
static struct object *percpu_object(const struct segment *g, uint64_t addr)
{
	struct sym_place place = { 0 };
	struct sym_variable v = { "per-cpu data", g->addr, g->bytes, NULL };
	struct object *o;

	if (addr - g->addr >= g->bytes)
		v = (struct sym_variable){ "per-cpu allocations", g->addr + g->bytes,
					   unit - g->bytes, NULL };
	if (sym_percpu(&set, g->addr, addr, &place) && sym_variable(place.module, place.vaddr, &v))
		o = mapped_object(&place, &v, 0, MT_storage_percpu);
	else
		o = mapped_object(&(struct sym_place){ NULL, 0, 0 }, &v, 0, MT_storage_percpu);
	o->owner = g->owner;
	return o;
}

/* ---- look-up ----------------------------------------------------------- */

/* Where in the kernel's address space (x86-64, four levels) nothing is known: why. */
static struct object *region_object(uint64_t addr)
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
	return mapped_object(&(struct sym_place){ NULL, 0, 0 },
			     &(struct sym_variable){ regions[i].name, regions[i].first,
						     end - regions[i].first, NULL },
			     0, MT_storage_unknown);
}

/* A section of an ELF file, or all of another one as far as it is mapped. */
static struct object *file_object(const struct sym_place *place, uint32_t process, uint64_t addr)
{
	struct sym_place whole = { NULL, addr, 0 };
	struct sym_variable v;
	uint64_t first, last;
	const char *path;
	char name[512];

	if (place->module && sym_section(place->module, place->vaddr, &v)) {
		snprintf(name, sizeof(name), "%s %s", sym_basename(place->module->path), v.name);
		v.name = name;
		return mapped_object(place, &v, process, MT_storage_file);
	}
	path = addr >> 63 ? sym_kernel_section(&set, addr, &first, &last) :
	       sym_mapping(&set, process, addr, &first, &last);
	if (!path)
		return region_object(addr);
	v = (struct sym_variable){ sym_basename(path), first, last - first + 1, NULL };
	return mapped_object(&whole, &v, process, MT_storage_file);
}

/* The innermost object at addr, or NULL. */
static struct object *object_at(uint32_t process, uint64_t addr)
{
	struct mt_extent *e = mt_objects_at(&labels, MT_LAYER_stack, process, addr);
	const struct segment *g;
	struct sym_place place = { 0 };
	struct sym_variable v;

	if (!e)
		e = mt_objects_at(&labels, MT_LAYER_inner, process, addr);
	if (e)
		return (struct object *)e;
	g = segment_at(addr);
	if (g)
		return percpu_object(g, addr);
	if (sym_find(&set, process, addr, &place) &&
	    sym_variable(place.module, place.vaddr, &v))
		return mapped_object(&place, &v, process, MT_storage_static);
	e = mt_objects_at(&labels, MT_LAYER_outer, process, addr);
	if (e)
		return (struct object *)e;
	return file_object(&place, process, addr);
}

/* ---- accesses ---------------------------------------------------------- */

static uint32_t process_of(const struct mt_access *a)
{
	uint32_t process = user_mode ? (uint32_t)(a->paddr >> 48) : 0;

	return process ? process : mt_cpus_process(&cpus, a->hdr.cpu, a->addr);
}

/* Where in its type an object has addr. */
static uint64_t offset_in(const struct object *o, uint64_t addr)
{
	uint64_t offset = addr - o->extent.addr;

	return o->repeats ? offset % o->type->bytes : offset;
}

static struct object *typed_object_at(uint32_t process, uint64_t addr)
{
	struct object *o = object_at(process, addr);

	if (o && !o->typed)
		find_type(o);
	return o;
}

static void resolve(const struct mt_access *a, struct cached *c)
{
	struct object *o = typed_object_at(c->process, a->addr);
	struct field *f = NULL;

	c->object = c->field = 0;
	if (!o)
		return;
	if (!o->id)
		define_object(&a->hdr, o);
	c->object = o->id;
	c->storage = o->storage;
	if (o->type && !no_fields)
		f = field_at(o->type, offset_in(o, a->addr), a->width);
	if (!f)
		return;
	if (f->stream != stream)
		define_field(&a->hdr, f);
	c->field = f->id;
}

static void label_access(const struct mt_hdr *rec)
{
	struct mt_access a = *(const struct mt_access *)rec;
	uint32_t process = process_of(&a);
	struct cached *c = &cache[mix(process, a.addr) >> (64 - CACHE_BITS)];
	uint64_t stamp = epoch + *epoch_of(process, a.addr >> 12);

	if (c->addr != a.addr || c->stamp != stamp || c->process != process || c->width != a.width) {
		*c = (struct cached){ .addr = a.addr, .stamp = stamp, .process = process,
				      .width = a.width };
		resolve(&a, c);
	}
	a.object = c->object;
	a.field = c->field;
	count.accesses++;
	count.with[c->storage] += c->object != 0;
	mt_writer_put(&out, &a.hdr);
}

/* ---- locks -------------------------------------------------------------- */

/* "struct dentry.d_lockref.lock"; a lock that is a variable is called like it. */
static const char *lock_class(uint32_t process, uint64_t addr, const char *kind)
{
	struct object *o = typed_object_at(process, addr);
	char path[512], name[1024];
	struct sym_type *t;

	if (!o)
		return kind;
	t = o->type ? sym_lock(o->type, offset_in(o, addr), path, sizeof(path)) : NULL;
	if (t && *path)
		snprintf(name, sizeof(name), "%s.%s", t->own_name, path);
	else if (o->storage == MT_storage_static || (o->storage == MT_storage_percpu && o->type))
		snprintf(name, sizeof(name), addr == o->extent.addr ? "%s" : "%s+0x%llx", o->name,
			 (unsigned long long)(addr - o->extent.addr));
	else if (o->storage == MT_storage_heap && is_kernel(o) && !sym_cache_general(o->name))
		snprintf(name, sizeof(name), "%s+0x%llx", o->name,
			 (unsigned long long)(addr - o->extent.addr));
	else
		return kind;
	return intern(name);
}

/* What tracers say that cannot know the class. */
static bool is_kind(const char *name)
{
	static const char *const kinds[] = { "", "spinlock", "rwlock", "mutex", "rwsem", "semaphore" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name, kinds[i]))
			return true;
	return false;
}

static void label_lock(const struct mt_hdr *rec)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_lock l = *(const struct mt_lock *)rec;
	uint32_t process = mt_cpus_process(&cpus, rec->cpu, l.addr);
	uint64_t slot = mix(process, l.addr) >> 52;
	uint64_t stamp = epoch + *epoch_of(process, l.addr >> 12);
	const char *kind = mt_string(rec, 0);

	if (!is_kind(kind)) {
		mt_writer_put(&out, rec);
		return;
	}
	if (locks[slot].addr != l.addr || locks[slot].stamp != stamp ||
	    locks[slot].process != process || strcmp(locks[slot].kind, kind) != 0) {
		kind = intern(kind);
		locks[slot].addr = l.addr;
		locks[slot].stamp = stamp;
		locks[slot].process = process;
		locks[slot].kind = kind;
		locks[slot].name = lock_class(process, l.addr, kind);
	}
	mt_writer_put(&out, mt_build(buf, &l, &locks[slot].name));
}

/* A stream has its own objects; ids go on, so that they stay unique. */
static void begin(const struct mt_hdr *rec)
{
	struct mapped *m, *next;

	user_mode = ((const struct mt_begin *)rec)->machine == MT_machine_user;
	mt_objects_release(&labels);
	mt_objects_init(&labels, gone, NULL);
	HASH_ITER(hh, mappeds, m, next) {
		HASH_DEL(mappeds, m);
		free(m);
	}
	sym_ranges_release(&segments);
	unit = 0;
	stream++;
	epoch++;
	labelled_before = false;
}

/* Records that were labelled by an earlier mt-label keep their ids. */
static void definition(uint32_t first_id)
{
	if (first_id && !labelled_before)
		mt_die(MT_FAIL, "standard input: is labelled already, but not all of it");
	labelled_before = true;
}

static void take(const struct mt_hdr *rec)
{
	static uint32_t first;

	switch (rec->kind) {
	case MT_KIND_begin:
		begin(rec);
		first = n_objects;
		break;
	case MT_KIND_label:
		note_label(rec);
		break;
	case MT_KIND_object:
	case MT_KIND_field:
		definition(n_objects - first);
		break;
	case MT_KIND_segment:
		note_segment((const struct mt_segment *)rec);
		break;
	case MT_KIND_access:
		if (labelled_before)
			break;
		label_access(rec);
		return;
	case MT_KIND_lock:
		label_lock(rec);
		return;
	}
	mt_xcpus_note(&cpus, rec);
	if (sym_note(&set, rec))
		epoch++;
	mt_writer_put(&out, rec);
}

/* ---- main -------------------------------------------------------------- */

static void report(void)
{
	uint64_t with = 0;
	size_t i;

	if (count.unknown_frees || count.overlaps || count.empty)
		mt_warn("labels: %llu frees of what was not known, %llu replaced before they were freed, "
			"%llu of 0 bytes", (unsigned long long)count.unknown_frees,
			(unsigned long long)count.overlaps, (unsigned long long)count.empty);
	sym_report_missing(&set);
	if (!stats)
		return;
	for (i = 0; i <= MT_storage_unknown; i++)
		with += count.with[i];
	mt_warn("%llu of %llu accesses have an object: %llu heap, %llu static, %llu stack, %llu other",
		(unsigned long long)with, (unsigned long long)count.accesses,
		(unsigned long long)count.with[MT_storage_heap],
		(unsigned long long)count.with[MT_storage_static],
		(unsigned long long)count.with[MT_storage_stack],
		(unsigned long long)(with - count.with[MT_storage_heap] -
				     count.with[MT_storage_static] - count.with[MT_storage_stack]));
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug-dir", required_argument, NULL, 'd' },
		{ "root", required_argument, NULL, 'r' },
		{ "no-fields", no_argument, NULL, 'n' },
		{ "stats", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'd': sym_debug_dir(&set, optarg); break;
		case 'r': sym_root(&set, optarg); break;
		case 'n': no_fields = true; break;
		case 's': stats = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);
	for (int i = optind; i < argc; i++)
		sym_add_file(&set, argv[i]);
	mt_objects_init(&labels, gone, NULL);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		take(rec);
	status = mt_close(&in, got, &out);
	if (status == MT_OK)
		report();
	return status > set.status ? status : set.status;
}
