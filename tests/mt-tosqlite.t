#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tosqlite: what sqlite3 answers is what the records say.
. "${SRC:-.}/tests/lib.sh"
command -v sqlite3 >/dev/null || skip_all 'no sqlite3'
q() { sqlite3 -batch log.db "$1"; }

# Two runs; an address used twice; an interrupt inside a system call; a lock.
cat >text <<'LOG'
begin cpus=300 mode=off machine=system
task task=5 process=1 name="it's \x22me\x22; DROP TABLE accesses; \xff"
task task=6 process=2 name="other"
switch cpu=0 time=1 task=5 process=1
switch cpu=299 time=1 task=6 process=2
label cpu=0 time=2 addr=0xffff888000001000 bytes=64 pc=0xffffffff81000001 op=alloc storage=heap name="dentry"
label cpu=0 time=2 addr=0xffff888000000000 bytes=8192 op=alloc storage=block name="pages"
label cpu=0 time=2 addr=0x5000 bytes=32 process=1 op=alloc storage=heap name="malloc"
mode cpu=0 time=10 mode=movement name="first" instructions=100
entry cpu=0 time=11 tag=0x8000000000000001 pc=0xffffffff81001000 task=5 number=2 state=start cause=syscall depth=0
access cpu=0 time=12 pc=0xffffffff81001010 addr=0xffff888000001008 paddr=0x1008 width=8 flags=load+kernel+moved
entry cpu=0 time=13 tag=0x8000000000000001 state=pause
entry cpu=0 time=13 tag=2 pc=0xffffffff81002000 number=32 state=start cause=interrupt depth=1
access cpu=0 time=14 pc=0xffffffff81002010 addr=0xffff888000001040 paddr=0x1040 width=8 flags=store+kernel+moved
entry cpu=0 time=15 tag=2 state=done
entry cpu=0 time=15 tag=0x8000000000000001 state=resume
lock cpu=0 time=16 addr=0xffff888000001000 pc=0xffffffff81001020 op=acquire task=5 name="d_lock"
access cpu=0 time=18 pc=0xffffffff81001020 addr=0xffff888000001000 paddr=0x1000 width=4 flags=load+store+atomic+kernel+moved
lock cpu=0 time=20 addr=0xffff888000001000 pc=0xffffffff81001020 op=acquired task=5 name="d_lock"
access cpu=0 time=21 pc=0xffffffff81001030 addr=0xffff888000001010 paddr=0x1010 width=4 flags=store+kernel+moved
access cpu=0 time=22 pc=0xffffffff81001030 addr=0xffff888000001010 paddr=0x1010 width=4 flags=store+kernel
lock cpu=0 time=27 addr=0xffff888000001000 pc=0xffffffff81001040 op=release task=5 name="d_lock"
entry cpu=0 time=28 tag=0x8000000000000001 state=done
access cpu=299 time=5 pc=0x400000 addr=0x5000 paddr=0x1000000005000 width=4 flags=store+moved
access cpu=0 time=30 pc=0x400000 addr=0x5000 paddr=0x1000000005000 width=4 flags=load+moved
appdata cpu=0 time=31 value=12 name="operations"
mode cpu=0 time=31 mode=off name="first" instructions=190
label cpu=0 time=32 addr=0xffff888000001000 op=free storage=heap
label cpu=0 time=33 addr=0xffff888000001000 bytes=192 op=alloc storage=heap name="inode_cache" ctype="struct inode"
mode cpu=0 time=40 mode=all name="second" instructions=300
access cpu=0 time=41 pc=0xffffffff81001010 addr=0xffff888000001008 paddr=0x1008 width=8 flags=load+kernel+moved
mode cpu=0 time=50 mode=off name="second" instructions=350
LOG
mkrec <text >log
run mt-tosqlite log.db <log
is_status 0 'a stream becomes a database'
[ ! -e log.db-wal ]; ok $? '... of one file'
[ "$(q 'PRAGMA integrity_check')" = ok ]; ok $? '... that is sound'

