// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What memory held before the hooks: slab objects and blocks of pages, found
 * by looking at every struct page while all cpus are stopped.  A task cannot
 * be stopped between an allocation and its tracepoint, or between the
 * tracepoint of a free and the free (it does not sleep there), so each object
 * is told of here or by its hook, never by both.
 */
#include <linux/bitmap.h>
#include <linux/memory_hotplug.h>
#include <linux/vmalloc.h>

#include "hooks.h"
#include "slab.h"

#define OBJECTS_MAX 32768	/* objects in a slab: its counter has 15 bits */

static DECLARE_BITMAP(is_free, OBJECTS_MAX);

/* Marks the objects of a list of free ones; false for what is no such list. */
static bool mark_free(const struct slab *slab, void *object)
{
	unsigned int n, index;

	for (n = 0; object; n++) {
		index = slab_index(slab, object);
		if (n >= slab->objects || index >= slab->objects ||
		    object != slab_object(slab, index))
			return false;
		__set_bit(index, is_free);
		object = slab_next_free(slab->slab_cache, object);
	}
	return true;
}

/* The slab that a cpu allocates from has its free objects on that cpu's list, too. */
static bool mark_cpu_free(const struct slab *slab)
{
	const struct kmem_cache_cpu *c;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(slab->slab_cache->cpu_slab, cpu);
		if (c->slab == slab)
			return mark_free(slab, c->freelist);
	}
	return true;
}

static void tell_slab(const struct slab *slab)
{
	const struct kmem_cache *cache = slab->slab_cache;
	unsigned int i;

	bitmap_zero(is_free, slab->objects);
	if (!mark_free(slab, slab->freelist) || !mark_cpu_free(slab))
		return;
	for (i = 0; i < slab->objects; i++)
		if (!test_bit(i, is_free))
			label_alloc(slab_object(slab, i), cache->object_size, 0, MT_storage_heap,
				    cache->name, "");
}

/* Pages that were never given to the page allocator: memory of boot time. */
static unsigned long tell_reserved(unsigned long pfn, unsigned long end)
{
	unsigned long first = pfn;

	while (pfn < end && pfn_valid(pfn) && PageReserved(pfn_to_page(pfn)))
		pfn++;
	label_alloc(__va(PFN_PHYS(first)), PFN_PHYS(pfn - first), 0, MT_storage_block, "memblock",
		    "");
	return pfn;
}

/* Tells of what starts at this page; the first page after it. */
static unsigned long tell_block(unsigned long pfn, unsigned long end)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long pages;

	if (PageReserved(page))
		return tell_reserved(pfn, end);
	if (PageBuddy(page) || !page_count(page))
		return pfn + 1;
	pages = 1ul << compound_order(page);
	label_alloc(page_address(page), pages << PAGE_SHIFT, 0, MT_storage_block, "pages", "");
	if (PageSlab(page))
		tell_slab((const struct slab *)page);
	return pfn + pages;
}

void walk_pages(void)
{
	unsigned long pfn, end;
	int node;

	for_each_online_node(node) {
		end = node_end_pfn(node);
		for (pfn = node_start_pfn(node); pfn < end;)
			pfn = pfn_valid(pfn) ? tell_block(pfn, end) : pfn + 1;
	}
}

/* The slab allocator's own per-cpu data: of every cache, and older than any hook. */
static void tell_cache(const struct kmem_cache *cache)
{
	int cpu;

	for_each_possible_cpu(cpu)
		label_alloc(per_cpu_ptr(cache->cpu_slab, cpu), sizeof(*cache->cpu_slab), 0,
			    MT_storage_percpu, "kmem_cache_cpu", "struct kmem_cache_cpu");
}

void walk_caches(void)
{
	const struct list_head *caches = hooks_symbol("slab_caches");
	const struct kmem_cache *cache;

	if (!caches)
		return;
	list_for_each_entry(cache, caches, list)
		tell_cache(cache);
}

void walk_areas(void)
{
	const struct list_head *areas = hooks_symbol("vmap_area_list");
	const struct vmap_area *va;

	if (!areas)
		return;
	list_for_each_entry(va, areas, list)
		if (va->vm)
			label_alloc(va->vm->addr, get_vm_area_size(va->vm),
				    (unsigned long)va->vm->caller, MT_storage_block, "vmalloc", "");
}
