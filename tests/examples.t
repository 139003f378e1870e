#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command under EXAMPLES of every manual runs, and README's do too.
. "${SRC:-.}/tests/lib.sh"

[ -x "$B/mt-run" ] && [ -x "$B/examples/false-sharing/false-sharing" ] ||
	skip_all 'no tracer: make tracer'
cp "$B/examples/false-sharing/false-sharing" prog
mt-run -o log.mt ./prog 2000 >/dev/null 2>err || { cat err; skip_all 'mt-run does not run here'; }

# The commands of a page: .Dl lines and the literal blocks of EXAMPLES, with
# \e and \& undone; a line that ends in | or \ goes on.
examples() {
	awk '
	/^\.Sh /  { on = $2 == "EXAMPLES" }
	!on       { next }
	/^\.Dl /  { print substr($0, 5); next }
	/^\.Bd /  { block = 1; next }
	/^\.Ed/   { block = 0; next }
	block     { print }' "$1" |
	sed 's/\\&//g; s/\\e/\\/g; s/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(dq/"/g' |
	awk '{ printf "%s", $0; if ($0 ~ /(\||\\|&&)[ \t]*$/) { sub(/\\[ \t]*$/, ""); printf " " } else printf "\n" }'
}

for page in "$SRC"/doc/mt*.[157] "$SRC/README.md"; do
	name=$(basename "$page")
	case $name in
	*.md) sed -n 's/^    \$ //p' "$page" >commands ;;
	*) examples "$page" | sed 's/^\$ //' >commands ;;
	esac
	[ -s commands ] || { case $name in mt-log.5) ;; *) ok 1 "$name has examples" ;; esac; continue; }
	while read -r command; do
		[ -n "$command" ] || continue
		case $command in \#*) continue ;; esac
		rm -rf run && mkdir run && cp log.mt prog run/
		status=0
		(cd run && bash -o pipefail -c "$command" <"/dev/null" >../out 2>../err) || status=$?
		# 141: a reader like head left; 3: a check that was asked for failed
		case $status in 0 | 141) ok 0 "$name: $command" ;;
		*) ok 1 "$name: $command"; echo "# status $status"; sed 's/^/# /' err ;;
		esac
	done <commands
done
done_testing
