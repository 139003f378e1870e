# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034
# Guests with our kernel and hooks, for tests of what the whole chain says:
# sourced after lib.sh.
PATH=$SRC/qemu:$PATH
prefix=$("$SRC/kernel/build-kernel" --print 2>/dev/null) || skip_all 'no kernel: make kernel'
vmlinux=$prefix/mscan.kern
[ -f "$vmlinux" ] && [ -f "$prefix/mtrace.ko" ] || skip_all "no kernel with hooks in $prefix"
[ -f "$B/libmtrace.so" ] && [ -x "$B/mtrace-magic" ] || skip_all 'no tracer: make tracer'
[ -x "$B/mosbench/micro" ] || skip_all 'no micro: make helpers'
command -v busybox >/dev/null || skip_all 'no busybox: apt-get install busybox-static'

# traced LOG OPTIONS...: four cpus, recording as micro says.  With a clock of
# instructions, else timer ticks are most of what a busy host records.
traced() {
	log=$1
	shift
	run qemu-mtrace-linux --cores 4 --ram 512 --timeout 15 --trace guest --reproducible \
		--mtrace-file "$log" --copy "$B/mosbench/micro,/micro" "$@"
}

# rows RUN BY [ALL]: rows of a run in the stream "labelled", see guest/rows
rows() {
	mt-filter --run "$1" <labelled | mt-shared --by "$2" ${3:+"$3"} | mt-tojson | "$SRC/tests/guest/rows"
}

# moves FILE FIELD: the moves of all rows of such a field, in a file of rows
moves() {
	awk -F '\t' -v f="^$2" '$3 ~ f { n += $1 } END { print n + 0 }' "$1"
}
