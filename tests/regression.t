#!/bin/sh
# SPDX-License-Identifier: MIT
# A regression planted in the kernel is what mt-diff of two runs names first.
# tests/guest/regression/open-files.patch counts a super block's open files beside
# the lock of its inodes; one benchmark runs on the kernel with and without it.
# So long that what is done once (fresh pages of a slab, say) weighs nothing.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

patch=$SRC/tests/guest/regression/open-files.patch
for f in mt-diff libmtrace.so mtrace-magic; do
	[ -e "$B/$f" ] || skip_all "no $f: make all tracer"
done
[ -x "$(cat "$B/qemu-prefix")/bin/qemu-system-x86_64" ] || skip_all 'no QEMU: make qemu'
"$SRC/kernel/build-kernel" --print >good 2>/dev/null || skip_all 'no kernel: make kernel'
"$SRC/kernel/build-kernel" --patch "$patch" --print >bad 2>/dev/null ||
	skip_all 'no kernel with the regression: make regression'
"$SRC/image/build-image" --print >image 2>/dev/null || skip_all 'no image: make image'
unshare --mount --map-root-user true 2>/dev/null || skip_all 'no name spaces to build in'

# fields KERNEL: a run on it, and what travelled in it.
fields() {
	run "$SRC/mosbench/mtrace-mosbench" --obj-dir="$(cat "$1")" --benchmark=micro/creato --ops=4000 \
		--reproducible --process=mtrace --log-dir="$1.logs"
	is_status 0 "the benchmark runs on the $1 kernel"
	mt-cat "$1.logs/micro/creato/mtrace.out" | mt-label "$(cat "$1")/mscan.kern" |
		mt-shared --by field | mt-addr2line "$(cat "$1")/mscan.kern" >"$1.rows"
}
fields good
fields bad
field='struct super_block.s_open_files.counter'

status=0
mt-diff --per-op good.rows bad.rows >difference || status=$?
is_status 3 'mt-diff says that something got worse'
mt-tojson <difference | grep '"diff"' >diff.json
head -n 1 diff.json | jq -r '.name, .verdict' >first
printf '%s\nworse\n' "$field" >want
same want first 'the field of the regression is the first difference'
head -n 1 diff.json | jq -e '.before == 0 and .after_per_op > 1000' >out
ok $? 'it did not travel before; now it does, more than once for each operation'

# Where, from the same report.
mt-filter -e 'field.path =~ "s_open_files"' <bad.rows | mt-top -n 1 moves | mt-totext >text
has 'in system call __x64_sys_(openat|close)' text 'the report names the system call that does it'

mt-diff --per-op good.rows good.rows >difference
ok $? 'a run against itself: nothing got worse'
done_testing
