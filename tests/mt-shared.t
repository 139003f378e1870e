#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-shared: which lines are shared, who moves them, true or false sharing.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model

# rows OPTIONS <text: what mt-shared says, a row a line, the members of $show.
show='"\(.line) \(.moves) \(.sharing)"'
rows() {
	mkrec >log.mt && mt-shared "$@" <log.mt 2>err | mt-tojson | report_rows | jq -r "$show" >got
}

# Of JSON, the rows of any report that mt-shared makes.
report_rows() { grep -E '"type":"(shared|use|pair|heat)"'; }

# expect NAME <the rows that are wanted
expect() { cat >want; same want got "$1"; }

# ---- what is shared, and how -----------------------------------------------

# In mode off (a log made by hand) moves follow from the accesses: at the start
# all cpus hold all lines, so the first store moves and a first load does not.
rows <<'LOG'
# two counters on one line: each store takes it from the other
access cpu=0 pc=0x10 paddr=0x1000 addr=0x1000 width=4 flags=load+store
access cpu=1 pc=0x20 paddr=0x1004 addr=0x1004 width=4 flags=load+store
access cpu=0 pc=0x10 paddr=0x1000 addr=0x1000 width=4 flags=load+store
access cpu=1 pc=0x20 paddr=0x1004 addr=0x1004 width=4 flags=load+store
# one lock that both take
access cpu=0 pc=0x30 paddr=0x2000 addr=0x2000 width=4 flags=load+store+atomic
access cpu=1 pc=0x30 paddr=0x2000 addr=0x2000 width=4 flags=load+store+atomic
access cpu=0 pc=0x30 paddr=0x2000 addr=0x2000 width=4 flags=load+store+atomic
# counters on lines of their own
access cpu=0 pc=0x40 paddr=0x3000 addr=0x3000 width=4 flags=store
access cpu=1 pc=0x40 paddr=0x3040 addr=0x3040 width=4 flags=store
# a table that both read
access cpu=0 pc=0x50 paddr=0x4000 addr=0x4000 width=4 flags=load
access cpu=1 pc=0x50 paddr=0x4000 addr=0x4000 width=4 flags=load
LOG
expect 'counters on one line are false sharing, a lock is true; own and read-only lines are not named' <<'ROWS'
0x1000 4 false
0x2000 3 true
ROWS

mt-shared --all <log.mt | mt-tojson | grep '"type":"shared"' | jq -r "$show" >got
expect '--all names lines of one cpu and lines without a writer, too' <<'ROWS'
0x1000 4 false
0x2000 3 true
0x3000 1 none
0x3040 1 none
0x4000 0 read
ROWS

mt-shared --min-moves 4 <log.mt | mt-tojson | grep '"type":"shared"' | jq -r "$show" >got
expect '--min-moves leaves out what moved less' <<'ROWS'
0x1000 4 false
ROWS

show='"\(.line) \(.addr) \(.lines) loads=\(.loads) stores=\(.stores) r=\(.readers) w=\(.writers) \(.pc)+\(.offset) \(.flags) \(.pc2)+\(.offset2) \(.flags2)"'
rows <<'LOG'
access cpu=7 pc=0x10 addr=0x50008 paddr=0x1008 width=8 flags=store
access cpu=0 pc=0x20 addr=0x60010 paddr=0x1010 width=2 flags=load
access cpu=1 pc=0x20 addr=0x60010 paddr=0x1010 width=2 flags=load
access cpu=2 pc=0x20 addr=0x60010 paddr=0x1010 width=2 flags=load
access cpu=0 pc=0x20 addr=0x60010 paddr=0x1010 width=2 flags=load
access cpu=7 pc=0x10 addr=0x50008 paddr=0x1008 width=8 flags=store+atomic
access cpu=9 pc=0x18 addr=0x50008 paddr=0x1008 width=8 flags=load+store
LOG
expect 'a row has both addresses, counts, cpu sets, and both sides; cpus of one pc are one side' <<'ROWS'
0x1000 0x50000 1 loads=4 stores=3 r=0-2,9 w=7,9 0x20+16 ["load"] 0x10+8 ["store","atomic"]
ROWS

