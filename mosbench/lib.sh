# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
# What every mosbench/NAME/run shares: options, the directory for data, what was
# started and must end, the traced interval, and the line with the result.
#
#	help='Usage: ...'			# what --help prints before the common options
#	. "$(dirname "$0")/../lib.sh"
#	parse exim 200 "$@"			# sets cores, ops or seconds, dir
#	server & ends_with_us $!		# set-up, not traced
#	trace_start exim
#	load ... || fail 'what went wrong'
#	trace_stop exim 200			# operations done; prints the result
#
# A script with options of its own defines own_option before parse: it gets the
# option and its value, and sets used to 2, 1 (it has no value) or 0 (not mine).
# One with something to end in a way of its own defines own_end.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=${MOSBENCH_BIN:-${here%/*}/build}
children=

# ---- complaints ---------------------------------------------------------------

# One line, once, with the benchmark's name; status 1.
fail() {
	echo "$name: $*" >&2
	exit 1
}

wrong() {
	echo "$name: $*; try: $0 --help" >&2
	exit 2
}

# ---- options --------------------------------------------------------------

common_help='
  --cores N     on N cpus (all there are)
  --ops N       operations in all (as many as take a traced machine of four cpus
                half a minute at most); or
  --seconds S   as many as S seconds allow, if this load can
  --dir DIR     data goes there and stays (a new directory that goes away)'

# number OPTION VALUE
number() {
	case $2 in
	'' | *[!0-9]* | ??????????*) wrong "$1: '$2' is not a number from 1" ;;
	esac
	[ "$2" -ge 1 ] || wrong "$1: '$2' is not a number from 1"
}

own_option() { used=0; }

# one_option OPTION VALUE: sets what it says; used is what it took.
one_option() {
	used=2
	case $1 in
	--cores) number "$@"; cores=$2 ;;
	--ops) number "$@"; ops=$2 seconds= ;;
	--seconds) number "$@"; seconds=$2 ops= ;;
	--dir) [ -n "$2" ] || wrong '--dir: which one?'; dir=$2 ;;
	--help) printf '%s\n%s\n' "$help" "$common_help"; exit 0 ;;
	*) own_option "$@" ;;
	esac
}

# parse NAME OPERATIONS ARGUMENT...: the run's name and default, then "$@".  A run
# of several loads has '' as its default, and each load its own.
# NAME comes from the script, the rest from its user.
parse() {
	name=$1 ops=$2 seconds='' dir='' cores=$(getconf _NPROCESSORS_ONLN)
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*)
			one_option "${1%%=*}" "${1#*=}"
			[ $used = 2 ] || wrong "$1: no such option with a value" ;;
		*)
			one_option "$1" "${2-}"
			[ $used -gt 0 ] || wrong "$1: no such option"
			[ $used -le $# ] || wrong "$1: needs a value"
			[ $used = 1 ] || shift ;;
		esac
		shift
	done
	prepare_dir
}

# ---- what must not stay ---------------------------------------------------------

prepare_dir() {
	remove=
	trap finish EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [ -z "$dir" ]; then
		dir=$(mktemp -d "${TMPDIR:-/tmp}/mosbench-$name.XXXXXX")
		remove=$dir
	fi
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
}

# ends_with_us PID...: a child that does not end by itself.
ends_with_us() {
	children="$children $*"
}

own_end() { :; }

finish() {
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	own_end || :
	for child in $children; do
		kill "$child" 2>/dev/null || :
	done
	for child in $children; do
		wait "$child" 2>/dev/null || :
	done
	[ -z "$remove" ] || rm -rf "$remove"
	exit $status
}

# wait_for TENTHS COMMAND...: until it succeeds; fails when it has not in time.
wait_for() {
	tenths=$1
	shift
	until "$@" >/dev/null 2>&1; do
		tenths=$((tenths - 1))
		[ $tenths -gt 0 ] || return 1
		sleep 0.1
	done
}

# ---- programs and cpus ------------------------------------------------------------

# program NAME: the path of one that mosbench/Makefile builds.
program() {
	[ -x "$bin/$1" ] || fail "$bin/$1 is missing: make -C ${here%/*}"
	echo "$bin/$1"
}

# needs COMMAND...: of packages; sbin is in no user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
needs() {
	for command in "$@"; do
		command -v "$command" >/dev/null || fail "$command is missing: see $here/packages"
	done
}

# on_cpu N COMMAND...: on cpu N of those there are, from 0.
on_cpu() {
	cpu=$(($1 % $(getconf _NPROCESSORS_ONLN)))
	shift
	taskset -c "$cpu" "$@"
}

# on_first_cpus N COMMAND...: on any of the first N.
on_first_cpus() {
	if [ "$1" -ge "$(getconf _NPROCESSORS_ONLN)" ]; then
		shift
		"$@"
	else
		cpus=0-$(($1 - 1))
		shift
		taskset -c "$cpus" "$@"
	fi
}

# ---- the traced interval --------------------------------------------------------------

# Hundredths of a second since boot; starts no process.
now() {
	read -r uptime rest </proc/uptime
	now=$((${uptime%.*} * 100 + 1${uptime#*.} - 100))
}

# Outside the tracer, or without its command, nothing is recorded.
magic() {
	if command -v mtrace-magic >/dev/null; then
		mtrace-magic "$@"
	fi
}

# trace_start NAME: what follows is in the log, under that name.
trace_start() {
	now
	started=$now
	magic "${MOSBENCH_MODE:-movement}" "$1"
}

# trace_end NAME OPERATIONS: no longer.
trace_end() {
	magic appdata "$2" operations
	magic disable "$1"
	now
	took=$((now - started))
}

# result NAME OPERATIONS: the last line, when all was right.
result() {
	[ "$2" -gt 0 ] || fail 'no operation was done'
	printf '%s: operations %d seconds %d.%02d cores %d\n' "$1" "$2" $((took / 100)) \
		$((took % 100)) "$cores"
}

# Both at once; a script that has to check what the load did first, and must not
# have that in the log, calls the one, then the other.
trace_stop() {
	trace_end "$@"
	result "$@"
}
