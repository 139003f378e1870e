/* SPDX-License-Identifier: MIT */
/* From cells to the rows of mt-serial. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "sections.h"

#define BY_CPU_TEXT 60000		/* a record has room for no more */

/* A cell or a site under the row that it is a part of. */
struct part {
	struct section_key row, key;
	const struct cell *cell;
	uint64_t pc, process, moves;	/* of a site */
};

struct row {
	struct part *cells, *sites;
	size_t n_cells, n_sites;
	struct cell sum;
	uint64_t cycles;
};

struct report {
	struct sections *s;
	struct part *cells, *sites;
	size_t n_cells, n_sites;
	struct row *rows;
	size_t n_rows, room;
	struct mt_work work;
};

/* ---- order -------------------------------------------------------------------- */

static const struct mt_intern *names;	/* qsort has no place for it */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_keys(const struct section_key *a, const struct section_key *b)
{
	int c = compare(a->section, b->section);

	if (!c && a->name != b->name)
		c = strcmp(mt_interned(names, a->name), mt_interned(names, b->name));
	c = c ? c : compare(a->read, b->read);
	c = c ? c : compare(a->addr, b->addr);
	c = c ? c : compare(a->object, b->object);
	c = c ? c : compare(a->task, b->task);
	c = c ? c : compare(a->process, b->process);
	c = c ? c : compare(a->pc, b->pc);
	return c ? c : compare(a->cpu, b->cpu);
}

static int by_key(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int c = compare_keys(&x->row, &y->row);

	c = c ? c : compare_keys(&x->key, &y->key);
	c = c ? c : compare(y->moves, x->moves);
	c = c ? c : compare(x->pc, y->pc);
	return c ? c : compare(x->process, y->process);
}

static int by_cpu(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return compare(x->key.cpu, y->key.cpu);
}

static int by_cycles(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = compare(y->cycles, x->cycles);

	return c ? c : compare_keys(&x->cells->row, &y->cells->row);
}

static void sort(void *p, size_t n, size_t bytes, int (*order)(const void *, const void *))
{
	if (n)
		qsort(p, n, bytes, order);
}

/* ---- rows ------------------------------------------------------------------------ */

static void collect(struct report *r)
{
	const struct sections *s = r->s;

	r->n_cells = s->cell_keys.n;
	r->n_sites = s->site_keys.n;
	r->cells = mt_xcalloc(r->n_cells, sizeof(*r->cells));
	r->sites = mt_xcalloc(r->n_sites, sizeof(*r->sites));
	for (uint32_t i = 0; i < r->n_cells; i++) {
		const struct section_key *k = mt_interned(&s->cell_keys, i);

		r->cells[i] = (struct part){ sections_row(s, k), *k, &s->cells[i], 0, 0, 0 };
	}
	for (uint32_t i = 0; i < r->n_sites; i++) {
		const struct site_key *k = mt_interned(&s->site_keys, i);

		r->sites[i] = (struct part){ k->row, k->row, NULL, k->pc, k->process,
					      s->site_moves[i] };
	}
	sort(r->cells, r->n_cells, sizeof(*r->cells), by_key);
	sort(r->sites, r->n_sites, sizeof(*r->sites), by_key);
}

static bool in_row(const struct part *p, const struct section_key *row)
{
	return !memcmp(&p->row, row, sizeof(*row));
}

/* Cells and sites are in the same order.  A site without a cell is of no row. */
static void make_rows(struct report *r)
{
	size_t site = 0;

	for (size_t i = 0, end; i < r->n_cells; i = end) {
		struct row row = { .cells = &r->cells[i],
				   .sum = { .addr = r->cells[i].cell->addr,
					    .object = r->cells[i].cell->object } };

		for (end = i; end < r->n_cells && in_row(&r->cells[end], &r->cells[i].row); end++)
			cell_add(&row.sum, r->cells[end].cell);
		while (site < r->n_sites && compare_keys(&r->sites[site].row, &row.cells->row) < 0)
			site++;
		row.sites = r->sites + site;
		for (; site < r->n_sites && in_row(&r->sites[site], &r->cells[i].row); site++)
			row.n_sites++;
		row.n_cells = end - i;
		row.cycles = row.sum.instructions + r->s->report.miss_cost * row.sum.moves;
		r->rows = mt_xgrow(r->rows, r->n_rows, &r->room, sizeof(*r->rows));
		r->rows[r->n_rows++] = row;
	}
	sort(r->rows, r->n_rows, sizeof(*r->rows), by_cycles);
}

static void find_totals(struct report *r)
{
	struct mt_work *w = &r->work;

	*w = r->s->work;
	w->hdr = (struct mt_hdr){ .kind = MT_KIND_work, .size = sizeof(*w) };
	for (size_t i = 0; i < r->n_cells; i++) {
		const struct cell *c = r->cells[i].cell;

		w->total_waited += c->waited;
		w->waited_moves += c->wait_moves;
		w->waited_atomics += c->wait_atomics;
		w->total_mismatches += c->mismatches;
	}
	w->total_cycles = w->total_instructions + r->s->report.miss_cost * w->total_moves;
}

/* ---- records ------------------------------------------------------------------------ */

static uint64_t ppm(uint64_t part, uint64_t all)
{
	return all ? (uint64_t)((unsigned __int128)part * 1000000 / all) : 0;
}