# The first load reads what the other cpu has just written, the second one a
# neighbour of it.
show='"\(.line) \(.moves) \(.sharing)"'
mixed() {
	for _ in 1 2 3 4 5 6; do
		echo 'access cpu=0 pc=0x1 paddr=0x40 width=8 flags=store'
		echo 'access cpu=1 pc=0x2 paddr=0x40 width=8 flags=load'
		echo 'access cpu=0 pc=0x1 paddr=0x48 width=8 flags=store'
		echo 'access cpu=1 pc=0x2 paddr=0x50 width=8 flags=load'
	done
}
mixed | rows
expect 'moves of both kinds, each more than 5 %, are mixed' <<'ROWS'
0x40 24 mixed
ROWS

rows <<'LOG'
# the main thread clears all, then each of the others uses its part
access cpu=0 pc=0x1 paddr=0x1000 width=64 flags=store
access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=store
access cpu=2 pc=0x3 paddr=0x1020 width=8 flags=store
access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=store
access cpu=2 pc=0x3 paddr=0x1020 width=8 flags=store
access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=store
access cpu=2 pc=0x3 paddr=0x1020 width=8 flags=store
LOG
expect 'what was written before this cpu last had the line is no news' <<'ROWS'
0x1000 7 false
ROWS

rows <<'LOG'
# handed over once, and used by one cpu from then on
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store
access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=load
access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=store
# set up, then neighbours
access cpu=0 pc=0x1 paddr=0x2000 width=16 flags=store
access cpu=1 pc=0x2 paddr=0x2000 width=8 flags=store
access cpu=2 pc=0x2 paddr=0x2008 width=8 flags=store
access cpu=1 pc=0x2 paddr=0x2000 width=8 flags=store
LOG
expect 'the first time counts for neither; where nothing else is, the bytes decide' <<'ROWS'
0x2000 4 false
0x1000 3 true
ROWS
{
	echo 'access cpu=0 pc=0x1 paddr=0x1000 width=64 flags=store'
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		echo 'access cpu=1 pc=0x2 paddr=0x1000 width=8 flags=store'
		echo 'access cpu=2 pc=0x3 paddr=0x1020 width=8 flags=store'
	done
} | rows
expect 'an initialisation does not make false sharing true' <<'ROWS'
0x1000 51 false
ROWS

rows <<'LOG'
begin mode=all options=cold line=64
access cpu=0 paddr=0x1000 width=8 flags=load+moved
access cpu=0 paddr=0x1000 width=8 flags=store
access cpu=1 paddr=0x1000 width=8 flags=load+moved
LOG
expect 'in the modes movement and all the records say what moved' <<'ROWS'
0x1000 2 true
ROWS
rows --line-size 128 <<'LOG'
begin mode=all options=cold line=64
access cpu=0 paddr=0x1000 width=8 flags=load+moved
access cpu=0 paddr=0x1000 width=8 flags=store
access cpu=1 paddr=0x1000 width=8 flags=load+moved
access cpu=1 paddr=0x1040 width=8 flags=load+moved
LOG
expect 'for other lines the rule does, from a cold start too' <<'ROWS'
0x1000 2 true
ROWS

# ---- logs of moves -----------------------------------------------------------

# cpu 0 holds the line when it writes 0x1008: no record.  The load of it by
# cpu 1 cannot be judged by 0x1000 alone, because cpu 0 wrote 0x1008 before.
hidden() {
	echo "begin mode=$1 line=64"
	cat <<'LOG'
access cpu=0 pc=0x2 paddr=0x1008 width=8 flags=store+moved
access cpu=1 pc=0x3 paddr=0x1020 width=8 flags=store+moved
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store+moved
access cpu=1 pc=0x3 paddr=0x1020 width=8 flags=store+moved
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store+moved
access cpu=1 pc=0x4 paddr=0x1008 width=8 flags=load+moved
LOG
}
show='"\(.pc) \(.sharing)"'
hidden movement | rows --by site
has '^0x4 true' got 'in a log of moves a load of what the other cpu once wrote is not called false'
hidden all | rows --by site
has '^0x4 false' got 'in a log of everything it is: nothing is hidden there'
hidden movement | rows
has 'false' got 'what is not decided does not count: the line is false sharing'

