/* SPDX-License-Identifier: MIT */
/*
 * Records without tables of their own: a table for each kind, named like it,
 * with its fields as columns; made when the first one comes.
 */
#include <string.h>

#include "tosqlite.h"


static sqlite3_stmt *inserts[MT_KINDS];

static const char *column_type(const struct mt_field_info *f)
{
	return f->show >= MT_SHOW_ENUM ? "TEXT" : "INTEGER";
}

/* Names are of the record table; those that SQL has a use for need the quotes. */
static void make_table(const struct mt_type *t)
{
	static struct mt_out sql;

	mt_out_init(&sql, -1);
	mt_out_printf(&sql, "CREATE TABLE IF NOT EXISTS \"%s\"(access_id INTEGER, cpu INTEGER, time INTEGER", t->name);
	for (unsigned i = 0; i < t->n_fields; i++)
		mt_out_printf(&sql, ", \"%s\" %s", t->fields[i].name, column_type(&t->fields[i]));
	mt_out_str(&sql, ")");
	mt_out_char(&sql, 0);
	db_exec(sql.buf);
}

static sqlite3_stmt *statement_of(const struct mt_type *t)
{
	static struct mt_out sql;

	mt_out_init(&sql, -1);
	mt_out_printf(&sql, "INSERT INTO \"%s\" VALUES (?, ?, ?", t->name);
	for (unsigned i = 0; i < t->n_fields; i++)
		mt_out_str(&sql, ", ?");
	mt_out_str(&sql, ")");
	mt_out_char(&sql, 0);
	return db_prepare(sql.buf);
}

static void bind_flags(sqlite3_stmt *s, int at, const struct mt_value *v, uint64_t bits)
{
	struct mt_out text;

	mt_out_init(&text, -1);
	mt_out_flags(&text, v, bits);
	mt_out_char(&text, 0);
	if (sqlite3_bind_text(s, at, text.buf, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		mt_die(MT_FAIL, "out of memory");
}

static void bind_field(sqlite3_stmt *s, int at, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	uint64_t n = f->width ? mt_field_u64(rec, f) : 0;
	const char *name = f->show == MT_SHOW_ENUM ? mt_value_name(f->values, n) : NULL;

	if (f->show == MT_SHOW_STRING)
		db_text(s, at, mt_string(rec, f->offset));
	else if (f->show == MT_SHOW_FLAGS)
		bind_flags(s, at, f->values, n);
	else if (name)
		db_text(s, at, name);
	else
		db_int(s, at, n);
}

static sqlite3_stmt *insert_for(const struct mt_type *t)
{
	unsigned i = t->kind < MT_KINDS ? t->kind : 0;	/* 0 is no kind: begin's place */

	if (!inserts[i]) {
		make_table(t);
		inserts[i] = statement_of(t);
	}
	return inserts[i];
}

void rows_open(const char *type)
{
	(void)insert_for(mt_type_find(type));
}

void rows_put(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	sqlite3_stmt *s;

	if (!t)
		return;			/* of a newer version: nothing is known of its fields */
	s = insert_for(t);
	db_int(s, 1, now);
	db_int(s, 2, rec->cpu);
	db_int(s, 3, rec->time);
	for (unsigned i = 0; i < t->n_fields; i++)
		bind_field(s, 4 + (int)i, rec, &t->fields[i]);
	db_run(s);
}
