#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-scale: the predicted speed-up, by formula and by simulation.
. "${SRC:-$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

# rows OPTIONS <text: rows of type scaling, the members of $show.
show='"\(.cores) \(.speedup) \(.speedup_max) \(.share) \(if .name == "" then "-" else .name end)"'
rows() {
	mkrec >log.mt && mt-scale "$@" <log.mt | mt-tojson | jq -r "select(.type == \"scaling\") | $show" >got
}
expect() { cat >want; same want got "$1"; }

# ---- the formulas ----------------------------------------------------------------------

# One lock, 1000 of 101000 instructions, of which 1000 are waiting; 40 misses
# under it and 100 in all, 10 of them while waiting; 2 acquisitions.
#   miss(n) = 200 + 50 n; time(n) = 1000 + 2 * 5 n^2 + 40 * miss(n)
#   min = 100000; max(n) = 100000 + 90 * miss(n)
# n = 2: miss 300, time 13040, max 127000, share 0.102677, parallel 56980
#   alone: miss(1) 250, time(1) 11010, max(1) 122500
#   low:  88990 / 56980 = 1.561776; 1 / (0.102677 + 0.897323 / 1.561776) = 1.476624
#   high: 111490 / 56980 = 1.956652; 1 / (0.102677 + 0.897323 / 1.956652) = 1.781702
table='begin
work total_instructions=101000 total_waited=1000 total_moves=80 waited_moves=5 total_atomics=20 waited_atomics=5
serial name=A instructions=1000 acquires=2 moves=30 atomics=10 section=lock
serial name=readers instructions=90000 acquires=1 section=lock read=1
serial name=small instructions=999 acquires=2 moves=30 atomics=10 section=lock'
echo "$table" | rows --cores 2 --lock-latency 5 --uncontended
expect 'bounds: the lock that takes longest limits, readers do not' <<'ROWS'
2 1477 1782 102677 A
ROWS
python3 - >want <<'PY'
for n in range(2, 49):
    miss, miss1 = 200 + 50 * n, 250
    time, time1 = 1000 + 2 * 5 * n * n + 40 * miss, 1000 + 10 + 40 * miss1
    most, most1 = 100000 + 90 * miss, 100000 + 90 * miss1
    s, parallel = time / most, (most - time) / n
    low, high = (1 / (s + (1 - s) / ((x - time1) / parallel)) for x in (100000, most1))
    print(n, int(low * 1000 + .5), int(high * 1000 + .5), int(s * 1e6 + .5), "A")
PY
echo "$table" | rows --lock-latency 5 --uncontended
same want got '2 to 48 cores, as the formulas have it'

echo "$table" | rows --cores 2 --lock-latency 5 --uncontended --model amdahl
expect 'Amdahl: 1 / (s + (1 - s) / n) with that share' <<'ROWS'
2 1814 1814 102677 A
ROWS
echo "$table" | rows --cores 4 --lock-latency 0 --miss-latency 0 --miss-per-core 0 --model amdahl
expect 'constants are options: of 100000 instructions 1000 are serial' <<'ROWS'
2 1980 1980 10000 A
3 2941 2941 10000 A
4 3883 3883 10000 A
ROWS

