#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-serial: sections under locks: how long, how much waiting, who paid for moves.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model

# rows OPTIONS <text: the rows of type serial, the members of $show.
rows() {
	mkrec >log.mt && mt-serial "$@" <log.mt | mt-tojson >all.json
	grep '"type":"serial"' all.json | jq -r "$show" >got
}

# expect NAME <the rows that are wanted
expect() { cat >want; same want got "$1"; }

# ---- length, waiting, moves ----------------------------------------------------

show='"\(.name) held \(.instructions) longest \(.longest) waited \(.waited) sections \(.acquires) contended \(.contended) moves \(.moves)+\(.wait_moves) atomics \(.atomics)+\(.wait_atomics) by \(.by_cpu) pc \(.pc) pc2 \(.pc2)"'
rows <<'LOG'
begin line=64 cpus=2
lock cpu=0 time=90 addr=0x1000 pc=0x10 op=acquire name=A
lock cpu=0 time=100 addr=0x1000 pc=0x10 op=acquired name=A
access cpu=0 time=110 pc=0x100 flags=load+moved
access cpu=1 time=5 pc=0x200 flags=load+moved
lock cpu=1 time=10 addr=0x1000 pc=0x20 op=acquire name=A
access cpu=0 time=120 pc=0x100 flags=store+atomic
access cpu=1 time=20 pc=0x300 flags=load+store+atomic+moved
access cpu=1 time=21 pc=0x300 flags=load+store+atomic
lock cpu=0 time=150 addr=0x1000 pc=0x11 op=release name=A
lock cpu=1 time=40 addr=0x1000 pc=0x20 op=acquired name=A
lock cpu=1 time=60 addr=0x1000 pc=0x21 op=release name=A
LOG
expect 'work begins when the lock is there; moves while waiting, and of a cpu without the lock, are not under it' <<'ROWS'
A held 70 longest 50 waited 40 sections 2 contended 1 moves 1+1 atomics 1+1 by 0:50 1:20 pc 0x10 pc2 0x100
ROWS
jq -r 'select(.type == "work") | "\(.total_instructions) \(.total_moves) \(.total_atomics) \(.total_waited) \(.waited_moves) \(.waited_atomics) \(.n_cpus)"' all.json >got
expect 'the totals stand before the rows: here the spans of the cpus, all moves, all waiting' <<'ROWS'
110 3 2 40 1 1 2
ROWS

show='"\(.name) \(.read) \(.instructions) sections \(.acquires) contended \(.contended) mismatches \(.mismatches)"'
rows <<'LOG'
# two readers at a time, then a writer that waits for the second
lock cpu=0 time=0 addr=0x1000 op=acquired read=1 name=R
lock cpu=1 time=0 addr=0x1000 op=acquired read=1 name=R
lock cpu=2 time=0 addr=0x1000 op=acquire name=R
lock cpu=0 time=10 addr=0x1000 op=release name=R
lock cpu=1 time=20 addr=0x1000 op=release name=R
lock cpu=2 time=30 addr=0x1000 op=acquired name=R
lock cpu=2 time=35 addr=0x1000 op=release name=R
# the same one three deep
lock cpu=0 time=100 addr=0x2000 op=acquired name=N
lock cpu=0 time=110 addr=0x2000 op=acquired name=N
lock cpu=0 time=115 addr=0x2000 op=acquired name=N
lock cpu=0 time=120 addr=0x2000 op=release name=N
lock cpu=0 time=130 addr=0x2000 op=release name=N
lock cpu=0 time=150 addr=0x2000 op=release name=N
LOG
expect 'readers have sections side by side, and rows of their own; a recursion is one section' <<'ROWS'
N 0 50 sections 1 contended 0 mismatches 0
R 1 30 sections 2 contended 0 mismatches 0
R 0 5 sections 1 contended 1 mismatches 0
ROWS

