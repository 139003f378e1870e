#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-split: which part gets what.
. "${SRC:-.}/tests/lib.sh"

# 40 pages of memory, 4 cpus, a task on each of three; context and events mixed.
python3 - >text <<'PY'
print("task cpu=0 task=11 name=\"a\"\ntask cpu=1 task=12 name=\"b\"\ntask cpu=2 task=13 name=\"c\"")
for cpu in range(3):
    print(f"switch cpu={cpu} task={cpu + 11}")
print("mode mode=movement name=\"load\"")
for i in range(400):
    cpu = i * 7 % 4
    print(f"access cpu={cpu} time={i} paddr={i % 40 * 4096 + i * 8 % 4096:#x} width=8 flags=load")
    if i % 50 == 0:
        print(f"lock cpu={cpu} time={i} addr={i:#x} op=acquired name=\"l\"")
    if i == 200:
        print("switch cpu=0 task=13\nswitch cpu=2 task=11")
print("appdata cpu=3 value=9 name=\"operations\"\nstat value=4 name=\"a report\"\n777 size=24 data=01")
PY
mkrec <text >whole
raw() { mt-totext --raw; }

mt-split -n 3 <whole
mt-cat part-1 | raw >raw-1 && mt-cat part-2 | raw >raw-2 && mt-cat part-3 | raw >raw-3
ok $? 'without a command the parts are logs, part-1 and on'
grep -h ^access raw-1 raw-2 raw-3 | sort >got
raw <whole | grep ^access | sort >want
same want got 'each access is in one part'
raw <whole | grep -v -e ^access -e ^end >want
for i in 1 2 3; do
	grep -v -e ^access -e ^end raw-$i >got
	same want got "part $i has all that is no access, in its order"
done
for i in 1 2 3; do
	grep ^access raw-$i | sed 's/.*paddr=0x\([0-9a-f]*\)..\( .*\)/\1/' | sort -u
done | sort | uniq -d >got
: >want
same want got 'and no granule of 256 bytes is in two parts'
for i in 1 2 3; do
	[ "$(grep -c ^access raw-$i)" -gt 80 ] || echo "$i: $(grep -c ^access raw-$i)"
done >got
same want got 'parts of many granules are about equal'
mt-cat -o log.mt - <whole
for i in 1 2 3; do mt-cat --shard $i/3 log.mt | raw | grep ^access | cmp -s - 2>/dev/null <<X || echo "$i"
$(grep ^access raw-$i)
X
done >got
same want got 'they are those of mt-cat --shard'

mt-split -n 5 --by cpu by-cpu- <whole
for i in 1 2 3 4 5; do
	mt-cat by-cpu-$i | raw | grep -e ^access -e ^lock | sed 's/.* cpu=\([0-9]*\).*/\1/' | sort -u
done | sort | uniq -d >got
same want got '--by cpu: the events of a cpu are in one part'
mt-cat by-cpu-1 by-cpu-2 by-cpu-3 by-cpu-4 by-cpu-5 | raw | grep -c -e ^access -e ^lock >got
echo 408 >want
same want got '... and none is lost or twice'

for i in $(seq 300); do
	echo "access cpu=$((i % 4)) paddr=$((i * 3000)) object=$((i % 40)) flags=load"
done | mkrec | mt-split -n 5 --by object by-object-
for i in 1 2 3 4 5; do
	mt-cat by-object-$i | raw | grep ^access | sed 's/.* object=\([0-9]*\).*/\1/' | grep -vx 0 | sort -u
done | sort | uniq -c | awk '{ print $1 }' | uniq -c | awk '{ print $1, $2 }' >got
echo '39 1' >want
same want got '--by object: the accesses to an object are in one part'
mt-cat by-object-1 by-object-2 by-object-3 by-object-4 by-object-5 | raw | grep -c ^access >got
echo 300 >want
same want got '... and none is lost or twice, with an object or without'

# cpu 0 and 2 exchange tasks in the middle; cpu 3 has none
mt-split -n 64 --by task by-task- <whole
for i in $(seq 64); do
	mt-cat "by-task-$i" | raw | awk '
	/^switch/ { match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
		match($0, / task=[0-9]+/); task[c] = substr($0, RSTART + 6, RLENGTH - 6) }
	/^access/ || /^lock/ { match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
		seen[c in task ? task[c] : "idle" c]++ }
	END { for (t in seen) print t, seen[t] }'
done | sort >got
# 100 accesses of each cpu and two locks; the tasks of cpus 0 and 2 change at access 200
raw <whole | awk '
	/^access/ || /^lock/ { match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
		match($0, / time=[0-9]+/); late = substr($0, RSTART + 6, RLENGTH - 6) + 0 > 200
		t = c == 3 ? "idle3" : c == 1 ? 12 : (c == 0) == !late ? 11 : 13; n[t]++ }
	END { for (t in n) print t, n[t] }' | sort >want
same want got '--by task: the events of a task are in one part, on whatever cpu it runs'

# shellcheck disable=SC2016 # for the commands
mt-split -n 2 -f 'mt-stat | mt-totext --raw | grep -c . >"$FILE.$PART.txt"' x/ <whole 2>err
[ $? -eq 1 ] && grep -q '^mt-split: part 1: its command failed' err
ok $? 'a command that fails is named'
# shellcheck disable=SC2016
mt-split -n 2 -f 'mt-totext --raw | grep -c ^task >"$FILE.$PART.txt"' x- <whole
cat x-1.1.txt x-2.2.txt >got 2>err
printf '3\n3\n' >want
same want got 'a command gets its part, and the part'"'"'s number and name'
run mt-split -n 2 -f 'true' <whole
is_status 0 'a command may leave early'
run mt-split -n 2 -f 'kill -9 $$' <whole
is_status 1 'one that was killed has failed'
has 'ended by signal 9' err '... and how is said'

run mt-split <whole
is_status 2 'how many parts must be said'
run mt-split -n 5000 <whole
is_status 2 'not too many'
run mt-split -n 2 --by line a b <whole
is_status 2 'one prefix'
run mt-split -n 2 --by colour <whole
is_status 2 'an unknown way is wrong usage'

done_testing
