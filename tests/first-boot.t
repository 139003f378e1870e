#!/bin/sh
# SPDX-License-Identifier: MIT
# What make first-boot must show: fields of kernel types, with the system call.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/guest/traced.sh
. "$SRC/tests/guest/traced.sh"

B=$B OUT=$SCRATCH/boot CPUS=2 ROUNDS=3 run "$SRC/examples/first-boot/run"
is_status 0 'the demo ends well'
has '^2 shells did 3 rounds each' out 'what the guest prints is seen'
has 'struct dentry.*in (system call|exception)' boot/fields.txt 'fields of kernel types, in what they were reached'
has 'system call __x64_sys_execve' boot/entries.txt 'system calls by name'
has 'vmemmap: struct page' boot/lines.txt 'single lines'

# What it says about how to go on really works.
sed -n '/^Done/,$p' out | grep -E '^  (v=|mt-filter)' >next
[ "$(grep -c mt-filter next)" = 2 ] && sh -e ./next >next.out 2>next.err
ok $? 'the commands it ends with run'
has 'struct dentry' next.out '... and answer'
done_testing
