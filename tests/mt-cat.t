#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-cat: logs and streams in, the same records out, whatever was damaged.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

mtlog() { "$SRC/tests/helper/mtlog.py" "$@"; }
badlog() { "$SRC/tests/helper/badlog.py" "$@"; }
# bytes AT HEX FILE: overwrites in place
bytes() { printf '%b' "$2" | dd of="$3" bs=1 seek="$1" conv=notrunc 2>dd.err; }

mkrec >s <<'EOT'
begin cpus=4 line=64 command="prog"
access cpu=3 time=10 pc=0x401000 addr=0x7fff0010 paddr=0x10010 width=8 flags=store+moved
label cpu=3 time=10 addr=0x1000 bytes=64 op=alloc name="a \x22 b"
access cpu=2 time=11 pc=0x401007 addr=0xffffffff81000020 paddr=0x20 width=4 flags=load+kernel
777 size=24 cpu=3 time=12 data=00ff
lock cpu=1 time=20 addr=0x30 op=acquire name="q"
access cpu=1 time=21 pc=0x401007 addr=0x30 paddr=0x3030 width=4 flags=load object=4 field=5 stack=6
EOT
mktrace 300000 8 >big.s

# ---- the same records --------------------------------------------------
mt-cat -o log.mt s; mt-cat log.mt >out; cmp -s s out
ok $? 'a stream becomes a log and comes back to the byte'
mt-cat s | cmp -s - s
ok $? 'a stream passes as it is'
mt-cat -o big.mt big.s; mt-cat big.mt | cmp -s - big.s
ok $? 'a log of many blocks comes back to the byte'
mt-cat -j1 big.mt >one; mt-cat -j7 big.mt | cmp -s - one
ok $? 'on one thread as on seven'
mt-cat -o again.mt <big.s; cmp -s big.mt again.mt
ok $? 'the same stream gives the same log'
[ "$(wc -c <big.mt)" -lt $((300000 * 5 / 2)) ]
ok $? 'an access of a trace takes less than two and a half bytes'
cat log.mt log.mt >two.mt; cat s s >two.s; mt-cat two.mt | cmp -s - two.s
ok $? 'two logs in one file are two streams'
# shellcheck disable=SC2094  # it is only read
mt-cat - log.mt s <log.mt >out
cat s s s | cmp -s - out
ok $? 'files and - are read one after another, logs and streams'
mklog 1 <s >blocks.mt; mt-cat blocks.mt | cmp -s - s
ok $? 'a log without an index, a block for each record'
mklog 2 <s >open.mt; mt-cat open.mt | cmp -s - s
ok $? 'begin and end may share their blocks with others'
mkfifo pipe; mt-cat -o pipe s & mt-cat pipe | cmp -s - s
ok $? 'a log can be written to a FIFO'
wait

# ---- another decoder ---------------------------------------------------
mtlog decode <log.mt | cmp -s - s
ok $? 'a decoder written from the manual, over zlib, reads the same'
mktrace 20000 3 >some.s; mt-cat -o some.mt some.s; mtlog decode <some.mt | cmp -s - some.s
ok $? 'of a longer trace, too'
mtlog deflate <s >plain.mt; mt-cat plain.mt | cmp -s - s
ok $? 'the simple coding, written by another program, is read'

mt-cat "$SRC/tests/data/good-log.mt" | cmp -s - s
ok $? 'a log from the day of the first version is read'

# ---- a part ------------------------------------------------------------
mkrec >want <<'EOT'
begin cpus=4 line=64 command="prog"
label cpu=3 time=10 addr=0x1000 bytes=64 op=alloc name="a \x22 b"
777 size=24 cpu=3 time=12 data=00ff
lock cpu=1 time=20 addr=0x30 op=acquire name="q"
access cpu=1 time=21 pc=0x401007 addr=0x30 paddr=0x3030 width=4 flags=load object=4 field=5 stack=6
EOT
for in in s log.mt blocks.mt; do
	mt-cat --cpu 1 "$in" >out; same want out "--cpu keeps the events of a cpu, and context ($in)"
done
mt-cat --cpu 0-1,259 blocks.mt >out; same want out '--cpu takes a set'
mt-cat --time 20-21 blocks.mt >out; same want out '--time keeps a span, both ends included'
mt-cat --time 12- log.mt >out; same want out 'a span may be open'
mt-cat --blocks 4-6 blocks.mt >out; same want out '--blocks keeps events of some blocks'
run mt-cat --blocks 4-6 s; is_status 2 'a stream has no blocks'
for o in '--cpu 2-3' '--time 20000-30000' '--cpu 9' '--shard 2/3' '--cpu 1 --shard 1/2 --time 100-'; do
	# shellcheck disable=SC2086
	{ mt-cat $o big.mt >index; mt-cat $o - <big.mt >hop; mt-cat $o big.s >stream; }
	cmp -s index hop && cmp -s index stream
	ok $? "the same by index, by hopping and from a stream: $o"
done
for i in 1 2 3; do mt-cat --shard $i/3 big.mt | mt-totext --raw | grep ^access; done | sort >out
mt-totext --raw <big.s | grep ^access | sort >want
same want out 'shards are disjoint and together everything'
mktrace 2000 >few.s; mklog 1 <few.s >few.mt
for i in 1/3 2/3 3/3 5/7; do
	mt-cat --shard $i few.s >want; mt-cat --shard $i few.mt | cmp -s - want
	ok $? "blocks of other shards alone are skipped: $i"
