#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-shard-run with GNU parallel: the result of one run, whatever the parts; and
# what happens when one fails.  (With Slurm: tests/slurm.t.)
. "${SRC:-.}/tests/lib.sh"
command -v parallel >/dev/null || skip_all 'no GNU parallel: apt install parallel'

mktrace 20000 >stream 2>err || { cat err; exit 1; }
mt-cat -o log.mt - <stream
for by in line object pc; do
	mt-cat log.mt | mt-shared --by $by >want
	for parts in 1 2 7 64; do
		mt-shard-run -n $parts log.mt 'mt-shared --partial' "mt-shared --by $by" >got 2>err && [ ! -s err ] &&
			cmp -s want got
		ok $? "mt-shared --by $by of $parts parts is that of the whole"
	done
done

# exact NAME LOG PART FINAL: what is exact for an analysis is chosen.
exact() {
	mt-cat "$2" | sh -c "$4" >want 2>err
	mt-shard-run -n 5 "$2" "$3" "$4" 2>err | cmp -s - want
	ok $? "$1: 5 parts are the whole"
}
if command -v python3 >/dev/null; then
	python3 "$SRC/tests/model/lock-logs.py" 1 1 3000 | mkrec | mt-cat -o locks.mt -
	python3 "$SRC/tests/model/random-scopes.py" 303 303 4000 | mkrec | mt-cat -o scopes.mt -
	# shellcheck disable=SC2016 # for the shell of the part
	exact 'mt-serial, told its part' locks.mt 'mt-serial --by section --partial --part $PART' 'mt-serial --by section'
	exact 'mt-scopes' scopes.mt 'mt-scopes --list --partial' 'mt-scopes --list'
	exact 'mt-syscalls, by task' scopes.mt 'mt-syscalls --partial' mt-syscalls
	exact 'mt-sets, by cpu' locks.mt 'mt-sets --partial' mt-sets
	exact 'mt-locks, by object' locks.mt 'mt-locks --partial --pcs' 'mt-locks --pcs --all'
else
	skip 'no python3' 'what is exact for an analysis is chosen'
fi
run mt-shard-run --by line log.mt 'mt-sets --partial' mt-sets
is_status 2 'a way that is not exact for the analysis is refused'
has 'by cpu they do' err '... with the one that is'
run mt-shard-run --by line log.mt 'mt-locks --partial' mt-locks
is_status 2 '... mt-locks by line, which does not see who has touched an object'
run mt-shard-run --by line log.mt 'mt-locks --hidden --partial' 'mt-locks --hidden'
is_status 0 '... but not where that makes no difference'
run mt-shard-run --by line log.mt 'mt-rcu --published --partial' 'mt-rcu --published'
is_status 2 '... nor mt-rcu --published'
mt-cat log.mt | mt-shared >want
mt-shard-run --parts=3 --jobs=1 log.mt 'cat | mt-shared --partial' 'mt-shared | cat' | cmp -s - want
ok $? 'one at a time, and pipelines as commands'
mkdir "it's here" elsewhere
cp log.mt "it's here/a log"
(cd "it's here" && mt-shard-run -n 2 --dir ../elsewhere 'a log' 'mt-shared --partial' mt-shared) | cmp -s - want
ok $? 'names with blanks and quotes'
[ -z "$(ls -A elsewhere)" ] && [ "$(ls -d mt-shard-run.* 2>/dev/null)" = '' ]
ok $? 'nothing is left behind'

run mt-shard-run -n 3 log.mt 'echo it broke >&2; false' cat
is_status 1 'a part that fails'
has '^it broke$' err '... says why'
has '^mt-shard-run: a part failed$' err '... and so do we, and not parallel'
[ ! -s out ] && [ "$(grep -c -e parallel -e '^mt-shard' err)" -eq 1 ]
ok $? '... with no output'
run mt-shard-run -n 3 log.mt 'mt-shared --partial' 'mt-shared; exit 4'
is_status 1 'a FINAL that fails'
head -c 3000 log.mt >cut.mt
run mt-shard-run -n 2 cut.mt 'mt-shared --partial' mt-shared
is_status 1 'a damaged log'
run mt-shard-run -n 2 missing.mt cat cat
is_status 1 'no log'
has '^mt-shard-run: missing.mt: ' err '... is named'
for o in '-n 0' '-n x' '--by colour' '--with pigeons' '--with parallel --sbatch x' '--with slurm --hosts a' '-n'; do
	# shellcheck disable=SC2086 # several words
	run mt-shard-run $o log.mt cat cat
	is_status 2 "wrong usage: $o"
done
run mt-shard-run log.mt cat
is_status 2 'FINAL is missing'
[ "$(ls -d mt-shard-run.* 2>/dev/null)" = '' ]
ok $? 'and then, too, nothing is left behind'

# Ended in the middle: the directory goes.
mt-shard-run -n 2 log.mt 'cat >/dev/null; sleep 60' cat 2>/dev/null &
pid=$!
for i in $(seq 50); do ls -d mt-shard-run.*/part >/dev/null 2>&1 && break; sleep 0.1; done
sleep 0.3
kill -TERM $pid
wait $pid
[ $? -eq 143 ] && [ "$(ls -d mt-shard-run.* 2>/dev/null)" = '' ]
ok $? 'SIGTERM ends it, and cleans up'

done_testing
