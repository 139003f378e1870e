#!/bin/sh
# SPDX-License-Identifier: MIT
# The hooks in a booted guest: what they told, beside what the kernel itself
# counted (ftrace, /proc, /sys).  One boot; guest/hooks.c is its init.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

prefix=$(cat "$B/qemu-prefix" 2>/dev/null)
qemu=$prefix/bin/qemu-system-x86_64
plugin=$B/libmtrace.so
[ -x "$qemu" ] || skip_all 'no QEMU of ours: make qemu'
[ -f "$plugin" ] || skip_all 'no libmtrace.so: make tracer'
products=$("$SRC/kernel/build-kernel" --print) || skip_all 'no kernel of ours: make kernel'
command -v cpio >/dev/null || skip_all 'no cpio'
${CC:-cc} -O1 -static -o init "$SRC/tests/guest/hooks.c" 2>err ||
	skip_all "cannot link a static program: $(head -n 1 err)"
strip init
"$SRC/kernel/build-kernel" --module "$SRC/tests/guest/sections" . 2>err ||
	{ ok 1 'a module builds against the kernel'; sed 's/^/# /' err; }
cp "$products/mtrace.ko" .
{
	"$SRC/tests/guest/mkinitramfs" init
	printf '%s\n' mtrace.ko sections.ko | cpio -o -H newc 2>/dev/null
} >initramfs

run timeout 300 "$qemu" -L /usr/share/qemu -L /usr/share/seabios -nodefaults -display none \
	-serial stdio -no-reboot -m 512 -smp 2 -cpu qemu64,+rdrand -accel tcg,thread=single \
	-kernel "$products/mscan.bzImage" -initrd initramfs -plugin "$plugin,out=log.mt,start=off" \
	-append 'console=ttyS0 quiet panic=-1 tsc=reliable'
tr -d '\r' <out >guest
has '^done' guest 'the guest runs to its end with all hooks on'
grep -q '^done' guest || { tail -n 20 guest err | sed 's/^/# /'; done_testing; exit; }
! grep -E 'BUG|Oops|WARNING|without|missed' guest | sed 's/^/# /' | grep .
ok $? 'no hook is missing, and the kernel does not complain'
mt-cat log.mt >stream && mt-check <stream >check 2>&1
ok $? 'all that is freed was allocated, and each only once'
sed 's/^/# /' check | head -n 5
mt-totext --raw <stream >log

# counted NAME: what the kernel says.
counted() { sed -n "s/^count $1 //p" guest; }

# between MARK ERE [show]: how many records between two marks of the guest match.
between() {
	awk -v show="${3-}" -v from="\"$1\"" -v to="\"$1 done\"" -v ere="$2" '
	/^appdata/ && index($0, "name=" from) { on = 1; next }
	/^appdata/ && index($0, "name=" to) { on = 0 }
	on && $0 ~ ere { n++; if (show) print }
	END { if (!show) print n + 0 }' log
}

# equal GOT WANT SLACK NAME
equal() {
	[ "$2" ] && [ "$1" -le $(($2 + $3)) ] && [ "$1" -ge $(($2 - $3)) ]
	ok $? "$4 ($1)"
	[ "$1" = "$2" ] || echo "# $1 in the log, $2 by the kernel, $3 allowed"
}

# ---- one process, beside ftrace of it alone -------------------------------------

worker=$(sed -n 's/^appdata .*value=\([0-9]*\) name="worker"$/\1/p' log)
its="task=$worker "
[ "$(counted mm_page_alloc)" -gt 100 ]; ok $? 'the worker does enough to count'
equal "$(between worker "^label .*${its}op=alloc storage=block")" "$(counted mm_page_alloc)" 0 \
	'as many blocks of pages as ftrace has mm_page_alloc'
equal "$(between worker "^label .*${its}op=free storage=block")" "$(counted mm_page_free)" 0 \
	'as many freed as mm_page_free'
equal "$(between worker "^gc .*op=retire $its")" "$(counted rcu_callback)" 0 \
	'as many objects retired as rcu_callback'
# bulk OP EVENTS: of what is not in the tracepoints nearly all came from one
# place: the caller of the function for many at once.
bulk() {
	between worker "^label .*${its}op=$1 storage=heap" show | awk -v seen="$2" '
	{ match($0, / pc=0x[0-9a-f]+/); n[substr($0, RSTART, RLENGTH)]++ }
	END {
		rest = NR - seen
		for (pc in n)
			if (n[pc] <= rest && n[pc] >= rest * 0.95)
				found = 1
		print "# " NR " in the log, " seen " at tracepoints"
		exit !found || rest < 100
	}'
}
bulk alloc $(($(counted kmalloc) + $(counted kmem_cache_alloc)))
ok $? 'slab objects: those of kmalloc and kmem_cache_alloc, and those allocated in bulk'
bulk free $(($(counted kfree) + $(counted kmem_cache_free)))
ok $? 'freed: those of kfree and kmem_cache_free, and those freed in bulk'

