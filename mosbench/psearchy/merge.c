/* SPDX-License-Identifier: MIT */
/* Sorted runs into one Berkeley DB, and back. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <db.h>

#include "../bench.h"
#include "index.h"

#define POSTINGS 4096			/* of one record of the database; a word may have many */

/* A run, and the word that is next in it. */
struct run {
	FILE *file;
	struct run_header header;	/* length 0: the run has come to its end */
	char word[WORD_MAX];
	char path[sizeof(((struct table *)0)->prefix) + 16];
};

static DB *open_database(const char *path, uint32_t flags)
{
	DB *db;
	int bad = db_create(&db, NULL, 0);

	if (!bad && flags & DB_CREATE)
		bad = db->set_flags(db, DB_DUP);
	if (!bad)
		bad = db->open(db, NULL, path, NULL, flags & DB_CREATE ? DB_BTREE : DB_UNKNOWN, flags, 0600);
	if (bad)
		bench_fail("%s: %s", path, db_strerror(bad));
	return db;
}

static void read_header(struct run *r)
{
	if (fread(&r->header, sizeof(r->header), 1, r->file) != 1) {
		if (ferror(r->file))
			bench_die("%s", r->path);
		r->header.length = 0;
		return;
	}
	if (!r->header.length || r->header.length > WORD_MAX ||
	    fread(r->word, 1, r->header.length, r->file) != r->header.length)
		bench_fail("%s: not a run", r->path);
}

/* The first word of all runs; NULL at the end of all. */
static struct run *first_word(struct run *run, int n)
{
	struct run *first = NULL;
	int i, order;

	for (i = 0; i < n; i++) {
		uint32_t length = run[i].header.length;

		if (!length)
			continue;
		if (first) {
			uint32_t shorter = length < first->header.length ? length : first->header.length;

			order = memcmp(run[i].word, first->word, shorter);
			if (order > 0 || (!order && length >= first->header.length))
				continue;
		}
		first = &run[i];
	}
	return first;
}

/* Puts the run's word and its postings there, and goes on to its next word. */
static void copy_word(struct run *r, DB *db, const char *database)
{
	static __thread struct posting posting[POSTINGS];
	DBT key = { 0 }, data = { 0 };
	uint32_t left = r->header.postings, n;
	int bad;

	key.data = r->word;
	key.size = r->header.length;
	data.data = posting;
	for (; left; left -= n) {
		n = left < POSTINGS ? left : POSTINGS;
		if (fread(posting, sizeof(*posting), n, r->file) != n)
			bench_fail("%s: not a run", r->path);
		data.size = n * (uint32_t)sizeof(*posting);
		bad = db->put(db, NULL, &key, &data, 0);
		if (bad)
			bench_fail("%s: %s", database, db_strerror(bad));
	}
	read_header(r);
}

void merge_runs(const struct table *t, const char *database)
{
	struct run *run = bench_alloc(NULL, (uint64_t)t->runs, sizeof(*run)), *first;
	DB *db = open_database(database, DB_CREATE | DB_TRUNCATE);
	int i, bad;

	for (i = 0; i < t->runs; i++) {
		snprintf(run[i].path, sizeof(run[i].path), "%s.%d", t->prefix, i);
		run[i].file = fopen(run[i].path, "r");
		if (!run[i].file)
			bench_die("%s", run[i].path);
		read_header(&run[i]);
	}
	while ((first = first_word(run, t->runs)))
		copy_word(first, db, database);
	bad = db->close(db, 0);
	if (bad)
		bench_fail("%s: %s", database, db_strerror(bad));
	for (i = 0; i < t->runs; i++) {
		fclose(run[i].file);
		unlink(run[i].path);
	}
	free(run);
}

/* ---- the index is read ----------------------------------------------------------- */

struct names {
	char **name;
	uint32_t n;
};

static void read_names(const char *dir, struct names *names)
{
	char path[512], *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/files", dir);
	f = fopen(path, "r");
	if (!f)
		bench_die("%s", path);
	while ((n = getline(&line, &size, f)) > 0) {
		line[n - 1] = 0;
		names->name = bench_alloc(names->name, names->n + 1, sizeof(*names->name));
		names->name[names->n++] = line;
		line = NULL;
	}
	free(line);
	fclose(f);
}

static void print_record(const struct names *names, const DBT *key, const DBT *data)
{
	const char *p = data->data;
	struct posting posting;
	uint32_t i;

	for (i = 0; i + sizeof(posting) <= data->size; i += (uint32_t)sizeof(posting)) {
		memcpy(&posting, p + i, sizeof(posting));
		if (posting.file >= names->n)
			bench_fail("posting of a file that is not in the list");
		printf("%.*s %s:%u\n", (int)key->size, (const char *)key->data,
		       names->name[posting.file], posting.offset);
	}
}

/* All records of one word, or of all words (NULL). */
static void print_word(DB *db, const struct names *names, char *word)
{
	DBT key = { .data = word, .size = word ? (uint32_t)strlen(word) : 0 }, data = { 0 };
	uint32_t start = word ? DB_SET : DB_FIRST, next = word ? DB_NEXT_DUP : DB_NEXT;
	DBC *cursor;
	int bad = db->cursor(db, NULL, &cursor, 0);

	if (bad)
		bench_fail("cursor: %s", db_strerror(bad));
	for (bad = cursor->get(cursor, &key, &data, start); !bad;
	     bad = cursor->get(cursor, &key, &data, next))
		print_record(names, &key, &data);
	if (bad != DB_NOTFOUND)
		bench_fail("%s", db_strerror(bad));
	cursor->close(cursor);
}

void query(const char *dir, char **words)
{
	struct names names = { 0 };
	char path[512];
	char **word;
	DB *db;
	int i;

	read_names(dir, &names);
	for (i = 0; snprintf(path, sizeof(path), "%s/index.%d", dir, i), !access(path, F_OK); i++) {
		db = open_database(path, DB_RDONLY);
		if (!*words)
			print_word(db, &names, NULL);
		for (word = words; *word; word++)
			print_word(db, &names, *word);
		db->close(db, 0);
	}
	if (!i)
		bench_die("%s", path);
	if (fflush(stdout) || ferror(stdout))
		bench_die("standard output");
}
