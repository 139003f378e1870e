#!/bin/sh
# SPDX-License-Identifier: MIT
# Pipes between filters: memory that is given to them, bytes that are moved from
# one to the next.  Whatever is on either side sees the bytes of a file.
. "${SRC:-.}/tests/lib.sh"

mkstream -n 300000 >stream || exit 99
mt-cat -o log.mt stream

# Keeps up to 8 MiB of what it was given standing in pipes, unread, before it looks.
cat >keeper.py <<'PY'
import collections, fcntl, os, sys
F_SETPIPE_SZ = 1031
kept, free = collections.deque(), [os.pipe() for _ in range(128)]
def look():
    pipe, n = kept.popleft()
    free.append(pipe)
    while n:
        piece = os.read(pipe[0], n)
        os.write(1, piece)
        n -= len(piece)
while True:
    if not free:
        look()
    pipe = free.pop()
    n = os.splice(0, pipe[1], 65536)
    if not n:
        break
    kept.append((pipe, n))
while kept:
    look()
PY

# keeps NAME COMMAND...: on a pipe as to a file.
keeps() {
	name=$1
	shift
	"$@" >want 2>/dev/null <stream
	# shellcheck disable=SC2002  # its input shall be a pipe, too
	cat stream | "$@" 2>/dev/null | python3 keeper.py >got
	if cmp -s want got; then ok 0 "$name"; else ok 1 "$name"; cmp want got | sed 's/^/# /'; fi
}
keeps 'mt-cat never changes what a reader was given, a log' mt-cat log.mt
keeps 'nor on one thread' mt-cat -j 1 log.mt
keeps 'nor where it selects' mt-cat --cpu 0-1 log.mt
keeps 'nor does it for a stream' mt-cat stream
keeps 'nor what a filter writes' mt-label
keeps 'nor what it moves' mt-filter -e 'width >= 0'
keeps 'nor what it selects' mt-filter -e 'width == 8'
keeps 'nor text' mt-totext
keeps 'nor JSON' mt-tojson

# ---- several readers of one stream
mt-cat log.mt >want
mt-cat --tee 'python3 keeper.py >got-1' --tee 'cat >got-2' log.mt | cat >got-3
cmp want got-1 && cmp want got-2 && cmp want got-3
ok $? '--tee: commands and standard output get the same, and nothing that changes'
mt-cat --tee 'cat >got-1' log.mt >got-2
cmp want got-1 && cmp want got-2; ok $? 'also where standard output is a file'
mt-cat --tee 'cat >got-1' <stream >got-2
cmp stream got-1 && cmp stream got-2; ok $? 'also of a stream, which cannot be read twice'
run mt-cat --tee 'head -c 1000 >got-1' --tee 'cat >got-2' log.mt
is_status 0 'a command that stops to read stops nobody'
cmp want out && cmp want got-2; ok $? 'and the others get all'
run mt-cat --tee 'echo noise; cat >got-1; exit 3' log.mt
is_status 1 'a command that fails is told by the status'
has "^mt-cat: --tee: 'echo noise.*': exit status 3" err 'and said'
cmp want out; ok $? 'what it prints is not in the stream'
# shellcheck disable=SC2016
run mt-cat --tee 'kill -9 $$' log.mt
has 'ended by signal 9' err 'so is one that is killed'
head -c $(($(wc -c <log.mt) / 2)) log.mt >cut.mt
run mt-cat --tee 'mt-stat >got-1' cut.mt
is_status 1 'of a cut log all readers know'
[ "$(grep -c '^mt-cat' err)" -eq 1 ] && grep -q '^mt-stat: .*cut' err; ok $? 'and each says so for itself, once'
run mt-cat --tee cat -o x.mt log.mt; is_status 2 'a log goes nowhere else: --tee with -o'
mt-cat --merge log.mt log.mt >want-2
mt-cat --merge --tee 'cat >got-1' log.mt log.mt >got-2
cmp want-2 got-1 && cmp want-2 got-2; ok $? '--tee gives what --merge makes'
python3 - <<'PY'
import signal, subprocess, sys
p = subprocess.Popen(["mt-cat", "--tee", "cat >/dev/null", "log.mt"], stdout=subprocess.PIPE)
p.stdout.read(1 << 20)
p.stdout.close()
sys.exit(p.wait() != -signal.SIGPIPE)
PY
ok $? 'a reader of standard output that leaves ends mt-cat by SIGPIPE'

