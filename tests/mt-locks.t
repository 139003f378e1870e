#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-locks: which lock was held when a field was written.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

model=$SRC/tests/model

# rows OPTIONS <text: the rows of type guard, the members of $show.
show='"\(.ctype) \(.path) by \(.name): \(.write_stores)/\(.stores) stores, \(.write_loads)+\(.read_loads)/\(.loads) loads, \(.share) \(.access_share)"'
rows() {
	mkrec >log.mt && mt-locks "$@" <log.mt | mt-tojson >all.json
	grep '"type":"guard"' all.json | jq -r "$show" >got
}

# expect NAME <the rows that are wanted
expect() { cat >want; same want got "$1"; }

# repeat N: standard input so often.
repeat() {
	text=$(cat)
	i=0
	while [ "$i" -lt "$1" ]; do echo "$text"; i=$((i + 1)); done
}

fields='field id=1 offset=0 ctype="struct s" path="count"
field id=2 offset=8 ctype="struct s" path="name"
object id=9 addr=0x9000 bytes=8 storage=static name=total'

# ---- the rule ------------------------------------------------------------------------

{
	echo "$fields"
	repeat 19 <<'LOG'
lock addr=0x10 op=acquired name=A
access field=1 object=5 flags=load+store pc=0x1
access field=1 object=5 flags=load pc=0x2
access object=9 flags=store pc=0x3
lock addr=0x10 op=release name=A
access field=2 object=5 flags=store pc=0x4
LOG
	echo 'access field=1 object=5 flags=store pc=0x5'
	echo 'access object=9 flags=load pc=0x6'
} >rule.txt
rows <rule.txt
expect '19 of 20 stores are 95 percent; variables count like fields; what no lock was held for has no row' <<'ROWS'
 total by A: 19/19 stores, 0+0/1 loads, 1000000 950000
struct s count by A: 19/20 stores, 19+0/19 loads, 950000 974358
ROWS
rows --min-share 96 <rule.txt
expect '--min-share 96 is more than that' <<'ROWS'
 total by A: 19/19 stores, 0+0/1 loads, 1000000 950000
ROWS
rows --min-accesses 21 <rule.txt
expect '--min-accesses counts loads too' <<'ROWS'
struct s count by A: 19/20 stores, 19+0/19 loads, 950000 974358
ROWS
mt-locks --pcs <log.mt | mt-tojson |
	jq -r 'select(.type == "locked") | "\(.path) \(.held) \(.pc) \(.stores) \(.loads)"' >got
expect '--pcs: who writes with the lock, and who without' <<'ROWS'
total write 0x3 19 0
total none 0x6 0 1
count write 0x1 19 0
count write 0x2 0 19
count none 0x5 1 0
ROWS

mt-locks --pcs <log.mt | mt-totext >text
has '^ *95\.0 % +20 +97\.4 % +39 +struct s\.count +A$' text 'mt-totext: how sure, field and lock'
has '^ +write +0x2 +0 stores, 19 loads$' text '... and what instructions do'

{
	echo "$fields"
	repeat 10 <<'LOG'
lock addr=0x10 op=acquired name=outer
lock addr=0x20 op=acquired read=1 name=rw
access field=1 object=5 flags=load pc=0x1
access field=2 object=5 flags=store pc=0x1
lock addr=0x30 op=acquire name=tried
access field=2 object=5 flags=load pc=0x1
lock addr=0x30 op=failed name=tried
lock addr=0x20 op=release name=rw
lock addr=0x10 op=release name=outer
LOG
} | rows --all
expect '--all: each lock that was held; a shared one guards loads; one that is only tried none' <<'ROWS'
struct s name by outer: 10/10 stores, 10+0/10 loads, 1000000 1000000
struct s count by outer: 0/0 stores, 10+0/10 loads, 0 1000000
struct s count by rw: 0/0 stores, 0+10/10 loads, 0 1000000
struct s name by rw: 0/10 stores, 0+10/10 loads, 0 1000000
ROWS

{
	echo "$fields"
	repeat 10 <<'LOG'
switch cpu=0 task=5
lock cpu=0 addr=0x10 op=acquired name=A
access cpu=1 field=1 object=5 flags=store pc=0x1
entry cpu=0 tag=1 task=5 cause=interrupt state=start pc=0x1
access cpu=0 field=2 object=5 flags=store pc=0x1
entry cpu=0 tag=1 task=5 cause=interrupt state=done
lock cpu=0 addr=0x10 op=release name=A
LOG
} | rows --all
expect 'the locks of another cpu, and of what an interrupt interrupts, are not held' </dev/null

# ---- objects that nobody else can reach -------------------------------------------------

