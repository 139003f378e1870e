#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest ABI: a program makes every hypercall (guest/hypercall.c), first as a
# program under mt-run, then as the init of a guest.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
[ -x "$prefix/bin/qemu-x86_64" ] || skip_all 'no QEMU of ours: make qemu'
[ -f "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'

# ---- the header --------------------------------------------------------------

strict='-Wall -Wextra -Wshadow -Wconversion -Werror -O2 -c -o x.o'
printf '#include "%s/kernel/mtrace.h"\nint x;\n' "$SRC" >x.c
cp x.c x.cc
cat >>x.cc <<'C'
void f(void);
void f(void) { mtrace_scoped scope("name"); mtrace_epoch(MT_epoch_op_begin); }
C
# shellcheck disable=SC2086  # options
{
	gcc -std=c11 -Wpedantic $strict x.c; ok $? 'the header is C11'
	gcc -std=c11 -ffreestanding -nostdlib $strict x.c && [ -z "$(nm -u x.o)" ]
	ok $? '... without a library'
	mkdir linux
	for bits in 8 16 32 64; do printf 'typedef __UINT%s_TYPE__ uint%s_t;\n' $bits $bits; done >linux/types.h
	echo 'typedef __UINTPTR_TYPE__ uintptr_t;' >>linux/types.h
	gcc -std=gnu11 -nostdinc -D__KERNEL__ -I . $strict x.c
	ok $? '... in a kernel'
	g++ -std=c++11 -Wpedantic $strict x.cc; ok $? '... and C++11'
	g++ -std=c++11 -ffreestanding -nostdinc++ -fno-exceptions $strict x.cc && [ -z "$(nm -u x.o)" ]
	ok $? '... without a library'
}

# ---- what a log must say ---------------------------------------------------------

# during NAME: what is between that mode record and the next one, on stdin as text.
during() { awk -v name="name=\"$1\"" '/^mode/ { on = index($0, name) && !/mode=off/; next } on'; }

# on_page: accesses to the program's page.
on_page() {
	awk 'NR == FNR { if (/^label .*name="page"/) { match($0, / addr=0x[0-9a-f]+/)
			page = substr($0, RSTART, RLENGTH - 3) } next }
		/^access/ && index($0, page)' log.txt -
}

# counts NAME WANT TEXT: accesses to the page in the interval NAME.
counts() {
	during "$1" <log.txt | on_page >got.txt
	[ "$(wc -l <got.txt)" -eq "$2" ]; ok $? "$3"
	[ "$(wc -l <got.txt)" -eq "$2" ] || echo "# $(wc -l <got.txt) accesses, wanted $2"
}

# value FIELD PATTERN: of the first matching record.
value() { grep -m 1 -e "$2" log.txt | sed "s/.* $1=\([^ ]*\).*/\1/"; }

# bare FILE: without the headers of records.
bare() { sed -E 's/ cpu=[0-9]+ time=[0-9]+//' "$1"; }

