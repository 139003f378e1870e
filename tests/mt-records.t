#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-records: what is made from the record table is complete.
. "${SRC:-.}/tests/lib.sh"

table=$SRC/filters/libmt/mt_records.def
# "record field" for each line of the table
sed -nE 's/^MT_(FIELD|ENUM|FLAGS|STRING)\(([a-z]+), ([a-z0-9_]+, )?([a-z0-9_]+)[,].*/\2 \4/p' "$table" | sort >fields
sed -nE 's/^MT_RECORD\(([a-z]+), .*/\1/p' "$table" | sort >records
[ "$(wc -l <records)" -ge 20 ]; ok $? 'the table was read'

mt-records --doc >doc; ok $? '--doc is made'
sed -n 's/^\.It Sy \([a-z]*\) .*/\1/p' doc | sort >got
same records got '--doc has every record'
[ "$(grep -cE '^\.It (string|[0-9]+) Fa ' doc)" = "$(grep -cE '^MT_(FIELD|ENUM|FLAGS|STRING)\(' "$table")" ]
ok $? '... and every field'
grep -E '^MT_VALUE' "$table" | sed -E 's/MT_VALUE\([a-z_]+, *([a-z_]+),.*/\1/' | sort -u >want
sed -nE 's/^\.It [0-9]+ Cm ([a-z_]+)$/\1/p' doc | sort -u >got
same want got '... and every named value'
if command -v mandoc >/dev/null; then
	{ printf '.Dd November 1, 2026\n.Dt X 5\n.Os\n.Sh NAME\n.Nm x\n.Nd y\n.Sh RECORDS\n'; cat doc; } >x.5
	run mandoc -Tlint -Wwarning x.5; is_status 0 '... and mandoc has nothing to say'
else
	skip 'no mandoc' '... and mandoc has nothing to say'
fi

mt-records --fuzz-dict | sed -n 's/^\([a-z]*\)="\\x.*/\1/p' | sort >got
same records got '--fuzz-dict has every record'
mt-records --fuzz-dict >dict
has '^access="\\x04\\x00\\x38\\x00"$' dict '... as bytes'

if command -v jq >/dev/null; then
	mt-records --schema >schema
	jq -r '.oneOf[].properties.type.const' schema | grep -v unknown | sort >got
	same records got '--schema has every record'
	# each record of zeros has exactly the required members
	while read -r r; do case $r in begin | end) ;; *) echo "$r" ;; esac; done <records | mkrec | mt-tojson >lines
	jq -r '[.type] + keys_unsorted | join(" ")' lines | sort >got
	jq -r '.oneOf[] | [.properties.type.const] + .required | join(" ")' schema | grep -v ^unknown | sort >want
	same want got '... and required is what mt-tojson writes'
else
	skip 'no jq' '--schema has every record'
	skip 'no jq' '... and required is what mt-tojson writes'
fi
run mt-records; is_status 2 'what to print must be said'
done_testing
