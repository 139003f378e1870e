/* SPDX-License-Identifier: MIT */
/* Locks, from the attempt to the release. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "holds.h"

#define DEPTH 64			/* of entries on each other; hostile ones form circles */

enum { BY_TASK, BY_CPU, BY_TAG };

/* ---- strands -------------------------------------------------------------- */

/* The interrupt or softirq that runs on the cpu, or that what runs there stands on. */
static const struct mt_kentry *handler_on(const struct holds *h, uint32_t cpu)
{
	const struct mt_kentry *k = mt_entries_current(&h->entries, cpu);

	for (unsigned n = 0; k && n < DEPTH; n++) {
		if (k->cause == MT_entry_cause_interrupt || k->cause == MT_entry_cause_softirq)
			return k;
		k = k->has_below ? mt_entries_find(&h->entries, k->below) : NULL;
	}
	return NULL;
}

static struct mt_table *strand_key(struct holds *h, uint32_t cpu, uint64_t *key)
{
	const struct mt_kentry *k = handler_on(h, cpu);

	*key = k ? k->tag : mt_cpus_task(&h->cpus, cpu);
	if (k)
		return &h->strands[BY_TAG];
	if (*key)
		return &h->strands[BY_TASK];
	*key = cpu;
	return &h->strands[BY_CPU];
}

static struct strand *strand_in(const struct mt_table *table, uint64_t key)
{
	const uint64_t *p = mt_table_get(table, key);

	return p ? (struct strand *)(uintptr_t)*p : NULL;
}

struct strand *holds_strand_slow(struct holds *h, uint32_t cpu)
{
	struct strand_cache *c = &h->cache[cpu % HOLDS_CACHE];
	struct mt_table *table;
	uint64_t key;

	table = strand_key(h, cpu, &key);
	*c = (struct strand_cache){
		.epoch = h->epoch, .strand = strand_in(table, key), .cpu = cpu,
		.task = table == &h->strands[BY_TASK] ? (uint32_t)key : 0
	};
	return c->strand;
}

static struct strand *strand_for(struct holds *h, uint32_t cpu)
{
	struct strand *s = holds_strand(h, cpu);

	if (s)
		return s;
	s = mt_xcalloc(1, sizeof(*s));
	s->in = strand_key(h, cpu, &s->key);
	*mt_xtable_put(s->in, s->key) = (uintptr_t)s;
	h->epoch++;
	return s;
}

/* ---- locks ------------------------------------------------------------------ */

/* User addresses leave the upper 16 bits free; the kernel's are of process 0. */
static uint64_t lock_key(const struct holds *h, const struct mt_hdr *rec, uint64_t addr)
{
	return addr ^ (uint64_t)mt_cpus_process(&h->cpus, rec->cpu, addr) << 48;
}

static struct lock *lock_for(struct holds *h, const struct mt_lock *rec)
{
	uint64_t key = lock_key(h, &rec->hdr, rec->addr);
	uint64_t *place = mt_xtable_put(&h->locks, key);
	struct lock *l = (struct lock *)(uintptr_t)*place;

	if (!l) {
		l = mt_xcalloc(1, sizeof(*l));
		l->key = key;
		*place = (uintptr_t)l;
	}
	return l;
}

static uint64_t releases(const struct lock *l, bool read)
{
	return read ? l->write_releases : l->releases;
}

/* ---- holds --------------------------------------------------------------------- */

/* Empty, with the memory that it has. */
static void clear_table(struct mt_table *m)
{
	if (m->n_slots > 1024)
		mt_table_release(m);
	else if (m->used)
		memset(m->slots, 0, m->n_slots * sizeof(*m->slots));
	m->used = 0;
	m->has_zero = false;
	m->zero = 0;
}

static struct hold *new_hold(struct holds *h)
{
	struct hold *new = h->spare;
	struct mt_table table;

	if (!new)
		return mt_xcalloc(1, sizeof(*new));
	h->spare = new->below;
	table = new->moves_of;
	clear_table(&table);
	*new = (struct hold){ .moves_of = table };
	return new;
}

static void push(struct hold *x)
{
	x->below = x->strand->top;
	x->strand->top = x;
	x->strand->locks_known = false;
}

static void unstack(struct hold *x)
{
	struct hold **p = &x->strand->top;

	while (*p != x)
		p = &(*p)->below;
	*p = x->below;
	x->strand->locks_known = false;
}

