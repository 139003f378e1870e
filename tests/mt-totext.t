#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-totext: what people see, and --raw, which mkrec reads back.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
begin mode=movement command="./prog" cpus=4
task task=11 process=1
switch cpu=0 task=11 process=1
switch cpu=1 task=12 process=2
symbol pc=0x401000 base=0x401000 process=1 line_number=31 frames=2 function="bump" file="/src/a.c"
symbol pc=0x401000 base=0x401000 process=1 line_number=99 frame=1 frames=2 function="caller" file="/src/a.c"
symbol pc=0x402010 base=0x402000 process=1 frames=1 function="spin" module="/lib/libx.so"
object id=1 addr=0x4040 bytes=1256 process=1 storage=static name="counters" ctype="struct counter [4]"
object id=2 addr=0x6040 bytes=64 process=1 pc=0x402010 storage=heap name="malloc"
field id=1 path="[0].hits"
access cpu=0 time=1000 pc=0x401000 addr=0x4040 width=8 flags=load+store+moved object=1 field=1
access cpu=1 time=7 pc=0x401000 addr=0x6048 width=4 flags=store object=2
access cpu=0 time=1001 pc=0x402010 addr=0x7fff width=1 flags=load+store+atomic
call cpu=0 time=1002 pc=0x402010 target=0x401000 op=call
shared moves=201234 loads=12 stores=402113 line=0x1000000004040 addr=0x4040 pc=0x401000 pc2=0x402010 offset2=8 object=1 object2=2 field=1 process=1 flags=load+store flags2=load sharing=false readers="0-3" writers="0,1,2,3,4,5,6,7,8,9,10"
shared moves=7 addr=0x6040 pc=0x402010 offset=8 object=2 process=1 flags=store sharing=true writers="1"
shared moves=5 line=0x99c0 pc=0x9 flags=store sharing=true writers="1"
stat value=1000 name="records"
drop count=1200 reason=closed
end dropped=1200
LOG
cat >want <<'EOT'
./prog: one program, movement mode, lines of 64 bytes, 4 cpus
          time  cpu  op     bytes         place                               code
          1000    0  rmw        8 moved   counters[0].hits                    bump at a.c:31
             7    1  store      4         malloc+8                            0x401000
          1001    0  atomic     1         0x7fff                              spin+0x10 in libx.so
          1002    0  call pc=spin+0x10 in libx.so target=bump at a.c:31 op=call

  moves  sharing  loads   stores  readers  writers                  what is shared
201,234  false       12  402,113  0-3      0,1,2,3,4,5,6,7,8,9,...  counters and malloc: struct counter [4], static, 1,256 bytes
            rmw    +0  counters[0].hits  bump at a.c:31
            load   +8  malloc            spin+0x10 in libx.so
      7  true         0        0  -        1                        malloc: heap, 64 bytes from spin+0x10 in libx.so
            store  +8  malloc+8          spin+0x10 in libx.so
      5  true         0        0  -        1                        line at 0x99c0
            store  +0  ?                 0x9

value  unit  what
1,000        records
records were lost here: 1,200; the reader of the output went away
EOT
mt-totext <log >got
same want got 'names where they are defined, events as lines, reports as tables'

mkrec <<'LOG' | mt-totext | sed '1,2d; s/  *$//' >got
object id=1 addr=0x1000 bytes=64 storage=heap name="dentry" ctype="struct dentry"
field id=1 offset=8 bytes=4 ctype="struct dentry" path="d_count"
shared moves=3 object=1 field=1 by=field sharing=true pc=0x9 offset=8 flags=store writers="0"
shared moves=2 by=field sharing=true pc=0x9 offset=4 flags=store writers="0"
end
LOG
cat >want <<'EOT'
moves  sharing  loads  stores  readers  writers  what is shared
    3  true         0       0  -        0        struct dentry.d_count of dentry: struct dentry, heap, 64 bytes
            store  +8  struct dentry.d_count  0x9
    2  true         0       0  -        0        memory that nothing is known of
            store  +4  ?                      0x9
EOT
same want got 'a row of a field begins with the field, and one of nothing says so'

