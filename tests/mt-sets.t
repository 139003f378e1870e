#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-sets: which sets of a cache are fought for.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model

# rows OPTIONS <text: what mt-sets says, a row a line.
rows() {
	mkrec >log.mt && mt-sets "$@" <log.mt 2>err | mt-tojson | jq -r '
		if .type == "set" then "set \(.cpu)/\(.set): \(.misses) \(.hits) \(.lines)"
		elif .type == "miss" then "miss \(.cpu)/\(.set): \(.misses) \(.addr) \(.pc)" else empty end' >got
}

# expect NAME <the rows that are wanted
expect() { cat >want; same want got "$1"; }

# reads ADDRESS...: a load of each by cpu 0
reads() { for a in "$@"; do echo "access cpu=0 pc=0x10 addr=$a paddr=$a width=4 flags=load"; done; }

reads 0x0 0x40 0x1000 0x0 0x2000 0x0 >three
rows --sets 2 --ways 2 <three
expect 'least recently used: what was used again stays' <<'ROWS'
set 0/0: 3 2 3
set 0/1: 1 0 1
ROWS
rows --sets 2 --ways 2 --policy fifo <three
expect 'fifo: the oldest goes, used again or not' <<'ROWS'
set 0/0: 4 1 3
set 0/1: 1 0 1
ROWS
rows --sets 2 --ways 2 --policy fifo --misses --min-misses 2 <three
expect '--misses: the accesses that miss, too; --min-misses leaves out rare ones' <<'ROWS'
set 0/0: 4 1 3
miss 0/0: 2 0x0 0x10
ROWS

{
	reads 0x0 0x1000
	echo 'access cpu=1 pc=0x20 addr=0x0 paddr=0x0 width=4 flags=store'
	reads 0x0 0x1000
} | rows --sets 1 --ways 2
expect 'each cpu has a cache of its own, and nobody else disturbs it' <<'ROWS'
set 0/0: 2 2 2
set 1/0: 1 0 1
ROWS
rows --sets 4 --ways 1 <<'LOG'
access cpu=0 addr=0x1000 paddr=0x40 width=4
access cpu=0 addr=0x2000 paddr=0x80 width=4
access cpu=0 addr=0x1000 paddr=0x40 width=4
LOG
expect '--index physical: the physical address chooses the set' <<'ROWS'
set 0/1: 1 1 1
set 0/2: 1 0 1
ROWS
mt-sets --sets 4 --ways 1 --index virtual <log.mt | mt-tojson |
	jq -r 'select(.type == "set") | "\(.set): \(.misses)"' >got
expect '--index virtual: the virtual one, as in the original' <<'ROWS'
0: 3
ROWS
rows --sets 1 --ways 4 --index virtual <<'LOG'
switch cpu=0 process=1 task=1
access cpu=0 addr=0x1000 paddr=0x40 width=4
switch cpu=0 process=2 task=2
access cpu=0 addr=0x1000 paddr=0x80 width=4
access cpu=0 addr=0x1000 paddr=0x80 width=4
LOG
expect 'the same virtual address of two processes is two lines' <<'ROWS'
set 0/0: 2 1 2
ROWS
rows --line 16 --sets 4 --ways 1 <<'LOG'
access cpu=0 addr=0x8 paddr=0x8 width=16
LOG
expect 'an access that crosses a line uses both' <<'ROWS'
set 0/0: 1 0 1
set 0/1: 1 0 1
ROWS

# random: a loop one line larger than the set; fifo and lru never hit, random does
loop() { for _ in 1 2 3 4 5 6 7 8 9 10; do reads 0x0 0x40 0x80 0xc0 0x100; done; }
loop | rows --sets 1 --ways 4
expect 'a loop that is one line too long never hits under lru' <<'ROWS'
set 0/0: 50 0 5
ROWS
loop | rows --sets 1 --ways 4 --policy random
cp got first
[ "$(sed 's/.*: \([0-9]*\) .*/\1/' first)" -lt 45 ]
ok $? 'random hits'
loop | rows --sets 1 --ways 4 --policy random
same first got 'and the same each time'
loop | rows --sets 1 --ways 4 --policy random --seed 7
! cmp -s first got
ok $? '--seed makes it another one'

