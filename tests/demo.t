#!/bin/sh
# SPDX-License-Identifier: MIT
# What make demo must show: the planted sharing by struct field and source line,
# nothing of the padded control, and the lines of an unmodified program.
. "${SRC:-.}/tests/lib.sh"

[ -x "$B/mt-run" ] && [ -x "$B/examples/false-sharing/false-sharing" ] || skip_all 'no tracer: make tracer'
command -v pigz >/dev/null || skip_all 'no pigz: apt-get install pigz'

cd "$SRC" || exit 99
run_dir=$SCRATCH
B=$B OUT=$run_dir/demo examples/demo >"$run_dir/out" 2>"$run_dir/err"
status=$?
cd "$run_dir" || exit 99
is_status 0 'the demo ends well'
planted=$run_dir/demo/false-sharing.txt

source_line() { grep -n "$1" "$SRC/examples/false-sharing/false-sharing.c" | head -n 1 | cut -d : -f 1; }

has 'false .*counters' "$planted" 'the planted false sharing is called false'
has 'counters\.hits' "$planted" '... with one field'
has 'counters\.misses' "$planted" '... and the other'
has "false-sharing\.c:$(source_line 'counters.hits++')" "$planted" '... and the source line of one'
has "false-sharing\.c:$(source_line 'counters.misses++')" "$planted" '... and of the other'
has 'true .*totals: struct totals' "$planted" 'the true sharing is called true'
has 'totals\.operations' "$planted" '... by its field'
has "false-sharing\.c:$(source_line 'plan.queue->head++')" "$planted" 'the heap block is shown with its source line'
has 'struct queue\.head' "$planted" '... and its field: the type of the block is found at its call site'
grep -q 'slots' "$planted"
[ $? -eq 1 ]; ok $? 'the padded control is not named'
[ "$(grep -c 'pigz' demo/pigz.txt)" -ge 1 ]; ok $? 'lines of the unmodified program are shown'

# The same from the records, not from the text.
mt-cat demo/false-sharing.mt | mt-label "$B/examples/false-sharing/false-sharing" | mt-shared --by field | mt-tojson >rows
jq -s -r '(map(select(.type=="field")) | INDEX(.id)) as $f | .[] | select(.type=="shared") |
	[.sharing, $f[.field|tostring].ctype, $f[.field|tostring].path] | join(" ")' rows >named 2>err
has '^(false|mixed) struct counters (hits|misses)$' named 'JSON says the same'
mt-cat demo/false-sharing.mt | mt-check
ok $? 'the log passes mt-check'

B=$B OUT=$run_dir/demo "$SRC/examples/demo" >again 2>&1
has 'kept from an earlier run' again 'a second demo records nothing anew'
done_testing