mkrec >entries <<'LOG'
symbol pc=0xffffffff81000000 frames=1 function="__x64_sys_close"
shared moves=9 addr=0x6040 pc=0x10 entry_pc=0xffffffff81000000 number=3 cause=syscall sharing=true
shared moves=8 entry_pc=0xffffffff81000000 by=entry number=3 cause=syscall sharing=true
shared moves=7 entry_pc=0xffffffff81000010 by=entry number=257 cause=syscall sharing=true
shared moves=6 entry_pc=0xffffffff81000010 by=entry number=4294967295 cause=syscall sharing=true
shared moves=5 entry_pc=0xffffffff81000010 by=entry number=14 cause=exception sharing=true
shared moves=4 by=entry sharing=true
LOG
mt-totext <entries | sed -n 's/.*- *- *\([^ ].*\)/\1/p' >got
cat >want <<'EOT'
line at 0x6040; in system call __x64_sys_close
system call __x64_sys_close
system call openat
system call 0xffffffff81000010
exception 14
outside of kernel entries
EOT
same want got 'the entry of the kernel by its function, else by the name of the system call, else by number'

mkrec >stacks <<'LOG'
symbol pc=0x401005 process=1 frames=1 function="main" file="/src/a.c" line_number=9
symbol pc=0xffffffff81000000 frames=1 function="__x64_sys_close"
symbol pc=0xffffffff81000105 frames=1 function="filp_close"
switch task=1 process=1
stack id=1 pc=0x401005 process=1
stack id=2 parent=1 pc=0xffffffff81000000 frame=syscall number=3
stack id=3 parent=2 pc=0xffffffff81000105
stack id=4 parent=3 pc=0xffffffff81000209
stack id=5 parent=4 frame=cut
stack id=6 pc=0xffffffff81000300 frame=interrupt number=236
stack id=7 pc=0xffffffff81000300 frame=77 number=5
stack id=8 parent=9 pc=0x8
stack id=9 parent=8 pc=0x9
access pc=0xffffffff81000210 flags=load stack=5
access pc=0x401006 flags=load stack=1
access pc=0x401006 flags=load stack=6
access pc=0x401006 flags=load stack=7
access pc=0x401006 flags=load stack=99
access pc=0x401006 flags=load stack=8
call pc=0xffffffff81000210 op=ret stack=2
LOG
mt-totext <stacks | sed -n 's/.* 0x0  *\(0x.*\)/\1/p; s/.* stack=/stack=/p' >got
{ cat <<'EOT'
0xffffffff81000210 < ... < 0xffffffff81000209 < filp_close < system call __x64_sys_close < main
0x401006 < main
0x401006 < interrupt 236
0x401006 < entry 5
0x401006
EOT
printf 0x401006
i=0; while [ $i -lt 16 ]; do printf ' < 0x8 < 0x9'; i=$((i + 1)); done
echo ' < ...'
echo 'stack=system call __x64_sys_close < main'; } >want
same want got 'stacks, innermost first; entries by their names; no way around a circle of them'

mkrec >log <<'LOG'
object id=1 addr=0x40 bytes=64 storage=block name="vmemmap" ctype="struct page"
field id=1 ctype="struct page" path="{{lru.next|list|__filler}|compound_head|{a|b}}.c"
field id=2 ctype="struct page" path="a}|b.{c|d"
access addr=0x48 flags=load object=1 field=1
access addr=0x48 flags=load object=1 field=2
LOG
mt-totext <log | sed -n 's/.*struct page[.]\([^ ]*\) .*/\1/p' >got
printf '%s\n' '{{lru.next|...}|...}.c' 'a}|b.{c|...' >want
same want got 'of members in one place the first is shown'

