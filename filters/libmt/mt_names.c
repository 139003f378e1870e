/* SPDX-License-Identifier: MIT */
/* The definitions of a stream, by id and by pc. */
#include <stdlib.h>
#include <string.h>

#include "mt_names.h"

/* A copy of a definition; those with the same table key are chained. */
struct mt_name {
	struct mt_name *next;
	_Alignas(8) unsigned char rec[];
};

static struct mt_name *chain(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct mt_name *)(uintptr_t)*p : NULL;
}

static int add(struct mt_table *m, uint64_t key, const struct mt_hdr *rec)
{
	struct mt_name *name = malloc(sizeof(*name) + rec->size);
	uint64_t *place = mt_table_put(m, key);

	if (!name || !place) {
		free(name);
		return -1;
	}
	memcpy(name->rec, rec, rec->size);
	name->next = (struct mt_name *)(uintptr_t)*place;
	*place = (uintptr_t)name;
	return 0;
}

static void clear(struct mt_table *m)
{
	if (m->has_zero && m->zero)
		free((void *)(uintptr_t)m->zero);
	for (size_t i = 0; i < m->n_slots; i++) {
		struct mt_name *name = (struct mt_name *)(uintptr_t)m->slots[i].value, *next;

		for (; name; name = next) {
			next = name->next;
			free(name);
		}
	}
	mt_table_release(m);
}

/* ---- by id ------------------------------------------------------------- */

static int note_id(struct mt_table *m, uint32_t id, const struct mt_hdr *rec)
{
	uint64_t *place = mt_table_put(m, id);

	if (!place)
		return -1;
	free((void *)(uintptr_t)*place);	/* defined again: the last word counts */
	*place = 0;
	return add(m, id, rec);
}

static const void *by_id(const struct mt_table *m, uint32_t id)
{
	struct mt_name *name = chain(m, id);

	return name ? name->rec : NULL;
}

const struct mt_object *mt_names_object(const struct mt_names *n, uint32_t id)
{
	return by_id(&n->objects, id);
}

const struct mt_field *mt_names_field(const struct mt_names *n, uint32_t id)
{
	return by_id(&n->fields, id);
}

const struct mt_stack *mt_names_stack(const struct mt_names *n, uint32_t id)
{
	return by_id(&n->stacks, id);
}

/* ---- symbols ----------------------------------------------------------- */

/* 96 bits do not fit a key: equal keys are told apart along the chain. */
static uint64_t symbol_key(uint32_t process, uint64_t pc)
{
	return pc ^ (uint64_t)process * 0xd6e8feb86659fd93ull;
}

static bool same_place(const struct mt_name *name, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = (const void *)name->rec;

	return s->pc == pc && s->process == process;
}

/* Only the innermost frame and the outermost are kept: no one line has room for all. */
static int note_symbol(struct mt_names *n, const struct mt_symbol *s)
{
	struct mt_table *symbols = s->frame ? &n->outer : &n->symbols;
	uint64_t key = symbol_key(s->process, s->pc);
	uint64_t *place;
	struct mt_name *at, *before = NULL;

	if (s->frame && s->frame + 1 != s->frames)
		return 0;
	place = mt_table_put(symbols, key);
	if (!place)
		return -1;
	for (at = chain(symbols, key); at && !same_place(at, s->process, s->pc); at = at->next)
		before = at;
	if (at && before)
		before->next = at->next;
	else if (at)
		*place = (uintptr_t)at->next;
	free(at);
	return add(symbols, key, &s->hdr);
}

static const struct mt_symbol *symbol_in(const struct mt_table *symbols, uint32_t process, uint64_t pc)
{
	const struct mt_name *at = chain(symbols, symbol_key(process, pc));

	while (at && !same_place(at, process, pc))
		at = at->next;
	return at ? (const void *)at->rec : NULL;
}

const struct mt_symbol *mt_names_symbol(const struct mt_names *n, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = symbol_in(&n->symbols, process, pc);

	return s || !process ? s : symbol_in(&n->symbols, 0, pc);	/* process 0: any */
}

const struct mt_symbol *mt_names_outer(const struct mt_names *n, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = symbol_in(&n->outer, process, pc);

	return s || !process ? s : symbol_in(&n->outer, 0, pc);
}

/* ---- all together ------------------------------------------------------ */

