#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-scopes: unexpected sharing of abstract scopes; commutativity tests.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model

# rows KIND OPTIONS <text: those rows, a row a line, the members of $show.
rows() {
	kind=$1; shift
	mkrec >log.mt && mt-scopes "$@" <log.mt 2>err | mt-tojson | grep "\"type\":\"$kind\"" |
		jq -r "$show" >got
}
expect() { cat >want; same want got "$1"; }

# scope CPU NAME VAR WRITE PADDR WIDTH FLAGS: a whole scope with one access.
scope() {
	cat <<LOG
scope cpu=$1 op=enter name="$2"
var cpu=$1 name=$3 write=$4
access cpu=$1 pc=0x1$1 addr=$5 paddr=$5 width=$6 flags=$7
scope cpu=$1 op=leave
LOG
}

# ---- unexpected sharing ------------------------------------------------------------

show='"\(.name) \(.name2) bytes=\(.bytes) pairs=\(.pairs) most=\(.most) \(.id) \(.id2)"'
{ echo 'begin mode=scope'
  scope 0 'open(a)' dir 0 0x1000 8 store	# the accesses overlap, but start apart
  scope 1 'open(b)' dir 0 0x1004 8 load
  scope 1 'close(b)' fd 1 0x2000 8 store	# and fd is shared: nothing unexpected
  scope 2 'close(c)' fd 1 0x2000 8 store
  scope 2 'stat(c)' dir 0 0x3000 8 load		# both only read
  scope 3 'stat(d)' dir 0 0x3000 8 load
  scope 3 'read(d)' pos 1 0x4000 8 store	# one cpu
  scope 3 'lseek(d)' size 1 0x4000 8 store; } >pairs
rows unexpected <pairs
expect 'scopes on different cpus that share bytes but no variable are found, also where accesses only overlap' <<'ROWS'
open open bytes=4 pairs=1 most=4 1 2
ROWS
rows unexpected --by scope <pairs
expect '--by scope names the scopes' <<'ROWS'
open(a) open(b) bytes=4 pairs=1 most=4 1 2
ROWS
show='"\(.value) \(.name)"'
rows stat <pairs
expect 'all pairs are counted: 28 but 5 on one cpu' <<'ROWS'
8 total scopes
23 compared scopes
21 logically unshared/physically unshared
1 logically shared/physically shared
1 logically unshared/physically shared
0 logically shared/physically unshared
ROWS
show='"\(.addr) \(.bytes) cpus \(.cpu) \(.cpu2) \(.pc) \(.flags) \(.pc2) \(.flags2) scopes \(.id) \(.id2)"'
rows conflict <pairs
expect 'conflict records say which bytes and both sides' <<'ROWS'
0x1004 4 cpus 0 1 0x10 ["store"] 0x11 ["load"] scopes 1 2
ROWS
rows conflict --conflicts 0 <pairs
expect '--conflicts 0: none' </dev/null

show='"\(.id) \(.name) \(.access) [\(.var)]"'
rows abstract --list <<'LOG'
begin mode=scope
scope cpu=0 op=enter name="a \x22 b"
var cpu=0 name=x
scope cpu=0 op=enter name=inner
var cpu=0 name=y write=1
var cpu=0 name=y
scope cpu=0 op=leave
var cpu=0 name=x write=1
var cpu=0 name=b
scope cpu=0 op=leave
scope cpu=1 op=enter name=none
LOG
expect '--list: each scope with what it reads and writes, written wins; names are any bytes; an open one ends with the log' <<'ROWS'
2 inner write [y]
1 a " b read [b]
1 a " b write [x]
3 none none []
ROWS

# ---- whose accesses a scope has -------------------------------------------------------

