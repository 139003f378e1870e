/* SPDX-License-Identifier: MIT */
/* Rows of mt-serial, mt-scale and mt-locks. */
#include <string.h>

#include "table.h"

/* ---- serial: a row, and where it was acquired and what moved lines ------------ */

static void serial_titles(const struct mt_type *t)
{
	(void)t;
	add_title("share", "", true);
	add_title("instructions", "", true);
	add_title("waited", "", true);
	add_title("sections", "", true);
	add_title("contended", "", true);
	add_title("moves", "", true);
	add_title("cpus", "", true);
	add_title("lock", "", false);
}

static void word_lock(struct mt_out *o, const struct mt_serial *s)
{
	const char *name = mt_string(&s->hdr, 0);

	if (s->section == MT_serial_section_access)
		mt_out_str(o, "no lock: ");
	if (*name)
		word_string(o, &s->hdr, 0);
	else
		mt_out_str(o, s->section == MT_serial_section_access ? "memory without a name" :
			   "all locks");
	if (s->addr && s->by & (MT_serial_by_lock | MT_serial_by_section))
		mt_out_printf(o, " at 0x%llx", (unsigned long long)s->addr);
	mt_out_str(o, s->read ? ", shared" : "");
	if (s->by & MT_serial_by_cpu)
		mt_out_printf(o, ", cpu %u", s->hdr.cpu);
	if (s->by & MT_serial_by_task)
		mt_out_printf(o, ", task %u", s->task);
	if (s->by & MT_serial_by_section)
		mt_out_printf(o, ", cpu %u from %llu", s->hdr.cpu, (unsigned long long)s->start);
}

static void add_place(const char *what, uint32_t process, uint64_t pc)
{
	if (!pc)
		return;
	begin_line(true);
	add_text(what);
	word_code(&word, process, pc);
	add_word();
	end_line();
}

void print_serial(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_serial *s = (const struct mt_serial *)rec;

	open_table(t, serial_titles);
	keep_together(3);
	begin_line(false);
	word_percent(&word, s->share);
	add_word();
	add_number(s->instructions);
	add_number(s->waited);
	add_number(s->acquires);
	add_number(s->contended);
	add_number(s->moves);
	add_number(s->cpus);
	word_lock(&word, s);
	add_word();
	end_line();
	add_place(s->section == MT_serial_section_access ? "accessed by" : "acquired by", s->process,
		  s->pc);
	if (s->section != MT_serial_section_access)
		add_place("moves lines", s->process, s->pc2);
}

/* ---- work: a few numbers, one under the other ------------------------------------ */

static void work_titles(const struct mt_type *t)
{
	(void)t;
	add_title("total", "", true);
	add_title("what", "", false);
}

static void add_total(uint64_t n, const char *what)
{
	begin_line(false);
	add_number(n);
	add_text(what);
	end_line();
}

void print_work(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_work *w = (const struct mt_work *)rec;

	open_table(t, work_titles);
	add_total(w->total_instructions, "instructions of all cpus");
	add_total(w->total_waited, "of these: waiting for locks");
	add_total(w->total_moves, "moves of lines");
	add_total(w->n_cpus, "cpus");
	if (w->total_mismatches)
		add_total(w->total_mismatches, "sections that ended on another cpu, not counted");
	if (w->unheld)
		add_total(w->unheld, "releases of what was not seen to be acquired");
}

/* ---- scaling ----------------------------------------------------------------------- */

static void scaling_titles(const struct mt_type *t)
{
	(void)t;
	add_title("cores", "", true);
	add_title("at least", "", true);
	add_title("at most", "", true);
	add_title("serial", "", true);
	add_title("limited by", "", false);
}

static void add_speedup(uint64_t thousandths)
{
	mt_out_printf(&word, "%llu.%02llu", (unsigned long long)(thousandths + 5) / 1000,
		      (unsigned long long)(thousandths + 5) / 10 % 100);
	add_word();
}

void print_scaling(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_scaling *s = (const struct mt_scaling *)rec;

	open_table(t, scaling_titles);
	begin_line(false);
	add_number(s->cores);
	add_speedup(s->speedup);
	add_speedup(s->speedup_max);
	word_percent(&word, s->share);
	add_word();
	word_string(&word, rec, 0);
	if (s->addr)
		mt_out_printf(&word, " at 0x%llx", (unsigned long long)s->addr);
	add_word();
	end_line();
}

/* ---- guard ---------------------------------------------------------------------------- */

static void guard_titles(const struct mt_type *t)
{
	(void)t;
	add_title("held at", "", true);
	add_title("stores", "", true);
	add_title("held at", "", true);
	add_title("accesses", "", true);
	add_title("field", "", false);
	add_title("lock", "", false);
}

/* struct dentry.d_flags, or a variable */
static void word_field(struct mt_out *o, const struct mt_hdr *rec)
{
	const char *path = mt_string(rec, 2);

	if (*mt_string(rec, 1)) {
		word_string(o, rec, 1);
		mt_out_str(o, *path == '[' ? "" : ".");
	}
	mt_names_path(o, path, word_name);
}

void print_guard(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_guard *g = (const struct mt_guard *)rec;

	open_table(t, guard_titles);
	begin_line(false);
	word_percent(&word, g->share);
	add_word();
	add_number(g->stores);
	word_percent(&word, g->access_share);
	add_word();
	add_number(g->loads + g->stores);
	word_field(&word, rec);
	add_word();
	word_string(&word, rec, 0);
	add_word();
	end_line();
}

/* ---- locked: under the row that it belongs to, or in a table ----------------------------- */

static bool below_row(void)
{
	return table.type && (table.type->kind == MT_KIND_serial || table.type->kind == MT_KIND_guard);
}

static void add_detail(const struct mt_locked *l)
{
	begin_line(true);
	add_text(table.type->kind == MT_KIND_serial ? "moves lines" :
		 value_name(mt_type_of(MT_KIND_locked), "held", l->held));
	word_code(&word, l->process, l->pc);
	add_word();
	if (table.type->kind == MT_KIND_serial)
		mt_out_printf(&word, "%llu moves", (unsigned long long)l->moves);
	else
		mt_out_printf(&word, "%llu stores, %llu loads", (unsigned long long)l->stores,
			      (unsigned long long)l->loads);
	add_word();
	end_line();
}

static void locked_titles(const struct mt_type *t)
{
	(void)t;
	add_title("moves", "", true);
	add_title("loads", "", true);
	add_title("stores", "", true);
	add_title("held", "", false);
	add_title("lock", "", false);
	add_title("code", "", false);
}

void print_locked(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_locked *l = (const struct mt_locked *)rec;

	if (below_row()) {
		add_detail(l);
		return;
	}
	open_table(t, locked_titles);
	begin_line(false);
	add_number(l->moves);
	add_number(l->loads);
	add_number(l->stores);
	add_text(value_name(t, "held", l->held));
	word_string(&word, rec, 0);
	add_word();
	word_code(&word, l->process, l->pc);
	add_word();
	end_line();
}
