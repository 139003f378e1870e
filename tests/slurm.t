#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-shard-run on a cluster: a Slurm of one machine, on the loopback interface,
# from the distribution's packages, started here and stopped at the end.
. "${SRC:-.}/tests/lib.sh"
[ "$(id -u)" = 0 ] || skip_all 'not root: slurmd runs jobs as other users'
for p in munged slurmctld slurmd sbatch ss; do
	command -v $p >/dev/null || skip_all "no $p: apt install munge slurmctld slurmd slurm-client iproute2"
done

# munge insists on directories that only root can change
here=$(mktemp -d /run/mt-slurm.XXXXXX) || skip_all 'no directory in /run'
chmod 755 "$here"
mkdir "$here/state" "$here/spool"
pids=''
# shellcheck disable=SC2086 # several
end() { [ -z "$pids" ] || { kill $pids; wait $pids; } 2>/dev/null; rm -rf "$here"; cd / && rm -rf "$SCRATCH"; }
trap end EXIT

name=$(hostname -s)
# Ports that nobody has: from those below the ones that the system gives out.
port=$((20000 + $$ % 6000 * 2))
cat >"$here/slurm.conf" <<CONF
ClusterName=mtrace
SlurmctldHost=$name(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$here/munge.socket
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SchedulerParameters=sched_min_interval=0,bf_interval=1
NodeName=$name NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF="$here/slurm.conf"
head -c 1024 /dev/urandom >"$here/munge.key"
chmod 600 "$here/munge.key"
munged --foreground --key-file="$here/munge.key" --socket="$here/munge.socket" --pid-file="$here/munge.pid" \
	--log-file="$here/munge.log" --seed-file="$here/munge.seed" >"$here/munged.out" 2>&1 &
pids=$!
for i in $(seq 50); do [ -S "$here/munge.socket" ] && break; sleep 0.1; done
slurmctld -D >"$here/slurmctld.out" 2>&1 &
pids="$pids $!"
slurmd -D >"$here/slurmd.out" 2>&1 &
pids="$pids $!"
for i in $(seq 150); do sinfo -h -o %t 2>/dev/null | grep -q '^idle' && break; sleep 0.2; done
sinfo -h -o %t 2>/dev/null | grep -q '^idle' || {
	tail -n 5 "$here"/*.out | sed 's/^/# /'
	skip_all 'Slurm does not start here'
}
ss -H -l -t -n -p | grep -e slurmctld -e slurmd | awk '$4 !~ /^127\.0\.0\.1:/' >got
: >want
same want got 'the servers listen on loopback only'

mktrace 20000 >stream 2>err || { cat err; exit 1; }
mt-cat -o log.mt - <stream
mt-cat log.mt | mt-shared --by pc >want
mt-shard-run --with slurm -n 4 log.mt 'mt-shared --partial' 'mt-shared --by pc' >got 2>err
is=$?
[ $is -eq 0 ] && cmp -s want got
ok $? 'four jobs and a merge that depends on them: the bytes of one run'
[ ! -s err ]
ok $? '... and no word'
squeue -h >left
[ "$(ls -d mt-shard-run.* 2>/dev/null)" = '' ] && [ ! -s left ]
ok $? '... nothing is left, neither files nor jobs'
mt-shard-run --with slurm -n 4 --jobs 1 --sbatch '--time=5 --nice=1' log.mt 'mt-shared --partial' 'mt-shared --by pc' |
	cmp -s - want
ok $? 'one at a time, with options for sbatch'

run mt-shard-run --with slurm -n 2 log.mt '[ $SLURM_ARRAY_TASK_ID = 1 ] && mt-shared --partial || { echo it broke >&2; exit 1; }' 'mt-shared'
is_status 1 'a part that fails'
has '^it broke$' err '... says why'
has '^mt-shard-run: a part or the merge failed' err '... and so do we'
run mt-shard-run --with slurm -n 2 log.mt 'mt-shared --partial' 'echo no >&2; exit 3'
is_status 1 'a FINAL that fails'
squeue -h >left
[ ! -s left ]
ok $? 'no job waits for ever'

done_testing