# log_is_right MACHINE: the log is in log.txt.
log_is_right() {
	during count <log.txt >count.txt
	[ "$(value time 'name="stopped"')" = "$(value time 'value=2 name="stopped"')" ]
	ok $? "$1: 20000 instructions while the count is off take no time"
	awk -v t="$(value time 'name="stopped"')" '/value=1/ { on = 1 } /value=2/ { exit bad }
		on && !/ cpu=0 / { next } on && !index($0, " time=" t " ") { bad = 1 }' count.txt
	ok $? "$1: ... and what happens meanwhile has that time"
	awk -v a="$(value time 'value=3 name="counting again"')" \
		-v b="$(value time 'value=4 name="at the end"')" 'BEGIN { exit !(b - a >= 2000) }'
	ok $? "$1: then time goes on"
	awk -v a="$(value time 'name="stopped"')" -v b="$(value time 'value=3 name="counting again"')" \
		'BEGIN { exit !(b > a && b - a < 5000) }'
	ok $? "$1: ... from where it stood"

	callee=$(value addr 'name="callee"')
	[ "$(during calls <log.txt | grep -c "^call .*target=$callee .*op=call")" -eq 50 ]
	ok $? "$1: calls are recorded while they are wanted: 50"
	[ "$(grep -c "^call .*target=$callee .*op=call" log.txt)" -eq 55 ]
	ok $? "$1: and the classic way: 5"

	during locked <log.txt | on_page | grep -c 'atomic' >got
	case $(cat got) in 20 | 21) ok 0 "$1: atomic accesses that hit are recorded while they are wanted: 20" ;;
	*) ok 1 "$1: atomic accesses that hit: $(cat got) instead of 20 or 21" ;; esac

	during sample <log.txt >sample.txt
	[ "$(sed '/value=10/,$d' sample.txt | on_page | wc -l)" -eq 1000 ]
	ok $? "$1: before sampling every access"
	sed -n '/value=10/,/value=1 /p' sample.txt | on_page | wc -l >got
	awk '{ exit !($1 >= 900 && $1 <= 1100) }' got; ok $? "$1: one access in 10: about 1000 of 10000"
	[ "$(sed '1,/value=1 /d' sample.txt | on_page | wc -l)" -eq 500 ]
	ok $? "$1: and every one after that"

	drops=$(awk '/^drop .*reason=guest/ { match($0, /count=[0-9]+/)
		n += substr($0, RSTART + 6, RLENGTH - 6) } END { print n + 0 }' log.txt)
	[ "$drops" -eq $(($(value value 'name="malformed"') + $2)) ]
	ok $? "$1: each malformed hypercall is counted: $drops"
	[ "$(grep -c 'hypercall ignored' err)" -eq 1 ]; ok $? "$1: ... and said once"
	! grep -q 'after the end' log.txt; ok $? "$1: what comes after the guest ended the log is not in it"
	grep -q '^done' out; ok $? "$1: and the guest goes on"
}

# ---- one program -----------------------------------------------------------------

${CC:-cc} -O1 -g -static -o init "$SRC/tests/guest/hypercall.c" 2>err ||
	skip_all "cannot link a static program: $(head -n 1 err)"
run mt-run --wait -o user.mt ./init
is_status 0 'a program that ends the log itself'
mt-cat user.mt >user.stream; ok $? 'the log is whole'
mt-totext --raw <user.stream >log.txt
log_is_right user 1		# one more: a quantum, where there was none from the start
counts kernel 0 'user: no access is the kernel'\''s'
# In user mode scopes are the cpu's, whatever tasks we make up.
counts scope $((6 + 10 + 7 + 3 + 5 + 50 + 2 + 4)) 'user: in mode scope accesses inside a scope only'
during scope <log.txt | grep '^access' >got; [ -s got ]; ok $? 'user: ... and nothing between them'
counts 'classic run' $((64 + 8)) 'user: the modes of the classic ABI: what moves, what is in a scope'
tail -n 1 log.txt | grep -q '^end'; ok $? 'user: the last record is end'

# ---- a guest ---------------------------------------------------------------------

qemu=$prefix/bin/qemu-system-x86_64
plugin=$B/libmtrace.so
cp init hypercall
# shellcheck source=tests/guest/lib.sh
. "$SRC/tests/guest/lib.sh"
"$SRC/tests/guest/mkinitramfs" hypercall >initramfs

clock='-accel tcg,thread=single -smp 2 -icount shift=0,sleep=off -rtc clock=vm,base=2020-01-01T00:00:00 -seed 1'
# shellcheck disable=SC2086  # options
boot out=one.mt,start=0 '' $clock
# shellcheck disable=SC2086
boot out=two.mt,start=0 '' $clock
cmp one.mt two.mt; ok $? 'the same run gives the same log, byte for byte, up to its end'
mt-cat one.mt | mt-totext --raw >log.txt
log_is_right system 0
counts kernel 0 'system: mode kernel records no access of user code'
during kernel <log.txt | grep '^access' >got
[ "$(grep -c kernel got)" -gt 1000 ] && ! grep -vq kernel got; ok $? 'system: ... but those of the kernel'
counts scope $((6 + 10 + 3 + 5 + 2)) 'system: a scope is its task'\''s: it rests while another one runs'
counts 'classic run' $((64 + 8)) 'system: the modes of the classic ABI: what moves, what is in a scope, the kernel'

