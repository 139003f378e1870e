#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-cat --merge: several logs as one stream, by their clocks, and no number twice.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

json() { mt-tojson <"$1" >"$1.json" 2>json.err; }
machine() { python3 "$SRC/tests/model/random-machines.py" "$@" | mkrec; }
# merged LOG...: what --merge makes of them, to out.s, is what the slow script says
merged() {
	mt-cat --merge "$@" >out.s 2>err || return 1
	for f in out.s "$@"; do json "$f"; done
	for f; do set -- "$@" "$f.json"; shift; done
	python3 "$SRC/tests/model/merge.py" out.s.json "$@" >wrong 2>&1 ||
		{ head -c 1000 wrong | sed 's/^/# /'; return 1; }
}

# ---- order and numbers ---------------------------------------------------
mkrec >a.s <<'EOT'
begin line=64 cpus=2 mode=all machine=system command="a"
task cpu=0 time=1 task=7 process=1 op=create name="x"
label cpu=0 time=5 addr=0xffff888000001000 bytes=64 op=alloc name="o"
access cpu=0 time=9 pc=0xffffffff81000000 addr=0xffff888000001000 paddr=0x1000 width=8 flags=store
end accesses=5 instructions=100
EOT
mkrec >b.s <<'EOT'
begin line=64 cpus=2 mode=all machine=system command="b"
task cpu=1 time=1000 task=7 process=1 op=create name="y"
label cpu=1 time=1003 addr=0xffff888000001000 bytes=64 op=alloc name="o"
access cpu=1 time=1006 pc=0xffffffff81000000 addr=0xffff888000001000 paddr=0x1000 width=8 flags=store
end accesses=6 instructions=10
EOT
mkrec >c.s <<'EOT'
begin line=64 mode=all command="c"
task cpu=0 time=1 task=7 process=1 op=create name="z"
access cpu=0 time=7 pc=0x401000 addr=0x1000 paddr=0x1000000001000 width=8 flags=store
end accesses=7 instructions=20
EOT
mkrec >want <<'EOT'
begin line=64 cpus=0 mode=all machine=system order=approximate command="a + b + c"
task cpu=0 time=1 task=7 process=1 op=create name="x"
task cpu=3 time=1000 task=1 process=2 op=create name="y"
task cpu=4 time=1 task=2 process=3 op=create name="z"
label cpu=3 time=1003 addr=0xfdff888000001000 bytes=64 op=alloc name="o"
label cpu=0 time=5 addr=0xffff888000001000 bytes=64 op=alloc name="o"
access cpu=3 time=1006 pc=0xfdffffff81000000 addr=0xfdff888000001000 paddr=0x1000000001000 width=8 flags=store
access cpu=4 time=7 pc=0x401000 addr=0x1000 paddr=0x3000000001000 width=8 flags=store
access cpu=0 time=9 pc=0xffffffff81000000 addr=0xffff888000001000 paddr=0x1000 width=8 flags=store
end accesses=18 instructions=130
EOT
mt-cat -o a.mt a.s; mt-cat -o b.mt b.s; mt-cat -o c.mt c.s
run mt-cat --merge a.mt b.mt c.mt
is_status 0 'two machines and a program are merged'
mt-tojson <want >want.json; mt-tojson <out >got.json
same want.json got.json 'by their clocks, each from its start; every cpu, task, process and memory by itself'
mt-cat --merge - b.s c.mt <a.mt | cmp -s - out; ok $? 'standard input and streams are merged as well'
mt-cat --merge b.mt a.mt | mt-tojson | sed -n 2p >first; has '"name":"y"' first 'at the same time the one that is named first'

# ---- one log ---------------------------------------------------------------
machine 1 2000 system >s; mt-cat -o s.mt s; mt-cat --merge s.mt | cmp -s - s; ok $? 'one machine is merged to itself, byte for byte'
machine 2 2000 user >s; mt-cat --merge s | cmp -s - s; ok $? 'so is one program'
bad=
for seed in 1 2 3 4 5 6 7 8 9; do
	python3 "$SRC/tests/model/random-logs.py" $seed $seed | mkrec >s
	mt-cat --merge s | cmp -s - s || bad="$bad $seed"
done
[ -z "$bad" ]; ok $? 'and any log'
real=$SRC/examples/mosbench/memcached.mt
mt-cat "$real" >real.s; mt-cat --merge "$real" | cmp -s - real.s; ok $? 'and a real one'

# ---- against a slow script -------------------------------------------------------
bad=; seed=0
while [ $seed -lt 40 ]; do
	for i in 1 2 3; do machine $((seed * 3 + i)) 300 >l$i; done
	merged l1 l2 || bad="$bad $seed"
	merged l1 l2 l3 || bad="$bad $seed"
	seed=$((seed + 1))
done
[ -z "$bad" ]; ok $? "two and three random logs: the order, and numbers that can be undone$bad"
mt-cat --merge -j1 l1 l2 l3 | cmp -s - out.s; ok $? 'the same on one thread'