/* Of a strand that has nothing, and a lock that nobody wants, nothing need be known. */
static void drop(struct holds *h, struct hold *x)
{
	struct strand *s = x->strand;
	struct lock *l = x->lock;
	struct hold **p = &l->holds;

	unstack(x);
	while (*p != x)
		p = &(*p)->same_lock;
	*p = x->same_lock;
	x->below = h->spare;
	h->spare = x;
	if (!s->top) {
		mt_table_remove(s->in, s->key);
		free(s);
		h->epoch++;
	}
	if (!l->holds) {
		mt_table_remove(&h->locks, l->key);
		free(l);
	}
}

static void end(struct holds *h, struct hold *x, enum lock_event what, const struct mt_hdr *rec)
{
	h->event(what, x, rec);
	drop(h, x);
}

/* A lock without a name is known by its address. */
static uint32_t name_of(struct holds *h, const struct mt_lock *rec)
{
	const char *name = mt_string(&rec->hdr, 0);
	char text[24];

	if (*name)
		return mt_xintern_string(&h->names, name);
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)rec->addr);
	return mt_xintern_string(&h->names, text);
}

static struct hold *add(struct holds *h, const struct mt_lock *rec)
{
	struct hold *x = new_hold(h);

	x->strand = strand_for(h, rec->hdr.cpu);
	x->lock = lock_for(h, rec);
	x->same_lock = x->lock->holds;
	x->lock->holds = x;
	x->addr = rec->addr;
	x->space = mt_cpus_process(&h->cpus, rec->hdr.cpu, rec->addr);
	x->read = rec->read != 0;
	x->name = name_of(h, rec);
	push(x);
	return x;
}

static struct hold *of_strand(const struct lock *l, const struct strand *s, bool tries)
{
	struct hold *x = l->holds;

	while (x && (x->strand != s || x->tries != tries))
		x = x->same_lock;
	return x;
}

/* ---- what lock records do --------------------------------------------------------- */

static void begin_at(struct holds *h, struct hold *x, const struct mt_lock *rec)
{
	x->cpu = rec->hdr.cpu;
	x->start = rec->hdr.time;
	x->pc = rec->pc;
	x->process = mt_cpus_process(&h->cpus, rec->hdr.cpu, rec->pc);
	x->task = rec->task ? rec->task : mt_cpus_task(&h->cpus, rec->hdr.cpu);
}

/* An attempt that ended unseen begins anew. */
static void on_acquire(struct holds *h, const struct mt_lock *rec)
{
	struct strand *s = holds_strand(h, rec->hdr.cpu);
	struct hold *x = s ? of_strand(lock_for(h, rec), s, true) : NULL;

	if (x)
		drop(h, x);
	x = add(h, rec);
	x->tries = true;
	x->releases = releases(x->lock, x->read);
	begin_at(h, x, rec);
}

/* Whoever had it in a way that excludes this one has let it go: unseen. */
static void lose_others(struct holds *h, const struct hold *mine, const struct mt_hdr *rec)
{
	struct hold *next;

	for (struct hold *x = mine->lock->holds; x; x = next) {
		next = x->same_lock;
		if (x->strand != mine->strand && !x->tries && !(x->read && mine->read))
			end(h, x, LOCK_LOST, rec);
	}
}

/* Once more by who has it: an attempt costs time, too. */
static void acquired_again(struct holds *h, struct hold *x, struct hold *attempt)
{
	x->depth++;
	if (!attempt)
		return;
	x->wait.moves += attempt->wait.moves;
	x->wait.atomics += attempt->wait.atomics;
	drop(h, attempt);
}

static void on_acquired(struct holds *h, const struct mt_lock *rec)
{
	struct strand *s = holds_strand(h, rec->hdr.cpu);
	struct lock *l = s ? lock_for(h, rec) : NULL;
	struct hold *x = l ? of_strand(l, s, true) : NULL;
	struct hold *has = l ? of_strand(l, s, false) : NULL;

	if (has) {
		acquired_again(h, has, x);
		return;
	}
	if (x) {
		if (x->cpu == rec->hdr.cpu && rec->hdr.time > x->start)
			x->waited = rec->hdr.time - x->start;
		x->contended = releases(x->lock, x->read) != x->releases;
		unstack(x);
		push(x);
	} else {
		x = add(h, rec);
	}
	x->tries = false;
	x->depth = 1;
	begin_at(h, x, rec);
	lose_others(h, x, &rec->hdr);
}

/*
 * What a release ends: what the strand holds; else what was acquired on this
 * cpu; else what somebody holds exclusively.  A reader's release may be that of
 * another one, whose beginning was not seen.
 */
