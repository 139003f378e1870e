#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-cat on logs of the original mtrace: every entry becomes a record, nothing
# is lost, and no bytes hurt.
. "${SRC:-.}/tests/lib.sh"
command -v python3 >/dev/null || skip_all 'no python3'
classic() { python3 "$SRC/tests/model/classic.py" "$@"; }

# ---- every type, every field
classic types >log
mt-cat log | mt-totext --raw | sed 's/ .*//' | sort -u | tr '\n' ' ' >got
printf 'access appdata begin call end entry epoch gc judged label lock mode origin scope segment switch task var ' >want
same want got 'each of the 15 types becomes a record'
mt-cat log | mt-tojson | classic back >got
if cmp log got; then ok 0 '... from which the log can be written again, byte for byte'; else ok 1 '... from which the log can be written again, byte for byte'; fi
bad=0
for seed in $(seq 1 40); do
	classic make "$seed" 500 >log
	mt-cat log | mt-tojson | classic back >got
	cmp log got || bad=$((bad + 1))
done
ok $bad '... and so can 40 logs of random fields'

# ---- gzip
gzip -c log >log.gz
mt-cat log >want
mt-cat log.gz >got
if cmp want got; then ok 0 'a log in gzip gives the same stream'; else ok 1 'a log in gzip gives the same stream'; fi
mt-cat - <log.gz >got
if cmp want got; then ok 0 '... on standard input too'; else ok 1 '... on standard input too'; fi
{ head -c 20000 log | gzip -c; tail -c +20001 log | gzip -1c; head -c 512 /dev/zero; } >members.gz
run mt-cat members.gz
if cmp want out; then ok 0 '... in several members, with zeros behind'; else ok 1 '... in several members, with zeros behind'; fi
is_status 0 '... which is no error'
{ cat log.gz; echo rubbish; } >tail.gz
run mt-cat tail.gz
is_status 1 'other bytes behind it are one'
has 'tail.gz: byte [0-9]*: bytes behind the gzip data' err '... and are named'
mt-cat -o ours.mt log.gz && mt-cat ours.mt >got
if cmp want got; then ok 0 'a log of ours can be made of it'; else ok 1 'a log of ours can be made of it'; fi
classic types >types
cat types types >twice
[ "$(mt-cat twice | mt-totext --raw | grep -c ^end)" = 2 ]; ok $? 'one log behind another is two streams'
mt-cat types types | mt-stat >both
ok $? '... and so are two files'

# ---- what the fields mean
python3 - >sane <<'PY'
import struct, sys
def e(kind, cpu, n, ts, body): sys.stdout.buffer.write(struct.pack("<IHHQQ", kind, 24 + len(body), cpu, n, ts) + body)
e(10, 0, 0, 0, struct.pack("<HQQQB", 2, 1 << 30, 100, 1, 2))
e(3, 0, 0, 50, struct.pack("<IQI64s4x", 1, 90, 1, b"run"))
e(1, 0, 0, 51, struct.pack("<QI64sQQQ", 0x7f0000000000, 1, b"dentry", 0xffff888000000000, 192, 0xffffffff81000001))
e(4, 0, 0, 60, struct.pack("<QQQHI", 5, 0xffffffff81001000, 77, 0, 1))
e(2, 0, 0, 0, struct.pack("<IBQQQB", 1, 1, 0xffffffff81000010, 0x7f0000000000, 0xffff888000000000, 8))
e(2, 1, 1, 0, struct.pack("<IBQQQB", 2, 1, 0x400000, 0x7f000000003c, 0x60003c, 8))
e(2, 1, 9, 0, struct.pack("<IBQQQB", 3, 3, 0x400000, 0x7f0000000040, 0x600040, 4))
e(4, 0, 10, 70, struct.pack("<QQQHI", 0, 0, 77, 0, 3))
e(3, 0, 10, 80, struct.pack("<IQI64s4x", 1, 190, 0, b"run"))
e(11, 0, 10, 81, struct.pack("<HQ", 0, 12))
PY
mt-cat sane | mt-totext --raw | sed -e 's/ object=0.*//' -e '/^begin/d' >got
cat >want <<'EOT'
origin cpu=0 time=0 host=0x40000000 instructions=0 entry=machine detail=0
mode cpu=0 time=50 mode=movement accesses=0 instructions=90 name="run"
origin cpu=0 time=51 host=0x7f0000000000 instructions=0 entry=label detail=0
label cpu=0 time=51 addr=0xffff888000000000 bytes=192 pc=0xffffffff81000001 process=0 task=0 op=alloc storage=heap name="dentry" ctype=""
entry cpu=0 time=60 tag=0x4d pc=0xffffffff81001000 task=5 number=4294967295 state=start cause=syscall depth=0
access cpu=0 time=60 pc=0xffffffff81000010 addr=0xffff888000000000 paddr=0x7f0000000000 width=8 flags=load+kernel+moved
judged cpu=1 time=0 accesses=1
access cpu=1 time=0 pc=0x400000 addr=0x60003c paddr=0x7f000000003c width=4 flags=store+moved+split
access cpu=1 time=0 pc=0x400000 addr=0x600040 paddr=0x7f0000000040 width=4 flags=store+split
judged cpu=1 time=0 accesses=9
origin cpu=1 time=0 host=0x0 instructions=0 entry=access detail=3
access cpu=1 time=0 pc=0x400000 addr=0x600040 paddr=0x7f0000000040 width=4 flags=store+atomic+moved
origin cpu=0 time=70 host=0x0 instructions=0 entry=fcall detail=3
entry cpu=0 time=70 tag=0x4d pc=0x0 task=0 number=4294967295 state=done cause=interrupt depth=0
mode cpu=0 time=80 mode=off accesses=10 instructions=190 name="run"
appdata cpu=0 time=81 value=12 name="operations"
end cpu=0 time=0 records=17 dropped=0 accesses=10 instructions=100
EOT
same want got 'a log by hand: times, counts, crossing accesses, done with value'
run sh -c 'mt-cat sane | mt-check'
is_status 0 '... keeps what mt-log(5) promises'
mt-cat sane | mt-totext --raw | grep '^begin' >got
has 'cpus=2 quantum=100 sample=1 mode=off machine=system order=exact .*options=calls.always ' got 'the machine entry is in begin'
[ "$(mt-cat --cpu 1 sane | mt-totext --raw | grep -c '^access')" = 3 ]; ok $? '--cpu selects'
run mt-cat --blocks 1-2 sane
is_status 2 '--blocks is refused: there are none'

