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
	uint64_t source, run;		/* records in a row that RUNS does not tell of yet */
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

/* ---- varints ----------------------------------------------------------- */

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

/*
 * The same without a branch for each byte, which would be guessed wrong as
 * often as lengths differ.  Groups of 28, 14 and then 7 bits move apart.
 */
static inline void put_evenly(struct mt_packer *p, enum mt_stream s, uint64_t n)
{
	unsigned bits = 63 - (unsigned)__builtin_clzll(n | 1), bytes = (bits * 9 + 73) / 64;

	if (bytes > 8) {
		put(p, s, n);
		return;
	}
	n = (n & 0xfffffff) | (n & 0xfffffff0000000) << 4;
	n = (n & 0x00003fff00003fff) | (n & 0x0fffc0000fffc000) << 2;
	n = (n & 0x007f007f007f007f) | (n & 0x3f803f803f803f80) << 1;
	n |= 0x80808080808080 & ((1ull << 8 * (bytes - 1)) - 1);
	memcpy(p->end[s], &n, 8);	/* there is room for 10 */
	p->end[s] += bytes;
}

/* ---- one access -------------------------------------------------------- */

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
	uint64_t stride = addr - s->addr, step = addr - l->addr;
	unsigned control = 0;

	/* Not beside s->stride: compilers join the two in a vector, which takes longer. */
	s->addr = l->addr = addr;
	if (stride != s->stride) {
		uint64_t far = mt_zigzag(stride), near = mt_zigzag(step);

		control = 1 << 2;
		if (step != s->step) {
			control = far <= near ? 2 << 2 : 3 << 2;
			put_evenly(p, MT_S_ADDR, far <= near ? far : near);
		}
	}
	s->stride = stride;
	s->step = step;
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

static inline unsigned pack_paddr(struct mt_packer *p, struct mt_lane *l, const struct mt_access *a,
				  uint32_t cpu)
{
	uint64_t *expected = mt_page(&p->model, mt_page_key(a->addr, cpu), l);
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

/* cpu: its own, which is the same for a while. */
static inline unsigned pack_access(struct mt_packer *p, struct mt_lane *l, const struct mt_access *a,
				   uint32_t cpu)
{
	struct mt_site *s = mt_site(&p->model, a->pc, cpu);
	unsigned control;

	control = pack_pc(p, l, a->pc);
	control |= pack_addr(p, l, s, a->addr);
	control |= pack_shape(p, s, a);
	control |= pack_paddr(p, l, a, cpu);
	control |= pack_time(p, l, s, a->hdr.time);
	return control | pack_ids(p, s, a);
}

/* ---- a block ----------------------------------------------------------- */

void mt_pack_start(struct mt_packer *p)
{
	memset(&p->model, 0, sizeof(p->model));
	memcpy(p->end, p->part, sizeof(p->end));
	p->run = 0;
}

/* The next n records are of that source: 0 for RAW, cpu + 1 for accesses. */
static void count_run(struct mt_packer *p, uint64_t source, uint64_t n)
{
	if (source != p->source && p->run) {
		put(p, MT_S_RUNS, p->source);
		put(p, MT_S_RUNS, p->run - 1);
		p->run = 0;
	}
	p->source = source;
	p->run += n;
}

/* Kind, size and cpu in one comparison. */
static inline bool same_source(const struct mt_hdr *a, const struct mt_hdr *b)
{
	return !memcmp(a, b, offsetof(struct mt_hdr, time));
}

/* Accesses from a site's fetching to its use. */
#define AHEAD 8

size_t mt_pack_accesses(struct mt_packer *p, const struct mt_access *first, size_t max)
{
	const struct mt_access *a = first, *last = first + max - 1, *soon = max > AHEAD ? a + AHEAD : last;
	uint32_t cpu = first->hdr.cpu;
	struct mt_lane lane = p->model.lanes[cpu % MT_LANES];	/* in registers meanwhile */
	unsigned char *control = p->end[MT_S_CONTROL];

	do {
		__builtin_prefetch(mt_site(&p->model, soon->pc, cpu));
		soon += soon < last;
		*control++ = (unsigned char)pack_access(p, &lane, a, cpu);
	} while (a++ < last && same_source(&a->hdr, &first->hdr));
	p->model.lanes[cpu % MT_LANES] = lane;
	p->end[MT_S_CONTROL] = control;
	count_run(p, (uint64_t)cpu + 1, (uint64_t)(a - first));
	return (size_t)(a - first);
}

void mt_pack_other(struct mt_packer *p, const struct mt_hdr *rec)
{
	memcpy(p->end[MT_S_RAW], rec, rec->size);
	p->end[MT_S_RAW] += rec->size;
	count_run(p, 0, 1);
}

size_t mt_packer_bound(void)
{
	size_t sum = MT_S_COUNT * 2 * sizeof(uint32_t);

	for (int s = 0; s < MT_S_COUNT; s++)
		sum += part_room[s];
	return sum;
}

size_t mt_pack_end(struct mt_packer *p, void *payload)
{
	uint32_t (*sizes)[2] = payload;
	unsigned char *to = (unsigned char *)payload + MT_S_COUNT * sizeof(*sizes);

	count_run(p, UINT64_MAX, 0);
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
