#!/bin/sh
# SPDX-License-Identifier: MIT
# What every program does with bad input and bad output.  One loop over all of
# them: a new filter is tested here the day it appears.
. "${SRC:-.}/tests/lib.sh"

mkrec >whole <<'LOG'
begin version=1 line=64 mode=all
task cpu=0 task=11 process=1 name="a"
task cpu=1 task=12 process=1 name="b"
switch cpu=0 task=11 process=1
switch cpu=1 task=12 process=1
label cpu=0 time=1 addr=0x2000 bytes=64 process=1 name="malloc"
access cpu=0 time=2 pc=0x401000 addr=0x2000 paddr=0x1000000002000 width=8 flags=store+moved
access cpu=1 time=3 pc=0x401004 addr=0x2008 paddr=0x1000000002008 width=8 flags=store+moved
access cpu=0 time=4 pc=0x401000 addr=0x2000 paddr=0x1000000002000 width=8 flags=store+moved
777 size=24 cpu=3 time=13 data=0102
LOG
size=$(wc -c <whole)
mt-cat -o whole.mt whole

# The arguments with which a program can run as a filter.
args_of() {
	case $1 in
	mt-top) echo moves ;;
	mt-cat | mt-merge) echo - ;;
	mt-diff) echo - whole ;;
	mt-split) echo --parts 1 -f cat ;;
	mt-tocsv) echo -k access ;;
	mt-tosqlite | mt-toctf) echo "$1.written" ;;
	*) ;;
	esac
}

# usage PATH [ARGUMENT]: an option that there is not, and --help.
usage() {
	p=${1##*/}
	# shellcheck disable=SC2086  # no argument, or one
	run "$1" --no-such-option ${2-} <whole
	is_status 2 "$p: wrong usage"
	has "^$p: " err "$p: ... names the program"
	run "$1" --help
	is_status 0 "$p: --help"
	[ ! -s err ] && [ -s out ] && [ "$(wc -l <out)" -le 60 ]
	ok $? "$p: --help goes to standard output and fits a screen"
	status=0; "$1" --help >/dev/full 2>err || status=$?
	is_status 1 "$p: --help on a full disk fails"
}

# mt-check prints nothing when all is well; mt-split's commands write, others to files
writes() { case $1 in mt-check | mt-split | mt-tosqlite | mt-toctf) return 1 ;; *) return 0 ;; esac; }

for path in "$B"/mt-*; do
	case $path in *.d | *.o) continue ;; esac
	p=${path##*/}
	case $p in mt-run | mt-shard-run) continue ;; esac	# no filters: tests of their own
	a=$(args_of "$p")

	# shellcheck disable=SC2086  # no argument, or one
	{
	run "$p" $a <whole
	is_status 0 "$p: a whole stream, with a kind from the future"
	cp out want

	# (the sanitizers insist on being loaded first; their own reads are short enough)
	run env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$B/torn.so" TORN_BYTES=1 TORN_EINTR=1 "$p" $a <whole
	is_status 0 "$p: one-byte reads and writes, and EINTR"
	if cmp -s want out; then ok 0 "$p: ... give the same bytes"; else ok 1 "$p: ... give the same bytes"; fi

	run "$p" $a <whole.mt
	is_status 0 "$p: a log instead"
	if cmp -s want out; then ok 0 "$p: ... gives the same bytes"; else ok 1 "$p: ... gives the same bytes"; fi

	run "$p" $a </dev/null
	is_status 1 "$p: empty input fails"
	has "^$p: " err "$p: ... and says so"

	if writes "$p"; then
		status=0; "$p" $a <whole >/dev/full 2>err || status=$?
		is_status 1 "$p: a full disk fails"
		has "^$p: .*No space left on device" err "$p: ... and says why"

		for how in default ignored; do
			cat >closed.py <<'PY'
import os, signal, subprocess, sys
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
r, w = os.pipe()
os.close(r)
p = subprocess.Popen(sys.argv[2:], stdin=open("whole"), stdout=w, stderr=open("err", "w"),
                     restore_signals=sys.argv[1] == "default")
os.close(w)
sys.exit(0 if p.wait() == -signal.SIGPIPE else 1)
PY
			python3 closed.py $how "$p" $a
			ok $? "$p: a reader that left ends it by SIGPIPE ($how)"
		done
	fi

	bad=0
	i=0
	while [ $i -lt "$size" ]; do
		head -c $i whole | timeout 10 "$p" $a >out 2>err
		s=$?
		lines=$(wc -l <err)
		if [ $s -ne 1 ] || [ "$lines" -ne 1 ]; then
			bad=$((bad + 1))
			echo "# cut at $i: status $s, $(cat err)"
		fi
		i=$((i + 7))		# not a multiple of 8, so that every phase occurs
	done
	ok "$bad" "$p: input cut anywhere fails with one line"

	# a record of kind 0 and size 0, which must not be taken for one that there is
	{ head -c -48 whole; head -c 1024 /dev/zero; } | timeout 10 "$p" $a >out 2>err
	s=$?
	[ $s -eq 1 ] && grep -q 'not a record' err; ok $? "$p: zeros in the place of records end it"

	usage "$path" "$a"

	# Allocation number i fails, for the first forty: status 1 and a line, or
	# it was not needed.
	bad=0
	i=1
	[ -z "${SANITIZED-}" ] || i=41	# the sanitizers have allocators of their own
	while [ $i -le 40 ]; do
		s=0
		LD_PRELOAD="$B/nomem.so" NOMEM=$i timeout 10 "$p" $a <whole >out 2>err || s=$?
		case $s in 0 | 1) ;; *) bad=$((bad + 1)); echo "# allocation $i: status $s" ;; esac
		i=$((i + 1))
	done
	ok "$bad" "$p: no memory ends it with status 1, never a crash"
	}
done

# What is no filter: usage only.
for path in "$B/mt-run" "$B/mt-shard-run" "$B/mtrace-magic" "$SRC/qemu/qemu-mtrace-linux" "$SRC/qemu/build-qemu" \
	"$SRC/kernel/build-kernel" "$SRC/image/new-mtrace-image" "$SRC/image/mkinitramfs"; do
	if [ -x "$path" ]; then
		usage "$path"
	else
		skip 'not built: make tracer' "${path##*/}"
	fi
done

mkrec -r >bad-kind <<'LOG'
begin version=1
4 size=24 cpu=0 data=00
end
LOG
run mt-tojson <bad-kind
is_status 1 'a known kind of the wrong size fails'
has 'byte [0-9]+: a known kind with another size' err '... with its byte offset'

mkrec -r >short <<'LOG'
begin version=1
access cpu=1
end records=7
LOG
run mt-tojson <short
is_status 1 'missing records are noticed by the count'
has 'records are missing: end counts 7, there were 2' err '... and named'

cat whole whole >twice
run mt-tojson <twice
is_status 0 'two streams after each other are a stream'

printf 'hello, this is no stream of records' >text
run mt-tojson <text
is_status 1 'a text file is no stream'
has 'standard input: byte 0: not a stream' err '... and the message says that'

done_testing
