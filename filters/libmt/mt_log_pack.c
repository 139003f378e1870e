/* SPDX-License-Identifier: MIT */
/* Records to a payload: what was expected costs a bit, the rest its difference. */
#include <stdlib.h>

#include "mt_log_model.h"
#include "mt_log_pack.h"

#define LEN_MAX (MT_LOG_BLOCK + MT_RECORD_MAX)
#define RECORDS_MAX (LEN_MAX / sizeof(struct mt_hdr))
#define ACCESSES_MAX (LEN_MAX / sizeof(struct mt_access))
#define VARINT_MAX 10

/* Bytes that a record can add to each part; RAW takes them as they are. */
static const size_t part_room[MT_S_COUNT] = {
	[MT_S_RUNS] = RECORDS_MAX * 2 * VARINT_MAX,
	[MT_S_CONTROL] = ACCESSES_MAX,
	[MT_S_PC] = ACCESSES_MAX * VARINT_MAX,
	[MT_S_SHAPE] = ACCESSES_MAX * 6,
	[MT_S_ADDR] = ACCESSES_MAX * VARINT_MAX,
	[MT_S_PADDR] = ACCESSES_MAX * VARINT_MAX,
	[MT_S_TIME] = ACCESSES_MAX * VARINT_MAX,
	[MT_S_IDS] = ACCESSES_MAX * 15,
	[MT_S_RAW] = LEN_MAX,
};

struct mt_packer {
	struct libdeflate_compressor *deflate;
	struct mt_model model;
	unsigned char *part[MT_S_COUNT];
	unsigned char *end[MT_S_COUNT];
};

struct mt_packer *mt_packer_new(void)
{
	struct mt_packer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->deflate = libdeflate_alloc_compressor(1);
	for (int s = 0; s < MT_S_COUNT; s++) {
		p->part[s] = malloc(part_room[s]);
		if (!p->part[s] || !p->deflate) {
			mt_packer_free(p);
			return NULL;
		}
	}
	return p;
}

void mt_packer_free(struct mt_packer *p)
{
	if (!p)
		return;
	libdeflate_free_compressor(p->deflate);
	for (int s = 0; s < MT_S_COUNT; s++)
		free(p->part[s]);
	free(p);
}

/* ---- one access -------------------------------------------------------- */

static inline void put(struct mt_packer *p, enum mt_stream s, uint64_t n)
{
	unsigned char *at = p->end[s];

	while (n >= 0x80) {
		*at++ = (unsigned char)(n | 0x80);
		n >>= 7;
	}
	*at++ = (unsigned char)n;
	p->end[s] = at;
}

static inline void put_signed(struct mt_packer *p, enum mt_stream s, uint64_t n)
{
	put(p, s, mt_zigzag(n));
}

static inline unsigned pack_pc(struct mt_packer *p, struct mt_lane *l, uint64_t pc)
{
	uint64_t *next2 = mt_next2(&p->model, l), *next1 = mt_next1(&p->model, l);
	unsigned control = 3;

	if (pc == *next2)
		control = 0;
	else if (pc == next1[0])
		control = 1;
	else if (pc == next1[1])
		control = 2;
	else
		put_signed(p, MT_S_PC, pc - l->pc);
	mt_learn_pc(next2, next1, pc);
	l->pc_before = l->pc;
	l->pc = pc;
	return control;
}

static inline unsigned pack_addr(struct mt_packer *p, struct mt_lane *l, struct mt_site *s,
				 uint64_t addr)
{
	uint64_t far = mt_zigzag(addr - s->addr), near = mt_zigzag(addr - l->addr);
	unsigned control;

	if (addr == s->addr + s->stride) {
		control = 0;
	} else if (addr == l->addr + s->step) {
		control = 1 << 2;
	} else if (far <= near) {
		control = 2 << 2;
		put(p, MT_S_ADDR, far);
	} else {
		control = 3 << 2;
		put(p, MT_S_ADDR, near);
	}
	s->stride = addr - s->addr;
	s->step = addr - l->addr;
	s->addr = l->addr = addr;
	return control;
}

static inline unsigned pack_shape(struct mt_packer *p, struct mt_site *s, const struct mt_access *a)
{
	if (a->width == s->width && a->flags == s->flags)
		return 0;
	put(p, MT_S_SHAPE, a->width);
	put(p, MT_S_SHAPE, a->flags);
	s->width = a->width;
	s->flags = a->flags;
	return MT_C_SHAPE;
}

