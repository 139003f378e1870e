#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tojson --classic: the documents of the original's mscan, valid for any names.
. "${SRC:-.}/tests/lib.sh"
command -v jq >/dev/null || skip_all 'no jq'

# doc DOCUMENT: of ./log, to ./out, in jq's form
doc() { mt-tojson --classic "$1" <log | jq -c --arg d "$1" '.[$d]' >out; }
is() { printf '%s\n' "$1" >want; same want out "$2"; }

mkrec >log <<'LOG'
symbol pc=0x10 frames=1 line_number=7 function="f\x22oo" file="/a/x.c"
symbol pc=0x20 frames=1 line_number=8 function="bar" file="y.c"
symbol pc=0xffffffff81001000 frames=1 function="sys_\x5copen"
object id=1 addr=0x1000 bytes=64 pc=0x99 storage=heap name="dentry" ctype="struct dentry"
object id=2 addr=0x1040 bytes=64 storage=heap name="a\x22b\x0a"
field id=1 offset=8 ctype="struct dentry" path="d_count"
stack id=1 pc=0x20
testcase number=1 name="fs-open_\x22x\x22_1_2" conflicts=1
conflict number=1 addr=0x1008 bytes=4 pc=0x10 pc2=0x20 object=1 object2=1 field=1 field2=1 stack=1
testcase number=2 name="fs-free" conflicts=0
syscall by=entry entry_pc=0xffffffff81001000 calls=4 lines=6
syscall by=entry entry_pc=0 calls=1 lines=3
syscall by=site entry_pc=0xffffffff81001000 pc=0x10 loads=2 stores=3
syscall by=site entry_pc=0xffffffff81001000 pc=0x20 loads=1
syscall by=operation operation="x" calls=10 lines=25
abstract id=1 name="open(\x22a\x22)" access=read var="inode:1"
abstract id=1 name="open(\x22a\x22)" access=write var="kstack:1"
abstract id=2 name="close()" access=write var="kstack:2"
abstract id=3 name="stat()" access=read var="inode:2"
unexpected name="a()" name2="b()" pairs=1
conflict addr=0x1008 bytes=4 pc=0x10 pc2=0x10 flags=store flags2=load object=1 object2=2
stat name="total scopes" value=3
stat name="logically unshared/physically shared" value=1
use cpu=0 line=0x40 addr=0x1008 pc=0x10 object=1 field=1 width=4 loads=2 stores=1
use cpu=2 line=0x40 addr=0x1008 pc=0x10 object=1 field=1 width=4 loads=5
use cpu=2 line=0x40 addr=0x1010 pc=0x20 object=2 width=8 stores=1
use cpu=1 line=0x80 addr=0x2000 pc=0x20 width=8 stores=9
set cpu=1 set=3 misses=2
set cpu=1 set=4 misses=5
miss cpu=1 set=4 misses=5 addr=0x1008 pc=0x10 width=4
rcu ctype="in\x22ode" pc=0x10 addr=0x1000 bytes=64 offset=8 width=4 object=1 field=1
serial by=section addr=0x50 pc=0x20 start=100 instructions=30
LOG
doc testcases
is '[{"name":"fs-open_\"x\"_1_2","shared":[{"addr":"(*(struct dentry)0x1000).d_count","rawaddr":"0x1008","pc1":"f\"oo at x.c:7","pc2":"bar at y.c:8","size":4,"stack1":["f\"oo at x.c:7","bar"]}]},{"name":"fs-free","shared":[]}]' \
	'testcases: also those without a conflict; both sides with their stacks'
doc distinct-per-entry
is '[{"entry":"sys_\\open","calls":4,"distinct":6,"ave":1.5},{"entry":"0x0","calls":1,"distinct":3,"ave":3}]' 'distinct-per-entry'
doc distinct-per-op
is '{"ops":10,"distinct":25,"ave":2.5}' 'distinct-per-op'
doc abstract-scopes
is '[{"name":"open(\"a\")","aread":["inode:1"],"awrite":["kstack:1"]},{"name":"close()","aread":[],"awrite":["kstack:2"]},{"name":"stat()","aread":["inode:2"],"awrite":[]}]' 'abstract-scopes'
doc unexpected-sharing
is '[{"s1":"a()","s2":"b()","shared":[{"addr":"struct dentry+0x8","addr2":"0x1008","rawaddr":"0x1008","pc":"f\"oo at x.c:7","size":4,"type":"wr"}]}]' \
	'unexpected-sharing: addr2 is the second side'\''s (the original printed the first)'