# ---- what is wrong with it
python3 - <<'PY'
import struct
def e(kind, cpu, body, size=None, n=0): return struct.pack("<IHHQQ", kind, size or 24 + len(body), cpu, n, 5) + body
machine = e(10, 0, struct.pack("<HQQQB", 2, 1 << 30, 100, 1, 0))
sched = e(9, 0, struct.pack("<Q", 1))
put = lambda name, data: open(name, "wb").write(data)
put("unknown", machine + e(99, 0, b"future") + sched + e(16, 1, b"") + sched)
put("size", machine + sched + e(9, 0, b"12345678", 31) + sched)
put("size8", machine + sched + e(9, 0, b"12345678", 8) + sched)
put("cpu", machine + sched + e(9, 300, struct.pack("<Q", 1)) + sched)
put("value", machine + sched + e(4, 0, struct.pack("<QQQHI", 1, 1, 1, 1, 6)) + sched)
put("headless", sched + e(15, 300, b"\1"))
put("open", machine + e(3, 0, struct.pack("<IQI64s4x", 1, 9, 2, b"x")) + sched)
PY
run mt-cat unknown
is_status 0 'entries of unknown types are skipped'
mt-totext --raw <out | grep -c '^switch' >got
echo 2 >want
same want got '... those behind them are read'
has '^mt-cat: unknown: 2 entries of unknown types were skipped' err '... they are counted'
mt-totext --raw <out | grep ^end >got
has 'dropped=2 ' got '... in the stream too'
for c in 'size:byte 83: classic entry of a size' 'size8:byte 83: classic entry of a size' \
	'cpu:byte 83: .* a cpu that the machine does not have' 'value:byte 83: .* impossible value'; do
	run mt-cat "${c%%:*}"
	is_status 1 "an impossible ${c%%:*} fails"
	has "^mt-cat: ${c%%:*}: ${c#*:}" err '... with the place'
	[ "$(wc -l <err)" = 1 ]; ok $? '... in one line'
	mt-totext --raw <out 2>/dev/null | grep -q ^switch; ok $? '... and what was whole before arrives'
	! mt-totext --raw <out 2>/dev/null | grep -q ^end; ok $? '... without an end'
done
run mt-cat headless
is_status 0 'a log without a machine entry has any cpu'
run mt-cat open
is_status 0 'a log that stops while recording is whole: there is no end there'

# ---- every cut, and any bytes
classic make 3 8 >types
gzip -c types >types.gz
cat >cuts.py <<'PY'
import subprocess, sys, struct
whole = open("types", "rb").read()
borders, at = set(), 0
while at < len(whole):
    borders.add(at)
    at += struct.unpack_from("<H", whole, at + 4)[0]
bad = 0
for name, data in ("types", whole), ("types.gz", open("types.gz", "rb").read()):
    for n in range(len(data)):
        p = subprocess.run(["mt-cat", "-"], input=data[:n], capture_output=True, timeout=20)
        want = 0 if name == "types" and n in borders and n else 1
        if p.returncode != want or len(p.stderr.splitlines()) != want:
            bad += 1
            print("#", name, n, p.returncode, p.stderr)
sys.exit(bad != 0)
PY
python3 cuts.py
ok $? 'cut at any byte: one line and status 1, but between two entries'
cat >fuzz.py <<'PY'
import random, subprocess, sys, zlib
r = random.Random(7)
log = open("log", "rb").read()
gz = open("log.gz", "rb").read()
bad = 0
for i in range(200):
    data = bytearray(r.choice([log, gz])[:r.randrange(6, 30000)])
    for _ in range(r.choice([1, 3, 50])):
        data[r.randrange(len(data))] = r.randrange(256)
    if i % 10 == 0:
        data[6:] = r.randbytes(len(data) - 6)
    if i % 10 == 1:				# the checksum is no help then
        data = bytearray(zlib.compress(bytes(data[6:]), wbits=31))
    p = subprocess.run(["mt-cat", "-"], input=bytes(data), capture_output=True, timeout=20)
    q = subprocess.run(["mt-tojson"], input=p.stdout, capture_output=True, timeout=20)
    if p.returncode not in (0, 1) or q.returncode not in (0, 1) or (p.returncode == 0) != (q.returncode == 0):
        bad += 1
        print("#", i, p.returncode, p.stderr[-300:], q.returncode, q.stderr)
sys.exit(bad != 0)
PY
python3 fuzz.py
ok $? 'any bytes: a status, and a stream that is whole exactly when it is 0'
done_testing
