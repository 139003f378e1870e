#!/bin/sh
# SPDX-License-Identifier: MIT
# The original's answers from the original's logs: the pipelines of
# doc/classic.md against a model of mscan.  MT_TEST_LONG: hundreds of logs.
. "${SRC:-.}/tests/lib.sh"
command -v python3 >/dev/null || skip_all 'no python3'
model() { python3 "$SRC/tests/model/mscan.py" "$@"; }

# The pipelines as the page has them, with entries and a pc that the logs have.
sed -n 's/^    \(mt-.*<s.*--classic \([a-z_-]*\).*\)$/\2 \1/p; s/^    \(mt-tojson --classic \([a-z_-]*\) <s\)$/\2 \1/p' \
	"$SRC/doc/classic.md" | sort -u | grep -v 'jq' >lines
sed -e 's/NAME=ENTRY,ENTRY/x=0xffffffff81001000,0xffffffff81001010/' -e 's/--pc PC/--pc 0xffffffff81000010/' \
	-e 's/--by scope/--by scope --conflicts 100000/' \
	-e 's/^\([^ ]*\) \(.*\)$/echo \1; \2 >docs\/\1.json || echo \1 failed >>failed/' lines >docs.sh
[ "$(wc -l <lines)" = 18 ]; ok $? 'the page has a pipeline for each of the 18 documents'

# documents KIND MODE SEED [STEPS [SYMBOLS]]: ./log, and each document in ./docs
kernel=
documents() {
	rm -rf docs && mkdir docs
	python3 "$SRC/tests/model/random-classic.py" "$3" "$1" "$2" ${4:+$4} ${5:+$5} >log
	mt-cat log | mt-label $kernel | mt-stack >s && sh docs.sh >/dev/null 2>&1
}

: >failed
if [ -n "${MT_TEST_LONG:-}" ]; then seeds=$(seq 1 100); else seeds='1 2 3'; fi

# ---- where the original's errors do no harm: its own answers
for mode in movement scope kernel; do
	bad=0
	for seed in $seeds; do
		documents tame $mode "$seed"
		rm docs/false-sharing.json
		case $mode in
		movement) rm docs/abstract-scopes.json docs/unexpected-sharing.json docs/scope-summary.json \
			docs/shared_cachelines.json docs/cachesim_cpus.json docs/checkgc.json ;;
		kernel) rm docs/abstract-scopes.json docs/unexpected-sharing.json docs/scope-summary.json \
			docs/shared_cachelines.json docs/cachesim_cpus.json ;;
		esac
		model log docs all || { echo "# tame $mode $seed"; bad=$((bad + 1)); }
	done
	ok $bad "mode $mode: all that the original could answer"
done

# ---- stacks of one instruction, added up
mt-filter --pc 0xffffffff81000010 <s | mt-tofolded --weight accesses >got
mt-filter --pc 0xffffffff81000010 <s | mt-stat | mt-totext | awk '$NF == "accesses" { print $1 + 0 }' >want
awk '{ n += $NF } END { print n + 0 }' got >sum
same want sum 'stacks of a pc: each access is in one'
[ "$(sed 's/ [0-9]*$//' got | sort | uniq -d | wc -l)" = 0 ]; ok $? '... each stack stands there once'

# ---- anywhere: its answers without the errors
model --bugs >bugs
cp bugs unseen
# wild NAME [STEPS SYMBOLS]
wild() {
	name=$1
	shift
	for mode in movement scope kernel; do
		bad=0
		for seed in $seeds; do
			documents wild $mode "$seed" "$@"
			model log docs || { echo "# wild $mode $seed $*"; bad=$((bad + 1)); }
			while read -r bug; do
				model log docs "$bug" >/dev/null || echo "$bug"
			done <unseen >seen
			grep -vxFf seen unseen >rest; mv rest unseen
		done
		ok $bad "mode $mode: $name"
	done
}
wild 'interrupts, several runs, aliases, accesses across lines: right'

