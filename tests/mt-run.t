#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-run: a program behaves under the tracer as it does alone, and the log says
# who ran, where what was mapped, and what was allocated.
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

[ -e "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'
[ -n "${MT_QEMU_USER-}" ] || [ -x "$(cat "$B/qemu-prefix")/bin/qemu-x86_64" ] ||
	skip_all 'no QEMU: make qemu'

# json LOG: a line for each record, an error if the log is damaged.
json() { mt-cat "$1" >stream && mt-tojson <stream; }

# kind LOG TYPE FILTER: the log's records of a type, through jq.
kind() { json "$1" | jq -r "select(.type == \"$2\") | $3"; }

# healthy LOG NAME: whole, and mt-check finds nothing.
healthy() { mt-cat "$1" >stream 2>err && mt-check <stream >out 2>>err; ok $? "$2" || sed 's/^/# /' out err; }

# prog NAME [COMPILER ARGS] <SOURCE
prog() { name=$1; shift; "${CC:-cc}" -O1 -g -x c -o "$name" - -x none "$@" -lpthread || exit 99; }

# ---- the program's own affairs ------------------------------------------------

echo in | mt-run -o sh.mt sh -c 'read x; echo "out $x"; echo err >&2; exit 7' >out 2>err
[ $? -eq 7 ]; ok $? 'the exit status is the program'\''s'
[ "$(cat out)" = 'out in' ] && [ "$(cat err)" = err ]
ok $? 'standard input, output and error are the program'\''s'
healthy sh.mt 'the log of a shell is whole'

run mt-run true
is_status 0 'a program found by PATH'
[ -s true.mt ]; ok $? 'the log is named after the program'

run mt-run -o x.mt ./nosuch
is_status 127 'a missing program: 127'
has '^mt-run: ./nosuch: No such file' err 'and what is missing'
echo text >plain
run mt-run -o x.mt ./plain
is_status 126 'a file that is no program: 126'
run mt-run -o x.mt nosuch
is_status 127 'a name that PATH does not know: 127'
run mt-run
is_status 2 'no program: wrong usage'
mt-run --help >/dev/full 2>err
[ $? -eq 1 ] && grep -q '^mt-run: standard output: No space' err; ok $? '--help into a full disk: status 1'
mt-run --help >out
[ "$(wc -l <out)" -le 40 ] && grep -q '^    mt-run ' out; ok $? '--help fits a screen and has examples'
run mt-run --mode some true
is_status 2 'an unknown mode: wrong usage'
run mt-run --line 48 true
is_status 2 'a line that is no power of 2: wrong usage'

run mt-run -o term.mt sh -c 'kill -TERM $$'
is_status 143 'death by SIGTERM is reproduced'
kind term.mt task .op | grep -q create && [ -z "$(kind term.mt drop .reason)" ]
ok $? 'and loses no records'
prog segv <<'C'
int main(void) { *(volatile int *)8 = 1; return 0; }
C
run mt-run -o segv.mt ./segv
is_status 139 'death by SIGSEGV is reproduced'
healthy segv.mt 'and its log is whole'

cat >usr.sh <<'SH'
trap 'echo caught; exit 3' USR1
echo ready
i=0
while [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
SH
mkfifo ready
mt-run -o usr.mt sh usr.sh >ready & pid=$!
{ read -r _; kill -USR1 $pid; cat; } <ready >out
wait $pid
[ $? -eq 3 ] && [ "$(cat out)" = caught ]; ok $? 'a signal to mt-run is the program'\''s'

mt-run -o nine.mt sh usr.sh >ready & pid=$!
{ read -r _; kill -9 $pid; timeout 8 cat; } <ready >out
ok $? 'kill -9 of mt-run ends its program'
wait $pid 2>/dev/null
mt-cat --recover nine.mt 2>err | mt-stat | mt-tojson | grep -q '"name":"records access"'
ok $? 'and leaves a log without an end, which mt-cat --recover gives it'

(trap '' USR1; mt-run -o ign.mt sh -c 'kill -USR1 $$; echo alive') >out
[ "$(cat out)" = alive ]; ok $? 'an ignored signal stays ignored'

env -i A=1 PATH="$PATH" mt-run -o env.mt env | sort >got
printf 'A=1\nLD_PRELOAD=%s/libmtheap.so\nPATH=%s\n' "$B" "$PATH" >want
same want got 'LD_PRELOAD is all that is new in the environment'
env -i A=1 LD_LIBRARY_PATH=/x,y QEMU_STRACE=1 "$B/mt-run" --no-heap -o env.mt /usr/bin/env 2>&1 | sort >got
printf 'A=1\nLD_LIBRARY_PATH=/x,y\nQEMU_STRACE=1\n' >want
same want got 'variables that would act on QEMU act on the program alone'

# ---- threads -------------------------------------------------------------------

run mt-run -o false.mt "$B/examples/false-sharing/false-sharing" 300
is_status 0 'the example runs'
has '^300 hits, 300 misses' out 'and works'
healthy false.mt 'its log is whole'
[ "$(kind false.mt access .cpu | sort -u | wc -l)" -eq 5 ]; ok $? 'each thread is a cpu'
[ "$(kind false.mt switch .cpu | sort | uniq -d | wc -l)" -eq 0 ]; ok $? 'each cpu has one task'
kind false.mt task 'select(.op == "create") | .parent' | sort -n | uniq -c | sort -n | awk '{ print $1 }' >got
printf '1\n4\n' >want
same want got 'the main thread is the parent of the others'
[ "$(kind false.mt label 'select(.storage == "stack" and .op == "alloc") | .task' | sort -u | wc -l)" -eq 5 ]
ok $? 'each thread has a labelled stack'

cat >stack.jq <<'JQ'
def hex: ltrimstr("0x") | ascii_downcase | explode
	| reduce .[] as $c (0; . * 16 + (if $c > 57 then $c - 87 else $c - 48 end));
JQ
prog stack <<'C'
#include <pthread.h>
#include <stdio.h>
static void *work(void *unused) { int x; printf("%p\n", (void *)&x); return unused; }
int main(void)
{
	pthread_t t;

	work(NULL);
	pthread_create(&t, NULL, work, NULL);
	pthread_join(t, NULL);
	return 0;
}
C
mt-run -o stack.mt ./stack >addrs
kind stack.mt label 'select(.storage == "stack" and .op == "alloc") | "\(.addr) \(.bytes)"' >stacks
python3 - <<'PY'
addrs = [int(x, 16) for x in open("addrs")]
stacks = [(int(a, 16), int(n)) for a, n in (x.split() for x in open("stacks"))]
raise SystemExit(not (len(stacks) == 2 and all(s <= a < s + n for a, (s, n) in zip(addrs, stacks))))
PY
ok $? 'local variables lie in the labelled stacks'

prog hundred <<'C'
#include <pthread.h>
static volatile long n;
static void *work(void *unused) { n++; return unused; }
int main(void)
{
	pthread_t t[100];

	for (int i = 0; i < 100; i++)
		if (pthread_create(&t[i], 0, work, 0))
			return 1;
	for (int i = 0; i < 100; i++)
		pthread_join(t[i], 0);
	return 0;
}
C
run mt-run -o hundred.mt ./hundred
is_status 0 '100 threads'
[ "$(kind hundred.mt switch .cpu | sort -u | wc -l)" -eq 101 ]; ok $? 'are 101 cpus'
healthy hundred.mt 'in a whole log'

# ---- mappings ------------------------------------------------------------------

id=$(readelf -n stack | sed -n 's/.*Build ID: //p')
[ "$(kind stack.mt map "select(.path == \"$PWD/stack\") | .build_id" | sort -u)" = "$id" ]
ok $? 'the program is mapped, with its build-id'
kind stack.mt map .path | grep -q '/libc.so.6$'; ok $? 'so is the C library'
kind stack.mt map .path | grep -q '/ld-linux'; ok $? 'so is the dynamic linker'
mt-run --mode all -o all.mt ./stack >addrs
json all.mt >all.json
python3 - <<'PY'
import json
maps, bad, n = [], 0, 0
for line in open("all.json"):
	r = json.loads(line)
	if r["type"] == "map":
		maps.append((int(r["addr"], 16), r["bytes"]))
	elif r["type"] == "access":
		n += 1
		pc = int(r["pc"], 16)
		bad += not any(a <= pc < a + b for a, b in maps)
raise SystemExit(n == 0 or bad != 0)
PY
ok $? 'every pc lies in a file that was mapped before'
nm -n stack | awk '$3 == "work" { print $1 }' >work
kind all.mt map "select(.path == \"$PWD/stack\") | .addr" | head -1 >base
python3 - <<'PY'
import json
work = int(open("work").read(), 16) + int(open("base").read(), 16)
pcs = [int(r["pc"], 16) for r in map(json.loads, open("all.json")) if r["type"] == "access"]
raise SystemExit(not any(work <= pc < work + 16 for pc in pcs))
PY
ok $? 'and the address of a function is where the map says'

# ---- heap ----------------------------------------------------------------------

prog heap -fno-builtin <<'C'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
int main(void)
{
	void *a = malloc(1001), *b = calloc(2, 501), *c = strdup("1234567890"), *d;

	a = realloc(a, 200003);
	d = aligned_alloc(64, 1024);
	free(a); free(b); free(c); free(d);
	if (posix_memalign(&d, 4096, 1005))
		return 1;
	free(d);
	free(memalign(32, 1006));
	free(reallocarray(0, 7, 101));
	return 0;
}
C
mt-run -o heap.mt ./heap
kind heap.mt label 'select(.storage == "heap") | "\(.op) \(.bytes) \(.addr)"' >labels
awk '$1 == "alloc" && $2 ~ /^(1001|1002|11|200003|1024|1005|1006|707)$/ { print $2 }' labels >got
printf '%s\n' 1001 1002 11 200003 1024 1005 1006 707 >want
same want got 'each way to allocate is labelled with its size'
awk '$1 == "alloc" { live[$3] = $2; next }
     { if (!($3 in live)) bad++; delete live[$3] }
     END { for (a in live) if (live[a] ~ /^(1001|1002|11|200003|1024|1005|1006|707)$/) bad++; exit bad }' labels
ok $? 'each free takes away a label that was there'
objdump -d heap | awk '/<main>:/ { sub(/^0*/, "", $1); print $1 }' >main
kind heap.mt label 'select(.bytes == 1001 or .bytes == 11) | .pc' >pcs
kind heap.mt map "select(.path == \"$PWD/heap\") | .addr" | head -1 >base
python3 - <<'PY'
main = int(open("main").read(), 16) + int(open("base").read(), 16)
pcs = [int(x, 16) for x in open("pcs")]
raise SystemExit(len(pcs) != 2 or not all(main <= pc < main + 400 for pc in pcs))
PY
ok $? 'the call site is in the caller, for strdup, too'
healthy heap.mt 'the log with heap labels is whole'

cat >new.cc <<'CC'
#include <new>
#include <vector>
struct alignas(128) wide { char c[128]; };
int main()
{
	std::vector<int> v(2500);
	delete new wide;
	volatile std::size_t n = std::size_t(-1) / 4;
	try { new char[n]; } catch (std::bad_alloc &) { delete[] new char[777]; return 5; }
	return 0;
}
CC
if "${CXX:-c++}" -O0 -g -o new new.cc 2>err; then
	run mt-run -o new.mt ./new
	is_status 5 'C++ exceptions pass through the shim'
	for n in 10000 128 777; do kind new.mt label "select(.bytes == $n) | .pc"; done | sort -u >pcs
	kind new.mt map "select(.path == \"$PWD/new\") | \"\(.addr) \(.bytes)\"" | head -1 >base
	python3 - <<'PY'
base, n = open("base").read().split()
pcs = [int(x, 16) - int(base, 16) for x in open("pcs")]
raise SystemExit(len(pcs) != 3 or not all(0 <= pc < int(n) for pc in pcs))
PY
	ok $? 'new is labelled with the call site in the program'
else
	skip 'no C++ compiler' 'C++ exceptions pass through the shim'
	skip 'no C++ compiler' 'new is labelled with the call site in the program'
fi

prog static -static <<'C'
int main(void) { return 4; }
C
run mt-run -o static.mt ./static
is_status 4 'a static program'
healthy static.mt 'has a whole log'
mt-run --no-heap -o noheap.mt ./heap
[ -z "$(kind noheap.mt label 'select(.storage == "heap") | .addr')" ]; ok $? '--no-heap: no heap labels'

# ---- processes -----------------------------------------------------------------

mt-run -o pipe.mt sh -c 'echo b a | tr " " "\n" | sort | cat' >out
printf 'a\nb\n' >want
same want out 'a pipeline works'
kind pipe.mt task 'select(.op == "exec") | .name' | sort >got
printf 'cat\nsort\ntr\n' >want
same want got 'its programs are in the log'
healthy pipe.mt 'which is whole'
kind pipe.mt task 'select(.op != "exit") | .process' | sort -n | uniq -d >got
: >want
same want got 'each program image has a process number of its own'
json pipe.mt >pipe.json
python3 - <<'PY'
import json
tasks, bad = set(), 0
process = {}
for r in map(json.loads, open("pipe.json")):
	if r["type"] == "task":
		bad += r["op"] == "create" and r["parent"] not in tasks | {0}
		bad += r["op"] == "exec" and r["task"] not in tasks
		tasks.add(r["task"])
	elif r["type"] == "switch":
		process[r["cpu"]] = r["process"]
	elif r["type"] == "access":
		bad += int(r["paddr"], 16) >> 48 != process[r["cpu"]]
raise SystemExit(bad != 0)
PY
ok $? 'parents are known, exec keeps the task, accesses carry the process'

run mt-run -o exec.mt env -u LD_PRELOAD ./heap
[ "$(kind exec.mt label 'select(.bytes == 1001) | .bytes')" = 1001 ]
ok $? 'heap blocks are labelled in programs that are executed later'
run mt-run -o long.mt sh -c 'x=$(head -c 120000 /dev/zero | tr "\0" x); exec printf %s%s "$x" "$x"'
[ "$(wc -c <out)" -eq 240000 ]; ok $? 'long arguments survive exec'

printf '#!/bin/sh -e\necho "$0 $1"; false; echo no\n' >script
chmod +x script
run mt-run -o script.mt ./script arg
is_status 1 'a script gets its interpreter with the argument of #!'
[ "$(cat out)" = './script arg' ]; ok $? 'and its own name'
run mt-run -o script.mt sh -c 'exec ./script arg'
is_status 1 'also when it is executed later'
[ "$(cat out)" = './script arg' ]; ok $? 'and its own name'
run mt-run -o fail.mt sh -c './nosuch; echo $?; ./plain; echo $?'
printf '127\n126\n' >want
same want out 'a failing exec fails as without the tracer'
healthy fail.mt 'and tracing goes on'
# shellcheck disable=SC2016
run mt-run -o argv.mt bash -c 'exec -a other cat /proc/self/cmdline'
[ "$(tr '\0' ' ' <out)" = 'other /proc/self/cmdline ' ]; ok $? 'argv[0] survives exec'

prog children <<'C'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	int bad = 0, status;

	for (int i = 0; i < 50; i++)
		if (fork() == 0)
			_exit(i % 2 ? 0 : (free(malloc(10)), 0));
	while (wait(&status) > 0)
		bad += status;
	return bad != 0;
}
C
run mt-run -o children.mt ./children
is_status 0 '50 children'
[ "$(kind children.mt task 'select(.op == "create") | .process' | sort -u | wc -l)" -eq 51 ]
ok $? 'are 50 processes more'
healthy children.mt 'in a whole log'

prog closer <<'C'
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void close_all(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
}
int main(int argc, char **argv)
{
	close_all();
	if (fork() == 0) {
		close_all();
		if (open("/dev/null", O_RDONLY) != 3)
			_exit(9);
		execvp(argv[1], argv + 1);
	}
	wait(&argc);
	return WEXITSTATUS(argc);
}
C
run mt-run -o closer.mt ./closer sh -c 'exit 6'
is_status 6 'a program that closes all descriptors runs'
kind closer.mt task .name | grep -q '^dash\|^sh$'; ok $? 'and is followed all the same'
healthy closer.mt 'in a whole log'

# A program that only the kernel can run: another machine is refused by it, too.
prog other <<'C'
int main(void) { return 0; }
C
printf '\267\000' | dd of=other bs=1 seek=18 conv=notrunc 2>dd.err
run mt-run -o other.mt ./other
is_status 126 'a program of another machine: 126'
has '^mt-run: ./other: is not an x86-64 program' err 'and why'
run mt-run -o other.mt sh -c './other; echo $?'
has '^12[67]$' out 'executed later it fails as it would alone'
healthy other.mt 'and tracing goes on'

# Files that are hardly ELF are mapped like any other.
prog mapper <<'C'
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);

		if (mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			return 1;
		close(fd);
	}
	return 0;
}
C
python3 - <<'PY'
import random, struct
good = bytearray(open("mapper", "rb").read())
random.seed(1)
for i in range(40):
	b = bytearray(good[:random.randrange(20, len(good))] if i % 4 == 0 else good)
	for _ in range(random.randrange(1, 60)):
		b[random.randrange(64 if i % 2 else 1000) % len(b)] = random.choice([0, 1, 0x7f, 0x80, 0xff])
	b[0:4] = b"\x7fELF"
	open("bad%d" % i, "wb").write(b)
