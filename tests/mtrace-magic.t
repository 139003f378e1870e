#!/bin/sh
# SPDX-License-Identifier: MIT
# mtrace-magic: what each command makes the tracer do, and what it refuses.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

[ -x "$B/mtrace-magic" ] || skip_all 'no mtrace-magic: make tracer'

# ---- by itself -----------------------------------------------------------------

run mtrace-magic --help
is_status 0 '--help'
[ "$(wc -l <out)" -le 40 ] && grep -q '^    mtrace-magic ' out; ok $? 'which fits a screen and has examples'
mtrace-magic --help >/dev/full 2>err
[ $? -eq 1 ] && grep -q '^mtrace-magic: standard output: No space' err
ok $? '--help into a full disk: status 1'
readelf -d "$B/mtrace-magic" | grep -q NEEDED; [ $? -eq 1 ]; ok $? 'it needs no library'
run mtrace-magic movement name
is_status 0 'without a tracer a command does nothing'
[ ! -s out ] && [ ! -s err ]; ok $? 'and says nothing'

while read -r words; do
	# shellcheck disable=SC2086  # words
	run mtrace-magic $words
	[ "$status" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q '^mtrace-magic: ' err
	ok $? "wrong usage: '$words'"
done <<'E'

nonsense
movement
movement a b
disable
end now
calls
calls maybe
calls on x
calls on 1 2
count 1
locked yes
sample
sample 0
sample -1
sample 4294967296
sample 0x
quantum many
scope
scope open name
label 0x10 8
label 0x10 0 name
label where 8 name
label 0x10 8 name type more
appdata ten name
appdata 10
E

# ---- with a tracer -------------------------------------------------------------

# pieces NAME: the log in lines, without who and when.
pieces() { mt-cat "$1" | mt-totext --raw | sed -E 's/ cpu=[0-9]+ time=[0-9]+//'; }

[ -f "$B/libmtrace.so" ] && [ -x "$(cat "$B/qemu-prefix")/bin/qemu-x86_64" ] || {
	skip 'no QEMU of ours, or no plugin: make qemu tracer' 'what the commands do'
	done_testing
	exit 0
}

cat >commands.sh <<'SH'
mtrace-magic movement one
mtrace-magic enable two
mtrace-magic scope three
mtrace-magic ascope four
mtrace-magic kernel five
mtrace-magic kernelscope six
mtrace-magic all seven
mtrace-magic disable seven
mtrace-magic appdata 0x10 'operations done'
mtrace-magic label 0xffff888000001000 64 'an object' 'struct x'
mtrace-magic label 4096 1 nameless
mtrace-magic scope enter 'op 1'
mtrace-magic scope leave 'op 1'
mtrace-magic end
mtrace-magic appdata 1 late
SH
mt-run --wait -o log.mt sh commands.sh; ok $? 'a script of commands'
pieces log.mt >log.txt
sed -nE 's/^mode mode=([a-z]+) .* name="(.*)"/\1 \2/p' log.txt >got
printf '%s\n' 'movement one' 'movement two' 'scope three' 'scope four' 'kernel five' 'kernel six' \
	'all seven' 'off seven' >want
same want got 'every mode, also by its old name'
has '^appdata value=16 name="operations done"' log.txt 'appdata'
has '^label addr=0xffff888000001000 bytes=64 .*op=alloc storage=static name="an object" ctype="struct x"' \
	log.txt 'label with a type'
has '^label addr=0x1000 bytes=1 .*name="nameless" ctype=""' log.txt 'and without'
has '^scope op=enter task=[1-9][0-9]* name="op 1"' log.txt 'scope enter, of the caller'
has '^scope op=leave task=[1-9][0-9]* name="op 1"' log.txt 'scope leave'
! grep -q late log.txt; ok $? 'after end nothing'
has '^end ' log.txt 'and the log is whole'

# Under mt-run settings are those of the process that makes them, and so of no
# effect here; but the tracer judges them.
cat >settings.sh <<'SH'
mtrace-magic calls on
mtrace-magic calls off
mtrace-magic count off
mtrace-magic count on
mtrace-magic locked on
mtrace-magic locked off
mtrace-magic sample 3
mtrace-magic quantum 0
SH
run mt-run --wait -o set.mt sh settings.sh
same /dev/null err 'settings are well formed'
for what in calls count; do
	run mt-run --wait -o set.mt mtrace-magic $what off 99999
	has "ignored: $what of a cpu that there is not" err "$what off, of a cpu that there is not"
done

done_testing
