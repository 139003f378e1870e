/* SPDX-License-Identifier: MIT */
/*
 * The tables of the original's mt2db, one set for all runs, and its standard
 * questions as views.  Times are ids of accesses: an interval holds the ids
 * from access_start to access_end, both included.
 */
#include "tosqlite.h"

const char schema_tables[] =
"PRAGMA user_version = 1;"
"CREATE TABLE summary(run_id INTEGER PRIMARY KEY, name TEXT, mode TEXT, num_cpus, num_ram,"
" start_ts, end_ts, access_start, access_end, accesses, spin_cycles, spin_locked_accesses,"
" spin_traffic_accesses, locked_accesses, traffic_accesses, lock_acquires, num_ops);"
"CREATE TABLE accesses(access_id INTEGER PRIMARY KEY, run_id, access_type TEXT, cpu, pc,"
" host_addr, guest_addr, bytes, process, label_id, label_type, call_trace_tag, tid, locked_id,"
" traffic, locked_inst, field_id, stack_id);"
"CREATE TABLE labels(label_id INTEGER PRIMARY KEY, label_type, str TEXT, ctype TEXT, alloc_pc,"
" host_addr, host_addr_end, guest_addr, guest_addr_end, bytes, process, cpu,"
" access_start, access_end);"
"CREATE TABLE label_types(label_type INTEGER PRIMARY KEY, name TEXT);"
"CREATE TABLE tasks(tid INTEGER PRIMARY KEY, tgid, str TEXT);"
"CREATE TABLE call_traces(call_trace_id INTEGER PRIMARY KEY, call_trace_tag, cpu, tid, pc,"
" name TEXT, cause TEXT, number, depth, access_start, access_end);"
"CREATE TABLE call_intervals(id INTEGER PRIMARY KEY, call_trace_tag, cpu, start_pc, end_pc,"
" access_start, access_end, prev_id, next_id, ret_id);"
"CREATE TABLE locked_sections(id INTEGER PRIMARY KEY, run_id, str TEXT, lock, pc, label_type,"
" label_id, start_ts, end_ts, start_cpu, end_cpu, read, tid, call_trace_tag, waited,"
" locked_accesses, traffic_accesses, access_end);";

/* Made when all rows are there: kept up row by row they would cost more than the rows. */
const char schema_indexes[] =
"CREATE INDEX accesses_label ON accesses(label_id);"
"CREATE INDEX accesses_addr ON accesses(guest_addr);"
"CREATE INDEX accesses_tag ON accesses(call_trace_tag, traffic);"
"CREATE INDEX labels_addr ON labels(guest_addr, guest_addr_end);"
"CREATE INDEX call_traces_tag ON call_traces(call_trace_tag);"
"CREATE INDEX call_traces_pc ON call_traces(pc);"
"CREATE INDEX call_traces_cpu ON call_traces(cpu, access_start);"
"CREATE INDEX call_intervals_cpu ON call_intervals(cpu, access_start);"
"CREATE INDEX locked_sections_label ON locked_sections(label_id, lock);";

#define HEX(column, name) "printf('0x%x', " column ") AS " name
#define TYPE "coalesce(nullif(l.ctype, ''), l.str, '?')"

const char schema_views[] =
"CREATE VIEW labels1 AS SELECT * FROM labels WHERE label_type = 1;"
"CREATE VIEW labels2 AS SELECT * FROM labels WHERE label_type = 2;"
"CREATE VIEW labels3 AS SELECT * FROM labels WHERE label_type = 3;"
"CREATE VIEW labels4 AS SELECT * FROM labels WHERE label_type = 4;"

/* each entry to the kernel once, whatever it was interrupted by */
"CREATE VIEW calls AS SELECT call_trace_tag, min(call_trace_id) AS call_trace_id, pc, name,"
" cause, number, max(tid) AS tid, min(access_start) AS access_start,"
" max(access_end) AS access_end FROM call_traces GROUP BY call_trace_tag;"

/* lines that moved, for each entry and type, by call */
"CREATE VIEW miss_per_type AS SELECT e.name AS entry, " HEX("e.pc", "pc") ", x.run_id, x.type,"
" n.calls, sum(x.lines) AS lines, 1.0 * sum(x.lines) / n.calls AS lines_per_call"
" FROM (SELECT a.run_id, a.call_trace_tag AS tag, " TYPE " AS type,"
"  count(DISTINCT a.host_addr >> 6) AS lines FROM accesses a LEFT JOIN labels l USING (label_id)"
"  WHERE a.traffic AND a.call_trace_tag IS NOT NULL GROUP BY 1, 2, 3) x"
" JOIN calls e ON e.call_trace_tag = x.tag"
" JOIN (SELECT pc, name, count(*) AS calls FROM calls GROUP BY pc, name) n"
"  ON n.pc = e.pc AND n.name IS e.name"
" GROUP BY e.pc, e.name, x.run_id, x.type ORDER BY lines DESC, entry, x.type;"

