#!/bin/sh
# SPDX-License-Identifier: MIT
# load.sh [ROUNDS]: a shell on each cpu of the guest writes, renames, reads and
# removes files in one directory.  Each round starts four programs.
set -eu

work() {	# CPU ROUNDS
	i=0
	while [ "$i" -lt "$2" ]; do
		echo "round $i" >"new.$1"
		mv "new.$1" "file.$1"
		cat "file.$1" >/dev/null
		ls >/dev/null 2>&1 || :		# another shell removes what it has just seen
		rm "file.$1"
		i=$((i + 1))
	done
}

case ${1-} in
work) shift; work "$@"; exit ;;
esac

rounds=${1:-20}
cpus=$(nproc)
mkdir -p /tmp/first-boot
cd /tmp/first-boot
cpu=0
while [ "$cpu" -lt "$cpus" ]; do
	taskset -c "$cpu" sh "$0" work "$cpu" "$rounds" &
	cpu=$((cpu + 1))
done
wait
echo "$cpus shells did $rounds rounds each"