rows <<'LOG'
switch cpu=0 task=5
switch cpu=1 task=6
# slept, woke up on the other cpu: the times cannot be compared
lock cpu=0 time=100 addr=0x1000 op=acquired name=A
access cpu=0 time=101 pc=0x1 flags=load+moved
switch cpu=0 time=102 task=7
switch cpu=1 time=9000 task=5
lock cpu=1 time=9001 addr=0x1000 op=release name=A
lock cpu=1 time=9010 addr=0x1000 op=acquired name=A
lock cpu=1 time=9013 addr=0x1000 op=release name=A
# let go by the task that was switched to
lock cpu=0 time=200 addr=0x2000 op=acquired name=B
switch cpu=0 time=210 task=8
lock cpu=0 time=220 addr=0x2000 op=release name=B
# what nobody was seen to take
lock cpu=0 time=230 addr=0x3000 op=release name=C
LOG
expect 'a section that ends on another cpu is counted as that and nothing else; another task may end one' <<'ROWS'
B 0 20 sections 1 contended 0 mismatches 0
A 0 3 sections 1 contended 0 mismatches 1
ROWS
grep '"type":"work"' all.json | jq -c '[.unheld, .total_mismatches, .total_moves]' >got
expect '... and the totals say so, and count releases of what nobody was seen to take' <<'ROWS'
[1,1,1]
ROWS

show='"\(.name) \(.instructions) moves \(.moves) \(.mismatches)"'
rows <<'LOG'
# the end of the first section is missing: somebody else has it
lock cpu=0 time=100 addr=0x1000 op=acquired name=A
lock cpu=1 time=100 addr=0x1000 op=acquired name=A
access cpu=0 time=104 flags=load+moved
lock cpu=1 time=105 addr=0x1000 op=release name=A
# still held at the end
lock cpu=1 time=110 addr=0x1000 op=acquired name=A
access cpu=1 time=111 flags=load+moved
LOG
expect 'a lock that another one takes was let go unseen; what is held at the end has no row' <<'ROWS'
A 5 moves 0 1
ROWS

rows <<'LOG'
lock cpu=0 time=100 addr=0x1000 op=acquired name=outer
access cpu=0 time=105 pc=0x1 flags=load+moved
lock cpu=0 time=110 addr=0x2000 op=acquired name=inner
access cpu=0 time=115 pc=0x2 flags=load+moved
access cpu=0 time=116 pc=0x2 flags=load+moved
lock cpu=0 time=120 addr=0x2000 op=release name=inner
lock cpu=0 time=130 addr=0x1000 op=release name=outer
LOG
expect 'moves are charged to the innermost lock, instructions to each' <<'ROWS'
outer 30 moves 1 0
inner 10 moves 2 0
ROWS

rows <<'LOG'
switch cpu=0 task=5
entry cpu=0 time=90 tag=1 task=5 cause=syscall state=start pc=0x9
lock cpu=0 time=100 addr=0x1000 op=acquired name=A
entry cpu=0 time=101 tag=2 task=5 cause=exception state=start pc=0x9
access cpu=0 time=102 pc=0x1 flags=load+moved
entry cpu=0 time=103 tag=2 task=5 cause=exception state=done
entry cpu=0 time=104 tag=3 task=5 cause=interrupt state=start pc=0x9
access cpu=0 time=105 pc=0x2 flags=load+moved
lock cpu=0 time=106 addr=0x2000 op=acquired name=irq
access cpu=0 time=107 pc=0x3 flags=load+moved
lock cpu=0 time=108 addr=0x2000 op=release name=irq
entry cpu=0 time=109 tag=3 task=5 cause=interrupt state=done
access cpu=0 time=110 pc=0x4 flags=load+moved
lock cpu=0 time=120 addr=0x1000 op=release name=A
LOG
expect 'an interrupt does not work under the locks of what it interrupts; a fault does' <<'ROWS'
A 20 moves 2 0
irq 2 moves 1 0
ROWS

show='"\(.name) \(.acquires) \(.failed) \(.waited) \(.addr)"'
rows <<'LOG'
lock cpu=0 time=0 addr=0x1000 op=acquire name=A
lock cpu=0 time=9 addr=0x1000 op=failed name=A
lock cpu=0 time=10 addr=0x1000 op=acquire name=A
lock cpu=0 time=12 addr=0x1000 op=acquired name=A
lock cpu=0 time=20 addr=0x1000 op=release name=A
lock cpu=300 time=0 addr=0x2000 op=acquired
lock cpu=300 time=4 addr=0x2000 op=release
lock cpu=300 time=5 addr=0x2008 op=acquired
lock cpu=300 time=6 addr=0x2008 op=release
LOG
expect 'an attempt may fail; a lock without a name is called by its address; cpu 300 is one like others' <<'ROWS'
A 1 1 2 0x1000
0x2000 1 0 0 0x2000
0x2008 1 0 0 0x2008
ROWS

