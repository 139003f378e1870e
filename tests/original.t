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

# documents KIND MODE SEED [STEPS]: ./log, and each document in ./docs
documents() {
	rm -rf docs && mkdir docs
	python3 "$SRC/tests/model/random-classic.py" "$3" "$1" "$2" ${4:+$4} >log
	mt-cat log | mt-label | mt-stack >s && sh docs.sh >/dev/null 2>&1
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
for mode in movement scope kernel; do
	bad=0
	for seed in $seeds; do
		documents wild $mode "$seed"
		model log docs || { echo "# wild $mode $seed"; bad=$((bad + 1)); }
		while read -r bug; do
			model log docs "$bug" >/dev/null || echo "$bug"
		done <unseen >seen
		grep -vxFf seen unseen >rest; mv rest unseen
	done
	ok $bad "mode $mode: interrupts, several runs, aliases, accesses across lines: right"
done
while read -r bug; do
	! grep -qx "$bug" unseen; ok $? "... which the original was not: $bug"
	grep -q "^| $bug |" "$SRC/doc/classic.md"; ok $? "... as the page says"
done <bugs
[ ! -s failed ]; ok $? 'no pipeline failed'
sort -u failed | sed 's/^/# /'

# ---- by hand
# kinds TEXT: distinct kinds of unexpected sharing, as classify-sharing had them
command -v jq >/dev/null || { skip 'no jq' 'classify-sharing'; done_testing; exit; }
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
