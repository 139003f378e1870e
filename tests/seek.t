#!/bin/sh
# SPDX-License-Identifier: MIT
# A range of a log: what led to it is known, whether or not a state says so.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

command -v python3 >/dev/null || skip_all 'no python3'

# names: rows and accesses as text, with names instead of ids and of the order of ids.
names() {
	mt-tojson --names | sed -E 's/"(object|field|stack|object2|field2|stack2|id|parent)":[0-9]+,?//g' |
		grep -vE '^\{"type":"(begin|end|task|map|section|mode|label|switch|segment|drop|object|field|stack)"'
}

# The accesses of a range A-B, and all else.
restrict() {
	mt-filter --not --kind access --time "$(outside "$1")"
}
outside() {
	a=${1%-*} b=${1#*-}
	[ "$a" -eq 0 ] || printf '0-%s,' $((a - 1))
	printf '%s-18446744073709551615' $((b + 1))
}

# compare LOG RANGE: analyses of the range, of the whole log with the accesses of the range.
compare() {
	mt-cat "$1" | mt-label 2>err | mt-stack 2>err | restrict "$2" >whole
	mt-cat --time "$2" "$1" | mt-label 2>err | mt-stack 2>err >range
	for x in 'mt-filter --kind access' 'mt-shared --by object' 'mt-shared --by entry' \
			'mt-shared --by task' 'mt-shared --by pair' 'mt-rcu --by object' 'mt-syscalls --accesses'; do
		# calls that had ended before the range are not in it, nor births and ends outside
		for i in whole range; do
			$x <$i | names | sed -E 's/"(calls|cut|retired)":[0-9]+,//g; /"type":"rcu"/s/"number":[0-9]+,//' |
				grep -v '"lines":0,.*"moves":0,"loads":0,"stores":0' | sort >"$i.rows"
		done
		cmp -s whole.rows range.rows || { echo "$3: $2: $x" >>differ; diff whole.rows range.rows | head -4 >>differ; }
	done
}

# told LOG RANGE: the range as text.  What was set aside for what has ended may be told or not.
told() { mt-cat --time "$2" "$1" | mt-totext --raw | grep -vE '^end |^entry .* state=pause'; }

touch differ states
seeds=${MT_TEST_LONG:+100}
for seed in $(seq "${seeds:-6}"); do
	python3 "$SRC/tests/model/random-guest.py" "$seed" 400 | mkrec >s || break
	mt-cat --block 1500 --state 2 -o with.mt s
	mt-cat --block 1500 --state 0 -o without.mt s
	mt-cat with.mt | cmp -s - s || echo "$seed: the stream" >>differ
	last=$(mt-totext --raw <s | sed -n 's/.* time=\([0-9]*\).*/\1/p' | sort -n | tail -1)
	for part in 1 4 7; do
		range=$((last * part / 10))-$((last * (part + 1) / 10))
		told with.mt "$range" >a; told without.mt "$range" >b
		cmp -s a b || { echo "$seed: $range"; diff a b | head -3; } >>states
		[ "$part" -ne 4 ] || compare with.mt "$range" "$seed"
	done
done
[ -s with.mt ] && [ ! -s differ ]
ok $? 'analyses of a range give what they give of the whole log with the accesses of the range'
sed 's/^/# /' differ | cut -c1-400 | head -20
[ ! -s states ]; ok $? 'with states in the log as without'
sed 's/^/# /' states | head

# ---- what is read ------------------------------------------------------------

mktrace 400000 4 >big.s
mt-cat --block 200000 --state 8 -o big.mt big.s
mt-cat --index big.mt >list
has '^state=8 offset=[0-9]+ bytes=[0-9]+ records=[0-9]+ accesses=0' list '--index tells where states are'
mt-cat --index big.mt | sed -n 's/^block=100 offset=\([0-9]*\) .* time=\([0-9]*\)-\([0-9]*\) .*/\1 \2 \3/p' >block
read -r at from to <block; : "$at" "$to"
strace -qqe trace=read,pread64 -P big.mt -o calls mt-cat -j1 --time "$from-$from" big.mt >out 2>err
if [ -s calls ]; then
	bytes=$(awk '{ n += $NF > 0 ? $NF : 0 } END { print n }' calls)
	[ "$bytes" -lt $(($(wc -c <big.mt) / 2)) ]; ok $? "a range reads a part of the log ($bytes bytes)"
else
	skip 'no strace here' 'a range reads a part of the log'
fi
mt-cat --time "$from-$from" - <big.mt >pipe; mt-cat --time "$from-$from" big.mt | cmp -s - pipe
ok $? 'by the index as in sequence'

# ---- a state that is damaged ----------------------------------------------------

state=$(sed -n 's/^state=96 offset=\([0-9]*\) .*/\1/p' list)
cp big.mt bad.mt; printf 'XX' | dd of=bad.mt bs=1 seek=$((state + 140)) conv=notrunc 2>dd.err
run mt-cat bad.mt; is_status 1 'a damaged state is seen by who reads the whole log'
cmp -s out big.s; ok $? 'and costs no record'
run mt-cat --time "$from-$from" bad.mt; is_status 0 'who needs it does without'
cmp -s out pipe; ok $? 'and finds the same'

# ---- a part by kind and line ------------------------------------------------------

mkrec >k.s <<'EOT'
begin line=64
access cpu=0 time=1 paddr=0x1000 width=4
lock cpu=0 time=2 op=acquire name=q
label time=2 addr=0x1000 bytes=8 op=alloc
access cpu=1 time=3 paddr=0x1044 width=4
EOT
mklog 1 <k.s >k.mt
for in in k.s k.mt; do
	mt-cat --kind lock "$in" | mt-totext --raw | cut -d' ' -f1 | tr '\n' ' ' >out
	[ "$(cat out)" = 'begin lock label end ' ]; ok $? "--kind keeps events of a kind, and context ($in)"
	mt-cat --line 0x1050 "$in" | mt-totext --raw | grep -c '^access.*paddr=0x1044' >out
	mt-cat --line 0x1050 "$in" | mt-totext --raw | grep -c '^access' >>out
	[ "$(tr '\n' ' ' <out)" = '1 1 ' ]; ok $? "--line keeps the accesses to a line ($in)"
done
for o in '--kind x' '--kind label' '--line x' '--state x' '--block 0x' '--follow' '--follow a b'; do
	# shellcheck disable=SC2086
	run mt-cat $o; is_status 2 "wrong usage: $o"
done

# ---- a log that grows --------------------------------------------------------------

: >grow.mt
mt-cat --follow grow.mt >out 2>err &
size=$(wc -c <big.mt)
for i in 0 1 2 3; do
	tail -c +$((size * i / 4 + 1)) big.mt | head -c $((size * (i + 1) / 4 - size * i / 4)) >>grow.mt
	sleep 0.2
done
wait $!; ok $? '--follow ends when the log is closed'
cmp -s out big.s; ok $? 'with all of it'
head -c $((size / 2)) big.mt >grow.mt
mt-cat --follow grow.mt >out 2>err &
sleep 1; kill -TERM $!; wait $!; ok $? 'or when a signal says so'
mt-totext --raw <out >text; ok $? 'with a stream that has an end'

# ---- what is left of a log ------------------------------------------------------------

mt-cat -o small.mt k.s
run mt-cat --recover k.mt; is_status 0 '--recover: a whole log is passed on'; cmp -s out k.s; ok $? 'as it is'
cp k.mt hole.mt; at=$(mt-cat --index k.mt | sed -n 's/^block=2 offset=\([0-9]*\) .*/\1/p')
printf X | dd of=hole.mt bs=1 seek=$((at + 130)) conv=notrunc 2>dd.err
run mt-cat --recover -o mended.mt hole.mt; is_status 0 '--recover: a damaged one, too'
has 'hole.mt: byte [0-9]*: a block is damaged' err 'and the damage is told'
run mt-cat mended.mt; is_status 0 'what it writes is whole'
mt-totext --raw <out | sed 's/ .*reason=/ /' | cut -d' ' -f1,2 | sed -n 3p >got
[ "$(cat got)" = 'drop damaged' ]; ok $? 'with a drop record where the damage was'
head -c "$at" k.mt >cut.mt
run mt-cat --recover cut.mt; is_status 0 '--recover: a cut one'
mt-totext --raw <out 2>late | tail -1 | grep -q '^end '; ok $? 'gets an end'
run mt-cat --recover "$SRC/Makefile"; is_status 1 'where there is no stream nothing can be recovered'

# ---- threads ------------------------------------------------------------------------

for j in 1 3 8; do mt-cat -j $j --block 100000 --state 4 -o j$j.mt big.s; done
cmp -s j1.mt j3.mt && cmp -s j1.mt j8.mt; ok $? 'a log does not depend on the threads that encode it'
done_testing
