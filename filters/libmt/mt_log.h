/* SPDX-License-Identifier: MIT */
/*
 * The log at rest: self-contained, checksummed, compressed blocks of records
 * and an index at the end.  Only mt-cat, the tracer and the reader of streams
 * know this format; it is specified in mt-log(5).
 *
 * A block can be encoded and decoded without any other block, so several
 * processes may append to one file (each block by one write under a lock), a
 * damaged block costs only itself, and all cores can work.
 */
#ifndef MT_LOG_H
#define MT_LOG_H

#include "mt.h"

/* Records are collected up to about this many bytes for one block. */
#define MT_LOG_BLOCK (4 * 1024 * 1024)

/* No block holds more bytes of records, or is longer itself (the index is). */
#define MT_LOG_RAW_MAX (8u * 1024 * 1024)
#define MT_LOG_PAYLOAD_MAX (9u * 1024 * 1024)

#define MT_LOG_MAGIC "\x8bmtlog\r\n"
#define MT_LOG_MAGIC_SIZE 8
#define MT_LOG_INDEX_MAGIC "mtindex\n"

/* How a payload is coded, and what else there is to say about it. */
enum mt_log_coding {
	MT_LOG_DEFLATE = 1,		/* the records as they are */
	MT_LOG_PREDICTED = 2,		/* mt_log_model.h */
	MT_LOG_CODING = 0x1f,		/* the bits of these */
	MT_LOG_FRAME = 0x20,		/* a begin or end record is in it */
	MT_LOG_STATE = 0x40,		/* no part of the stream: what it has led to so far */
	MT_LOG_INDEX = 0xff,		/* no records: struct mt_log_entry, then a trailer */
};

/*
 * What stands in front of each payload.  Ranges are inclusive and empty when
 * min > max.  Judged records are those that mt-filter judges: events and
 * reports of known kinds; a block with others must not be skipped.
 */
struct mt_log_block {
	unsigned char magic[MT_LOG_MAGIC_SIZE];
	uint16_t header_size;		/* of this struct */
	uint8_t version;		/* 1 */
	uint8_t coding;			/* enum mt_log_coding */
	uint32_t header_crc;		/* of the header with this member 0 */
	uint32_t payload_size;
	uint32_t payload_crc;
	uint32_t raw_size;		/* bytes of the records */
	uint32_t records;
	uint32_t judged;
	uint32_t accesses;
	uint64_t time_min, time_max;	/* of judged records */
	uint64_t pc_min, pc_max;	/* of accesses */
	uint64_t paddr_min, paddr_max;	/* of accesses: first bytes */
	uint64_t cpus[4];		/* bit cpu % 256, of judged records */
	uint64_t granules;		/* bit mt_log_granule() / 2^26, of accesses */
};

static inline bool mt_log_is_state(const struct mt_log_block *b)
{
	return b->coding != MT_LOG_INDEX && (b->coding & MT_LOG_STATE);
}

/* One block as the index tells it. */
struct mt_log_entry {
	uint64_t offset;		/* from the start of the file */
	struct mt_log_block block;
};

/* The last bytes of a log with an index. */
struct mt_log_trailer {
	uint64_t size;			/* of the index block with its header and this */
	unsigned char magic[MT_LOG_MAGIC_SIZE];
};

#define MT_LOG_GRANULE_BITS 8
#define MT_LOG_GRANULE (1u << MT_LOG_GRANULE_BITS)

/*
 * A hash of 32 bits of the granule of memory around paddr.  What is divided by
 * it keeps every line whole, at any line size up to that; larger granules would
 * divide badly (half of a kernel's accesses go to the stacks of a few tasks).
 */
static inline uint32_t mt_log_granule(uint64_t paddr)
{
	return (uint32_t)(((paddr >> MT_LOG_GRANULE_BITS) * 0x9e3779b97f4a7c15ull) >> 32);
}

