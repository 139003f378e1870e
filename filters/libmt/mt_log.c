/* SPDX-License-Identifier: MIT */
/* Blocks of the log at rest: header and payload.  See mt-log(5). */
#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "mt_log.h"
#include "mt_log_pack.h"

_Static_assert(sizeof(struct mt_log_block) == 128, "a block's header has no padding");

bool mt_log_judged(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	return t && (t->class == MT_CLASS_event || t->class == MT_CLASS_report);
}

/* ---- the header -------------------------------------------------------- */

void mt_log_start(struct mt_log_block *b, enum mt_log_coding coding)
{
	*b = (struct mt_log_block){
		.magic = MT_LOG_MAGIC, .header_size = sizeof(*b), .version = 1,
		.coding = (uint8_t)coding,
		.time_min = UINT64_MAX, .pc_min = UINT64_MAX, .paddr_min = UINT64_MAX,
	};
}

void mt_log_seal(struct mt_log_block *b, const void *payload, size_t size)
{
	b->payload_size = (uint32_t)size;
	b->payload_crc = libdeflate_crc32(0, payload, size);
	b->header_crc = 0;
	b->header_crc = libdeflate_crc32(0, b, sizeof(*b));
}

static const char *header_fault(const struct mt_log_block *b)
{
	struct mt_log_block copy = *b;

	copy.header_crc = 0;
	if (memcmp(b->magic, MT_LOG_MAGIC, MT_LOG_MAGIC_SIZE))
		return "no block of a log";
	if (libdeflate_crc32(0, &copy, sizeof(copy)) != b->header_crc)
		return "a block's header is damaged: wrong checksum";
	if (b->version != 1 || b->header_size != sizeof(*b))
		return "block of a newer version of the format";
	if (b->coding == MT_LOG_INDEX)
		return NULL;
	if (b->raw_size > MT_LOG_RAW_MAX || b->payload_size > MT_LOG_PAYLOAD_MAX ||
	    b->records > b->raw_size / sizeof(struct mt_hdr))
		return "a block claims an absurd size";
	return NULL;
}

int mt_log_header(const void *buf, size_t len, struct mt_log_block *b, const char **error)
{
	*error = "too short for a block's header";
	if (len < sizeof(*b))
		return -1;
	memcpy(b, buf, sizeof(*b));
	*error = header_fault(b);
	return *error ? -1 : 0;
}

bool mt_log_payload_ok(const struct mt_log_block *b, const void *payload)
{
	return libdeflate_crc32(0, payload, b->payload_size) == b->payload_crc;
}

/* ---- encoding ---------------------------------------------------------- */

struct mt_log_encoder {
	struct mt_packer *packer;
	unsigned char *block;		/* header and payload */
	struct mt_log_block head;	/* of what was added so far */
};

static void start_block(struct mt_log_encoder *e)
{
	mt_log_start(&e->head, MT_LOG_PREDICTED);
	mt_pack_start(e->packer);
}

struct mt_log_encoder *mt_log_encoder_new(void)
{
	struct mt_log_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->packer = mt_packer_new();
	e->block = malloc(sizeof(struct mt_log_block) + mt_packer_bound());
	if (!e->packer || !e->block) {
		mt_log_encoder_free(e);
		return NULL;
	}
	start_block(e);
	return e;
}

