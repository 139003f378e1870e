/* SPDX-License-Identifier: MIT */
/*
 * Objects: a row for each label record, with its lifetime, and one for each
 * object that mt-label has found by itself (variables, stacks, files).  An
 * access that mt-label has not looked up is looked up here among the labels.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/mt_objects.h"
#include "tosqlite.h"

struct label {
	struct mt_extent extent;	/* first, because the map hands it back */
	struct label_ref ref;
};

static struct mt_objects live;
static struct mt_table objects;		/* id of an object record -> label_id << 8 | type */
static uint64_t last_id, host_addr;
static bool ending;
static sqlite3_stmt *insert, *close_row;

static enum mt_layer layer_of(unsigned storage)
{
	if (storage == MT_storage_stack)
		return MT_LAYER_stack;
	return storage == MT_storage_block || storage >= MT_storage_file ? MT_LAYER_outer : MT_LAYER_inner;
}

/* What ends with this access is last touched by the one before. */
static void gone(void *arg, struct mt_extent *e)
{
	struct label *l = (struct label *)e;

	(void)arg;
	if (!ending) {
		db_int(close_row, 1, now - 1);
		db_int(close_row, 2, l->ref.id);
		db_run(close_row);
	}
	free(l);
}

void labels_open(void)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_label), "storage");
	sqlite3_stmt *s = db_prepare("INSERT INTO label_types VALUES (?, ?)");

	for (const struct mt_value *v = f->values; v->name; v++) {
		db_int(s, 1, v->number + 1);
		db_text(s, 2, v->name);
		db_run(s);
	}
	insert = db_prepare("INSERT INTO labels VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	close_row = db_prepare("UPDATE labels SET access_end = ? WHERE label_id = ?");
	mt_objects_init(&live, gone, NULL);
}

struct place { uint64_t addr, bytes, pc, start; uint32_t process, storage, owner; };

static struct label_ref put_row(const struct place *p, const char *name, const char *ctype)
{
	struct label_ref ref = { ++last_id, p->storage + 1 };
	uint64_t last = p->bytes ? p->bytes - 1 : 0;

	db_int(insert, 1, ref.id);
	db_int(insert, 2, ref.type);
	db_text(insert, 3, name);
	db_text(insert, 4, ctype);
	db_int_or_null(insert, 5, p->pc);
	if (host_addr) {
		db_int(insert, 6, host_addr);
		db_int(insert, 7, host_addr + last);
	}
	db_int(insert, 8, p->addr);
	db_int(insert, 9, last > UINT64_MAX - p->addr ? UINT64_MAX : p->addr + last);
	db_int(insert, 10, p->bytes);
	db_int(insert, 11, p->process);
	if (p->storage == MT_storage_percpu)
		db_int(insert, 12, p->owner);
	db_int(insert, 13, p->start);
	db_int(insert, 14, DB_OPEN_END);
	db_run(insert);
	host_addr = 0;
	return ref;
}

static void note_free(const struct mt_label *l, uint32_t process)
{
	enum mt_layer layer = layer_of(l->storage);
	struct mt_extent *e = mt_objects_starting(&live, layer, process, l->addr);

	for (unsigned i = 0; !e && i < MT_LAYERS; i++)
		e = mt_objects_starting(&live, i, process, l->addr);
	if (e)
		mt_objects_remove(&live, e);
}

static void note_label(const struct mt_label *l)
{
	uint32_t process = l->addr >> 63 ? 0 : l->process ? l->process :
			   mt_cpus_process(&holds.cpus, l->hdr.cpu, l->addr);
	const struct place p = { l->addr, l->bytes, l->pc, now, process, l->storage, 0 };
	struct label *new;

	if (l->op == MT_label_op_free) {
		note_free(l, process);
		host_addr = 0;
		return;
	}
	new = mt_xcalloc(1, sizeof(*new));
	new->extent = (struct mt_extent){ l->addr, l->bytes, process, (uint16_t)layer_of(l->storage), 0 };
	new->ref = put_row(&p, mt_string(&l->hdr, 0), mt_string(&l->hdr, 1));
	if (mt_objects_put(&live, &new->extent) < 0)
		mt_die(MT_FAIL, "out of memory");
}

/* One that a label told is there already; its type may not be. */
static void note_object(const struct mt_object *o)
{
	const struct place p = { o->addr, o->bytes, o->pc, 0, o->process, o->storage, o->owner };
	struct label *l = (struct label *)mt_objects_starting(&live, layer_of(o->storage), o->process,
							       o->addr);
	struct label_ref ref;

	ref = l && l->ref.type == o->storage + 1 ? l->ref :
		put_row(&p, mt_string(&o->hdr, 0), mt_string(&o->hdr, 1));
	if (l && ref.id == l->ref.id && *mt_string(&o->hdr, 1)) {
		static sqlite3_stmt *type;

		if (!type)
			type = db_prepare("UPDATE labels SET ctype = ? WHERE label_id = ?");
		db_text(type, 1, mt_string(&o->hdr, 1));
		db_int(type, 2, ref.id);
		db_run(type);
	}
	*mt_xtable_put(&objects, o->id) = ref.id << 8 | (ref.type & 0xff);
}

void labels_host(uint64_t host)
{
	host_addr = host;
}

void labels_note(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_label)
		note_label((const struct mt_label *)rec);
	else if (rec->kind == MT_KIND_object)
		note_object((const struct mt_object *)rec);
	if (rec->kind != MT_KIND_begin && rec->kind != MT_KIND_end)
		return;
	ending = true;			/* they outlive the log */
	mt_objects_release(&live);
	mt_table_release(&objects);
	ending = false;
}

struct label_ref labels_at(uint32_t process, uint64_t addr)
{
	for (unsigned i = MT_LAYERS; i--; ) {
		const struct mt_extent *e = mt_objects_at(&live, i, process, addr);

		if (e)
			return ((const struct label *)e)->ref;
	}
	return (struct label_ref){ 0, 0 };
}

struct label_ref labels_of(const struct mt_access *a)
{
	const uint64_t *known = a->object ? mt_table_get(&objects, a->object) : NULL;

	if (known)
		return (struct label_ref){ *known >> 8, *known & 0xff };
	return labels_at(mt_cpus_process(&holds.cpus, a->hdr.cpu, a->addr), a->addr);
}
