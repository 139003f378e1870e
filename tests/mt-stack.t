#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-stack: the stack of each access.
. "${SRC:-.}/tests/lib.sh"
MODEL=$SRC/tests/model/stacks.py

# stacks: of the accesses of a text log, one a line, outermost frame first
stacks() { mkrec | mt-stack | mt-tojson | python3 "$MODEL" show "$@"; }
# kernel code is what runs on kernel stacks: the address tells
call() { echo "call cpu=${3-0} op=call pc=$1 target=0x2 return_pc=$1 sp=$2"; }
ret() { echo "call cpu=${2-0} op=ret pc=$1 sp=$1"; }
at() { echo "access cpu=${1-0} pc=0x4 addr=0x10 paddr=0x10 width=1 flags=load"; }
kat() { echo "access cpu=${1-0} pc=0xffffffff81000004 addr=0x10 paddr=0x10 width=1 flags=load"; }
# entry STATE TAG [CPU [CAUSE [NUMBER [TASK]]]]
entry() { echo "entry state=$1 tag=$2 cpu=${3-0} cause=${4-syscall} number=${5-7} task=${6-1} pc=0xffffffff81000000"; }

# ---- calls ------------------------------------------------------------------

{
	at
	call 0xa 0x7000; at
	call 0xb 0x6f00; at
	ret 0x6f00; at
	call 0xc 0x6f00; at
	ret 0x6f00; ret 0x7000; at
} | stacks >got
printf '%s\n' - 0xa '0xa 0xb' 0xa '0xa 0xc' - >want
same want got 'calls put frames on, returns take them off'

{ call 0xa 0x7000; call 0xb 0x6f00; ret 0x6f00; } | stacks --calls >got
printf '%s\n' - 0xa '0xa 0xb' >want
same want got 'a call is on the stack before it, a return on the one that it ends'

{
	call 0xa 0x7000; call 0xb 0x6f00; call 0xc 0x6e00; call 0xd 0x6d00
	call 0xe 0x6f00; at
	call 0xf 0x6e00; ret 0x7000; at
	call 0xa 0x7000; call 0xb 0x6f00; ret 0x7800; at
} | stacks >got
printf '%s\n' '0xa 0xe' - - >want
same want got 'a longjmp leaves no dead frame, nor do returns that nobody saw'

{ call 0xa 0x7000; ret 0x6000; at; ret 0x5000; at; } | stacks >got
printf '%s\n' 0xa 0xa >want
same want got 'a return of an unknown call takes nothing off'

{ call 0xa 0x7000; call 0xb 0x6f00; echo 'call op=ret sp=0x6e00 target=0xb'; at
  call 0xc 0x6f00; echo 'call op=ret sp=0x7e0000000000 target=0xc'; at; } | stacks >got
printf '%s\n' 0xa 0xa >want
same want got 'a return from another slot, but to where the call came from, is that of the call'

{ echo 'call op=call pc=0xffffffff81000000 return_pc=0xffffffff81000005 sp=0xffff888000003f00'; at; } | stacks >got
echo - >want
same want got 'user code never stands on frames of the kernel that were left unseen'

{ call 0xa 0x7000 0; call 0xb 0x7000 1; at 0; at 1; } | stacks >got
printf '%s\n' 0xa 0xb >want
same want got 'each cpu has its own frames'

{ call 0xa 0x7f0000000000; call 0xb 0x7e0000000000; at; call 0xc 0x7f8000000000; at; ret 0x7f8000000000; at
  ret 0x7e0000000000; at; call 0xd 0x7effffffff00; at; } | stacks >got
printf '%s\n' '0xa 0xb' '0xa 0xb 0xc' '0xa 0xb' 0xa '0xa 0xd' >want
same want got 'another stack keeps the frames of the first, wherever it lies'

i=0
while [ $i -lt 12 ]; do i=$((i + 1)); call 0x$i "0x7$(printf %x $i)0000000000"; done >many
{ cat many; at; ret 0x7b0000000000; at; ret 0x710000000000; at; ret 0x750000000000; at; } | stacks >got
printf '%s\n' '0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9 0x10 0x11 0x12' '0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9 0x10' \
	'0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9 0x10' '0x1 0x2 0x3 0x4' >want
same want got 'of more than 8 stacks the outermost stay below for good'

# ---- entries ----------------------------------------------------------------

{
	echo 'switch task=1 process=3'
	call 0xa 0x7000; entry start 9; kat
	call 0xffffffff81000005 0xffff888000003f00; kat
	entry pause 9; kat; entry start 10 0 interrupt 33; kat
	call 0xffffffff81000006 0xffff888000003000; kat
	entry 'done' 10; entry resume 9; kat
	entry pause 9; entry start 11 0 exception 14; kat; entry 'done' 11; entry resume 9; kat
	entry 'done' 9; at
} | stacks >got
cat >want <<'W'
3/0xa syscall:7:0xffffffff81000000
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
interrupt:33:0xffffffff81000000
interrupt:33:0xffffffff81000000 0xffffffff81000006
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005 exception:14:0xffffffff81000000
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
3/0xa
W
same want got 'system calls and exceptions stand on what they interrupted, interrupts on nothing'