int mt_names_note(struct mt_names *n, const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin:
		mt_names_release(n);
		return 0;
	case MT_KIND_switch:
		return mt_cpus_note(&n->cpus, rec);
	case MT_KIND_symbol:
		return note_symbol(n, (const void *)rec);
	case MT_KIND_object:
		return note_id(&n->objects, ((const struct mt_object *)rec)->id, rec);
	case MT_KIND_field:
		return note_id(&n->fields, ((const struct mt_field *)rec)->id, rec);
	case MT_KIND_stack:
		return note_id(&n->stacks, ((const struct mt_stack *)rec)->id, rec);
	}
	return 0;
}

void mt_names_release(struct mt_names *n)
{
	clear(&n->symbols);
	clear(&n->outer);
	clear(&n->objects);
	clear(&n->fields);
	clear(&n->stacks);
	mt_table_release(&n->cpus.task);
	mt_table_release(&n->cpus.process);
}

static const struct {
	const char *field;
	unsigned kind;
} refers[] = {
	{ "pc", MT_KIND_symbol }, { "pc2", MT_KIND_symbol },
	{ "target", MT_KIND_symbol }, { "return_pc", MT_KIND_symbol },
	{ "entry_pc", MT_KIND_symbol },
	{ "object", MT_KIND_object }, { "object2", MT_KIND_object },
	{ "field", MT_KIND_field }, { "field2", MT_KIND_field },
	{ "stack", MT_KIND_stack }, { "stack2", MT_KIND_stack }, { "parent", MT_KIND_stack },
};

const struct mt_type *mt_refers_to(const struct mt_field_info *f)
{
	/* A task's parent is a thread; a stack's is a stack. */
	if (f == mt_field_find(mt_type_of(MT_KIND_task), "parent"))
		return NULL;
	for (unsigned i = 0; i < sizeof(refers) / sizeof(refers[0]); i++)
		if (!strcmp(f->name, refers[i].field))
			return mt_type_of(refers[i].kind);
	return NULL;
}

static bool refers_to(const struct mt_type *rows, const struct mt_type *definition)
{
	for (unsigned i = 0; i < rows->n_fields; i++)
		if (mt_refers_to(&rows->fields[i]) == definition)
			return true;
	return false;
}

bool mt_report_needs(const struct mt_hdr *rec, unsigned rows)
{
	const struct mt_type *type = mt_type_of(rec->kind);

	switch (rec->kind) {
	case MT_KIND_appdata:		/* moves for each operation */
	case MT_KIND_symbol:		/* of objects and stacks, too */
		return true;
	case MT_KIND_label:
	case MT_KIND_segment:
	case MT_KIND_switch:
		return false;
	}
	if (type && type->class == MT_CLASS_definition)
		return refers_to(mt_type_of(rows), type);
	return !type || type->class != MT_CLASS_event;
}

uint32_t mt_names_process(const struct mt_names *n, const struct mt_hdr *rec, uint64_t pc)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	const struct mt_field_info *f = t ? mt_field_find(t, "process") : NULL;

	if (f)			/* kernel code is process 0's, whoever entered it */
		return pc >> 63 ? 0 : (uint32_t)mt_field_u64(rec, f);
	return mt_cpus_process(&n->cpus, rec->cpu, pc);
}

/* Of a pc in field f: pc2 may have a process of its own. */
static uint32_t process_of(const struct mt_names *n, const struct mt_hdr *rec,
			   const struct mt_field_info *f, uint64_t pc)
{
	const struct mt_field_info *second = strcmp(f->name, "pc2") ? NULL :
		mt_field_find(mt_type_of(rec->kind), "process2");

	if (second)
		return pc >> 63 ? 0 : (uint32_t)mt_field_u64(rec, second);
	return mt_names_process(n, rec, pc);
}

