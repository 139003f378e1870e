#!/bin/sh
# SPDX-License-Identifier: MIT
# A second decoder, in another language and written from mt-log(5), agrees.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

command -v python3 >/dev/null || skip_all 'no python3'
decode=$SRC/tests/model/decode.py

# agree STREAM NAME: both decoders, every field of every record.
agree() {
	mt-tojson <"$1" >json
	run python3 "$decode" --compare json <"$1"
	is_status 0 "$2"
	sed 's/^/# /' out
}

for seed in 1 2 3; do
	mkkinds "$seed" >kinds.mt
	agree kinds.mt "all kinds, with any values and any bytes in strings ($seed)"
done
mkstream -n 20000 >big.mt
agree big.mt 'a stream of 20,000 accesses'
cat big.mt kinds.mt >two.mt
agree two.mt 'two streams, one after the other'

# ---- the log at rest ----------------------------------------------------------

# agree_log STREAM NAME: the stream as a log, decoded by both.
agree_log() {
	rm -f at-rest.log
	mt-cat -o at-rest.log "$1" && mt-tojson <"$1" >json
	run python3 "$decode" --compare json <at-rest.log
	is_status 0 "$2"
	sed 's/^/# /' out
}
agree_log kinds.mt 'a log of all kinds'
agree_log big.mt 'a log of 20,000 accesses'
mkstream -n 3000 -m -c 60 -l 2000 >moves.mt
agree_log moves.mt 'a log of moves of 60 cpus'
python3 "$SRC/tests/model/random-logs.py" 1 40 | mkrec >random.mt
agree_log random.mt 'a log of several streams with cpu ids and addresses of all sizes'
cat at-rest.log at-rest.log >two.log
cat json json >two.json
run python3 "$decode" --compare two.json <two.log
is_status 0 'two logs, one after the other'
sed 's/^/# /' out

if command -v mt-run >/dev/null && mt-run -o real.log sh -c 'exit 0' 2>err; then
	mt-cat real.log | mt-tojson >json
	run python3 "$decode" --compare json <real.log
	is_status 0 'a log that the tracer made'
	sed 's/^/# /' out
else
	skip 'mt-run does not work here' 'a log that the tracer made'
fi

# One bit of a header, of a payload.
size=$(wc -c <at-rest.log)
for at in 3 41 $((size / 2)); do
	{ head -c "$at" at-rest.log; tail -c +$((at + 1)) at-rest.log | head -c 1 | tr '\0-\377' '\1-\377\0'
		tail -c +$((at + 2)) at-rest.log; } >flipped.log
	run python3 "$decode" <flipped.log
	is_status 1 "a changed byte at $at is noticed by it, too"
done

# ---- the text -------------------------------------------------------------------

mkrec >tiny.mt <<'LOG'
begin line=64 mode=movement producer="mt \xff" command="a b"
access cpu=3 time=10 pc=0xffffffff81000000 addr=0x7fff0010 paddr=0x10 width=8 flags=load+store+moved+0x8000
drop count=18446744073709551615 reason=99
777 size=24 cpu=3 time=13 data=00ff
LOG
mt-tojson <tiny.mt >theirs
python3 "$decode" <tiny.mt >ours
cat >want <<'JSON'
{"type":"begin","cpu":0,"time":0,"version":1,"line":64,"cpus":0,"quantum":0,"sample":0,"mode":"movement","machine":"user","order":"exact","index":"callback","options":[],"producer":"mt \ufffd","qemu":"","command":"a b"}
{"type":"access","cpu":3,"time":10,"pc":"0xffffffff81000000","addr":"0x7fff0010","paddr":"0x10","width":8,"flags":["load","store","moved","0x8000"],"object":0,"field":0,"stack":0}
{"type":"drop","cpu":0,"time":0,"count":18446744073709551615,"reason":99}
{"type":"unknown","kind":777,"size":24,"cpu":3,"time":13,"data":"00ff000000000000"}
{"type":"end","cpu":0,"time":0,"records":4,"dropped":0,"accesses":0,"instructions":0}
JSON
same want theirs 'mt-tojson: the text that mt-log(5) promises'
same want ours 'the second decoder: the same text'

# That the comparison can fail at all.
sed 's/"width":8/"width":4/' theirs >changed
run python3 "$decode" --compare changed <tiny.mt
is_status 1 'another value is seen'
sed 's/"addr":\("[^"]*"\),"paddr":\("[^"]*"\)/"paddr":\2,"addr":\1/' theirs >changed
run python3 "$decode" --compare changed <tiny.mt
is_status 1 'another order of members is seen'
head -c -8 tiny.mt >cut.mt
run python3 "$decode" <cut.mt
is_status 1 'a cut stream is an error for it, too'

done_testing