/* Does mt-filter judge the record, or let it pass for its context? */
bool mt_log_judged(const struct mt_hdr *rec);

/* ---- writing ----------------------------------------------------------- */

/* A header with nothing in it; and the lengths and checksums, filled in last. */
void mt_log_start(struct mt_log_block *b, enum mt_log_coding coding);
void mt_log_seal(struct mt_log_block *b, const void *payload, size_t size);

/* Encodes blocks; one for each thread.  NULL when there is no memory. */
struct mt_log_encoder;
struct mt_log_encoder *mt_log_encoder_new(void);
void mt_log_encoder_free(struct mt_log_encoder *e);

/*
 * Adds whole records to the block that the encoder is making, which holds at
 * most MT_LOG_BLOCK + MT_RECORD_MAX bytes of them.  -1 with errno when there
 * is no room for them or they are malformed; the block is empty again then.
 */
MT_MUST_CHECK int mt_log_add(struct mt_log_encoder *e, const void *records, size_t len);

/* The block that is being made is one of a state. */
void mt_log_say_state(struct mt_log_encoder *e);

/* Bytes of the records that were added. */
size_t mt_log_added(const struct mt_log_encoder *e);

/*
 * Ends the block and begins another one.  *block is the encoder's and lives
 * until the next one ends.  Returns its length.
 */
size_t mt_log_end_block(struct mt_log_encoder *e, const void **block);

/* All at once, with nothing added before: the block's length, or -1. */
MT_MUST_CHECK long mt_log_encode(struct mt_log_encoder *e, const void *records, size_t len,
				 const void **block);

/*
 * Closes a log: hops over the block headers of the regular file fd (open for
 * reading and writing) and appends the index.  0, or -1 with errno; EBADMSG
 * when the blocks are damaged.  A log without an index is still read, block by
 * block.
 */
MT_MUST_CHECK int mt_log_finish(int fd);

/* ---- reading ----------------------------------------------------------- */

/*
 * Judges the bytes at buf as a block's header and copies it to *b.  0, or -1
 * with the reason in *error (static text); len is at least sizeof(*b).
 */
MT_MUST_CHECK int mt_log_header(const void *buf, size_t len, struct mt_log_block *b,
				const char **error);

/* Does the payload, b->payload_size bytes, have the block's checksum? */
bool mt_log_payload_ok(const struct mt_log_block *b, const void *payload);

/* Decodes blocks; one for each thread.  NULL when there is no memory. */
struct mt_log_decoder;
struct mt_log_decoder *mt_log_decoder_new(void);
void mt_log_decoder_free(struct mt_log_decoder *d);

/*
 * Decodes a payload to records, which has room for b->raw_size bytes and is
 * aligned to 8.  Every record's frame is whole and valid then.  0, or -1 with
 * the reason in *error (static text).
 */
MT_MUST_CHECK int mt_log_decode(struct mt_log_decoder *d, const struct mt_log_block *b,
				const void *payload, void *records, const char **error);

/*
 * The same in parts that stay in the cache: start, then at each call as many
 * whole records as fit into room bytes, of which there are MT_RECORD_MAX or more.
 * Returns their bytes, 0 after the last ones, -1 with the reason in *error.  What
 * came before a fault was whole.
 */
MT_MUST_CHECK int mt_log_decode_start(struct mt_log_decoder *d, const struct mt_log_block *b,
				      const void *payload, const char **error);
MT_MUST_CHECK long mt_log_decode_some(struct mt_log_decoder *d, void *records, size_t room,
				      const char **error);

/*
 * Of all but the accesses, in order, for a fraction of the time: *used gets
 * their bytes.  The accesses stay unjudged.
 */
MT_MUST_CHECK int mt_log_decode_others(struct mt_log_decoder *d, const struct mt_log_block *b,
				       const void *payload, void *records, size_t *used,
				       const char **error);

/* Is a begin or an end among the records last decoded?  Whatever the header says. */
bool mt_log_framed(const struct mt_log_decoder *d);