PY
run timeout 60 mt-run -o mapper.mt ./mapper bad*
is_status 0 'hostile ELF files are mapped'
[ "$(kind mapper.mt map .path | grep -c '/bad[0-9]*$')" -eq 40 ]; ok $? 'and recorded'
healthy mapper.mt 'in a whole log'

prog mover <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
int main(int argc, char **argv)
{
	int fd = open(argv[argc - 1], O_RDONLY);
	char *p = mmap(0, 5 * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	char *q = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + 4096, 4096);
	q = mremap(p + 2 * 4096, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, q);
	printf("map %p 20480 0x0\nunmap %p 4096 0x0\n", (void *)p, (void *)(p + 4096));
	printf("unmap %p 4096 0x0\nmap %p 4096 0x2000\n", (void *)(p + 8192), (void *)q);
	return 0;
}
C
cp mover moved
mt-run -o mover.mt ./mover moved >want
kind mover.mt map "select(.path == \"$PWD/moved\" or .op == \"unmap\") | \"\(.op) \(.addr) \(.bytes) \(.offset)\"" >got
tail -n 4 got >got4
same want got4 'munmap and mremap of a mapped file'

run mt-run -o left.mt sh -c '(sleep 0.3; exec true) & exit 5'
is_status 5 'a program that leaves a child behind'
kind left.mt task .name | grep -q '^true$'; ok $? 'mt-run waits for the child'

