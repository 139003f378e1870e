/* SPDX-License-Identifier: MIT */
/*
 * A payload to records.  Each byte that is read is checked to be there, and
 * all of them must have been read at the end, so that nothing a payload holds
 * can stay unnoticed.
 */
#include <stdlib.h>

#include "mt_log_model.h"
#include "mt_log_pack.h"

/* What is being read of one part; past its end are zeros. */
struct part {
	const unsigned char *at, *end;
	unsigned char *buf;
	size_t room;
};

struct mt_unpacker {
	struct mt_model model;
	struct part part[MT_S_COUNT];
	bool short_part;		/* more was asked for than there is */
	struct mt_log_block block;
	uint64_t source, run;		/* of the records to come: cpu + 1 or 0, and how many */
	uint32_t left;			/* bytes of records that are not unpacked yet */
	uint32_t accesses, others;	/* that are */
	bool framed;			/* a begin or end is among the others */
};

struct mt_unpacker *mt_unpacker_new(void)
{
	return calloc(1, sizeof(struct mt_unpacker));
}

void mt_unpacker_free(struct mt_unpacker *u)
{
	if (!u)
		return;
	for (int s = 0; s < MT_S_COUNT; s++)
		free(u->part[s].buf);
	free(u);
}

/* ---- one access -------------------------------------------------------- */

static uint64_t get_long(struct mt_unpacker *u, struct part *p)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64 && p->at < p->end; shift += 7) {
		unsigned char c = *p->at++;

		n |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return n;
	}
	u->short_part = true;
	return 0;
}

static inline uint64_t get(struct mt_unpacker *u, enum mt_stream s)
{
	struct part *p = &u->part[s];

	if (p->at < p->end && *p->at < 0x80)
		return *p->at++;
	return get_long(u, p);
}

static inline uint64_t get_signed(struct mt_unpacker *u, enum mt_stream s)
{
	return mt_unzigzag(get(u, s));
}

/*
 * The same without a branch for each byte, which would be guessed wrong as
 * often as lengths differ.  Groups of 7, 14 and then 28 bits move together.
 */
static inline uint64_t get_signed_evenly(struct mt_unpacker *u, enum mt_stream s)
{
	struct part *p = &u->part[s];
	uint64_t n, last = 0;		/* highest bits of bytes that end a varint */

	if (p->end - p->at >= 8) {
		memcpy(&n, p->at, 8);
		last = ~n & 0x8080808080808080;
	}
	if (!last)			/* it is longer, or the part ends here */
		return mt_unzigzag(get_long(u, p));
	p->at += __builtin_ctzll(last) / 8 + 1;
	n &= last ^ (last - 1);
	n = (n & 0x007f007f007f007f) | (n & 0x7f007f007f007f00) >> 1;
	n = (n & 0x00003fff00003fff) | (n & 0x3fff00003fff0000) >> 2;
	n = (n & 0x000000000fffffff) | (n & 0x0fffffff00000000) >> 4;
	return mt_unzigzag(n);
}

static inline uint64_t unpack_pc(struct mt_unpacker *u, const struct mt_lane *l, unsigned control)
{
	uint64_t *next2 = mt_next2(&u->model, l), *next1 = mt_next1(&u->model, l);
	uint64_t pc;

	switch (control & MT_C_PC) {
	case 0:  pc = *next2; break;
	case 1:  pc = next1[0]; break;
	case 2:  pc = next1[1]; break;
	default: pc = l->pc + get_signed_evenly(u, MT_S_PC); break;
	}
	mt_learn_pc(next2, next1, pc);
	return pc;
}

static inline uint64_t unpack_addr(struct mt_unpacker *u, const struct mt_lane *l,
				   const struct mt_site *s, unsigned control)
{
	switch ((control & MT_C_ADDR) >> 2) {
	case 0:  return s->addr + s->stride;
	case 1:  return l->addr + s->step;
	case 2:  return s->addr + get_signed_evenly(u, MT_S_ADDR);
	default: return l->addr + get_signed_evenly(u, MT_S_ADDR);
	}
}

static inline void unpack_ids(struct mt_unpacker *u, struct mt_site *s)
{
	s->object += (uint32_t)get_signed(u, MT_S_IDS);
	s->field += (uint32_t)get_signed(u, MT_S_IDS);
	s->stack += (uint32_t)get_signed(u, MT_S_IDS);
}