const struct mt_hdr *mt_names_follow(const struct mt_names *n, const struct mt_hdr *rec,
				     const struct mt_field_info *f)
{
	const struct mt_type *t = mt_refers_to(f);
	uint64_t value;

	if (!t)
		return NULL;
	value = mt_field_u64(rec, f);
	switch (t->kind) {
	case MT_KIND_symbol:
		return (const void *)mt_names_symbol(n, process_of(n, rec, f, value), value);
	case MT_KIND_object:
		return (const void *)mt_names_object(n, (uint32_t)value);
	case MT_KIND_field:
		return (const void *)mt_names_field(n, (uint32_t)value);
	default:
		return (const void *)mt_names_stack(n, (uint32_t)value);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

void mt_names_code(struct mt_out *o, const struct mt_symbol *s, uint64_t pc,
		   void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	const char *function = mt_string(&s->hdr, 0);
	const char *file = base_name(mt_string(&s->hdr, 1));
	const char *module = base_name(mt_string(&s->hdr, 2));

	if (*function)
		escape(o, function, strlen(function));
	else
		mt_out_hex(o, pc);
	if (*file) {
		mt_out_str(o, " at ");
		escape(o, file, strlen(file));
		if (s->line_number) {
			mt_out_char(o, ':');
			mt_out_dec(o, s->line_number);
		}
		return;
	}
	if (*function && s->base && pc >= s->base) {
		mt_out_char(o, '+');
		mt_out_hex(o, pc - s->base);
	}
	if (*module) {
		mt_out_str(o, " in ");
		escape(o, module, strlen(module));
	}
}

const char *mt_names_storage(const struct mt_object *object)
{
	const struct mt_type *t = mt_type_of(MT_KIND_object);
	const char *name = mt_value_name(mt_field_find(t, "storage")->values, object->storage);

	return name ? name : "object";
}

static void string(struct mt_out *o, const struct mt_hdr *rec, unsigned n,
		   void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	const char *s = mt_string(rec, n);

	escape(o, s, strlen(s));
}

void mt_names_thing(struct mt_out *o, const struct mt_object *object,
		    void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	if (*mt_string(&object->hdr, 0))
		string(o, &object->hdr, 0, escape);
	else
		mt_out_str(o, mt_names_storage(object));
	if (object->storage == MT_storage_stack || object->storage == MT_storage_percpu) {
		mt_out_char(o, '@');
		mt_out_dec(o, object->owner);
	}
}

#define PATH_SHOWN 200

void mt_names_path(struct mt_out *o, const char *path,
		   void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	char shown[PATH_SHOWN];
	size_t len = 0;
	unsigned depth = 0, cut = 0;	/* cut: the braces whose other words are left out */

	for (; *path && len < sizeof(shown) - 4; path++) {
		depth += *path == '{';
		if (*path == '|' && depth && !cut) {
			cut = depth;
			memcpy(shown + len, "|...", 4);
			len += 4;
		}
		if (*path == '}' && depth) {
			cut = cut == depth ? 0 : cut;
			depth--;
		}
		if (!cut)
			shown[len++] = *path;
	}
	escape(o, shown, len);
}

void mt_names_place(struct mt_out *o, const struct mt_names *n, uint32_t object_id,
		    uint32_t field_id, uint64_t addr,
		    void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	const struct mt_object *object = mt_names_object(n, object_id);
	const struct mt_field *field = mt_names_field(n, field_id);
	const char *path = field ? mt_string(&field->hdr, 1) : "";

	if (!object) {
		mt_out_hex(o, addr);
		return;
	}
	if (*path && object->storage <= MT_storage_block)
		string(o, &field->hdr, 0, escape);	/* its own name is the allocator's */
	else
		mt_names_thing(o, object, escape);
	if (*path) {
		mt_out_str(o, *path == '[' ? "" : ".");
		mt_names_path(o, path, escape);
	} else if (addr > object->addr && addr - object->addr < object->bytes) {
		mt_out_char(o, '+');
		mt_out_dec(o, addr - object->addr);
	}
}

/* The name of a function, or false. */
static bool function_name(struct mt_out *o, const struct mt_names *n, uint32_t process, uint64_t pc,
			  void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	const struct mt_symbol *symbol = mt_names_symbol(n, process, pc);
	const char *name = symbol ? mt_string(&symbol->hdr, 0) : "";

	if (*name)
		escape(o, name, strlen(name));
	return *name;
}

void mt_names_entry(struct mt_out *o, const struct mt_names *n, unsigned cause, uint32_t number,
		    uint64_t pc, void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_entry), "cause");
	const char *name = mt_value_name(f->values, cause);
	const char *call = cause == MT_entry_cause_syscall ? mt_syscall_name(number) : NULL;

	mt_out_str(o, cause == MT_entry_cause_syscall ? "system call" : name ? name : "entry");
	mt_out_char(o, ' ');
	if (function_name(o, n, 0, pc, escape))
		return;
	if (call)
		mt_out_str(o, call);
	else if (number != MT_NUMBER_UNTOLD)
		mt_out_dec(o, number);
	else
		mt_out_hex(o, pc);
}

void mt_names_frame(struct mt_out *o, const struct mt_names *n, const struct mt_stack *s,
		    void (*escape)(struct mt_out *o, const char *s, size_t len))
{
	if (s->frame == MT_stack_frame_cut)
		mt_out_str(o, "...");
	else if (s->frame != MT_stack_frame_call)
		mt_names_entry(o, n, (unsigned)s->frame - 1, s->number, s->pc, escape);
	else if (!function_name(o, n, s->process, s->pc, escape))
		mt_out_hex(o, s->pc);
}
