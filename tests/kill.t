#!/bin/sh
# SPDX-License-Identifier: MIT
# Whoever records is killed at any moment: what was written stays readable.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

[ -e "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'
prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
[ -x "$prefix/bin/qemu-x86_64" ] || skip_all 'no QEMU: make qemu'
times=${MT_TEST_LONG:+200}
times=${times:-4}

cat >busy.c <<'C'
#include <pthread.h>
static volatile long lines[1024];
static void *work(void *seed)
{
	unsigned x = (unsigned)(long)seed;

	for (;;)
		lines[(x = x * 1103515245 + 12345) >> 16 & 1023]++;
}
int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, work, (void *)1);
	work((void *)2);
}
C
${CC:-cc} -O1 -o busy busy.c -lpthread || exit 99

# random SEED BELOW
random() { awk -v seed="$1" -v below="$2" 'BEGIN { srand(seed); print int(rand() * below) }'; }

# readable LOG: every whole block arrives, and no more than the last one is missing.
readable() {
	[ -s "$1" ] || return 0			# before the first block
	mt-cat "$1" 2>err >/dev/null && return 0	# its end was written
	[ "$(wc -l <err)" -eq 1 ] || return 1
	grep -Eq 'log ends inside a block|it has no end record|log was cut' err || return 1
	rm -f whole.mt

	mt-cat --recover -o whole.mt "$1" 2>err && mt-cat whole.mt >/dev/null
}

# killed SEED MILLISECONDS COMMAND...: with all its children, at a moment within that time.
killed() {
	ms=$(random "$1" "$2")
	shift 2
	setsid "$@" >job.out 2>&1 </dev/null &
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	# Its session is its group, once it has one.
	until kill -KILL "-$!" 2>/dev/null; do sleep 0.01; done
	wait "$!" 2>/dev/null
}

bad=0 blocks=0
for i in $(seq "$times"); do
	rm -f k.mt
	killed "$i" 1000 mt-run --mode all -o k.mt ./busy 2>/dev/null
	readable k.mt || { bad=$((bad + 1)); sed "s/^/# $i: /" err; }
	blocks=$((blocks + $(mt-cat --index k.mt 2>/dev/null | grep -c ^block)))
done
[ "$bad" -eq 0 ]; ok $? "mt-run is killed $times times: each log is readable up to its last block"
[ "$blocks" -gt 0 ]; ok $? "and there were blocks in them ($blocks)"

qemu=$prefix/bin/qemu-system-x86_64
plugin=$B/libmtrace.so
if ! kernel=$("$SRC/tests/guest/need-kernel" 2>err); then
	skip 'no test kernel' 'QEMU with a whole guest is killed'
	done_testing; exit
fi
${CC:-cc} -O1 -g -static -o init "$SRC/tests/guest/init.c" -lpthread && strip init &&
	"$SRC/tests/guest/mkinitramfs" init >initramfs || exit 99
bad=0 blocks=0
for i in $(seq $(((times + 3) / 4))); do
	rm -f k.mt
	killed "$i" 3000 "$qemu" -L /usr/share/qemu -L /usr/share/seabios -nodefaults -display none \
		-serial stdio -no-reboot -m 256 -kernel "$kernel" -initrd initramfs \
		-plugin "$plugin,out=k.mt,start=1" -accel tcg,thread=single -smp 2 \
		-append 'console=ttyS0 quiet nokaslr mitigations=off panic=-1' 2>/dev/null
	readable k.mt || { bad=$((bad + 1)); sed "s/^/# $i: /" err; }
	blocks=$((blocks + $(mt-cat --index k.mt 2>/dev/null | grep -c ^block)))
	rm -f whole.mt
done
[ "$bad" -eq 0 ]; ok $? 'QEMU with a whole guest is killed: each log is readable up to its last block'
[ "$blocks" -gt 0 ]; ok $? "and there were blocks in them ($blocks)"
done_testing
