/* SPDX-License-Identifier: MIT */
/*
 * What the compact coding expects of the next access: shared by packer and
 * unpacker, which stay equal because both learn from each access by the same
 * functions.  Every constant here is part of the format, see mt-log(5).
 *
 * Tables have no tags: two keys in one place cost a wrong guess, no more.
 */
#ifndef MT_LOG_MODEL_H
#define MT_LOG_MODEL_H

#include <stddef.h>
#include <string.h>

#include "mt_log.h"

/* The parts of a payload, in this order. */
enum mt_stream {
	MT_S_RUNS,			/* who comes next: varint cpu + 1, or 0; varint count - 1 */
	MT_S_CONTROL,			/* a byte for each access */
	MT_S_PC, MT_S_SHAPE, MT_S_ADDR, MT_S_PADDR, MT_S_TIME, MT_S_IDS,
	MT_S_RAW,			/* all other records as they are */
	MT_S_COUNT
};

/* The control byte: what was not as expected. */
enum {
	MT_C_PC = 3,			/* which guess was right: 0, 1 or 2; 3: none */
	MT_C_ADDR = 3 << 2,		/* 0, 1: which; 2, 3: none, and the nearest one */
	MT_C_SHAPE = 1 << 4,
	MT_C_PADDR = 1 << 5,
	MT_C_TIME = 1 << 6,
	MT_C_IDS = 1 << 7,
};

#define MT_LANES 256			/* a cpu's is cpu % MT_LANES */
#define MT_NEXT_BITS 13
#define MT_SITE_BITS 13
#define MT_PAGE_BITS 10

/* The last access of a cpu. */
struct mt_lane {
	uint64_t pc, pc_before;
	uint64_t addr, time;
	uint64_t offset;		/* paddr - addr */
};

/* An instruction on a cpu: its last access, and how that differed. */
struct mt_site {
	uint64_t addr;
	uint64_t stride;		/* from its own access before */
	uint64_t step;			/* from the cpu's access before */
	uint64_t wait;			/* in time, from the cpu's access before */
	uint16_t width, flags;		/* from here on in the order of struct mt_access */
	uint32_t object, field, stack;
};

/* What of an access is that of its site, from width on. */
#define MT_SITE_TAIL (sizeof(struct mt_site) - offsetof(struct mt_site, width))
_Static_assert(MT_SITE_TAIL == sizeof(struct mt_access) - offsetof(struct mt_access, width) &&
	       offsetof(struct mt_site, stack) - offsetof(struct mt_site, width) ==
	       offsetof(struct mt_access, stack) - offsetof(struct mt_access, width),
	       "the ends of both have the same layout");

struct mt_model {
	struct mt_lane lanes[MT_LANES];
	uint64_t next2[1 << MT_NEXT_BITS];	/* pc after two pcs */
	uint64_t next1[1 << MT_NEXT_BITS][2];	/* after one: the last, and the last other one */
	struct mt_site sites[1 << MT_SITE_BITS];
	struct { uint64_t key, offset; } pages[1 << MT_PAGE_BITS];
};

static inline size_t mt_hash(uint64_t key, unsigned bits)
{
	return (size_t)(key * 0x9e3779b97f4a7c15ull >> (64 - bits));
}

static inline struct mt_site *mt_site(struct mt_model *m, uint64_t pc, uint32_t cpu)
{
	struct mt_site *s = &m->sites[mt_hash(pc ^ (uint64_t)(cpu % MT_LANES) << 48, MT_SITE_BITS)];

	/* Else compilers compute the address anew for each member that is used. */
	__asm__("" : "+r"(s));
	return s;
}

static inline uint64_t *mt_next2(struct mt_model *m, const struct mt_lane *l)
{
	return &m->next2[mt_hash(l->pc ^ l->pc_before << 20, MT_NEXT_BITS)];
}

static inline uint64_t *mt_next1(struct mt_model *m, const struct mt_lane *l)
{
	return m->next1[mt_hash(l->pc, MT_NEXT_BITS)];
}

static inline void mt_learn_pc(uint64_t *next2, uint64_t *next1, uint64_t pc)
{
	*next2 = pc;
	if (next1[0] != pc) {
		next1[1] = next1[0];
		next1[0] = pc;
	}
}

/* Kernel pages are the same for all cpus; others belong to the cpu's program. */
static inline uint64_t mt_page_key(uint64_t addr, uint32_t cpu)
{
	uint64_t page = addr >> 12;

	return addr >> 63 ? page : page ^ (uint64_t)(cpu % MT_LANES + 1) << 52;
}

static inline uint64_t *mt_page(struct mt_model *m, uint64_t key, const struct mt_lane *l)
{
	size_t i = mt_hash(key, MT_PAGE_BITS);

	if (m->pages[i].key != key) {
		m->pages[i].key = key;
		m->pages[i].offset = l->offset;
	}
	return &m->pages[i].offset;
}

static inline uint64_t mt_zigzag(uint64_t n)
{
	return n << 1 ^ (0 - (n >> 63));
}

static inline uint64_t mt_unzigzag(uint64_t n)
{
	return n >> 1 ^ (0 - (n & 1));
}

#endif
