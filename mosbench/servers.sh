# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
# What the benchmarks of servers share, beside lib.sh, which sources come first:
# servers in process groups of their own, ports, users, and loads that a signal
# ends.

servers=

# The directory for data, for servers that do not run as root.
open_dir() {
	chmod 711 "$dir"
}

# free_port FIRST COUNT: the first of so many ports that nobody uses; the same
# ones in every guest.
free_port() {
	cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null |
		awk '{ print $2 }' | sed -n 's/.*://p' | sort -u | while read -r hex; do echo $((0x$hex)); done |
		awk -v port="$1" -v count="$2" '
		{ used[$1] = 1 }
		END {
			for (p = port; p < port + count; p++)
				if (p in used)
					port = p + 1
			print port
		}'
}

# listens tcp|udp PORT: somebody does.
listens() {
	hex=$(printf ':%04X' "$2")
	awk -v port="$hex" -v tcp="$1" '
	substr($2, length($2) - 4) == port && (tcp != "tcp" || $4 == "0A") { found = 1 }
	END { exit !found }' "/proc/net/$1"
}

# as_user USER: sets as, words that run a command as USER where root would run it.
as_user() {
	as=
	[ "$(id -u)" != 0 ] || as="setpriv --reuid $1 --regid $1 --clear-groups"
}

# serve SIGNAL COMMAND...: a server, in the foreground of a process group; the
# signal ends it.  What it says goes to $dir/server.log.
serve() {
	signal=$1
	shift
	(exec setsid "$@") >>"$dir/server.log" 2>&1 </dev/null &
	servers="$servers $!:$signal"
}

# await WHAT COMMAND...: until it succeeds, as long as all servers run.
await() {
	what=$1
	shift
	wait_for 600 ready_or_dead "$@" || :
	all_run && "$@" ||
		fail "$what: the server says: $(tail -n 1 "$dir/server.log")"
}

all_run() {
	for server in $servers; do
		! ended "${server%:*}" || return 1
	done
}

ready_or_dead() {
	! all_run || "$@"
}

# ended PID: nothing of it is left but its status.
ended() {
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	[ "${stat%% *}" = Z ]
}

# group_ended PID: so have all others that it has started.
group_ended() {
	! cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' |
		awk -v group="$1" '$3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# Ends the loads, then the servers, for else a load complains of its server; and
# whatever servers have started.
own_end() {
	for child in $children; do
		kill "$child" 2>/dev/null || :
		wait "$child" 2>/dev/null || :
	done
	children=
	for server in $servers; do
		kill -s "${server#*:}" -- "-${server%:*}" 2>/dev/null || :
	done
	for server in $servers; do
		wait_for 200 group_ended "${server%:*}" || {
			kill -s KILL -- "-${server%:*}" 2>/dev/null || :
			wait_for 200 group_ended "${server%:*}" || :
		}
		wait "${server%:*}" 2>/dev/null || :
	done
	servers=
}

# load COMMAND...: in the background, for a shell sees no signal while it runs a
# command; what it prints goes to $dir/result.
load() {
	"$@" >"$dir/result" &
	ends_with_us $!
	rc=0
	wait $! || rc=$?
	children=
	return $rc
}