void mt_log_encoder_free(struct mt_log_encoder *e)
{
	if (!e)
		return;
	mt_packer_free(e->packer);
	free(e->block);
	free(e);
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void sum_up_judged(struct mt_log_block *b, const struct mt_hdr *rec, size_t n)
{
	b->judged += (uint32_t)n;
	b->time_min = least(b->time_min, rec->time);
	b->time_max = most(b->time_max, rec->time);
	b->cpus[rec->cpu / 64 % 4] |= 1ull << rec->cpu % 64;
}

/* Of one cpu.  In a copy of the header, which the compiler keeps in registers. */
static void sum_up_accesses(struct mt_log_block *head, const struct mt_access *a, size_t n)
{
	struct mt_log_block b = *head;

	sum_up_judged(&b, &a->hdr, n);
	b.accesses += (uint32_t)n;
	for (const struct mt_access *end = a + n; a < end; a++) {
		b.time_min = least(b.time_min, a->hdr.time);
		b.time_max = most(b.time_max, a->hdr.time);
		b.pc_min = least(b.pc_min, a->pc);
		b.pc_max = most(b.pc_max, a->pc);
		b.paddr_min = least(b.paddr_min, a->paddr);
		b.paddr_max = most(b.paddr_max, a->paddr);
		b.granules |= 1ull << (mt_log_granule(a->paddr) >> 26);
	}
	*head = b;
}

/* At most as many accesses at once as stay in the first-level cache. */
#define AT_ONCE 256

/* Bytes of the records in front that were added; -1: malformed. */
static long add_some(struct mt_log_encoder *e, const void *records, size_t len)
{
	const struct mt_hdr *rec = records;
	const char *why;
	size_t n;
	int size;

	if (len >= sizeof(struct mt_access) && mt_is_access(rec)) {
		n = len / sizeof(struct mt_access);
		n = mt_pack_accesses(e->packer, records, n < AT_ONCE ? n : AT_ONCE);
		sum_up_accesses(&e->head, records, n);
		e->head.records += (uint32_t)n;
		return (long)(n * sizeof(struct mt_access));
	}
	size = mt_frame(records, len, &why);
	if (size <= 0)
		return -1;
	mt_pack_other(e->packer, rec);
	if (rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end)
		e->head.coding |= MT_LOG_FRAME;
	if (mt_log_judged(rec))
		sum_up_judged(&e->head, rec, 1);
	e->head.records++;
	return size;
}

int mt_log_add(struct mt_log_encoder *e, const void *records, size_t len)
{
	const unsigned char *at = records, *end = at + len;
	long done = 0;

	if (e->head.raw_size + len > MT_LOG_BLOCK + MT_RECORD_MAX)
		done = -1;
	for (; at < end && done >= 0; at += done)
		done = add_some(e, at, (size_t)(end - at));
	if (done < 0) {
		start_block(e);
		errno = EINVAL;
		return -1;
	}
	e->head.raw_size += (uint32_t)len;
	return 0;
}

void mt_log_say_state(struct mt_log_encoder *e)
{
	e->head.coding |= MT_LOG_STATE;
}

size_t mt_log_added(const struct mt_log_encoder *e)
{
	return e->head.raw_size;
}

size_t mt_log_end_block(struct mt_log_encoder *e, const void **block)
{
	struct mt_log_block *b = (struct mt_log_block *)e->block;
	size_t size = mt_pack_end(e->packer, b + 1);

	*b = e->head;
	mt_log_seal(b, b + 1, size);
	start_block(e);
	*block = e->block;
	return sizeof(*b) + size;
}

long mt_log_encode(struct mt_log_encoder *e, const void *records, size_t len, const void **block)
{
	if (mt_log_add(e, records, len) < 0)
		return -1;
	return (long)mt_log_end_block(e, block);
}

/* ---- decoding ---------------------------------------------------------- */

struct mt_log_decoder {
	struct libdeflate_decompressor *inflate;
	struct mt_unpacker *unpacker;
	bool framed;			/* of the block before, if it was decoded */
	struct mt_log_block block;	/* that is decoded in parts, */
	uint32_t left;			/* and so many bytes of its records are to come */
	unsigned char *whole;		/* of a block that is decoded at once: its records */
};

struct mt_log_decoder *mt_log_decoder_new(void)
{
	struct mt_log_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->inflate = libdeflate_alloc_decompressor();
	d->unpacker = mt_unpacker_new();
	if (d->inflate && d->unpacker)
		return d;
	mt_log_decoder_free(d);
	return NULL;
}

void mt_log_decoder_free(struct mt_log_decoder *d)
{
	if (!d)
		return;
	libdeflate_free_decompressor(d->inflate);
	mt_unpacker_free(d->unpacker);
	free(d->whole);
	free(d);
}

/* The frames fill the bytes exactly, and are as many as the header says. */
static const char *frames_fault(const struct mt_log_block *b, const unsigned char *records,
				bool *framed)
{
	const char *why = NULL;
	uint32_t n = 0, accesses = 0;

	*framed = false;
	for (size_t at = 0; at < b->raw_size; n++) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(records + at);
		int size = mt_frame(rec, b->raw_size - at, &why);

		if (size <= 0)
			return size < 0 ? why : "a block ends inside a record";
		accesses += rec->kind == MT_KIND_access;
		*framed |= rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end;
		at += (size_t)size;
	}
	return n == b->records && accesses == b->accesses ? NULL :
		"a block has another number of records than it says";
}