q 'SELECT run_id, name, mode, num_cpus, start_ts, end_ts, access_start, access_end, accesses, traffic_accesses, locked_accesses, lock_acquires, spin_cycles, spin_traffic_accesses, num_ops FROM summary' >got
cat >want <<'EOT'
1|first|movement|300|100|190|0|6|7|6|1|1|4|1|12
2|second|all|300|300|350|7|7|1|1|0|0|0|0|
EOT
same want got 'summary: a row for each run'
q "SELECT access_id, access_type, cpu, printf('0x%x', guest_addr), label_id, label_type, printf('%x', call_trace_tag), tid, locked_id, traffic, locked_inst FROM accesses" >got
cat >want <<'EOT'
0|load|0|0xffff888000001008|1|1|8000000000000001|5||1|0
1|store|0|0xffff888000001040|2|2|2|5||1|0
2|both|0|0xffff888000001000|1|1|8000000000000001|5||1|1
3|store|0|0xffff888000001010|1|1|8000000000000001|5|1|1|0
4|store|0|0xffff888000001010|1|1|8000000000000001|5|1|0|0
5|store|299|0x5000|||0|6||1|0
6|load|0|0x5000|3|1|0|5||1|0
7|load|0|0xffff888000001008|4|1|0|5||1|0
EOT
same want got 'accesses: object by lifetime and process, entry by tag, task, lock, any cpu'
[ "$(q 'SELECT count(*) FROM accesses WHERE guest_addr = 0xffff888000001008')" = 2 ]
ok $? 'addresses of the upper half are found by their hex'
q "SELECT label_id, label_type, str, ctype, bytes, access_start, nullif(access_end, 9223372036854775807) FROM labels" >got
cat >want <<'EOT'
1|1|dentry||64|0|6
2|2|pages||8192|0|
3|1|malloc||32|0|
4|1|inode_cache|struct inode|192|7|
EOT
same want got 'labels: an address that is used again is another object'
q "SELECT str FROM tasks WHERE tid = 5" >got
printf 'it'\''s "me"; DROP TABLE accesses; \357\277\275\n' >want
same want got 'tasks: names are only text'
q "SELECT call_trace_id, printf('%x', call_trace_tag), cpu, tid, name, cause, depth, access_start, access_end FROM call_traces" >got
cat >want <<'EOT'
1|8000000000000001|0|5|open|syscall|0|0|0
2|2|0||interrupt 32|interrupt|1|1|1
3|8000000000000001|0|5|open|syscall||2|4
EOT
sed 's/|syscall|0|2|4$/|syscall||2|4/' got >got2
same want got2 'call_traces: a row for each piece that ran without a pause'
q "SELECT id, str, label_id, start_ts, end_ts, waited, locked_accesses, traffic_accesses, read, tid FROM locked_sections" >got
echo '1|d_lock|1|20|27|4|0|1|0|5' >want
same want got 'locked_sections: held and waited, each with its own accesses'

# ---- the questions of the original's reports
q "SELECT entry, type, calls, lines, lines_per_call FROM miss_per_type WHERE run_id = 1" >got
cat >want <<'EOT'
interrupt 32|pages|1|1|1.0
open|dentry|1|1|1.0
EOT
same want got 'miss_per_type: lines that moved, by entry and type, for a call'
q "SELECT entry, type, lock, lines, moves FROM miss_per_lock WHERE run_id = 1 ORDER BY entry, lock" >got
cat >want <<'EOT'
interrupt 32|pages||1|1
open|dentry||1|2
open|dentry|d_lock|1|1
EOT
same want got 'miss_per_lock: the same lines by the lock that was held'
q "SELECT entry, calls, lines, moves, accesses FROM miss_per_entry WHERE run_id = 1" >got
printf 'interrupt 32|1|1|1|1\nopen|1|1|3|4\n' >want
same want got 'miss_per_entry: what the interrupt does is not the system call'\''s'
q "SELECT type, storage, instances, accesses, moves, tids, cpus FROM type_summary WHERE run_id = 1" >got
cat >want <<'EOT'
dentry|heap|1|4|3|1|1
?||0|1|1|1|1
malloc|heap|1|1|1|1|1
pages|block|1|1|1|1|1
EOT
same want got 'type_summary: objects, accesses, moves, tasks, cpus of each type'
q "SELECT label_id, str, guest_addr, moves, accesses FROM miss_per_instance WHERE run_id = 2" >got
echo '4|inode_cache|0xffff888000001000|1|1' >want
same want got 'miss_per_instance'
q "SELECT pc, moves, sample_access_id FROM miss_per_pc WHERE label_id = 1" >got
printf '0xffffffff81001010|1|0\n0xffffffff81001020|1|2\n0xffffffff81001030|1|3\n' >want
same want got 'miss_per_pc: what moved an object, with an example'
q "SELECT line, moves, cpus FROM miss_per_line WHERE run_id = 1" >got
printf '0xffff888000001000|3|1\n0x5000|2|2\n0xffff888000001040|1|1\n' >want
same want got 'miss_per_line'
q "SELECT tid, name = (SELECT str FROM tasks WHERE tasks.tid = miss_per_task.tid), moves FROM miss_per_task WHERE run_id = 1" >got
printf '5|1|5\n6|1|1\n' >want
same want got 'miss_per_task'
q "SELECT str, acquires, held, waited, moves FROM lock_summary" >got
echo 'd_lock|1|7|4|1' >want
same want got 'lock_summary'
q "SELECT label_id, str FROM labels WHERE guest_addr <= 0xffff888000001000 + 63 AND guest_addr_end >= 0xffff888000001000 ORDER BY 1" >got
printf '1|dentry\n2|pages\n4|inode_cache\n' >want
same want got 'what lies on a line, and what lay there'

