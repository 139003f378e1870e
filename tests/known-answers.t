#!/bin/sh
# SPDX-License-Identifier: MIT
# Classic bottlenecks in a kernel module (guest/known): each is found at its
# field, line and kind of sharing, and its repaired twin is silent.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/guest/traced.sh
. "$SRC/tests/guest/traced.sh"

"$SRC/kernel/build-kernel" --module "$SRC/tests/guest/known" . >build.out 2>&1 ||
	skip_all "the module cannot be built: $(tail -n 1 build.out)"

# shellcheck disable=SC2016 # the guest's shell
traced log --copy "$PWD/known.ko,/known.ko" --run 'insmod /known.ko &&
	for p in list refs config mutex array; do
		/micro known-$p --ops 2000 && /micro known-$p --own --ops 2000 || exit
	done'
is_status 0 'all patterns run to their end'
mt-cat log | mt-label "$vmlinux" known.ko >labelled 2>label.err
ok $? 'mt-label knows kernel and module'

# Names of our own: everything else in the log is the kernel's.
ours='struct known_|known_'

# source_line TEXT: where it stands in known.c
source_line() { grep -nF "$1" "$SRC/tests/guest/known/known.c" | head -n 1 | cut -d : -f 1; }

# reported RUN SHARING FIELD: the top row of the run is that line, shared so.
reported() {
	rows "known-$1" line | head -n 1 >top
	grep -Eq "$3" top
	ok $? "$1: the line that moves most is of $3"
	[ "$(cut -f 2 top)" = "$2" ]; ok $? "... and is shared: $2"
	sed 's/^/# /' top
}

# by_code RUN TEXT: the instruction with the most moves is of that source line
by_code() {
	mt-filter --run "known-$1" <labelled | mt-shared | mt-top -n 1 moves |
		mt-addr2line "$vmlinux" known.ko | mt-tojson |
		grep -q "\"line_number\":$(source_line "$2"),.*known\\.c"
	ok $? "... at its source line: $2"
}

# by_lock RUN NAME TEXT: that lock is taken on that source line; its own code is
# somewhere in the kernel
by_lock() {
	mt-filter --run "known-$1" -k lock -e "op == acquired && name == \"$2\"" <labelled |
		mt-addr2line "$vmlinux" known.ko | mt-tojson | grep '"type":"symbol"' >locks
	has "\"line_number\":$(source_line "$3"),.*known\\.c" locks "... the lock, $2, is taken at its source line: $3"
}

# silent RUN: no line of ours moved more than a few times: at the first touch
silent() {
	rows "known-$1 --own" line >own.rows
	awk -F '\t' -v ours="$ours" '$3 ~ ours && $1 > 40 { print; bad = 1 } END { exit bad }' own.rows >loud
	ok $? "$1: the repaired twin is silent"
	sed 's/^/# /' loud
}

reported list true 'struct known_list[.]lock'
by_lock list 'struct known_list.lock' 'spin_lock(&list->lock)'
silent list
reported refs true 'struct known_object[.]refs'
by_code refs 'atomic_inc(&known_object->refs)'
silent refs
reported config mixed 'struct known_config[.](limit|hits)'
by_code config 'READ_ONCE(known_config->limit)'
rows known-config field >config.rows
has '^[0-9]+	false	struct known_config[.]limit' config.rows '... where what is only read is a victim: false sharing'
has '^[0-9]+	true	struct known_config[.]hits' config.rows '... and the counter is not'
silent config
reported mutex true 'struct known_door[.]mutex'
by_lock mutex 'struct known_door.mutex' 'mutex_lock(&door->mutex)'
silent mutex
reported array false 'struct known_counts[.]count'
by_code array 'known_counts->count[cpu]++'
silent array

done_testing
