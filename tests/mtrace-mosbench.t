#!/bin/sh
# SPDX-License-Identifier: MIT
# mtrace-mosbench: what it leaves, what it does again and what not, and that one
# benchmark that fails does not stop the others.  With a MOSBENCH of its own.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

driver=$SRC/mosbench/mtrace-mosbench

# ---- usage ---------------------------------------------------------------------

run "$driver"; is_status 2 'no benchmark: wrong usage'
run "$driver" --benchmark; is_status 2 'an option without its value: wrong usage'
run "$driver" --benchmark=nothing; is_status 2 'an unknown benchmark: wrong usage'
has "^mtrace-mosbench: --benchmark: there is no 'nothing'" err 'and it is named'
run "$driver" --benchmark=micro/nothing; is_status 2 'an unknown load of micro: wrong usage'
run "$driver" --benchmark=all --process=most; is_status 2 'an unknown process: wrong usage'
run "$driver" --benchmark=all --cores=0; is_status 2 'no cpus: wrong usage'
run "$driver" --benchmark=all --frob=1; is_status 2 'an unknown option: wrong usage'
has "what is '--frob=1'" err 'and it is named'
run "$driver" --benchmark=all --mosbench-src=nowhere; is_status 1 'a MOSBENCH that is not there'
run "$driver" --help; is_status 0 '--help'
run "$SRC/image/build-image" --frob; is_status 2 'build-image: an unknown option: wrong usage'
run "$SRC/image/build-mosbench"; is_status 2 'build-mosbench: no root: wrong usage'
run "$SRC/image/build-mosbench" nowhere; is_status 1 'build-mosbench: a root that is not there'

# The table names programs that are there, and each row once.
grep -v '^#' "$SRC/mosbench/analyses" >table
awk -F '\t' 'NF != 3 || $1 in seen { print; bad = 1 } { seen[$1] } END { exit bad }' table
ok $? 'each line of the table has three parts and a name of its own'

# ---- what is needed ----------------------------------------------------------------

for f in mt-cat mt-shared mt-tohtml libmtrace.so mtrace-magic; do
	[ -e "$B/$f" ] || { skip "no $f: make all tracer" 'guests'; done_testing; exit; }
done
[ -x "$(cat "$B/qemu-prefix")/bin/qemu-system-x86_64" ] || { skip 'no QEMU: make qemu' 'guests'; done_testing; exit; }
"$SRC/kernel/build-kernel" --print >kernel 2>/dev/null || { skip 'no kernel: make kernel' 'guests'; done_testing; exit; }
command -v busybox >/dev/null || { skip 'no busybox: apt-get install busybox-static' 'guests'; done_testing; exit; }
"$SRC/image/build-image" --print >image 2>/dev/null || { skip 'no image: make image' 'guests'; done_testing; exit; }
unshare --mount --map-root-user true 2>/dev/null || { skip 'no name spaces to build in' 'guests'; done_testing; exit; }
root=$(cat image)/root.ext4

# A cache of our own for what is built from our MOSBENCH, with the root unpacked.
mkdir -p cache toy/good toy/bad toy/liar
export MTRACE_CACHE="$SCRATCH/cache"
cp "$SRC/mosbench/Makefile" "$SRC/mosbench/lib.sh" toy
cat >toy/good/load.c <<'C'
#include <stdio.h>
int main(void)
{
	return printf("%s\n", "first edition") < 0;
}
C
mv toy/good/load.c toy/good/goodload.c
echo make >toy/good/packages
cat >toy/good/run <<'S'
#!/bin/sh
. "${0%/*}/../lib.sh"
parse good 8 "$@"
"$(program goodload)"
work() { for i in 1 2 3; do ls -l /usr/bin >/dev/null; done; }
trace_start good
for c in 0 1; do work & done
wait
trace_stop good "$ops"
S
printf '. "${0%%/*}/../lib.sh"\nparse bad 1 "$@"\nfail it is broken\n' >toy/bad/run
# Says more operations than it tells the tracer.
printf '. "${0%%/*}/../lib.sh"\nparse liar 1 "$@"\ntrace_start liar\nls /\ntrace_end liar 1\nresult liar 2\n' >toy/liar/run

