#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-filter: which records pass, and what is said about bad conditions.
. "${SRC:-.}/tests/lib.sh"

# pcs and addresses differ in the high half and in the low half; n numbers them
mkrec >log <<'LOG'
switch cpu=1 task=11 process=1
switch cpu=2 task=22 process=2
symbol pc=0x401000 process=1 frames=1 line_number=7 function="bump" file="/src/a.c"
object id=1 addr=0x1000 bytes=64 pc=0x401000 process=1 name="counters" ctype="struct counter"
object id=2 addr=0x2000 bytes=64 name="other" ctype="int"
access cpu=1 time=1 pc=0x401000 addr=0x1000 paddr=0x1000 width=8 flags=load object=1
access cpu=1 time=2 pc=0x401004 addr=0x100001000 paddr=0x1000 width=4 flags=store+moved object=2
access cpu=2 time=3 pc=0xffffffff81000000 addr=0xffffffff80001000 paddr=0x1000 width=2 flags=load+store+atomic+kernel object=1
access cpu=2 time=4 pc=0x401000 addr=0xff8 paddr=0x1000 width=16 flags=load+store+moved
call cpu=2 time=5 pc=0x401000 op=call
call cpu=2 time=6 pc=0x401000 op=ret
lock cpu=3 time=7 pc=0x1 addr=0x1040 op=acquire name="mutex"
shared moves=2000 object=1 sharing=false readers="1-2" writers="2"
shared moves=20 object=2 sharing=true
777 size=24 cpu=3 time=8 data=00
LOG

# kept OPTION...: the times of events, the moves of reports that pass
kept() { mt-filter "$@" <log | mt-totext --raw | sed -n 's/^[a-z].* time=\([1-9]\) .*/\1/p; s/^shared.* moves=\([0-9]*\) .*/\1/p' | tr '\n' ' ' | sed 's/ $//'; }
is() { want=$1; name=$2; shift 2; got=$(kept "$@"); [ "$got" = "$want" ]; ok $? "$name"; [ "$got" = "$want" ] || echo "# got '$got' wanted '$want' from $*"; }

mt-filter <log >copy
if cmp -s log copy; then ok 0 'without conditions it is cat'; else ok 1 'without conditions it is cat'; fi

# ---- options
is '1 2' '--cpu keeps the events of a cpu' --cpu 1
is '1 2 7' '--cpu takes a set' --cpu 1,3-9
is '3 4 5 6 7' '--cpu takes an open range' --cpu 2-
is '5 6' '--kind keeps kinds' --kind call
is '5 6 2000 20' '--kind takes several' --kind call,shared
is '1 3 4' '--op load: what reads, read-modify-writes too' --op load
is '2 3 4' '--op store: what writes' --op store
is '3 4' '--op both: read-modify-writes' --op both
is '3' '--op atomic' --op atomic
is '3 5 7' '--op knows calls and locks too' --op atomic,call,acquire
is '1 4' '--addr: accesses that touch the range, also from before it' --addr 0x1000-0x1007
is '2' '--addr compares all 64 bits' --addr 0x100001000+1
is '7' '--addr of a lock' --addr 0x1040
is '1 4 5 6' '--pc compares all 64 bits' --pc 0x401000
is '3' '--pc takes a range' --pc 0xffffffff80000000-
is '1 3 2000' '--object by id' --object 1
is '1 3 2000' '--object by name' --object counters
is '2 20' '--type by C type' --type int
is '1 2' '--task: while the task ran' --task 11
is '3 4 5 6' '--task of another cpu' --task 20-29
is '2 3' '--time takes a range' --time 2-3
is '2 4' '--width takes a set' --width 4,16
is '3' '--mode kernel' --mode kernel
is '1 2 4 2000 20' '--mode user; of a report what its pc does' --mode user
is '2' 'conditions are and-ed' --cpu 1 --op store --width 4

# ---- many records, in runs long and short, over every border of the buffers
awk 'BEGIN { for (i = 0; i < 40000; i++)
	printf "access cpu=%d time=%d width=%d\n", i / 3000 % 2, i, i % 3 }' | mkrec >many
