#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-diff: what got worse from one report to the other.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

# expect NAME <the rows that are wanted
expect() { cat >want; same want got "$1"; }

# diff_rows OPTIONS: of before.mt and after.mt; the status is in $status.
diff_rows() {
	run mt-diff "$@" before.mt after.mt
	mt-tojson <out | grep '"type":"diff"' |
		jq -r '"\(.change) \(.before) -> \(.after) \(.verdict) \(.report): \(.name)"' >got
}

# ids, addresses and the order of rows differ between the two runs, names do not
mkrec >before.mt <<'LOG'
object id=1 addr=0x1000 bytes=64 name=dentry ctype="struct dentry" storage=heap
object id=2 addr=0x2000 bytes=4 name=jiffies ctype=int storage=static
field id=5 offset=8 bytes=4 ctype="struct dentry" path=d_lockref.count
field id=6 offset=16 bytes=4 ctype="struct dentry" path=d_flags
symbol pc=0x401000 function=dput line_number=10
appdata value=100 name=operations
shared by=field object=1 field=5 moves=1000 pc=0x401000
shared by=field object=1 field=6 moves=500
shared by=field object=2 moves=70
shared by=pc pc=0x401000 moves=900
LOG
mkrec >after.mt <<'LOG'
object id=9 addr=0x7000 bytes=4 name=jiffies ctype=int storage=static
object id=7 addr=0x8000 bytes=64 name=dentry ctype="struct dentry" storage=heap
field id=1 offset=16 bytes=4 ctype="struct dentry" path=d_flags
field id=2 offset=8 bytes=4 ctype="struct dentry" path=d_lockref.count
field id=3 offset=24 bytes=4 ctype="struct dentry" path=d_new
symbol pc=0x501000 function=dput line_number=14
appdata value=150 name=operations
appdata value=50 name=operations
shared by=field object=7 field=2 moves=1020
shared by=field object=7 field=1 moves=100
shared by=field object=7 field=3 moves=777 pc=0x501000
shared by=field object=9 moves=170
shared by=pc pc=0x501000 moves=900
LOG
diff_rows
expect 'rows are matched by what they are called; the biggest change comes first' <<'ROWS'
777 0 -> 777 worse shared by field: struct dentry.d_new
400 500 -> 100 better shared by field: struct dentry.d_flags
100 70 -> 170 worse shared by field: jiffies
ROWS
is_status 3 'something got worse: status 3'
diff_rows --all --tolerance 0
expect '--all has what did not change, too; --tolerance 0 takes nothing for that' <<'ROWS'
777 0 -> 777 worse shared by field: struct dentry.d_new
400 500 -> 100 better shared by field: struct dentry.d_flags
100 70 -> 170 worse shared by field: jiffies
20 1000 -> 1020 worse shared by field: struct dentry.d_lockref.count
0 900 -> 900 same shared by pc: dput
ROWS
diff_rows --min 200
expect '--min leaves out what is small in both' <<'ROWS'
777 0 -> 777 worse shared by field: struct dentry.d_new
400 500 -> 100 better shared by field: struct dentry.d_flags
ROWS
diff_rows --per-op --all
expect '--per-op: what the moves are for each operation, by the streams appdata' <<'ROWS'
4900 1000 -> 1020 better shared by field: struct dentry.d_lockref.count
4500 500 -> 100 better shared by field: struct dentry.d_flags
4500 900 -> 900 better shared by pc: dput
3885 0 -> 777 worse shared by field: struct dentry.d_new
150 70 -> 170 worse shared by field: jiffies
ROWS
mt-diff --operations 100,200 before.mt after.mt | mt-tojson | grep '"type":"diff"' | head -1 |
	jq -r '"\(.before_per_op) \(.after_per_op)"' >got
expect '--operations says how many there were; thousandths' <<'ROWS'
10000 5100
ROWS
run mt-diff before.mt before.mt
is_status 0 'a report and itself: status 0'
mt-tojson <out | grep -c '"type":"diff"' >got
expect 'and no row' <<'ROWS'
0
ROWS
run mt-diff after.mt - <before.mt
is_status 3 '- is standard input'
mkrec >fewer.mt <<'LOG'
object id=2 addr=0x2000 bytes=4 name=jiffies ctype=int
shared by=field object=2 moves=7
LOG
run mt-diff before.mt fewer.mt
is_status 0 'everything got better: status 0'
run mt-diff --per-op before.mt fewer.mt
is_status 1 '--per-op needs operations of both'
has 'fewer.mt: no operations' err 'and says of which there are none'

mkrec >runs.mt <<'LOG'
mode mode=movement name=one
shared by=line line=0x1000 moves=5
mode mode=off
mode mode=movement name=two
shared by=line line=0x1000 moves=9
mode mode=off
LOG
mt-diff --all --value moves runs.mt runs.mt | mt-tojson | jq -r 'select(.type == "diff") | .report' | sort >got
expect 'rows of different runs are different things' <<'ROWS'
shared by line of one
shared by line of two
ROWS

for row in 'pair by=pair pc=0x401000 pc2=0x401000|dput, dput' 'pair by=cpus to=3 from=1|to 3, from 1' \
	'heat object=1 offset=8|struct dentry, offset 8' 'shared by=object object=2|jiffies' \
	'shared by=ctype object=1|struct dentry' 'shared by=task task=7|task 7' \
	'shared by=site pc=0x401000 object=1 field=5|dput, struct dentry.d_lockref.count' \
	'shared by=entry entry_pc=0x1 cause=syscall number=0|system call read' \
	'shared by=entry|outside of kernel entries' 'shared by=line line=0x40|0x40'; do
	{ mt-totext --raw <before.mt | grep -e '^object' -e '^field' -e '^symbol'
	  echo "${row%%|*} moves=1"; } >text
	mkrec <text >one.mt
	mt-diff --all one.mt one.mt | mt-tojson | jq -r 'select(.type == "diff") | .name' >got
	echo "${row#*|}" >want
	same want got "the name of a row: ${row%%|*}"
done

# operations from rows of mt-stat, in a file of rows only
for side in before after; do
	{ mt-stat <$side.mt; mt-filter -k shared <$side.mt; } >$side.stat
done
mt-diff --per-op --all before.mt after.mt | mt-tojson >want
mt-diff --per-op --all before.stat after.stat | mt-tojson >got
same want got '--per-op: operations also as mt-stat has them, beside the rows'

mt-diff before.mt after.mt | mt-totext >got
has '0 +777 +worse +moves +shared by field +struct dentry.d_new' got 'as text: a table'
mt-diff --per-op before.mt after.mt | mt-totext >got
has '0.700 +0.850 +worse +moves per operation' got 'with values for each operation'

head -c -8 after.mt >cut.mt
run mt-diff before.mt cut.mt
is_status 1 'a cut report fails'
has 'cut.mt: byte' err 'and says which and where'
run mt-diff before.mt nothing.mt
is_status 1 'a report that is not there fails'
for usage in before.mt 'before.mt after.mt after.mt' '--operations 1 before.mt after.mt' \
	'--operations 0,1 before.mt after.mt' '--value pc before.mt after.mt' '--value x before.mt after.mt'; do
	# shellcheck disable=SC2086 # several words
	run mt-diff $usage
	is_status 2 "wrong usage: $usage"
done

done_testing