mosbench() {
	run "$driver" --mosbench-src="$PWD/toy" --root="$root" --obj-dir="$(cat kernel)" --log-dir=logs --cores=2 \
		--timeout=10m --reproducible "$@"
}

# ---- all of them, two at a time ---------------------------------------------------

mosbench --benchmark=all --jobs=2
is_status 1 'one that fails: status 1'
has '^good  *8 .* ok$' out 'the others are done'
has '^bad .* status 1: bad: it is broken$' out 'and why it failed is in the table'
has '^liar .* the log counts .1. operations, not 2$' out 'operations that the log does not have are no result'
awk '$1 == "good" { exit !($3 > 100 && $4 > $3 / 8 - 1 && $4 < $3 / 8 + 1) }' out
ok $? 'moves per operation'
[ "$(sed -n '1p' logs/good/qemu.out)" = 'first edition' ]; ok $? 'programs were built inside the root'
(cd logs/good && ls mtrace.out mscan.kern mscan.syms mscan.bzImage qemu.cmd console operations versions \
	labelled.mt summary.txt report.html >../../files 2>&1)
ok $? 'log, kernel, command, console, versions, summary and page are there'
cut -f 1 table | while read -r name; do
	jq -es 'length > 1' "logs/good/$name.json" >/dev/null 2>&1 || echo "$name"
done >missing
same /dev/null missing 'and JSON of every analysis'
has '^linux 6\.1' logs/good/versions 'versions: the kernel'
has '^make [0-9]' logs/good/versions 'and the packages of the benchmark'
jq -r 'select(.type == "shared") | .field_path' logs/good/fields.json 2>/dev/null | grep -q '[a-z]'
ok $? 'fields have their names'
mt-cat logs/good/mtrace.out | mt-stat | mt-tojson |
	jq -es 'map(select(.name == "records call")) | length == 1' >/dev/null
ok $? 'calls are recorded'
grep -q -i '<html' logs/good/report.html; ok $? 'report.html is a page'
[ ! -e logs/bad/report.html ] && [ ! -e logs/liar/report.html ]; ok $? 'a failed one has no report'
sh -c "set -- $(cut -d ' ' -f 2- logs/good/qemu.cmd | tr '\n' ' '); echo \$#" >words 2>&1
[ "$(cat words)" -gt 10 ]; ok $? 'the command can be read by a shell again'

# ---- what is done is not done again ---------------------------------------------------

