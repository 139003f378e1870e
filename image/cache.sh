# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
# What the scripts that fill the cache from this directory share: sourced by
# build-image and build-mosbench, with $program set.

child='' tmp='' log=/dev/null

die()
{
	echo "$program: $*" >&2
	exit 1
}

wrong()
{
	echo "$program: $* See $program --help" >&2
	exit 2
}

# shellcheck disable=SC2317 # the trap reaches it
cleanup()
{
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	if [ "$child" ]; then
		kill -TERM "-$child" 2>/dev/null || :
		wait "$child" || :
	fi
	# What was just ended may still be writing: try again.
	[ -z "$tmp" ] || rm -rf --one-file-system "$tmp" || { sleep 1; rm -rf --one-file-system "$tmp"; }
	exit "$status"
}

# Runs a command, shown and logged. In a process group of its own, for then
# cleanup ends its children with it; without the lock, for then the lock is
# free as soon as the script is gone, however it went.
run()
{
	echo "+ $*" >&2
	echo "+ $*" >>"$log"
	setsid "$@" >>"$log" 2>&1 </dev/null 9>&- &
	child=$!
	rc=0
	wait "$child" || rc=$?
	child=''
	return "$rc"
}

# step WHAT COMMAND...: a command without which there is nothing.
step()
{
	what=$1
	shift
	run "$@" || die "$what failed with status $rc, see $log"
}

find_cache()
{
	if [ -z "${MTRACE_CACHE-}" ] && [ -z "${XDG_CACHE_HOME-}" ]; then
		[ "${HOME-}" ] || die 'no MTRACE_CACHE, XDG_CACHE_HOME or HOME'
	fi
	cache=${MTRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mtrace}
	case $cache in
	/*) ;;
	*)  cache=$PWD/$cache ;;
	esac
}

hash()
{
	sha256sum | cut -c 1-12
}

# What a directory holds - names, modes, contents - but for build directories.
tree_hash()
{
	(cd "$1" && find . -name build -prune -o ! -type d -printf '%m %p %l\n' | sort
		cd "$1" && find . -name build -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum) | hash
}

# One at a time makes something. What a killed one has left goes away: we hold
# the lock, so nobody is at work.
take_lock()
{
	mkdir -p "$cache" 2>/dev/null || die "$cache: cannot make this directory"
	[ -w "$cache" ] || die "$cache: not writable"
	exec 9>"$cache/$program.lock"
	flock -n 9 || {
		echo "$program: waiting for another one" >&2
		flock 9
	}
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	rm -rf --one-file-system "$cache/$program".tmp.*
	tmp=$(mktemp -d "$cache/$program.tmp.XXXXXX")
	chmod 755 "$tmp"
}
