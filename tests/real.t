#!/bin/sh
# SPDX-License-Identifier: MIT
# Real logs of real programs, from recording to JSON, against what others say:
# binutils for every pc, the slow model for every shared line, the second decoder
# for every field, jq for every line of JSON.
. "${SRC:-.}/tests/lib.sh"

[ -x "$B/mt-run" ] && [ -x "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'
command -v llvm-symbolizer >/dev/null || skip_all 'no llvm-symbolizer to judge differences'
cp "$B/examples/false-sharing/false-sharing" prog
head -c 300000 /proc/self/exe >input
mt-run --quantum 1000 --mode all -o sharing.mt ./prog 1000 >/dev/null 2>err || { cat err; skip_all 'mt-run does not run here'; }
mt-run --mode movement -o pigz.mt pigz -p 4 -c input >/dev/null

# ---- the pipeline of the README ------------------------------------------------

mt-cat sharing.mt | mt-filter --cpu 3 | mt-addr2line prog | mt-tojson >lines
jq -c . <lines >parsed
ok $? 'mt-cat | mt-filter | mt-addr2line | mt-tojson: jq reads every line'
[ "$(wc -l <lines)" -eq "$(wc -l <parsed)" ] && [ "$(wc -l <lines)" -gt 1000 ]
ok $? '... one object a line'
jq -e -s 'map(select(.type == "access")) |
	length > 1000 and all(.cpu == 3 and (.addr + .pc + .paddr | test("^0x[0-9a-f]+0x[0-9a-f]+0x[0-9a-f]+$")))' lines >/dev/null
ok $? '... of cpu 3, addresses as hex strings'
jq -e -s 'any(.type == "symbol" and (.function | test("count_hit|count_miss|produce|consume")) and (.file | endswith("false-sharing.c")))' lines >/dev/null
ok $? '... with functions of the program'

# ---- every pc, against binutils ------------------------------------------------

# bias LOG PATH-END: where the first byte of a mapped file is
bias() {
	mt-cat "$1" | mt-tojson | jq -r --arg suffix "$2" \
		'select(.type == "map" and .op == "map" and (.path | endswith($suffix))) | "\(.addr) \(.offset)"' |
		head -n 1 | while read -r addr offset; do echo $((addr - offset)); done
}

# symbols OFFSET: pc less OFFSET, frame, function, file, line of each symbol record
symbols() {
	mt-tojson | jq -r 'select(.type == "symbol" and .module != "") |
		"\(.pc) \(.frame) \(.function) \(.file):\(.line_number)"' |
	while read -r pc rest; do printf '%x %s\n' $((pc - $1)) "$rest"; done | sort -u
}

# agree LOG ELF: all pcs of the log that lie in ELF
agree() {
	at=$(bias "$1" "${2##*/}")
	mt-cat "$1" | mt-addr2line >resolved 2>err
	mt-tojson <resolved | jq -r 'select(.type == "access").pc' | sort -u >accesses
	# (a label's pc is a return address, looked up one byte earlier)
	mt-tojson <resolved | jq -r --arg suffix "${2##*/}" \
		'select(.type == "symbol" and (.module | endswith($suffix))).pc' | sort -u |
		join - accesses | while read -r pc; do printf '%x\n' $((pc - at)); done >pcs
	[ "$(wc -l <pcs)" -gt 50 ]
	ok $? "$1: $(wc -l <pcs) distinct pcs in ${2##*/}"
	run python3 "$SRC/tests/model/addr2line.py" "$2" pcs
	is_status 0 '... each as addr2line -f -i says, or the difference is explained'
	sed 's/^/# /' out
	mkpcs <pcs | mt-addr2line "$2" | symbols 0 >want
	symbols "$at" <resolved >all
	cut -d ' ' -f 1 want | sort -u >known
	awk 'NR == FNR { seen[$1] = 1; next } seen[$1]' known all >got
	same want got '... and through the maps of the log the same as in the file'
}
libc=$(ldd prog | sed -n 's/.*=> \(.*libc.so[^ ]*\) .*/\1/p')
agree sharing.mt prog
agree sharing.mt "$(readlink -f "$libc")"
agree pigz.mt "$(readlink -f "$libc")"

# ---- every field, every shared line ----------------------------------------------

for log in sharing pigz; do
	mt-cat $log.mt | mt-check
	ok $? "$log: mt-check finds nothing"
	mt-cat $log.mt | mt-label prog | mt-tojson >json
	mt-cat $log.mt | mt-label prog >labelled
	run python3 "$SRC/tests/model/decode.py" --compare json <labelled
	is_status 0 "$log: the second decoder agrees on every field"
	for by in line field site; do
		python3 "$SRC/tests/model/shared.py" --by $by <json >want
		mt-shared --by $by <labelled | mt-tojson | grep '"type":"shared"' >got
		grep '"type":"shared"' want >want.rows
		same want.rows got "$log: mt-shared --by $by is as the slow model"
	done
done
done_testing
