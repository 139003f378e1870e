#!/bin/sh
# SPDX-License-Identifier: MIT
# qemu-mtrace-linux: a guest's output, files and status; how it ends when the
# guest, QEMU or the disk does not do its part.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

runner=$SRC/qemu/qemu-mtrace-linux
mkdir tmp
export TMPDIR="$SCRATCH/tmp"

# ---- what needs no guest -----------------------------------------------------

run "$runner"; is_status 2 'no command: wrong usage'
run "$runner" --frobnicate x; is_status 2 'an unknown option: wrong usage'
has "^qemu-mtrace-linux: what is '--frobnicate'" err 'and it is named'
run "$runner" --run; is_status 2 'an option without its value: wrong usage'
run "$runner" --run=: --cores=0; is_status 2 'no cpus: wrong usage'
run "$runner" --run=: --timeout=soon; is_status 2 'a time that is none: wrong usage'
run "$runner" --run=: --mode=some; is_status 2 'an unknown mode: wrong usage'
run "$runner" --run=: --home=//; is_status 2 'the top directory is no home'
run "$runner" --run=: --root=nowhere; is_status 1 'a root that is not there'
run "$runner" --run=: --reproducible --root=.; is_status 2 'a directory is no root for a reproducible run'
"$runner" --help >help.out
ok $? '--help'

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
[ -x "$prefix/bin/qemu-system-x86_64" ] || { skip 'no QEMU of ours: make qemu' 'guests'; done_testing; exit; }
[ -x "$B/mtrace-magic" ] && [ -f "$B/libmtrace.so" ] || { skip 'no tracer: make tracer' 'guests'; done_testing; exit; }
if [ -z "${MT_TEST_KERNEL-}" ]; then
	"$SRC/kernel/build-kernel" --print >kernel.out 2>/dev/null ||
		{ skip 'no kernel: make kernel' 'guests'; done_testing; exit; }
	MT_TEST_KERNEL=$(cat kernel.out)/mscan.bzImage
fi

# The number of times that a boot is tried, and of cpus that it must manage.
boots=2 many=16
[ -z "${MT_TEST_LONG-}" ] || { boots=10 many=64; }
boot() { run "$runner" --bzImage "$MT_TEST_KERNEL" --timeout=5m --ram=512 "$@"; }
# wait_for TEXT FILE
wait_for() {
	tries=0
	until grep -q "$1" "$2" || [ $tries -gt 1000 ]; do sleep 0.1; tries=$((tries + 1)); done
}

# ---- what is made of options -----------------------------------------------------

# shown OPTION...: the command that would be run
shown() { HOME=$mine "$runner" --bzImage "$MT_TEST_KERNEL" --run=: --dry-run "$@" >out 2>err; }
mkdir -p in/dir
: >root.img
mine=$PWD/in
shown; ! grep -q virtfs out; ok $? 'without a root there is no home directory'
shown --root=root.img; has "virtfs' 'local,path=$PWD/in,.*readonly=on" out 'with a root the home directory is that of HOME, to read'
shown --root=root.img --home=off; ! grep -q virtfs out; ok $? '--home=off'
mine='' shown --root=root.img; ! grep -q virtfs out; ok $? 'nor without HOME'
shown --gdb; has "'tcp:127.0.0.1:1234' '-S'" out '--gdb: QEMU waits for it, and for nobody from outside'
for t in 1:60s 0.5:30s 90s:90s 2m:120s 1h:3600s; do
	mkdir -p fake
	printf '#!/bin/sh\nfor a; do case $a in *s) echo "$a"; exit 1;; esac; done\n' >fake/timeout
	chmod +x fake/timeout
	printf '#!/bin/sh\nexec "$@" >&2\n' >fake/setpriv
	sed -i '2s/.*/while case $1 in -*|TERM) :;; *) false;; esac; do shift; done; exec "$@" >\&2/' fake/setpriv
	chmod +x fake/setpriv
	PATH=$PWD/fake:$PATH run "$runner" --bzImage "$MT_TEST_KERNEL" --run=: --timeout="${t%:*}"
	grep -qx "${t#*:}" err; ok $? "--timeout=${t%:*} is ${t#*:}"
