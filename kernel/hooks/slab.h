/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own struct slab is private to mm/.  This is its layout in 6.1,
 * over the head page of a slab, with SLUB.
 */
#ifndef MTRACE_SLAB_H
#define MTRACE_SLAB_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "struct slab is known for Linux 6.1 only"
#endif
#ifndef CONFIG_SLUB
#error "needs SLUB"
#endif

struct slab {
	unsigned long flags;
	void *list[2];
	struct kmem_cache *slab_cache;
	void *freelist;
	unsigned int inuse : 16;	/* all of them when a cpu owns the slab */
	unsigned int objects : 15;
	unsigned int frozen : 1;
};

static inline void *slab_address(const struct slab *slab)
{
	return page_address((const struct page *)slab);
}

#include <linux/slub_def.h>

static inline void *slab_object(const struct slab *slab, unsigned int index)
{
	const struct kmem_cache *cache = slab->slab_cache;

	return slab_address(slab) + index * cache->size + cache->red_left_pad;
}

static inline unsigned int slab_index(const struct slab *slab, const void *addr)
{
	return (unsigned int)((addr - slab_address(slab)) / slab->slab_cache->size);
}

/* The free object after this one. */
static inline void *slab_next_free(const struct kmem_cache *cache, void *object)
{
	unsigned long at = (unsigned long)object + cache->offset;
	unsigned long next = *(unsigned long *)at;

#ifdef CONFIG_SLAB_FREELIST_HARDENED
	next ^= cache->random ^ swab(at);
#endif
	return (void *)next;
}

#endif
