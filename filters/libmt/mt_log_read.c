/* SPDX-License-Identifier: MIT */
/*
 * Blocks of a file or pipe in sequence.  No length is trusted: a header counts
 * only with its checksum, and after damage the search goes on right behind the
 * bytes that made no sense, since they may be what is missing.
 */
#define _GNU_SOURCE			/* memmem */
#include <errno.h>
#include <libdeflate.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mt_log.h"

/* Read at least so much at once; behind it room for the longest block. */
#define CHUNK (256u * 1024)
#define ROOM (sizeof(struct mt_log_block) + MT_LOG_PAYLOAD_MAX + CHUNK)

int mt_log_reader_init(struct mt_log_reader *r, int fd)
{
	*r = (struct mt_log_reader){ .fd = fd };
	r->buf = malloc(ROOM);
	return r->buf ? 0 : -1;
}

void mt_log_reader_begun(struct mt_log_reader *r, const void *first, size_t len)
{
	memcpy(r->buf, first, len);
	r->used = len;
}

void mt_log_reader_release(struct mt_log_reader *r)
{
	free(r->buf);
	r->buf = NULL;
}

static bool may_read(struct mt_log_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	return !r->idle || poll(&p, 1, 0) != 0 || r->idle(r->arg);
}

static int read_more(struct mt_log_reader *r, size_t missing)
{
	size_t want = missing > CHUNK ? missing : CHUNK;
	long n;

	/* As little of it is used as can be, which stays in the cache. */
	if (want > ROOM - r->used || r->pos > r->used - r->pos) {
		memmove(r->buf, r->buf + r->pos, r->used - r->pos);
		r->base += r->pos;
		r->used -= r->pos;
		r->pos = 0;
	}
	if (!may_read(r)) {
		errno = EINTR;
		return -1;
	}
	n = mt_read_some(r->fd, r->buf + r->used, want);
	if (n < 0)
		return -1;
	r->used += (size_t)n;
	r->eof = n == 0 && !(r->more && r->more(r->arg));
	return 0;
}

/* Has at least len bytes from pos on, or all there are; -1 (errno). */
static int need(struct mt_log_reader *r, size_t len)
{
	while (r->used - r->pos < len && !r->eof)
		if (read_more(r, len - (r->used - r->pos)) < 0)
			return -1;
	return 0;
}

static int fail(struct mt_log_reader *r, const char *why)
{
	r->offset = r->base + r->pos;
	snprintf(r->error, sizeof(r->error), "%s", why);
	return -1;
}

/* Nothing more can be read: what follows is the end. */
static int fail_read(struct mt_log_reader *r)
{
	fail(r, strerror(errno));
	r->pos = r->used;
	r->eof = true;
	return -1;
}

long mt_log_reader_peek(struct mt_log_reader *r, const void **bytes, size_t len)
{
	if (need(r, len) < 0)
		return -1;
	*bytes = r->buf + r->pos;
	return (long)(r->used - r->pos < len ? r->used - r->pos : len);
}

static bool good_header(struct mt_log_reader *r, struct mt_log_block *b, const char **why)
{
	return mt_log_header(r->buf + r->pos, r->used - r->pos, b, why) == 0;
}

/* After damage: moves to the next good header, or to the end. */
static int search(struct mt_log_reader *r, struct mt_log_block *b)
{
	const char *why;

	for (;;) {
		unsigned char *hit;

		if (need(r, sizeof(*b)) < 0)
			return fail_read(r);
		hit = memmem(r->buf + r->pos, r->used - r->pos, MT_LOG_MAGIC, MT_LOG_MAGIC_SIZE);
		if (hit)
			r->pos = (size_t)(hit - r->buf);
		else if (r->used - r->pos >= MT_LOG_MAGIC_SIZE)	/* half of one may be there */
			r->pos = r->used - (MT_LOG_MAGIC_SIZE - 1);
		if (hit && need(r, sizeof(*b)) == 0 && good_header(r, b, &why))
			break;
		if (hit)
			r->pos++;
		else if (r->eof)
			r->pos = r->used;
		if (r->eof && r->pos == r->used)
			return 0;
	}
	r->lost = false;
	return 1;
}

int mt_log_reader_next(struct mt_log_reader *r, struct mt_log_block *b)
{
	const char *why;

	if (r->lost) {
		int got = search(r, b);

		if (got > 0)
			r->offset = r->base + r->pos;
		return got;
	}
	if (need(r, sizeof(*b)) < 0)
		return fail_read(r);
	if (r->pos == r->used)
		return 0;
	r->offset = r->base + r->pos;
	if (good_header(r, b, &why))
		return 1;
	if (r->used - r->pos < sizeof(*b))
		why = "log ends inside a block's header";
	fail(r, why);
	r->pos++;
	r->lost = true;
	return -1;
}

/* Search right behind the header: its payload may hold less than it says. */
static int fail_payload(struct mt_log_reader *r, const struct mt_log_block *b, size_t there)
{
	if (there < b->payload_size)
		snprintf(r->error, sizeof(r->error),
			 "log ends inside a block: only %zu bytes of %zu",
			 there + sizeof(*b), b->payload_size + sizeof(*b));
	else
		snprintf(r->error, sizeof(r->error), "a block is damaged: wrong checksum");
	r->pos += sizeof(*b);
	r->lost = true;
	return -1;
}

const void *mt_log_reader_payload(struct mt_log_reader *r, const struct mt_log_block *b)
{
	const unsigned char *payload;
	size_t there;

	if (need(r, sizeof(*b) + b->payload_size) < 0) {
		fail_read(r);
		return NULL;
	}
	payload = r->buf + r->pos + sizeof(*b);
	there = r->used - r->pos - sizeof(*b);
	if (there < b->payload_size || !mt_log_payload_ok(b, payload)) {
		fail_payload(r, b, there);
		return NULL;
	}
	r->pos += sizeof(*b) + b->payload_size;
	return payload;
}

int mt_log_reader_seek(struct mt_log_reader *r, uint64_t offset)
{
	if (offset >= r->base && offset - r->base <= r->used) {
		r->pos = (size_t)(offset - r->base);
		return 0;
	}
	if (lseek(r->fd, (off_t)offset, SEEK_SET) < 0)
		return fail_read(r);
	r->base = offset;
	r->pos = r->used = 0;
	r->eof = false;
	return 0;
}

int mt_log_reader_skip(struct mt_log_reader *r, const struct mt_log_block *b)
{
	if (need(r, sizeof(*b) + b->payload_size) < 0)
		return fail_read(r);
	if (r->used - r->pos < sizeof(*b) + b->payload_size)
		return fail_payload(r, b, r->used - r->pos - sizeof(*b));
	r->pos += sizeof(*b) + b->payload_size;
	return 0;
}

/* Of an index nothing is kept, so the search can only go on behind it. */
static int fail_index(struct mt_log_reader *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	r->lost = true;
	return -1;
}

int mt_log_reader_index(struct mt_log_reader *r, const struct mt_log_block *b)
{
	uint32_t left = b->payload_size, crc = 0;

	r->pos += sizeof(*b);
	while (left) {
		size_t n = left < CHUNK ? left : CHUNK;

		if (need(r, n) < 0)
			return fail_read(r);
		if (r->used - r->pos < n)
			return fail_index(r, "log ends inside its index");
		crc = libdeflate_crc32(crc, r->buf + r->pos, n);
		r->pos += n;
		left -= (uint32_t)n;
	}
	return crc == b->payload_crc ? 0 : fail_index(r, "the index is damaged: wrong checksum");
}
