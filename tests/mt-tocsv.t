#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tocsv: a table that any reader of CSV takes apart into what was in the records.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
label cpu=1 time=7 addr=0xffffffff81000000 bytes=64 op=alloc storage=heap name="a,\x22b\x22 \x0a\x0d \xff gr\xc3\xb6\xc3\x9fe" ctype="=1+1"
access cpu=4294967295 time=18446744073709551615 pc=0x10 addr=0 width=8 flags=load+moved
access flags=0x8001
label op=7
777 size=24
LOG
run mt-tocsv --kind label <log
is_status 0 'a table of one kind'
printf 'cpu,time,addr,bytes,pc,process,task,op,storage,name,ctype\r\n' >want
head -n 1 out >got
same want got 'the first line names the columns'
if command -v python3 >/dev/null; then
	cat >compare.py <<'PY'
import csv, json, subprocess, sys
kind = sys.argv[1]
rows = list(csv.reader(open("out", newline="", encoding="utf-8"), strict=True))
js = [json.loads(l) for l in subprocess.run(["mt-tojson"], stdin=open("log"), capture_output=True, text=True).stdout.splitlines()]
text = lambda v: "+".join(v) or "0x0" if isinstance(v, list) else str(v)
want = [[text(v) for k, v in r.items() if k != "type"] for r in js if r["type"] == kind]
assert rows[1:] == want, (rows[1:], want)
assert all(len(r) == len(rows[0]) for r in rows)
PY
	python3 compare.py label
	ok $? "python's csv reads what mt-tojson says: quotes, commas, lines, bytes that are no UTF-8"
	mt-tocsv -k access <log >out
	python3 compare.py access
	ok $? '... numbers of all sizes and flags, too'
else
	skip 'no python3' 'csv against JSON'
fi
mkrec >names <<'LOG'
symbol pc=0x10 base=0x10 line_number=31 frames=1 function="b\x22ump" file="/src/a.c"
object id=1 addr=0x40 name="counters"
field id=4 path="hits" ctype="struct counter"
stack id=1 pc=0x10
stack id=2 parent=1 pc=0x99
access pc=0x10 object=1 field=4 stack=2
LOG
mt-tocsv -k access --names <names | tail -n 1 >got
printf '0,0,0x10,"b""ump at a.c:31",0x0,0x0,0,0x0,1,"counters",4,"struct counter.hits",2,"0x99;b""ump"\r\n' >want
same want got '--names: behind each number what it is called'
run mt-tocsv <log
is_status 2 'a kind is wanted'
run mt-tocsv --kind nothing <log
is_status 2 'there is no such kind'
has "no kind 'nothing'" err '... says which'
done_testing