/* What only few accesses have: a surprise behind their address. */
static void unpack_surprise(struct mt_unpacker *u, struct mt_site *s, unsigned control)
{
	if (control & MT_C_SHAPE) {
		s->width = (uint16_t)get(u, MT_S_SHAPE);
		s->flags = (uint16_t)get(u, MT_S_SHAPE);
	}
	if (control & MT_C_TIME)
		s->wait = get_signed(u, MT_S_TIME);
	if (control & MT_C_IDS)
		unpack_ids(u, s);
}

static inline void unpack_access(struct mt_unpacker *u, struct mt_lane *l, uint32_t cpu,
				 unsigned control, struct mt_access *a)
{
	uint64_t pc = unpack_pc(u, l, control);
	struct mt_site *s = mt_site(&u->model, pc, cpu);
	uint64_t addr = unpack_addr(u, l, s, control);
	uint64_t *offset = mt_page(&u->model, mt_page_key(addr, cpu), l);

	s->stride = addr - s->addr;
	s->step = addr - l->addr;
	s->addr = addr;
	if (control & (MT_C_SHAPE | MT_C_TIME | MT_C_IDS))
		unpack_surprise(u, s, control);
	if (control & MT_C_PADDR)
		*offset += get_signed(u, MT_S_PADDR);
	*l = (struct mt_lane){ pc, l->pc, addr, l->time + s->wait, *offset };
	a->hdr = (struct mt_hdr){ .kind = MT_KIND_access, .size = sizeof(*a), .cpu = cpu, .time = l->time };
	a->pc = pc;
	a->addr = addr;
	a->paddr = addr + l->offset;
	memcpy(&a->width, &s->width, MT_SITE_TAIL);
}

/* ---- a block ----------------------------------------------------------- */

/* Where the records go. */
struct output {
	unsigned char *at, *end;
};

static bool unpack_accesses(struct mt_unpacker *u, struct output *out, uint32_t cpu, uint64_t n)
{
	struct mt_lane lane = u->model.lanes[cpu % MT_LANES];	/* in registers */
	struct part *control = &u->part[MT_S_CONTROL];
	struct mt_access *to = (struct mt_access *)out->at;

	if (n > (uint64_t)(control->end - control->at))
		return false;
	for (const unsigned char *c = control->at, *end = c + n; c < end; c++, to++)
		unpack_access(u, &lane, cpu, *c, to);
	control->at += n;
	u->model.lanes[cpu % MT_LANES] = lane;
	out->at = (unsigned char *)to;
	u->accesses += (uint32_t)n;
	return true;
}

/* Of a run of accesses all that fit. */
static bool unpack_some_accesses(struct mt_unpacker *u, struct output *out)
{
	const uint64_t fit = (uint64_t)(out->end - out->at) / sizeof(struct mt_access);
	const uint64_t n = u->run < fit ? u->run : fit;

	u->run -= n;
	return unpack_accesses(u, out, (uint32_t)(u->source - 1), n);
}

/* Of a run of other records all that fit. */
static bool unpack_others(struct mt_unpacker *u, struct output *out)
{
	struct part *raw = &u->part[MT_S_RAW];
	const char *why;

	for (; u->run; u->run--) {
		const struct mt_hdr *rec = (const struct mt_hdr *)raw->at;
		int size = mt_frame(rec, (size_t)(raw->end - raw->at), &why);

		if (size <= 0 || rec->kind == MT_KIND_access)
			return false;
		if (size > out->end - out->at)
			break;
		u->framed |= rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end;
		memcpy(out->at, raw->at, (size_t)size);
		out->at += size;
		raw->at += size;
		u->others++;
	}
	return true;
}

static bool next_run(struct mt_unpacker *u)
{
	u->source = get(u, MT_S_RUNS);
	u->run = get(u, MT_S_RUNS) + 1;
	return u->source <= (uint64_t)UINT32_MAX + 1 && u->run && !u->short_part;
}

/* Until no more fits. */
static bool unpack_records(struct mt_unpacker *u, struct output *out)
{
	while (out->at < out->end) {
		if (!u->run && !next_run(u))
			return false;
		if (!(u->source ? unpack_some_accesses(u, out) : unpack_others(u, out)))
			return false;
		if (u->run)
			break;
	}
	return !u->short_part;
}