mt-filter --cpu 1 <many | mt-totext --raw | sed -n 's/^access.* time=\([0-9]*\) .*/\1/p' >got
awk 'BEGIN { for (i = 0; i < 40000; i++) if (int(i / 3000) % 2) print i }' >want
if cmp -s want got; then ok 0 'long runs of records pass'; else ok 1 'long runs of records pass'; fi
mt-filter -e 'width == 1 || time >= 20000' <many | mt-totext --raw | sed -n 's/^access.* time=\([0-9]*\) .*/\1/p' >got
awk 'BEGIN { for (i = 0; i < 40000; i++) if (i % 3 == 1 || i >= 20000) print i }' >want
if cmp -s want got; then ok 0 '... and short ones'; else ok 1 '... and short ones'; fi
mt-filter <many >copy
if cmp -s many copy; then ok 0 '... and all'; else ok 1 '... and all'; fi

# ---- three values
is '2 3 4 5 6 7 2000 20' '--not turns round what is known' --not --time 1
is '1 3 4' '--not: what lacks the field does not pass either' --not --width 4
is '3 4' 'a record without the field is not matched' -e 'width != 8 && cpu == 2'
is '2 3 4' '... nor by the negation' -e '!(width == 8)'
is '1 5 6' 'unknown or true is true' -e 'width == 8 || op == call || op == ret'
is '3 5 6' 'unknown and false is false: its negation passes' -e '!(width > 2 || cpu != 2) || !(width == 5 && cpu == 1) && kind == call'

# ---- expressions
is '1 4' 'pc.function: through the symbol of the process that runs' -e 'pc.function == "bump" || pc == 0x401000 && kind == access'
is '1' 'pc.function is unknown where no symbol is defined' -e 'pc.function =~ "^bu.p$"'
is '2 20' '... and then the negation is unknown too' -e '!(object.name == "counters")'
is '1 3 2000' 'object.ctype' -e 'object.ctype =~ "struct"'
is '1 3 2000' 'a chain of definitions' -e 'object.pc.line_number == 7'
is '2000' 'sharing == false' -e 'sharing == false'
is '2000' 'a number' -e 'moves > 1000'
is '5' 'a value of an enumerated field' -e 'op == call'
is '5' '... on the left' -e 'call == op'
is '5 7' '... in a set' -e 'op in {call, acquire}'
is '2 4' 'a flag by its name' -e 'moved'
is '3 4' 'a mask of flags' -e 'flags & (load + store) == load + store && width in {2, 16}'
is '1 3' '! binds tighter than &&' -e '!moved && width >= 0'
is '1 2 4' '&& binds tighter than ||' -e 'time == 1 || time == 2 || width == 16 && cpu == 2'
is '1 2' '< and its border' -e 'time < 3 && kind == access'
is '1 2 3' '<= and its border' -e 'time <= 3 && kind == access'
is '4 5 6 7' '> and its border' -e 'time > 3 && kind != shared'
is '3 4' '>= and its border, from the other side' -e '3 <= time && kind == access'
is '1 2 3 5' 'a set that overlaps itself' -e 'time in {5, 1-2, 2-3, 5-5} && kind != shared'
is '3' 'the largest numbers' -e 'addr >= 0xffffffff80001000 && addr <= 18446744073709551615'
is '1' 'fields against each other' -e 'addr == paddr'
is '1 3' 'members against fields' -e 'object.addr == paddr && width != 0 && addr - object.addr >= 0 && object == 1'
is '4' 'arithmetic wraps at 64 bits' -e 'addr + 8 == paddr && addr - paddr == 0xfffffffffffffff8'
is '7' 'a string' -e 'name == "mutex"'
is '7' 'escapes in strings' -e 'name == "mute\x78"'
is '3 4 5 6' 'running.task' -e 'running.task == 22'
is '' 'nothing is below 0' -e 'time < 0 || time > 18446744073709551615'
is '1 2 3 4 5 6 7' 'everything is at least 0' -e '!(time < 0) && kind != shared'

# ---- what else passes
mt-filter --cpu 9 <log | mt-totext --raw | sed 's/ .*//' | tr '\n' ' ' >got
printf 'begin switch switch symbol object object 777 end ' >want
same want got 'context, definitions and unknown kinds pass'
mt-filter --only --cpu 1 <log | mt-totext --raw | sed 's/ .*//' | tr '\n' ' ' >got
printf 'begin access access end ' >want
same want got '--only drops them'
mt-filter --only --kind switch,777 --cpu 2,3 <log | mt-totext --raw | sed 's/ .*//' | tr '\n' ' ' >got
printf 'begin switch 777 end ' >want
same want got '--only judges what --kind names, even context and numbers'

