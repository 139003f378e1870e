#!/bin/sh
# SPDX-License-Identifier: MIT
# The tracer on the distribution's own QEMU, which tells plugins wrong cpu
# numbers when one thread runs several cpus: a log has the true ones, or there
# is none.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

plugin=$B/libmtrace.so
[ -f "$plugin" ] || skip_all 'no libmtrace.so: make tracer'
debian=$("$SRC/tests/guest/need-debian-qemu") || skip_all 'no QEMU of the distribution, see above'
qemu=$SCRATCH/qemu
# shellcheck source=tests/guest/lib.sh
. "$SRC/tests/guest/lib.sh"

cat >qemu <<END
#!/bin/sh
LD_LIBRARY_PATH='$debian/lib' exec "\${QEMU:-$debian/bin/qemu-system-x86_64}" "\$@"
END
chmod +x qemu

boot out=a.mt,start=0,quantum=1000,check=on,mode=all '' -accel tcg,thread=single -smp 4
has '^done: 8000 rounds on 4 cpus' out 'one thread for four cpus: the guest runs to its end'
mt-cat a.mt | mt-totext --raw >a.txt
has '^begin .*order=exact index=current .*qemu="qemu-system-x86_64 10[.].*, not mended"' a.txt \
	'begin says which QEMU, and that the cpu was asked of QEMU itself'
right_cpus a.mt 'no access has the number of another cpu'
mt-cat a.mt | mt-check >check.out 2>&1; ok $? 'mt-check has no complaint'

boot out=b.mt,start=0,mode=all '' -accel tcg,thread=multi -smp 2
mt-cat b.mt | mt-totext --raw >b.txt
has '^begin .*order=approximate index=callback' b.txt 'a thread for each cpu: callbacks are right'
right_cpus b.mt 'no access has the number of another cpu'

# The same program without the symbols that help: their names are spoilt.
LC_ALL=C sed 's/\x00qemu_get_cpu\x00/\x00qemu_get_cpX\x00/' "$debian/bin/qemu-system-x86_64" >bare
chmod +x bare
QEMU=$SCRATCH/bare
export QEMU
boot out=c.mt '' -accel tcg,thread=single -smp 2
is_status 1 'where the true cpu cannot be known, the tracer refuses'
grep -c '^mtrace: this QEMU gives plugins wrong cpu numbers' err >said; echo 1 >want
same want said 'and says why, once'
boot out=d.mt,quantum=100 '' -accel tcg,thread=single -smp 1
has '^mtrace: quantum: this QEMU cannot end' err 'nor does it promise a quantum there'
boot out=e.mt,start=0 '' -accel tcg,thread=single -smp 1
has '^done: 2000 rounds on 1 cpus' out 'one cpu is fine'

done_testing
