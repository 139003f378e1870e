#!/bin/sh
# SPDX-License-Identifier: MIT
# MOSBENCH's own programs and what their run scripts promise, on this machine:
# the results are right, the operations are counted, nothing stays behind.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"

[ -e /usr/include/db.h ] || skip_all 'no Berkeley DB: apt-get install libdb5.3-dev'
make -C "$SRC/mosbench" B="$B/mosbench" CFLAGS='-O2 -g' >make.out 2>&1 ||
	{ cat make.out; echo 'Bail out! MOSBENCH cannot be built'; exit 1; }
MOSBENCH_BIN=$B/mosbench
TMPDIR=$PWD/tmp
mkdir tmp
export MOSBENCH_BIN TMPDIR
PATH=$MOSBENCH_BIN:$PATH
m=$SRC/mosbench

# reports NAME OPERATIONS CORES WHAT: the last run said so, last, and all was well.
reports() {
	tail -n 1 out | grep -Eqx "$1: operations $2 seconds [0-9]+\.[0-9][0-9] cores $3" && [ "$status" = 0 ]
	ok $? "$4"
	[ "$status" = 0 ] || sed 's/^/# /' out err
}
gone() { [ -z "$(ls -A tmp)" ]; ok $? "$1"; }
words() { LC_ALL=C grep -oabE '[[:alnum:]_]+' "$1"; }

# ---- the run scripts' common part --------------------------------------------------

for b in micro psearchy metis gmake; do
	run "$m/$b/run" --help
	is_status 0 "$b/run --help"
	has '^  --cores N' out '... says what all of them take'
	run "$m/$b/run" --nonsense
	is_status 2 "$b/run refuses an option that it does not know"
	run "$m/$b/run" --cores
	is_status 2 '... and one without its value'
	run "$m/$b/run" --ops 0
	is_status 2 '... and a number that is none'
	has "^$b: " err '... in its own name'
done
gone 'nothing of it stays in TMPDIR'

run env MOSBENCH_BIN=/nowhere "$m/psearchy/run"
is_status 1 'a program that was not built'
has 'psearchy is missing: make -C' err '... and how it is built'

# A tracer's command: which calls, and in which order.
mkdir bin
cat >bin/mtrace-magic <<'SH'
#!/bin/sh
echo "$@" >>"$CALLS"
SH
chmod +x bin/mtrace-magic
if command -v tcc >/dev/null; then
	run env CALLS="$PWD/calls" PATH="$PWD/bin:$PATH" "$m/gmake/run" --cores 2 --ops 5
	printf '%s\n' 'movement gmake' 'appdata 5 operations' 'disable gmake' >want
	same want calls 'the traced interval: mode, operations, off, with the name of the run'
	rm calls
	run env MOSBENCH_MODE=all CALLS="$PWD/calls" PATH="$PWD/bin:$PATH" "$m/gmake/run" --cores=2 --ops=5
	has '^all gmake$' calls 'MOSBENCH_MODE is the mode'

	# ---- gmake --------------------------------------------------------------

	run "$m/gmake/run" --cores 2 --ops 12
	reports gmake 12 2 'gmake: an operation is a file that was compiled'
	gone '... and the project goes away'
	run "$m/gmake/run" --ops 3 --dir data
	[ -x data/project/program ] && [ "$(data/project/program)" = "$(cat data/project/expected)" ]
	ok $? '--dir: the program that was built stays, and prints what awk has computed'
	run "$m/gmake/run" --seconds 1
	has '^gmake: operations [0-9]*[02468]0 seconds [1-9]' out '--seconds: whole builds, until the time is up'
	run "$m/gmake/run" --cc false --ops 3
	is_status 1 'a compiler that fails'
	has '^gmake: make: ' err '... is told'
	"$m/gmake/sources" one 20
	"$m/gmake/sources" two 20
	diff -r one two >diff.out
	ok $? 'the project is the same every time'
else
	skip 'no tcc' gmake
fi

# ---- micro ----------------------------------------------------------------------------

micro --help | sed -n 's/^  \([a-z][a-z-]*[a-z]\)  .*/\1/p' | sort >known
sort "$m/micro/loads" >listed
same known listed 'micro/loads lists every load of micro'

good=0
while read -r load; do
	for variant in '' --own --threads --processes; do
		# shellcheck disable=SC2086
		micro "$load" $variant --cores 3 --ops 30 >out 2>err &&
			grep -Eqx "$load( $variant)?: operations 30 seconds [0-9.]+ cores 3" out ||
			{ good=1; echo "# $load $variant"; sed 's/^/# /' out err; }
	done
done <"$m/micro/loads"
ok $good 'every load in every variant does all its operations'

run "$m/micro/run" open tcpee --cores 2 --ops 20
reports tcpee 20 2 'micro/run: several loads'
has '^open: operations 20 ' out '... each with a line'
run micro open --cores 3 --ops 100
reports open 102 3 'operations are shared out evenly, rounded up'
for load in pipe fops-pipe procy; do
	run timeout 20 micro $load --cores 2 --seconds 1
	reports $load '[0-9]+' 2 "$load --seconds: partners stop together"
	has "^$load: operations [0-9]+ seconds 1[.]" out '... when the time is up'
done
run micro open --dir /nowhere
is_status 1 'a directory that is not there'
run micro known-list
is_status 1 'a load without its device'
has '^known-list: /dev/known: No such file' err '... says so, once'
[ "$(wc -l <err)" = 1 ]; ok $? '... in a line'
run micro --own --threads open
is_status 2 'a program of its own cannot be a thread'

