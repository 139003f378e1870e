#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-check: each promise, broken once.
. "${SRC:-.}/tests/lib.sh"

good='access cpu=0 time=5 pc=1 addr=0x7f40 paddr=0x1000000007f40 width=8 flags=load'
mkrec >log <<LOG
begin mode=all cpus=4
task task=1 op=create
switch cpu=0 task=1 time=1
object id=1
field id=1
stack id=1
symbol pc=1 frame=0 frames=2
symbol pc=1 frame=1 frames=2
label addr=0x100 bytes=8 op=alloc
label addr=0x100 op=free
label addr=0x100 bytes=8 op=alloc
label addr=0x100 bytes=8 op=alloc process=1
label addr=0x100 bytes=8 op=alloc process=16
label addr=0x1000000000100 bytes=8 op=alloc process=0
label addr=0x1000000000100 op=free process=0
label addr=0x100 op=free process=1
entry cpu=0 time=2 tag=9 pc=1 state=start
entry cpu=0 time=3 tag=9 state=pause
entry cpu=0 time=3 tag=10 pc=1 state=start
entry cpu=0 time=4 tag=10 state=done
entry cpu=1 time=4 tag=9 state=resume
entry cpu=1 time=4 tag=9 state=done
$good object=1 field=1 stack=1
access cpu=1 time=4 pc=1 addr=0x7f7f paddr=0x7f7f width=1 flags=load+store+atomic
shared object=1 object2=1
drop count=2
drop count=3
task task=1 op=exit
777 size=24 cpu=0 time=0 data=00
end dropped=5
LOG
run mt-check <log
is_status 0 'a good stream passes'
: >want
same want out '... in silence'

# breaks MESSAGE NAME, the records on standard input: status 3 and the message
breaks() {
	{ echo 'begin mode=all cpus=4'; cat; } | mkrec >bad
	run mt-check <bad
	is_status 3 "$2"
	has "^byte [0-9]+: $1" out "... and says so"
}
breaks 'time of cpu 0 runs back from 7 to 5' 'time runs back' <<LOG
lock cpu=0 time=7 op=acquire
$good
LOG
breaks 'object 2 is used before its definition' 'an object that nobody defined' <<LOG
$good object=2
LOG
breaks 'field 1 is used before its definition' 'a definition behind its use' <<LOG
$good field=1
field id=1
LOG
breaks 'stack 7 is used before its definition' 'a stack that nobody defined' <<LOG
$good stack=7
LOG
breaks 'object2 3 is used before its definition' 'reports refer to objects too' <<'LOG'
shared object2=3
LOG
breaks 'object 1 is defined twice' 'an id that is used twice' <<'LOG'
object id=1
object id=1
LOG
breaks 'object with id 0' 'id 0 means none' <<'LOG'
object id=0
LOG
breaks 'frame 2 of 2' 'a frame beyond the frames' <<'LOG'
symbol pc=1 frame=2 frames=2
LOG
breaks '0x100 is freed and was not allocated' 'a free without its allocation' <<'LOG'
label addr=0x100 bytes=8 op=alloc process=1
label addr=0x100 op=free process=2
LOG
breaks '0x100 is freed and was not allocated' 'a second free' <<'LOG'
label addr=0x100 bytes=8 op=alloc
label addr=0x100 op=free
label addr=0x100 op=free
LOG
breaks '0x100 is allocated twice' 'an allocation on top of another' <<'LOG'
label addr=0x100 bytes=8 op=alloc
label addr=0x100 bytes=8 op=alloc
LOG
breaks 'end counts 4 lost records, drop records 5' 'lost records that do not add up' <<'LOG'
drop count=5
end dropped=4
LOG
breaks 'task 3 runs and was not created' 'a task from nowhere' <<'LOG'
switch task=3
LOG
breaks 'task 3 runs and was not created' 'a task that ended' <<'LOG'
task task=3 op=create
task task=3 op=exit
switch task=3
LOG
breaks 'task 3 exits and was not created' 'the end of a task from nowhere' <<'LOG'
task task=3 op=exit
LOG
breaks 'entry 0x9 starts and is alive' 'an entry that starts twice' <<'LOG'
entry tag=9 pc=1 state=start
entry tag=9 pc=1 state=start
LOG
breaks 'entry 0x9 starts at pc 0' 'an entry without its function' <<'LOG'
entry tag=9 state=start
LOG
breaks 'entry 0x9 ends and is not current on cpu 1' 'an entry that ends elsewhere' <<'LOG'
entry cpu=0 tag=9 pc=1 state=start
entry cpu=1 tag=9 state=done
LOG
breaks 'entry 0x9 is set aside and is not current' 'an entry that is set aside twice' <<'LOG'
entry tag=9 pc=1 state=start
entry tag=9 state=pause
entry tag=9 state=pause
LOG
breaks 'entry 0x9 is taken up and was not set aside' 'an entry that is taken up while current' <<'LOG'
entry tag=9 pc=1 state=start
entry tag=9 state=resume
LOG
breaks '8 bytes at paddr 0x1000000007f7c cross a line of 64' 'an access across a line' <<'LOG'
access addr=0x7f7c paddr=0x1000000007f7c width=8 flags=load
LOG
breaks 'an access of no bytes' 'an access of no bytes' <<'LOG'
access addr=0x40 paddr=0x40 flags=load
LOG
breaks 'an access that neither reads nor writes' 'an access that does nothing' <<'LOG'
access addr=0x40 paddr=0x40 width=1
LOG
breaks 'an atomic access that is no read-modify-write' 'an atomic load' <<'LOG'
access addr=0x40 paddr=0x40 width=1 flags=load+atomic
LOG
breaks 'addr 0x1040 and paddr 0x1080 differ' 'addresses that differ within the page' <<'LOG'
access addr=0x1040 paddr=0x1080 width=1 flags=load
LOG
breaks 'flags has no bit 0x8000' 'a flag from nowhere' <<'LOG'
access addr=0x40 paddr=0x40 width=1 flags=load+0x8000
LOG
breaks 'op has no value 9' 'a value from nowhere' <<'LOG'
call op=9
LOG
mkrec >bad <<'LOG'
begin line=48
LOG
run mt-check <bad; is_status 3 'a line size that is no power of two'

