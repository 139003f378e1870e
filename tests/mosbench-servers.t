#!/bin/sh
# SPDX-License-Identifier: MIT
# The benchmarks of servers - exim, memcached, apache, postgres - on this machine:
# right runs, and those that must not pass for one.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
M=$SRC/mosbench
MOSBENCH_BIN=$B/mosbench
TMPDIR=$SCRATCH/tmp
export MOSBENCH_BIN TMPDIR
chmod 755 .
mkdir -m 1777 tmp

make -s -C "$M" B="$MOSBENCH_BIN" "$MOSBENCH_BIN/smtpload" "$MOSBENCH_BIN/mcload" >out 2>&1
ok $? 'the load generators are built'

# Processes that a run has started, by their environment, arguments or directory.
running() {
	{
		grep -lsz "^MOSBENCH_TEST=$SCRATCH\$" /proc/[0-9]*/environ
		grep -lsz "^$SCRATCH/tmp" /proc/[0-9]*/cmdline
		find /proc -maxdepth 2 -name cwd -lname "$SCRATCH/tmp*" 2>/dev/null
	} | while read -r p; do
		tr '\0' ' ' 2>/dev/null <"${p%/*}/cmdline" && echo
	done
}

nothing_left() {
	running >left
	find tmp -mindepth 1 >>left
	[ ! -s left ]
	ok $? "$1: ends what it started and removes what it wrote"
	sed 's/^/# /' left
}

bench() { run env MOSBENCH_TEST="$SCRATCH" "$@"; }

# complains NAME PATTERN WHAT: status 1 and that one line.
complains() {
	is_status 1 "$1: $3: status 1"
	[ "$(wc -l <err)" = 1 ]
	ok $? "$1: $3: one line"
	[ "$(wc -l <err)" = 1 ] || sed 's/^/# /' err
	has "^$1: $2" err "$1: $3: says why"
	[ ! -s out ]
	ok $? "$1: $3: no result"
	nothing_left "$1: $3"
}

# Whether the packages of a benchmark are here.
installed() {
	for package in $(sed 's/#.*//' "$M/$1/packages"); do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || return 1
	done
}

# ---- what all of them keep ------------------------------------------------------

# right NAME OPS OPTION...
right() {
	name=$1 ops=$2
	shift 2
	bench "$M/$name/run" --cores 2 --ops "$ops" "$@"
	is_status 0 "$name${*:+ $*}: runs"
	has "^$name: operations $ops seconds [0-9]+\.[0-9][0-9] cores 2\$" out "$name${*:+ $*}: says what it did"
	[ "$(wc -l <out)" = 1 ] && [ ! -s err ]
	ok $? "$name${*:+ $*}: and nothing else"
	nothing_left "$name${*:+ $*}"
}