/*
 * Finds the blocks of a file or pipe, one after another, and the next good one
 * after damage.  The descriptor stays the caller's.
 */
struct mt_log_reader {
	int fd;
	bool (*idle)(void *arg);	/* called before a read that would block: false, and it is not
					   done, but fails with EINTR; or NULL */
	bool (*more)(void *arg);	/* called at the end of the file: may more come?; or NULL */
	void *arg;			/* of both */
	uint64_t offset;		/* in the file, of the block last found or the damage */
	uint64_t base;			/* offset of buf[0] */
	size_t pos, used;		/* in buf */
	unsigned char *buf;
	bool eof;
	bool lost;			/* look for the next magic */
	char error[160];		/* reason, once next or payload has failed */
};

MT_MUST_CHECK int mt_log_reader_init(struct mt_log_reader *r, int fd);	/* -1: no memory */
void mt_log_reader_release(struct mt_log_reader *r);

/* Right after init: bytes that were read from fd already, at most 256 KiB. */
void mt_log_reader_begun(struct mt_log_reader *r, const void *first, size_t len);

/* The first bytes of the file: how many there are, at most len; -1 (errno). */
MT_MUST_CHECK long mt_log_reader_peek(struct mt_log_reader *r, const void **bytes, size_t len);

/*
 * The next block's header: 1; 0 at the end; -1 when bytes before the next good
 * header are damaged or a read failed (r->error, r->offset): going on finds
 * the next good block or the end.
 */
MT_MUST_CHECK int mt_log_reader_next(struct mt_log_reader *r, struct mt_log_block *b);

/*
 * The payload of the block that next has found, checked; it lives until the
 * next call.  NULL when it is damaged (r->error, r->offset).
 */
const void *mt_log_reader_payload(struct mt_log_reader *r, const struct mt_log_block *b);

/* Hops over it, unchecked, instead; or continues at any offset of a file. */
MT_MUST_CHECK int mt_log_reader_skip(struct mt_log_reader *r, const struct mt_log_block *b);
MT_MUST_CHECK int mt_log_reader_seek(struct mt_log_reader *r, uint64_t offset);

/* Checks an index block, of any length, without keeping it: 0, or -1 (r->error). */
MT_MUST_CHECK int mt_log_reader_index(struct mt_log_reader *r, const struct mt_log_block *b);

/*
 * A log as the stream that it holds, for who reads streams: its blocks one after
 * another, without states and index.  Damage is the end of it; to go on behind
 * it is mt-cat's work.
 */
struct mt_log_stream;

/* As mt_log_reader_begun, and its idle.  NULL when there is no memory. */
struct mt_log_stream *mt_log_stream_new(int fd, const void *first, size_t len,
					bool (*idle)(void *arg), void *arg);
void mt_log_stream_free(struct mt_log_stream *s);

/*
 * The next records: as many whole ones as fit into room bytes, of which there are
 * MT_RECORD_MAX or more.  Returns their bytes, 0 at the end, -1 with *error.
 */
MT_MUST_CHECK long mt_log_stream_read(struct mt_log_stream *s, void *records, size_t room,
				      const char **error);

/* In the file, of the block last read, of the damage, or of its end. */
uint64_t mt_log_stream_offset(const struct mt_log_stream *s);

/* The index of a regular file: what its blocks hold, without reading them. */
struct mt_log_index {
	int fd;
	uint64_t first;			/* offset of the first entry in the file */
	uint64_t count;			/* blocks */
	uint64_t at;			/* number of cache[0] */
	size_t cached;
	struct mt_log_entry cache[64];
};

/* Finds and checks the index; false when there is none that speaks for the whole file. */
bool mt_log_index_open(struct mt_log_index *x, int fd);

/* Entry number n, below x->count; -1 with errno. */
MT_MUST_CHECK int mt_log_index_get(struct mt_log_index *x, uint64_t n, struct mt_log_entry *e);

#endif
