// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of boot time that is neither a symbol nor an allocation which a hook
 * could see: hash tables, the array of struct page, per-node and per-cpu data.
 */
#include <linux/mmzone.h>
#include <asm/cpu_entry_area.h>
#include <net/inet_hashtables.h>
#include <net/udp.h>

#include "hooks.h"

/* A table that a pointer leads to; its size is in another variable. */
static const struct hash_table {
	const char *pointer, *ctype, *size;
	unsigned int element;
	bool shift;			/* size holds 32 - log2(elements), else elements - 1 */
} hash_tables[] = {
	{ "dentry_hashtable", "struct hlist_bl_head", "d_hash_shift", 8, true },
	{ "inode_hashtable", "struct hlist_head", "i_hash_mask", 8 },
	{ "mount_hashtable", "struct hlist_head", "m_hash_mask", 8 },
	{ "mountpoint_hashtable", "struct hlist_head", "mp_hash_mask", 8 },
};

static void tell(const void *addr, u64 bytes, const char *name, const char *ctype)
{
	if (addr && bytes)
		label_alloc(addr, bytes, 0, MT_storage_static, name, ctype);
}

static void tell_hash_table(const struct hash_table *t)
{
	void **pointer = hooks_symbol(t->pointer);
	unsigned int *size = hooks_symbol(t->size);
	u64 elements;

	if (!pointer || !size)
		return;
	elements = t->shift ? 1ull << (32 - *size) : *size + 1ull;
	tell(*pointer, elements * t->element, t->pointer, t->ctype);
}

static void tell_futexes(void)
{
	/* As in kernel/futex/core.c, where both types are private. */
	const struct { void *queues; unsigned long elements; } *futex = hooks_symbol("__futex_data");

	if (futex)
		tell(futex->queues, futex->elements * SMP_CACHE_BYTES, "futex_queues",
		     "struct futex_hash_bucket");
}

static void tell_sockets(void)
{
	const struct inet_hashinfo *tcp = hooks_symbol("tcp_hashinfo");
	const struct udp_table *udp = hooks_symbol("udp_table");

	if (tcp) {
		tell(tcp->ehash, (tcp->ehash_mask + 1ull) * sizeof(*tcp->ehash), "tcp_hashinfo.ehash",
		     "struct inet_ehash_bucket");
		tell(tcp->bhash, (u64)tcp->bhash_size * sizeof(*tcp->bhash), "tcp_hashinfo.bhash",
		     "struct inet_bind_hashbucket");
		tell(tcp->bhash2, (u64)tcp->bhash_size * sizeof(*tcp->bhash2),
		     "tcp_hashinfo.bhash2", "struct inet_bind_hashbucket");
		tell(tcp->lhash2, (tcp->lhash2_mask + 1ull) * sizeof(*tcp->lhash2),
		     "tcp_hashinfo.lhash2", "struct inet_listen_hashbucket");
	}
	if (udp)
		tell(udp->hash, 2 * (udp->mask + 1ull) * sizeof(*udp->hash), "udp_table.hash",
		     "struct udp_hslot");
}

static void tell_segments(void)
{
	const char *start = hooks_symbol("__per_cpu_start"), *end = hooks_symbol("__per_cpu_end");
	int cpu;

	for_each_possible_cpu(cpu) {
		if (end)
			mtrace_segment(start + per_cpu_offset(cpu), end - start, cpu);
		label_alloc(get_cpu_entry_area(cpu), sizeof(struct cpu_entry_area), 0,
			    MT_storage_percpu, "cpu_entry_area", "struct cpu_entry_area");
	}
}

static void tell_nodes(void)
{
	unsigned long end = 0;
	int node;

	for_each_online_node(node) {
		end = max(end, node_end_pfn(node));
		tell(NODE_DATA(node), sizeof(pg_data_t), "pglist_data", "struct pglist_data");
	}
	/* A block: what is said of it is said by type, it is no variable. */
	label_alloc(pfn_to_page(0), (u64)end * sizeof(struct page), 0, MT_storage_block,
		    "vmemmap", "struct page");
}

void tables_tell(void)
{
	unsigned int i;

	tell_segments();
	tell_nodes();
	for (i = 0; i < ARRAY_SIZE(hash_tables); i++)
		tell_hash_table(&hash_tables[i]);
	tell_futexes();
	tell_sockets();
}