# Killed in the middle: workers and partners end, too.
micro hackbench --seconds 100 >out 2>err &
pid=$!
soon() { for _ in 1 2 3 4 5 6 7 8 9 10; do "$@" >worker && return; sleep 0.1; done; return 1; }
soon pgrep -P $pid && worker=$(head -n 1 worker)
kill $pid
wait $pid 2>wait.err
[ $? = 143 ]; ok $? 'a signal ends micro'
ended() { ! kill -0 "$worker" 2>kill.err; }
soon ended; ok $? '... its workers'
gone '... and its files'

# ---- psearchy -------------------------------------------------------------------------

psearchy --text --ops 20 . && psearchy --text --ops 20 tmp && cmp -s 7.txt tmp/7.txt
ok $? 'psearchy: its text is the same every time'
rm tmp/*
printf 'One two; two_2 TWO\n\377\376end' >odd.txt
yes many | head -n 5000 >many.txt			# more than fit in a record of the database
: >empty.txt
head -c 300 /dev/zero | tr '\0' a >long.txt
ls ./*.txt >list
while read -r f; do
	words "$f" | awk -v f="$f" '{ i = index($0, ":")
		print substr(tolower(substr($0, i + 1)), 1, 200) " " f ":" substr($0, 1, i - 1) }'
done <list | sort >want
for variant in '--cores 1' '--threads --cores 3' '--processes --cores 3' '--rr --cores 4' \
	'--table-size 65536 --cores 2' '--table-size 65536 --threads --cores 2'; do
	mkdir index
	# shellcheck disable=SC2086
	run psearchy $variant index <list
	psearchy --query index | sort >got
	same want got "psearchy $variant: every word of every file is where grep finds it"
	reports psearchy 24 '[0-9]' '... and an operation is a file'
	! ls index/run* >/dev/null 2>&1; ok $? '... and runs are gone'
	psearchy --query index two_2 nosuchword >got
	grep '^two_2 ' want | cmp -s - got; ok $? '... and a word can be asked for'
	rm -r index
done
mkdir index
echo /nowhere >bad.list
run psearchy index <bad.list
is_status 1 'psearchy: a file that is not there'
has '/nowhere: No such file' err '... is named'
run psearchy --query .
is_status 1 'psearchy --query: no index'
run psearchy index </dev/null
is_status 1 'psearchy: an empty list'
run "$m/psearchy/run" --cores 2 --ops 10
reports psearchy 10 2 'psearchy/run'
run "$m/psearchy/run" --cores 2 --threads --files "$SRC/kernel" --ops 1000
reports psearchy "$(find "$SRC/kernel" -type f | wc -l)" 2 'psearchy/run --files: a directory'
gone '... leaves nothing'

# ---- metis ----------------------------------------------------------------------------

cat ./*.txt >text
kib=$((($(wc -c <text) + 1023) / 1024))
words text | cut -d : -f 2- | sort | uniq -c | awk '{ print $1, $2 }' | sort -k 2 >want.counts
words text | awk '{ i = index($0, ":"); print substr($0, i + 1), substr($0, 1, i - 1) }' |
	sort -k 1,1 -k 2,2n >want.places
for cores in 1 2 7; do
	run metis --input text --output places --cores $cores
	reports metis $kib $cores "metis, $cores workers: an operation is a KiB"
	same want.places places '... and the inverted index is that of grep and sort'
	run metis wordcount --input text --output counts --cores $cores
	same want.counts counts '... and the counts are those of sort and uniq'
	run metis histogram --input text --output levels --cores $cores
	od -An -v -tu1 -w3 text | awk 'NF == 3 { n["r" $1]++; n["g" $2]++; n["b" $3]++ }
		END { for (k in n) print k, n[k] }' | sort >want
	same want levels '... and the histogram is that of od and awk'
	run metis regression --input text --output line --cores $cores
	od -An -v -tu1 -w2 text | awk 'NF == 2 { n++; x += $1; xx += $1 * $1; xy += $1 * $2; y += $2; yy += $2 * $2 }
		END { b = (n * xy - x * y) / (n * xx - x * x)
		printf "n %d\nx %d\nxx %d\nxy %d\ny %d\nyy %d\nslope %.6f\nintercept %.6f\n",
			n, x, xx, xy, y, yy, b, (y - b * x) / n }' >want
	same want line '... and the line is that of awk'
	run metis matrix --ops 17 --output product --cores $cores
	awk 'BEGIN { n = 17
		for (i = 0; i < n; i++) for (j = 0; j < n; j++) {
			s = 0
			for (k = 0; k < n; k++) s += (7 * i + 3 * k) % 10 * ((5 * k + j) % 11)
			printf "%d%s", s, j < n - 1 ? " " : "\n"
		} }' >want
	same want product '... and the product is that of awk'
done
run "$m/metis/run" --ops 64 --cores 2 --huge
reports metis 64 2 'metis/run --huge'
run "$m/metis/run" wordcount --seconds 1 --cores 2
reports metis-wordcount '[0-9]+' 2 'metis/run --seconds'
run metis --input /nowhere
is_status 1 'metis: an input that is not there'
run metis --input /dev/null
is_status 1 'metis: an input without a byte'
run metis nonsense
is_status 2 'metis: no such application'
for program in micro psearchy metis; do
	$program --help >help.out
	[ "$(wc -l <help.out)" -le 42 ]; ok $? "$program --help is short"
done
run sh -c 'metis --ops 10 >/dev/full'
is_status 1 'a result that cannot be written'
done_testing
