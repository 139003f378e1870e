#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tojson: one valid JSON object a line, whatever the record holds.
. "${SRC:-.}/tests/lib.sh"

mkrec >log <<'LOG'
begin mode=movement options=calls+icount command="a \x22b\x22 \x5c \x0a\x01\xff\xc2\x9b größe"
access cpu=4294967295 time=18446744073709551615 pc=0xffffffffffffffff addr=0 paddr=0x123456789abcdef0 width=8 flags=load+store+moved
access flags=0x8001 width=9
access flags=0
call op=7
call op=ret
777 size=24 cpu=3 time=13 data=00ff
LOG
cat >want <<'EOT'
{"type":"begin","cpu":0,"time":0,"version":1,"line":64,"cpus":0,"quantum":0,"sample":0,"mode":"movement","machine":"user","order":"exact","index":"callback","options":["calls","icount"],"producer":"","qemu":"","command":"a \"b\" \\ \u000a\u0001\ufffd\u009b größe"}
{"type":"access","cpu":4294967295,"time":18446744073709551615,"pc":"0xffffffffffffffff","addr":"0x0","paddr":"0x123456789abcdef0","width":8,"flags":["load","store","moved"],"object":0,"field":0,"stack":0}
{"type":"access","cpu":0,"time":0,"pc":"0x0","addr":"0x0","paddr":"0x0","width":9,"flags":["load","0x8000"],"object":0,"field":0,"stack":0}
{"type":"access","cpu":0,"time":0,"pc":"0x0","addr":"0x0","paddr":"0x0","width":0,"flags":[],"object":0,"field":0,"stack":0}
{"type":"call","cpu":0,"time":0,"pc":"0x0","target":"0x0","return_pc":"0x0","sp":"0x0","op":7,"stack":0}
{"type":"call","cpu":0,"time":0,"pc":"0x0","target":"0x0","return_pc":"0x0","sp":"0x0","op":"ret","stack":0}
{"type":"unknown","kind":777,"size":24,"cpu":3,"time":13,"data":"00ff000000000000"}
{"type":"end","cpu":0,"time":0,"records":7,"dropped":0,"accesses":0,"instructions":0}
EOT
mt-tojson <log >got
same want got 'every kind of value, escaped, with all its bits'
if command -v jq >/dev/null; then
	[ "$(mt-tojson <log | jq -c . | wc -l)" = 8 ]; ok $? 'jq reads every line'
else
	skip 'no jq' 'jq reads every line'
fi

# every decimal and hexadecimal length, against another implementation
if command -v python3 >/dev/null; then
	python3 >many <<'PY'
import random
r = random.Random(1)
ns = [0, 1] + [10**k + d for k in range(1, 20) for d in (-1, 0, 1)] + [1 << k for k in range(64)]
ns += [(1 << k) - 1 for k in range(1, 65)] + [r.getrandbits(r.randrange(1, 65)) for _ in range(2000)]
for n in ns:
    if n < 1 << 64:
        print(f"access time={n} addr={n}")
PY
	mkrec <many | mt-tojson | grep '"type":"access"' | sed 's/.*"time":\([0-9]*\),.*"addr":"\(0x[0-9a-f]*\)".*/\1 \2/' >got
	sed 's/.*addr=//' many | python3 -c 'import sys
for l in sys.stdin: print(int(l), hex(int(l)))' >want
	same want got 'numbers of every length'
else
	skip 'no python3' 'numbers of every length'
fi

long=$(printf '%060000d' 0)
{ i=0; while [ $i -lt 20 ]; do echo "access cpu=1"; i=$((i + 1)); done; echo "mode name=\"$long\""; } | mkrec >log
mt-tojson <log | sed -n 's/.*"name":"\(0*\)".*/\1/p' >got
echo "$long" >want
if cmp -s want got; then ok 0 'strings longer than any buffer'; else ok 1 'strings longer than any buffer'; fi

# ---- --names
mkrec >log <<'LOG'
switch cpu=0 task=1 process=1
switch cpu=1 task=2 process=2
symbol pc=0x10 base=0x10 process=1 line_number=31 frames=1 function="bump" file="/src/a.c"
symbol pc=0x10 base=0x8 process=2 frames=1 function="spin" module="/lib/b.so"
symbol pc=0x7b3903c8aaea06a5 process=2 frames=1 function="same key in the table"
object id=1 addr=0x40 name="counters \x22"
field id=4 path="[1].hits" ctype="struct counter"
access cpu=0 pc=0x10 object=1 field=4
access cpu=1 pc=0x10 object=9
call cpu=0 target=0x10
access cpu=0 pc=0x11
symbol pc=0x10 base=0x10 process=1 line_number=32 frames=1 function="bump2"
access cpu=0 pc=0x10
LOG
names() { mt-tojson --names <log | grep -E '"type":"(access|call)"' | sed 's/.*"stack":0//'; }
cat >want <<'EOT'
,"pc_at":"bump at a.c:31","pc_function":"bump","pc_file":"/src/a.c","object_name":"counters \"","field_path":"[1].hits","field_ctype":"struct counter"}
,"pc_at":"spin+0x8 in b.so","pc_function":"spin"}
,"target_at":"bump at a.c:31","target_function":"bump","target_file":"/src/a.c"}
}
,"pc_at":"bump2+0x0","pc_function":"bump2"}
EOT
names >got
same want got '--names: what is defined, by process; a later definition replaces an earlier'

mkrec >log <<'LOG'
symbol pc=0x401005 process=1 frames=1 function="ma\x22in"
stack id=1 pc=0x401005 process=1
stack id=2 parent=1 pc=0xffffffff81000000 frame=syscall number=3
stack id=3 parent=2 pc=0xffffffff81000105
stack id=8 parent=8 pc=0x8
access stack=3
access stack=8
LOG
mt-tojson --names <log | jq -c 'select(.type == "access") | .stack_functions' >got
cat >want <<'EOT'
["0xffffffff81000105","system call close","ma\"in"]
EOT
sed -n 1p got >first
same want first '--names: a stack as an array, innermost first'
[ "$(sed -n 2p got | tr ',' '\n' | wc -l)" = 1024 ]; ok $? '... with an end, also where its parents are a circle'
done_testing
