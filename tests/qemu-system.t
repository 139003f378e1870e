#!/bin/sh
# SPDX-License-Identifier: MIT
# The tracer in system mode, on a stock kernel whose init puts a thread on each
# cpu (guest/init.c).
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
qemu=$prefix/bin/qemu-system-x86_64
plugin=$B/libmtrace.so
[ -x "$qemu" ] || skip_all 'no QEMU of ours: make qemu'
[ -f "$plugin" ] || skip_all 'no libmtrace.so: make tracer'
# shellcheck source=tests/guest/lib.sh
. "$SRC/tests/guest/lib.sh"

# ---- movement -------------------------------------------------------------

boot out=a.mt,start=0,quantum=1000,check=on '' -accel tcg,thread=single -smp 4
has '^done: 8000 rounds on 4 cpus' out 'the guest runs to its end; each cached page agrees with QEMU'
mt-cat a.mt >a.stream && mt-check <a.stream >check.out 2>&1
ok $? 'the log is whole, and mt-check has no complaint'
mt-totext --raw <a.stream >a.txt
has '^begin .*cpus=4 .*quantum=1000 .*machine=system order=exact index=callback' a.txt \
	'begin says: a whole guest, exact order, the true index from QEMU'
has '^end .*accesses=[1-9][0-9]+ instructions=[1-9]' a.txt 'end has the totals'
right_cpus a.mt 'no access has the number of another cpu'
grep -q '^256 accesses by 4 cpus' pages.out; ok $? 'each of 4 cpus moves each of the 64 lines of its page once'
awk '/^access/ && !/moved/' a.txt >hits
[ ! -s hits ]; ok $? 'in movement mode only what moved is logged'
awk '/^access/ && /kernel/ { k++ } /^access/ && !/kernel/ { u++ } END { exit !(k > 100 && u > 100) }' a.txt
ok $? 'accesses of the kernel and of user code are told apart'

# ---- every access, and twice the same -------------------------------------

clock='-accel tcg,thread=single -smp 4 -icount shift=0,sleep=off -rtc clock=vm,base=2020-01-01T00:00:00 -seed 1'
# shellcheck disable=SC2086  # options
boot out=m1.mt,start=0,quantum=1000 '' $clock
# shellcheck disable=SC2086
boot out=m2.mt,start=0,quantum=1000 '' $clock
# shellcheck disable=SC2086
boot out=all.mt,start=0,quantum=1000,mode=all '' $clock
mt-cat m1.mt >m1.stream; mt-cat m2.mt >m2.stream; mt-cat all.mt >all.stream
cmp -s m1.stream m2.stream; ok $? 'with an instruction clock the same command gives the same log'
mt-totext --raw <m1.stream | grep -q '^begin .*options=.*reproducible'
ok $? 'and begin says so'

right_cpus all.mt 'nor has it here'
mt-totext --raw <all.stream | grep '^access' >all.txt
mt-totext --raw <m1.stream | grep '^access' >m1.txt
grep moved all.txt >all.moved
same m1.txt all.moved 'what the movement filter logs is what mode all marks as moved'
# The rule, in the order of the log: holders[line] is a list ",1,3,"; unset: all.
awk '
{
	match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
	match($0, / paddr=0x[0-9a-f]+/); line = substr($0, RSTART + 7, RLENGTH - 9)
	d = index("0123456789abcdef", substr($0, RSTART + RLENGTH - 2, 1)) - 1
	line = line int(d / 4)
	if (/store/) {
		hit = line in holders && holders[line] == "," c ","
		holders[line] = "," c ","
	} else {
		hit = !(line in holders) || index(holders[line], "," c ",")
		if (!hit) holders[line] = holders[line] c ","
	}
	if (hit == (/moved/ ? 1 : 0)) { print; bad = 1 }
}
END { exit bad }' all.txt >wrong.out
ok $? 'moved is exactly what the movement rule says'
head -n 3 wrong.out | sed 's/^/# /'
mt-totext --raw <all.stream | awk '
/^label .*"word"/ { match($0, / addr=0x[0-9a-f]+ /); word = substr($0, RSTART, RLENGTH) }
/^access/ && word && index($0, word) && /load\+store\+atomic/ && !/kernel/ { n++ }
END { print n + 0; exit n != 8000 }' >count.out
ok $? 'every one of 8000 atomic additions is one access that loads and stores'
sed 's/^/# /' count.out

# ---- the rest of the options ----------------------------------------------

boot out=b.mt,check=on,cold=on,calls=on,sample=50,quantum=100 '' -accel tcg,thread=single -smp 2
has '^done: 4000 rounds on 2 cpus' out 'recorded from the first instruction, through firmware and boot'
mt-cat b.mt | mt-totext --raw >b.txt
mt-cat b.mt | mt-check >check.out 2>&1; ok $? 'mt-check has no complaint about that either'
has '^begin .*sample=50 mode=movement .*options=calls\+cold' b.txt 'begin says how it was made'
has '^call .*op=call' b.txt 'calls are recorded'
has '^call .*op=ret' b.txt 'returns are recorded'

boot out=c.mt,start=0 bad=1 -accel tcg,thread=multi -smp 4
has '^done: 8000 rounds on 4 cpus' out 'malformed hypercalls do not stop the guest'
grep -c 'hypercall ignored' err >said; echo 1 >want; same want said 'and are said once'
mt-cat c.mt | mt-totext --raw >c.txt
awk '/^drop .*reason=guest/ { match($0, /count=[0-9]+/); n += substr($0, RSTART + 6, RLENGTH - 6) }
	END { exit n != 6 }' c.txt
ok $? 'and counted: 6'
has '^begin .*order=approximate' c.txt 'with a thread for each cpu begin says that order is approximate'
right_cpus c.mt 'and the cpus are right, too'

# ---- more cpus than a word has bits ---------------------------------------

boot out=h.mt,start=0,quantum=1000 '' -accel tcg,thread=single -smp 100 -m 1024
has '^done: 200000 rounds on 100 cpus' out 'a guest with 100 cpus runs to its end'
right_cpus h.mt 'and no access has the number of another cpu'
grep -q '^6400 accesses by 100 cpus' pages.out
ok $? 'each of 100 cpus moves each of the 64 lines of its page once'

# ---- output that breaks ----------------------------------------------------

boot out=/dev/full,stream=on '' -accel tcg,thread=single -smp 2
has '^done: 4000' out 'a full disk does not stop the guest'
grep -c 'No space left on device: tracing stops' err >said; same want said 'and is said once'
mkfifo fifo
(head -c 100000 >/dev/null) <fifo &
boot out=fifo,mode=all '' -accel tcg,thread=single -smp 2
has '^done: 4000' out 'nor does a reader that goes away'
grep -c 'Broken pipe: tracing stops' err >said; same want said 'which is said once, too'
wait

# ---- options that make no sense --------------------------------------------

for bad in speed=9 mode=fast line=48 line=8 line=8192 sample=0 sample=x quantum=-1 check=maybe; do
	boot "out=x.mt,$bad" '' -smp 1
	{ [ "$status" -ne 0 ] && grep -q "^mtrace: .*${bad%%=*}" err; }
	ok $? "$bad is refused, by name"
done
boot fd=12345 '' -smp 1
has '^mtrace: fd=12345: Bad file descriptor' err 'a descriptor that is not open is refused'
boot start=0 '' -smp 1
has '^mtrace: out: where' err 'a log is wanted'
boot out=/no/such/dir/x.mt '' -smp 1
has '^mtrace: /no/such/dir/x.mt: No such file' err 'and it must be possible to make it'

done_testing
