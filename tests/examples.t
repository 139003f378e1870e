#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command under EXAMPLES of every manual runs, and those of README and of the
# shipped log do too, which answer what that page shows; and options that a manual
# describes exist.
. "${SRC:-.}/tests/lib.sh"

[ -x "$B/mt-run" ] && [ -x "$B/examples/false-sharing/false-sharing" ] ||
	skip_all 'no tracer: make tracer'
cp "$B/examples/false-sharing/false-sharing" prog
mt-run -o log.mt ./prog 2000 >/dev/null 2>err || { cat err; skip_all 'mt-run does not run here'; }

# A guest would take long: here its options are checked, and its log is that of prog.
mkdir stand-in
PATH=$PWD/stand-in:$PATH
cat >stand-in/qemu-mtrace-linux <<'SH'
#!/bin/sh
"$SRC/qemu/qemu-mtrace-linux" --bzImage log.mt --dry-run "$@" >/dev/null || exit
case " $* " in *' --mtrace-file - '*) mt-cat log.mt ;; esac
SH
cat >stand-in/new-mtrace-image <<'SH'
#!/bin/sh
for word do
	case $word in
	--*) "$SRC/image/new-mtrace-image" --help | grep -q -e " ${word%%=*} " || exit 2 ;;
	*) touch "$word" ;;
	esac
done
SH
cat >stand-in/mtrace-mosbench <<'SH'
#!/bin/sh
logs=. names=
for word do
	"$SRC/mosbench/mtrace-mosbench" --help | grep -q -e "^ *${word%%=*} \|, ${word%%=*} " || exit 2
	case $word in --log-dir=*) logs=${word#*=} ;; --benchmark=all) ;; --benchmark=*) names="$names ${word#*=}" ;; esac
done
for name in $names; do
	mkdir -p "$logs/$name/rows" && mt-cat log.mt | mt-shared --by field >"$logs/$name/rows/fields" || exit
done
SH
# Nor is there a cluster: an array of jobs is run at once.
cat >stand-in/sbatch <<'SH'
#!/bin/sh
n='' out=/dev/null
for word do
	case $word in --array=1-*) n=${word##*-} ;; --output=*) out=${word#*=} ;; esac
	job=$word
done
[ -n "$n" ] || { "$job" >"$out"; exit; }
for i in $(seq "$n"); do SLURM_ARRAY_TASK_ID=$i "$job" || exit; done
SH
chmod +x stand-in/*

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
	awk '{ more = /(\||\\|&&)[ \t]*$/; sub(/\\[ \t]*$/, ""); printf "%s%s", $0, more ? " " : "\n" }'
}

# shown PAGE COMMAND: the lines below it in PAGE, which may leave out some and are cut
# on the right, are in ./out in that order.
shown() {
	awk -v command="$2" '
	NR == FNR { if (on && /^    [^$]/) want[++n] = substr($0, 5); else on = $0 == "    $ " command; next }
	at < n && index($0, want[at + 1]) == 1 { at++ }
	END { if (at < n) { print "# not there: " want[at + 1]; exit 1 } }' "$1" out
}

for page in "$SRC"/doc/*.[157] "$SRC/README.md" "$SRC/examples/mosbench/README.md"; do
	name=${page#"$SRC/"}
	name=${name#doc/}
	case $name in
	*.md) sed -n 's/^    \$ //p' "$page" >commands ;;
	*) examples "$page" | sed 's/^\$ //' >commands ;;
	esac
	[ -s commands ] || { case $name in mt-log.5) ;; *) ok 1 "$name has examples" ;; esac; continue; }
	rm -rf run && mkdir run && cp log.mt prog "$SRC"/examples/mosbench/*.mt run/ && : >run/root.ext4
	while read -r command; do
		[ -n "$command" ] || continue
		case $command in \#*) continue ;; esac
		status=0
		(cd run && bash -o pipefail -c "$command" <"/dev/null" >../out 2>../err) || status=$?
		# 141: a reader like head left; 3: a check that was asked for failed
		case $status in 0 | 141) ok 0 "$name: $command" ;;
		*) ok 1 "$name: $command"; echo "# status $status"; sed 's/^/# /' err ;;
		esac
		case $name in
		examples/*) shown "$page" "$command"; ok $? "$name: $command: answers what is shown" ;;
		esac
	done <commands
done

# Options that pages list, against --help of the program.
for page in "$SRC"/doc/*.1; do
	p=$(basename "$page" .1)
	for path in "$B/$p" "$SRC/qemu/$p" "$SRC/image/$p" "$SRC/mosbench/$p"; do [ ! -x "$path" ] || break; done
	"$path" --help >help.out
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$page" | grep -o 'Fl -[-a-zA-Z]*' | sed 's/^Fl -/--/' >listed
	bad=0
	while read -r option; do
		case $option in --help) continue ;; esac
		grep -q -e "$option\\([^-a-z]\\|\$\\)" help.out || { bad=1; echo "# $option"; }
	done <listed
	ok $bad "$p: --help has the options that its manual lists"
done
done_testing
