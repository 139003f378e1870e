#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-top: which records are kept, and where they go.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
object id=1 name="a"
shared moves=5 loads=1
shared moves=4294967296 loads=2
access cpu=1 width=8 flags=load
shared moves=7 loads=3
symbol pc=0x1 frames=1 function="f"
shared moves=7 loads=4
stat value=9 name="not a line"
shared moves=6 loads=5
777 size=24 data=01
LOG
rows() { mt-totext --raw | grep -E '^(shared|stat)' | sed 's/.*moves=\([0-9]*\) loads=\([0-9]*\).*/\1 \2/'; }

mt-top -n 3 moves <log | rows >got
printf '4294967296 2\n7 3\n7 4\n' >want
same want got 'the largest come first, of equals the earlier one; others are dropped'

mt-top -n 2 moves <log | rows >got
printf '4294967296 2\n7 3\n' >want
same want got 'of equals at the border the earlier one is kept'

mt-top --smallest -n 2 moves <log | rows >got
printf '5 1\n6 5\n' >want
same want got '--smallest turns it round'

mt-top -n 1 moves <log | mt-totext --raw | sed 's/ .*//' | tr '\n' ' ' >got
printf 'begin object access symbol 777 shared end ' >want
same want got 'every other record passes at once; what is kept comes before the end'

mt-top -n 0 moves <log | rows >got
: >want
same want got '-n 0 keeps none'

mt-top -n 100 loads <log | rows | head -2 >got
printf '6 5\n7 4\n' >want
same want got 'N larger than what there is keeps all, sorted'

mt-top <log --kind access -n 1 width | mt-totext --raw | grep -c '^shared' >got
echo 5 >want
same want got '--kind judges another kind, and the reports pass'

mt-top -n 1 value <log | mt-tojson | grep -c '"name":"not a line"' >got
echo 1 >want
same want got 'any report with such a field is judged'

cat log log | mt-top -n 1 moves | rows >got
printf '4294967296 2\n4294967296 2\n' >want
same want got 'each stream of several has its own top'

awk 'BEGIN { srand(2); for (i = 0; i < 3000; i++) print "shared moves=" int(rand() * 500) " loads=" i }' >many
mkrec <many | mt-top -n 200 moves | rows >got
sed 's/shared moves=\([0-9]*\) loads=/\1 /' many | sort -k1,1nr -k2,2n | head -200 >want
same want got 'many: as sort(1) has it'

run mt-top nonsense <log; is_status 2 'a field that no report has is wrong usage'
has "^mt-top: 'nonsense': no report has such a field" err '... and is named'
run mt-top readers <log; is_status 2 'a string has no size'
run mt-top <log; is_status 2 'a field must be named'
run mt-top moves loads <log; is_status 2 'only one field'
run mt-top -n x moves <log; is_status 2 'a count is a number'
run mt-top -k begin version <log; is_status 2 'begin cannot be moved'
done_testing