static inline unsigned pack_paddr(struct mt_packer *p, struct mt_lane *l, const struct mt_access *a)
{
	uint64_t *expected = mt_page(&p->model, mt_page_key(a->addr, a->hdr.cpu), l);
	uint64_t offset = a->paddr - a->addr;
	unsigned control = 0;

	if (offset != *expected) {
		put_signed(p, MT_S_PADDR, offset - *expected);
		control = MT_C_PADDR;
	}
	*expected = l->offset = offset;
	return control;
}

static inline unsigned pack_time(struct mt_packer *p, struct mt_lane *l, struct mt_site *s,
				 uint64_t time)
{
	uint64_t wait = time - l->time;
	unsigned control = 0;

	if (wait != s->wait) {
		put_signed(p, MT_S_TIME, wait);
		control = MT_C_TIME;
	}
	s->wait = wait;
	l->time = time;
	return control;
}

/* Modulo 2^32: sign-extended, so that a small step back is short, too. */
static inline void put_id(struct mt_packer *p, uint32_t id, uint32_t *expected)
{
	put_signed(p, MT_S_IDS, (uint64_t)(int64_t)(int32_t)(id - *expected));
	*expected = id;
}

static inline unsigned pack_ids(struct mt_packer *p, struct mt_site *s, const struct mt_access *a)
{
	if (a->object == s->object && a->field == s->field && a->stack == s->stack)
		return 0;
	put_id(p, a->object, &s->object);
	put_id(p, a->field, &s->field);
	put_id(p, a->stack, &s->stack);
	return MT_C_IDS;
}

static inline void pack_access(struct mt_packer *p, const struct mt_access *a)
{
	struct mt_lane *l = &p->model.lanes[a->hdr.cpu % MT_LANES];
	struct mt_site *s = mt_site(&p->model, a->pc, a->hdr.cpu);
	unsigned control;

	control = pack_pc(p, l, a->pc);
	control |= pack_addr(p, l, s, a->addr);
	control |= pack_shape(p, s, a);
	control |= pack_paddr(p, l, a);
	control |= pack_time(p, l, s, a->hdr.time);
	control |= pack_ids(p, s, a);
	*p->end[MT_S_CONTROL]++ = (unsigned char)control;
}

/* ---- a block ----------------------------------------------------------- */

/* 0 for records that are no accesses, cpu + 1 for accesses. */
static uint64_t source_of(const struct mt_hdr *rec)
{
	return rec->kind == MT_KIND_access ? (uint64_t)rec->cpu + 1 : 0;
}

static void pack_records(struct mt_packer *p, const unsigned char *at, const unsigned char *end)
{
	while (at < end) {
		uint64_t source = source_of((const struct mt_hdr *)at), n = 0;

		do {
			const struct mt_hdr *rec = (const struct mt_hdr *)at;

			if (source) {
				pack_access(p, (const struct mt_access *)rec);
			} else {
				memcpy(p->end[MT_S_RAW], rec, rec->size);
				p->end[MT_S_RAW] += rec->size;
			}
			at += rec->size;
			n++;
		} while (at < end && source_of((const struct mt_hdr *)at) == source);
		put(p, MT_S_RUNS, source);
		put(p, MT_S_RUNS, n - 1);
	}
}

size_t mt_packer_bound(void)
{
	size_t sum = MT_S_COUNT * 2 * sizeof(uint32_t);

	for (int s = 0; s < MT_S_COUNT; s++)
		sum += part_room[s];
	return sum;
}

size_t mt_pack(struct mt_packer *p, const void *records, size_t len, void *payload)
{
	uint32_t (*sizes)[2] = payload;
	unsigned char *to = (unsigned char *)payload + MT_S_COUNT * sizeof(*sizes);

	memset(&p->model, 0, sizeof(p->model));
	memcpy(p->end, p->part, sizeof(p->end));
	pack_records(p, records, (const unsigned char *)records + len);
	for (int s = 0; s < MT_S_COUNT; s++) {
		size_t raw = (size_t)(p->end[s] - p->part[s]);
		size_t coded = raw ? libdeflate_deflate_compress(p->deflate, p->part[s], raw, to, raw - 1) : 0;

		if (!coded) {		/* it would not be shorter: as it is */
			memcpy(to, p->part[s], raw);
			coded = raw;
		}
		sizes[s][0] = (uint32_t)raw;
		sizes[s][1] = (uint32_t)coded;
		to += coded;
	}
	return (size_t)(to - (unsigned char *)payload);
}
