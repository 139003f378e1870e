#!/bin/sh
# SPDX-License-Identifier: MIT
# Small loads on 4 cpus of a real kernel: what travels is what its source says
# (guest/README.md has file and function), by struct and field; it is gone where
# each cpu works on things of its own.
# shellcheck source=tests/lib.sh disable=SC2154
. "${SRC:-$(dirname "$0")/..}/tests/lib.sh"
# shellcheck source=tests/guest/traced.sh
. "$SRC/tests/guest/traced.sh"

# shellcheck disable=SC2016 # the guest's shell
traced log --run 'for load in open procy memmap pipe; do
	/micro $load --ops 800 && /micro $load --own --ops 800 || exit; done'
is_status 0 'all loads run to their end'
has '^pipe --own: operations 800 seconds [0-9.]* cores 4$' out '... on 4 cpus'
mt-cat log | mt-check >check.out 2>&1
ok $? 'mt-check has no complaint'; head -n 5 check.out | sed 's/^/# /'
mt-cat log | mt-label "$vmlinux" >labelled 2>label.err
ok $? 'mt-label knows the kernel'

# travels LOAD BY FIELD WHAT: FIELD is in the top five rows of the load, and its
# moves in the disjoint variant are less than a twentieth.
travels() {
	rows "$1" "$2" | head -n 5 >top
	cut -f 3,4 top | grep -Eq "(^|	)$3"
	ok $? "$1: $4 is in the top five"
	grep -Eq "(^|	)$3" top || sed 's/^/# /' top
	rows "$1" field >shared.rows
	rows "$1 --own" field >own.rows
	shared=$(moves shared.rows "$3") own=$(moves own.rows "$3")
	[ "$shared" -gt 400 ] && [ $((own * 20)) -lt "$shared" ]
	ok $? "... and is gone when each cpu has its own: $shared moves, $own"
}

travels open line 'struct dentry[.]d_lockref' "the file's name: its reference count"
travels open line 'struct (shmem_inode_info[.]vfs_)?inode[.]i_readcount' "the file's inode: its readers"
travels procy line 'struct file[.]f_count' 'references of open files and of the program'
travels procy field 'struct page[.].*_refcount' 'references of the pages of the program'
travels memmap line 'struct mm_struct[.](mmap_lock|mm_count)' 'the lock of the address space, or mm_count beside it'
travels memmap field 'struct llist_head[.]first' 'the queues of requests to flush TLBs'
travels pipe line 'struct task_struct[.]__state' 'the state of the task that is woken'
travels pipe field 'struct pipe_inode_info[.]' 'the pipe'

# ---- how much is known ------------------------------------------------------

# Of the kernel's accesses that moved a line, those with a known object.
mt-filter --mode kernel -e 'moved' <labelled | mt-filter --kind access >moved
all=$(mt-totext --raw <moved | grep -c '^access')
known=$(mt-filter -e 'object.storage != unknown' <moved | mt-totext --raw | grep -c '^access')
echo "# $known of $all kernel accesses that moved a line are resolved"
[ "$all" -gt 10000 ] && [ $((known * 100)) -ge $((all * 95)) ]
ok $? 'at least 95 percent of the kernel accesses that move a line have an object'
mt-stat <labelled | mt-totext | grep -i -E 'storage|unknown|unresolved|static|heap|percpu|block|stack' | sed 's/^/# /'

done_testing