rows --by lock <<'LOG'
begin mode=movement
object id=7 addr=0x1000 bytes=64 storage=heap name=dentry
lock cpu=0 time=0 addr=0x1008 op=acquired name=d_lock
lock cpu=0 time=4 addr=0x1008 op=release name=d_lock
object id=8 addr=0x1000 bytes=64 storage=heap name=dentry
lock cpu=0 time=5 addr=0x1008 op=acquired name=d_lock
lock cpu=0 time=7 addr=0x1008 op=release name=d_lock
LOG
jq -r 'select(.type == "serial") | "\(.name) \(.addr) object \(.object) \(.instructions)"' all.json >got
expect 'an address that is used again has another lock, also of the same class' <<'ROWS'
d_lock 0x1008 object 7 4
d_lock 0x1008 object 8 2
ROWS

# ---- accesses under no lock -------------------------------------------------------

show='"\(.section) \(.name) \(.instructions) moves \(.moves) at \(.addr) object \(.object) pc \(.pc)"'
unlocked() {
	rows "$@" <<'LOG'
object id=1 addr=0x5000 bytes=64 storage=heap name=malloc ctype="struct s"
object id=2 addr=0x6000 bytes=64 storage=heap name=malloc ctype="struct s"
object id=3 addr=0x7000 bytes=8 storage=static name=counter
access cpu=0 pc=0x1 addr=0x5000 object=1 flags=load+moved
access cpu=1 pc=0x2 addr=0x6000 object=2 flags=store
access cpu=1 pc=0x2 addr=0x6008 object=2 flags=store
access cpu=0 pc=0x3 addr=0x7000 object=3 flags=store+moved
access cpu=0 pc=0x4 addr=0x9000 flags=store+moved
lock cpu=0 time=1 addr=0x1000 op=acquired name=A
access cpu=0 pc=0x3 addr=0x7000 object=3 flags=store+moved
access cpu=1 pc=0x3 addr=0x7000 object=3 flags=store+moved
lock cpu=0 time=7 addr=0x1000 op=release name=A
LOG
}
unlocked --unlocked
expect '--unlocked: an access under no lock of its own cpu is a section of one instruction, by type' <<'ROWS'
lock A 6 moves 1 at 0x1000 object 0 pc 0x0
access struct s 3 moves 1 at 0x0 object 0 pc 0x2
access counter 2 moves 2 at 0x0 object 3 pc 0x3
access  1 moves 1 at 0x9000 object 0 pc 0x4
ROWS
unlocked --unlocked --by lock
expect '... or by object, or by address where there is none' <<'ROWS'
lock A 6 moves 1 at 0x1000 object 0 pc 0x0
access counter 2 moves 2 at 0x0 object 3 pc 0x3
access struct s 2 moves 0 at 0x0 object 2 pc 0x2
access  1 moves 1 at 0x9000 object 0 pc 0x4
access struct s 1 moves 1 at 0x0 object 1 pc 0x1
ROWS

# ---- what rows stand for --------------------------------------------------------------

