#!/bin/sh
# SPDX-License-Identifier: MIT
# make install: what it puts where, and that it works there.
. "${SRC:-.}/tests/lib.sh"

[ -x "$B/mt-run" ] && [ -x "$B/libmtrace.so" ] || skip_all 'no libmtrace.so: make tracer'
make -C "$SRC" B="$B" PREFIX=/usr DESTDIR="$SCRATCH/root" install >out 2>&1
ok $? 'make install with PREFIX and DESTDIR'
for program in "$B"/mt-* qemu-mtrace-linux new-mtrace-image mtrace-mosbench; do
	case $program in *.d) continue ;; esac
	[ -x "root/usr/bin/${program##*/}" ] || echo "${program##*/}"
	[ -e "root/usr/share/man/man1/${program##*/}.1" ] || echo "${program##*/}.1"
done >missing
same /dev/null missing 'every program is there, with its manual'
[ -e root/usr/share/man/man5/mt-log.5 ] && [ -e root/usr/share/man/man7/mt.7 ]
ok $? '... and the pages of sections 5 and 7'
PATH=$SCRATCH/root/usr/bin:/usr/bin:/bin
export PATH
run sh -c 'mt-run -o - sh -c "exit 0" | mt-check'
is_status 0 'the installed mt-run finds plugin, QEMU and heap labels'
cat >user.c <<'C'
#include <kernel/mtrace.h>
int main(void)
{
	mtrace_appdata(7, "operations");
	return 0;
}
C
run gcc -I root/usr/include/mtrace -o user user.c
is_status 0 'a program builds against the installed header'
mt-run -o - ./user | mt-tojson | grep -q '"type":"appdata".*"value":7'
ok $? '... and its records reach the log'

if [ ! -r "$(cat root/usr/lib/mtrace/kernel-prefix)/mscan.bzImage" ]; then
	skip 'no kernel: make kernel' 'the installed qemu-mtrace-linux boots a guest that has its parts'
else
	run timeout 300 qemu-mtrace-linux --host-clock --cores 1 --mtrace-file guest.mt --run 'test -d /sys/module/mtrace'
	[ "$status" -eq 0 ] && mt-cat guest.mt | mt-check >>err
	ok $? 'the installed qemu-mtrace-linux boots a guest that has its parts'
	sed 's/^/# /' err
fi
[ "$(find root -type f ! -path '*/usr/*' | wc -l)" -eq 0 ]; ok $? 'nothing lies outside PREFIX'
done_testing
