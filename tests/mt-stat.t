#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-stat: the numbers, counted by hand in the log below.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
begin mode=movement command="x"
task task=1
mode mode=all name="run"
access cpu=0 time=100 width=8 flags=load+moved
access cpu=0 time=150 width=8 flags=store+kernel
access cpu=7 time=9000000000 width=4 flags=load+store+atomic+moved
access cpu=7 time=9000000010 width=4 flags=load+split
call cpu=7 time=9000000020 op=call
mode mode=off name="run"
object id=1
777 size=24 cpu=99 time=5 data=00
drop count=3 reason=full
drop count=4 reason=full
end dropped=7 accesses=1000 instructions=5000000000
LOG
number() { mt-stat "$@" <log | mt-tojson | jq -c 'select(.type=="stat")|[.value,.unit,.name]'; }
number >all
is() { if grep -qFx -e "$1" all; then ok 0 "$2"; else ok 1 "$2"; sed 's/^/# /' all; fi; }

is '[14,"","records"]' 'every record is counted'
is '[4,"","records access"]' 'records by kind'
is '[1,"","records of unknown kind 777"]' 'also kinds from the future'
is '[4,"","accesses"]' 'accesses'
is '[2,"","accesses load"]' 'accesses that only read'
is '[1,"","accesses store"]' 'accesses that only write'
is '[1,"","accesses load+store"]' 'read-modify-writes'
is '[1,"","accesses atomic"]' 'atomic accesses'
is '[1,"","accesses kernel"]' 'accesses of the kernel'
is '[2,"","accesses moved"]' 'moves'
is '[1,"","accesses split"]' 'pieces'
is '[1000,"","accesses judged by the tracer"]' 'accesses that the tracer judged'
is '[2,"","cpus"]' 'cpus that ran events, and no others'
is '[50,"instruction","longest span of a cpu"]' 'the span of time of a cpu'
is '[5000000000,"instruction","instructions"]' 'instructions, beyond 32 bits'
is '[1,"","runs"]' 'a run is a switch to a mode that records'
is '[2,"","drops"]' 'places where records were lost'
is '[7,"","records lost"]' 'records that were lost'
is "[$(wc -c <log),\"byte\",\"size\"]" 'bytes'

{ echo 'mode mode=movement name="x"'
for i in 1 2 3; do echo "appdata value=$i name=\"operations\""; echo 'appdata value=10 name="messages \x22"'; done
i=0; while [ $i -lt 40 ]; do echo "appdata value=1 name=\"n$i\""; i=$((i + 1)); done; } | mkrec | mt-stat |
	mt-tojson | jq -c 'select(.type=="stat" and (.name | startswith("appdata ")))|[.value,.name]' >all
is '[6,"appdata operations"]' 'what the application counted: the sum of its numbers'
is '[30,"appdata messages \""]' '... of each name'
is '[18,"appdata other"]' '... those of many names together'

number --per-cpu | grep 'cpu ' >got
cat >want <<'EOT'
[2,"","cpu 0 events"]
[2,"","cpu 0 accesses"]
[1,"","cpu 0 accesses moved"]
[50,"instruction","cpu 0 span"]
[3,"","cpu 7 events"]
[2,"","cpu 7 accesses"]
[1,"","cpu 7 accesses moved"]
[20,"instruction","cpu 7 span"]
EOT
grep -v longest got >each
same want each '--per-cpu adds each cpu, in order'

mt-stat <log | mt-totext --raw | grep -v ^stat | sed 's/ .*//' | tr '\n' ' ' >got
printf 'begin drop drop end ' >want
same want got 'the stream itself is dropped but for begin, drop and end'
mt-stat <log | mt-check >got; ok $? 'the report is a whole stream'

cat log log | mt-stat | mt-tojson | grep -c '"value":14,"name":"records"' >got
echo 2 >want
same want got 'each stream of several has its own numbers'
mkrec >runs <<'LOG'
begin mode=off
object id=1 storage=heap name=a
access cpu=5 time=1 flags=load
mode mode=movement name="one" accesses=10 instructions=1000
access cpu=0 time=100 object=1 flags=load+moved
appdata value=7 name=operations
mode mode=all name="one" accesses=15 instructions=1500
access cpu=1 time=100 flags=load
mode mode=off accesses=30 instructions=3000
access cpu=6 time=1 flags=load
mode mode=movement name="two" accesses=30 instructions=3000
access cpu=2 time=50 object=1 flags=store+moved
end accesses=100 instructions=10000
LOG
mt-stat --per-run <runs | mt-tojson | jq -r 'if .type == "mode" then .mode + ":" + .name elif .type == "stat" then
	select(.name | test("^(accesses|accesses moved in heap|accesses judged.*|cpus|instructions|appdata.*)$")) | "\(.name) \(.value)" else empty end' >got
cat >want <<'T'
movement:one
all:one
accesses 2
accesses judged by the tracer 20
accesses moved in heap 1
cpus 2
instructions 2000
appdata operations 7
off:
movement:two
accesses 1
accesses judged by the tracer 70
accesses moved in heap 1
cpus 1
instructions 7000
T
same want got '--per-run: the numbers of each run behind its name; objects live on'
head -c -48 runs >short
mt-stat --per-run <short 2>err | mt-totext --raw 2>err | grep -c 'value=1 name="accesses"' >got
echo 1 >want
same want got '... of a run that was cut, too'
done_testing
