// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: slab objects (heap, by the name of their cache), blocks of the page
 * allocator, dynamic per-cpu memory, areas of vmalloc.
 */
#include <linux/percpu.h>
#include <linux/vmalloc.h>
#include <asm/unaligned.h>

#include "hooks.h"
#include "slab.h"
#include <trace/events/kmem.h>	/* needs struct kmem_cache */
#include <trace/events/percpu.h>

#define SLEEPERS 256	/* tasks inside a function that can sleep, at once */

struct label {
	struct mt_label fixed;
	char strings[MTRACE_NAME];
};

static void fill(struct label *r, const void *addr, u64 bytes, unsigned long pc, u32 op,
		 u32 storage)
{
	r->fixed.addr = (u64)addr;
	r->fixed.bytes = bytes;
	r->fixed.pc = pc;
	r->fixed.process = 0;
	r->fixed.task = 0;
	r->fixed.op = op;
	r->fixed.storage = storage;
}

/* The string and zeros up to a multiple of 8 bytes; a word at a time, for this is hot. */
static unsigned int append(char *strings, unsigned int n, const char *s)
{
	ssize_t length = strscpy(strings + n, s, MTRACE_NAME / 2 - 8);

	n += length < 0 ? MTRACE_NAME / 2 - 8 : length + 1;
	put_unaligned(0ull, (u64 *)(strings + n));
	return n;
}

void label_alloc(const void *addr, u64 bytes, unsigned long pc, u32 storage, const char *name,
		 const char *ctype)
{
	struct label r;
	unsigned int n = append(r.strings, append(r.strings, 0, name), ctype);

	fill(&r, addr, bytes, pc, MT_label_op_alloc, storage);
	mtrace_finish(&r.fixed.hdr, MT_KIND_label, sizeof(r.fixed), r.strings, ALIGN(n, 8));
}

void label_free(const void *addr, unsigned long pc, u32 storage)
{
	struct label r;

	fill(&r, addr, 0, pc, MT_label_op_free, storage);
	memset(r.strings, 0, 8);		/* both are empty */
	mtrace_finish(&r.fixed.hdr, MT_KIND_label, sizeof(r.fixed), r.strings, 8);
}

/* The cache of the slab object that contains the address, and where the object starts. */
const char *slab_name(const void *addr, const void **start)
{
	const struct slab *slab;
	struct page *page;

	if (!virt_addr_valid(addr))
		return NULL;
	page = virt_to_head_page(addr);
	if (!PageSlab(page))
		return NULL;
	slab = (const struct slab *)page;
	if (start)
		*start = slab_object(slab, slab_index(slab, addr));
	return slab->slab_cache->name;
}

/* ---- slab -------------------------------------------------------------------- */

static void on_kmalloc(void *data, unsigned long pc, const void *ptr, size_t asked, size_t bytes,
		       gfp_t flags, int node)
{
	const char *name;

	if (!hooks_on || !ptr)
		return;
	/* What is too large for a cache comes from the page allocator. */
	name = slab_name(ptr, NULL);
	label_alloc(ptr, bytes, pc, MT_storage_heap, name ? name : "kmalloc", "");
}

static void on_cache_alloc(void *data, unsigned long pc, const void *ptr, struct kmem_cache *cache,
			   gfp_t flags, int node)
{
	if (hooks_on && ptr)
		label_alloc(ptr, cache->object_size, pc, MT_storage_heap, cache->name, "");
}

static void on_kfree(void *data, unsigned long pc, const void *ptr)
{
	if (hooks_on && !ZERO_OR_NULL_PTR(ptr))
		label_free(ptr, pc, MT_storage_heap);
}

static void on_cache_free(void *data, unsigned long pc, const void *ptr,
			  const struct kmem_cache *cache)
{
	if (hooks_on && ptr)
		label_free(ptr, pc, MT_storage_heap);
}

/* kmem_cache_alloc_bulk has no tracepoint; what it got is known when it returns. */
struct bulk {
	struct kmem_cache *cache;
	void **objects;
	unsigned long pc;
};