# ---- other lines ---------------------------------------------------------------

show='"\(.line) \(.moves) \(.sharing)"'
apart='access cpu=0 pc=0x1 paddr=0x1030 width=8 flags=store
access cpu=1 pc=0x2 paddr=0x1040 width=8 flags=store
access cpu=0 pc=0x1 paddr=0x1030 width=8 flags=store'
echo "$apart" | rows
expect 'neighbours on two lines of 64 bytes do not share' </dev/null
echo "$apart" | rows --line-size 128
expect '--line-size 128 says that they would on longer lines' <<'ROWS'
0x1000 3 false
ROWS
echo "$apart" | rows --shift 16
expect '--shift 16 says that they would 16 bytes further on' <<'ROWS'
0x1030 3 false
ROWS
{ echo 'begin mode=movement line=64'; echo "$apart"; } | rows --line-size 128
has 'not every access.*estimate' err 'a log of moves gives an estimate only, which is said'
{ echo 'begin mode=all line=64'; echo "$apart"; } | rows --line-size 128
: >want
same want err 'a log of everything gives the answer'
rows --line-size 32 <<'LOG'
access cpu=0 paddr=0x1018 width=16 flags=store
access cpu=1 paddr=0x101c width=1 flags=load
access cpu=2 paddr=0x1024 width=1 flags=load
LOG
expect 'an access that crosses a border counts on both sides of it' <<'ROWS'
0x1000 2 true
0x1020 2 true
ROWS

# ---- rows that stand for more ---------------------------------------------------

cat >objects <<'LOG'
object id=1 addr=0x1000 bytes=64 name=malloc ctype="struct conn" storage=heap
object id=2 addr=0x1040 bytes=64 name=malloc ctype="struct conn" storage=heap
object id=3 addr=0x2000 bytes=4 name=hits ctype=int storage=static
object id=4 addr=0x2004 bytes=4 name=misses ctype=int storage=static
field id=1 offset=0 bytes=8 ctype="struct conn" path=refs member_type=long
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store object=1 field=1
access cpu=1 pc=0x1 paddr=0x1000 width=8 flags=store object=1 field=1
access cpu=0 pc=0x1 paddr=0x1040 width=8 flags=store object=2 field=1
access cpu=1 pc=0x1 paddr=0x1040 width=8 flags=store object=2 field=1
access cpu=0 pc=0x2 paddr=0x2000 width=4 flags=store object=3
access cpu=1 pc=0x3 paddr=0x2004 width=4 flags=store object=4
access cpu=0 pc=0x2 paddr=0x2000 width=4 flags=store object=3
LOG
show='"\(.object) \(.field) \(.pc) \(.line) \(.lines) \(.moves) \(.sharing) \(.object2)"'
rows --by object <objects
expect '--by object: a row for each object' <<'ROWS'
1 1 0x1 0x1000 1 2 true 1
2 1 0x1 0x1040 1 2 true 2
3 0 0x2 0x2000 1 2 false 4
4 0 0x3 0x2000 1 1 false 3
ROWS
rows --by ctype <objects
expect '--by ctype: objects of one type are one row' <<'ROWS'
1 1 0x1 0x0 2 4 true 1
3 0 0x2 0x2000 1 3 false 4
ROWS
rows --by field <objects
expect '--by field: a field in all objects is one row, and so is each variable' <<'ROWS'
1 1 0x1 0x0 2 4 true 1
3 0 0x2 0x2000 1 2 false 4
4 0 0x3 0x2000 1 1 false 3
ROWS
rows --by pc <objects
expect '--by pc: a row for each instruction' <<'ROWS'
1 1 0x1 0x0 2 4 true 1
3 0 0x2 0x2000 1 2 false 4
4 0 0x3 0x2000 1 1 false 3
ROWS
rows --by site <objects
expect '--by site: a row for each instruction and line' <<'ROWS'
1 1 0x1 0x1000 1 2 true 1
2 1 0x1 0x1040 1 2 true 2
3 0 0x2 0x2000 1 2 false 4
4 0 0x3 0x2000 1 1 false 3
ROWS