# Ended in the middle of its load, whose program is given.
ended() {
	MOSBENCH_TEST=$SCRATCH "$M/$1/run" --cores 2 --seconds 60 >out 2>err &
	pid=$!
	tries=600
	until running | grep -q "$2.* " || [ $tries = 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	is_status 143 "$1: a signal ends it"
	[ ! -s err ]
	ok $? "$1: without a complaint"
	sed 's/^/# /' err
	nothing_left "$1, after a signal"
}

as_user() {
	if [ "$(id -u)" != 0 ]; then
		skip 'not root: all of this was without root' "$1: without root"
		return
	fi
	bench setpriv --reuid nobody --regid nogroup --clear-groups "$M/$1/run" --cores 2 --ops 20
	has "^$1: operations 20 " out "$1: without root"
	nothing_left "$1, without root"
}

# A copy of the tree whose files a test may spoil.
copy() {
	rm -rf copy
	mkdir copy
	cp -r "$M"/*.sh "$M/exim" "$M/memcached" "$M/apache" "$M/postgres" copy
}

# spoiled NAME PATTERN WHAT: a run of the copy.
spoiled() {
	bench copy/"$1"/run --cores 2 --ops 20
	complains "$@"
}

common() {
	right "$1" 40
	[ $status = 0 ] || sed 's/^/# /' err
	bench "$M/$1/run" --cores 1 --seconds 1
	has "^$1: operations [1-9][0-9]* seconds [1-9][0-9]*\..* cores 1\$" out "$1: for as long as was said"
	nothing_left "$1 --seconds"
	ended "$1" "$2"
	as_user "$1"
}

# ---- each ------------------------------------------------------------------------

test_exim() {
	common exim smtpload
	right exim 25 --clients 3
	bench "$M/exim/run" --cores 2 --ops 25 --clients 3 --dir "$SCRATCH/mail"
	cat mail/mail/user* | grep -c '^Subject: to user' >got
	echo 31 >want
	same want got 'exim: every message, those of the warm-up too, is in a mailbox'
	grep -c '^Subject: to user0$' mail/mail/user0 >got
	grep -c '^Subject: ' mail/mail/user0 >want
	same want got 'exim: each in that of its user'

	copy
	sed -i 's,address_data = .*,address_data = ${run{/bin/sleep 0.5}{$local_part_data}},' copy/exim/exim.conf
	bench copy/exim/run --cores 2 --ops 4
	has '^exim: operations 4 ' out 'exim: deliveries are waited for'

	copy
	echo nonsense >copy/exim/exim.conf
	spoiled exim 'exim does not start: .*nonsense' 'a wrong configuration'
	copy
	sed -i 's/^acl_smtp_rcpt = .*/acl_smtp_rcpt = deny/' copy/exim/exim.conf
	spoiled exim "the server says '550 " 'a server that takes no mail'
	copy
	sed -i 's,mail/\$address_data,nowhere/$address_data,; s/^  envelope_to_add/  create_directory = false/' copy/exim/exim.conf
	spoiled exim '[0-9]+ of [0-9]+ messages are in the mailboxes' 'mail that does not arrive'
}

test_memcached() {
	common memcached mcload
	right memcached 50 --tcp
	right memcached 400 --sets 30
	right memcached 400 --sets 30 --tcp --batch 7

	# Found before the real one.
	mkdir -p fake
	printf '#!/bin/sh\necho no memory >&2; exit 1\n' >fake/memcached
	chmod +x fake/memcached
	bench env PATH="$SCRATCH/fake:$PATH" "$M/memcached/run" --cores 2 --ops 20
	complains memcached 'memcached does not start: .*no memory' 'a server that does not start'
}

test_apache() {
	common apache ab
	right apache 30 --clients 2

	copy
	echo nonsense >>copy/apache/httpd.conf
	spoiled apache 'apache does not start: ' 'a wrong configuration'
	copy
	sed -i 's,/www$,,' copy/apache/httpd.conf
	spoiled apache 'ab says: ' 'a file that is not there'
	copy
	sed -i 's/head -c 300/head -c 299/' copy/apache/run
	spoiled apache 'ab says: Document Length: 299' 'another file'
}

test_postgres() {
	common postgres pgbench
	right postgres 40 --writes 50
	bench "$M/postgres/run" --cores 3 --ops 10
	has '^postgres: operations 12 ' out 'postgres: each client does as many'
	(umask 022 && mkdir prepared && sh "$M/postgres/prepare" prepared) >out 2>&1
	ok $? 'postgres: a cluster can be made in advance'
	# It must not be made again.
	copy
	echo 'exit 1' >copy/postgres/prepare
	bench env MOSBENCH_DATA="$SCRATCH/prepared" copy/postgres/run --cores 2 --ops 20
	has '^postgres: operations 20 ' out 'postgres: and is used'
	[ ! -e prepared/cluster/postmaster.pid ]
	ok $? 'postgres: as a copy'

	spoiled postgres 'no database: ' 'no cluster'
	copy
	echo nonsense >>copy/postgres/postgresql.conf
	spoiled postgres 'postgres does not start: ' 'a wrong configuration'
	copy
	printf '%s\n' 'max_connections = 1' 'superuser_reserved_connections = 0' >>copy/postgres/postgresql.conf
	spoiled postgres 'pgbench: ' 'a server that refuses a client'
}

for name in exim memcached apache postgres; do
	if installed $name; then
		test_$name
	else
		skip "needs: $(sed 's/#.*//' "$M/$name/packages" | xargs)" "$name"
	fi
done

# ---- the interval ------------------------------------------------------------------

# What is told to the tracer, in place of it.
interval() {
	mkdir -p magic
	printf '#!/bin/sh\necho "$@" >>"%s"\n' "$SCRATCH/told" >magic/mtrace-magic
	chmod +x magic/mtrace-magic
	rm -f told
	bench env PATH="$SCRATCH/magic:$PATH" MOSBENCH_MODE=kernel "$M/$1/run" --cores 2 --ops 30
	printf '%s\n' "kernel $1" 'appdata 30 operations' "disable $1" >want
	same want told "$1: the load alone is traced, under its name"
}

for name in apache postgres; do
	if installed $name; then
		interval $name
	else
		skip "needs $name" "$name: the load alone is traced"
	fi
done

# ---- the clients ---------------------------------------------------------------------

# against PROTOCOL BEHAVIOUR COMMAND...: with the port of such a server.
against() {
	rm -f port
	python3 "$SRC/tests/helper/fake-server.py" "$1" "$2" >port &
	fake=$!
	shift 2
	until [ -s port ]; do kill -0 $fake || return; done
	run timeout 60 "$@" --port "$(cat port)"
	kill $fake
	wait $fake 2>/dev/null
}

mcload=$MOSBENCH_BIN/mcload smtpload=$MOSBENCH_BIN/smtpload

against udp right "$mcload" --ops 100 --warm-up 10
has '^memcached: operations 100 seconds .* cores 1$' out 'mcload: right replies count'
against udp wrong "$mcload" --ops 20
is_status 1 'mcload: a wrong reply is an error'
has "^memcached: the server says 'ERROR', expected 'END'\$" err 'mcload: and told'
against udp mute "$mcload" --ops 20
is_status 1 'mcload: no reply is an error'
has '^memcached: 20 of 20 requests had no answer$' err 'mcload: and told'
against udp drop-one "$mcload" --ops 200
has '^memcached: operations 199 ' out 'mcload: one lost datagram in a hundred is none; a reply that comes twice counts once'
has '^memcached: 1 requests had no answer$' err 'mcload: but told'
against udp right "$mcload" --ops 20 --batch 1 --sets 50
has "^memcached: the server says 'END', expected 'VALUE 0123456789 0 " err 'mcload: what was stored must be there'

against smtp right "$smtpload" --ops 23 --warm-up 1
has '^exim: operations 23 seconds .* cores 1$' out 'smtpload: replies in pieces, of several lines'
against smtp full "$smtpload" --ops 5 --clients 3
has "^exim: the server says '452 no room', expected 250\$" err 'smtpload: a refusal is told'
is_status 1 'smtpload: and an error'
[ "$(wc -l <err)" = 1 ]
ok $? 'smtpload: clients with the same complaint make it once'
against smtp hang-up "$smtpload" --ops 5
has '^exim: no reply of the server, expected 354$' err 'smtpload: a server that hangs up is an error'
: >log
for option in '--ops 0' '--ops x' '--port 99999' '--cores' 'word' '--nonsense'; do
	# shellcheck disable=SC2086 # words
	run "$smtpload" --port 1 $option
	is_status 2 "smtpload $option: wrong usage"
done
run "$mcload" --help
is_status 0 'mcload --help'
has '^Example: mcload ' out 'mcload --help ends with an example'
run "$smtpload" --ops 1
has 'port' err 'smtpload: a port must be said'

done_testing