static int on_bulk_call(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct bulk *b = (struct bulk *)instance->data;

	b->cache = (struct kmem_cache *)regs->di;
	b->objects = (void **)regs->cx;
	b->pc = *(unsigned long *)regs->sp;
	return 0;
}

static int on_bulk_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct bulk *b = (const struct bulk *)instance->data;
	int n = (int)regs_return_value(regs), i;

	for (i = 0; hooks_on && i < n; i++)
		label_alloc(b->objects[i], b->cache->object_size, b->pc, MT_storage_heap,
			    b->cache->name, "");
	return 0;
}

static int on_bulk_free(struct kprobe *kprobe, struct pt_regs *regs)
{
	void **objects = (void **)regs->dx;
	unsigned long i;

	for (i = 0; hooks_on && i < regs->si; i++)
		label_free(objects[i], *(unsigned long *)regs->sp, MT_storage_heap);
	return 0;
}

static struct kretprobe bulk = {
	.kp.symbol_name = "kmem_cache_alloc_bulk",
	.entry_handler = on_bulk_call,
	.handler = on_bulk_return,
	.data_size = sizeof(struct bulk),
	.maxactive = SLEEPERS,
};

/* ---- pages ------------------------------------------------------------------- */

/*
 * Pages that the allocator zeroes are zeroed before the tracepoint: their first
 * accesses, which often move every line, would fall on no object.
 */
static DEFINE_PER_CPU(const struct page *, zeroed);

static int on_zero_pages(struct kprobe *kprobe, struct pt_regs *regs)
{
	const struct page *page = (const struct page *)regs->di;

	if (!hooks_on)
		return 0;
	label_alloc(page_address(page), (u64)(u32)regs->si * PAGE_SIZE, 0, MT_storage_block,
		    "pages", "");
	this_cpu_write(zeroed, page);
	return 0;
}

static void on_page_alloc(void *data, struct page *page, unsigned int order, gfp_t flags,
			  int migratetype)
{
	/* Told already; after an interrupt or a switch in between it is told twice. */
	bool told = this_cpu_xchg(zeroed, NULL) == page;

	if (hooks_on && page && !told)
		label_alloc(page_address(page), PAGE_SIZE << order, 0, MT_storage_block, "pages",
			    "");
}

static void on_page_free(void *data, struct page *page, unsigned int order)
{
	if (hooks_on)
		label_free(page_address(page), 0, MT_storage_block);
}

/* Many pages into an array, of which some may be there already; no tracepoint either. */
struct page_bulk {
	struct page **pages;
	unsigned long were, max;
};

static unsigned long count_pages(const struct page_bulk *b)
{
	unsigned long n = 0, i;

	for (i = 0; i < b->max; i++)
		n += b->pages[i] != NULL;
	return n;
}

static int on_page_bulk_call(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct page_bulk *b = (struct page_bulk *)instance->data;

	b->pages = (struct page **)regs->r9;
	b->max = b->pages ? (unsigned int)regs->cx : 0;
	b->were = count_pages(b);
	return 0;
}

/* One page more: that one came, with its tracepoint, from the function for one page. */
static int on_page_bulk_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct page_bulk *b = (const struct page_bulk *)instance->data;
	unsigned long i, are = regs_return_value(regs);

	if (!hooks_on || are <= b->were + 1 || are > b->max)
		return 0;
	/* What was there stands first: all callers fill an array from its start. */
	for (i = b->were; i < are; i++)
		label_alloc(page_address(b->pages[i]), PAGE_SIZE, 0, MT_storage_block, "pages", "");
	return 0;
}

static struct kretprobe page_bulk = {
	.kp.symbol_name = "__alloc_pages_bulk",
	.entry_handler = on_page_bulk_call,
	.handler = on_page_bulk_return,
	.data_size = sizeof(struct page_bulk),
	.maxactive = SLEEPERS,
};

