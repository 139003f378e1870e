/* SPDX-License-Identifier: MIT */
/* The index at the end of a log: written by hopping over the headers, read back. */
#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mt_log.h"

_Static_assert(sizeof(struct mt_log_entry) == 136, "an entry has no padding");
_Static_assert(sizeof(struct mt_log_trailer) == 16, "the trailer has no padding");

static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EBADMSG;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

static int header_at(int fd, uint64_t offset, struct mt_log_block *b)
{
	unsigned char buf[sizeof(*b)];
	const char *why;

	if (read_at(fd, buf, sizeof(buf), offset) < 0)
		return -1;
	errno = EBADMSG;
	return mt_log_header(buf, sizeof(buf), b, &why);
}

/* ---- writing ----------------------------------------------------------- */

/* Hops over the blocks before end: how many there are, into entries if given. */
static long hop(int fd, uint64_t end, struct mt_log_entry *entries)
{
	struct mt_log_entry e = { .offset = 0 };
	long n = 0;

	while (e.offset < end) {
		if (header_at(fd, e.offset, &e.block) < 0)
			return -1;
		if (e.block.payload_size > end - e.offset - sizeof(e.block)) {
			errno = EBADMSG;
			return -1;
		}
		if (e.block.coding != MT_LOG_INDEX) {
			if (entries)
				entries[n] = e;
			n++;
		}
		e.offset += sizeof(e.block) + e.block.payload_size;
	}
	return n;
}

static int append_index(int fd, uint64_t end, unsigned char *block, size_t payload)
{
	struct mt_log_block *b = (struct mt_log_block *)block;
	struct mt_log_trailer t = { .size = sizeof(*b) + payload, .magic = MT_LOG_INDEX_MAGIC };

	memcpy(block + sizeof(*b) + payload - sizeof(t), &t, sizeof(t));
	mt_log_start(b, MT_LOG_INDEX);
	mt_log_seal(b, block + sizeof(*b), payload);
	if (lseek(fd, (off_t)end, SEEK_SET) < 0)
		return -1;
	return mt_write_full(fd, block, sizeof(*b) + payload);
}

int mt_log_finish(int fd)
{
	const size_t each = sizeof(struct mt_log_entry);
	struct stat st;
	unsigned char *block;
	size_t payload;
	long n;
	int got = -1;

	if (fstat(fd, &st) < 0)
		return -1;
	n = hop(fd, (uint64_t)st.st_size, NULL);
	if (n < 0)
		return -1;
	payload = (size_t)n * each + sizeof(struct mt_log_trailer);
	if (payload > UINT32_MAX) {
		errno = EFBIG;
		return -1;
	}
	block = calloc(1, sizeof(struct mt_log_block) + payload);
	if (!block)
		return -1;
	if (hop(fd, (uint64_t)st.st_size,
		(struct mt_log_entry *)(block + sizeof(struct mt_log_block))) == n)
		got = append_index(fd, (uint64_t)st.st_size, block, payload);
	free(block);
	return got;
}

/* ---- reading ----------------------------------------------------------- */

static bool checksum_ok(int fd, uint64_t offset, const struct mt_log_block *b)
{
	unsigned char buf[16384];
	uint32_t crc = 0, left = b->payload_size;

	while (left) {
		uint32_t n = left < sizeof(buf) ? left : (uint32_t)sizeof(buf);

		if (read_at(fd, buf, n, offset) < 0)
			return false;
		crc = libdeflate_crc32(crc, buf, n);
		offset += n;
		left -= n;
	}
	return crc == b->payload_crc;
}

/* Where the index block starts in a file of so many bytes; 0: there is none. */
static uint64_t find(int fd, uint64_t size, struct mt_log_block *b)
{
	struct mt_log_trailer t;

	if (size < sizeof(*b) + sizeof(t) || read_at(fd, &t, sizeof(t), size - sizeof(t)) < 0 ||
	    memcmp(t.magic, MT_LOG_INDEX_MAGIC, sizeof(t.magic)) || t.size >= size ||
	    header_at(fd, size - t.size, b) < 0)
		return 0;
	if (b->coding != MT_LOG_INDEX || t.size != sizeof(*b) + b->payload_size ||
	    b->payload_size % sizeof(struct mt_log_entry) != sizeof(t))
		return 0;
	return size - t.size;
}

/* Of logs one behind the other only the last one's blocks are in the last index. */
static bool covers_all(struct mt_log_index *x, uint64_t end)
{
	struct mt_log_entry first, last;

	return x->count && mt_log_index_get(x, 0, &first) == 0 && first.offset == 0 &&
		mt_log_index_get(x, x->count - 1, &last) == 0 &&
		last.offset + sizeof(last.block) + last.block.payload_size == end;
}

bool mt_log_index_open(struct mt_log_index *x, int fd)
{
	struct mt_log_block b;
	struct stat st;
	uint64_t at;

	*x = (struct mt_log_index){ .fd = fd };
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	at = find(fd, (uint64_t)st.st_size, &b);
	if (!at || !checksum_ok(fd, at + sizeof(b), &b))
		return false;
	x->first = at + sizeof(b);
	x->count = b.payload_size / sizeof(struct mt_log_entry);
	return covers_all(x, at);
}

int mt_log_index_get(struct mt_log_index *x, uint64_t n, struct mt_log_entry *e)
{
	const size_t room = sizeof(x->cache) / sizeof(x->cache[0]);

	if (n < x->at || n >= x->at + x->cached) {
		x->at = n;
		x->cached = x->count - n < room ? (size_t)(x->count - n) : room;
		if (read_at(x->fd, x->cache, x->cached * sizeof(*e), x->first + n * sizeof(*e)) < 0) {
			x->cached = 0;
			return -1;
		}
	}
	*e = x->cache[n - x->at];
	return 0;
}