# ---- what runs
mkrec >running <<'LOG'
switch cpu=0 task=5
entry cpu=0 time=1 tag=0x10 pc=1 state=start cause=syscall number=7
access cpu=0 time=2 width=8 flags=load
entry cpu=0 time=3 tag=0x10 state=pause cause=syscall number=7
access cpu=0 time=4 width=8 flags=load
entry cpu=0 time=4 tag=0x11 pc=1 state=start cause=interrupt number=7
access cpu=0 time=5 width=8 flags=load
entry cpu=0 time=6 tag=0x11 state=done cause=interrupt number=7
entry cpu=1 time=7 tag=0x10 state=resume cause=syscall number=7
access cpu=1 time=8 width=8 flags=load
entry cpu=1 time=9 tag=0x10 state=done cause=syscall number=7
access cpu=1 time=9 width=4 flags=load
entry cpu=1 time=9 tag=0x10 state=resume cause=syscall number=7
access cpu=1 time=9 width=4 flags=load
LOG
cp running log
is '1 2 3 7 8 9 9 9' '--syscall follows the call stack from cpu to cpu, not into interrupts' --syscall 7
is '4 5 6' '--cause' --cause interrupt
is '1 2 3 4 5 6 7 8 9 9 9' '... one of several' --cause interrupt,syscall
is '' '... of another' --cause softirq,exception
is '4 5 6' 'running.cause' -e 'running.cause == interrupt'
is '4 5 6' '... in a set' -e 'running.cause in {interrupt, 5}'
run mt-filter --cause nothing <log
is_status 2 'a cause that there is not is refused'
has "'nothing' is no cause" err '... and quoted'
run mt-filter -e 'running.cause == nothing' <log
is_status 2 '... also in an expression'
is '' '--syscall of another number' --syscall 8
is '1 2 3 7 8 9 9 9' '... or by name, or by both' --syscall 8,poll,close
is '' '... of another' --syscall openat
run mt-filter --syscall no_such_call <log
is_status 2 'a name that no system call has is refused'
has "there is no system call 'no_such_call'" err '... and quoted'
run mt-filter --syscall 1-read <log
is_status 2 'names make no ranges'
mkrec >log <<'LOG'
entry cpu=0 time=1 tag=0x10 pc=1 state=start cause=syscall number=7
mode time=2 mode=off
mode time=3 mode=all
access cpu=0 time=4 width=8 flags=load
LOG
is '1 2 3' '--syscall: what is open when recording stops may end unseen' --syscall 7
cp running log
mkrec >log <<'LOG'
switch cpu=0 task=5
scope cpu=0 time=1 op=enter task=5 name="outer"
scope cpu=0 time=2 op=enter name="inner"
access cpu=0 time=3 width=8 flags=load
access cpu=1 time=3 width=4 flags=load
scope cpu=0 time=4 op=leave task=5 name="inner"
access cpu=0 time=5 width=8 flags=load
scope cpu=0 time=6 op=leave task=5 name="outer"
access cpu=0 time=7 width=8 flags=load
LOG
is '1 2 3 4 5 6' '--scope: inside it at any depth' --scope outer
is '2 3 4' 'running.scope is the innermost' -e 'running.scope == "inner"'
mkrec >log <<'LOG'
access time=1
mode time=2 mode=movement name="first"
access time=3
mode time=4 mode=off name="first"
access time=5
mode time=6 mode=all name="second"
access cpu=1 time=7
mode time=8 mode=off name="second"
LOG
is '2 3 4 6 8' '--run: from one mode record to the next, and these' --run first
is '2 4 6 7 8' '... of any cpu' -r second
is '2 3 4 6 7 8' 'running.run is its name, unknown outside' -e 'running.run =~ "."'

