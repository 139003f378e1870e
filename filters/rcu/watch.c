/* SPDX-License-Identifier: MIT */
/* Watched objects, from birth to retirement. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "watch.h"

/* ---- touches ------------------------------------------------------------------ */

static void unlink_touched(struct watch *w, struct watched *o)
{
	if (o->before)
		o->before->next = o->next;
	else
		w->first = o->next;
	if (o->next)
		o->next->before = o->before;
	mt_table_release(&o->of_site);
	free(o->touched);
	o->touched = NULL;
	o->n = o->room = 0;
}

static void finish(struct watch *w, struct watched *o, bool retired)
{
	if (!o->n)
		return;
	if (o->managed || retired)
		w->done(w->arg, o, retired);
	unlink_touched(w, o);
}

void watch_flush(struct watch *w)
{
	while (w->first)
		finish(w, w->first, false);
}

static void link_touched(struct watch *w, struct watched *o)
{
	o->before = NULL;
	o->next = w->first;
	if (w->first)
		w->first->before = o;
	w->first = o;
}

/* Nearly all objects are touched by few instructions: no table for them. */
#define FEW 8

static struct touched *find_touched(struct watched *o, uint32_t site)
{
	const uint64_t *place;

	for (size_t i = 0; i < o->n && i < FEW; i++)
		if (o->touched[i].site == site)
			return &o->touched[i];
	place = mt_table_get(&o->of_site, site);
	return place ? &o->touched[*place - 1] : NULL;
}

static struct touched *touched_by(struct watch *w, struct watched *o, uint32_t site)
{
	struct touched *t = find_touched(o, site);

	if (t)
		return t;
	if (!o->n)
		link_touched(w, o);
	o->touched = mt_xgrow(o->touched, o->n, &o->room, sizeof(*o->touched));
	o->touched[o->n] = (struct touched){ .site = site, .offset = UINT64_MAX };
	if (o->n >= FEW)
		*mt_xtable_put(&o->of_site, site) = o->n + 1;
	return &o->touched[o->n++];
}

static void touch(struct watch *w, struct watched *o, const struct mt_access *a)
{
	struct site site = { a->pc, mt_cpus_process(&w->cpus, a->hdr.cpu, a->pc) };
	struct touched *t = touched_by(w, o, mt_xintern(&w->sites, &site, sizeof(site)));
	uint64_t offset = a->addr > o->extent.addr ? a->addr - o->extent.addr : 0;

	t->stores += (a->flags & MT_access_flag_store) != 0;
	t->loads += !(a->flags & MT_access_flag_store);
	t->flags |= (uint32_t)a->flags & ~(uint32_t)(MT_access_flag_moved | MT_access_flag_split);
	if (offset >= t->offset)
		return;
	t->offset = offset;
	t->width = a->width;
	t->object = a->object;
	t->field = a->field;
	t->stack = a->stack;
}

/* ---- epochs --------------------------------------------------------------------- */

static uint64_t owner_of(const struct watch *w, uint32_t cpu, uint32_t task)
{
	if (!task)
		task = mt_cpus_task(&w->cpus, cpu);
	return task ? task : 1ull << 32 | cpu;
}

static void note_epoch(struct watch *w, const struct mt_epoch *e)
{
	uint64_t owner = owner_of(w, e->hdr.cpu, e->task);
	uint64_t *depth;

	if (e->op == MT_epoch_op_begin) {
		++*mt_xtable_put(&w->epochs, owner);
		return;
	}
	depth = mt_table_get(&w->epochs, owner);
	if (depth && !--*depth)
		mt_table_remove(&w->epochs, owner);
}

/* ---- accesses --------------------------------------------------------------------- */

static struct watched *find(const struct watch *w, uint32_t process, uint64_t addr)
{
	struct mt_extent *e = mt_objects_at(&w->objects, MT_LAYER_inner, process, addr);

	if (!e)
		e = mt_objects_at(&w->objects, MT_LAYER_outer, process, addr);
	return (struct watched *)e;
}

