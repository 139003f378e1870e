#!/bin/sh
# SPDX-License-Identifier: MIT
# new-mtrace-image and mkinitramfs: what is in a root, that a failed one leaves
# nothing, and that a guest writes neither to its root nor to the home directory.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

image=$SRC/image/new-mtrace-image

# ---- usage ---------------------------------------------------------------------

run "$image"; is_status 2 'no name: wrong usage'
run "$image" --frob=1 x; is_status 2 'an unknown option: wrong usage'
run "$image" --image-type=btrfs x; is_status 2 'an unknown file system: wrong usage'
run "$image" --size=12X --image-type=ext4 x; is_status 2 'a size that is none: wrong usage'
run "$image" --size=100M x; is_status 2 'a size of a directory: wrong usage'
run "$image" --copy=a x; is_status 2 '--copy without a target: wrong usage'
run "$image" --copy=nowhere,/x x; is_status 1 'a file to copy that is not there'
mkdir there
run "$image" there; is_status 1 'what is there already is not replaced'
[ "$(ls -A)" = 'err
out
there' ]; ok $? 'and none of these leaves anything'

command -v busybox >/dev/null && {
	mkdir -p tree/mtrace; echo x >tree/mtrace/conf
	"$SRC/image/mkinitramfs" tree >i1 && touch tree/mtrace/conf && "$SRC/image/mkinitramfs" tree >i2
	cmp -s i1 i2; ok $? 'an initramfs is the same bytes for the same files'
	busybox cpio -t <i1 2>/dev/null >list
	grep -qx init list && grep -qx mtrace/conf list && grep -qx usr/bin/ls list; ok $? 'init, commands and the tree are in it'
}

# ---- roots of busybox ------------------------------------------------------------

# What new-mtrace-image does, with a bootstrap that takes no time: an mmdebstrap
# that makes a root of busybox and runs the hooks.
for p in mmdebstrap e2fsprogs busybox-static; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' $p 2>/dev/null)" = installed ] ||
		{ skip "$p is not installed" 'roots'; done_testing; exit; }
done
[ "$(id -u)" = 0 ] || { skip 'not root' 'roots'; done_testing; exit; }

mkdir bin
cat >bin/mmdebstrap <<'END'
#!/bin/sh
set -eu
n=0
while :; do
	case $1 in
	--customize-hook=*) n=$((n + 1)); eval "hook$n=\${1#*=}" ;;
	--*) ;;
	*) break ;;
	esac
	shift
done
root=$2
mkdir -p "$root/usr/bin" "$root/etc"
ln -s usr/bin "$root/bin"
cp "$(command -v busybox)" "$root/usr/bin"
chroot "$root" /bin/busybox --install -s /bin
echo busybox >"$root/etc/debian_version"
i=0
while [ $i -lt $n ]; do
	i=$((i + 1))
	eval "hook=\$hook$i"
	case $hook in
	'tar-in '*) hook=${hook#* }; tar -x -f "${hook% *}" -C "$root" ;;
	'copy-in '*) hook=${hook#* }; cp -R "${hook% *}" "$root" ;;
	*) sh -c "$hook" exec "$root" ;;
	esac
done
END
chmod +x bin/mmdebstrap
quick() { run env PATH="$PWD/bin:$PATH" "$image" "$@"; }
nothing_of() { [ ! -e "$1" ] && [ ! "$(find . -maxdepth 1 -name '.new-mtrace*')" ]; }

quick --fixup='exit 7' --fixup=true broken
is_status 1 'a fixup that fails: status 1'
nothing_of broken; ok $? 'and nothing is left'

mkdir -p data/dir; echo it >data/dir/file; chown -R nobody data; chmod 711 data
umask 077
quick --copy="$PWD/data,/data" --copy="$PWD/data/dir/file,/usr/bin/file" \
	--fixup='echo first >/etc/fixed' --fixup="echo \"second 'quoted'\" >>/etc/fixed" root