run mt-run -o kill.mt sh -c 'sh -c "kill -9 \$\$"; exit 0'
is_status 0 'a child is killed'
has 'kill.mt: 1 process was killed' err 'and that is said'
[ "$(kind kill.mt drop .reason)" = killed ]; ok $? 'in the log, too'

run mt-run -o kill.mt sh -c 'kill -9 $$'
is_status 137 'the program itself is killed'
healthy kill.mt 'and leaves a log that ends'
[ "$(kind kill.mt drop .reason)" = killed ]; ok $? 'with what happened'

prog maskexec <<'C'
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	sigset_t set;

	if (argc > 1) {
		sigprocmask(SIG_BLOCK, NULL, &set);
		return !sigismember(&set, SIGUSR1) + 2 * sigismember(&set, SIGTERM);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	execl("/proc/self/exe", argv[0], "x", NULL);
	return 9;
}
C
run mt-run -o mask.mt ./maskexec
is_status 0 'exec of /proc/self/exe; the signal mask is inherited'

# ---- the guest's own records ---------------------------------------------------

cat >guest.c <<C
#include "$SRC/kernel/mtrace.h"
static long data[8];
int main(void)
{
	static volatile long v;

	v = 1;
	mtrace_label(data, sizeof(data), MT_storage_static, "data", "long [8]");
	mtrace_mode(MT_mode_all, "run");
	((volatile long *)data)[3] = 42;
	mtrace_appdata(7, "operations");
	mtrace_mode(MT_mode_off, "run");
	mtrace_unlabel(data, MT_storage_static);
	v = 2;
	return 0;
}
C
prog guest <guest.c
mt-run --wait --no-heap -o guest.mt ./guest
kind guest.mt mode '"\(.mode) \(.name)"' >got
kind guest.mt appdata '"\(.value) \(.name)"' >>got
kind guest.mt label 'select(.name == "data") | "\(.op) \(.bytes) \(.ctype)"' >>got
printf 'all run\noff run\n7 operations\nalloc 64 long [8]\n' >want
same want got 'the records of mtrace.h reach the log'
[ "$(kind guest.mt access .addr | wc -l)" -lt 200 ] &&
	kind guest.mt access 'select((.flags | index("store")) and .width == 8) | .pc' | grep -q .
