#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-toperfetto: a document that keeps the rules of the Trace Event Format.
. "${SRC:-.}/tests/lib.sh"
command -v python3 >/dev/null || skip_all 'no python3'

# What the format wants: each phase its members, slices that nest and end.
cat >check.py <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
events = doc["traceEvents"]
stacks, open_async, last = {}, {}, 0
for e in events:
    assert isinstance(e["pid"], int) and isinstance(e["tid"], int) and isinstance(e["ts"], int), e
    assert e["ts"] >= last, e
    last = e["ts"]
    track = e["pid"], e["tid"]
    if e["ph"] == "B":
        assert isinstance(e["name"], str), e
        stacks.setdefault(track, []).append(e)
    elif e["ph"] == "E":
        assert stacks[track].pop(), e
    elif e["ph"] in "be":
        assert isinstance(e["cat"], str) and isinstance(e["id"], str) and isinstance(e["name"], str), e
    elif e["ph"] == "C":
        assert all(isinstance(v, int) for v in e["args"].values()) and e["name"], e
    elif e["ph"] == "M":
        assert e["name"] in ("process_name", "thread_name") and e["args"]["name"], e
    else:
        assert e["ph"] == "i" and e["s"] in "gpt" and e["name"], e
assert not any(stacks.values()), "a slice has no end"
PY
mkrec >log <<'LOG'
task task=5 process=1 name="a \x22b\x22 \x0a\xff"
switch cpu=1 time=100 task=5 process=1
mode cpu=0 time=100 mode=all name="run \x22"
entry cpu=1 time=110 tag=1 pc=0xffffffff81000000 task=5 number=3 state=start cause=syscall
lock cpu=1 time=112 addr=0x10 op=acquire name="l"
lock cpu=1 time=120 addr=0x10 op=acquired name="l"
entry cpu=1 time=130 tag=1 state=pause
entry cpu=1 time=130 tag=2 pc=0xffffffff82000000 number=32 state=start cause=interrupt
access cpu=1 time=131 flags=load+moved
entry cpu=1 time=140 tag=2 state=done
entry cpu=1 time=140 tag=1 state=resume
lock cpu=1 time=145 addr=0x10 op=release name="l"
entry cpu=1 time=150 tag=1 state=done
access cpu=0 time=150 flags=store+moved
access cpu=0 time=151 flags=store
scope cpu=0 time=160 op=enter name="open()"
scope cpu=0 time=170 op=leave name="open()"
appdata cpu=0 time=180 value=7 name="operations"
switch cpu=1 time=190 task=0
entry cpu=0 time=200 tag=9 pc=0xffffffff81000000 task=6 number=0 state=start cause=syscall
LOG
run mt-toperfetto <log
is_status 0 'a stream becomes a timeline'
python3 check.py out
ok $? '... that keeps the rules: nested, ended, in order'
events() { jq -r ".traceEvents[] | select($1) | $2" out; }
events '.pid == 1 and .tid == 1 and (.ph == "B" or .ph == "E")' '[.ph, .ts, .name] | map(. // "") | map(tostring) | join(" ")' | sed 's/ $//' >got
cat >want <<'EOT'
B 10 system call close
E 30
B 30 interrupt 32
E 40
B 40 system call close
E 50
EOT
same want got 'entries: each uninterrupted piece is a slice of its cpu'
events '.pid == 2 and .ph == "B"' '[.tid, .name] | @json' >got
printf '[1,"a \\"b\\" \\n\357\277\275"]\n' >want
same want got 'tasks: who runs, whatever it is called'
events '.cat == "wait" or .cat == "lock"' '[.cat, .ph, .ts, .name] | map(tostring) | join(" ")' >got
printf 'wait b 12 l\nwait e 20 l\nlock b 20 l\nlock e 45 l\n' >want
same want got 'locks: waited for, and held'
[ "$(events '.ph == "C"' '.args | (.moves // 0)' | paste -sd+ | { read -r n; echo $(($n)); })" = 2 ]
ok $? 'the counters add up to the moves'
mt-toperfetto --every 1 <log >out
python3 check.py out && [ "$(events '.ph == "C"' '.args | (.accesses // 0)' | paste -sd+ | { read -r n; echo $(($n)); })" = 3 ]
ok $? '... and to the accesses, for any --every'
cat log log | mt-toperfetto >out && python3 check.py out
ok $? 'two streams are one document'
bad=0
size=$(wc -c <log)
i=200
while [ $i -lt "$size" ]; do
	head -c $i log | mt-toperfetto >out 2>err && bad=$((bad + 1))
	python3 check.py out || bad=$((bad + 1))
	i=$((i + 53))
done
ok $bad 'of a cut stream it is still a whole document'
done_testing
