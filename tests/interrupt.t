#!/bin/sh
# SPDX-License-Identifier: MIT
# An interrupt (Ctrl-C): what there is so far is reported, as of a cut stream.
. "${SRC:-.}/tests/lib.sh"
command -v python3 >/dev/null || skip_all 'no python3'

mkrec >whole <<'LOG'
begin machine=system mode=all cpus=2
symbol pc=0xffffffff81000010 frames=1 function="f"
object id=1 addr=0xffff888000001000 bytes=64 name="dentry"
stack id=1 pc=0xffffffff81000010
entry cpu=0 tag=5 pc=0xffffffff81001000 task=1 state=start
lock cpu=0 time=1 addr=0xffff888000002000 op=acquired name="big"
access cpu=0 pc=0xffffffff81000010 addr=0xffff888000001000 paddr=0x1000 width=8 flags=store+kernel+moved object=1 stack=1
access cpu=1 pc=0xffffffff81000010 addr=0xffff888000001000 paddr=0x1000 width=8 flags=store+kernel+moved object=1 stack=1
lock cpu=0 time=9 addr=0xffff888000002000 op=release name="big"
end
LOG
head -c -48 whole >part

# How a program is left by interrupts, one second apart, while its input waits.
cat >interrupt.py <<'PY'
import os, signal, subprocess, sys, time
kind, times, out, command = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
if kind == "fifo":
    os.mkfifo("in")
    r = os.open("in", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(r, True)
    w = os.open("in", os.O_WRONLY)
    os.unlink("in")
else:
    r, w = os.pipe()
os.write(w, open("part", "rb").read())
p = subprocess.Popen(command, stdin=r, stdout=open(out, "wb"), stderr=open("err", "wb"), pass_fds=[],
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(r)
for i in range(times):
    time.sleep(0.3)
    os.kill(p.pid, signal.SIGINT)
if times == 0 or (kind == "pipe" and times == 1):
    time.sleep(0.2)
    os.close(w)			# whoever wrote has gone
print(p.wait(timeout=20))
PY

for c in 'mt-shared --all' mt-syscalls mt-serial mt-stat mt-sets mt-rcu 'mt-scopes --list' mt-locks mt-tojson \
	mt-totext 'mt-top moves' 'mt-tojson --classic accesses' mt-tofolded mt-toperfetto mt-tohtml mt-filter; do
	name=${c%% *}
	# shellcheck disable=SC2086	# options
	$c <part >want 2>/dev/null
	# shellcheck disable=SC2086
	python3 interrupt.py fifo 1 got $c >status
	{ cmp -s want got && grep -qx -- -2 status; }; ok $? "$c: all of what came, and the shell sees the interrupt"
	{ [ "$(grep -vc 'has not every' err)" = 1 ] && grep -q "^$name: standard input: byte [0-9]*: interrupted" err; }
	ok $? '... one message says so'
done

mt-totext <part >want 2>/dev/null
mv part part.s
mklog 1 <part.s >part 2>/dev/null
python3 interrupt.py fifo 1 got mt-totext >status
{ cmp -s want got && grep -qx -- -2 status; }; ok $? 'a log: all of what came, and the shell sees the interrupt'
has 'byte [0-9]*: interrupted' err '... one message says so'
mv part.s part

python3 interrupt.py pipe 1 got mt-totext >status
grep -qx 1 status; ok $? 'in a pipeline the input is read to its end: who writes was interrupted, too'
has 'stream was cut' err '... and is missing its end'
python3 interrupt.py pipe 2 got mt-totext >status
grep -qx -- -2 status; ok $? '... but not after the second interrupt'
python3 interrupt.py fifo 0 got mt-totext >status
grep -qx 1 status; ok $? 'without one nothing is different'
done_testing