done

# ---- one boot, what it gives ---------------------------------------------------

echo 'one file' >in/dir/file
printf '#!/bin/sh\necho "tool says $1"\n' >in/tool; chmod +x in/tool
boot --mtrace-file=a.mt --out=back --console=con --copy=in/tool,/usr/bin/tool --copy=in/dir,/data/deep \
	--cores=4 \
	--run='echo to standard output; echo to standard error >&2; exit 3' \
	--run='echo first >/tmp/kept; sleep 1000 & exit 0' \
	--run="cat /tmp/kept; echo 'with \"quotes\" and \$dollars'; echo through the name >/dev/stderr; exit 9" \
	--run='nonexistent-command' \
	--run='kill -9 $$' \
	--run='tool x; cat /data/deep/file; nproc; seq 1 50000; cp -R /data/deep /mtrace/out; echo >/mtrace/out/after' \
	--run='mtrace-magic appdata 4711 known'
is_status 3 'the status is that of the first command that failed, and the others ran'
has '^to standard output$' out 'standard output comes back'
has '^to standard error$' err 'standard error comes back apart'
! grep -q 'to standard error' out; ok $? 'and only there'
has '^first$' out 'later commands see what earlier ones left'
has '^with "quotes" and \$dollars$' out 'a command is shell text, with whatever is in it'
has '^through the name$' err '/dev/stderr can be opened'
has 'nonexistent-command: not found' err 'a command that is not there is named'
has '^tool says x$' out '--copy brings a program, and its mode'
has '^one file$' out '--copy brings a directory'
has '^4$' out '--cores'
[ "$(grep -c '^[0-9]*$' out)" = 50001 ]; ok $? 'long output comes whole'
[ "$(cat back/deep/file)" = 'one file' ] && [ -e back/after ]; ok $? '--out: files come back'
has 'reboot: Power down' con '--console keeps what the kernel says'
mt-cat a.mt >a.stream && mt-check <a.stream >check.out 2>&1
ok $? 'the log is whole, mt-check has no complaint'
mt-totext --raw <a.stream >a.txt
[ "$(grep -c '^mode .*mode=movement' a.txt)" = 7 ]; ok $? 'recording is on while each command runs'
has '^mode .*mode=movement.*name="echo to standard output; echo to standard error >&2; exit 3"' a.txt 'the interval has the name of its command'
has '^begin .*cpus=4 .*command="echo to standard output' a.txt 'begin has the commands'
has '^appdata .*value=4711' a.txt 'mtrace-magic is there'
! grep -q '^access.*' a.txt || awk '/^mode .*mode=off/ { on = 0 } /^mode .*mode=movement/ { on = 1 }
	/^access/ && !on { bad = 1 } END { exit bad }' a.txt
ok $? 'no access outside of the intervals'

boot --no-mtrace --cores=1 --run=nonexistent
is_status 127 'the status of a command that is not there'
boot --cores=2 --trace=guest --mtrace-file=g.mt --run='ls / >/dev/null; mtrace-magic all mine; ls / >/dev/null; mtrace-magic disable mine' --run='kill -9 $$'
is_status 137 'the status of a command that is killed'
mt-cat g.mt | mt-totext --raw | grep '^mode' >modes
[ "$(wc -l <modes)" -ge 2 ] && ! grep -q ls modes && grep -q 'name="mine"' modes
ok $? '--trace=guest: only what the guest says'

# ---- a live log ------------------------------------------------------------------

{ "$runner" --bzImage "$MT_TEST_KERNEL" --ram=512 --cores=2 --timeout=5m --mtrace-file=- --run='echo hello; ls -lR /usr >/dev/null' 2>err
  echo $? >live.status; } | mt-cat | mt-stat | mt-totext >live.out
