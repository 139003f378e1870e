/* SPDX-License-Identifier: MIT */
/* mt-tosqlite: a stream as an SQLite database, with the original's tables. */
#include <getopt.h>
#include <stdlib.h>

#include "tosqlite/tosqlite.h"

static const char help[] =
"usage: mt-tosqlite DATABASE <stream\n"
"\n"
"Writes the stream on standard input to an SQLite database; an older database of\n"
"that name is replaced.  Others can read it while it grows.  Tables: accesses,\n"
"labels, tasks, call_traces, call_intervals, locked_sections, summary (a row for\n"
"each run), and one for each other kind of record that comes.  Views:\n"
"\n"
"  type_summary miss_per_type miss_per_entry miss_per_instance miss_per_pc\n"
"  miss_per_line miss_per_task miss_per_lock lock_summary calls backtrace\n"
"\n"
"Best behind mt-label, mt-stack and mt-addr2line: then types, call stacks and\n"
"functions are in it, too.\n"
"\n"
"      --help   this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-tosqlite log.db\n"
"    sqlite3 -box log.db 'SELECT * FROM type_summary LIMIT 20'\n"
"    sqlite3 -box log.db 'SELECT * FROM backtrace WHERE access_id = 7'\n";

uint64_t now;
struct mt_names names;
struct holds holds;

static sqlite3_stmt *insert, *task;
static uint64_t base;			/* now, where the stream began */

static const char *access_type(const struct mt_access *a)
{
	static const char *const types[] = { "none", "load", "store", "both" };

	return types[a->flags & (MT_access_flag_load | MT_access_flag_store)];
}

static void count(const struct mt_access *a)
{
	run.accesses++;
	run.locked += (a->flags & MT_access_flag_atomic) != 0;
	run.traffic += (a->flags & MT_access_flag_moved) != 0;
}

static void put_access(const struct mt_access *a)
{
	const struct mt_kentry *k = mt_entries_current(&holds.entries, a->hdr.cpu);
	uint32_t tid = mt_cpus_task(&holds.cpus, a->hdr.cpu);
	struct label_ref label = labels_of(a);

	count(a);
	db_int(insert, 1, now++);
	db_int_or_null(insert, 2, runs_id());
	db_text(insert, 3, access_type(a));
	db_int(insert, 4, a->hdr.cpu);
	db_int(insert, 5, a->pc);
	db_int(insert, 6, a->paddr);
	db_int(insert, 7, a->addr);
	db_int(insert, 8, a->width);
	db_int(insert, 9, mt_cpus_process(&holds.cpus, a->hdr.cpu, a->addr));
	db_int_or_null(insert, 10, label.id);
	db_int_or_null(insert, 11, label.type);
	if (k)
		db_int(insert, 12, k->tag);
	db_int_or_null(insert, 13, tid ? tid : k ? k->task : 0);
	db_int_or_null(insert, 14, sections_charge(a));
	db_int(insert, 15, (a->flags & MT_access_flag_moved) != 0);
	db_int(insert, 16, (a->flags & MT_access_flag_atomic) != 0);
	db_int_or_null(insert, 17, a->field);
	db_int_or_null(insert, 18, a->stack);
	db_run(insert);
}

/* The last name counts, as a task has one. */
static void put_task(const struct mt_task *t)
{
	if (t->op == MT_task_op_exit)
		return;
	db_int(task, 1, t->task);
	db_int(task, 2, t->process);
	db_text(task, 3, mt_string(&t->hdr, 0));
	db_run(task);
}

/* The original's count of accesses is its clock, and so it is ours. */
static void set_clock(const struct mt_hdr *rec)
{
	uint64_t at = base + ((const struct mt_judged *)rec)->accesses;

	if (rec->kind == MT_KIND_begin)
		base = now;
	else if (rec->kind == MT_KIND_judged && at > now && at < DB_OPEN_END)
		now = at;
}

static void put_other(const struct mt_hdr *rec)
{
	const struct mt_origin *o = (const struct mt_origin *)rec;

	set_clock(rec);
	if (mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	sections_before(rec);
	holds_note(&holds, rec);
	runs_note(rec);
	traces_note(rec);
	labels_note(rec);
	switch (rec->kind) {
	case MT_KIND_task:
		put_task((const struct mt_task *)rec);
		break;
	case MT_KIND_origin:
		labels_host(o->entry == MT_classic_entry_label ? o->host : 0);
		break;
	case MT_KIND_label:
	case MT_KIND_entry:
	case MT_KIND_call:
	case MT_KIND_lock:
	case MT_KIND_judged:
		break;			/* have tables of their own */
	default:
		rows_put(rec);
	}
}

static void open_all(const char *path)
{
	db_open(path);
	db_exec(schema_tables);
	insert = db_prepare("INSERT INTO accesses VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	task = db_prepare("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?)");
	labels_open();
	traces_open();
	sections_open();
	runs_open();
	rows_open("stack");		/* views ask for them */
	rows_open("symbol");
	db_exec(schema_views);
}

static void close_all(void)
{
	runs_end();
	traces_end();
	db_commit(NULL);
	db_exec(schema_indexes);
	db_close();
}

static const char *parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	if (argc - optind != 1)
		mt_die(MT_USAGE, "one database is wanted: mt-tosqlite DATABASE <stream");
	return argv[optind];
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	const char *path;
	int got;

	mt_start(argv);
	path = parse_options(argc, argv);
	mt_open_input(&in);
	open_all(path);
	in.idle = db_commit;
	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			put_access((const struct mt_access *)rec);
		else
			put_other(rec);
	close_all();
	if (got < 0)
		mt_die(MT_FAIL, "standard input: byte %llu: %s", (unsigned long long)in.offset, in.error);
	return MT_OK;
}
