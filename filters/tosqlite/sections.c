/* SPDX-License-Identifier: MIT */
/* A row for each time that a lock was held, and what was done meanwhile. */
#include "tosqlite.h"

static struct mt_table ids;		/* address of a hold that has it -> id of its row */
static uint64_t last_id;
static sqlite3_stmt *insert;

static uint64_t id_of(const struct hold *x)
{
	uint64_t *id = mt_xtable_put(&ids, (uintptr_t)x);

	if (!*id)
		*id = ++last_id;
	return *id;
}

/* rec: of its end, or NULL where that is not known. */
static void put_row(const struct hold *x, const struct mt_hdr *rec)
{
	struct label_ref label = labels_at(x->addr >> 63 ? 0 : x->process, x->addr);
	const struct mt_kentry *k = mt_entries_current(&holds.entries, x->cpu);

	db_int(insert, 1, id_of(x));
	db_int_or_null(insert, 2, runs_id());
	db_text(insert, 3, mt_interned(&holds.names, x->name));
	db_int(insert, 4, x->addr);
	db_int(insert, 5, x->pc);
	db_int_or_null(insert, 6, label.type);
	db_int_or_null(insert, 7, label.id);
	db_int(insert, 8, x->start);
	if (rec && rec->cpu == x->cpu)	/* times of two cpus cannot be compared */
		db_int(insert, 9, rec->time);
	db_int(insert, 10, x->cpu);
	if (rec)
		db_int(insert, 11, rec->cpu);
	db_int(insert, 12, x->read);
	db_int_or_null(insert, 13, x->task);
	if (k)
		db_int(insert, 14, k->tag);
	db_int(insert, 15, x->waited);
	db_int(insert, 16, x->held.atomics);
	db_int(insert, 17, x->held.moves);
	db_int(insert, 18, now ? now - 1 : 0);
	db_run(insert);
	run.acquires++;
	run.spin_time += x->waited;
	run.spin_locked += x->wait.atomics;
	run.spin_traffic += x->wait.moves;
	mt_table_remove(&ids, (uintptr_t)x);
}

static void event(enum lock_event what, const struct hold *x, const struct mt_hdr *rec)
{
	if (what == LOCK_ENDED || what == LOCK_LOST)
		put_row(x, what == LOCK_ENDED ? rec : NULL);
}

void sections_open(void)
{
	insert = db_prepare("INSERT INTO locked_sections VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	holds_init(&holds, event);
}

/* Rows of sections that are open when everything is forgotten, if accesses refer to them. */
void sections_before(const struct mt_hdr *rec)
{
	const struct mt_mode *m = (const struct mt_mode *)rec;

	if (rec->kind != MT_KIND_begin && rec->kind != MT_KIND_end &&
	    !(rec->kind == MT_KIND_mode && m->mode == MT_mode_off))
		return;
	while (ids.used) {
		size_t i = 0;

		while (!ids.slots[i].key)
			i++;
		put_row((const struct hold *)(uintptr_t)ids.slots[i].key, NULL);
	}
}

uint64_t sections_charge(const struct mt_access *a)
{
	struct strand *s = holds_strand(&holds, a->hdr.cpu);
	struct hold *x = s ? s->top : NULL;
	struct charge *c;

	if (!x)
		return 0;
	c = x->tries ? &x->wait : &x->held;
	if (a->flags & MT_access_flag_moved)
		c->moves++;
	if (a->flags & MT_access_flag_atomic)
		c->atomics++;
	while (x && x->tries)
		x = x->below;
	return x ? id_of(x) : 0;
}
