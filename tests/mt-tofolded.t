#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tofolded: stacks as flamegraph.pl wants them, and nothing is lost.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
symbol pc=0x401005 process=1 frames=1 function="ma\x22i;n"
symbol pc=0x401010 process=1 frames=1 function="leaf"
symbol pc=0x401011 process=1 frames=1 function="leaf"
switch task=1 process=1
stack id=1 pc=0x401005 process=1
stack id=2 parent=1 pc=0xffffffff81000000 frame=syscall number=3
stack id=3 parent=2 pc=0xffffffff81000105
stack id=8 parent=8 pc=0x8
access stack=3 flags=load+moved pc=0xffffffff81000109
access stack=1 flags=store+moved pc=0x401010
access stack=1 flags=load pc=0x401011
access flags=load+moved pc=0x401010
call stack=1 pc=0x401010
pair stack=1 pc=0x401010 moves=40 process=1
LOG
run mt-tofolded <log
is_status 0 'a stream with stacks'
cat >want <<'EOT'
leaf 1
ma\x22i\x3bn;leaf 41
ma\x22i\x3bn;system call close;0xffffffff81000105;0xffffffff81000109 1
EOT
same want out 'moves: one line for each stack, outermost first; a ; in a name is escaped'
mt-tofolded --weight accesses <log >got
cat >want <<'EOT'
leaf 1
ma\x22i\x3bn;leaf 2
ma\x22i\x3bn;system call close;0xffffffff81000105;0xffffffff81000109 1
EOT
same want got 'accesses: two instructions of a function are one'
[ "$(mt-tofolded -w records <log | sed 's/.* //' | paste -sd+ | { read -r n; echo $(($n)); })" = 5 ]
ok $? 'records: the sum is the number of accesses and calls'
mkrec >second <<'LOG'
stack id=1 pc=0x1
access stack=1 flags=moved pc=0x2
LOG
cat log second | mt-tofolded >got
has '^0x1;0x2 1$' got 'in the next stream ids mean other things'
echo 'stack id=8 parent=8 pc=0x8
access stack=8 flags=moved pc=0x401010' | mkrec | timeout 10 mt-tofolded >got
ok $? 'a stack whose parents are a circle has an end'
! mt-tofolded <log | grep -qvE '^[^;]+(;[^;]+)* [0-9]+$'
ok $? 'each line is what flamegraph.pl splits'
run mt-tofolded --weight nonsense <log
is_status 2 'a weight that nothing has is refused'
done_testing