several() {
	cat <<'LOG'
begin cpus=4
switch cpu=0 task=5
switch cpu=1 task=6
lock cpu=0 time=0 addr=0x1000 pc=0x10 op=acquired name=A
access cpu=0 time=0 pc=0x99 flags=load+moved
access cpu=0 time=0 pc=0x98 flags=load+moved
access cpu=0 time=0 pc=0x98 flags=load+moved
lock cpu=0 time=40 addr=0x1000 op=release name=A
lock cpu=1 time=0 addr=0x1008 pc=0x10 op=acquired name=A
lock cpu=1 time=20 addr=0x1008 op=release name=A
lock cpu=1 time=20 addr=0x1000 pc=0x20 op=acquired name=A
access cpu=1 time=21 pc=0x99 flags=load+moved
lock cpu=1 time=40 addr=0x1000 op=release name=A
lock cpu=1 time=40 addr=0x2000 pc=0x30 op=acquired name="cmpxchg ref"
lock cpu=1 time=50 addr=0x2000 op=release name="cmpxchg ref"
end instructions=1000
LOG
}
show='"\(.section) \(.name) \(.instructions) share \(.share) least \(.least) spread \(.spread) cpus \(.cpus) by \(.by | join("+"))"'
several | rows
expect 'by class: share of the run, least work of a cpu, spread over the cpus; cmpxchg is a retry' <<'ROWS'
lock A 80 share 80000 least 0 spread 2500 cpus 2 by class
retry cmpxchg ref 10 share 10000 least 0 spread 4330 cpus 1 by class
ROWS
show='"\(.name) \(.addr) \(.instructions) pc \(.pc) task \(.task) cpu \(.cpu)"'
several | rows --by lock
expect '--by lock' <<'ROWS'
A 0x1000 60 pc 0x10 task 0 cpu 0
A 0x1008 20 pc 0x10 task 0 cpu 0
cmpxchg ref 0x2000 10 pc 0x30 task 0 cpu 0
ROWS
several | rows --by pc
expect '--by pc: where it was acquired' <<'ROWS'
A 0x0 60 pc 0x10 task 0 cpu 0
A 0x1000 20 pc 0x20 task 0 cpu 0
cmpxchg ref 0x2000 10 pc 0x30 task 0 cpu 0
ROWS
several | rows --by task,class
expect '--by task,class: words go together' <<'ROWS'
A 0x1000 40 pc 0x10 task 5 cpu 0
A 0x0 40 pc 0x10 task 6 cpu 0
cmpxchg ref 0x2000 10 pc 0x30 task 6 cpu 0
ROWS
several | rows --by cpu
sort got >got.sorted; mv got.sorted got
expect '--by cpu: without regard to names' <<'ROWS'
 0x0 40 pc 0x10 task 0 cpu 1
 0x1000 40 pc 0x10 task 0 cpu 0
 0x2000 10 pc 0x30 task 0 cpu 1
ROWS
show='"\(.name) \(.addr) from \(.start) \(.instructions) pc \(.pc) task \(.task) cpu \(.cpu) moves \(.moves) by \(.pc2)"'
several | rows --by section
expect '--by section: a list, in the order of their ends' <<'ROWS'
A 0x1000 from 0 40 pc 0x10 task 5 cpu 0 moves 3 by 0x98
A 0x1008 from 0 20 pc 0x10 task 6 cpu 1 moves 0 by 0x0
A 0x1000 from 20 20 pc 0x20 task 6 cpu 1 moves 1 by 0x99
cmpxchg ref 0x2000 from 40 10 pc 0x30 task 6 cpu 1 moves 0 by 0x0
ROWS
several | rows --sites
jq -r 'select(.type == "locked") | "\(.name) \(.held) \(.pc) \(.moves)"' all.json >got
expect '--sites: what moved lines, most moves first' <<'ROWS'
A write 0x98 2
A write 0x99 2
ROWS
show='"\(.name) \(.instructions) \(.cycles) \(.share)"'
several | rows --miss-cost 250
expect '--miss-cost: 80 + 4 * 250 of 1000 + 4 * 250, and 10 of the same' <<'ROWS'
A 80 1080 540000
cmpxchg ref 10 10 5000
ROWS

several | mkrec | mt-serial --miss-cost 250 --sites | mt-totext >text
has '^54\.0 % +80 +0 +3 +0 +4 +2 +A$' text 'mt-totext: a row with its share, work, waiting, sections and moves'
has '^ +acquired by +0x10$' text '... below it where the lock was acquired'
has '^ +moves lines +0x98 +2 moves$' text '... and what moved lines'

# ---- runs ------------------------------------------------------------------------------

runs() {
	cat <<'LOG'
begin
lock cpu=0 time=0 addr=0x1000 op=acquired name=before
lock cpu=0 time=5 addr=0x1000 op=release name=before
mode mode=movement instructions=100 name=one
lock cpu=0 time=10 addr=0x1000 op=acquired name=A
lock cpu=0 time=20 addr=0x1000 op=release name=A
lock cpu=0 time=21 addr=0x1000 op=acquired name=A
mode mode=off instructions=200 name=one
lock cpu=0 time=30 addr=0x1000 op=acquired name=between
lock cpu=0 time=40 addr=0x1000 op=release name=between
mode mode=movement instructions=300 name=two
lock cpu=0 time=50 addr=0x1000 op=acquired name=A
lock cpu=0 time=80 addr=0x1000 op=release name=A
mode mode=off instructions=700 name=two
LOG
}
runs | mkrec >log.mt
mt-serial <log.mt | mt-tojson | jq -r 'select(.type == "serial") | "\(.name) \(.instructions) \(.share)"' >got
expect 'what is recorded while recording is off does not count; shares are of all runs together' <<'ROWS'
A 40 80000
ROWS
mt-serial --per-run <log.mt | mt-tojson | jq -r 'if .type == "mode" then .mode + " " + .name elif .type == "serial" then "\(.name) \(.instructions) \(.share)" else empty end' >got
expect '--per-run: the rows of a run stand behind its beginning' <<'ROWS'
movement one
A 10 100000
off one
movement two
A 30 75000
off two
ROWS

