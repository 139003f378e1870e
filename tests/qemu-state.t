#!/bin/sh
# SPDX-License-Identifier: MIT
# The states that a tracer writes into the log of a whole guest: a range that begins
# behind one gives what it gives of the whole log.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
[ -x "$prefix/bin/qemu-system-x86_64" ] || skip_all 'no QEMU of ours: make qemu'
[ -f "$B/libmtrace.so" ] || skip_all 'no tracer: make tracer'
"$SRC/kernel/build-kernel" --print >kernel 2>/dev/null || skip_all 'no kernel: make kernel'
kernel=$(tail -1 kernel)

run "$SRC/qemu/qemu-mtrace-linux" --bzImage "$kernel/mscan.bzImage" --timeout=5m --ram=512 --mode=all \
	--mtrace-file=log.mt --run 'for i in 1 2 3 4; do ls -R /sys/devices >/dev/null & done; wait'
is_status 0 'every access of four shells is recorded'
mt-cat --index log.mt >list
last=$(grep -n '^state=' list | tail -1 | cut -d: -f1)
[ -n "$last" ]
ok $? "the log has states: $(grep -c '^state=' list) in $(grep -c '^block=' list) blocks"
# some blocks on, so that tasks have been switched and memory freed since
block=$(sed -n "$((last + 4))s/^block=\([0-9]*\) .*/\1/p" list)
[ -n "$block" ] || block=$(sed -n "$((last + 1))s/^block=\([0-9]*\) .*/\1/p" list)

mt-cat --blocks "$block-$block" log.mt >by-index
mt-cat --blocks "$block-$block" - <log.mt >in-sequence
cmp by-index in-sequence && [ "$(wc -c <by-index)" -gt 1000000 ]
ok $? "block $block by the index, from a state, is what it is by all that came before"

# What the same accesses are of in the whole log.  Not those of a cpu's first and last
# time in the block: an instruction with two accesses may stand on both sides of its edge.
fields() { mt-shared --all --by field | mt-tojson --names | grep '"type":"shared"' |
	sed -E 's/"(object|field|stack|object2|field2|stack2|process|process2)":[0-9]+,?//g' | sort; }
times=$(mt-totext --raw <in-sequence | sed -n 's/^access cpu=\([0-9]*\) time=\([0-9]*\) .*/\1 \2/p' |
	awk '!($1 in least) || $2 < least[$1] { least[$1] = $2 } $2 > most[$1] { most[$1] = $2 }
		END { for (c in least) printf "%s(cpu == %d && time > %d && time < %d)", (n++ ? " || " : ""), c, least[c], most[c] }')
mt-cat log.mt | mt-label "$kernel/mscan.kern" "$kernel/mtrace.ko" 2>err |
	mt-filter --kind access -e "$times" | fields >want
mt-label "$kernel/mscan.kern" "$kernel/mtrace.ko" <by-index 2>err |
	mt-filter --kind access -e "$times" | fields >got
[ "$(wc -l <want)" -gt 50 ]; ok $? "its accesses are of many fields: $(wc -l <want)"
same want got 'with the objects and fields of the whole log'
done_testing
