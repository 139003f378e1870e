/* SPDX-License-Identifier: MIT */
/* Rows of the finest grain: all that any other row of mt-shared is made of. */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "report.h"

void report_use(const struct lines *t, const struct site *s, struct mt_writer *out)
{
	const struct grain *g = s->grain;
	const struct mt_use u = {
		.hdr = { .kind = MT_KIND_use, .size = sizeof(u), .cpu = s->cpu },
		.moves = s->moves, .true_moves = s->true_moves, .false_moves = s->false_moves,
		.loads = s->accesses[LOADS], .stores = s->accesses[STORES],
		.line = line_paddr(t, s->line), .line_addr = s->line->addr, .addr = g->addr,
		.pc = s->pc, .entry_pc = s->entry->pc, .number = s->entry->number,
		.cause = s->entry->cause, .object = s->subject.object, .field = s->subject.field,
		.task = g->task, .process = s->subject.process, .offset = g->offset,
		.line_bytes = 1u << t->bits, .width = g->width, .flags = s->flags,
		.age = s->age,
	};

	mt_writer_put(out, &u.hdr);
}

static int older(const void *pa, const void *pb)
{
	const struct site *const *a = pa, *const *b = pb;

	return compare_numbers((*a)->age, (*b)->age);
}

void report_rank_ages(struct site *sites, size_t n)
{
	struct site **order = mt_xcalloc(n, sizeof(*order));

	for (size_t i = 0; i < n; i++)
		order[i] = &sites[i];
	if (n)
		qsort(order, n, sizeof(*order), older);
	for (size_t i = 0; i < n; i++)
		order[i]->age = (uint32_t)i + 1;
	free(order);
}

/* Line by line. */
static int by_age(const void *pa, const void *pb)
{
	const struct site *a = pa, *b = pb;
	int c = compare_numbers(a->line->number, b->line->number);

	return c ? c : compare_numbers(a->age, b->age);
}

static size_t count_tallies(const struct lines *t)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->shares.used; i++)
		n += share_at(t, i)->n_tallies;
	return n;
}

void report_parts(struct lines *t, struct mt_writer *out)
{
	struct site *sites = mt_xcalloc(count_tallies(t), sizeof(*sites));
	size_t n = 0;

	for (uint32_t i = 0; i < t->shares.used; i++) {
		const struct share *s = share_at(t, i);

		for (size_t k = 0; k < share_places(s); k++)
			if (s->tallies[k].key)
				sites[n++] = lines_site(t, s, &s->tallies[k]);
	}
	if (n)
		qsort(sites, n, sizeof(*sites), by_age);
	for (size_t i = 0; i < n; i++) {
		bool first = !i || sites[i].line != sites[i - 1].line;

		sites[i].age = first ? 1 : sites[i - 1].age + 1;
		report_use(t, &sites[i], out);
	}
	free(sites);
}
