/* SPDX-License-Identifier: MIT */
/*
 * Which object is at an address: a map of extents for each address space.
 *
 * Extents of one layer never overlap: a new one removes what is in its way
 * (its free was not seen).  Layers lie over each other: a heap block inside a
 * page of the page allocator, a stack inside a heap block; whoever looks up
 * asks the innermost layer first.
 *
 * Putting, removing and looking up take the same time with ten extents and
 * with ten million, of one byte or of the whole address space.
 */
#ifndef MT_OBJECTS_H
#define MT_OBJECTS_H

#include "mt.h"

enum mt_layer { MT_LAYER_outer, MT_LAYER_inner, MT_LAYER_stack, MT_LAYERS };

/* First member of the caller's own struct; the caller allocates and frees. */
struct mt_extent {
	uint64_t addr;
	uint64_t bytes;			/* 0: lives and can be freed, but nothing is in it */
	uint32_t process;
	uint16_t layer;			/* enum mt_layer */
	uint16_t level;			/* the map's own */
};

struct mt_objects {
	struct mt_table spaces;		/* process -> struct space */
	void (*gone)(void *arg, struct mt_extent *e);	/* e left the map: free it */
	void *arg;
};

void mt_objects_init(struct mt_objects *m, void (*gone)(void *arg, struct mt_extent *e), void *arg);

/* Removes all. */
void mt_objects_release(struct mt_objects *m);

/*
 * Adds e, cut at the end of the address space; what it overlaps in its layer
 * is removed.  Returns how many those were, or -1 when there is no memory.
 */
MT_MUST_CHECK long mt_objects_put(struct mt_objects *m, struct mt_extent *e);

/* Removes e, and what lies within it in the layers further in. */
void mt_objects_remove(struct mt_objects *m, struct mt_extent *e);

/* The extent of that layer that holds addr, or NULL. */
struct mt_extent *mt_objects_at(const struct mt_objects *m, enum mt_layer layer,
				uint32_t process, uint64_t addr);

/* The extent of that layer that starts at addr, or NULL. */
struct mt_extent *mt_objects_starting(const struct mt_objects *m, enum mt_layer layer,
				      uint32_t process, uint64_t addr);

/* The layer of a label with that storage (an enum MT_storage_...). */
enum mt_layer mt_layer_of(unsigned storage);

/* What a label that frees addr means: what starts there in its layer, else in any; or NULL. */
struct mt_extent *mt_objects_freed(const struct mt_objects *m, unsigned storage,
				   uint32_t process, uint64_t addr);

/* Removes all extents of a process: its address space is gone. */
void mt_objects_forget(struct mt_objects *m, uint32_t process);

#endif