# ---- untrusted names
esc=$(printf '\033')
mkrec >log <<LOG
symbol pc=1 frames=1 function="a\\x1b[31mb\\x0ac" file="x\\xc2\\x9b.c"
access pc=1 width=1 flags=load
shared moves=1 pc=1 readers="\\x1b]0;x"
LOG
mt-totext <log >got
if grep -q "$esc" got; then ok 1 'no escape sequence reaches the terminal'; else ok 0 'no escape sequence reaches the terminal'; fi
has 'a\\x1b\[31mb\\x0ac at x\\xc2\\x9b.c$' got '... what is escaped can be read'
long=$(printf '%0500d' 1)
{ echo "symbol pc=1 frames=1 function=\"$long\""; echo 'access pc=1 width=1 flags=load'; } | mkrec | mt-totext >got
has ' 0{100}\.\.\.$' got 'long names are cut'
{ echo 'symbol pc=1 frames=1 function="größe"'; echo 'shared moves=1 pc=1 pc2=1'; } | mkrec | mt-totext >got
has 'größe$' got 'letters beyond ASCII stay'

# ---- long tables
{ i=0; while [ $i -lt 2500 ]; do echo "stat value=$i name=n"; i=$((i + 1)); done; } | mkrec | mt-totext >got
[ "$(grep -c ' n$' got)" = 2500 ]; ok $? 'a long table loses no row'
[ "$(grep -c '^ *value' got)" = 1 ]; ok $? '... and has one header'

# ---- --raw
mkrec >log <<'LOG'
begin command="a \x22quoted\x22 \x5c name\x0a\xff"
access cpu=4294967295 time=18446744073709551615 pc=0xffffffffffffffff addr=1 width=65535 flags=65535 object=1
mode mode=99 name="größe"
777 size=24 cpu=3 time=13 data=00ff
778 size=16
LOG
mt-totext --raw <log | mkrec -r >back
if cmp -s log back; then ok 0 '--raw and mkrec -r give the bytes back'; else ok 1 '--raw and mkrec -r give the bytes back'; fi

# ---- colour
if command -v script >/dev/null; then
	script -qec "mt-totext <'$SCRATCH/log'" /dev/null </dev/null >shown 2>&1
	has "$esc\\[1m" shown 'bold on a terminal'
	NO_COLOR=1 script -qec "mt-totext <'$SCRATCH/log'" /dev/null </dev/null >shown 2>&1
	if grep -q "$esc" shown; then ok 1 'NO_COLOR is honoured'; else ok 0 'NO_COLOR is honoured'; fi
else
	skip 'no script(1)' 'bold on a terminal'
	skip 'no script(1)' 'NO_COLOR is honoured'
fi
# ---- accesses, against a few lines of another language ---------------------
cat >random.py <<'PY'
import random
random.seed(7)
print("begin mode=all")
time, cpu = 0, 0
for i in range(3000):
    if i % 100 == 0:
        cpu = random.choice((0, 1, 7, 9999, 10000, 4294967295))
        time = random.choice((0, 9990, 99999990, 99999999990000, 10**14, 2**64 - 5000))
    time = min(time + random.choice((0, 1, 3, 5000)), 2**64 - 1)
    flags = random.choice(("load", "store", "load+store", "load+moved", "store+atomic", "load+kernel+moved"))
    print(f"access cpu={cpu} time={time} pc={random.getrandbits(random.randint(0, 64)):#x} "
          f"addr={random.getrandbits(random.randint(0, 64)):#x} "
          f"width={random.choice((1, 8, 16, 17, 64, 1000, 65535))} flags={flags}")
PY
cat >columns.py <<'PY'
import sys
print("%14s %4s  %-6s %5s %-6s  %-34s  %s" % ("time", "cpu", "op", "bytes", "", "place", "code"))
for line in sys.stdin:
    word = dict(w.split("=", 1) for w in line.split()[1:])
    if not line.startswith("access"):
        continue
    flags = word["flags"].split("+")
    op = ("atomic" if "atomic" in flags else "rmw" if "load" in flags and "store" in flags else
          "store" if "store" in flags else "load")
    print("%14s %4s  %-6s %5s %-6s  %-34s  %s" % (word["time"], word["cpu"], op, word["width"],
          "moved" if "moved" in flags else "", word["addr"], word["pc"]))
PY
python3 random.py >random.txt
python3 columns.py <random.txt >want
mkrec <random.txt | mt-totext | sed 1d >got
same want got '3,000 accesses of all lengths stand in their columns'

done_testing