[ "$(cat live.status)" = 0 ] && grep -q '^hello' err && grep -q 'accesses moved' live.out
ok $? '--mtrace-file=-: the log goes to a filter, what the guest says to standard error'
{ "$runner" --bzImage "$MT_TEST_KERNEL" --ram=512 --cores=2 --timeout=5m --mtrace-file=/dev/fd/3 --run='echo hello' 3>fd.mt >out 2>err; } && [ ! -s err ] && mt-cat fd.mt >/dev/null
ok $? '--mtrace-file=/dev/fd/N'

# ---- what goes wrong ---------------------------------------------------------------

boot --cores=2 --mtrace-file=hang.mt --timeout=20s --out=lost --run='echo before; echo x >/mtrace/out/x; while :; do sleep 1; done'
is_status 124 'a guest that hangs is ended'
has 'timeout' err 'and the message says so'
has '^before$' out 'what it said before came out'
has 'nothing of /mtrace/out' err 'that its files are lost is said'
mt-cat hang.mt >/dev/null 2>cat.err
ok $? 'its log is whole up to there'

boot --cores=2 --mtrace-file=panic.mt --run='ls -lR /usr >/dev/null; echo c >/proc/sysrq-trigger'
is_status 125 'a panic'
has 'Kernel panic' err 'and the message has its text'
mt-cat panic.mt >/dev/null 2>&1
ok $? 'its log is whole up to there'

"$runner" --bzImage "$MT_TEST_KERNEL" --ram=512 --cores=2 --mtrace-file=killed.mt --timeout=200s \
	--run='echo up; ls -lR / >/dev/null; while :; do ls -lR / >/dev/null; done' >out 2>err &
pid=$!
wait_for '^up' out
sleep 1
qemu_pid=$(ps -eo pid,args | awk -v f=out=killed.mt '/qemu-system/ && index($0, f) && !/timeout|setpriv|awk/ { print $1; exit }')
kill -9 "$qemu_pid"
status=0; wait $pid || status=$?
is_status 125 'QEMU is killed'
has 'QEMU was killed by signal 9' err 'and the message says so'
mt-cat killed.mt >killed.stream 2>cat.err
[ $? = 1 ] && [ "$(wc -l <cat.err)" = 1 ] && [ -s killed.stream ]; ok $? 'the log up to there can be read, and mt-cat says that it is cut'

: >out					# what the one before said is not meant
"$runner" --bzImage "$MT_TEST_KERNEL" --ram=512 --cores=2 --mtrace-file=term.mt --timeout=200s --run='echo up; while :; do ls -lR / >/dev/null; done' >out 2>err &
pid=$!
wait_for '^up' out
kill -TERM $pid
status=0; wait $pid || status=$?
is_status 143 'a signal ends it'
mt-cat term.mt >/dev/null
ok $? 'with a whole log'
! ps -eo args | grep -q '[o]ut=term.mt'; ok $? 'and no QEMU stays behind'

boot --cores=2 --mtrace-file=/dev/full --run='ls -lR /usr >/dev/null'
is_status 1 'a full disk'
has 'No space left on device' err 'and the message says so'
boot --mtrace-file=/nowhere/log --run=true
is_status 126 'a log that cannot be made: QEMU does not start'
has '/nowhere/log' err 'and the message names it'
[ ! "$(ls -A "$TMPDIR")" ]; ok $? 'nothing is left in the directory for temporary files'

# ---- a shell ------------------------------------------------------------------------

mkfifo typed
exec 4<>typed
"$runner" --bzImage "$MT_TEST_KERNEL" --ram=512 --cores=1 --timeout=100s --no-reboot --no-mtrace \
	--run='echo the command; exit 3' <typed >out 2>err &
pid=$!
wait_for 'exit ends the guest' out
sleep 1
printf 'echo typed $((40 + 2))\nexit\n' >&4
status=0; wait $pid || status=$?
exec 4>&-
is_status 3 '--no-reboot: the status is that of the command'
grep -q '^typed 42' out; ok $? 'after a shell that reads what is typed'

# ---- again and again, many cpus ------------------------------------------------------

