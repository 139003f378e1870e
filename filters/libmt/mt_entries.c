/* SPDX-License-Identifier: MIT */
/* The current call stack of each cpu, from entry records. */
#include <stdlib.h>

#include "mt_entries.h"

static struct mt_kentry *value(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct mt_kentry *)(uintptr_t)*p : NULL;
}

/* The cpu has it, when there is memory. */
static int set(struct mt_table *m, uint32_t cpu, const struct mt_kentry *k)
{
	uint64_t *p = mt_table_put(m, cpu);

	if (!p)
		return -1;
	*p = (uintptr_t)k;
	return 0;
}

/*
 * What a new entry stands on: what is current on the cpu, or has just been set
 * aside for it.  A switch of tasks sets aside too, hence the look at the task.
 */
static void set_below(struct mt_entries *e, struct mt_kentry *k)
{
	const struct mt_kentry *below = value(&e->current, k->cpu);

	if (!below)
		below = value(&e->aside, k->cpu);
	if (!below || below == k || below->task != k->task)
		return;
	k->has_below = true;
	k->below = below->tag;
}

/* An entry that is not known (its start was cut off) begins where it is taken up. */
static struct mt_kentry *find_or_add(struct mt_entries *e, const struct mt_entry *rec)
{
	uint64_t *place = mt_table_put(&e->by_tag, rec->tag);
	struct mt_kentry *k;

	if (!place)
		return NULL;
	k = (struct mt_kentry *)(uintptr_t)*place;
	if (!k) {
		k = calloc(1, sizeof(*k));
		*place = (uintptr_t)k;
	}
	return k;
}

static void forget_on(struct mt_table *m, const struct mt_kentry *k, struct mt_kentry *instead)
{
	uint64_t *p = mt_table_get(m, k->cpu);

	if (p && *p == (uintptr_t)k)
		*p = (uintptr_t)instead;
}

/* No longer current: what is below it is again, unless that was set aside. */
static void leave(struct mt_entries *e, struct mt_kentry *k)
{
	struct mt_kentry *below = k->has_below ? value(&e->by_tag, k->below) : NULL;

	if (below && (!below->current || below->cpu != k->cpu || below == k))
		below = NULL;
	forget_on(&e->current, k, below);
	forget_on(&e->aside, k, NULL);
	k->current = false;
}

/* Starts, or is taken up. */
static int enter(struct mt_entries *e, const struct mt_entry *rec)
{
	struct mt_kentry *k = find_or_add(e, rec);
	bool starts = rec->state == MT_entry_state_start;

	if (!k)
		return -1;
	leave(e, k);			/* of where it was, should the log be wrong */
	if (starts || !k->pc) {
		k->pc = rec->pc;
		k->number = rec->number;
		k->cause = rec->cause;
		k->task = rec->task;
	}
	k->tag = rec->tag;
	k->cpu = rec->hdr.cpu;
	if (starts) {
		k->has_below = false;
		set_below(e, k);
	}
	k->current = true;
	return set(&e->current, k->cpu, k) < 0 || set(&e->aside, k->cpu, NULL) < 0 ? -1 : 0;
}

static int end_or_set_aside(struct mt_entries *e, const struct mt_entry *rec)
{
	struct mt_kentry *k = value(&e->by_tag, rec->tag);

	if (!k)
		return 0;
	leave(e, k);
	if (rec->state == MT_entry_state_pause)
		return set(&e->aside, k->cpu, k);
	mt_table_remove(&e->by_tag, rec->tag);
	free(k);
	return 0;
}

static bool forgets(const struct mt_entries *e, const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_mode)
		return ((const struct mt_mode *)rec)->mode == MT_mode_off && !e->always;
	return rec->kind == MT_KIND_begin;
}

int mt_entries_note(struct mt_entries *e, const struct mt_hdr *rec)
{
	const struct mt_entry *entry = (const struct mt_entry *)rec;

	if (forgets(e, rec))
		mt_entries_release(e);
	if (rec->kind == MT_KIND_begin)
		e->always = ((const struct mt_begin *)rec)->options & MT_option_always;
	if (rec->kind == MT_KIND_switch)
		return set(&e->aside, rec->cpu, NULL);
	if (rec->kind != MT_KIND_entry)
		return 0;
	if (entry->state == MT_entry_state_start || entry->state == MT_entry_state_resume)
		return enter(e, entry);
	return end_or_set_aside(e, entry);
}

const struct mt_kentry *mt_entries_current(const struct mt_entries *e, uint32_t cpu)
{
	return value(&e->current, cpu);
}

const struct mt_kentry *mt_entries_aside(const struct mt_entries *e, uint32_t cpu)
{
	return value(&e->aside, cpu);
}

const struct mt_kentry *mt_entries_find(const struct mt_entries *e, uint64_t tag)
{
	return value(&e->by_tag, tag);
}

void mt_entries_release(struct mt_entries *e)
{
	for (size_t i = 0; i < e->by_tag.n_slots; i++)
		free((void *)(uintptr_t)e->by_tag.slots[i].value);
	free((void *)(uintptr_t)e->by_tag.zero);
	mt_table_release(&e->by_tag);
	mt_table_release(&e->current);
	mt_table_release(&e->aside);
}
