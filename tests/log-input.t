#!/bin/sh
# SPDX-License-Identifier: MIT
# A log on standard input instead of a stream: every filter reads the same from
# both, and says what is wrong with either.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

mtlog() { "$SRC/tests/helper/mtlog.py" "$@"; }
badlog() { "$SRC/tests/helper/badlog.py" "$@"; }

good=$SRC/tests/data/good-log.mt
mt-cat "$good" >s			# mt-cat.t has it as text
mt-cat -o log.mt s
mt-totext --raw <s >want

# reads LOG NAME: as the stream in ./want
reads() {
	run mt-totext --raw <"$1"
	is_status 0 "$2"
	cmp -s want out; ok $? '... record for record'
}

# ---- the same records --------------------------------------------------
reads log.mt 'a log is read'
mklog 1 <s >blocks.mt; reads blocks.mt 'a block for each record, and no index'
mklog 2 <s >open.mt; reads open.mt 'begin and end in blocks with others'
mtlog deflate <s >plain.mt; reads plain.mt 'the simple coding'
reads "$good" 'a log from the day of the first version'
mt-cat --block 60 --state 1 -o states.mt blocks.mt; reads states.mt 'states in between are no records'
[ "$(wc -c <states.mt)" -gt "$(mt-cat --block 60 --state 0 -o none.mt blocks.mt; wc -c <none.mt)" ]
ok $? '(there are some)'
# shellcheck disable=SC2002  # a pipe is what is tested
cat log.mt | mt-totext --raw | cmp -s want -; ok $? 'through a pipe'
ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$B/torn.so" TORN_BYTES=1 TORN_EINTR=1 mt-totext --raw <blocks.mt >out
cmp -s want out; ok $? 'by a byte at a time'
cat want want >twice; mv twice want
cat log.mt blocks.mt >two.mt; reads two.mt 'two logs are two streams'
cat s log.mt >mixed; reads mixed 'so are a stream and a log'

# Several blocks, each longer than what is decoded at once.
mktrace 200000 8 >big.s; mt-cat -o big.mt big.s
mt-tojson <big.s >want.json; mt-tojson <big.mt | cmp -s want.json -
ok $? 'a log of many blocks'
mt-filter --cpu 3 <big.mt >a; mt-filter --cpu 3 <big.s | cmp -s a -
ok $? 'records that are passed on'
mt-filter --not --cpu 99 <big.mt | cmp -s big.s -; ok $? '... all of them'
# shellcheck disable=SC2002
cat big.mt | mt-filter --not --cpu 99 | mt-filter --not --cpu 98 | cmp -s big.s -; ok $? '... from pipe to pipe'

# The longest record there can be, more often than it fits into what is decoded at once.
{
	echo 'begin cpus=1 line=64'
	for i in 1 2 3 4 5 6 7; do
		printf 'label cpu=0 time=%d addr=0x1000 bytes=64 op=alloc name="%065400d"\n' $i $i
		echo "access cpu=0 time=$i pc=0x401000 addr=0x10 paddr=0x10 width=8 flags=load"
	done
} | mkrec >long.s
mt-totext --raw <long.s >want
mt-cat -o long.mt long.s; reads long.mt 'records as long as can be'
mtlog deflate <long.s >plain.mt; reads plain.mt '... in the simple coding'

# ---- while it is written -------------------------------------------------
mkfifo slow
mt-totext --raw <slow >now 2>err &
{
	head -c 1000 blocks.mt
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(wc -l <now)" -ge 2 ] && break
		sleep 0.2
	done
	wc -l <now >early
	tail -c +1001 blocks.mt
} >slow
wait
[ "$(cat early)" -ge 2 ]; ok $? 'what has come is not held back'
mt-totext --raw <s | cmp -s - now; ok $? '... and the rest follows'

# ---- damage ------------------------------------------------------------
mt-totext --raw <s >want
# begins_like_want: what came is the beginning of what should
begins_like_want() { head -c "$(wc -c <out)" want | cmp -s - out; }
# stops_at BYTE: ... that is, of each block before that byte its record, which is a line
mtlog blocks <blocks.mt >offsets
stops_at() {
	begins_like_want && [ "$(wc -l <out)" -eq "$(awk -v at="$1" '$1 + $2 <= at' offsets | wc -l)" ]
}
bad=0
size=$(wc -c <blocks.mt)
i=9
while [ $i -lt "$size" ]; do
	head -c $i blocks.mt >cut.mt
	run mt-totext --raw <cut.mt
	{ [ $status = 1 ] && [ "$(wc -l <err)" -eq 1 ] && stops_at $i; } || { bad=1; echo "# cut at $i: $status $(cat err)"; }
	i=$((i + 11))
done
ok $bad 'a log cut anywhere: one message, and what was whole before it'
bad=0
for i in $(seq 0 13 $((size - 1))); do
	cp blocks.mt flip.mt
	byte=$(dd if=flip.mt bs=1 skip="$i" count=1 2>/dev/null | od -An -tu1)
	printf '%b' "\\0$(printf %o $((byte ^ 16)))" | dd of=flip.mt bs=1 seek="$i" conv=notrunc 2>/dev/null
	run mt-totext --raw <flip.mt
	{ [ $status = 1 ] && [ "$(wc -l <err)" -eq 1 ] && stops_at "$i"; } || { bad=1; echo "# flipped $i: $status $(cat err)"; }
done
ok $bad 'a byte changed: the same'
badlog list >hostile
while IFS='	' read -r name message; do
	badlog "$name" <blocks.mt >bad.mt
	run mt-totext --raw <bad.mt
	[ "$status" -eq 1 ] && grep -q "^mt-totext: standard input: byte [0-9]*: $message" err &&
		[ "$(wc -l <err)" -eq 1 ] && begins_like_want
	ok $? "hostile: $name: $message"
done <hostile
printf 'begin\naccess\n' | mkrec -r | mt-cat -o noend.mt 2>/dev/null
run mt-totext --raw <noend.mt
is_status 1 'a log without an end record fails'
has "byte $(wc -c <noend.mt): log was cut: it has no end record" err '... and says where it ends'

# ---- memory ------------------------------------------------------------
cat >peak.py <<'PY'
import resource, subprocess, sys
subprocess.run(sys.argv[2:], stdin=open(sys.argv[1]), stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
[ -n "${SANITIZED-}" ] || [ "$(python3 peak.py big.mt mt-stat)" -lt 16000 ]
ok $? 'a log takes a few megabytes, however long it is'

done_testing
