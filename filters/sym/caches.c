/* SPDX-License-Identifier: MIT */
/*
 * What type a Linux slab cache holds.  Most caches are called after it; where
 * the name leads elsewhere the kernel's sources say it, and DWARF does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

/* Linux 6.1; names that no rule of by_rule() explains.  Sorted. */
static const struct row { const char *cache, *type; } table[] = {
	{ "PING", "raw_sock" },
	{ "RAW", "raw_sock" },
	{ "RAWv6", "raw6_sock" },
	{ "TCP", "tcp_sock" },
	{ "TCPv6", "tcp6_sock" },
	{ "UDP", "udp_sock" },
	{ "UDPv6", "udp6_sock" },
	{ "UNIX", "unix_sock" },
	{ "UNIX-STREAM", "unix_sock" },
	{ "bdev_cache", "bdev_inode" },
	{ "blkdev_ioc", "io_context" },
	{ "bridge_fdb_cache", "net_bridge_fdb_entry" },
	{ "cred_jar", "cred" },
	{ "dax_cache", "dax_device" },
	{ "debug_objects_cache", "debug_obj" },
	{ "ep_head", "epitems_head" },
	{ "eventpoll_epi", "epitem" },
	{ "eventpoll_pwq", "eppoll_entry" },
	{ "ext4_bio_post_read_ctx", "bio_post_read_ctx" },
	{ "ext4_extent_status", "extent_status" },
	{ "ext4_pending_reservation", "pending_reservation" },
	{ "fasync_cache", "fasync_struct" },
	{ "fat_inode_cache", "msdos_inode_info" },
	{ "fib6_nodes", "fib6_node" },
	{ "file_lock_ctx", "file_lock_context" },
	{ "files_cache", "files_struct" },
	{ "filp", "file" },
	{ "fs_cache", "fs_struct" },
	{ "fuse_request", "fuse_req" },
	{ "iint_cache", "integrity_iint_cache" },
	{ "ip6_dst_cache", "rt6_info" },
	{ "ip_dst_cache", "rtable" },
	{ "ip_fib_alias", "fib_alias" },
	{ "ip_fib_trie", "key_vector" },
	{ "isofs_inode_cache", "iso_inode_info" },
	{ "jbd2_journal_head", "journal_head" },
	{ "jbd2_transaction_s", "transaction_s" },
	{ "key_jar", "key" },
	{ "mbcache", "mb_cache_entry" },
	{ "mnt_cache", "mount" },
	{ "net_namespace", "net" },
	{ "nf_conntrack", "nf_conn" },
	{ "nfs_direct_cache", "nfs_direct_req" },
	{ "nfs_read_data", "nfs_pgio_header" },
	{ "nfs_write_data", "nfs_pgio_header" },
	{ "numa_policy", "mempolicy" },
	{ "page->ptl", "spinlock" },
	{ "posix_timers_cache", "k_itimer" },
	{ "proc_inode_cache", "proc_inode" },
	{ "radix_tree_node", "xa_node" },
	{ "request_sock_TCP", "tcp_request_sock" },
	{ "request_sock_TCPv6", "tcp6_request_sock" },
	{ "rpc_tasks", "rpc_task" },
	{ "shared_policy_node", "sp_node" },
	{ "sighand_cache", "sighand_struct" },
	{ "signal_cache", "signal_struct" },
	{ "skbuff_fclone_cache", "sk_buff_fclones" },
	{ "skbuff_head_cache", "sk_buff" },
	{ "sock_inode_cache", "socket_alloc" },
	{ "tcp_bind2_bucket", "inet_bind2_bucket" },
	{ "tcp_bind_bucket", "inet_bind_bucket" },
	{ "tw_sock_TCP", "tcp_timewait_sock" },
	{ "tw_sock_TCPv6", "tcp6_timewait_sock" },
	{ "uid_cache", "user_struct" },
};

static int by_cache(const void *name, const void *row)
{
	return strcmp(name, ((const struct row *)row)->cache);
}

bool sym_cache_general(const char *cache)
{
	return !strncmp(cache, "kmalloc-", 8) || !strncmp(cache, "dma-kmalloc-", 12);
}

/* The rule that is tried in turn: 0: dentry, 1: mqueue_inode_cache, 2: dquot_cache. */
static bool by_rule(const char *cache, unsigned rule, char *type, size_t room)
{
	static const struct { const char *end, *instead; } rules[] = {
		{ "", "" }, { "_inode_cache", "_inode_info" }, { "_cache", "" },
	};
	size_t len = strlen(cache), end;

	if (rule >= sizeof(rules) / sizeof(rules[0]))
		return false;
	end = strlen(rules[rule].end);
	*type = 0;
	if (len > end && !strcmp(cache + len - end, rules[rule].end))
		snprintf(type, room, "%.*s%s", (int)(len - end), cache, rules[rule].instead);
	return true;
}

/* "biovec-16" is an array: the element's type. */
static const char *array_of(const char *cache)
{
	if (!strncmp(cache, "biovec-", 7))
		return "bio_vec";
	if (!strncmp(cache, "sgpool-", 7))
		return "scatterlist";
	return NULL;
}

/*
 * A cache's objects may be shorter than the type, which ends in room for the
 * largest processor state (task_struct), but not by a whole member; and longer
 * by alignment and what debugging adds.
 */
static bool fits(struct sym_type *t, uint64_t bytes)
{
	uint64_t last = 0;

	sym_type_open(t);
	if (t->kind != SYM_STRUCT || !t->n_members)
		return false;
	for (size_t i = 0; i < t->n_members; i++)
		if (t->members[i].bytes)
			last = t->members[i].offset;
	return last < bytes &&
	       (bytes < t->bytes + 128 || bytes < 2 * t->bytes || sym_type_flexible(t));
}

static struct sym_type *find_struct(const char *tag, uint64_t bytes, sym_find_type *find, void *arg)
{
	char name[128];
	struct sym_type *t;

	if (snprintf(name, sizeof(name), "struct %s", tag) >= (int)sizeof(name))
		return NULL;
	t = find(arg, name);
	return t && fits(t, bytes) ? t : NULL;
}

struct sym_type *sym_cache_type(const char *cache, uint64_t bytes, sym_find_type *find, void *arg)
{
	size_t rows = sizeof(table) / sizeof(table[0]);
	const struct row *row = bsearch(cache, table, rows, sizeof(table[0]), by_cache);
	const char *element = array_of(cache);
	struct sym_type *t = NULL;
	char tag[128];

	if (element) {
		snprintf(tag, sizeof(tag), "struct %s", element);
		t = find(arg, tag);
		return t && t->bytes && bytes >= t->bytes ? sym_type_array(t, bytes / t->bytes) : NULL;
	}
	if (row)
		t = find_struct(row->type, bytes, find, arg);
	for (unsigned rule = 0; !t && by_rule(cache, rule, tag, sizeof(tag)); rule++)
		if (*tag)
			t = find_struct(tag, bytes, find, arg);
	return t;
}