show='"\(.task) \(.moves) \(.cpus) \(.readers) \(.writers)"'
rows --by task <<'LOG'
switch cpu=0 task=11
switch cpu=1 task=12
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store
access cpu=1 pc=0x1 paddr=0x1000 width=8 flags=store
switch cpu=1 task=11
access cpu=1 pc=0x1 paddr=0x1000 width=8 flags=load
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store
LOG
expect '--by task: a row for each task, on whatever cpus it ran' <<'ROWS'
11 2 2 1 0
12 1 1  1
ROWS

cat >addresses <<'LOG'
begin cpus=4
object id=1 addr=0x1000 bytes=64 name=a
# all four alike; then twice as many by two of them
access cpu=0 pc=0x1 paddr=0x1000 addr=0x1000 width=4 flags=store object=1
access cpu=1 pc=0x1 paddr=0x1000 addr=0x1000 width=4 flags=store object=1
access cpu=2 pc=0x2 paddr=0x1000 addr=0x1000 width=4 flags=load object=1
access cpu=3 pc=0x2 paddr=0x1000 addr=0x1000 width=4 flags=load object=1
access cpu=0 pc=0x3 paddr=0x1008 addr=0x1008 width=4 flags=store object=1
access cpu=0 pc=0x3 paddr=0x1008 addr=0x1008 width=4 flags=store object=1
access cpu=1 pc=0x3 paddr=0x1008 addr=0x1008 width=4 flags=store object=1
access cpu=1 pc=0x3 paddr=0x1008 addr=0x1008 width=4 flags=store object=1
access cpu=3 pc=0x4 paddr=0x2000 addr=0x2000 width=4 flags=store
LOG
show='"\(.addr) \(.loads)+\(.stores) cpus=\(.cpus) \(.reader_cpus) \(.writer_cpus) weight=\(.weight)"'
rows --by address --all <addresses
expect '--by address: each address, weighed by how evenly the cpus use it (population deviation)' <<'ROWS'
0x1000 2+2 cpus=4 2 2 weight=8000
0x1008 0+4 cpus=2 0 2 weight=8000
0x2000 0+1 cpus=1 0 1 weight=4618
ROWS
rows --by address --all --min-cpus 2 <addresses
expect '--min-cpus 2 lists what is shared: the original listed what one cpu alone uses, too' <<'ROWS'
0x1000 2+2 cpus=4 2 2 weight=8000
0x1008 0+4 cpus=2 0 2 weight=8000
ROWS
show='"\(.addr) cpu \(.cpu) pc \(.pc): \(.loads) \(.stores)"'
rows --by use --min-cpus 2 <addresses
expect '--by use: of each address what each instruction does on each cpu' <<'ROWS'
0x1000 cpu 0 pc 0x1: 0 1
0x1000 cpu 1 pc 0x1: 0 1
0x1000 cpu 2 pc 0x2: 1 0
0x1000 cpu 3 pc 0x2: 1 0
0x1008 cpu 0 pc 0x3: 0 2
0x1008 cpu 1 pc 0x3: 0 2
ROWS