# ---- variables of the kernel, per-cpu ones linked as Linux does, and their members
cat >script <<'L'
ENTRY(_start)
PHDRS { text PT_LOAD; data PT_LOAD; percpu PT_LOAD; }
SECTIONS {
	. = 0xffffffff81000000;
	.text : { *(.text*) } :text
	. = 0xffffffff81200000;
	.data : { *(.data) *(.bss) } :data
	.data..percpu 0 : { __per_cpu_start = .; *(.data..percpu) __per_cpu_end = .; } :percpu
	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
L
text=$SRC/tests/model/classic-kernel.c
if command -v gcc >/dev/null && command -v pahole >/dev/null; then
	gcc -g -O1 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -c -o kernel.o "$text" &&
		ld -T script -o mscan.kern kernel.o && nm -S mscan.kern >mscan.syms
	ok $? 'a kernel'
	kernel=mscan.kern MSCAN_KERNEL="$text mscan.kern"
	export MSCAN_KERNEL
	wild 'variables by name and member: right' 600 mscan.syms
else
	skip 'no gcc or pahole' 'variables by name and member'
	grep -vx -e percpu-notype -e static-types bugs >rest; mv rest bugs
	grep -xFf bugs unseen >rest; mv rest unseen
fi
while read -r bug; do
	! grep -qx "$bug" unseen; ok $? "... which the original was not: $bug"
	grep -q "^| $bug |" "$SRC/doc/classic.md"; ok $? "... as the page says"
done <bugs
[ ! -s failed ]; ok $? 'no pipeline failed'
sort -u failed | sed 's/^/# /'

# ---- what the original gave up at, or got wrong before it began
if [ -n "$kernel" ]; then
	cat >odd.s <<'S'
	.data
	.globl _Zbroken
	.type _Zbroken, @object
	.size _Zbroken, 8
_Zbroken: .quad 0
	.weak feeble
	.type feeble, @object
	.size feeble, 8
feeble:	.quad 0
S
	as -o odd.o odd.s && ld -e 0 -Tdata=0xffffffff81200000 -o odd odd.o
	ok $? 'a kernel with odd names'
fi
PYTHONPATH=$SRC/tests/model python3 - >fatal <<'PY'
import struct
import sys
from classic import entry, machine
K, n = 0xffff888000000000, [0]


def put(kind, body, cpu=0):
    sys.stdout.buffer.write(entry(kind, cpu, n[0], 10 * n[0], body))


def name(s):
    return s.encode().ljust(64, b"\0")


def label(at, nbytes, s=""):
    put(1, struct.pack("<QI64sQQQ", at, 1, name(s), K + at, nbytes, 0x99))


def fcall(cpu, tag, state, pc=0):
    put(4, struct.pack("<QQQHI", 0, pc, tag, 0, state), cpu)


def mode(m, at):
    put(3, struct.pack("<IQI64s4x", 1, at, m, name("run")))


def lock(op):
    put(7, struct.pack("<QQ64sIB", 0x50, K, name("l"), op, 0))


def access(cpu, addr):
    put(2, struct.pack("<IBQQQB", 2, 1, 0x10, addr & 0xffffffff, addr, 8), cpu)
    n[0] += 1


sys.stdout.buffer.write(machine(2, 1 << 30, 100, 1, 2))
mode(0, 50)			# the first mode record is the end of a run
mode(1, 100)
for i in range(30):
    label(0x40 * i, 0)		# frees of what was allocated before
label(0x1000, 64, "first")
label(0x1000, 32, "again")	# where a label is
label(0x1010, 32, "across")	# and over part of it
access(0, K + 0x1008)
access(0, K + 0x1018)
for i in range(30):
    lock(3)			# releases of what nobody holds
for op in 2, 2, 3, 3:
    lock(op)
fcall(0, 7, 1, 0x1000)
fcall(0, 8, 1, 0x2000)		# on top of what was not set aside
access(0, K + 0x2000)
fcall(0, 8, 2)
fcall(0, 7, 1, 0x1000)		# a tag that has not ended
fcall(0, 7, 2)
fcall(0, 7, 2)			# has ended already
fcall(1, 9, 4, 0x3000)		# goes on, but never began
access(1, 0xffffffff81200000)
access(1, 0xffffffff81200008)
PY
run mt-cat fatal
mt-label ${kernel:+odd} <out 2>/dev/null | mt-stack >s || status=$?
is_status 0 'nothing that a guest says ends an analysis'
: >failed
rm -rf docs && mkdir docs && sh docs.sh >/dev/null 2>&1
[ ! -s failed ]; ok $? '... nor a document'
command -v jq >/dev/null || { skip 'no jq' 'these documents, classify-sharing'; done_testing; exit; }
if [ -n "$kernel" ]; then
	jq -c '."shared-addresses"[] | [.name, .address]' docs/shared-addresses.json | sort >got
	sort >want <<'W'
["_Zbroken","_Zbroken+0x0"]
["feeble","feeble+0x0"]
["across","across+0x8"]
["","0xffff888000001008"]
["","0xffff888000002000"]
W
	same want got 'labels: the newest holds, also over part of another; weak symbols; names that cannot be demangled'
fi
jq '.sections[].total' docs/sections.json >got
echo 0 >want
same want got 'sections: releases of what nobody holds end none, and recursion is one'
jq -c '.fcalls[] | [.tag, .description]' docs/fcalls.json >got
printf '["0x8","0x2000"]\n["0x7","0x1000"]\n' >want
same want got 'fcalls: one on top of another, one that starts again, ends twice, or never began'
jq -c '."distinct-per-entry"[] | [.entry, .calls, .distinct]' docs/distinct-per-entry.json | sort >got
sort >want <<'W'
["0x0",1,1]
["0x1000",2,0]
["0x2000",1,1]
["0x3000",1,1]
W
same want got 'distinct-per-entry: each of them is a call'

# ---- by hand
# kinds TEXT: distinct kinds of unexpected sharing, as classify-sharing had them
sed -n '/^    mt-scopes .*jq/,$p' "$SRC/doc/classic.md" | sed 's/^    //' >classify.sh
mkrec >s <<'LOG'
begin machine=system mode=scope
object id=1 addr=0xffff888000001000 bytes=64 name="dentry" ctype="struct dentry"
object id=2 addr=0xffff888000002000 bytes=64 name="dentry" ctype="struct dentry"
field id=1 offset=8 bytes=4 ctype="struct dentry" path="d_count"
scope cpu=0 op=enter name="open(a)"
var cpu=0 name="x" write=1
access cpu=0 pc=0x10 addr=0xffff888000001008 paddr=0x1008 width=4 flags=store+kernel object=1 field=1
scope cpu=0 op=leave name="open(a)"
scope cpu=1 op=enter name="stat(b)"
var cpu=1 name="y"
access cpu=1 pc=0x20 addr=0xffff888000001008 paddr=0x1008 width=4 flags=load+kernel object=1 field=1
access cpu=1 pc=0x20 addr=0xffff888000002008 paddr=0x2008 width=4 flags=load+kernel object=2 field=1
scope cpu=1 op=leave name="stat(b)"
scope cpu=0 op=enter name="open(c)"
var cpu=0 name="z" write=1
access cpu=0 pc=0x10 addr=0xffff888000002008 paddr=0x2008 width=4 flags=store+kernel object=2 field=1
scope cpu=0 op=leave name="open(c)"
end
LOG
sh classify.sh >got
echo '[["open","stat"],[["struct dentry.d_count","wr"]]]' >want
same want got 'classify-sharing: two pairs of scopes, one kind'
done_testing