# What the same log is without user code below the kernel's.
{
	echo 'switch task=1 process=3'
	call 0xa 0x7000; at; entry start 9; kat
	call 0xffffffff81000005 0xffff888000003f00; kat
	entry start 11 0 exception 14; kat; entry 'done' 11
	ret 0xffff888000003f00; entry 'done' 9; at
} >border
mkrec <border | mt-stack --kernel-apart | mt-tojson | python3 "$MODEL" show >got
cat >want <<'EOT'
3/0xa
syscall:7:0xffffffff81000000
syscall:7:0xffffffff81000000 0xffffffff81000005
syscall:7:0xffffffff81000000 0xffffffff81000005 exception:14:0xffffffff81000000
3/0xa
EOT
same want got '--kernel-apart: no user code below the kernel, and an exception in the kernel stays on its system call'
mkrec <border | mt-stack | mt-tojson | python3 "$MODEL" show >want
mkrec <border | mt-stack --drop-calls >dropped
mt-tojson <dropped | python3 "$MODEL" show >got
same want got '--drop-calls: accesses have the stacks that they have with calls'
[ "$(mt-tojson <dropped | grep -c '"type":"call"')" = 0 ]; ok $? 'and no call is passed on'
{ call 0xa 0x7000; call 0xb 0x6f00; ret 0x6f00; ret 0x7000; at; } | mkrec | mt-stack --drop-calls | mt-tojson | grep -c '"type":"stack"' >got
echo 0 >want
same want got 'nor a stack defined that only calls had'

{
	echo 'begin machine=system'
	echo 'switch cpu=0 task=1 process=3'; call 0xa 0x7000
	entry start 9; call 0xffffffff81000005 0xffff888000003f00
	entry pause 9; echo 'switch cpu=0 task=2 process=4'; kat
	ret 0xffff888000003e00
	call 0xb 0x7100; at
	echo 'switch cpu=1 task=1 process=3'; entry resume 9 1; kat 1
	ret 0xffff888000003f00 1; kat 1; entry 'done' 9 1; at 1
} | stacks >got
cat >want <<'W'
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
4/0xb
3/0xa syscall:7:0xffffffff81000000 0xffffffff81000005
3/0xa syscall:7:0xffffffff81000000
3/0xa
W
same want got 'frames follow their task to another cpu; a switch counts from the next stack on'

{
	echo 'begin machine=system mode=all'; call 0xa 0x7000; entry start 9; at
	echo 'mode mode=off'; echo 'mode mode=all'; at; call 0xb 0x6000; at
} | stacks >got
printf '%s\n' '0xa syscall:7:0xffffffff81000000' - 0xb >want
same want got 'switching recording off forgets all frames'

{
	echo 'begin machine=system'; echo 'switch task=5 process=5'; call 0xa 0x7000
	entry start 1 0 syscall 157 5; echo 'task op=exec task=5'; entry 'done' 1; at
	entry start 2 0 syscall 59 5; echo 'task op=exec task=5'; at; entry 'done' 2; at
	call 0xb 0x7000; echo 'task op=exit task=5'; at
} | stacks >got
printf '%s\n' 5/0xa '5/0xa syscall:59:0xffffffff81000000' - - >want
same want got 'an exec ends the frames of user code, a change of name does not'

{ entry start 1 0 syscall 3; kat; entry 'done' 1; entry start 2 0 syscall 4; kat; } | stacks >got
printf '%s\n' syscall:3:0xffffffff81000000 syscall:4:0xffffffff81000000 >want
same want got 'system calls by one function are told apart by their number'

bad=
for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	python3 "$MODEL" make $seed log want
	mkrec <log >rec
	mt-stack <rec >out
	mt-check -q <out || bad="$bad $seed(check)"
	mt-tojson <out | python3 "$MODEL" show >got
	cmp -s want got || bad="$bad $seed"
done
[ -z "$bad" ]; ok $? "a machine with interrupts, faults and task switches: the true stacks$bad"
[ "$(sort -u want | wc -l)" -gt 300 ]; ok $? '... which differ a lot'

mt-stack <out | cmp -s - out; ok $? 'what has stacks already is the same again'
mt-tojson <out | jq -c 'select(.type != "stack" and .type != "end") | del(.stack)' >a
mt-tojson <rec | jq -c 'select(.type != "end") | del(.stack)' >b
same a b 'nothing else changes'
cat rec rec | mt-stack >twice
mt-check -q <twice; ok $? 'each of two streams has its own stacks'
mt-tojson <twice | python3 -c '
import json, sys
streams = []
for r in map(json.loads, sys.stdin):
    streams.append([]) if r["type"] == "begin" else streams[-1].append(r)
sys.exit(streams[0] != streams[1])'
ok $? '... with the same ids'