static struct hold *released(const struct lock *l, const struct strand *s, uint32_t cpu)
{
	struct hold *same_cpu = NULL, *writer = NULL;

	for (struct hold *x = l->holds; x; x = x->same_lock) {
		if (x->tries)
			continue;
		if (x->strand == s)
			return x;
		if (x->cpu == cpu)
			same_cpu = x;
		if (!x->read)
			writer = x;
	}
	return same_cpu ? same_cpu : writer;
}

static void on_release(struct holds *h, const struct mt_lock *rec)
{
	const uint64_t *place = mt_table_get(&h->locks, lock_key(h, &rec->hdr, rec->addr));
	struct lock *l = place ? (struct lock *)(uintptr_t)*place : NULL;
	struct hold *x = l ? released(l, holds_strand(h, rec->hdr.cpu), rec->hdr.cpu) : NULL;
	bool same;

	if (l) {
		l->releases++;
		l->write_releases += x ? !x->read : !rec->read;
	}
	if (!x) {
		h->event(LOCK_UNHELD, NULL, &rec->hdr);
		return;
	}
	if (--x->depth)
		return;
	same = x->cpu == rec->hdr.cpu && rec->hdr.time >= x->start;
	end(h, x, same ? LOCK_ENDED : LOCK_LOST, &rec->hdr);
}

static void on_failed(struct holds *h, const struct mt_lock *rec)
{
	struct strand *s = holds_strand(h, rec->hdr.cpu);
	const uint64_t *place = mt_table_get(&h->locks, lock_key(h, &rec->hdr, rec->addr));
	struct hold *x = s && place ? of_strand((struct lock *)(uintptr_t)*place, s, true) : NULL;

	if (x)
		end(h, x, LOCK_FAILED, &rec->hdr);
}

/* ---- other records ------------------------------------------------------------------ */

static void lose_strand(struct holds *h, const struct strand *s, const struct mt_hdr *rec)
{
	struct hold *below;

	for (struct hold *x = s->top; x; x = below) {	/* the last one takes the strand along */
		below = x->below;
		if (x->tries)
			drop(h, x);
		else
			end(h, x, LOCK_LOST, rec);
	}
}

static void forget_strand(struct holds *h, const struct strand *s)
{
	struct hold *below;

	for (struct hold *x = s->top; x; x = below) {
		below = x->below;
		drop(h, x);
	}
}

static void forget_all(struct holds *h)
{
	for (unsigned i = 0; i < sizeof(h->strands) / sizeof(*h->strands); i++) {
		struct mt_table all = h->strands[i];

		h->strands[i] = (struct mt_table){ 0 };	/* so that nothing moves under the loop */
		for (size_t k = 0; k < all.n_slots; k++)
			if (all.slots[k].key)
				forget_strand(h, (struct strand *)(uintptr_t)all.slots[k].value);
		if (all.has_zero)
			forget_strand(h, (struct strand *)(uintptr_t)all.zero);
		mt_table_release(&all);
	}
}

static void on_lock(struct holds *h, const struct mt_lock *rec)
{
	switch (rec->op) {
	case MT_lock_op_acquire: on_acquire(h, rec); break;
	case MT_lock_op_acquired: on_acquired(h, rec); break;
	case MT_lock_op_release: on_release(h, rec); break;
	case MT_lock_op_failed: on_failed(h, rec); break;
	}
}

static void on_task(struct holds *h, const struct mt_task *rec)
{
	struct strand *s = rec->op == MT_task_op_create ?
		strand_in(&h->strands[BY_TASK], rec->task) : NULL;

	if (s)
		lose_strand(h, s, &rec->hdr);
}

static bool stops(const struct mt_hdr *rec)
{
	return rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end ||
	       (rec->kind == MT_KIND_mode && ((const struct mt_mode *)rec)->mode == MT_mode_off);
}

void holds_note(struct holds *h, const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_lock) {
		on_lock(h, (const struct mt_lock *)rec);
		return;
	}
	if (rec->kind == MT_KIND_task)
		on_task(h, (const struct mt_task *)rec);
	if (stops(rec))
		forget_all(h);
	if (rec->kind == MT_KIND_entry || rec->kind == MT_KIND_switch || stops(rec))
		h->epoch++;
	mt_xcpus_note(&h->cpus, rec);
	if (mt_entries_note(&h->entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

void holds_init(struct holds *h, void (*event)(enum lock_event, const struct hold *,
					       const struct mt_hdr *))
{
	h->event = event;
	h->epoch = 1;
}