breaks 'entry 0x5 starts on cpu 0 where 0x4 is current' 'two call stacks current on one cpu' <<LOG
entry tag=4 pc=1 state=start
entry tag=5 pc=1 state=start
LOG
breaks 'entry 0x4 is taken up on cpu 0 where 0x5 is current' '... or taken up there' <<LOG
entry tag=4 pc=1 state=start
entry tag=4 state=pause
entry tag=5 pc=1 state=start
entry tag=4 state=resume
LOG
breaks 'entry 0x4 starts and had been used before' 'a tag that is used again' <<LOG
entry tag=4 pc=1 state=start
entry tag=4 state=done
entry tag=4 pc=1 state=start
LOG
breaks 'entry 0x4 starts and had been used before' '... also after recording was off' <<LOG
entry tag=4 pc=1 state=start
mode mode=off
entry tag=4 pc=1 state=start
LOG
breaks 'a segment of cpu 4 of 4' 'a segment of a cpu that is not there' <<LOG
segment addr=0x1000 bytes=16 owner=4
LOG
breaks 'the segment of cpu 1 moves from 0x1000 to 0x2000' 'a second segment of a cpu' <<LOG
segment addr=0x1000 bytes=16 owner=1
segment addr=0x1000 bytes=16 owner=1
segment addr=0x2000 bytes=16 owner=1
LOG
breaks 'the segment of cpu 1 has no bytes' 'an empty segment' <<LOG
segment addr=0x1000 owner=1
LOG
breaks 'a section of 2 bytes at 0xffffffffffffffff ends behind the last address' 'a section that wraps' <<LOG
section addr=0xffffffffffffffff bytes=2 module=m name=.text
LOG
breaks 'a section of a module without name' 'a module without a name' <<LOG
section addr=0x1000 bytes=2 name=.text
LOG
breaks 'parent 7 is used before its definition' 'a stack on one that is not defined' <<LOG
stack id=1 parent=7
LOG
mkrec >odd <<LOG
begin mode=all cpus=4
entry tag=4 pc=1 state=start
entry tag=5 cpu=1 pc=1 state=start
entry tag=5 cpu=1 state=pause
mode mode=off
entry tag=4 cpu=0 state=pause
entry tag=5 cpu=2 state=resume
entry tag=4 cpu=0 state=resume
entry tag=4 cpu=0 state=done
entry tag=5 cpu=2 state=done
lock addr=0x10 op=release
lock addr=0x20 op=acquired
lock addr=0x20 op=acquired read=1
lock addr=0x20 op=release
lock addr=0x20 op=release
lock addr=0x20 op=release
section addr=0x1000 bytes=2 module=m name=.text
section module=m
label op=free storage=percpu addr=0x100
LOG
run mt-check <odd
is_status 0 'entries that were open when recording was off go on; locks may be held from before'
cat >want <<'END'
note: 2 releases of locks whose taking was not recorded
note: 1 frees of per-cpu memory whose allocation was not recorded
END
same want out '... which is a note'