/* the same, by the class of the innermost lock that was held; NULL: of none */
"CREATE VIEW miss_per_lock AS SELECT e.name AS entry, " HEX("e.pc", "pc") ", x.run_id, x.type,"
" x.lock, sum(x.lines) AS lines, sum(x.moves) AS moves"
" FROM (SELECT a.run_id, a.call_trace_tag AS tag, " TYPE " AS type, s.str AS lock,"
"  count(DISTINCT a.host_addr >> 6) AS lines, count(*) AS moves FROM accesses a"
"  LEFT JOIN labels l USING (label_id) LEFT JOIN locked_sections s ON s.id = a.locked_id"
"  WHERE a.traffic AND a.call_trace_tag IS NOT NULL GROUP BY 1, 2, 3, 4) x"
" JOIN calls e ON e.call_trace_tag = x.tag"
" GROUP BY e.pc, e.name, x.run_id, x.type, x.lock ORDER BY lines DESC, entry, x.type, x.lock;"

"CREATE VIEW miss_per_entry AS SELECT e.name AS entry, " HEX("e.pc", "pc") ", x.run_id, n.calls,"
" sum(x.lines) AS lines, 1.0 * sum(x.lines) / n.calls AS lines_per_call, sum(x.moves) AS moves,"
" sum(x.accesses) AS accesses"
" FROM (SELECT run_id, call_trace_tag AS tag, count(DISTINCT CASE WHEN traffic THEN host_addr >> 6 END)"
"  AS lines, sum(traffic) AS moves, count(*) AS accesses FROM accesses"
"  WHERE call_trace_tag IS NOT NULL GROUP BY 1, 2) x"
" JOIN calls e ON e.call_trace_tag = x.tag"
" JOIN (SELECT pc, name, count(*) AS calls FROM calls GROUP BY pc, name) n"
"  ON n.pc = e.pc AND n.name IS e.name"
" GROUP BY e.pc, e.name, x.run_id ORDER BY lines DESC, entry;"

"CREATE VIEW type_summary AS SELECT a.run_id, " TYPE " AS type, t.name AS storage,"
" count(DISTINCT a.label_id) AS instances, count(*) AS accesses, sum(a.traffic) AS moves,"
" count(DISTINCT a.host_addr >> 6) AS lines, count(DISTINCT a.tid) AS tids,"
" count(DISTINCT a.cpu) AS cpus FROM accesses a LEFT JOIN labels l USING (label_id)"
" LEFT JOIN label_types t ON t.label_type = a.label_type"
" GROUP BY a.run_id, 2, 3 ORDER BY moves DESC, type;"

"CREATE VIEW miss_per_instance AS SELECT a.run_id, a.label_id, l.str, l.ctype, " HEX("l.guest_addr", "guest_addr")
", l.bytes, sum(a.traffic) AS moves, count(*) AS accesses, count(DISTINCT a.tid) AS tids,"
" count(DISTINCT a.cpu) AS cpus FROM accesses a JOIN labels l USING (label_id)"
" GROUP BY a.run_id, a.label_id ORDER BY moves DESC, a.label_id;"

/* what moved one object: WHERE label_id = 7 */
"CREATE VIEW miss_per_pc AS SELECT run_id, label_id, " HEX("accesses.pc", "pc") ", count(*) AS moves,"
" min(access_id) AS sample_access_id FROM accesses WHERE traffic"
" GROUP BY run_id, label_id, accesses.pc ORDER BY moves DESC, accesses.pc < 0, accesses.pc;"

"CREATE VIEW miss_per_line AS SELECT run_id, printf('0x%x', min(guest_addr & -64)) AS line,"
" sum(traffic) AS moves, count(*) AS accesses, count(DISTINCT cpu) AS cpus,"
" count(DISTINCT label_id) AS objects FROM accesses GROUP BY run_id, host_addr >> 6"
" ORDER BY moves DESC, min(guest_addr) < 0, min(guest_addr);"

"CREATE VIEW miss_per_task AS SELECT a.run_id, a.tid, t.str AS name, sum(a.traffic) AS moves,"
" count(*) AS accesses FROM accesses a LEFT JOIN tasks t USING (tid)"
" GROUP BY a.run_id, a.tid ORDER BY moves DESC, a.tid;"

"CREATE VIEW lock_summary AS SELECT run_id, str, count(*) AS acquires, count(DISTINCT lock) AS locks,"
" sum(end_ts - start_ts) AS held, sum(waited) AS waited, sum(traffic_accesses) AS moves,"
" sum(locked_accesses) AS locked_accesses, count(DISTINCT tid) AS tids,"
" count(DISTINCT start_cpu) AS cpus FROM locked_sections GROUP BY run_id, str"
" ORDER BY held DESC, str;"

/* call stacks by mt-stack: WHERE access_id = 7; depth 0 is the innermost */
"CREATE VIEW frames AS WITH RECURSIVE f(stack_id, depth, id, pc, process, frame, parent) AS"
" (SELECT id, 0, id, pc, process, frame, parent FROM stack UNION ALL"
"  SELECT f.stack_id, f.depth + 1, s.id, s.pc, s.process, s.frame, s.parent"
"  FROM f JOIN stack s ON s.id = f.parent WHERE f.depth < 200)"
" SELECT f.stack_id, f.depth, f.frame, printf('0x%x', f.pc) AS pc, s.function, s.file, s.line_number"
" FROM f LEFT JOIN (SELECT pc, max(function) AS function, max(file) AS file,"
"  max(line_number) AS line_number, process FROM symbol WHERE frame = 0 GROUP BY pc, process) s"
" ON s.pc = f.pc AND s.process = f.process;"
"CREATE VIEW backtrace AS SELECT a.access_id, f.* FROM accesses a JOIN frames f USING (stack_id);";