static const char *inflate_records(struct mt_log_decoder *d, const struct mt_log_block *b,
				   const void *payload, void *records)
{
	if (libdeflate_deflate_decompress(d->inflate, payload, b->payload_size, records,
					  b->raw_size, NULL) != LIBDEFLATE_SUCCESS)
		return "a block cannot be decompressed";
	return frames_fault(b, records, &d->framed);
}

static unsigned coding_of(const struct mt_log_block *b)
{
	return b->coding & MT_LOG_CODING;
}

static const char *unpack_all(struct mt_log_decoder *d, const struct mt_log_block *b,
			      const void *payload, void *records)
{
	const char *why = mt_unpack_start(d->unpacker, d->inflate, b, payload);
	size_t used = 0;

	if (!why)
		why = mt_unpack_some(d->unpacker, records, b->raw_size, &used);
	d->framed = mt_unpack_framed(d->unpacker);
	return why || used == b->raw_size ? why : "a block's records make no sense";
}

static const char *unknown_coding = "a block is coded in a way that is not known here";

int mt_log_decode(struct mt_log_decoder *d, const struct mt_log_block *b, const void *payload,
		  void *records, const char **error)
{
	if (coding_of(b) == MT_LOG_DEFLATE)
		*error = inflate_records(d, b, payload, records);
	else if (coding_of(b) == MT_LOG_PREDICTED)
		*error = unpack_all(d, b, payload, records);
	else
		*error = unknown_coding;
	return *error ? -1 : 0;
}

int mt_log_decode_start(struct mt_log_decoder *d, const struct mt_log_block *b,
			const void *payload, const char **error)
{
	d->block = *b;
	d->left = 0;
	if (coding_of(b) == MT_LOG_PREDICTED) {
		*error = mt_unpack_start(d->unpacker, d->inflate, b, payload);
	} else if (!d->whole && !(d->whole = malloc(MT_LOG_RAW_MAX))) {
		*error = "out of memory";
	} else if (mt_log_decode(d, b, payload, d->whole, error) < 0) {
		return -1;
	}
	if (*error)
		return -1;
	d->left = b->raw_size;
	return 0;
}

/* Whole records of those that are there already. */
static size_t copy_some(const struct mt_log_decoder *d, void *records, size_t room)
{
	const unsigned char *from = d->whole + (d->block.raw_size - d->left);
	size_t len = 0, size;

	while (len < d->left && (size = ((const struct mt_hdr *)(from + len))->size) <= room - len)
		len += size;
	memcpy(records, from, len);
	return len;
}

long mt_log_decode_some(struct mt_log_decoder *d, void *records, size_t room, const char **error)
{
	size_t used = 0;

	*error = NULL;
	if (!d->left)
		return 0;
	if (coding_of(&d->block) == MT_LOG_PREDICTED)
		*error = mt_unpack_some(d->unpacker, records, room, &used);
	else
		used = copy_some(d, records, room);
	d->left = *error ? 0 : d->left - (uint32_t)used;
	return *error ? -1 : (long)used;
}

bool mt_log_framed(const struct mt_log_decoder *d)
{
	return d->framed;
}

/* Bytes that are left without the accesses. */
static size_t leave_out_accesses(unsigned char *records, size_t len)
{
	size_t to = 0;

	for (size_t at = 0; at < len; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(records + at);
		size_t size = rec->size;

		if (rec->kind != MT_KIND_access) {
			memmove(records + to, rec, size);
			to += size;
		}
		at += size;
	}
	return to;
}

int mt_log_decode_others(struct mt_log_decoder *d, const struct mt_log_block *b,
			 const void *payload, void *records, size_t *used, const char **error)
{
	if (coding_of(b) == MT_LOG_PREDICTED) {
		*error = mt_unpack_others(d->unpacker, d->inflate, b, payload, records, used);
		d->framed = mt_unpack_framed(d->unpacker);
		return *error ? -1 : 0;
	}
	if (mt_log_decode(d, b, payload, records, error) < 0)
		return -1;
	*used = leave_out_accesses(records, b->raw_size);
	return 0;
}