show='"\(.line) \(.sharing) \(.object)+\(.offset) \(.object2)+\(.offset2)"'
rows <<'LOG'
# objects on one line: of two cpus, and of one
object id=1 addr=0x1000 bytes=8 name=a
object id=2 addr=0x1008 bytes=8 name=b
object id=3 addr=0x2000 bytes=8 name=c
object id=4 addr=0x2008 bytes=8 name=d
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store object=1
access cpu=1 pc=0x2 paddr=0x1008 width=8 flags=store object=2
access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store object=1
access cpu=0 pc=0x1 paddr=0x2000 width=8 flags=store object=3
access cpu=0 pc=0x2 paddr=0x2008 width=8 flags=store object=4
LOG
expect 'two cpus that write neighbours are false sharing, one that writes both is not (the original: co-location is enough)' <<'ROWS'
0x1000 false 1+0 2+8
ROWS

# ---- who took from whom -----------------------------------------------------------

cat >takers <<'LOG'
access cpu=0 pc=0x10 paddr=0x1000 width=8 flags=store object=1 field=7 stack=1
# the same cpu again: no move, nobody to blame
access cpu=0 pc=0x11 paddr=0x1000 width=8 flags=store object=1 field=7 stack=1
access cpu=1 pc=0x20 paddr=0x1000 width=8 flags=load object=1 field=7 stack=2
access cpu=2 pc=0x30 paddr=0x1008 width=8 flags=load object=1 field=8 stack=3
# takes it from its last reader
access cpu=0 pc=0x10 paddr=0x1000 width=8 flags=store object=1 field=7 stack=1
# takes it from its last writer, though others read since then
access cpu=1 pc=0x20 paddr=0x1000 width=8 flags=load object=1 field=7 stack=2
access cpu=3 pc=0x40 paddr=0x1000 width=8 flags=store object=1 field=7 stack=4
LOG
show='"\(.moves) \(.pc)/\(.stack) \(.to) <- \(.from) \(.pc2)/\(.stack2) \(.field) \(.field2)"'
rows --by pair <takers
expect '--by pair: a load takes from the last writer, a store from it or else from the last reader; with stacks' <<'ROWS'
1 0x10/1 0 <- 2 0x30/3 7 8
1 0x20/2 1 <- 0 0x10/1 7 7
1 0x20/2 1 <- 0 0x11/1 7 7
1 0x30/3 2 <- 0 0x11/1 8 7
1 0x40/4 3 <- 0 0x10/1 7 7
ROWS
show='"\(.to) <- \(.from): \(.moves) \(.by) \(.object) \(.field)"'
rows --by cpus <takers
expect '--by cpus: from which cpu to which lines travel' <<'ROWS'
1 <- 0: 2 cpus 0 0
0 <- 2: 1 cpus 0 0
2 <- 0: 1 cpus 0 0
3 <- 0: 1 cpus 0 0
ROWS
rows --by cpus --per field <takers
expect '--per field: for each field' <<'ROWS'
1 <- 0: 2 field_cpus 1 7
0 <- 2: 1 field_cpus 1 7
3 <- 0: 1 field_cpus 1 7
2 <- 0: 1 field_cpus 1 8
ROWS
{ echo 'begin options=cold'
  echo 'access cpu=0 pc=1 paddr=0x1000 width=8 flags=load'
  echo 'access cpu=1 pc=1 paddr=0x1000 width=8 flags=load'
  echo 'access cpu=0 pc=1 paddr=0x1000 width=8 flags=store'; } | rows --by cpus
expect 'what comes from memory is no pair' <<'ROWS'
0 <- 1: 1 cpus 0 0
ROWS

# ---- heat ---------------------------------------------------------------------------

show='"\(.object)+\(.offset)[\(.bytes)] moves=\(.moves) \(.loads) \(.stores) r=\(.readers) w=\(.writers) \(.field)"'
rows --by byte <<'LOG'
object id=1 addr=0x1000 bytes=64 name=malloc ctype="struct conn"
object id=2 addr=0x1100 bytes=64 name=malloc ctype="struct conn"
access cpu=0 pc=0x1 paddr=0x1000 addr=0x1000 width=8 flags=store object=1 field=1
access cpu=1 pc=0x2 paddr=0x1004 addr=0x1004 width=2 flags=load object=1 field=2
access cpu=1 pc=0x2 paddr=0x1104 addr=0x1104 width=4 flags=store object=2 field=2
access cpu=0 pc=0x2 paddr=0x1120 addr=0x1120 width=4 flags=load object=2 field=3
LOG
expect '--by byte: how the bytes of a type are used in all its objects, run by run' <<'ROWS'
1+0[4] moves=1 0 1 r= w=0 1
1+4[2] moves=3 1 2 r=1 w=0-1 1
1+6[2] moves=2 0 2 r= w=0-1 1
1+32[4] moves=1 1 0 r=0 w= 3
ROWS

