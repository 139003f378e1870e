#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-syscalls: distinct lines of each entry to the kernel, and of operations.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model
show='"\(.entry_pc) \(.cause) \(.number) lines=\(.lines) calls=\(.calls) cut=\(.cut) most=\(.most)"'

# rows OPTIONS <text: what mt-syscalls says, a row a line, the members of $show.
rows() {
	mkrec >log.mt && mt-syscalls "$@" <log.mt 2>err | mt-tojson | grep '"type":"syscall"' |
		jq -r "$show" >got
}
expect() { cat >want; same want got "$1"; }

# ---- distinct lines ------------------------------------------------------------

rows <<'LOG'
begin mode=movement
switch cpu=0 task=7
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall number=0 task=7
access cpu=0 paddr=0x1000 width=8 flags=load+moved
access cpu=0 paddr=0x1008 width=8 flags=store+moved
access cpu=0 paddr=0x1040 width=8 flags=load+moved
access cpu=0 paddr=0x2000 width=8 flags=load
entry cpu=0 tag=1 state=done
entry cpu=0 tag=2 state=start pc=0x100 cause=syscall number=0 task=7
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=2 state=done
access cpu=0 paddr=0x3000 width=8 flags=load+moved
access cpu=0 paddr=0x3000 width=8 flags=load+moved
LOG
expect 'a line counts once in an invocation, anew in the next; only if it moved; what is outside has its own row' <<'ROWS'
0x100 syscall 0 lines=3 calls=2 cut=0 most=2
0x0 syscall 0 lines=1 calls=1 cut=0 most=1
ROWS
mt-syscalls --all-accesses <log.mt | mt-tojson | grep '"type":"syscall"' | jq -r "$show" >got
expect '--all-accesses counts lines that did not move, too' <<'ROWS'
0x100 syscall 0 lines=4 calls=2 cut=0 most=3
0x0 syscall 0 lines=1 calls=1 cut=0 most=1
ROWS

# The original keyed by thread: an interrupt has thread 0 on every cpu, so that
# both would be one set, and the second start would take the first one's lines.
rows <<'LOG'
begin mode=movement
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall task=7
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=1 state=pause
entry cpu=0 tag=2 state=start pc=0x900 cause=interrupt number=33
entry cpu=1 tag=3 state=start pc=0x900 cause=interrupt number=33
access cpu=0 paddr=0x5000 width=8 flags=load+moved
access cpu=1 paddr=0x5000 width=8 flags=store+moved
entry cpu=0 tag=2 state=done
entry cpu=1 tag=3 state=done
entry cpu=0 tag=1 state=resume
access cpu=0 paddr=0x1000 width=8 flags=load+moved
access cpu=0 paddr=0x1040 width=8 flags=load+moved
entry cpu=0 tag=1 state=done
LOG
expect 'interrupts of two cpus are two invocations, and never the interrupted call'"'"'s' <<'ROWS'
0x900 interrupt 33 lines=2 calls=2 cut=0 most=1
0x100 syscall 0 lines=2 calls=1 cut=0 most=2
ROWS

rows <<'LOG'
begin mode=movement
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall task=7
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=1 state=pause
switch cpu=0 task=8
entry cpu=0 tag=2 state=start pc=0x200 cause=syscall task=8
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=1 tag=1 state=resume pc=0
access cpu=1 paddr=0x1040 width=8 flags=load+moved
LOG
expect 'a call goes to another cpu with its task, also when it is resumed without its pc; logs may end inside calls' <<'ROWS'
0x100 syscall 0 lines=2 calls=1 cut=1 most=2
0x200 syscall 0 lines=1 calls=1 cut=1 most=1
ROWS

rows <<'LOG'
begin mode=movement
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=1 state=start pc=0x200 cause=syscall
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=1 state=done
LOG
expect 'a tag that starts again is another call: the end of the first was lost' <<'ROWS'
0x100 syscall 0 lines=1 calls=1 cut=1 most=1
0x200 syscall 0 lines=1 calls=1 cut=0 most=1
ROWS

