# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
# One benchmark of mtrace-mosbench, which sources this: record it, judge what it
# recorded, analyse that. $name is the benchmark; its directory is the current one.

# ---- steps ----------------------------------------------------------------------

hash()
{
	sha256sum | cut -c 1-16
}

# A step that succeeded leaves the hash of what it depends on.
is_done()	# STEP HASH
{
	[ "$(cat ".done/$1" 2>/dev/null)" = "$2" ]
}

forget()
{
	for step do
		rm -f ".done/$step"
	done
}

is_done_now()	# STEP HASH
{
	echo "$2" >".done/$1"
}

# failed TEXT: what the table says of this benchmark.
failed()
{
	verdict=$*
	say "$name: $*"
	return 1
}

quote()
{
	printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# ---- recording ----------------------------------------------------------------------

guest_command()
{
	folder=${name%%/*} data=''
	[ ! -e "$source/$folder/prepare" ] || data=" MOSBENCH_DATA=/var/lib/mosbench/$folder"
	load=''
	[ "$folder" = "$name" ] || load=" ${name#*/}"
	echo "MOSBENCH_GUEST=1 MOSBENCH_BIN=/srv/mosbench/build$data" \
		"sh /srv/mosbench/$folder/run$load --cores $cores${limit:+ $limit}"
}

# All of MOSBENCH that this benchmark can depend on: not the other ones.
sources_of()	# FOLDER
{
	for f in *; do
		case $f in
		build | mtrace-mosbench | benchmark.sh | analyses | README.md) continue ;;
		esac
		[ ! -e "$f/run" ] || [ "$f" = "$1" ] || continue
		find "$f" -type f -exec sha256sum {} +
	done | sort
}

inputs()
{
	cat "$lib/qemu-prefix"
	sha256sum "$(command -v qemu-mtrace-linux)" "$lib/libmtrace.so" "$lib/mtrace-magic" \
		"$image/mkinitramfs" "$image/guest/init" "$objects/mscan.bzImage" "$objects/mtrace.ko"
	stat -L -c '%n %s %Y' "$root"
	(cd "$source" && sources_of "${name%%/*}")
}

keep_command()
{
	printf qemu-mtrace-linux >"qemu.cmd"
	for word do
		printf ' %s' "$(quote "$word")" >>"qemu.cmd"
	done
	echo >>"qemu.cmd"
}

# What the analyses need, and who wants to repeat them: under the names that
# these files have always had.
link_products()
{
	for f in mscan.kern mscan.syms mscan.bzImage mtrace.ko; do
		ln -sfn "$objects/$f" "$f"
	done
	ln -sfn "$lib/mtrace-magic" mtrace-magic
	ln -sfn "$mosbench/mosbench" "mosbench"
	ln -sfn "$mosbench/root" "root"
}

record()
{
	# shellcheck disable=SC2086 # words, or none
	set -- --cores "$cores" --ram $((1024 + 256 * cores)) --timeout "$timeout" --trace guest \
		$calls $reproducible --home off --root "$root" --bzImage "$objects/mscan.bzImage" \
		--run "$(guest_command)"
	id=$({ echo "$*"; inputs; } | hash)
	if is_done record "$id"; then
		say "$name: is recorded"
		return
	fi
	forget record judge
	rm -rf rows err labelled.mt ./*.json summary.txt report.html counts operations versions
	set -- "$@" --copy "$mosbench/mosbench,/srv/mosbench" --console "$PWD/console" \
		--mtrace-file "$PWD/mtrace.out"
	keep_command "$@"
	link_products
	say "$name: recording"
	run qemu-mtrace-linux "$@" >"qemu.out" 2>"qemu.err" ||
		failed "status $rc: $(tail -n 1 "qemu.err")" || return
	is_done_now record "$id"
}

# ---- judging what was recorded ----------------------------------------------------

# count NAME: a number of mt-stat.
count()
{
	sed -n "s/.*\"value\":\([0-9]*\),\"name\":\"$1\".*/\1/p" "counts" 2>/dev/null
}

versions()
{
	mt-cat "mtrace.out" | mt-totext --raw | sed -n 's/^begin.* producer="\([^"]*\)" qemu="\([^"]*\)".*/\1\n\2/p;q'
	cat "$(dirname "$(readlink -f "mscan.bzImage")")/version" 2>/dev/null
	echo "root $(readlink -f "$root")"
	sed 's/#.*//' "$source/${name%%/*}/packages" 2>/dev/null | tr -s '[:blank:]' '\n' |
		awk 'NR == FNR { wanted[$1]; next }
			$1 == "Package:" { p = $2 } $1 == "Version:" && p in wanted { print p, $2 }' \
			- "root/var/lib/dpkg/status"
}

# The benchmark itself says whether it went well; the log must agree.
judge()
{
	id=$(stat -c '%s %y' "mtrace.out" | hash)
	! is_done judge "$id" || return 0
	tail -n 1 "qemu.out" >"operations"
	operations=$(sed -n "s|^${name##*/}: operations \([1-9][0-9]*\) seconds [0-9.]* cores $cores\$|\1|p" "operations")
	[ "$operations" ] || failed 'it said nothing of operations, see qemu.out' || return
	mt-cat "mtrace.out" 2>"check" | mt-check >>"check" 2>&1 ||
		failed 'the log is not sound, see check' || return
	mt-cat "mtrace.out" | mt-stat | mt-tojson >"counts"
	[ "$(count 'appdata operations')" = "$operations" ] ||
		failed "the log counts '$(count 'appdata operations')' operations, not $operations" || return
	versions >"versions"
	is_done_now judge "$id"
}

# ---- analysing ----------------------------------------------------------------------