# ---- runs and parts -------------------------------------------------------------------

for run in one two; do
	echo "mode mode=all name=$run"
	echo 'access cpu=0 pc=0x1 paddr=0x1000 width=8 flags=store+moved'
	echo 'access cpu=1 pc=0x1 paddr=0x1000 width=8 flags=store+moved'
	[ $run = one ] || for cpu in 0 1 2; do
		echo "access cpu=$cpu pc=0x2 paddr=0x2000 width=8 flags=store+moved"
	done
	echo 'mode mode=off'
	[ $run = two ] || echo 'access cpu=1 pc=0x1 paddr=0x1000 width=8 flags=store'
done >runs
mkrec <runs | mt-shared --per-run | mt-tojson | jq -r '"\(.type) \(.name // .moves)"' | sed 's/ $//' >got
expect '--per-run: the rows of each run stand behind its name, in the order of its own moves' <<'ROWS'
begin null
mode one
shared 2
mode
mode two
shared 3
shared 2
mode
end null
ROWS

show='"\(.process) \(.pc) \(.pc2)"'
rows <<'LOG'
switch cpu=0 task=11 process=5
switch cpu=1 task=12 process=5
access cpu=0 pc=0x10 paddr=0x1000 width=4 flags=store
access cpu=1 pc=0x10 paddr=0x1000 width=4 flags=store
access cpu=0 pc=0xffffffff81000000 paddr=0x2000 width=4 flags=store
access cpu=1 pc=0xffffffff81000000 paddr=0x2000 width=4 flags=store
LOG
expect 'a row has the process of its instructions; kernel code has none' <<'ROWS'
5 0x10 0x10
0 0xffffffff81000000 0xffffffff81000000
ROWS

# ---- entries to the kernel ---------------------------------------------------------

show='"\(.entry_pc) \(.cause) \(.number) \(.moves)"'
cat >calls <<'LOG'
entry cpu=0 tag=1 state=start pc=0xffffffff81000010 cause=syscall number=3
entry cpu=1 tag=2 state=start pc=0xffffffff81000010 cause=syscall number=3
access cpu=0 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
access cpu=1 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
access cpu=0 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
entry cpu=1 tag=2 state=pause
entry cpu=1 tag=3 state=start pc=0xffffffff81000020 cause=interrupt number=33
access cpu=1 pc=0xffffffff81000200 paddr=0x1000 width=4 flags=store
entry cpu=1 tag=3 state=done
entry cpu=1 tag=2 state=resume
access cpu=0 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
access cpu=1 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
entry cpu=1 tag=2 state=done
access cpu=0 pc=0xffffffff81000100 paddr=0x1000 width=4 flags=store
access cpu=1 pc=0x300 paddr=0x1000 width=4 flags=store
LOG
rows --by entry <calls
expect '--by entry: what each system call and interrupt moved, and what none did' <<'ROWS'
0xffffffff81000010 syscall 3 6
0x0 syscall 0 1
0xffffffff81000020 interrupt 33 1
ROWS
rows <calls
expect 'other rows name the entry with the most moves' <<'ROWS'
0xffffffff81000010 syscall 3 8
ROWS
{ cat calls; echo 'mode mode=off'
  for _ in 1 2 3 4; do
	echo 'access cpu=0 pc=0x9 paddr=0x2000 width=4 flags=store'
	echo 'access cpu=1 pc=0x9 paddr=0x2000 width=4 flags=store'
  done; } >again
