# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
# A guest for tests of the tracer: sourced after lib.sh with $qemu and $plugin set,
# and $guest, if its program is another one than init.
kernel=$("$SRC/tests/guest/need-kernel") || skip_all 'no test kernel, see above'

${CC:-cc} -O1 -g -static -o init "$SRC/tests/guest/${guest:-init}.c" -lpthread 2>err ||
	skip_all "cannot link a static program: $(head -n 1 err)"
strip init
"$SRC/tests/guest/mkinitramfs" init >initramfs

# boot PLUGIN_OPTIONS KERNEL_WORDS QEMU_OPTIONS...
boot() {
	options=$1 words=$2
	shift 2
	run timeout 120 "$qemu" -L /usr/share/qemu -L /usr/share/seabios -nodefaults \
		-display none -serial stdio -no-reboot -m 256 -kernel "$kernel" \
		-initrd initramfs -plugin "$plugin,$options" "$@" -append \
		"console=ttyS0 quiet nokaslr mitigations=off no_timer_check panic=-1 $words"
}

# right_cpus LOG NAME: whoever touches "page of cpu N" while recording is cpu N.
right_cpus() {
	mt-cat "$1" | mt-filter --mode user | mt-totext --raw | awk '
	/^label .*"page of cpu / {
		match($0, /page of cpu [0-9]+/); cpu = substr($0, RSTART + 12, RLENGTH - 12)
		match($0, / addr=0x[0-9a-f]+/); page[substr($0, RSTART, RLENGTH - 3)] = cpu
	}
	/^access/ {
		match($0, / addr=0x[0-9a-f]+/); p = substr($0, RSTART, RLENGTH - 3)
		match($0, / cpu=[0-9]+/); c = substr($0, RSTART + 5, RLENGTH - 5)
		if (p in page) { n++; seen[c] = 1; if (page[p] != c) { print "cpu " c ":" $0; bad = 1 } }
	}
	END { for (c in seen) cpus++; print n + 0 " accesses by " cpus + 0 " cpus"; exit bad || cpus < 2 }
	' >pages.out
	ok $? "$2"
	sed 's/^/# /' pages.out | tail -n 5
}
