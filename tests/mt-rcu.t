#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-rcu: objects under deferred freeing that are touched outside of an epoch.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model
show='"\(.ctype) \(.pc) loads=\(.loads) stores=\(.stores) objects=\(.objects) retired=\(.retired) +\(.offset)"'
rows() {
	mkrec >log.mt && mt-rcu "$@" <log.mt 2>err | mt-tojson | grep '"type":"rcu"' | jq -r "$show" >got
}
expect() { cat >want; same want got "$1"; }

cat >objects <<'LOG'
begin mode=scope
switch cpu=0 task=1
switch cpu=1 task=2
gc cpu=0 op=create addr=0xffff888000001000 bytes=64 ctype=node
access cpu=0 pc=0x1 addr=0xffff888000001000 width=8 flags=store
epoch cpu=1 op=begin
epoch cpu=1 op=begin
access cpu=1 pc=0x2 addr=0xffff888000001008 width=8 flags=load
epoch cpu=1 op=end
access cpu=1 pc=0x2 addr=0xffff888000001008 width=8 flags=load
epoch cpu=1 op=end
access cpu=1 pc=0x3 addr=0xffff888000001010 width=8 flags=load
gc cpu=0 op=retire addr=0xffff888000001000
access cpu=1 pc=0x4 addr=0xffff888000001018 width=8 flags=load
gc cpu=0 op=create addr=0xffff888000001000 bytes=64 ctype=inode
access cpu=1 pc=0x5 addr=0xffff888000001020 width=8 flags=load
LOG
rows <objects
expect 'touches outside of epochs, from birth to retirement; epochs nest; an address that is used again is another object' <<'ROWS'
node 0x1 loads=0 stores=1 objects=1 retired=1 +0
node 0x3 loads=1 stores=0 objects=1 retired=1 +16
inode 0x5 loads=1 stores=0 objects=1 retired=0 +32
ROWS
rows --freed-only <objects
expect '--freed-only: objects that are retired later' <<'ROWS'
node 0x1 loads=0 stores=1 objects=1 retired=1 +0
node 0x3 loads=1 stores=0 objects=1 retired=1 +16
ROWS
rows --published <objects
expect '--published: what its creator does before others see an object is left out' <<'ROWS'
node 0x3 loads=1 stores=0 objects=1 retired=1 +16
inode 0x5 loads=1 stores=0 objects=1 retired=0 +32
ROWS

rows <<'LOG'
begin mode=scope
switch cpu=0 task=1
gc cpu=0 op=create addr=0xffff888000001000 bytes=64 ctype=node
epoch cpu=0 op=begin
switch cpu=0 task=2
access cpu=0 pc=0x1 addr=0xffff888000001000 width=8 flags=load
switch cpu=300 task=1
access cpu=300 pc=0x2 addr=0xffff888000001000 width=8 flags=load
epoch cpu=300 op=end
access cpu=300 pc=0x3 addr=0xffff888000001000 width=8 flags=load
LOG
expect 'an epoch is its task'"'"'s, on whatever cpu' <<'ROWS'
node 0x1 loads=1 stores=0 objects=1 retired=0 +0
node 0x3 loads=1 stores=0 objects=1 retired=0 +0
ROWS

cat >blocks <<'LOG'
begin mode=all
label addr=0xffff888000001000 bytes=64 name=dentry storage=heap
label addr=0xffff888000002000 bytes=64 name=dentry storage=heap
access cpu=0 pc=0x1 addr=0xffff888000001008 width=8 flags=store
access cpu=0 pc=0x1 addr=0xffff888000002008 width=8 flags=store
access cpu=0 pc=0x1 addr=0xffff888000002000 width=8 flags=load
gc cpu=0 op=retire addr=0xffff888000002000 ctype=dentry
LOG
rows <blocks
expect 'where births are not told a heap block counts once it is retired' <<'ROWS'
dentry 0x1 loads=1 stores=1 objects=1 retired=1 +0
ROWS
show='"\(.ctype) \(.pc) \(.addr) \(.bytes) number=\(.number)"'
rows --by object <objects
expect '--by object: a row for each object' <<'ROWS'
node 0x1 0xffff888000001000 64 number=1
node 0x3 0xffff888000001000 64 number=1
inode 0x5 0xffff888000001000 64 number=2
ROWS

show='"\(.ctype)|\(.objects)"'
rows <<'LOG'
begin mode=scope
gc cpu=0 op=create addr=0xffff888000001000 bytes=64 ctype="a\x1b\x22\xff"
access cpu=70000 pc=0x1 addr=0xffff888000001000 width=8 flags=store
LOG
printf 'a\033"\357\277\275|1\n' >want
same want got 'types are any bytes, cpus any number'

rows <blocks
head -c -8 log.mt >cut.mt
run mt-rcu <cut.mt
is_status 1 'a cut stream fails'
mt-tojson <out 2>/dev/null | grep -c '"type":"rcu"' >got
echo 1 >want
same want got 'but its rows come'
for usage in '--by size' operand; do
	# shellcheck disable=SC2086 # an option and its argument
	run mt-rcu $usage <log.mt
	is_status 2 "wrong usage: $usage"
done

if command -v python3 >/dev/null; then
	python3 "$model/random-scopes.py" 1 300 | mkrec >random.mt
	mt-tojson <random.mt >random.json
	while read -r options; do
		# shellcheck disable=SC2086 # several words
		mt-rcu $options <random.mt | mt-tojson | grep '"type":"rcu"' >got
		# shellcheck disable=SC2086
		python3 "$model/rcu.py" $options <random.json >want
		same want got "300 random logs, as the model says: ${options:-no options}"
	done <<'OPTIONS'

--by object
--freed-only
--published
--per-run --by object
OPTIONS

	# parts WAY OPTIONS <log.mt: the bytes of the whole
	parts() {
		way=$1; shift
		mt-rcu "$@" <log.mt >whole
		for count in 1 2 7 64; do
			rm -f part-*
			mt-split -n $count --by "$way" -f "mt-rcu $* --partial >\$FILE" <log.mt &&
				mt-merge part-* | mt-rcu "$@" | cmp -s - whole || return 1
		done
	}
	python3 "$model/random-scopes.py" 316 316 4000 | mkrec | mt-label >log.mt
	parts line --freed-only
	ok $? '1, 2, 7 and 64 parts by line, merged, give the bytes of the whole'
	parts line --by object
	ok $? '... by object'
	python3 "$model/random-scopes.py" 302 302 4000 | grep -v op=create | mkrec | mt-label >log.mt
	parts object --published
	ok $? 'parts by object know who has seen an object: --published'
	[ "$(mt-tojson <whole | grep -c '"type":"rcu"')" -gt 3 ]; ok $? '... and there are rows'
else
	skip 'no python3' 'random logs, as the model says'
fi

done_testing