mt-serial --by section <log.mt | mt-tojson | jq -r 'select(.type == "serial") | "\(.number) \(.name) \(.start)"' >got
expect '--by section: nor are sections listed that ended before the first run' <<'ROWS'
1 A 10
2 A 50
ROWS
mkrec <<'LOG' | mt-serial --by section | mt-tojson | jq -r 'select(.type == "serial").name' >got
begin
lock cpu=0 time=0 addr=0x1000 op=acquired name=A
lock cpu=0 time=5 addr=0x1000 op=release name=A
LOG
expect '... but those of a log that says nothing of recording are' <<'ROWS'
A
ROWS

mkrec -r >cut.mt <<'LOG'
begin
lock cpu=0 time=10 addr=0x1000 op=acquired name=A
lock cpu=0 time=20 addr=0x1000 op=release name=A
LOG
mt-serial <cut.mt 2>err >out; status=$?
is_status 1 'a log without an end: status 1'
mt-tojson <out 2>/dev/null | grep -c '"type":"serial"' >got
expect '... and the rows of what there is' <<'ROWS'
1
ROWS

# ---- a slow model, and parts -------------------------------------------------------------

python3 "$model/lock-logs.py" 1 300 | mkrec >random.mt
mt-tojson <random.mt >random.json
agrees() {
	name=$1; shift
	python3 "$model/locks.py" serial "$@" <random.json | jq -cS . >want
	mt-serial "$@" <random.mt | mt-tojson | grep -E '"type":"(serial|work)"' |
		jq -cS 'del(.start, .number, .by, .time) | if .type == "work" then del(.cpu) else . end' >got
	same want got "a slow model says the same of 300 random logs: $name"
}
agrees classes
agrees 'locks, and accesses under none' --by lock --unlocked --miss-cost 250
agrees 'all keys' --by class,lock,pc,task,cpu

parts() {
	options=$1
	# shellcheck disable=SC2086  # words
	mt-serial $options <log.mt >whole
	for parts in 1 2 7 64; do
		rm -f part-*
		mt-split -n $parts -f "mt-serial $options --partial --part \$PART >\$FILE" <log.mt &&
			mt-merge part-* | mt-serial $options >merged
		cmp -s whole merged || return 1
	done
}
python3 "$model/lock-logs.py" 301 301 3000 | mkrec >log.mt
for options in '' '--by lock --unlocked --sites' '--by pc,cpu,task --miss-cost 100' '--per-run' \
	'--by section --miss-cost 100' '--by section,class --per-run'; do
	parts "$options"
	ok $? "1, 2, 7 and 64 parts by line, merged, give the bytes of the whole: mt-serial $options"
done

mt-serial --by section <log.mt | mt-tojson | jq -r 'select(.type == "serial").number' >got
seq "$(wc -l <got)" >want
[ "$(wc -l <got)" -gt 50 ]; ok $? 'that list has many sections,'
same want got '... which are numbered'
# Parts of parts: what was merged is divided among no more, but may be merged again.
# shellcheck disable=SC2016 # mt-split's shell expands that
mt-split -n 3 -f 'mt-serial --by section --partial --part $PART >$FILE' three- <log.mt
mt-merge three-3 three-1 | mt-serial --by section --partial >some
mt-merge some three-2 | mt-serial --by section >merged
mt-serial --by section <log.mt >whole
cmp -s whole merged; ok $? 'two of three lists, merged, are a part of the list'
run mt-serial --by section --unlocked --partial <log.mt
is_status 2 'a list with accesses under no lock has no parts'
has 'no part knows when other parts had their accesses' err '... as is said'
run mt-serial --by line <log.mt; is_status 2 'rows by what it does not know are refused'

done_testing