void watch_access(struct watch *w, const struct mt_access *a)
{
	struct watched *o;

	if (!w->known || w->cpu != a->hdr.cpu) {
		w->known = true;
		w->cpu = a->hdr.cpu;
		w->owner = owner_of(w, w->cpu, 0);
		w->in_epoch = mt_table_get(&w->epochs, w->owner);
	}
	if (w->in_epoch && !w->unpublished)
		return;
	o = find(w, mt_cpus_process(&w->cpus, w->cpu, a->addr), a->addr);
	if (!o)
		return;
	o->published |= o->creator != w->owner;
	if (!w->in_epoch && (o->published || !w->unpublished))
		touch(w, o, a);
}

/* ---- births and ends ----------------------------------------------------------------- */

static void gone(void *arg, struct mt_extent *e)
{
	struct watched *o = (struct watched *)e;

	finish(arg, o, false);
	free(o);
}

static uint32_t name_number(struct watch *w, const char *name)
{
	return mt_xintern(&w->names, name, strlen(name));
}

static void born(struct watch *w, struct mt_extent extent, const char *ctype, uint64_t creator)
{
	struct watched *o = mt_xcalloc(1, sizeof(*o));

	o->extent = extent;
	o->number = ++w->births;
	o->creator = creator;
	o->ctype = name_number(w, ctype);
	o->managed = extent.layer == MT_LAYER_inner;
	if (mt_objects_put(&w->objects, &o->extent) < 0)
		mt_die(MT_FAIL, "out of memory");
}

static void retire(struct watch *w, const struct mt_gc *g, uint32_t process)
{
	const char *ctype = mt_string(&g->hdr, 0);
	struct watched *o = find(w, process, g->addr);

	if (!o)
		return;
	if (*ctype)
		o->ctype = name_number(w, ctype);
	finish(w, o, true);
	mt_objects_remove(&w->objects, &o->extent);
}

static void note_gc(struct watch *w, const struct mt_gc *g)
{
	uint32_t process = mt_cpus_process(&w->cpus, g->hdr.cpu, g->addr);
	struct mt_extent extent = {
		.addr = g->addr, .bytes = g->bytes, .process = process, .layer = MT_LAYER_inner
	};

	if (g->op == MT_gc_op_retire)
		retire(w, g, process);
	else if (g->bytes)
		born(w, extent, mt_string(&g->hdr, 0), owner_of(w, g->hdr.cpu, g->task));
}

static void note_label(struct watch *w, const struct mt_label *l)
{
	const char *ctype = mt_string(&l->hdr, 1);
	struct mt_extent extent = {
		.addr = l->addr, .bytes = l->bytes, .process = l->process, .layer = MT_LAYER_outer
	};
	struct mt_extent *old;

	if (l->storage != MT_storage_heap)
		return;
	if (l->op == MT_label_op_alloc) {
		if (l->bytes)
			born(w, extent, *ctype ? ctype : mt_string(&l->hdr, 0),
			     owner_of(w, l->hdr.cpu, l->task));
		return;
	}
	old = mt_objects_starting(&w->objects, MT_LAYER_outer, l->process, l->addr);
	if (old)
		mt_objects_remove(&w->objects, old);
}

static void begin_stream(struct watch *w)
{
	if (w->ready)
		mt_objects_release(&w->objects);
	mt_objects_init(&w->objects, gone, w);
	w->ready = true;
	mt_intern_release(&w->names);
	mt_intern_release(&w->sites);
	mt_table_release(&w->epochs);
	w->births = 0;
}

void watch_note(struct watch *w, const struct mt_hdr *rec)
{
	w->known = false;
	mt_xcpus_note(&w->cpus, rec);
	switch (rec->kind) {
	case MT_KIND_begin: begin_stream(w); break;
	case MT_KIND_epoch: note_epoch(w, (const struct mt_epoch *)rec); break;
	case MT_KIND_gc: note_gc(w, (const struct mt_gc *)rec); break;
	case MT_KIND_label: note_label(w, (const struct mt_label *)rec); break;
	}
}