cat >want.txt <<'E'
task task=11 process=12 parent=13 op=create name="a task"
switch task=11 process=12
lock addr=0x1000 pc=0x2000 op=acquired read=1 task=11 name="a lock"
gc addr=0x3000 bytes=64 op=create task=11 ctype="struct dead"
epoch op=begin task=11
entry tag=0x77 pc=0x4000 task=11 number=3 state=start cause=thread depth=1
entry tag=0x77 pc=0x4000 task=11 number=3 state=done cause=thread depth=1
map addr=0x5000 bytes=4096 offset=0x2000 process=12 op=map path="/a/file" build_id="abcdef"
segment addr=0x6000 bytes=4096 owner=1
section addr=0x7000 bytes=4096 module="module" name=".text"
E
bare log.txt | sed -n '/^task .*task=11/,/^section/p' >got.txt
same want.txt got.txt 'each inline of the header makes its record; the task is filled in'

cat >want.txt <<'E'
label addr=0xffff888000001000 bytes=256 pc=0xffffffff81000001 process=0 task=0 op=alloc storage=heap name="classic heap" ctype=""
label addr=0xffff888000001000 bytes=4096 pc=0xffffffff81000001 process=0 task=0 op=alloc storage=block name="classic heap" ctype=""
label addr=0xffff888000001000 bytes=8 pc=0xffffffff81000001 process=0 task=0 op=alloc storage=static name="classic heap" ctype=""
label addr=0xffff888000001000 bytes=16 pc=0xffffffff81000001 process=0 task=0 op=alloc storage=percpu name="classic heap" ctype=""
label addr=0xffff888000001000 bytes=0 pc=0xffffffff81000001 process=0 task=0 op=free storage=heap name="classic heap" ctype=""
entry tag=0x1234 pc=0xffffffff81000002 task=42 number=4294967295 state=start cause=syscall depth=3
entry tag=0x1234 pc=0xffffffff81000002 task=42 number=4294967295 state=pause cause=syscall depth=3
entry tag=0x1234 pc=0xffffffff81000002 task=42 number=4294967295 state=resume cause=syscall depth=3
entry tag=0x1234 pc=0xffffffff81000002 task=42 number=4294967295 state=done cause=syscall depth=3
entry tag=0x1234 pc=0xffffffff81000002 task=0 number=4294967295 state=start cause=interrupt depth=3
entry tag=0x1234 pc=0xffffffff81000002 task=0 number=4294967295 state=done cause=interrupt depth=3
segment addr=0xffff88800a000000 bytes=5000 owner=6
lock addr=0xffff888000002000 pc=0xffffffff81000003 op=acquire read=1 task=0 name="classic lock"
lock addr=0xffff888000002000 pc=0xffffffff81000003 op=acquired read=1 task=0 name="classic lock"
lock addr=0xffff888000002000 pc=0xffffffff81000003 op=release read=1 task=0 name="classic lock"
task task=42 process=41 parent=0 op=create name="classic task"
switch task=42 process=41
task task=42 process=41 parent=0 op=exec name="classic task"
task task=42 process=41 parent=0 op=exit name="classic task"
switch task=42 process=0
switch task=0 process=0
appdata value=4711 name="operations"
scope op=enter task=0 name="classic scope"
var write=1 task=0 name="0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
var write=0 task=0 name="classic var"
scope op=leave task=0 name="classic scope"
gc addr=0xffff888000003000 bytes=192 op=create task=0 ctype="classic type"
gc addr=0xffff888000003000 bytes=0 op=retire task=0 ctype="classic type"
epoch op=begin task=0
epoch op=end task=0
E
bare log.txt | sed -n '/^label .*classic heap/,/^epoch op=end/p' >got.txt
same want.txt got.txt 'every struct of the classic ABI becomes its record, with every field'
grep '^mode .*"classic run"' log.txt | sed 's/.* mode=\([a-z]*\) .*/\1/' >got.txt
printf '%s\n' movement scope kernel off >want.txt
same want.txt got.txt 'and its numbers of modes are ours'
[ "$(value time 'value=1 name="classic stopped"')" = "$(value time 'value=2 name="classic stopped"')" ]
ok $? 'and its host entries stop the count'

done_testing