doc scope-summary
is '{"total scopes":3,"logically unshared/physically shared":1}' 'scope-summary'
doc shared_cachelines
is '[{"accesses":[{"addr":"(*(struct dentry)0x1000).d_count","rawaddr":"0x1008","pc":"f\"oo at x.c:7","size":4},{"addr":"0x1010","rawaddr":"0x1010","pc":"bar at y.c:8","size":8}],"cpureads":[2,0,5],"cpuwrites":[1,0,1]}]' \
	'shared_cachelines: written, and by two cpus'
doc shared-addresses
is '[{"name":"dentry","address":"(*(struct dentry)0x1000).d_count","count-per-pc":[{"info":"f\"oo at x.c:7","count":8}],"count-per-cpu":[3,0,5],"count":8},{"name":"a\"b\n","address":"0x1010","count-per-pc":[{"info":"bar at y.c:8","count":1}],"count-per-cpu":[0,0,1],"count":1},{"name":"","address":"0x2000","count-per-pc":[{"info":"bar at y.c:8","count":9}],"count-per-cpu":[0,9,0],"count":9}]' \
	'shared-addresses: counts by pc and cpu; an address without an object is an address'
doc false-sharing
is '[{"pc":"f\"oo at x.c:7","instances":[{"name":"a\"b\n","alloc-pc":"0x0","alloc-info":"0x0"},{"name":"dentry","alloc-pc":"0x99","alloc-info":"0x99"}]},{"pc":"bar at y.c:8","instances":[{"name":"a\"b\n","alloc-pc":"0x0","alloc-info":"0x0"},{"name":"dentry","alloc-pc":"0x99","alloc-info":"0x99"}]}]' \
	'false-sharing: the objects of a line, for each instruction on it'
doc cachesim_cpus
is '{"cpu1":[{"misses":5,"accesses":[{"addr":"0x1008","rawaddr":"0x1008","pc":"f\"oo at x.c:7","size":4}]},{"misses":2,"accesses":[]}]}' 'cachesim_cpus: the worst set first'
doc checkgc
is '{"in\"ode":[{"access":{"addr":"(*(struct dentry)0x1000).d_count","rawaddr":"0x1008","pc":"f\"oo at x.c:7","size":4},"object_base":"0x1000","object_bytes":64}]}' 'checkgc: by type'
doc sections
is '[{"pc":"bar at y.c:8","lock":"0x50","start":100,"stop":130,"total":30}]' 'sections'
doc syscall-accesses-pc
is '{"sys_\\open":[{"pc":"0x10","count":5},{"pc":"0x20","count":1}]}' 'syscall-accesses-pc'

