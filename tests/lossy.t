#!/bin/sh
# SPDX-License-Identifier: MIT
# A log that is not written as fast as accesses come: mt-run --lossless lets the
# program wait, --lossy does not and says what is missing.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

[ -e "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'
[ -n "${MT_QEMU_USER-}" ] || [ -x "$(cat "$B/qemu-prefix")/bin/qemu-x86_64" ] ||
	skip_all 'no QEMU: make qemu'

# A program that says how long its recorded part took, in ms, and the same for
# three threads and a child of which everything is recorded.
cat >work.c <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "kernel/mtrace.h"

static volatile long numbers[4][64];

static long ms(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *work(void *own)
{
	for (long i = 0; i < 400000; i++)
		numbers[(long)own][i % 64]++;
	return NULL;
}

static void alone(void)
{
	long start = ms(), end;

	mtrace_mode(MT_mode_all, "work");
	work((void *)0);
	end = ms();
	mtrace_mode(MT_mode_off, "work");
	fprintf(stderr, "%ld\n", end - start);
}

static void together(void)
{
	pthread_t t[2];

	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, work, (void *)(i + 1));
	work((void *)0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	if (fork() == 0) {
		work((void *)3);
		_exit(0);
	}
	wait(NULL);
}

int main(int argc, char **argv)
{
	(void)argv;
	argc > 1 ? together() : alone();
}
C
"${CC:-cc}" -O1 -I"$SRC" -o work work.c -lpthread || exit 99

mkfifo pipe
# slowly OPTION...: mt-run with a reader that begins after 4 seconds; the stream is in ./got
slowly() {
	{ exec <pipe; sleep 4; cat; } >got & reader=$!
	timeout 60 mt-run -o pipe "$@" 2>err; status=$?
	wait $reader
}
# sums: accesses that were recorded, dropped, and judged; drop records
sums() {
	mt-tojson <got | jq -rn 'reduce inputs as $r ([0, 0, 0, 0, 0];
		if $r.type == "access" then .[0] += 1
		elif $r.type == "drop" and $r.reason == "slow" then .[1] += $r.count | .[3] += 1
		elif $r.type == "end" then .[2] = $r.accesses | .[4] = $r.dropped else . end) | map(tostring) | join(" ")'
}
summed()
{
	sums >numbers
	read -r recorded dropped judged records end <numbers
}

# ---- one thread, as much each time ------------------------------------------
mt-run --mode all --wait -o log.mt ./work 2>quick; mt-cat log.mt >got
summed; all=$recorded
[ "$all" -gt 800000 ] && [ "$dropped" -eq 0 ]; ok $? 'a log on a disk misses nothing'
slowly --mode all --wait ./work
is_status 0 'a slow reader'; summed
[ "$recorded $dropped" = "$all 0" ]; ok $? '... misses nothing either'
[ "$(cat err)" -ge 2500 ]; ok $? '... and makes the program wait'
slowly --lossless --mode all --wait ./work; summed
[ "$recorded $dropped" = "$all 0" ] && [ "$(cat err)" -ge 2500 ]; ok $? '--lossless says that aloud'
mt-tojson <got | head -n 1 >begin; ! grep -q lossy begin; ok $? '... and begin does not say lossy'
slowly --lossy --mode all --wait ./work
is_status 0 '--lossy'; summed
[ "$(cat err)" -lt 2000 ]; ok $? "... the program does not wait: $(cat err) ms, on a disk $(cat quick)"
[ "$dropped" -gt 100000 ] && [ "$recorded" -gt 1000 ]; ok $? '... accesses are dropped'
[ $((recorded + dropped)) -eq "$all" ]; ok $? "... and told, all of them: $recorded + $dropped"
[ "$end" -eq "$dropped" ] && [ "$records" -lt 200 ]; ok $? '... by few records, whose sum is in the end record'
mt-tojson <got | head -n 1 | grep -q '"options":\[.*"lossy"'; ok $? '... and begin says lossy'
mt-check <got >out; ok $? '... the rest is sound' || sed 's/^/# /' out
mt-tojson <got | jq -c 'select(.type == "mode") | .mode' | tail -n 1 | grep -q off; ok $? '... and its context complete'
mt-tojson <got | jq -rn '[inputs | select(.type == "drop" or .type == "mode").time] | .[-1] - .[-2]' >late
[ "$(cat late)" -ge 0 ] && [ "$(cat late)" -lt 1000 ]; ok $? '... and a drop record has the time of the last that is missing'
mt-run --lossy --mode all --wait -o log.mt ./work 2>err; mt-cat log.mt >got; summed
[ $((recorded + dropped)) -eq "$all" ] && mt-check <got >out; ok $? 'a log of blocks tells them as well'
mt-run --lossy --lossless --mode all --wait -o log.mt ./work 2>err; mt-cat log.mt >got; summed
[ "$recorded $dropped" = "$all 0" ]; ok $? 'the last of the two options counts'

# ---- threads and processes ------------------------------------------------------
slowly --lossy --mode all ./work together; is_status 0 'several threads and processes'; summed
twice=$((recorded + dropped - judged))	# accesses that cross a line are two
[ $twice -ge 0 ] && [ $twice -lt 100 ] && [ "$dropped" -gt 100000 ]
ok $? "each access is in the log or dropped: $recorded + $dropped of $judged"
[ "$end" -eq "$dropped" ]; ok $? '... and the end record has the sum'
mt-tojson <got | jq -c 'select(.type == "drop") | .cpu' | sort -u >cpus
[ "$(wc -l <cpus)" -ge 3 ]; ok $? 'drop records are of the cpu that lost them'
mt-check <got >out; ok $? 'and in their time' || sed 's/^/# /' out
slowly --lossy ./work together; is_status 0 'movement only'
mt-check <got >out; ok $? '... is sound, too'

# ---- the other ways in ---------------------------------------------------------------
mt-run --help | grep -q -e '--lossy'; ok $? '--help has it'
touch kernel.img
run "$SRC/qemu/qemu-mtrace-linux" --dry-run --bzImage kernel.img --qemu /bin/true --lossy --run true
has 'lossless=off' out 'qemu-mtrace-linux --lossy hands it on'
run "$SRC/qemu/qemu-mtrace-linux" --dry-run --bzImage kernel.img --qemu /bin/true --lossy --reproducible --run true
is_status 2 '... not to a log that shall be the same each time'

done_testing
