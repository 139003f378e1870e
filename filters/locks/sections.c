/* SPDX-License-Identifier: MIT */
/* Cells of serial sections. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "sections.h"

_Static_assert(sizeof(struct section_key) == 40 && sizeof(struct site_key) == 56,
	       "keys are compared as bytes");

void sections_init(struct sections *s, unsigned by, struct mt_intern *names)
{
	*s = (struct sections){ .by = by, .names = names };
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

void sections_add(struct sections *s, struct section_key k, const struct cell *c)
{
	struct cell *to;

	k = cell_key(s, k);
	to = cell_of(s, &k, c);
	cell_add(to, c);
}

void sections_add_moves(struct sections *s, struct section_key k, uint64_t pc, uint64_t moves)
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

	sections_add(s, k, &c);
}

void sections_add_site(struct sections *s, const struct mt_locked *r)
{
	struct section_key k = {
		.addr = r->addr, .pc = r->pc2,
		.name = mt_xintern_string(s->names, mt_string(&r->hdr, 0)),
		.object = r->object, .task = r->task, .cpu = r->hdr.cpu, .process = r->process,
		.section = r->section, .read = r->held == MT_held_read
	};

	sections_add_moves(s, k, r->pc, r->moves);
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