{ echo 'begin mode=movement'
  for i in 0 300 70000; do
	echo "entry cpu=$i tag=$((i + 1)) state=start pc=0x100 cause=syscall"
	echo "access cpu=$i paddr=$((i * 64)) width=8 flags=load+moved"
	echo "entry cpu=$i tag=$((i + 1)) state=done"
  done; } | rows
expect 'cpus beyond 256 are cpus' <<'ROWS'
0x100 syscall 0 lines=3 calls=3 cut=0 most=1
ROWS

rows <<'LOG'
begin mode=off
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall
entry cpu=0 tag=1 state=done
entry cpu=0 tag=2 state=start pc=0x100 cause=syscall
mode mode=movement name=one
access cpu=0 paddr=0x1000 width=8 flags=load+moved
entry cpu=0 tag=2 state=done
entry cpu=0 tag=3 state=start pc=0x200 cause=syscall
mode mode=off
LOG
expect 'what ran before recording is no call; what only began before, or did not end, is cut' <<'ROWS'
0x100 syscall 0 lines=1 calls=1 cut=1 most=1
0x200 syscall 0 lines=0 calls=1 cut=1 most=0
ROWS

# ---- operations -------------------------------------------------------------------

cat >ops <<'LOG'
begin mode=movement
symbol pc=0xffffffff81000300 function=__x64_sys_exit_group
mode mode=movement name=procy
entry cpu=0 tag=1 state=start pc=0xffffffff81000100 cause=syscall number=56
access cpu=0 paddr=0x1000 width=8 flags=load+moved
access cpu=0 paddr=0x1040 width=8 flags=store+moved+atomic
entry cpu=0 tag=1 state=done
entry cpu=0 tag=2 state=start pc=0xffffffff81000300 cause=syscall number=231
access cpu=0 paddr=0x1080 width=8 flags=load+moved
entry cpu=0 tag=2 state=done
entry cpu=0 tag=3 state=start pc=0xffffffff81000200 cause=interrupt number=236
access cpu=0 paddr=0x2000 width=8 flags=load+moved
entry cpu=0 tag=3 state=done
appdata value=2 name=operations
appdata value=100 name=bytes
mode mode=off name=procy
LOG
show='"\(.operation) lines=\(.lines) done=\(.calls) moves=\(.moves)"'
rows --per-op procy=clone,__x64_sys_exit_group,sys_wait4 --per-op all=all \
	--per-op irq=interrupt:236,exception --per-op none=0xffffffff81000999 <ops
grep -v '^ ' got >got2 && mv got2 got
expect 'an operation is the sum of its entries, by name, function, cause or address; how many were done, appdata says' <<'ROWS'
procy lines=3 done=2 moves=3
all lines=4 done=2 moves=4
irq lines=1 done=2 moves=1
none lines=0 done=2 moves=0
ROWS
has "procy: nothing in the log is an entry 'sys_wait4'" err 'an entry that never came is named'
has 'none: nothing in the log' err 'and so is an address'

# ---- sites and runs ------------------------------------------------------------------

show='"\(.by) \(.entry_pc) \(.pc) moves=\(.moves) loads=\(.loads) stores=\(.stores) atomics=\(.atomics)"'
rows --accesses <<'LOG'
begin mode=movement
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall
access cpu=0 pc=0x10 paddr=0x1000 width=8 flags=load+moved
access cpu=0 pc=0x10 paddr=0x1000 width=8 flags=store+atomic
access cpu=0 pc=0x20 paddr=0x1000 width=8 flags=load+store+moved
access cpu=0 pc=0x20 paddr=0x1000 width=8 flags=load+store+moved
entry cpu=0 tag=1 state=done
access cpu=0 pc=0x10 paddr=0x1000 width=8 flags=load
LOG
expect '--accesses: a row for each instruction under each entry' <<'ROWS'
entry 0x100 0x0 moves=3 loads=1 stores=3 atomics=1
entry 0x0 0x0 moves=0 loads=1 stores=0 atomics=0
site 0x100 0x20 moves=2 loads=0 stores=2 atomics=0
site 0x100 0x10 moves=1 loads=1 stores=1 atomics=1
site 0x0 0x10 moves=0 loads=1 stores=0 atomics=0
ROWS