# ---- real logs -------------------------------------------------------------------
merged real.s c.s real.s; ok $? 'a real log, a program and the real log again'
mt-cat "$real" | mt-check >one; [ ! -s one ] || sed 's/^/# /' one
mt-check <out.s >three; s=$?
[ $s -eq 0 ]; ok $? 'the merged stream keeps all promises'
rows() { mt-shared --by line | mt-tojson | jq -c 'select(.type == "shared") | [.moves, .loads, .stores, .sharing, .cpus, ("00000000000" + (.line | ltrimstr("0x")))[-12:]]' | sort; }
rows <real.s >once; { cat once once; rows <c.s; } | sort >want; rows <out.s >got
[ -s once ]; ok $? 'a real log has shared lines'
same want got 'lines of two machines are not shared by accident: the rows are those of each'
pages() { mt-shared --by field | mt-tojson --names | jq 'select(.object_name == "pages") | .moves' | head -n 1; }
one=$(pages <real.s); [ "$one" -gt 100 ] && [ "$(pages <out.s)" -eq $((2 * one)) ]
ok $? 'and what has the same name in both is one row, of both'

# ---- with other options ---------------------------------------------------------
machine 11 3000 system >l1; machine 12 3000 user >l2
mt-cat --merge l1 l2 >all
mt-cat --merge -o all.mt l1 l2; mt-cat all.mt | cmp -s - all; ok $? '-o writes a log'
# shellcheck disable=SC2086  # an option and its value
for o in '--cpu 0-1' '--kind access' '--time 100-2000' '--line 0x1000' '--shard 1/2'; do
	mt-cat $o all >want; mt-cat --merge $o l1 l2 | cmp -s - want; ok $? "$o chooses from the merged stream"
done
run mt-cat --merge --blocks 0-1 l1; is_status 2 'blocks cannot be chosen'
run mt-cat --merge --index l1; is_status 2 'nor listed'
run mt-cat --merge --follow l1; is_status 2 'nor waited for'
run mt-cat --merge; is_status 2 'files must be named'
cp all.mt copy.mt; run mt-cat --merge -o copy.mt copy.mt l2; is_status 2 'the output is no input'
cmp -s copy.mt all.mt; ok $? '... and is not touched then'

# ---- logs that are not whole, or do not fit ------------------------------------------
mt-cat -o l1.mt --block 20000 l1; head -c $(($(wc -c <l1.mt) / 2)) l1.mt >cut.mt
run mt-cat --merge cut.mt l2; is_status 1 'of a cut log the status is 1'
mt-cat cut.mt >cut.s 2>err2; cp out out.s
[ "$(grep -c . err)" = 1 ] && has 'cut.mt: byte' err 'it is said once'
for f in out.s cut.s l2; do json $f; done
python3 "$SRC/tests/model/merge.py" out.s.json cut.s.json l2.json; ok $? 'what was whole is merged, without an end'
run mt-cat --merge --recover cut.mt l2; is_status 0 '--recover mends it'
mt-cat --recover cut.mt >cut.s 2>err; cp out out.s; for f in out.s cut.s; do json $f; done
python3 "$SRC/tests/model/merge.py" out.s.json cut.s.json l2.json; ok $? '... with drop records and an end'
mt-stat <out.s >out2; ok $? '... that others accept'
run mt-cat --merge l1 missing; is_status 1 'a log that is missing'
has 'missing: No such file' err '... is told'; [ ! -s out ]; ok $? '... before anything is written'
cat l1 l1 >two; run mt-cat --merge two l2; is_status 1 'two streams in one file cannot be merged'
has 'two: several streams' err '... and it is said which'
mt-shared <l1 >rep; run mt-cat --merge l2 rep; is_status 1 'nor can reports'
has 'rep: has a report \(shared\)' err '... which are named'
sed 's/64/32/' <<EOT | mkrec >narrow
begin line=64
EOT
run mt-cat --merge l1 narrow; is_status 1 'nor logs of other lines'
has 'narrow: its size of a line is 32, and 64 in l1' err '... which is said'
mkrec >sampled <<'EOT'
begin line=64 sample=7
EOT
run mt-cat --merge l1 sampled; is_status 1 'nor of other samples'
{ echo "begin line=64"; i=1; while [ $i -le 65535 ]; do echo "switch task=$i process=$i"; i=$((i + 1)); done; } | mkrec >many
run mt-cat --merge many many; is_status 1 'more processes than memories can be numbered'
has 'many: no number is left for a process' err '... is one line'
mt-cat --merge l1 l2 >/dev/full 2>err; s=$?
[ $s -eq 1 ] && grep -q '^mt-cat: standard output: No space' err; ok $? 'a full disk is told'
# (more than a pipe holds)
sh -c 'mt-cat --merge all.mt all.mt all.mt all.mt all.mt all.mt all.mt all.mt; echo $? >status' 2>err | head -c 1 >out
[ "$(cat status)" -gt 128 ] && [ ! -s err ]; ok $? 'a reader that leaves ends it, and nobody complains'

done_testing
