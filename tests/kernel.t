#!/bin/sh
# SPDX-License-Identifier: MIT
# build-kernel, as far as it goes without building: names of directories, what
# it refuses, that it waits and cleans up.  What it has built, if it has.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

build=$SRC/kernel/build-kernel

run "$build" --help
is_status 0 '--help is no error'
[ "$(wc -l <out)" -le 24 ]; ok $? 'and fits a screen'
run "$build" --wrong
is_status 2 'an unknown option is wrong usage'
has '^build-kernel: .*--wrong' err 'and named'
run "$build" --module .
is_status 2 '--module needs two directories'
mkdir empty
run "$build" --module empty .
is_status 1 'a directory without Kbuild is no module'
has '^build-kernel: empty: ' err 'and named'

# ---- where things are ---------------------------------------------------------

export MTRACE_CACHE="$SCRATCH/cache"
run "$build" --print
is_status 1 'nothing is there yet'
has "^$SCRATCH/cache/kernel-[0-9a-f]{12}\$" out '--print tells where it would be'
[ ! -e cache ]; ok $? 'and makes nothing'
cp out kernel
run "$build" --stock --print
has "^$SCRATCH/cache/stock-[0-9a-f]{12}\$" out 'the stock kernel has a directory of its own'
for patches in '--patch one' '--patch two' '--patch one --patch two'; do
	echo first >one
	echo second >two
	# shellcheck disable=SC2086 # words
	"$build" $patches --print
done >named
[ "$(sort -u kernel named | wc -l)" -eq 4 ]; ok $? 'other patches, other directories'
run "$build" --patch none --print
is_status 1 'a patch that is not there is an error'
run "$build" --stock --patch one
is_status 2 'the stock kernel takes no patch'
run "$build" --print --patch
is_status 2 '--patch needs a file'
mkdir -p "$(cat kernel)" && : >"$(cat kernel)/version"
run "$build"
is_status 0 'what is there is not built'
same kernel out 'but named'
MTRACE_CACHE='a b' run "$build"
is_status 1 'a cache that Linux cannot be built in is refused'
MTRACE_CACHE='' XDG_CACHE_HOME='' HOME='' run "$build" --print
is_status 1 'no place for a cache is an error'

# The directory depends on what goes in, and on nothing else: in a copy.
mkdir -p copy/kernel copy/filters/libmt
cp -R "$SRC/kernel/build-kernel" "$SRC/kernel/mtrace.config" "$SRC/kernel/mtrace.h" \
	"$SRC/kernel/hooks" "$SRC/kernel/patches" copy/kernel
cp "$SRC/filters/libmt/mt_struct.h" "$SRC/filters/libmt/mt_records.def" copy/filters/libmt
copy/kernel/build-kernel --print >same
same kernel same 'a copy of the tree has the same directory'
echo '/* */' >>copy/kernel/hooks/main.c
copy/kernel/build-kernel --print >other
! cmp -s kernel other; ok $? 'other hooks have another one'
echo '# ' >>copy/kernel/patches/0001-mm-zeroing-out-of-line.patch
copy/kernel/build-kernel --print >patched
! cmp -s other patched; ok $? 'so has another patch'

# ---- what goes wrong -------------------------------------------------------------

# A configuration with a line that Linux does not know, and a tree that is none:
# tar fails, or the check does; either way nothing stays.
mkdir bin
printf '#!/bin/sh\nexit 1\n' >bin/tar
chmod +x bin/tar
sed "s|^	PATH=/usr/sbin|	PATH=$SCRATCH/bin:/usr/sbin|" "$build" >copy/kernel/build-kernel
if [ -e /usr/src/linux-source-6.1.tar.xz ]; then
	run copy/kernel/build-kernel
	is_status 1 'a step that fails ends the build'
	has '^build-kernel: unpacking the source failed with status 1, see .*\.log$' err \
		'and is named, with the log'
	find cache -name 'build-kernel.tmp*' -o -name 'linux-*' ! -name '*.log' >left
	[ ! -s left ]; ok $? 'nothing half-made is left'

	printf '#!/bin/sh\nsleep 60\n' >bin/tar
	rm err			# it has a "+ tar", too
	copy/kernel/build-kernel >out 2>err &
	pid=$!
	while ! grep -qs '^+ tar' err; do sleep 0.1; done
	kill -TERM $pid
	wait $pid
	# shellcheck disable=SC2034 # is_status reads it
	status=$?
	is_status 143 'SIGTERM ends it with its status'
	find cache -name 'build-kernel.tmp*' >left
	[ ! -s left ]; ok $? 'and cleans up'
else
	for i in 1 2 3 4 5; do skip 'linux-source-6.1 is not installed' "a failing build, check $i"; done
fi

# ---- the products -----------------------------------------------------------------

unset MTRACE_CACHE
if products=$("$build" --print); then
	for f in mscan.kern mscan.syms mscan.bzImage mtrace.ko version; do
		[ -s "$products/$f" ]; ok $? "$f is there"
	done
	has ' [Tt] schedule$' "$products/mscan.syms" 'mscan.syms has the symbols'
	readelf -S "$products/mscan.kern" >sections 2>/dev/null
	has 'debug_info' sections 'mscan.kern has debug information'
	! readelf --string-dump=.debug_line_str "$products/mscan.kern" 2>/dev/null | grep -q '\]  /'
	ok $? 'and no path of the build in it'
else
	skip 'make kernel was not run' 'the products'
fi
done_testing
