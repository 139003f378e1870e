/* SPDX-License-Identifier: MIT */
/* The records that lead to the present: the list, and what is context. */
#include <stdlib.h>
#include <string.h>

#include "mt_log.h"
#include "mt_state_live.h"

/* What lies at an address of the maps labels and gc. */
struct live_extent {
	struct mt_extent extent;	/* first, because the map hands it back */
	struct live *live;
};

/* ---- the list ------------------------------------------------------------ */

static bool is_event(unsigned group)
{
	return (group >= LIVE_MODE && group <= LIVE_SWITCH) || group >= LIVE_ENTRY;
}

static struct live_list *list_of(struct mt_state *s, const struct live *l)
{
	return is_event(l->group) ? &s->events : &s->others;
}

static uint64_t place_of(unsigned group, uint64_t key)
{
	return (key + group * 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
}

static void append(struct live_list *list, struct live *l)
{
	l->before = list->last;
	if (list->last)
		list->last->after = l;
	else
		list->first = l;
	list->last = l;
}

static void unlink_live(struct live_list *list, struct live *l)
{
	if (l->before)
		l->before->after = l->after;
	else
		list->first = l->after;
	if (l->after)
		l->after->before = l->before;
	else
		list->last = l->before;
}

static struct live *pointer(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct live *)(uintptr_t)*p : NULL;
}

/*
 * What is told inside an entry goes with it (calls, scopes), or does not
 * depend on it; outside of any what was set aside must have been.
 */
static bool needs_entry(const struct live *l, const struct live *entry)
{
	return l->group == LIVE_CALL || l->group == LIVE_SCOPE || (l->group != LIVE_ENTRY &&
		((const struct mt_entry *)entry->rec)->state == MT_entry_state_pause);
}

/* The switch and the entry record that were the last ones on its cpu. */
static void put_under(struct mt_state *s, struct live *l)
{
	struct live *entry = pointer(&s->entry_on, live_rec(l)->cpu);

	if (l->group < LIVE_GC)
		return;
	l->under[0] = live_newest(s, LIVE_SWITCH, live_rec(l)->cpu);
	if (entry && needs_entry(l, entry))
		l->under[1] = entry;
	for (int i = 0; i < 2; i++)
		if (l->under[i])
			l->under[i]->holders++;
}

/* An entry record becomes the last one of its cpu; or is no more of its cpu's. */
static int link_on(struct mt_state *s, struct live *l)
{
	uint64_t *last = mt_table_put(&s->entry_on, live_rec(l)->cpu);

	if (!last)
		return -1;
	l->on_before = (struct live *)(uintptr_t)*last;
	if (l->on_before)
		l->on_before->on_after = l;
	*last = (uintptr_t)l;
	return 0;
}

static void unlink_on(struct mt_state *s, struct live *l)
{
	if (l->on_before)
		l->on_before->on_after = l->on_after;
	if (l->on_after)
		l->on_after->on_before = l->on_before;
	else if (l->on_before)
		*mt_table_get(&s->entry_on, live_rec(l)->cpu) = (uintptr_t)l->on_before;
	else
		mt_table_remove(&s->entry_on, live_rec(l)->cpu);
}

struct live *live_add(struct mt_state *s, enum live_group g, uint64_t key, const struct mt_hdr *rec)
{
	uint64_t *place = g == LIVE_ALWAYS ? NULL : mt_table_put(&s->by_key, place_of(g, key));
	struct live *l = place || g == LIVE_ALWAYS ? calloc(1, sizeof(*l) + rec->size) : NULL;

	if (!l)
		return NULL;
	memcpy(l->rec, rec, rec->size);
	l->group = (uint8_t)g;
	l->key = key;
	l->number = s->count++;
	put_under(s, l);
	if (g == LIVE_ENTRY && link_on(s, l) < 0) {
		free(l);
		return NULL;
	}
	if (place) {
		l->older = (struct live *)(uintptr_t)*place;
		*place = (uintptr_t)l;
	}
	append(list_of(s, l), l);
	s->bytes += rec->size;
	return l;
}

/* Of those at one place of the table: the first with that group and key. */
static struct live *same_key(struct live *l, unsigned group, uint64_t key)
{
	while (l && (l->group != group || l->key != key))
		l = l->older;
	return l;
}

struct live *live_newest(const struct mt_state *s, enum live_group g, uint64_t key)
{
	return same_key(pointer(&s->by_key, place_of(g, key)), g, key);
}

