/* SPDX-License-Identifier: MIT */
/* libsqlite3, and what is to be done about its errors: die. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db.h"

#define ROWS_A_TRANSACTION 100000

static sqlite3 *db;
static const char *name;
static unsigned rows;			/* in the open transaction */
static bool inside;			/* a transaction is open */
static sqlite3_stmt **statements;
static size_t n_statements, room;

static void die(void) __attribute__((noreturn));

static void die(void)
{
	mt_die(MT_FAIL, "%s: %s", name, db ? sqlite3_errmsg(db) : "out of memory");
}

void db_exec(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die();
}

/* A file with anything else in it was surely not meant. */
static void refuse_other_files(const char *path)
{
	char head[16] = "";
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || fstat(fd, &st) < 0)
		mt_die(MT_FAIL, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		mt_die(MT_FAIL, "%s: is no regular file", path);
	if (mt_read_full(fd, head, sizeof(head)) > 0 && memcmp(head, "SQLite format 3", sizeof(head)))
		mt_die(MT_FAIL, "%s: exists and is no database", path);
	close(fd);
}

static void remove_old(const char *path)
{
	static const char *const with[] = { "", "-wal", "-shm", "-journal" };
	char file[4096];

	for (unsigned i = 0; i < sizeof(with) / sizeof(*with); i++) {
		snprintf(file, sizeof(file), "%s%s", path, with[i]);
		if (unlink(file) < 0 && errno != ENOENT)
			mt_die(MT_FAIL, "%s: %s", file, strerror(errno));
	}
}

void db_open(const char *path)
{
	name = path;
	refuse_other_files(path);
	remove_old(path);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
		die();
	sqlite3_busy_timeout(db, 60000);
	db_exec("PRAGMA journal_mode = WAL");
	db_exec("PRAGMA synchronous = OFF");	/* a crash of the machine loses what can be made again */
	db_exec("PRAGMA cache_size = -65536");
}

void db_commit(void *arg)
{
	(void)arg;
	if (inside)
		db_exec("COMMIT");
	inside = false;
	rows = 0;
}

/* Readers may still be there: then it stays two files, which is no error. */
void db_close(void)
{
	db_commit(NULL);
	for (size_t i = 0; i < n_statements; i++)
		sqlite3_finalize(statements[i]);
	free(statements);
	sqlite3_busy_timeout(db, 0);
	(void)sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (sqlite3_close(db) != SQLITE_OK)
		die();
}

sqlite3_stmt *db_prepare(const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
		die();
	statements = mt_xgrow(statements, n_statements, &room, sizeof(*statements));
	statements[n_statements++] = s;
	return s;
}

void db_int(sqlite3_stmt *s, int at, uint64_t value)
{
	if (sqlite3_bind_int64(s, at, (sqlite3_int64)value) != SQLITE_OK)
		die();
}

void db_int_or_null(sqlite3_stmt *s, int at, uint64_t value)
{
	if (value)
		db_int(s, at, value);
	else
		db_null(s, at);
}

void db_null(sqlite3_stmt *s, int at)
{
	if (sqlite3_bind_null(s, at) != SQLITE_OK)
		die();
}

/* A text column is UTF-8; each byte that is none becomes three. */
static char *repaired(const char *text, size_t len)
{
	char *to = mt_xmalloc(3 * len + 1), *p = to;

	for (;;) {
		size_t n = mt_utf8_span(text, len);

		memcpy(p, text, n);
		p += n;
		if (n == len)
			break;
		memcpy(p, "\xef\xbf\xbd", 3);
		p += 3;
		text += n + 1;
		len -= n + 1;
	}
	*p = 0;
	return to;
}

void db_text(sqlite3_stmt *s, int at, const char *text)
{
	size_t len = strlen(text);
	bool plain = mt_utf8_span(text, len) == len;
	int got = plain ? sqlite3_bind_text(s, at, text, (int)len, SQLITE_STATIC) :
		sqlite3_bind_text(s, at, repaired(text, len), -1, free);

	if (got != SQLITE_OK)
		die();
}

void db_run(sqlite3_stmt *s)
{
	if (!inside)
		db_exec("BEGIN");
	inside = true;
	if (sqlite3_step(s) != SQLITE_DONE)
		die();
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (++rows >= ROWS_A_TRANSACTION)
		db_commit(NULL);
}