# ---- calls, stacks, symbols
mkrec >calls <<'LOG'
begin mode=all
symbol pc=0x400010 frames=1 function="main"
symbol pc=0x500010 frames=1 function="bump"
stack id=1 pc=0x400010
stack id=2 parent=1 pc=0x500010
access cpu=0 time=1 pc=0x400001 width=1 flags=load
call cpu=0 time=2 pc=0x40000b target=0x500000 return_pc=0x400010 op=call
access cpu=0 time=3 pc=0x500001 width=1 flags=load stack=1
call cpu=0 time=4 pc=0x50000b target=0x600000 return_pc=0x500010 op=call
access cpu=0 time=5 pc=0x600001 width=1 flags=load stack=2
call cpu=0 time=6 pc=0x600020 target=0x500010 op=ret
access cpu=0 time=7 pc=0x500011 width=1 flags=load stack=1
LOG
mt-tosqlite log.db <calls
ok $? 'an older database is replaced'
q "SELECT depth, pc, function FROM backtrace WHERE access_id = 2" >got
printf '0|0x500010|bump\n1|0x400010|main\n' >want
same want got 'backtrace: the stack that mt-stack has found'
cat >trace.sql <<'EOT'
WITH RECURSIVE b(depth, pc, ret_id) AS (
SELECT 0, a.pc, i.ret_id FROM accesses a JOIN call_intervals i ON i.cpu = a.cpu
 AND a.access_id BETWEEN i.access_start AND i.access_end WHERE a.access_id = 2
UNION ALL SELECT depth + 1, i.end_pc, i.ret_id FROM b JOIN call_intervals i ON i.id = b.ret_id)
SELECT depth, printf('0x%x', pc) FROM b;
EOT
sqlite3 -batch log.db <trace.sql >got
printf '0|0x600001\n1|0x50000b\n2|0x40000b\n' >want
same want got '... and the one that the intervals between calls tell'
[ "$(q 'SELECT count(*) FROM symbol')" = 2 ]; ok $? 'other records have tables named like them'

# ---- every kind, and a report
mkrec <text | mt-shared | mt-tosqlite log.db
q 'SELECT "by", moves, loads, stores, writers FROM shared WHERE "by" = '\''line'\''' >got
has '^line\|2\|1\|1\|' got 'a report is a table, too'

# ---- while the trace still comes
python3 - >many <<'PY'
for i in range(300000):
    print(f"access cpu={i % 3} time={i + 1} addr={i * 8} paddr={i * 8} width=8 flags=load")
PY
mkrec <many >many.log
half=$(($(wc -c <many.log) / 2))
mkfifo pipe
mt-tosqlite live.db <pipe 2>err &
pid=$!
exec 3>pipe
head -c $half many.log >&3
seen=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.5
	seen=$(sqlite3 -batch live.db 'SELECT count(*) FROM accesses' 2>/dev/null) || seen=0
	[ "${seen:-0}" -gt 149000 ] && break
done
[ "${seen:-0}" -gt 149000 ]; ok $? 'what has come can be read while the rest still comes'
tail -c +$((half + 1)) many.log >&3
exec 3>&-
wait $pid; ok $? '... and the rest comes'
[ "$(sqlite3 -batch live.db 'SELECT count(*) FROM accesses')" = 300000 ]; ok $? '... all of it'

# ---- what goes wrong
echo 'precious' >file
run mt-tosqlite file <log
is_status 1 'a file that is no database is left alone'
has 'exists and is no database' err '... and that is said'
run mt-tosqlite /dev/full <log
is_status 1 'a device is no place for a database'
run mt-tosqlite <log
is_status 2 'a database is wanted'
head -c 1500 log >part
run mt-tosqlite log.db <part
is_status 1 'a cut stream fails'
[ "$(q 'SELECT count(*) FROM accesses')" -gt 3 ]; ok $? '... with everything that was whole in it'
done_testing