# ---- the movement rule: all four hold the line, then one writes, ...
steps() {
	cat <<LOG
begin mode=all $1
access cpu=0 width=8 flags=load$2
access cpu=1 width=8 flags=store+moved
access cpu=1 width=8 flags=load
access cpu=1 width=8 flags=store
access cpu=0 width=8 flags=load+moved
access cpu=1 width=8 flags=store$3
access cpu=1 width=8 flags=load+store+atomic
access cpu=2 addr=0x40 paddr=0x40 width=8 flags=load$2
LOG
}
steps cpus=4 '' +moved | mkrec | mt-check --movement >got; ok $? '--movement: the rule, all caches warm'
steps 'cpus=4 options=cold' +moved +moved | mkrec | mt-check --movement >got; ok $? '... and cold'
steps cpus=4 '' '' | mkrec >bad; run mt-check --movement <bad
is_status 3 'a store to a line that another holds moves it'
has '^byte [0-9]*: moved is not set' out '... and that is said'
run mt-check <bad; is_status 0 '... but only with --movement'
steps cpus=4 +moved +moved | mkrec >bad; run mt-check --movement <bad
is_status 3 'a load of a line that the cpu holds does not'
steps 'cpus=4 mode=movement' '' +moved | mkrec >bad; run mt-check --movement <bad
is_status 3 'a log of mode movement cannot be checked'
printf 'begin mode=all cpus=1\naccess width=8 flags=store\n' | mkrec | mt-check --movement >got
ok $? 'the only cpu of a machine owns every line'

{ echo 'begin mode=off cpus=4'; echo 'access cpu=3 width=8 flags=store'; echo 'mode mode=all'
  steps '' '' +moved | tail -n +2; echo 'mode mode=off'; echo 'access cpu=0 width=8 flags=load'
  echo 'mode mode=all'; steps '' '' +moved | tail -n +2; } | mkrec >good
run mt-check --movement <good
is_status 0 'where the mode is all the rule is checked, each time from the start'
{ echo 'begin mode=off cpus=4'; echo 'mode mode=all'; steps '' '' '' | tail -n +2; } | mkrec >bad
run mt-check --movement <bad; is_status 3 '... and found broken'
{ echo 'begin mode=off cpus=4'; echo 'mode mode=movement'; } | mkrec >bad
run mt-check --movement <bad; is_status 3 'a log that never was in mode all cannot be checked'

# ---- many objects alive and dead: the tables under it lose none
awk 'BEGIN { srand(1)
	for (i = 0; i < 20000; i++) {
		a = int(rand() * 600) * 16 + 16
		if (a in live) { print "label op=free addr=" a; delete live[a] }
		else { print "label op=alloc bytes=8 addr=" a; live[a] = 1 }
	} }' | mkrec | mt-check >got
ok $? '20,000 allocations and frees match'

# ---- output
i=0; while [ $i -lt 30 ]; do echo 'switch task=3'; i=$((i + 1)); done | mkrec >bad
run mt-check <bad
[ "$(grep -c runs out)" = 20 ]; ok $? 'the first 20 problems are printed'
has '^30 problems in all$' out '... and the count'
has '^byte 56: ' out '... with the byte offset of the record'
run mt-check -q <bad; is_status 3 '-q: the status alone'
: >want; same want out '... nothing is printed'
head -c 100 bad >short
run mt-check -q <short; is_status 1 'damage counts more than problems'
cat log log >two; run mt-check <two; is_status 0 'each stream of several for itself'
done_testing
