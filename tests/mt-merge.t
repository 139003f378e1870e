#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-merge: reports of parts become one stream, in any order of the parts.
# (That an analysis then says what it says of the whole is in its own test.)
. "${SRC:-.}/tests/lib.sh"

part() { mkrec -r; }
part >a <<'LOG'
begin version=1 line=64
object id=1 name="x"
stat value=3 name="b"
stat value=1 name="c"
mode time=5 mode=off name="run"
stat value=4 name="d"
end records=6 accesses=9
LOG
part >b <<'LOG'
begin version=1 line=64
object id=1 name="x"
mode time=5 mode=off name="run"
stat value=2 name="a long name"
stat value=9 name="d"
end records=5 accesses=9
LOG
raw() { mt-totext --raw; }

mt-merge a b | raw | sed 's/ .*value=\([0-9]*\).*/ \1/; /^stat/!s/ .*//' >got
cat >want <<'TXT'
begin
object
stat 1
stat 3
mode
stat 2
stat 4
stat 9
end
TXT
sort want >sorted-want
sort got >sorted-got
same sorted-want sorted-got 'what is common comes once, the reports of all are there'
grep -v -e 'stat 1' -e 'stat 2' -e 'stat 4' got | tr '\n' ' ' >order
echo 'begin object stat 3 mode stat 9 end ' | tr -d '\n' >want
same want order 'reports stay between the records that they stood between'

mt-merge a b >ab
mt-merge b a >ba
same ab ba 'the order of the files makes no difference'
mt-merge b a | mt-merge - | cmp - ab
ok $? 'merging what was merged changes nothing'
cp a c
mt-merge a b c >abc
mt-merge c a >ca
mt-merge ca b | cmp - abc
ok $? 'parts may be merged in steps'
mt-merge a b | mt-totext >out
ok $? 'the end counts the records'

part >other <<'LOG'
begin version=1 line=64
object id=1 name="y"
mode time=5 mode=off name="run"
end records=4 accesses=9
LOG
run mt-merge a other
is_status 1 'parts of different streams are refused'
has '^mt-merge: other: byte [0-9]+: not a part of the same stream as a$' err '... by name and place'
part >longer <<'LOG'
begin version=1 line=64
object id=1 name="x"
mode time=5 mode=off name="run"
object id=2 name="z"
end records=5 accesses=9
LOG
run mt-merge a longer
is_status 1 'one with more context, too'
head -c "$(($(wc -c <b) - 20))" b >short
run mt-merge a short
is_status 1 'a part that was cut is said'
has '^mt-merge: short: byte [0-9]+: ' err '... once, by name'
[ "$(wc -l <err)" -eq 1 ] && raw <out 2>/dev/null | grep -q 'value=9'
ok $? '... and what there was is written'
run mt-merge a missing
is_status 1 'a file that is not there'
run mt-merge
is_status 2 'no file is wrong usage'

done_testing