/* All is unpacked: is it all that there was? */
static const char *check_end(const struct mt_unpacker *u)
{
	for (int s = 0; s < MT_S_COUNT; s++)
		if (u->part[s].at != u->part[s].end || u->run)
			return "a block's records make no sense";
	return u->accesses == u->block.accesses &&
		u->accesses + u->others == u->block.records ? NULL :
		"a block has another number of records than it says";
}

static const char *load_part(struct part *p, struct libdeflate_decompressor *inflate,
			     const unsigned char *coded, uint32_t raw_size, uint32_t coded_size)
{
	if (p->room < raw_size) {
		free(p->buf);
		p->room = 0;
		p->buf = malloc(raw_size);	/* RAW's records are aligned in it */
		if (!p->buf)
			return "out of memory";
		p->room = raw_size;
	}
	p->at = p->buf;
	p->end = p->buf + raw_size;
	if (coded_size == raw_size) {
		if (raw_size)
			memcpy(p->buf, coded, raw_size);
	} else if (libdeflate_deflate_decompress(inflate, coded, coded_size, p->buf, raw_size,
						 NULL) != LIBDEFLATE_SUCCESS) {
		return "a block cannot be decompressed";
	}
	return NULL;
}

/* The parts of the payload; NULL, or what is wrong with their table. */
static const char *find_parts(const struct mt_log_block *b, const unsigned char *payload,
			      uint32_t sizes[MT_S_COUNT][2])
{
	uint64_t raw = 0, coded = MT_S_COUNT * sizeof(*sizes);

	if (b->payload_size < coded)
		return "a block is too short";
	memcpy(sizes, payload, coded);
	for (int s = 0; s < MT_S_COUNT; s++) {
		raw += sizes[s][0];
		coded += sizes[s][1];
	}
	return coded == b->payload_size && raw <= 2ull * b->raw_size ? NULL :
		"a block's parts claim an absurd size";
}

static const char *load_parts(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
			      const struct mt_log_block *b, const unsigned char *payload)
{
	uint32_t sizes[MT_S_COUNT][2];
	const char *why = find_parts(b, payload, sizes);

	payload += sizeof(sizes);
	for (int s = 0; s < MT_S_COUNT && !why; s++) {
		why = load_part(&u->part[s], inflate, payload, sizes[s][0], sizes[s][1]);
		payload += sizes[s][1];
	}
	return why;
}

static void start(struct mt_unpacker *u, const struct mt_log_block *b)
{
	u->block = *b;
	u->left = b->raw_size;
	u->source = u->run = 0;
	u->accesses = u->others = 0;
	u->framed = u->short_part = false;
}

const char *mt_unpack_start(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
			    const struct mt_log_block *b, const void *payload)
{
	const char *why = load_parts(u, inflate, b, payload);

	start(u, b);
	memset(&u->model, 0, sizeof(u->model));
	return why;
}

const char *mt_unpack_some(struct mt_unpacker *u, void *records, size_t room, size_t *used)
{
	struct output out = { .at = records };

	out.end = out.at + (room < u->left ? room : u->left);
	if (!unpack_records(u, &out))
		return "a block's records make no sense";
	*used = (size_t)(out.at - (unsigned char *)records);
	u->left -= (uint32_t)*used;
	if (!u->left)
		return check_end(u);
	return *used ? NULL : "a block's records make no sense";
}

bool mt_unpack_framed(const struct mt_unpacker *u)
{
	return u->framed;
}

const char *mt_unpack_others(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
			     const struct mt_log_block *b, const void *payload, void *records,
			     size_t *used)
{
	struct output out = { .at = records, .end = (unsigned char *)records + b->raw_size };
	uint32_t sizes[MT_S_COUNT][2];
	const char *why = find_parts(b, payload, sizes);

	if (why)
		return why;
	/* it is the last part */
	why = load_part(&u->part[MT_S_RAW], inflate,
			(const unsigned char *)payload + b->payload_size - sizes[MT_S_RAW][1],
			sizes[MT_S_RAW][0], sizes[MT_S_RAW][1]);
	if (why)
		return why;
	start(u, b);
	if (b->accesses > b->records)
		return "a block's records make no sense";
	u->run = b->records - b->accesses;
	if (!unpack_others(u, &out) || u->run || u->part[MT_S_RAW].at != u->part[MT_S_RAW].end)
		return "a block's records make no sense";
	*used = (size_t)(out.at - (unsigned char *)records);
	return NULL;
}