ok $? '--wait: only what runs between the mode records is logged'

# ---- where the log goes --------------------------------------------------------

mt-run -o - ./stack 2>err | mt-tojson >live.json
tail -n 1 live.json | grep -q '"type":"end"'
ok $? '-o -: a whole stream on standard output'
[ "$(wc -l <err)" -eq 2 ]; ok $? 'and the program'\''s output on standard error'
mt-run -o s.mt ./stack >out
{ mt-cat s.mt; mt-run -o - ./stack; } >both 2>err
mt-tojson <both | grep -c '"type":"begin"' >got
echo 2 >want; same want got 'also into a file, behind what is there'
mt-run --stream -o s.mt ./stack >out
mt-tojson <s.mt | tail -n 1 | grep -q '"type":"end"'; ok $? '--stream: a plain stream in a file'
run mt-run -o /dev/full ./stack
is_status 1 'a full disk: status 1'
[ "$(wc -l <out)" -eq 2 ]; ok $? 'and the program does not notice'
[ "$(wc -l <err)" -eq 1 ]; ok $? 'one message'
has '/dev/full: No space' err 'that names the log'
(mt-run -o - sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo done >&2'
 echo $? >status) 2>err | head -c 100 >/dev/null
[ "$(cat status)" -eq 141 ] && grep -q '^done$' err
ok $? 'a reader that leaves: the program runs to its end, then SIGPIPE'
run mt-run -o /nosuch/x.mt true
is_status 1 'a log that cannot be made'
has '^mt-run: /nosuch/x.mt: No such file' err 'is named'
(MT_QEMU_USER=/nosuch mt-run -o x.mt true; echo $? >status) 2>err
[ "$(cat status)" -eq 1 ] && grep -q '^mt-run: MT_QEMU_USER: /nosuch: ' err
ok $? 'a QEMU that is not there is named'