# ---- limits -----------------------------------------------------------------

{
	call 0xa 0x7000; call 0xb 0x6000; at; call 0xc 0x5000; at; call 0xd 0x4000; at
	ret 0x4000; ret 0x5000; at
} | mkrec | mt-stack --depth 2 | mt-tojson | python3 "$MODEL" show >got
printf '%s\n' '0xa 0xb' '0xa 0xb ...' '0xa 0xb ...' '0xa 0xb' >want
same want got '--depth makes one of all that is deeper'

python3 - >deep <<'P'
print("begin machine=user")
for i in range(50000):
    print("call op=call pc=0x1 return_pc=0x%x sp=0x%x" % (i + 16, 0x7f0000000000 - 16 * i))
print("access pc=1 addr=0x10 paddr=0x10 width=1 flags=load")
P
mkrec <deep | mt-stack | mt-tojson | jq -s 'map(select(.type == "stack")) | length' >got
echo 1025 >want
same want got 'a deep recursion is cut after 1024 frames'

# Words of the same shapes, but any tag, state, slot and task.
python3 - >wild <<'P'
import random
random.seed(1)
n = lambda: random.choice([0, 1, 2, 3, 1 << 32, (1 << 64) - 1])
small = lambda: random.choice([0, 1, 2, 59, 4294967295])
print("begin machine=system")
for _ in range(20000):
    cpu = random.choice([0, 1, 4294967295])
    print(random.choice([
        "entry cpu=%d tag=%d pc=%d state=%d cause=%d number=%d task=%d" %
        (cpu, n(), n(), random.randrange(6), random.randrange(9), small(), small()),
        "call cpu=%d op=%d sp=%d return_pc=%d" % (cpu, random.randrange(3), n(), n()),
        "switch cpu=%d task=%d process=%d" % (cpu, small(), small()),
        "task cpu=%d op=%d task=%d" % (cpu, random.randrange(4), small()),
        "mode mode=%d" % random.randrange(200),
        "access cpu=%d" % cpu]))
P
run sh -c 'mkrec <wild | mt-stack'
is_status 0 'entries, switches and slots without sense do no harm'
mt-tojson <out | python3 "$MODEL" show >got; ok $? '... and give stacks that are defined'

{ at; at; } | mkrec >none
run mt-stack <none
is_status 0 'a log without calls and entries passes'
has 'no calls and no entries' err '... and the reason why nothing was found is said'

run mt-stack --depth x <none; is_status 2 '--depth wants a number'
run mt-stack extra <none; is_status 2 'operands are refused'

# ---- a real program ----------------------------------------------------------

if [ -x "$B/mt-run" ] && [ -s "$B/qemu-prefix" ]; then
	cat >prog.c <<'C'
#include <setjmp.h>
#include <stdlib.h>
static volatile long sink;
static jmp_buf env;
__attribute__((noinline)) void leaf(int d) { sink += d; }
__attribute__((noinline)) int down(int d)
{
	if (!d)
		return 0;
	int r = down(d - 1) + 1;
	leaf(d);
	return r;
}
__attribute__((noinline)) void up(int d)
{
	if (!d)
		longjmp(env, 1);
	up(d - 1);
	sink++;
}
static int compare(const void *a, const void *b)
{
	leaf(1);
	return *(const int *)a - *(const int *)b;
}
int main(void)
{
	int v[] = { 2, 1 };

	down(4);
	if (!setjmp(env))
		up(5);
	leaf(7);
	qsort(v, 2, sizeof(*v), compare);
	return sink == 0;
}
C
	gcc -O1 -fno-inline -g -o prog prog.c
	mt-run --mode all --calls -o log.mt ./prog
	mt-cat log.mt | mt-stack | tee s | mt-addr2line prog | mt-tojson >json
	mt-check -q <s; ok $? 'stacks of a real program: defined before their use'
	cat >leaves.py <<'P'
import json, sys
names, stacks, seen = {}, {0: []}, []
for r in map(json.loads, sys.stdin):
    if r["type"] == "symbol" and r["frame"] == r["frames"] - 1:
        names[r["pc"]] = r["function"]
    elif r["type"] == "stack":
        stacks[r["id"]] = stacks[r["parent"]] + [r["pc"]]
    elif r["type"] == "access" and names.get(r["pc"]) == "leaf":
        s = [names.get(pc, "?") for pc in stacks[r["stack"]]]
        s = [f for f in s[s.index("main"):] if "sort" not in f]
        if not seen or seen[-1] != s:
            seen.append(s)
for s in seen:
    print(*s)
P
	python3 leaves.py <json >got
	cat >want <<'W'
main down down down down
main down down down
main down down
main down
main
main compare
W
	same want got '... as its source says, behind a longjmp too'
else
	skip 'make tracer has not been run' 'stacks of a real program: defined before their use'
	skip 'make tracer has not been run' '... as its source says, behind a longjmp too'
fi

done_testing