# ---- from events
mkrec >log <<'LOG'
begin mode=all
symbol pc=0xffffffff81001000 frames=1 function="sys_open"
symbol pc=0xffffffff81001010 base=0xffffffff81001008 frames=2 frame=0 function="inlined"
symbol pc=0xffffffff81001010 base=0xffffffff81001008 frames=2 frame=1 function="do_open"
stack id=1 pc=0xffffffff81001000 frame=syscall number=2
stack id=2 parent=1 pc=0xffffffff81001005
judged accesses=7
entry cpu=1 tag=5 pc=0xffffffff81001000 task=1 number=2 state=start cause=syscall
access cpu=1 pc=0xffffffff81001010 addr=0x30 paddr=0x70 width=4 flags=load+moved stack=2
entry cpu=1 tag=5 state=pause
entry cpu=1 tag=6 pc=0xffffffff81002000 number=32 state=start cause=interrupt
access cpu=1 pc=0xffffffff81002010 addr=0x34 paddr=0x74 width=4 flags=load+store+atomic
entry cpu=1 tag=6 state=done
entry cpu=1 tag=5 state=resume
judged accesses=20
access cpu=1 pc=0xffffffff81001020 addr=0x38 paddr=0x78 width=4 flags=store
entry cpu=1 tag=5 state=done
end instructions=1234
LOG
doc accesses
jq -c 'map([.cpu, ."access-count", ."access-type", .traffic, .pc, ."host-addr", ."guest-addr", .bytes, .deps, .description, .fcall])' out >got
cat >want <<'EOT'
[[1,7,"l",1,"0xffffffff81001010","0x70","0x30",4,0,"0x30","0x5"],[1,8,"s",0,"0xffffffff81002010","0x74","0x34",4,0,"0x34","0x6"],[1,20,"s",0,"0xffffffff81001020","0x78","0x38",4,0,"0x38","0x5"]]
EOT
same want got 'accesses: the original'\''s counts, and the stack that each belongs to'
doc fcalls
is '[{"tag":"0x6","cpu":1,"description":"0xffffffff81002000","pc":"0xffffffff81002000","start-access-count":8,"done-access-count":9,"done-value":0},{"tag":"0x5","cpu":1,"description":"sys_open","pc":"0xffffffff81001000","start-access-count":7,"done-access-count":21,"done-value":0}]' 'fcalls'
doc syscall-accesses
jq -c 'map_values(map(.access_type))' out >got
echo '{"sys_open":["ld","st"],"0xffffffff81002000":["st"]}' >want
same want got 'syscall-accesses: what an interrupt does is not the system call'\''s; one key for an entry'
doc call-stacks
is '[{"call-stack":[{"type":"call","target-pc":"0xffffffff81001008","target-info":"do_open","return-pc":"0xffffffff81001005","return-info":"0xffffffff81001005"},{"type":"entry","target-pc":"0xffffffff81001000","target-info":"system call sys_open"}],"filter-pc":"0xffffffff81001010"}]' 'call-stacks'
doc summary
is '{"total-instructions":1234}' 'summary'

# ---- whatever comes
bad=0
for d in $(mt-tojson --classic nothing 2>&1 </dev/null | sed 's/.*there are: //'); do
	mkrec </dev/null | mt-tojson --classic "$d" >empty
	[ "$(jq -r 'keys[0]' empty)" = "$d" ] || bad=$((bad + 1))
	head -c 700 log | mt-tojson --classic "$d" >part 2>/dev/null && bad=$((bad + 1))
	jq . part >/dev/null || bad=$((bad + 1))
done
ok $bad 'every document has its key when it is empty, and is whole when the input was cut'
run mt-tojson --classic nothing <log
is_status 2 'another name is refused'
has 'there are: distinct-per-entry .* testcases ' err '... with the names that there are'

# ---- from a classic log to the document
if command -v python3 >/dev/null; then
	python3 - >mtrace.out <<'PY'
import struct, sys
def e(kind, cpu, n, body): sys.stdout.buffer.write(struct.pack("<IHHQQ", kind, 24 + len(body), cpu, n, 5) + body)
e(10, 0, 0, struct.pack("<HQQQB", 2, 1 << 30, 100, 1, 0))
e(3, 0, 0, struct.pack("<IQI64s4x", 1, 90, 3, b"fs-open_open_1_2"))
k = 0xffff888000001000
for i in range(32):
    e(2, 0, i, struct.pack("<IBQQQB", 2, 1, 0xffffffff81000010, 0x7f0000001000 + 8 * i, k + 8 * i, 8))
e(2, 1, 32, struct.pack("<IBQQQB", 1, 1, 0xffffffff81000020, 0x7f0000001050, k + 0x50, 8))
e(3, 0, 33, struct.pack("<IQI64s4x", 1, 190, 0, b"fs-open_open_1_2"))
PY
	mt-cat mtrace.out | mt-scopes --testcases | mt-tojson --classic testcases | jq -c '.testcases[] | [.name, (.shared | length)]' >out
	is '["fs-open_open_1_2",1]' 'a log of the original to its document: the conflict in 256 bytes that it lost is there'
else
	skip 'no python3' 'a log of the original to its document'
fi
done_testing