show='"\(.addr) \(.pc) \(.pc2)"'
rows conflict --testcases <<'LOG'
begin
switch cpu=0 task=1
mode mode=scope name=t
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall task=1
scope cpu=0 op=enter name=syscall:1
access cpu=0 pc=0x1 addr=0x1000 paddr=0x1000 width=8 flags=store
entry cpu=0 tag=1 state=pause
entry cpu=0 tag=2 state=start pc=0x200 cause=interrupt task=1
access cpu=0 pc=0x2 addr=0x2000 paddr=0x2000 width=8 flags=store
entry cpu=0 tag=2 state=done
entry cpu=0 tag=1 state=resume
entry cpu=0 tag=3 state=start pc=0x300 cause=exception task=1
access cpu=0 pc=0x3 addr=0x3000 paddr=0x3000 width=8 flags=store
entry cpu=0 tag=3 state=done
scope cpu=0 op=leave
access cpu=0 pc=0x4 addr=0x4000 paddr=0x4000 width=8 flags=store
entry cpu=0 tag=1 state=done
scope cpu=1 op=enter name=syscall:2
access cpu=1 pc=0x9 addr=0x1000 paddr=0x1000 width=8 flags=load
access cpu=1 pc=0x9 addr=0x2000 paddr=0x2000 width=8 flags=load
access cpu=1 pc=0x9 addr=0x3000 paddr=0x3000 width=8 flags=load
access cpu=1 pc=0x9 addr=0x4000 paddr=0x4000 width=8 flags=load
scope cpu=1 op=leave
mode mode=off
LOG
expect 'a scope has what its call stack does, exceptions too, but no interrupt, and nothing after it' <<'ROWS'
0x1000 0x1 0x9
0x3000 0x3 0x9
ROWS

# ---- test cases ---------------------------------------------------------------------------

show='"\(.number) \(.name) conflicts=\(.conflicts) bytes=\(.bytes) accesses=\(.accesses)"'
{ echo 'begin machine=system'
  echo 'mode mode=kernel name=fs-open_read_1_0'
  i=0				# 512 bytes from one pc: the original lost these
  while [ $i -lt 512 ]; do
	printf 'access cpu=0 pc=0x1 addr=0xffff88800000%04x paddr=0x%x width=8 flags=store\n' $i $i
	i=$((i + 8))
  done
  cat <<'LOG'
access cpu=1 pc=0x2 addr=0xffff888000000100 paddr=0x100 width=4 flags=load
access cpu=1 pc=0x2 addr=0x100 paddr=0x108 width=4 flags=load
mode mode=off name=fs-open_read_1_0
mode mode=kernel name=fs-open_read_1_1
access cpu=1 pc=0x2 addr=0xffff888000000100 paddr=0x100 width=4 flags=load
access cpu=0 pc=0x2 addr=0xffff888000000100 paddr=0x100 width=4 flags=load
mode mode=kernel name=fs-open_read_1_2
LOG
} >tests
rows testcase --testcases <tests
expect 'a read inside of 512 written bytes is a conflict; reads are none; user addresses are left out; every test has a row' <<'ROWS'
1 fs-open_read_1_0 conflicts=1 bytes=4 accesses=65
2 fs-open_read_1_1 conflicts=0 bytes=0 accesses=2
3 fs-open_read_1_2 conflicts=0 bytes=0 accesses=0
ROWS
mt-scopes --testcases <log.mt | mt-tojson | jq -r .type | tr '\n' ' ' >got
printf 'begin mode testcase conflict mode mode testcase mode testcase end ' >want
same want got 'rows come as each test ends'

# ---- the stream ------------------------------------------------------------------------------

head -c -8 log.mt >cut.mt
run mt-scopes --testcases <cut.mt
is_status 1 'a cut stream fails'
mt-tojson <out 2>/dev/null | grep -c '"type":"testcase"' >got
echo 3 >want
same want got 'but its rows come'
{ echo 'begin mode=movement'; scope 0 a x 0 0x1000 8 store; } | rows stat
has 'the log has moves only' err 'a log of moves is said to show less'
for usage in '--rows 0' '--by size' '--conflicts x' operand; do
	# shellcheck disable=SC2086 # an option and its argument
	run mt-scopes $usage <log.mt
	is_status 2 "wrong usage: $usage"