/* Where a row's locks were acquired most; of equals the first. */
static const struct part *top_place(const struct row *row)
{
	const struct part *top = row->cells;
	uint64_t most = 0;

	for (size_t i = 0, end; i < row->n_cells; i = end) {
		const struct part *p = &row->cells[i];
		uint64_t n = 0;

		for (end = i; end < row->n_cells && row->cells[end].key.pc == p->key.pc &&
		     row->cells[end].key.process == p->key.process; end++)
			n += row->cells[end].cell->acquires;
		if (n > most) {
			most = n;
			top = p;
		}
	}
	return top;
}

/* What a row says of its cpus; leaves the cells in the order of their cpus. */
static void fill_cpus(const struct row *row, uint64_t n_cpus, struct mt_serial *m, char *text)
{
	uint64_t least = UINT64_MAX, all = m->instructions;
	double squares = 0, mean, variance;
	size_t used = 0;

	text[0] = 0;
	qsort(row->cells, row->n_cells, sizeof(*row->cells), by_cpu);
	for (size_t i = 0, end; i < row->n_cells; i = end) {
		uint64_t n = 0;

		for (end = i; end < row->n_cells &&
		     row->cells[end].key.cpu == row->cells[i].key.cpu; end++)
			n += row->cells[end].cell->instructions;
		if (!n)
			continue;
		m->cpus++;
		least = n < least ? n : least;
		squares += 100.0 * (double)n / (double)all * 100.0 * (double)n / (double)all;
		if (used < BY_CPU_TEXT - 40)
			used += (size_t)sprintf(text + used, "%s%u:%llu", used ? " " : "",
						row->cells[i].key.cpu, (unsigned long long)n);
	}
	if (!m->cpus)
		return;
	n_cpus = n_cpus > m->cpus ? n_cpus : m->cpus;
	m->least = m->cpus == n_cpus ? least : 0;
	mean = 100.0 / (double)n_cpus;
	variance = squares / (double)n_cpus - mean * mean;
	m->spread = variance > 0 ? (uint64_t)(100 * sqrt(variance) + 0.5) : 0;
}

void sections_fill(const struct section_key *k, const struct cell *c, struct mt_serial *m)
{
	m->hdr = (struct mt_hdr){ .kind = MT_KIND_serial, .cpu = k->cpu };
	m->task = k->task;
	m->section = k->section;
	m->read = k->read;
	m->instructions = c->instructions;
	m->waited = c->waited;
	m->longest = c->longest;
	m->acquires = c->acquires;
	m->contended = c->contended;
	m->failed = c->failed;
	m->moves = c->moves;
	m->wait_moves = c->wait_moves;
	m->atomics = c->atomics;
	m->wait_atomics = c->wait_atomics;
	m->mismatches = c->mismatches;
	m->addr = c->addr;
	m->object = c->object;
}

void sections_put(const struct sections *s, const struct mt_serial *m, const char *name,
		  const char *cpus)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];

	mt_writer_put(s->report.out, mt_build(buf, m, (const char *const[]){ name, cpus }));
}

static void put_site(const struct report *r, const struct part *p)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct section_key *k = &p->row;
	struct mt_locked m = {
		.hdr = { .kind = MT_KIND_locked, .cpu = k->cpu },
		.moves = p->moves, .pc = p->pc, .pc2 = k->pc, .addr = k->addr, .object = k->object,
		.task = k->task, .process = (uint32_t)p->process, .section = k->section,
		.held = k->section == MT_serial_section_access ? MT_held_none :
			k->read ? MT_held_read : MT_held_write
	};

	mt_writer_put(r->s->report.out, mt_build(buf, &m, (const char *const[]){
				mt_interned(names, k->name), "", "" }));
}

static void put_row(const struct report *r, const struct row *row)
{
	static char cpus[BY_CPU_TEXT];
	const struct part *place = top_place(row);
	struct mt_serial m = { .by = r->s->by };

	sections_fill(&row->cells->row, &row->sum, &m);
	m.pc = place->key.pc;
	m.process = place->key.process;
	m.pc2 = row->n_sites ? row->sites->pc : 0;
	m.cycles = row->cycles;
	m.share = ppm(m.cycles, r->work.total_cycles);
	fill_cpus(row, r->work.n_cpus, &m, cpus);
	sections_put(r->s, &m, mt_interned(names, row->cells->row.name), cpus);
	for (size_t i = 0; i < row->n_sites && r->s->report.sites; i++)
		put_site(r, &row->sites[i]);
}

/* ---- partial ---------------------------------------------------------------------------- */

static void put_parts(const struct report *r)
{
	for (size_t i = 0; i < r->n_cells; i++) {
		struct mt_serial m = { .by = r->s->by };

		sections_fill(&r->cells[i].key, r->cells[i].cell, &m);
		m.pc = r->cells[i].key.pc;
		m.process = r->cells[i].key.process;
		sections_put(r->s, &m, mt_interned(names, r->cells[i].key.name), "");
	}
	for (size_t i = 0; i < r->n_sites; i++)
		put_site(r, &r->sites[i]);
}

void sections_report(struct sections *s)
{
	const struct serial_report *o = &s->report;
	struct report r = { .s = s };

	names = s->names;
	collect(&r);
	find_totals(&r);
	mt_writer_put(o->out, &r.work.hdr);
	if (o->partial) {
		put_parts(&r);
	} else if (!(s->by & MT_serial_by_section)) {	/* the list is written already */
		make_rows(&r);
		for (size_t i = 0; i < r.n_rows; i++)
			put_row(&r, &r.rows[i]);
	}
	free(r.cells);
	free(r.sites);
	free(r.rows);
}