struct live *live_older(const struct live *l)
{
	return same_key(l->older, l->group, l->key);
}

static void take_from_table(struct mt_state *s, struct live *l)
{
	uint64_t *place = mt_table_get(&s->by_key, place_of(l->group, l->key));
	struct live *x;

	if (l->group == LIVE_ALWAYS)
		return;
	if (*place == (uintptr_t)l) {
		*place = (uintptr_t)l->older;
		if (!l->older)
			mt_table_remove(&s->by_key, place_of(l->group, l->key));
		return;
	}
	for (x = (struct live *)(uintptr_t)*place; x->older != l; x = x->older)
		;
	x->older = l->older;
}

/* What is over and under nothing leaves, and lets go what it was under in turn. */
static void leave(struct mt_state *s, struct live *l)
{
	if (!l->over || l->holders)
		return;
	unlink_live(list_of(s, l), l);
	if (l->group == LIVE_ENTRY)
		unlink_on(s, l);
	s->bytes -= live_rec(l)->size;
	for (int i = 0; i < 2; i++)
		if (l->under[i]) {
			l->under[i]->holders--;
			leave(s, l->under[i]);	/* which is under a switch at most */
		}
	free(l);
}

void live_drop(struct mt_state *s, struct live *l)
{
	take_from_table(s, l);
	l->over = true;
	leave(s, l);
}

void live_drop_all(struct mt_state *s, enum live_group g, uint64_t key)
{
	struct live *l;

	while ((l = live_newest(s, g, key)))
		live_drop(s, l);
}

static int replace(struct mt_state *s, enum live_group g, uint64_t key, const struct mt_hdr *rec)
{
	live_drop_all(s, g, key);
	return live_add(s, g, key, rec) ? 0 : -1;
}

/* ---- tasks and processes --------------------------------------------------- */

static void leave_process(struct mt_state *s, uint32_t task)
{
	const uint64_t *process = mt_table_get(&s->process_of, task);
	uint64_t *tasks = process ? mt_table_get(&s->tasks_in, *process) : NULL;
	uint32_t left = process ? (uint32_t)*process : 0;

	mt_table_remove(&s->process_of, task);
	if (!tasks || --*tasks)
		return;
	mt_table_remove(&s->tasks_in, left);
	if (!left)
		return;			/* the kernel's */
	live_drop_all(s, LIVE_MAP, left);
	mt_objects_forget(&s->labels, left);
}

static int join_process(struct mt_state *s, uint32_t task, uint32_t process)
{
	uint64_t *of = mt_table_put(&s->process_of, task), *tasks = mt_table_put(&s->tasks_in, process);

	if (!of || !tasks)
		return -1;
	*of = process;
	++*tasks;
	return 0;
}

static void forget_task(struct mt_state *s, uint32_t task)
{
	live_drop_all(s, LIVE_TASK, task);
	leave_process(s, task);
}

/* The first record of a task says who made it, the last one what it is called. */
static int note_task(struct mt_state *s, const struct mt_task *t)
{
	struct live *l = live_newest(s, LIVE_TASK, t->task);
	const uint64_t *process = mt_table_get(&s->process_of, t->task);

	state_note_task(s, t);
	if (t->op == MT_task_op_exit && s->user) {
		forget_task(s, t->task);
		return 0;
	}
	if (t->op == MT_task_op_create)
		live_drop_all(s, LIVE_TASK, t->task);
	else if (l && live_older(l))
		live_drop(s, l);
	if (!process || *process != t->process) {
		leave_process(s, t->task);
		if (join_process(s, t->task, t->process) < 0)
			return -1;
	}
	return live_add(s, LIVE_TASK, t->task, &t->hdr) ? 0 : -1;
}

/* A task that has ended runs until its cpu takes another one. */
static int note_switch(struct mt_state *s, const struct mt_hdr *rec)
{
	uint32_t before = mt_cpus_task(&s->cpus, rec->cpu);
	const struct live *l = before ? live_newest(s, LIVE_TASK, before) : NULL;

	if (l && before != ((const struct mt_switch *)rec)->task &&
	    ((const struct mt_task *)l->rec)->op == MT_task_op_exit)
		forget_task(s, before);
	return replace(s, LIVE_SWITCH, rec->cpu, rec);
}

/* ---- what lies where --------------------------------------------------------- */