# Pieces of any size, with and without a wait between them; SIZE 0: any.
cat >uneven.py <<'PY'
import os, random, sys, time
seed, size = int(sys.argv[1]), int(sys.argv[2])
r = random.Random(seed)
data = open("part", "rb").read()
at = 0
while at < len(data):
    n = size or r.choice([1, 55, 57, 4096, 4097, 65536, 300000, 1 << 20])
    n = r.randint(1, n) if not size else n
    while n:
        done = os.write(1, data[at:at + n])
        at, n = at + done, min(n - done, len(data) - at - done)
    if not size and r.random() < 0.05:
        time.sleep(0.001)
PY

# moved SEED CUT CONDITION...: a filter between two pipes as from a file, though cut.
bad=0
moved() {
	seed=$1 cut=$2
	shift 2
	head -c "$cut" stream >part
	status=0
	mt-filter "$@" <part >want 2>want.err || status=$?
	python3 uneven.py "$seed" 0 | { mt-filter "$@" 2>got.err; echo $? >got.status; } | cat >got
	if [ ! -s want ] || ! cmp -s want got || ! cmp -s want.err got.err || [ "$(cat got.status)" != "$status" ]; then
		bad=1
		echo "# seed $seed, cut at $cut: mt-filter $*"
		cmp want got 2>&1 | sed 's/^/# /'
		sed 's/^/# /' got.err
	fi
}
size=$(wc -c <stream)
seed=0
for cut in "$size" $((size - 1)) $((size - 24)) $((size / 2)) $((size / 2 + 17)) $((size / 3 + 40)); do
	for condition in '-e width>=0' '--time 200000-' '--cpu 0,2' \
		'--time 0-20000,21000-90000,90100-90200,91000-280000'; do
		seed=$((seed + 1))
		# shellcheck disable=SC2086
		moved $seed "$cut" $condition
	done
done
ok $bad 'what goes from pipe to pipe is what goes from file to file: bytes, message, status'

# ---- they do it at all
traced() {
	# shellcheck disable=SC2002
	cat stream | strace -f -o calls "$@" | cat >/dev/null
}
if ! command -v strace >/dev/null || ! strace -o calls true 2>/dev/null; then
	skip 'no strace, or it may not look' 'mt-filter moves'
	skip 'no strace, or it may not look' 'mt-cat gives'
else
	traced mt-filter -e 'width >= 0'
	has '^[0-9]+ +splice\(0, NULL, 1, NULL, [0-9]{5}' calls 'mt-filter moves what passes whole'
	traced mt-filter -e 'width == 3'
	! grep -Eq '(tee|splice)\(0' calls; ok $? 'and looks twice at nothing where little passes'
	if grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null; then
		skip 'this machine has no huge pages' 'mt-cat gives blocks to a pipe'
	else
		traced mt-cat log.mt
		has 'vmsplice\(1' calls 'mt-cat gives blocks to a pipe'
	fi
fi

# ---- readers that leave
cat >leaver.py <<'PY'
import signal, subprocess, sys
ignored = sys.argv[1] == "ignored"
def prepare():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL)  # mt_start undoes it
feed = subprocess.Popen(["cat", "stream"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
p = subprocess.Popen(sys.argv[2:], stdin=feed.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     restore_signals=False, preexec_fn=prepare)
feed.stdout.close()
left = 6 << 20
while left > 0:
    left -= len(p.stdout.read1(left)) or left
p.stdout.close()
said = p.stderr.read().decode()
status = p.wait()
feed.kill()
feed.wait()
good = status == -signal.SIGPIPE and not said
if not good:
    print("#", sys.argv[1:], status, said)
sys.exit(not good)
PY
for how in default ignored; do
	bad=0
	for command in 'mt-cat log.mt' 'mt-cat' "mt-filter -e width>=0" 'mt-label' 'mt-tojson'; do
		# shellcheck disable=SC2086
		python3 leaver.py $how $command || bad=1
	done
	ok $bad "a reader that leaves in the middle, SIGPIPE $how"
done
done_testing