/* From here on the pages of a block are freed one by one. */
static int on_split_page(struct kprobe *kprobe, struct pt_regs *regs)
{
	char *block = page_address((struct page *)regs->di);
	unsigned long i, pages = 1ul << (unsigned int)regs->si;

	if (!hooks_on)
		return 0;
	label_free(block, 0, MT_storage_block);
	for (i = 0; i < pages; i++)
		label_alloc(block + i * PAGE_SIZE, PAGE_SIZE, 0, MT_storage_block, "pages", "");
	return 0;
}

/* ---- per-cpu memory, vmalloc ---------------------------------------------------- */

static void on_percpu_alloc(void *data, unsigned long pc, bool reserved, bool atomic, size_t bytes,
			    size_t align, void *base, int offset, void __percpu *ptr,
			    size_t bytes_alloc, gfp_t flags)
{
	int cpu;

	if (!hooks_on)
		return;
	for_each_possible_cpu(cpu)
		label_alloc(per_cpu_ptr(ptr, cpu), bytes, pc, MT_storage_percpu, "percpu", "");
}

static void on_percpu_free(void *data, void *base, int offset, void __percpu *ptr)
{
	int cpu;

	if (!hooks_on)
		return;
	for_each_possible_cpu(cpu)
		label_free(per_cpu_ptr(ptr, cpu), 0, MT_storage_percpu);
}

/* Areas of vmalloc: their pages are blocks at another address. */
struct area {
	unsigned long bytes, pc;
};

static int on_vmalloc_call(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct area *a = (struct area *)instance->data;

	a->bytes = PAGE_ALIGN(regs->di);
	a->pc = ((unsigned long *)regs->sp)[3];	/* the ninth argument: the caller */
	return 0;
}

static int on_vmalloc_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct area *a = (const struct area *)instance->data;
	const void *addr = (const void *)regs_return_value(regs);

	if (hooks_on && addr)
		label_alloc(addr, a->bytes, a->pc, MT_storage_block, "vmalloc", "");
	return 0;
}

static struct kretprobe vmalloc_area = {
	.kp.symbol_name = "__vmalloc_node_range",
	.entry_handler = on_vmalloc_call,
	.handler = on_vmalloc_return,
	.data_size = sizeof(struct area),
	.maxactive = SLEEPERS,
};

static int on_vfree(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (hooks_on && regs->di)
		label_free((const void *)regs->di, 0, MT_storage_block);
	return 0;
}

struct tracepoint_hook memory_hooks[] = {
	HOOK(kmalloc, on_kmalloc),
	HOOK(kmem_cache_alloc, on_cache_alloc),
	HOOK(kfree, on_kfree),
	HOOK(kmem_cache_free, on_cache_free),
	HOOK(mm_page_alloc, on_page_alloc),
	HOOK(mm_page_free, on_page_free),
	HOOK(percpu_alloc_percpu, on_percpu_alloc),
	HOOK(percpu_free_percpu, on_percpu_free),
	{ }
};

struct kprobe_hook memory_kprobes[] = {
	KPROBE_HOOK(kmem_cache_free_bulk, on_bulk_free, NULL),
	KPROBE_HOOK(kernel_init_pages, on_zero_pages, NULL),
	KPROBE_HOOK(split_page, on_split_page, NULL),
	KPROBE_HOOK(vfree, on_vfree, NULL),
	KPROBE_HOOK(vfree_atomic, on_vfree, NULL),
	{ }
};

struct kretprobe *memory_returns[] = { &bulk, &page_bulk, &vmalloc_area, NULL };

static void __maybe_unused check(void)
{
	CHECK_HOOK(kmalloc, on_kmalloc);
	CHECK_HOOK(kmem_cache_alloc, on_cache_alloc);
	CHECK_HOOK(kfree, on_kfree);
	CHECK_HOOK(kmem_cache_free, on_cache_free);
	CHECK_HOOK(mm_page_alloc, on_page_alloc);
	CHECK_HOOK(mm_page_free, on_page_free);
	CHECK_HOOK(percpu_alloc_percpu, on_percpu_alloc);
	CHECK_HOOK(percpu_free_percpu, on_percpu_free);
}