stat -c '%n %y' logs/good/*.out logs/good/*.mt logs/good/*.json >before
mosbench --benchmark=good
is_status 0 'again'
stat -c '%n %y' logs/good/*.out logs/good/*.mt logs/good/*.json >after
same before after 'nothing is recorded or analysed twice'
has '^good  *8 .* ok$' out 'and the table is the same'
rm logs/good/fields.json
mosbench --benchmark=good --process=mscan
[ -s logs/good/fields.json ]; ok $? '--process=mscan analyses what was recorded'
cut -d : -f 1-2 before >before.short
stat -c '%n %y' logs/good/*.out logs/good/*.mt | cut -d : -f 1-2 >after.short
grep -v json before.short >before.logs
same before.logs after.short 'and records nothing'
echo damaged >logs/good/labelled.mt
mosbench --benchmark=good --process=mscan
is_status 1 'analyses that fail: status 1'
has '^good .* no stat fields lines ' out 'and they are named'
[ ! -e logs/good/report.html ]; ok $? 'and there is no page of the others'
rm logs/good/labelled.mt
mosbench --benchmark=good --process=mscan
is_status 0 'what is missing is made again'
[ -s logs/good/report.html ]; ok $? 'and the page with it'
mosbench --benchmark=bad --process=mscan
is_status 1 '--process=mscan without a sound log'
has 'no sound log' err 'says so'

# ---- an edit is in the next run --------------------------------------------------------

cp logs/good/mtrace.out first.mt
stat -c '%Y %s' "$root" >before
sed -i 's/first/second/' toy/good/goodload.c
mosbench --benchmark=good --process=mtrace
[ "$(sed -n '1p' logs/good/qemu.out)" = 'second edition' ]; ok $? 'an edit of MOSBENCH is in the next run'
stat -c '%Y %s' "$root" >after
same before after 'and the image is as it was'
[ ! -e logs/good/report.html ]; ok $? 'no report stays that is of another log'
sed -i 's/second/first/' toy/good/goodload.c
mosbench --benchmark=good --process=mtrace
cmp -s first.mt logs/good/mtrace.out; ok $? 'two reproducible runs of one benchmark: the same log'
echo 'broken C' >toy/bad/broken.c
mosbench --benchmark=good --process=mtrace --ops=4
is_status 0 'a benchmark whose neighbour does not build'
has 'not all of MOSBENCH could be built' err 'and that is said'
has '^good  *4 ' out '--ops is passed on'

# ---- two runs of the same benchmark ------------------------------------------------

# record DIR BENCHMARK OPTION...: how often lines moved for 1000 operations, of MOSBENCH itself
record() {
	dir=$1 what=$2
	shift 2
	"$driver" --benchmark="$what" --process=mtrace --log-dir="$dir" --root="$root" --obj-dir="$(cat kernel)" \
		--timeout=20m "$@" >"$dir.out" 2>"$dir.err" || cat "$dir.err" >&2
	awk -v name="$what" '$1 == name && $NF == "ok" && $2 > 0 { print int($3 * 1000 / $2) }' "$dir.out"
}

# real BENCHMARK OPTION...: is it reproducible?
real() {
	record one "$@" --reproducible >moves.one
	record two "$@" --reproducible >moves.two
	[ -s moves.one ] && cmp -s moves.one moves.two && cmp -s "one/$1/operations" "two/$1/operations"
	ok $? "$1, reproducible: two runs have equal operations and equal moves"
	cmp -s "one/$1/mtrace.out" "two/$1/mtrace.out"; ok $? 'and equal logs'
}

# spread BENCHMARK PERCENT OPTION...: as the manual promises, of runs that are not
spread() {
	what=$1 percent=$2
	shift 2
	for i in 1 2 3; do record "run$i" "$what" "$@"; done >moves
	sort -n moves | awk -v p="$percent" 'NR == 1 { least = $1 } { most = $1 }
		END { exit !(NR == 3 && least && (most - least) * 100 <= p * least) }'
	ok $? "$what: moves of an operation are within $percent % in three runs: $(tr '\n' ' ' <moves)"
}

real micro/creato --cores=2 --ops=200
if [ -n "${MT_TEST_LONG-}" ]; then
	real memcached --ops=2000
	spread micro/creato 10
	spread memcached 10
	spread metis 10
fi

# ---- ended by a signal -------------------------------------------------------------------

rm toy/bad/broken.c
"$driver" --mosbench-src="$PWD/toy" --root="$root" --obj-dir="$(cat kernel)" --log-dir=killed --cores=2 \
	--benchmark=good --ops=5 >out 2>err &
pid=$!
tries=0
until grep -q 'good: recording' err || [ $tries -gt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
sleep 2
kill -TERM $pid
status=0; wait $pid || status=$?
is_status 143 'a signal ends it'
[ ! -e killed/good/.done/record ]; ok $? 'at once: the run is not brought to its end'
sleep 1
! ps -eo args | grep -q "[k]illed/good/mtrace.out"; ok $? 'and no guest stays behind'

done_testing
