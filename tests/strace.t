#!/bin/sh
# SPDX-License-Identifier: MIT
# System calls of a program of this machine, which is the guest's root for once:
# as many entries in the log as strace -c has counted in the same guest.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/guest/traced.sh
. "$SRC/tests/guest/traced.sh"
command -v strace >/dev/null || skip_all 'no strace: apt-get install strace'
[ "$(id -u)" = 0 ] || skip_all 'the whole of / can be read by root only'
numbers=/usr/include/x86_64-linux-gnu/asm/unistd_64.h
[ -e "$numbers" ] || skip_all "no $numbers: apt-get install libc6-dev"

run qemu-mtrace-linux --root / --home off --cores 2 --timeout 5 --mtrace-file log \
	--run 'strace -c -o /tmp/counts ls -l /etc >/dev/null; cat /tmp/counts'
is_status 0 'strace runs in the guest'

# "NAME COUNT", the calls that begin a line in strace's table and not its total
awk '/^ *[0-9.]+ +[0-9.]+ / && $NF != "total" { print $NF, $4 }' out | sort >strace.counts

# The same of the task that became ls, from its last execve on: before that it is
# strace's child.
mt-cat log | mt-totext --raw | awk -v numbers="$numbers" '
BEGIN {
	while ((getline line <numbers) > 0)
		if (split(line, w) == 3 && sub(/^__NR_/, "", w[2])) name[w[3]] = w[2]
}
function value(field) {
	return match($0, " " field "=[0-9]+") ? substr($0, RSTART + length(field) + 2, RLENGTH - length(field) - 2) : 0
}
/^task .* op=exec name="ls"/ { ls = value("task") }
/^entry .* state=start cause=syscall/ {
	task = value("task"); number = value("number")
	if (name[number] == "execve")
		for (key in n) if (index(key, task " ") == 1) delete n[key]
	n[task " " name[number]]++
}
END { for (key in n) { split(key, k); if (k[1] == ls) print k[2], n[key] } }' | sort >log.counts
[ "$(wc -l <strace.counts)" -gt 15 ]; ok $? 'it has counted system calls of many kinds'
# exit_group does not return, so strace does not count it
grep -v '^exit_group ' log.counts >got
same strace.counts got 'each as often as the tracer has seen it'
done_testing