static void gone(void *arg, struct mt_extent *e)
{
	live_drop(arg, ((struct live_extent *)e)->live);
	free(e);
}

static int put_extent(struct mt_state *s, struct mt_objects *m, enum live_group g,
		      struct mt_extent extent, const struct mt_hdr *rec)
{
	struct live_extent *e = malloc(sizeof(*e));

	if (!e)
		return -1;
	e->extent = extent;
	e->live = live_add(s, g, extent.addr, rec);
	if (e->live && mt_objects_put(m, &e->extent) >= 0)
		return 0;
	free(e);
	return -1;
}

/* With the process told, for who runs on its cpu is forgotten. */
static int note_label(struct mt_state *s, const struct mt_hdr *rec)
{
	_Alignas(8) unsigned char copy[MT_RECORD_MAX];
	struct mt_label *l = (struct mt_label *)copy;
	struct mt_extent *e;

	memcpy(copy, rec, rec->size);
	if (l->addr >> 63)
		l->process = 0;
	else if (!l->process)
		l->process = mt_cpus_process(&s->cpus, rec->cpu, l->addr);
	if (l->op != MT_label_op_free)
		return put_extent(s, &s->labels, LIVE_LABEL, (struct mt_extent){
			.addr = l->addr, .bytes = l->bytes, .process = l->process,
			.layer = (uint16_t)mt_layer_of(l->storage) }, &l->hdr);
	e = mt_objects_freed(&s->labels, l->storage, l->process, l->addr);
	if (e)
		mt_objects_remove(&s->labels, e);
	e = mt_objects_starting(&s->gc, MT_LAYER_outer, l->process, l->addr);
	if (e)
		mt_objects_remove(&s->gc, e);
	return 0;
}

/* What was retired and is no object of its own is a label's, until that is freed. */
static int note_gc(struct mt_state *s, const struct mt_gc *g)
{
	bool born = g->op != MT_gc_op_retire;
	struct mt_extent extent = {
		.addr = g->addr, .bytes = born ? g->bytes : 1,
		.process = mt_cpus_process(&s->cpus, g->hdr.cpu, g->addr),
		.layer = born ? MT_LAYER_inner : MT_LAYER_outer
	};
	struct mt_extent *e = born ? NULL :
		mt_objects_at(&s->gc, MT_LAYER_inner, extent.process, g->addr);

	if (e) {
		mt_objects_remove(&s->gc, e);
		return 0;
	}
	return extent.bytes ? put_extent(s, &s->gc, LIVE_GC, extent, &g->hdr) : 0;
}

/* How many of a process's last maps are looked at: a program maps again and again. */
#define MAPS_AT_ONCE 64

static bool covers(const struct mt_map *a, const struct mt_map *b)
{
	return b->addr >= a->addr && b->bytes <= a->bytes && b->addr - a->addr <= a->bytes - b->bytes;
}

static int note_map(struct mt_state *s, const struct mt_map *m)
{
	struct live *l = live_newest(s, LIVE_MAP, m->process), *older;

	for (unsigned n = 0; l && n < MAPS_AT_ONCE; n++, l = older) {
		older = live_older(l);
		if (covers(m, (const struct mt_map *)l->rec))
			live_drop(s, l);
	}
	return live_add(s, LIVE_MAP, m->process, &m->hdr) ? 0 : -1;
}

/* ---- other context ------------------------------------------------------------- */

/* One for each reason, with the sum. */
static int note_drop(struct mt_state *s, const struct mt_drop *d)
{
	struct live *l = live_newest(s, LIVE_DROP, d->reason);

	if (!l)
		return live_add(s, LIVE_DROP, d->reason, &d->hdr) ? 0 : -1;
	((struct mt_drop *)l->rec)->count += d->count;
	return 0;
}

static int note_mode(struct mt_state *s, const struct mt_mode *m)
{
	if (m->mode == MT_mode_off)
		state_stop(s);
	return replace(s, LIVE_MODE, 0, &m->hdr);
}

static int note_context(struct mt_state *s, const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_end:	return 0;
	case MT_KIND_drop:	return note_drop(s, (const struct mt_drop *)rec);
	case MT_KIND_mode:	return note_mode(s, (const struct mt_mode *)rec);
	case MT_KIND_task:	return note_task(s, (const struct mt_task *)rec);
	case MT_KIND_switch:	return note_switch(s, rec);
	case MT_KIND_map:	return note_map(s, (const struct mt_map *)rec);
	case MT_KIND_label:	return note_label(s, rec);
	}
	return live_add(s, LIVE_ALWAYS, 0, rec) ? 0 : -1;
}

