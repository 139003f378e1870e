/* SPDX-License-Identifier: MIT */
/* Cells of serial sections. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "sections.h"

_Static_assert(sizeof(struct section_key) == 40 && sizeof(struct site_key) == 56,
	       "keys are compared as bytes");

void sections_init(struct sections *s, struct mt_intern *names)
{
	s->names = names;
	mt_xintern_string(names, "");
}

void sections_clear(struct sections *s)
{
	mt_intern_release(&s->cell_keys);
	mt_intern_release(&s->site_keys);
	s->work = (struct mt_work){ 0 };
}

static bool any(const struct sections *s, unsigned by)
{
	return s->by & by;
}

/* Without what no row tells apart. */
static struct section_key cell_key(const struct sections *s, struct section_key k)
{
	if (!any(s, MT_serial_by_lock))
		k.object = 0, k.addr = 0;
	if (!any(s, MT_serial_by_class | MT_serial_by_lock | MT_serial_by_pc))
		k.name = 0;
	if (!any(s, MT_serial_by_task))
		k.task = 0;
	return k;
}

struct section_key sections_row(const struct sections *s, const struct section_key *k)
{
	struct section_key row = *k;

	if (!any(s, MT_serial_by_lock | MT_serial_by_pc))
		row.process = 0;
	if (!any(s, MT_serial_by_pc))
		row.pc = 0;
	if (!any(s, MT_serial_by_cpu))
		row.cpu = 0;
	return row;
}

/* The cell of k; a new one has nothing but where it is. */
static struct cell *cell_of(struct sections *s, const struct section_key *k, const struct cell *c)
{
	uint32_t known = s->cell_keys.n, n = mt_xintern(&s->cell_keys, k, sizeof(*k));

	s->cells = mt_xgrow(s->cells, n, &s->cell_room, sizeof(*s->cells));
	if (n == known)
		s->cells[n] = (struct cell){ .addr = c->addr, .object = c->object };
	return &s->cells[n];
}

void cell_add(struct cell *to, const struct cell *c)
{
	to->instructions += c->instructions;
	to->waited += c->waited;
	to->longest = c->longest > to->longest ? c->longest : to->longest;
	to->acquires += c->acquires;
	to->contended += c->contended;
	to->failed += c->failed;
	to->moves += c->moves;
	to->wait_moves += c->wait_moves;
	to->atomics += c->atomics;
	to->wait_atomics += c->wait_atomics;
	to->mismatches += c->mismatches;
	if (to->addr != c->addr)
		to->addr = 0;
	if (to->object != c->object)
		to->object = 0;
}

/* Adds what c counts to the cell of k: of which what --by leaves out is ignored. */
static void add(struct sections *s, struct section_key k, const struct cell *c)
{
	struct cell *to;

	k = cell_key(s, k);
	to = cell_of(s, &k, c);
	cell_add(to, c);
}

static void add_moves(struct sections *s, struct section_key k, uint64_t pc, uint64_t moves)
{
	struct site_key site = { .pc = pc, .process = k.process };
	uint32_t known = s->site_keys.n, n;

	k = cell_key(s, k);
	site.row = sections_row(s, &k);
	n = mt_xintern(&s->site_keys, &site, sizeof(site));
	s->site_moves = mt_xgrow(s->site_moves, n, &s->site_room, sizeof(*s->site_moves));
	if (n == known)
		s->site_moves[n] = 0;
	s->site_moves[n] += moves;
}

/* ---- sections -------------------------------------------------------------- */

static unsigned section_of(const char *name)
{
	return strncmp(name, "cmpxchg", 7) ? MT_serial_section_lock : MT_serial_section_retry;
}

static struct section_key key_of(const struct sections *s, const struct hold *h, uint32_t object)
{
	return (struct section_key){
		.addr = h->addr, .pc = h->pc, .name = h->name, .object = object, .task = h->task,
		.cpu = h->cpu, .process = h->process, .read = h->read,
		.section = (uint16_t)section_of(mt_interned(s->names, h->name))
	};
}

static void count_ended(const struct sections *s, struct cell *c, const struct hold *h,
			const struct mt_hdr *rec)
{
	if (s->first_part) {
		c->acquires = 1;
		c->instructions = c->longest = rec->time - h->start;
		c->waited = h->waited;
		c->contended = h->contended;
	}
	c->moves = h->held.moves;
	c->atomics = h->held.atomics;
	c->wait_moves = h->wait.moves;
	c->wait_atomics = h->wait.atomics;
}