done

# Scopes that do the same are one: memory grows with different ones only.
again() { for _ in 1 2 3 4 5 6 7 8 9 10; do scope 0 'a' x 1 0x1000 8 store; scope 1 'b' y 1 0x1000 8 load; done; }
show='"\(.name) \(.name2) pairs=\(.pairs) bytes=\(.bytes)"'
{ echo 'begin mode=scope'; again; } | rows unexpected --by scope
expect 'scopes that did the same are one row, with the number of pairs' <<'ROWS'
a b pairs=100 bytes=800
ROWS

{ echo 'begin mode=scope'
  for i in 1 2 3 4 5 6 7 8; do scope "$i" "op$i($i)" "v$i" 1 "0x100$((i & 1))" $i store; done; } >many
show='"\(.name) \(.name2) bytes=\(.bytes)"'
rows unexpected --by scope <many && cp got all
for limit in 1 2 5 27; do
	rows unexpected --by scope --rows $limit <many
	head -$limit all >want
	same want got "--rows $limit: the first $limit of all"
	has "^mt-scopes: $((28 - limit)) pairs that share less have no row" err '... and how many are left out is said'
done
rows unexpected --by scope --rows 28 <many
[ ! -s err ] && cmp -s got all; ok $? 'as many as there are: nothing is left out'

# open(a) shares with link(b) and link(c) in one way; a bare address is a place, too.
{
	cat <<'LOG'
begin mode=scope
field id=1 ctype="struct inode" path=i_count
object id=5 addr=0x9000 bytes=64 storage=static name=total
LOG
	scope 0 'open(a)' x 0 0x1000 4 'store field=1'
	scope 1 'link(b)' y 0 0x1000 4 'load field=1'
	scope 1 'link(c)' y 0 0x1000 4 'load field=1'
	scope 2 'open("q")' z 0 0x2000 4 'store object=5'
	scope 3 stat z 0 0x2000 4 'store object=5'
	scope 2 read p 0 0x3000 4 store
	scope 3 read q 0 0x3000 4 load
} | mkrec | mt-scopes --by scope --conflicts 1000000 | mt-tojson --names |
	jq -rs -f "$SRC/examples/sharing-classes.jq" >got
expect 'examples/sharing-classes.jq: each way of sharing once' <<'ROWS'
2 link open: struct inode.i_count rw
1 open stat: total ww
1 read read: 0x3000 wr
ROWS

if command -v python3 >/dev/null; then
	python3 "$model/random-scopes.py" 1 150 | mkrec >random.mt
	mt-tojson <random.mt >random.json
	kinds='"type":"(stat|unexpected|conflict|abstract|testcase)"'
	while read -r options; do
		# shellcheck disable=SC2086 # several words
		mt-scopes $options <random.mt 2>err | mt-tojson | grep -E "$kinds" >got
		# shellcheck disable=SC2086
		python3 "$model/scopes.py" $options <random.json >want
		same want got "150 random logs, as the model says: ${options:-no options}"
	done <<'OPTIONS'

--by scope --conflicts 3
--per-run
--list
--testcases
--testcases --prefix open
OPTIONS

	parts() {
		mt-scopes "$@" <log.mt >whole 2>err
		for count in 1 2 7 64; do
			rm -f part-*
			mt-split -n $count -f "mt-scopes $* --partial >\$FILE 2>err" <log.mt &&
				mt-merge part-* | mt-scopes "$@" 2>err | cmp -s - whole || return 1
		done
	}
	python3 "$model/random-scopes.py" 316 316 4000 | mkrec >log.mt
	for options in '' '--by scope --conflicts 3' --per-run --testcases --list; do
		# shellcheck disable=SC2086 # several words
		parts $options
		ok $? "1, 2, 7 and 64 parts by line, merged, give the bytes of the whole: ${options:-no options}"
	done
else
	skip 'no python3' 'random logs, as the model says'
fi

done_testing