bool mt_state_carries(unsigned kind)
{
	return kind == MT_KIND_call || kind == MT_KIND_entry || kind == MT_KIND_lock ||
	       kind == MT_KIND_scope || kind == MT_KIND_var || kind == MT_KIND_gc ||
	       kind == MT_KIND_epoch;
}

/* ---- all of it ------------------------------------------------------------------ */

static void free_list(struct live_list *list)
{
	for (struct live *l = list->first, *after; l; l = after) {
		after = l->after;
		free(l);
	}
	*list = (struct live_list){ 0 };
}

static void forget_extent(void *arg, struct mt_extent *e)
{
	(void)arg;			/* its record goes with the list */
	free(e);
}

static void release_objects(struct mt_objects *m)
{
	m->gone = forget_extent;
	mt_objects_release(m);
}

void mt_state_clear(struct mt_state *s)
{
	size_t max = s->max;

	release_objects(&s->labels);
	release_objects(&s->gc);
	mt_table_release(&s->by_key);
	mt_table_release(&s->entry_on);
	mt_table_release(&s->cpus.task);
	mt_table_release(&s->cpus.process);
	mt_table_release(&s->process_of);
	mt_table_release(&s->tasks_in);
	mt_entries_release(&s->entries);
	free_list(&s->events);
	free_list(&s->others);
	*s = (struct mt_state){ .max = max };
	mt_objects_init(&s->labels, gone, s);
	mt_objects_init(&s->gc, gone, s);
}

struct mt_state *mt_state_new(size_t max)
{
	struct mt_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max;
	mt_state_clear(s);
	return s;
}

void mt_state_free(struct mt_state *s)
{
	if (!s)
		return;
	mt_state_clear(s);
	free(s);
}

static int begin(struct mt_state *s, const struct mt_begin *b)
{
	mt_state_clear(s);
	s->begun = true;
	s->user = b->machine == MT_machine_user;
	return live_add(s, LIVE_ALWAYS, 0, &b->hdr) ? 0 : -1;
}

static int note(struct mt_state *s, const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_gc)
		return note_gc(s, (const struct mt_gc *)rec);
	if (mt_state_carries(rec->kind))
		return state_note_event(s, rec);
	if (mt_log_judged(rec))
		return 0;
	if (note_context(s, rec) < 0 || mt_cpus_note(&s->cpus, rec) < 0)
		return -1;
	return mt_entries_note(&s->entries, rec);
}

int mt_state_note(struct mt_state *s, const struct mt_hdr *rec)
{
	int failed;

	if (rec->kind == MT_KIND_begin)
		return begin(s, (const struct mt_begin *)rec);
	if (!s->begun)
		return 0;
	failed = note(s, rec);
	if (s->bytes > s->max)
		mt_state_clear(s);
	return failed;
}

size_t mt_state_bytes(const struct mt_state *s)
{
	return s->bytes;
}

/* A pause that calls of others were told under, of an entry that has ended since. */
static bool is_idle(const struct mt_state *s, const struct live *l)
{
	return l->over && l->group == LIVE_ENTRY && !live_newest(s, LIVE_ENTRY, l->key);
}

#define DUE_AFTER (64ull * MT_LOG_BLOCK)
#define DUE_SHARE 16			/* labels shrink less than accesses: on disk it is half */

bool mt_state_due(const struct mt_state *s, uint64_t since)
{
	return s->bytes && since >= DUE_AFTER && since / DUE_SHARE >= s->bytes;
}

int mt_state_each(const struct mt_state *s, int (*put)(void *arg, const struct mt_hdr *rec),
		  void *arg)
{
	const struct live *a = s->events.first, *b = s->others.first, *l;
	struct mt_end end = { .hdr = { .kind = MT_KIND_end, .size = sizeof(end) } };
	int got = 0;

	while (!got && (a || b)) {
		if (a && (!b || a->number < b->number)) {
			l = a;
			a = a->after;
		} else {
			l = b;
			b = b->after;
		}
		if (is_idle(s, l))
			continue;
		got = put(arg, live_rec(l));
		end.records++;
	}
	return got || !end.records ? got : put(arg, &end.hdr);
}