static bool is_nothing(const struct cell *c)
{
	return !(c->acquires | c->failed | c->mismatches | c->moves | c->wait_moves | c->atomics |
		 c->wait_atomics);
}

/* What an instruction moved in a section: of the list's last one, if there is a list. */
static void add_moves_of(struct sections *s, const struct section_key *k, uint64_t pc, uint64_t moves)
{
	if (any(s, MT_serial_by_section))
		sections_list_moves(s, pc, moves);
	else
		add_moves(s, *k, pc, moves);
}

static void add_all_moves(struct sections *s, const struct section_key *k,
			  const struct mt_table *moves_of)
{
	if (moves_of->has_zero)
		add_moves_of(s, k, 0, moves_of->zero);
	for (size_t i = 0; moves_of->used && i < moves_of->n_slots; i++)
		if (moves_of->slots[i].key)
			add_moves_of(s, k, moves_of->slots[i].key, moves_of->slots[i].value);
}

void sections_hold(struct sections *s, enum lock_event what, const struct hold *h,
		   uint32_t object, const struct mt_hdr *rec)
{
	struct section_key k = key_of(s, h, object);
	struct cell c = { .addr = h->addr, .object = object };

	if (what == LOCK_ENDED)
		count_ended(s, &c, h, rec);
	c.failed = s->first_part && what == LOCK_FAILED;
	c.mismatches = s->first_part && what == LOCK_LOST;
	s->number += what == LOCK_ENDED;	/* those of other parts, too */
	if (is_nothing(&c))
		return;
	if (any(s, MT_serial_by_section) && what == LOCK_ENDED)
		sections_list(s, &k, &c, rec, h->start);
	add(s, k, &c);
	if (what == LOCK_ENDED)
		add_all_moves(s, &k, &h->moves_of);
}

void sections_access(struct sections *s, const struct mt_access *a, uint32_t process,
		     uint32_t task, uint32_t name)
{
	bool moved = a->flags & MT_access_flag_moved;
	struct section_key k = {
		.addr = a->object ? 0 : a->addr, .pc = a->pc, .name = name, .object = a->object,
		.task = task, .cpu = a->hdr.cpu, .process = process,
		.section = MT_serial_section_access
	};
	struct cell c = {
		.instructions = 1, .longest = 1, .acquires = 1, .moves = moved,
		.atomics = !moved && a->flags & MT_access_flag_atomic,
		.addr = k.addr, .object = k.object
	};

	s->number++;
	if (any(s, MT_serial_by_section))
		sections_list(s, &k, &c, &a->hdr, a->hdr.time);
	add(s, k, &c);
	if (moved)
		add_moves_of(s, &k, a->pc, 1);
}

/* ---- partial reports ------------------------------------------------------- */

void sections_add_row(struct sections *s, const struct mt_serial *r)
{
	struct section_key k = {
		.addr = r->addr, .pc = r->pc,
		.name = mt_xintern_string(s->names, mt_string(&r->hdr, 0)),
		.object = r->object, .task = r->task, .cpu = r->hdr.cpu, .process = r->process,
		.section = r->section, .read = r->read
	};
	struct cell c = {
		.instructions = r->instructions, .waited = r->waited, .longest = r->longest,
		.acquires = r->acquires, .contended = r->contended, .failed = r->failed,
		.moves = r->moves, .wait_moves = r->wait_moves, .atomics = r->atomics,
		.wait_atomics = r->wait_atomics, .mismatches = r->mismatches,
		.addr = r->addr, .object = r->object
	};

	if (r->number && any(s, MT_serial_by_section))
		sections_list_row(s, r);
	else
		add(s, k, &c);
}

void sections_add_site(struct sections *s, const struct mt_locked *r)
{
	struct section_key k = {
		.addr = r->addr, .pc = r->pc2,
		.name = mt_xintern_string(s->names, mt_string(&r->hdr, 0)),
		.object = r->object, .task = r->task, .cpu = r->hdr.cpu, .process = r->process,
		.section = r->section, .read = r->held == MT_held_read
	};

	add_moves(s, k, r->pc, r->moves);
}

void sections_add_work(struct sections *s, const struct mt_work *r)
{
	s->work.total_instructions += r->total_instructions;
	s->work.total_moves += r->total_moves;
	s->work.total_atomics += r->total_atomics;
	s->work.unheld += r->unheld;
	if (r->n_cpus > s->work.n_cpus)
		s->work.n_cpus = r->n_cpus;
}
