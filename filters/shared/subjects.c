/* SPDX-License-Identifier: MIT */
/* In whose name an access is made: what tells the tallies of one instruction apart. */
#include <string.h>

#include "../libmt/cli.h"
#include "lines.h"

/* ---- contexts ------------------------------------------------------------ */

static uint32_t new_context(struct lines *t, const struct context *c)
{
	if (t->n_contexts == CONTEXTS)
		return 0;
	t->contexts = mt_xgrow(t->contexts, t->n_contexts, &t->context_room, sizeof(*t->contexts));
	t->contexts[t->n_contexts] = *c;
	return (uint32_t)t->n_contexts++;
}

uint32_t lines_context(struct lines *t, uint64_t pc, uint32_t number, uint32_t cause)
{
	struct context want = { .pc = pc, .number = number, .cause = cause };
	uint64_t h = want.pc * t->seed[0] + (want.number ^ (uint64_t)want.cause << 32) * t->seed[1];
	uint64_t *last = mt_xtable_put(&t->context_of, h);
	uint32_t i;

	for (i = (uint32_t)*last; i; i = t->contexts[i].next) {
		const struct context *c = &t->contexts[i];

		if (c->pc == want.pc && c->number == want.number && c->cause == want.cause)
			return i;
	}
	want.next = (uint32_t)*last;
	i = new_context(t, &want);
	if (i)
		*last = i;
	return i;
}

/* ---- subjects ------------------------------------------------------------ */

/* A number for a pair of numbers, from 1. */
static uint32_t pair_id(const struct lines *t, struct mt_table *ids, uint32_t a, uint32_t b)
{
	uint64_t *id = mt_xtable_put(ids, lines_scramble(t, (uint64_t)a << 32 | b));

	if (!*id)
		*id = ids->used + ids->has_zero;
	return (uint32_t)*id;
}

uint32_t lines_subject(struct lines *t, const struct subject *s)
{
	uint32_t target = pair_id(t, &t->pair_ids[0], s->object, s->field);
	uint32_t runs = pair_id(t, &t->pair_ids[1], s->process, s->context);
	uint32_t code = pair_id(t, &t->pair_ids[2], runs, s->high);
	uint32_t id = pair_id(t, &t->pair_ids[3], code, target);

	if (id > t->n_subjects) {
		t->subjects = mt_xgrow(t->subjects, t->n_subjects, &t->subject_room,
				       sizeof(*t->subjects));
		t->subjects[t->n_subjects++] = *s;
	}
	return id;
}

/* The same, for what came up lately without a search. */
uint32_t lines_subject_of(struct lines *t, const struct cpu *c, const struct mt_access *a)
{
	const struct subject s = {
		.process = c->process[a->pc >> 63], .object = a->object, .field = a->field,
		.context = t->apart ? c->context : 0, .high = (uint32_t)(a->pc >> 32),
	};
	size_t i = (s.object + s.field * 0x9e3779b1u + s.process + s.high) * 0x9e3779b1u >> (32 - MEMO_BITS);

	if (!t->memo[i].id || memcmp(&t->memo[i].of, &s, sizeof(s))) {
		t->memo[i].id = lines_subject(t, &s);
		t->memo[i].of = s;
	}
	return t->memo[i].id;
}

static bool same_grain(const struct grain *a, const struct grain *b)
{
	return a->addr == b->addr && a->offset == b->offset && a->width == b->width &&
	       a->task == b->task && a->stack == b->stack && a->subject == b->subject;
}

uint64_t lines_grain_hash(const struct lines *t, const struct grain *g)
{
	return g->addr * t->seed[0] + ((uint64_t)g->width << 32 | g->subject) * t->seed[1] +
	       ((uint64_t)g->task << 32 | g->stack) * t->seed[2] + g->offset * t->seed[3];
}

void lines_grain_prefetch(const struct lines *t, uint64_t hash)
{
	mt_table_prefetch(&t->grain_of, hash);
}

void lines_grain_prefetch_more(const struct lines *t, uint64_t hash)
{
	const uint64_t *last = mt_table_get(&t->grain_of, hash);

	if (last && *last)
		__builtin_prefetch(&t->grains[*last - 1]);
}

uint32_t lines_grain(struct lines *t, const struct grain *g, uint64_t hash)
{
	uint64_t *last = mt_xtable_put(&t->grain_of, hash);
	struct grain want = *g;

	for (uint32_t i = (uint32_t)*last; i; i = t->grains[i - 1].next)
		if (same_grain(&t->grains[i - 1], g))
			return i;
	if (t->n_grains == UINT32_MAX)
		mt_die(MT_FAIL, "more than %u addresses: split the stream", UINT32_MAX);
	want.next = (uint32_t)*last;
	t->grains = mt_xgrow(t->grains, t->n_grains, &t->grain_room, sizeof(*t->grains));
	t->grains[t->n_grains++] = want;
	*last = t->n_grains;
	return (uint32_t)t->n_grains;
}

/* ---- cpus -------------------------------------------------------------- */

static void learn_runs(struct lines *t, struct cpu *c)
{
	const struct mt_kentry *k = mt_entries_current(&t->entries, c->id);

	c->context = k ? lines_context(t, k->pc, k->number, k->cause) : 0;
	c->task = mt_cpus_task(&t->running, c->id);
	c->process[0] = k && t->one_kernel ? 0 : mt_cpus_process(&t->running, c->id, 0);
}

uint32_t lines_new_cpu(struct lines *t, uint32_t id)
{
	uint64_t *index = mt_xtable_put(&t->cpu_index, lines_scramble(t, id));

	if (!*index) {
		t->cpu = mt_xgrow(t->cpu, t->n_cpus, &t->cpu_room, sizeof(*t->cpu));
		t->cpu[t->n_cpus] = (struct cpu){ .id = id };
		learn_runs(t, &t->cpu[t->n_cpus]);
		*index = ++t->n_cpus;
		if (id < 256)
			t->low_cpu[id] = (uint32_t)*index;
	}
	return (uint32_t)(*index - 1);
}

void lines_runs(struct lines *t, const struct mt_hdr *rec)
{
	uint32_t i = lines_cpu(t, rec->cpu);

	mt_xcpus_note(&t->running, rec);
	if (mt_entries_note(&t->entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	learn_runs(t, &t->cpu[i]);
	for (i = 0; rec->kind == MT_KIND_mode && i < t->n_cpus; i++)
		learn_runs(t, &t->cpu[i]);
}
