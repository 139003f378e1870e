/* SPDX-License-Identifier: MIT */
/*
 * The database that is written: prepared statements inside transactions that
 * end every so often, and whenever the input pauses, so that others can read
 * while the trace still comes.  Everything dies with a message on an error.
 */
#ifndef TOSQLITE_DB_H
#define TOSQLITE_DB_H

#include <sqlite3.h>

#include "../libmt/cli.h"

/* Makes it anew; an existing file must be empty or a database. */
void db_open(const char *path);

/* All that is outstanding, and one plain file in the end. */
void db_close(void);

/* What was written so far can be read by others; for mt_reader.idle. */
void db_commit(void *arg);

void db_exec(const char *sql);
sqlite3_stmt *db_prepare(const char *sql);

/*
 * Values of a statement's parameters, from 1.  Numbers are stored as the 64-bit
 * integers of SQLite, whose hex literals mean the same bits.
 */
void db_int(sqlite3_stmt *s, int at, uint64_t value);
void db_int_or_null(sqlite3_stmt *s, int at, uint64_t value);	/* 0: NULL */
void db_text(sqlite3_stmt *s, int at, const char *text);	/* any bytes; text stays as it is until db_run */
void db_null(sqlite3_stmt *s, int at);

/* Runs it with those values, which are NULL again after that. */
void db_run(sqlite3_stmt *s);

#define DB_OPEN_END INT64_MAX		/* of an interval that goes on */

#endif
