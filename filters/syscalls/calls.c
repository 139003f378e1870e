/* SPDX-License-Identifier: MIT */
/* Calls, from their entry records, and what they touch. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "calls.h"

/* ---- entries and sites --------------------------------------------------- */

static uint32_t entry_number(struct calls *c, const struct entry_key *key)
{
	uint32_t n = c->entry_keys.n;
	uint32_t i = mt_xintern(&c->entry_keys, key, sizeof(*key));

	if (i == n) {
		c->entry = mt_xgrow(c->entry, n, &c->entry_room, sizeof(*c->entry));
		memset(&c->entry[i], 0, sizeof(c->entry[i]));
	}
	return i;
}

static struct counts *site_counts(struct calls *c, const struct site_key *key)
{
	uint32_t n = c->site_keys.n;
	uint32_t i = mt_xintern(&c->site_keys, key, sizeof(*key));

	if (i == n) {
		c->site = mt_xgrow(c->site, n, &c->site_room, sizeof(*c->site));
		memset(&c->site[i], 0, sizeof(c->site[i]));
	}
	return &c->site[i];
}

/* ---- calls --------------------------------------------------------------- */

static struct call *find(const struct mt_table *m, uint64_t key)
{
	const uint64_t *p = mt_table_get(m, key);

	return p ? (struct call *)(uintptr_t)*p : NULL;
}

static struct call *begin_call(struct calls *c, struct mt_table *m, uint64_t key,
			       const struct entry_key *entry, bool cut)
{
	struct call *call = mt_xcalloc(1, sizeof(*call));

	call->entry = entry_number(c, entry);
	call->cut = cut;
	*mt_xtable_put(m, key) = (uintptr_t)call;
	return call;
}

static void close_call(struct calls *c, struct call *call, bool cut)
{
	struct entry *e = &c->entry[call->entry];
	uint64_t lines = call->lines.used + call->lines.has_zero;

	e->calls++;
	e->cut += cut || call->cut;
	e->lines += lines;
	if (lines > e->most)
		e->most = lines;
	mt_table_release(&call->lines);
	free(call);
}

static void end_call(struct calls *c, struct mt_table *m, uint64_t key, bool cut)
{
	struct call *call = find(m, key);

	if (!call)
		return;
	mt_table_remove(m, key);
	close_call(c, call, cut);
}

static void end_all(struct calls *c, struct mt_table *m, bool cut)
{
	if (m->has_zero && m->zero)
		close_call(c, (struct call *)(uintptr_t)m->zero, cut);
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key)
			close_call(c, (struct call *)(uintptr_t)m->slots[i].value, cut);
	mt_table_release(m);
}

static struct call *call_of(struct calls *c, const struct mt_kentry *k, bool cut)
{
	struct entry_key key = { 0 };
	struct call *call = find(&c->by_tag, k->tag);

	if (call)
		return call;
	if (k->pc)
		key = (struct entry_key){ k->pc, k->number, k->cause };
	return begin_call(c, &c->by_tag, k->tag, &key, cut);
}

static uint64_t outside_key(const struct calls *c, uint32_t cpu)
{
	uint32_t task = mt_cpus_task(&c->cpus, cpu);

	return task ? task : 1ull << 32 | cpu;
}

/* What runs outside of entries on the cpu. */
static struct call *call_outside(struct calls *c, uint32_t cpu)
{
	static const struct entry_key none;
	uint64_t key = outside_key(c, cpu);
	struct call *call = find(&c->outside, key);

	return call ? call : begin_call(c, &c->outside, key, &none, false);
}

/* ---- records --------------------------------------------------------------- */

static void note_entry(struct calls *c, const struct mt_entry *e)
{
	bool starts = e->state == MT_entry_state_start;
	const struct mt_kentry *k;

	if (starts)			/* the end of its last one was not recorded */
		end_call(c, &c->by_tag, e->tag, true);
	mt_xentries_note(&c->entries, &e->hdr);
	if (e->state == MT_entry_state_done)
		end_call(c, &c->by_tag, e->tag, false);
	k = mt_entries_find(&c->entries, e->tag);
	if (k && c->on && (starts || e->state == MT_entry_state_resume))
		call_of(c, k, !starts);
}

void calls_note(struct calls *c, const struct mt_hdr *rec)
{
	const struct mt_task *task = (const struct mt_task *)rec;

	c->now = NULL;
	if (rec->kind == MT_KIND_entry) {
		note_entry(c, (const struct mt_entry *)rec);
		return;
	}
	mt_xentries_note(&c->entries, rec);
	mt_xcpus_note(&c->cpus, rec);
	if (rec->kind == MT_KIND_task && task->op == MT_task_op_exit && task->task)
		end_call(c, &c->outside, task->task, false);
}

static void count(struct counts *n, const struct mt_access *a)
{
	n->moves += (a->flags & MT_access_flag_moved) != 0;
	n->stores += (a->flags & MT_access_flag_store) != 0;
	n->loads += !(a->flags & MT_access_flag_store);
	n->atomics += (a->flags & MT_access_flag_atomic) != 0;
}

static void look_up(struct calls *c, uint32_t cpu)
{
	const struct mt_kentry *k = mt_entries_current(&c->entries, cpu);

	c->now = k ? call_of(c, k, true) : call_outside(c, cpu);
	c->now_cpu = cpu;
}

void calls_accesses(struct calls *c, const struct mt_access *a, size_t n)
{
	for (; n--; a++) {
		if (!c->now || a->hdr.cpu != c->now_cpu)
			look_up(c, a->hdr.cpu);
		count(&c->entry[c->now->entry].counts, a);
		if (c->all || (a->flags & MT_access_flag_moved))
			mt_xtable_put(&c->now->lines, a->paddr >> c->line_bits);
		if (c->with_sites) {
			struct site_key key = {
				a->pc, mt_cpus_process(&c->cpus, a->hdr.cpu, a->pc), c->now->entry
			};

			count(site_counts(c, &key), a);
		}
	}
}

static void add_counts(struct counts *n, const struct mt_syscall *row)
{
	n->moves += row->moves;
	n->loads += row->loads;
	n->stores += row->stores;
	n->atomics += row->atomics;
}

void calls_row(struct calls *c, const struct mt_syscall *row)
{
	struct entry_key key = { row->entry_pc, row->number, row->cause };
	uint32_t number;

	if (row->by == MT_syscall_by_operation)
		return;			/* found anew from the others */
	number = entry_number(c, &key);
	if (row->by == MT_syscall_by_site) {
		struct site_key site = { row->pc, row->process, number };

		if (c->with_sites)
			add_counts(site_counts(c, &site), row);
		return;
	}
	add_counts(&c->entry[number].counts, row);
	c->entry[number].lines += row->lines;
	c->entry[number].calls += row->calls;
	c->entry[number].cut += row->cut;
	if (row->most > c->entry[number].most)
		c->entry[number].most = row->most;
}

/* ---- beginning and end ------------------------------------------------------ */

void calls_end(struct calls *c)
{
	c->now = NULL;
	end_all(c, &c->by_tag, true);
	end_all(c, &c->outside, false);
}

void calls_clear(struct calls *c)
{
	calls_end(c);
	mt_intern_release(&c->entry_keys);
	mt_intern_release(&c->site_keys);
	free(c->entry);
	free(c->site);
	c->entry = NULL;
	c->site = NULL;
	c->entry_room = c->site_room = 0;
}

void calls_begin(struct calls *c, const struct mt_begin *b, unsigned line_bits)
{
	calls_clear(c);
	c->line_bits = line_bits;
	calls_note(c, &b->hdr);
}