{
	echo "$fields"
	echo 'switch cpu=0 task=5'
	echo 'switch cpu=1 task=6'
	repeat 10 <<'LOG'
label cpu=0 task=5 addr=0x5000 bytes=64 op=alloc storage=heap name=c
object cpu=0 id=5 addr=0x5000 bytes=64 storage=heap name=c ctype="struct s"
access cpu=0 field=1 object=5 flags=store pc=0x1
access cpu=1 field=2 object=5 flags=load pc=0x2
lock cpu=0 addr=0x10 op=acquired name=A
access cpu=0 field=1 object=5 flags=store pc=0x3
lock cpu=0 addr=0x10 op=release name=A
label cpu=0 addr=0x5000 op=free storage=heap
LOG
} >born.txt
show='"\(.path) \(.write_stores)/\(.stores) hidden \(.hidden) \(.share)"'
rows <born.txt
expect 'an object that only the task that allocated it has seen needs no lock' <<'ROWS'
count 10/10 hidden 10 1000000
ROWS
rows --hidden --all <born.txt
expect '--hidden: as if it did' <<'ROWS'
count 10/20 hidden 0 500000
ROWS
sed '/^label/d' born.txt | rows --all
expect 'what was allocated before the log may be known to all' <<'ROWS'
count 10/20 hidden 0 500000
ROWS
sed 's/^access cpu=1.*/entry cpu=0 tag=1 task=5 cause=softirq state=start pc=0x1\naccess cpu=0 object=5 flags=load\nentry cpu=0 tag=1 task=5 cause=softirq state=done/' born.txt | rows
expect 'a handler on the same cpu is somebody else' <<'ROWS'
count 10/10 hidden 10 1000000
ROWS

# ---- any bytes, a cut log ----------------------------------------------------------------

{
	printf 'field id=1 ctype="struct \\x1b[31m" path="a\\x22\\xff"\n'
	repeat 10 <<'LOG'
lock cpu=300 addr=0x10 op=acquired name="\x0a,\x00x\xfe"
access cpu=300 field=1 flags=store pc=0x1
lock cpu=300 addr=0x10 op=release
LOG
} >names.txt
show='"\(.ctype)|\(.path)|\(.name)|\(.write_stores)/\(.stores)"'
rows <names.txt
printf 'struct \033[31m|a"\357\277\275|\n,|10/10\n' >want
same want got 'names are any bytes, up to a zero; cpu 300 is one like others'
head -c -8 log.mt >cut.mt
run mt-locks <cut.mt
is_status 1 'a cut log fails'
mt-tojson <out 2>/dev/null | grep -c '"type":"guard"' >got
expect '... and has the rows of what there is' <<'ROWS'
1
ROWS

# ---- a slow model, runs and parts ----------------------------------------------------------

python3 "$model/lock-logs.py" 1 300 | mkrec >random.mt
mt-tojson <random.mt >random.json
agrees() {
	name=$1; shift
	python3 "$model/locks.py" guard "$@" <random.json | jq -cS . >want
	mt-locks "$@" <random.mt | mt-tojson | grep -E '"type":"(guard|locked)"' |
		jq -cS 'del(.cpu, .time) | if .type == "guard" then . else
			del(.moves, .atomics, .pc2, .addr, .offset, .object, .task, .section) end' >got
	same want got "a slow model says the same of 300 random logs: $name"
}
agrees 'the rule' --min-accesses 2 --min-share 50
agrees 'all, by instruction' --all --pcs
agrees 'all, unreachable ones too' --all --hidden

mkrec >log.mt <<'LOG'
field id=1 ctype="struct s" path="count"
mode mode=movement name=one
lock addr=0x10 op=acquired name=A
access field=1 flags=store
mode mode=movement name=two
access field=1 flags=store
lock addr=0x10 op=release name=A
mode mode=off name=two
LOG
mt-locks --per-run --all <log.mt | mt-tojson |
	jq -r 'if .type == "mode" then .mode + " " + .name elif .type == "guard" then "\(.name) \(.stores)" else empty end' >got
expect '--per-run: the rows of a run stand behind its beginning; locks go on' <<'ROWS'
movement one
A 1
movement two
A 1
off two
ROWS

python3 "$model/lock-logs.py" 301 301 3000 | mkrec >log.mt
mt-locks --all --pcs --hidden <log.mt >whole
for count in 1 2 7 64; do
	rm -f part-*
	mt-split -n $count -f 'mt-locks --pcs --hidden --partial >$FILE' <log.mt &&
		mt-merge part-* | mt-locks --all --pcs --hidden >merged
	cmp -s whole merged
	ok $? "$count parts by line, merged, give the bytes of the whole"
done

python3 "$model/lock-logs.py" 304 304 3000 | mkrec >log.mt
mt-locks --all --pcs <log.mt >whole
for count in 1 2 7 64; do
	rm -f part-*
	mt-split -n $count --by object -f 'mt-locks --pcs --partial >$FILE' <log.mt &&
		mt-merge part-* | mt-locks --all --pcs >merged
	cmp -s whole merged
	ok $? "$count parts by object know who has seen an object, also without --hidden"
done
[ "$(mt-tojson <whole | grep -c '"hidden":[1-9]')" -gt 3 ]; ok $? '... and some were hidden'

done_testing