cat >runs <<'LOG'
begin
mode mode=movement name=one
entry cpu=0 tag=1 state=start pc=0x100 cause=syscall
access cpu=0 paddr=0x1000 width=8 flags=load+moved
mode mode=movement name=two
access cpu=0 paddr=0x1040 width=8 flags=load+moved
mode mode=off name=two
LOG
mkrec <runs >log.mt
mt-syscalls --per-run <log.mt | mt-tojson | jq -r '"\(.type) \(.mode // "") \(.name // "") \(.lines // "") \(.calls // "")"' | sed 's/ *$//' >got
expect '--per-run: rows for each run, after the mode record with its name' <<'ROWS'
begin off
mode movement one
syscall   1 1
mode movement two
syscall   1 1
mode off two
end
ROWS

# ---- the stream -------------------------------------------------------------------------

mkrec >log.mt <<'LOG'
begin mode=movement
task task=1 name=x
switch task=1
label addr=0x1000 bytes=64
object id=1 addr=0x1000 bytes=64
symbol pc=0x10 function=main
entry tag=1 state=start pc=0x100
access pc=0x10 paddr=0x1000 width=4 flags=load+moved
777 size=24 data=00ff
appdata value=3 name=operations
end
LOG
mt-syscalls <log.mt | mt-tojson | jq -r .type | tr '\n' ' ' >got
echo 'begin task symbol unknown appdata syscall end ' | tr -d '\n' >want
same want got 'events go, but for appdata, and what no row refers to; names of code and unknown kinds stay'

head -c -8 log.mt >cut.mt
run mt-syscalls <cut.mt
is_status 1 'a cut stream fails'
mt-tojson <out 2>/dev/null | grep -c '"type":"syscall"' >got
echo 1 >want
same want got 'but its rows come'
for usage in '--per-op x' '--per-op =x' '--per-op x=' '--per-op x=,' operand; do
	# shellcheck disable=SC2086 # an option and its argument
	run mt-syscalls $usage <log.mt
	is_status 2 "wrong usage: $usage"
done

if grep -q __asan_init "$B/mt-syscalls"; then
	skip 'built with a sanitizer, which needs memory' 'memory does not grow with accesses'
else
	# shellcheck disable=SC3045 # dash and bash have -v
	mkstream -n 3000000 -l 1000 -p 100 | (ulimit -v 20000 && mt-syscalls --accesses >out 2>err)
	ok $? 'memory does not grow with accesses: 3 million in 20 MB'
fi

if command -v python3 >/dev/null; then
	python3 "$model/random-scopes.py" 1 250 | mkrec >random.mt
	mt-tojson <random.mt >random.json
	while read -r options; do
		# shellcheck disable=SC2086 # several words
		mt-syscalls $options <random.mt | mt-tojson | grep '"type":"syscall"' >got
		# shellcheck disable=SC2086
		python3 "$model/syscalls.py" $options <random.json >want
		same want got "250 random logs, as the model says: ${options:-no options}"
	done <<'OPTIONS'

--accesses
--all-accesses
--per-run --accesses
OPTIONS

	parts() {
		mt-syscalls "$@" <log.mt >whole
		for count in 1 2 7 64; do
			rm -f part-*
			mt-split -n $count --by task -f "mt-syscalls $* --partial >\$FILE" <log.mt &&
				mt-merge part-* | mt-syscalls "$@" | cmp -s - whole || return 1
		done
	}
	python3 "$model/random-scopes.py" 303 303 4000 | mkrec >log.mt
	for options in --accesses '--all-accesses --per-run' '--per-op x=exception,read'; do
		# shellcheck disable=SC2086 # several words
		parts $options
		ok $? "1, 2, 7 and 64 parts by task, merged, give the bytes of the whole: $options"
	done
else
	skip 'no python3' 'random logs, as the model says'
fi

done_testing
