/* SPDX-License-Identifier: MIT */
/* Footprints, and where they meet. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "touches.h"

/* ---- footprints ---------------------------------------------------------- */

/* Takes the bytes away that keep their touch; gives the others up if a store replaces them. */
static unsigned new_bytes(struct footprint *f, uint32_t first, unsigned mask, bool write)
{
	unsigned all = mask;

	for (uint32_t i = first; i; i = f->touches[i - 1].next) {
		struct touch *t = &f->touches[i - 1];

		if (!write || t->write)
			mask &= ~(unsigned)t->mask;
		else
			t->mask &= (uint8_t)~all;
	}
	return mask;
}

/* The place for a touch: one of the same access, or that has no byte left, or a new one. */
static struct touch *place_for(struct footprint *f, uint64_t word, uint64_t *head, uint32_t site,
			       bool write)
{
	struct touch *empty = NULL;

	for (uint32_t i = (uint32_t)*head; i; i = f->touches[i - 1].next) {
		struct touch *t = &f->touches[i - 1];

		if (t->site == site && t->write == write)
			return t;
		if (!t->mask)
			empty = t;
	}
	if (!empty) {
		f->touches = mt_xgrow(f->touches, f->n, &f->room, sizeof(*f->touches));
		empty = &f->touches[f->n++];
		*empty = (struct touch){ .word = word, .next = (uint32_t)*head };
		*head = f->n;
	}
	empty->site = site;
	empty->write = write;
	return empty;
}

static uint32_t site_of(const struct mt_access *a, uint32_t process, struct mt_intern *sites)
{
	struct access_site site = {
		a->pc, a->addr - a->paddr, process, a->object, a->field, a->stack,
		(uint32_t)a->flags & ~(uint32_t)(MT_access_flag_moved | MT_access_flag_split),
		a->hdr.cpu
	};

	return mt_xintern(sites, &site, sizeof(site));
}

void footprint_add(struct footprint *f, const struct mt_access *a, uint32_t process,
		   struct mt_intern *sites)
{
	uint64_t at = a->paddr, rest = a->width < WIDTH_MAX ? a->width : WIDTH_MAX;
	bool write = a->flags & MT_access_flag_store;
	uint32_t site = 0;
	bool has_site = false;

	while (rest) {
		unsigned offset = at & 7, bytes = 8 - offset < rest ? 8 - offset : (unsigned)rest;
		uint64_t *head = mt_xtable_put(&f->words, at >> 3);
		unsigned mask = new_bytes(f, (uint32_t)*head, ((1u << bytes) - 1) << offset, write);

		if (mask && !has_site) {
			site = site_of(a, process, sites);
			has_site = true;
		}
		if (mask)
			place_for(f, at >> 3, head, site, write)->mask |= (uint8_t)mask;
		at += bytes;
		rest -= bytes;
	}
}

static int by_place(const void *pa, const void *pb)
{
	const struct touch *a = pa, *b = pb;

	if (a->word != b->word)
		return a->word < b->word ? -1 : 1;
	if (a->side != b->side)
		return a->side < b->side ? -1 : 1;
	return (a->mask & -a->mask) - (b->mask & -b->mask);	/* disjoint: never the same bit */
}

static void sort(struct touch *touches, size_t n)
{
	if (n)
		qsort(touches, n, sizeof(*touches), by_place);
}

void footprint_finish(struct footprint *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->touches[i].mask)
			f->touches[n++] = f->touches[i];
	f->n = n;
	sort(f->touches, n);
	mt_table_release(&f->words);
}

void footprint_release(struct footprint *f)
{
	mt_table_release(&f->words);
	free(f->touches);
	*f = (struct footprint){ 0 };
}

/* ---- conflicts ------------------------------------------------------------ */

/* Who touches one byte: numbers of touches, not indices, of the word's. */
struct meeting {
	const struct touch *writer;	/* of the first side that stores */
	const struct touch *other;	/* of the first other side */
	uint32_t writers, sides;
};

static void meet(struct meeting *m, const struct touch *t, size_t n, unsigned byte)
{
	*m = (struct meeting){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!(t[i].mask >> byte & 1))
			continue;
		m->sides++;
		m->writers += t[i].write;
		if (t[i].write && !m->writer)
			m->writer = &t[i];
	}
	for (size_t i = 0; i < n && m->writer && !m->other; i++)
		if ((t[i].mask >> byte & 1) && t[i].side != m->writer->side)
			m->other = &t[i];
}

static bool same_touch(const struct touch *a, const struct touch *b)
{
	return a->side == b->side && a->site == b->site && a->write == b->write;
}

/* One more byte: of the last conflict, if that is the same and ends here. */
static void add_byte(struct conflicts *c, uint64_t paddr, const struct meeting *m, uint32_t line)
{
	struct conflict *last = c->n ? &c->found[c->n - 1] : NULL;
	bool in_order = m->writer->side < m->other->side;
	const struct touch *one = in_order ? m->writer : m->other;
	const struct touch *two = in_order ? m->other : m->writer;
	uint32_t readers = m->sides - m->writers;
	uint64_t pairs = (uint64_t)m->writers * (m->writers - 1) / 2 + (uint64_t)m->writers * readers;
	uint32_t shown = pairs < UINT32_MAX ? (uint32_t)pairs : UINT32_MAX;

	c->bytes++;
	if (last && last->paddr + last->bytes == paddr && (paddr & (line - 1)) &&
	    last->pairs == shown && same_touch(&last->one, one) && same_touch(&last->two, two)) {
		last->bytes++;
		return;
	}
	c->found = mt_xgrow(c->found, c->n, &c->room, sizeof(*c->found));
	c->found[c->n++] = (struct conflict){ paddr, 1, shown, *one, *two };
}

void conflicts_find(struct conflicts *c, struct touch *touches, size_t n, uint32_t line)
{
	struct meeting m;

	sort(touches, n);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && touches[end].word == touches[i].word; end++)
			;
		if (touches[i].side == touches[end - 1].side)
			continue;
		for (unsigned byte = 0; byte < 8; byte++) {
			meet(&m, touches + i, end - i, byte);
			if (m.other)
				add_byte(c, touches[i].word * 8 + byte, &m, line);
		}
	}
}

void conflict_row(const struct conflict *c, const struct mt_intern *sites, struct mt_conflict *row)
{
	const struct access_site *one = mt_interned(sites, c->one.site);
	const struct access_site *two = mt_interned(sites, c->two.site);

	*row = (struct mt_conflict){
		.hdr.kind = MT_KIND_conflict, .hdr.cpu = one->cpu, .cpu2 = two->cpu,
		.addr = c->paddr + one->shift, .paddr = c->paddr, .bytes = c->bytes,
		.pairs = c->pairs, .pc = one->pc, .pc2 = two->pc,
		.object = one->object, .object2 = two->object,
		.field = one->field, .field2 = two->field,
		.stack = one->stack, .stack2 = two->stack,
		.process = one->process, .process2 = two->process,
		.flags = one->flags, .flags2 = two->flags,
	};
}