rows <again
expect 'an entry that was open when recording stopped is gone' <<'ROWS'
0xffffffff81000010 syscall 3 8
0x0 syscall 0 8
ROWS

# ---- the stream -----------------------------------------------------------------

mkrec >log.mt <<'LOG'
task task=1 process=1 name=prog
map addr=0x400000 bytes=4096 process=1 path=/bin/prog
switch task=1 process=1
label addr=0x1000 bytes=64 name=malloc
object id=1 addr=0x1000 bytes=64
stack id=1 pc=0x10
symbol pc=0x10 function=main
access cpu=0 pc=0x10 paddr=0x1000 width=4 flags=store object=1
call pc=0x10 target=0x20
777 size=24 data=00ff
access cpu=1 pc=0x10 paddr=0x1000 width=4 flags=store object=1
end instructions=5
LOG
mt-shared <log.mt | mt-tojson | jq -r .type | tr '\n' ' ' >got
echo 'begin task map object symbol unknown shared end ' | tr -d '\n' >want
same want got 'events go, with what only they need; the context of the rows and unknown kinds stay'

cat log.mt log.mt >two.mt
mt-shared <two.mt | mt-tojson | grep -c '"type":"shared".*"moves":2' >got
echo 2 >want
same want got 'two streams are two reports'

head -c -8 log.mt >cut.mt
run mt-shared <cut.mt
is_status 1 'a cut stream fails'
cp out cut.out
run mt-tojson <cut.out
is_status 1 'and the end is not invented'
grep -c '"type":"shared"' out >got
echo 1 >want
same want got 'but the rows of what there was come'

mkrec >bad.mt <<'LOG'
begin line=48
LOG
run mt-shared <bad.mt
is_status 1 'a line size that is none fails'
has 'line size 48 is not a power of two' err 'and says so'
for usage in '--by size' '--per field' '--by cpus --per pc' '--partial --per-run' '--partial --shift 24' '--partial --line-size 512' '--min-cpus x' '--line-size 100' '--line-size 4' '--shift 4096' '--min-moves x' operand; do
	# shellcheck disable=SC2086 # an option and its argument
	run mt-shared $usage <log.mt
	is_status 2 "wrong usage: $usage"
done
run mt-shared --shift 64 <log.mt
is_status 2 '--shift must be less than a line'

mkstream -n 200000 -l 3000 >big.mt
mt-shared --by site <big.mt >one
mt-shared --by site <big.mt >two
cmp -s one two
ok $? 'the same input gives the same bytes, though tables are laid out anew in each run'

if grep -q __asan_init "$B/mt-shared"; then
	skip 'built with a sanitizer, which needs memory' 'memory does not grow with accesses'
else
	# shellcheck disable=SC3045 # dash and bash have -v
	mkstream -n 3000000 -l 1000 -p 100 | (ulimit -v 60000 && mt-shared >out 2>err)
	ok $? 'memory does not grow with accesses: 3 million in 60 MB'
fi

# The line's address is that of its first access, also when that is the end of one
# that began on the line before.
show='"\(.line) \(.addr)"'
rows --line-size 32 <<'LOG'
access cpu=0 pc=0x10 paddr=0x101e addr=0x5000101e width=4 flags=store
access cpu=1 pc=0x20 paddr=0x1020 addr=0x70001020 width=4 flags=store
LOG
expect 'a line has the address under which it was seen first, though the access crossed into it' <<'ROWS'
0x1020 0x50001020
ROWS

# What an instruction has as its offset is where it moved its line first, though it had
# so many accesses before that they are counted elsewhere.
show='"\(.pc) \(.offset) \(.loads) \(.stores)"'
{
	echo 'begin mode=all line=64'
	echo 'access cpu=1 pc=0x20 paddr=0x1000 addr=0x1000 width=4 flags=store'
	seq -f 'access cpu=0 pc=0x10 paddr=0x1000 addr=0x1000 width=4 flags=load #%g' 400 | cut -d '#' -f 1
	echo 'access cpu=0 pc=0x10 paddr=0x1008 addr=0x1008 width=4 flags=load+moved'
} | rows
expect 'the offset is that of the first move, be it the 401st access' <<'ROWS'
0x10 8 401 1
ROWS

