/* SPDX-License-Identifier: MIT */
/* gzip by zlib: a stream of any length in a fixed buffer. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "inflate.h"

struct cat_gzip {
	z_stream z;
	bool inside;			/* a member was begun and has not ended */
	unsigned char in[CAT_CHUNK + MT_RECORD_MAX];
};

static bool is_gzip(const unsigned char *s, size_t len)
{
	return len >= 2 && s[0] == 0x1f && s[1] == 0x8b;
}

int cat_bytes_init(struct cat_bytes *b, int fd, const void *first, size_t len)
{
	memset(b, 0, offsetof(struct cat_bytes, bytes));
	b->fd = fd;
	b->read = len;
	if (!is_gzip(first, len)) {
		memcpy(b->bytes, first, len);
		b->used = len;
		return 0;
	}
	b->gzip = calloc(1, sizeof(*b->gzip));
	if (!b->gzip || inflateInit2(&b->gzip->z, 16 + MAX_WBITS) != Z_OK) {
		free(b->gzip);
		return -1;
	}
	memcpy(b->gzip->in, first, len);
	b->gzip->z.next_in = b->gzip->in;
	b->gzip->z.avail_in = (unsigned)len;
	b->gzip->inside = true;
	return 0;
}

void cat_bytes_release(struct cat_bytes *b)
{
	if (!b->gzip)
		return;
	inflateEnd(&b->gzip->z);
	free(b->gzip);
	b->gzip = NULL;
}

static void stop(struct cat_bytes *b, const char *error)
{
	b->eof = true;
	b->error = error;
}

/* Bytes of the file to to: how many; 0 at the end and after an error. */
static size_t more(struct cat_bytes *b, void *to, size_t room)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	long n;

	if (b->idle && poll(&p, 1, 0) == 0)
		b->idle(NULL);
	n = mt_read_some(b->fd, to, room);
	if (n < 0)
		stop(b, strerror(errno));
	b->read += n > 0 ? (size_t)n : 0;
	return n > 0 ? (size_t)n : 0;
}

/*
 * Behind a member: another one, or the zeros of a tape.  gzip(1) takes other
 * bytes for rubbish and goes on; here they may be a log that is damaged.
 */
static void next_member(struct cat_bytes *b, struct cat_gzip *g)
{
	while (g->z.avail_in && !*g->z.next_in) {
		g->z.next_in++;
		g->z.avail_in--;
	}
	if (!g->z.avail_in)
		return;
	if (*g->z.next_in != 0x1f || inflateReset(&g->z) != Z_OK)
		stop(b, "bytes behind the gzip data");
	else
		g->inside = true;
}

static void inflate_some(struct cat_bytes *b, struct cat_gzip *g, size_t room)
{
	int got;

	if (!g->z.avail_in) {
		g->z.next_in = g->in;
		g->z.avail_in = (unsigned)more(b, g->in, sizeof(g->in));
		if (!g->z.avail_in && !b->error)
			stop(b, g->inside ? "gzip data was cut" : NULL);
		if (b->eof)
			return;
	}
	if (!g->inside) {
		next_member(b, g);
		return;
	}
	g->z.next_out = b->bytes + b->used;
	g->z.avail_out = (unsigned)room;
	got = inflate(&g->z, Z_NO_FLUSH);
	b->used += room - g->z.avail_out;
	if (got == Z_STREAM_END)
		g->inside = false;
	else if (got != Z_OK && got != Z_BUF_ERROR)
		stop(b, got == Z_MEM_ERROR ? "out of memory" : "gzip data is damaged");
}

static void fill(struct cat_bytes *b)
{
	size_t n;

	memmove(b->bytes, b->bytes + b->pos, b->used - b->pos);
	b->base += b->pos;
	b->used -= b->pos;
	b->pos = 0;
	if (b->gzip) {
		inflate_some(b, b->gzip, sizeof(b->bytes) - b->used);
		return;
	}
	n = more(b, b->bytes + b->used, sizeof(b->bytes) - b->used);
	b->used += n;
	b->eof |= !n;
}

size_t cat_bytes_need(struct cat_bytes *b, size_t len)
{
	while (b->used - b->pos < len && !b->eof)
		fill(b);
	return b->used - b->pos < len ? b->used - b->pos : len;
}