# ---- the whole guest --------------------------------------------------------------

equal "$(between counts '^task .*op=create')" "$(counted forks)" 0 'a task is created at each fork'
equal "$(between counts '^task .*op=exit')" "$(counted forks)" 1 'and ends'
equal "$(between counts '^switch')" "$(counted sched_switch)" 4 'each context switch is told'
# softirqs WHEN: number of each kind, of all cpus.
softirqs() {
	awk -v when="$1" '
	$1 == "softirqs" { on = $2 == when; next }
	on && /:/ { n = 0; for (i = 2; i <= NF; i++) n += $i; print n }' guest
}
softirqs before >n.before
softirqs after >n.after
paste n.before n.after | awk '{ n += $2 - $1 } END { print n }' >n.softirqs
equal "$(between counts '^entry .*state=start cause=softirq')" "$(cat n.softirqs)" 8 \
	'each softirq is an entry'
equal "$(between counts '^entry .*state=done cause=softirq')" \
	"$(between counts '^entry .*state=start cause=softirq')" 0 'and ends'

# ---- what was there, and what is still there ---------------------------------------

cpus=$(counted cpus)
equal "$(grep -c '^segment' log)" "$cpus" 0 'a per-cpu segment for each cpu'
equal "$(grep -c '^label .*op=alloc storage=stack' log)" \
	$(($(grep -c '^task .*op=create' log) + cpus)) 0 'each task has a stack, and each idle cpu'
has '^label .*storage=block name="vmemmap" ctype="struct page"' log 'the array of struct page is known'
has '^label .*storage=static name="dentry_hashtable"' log 'and tables of boot time'

# Objects that are live in the log, by cache, beside /proc/slabinfo.  The kernel
# counts what a cpu keeps at hand as in use: caches that were used after they
# were shrunk have some slabs for each cpu too many.
awk '
FNR == 1 { file++ }
file == 1 && /^appdata .*"slabinfo"/ { over = 1 }
file == 1 && !over && /^label .*storage=heap/ {
	match($0, / addr=0x[0-9a-f]+/); addr = substr($0, RSTART, RLENGTH)
	if (/op=free/) { live[name[addr]]--; next }
	match($0, / name="[^"]*"/); name[addr] = substr($0, RSTART + 7, RLENGTH - 8)
	live[name[addr]]++
}
file == 2 && $1 == "slab" && NF > 10 && $3 ~ /^[0-9]+$/ {
	caches++
	d = $3 - live[$2]
	if (d == 0) { same++; objects += $3 }
	else print "# " $2 ": " live[$2] + 0 " in the log, " $3 " in slabinfo"
	if (d < 0 || d > 4 * $6 * '"$cpus"') bad = 1
}
END {
	print "# " same " of " caches " caches equal, " objects " objects"
	exit bad || same < caches * 0.85 || objects < 10000
}' log guest >slabs
ok $? 'the live objects of each cache are those of /proc/slabinfo'
sed 's/^ *//' slabs | tail -n 20

# ---- code ---------------------------------------------------------------------------

getppid=$(sed -n 's/^symbol \([0-9a-f]*\) .*/0x\1/p' guest)
equal "$(grep -c "^entry .*pc=$getppid .*number=110 state=start cause=syscall" log)" 1000 0 \
	'system calls bear the address of their function, from the table that was told'
has '^lock .*name="(spinlock|mutex|rwsem)"' log 'locks are seen through the functions that were told'
has '^epoch .*op=begin' log 'and the readers of RCU'

# section NAME ADDRESS, but for those that are empty
sed -n 's/^section \([^ ]*\) \(0x[0-9a-f]*\)$/\1 \2/p' guest | sort >want
sed -n 's/^section .*addr=\(0x[0-9a-f]*\) .*module="sections" name="\([^"]*\)"$/\2 \1/p' log |
	grep -v percpu | sort >got
same want got 'the sections of a module are where sysfs says'
has '^section .*bytes=4 module="sections" name=".data..percpu"' log 'and its per-cpu section'

# The program that lists its own mappings, run by vfork and exec.
sed -n 's/^map \(0*\)\([0-9a-f]*\)-.* \(\/[^ ]*\)$/0x\2 \3/p' guest | sort -u >want
pid=$(sed -n 's/^task .*task=\([0-9]*\) .*op=exec .*/\1/p' log | tail -n 1)
sed -n "s/^map .*addr=\\(0x[0-9a-f]*\\) .*process=$pid op=map path=\"\\([^\"]*\\)\".*/\\1 \\2/p" log |
	sort -u >got
[ -s want ] && same want got 'the mappings of a program are those of /proc/PID/maps'

done_testing
