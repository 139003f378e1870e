# SPDX-License-Identifier: MIT
# TAP in a few lines; sourced by every tests/*.t.  $SRC is the source tree and
# $B the build directory, both absolute (set by the Makefile, or found here).
set -u
SRC=${SRC:-$(cd "$(dirname "$0")/.." && pwd)}
B=${B:-$SRC/build}
PATH=$B:$B/helper:$PATH
export SRC B PATH LC_ALL=C
SCRATCH=$(mktemp -d) && cd "$SCRATCH" || exit 99
trap 'cd /; rm -rf "$SCRATCH"' EXIT
trap 'exit 99' HUP INT TERM
n=0

# ok STATUS NAME: passes when STATUS is 0.
ok() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# run COMMAND...: output to ./out, messages to ./err, status to $status.
run() { status=0; "$@" >out 2>err || status=$?; }

# is_status WANT NAME
is_status() {
	[ "$status" -eq "$1" ]; ok $? "$2"
	[ "$status" -eq "$1" ] || { echo "# status $status, wanted $1"; sed 's/^/# /' err; }
}

# same WANT GOT NAME: two files.
same() {
	if diff -u "$1" "$2" >diff.out 2>&1; then ok 0 "$3"; else ok 1 "$3"; sed 's/^/# /' diff.out | head -40; fi
}

# has PATTERN FILE NAME: an extended regular expression.
has() {
	if grep -Eq -e "$1" "$2"; then ok 0 "$3"; else ok 1 "$3"; echo "# no /$1/ in:"; sed 's/^/# /' "$2" | head -20; fi
}

# skip WHY NAME; skip_all WHY: nothing can be tested here, and says why.
skip() { n=$((n + 1)); echo "ok $n - $2 # SKIP $1"; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }

done_testing() { echo "1..$n"; }
