/* SPDX-License-Identifier: MIT */
/* The summary: a row for each run. */
#include "../libmt/mt_runs.h"
#include "tosqlite.h"

struct run_counts run;

static struct mt_runs runs;
static uint64_t last_id, cpus, ram;
static sqlite3_stmt *insert, *finish, *operations;

void runs_open(void)
{
	insert = db_prepare("INSERT INTO summary(run_id, name, mode, num_cpus, num_ram, start_ts,"
			    " access_start, access_end) VALUES (?,?,?,?,?,?,?,?)");
	finish = db_prepare("UPDATE summary SET end_ts = ?, access_end = ?, accesses = ?,"
			    " spin_cycles = ?, spin_locked_accesses = ?, spin_traffic_accesses = ?,"
			    " locked_accesses = ?, traffic_accesses = ?, lock_acquires = ? WHERE run_id = ?");
	operations = db_prepare("UPDATE summary SET num_ops = ? WHERE run_id = ?");
}

uint64_t runs_id(void)
{
	return runs.on ? last_id : 0;
}

static void begin(const struct mt_hdr *rec)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_mode), "mode");
	const char *mode = mt_value_name(f->values, runs.mode);

	run = (struct run_counts){ 0 };
	db_int(insert, 1, ++last_id);
	db_text(insert, 2, runs.name);
	if (mode)
		db_text(insert, 3, mode);
	db_int_or_null(insert, 4, cpus);
	db_int_or_null(insert, 5, ram);
	if (rec->kind == MT_KIND_mode)
		db_int(insert, 6, ((const struct mt_mode *)rec)->instructions);
	db_int(insert, 7, now);
	db_int(insert, 8, DB_OPEN_END);
	db_run(insert);
}

/* rec: what ends it, or NULL at the end of a stream that was cut. */
static void update(const struct mt_hdr *rec)
{
	int at = 1;
	const uint64_t counts[] = {
		run.accesses, run.spin_time, run.spin_locked, run.spin_traffic,
		run.locked, run.traffic, run.acquires,
	};

	if (rec && rec->kind == MT_KIND_mode)
		db_int(finish, at, ((const struct mt_mode *)rec)->instructions);
	db_int(finish, ++at, now ? now - 1 : 0);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		db_int(finish, ++at, counts[i]);
	db_int(finish, ++at, last_id);
	db_run(finish);
}

void runs_note(const struct mt_hdr *rec)
{
	int change = mt_runs_change(&runs, rec);
	const struct mt_origin *o = (const struct mt_origin *)rec;

	if (rec->kind == MT_KIND_begin) {
		cpus = ((const struct mt_begin *)rec)->cpus;
		ram = 0;
	} else if (rec->kind == MT_KIND_origin && o->entry == MT_classic_entry_machine) {
		ram = o->host;
	} else if (rec->kind == MT_KIND_appdata) {
		db_int(operations, 1, ((const struct mt_appdata *)rec)->value);
		db_int(operations, 2, last_id);	/* told before the run stops, or right after */
		db_run(operations);
	}
	if (change > 0 && change & MT_RUN_ENDS)
		update(rec);
	if (mt_runs_note(&runs, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (change > 0 && change & MT_RUN_BEGINS)
		begin(rec);
}

void runs_end(void)
{
	if (runs.on)
		update(NULL);
}