i=0 good=0
while [ $i -lt $boots ]; do
	i=$((i + 1))
	boot --host-clock --cores=2 --mtrace-file=again.mt --run="echo boot $i"
	[ "$status" = 0 ] && [ "$(cat out)" = "boot $i" ] && [ ! -s err ] && mt-cat again.mt | mt-check >check.out 2>&1 && good=$((good + 1))
done
[ $good = $boots ]; ok $? "$boots boots in a row, with the host's clock"
boot --cores=$many --ram=2048 --timeout=20m --mtrace-file=many.mt --run='nproc; for i in 1 2 3 4; do ls -l /usr >/dev/null & done; wait'
[ "$status" = 0 ] && [ "$(cat out)" = $many ] && mt-cat many.mt | mt-check >check.out 2>&1; ok $? "$many cpus boot and are traced"
mt-cat many.mt | mt-totext --raw | awk '/^access/ && match($0, / cpu=[0-9]+/) { s[substr($0, RSTART, RLENGTH)] } END { for (c in s) n++; print n + 0; exit n < 3 }' >cpus.out
ok $? 'and several of them do something'

# ---- other kernels, other QEMUs --------------------------------------------------------

# Labels, entries and locks, and whose they are.
hooked() {
	mt-cat "$1" | mt-totext --raw | awk '
	/^label .*storage=heap/ { heap++ }
	/^entry .*cause=syscall/ { calls++ }
	/^lock .*op=acquire/ { locks++ }
	/^switch/ { switches++ }
	/^section/ { sections++ }
	/^segment/ { segments++ }
	END { print heap + 0, calls + 0, locks + 0, switches + 0, segments + 0
		exit !(heap > 1000 && calls > 20 && locks > 100 && switches > 5 && segments == 4) }'
}
hooked a.mt >hooked.out; ok $? 'the log names objects, system calls, locks, tasks and segments'
if stock=$("$SRC/kernel/build-kernel" --stock --print 2>/dev/null) && [ -e "$stock/bzImage" ]; then
	run "$runner" --bzImage "$stock/bzImage" --timeout=5m --cores=4 --ram=1024 --mtrace-file=stock.mt --run='uname -r; ls -l /usr/bin | cat >/dev/null'
	is_status 0 "the distribution's kernel runs a command"
	has '^6\.1\..*-amd64$' out 'it is that kernel'
	mt-cat stock.mt | mt-check >check.out 2>&1; ok $? 'its log is whole'
	hooked stock.mt >hooked.out; ok $? 'and names objects, system calls, locks, tasks and segments, too'
else
	skip 'not in the cache (85 MB to fetch): kernel/build-kernel --stock' "the distribution's kernel"
fi
if other=$("$SRC/tests/guest/need-debian-qemu" 2>need.err); then
	LD_LIBRARY_PATH=$other/lib boot --qemu "$other/bin/qemu-system-x86_64" --cores=2 --mtrace-file=other.mt --run='exit 8'
	is_status 8 "Debian's QEMU will do"
	mt-cat other.mt | mt-totext --raw | grep -q '^begin .*quantum=1000 .*order=exact index=current .*not mended'
	ok $? 'and the log says which it was, and how it interleaved'
else
	skip "$(tail -n 1 need.err)" "Debian's QEMU"
fi

# ---- twice the same ---------------------------------------------------------------

what='for i in 1 2 3 4; do ls -lR /usr/bin >/tmp/$i & done; wait; echo done; echo x >/mtrace/out/file; exit 5'
boot --reproducible --timeout=20m --mtrace-file=r1.mt --run="$what"
is_status 5 '--reproducible: the status comes back'
has '^done$' out 'and what was printed'
# The second time the host has other things to do.
(while :; do :; done) & load=$!
boot --reproducible --timeout=20m --mtrace-file=r2.mt --out=back2 --run="$what"
kill $load
[ -s back2/file ]; ok $? 'and the files'
cmp r1.mt r2.mt >cmp.out 2>&1
ok $? 'two logs are the same bytes, however busy the host'
hooked r1.mt >hooked.out; ok $? 'with all hooks'
mt-cat r1.mt | mt-totext --raw | grep -q '^begin .*options=.*reproducible'
ok $? 'and begin says so'

done_testing