# ---- messages
# bad EXPR COLUMN MESSAGE: status 2, the message, and the caret under COLUMN
bad() {
	run mt-filter -e "$1" <log
	is_status 2 "'$1' is refused"
	has "$3" err '... with the reason'
	[ "$(sed -n 's/^mt-filter:     //p' err | tail -1)" = "$(printf "%$2s" '^')" ]; ok $? '... and the caret at the place'
}
bad 'cpu = 3' 5 '== compares'
bad 'mvoed && cpu == 1' 1 "no record has a field 'mvoed'; near it: moved"
bad 'cpu == 1 && object.nam == "x"' 13 'members: addr, bytes, pc, id'
bad 'op == cal' 7 "'cal' is none of its values: call, ret"
bad 'op in {call, rett}' 14 "'rett' is none of its values"
bad 'name > 3' 6 'a string and a number cannot be compared'
bad 'name > "x"' 6 'strings are compared'
bad 'name' 1 'a string is no condition'
bad 'name in {1}' 6 'a string is in no set'
bad 'sp == width' 4 'no record has all'
bad 'cpu =~ "x"' 5 'matches strings'
bad '(moved' 7 'expected \) here'
bad 'moved )' 7 'expected an operator or the end'
bad '' 1 'ends where'
bad 'cpu == 99999999999999999999' 8 'does not fit 64 bits'
bad 'cpu == 12ab' 8 'not a number'
bad 'cpu in {7-3}' 11 'ends before it starts'
bad 'name == "x' 9 'without its closing quote'
bad 'name =~ "("' 9 '[Uu]nmatched'
bad '(cpu == 1) + 2' 6 'a condition stands where a value'
bad 'nöme == 1' 2 'expected an operator'

for wrong in '--cpu x' '--cpu 3-1' '--cpu 4294967296' '--cpu 1,' '--kind acess' '--op stor' '--mode kern' \
	'--addr 0x10+0' '--width 70000' '--time 1-2-3' '--bogus' 'operand'; do
	# shellcheck disable=SC2086  # two words
	run mt-filter $wrong <log
	is_status 2 "$wrong is wrong usage"
done
run mt-filter -e "$(printf '%0300d' 0 | tr 0 '(')" <log; is_status 2 'deep nesting is refused'
mt-filter --fields >got; ok $? '--fields lists the fields'
has '^    sharing .*: none read true false mixed$' got '... with their values'

# ---- many accesses in a row are judged together
mkstream -n 3000 >log
mt-tojson <log >log.json
while IFS=';' read -r options expected; do
	# shellcheck disable=SC2086 # several words
	mt-filter --only $options <log | mt-tojson | grep '"type":"access"' >got
	jq -c "select(.type == \"access\" and ($expected))" log.json >want
	[ -s want ] && cmp -s got want; ok $? "of 3000 accesses in a row the right ones, in order: $options"
done <<'OPTIONS'
-e width>=0;true
--cpu 1 --width 8;.cpu == 1 and .width == 8
--cpu 1 --width 8 --not;.cpu != 1 or .width != 8
-e store&&(cpu==2||width==4);(.flags | index("store")) and (.cpu == 2 or .width == 4)
-e cpu==2||store;.cpu == 2 or (.flags | index("store"))
--addr 0xffff888000000000-0xffff8880ffffffff;.addr >= "0xffff888000000000" and .addr <= "0xffff8880ffffffff"
OPTIONS

# ---- against the model
mkrec >log <<'LOG'
access cpu=1 time=1 pc=0x401000 addr=0x1000 paddr=0x1000 width=8 flags=load object=1
access cpu=1 time=2 pc=0x401004 addr=0x100001000 paddr=0x1000 width=4 flags=store+moved object=2
access cpu=2 time=3 pc=0xffffffff81000000 addr=0xffffffffffffffff paddr=0x1000 width=2 flags=load+store+atomic+kernel
access cpu=4294967295 time=0 pc=0x40 addr=0x3f paddr=0x8000000000000000 width=16 flags=split+store+moved object=63
access cpu=0 time=18446744073709551615 width=1 flags=load+kernel object=4294967295
call cpu=2 time=5 pc=0x401000 op=call sp=0x1000
call cpu=2 time=64 pc=0x7 op=ret sp=0x1008
lock cpu=3 time=7 pc=0x1 addr=0x1040 op=acquire name="a" read=1 task=7
lock cpu=7 time=8 addr=0x1 op=release name="b" task=1
lock cpu=8 time=63 pc=0x1 addr=0x3 op=acquired
LOG
if command -v python3 >/dev/null; then
	run python3 "$SRC/tests/model/expr.py" log 150 1
	is_status 0 '150 random expressions pass what a three-valued model passes'
	sed 's/^/# /' out
else
	skip 'no python3' 'random expressions'
fi
done_testing
