#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-toctf: babeltrace2 reads every field of every record back.
. "${SRC:-.}/tests/lib.sh"
command -v babeltrace2 >/dev/null || skip_all 'no babeltrace2'
# the package is for the distribution's python
for python in python3 /usr/bin/python3 ''; do
	"$python" -c 'import bt2' 2>/dev/null && break
done
[ "$python" ] || skip_all 'no python3-bt2'

cat >compare.py <<'PY'
import bt2, json, subprocess, sys
def plain(v):
    if isinstance(v, bt2._EnumerationFieldConst):
        try:
            return v.labels[0]
        except AssertionError:		# bt2 has no better answer for a number without a name
            return int(v)
    return int(v) if isinstance(v, bt2._IntegerFieldConst) else str(v)
schema = json.loads(subprocess.run(["mt-records", "--schema"], capture_output=True, text=True).stdout)
lines = [json.loads(l) for l in subprocess.run(["mt-tojson"], stdin=open(sys.argv[1]), capture_output=True, text=True).stdout.splitlines()]
flags = {}
for l in open(sys.argv[3]):
    if l.startswith("MT_VALUE("):
        s, n, v = [w.strip() for w in l[9:].split(",")[:3]]
        flags.setdefault(s, {})[n] = int(v)
sets = {}
for l in open(sys.argv[3]):
    if l.startswith("MT_FLAGS("):
        w = [x.strip() for x in l[9:].split(",")]
        sets[w[0], w[2]] = flags[w[3]]
def number(t, k, v):
    if isinstance(v, list):
        return sum(sets[t, k].get(n) or int(n, 16) for n in v)
    return int(v, 16) if isinstance(v, str) and v.startswith("0x") else v
got = []
for m in bt2.TraceCollectionMessageIterator(sys.argv[2]):
    if type(m) is bt2._EventMessageConst:
        got.append((m.event.name, int(m.event["cpu"]), int(m.event["time"]),
                    None if m.event.name == "unknown" else {k: plain(v) for k, v in m.event.payload_field.items()}))
want = []
for r in lines:
    t, cpu, time = r.pop("type"), r.pop("cpu"), r.pop("time")
    want.append((t, cpu, time, None if t == "unknown" else {k: number(t, k, v) for k, v in r.items()}))
for g, w in zip(got, want):
    if g != w:
        sys.exit("got  %s\nwant %s" % (g, w))
sys.exit("%d events, wanted %d" % (len(got), len(want)) if len(got) != len(want) else 0)
PY
table=$SRC/filters/libmt/mt_records.def

# every kind of the table, with a value in each field
"$python" - "$table" >text <<'PY'
import re, sys
out, n = [], 0
for l in open(sys.argv[1]):
    m = re.match(r'MT_(RECORD|FIELD|ENUM|FLAGS|STRING)\((\w+), *(?:(uint\d+_t), *)?(\w+)', l)
    if not m:
        continue
    n += 1
    if m[1] == "RECORD":
        if m[2] not in ("begin", "end"):
            out.append('%s cpu=%d time=%d' % (m[2], n, 1000 * n))
    elif m[2] in ("begin", "end") or not out:
        continue
    elif m[1] == "STRING":
        out[-1] += ' %s="s%d gr\\xc3\\xb6\\xc3\\x9fe \\xff\\x01"' % (m[4], n)
    elif m[1] == "ENUM":
        out[-1] += ' %s=%d' % (m[4], n % 3)
    else:
        bits = int(m[3][4:-2])
        out[-1] += ' %s=%d' % (m[4], (0x9e3779b97f4a7c15 * n) % 2**64 >> (64 - bits))
print("\n".join(out))
print("777 size=24 cpu=3 data=0102")
PY
mkrec <text >log
run mt-toctf trace <log
is_status 0 'a trace of every kind of record'
"$python" compare.py log trace "$table"
ok $? 'babeltrace2 gives every field of every record as mt-tojson does'
babeltrace2 trace >text.out 2>err
ok $? 'the program reads it, too'
[ "$(grep -vc 'discarded events' err)" = 0 ]; ok $? '... without a word, but of the records that a drop record tells'
[ "$(wc -l <text.out)" = "$(mt-tojson <log | wc -l)" ]; ok $? '... and shows each record'

# many packets; the clock never runs back
{ i=0; while [ $i -lt 6000 ]; do echo "access cpu=$((i % 3)) time=$((i * 7 + 1)) addr=$i paddr=$i width=8 flags=load"; i=$((i + 1)); done; } | mkrec >log
mt-toctf trace <log
"$python" compare.py log trace "$table"
ok $? 'a trace of several packets, in the directory of an older one'
cat log log | mt-toctf two
[ "$(babeltrace2 two | wc -l)" = 12004 ]; ok $? 'two streams behind each other'
mkrec >lost <<'LOG'
drop count=5 reason=full
access cpu=1
LOG
mt-toctf lost.ctf <lost
babeltrace2 lost.ctf >out 2>err; ok $? 'lost records are told in the packet'
run mt-toctf "$SCRATCH/log" <log
is_status 1 'a directory that is a file'
run mt-toctf <log
is_status 2 'a directory is wanted'
head -c 1000 log | mt-toctf cut 2>err
[ "$(babeltrace2 cut | wc -l)" -gt 10 ]; ok $? 'of a cut stream everything that was whole is there'
done_testing
