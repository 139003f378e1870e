/* SPDX-License-Identifier: MIT */
/*
 * The list of sections, and the list of a part of a stream.
 *
 * A stream is divided by line, so all parts see all sections end, and number
 * them alike; each has moves of its own lines.  A section is therefore a row
 * with what is counted once and one for each instruction that moved lines;
 * --partial writes these, else they become one record.
 */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "sections.h"

static void push(struct sections *s, const struct mt_serial *row, uint32_t name)
{
	s->list = mt_xgrow(s->list, s->n_listed, &s->list_room, sizeof(*s->list));
	s->list[s->n_listed++] = (struct listed){ *row, name };
}

void sections_list(struct sections *s, const struct section_key *k, const struct cell *c,
		   const struct mt_hdr *rec, uint64_t start)
{
	struct mt_serial row = { .by = s->by, .number = s->number, .start = start, .cpus = 1 };

	sections_fill(k, c, &row);
	row.hdr.cpu = rec->cpu;
	row.hdr.time = rec->time;
	row.addr = k->addr;
	row.object = k->object;
	row.pc = k->pc;
	row.process = k->process;
	row.moves = 0;			/* come with their instructions */
	push(s, &row, k->name);
}

void sections_list_moves(struct sections *s, uint64_t pc, uint64_t moves)
{
	const struct listed *last = &s->list[s->n_listed - 1];
	struct mt_serial row = last->row;

	row.instructions = row.waited = row.longest = row.acquires = row.contended = 0;
	row.wait_moves = row.atomics = row.wait_atomics = 0;
	row.moves = moves;
	row.pc2 = pc;
	push(s, &row, last->name);
}

void sections_list_row(struct sections *s, const struct mt_serial *row)
{
	push(s, row, mt_xintern_string(s->names, mt_string(&row->hdr, 0)));
}

/* ---- written ---------------------------------------------------------------- */

static int by_number(const void *pa, const void *pb)
{
	const struct mt_serial *a = &((const struct listed *)pa)->row;
	const struct mt_serial *b = &((const struct listed *)pb)->row;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->pc2 < b->pc2 ? -1 : a->pc2 > b->pc2;
}

static void add(struct mt_serial *to, const struct mt_serial *row)
{
	to->instructions += row->instructions;
	to->waited += row->waited;
	to->longest += row->longest;
	to->acquires += row->acquires;
	to->contended += row->contended;
	to->moves += row->moves;
	to->wait_moves += row->wait_moves;
	to->atomics += row->atomics;
	to->wait_atomics += row->wait_atomics;
}

/* Makes one row of those from first that belong together, sorted; returns the next one. */
static size_t fold(const struct sections *s, size_t first, struct mt_serial *row)
{
	const struct listed *l = s->list;
	uint64_t most = l[first].row.moves, moves = most;
	size_t i;

	*row = l[first].row;
	for (i = first + 1; i < s->n_listed && l[i].row.number == row->number; i++) {
		if (l[i].row.pc2 != l[i - 1].row.pc2) {
			if (s->report.partial)
				break;
			moves = 0;
		}
		moves += l[i].row.moves;
		if (moves > most) {	/* of equals the first */
			most = moves;
			row->pc2 = l[i].row.pc2;
		}
		add(row, &l[i].row);
	}
	return i;
}

void sections_list_write(struct sections *s)
{
	struct mt_serial row;

	if (s->n_listed > 1)
		qsort(s->list, s->n_listed, sizeof(*s->list), by_number);
	for (size_t i = 0; i < s->n_listed;) {
		uint32_t name = s->list[i].name;

		i = fold(s, i, &row);
		row.cycles = row.instructions + s->report.miss_cost * row.moves;
		sections_put(s, &row, mt_interned(s->names, name), "");
	}
	s->n_listed = 0;
}

void sections_list_drop(struct sections *s)
{
	s->n_listed = 0;
	s->number = 0;
}