{ echo 'begin mode=movement'; reads 0x0; } | rows
has 'not every access' err 'a log of moves alone has too few hits, which is said'
{ echo 'begin mode=all'; reads 0x0; } | rows
: >want
same want err 'a log of everything has all'

mkrec >log.mt <<'LOG'
task task=1 process=1 name=prog
switch task=1 process=1
label addr=0x1000 bytes=64 name=malloc
object id=1 addr=0x1000 bytes=64
access pc=0x10 paddr=0x1000 width=4 flags=store object=1
777 size=24 data=00ff
end
LOG
mt-sets --misses <log.mt | mt-tojson | jq -r .type | tr '\n' ' ' >got
printf 'begin task object unknown set miss end ' >want
same want got 'events go, the context of the rows and unknown kinds stay'
mt-sets <log.mt | mt-totext >got
has 'misses +hits +lines' got 'as text: a table'

# parts COUNT OPTIONS <whole.mt
parts() {
	# shellcheck disable=SC2086 # several words
	mt-sets --misses $2 <whole.mt >want 2>err
	rm -f part-*
	# shellcheck disable=SC2016 # mt-split's shell expands that
	mt-split -n "$1" --by cpu -f "mt-sets $2 --partial >\$FILE" <whole.mt 2>err
	# shellcheck disable=SC2086
	mt-merge part-* | mt-sets --misses $2 2>err | cmp -s - want
}

if command -v python3 >/dev/null; then
	python3 "$model/random-logs.py" 1 100 | mkrec >random.mt
	mt-tojson <random.mt >random.json
	python3 "$model/random-logs.py" 4 4 3000 | mkrec >whole.mt
	while read -r options; do
		# shellcheck disable=SC2086 # several words
		mt-sets --misses $options <random.mt 2>err | mt-tojson | grep -E '"type":"(set|miss)"' >got
		# shellcheck disable=SC2086
		python3 "$model/sets.py" $options <random.json >want
		same want got "100 random logs, as the model says: ${options:-default}"
		bad=0
		for count in 1 2 7 64; do
			parts $count "$options" || bad=1
		done
		ok $bad "1, 2, 7 and 64 parts by cpu, merged, are the bytes of the whole: ${options:-default}"
	done <<'OPTIONS'

--policy fifo --sets 512 --ways 8 --index virtual
--sets 2 --ways 1
--sets 2 --ways 2 --policy fifo
--sets 1 --ways 3 --line 16 --index virtual
--sets 4 --ways 2 --per-run
OPTIONS
else
	skip 'no python3' 'random logs, as the model says'
fi

{
	echo 'begin mode=all'
	reads 0x0 0x40
	echo 'mode mode=off'
	echo 'mode mode=all name=two'
	reads 0x0 0x80
} | mkrec | mt-sets --sets 1 --ways 4 --per-run | mt-tojson |
	jq -r 'if .type == "mode" then .mode elif .type == "set" then "misses \(.misses) hits \(.hits)" else empty end' >got
expect '--per-run: a report for each run; what the caches hold lives on' <<'ROWS'
misses 2 hits 0
off
all
misses 1 hits 1
ROWS

if grep -q __asan_init "$B/mt-sets"; then
	skip 'built with a sanitizer, which needs memory' 'memory does not grow with accesses'
else
	# shellcheck disable=SC3045 # dash and bash have -v
	mkstream -n 2000000 -l 1000 -p 100 | (ulimit -v 80000 && mt-sets >out 2>err)
	ok $? 'memory does not grow with accesses: 2 million in 80 MB'
fi

for usage in '--sets 3' '--sets 0' '--ways 0' '--line 48' '--policy best' '--index any' operand; do
	# shellcheck disable=SC2086 # an option and its argument
	run mt-sets $usage <log.mt
	is_status 2 "wrong usage: $usage"
done
head -c -8 log.mt >cut.mt
run mt-sets <cut.mt
is_status 1 'a cut stream fails'

done_testing