done
cp big.mt wrong.mt; bytes 140 '\0377\0377' wrong.mt
run mt-cat --time 0-1 wrong.mt; is_status 1 'a damaged block that is needed is seen through the index'
run mt-cat --time 999999999- wrong.mt; is_status 1 'so is the first one, which has the begin record'
cat big.mt log.mt >joined.mt; mt-cat --cpu 1 joined.mt >out
{ mt-cat --cpu 1 big.mt; mt-cat --cpu 1 log.mt; } | cmp -s - out
ok $? 'the index of the last of two logs does not hide the first'

mt-cat --index blocks.mt >out
has '^block=1 offset=[0-9]+ bytes=[0-9]+ records=1 accesses=1 context=0 time=10-10 pc=0x401000-0x401000 paddr=0x10010-0x10010 cpus=3$' \
	out '--index tells what a block holds'
[ "$(mt-cat --index big.mt | awk '{ split($4, n, "="); sum += n[2] } END { print sum }')" = 300002 ]
ok $? '--index accounts for every record'

# ---- damage ------------------------------------------------------------
head -c 700 blocks.mt | mt-cat --index >out 2>err; has 'ends inside' err '--index sees a cut log'
printf 'access pc=1\nswitch task=3\naccess cpu=1 pc=7\n' | mkrec | mklog 1 >small.mt
run badlog sweep <small.mt
is_status 0 'cut anywhere or any byte changed: said once, and all other blocks arrive'
badlog good <blocks.mt | mt-cat >out 2>err && [ ! -s err ]; ok $? 'of the blocks with a cut number nothing else is wrong'
badlog list >hostile
while IFS='	' read -r name message; do
	badlog "$name" <blocks.mt >bad.mt
	run badlog peak bad.mt
	[ "$status" -eq 1 ] && grep -q "^mt-cat: bad.mt: byte [0-9]*: $message" err &&
		[ "$(wc -l <err)" -eq 2 ] && [ "$(sed -n '2s/^peak //p' err)" -lt 120000 ]
	ok $? "hostile: $name: one message, status 1, little memory"
	mt-totext --raw <out 2>late | grep -q 'paddr=0x3030'; ok $? "hostile: $name: what is behind it arrives"
	mt-tojson <out 2>&1 >got | grep -q 'it has no end record'
	ok $? "hostile: $name: a later stage notices"
done <hostile
run sh -c 'head -c 300000 big.mt | mt-cat'; is_status 1 'a cut log fails'
[ "$(wc -l <err)" -eq 1 ]; ok $? 'with one message'
{ head -c 380 blocks.mt; tail -c +391 blocks.mt; } >hole.mt
run mt-cat hole.mt; is_status 1 'missing bytes inside a block are noticed'
[ "$(mt-totext --raw <out 2>late | wc -l)" -eq 6 ] && [ "$(wc -l <err)" -eq 1 ]
ok $? 'and cost that block alone'
cp log.mt index.mt; bytes $(($(wc -c <log.mt) - 40)) '\0377\0377' index.mt
run mt-cat index.mt; is_status 1 'a damaged index is seen'
has 'index.mt: byte [0-9]*: the index is damaged' err 'and named'
cmp -s out s; ok $? 'and costs no record'
{ head -c 100 /dev/zero; cat log.mt; } | mt-cat 2>err | cmp -s - s
ok $? 'a log behind junk is found'
{ cat log.mt; echo junk; cat log.mt; } >junk.mt; run mt-cat junk.mt; is_status 1 'junk between logs is seen'
cmp -s out two.s; ok $? 'and both arrive'
mkrec -r <<'EOT' | mt-cat -o noend.mt 2>err
begin
access
EOT
run mt-cat noend.mt; is_status 1 'a log without an end record fails'
has 'noend.mt: byte [0-9]*: log was cut: it has no end record' err 'and says so'
mkrec >short.s <<'EOT'
access pc=1
access pc=2
EOT
mklog 1 <short.s >short.mt
mtlog blocks <short.mt | sed -n 3p >third
read -r at len rest <third; : "$rest"
{ head -c "$at" short.mt; tail -c +$((at + len + 1)) short.mt; } >missing.mt
run mt-cat missing.mt; is_status 1 'a missing block is noticed by the count of the end record'
has 'records are missing: end counts 3, there were 2' err 'and the message says how many'
run mt-cat nowhere.mt log.mt; is_status 1 'a file that cannot be opened fails'
cmp -s out s; ok $? 'and the others still come'
run mt-cat "$SRC/Makefile"; is_status 1 'any other file is no log'

# ---- usage -------------------------------------------------------------
cp log.mt own.mt; run mt-cat -o own.mt own.mt; is_status 2 'the output must not be the input'
cmp -s own.mt log.mt; ok $? 'which is left as it was'
run mt-cat -o full -o /dev/full s; is_status 1 'a full disk fails'
has '/dev/full: No space left' err 'and is named'
for o in '--cpu x' '--cpu 3-1' '--time 1-x' '--shard 3' '--shard 3/2' '--shard 0/2' '-j 5000' '--index -o x'; do
	# shellcheck disable=SC2086
	run mt-cat $o s; is_status 2 "wrong usage: $o"
done
run "$B/unit/log"; is_status 0 'any records come back from a block, and any payload is survived'
done_testing