# ---- against the model ------------------------------------------------------------

if command -v python3 >/dev/null; then
	python3 "$model/random-logs.py" 1 250 | mkrec >random.mt
	mt-tojson <random.mt >random.json
	while read -r options; do
		# shellcheck disable=SC2086 # several words
		mt-shared $options <random.mt 2>err | mt-tojson | report_rows >got
		# shellcheck disable=SC2086
		python3 "$model/shared.py" $options <random.json >want
		same want got "250 random logs, as the model says: $options"
	done <<'OPTIONS'
--by line
--all
--by object
--by ctype
--by field --all
--by pc
--by site --min-moves 2
--by entry
--by entry --all --line-size 128
--by task
--by task --all --min-cpus 2
--by address --all
--by use
--by use --all --line-size 128
--by byte
--by byte --all --line-size 32
--by pair
--by pair --min-moves 2 --shift 24
--by cpus
--by cpus --per line
--by cpus --per object
--by cpus --per ctype
--by cpus --per field
--line-size 8 --all
--line-size 256
--shift 24 --by pc
OPTIONS
	# one instruction that counts beyond a byte, and thousands of others on few lines;
	# the low halves of their addresses are often the same
	awk 'function any(n) { x = (x * 69069 + 12345) % 4294967296; return int(x / 65536) % n }
	BEGIN {
		split("load store load+store", what, " ")
		for (x = 1; i < 6000; i++) {
			hot = !any(3)
			at = 4096 + (hot ? 0 : any(12) * 64 + any(60))
			printf "access cpu=%d pc=0x%d%08x paddr=%d addr=%d width=%d flags=%s\n", any(4),
			       hot ? 1 : any(3), hot ? 16 : any(800), at, at, any(20) ? 4 : 8, what[1 + any(3)]
		}
	}' | mkrec >crowd.mt
	mt-tojson <crowd.mt >crowd.json
	for options in '--by line' '--by pc' '--all --by site' '--by use' '--by pc --line-size 8'; do
		# shellcheck disable=SC2086 # several words
		mt-shared $options <crowd.mt | mt-tojson | report_rows >got
		# shellcheck disable=SC2086
		python3 "$model/shared.py" $options <crowd.json >want
		same want got "crowded lines, as the model says: $options"
	done
	# several streams make several reports; of the first long one only the parts
	for seed in 1 4 real; do	# the random ones touch few granules of 256 bytes
		if [ $seed = real ]; then
			mt-cat "$SRC/examples/mosbench/memcached.mt" >whole.mt
		else
			python3 "$model/random-logs.py" $seed $seed 2000 | mkrec >whole.mt
		fi
		while read -r options; do
			# shellcheck disable=SC2086 # several words
			mt-shared $options <whole.mt >want 2>err
			rm -f part-*
			# shellcheck disable=SC2016 # mt-split's shell expands that
			mt-split -n 5 -f "mt-shared $options --partial >\$FILE" <whole.mt 2>err
			# shellcheck disable=SC2086
			mt-merge part-* | mt-shared $options >got 2>err
			cmp -s want got
			ok $? "log $seed: the parts, merged, are the bytes of the whole: ${options:-default}"
		done <<'OPTIONS'

--all --line-size 8
--by object
--by ctype
--by field --all
--by site
--by entry
--by task
--by address --min-cpus 2
--by use
--by byte
--by pair
--by cpus --per field
OPTIONS
	done
	for mode in '' -m; do
		mkstream -n 5000 -l 200 -p 100 -q 10 $mode >stream.mt
		mt-shared <stream.mt | mt-tojson | grep '"type":"shared"' >got
		mt-tojson <stream.mt | python3 "$model/shared.py" >want
		same want got "a longer log of mode ${mode:-all}, as the model says"
	done
else
	skip 'no python3' 'random logs, as the model says'
fi

done_testing