rows --cores 2 --miss-latency 0 --miss-per-core 100 --lock-latency 1000 --uncontended <<'LOG'
work total_instructions=100000 total_moves=50
serial name=lock instructions=100 acquires=1 section=lock
serial name="cmpxchg x" instructions=4300 acquires=9 section=retry
serial name=field instructions=50 acquires=50 moves=21 section=access
LOG
expect 'a retry costs no acquisition (4300, a lock 4100), an access under no lock its misses only (4200)' <<'ROWS'
2 1755 1840 39091 cmpxchg x
ROWS
rows --cores 2 --uncontended <<'LOG'
work total_instructions=100
serial name=A instructions=50 acquires=10
LOG
expect 'more than all of the work is serial: slower than one core' <<'ROWS'
2 0 0 2000500000 A
ROWS
# Per-cpu locks are acquired most, and limit nothing; 100 acquisitions that nobody
# else wanted do not cost what 5 contended ones do: time(2) = 1000 + 5 * 10 * 4, time(1)
# = 1050, so 1 / (0.012 + 0.988 / (98950 / 49400)) = 1.979.
rows --cores 2 --lock-latency 10 --miss-latency 0 --miss-per-core 0 <<'LOG'
work total_instructions=100000 n_cpus=4
serial name=percpu instructions=3000 acquires=900 contended=900 cpus=1
serial name=shared instructions=1000 acquires=100 contended=5 cpus=3
LOG
expect 'only contended acquisitions cost more; what one cpu of several has for itself limits nothing' <<'ROWS'
2 1979 1979 12000 shared
ROWS
mkrec >log.mt <<'LOG'
work total_instructions=100000 n_cpus=1
serial name=only instructions=1000 cpus=1
LOG
mt-scale --cores 2 <log.mt | mt-tojson | jq -r "select(.type == \"scaling\") | $show" >got
expect '... but in a log of one cpu it may' <<'ROWS'
2 1980 1980 10000 only
ROWS
rows --cores 3 <<'LOG'
work total_instructions=9000
LOG
expect 'nothing is serial: as many times as there are cores' <<'ROWS'
2 2000 2000 0 -
3 3000 3000 0 -
ROWS

mkrec <<'LOG' >log.mt
work total_instructions=1000
serial name=one instructions=100 section=retry
mode mode=movement name=next
work total_instructions=1000
serial name=two instructions=200 section=retry
LOG
mt-scale --cores 2 --model amdahl <log.mt | mt-tojson | jq -r 'if .type == "mode" then .name else .name // empty end' >got
expect 'runs are predicted each by itself' <<'ROWS'
one
next
two
ROWS

echo "$table" | mkrec | mt-scale --cores 2 --lock-latency 5 --uncontended | mt-totext >text
has '^ +2 +1\.48 +1\.78 +10\.3 % +A$' text 'mt-totext: a table of bounds'

# ---- simulations -----------------------------------------------------------------------

for model in step queue; do
	mt-scale --model $model --parallel 50 --serial 50 >one
	mt-scale --model $model --parallel 50 --serial 50 >two
	cmp -s one two
	ok $? "$model: the same seed gives the same bytes"
	mt-scale --model $model --parallel 50 --serial 50 --seed 2 >two
	! cmp -s one two
	ok $? "$model: another seed gives others"
	mt-tojson <one | jq -r 'select(.type == "scaling") | select(.cores > 24) |
		if .speedup > 1980 and .speedup < 2020 then empty else . end' >got
	expect "$model: half of it serial: twice as fast on many cores, within 1 %" </dev/null
done
mt-scale --model step --parallel 999 --serial 100 --cores 60 --steps 200000 | mt-tojson |
	jq -r 'select(.cores == 60) | if .speedup > 10600 and .speedup < 11380 then "10.99" else .speedup end' >got
expect 'step: 100 of 1099 units: 10.99 times, within 3.5 %' <<'ROWS'
10.99
ROWS
mt-scale --model queue --parallel 1000 --serial 0 --cores 8 | mt-tojson | jq -r 'select(.type == "scaling") | .speedup' | tail -1 >got
mt-scale --model step --parallel 0 --serial 10 --cores 8 | mt-tojson | jq -r 'select(.type == "scaling") | .speedup' | tail -1 >>got
expect 'nothing serial: 8 times on 8 cores; all of it: once' <<'ROWS'
8000
1000
ROWS
rows --model queue --cores 40 <<'LOG'
work total_instructions=1000
serial name=A instructions=250
LOG
awk '$1 == 40 { print ($2 > 3900 && $2 < 4100), $4, $5 }' got >got2; mv got2 got
expect 'without --parallel and --serial the share of the largest row is simulated' <<'ROWS'
1 250000 A
ROWS

run mt-scale --parallel 1 </dev/null; is_status 2 'units without a simulation are refused'
run mt-scale --cores 1 </dev/null; is_status 2 'one core is not scaling'

done_testing
