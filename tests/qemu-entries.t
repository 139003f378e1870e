#!/bin/sh
# SPDX-License-Identifier: MIT
# What the tracer finds out about a kernel by itself: where it is entered and
# left, what the processor pushes, who takes locks; and how cpus take turns.  On
# a stock kernel, whose own counters are what is compared with.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
qemu=$prefix/bin/qemu-system-x86_64
plugin=$B/libmtrace.so
[ -x "$qemu" ] || skip_all 'no QEMU of ours: make qemu'
[ -f "$plugin" ] || skip_all 'no libmtrace.so: make tracer'
# shellcheck disable=SC2034  # for lib.sh
guest=entries
# shellcheck source=tests/guest/lib.sh
. "$SRC/tests/guest/lib.sh"

model() {
	mt-cat "$1" | mt-totext --raw | grep -E '^(entry|lock|appdata|call) |frame' |
		python3 "$SRC/tests/model/entries.py"
}
# number PATTERN: the last word of the line in got that it matches.
number() { sed -n "s/^$1 \\([0-9]*\\)\$/\\1/p" got | head -n 1; }
# equals WANT GOT NAME
equals() { [ -n "$1" ] && [ "$1" = "$2" ]; ok $? "$3"; [ "$1" = "$2" ] || echo "# $2, wanted $1"; }
# about WANT GOT NAME: reading a counter takes time.
about() {
	[ -n "$1" ] && [ -n "$2" ] && [ "$1" -gt 3 ] && [ $((${2} - ${1})) -le 2 ] && [ $((${1} - ${2})) -le 2 ]
	ok $? "$3 ($2, the guest counts $1)"
}

# ---- entries, frames, locks, calls -----------------------------------------

boot out=a.mt,start=0,calls=on,quantum=1000 mode=all -accel tcg,thread=single -smp 2
has '^done: 22 watched' out 'the guest runs to its end'
mt-cat a.mt | mt-check >check.out 2>&1; ok $? 'mt-check has no complaint'
head -n 5 check.out | sed 's/^/# /'
model a.mt >got
getppid=$(sed -n 's/^getppid: \(0x[0-9a-f]*\).*/\1/p' out)
equals 1000 "$(number "getppid syscall 110 $getppid")" '1000 getppid() are 1000 entries, at the function of the system call'
faults=$(number 'fault guest')
equals "$faults" "$(number 'fault exception 14 0x[0-9a-f]*')" "page faults are as many as the kernel counts: $faults"
equals 7 "$(number 'int80 syscall 20 0x[0-9a-f]*')" 'system calls through int 0x80 are, too'
about "$(number 'timer guest')" "$(number 'timer interrupt 236 0x[0-9a-f]*')" 'timer interrupts are, too'
has '^balanced: [1-9]' got 'each pause, resume and done belongs to the entry that is current'
awk '/^frames:/ { exit !($2 > 300 && $4 == $7) }' got
ok $? 'the processor pushed 40 bytes for each handler, 48 where there is an error code'
grep '^frames' got | sed 's/^/# /'

equals 1000 "$(number 'pipe lock mutex')" '500 writes to a pipe and 500 reads take its mutex 1000 times'
has '^held: [1-9]' got 'nobody gets a lock that he did not try, or that is held, or releases what he has not'
grep '^lock ' got | head -n 5 | sed 's/^/# /'
deep=$(sed -n 's/^deep: \(0x[0-9a-f]*\).*/\1/p' out)
equals 100 "$(number "deep call $deep")" 'a recursion 100 deep is 100 calls'
deep_ret=$(number 'deep ret')
deep_call=$(number 'deep call')
[ $((deep_call - deep_ret)) -le 2 ] && [ $((deep_ret - deep_call)) -le 2 ]
ok $? "and as many returns ($deep_call calls, $deep_ret returns)"

# ---- turns --------------------------------------------------------------------

# turns LOG LIMIT: in instructions, by the time of the first and the last access
# of each turn, while both cpus are in the loop.  Two turns look like one where
# the other cpu gave up its own at once.
turns() {
	mt-cat "$1" | mt-totext --raw | awk -v limit="$2" '
	/^access/ {
		match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
		match($0, / time=[0-9]+/); t = substr($0, RSTART + 6, RLENGTH - 6)
		if (c != last) { n++; first = t }
		len[n] = t - first; cpu[n] = c; last = c
		if (!/kernel/) user[n] = 1
	}
	END {
		for (i = 1; i <= n; i++) if (user[i] && cpu[i] == 1) { if (!lo) lo = i; hi = i }
		for (i = int(lo + (hi - lo) / 10); i <= lo + (hi - lo) * 9 / 10; i++) {
			k++; sum += len[i]; if (len[i] > max) max = len[i]; over += len[i] > limit
		}
		print k + 0, "turns, mean", k ? int(sum / k) : 0, "longest", max + 0, "over", over + 0
	}'
}
boot out=s.mt,start=0,quantum=1000 'mode=all spin=100000' -accel tcg,thread=single -smp 2
turns s.mt 1100 >turns.out
awk '{ exit !($1 > 300 && $4 > 700 && $8 <= $1 / 100) }' turns.out
ok $? 'with quantum=1000 two cpus alternate within 1000 instructions and a block'
sed 's/^/# /' turns.out
boot out=s.mt,start=0,quantum=100 'mode=all spin=20000' -accel tcg,thread=single -smp 2
turns s.mt 200 >turns.out
awk '{ exit !($1 > 600 && $4 > 60 && $8 <= $1 / 100) }' turns.out
ok $? 'with quantum=100, within 100'
sed 's/^/# /' turns.out

# ---- twice the same --------------------------------------------------------------

clock='-accel tcg,thread=single -smp 4 -icount shift=0,sleep=off -rtc clock=vm,base=2020-01-01T00:00:00 -seed 1'
for i in 1 2; do
	# shellcheck disable=SC2086  # options
	boot out=r$i.mt,start=0,quantum=1000 job=20 $clock
	mt-cat r$i.mt >r$i.stream
done
cmp -s r1.stream r2.stream; ok $? 'with an instruction clock entries and locks are the same each time'
model r1.mt >got
has '^balanced: [1-9][0-9][0-9]' got 'a job on 4 cpus: entries are balanced'
has '^held: [1-9]' got 'and so are locks'

done_testing