# The programs of a pipeline, as they are now.
programs_of()
{
	for word in $1; do
		case $word in
		mt-*) sha256sum "$(command -v "$word" || echo /dev/null)" ;;
		esac
	done | hash
}

# stage STEP INPUT PIPELINE: runs PIPELINE, unless it has made what it would make.
stage()
{
	id=$({
		stat -c '%s %y' "$2"
		readlink mscan.kern mtrace.ko root mosbench
		echo "$3"
		programs_of "$3"
	} | hash)
	! is_done "$1" "$id" || return 0
	forget "$1"
	echo "+ $3" >"err/$1"
	run sh -c "$3" 2>>"err/$1" || failed "$1 failed, see mscan.err" || return
	is_done_now "$1" "$id"
}

# Files by whose names the guest's code and data are called: what it ran is below
# root, but for MOSBENCH and our own. Expanded where they are read.
# shellcheck disable=SC2016
symbols='--root root mscan.kern mtrace.ko mtrace-magic $(find mosbench/build -maxdepth 1 -type f)'

# Calls are in the log for the stacks alone, and most of it. User code below the
# kernel's frames would make as many stacks of one as there were processes.
label()
{
	[ -e labelled.mt ] || forget label
	stage label mtrace.out "mt-cat mtrace.out | mt-stack --drop-calls --kernel-apart |
		mt-label --members $symbols | mt-cat -o labelled.mt"
}

# for_each COMMAND: COMMAND NAME SUMMARY PIPELINE, for each line of the table.
for_each()
{
	while IFS='	' read -r analysis part pipeline; do
		case $analysis in
		'' | '#'*) ;;
		*) "$1" "$analysis" "$part" "$pipeline" ;;
		esac
	done <"$tables/analyses"
}

# Rows name their objects, fields and functions in JSON; these records add nothing.
context='label|map|segment|section|switch|task|symbol|object|field|stack'

# The first of the workers to come here makes it.
analysis()	# NAME SUMMARY PIPELINE
{
	mkdir "$claims/$1" 2>/dev/null || return 0
	[ -e "$1.json" ] || forget "$1"
	stage "$1" labelled.mt "mt-cat labelled.mt | $3 | mt-addr2line $symbols >rows/$1 &&
		mt-tojson --names <rows/$1 | grep -Ev '^.\"type\":\"($context)\"' >$1.json" || :
}

# As many at once as there are processors. Each reads the log for itself, for
# decoding is a tenth of the work, and most of them need much memory.
all_analyses()
{
	claims=$(mktemp -d "$tmp/claims.XXXXXX")
	for _ in $(seq "$(getconf _NPROCESSORS_ONLN)"); do
		{ begin_worker; for_each analysis; } &
		workers="$workers $!"
	done
	# shellcheck disable=SC2086 # words
	wait $workers || :
	workers=''
	missing=$(for_each name_if_missing)
	[ ! "$missing" ] || verdict="no $(echo "$missing" | tr '\n' ' ')"
}

name_if_missing()	# NAME
{
	[ -e ".done/$1" ] || echo "$1"
}

part_of_summary()	# NAME SUMMARY
{
	[ "$2" != - ] || return 0
	printf '\n---- %s ----\n\n' "$1"
	if [ "$2" = all ]; then
		mt-totext <"rows/$1" || worst=1
	else
		mt-top -n "${2#*:}" "${2%:*}" <"rows/$1" | mt-totext || worst=1
	fi
}

summary()
{
	cat operations versions
	for_each part_of_summary
}

name_rows()	# NAME
{
	echo "rows/$1"
}

report()
{
	worst=0
	summary >summary.txt 2>err/summary
	[ "$worst" = 0 ] || failed 'no summary, see mscan.err' || return
	# shellcheck disable=SC2046,SC2002 # words
	cat $(for_each name_rows) | mt-tohtml --title "$name" >report.html 2>err/report ||
		failed 'no report.html, see mscan.err'
}

analyse()
{
	[ -e .done/judge ] || failed 'no sound log: nothing to analyse' || return
	[ -d root/. ] && [ -r mscan.kern ] ||
		failed 'root or mscan.kern is gone: --process=all records anew' || return
	mkdir -p rows err
	rm -f summary.txt report.html
	label && all_analyses
	[ "$verdict" != ok ] || report || :
	cat err/* >mscan.err
}

# ---- one benchmark --------------------------------------------------------------------

steps()
{
	if [ "$process" != mscan ]; then
		record || return
		judge || { forget record; return 1; }
	fi
	[ "$process" = mtrace ] || analyse
}

one_benchmark()	# NAME
{
	name=$1 verdict=ok started=$(date +%s)
	mkdir -p "$logs/$name/.done"
	cd "$logs/$name" || return
	steps || :
	moves=$(count 'accesses moved')
	operations=$(count 'appdata operations')
	printf '%s\t%s\t%s\t%s\t%s\n' "$name" "${operations:--}" "${moves:--}" \
		"$(($(date +%s) - started))" "$verdict" >result
	[ "$verdict" != ok ] || say "$name: $operations operations, $moves moves"
}

# What all of them came to; status 1 if one failed.
table()
{
	for name in $list; do
		cat "$logs/$name/result" 2>/dev/null || printf '%s\t-\t-\t-\tnot done\n' "$name"
	done | awk -F '\t' '
	BEGIN { printf "%-22s %12s %14s %16s %8s  %s\n", "benchmark", "operations", "moves", "moves/operation", "seconds", "status" }
	{
		printf "%-22s %12s %14s %16s %8s  %s\n", $1, $2, $3,
			($2 > 0 ? sprintf("%.2f", $3 / $2) : "-"), $4, $5
		bad = bad || $5 != "ok"
	}
	END { exit bad }'
}