umask 022
is_status 0 'a directory'
[ "$(cat root/etc/fixed)" = "first
second 'quoted'" ]; ok $? 'fixups ran in order'
[ "$(cat root/data/dir/file root/usr/bin/file)" = 'it
it' ] && [ "$(stat -c '%a %U' root/data)" = '711 root' ] && [ -L root/bin ]
ok $? 'copies are there, of root, with their modes; directories above stay as they were'
[ ! -e root/.mtrace ] && [ "$(stat -c %a root)" = 755 ]; ok $? 'nothing else of ours is there'

quick --image-type=ext4 --size=300K small.ext4
is_status 1 'a file too small: status 1'
has 'no file system of 300K' err 'and the message says so'
nothing_of small.ext4; ok $? 'and nothing is left'
for type in ext2 ext3 ext4; do
	quick --image-type=$type --size=20M root.$type
	[ "$status" = 0 ] && [ "$(stat -c %s root.$type)" = 20971520 ] && e2fsck -fn root.$type >fsck.out 2>&1
	ok $? "$type: a file of the size that was said, with a sound file system"
done

# Nobody may write where the file shall be.
mkdir -m 755 closed
run setpriv --reuid=nobody --regid=nogroup --clear-groups "$image" closed/root
is_status 1 'a place where he may not write'
[ ! "$(ls -A closed)" ]; ok $? 'and nothing is there'

# The fixup is ended, too.
PATH="$PWD/bin:$PATH" setsid "$image" --fixup='echo fixing >&2; sleep 4711' killed >killed.log 2>&1 &
tries=0
until grep -q '^fixing' killed.log || [ $tries -gt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -TERM $!; status=0; wait $! || status=$?
is_status 143 'a signal ends it'
nothing_of killed; ok $? 'and nothing is left'
! ps -eo args | grep -q '^sleep 4711'; ok $? 'nor runs'

# ---- in a guest --------------------------------------------------------------------

guests() {
	[ -x "$(cat "$B/qemu-prefix" 2>/dev/null)/bin/qemu-system-x86_64" ] || { skip 'no QEMU of ours: make qemu' 'guests'; return 1; }
	[ -x "$B/mtrace-magic" ] && [ -f "$B/libmtrace.so" ] || { skip 'no tracer: make tracer' 'guests'; return 1; }
	kernel=$("$SRC/kernel/build-kernel" --print 2>/dev/null)/mscan.bzImage || { skip 'no kernel: make kernel' 'guests'; return 1; }
}
guests || { done_testing; exit; }
boot() { run "$SRC/qemu/qemu-mtrace-linux" --bzImage "$kernel" --timeout=5m --cores=1 --ram=512 --mtrace-file=log.mt "$@"; }
# seen FILE NAME: what the guest saw in the end
seen() { tail -n 3 out >last; same "$1" last "$2"; }
stamp() { find root home -printf '%p %i %s %m %T@ %C@\n' | sort; }

mkdir -p home/deep; echo mine >home/file; echo two >home/deep/file; ln -s file home/link
# All kinds of changes, and then an attempt to get below the overlays.
cat >changes <<END
cd '$PWD/home' && cat file || exit 50
echo over >/etc/fixed; rm /usr/bin/ps; touch /new; mv /etc/debian_version /etc/version
echo changed >>file; echo x >link; rm deep/file; mv deep other; touch new; chmod 600 file; chown 5 file
mknod node c 1 3; ln file hard; mkdir -p a/b/c; truncate -s 0 other/none
for d in home lower; do
	mount -o remount,rw /proc/1/root/mtrace/\$d 2>/dev/null
	for f in file etc/fixed new; do echo through 2>/dev/null >>/proc/1/root/mtrace/\$d/\$f; done
	rm -rf /proc/1/root/mtrace/\$d/etc/fixed /proc/1/root/mtrace/\$d/file
done 2>/dev/null
for d in /dev/vda /dev/pmem0; do
	[ ! -b \$d ] || dd if=/dev/zero of=\$d bs=4096 count=100 conv=fsync 2>/dev/null && echo written to \$d
done
ls other; cat file; ls /etc/version
END
printf '%s\n' none x /etc/version >want
stamp >before
quick --image-type=ext4 --copy="$PWD/root/etc,/etc" file.ext4
sum=$(sha256sum file.ext4)

boot --root=root --home="$PWD/home" --run="$(cat changes)"
is_status 0 'a directory as root'
[ "$(sed -n 1p out)" = mine ]; ok $? 'the home directory is there'
seen want 'and both can be written'
stamp >after
same before after 'nothing on the host has changed: neither names, times nor bytes'
HOME=$PWD/home boot --root=file.ext4 --run="$(cat changes)" --run='exit 6'
is_status 6 'a file as root'
[ "$(sed -n 1p out)" = mine ]; ok $? 'the home directory is that of HOME'
seen want 'again as it was, and both can be written'
stamp >after
same before after 'and nothing on the host has changed'
[ "$(sha256sum file.ext4)" = "$sum" ]; ok $? 'nor in the file'
boot --root=root.ext2 --home=off --run="test ! -e $PWD/home; cat /etc/debian_version" --no-mtrace
[ "$status" = 0 ] && [ "$(cat out)" = busybox ]; ok $? '--home=off; and an ext2 file'
boot --root=file.ext4 --reproducible --no-mtrace --run='cat /etc/fixed; echo new >/etc/fixed; cat /etc/fixed; dd if=/dev/zero of=/dev/pmem0 bs=4096 count=100 conv=fsync; exit 4'
is_status 4 'a file as root of a reproducible run'
[ "$(sed -n 1p out)" = first ] && grep -q '^new$' out; ok $? 'can be written, too'
[ "$(sha256sum file.ext4)" = "$sum" ]; ok $? 'and has not changed'

# ---- roots of Debian -----------------------------------------------------------------

made=$("$SRC/tests/guest/need-image" 2>need.err) || { skip "$(tail -n 1 need.err)" 'roots of Debian'; done_testing; exit; }
[ "$(cat "$made/root/etc/fixed")" = "first
second 'quoted'" ]; ok $? 'fixups ran in order, in a root of Debian'
[ "$(cat "$made/root/usr/local/bin/one")" = copied ] && [ -x "$made/root/usr/bin/ps" ] && [ -L "$made/root/bin" ]
ok $? 'files and packages are there'
cat >want <<'END'
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
nobody:
65534 65534 /srv/mosbench/dir/file
nobody ALL=(ALL:ALL) NOPASSWD: ALL
END
same want "$made/root.facts" '--mosbench-src for a user that each root has: the same path, his own; without a password, sudo'
cat >want <<'END'
mtrace-tester:x:4711:4711::/home/mtrace-tester:/bin/sh
mtrace-tester:
4711 4711 /srv/mosbench/dir/file
mtrace-tester ALL=(ALL:ALL) NOPASSWD: ALL
gcc
make
sudo
rsync
END
same want "$made/mosbench" 'for a user of this host: he is there with his number'
if [ "$(cat "$made/maker")" = nobody ]; then
	ok 0 'a file made without root'
else
	skip "$(head -n 1 "$made/maker")" 'a file made without root'
fi
e2fsck -fn "$made/root.ext4" >fsck.out 2>&1; ok $? 'with a sound file system'
for root in root root.ext4; do
	boot --root="$made/$root" --home=off --no-mtrace --run='cat /etc/debian_version; stat -c %u /bin/ps; ps ax'
	[ "$status" = 0 ] && sed -n 1p out | grep -q '^[0-9]' && [ "$(sed -n 2p out)" = 0 ] && grep -q 'ps ax' out
	ok $? "a guest with Debian's $root"
done

done_testing