# ---- turns ---------------------------------------------------------------------

# Four threads that start together, but for those that the host wakes late from their
# barrier; how long a cpu's accesses stay alone when all are there.
sharing=$B/examples/false-sharing/false-sharing
longest_run() {
	mt-cat "$1" | mt-tojson | jq -r 'select(.type == "access" and .cpu > 0) | .cpu' |
		sed 1,100000d | head -n 100000 | uniq -c | awk '$1 > most { most = $1 } END { print most }'
}
mt-run --quantum 100 --mode all -o turns.mt "$sharing" 10000 >out
has '"quantum":100,' - '--quantum: the log says so' <<LOG
$(mt-cat turns.mt | mt-tojson | head -n 1)
LOG
# 100 instructions, and the block that they end in, make at most 150 accesses
[ "$(longest_run turns.mt)" -le 150 ]; ok $? 'threads alternate that often, however busy the host'
moves() { mt-cat "$1" | mt-filter -e moved | mt-stat | mt-tojson | jq 'select(.name == "accesses moved").value'; }
# 9,280 if all threads leave the barrier at once; a late one meets fewer others
mt-run --quantum 1000 -o a.mt "$sharing" 50000 >out
a=$(moves a.mt)
[ "$a" -gt 2000 ]; ok $? "lines move thousands of times, however busy the host ($a)"
run mt-run --quantum 1000 -o t.mt sh -c 'echo a | cat; (sleep 0.1; echo b) & wait'
is_status 0 'processes, pipes and waits go on with turns'
run mt-run --quantum 0 true
is_status 2 'no turns of nothing'

done_testing
