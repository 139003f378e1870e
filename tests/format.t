#!/bin/sh
# SPDX-License-Identifier: MIT
# The record table: what the compiler cannot see in it.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

table=$SRC/filters/libmt/mt_records.def
page=$SRC/doc/mt-log.5

# The table as words: R name kind class / F name type show / S name / V set name number
words() {
	sed -n 's/^MT_\(RECORD\|FIELD\|ENUM\|FLAGS\|STRING\|VALUE\)(\([^"]*\)"\(.*\)")$/\1,\2,\3/p' "$1" |
		tr -d ' \t'
}

# Prints what is wrong with a table.
problems() {
	words "$1" | awk -F, '
	BEGIN {
		split("type kind size cpu time data", t, " ")
		for (i in t) taken[t[i]] = 1
		bytes["uint16_t"] = 2; bytes["uint32_t"] = 4; bytes["uint64_t"] = 8
	}
	function field(name) {
		if (name in taken) print rec "." name ": the name is taken by the header"
		if ((rec, name) in fields) print rec "." name ": twice"
		fields[rec, name] = 1
	}
	function close_record() {
		if (rec != "" && at % 8) print rec ": " at " bytes are no multiple of 8"
		if (at > 4096) print rec ": " at " bytes are more than a builder has room for"
		if (strings > 8) print rec ": more than 8 strings"
	}
	$1 == "RECORD" {
		close_record()
		rec = $2; at = 16; strings = 0
		if (rec in records) print rec ": twice"
		if ($3 in kinds) print rec ": kind " $3 " is taken by " kinds[$3]
		if (rec != "begin" && $3 >= 128) print rec ": kind " $3 " is not below 128"
		if ($4 !~ /^(event|context|definition|report)$/) print rec ": class " $4
		records[rec] = 1; kinds[$3] = rec
	}
	$1 == "FIELD" || $1 == "ENUM" || $1 == "FLAGS" {
		field($4)
		if (!($3 in bytes)) print rec "." $4 ": type " $3
		else if (at % bytes[$3]) print rec "." $4 ": stands at " at ", which makes padding"
		if (strings) print rec "." $4 ": stands behind a string"
		at += bytes[$3]
		if ($1 == "FLAGS") flags[$5] = 1
		if ($1 == "ENUM") enums[$5] = 1
	}
	$1 == "STRING" { field($3); strings++ }
	$1 == "VALUE" {
		if (($2, $3) in values) print $2 "." $3 ": twice"
		if (($2, "#" $4) in values) print $2 "." $3 ": number " $4 " again"
		values[$2, $3] = values[$2, "#" $4] = 1
		sets[$2] = sets[$2] " " $4
	}
	$NF == "" { print rec $3 ": is not described" }
	END {
		close_record()
		for (s in flags) {
			n = split(sets[s], v, " ")
			for (i = 1; i <= n; i++) if (v[i] != 2 ^ (i - 1)) print s ": " v[i] " is not the next bit"
		}
		for (s in enums) {
			n = split(sets[s], v, " ")
			if (!n) print s ": has no values"
			for (i = 1; i <= n; i++) if (v[i] != i - 1) print s ": " v[i] " is not the next number"
		}
	}'
}

problems "$table" >got
: >want
same want got 'the table has no name, kind or value twice, none that the header has, and no padding'

words "$table" | awk -F, '
	$1 == "RECORD" { print $2 }
	$1 == "STRING" { print $3 }
	$1 ~ /FIELD|ENUM|FLAGS/ { print $4 }' | wc -l >counted
grep -c '^MT_\(RECORD\|FIELD\|ENUM\|FLAGS\|STRING\)(' "$table" >lines
same lines counted 'the guard reads every line of the table'

# The guard is a program too: each of these must be seen.
guard() {
	sed "$1" "$table" >planted.def
	problems planted.def >found
	has "$2" found "the guard sees $3"
}
guard 's/^MT_FIELD(access, uint64_t, paddr/MT_FIELD(access, uint64_t, addr/' \
	'^access.addr: twice' 'a field that stands twice'
guard 's/^MT_STRING(appdata, name/MT_STRING(appdata, time/' \
	'^appdata.time: the name is taken' "a field with a name of the header's"
guard 's/^MT_RECORD(call, 5/MT_RECORD(call, 4/' \
	'^call: kind 4 is taken by access' 'a kind number that stands twice'
guard 's/^MT_FIELD(switch, uint32_t, process/MT_FIELD(switch, uint16_t, process/' \
	'^switch: 22 bytes' 'a record that is no multiple of 8'
guard 's/^MT_VALUE(access_flag, atomic, 4,/MT_VALUE(access_flag, atomic, 5,/' \
	'^access_flag: 5 is not' 'a flag that is no bit'
guard 's/^MT_VALUE(sharing, mixed, 4/MT_VALUE(sharing, mixed, 3/' \
	'^sharing.mixed: number 3 again' 'two values with one number'

mkkinds >all.mt
mt-tojson <all.mt >all.json
for rec in $(words "$table" | awk -F, '$1 == "RECORD" { print $2 }'); do
	grep -q "^{\"type\":\"$rec\"," all.json || echo "$rec"
done >missing
same want missing 'a stream can have each kind, and each is rendered by name'

if sed -n '/by "make doc": begin/,/by "make doc": end/p' "$page" | grep -q '^\.It'; then
	words "$table" | awk -F, '
		$1 == "RECORD" { print $2 } $1 == "STRING" { print $3 }
		$1 ~ /FIELD|ENUM|FLAGS/ { print $4 } $1 == "VALUE" { print $3 }' | sort -u |
	while read -r word; do
		grep -qw -e "$word" "$page" || echo "$word"
	done >undocumented
	same want undocumented 'mt-log(5) has every kind, field and value'
else
	skip 'mt-log(5) has no tables yet: make doc' 'mt-log(5) has every kind, field and value'
fi

done_testing
