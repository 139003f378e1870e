/* SPDX-License-Identifier: MIT */
/* The hash table of the per-record path, and the task of each cpu on top. */
#include <stdlib.h>

#include "mt.h"

/*
 * Fibonacci hashing: the highest bits of the product depend on every bit of the
 * key, also where keys differ only high up, as pages of many processes do.
 */
static size_t slot_of(const struct mt_table *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ull) >> (__builtin_clzll(m->n_slots) + 1));
}

static struct mt_table_slot *find(const struct mt_table *m, uint64_t key)
{
	size_t i = slot_of(m, key);

	while (m->slots[i].key && m->slots[i].key != key)
		i = (i + 1) & (m->n_slots - 1);
	return &m->slots[i];
}

static int grow(struct mt_table *m)
{
	struct mt_table old = *m;

	m->n_slots = old.n_slots ? old.n_slots * 2 : 64;
	m->slots = calloc(m->n_slots, sizeof(*m->slots));
	if (!m->slots) {
		*m = old;
		return -1;
	}
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].key)
			*find(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return 0;
}

uint64_t *mt_table_get(const struct mt_table *m, uint64_t key)
{
	struct mt_table_slot *s;

	if (!key)
		return m->has_zero ? (uint64_t *)&m->zero : NULL;
	if (!m->n_slots)
		return NULL;
	s = find(m, key);
	return s->key ? &s->value : NULL;
}

uint64_t *mt_table_put(struct mt_table *m, uint64_t key)
{
	struct mt_table_slot *s;

	if (!key) {
		m->has_zero = true;
		return &m->zero;
	}
	if (m->used * 2 >= m->n_slots && grow(m) < 0)
		return NULL;
	s = find(m, key);
	if (!s->key) {
		s->key = key;
		m->used++;
	}
	return &s->value;
}

void mt_table_prefetch(const struct mt_table *m, uint64_t key)
{
	if (m->n_slots)
		__builtin_prefetch(&m->slots[slot_of(m, key)]);
}

/* Slots that follow move up, so that no search stops at the hole too early. */
void mt_table_remove(struct mt_table *m, uint64_t key)
{
	size_t mask = m->n_slots - 1, hole, i;
	struct mt_table_slot *s;

	if (!key) {
		m->has_zero = false;
		m->zero = 0;
		return;
	}
	s = m->n_slots ? find(m, key) : NULL;
	if (!s || !s->key)
		return;
	hole = (size_t)(s - m->slots);
	for (i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask)
		if (((i - slot_of(m, m->slots[i].key)) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	m->slots[hole] = (struct mt_table_slot){ 0 };
	m->used--;
}

void mt_table_release(struct mt_table *m)
{
	free(m->slots);
	*m = (struct mt_table){ 0 };
}

/* ---- who runs where ---------------------------------------------------- */

int mt_cpus_note(struct mt_cpus *c, const struct mt_hdr *rec)
{
	const struct mt_switch *s = (const struct mt_switch *)rec;
	uint64_t *task, *process;

	if (rec->kind == MT_KIND_begin) {	/* another stream: other tasks */
		mt_table_release(&c->task);
		mt_table_release(&c->process);
	}
	if (rec->kind != MT_KIND_switch)
		return 0;
	task = mt_table_put(&c->task, rec->cpu);
	process = mt_table_put(&c->process, rec->cpu);
	if (!task || !process)
		return -1;
	*task = s->task;
	*process = s->process;
	return 0;
}

uint32_t mt_cpus_task(const struct mt_cpus *c, uint32_t cpu)
{
	const uint64_t *task = mt_table_get(&c->task, cpu);

	return task ? (uint32_t)*task : 0;
}

uint32_t mt_cpus_process(const struct mt_cpus *c, uint32_t cpu, uint64_t addr)
{
	const uint64_t *process = addr >> 63 ? NULL : mt_table_get(&c->process, cpu);

	return process ? (uint32_t)*process : 0;
}
