/* SPDX-License-Identifier: MIT */
/* A log as the stream that it holds. */
#include <stdlib.h>

#include "mt_log.h"

struct mt_log_stream {
	struct mt_log_reader in;
	struct mt_log_decoder *decoder;
};

struct mt_log_stream *mt_log_stream_new(int fd, const void *first, size_t len,
					bool (*idle)(void *arg), void *arg)
{
	struct mt_log_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->decoder = mt_log_decoder_new();
	if (!s->decoder || mt_log_reader_init(&s->in, fd) < 0) {
		mt_log_stream_free(s);
		return NULL;
	}
	mt_log_reader_begun(&s->in, first, len);
	s->in.idle = idle;
	s->in.arg = arg;
	return s;
}

void mt_log_stream_free(struct mt_log_stream *s)
{
	if (!s)
		return;
	mt_log_reader_release(&s->in);
	mt_log_decoder_free(s->decoder);
	free(s);
}

/* Starts one that holds records of the stream, or passes over another one: 1, 0 at the end, -1. */
static int next_block(struct mt_log_stream *s, const char **error)
{
	struct mt_log_block b;
	const void *payload;
	int got = mt_log_reader_next(&s->in, &b);

	*error = s->in.error;
	if (got == 0)
		s->in.offset = s->in.base + s->in.used;
	if (got <= 0)
		return got;
	if (b.coding == MT_LOG_INDEX)
		return mt_log_reader_index(&s->in, &b) < 0 ? -1 : 1;
	payload = mt_log_reader_payload(&s->in, &b);
	if (!payload)
		return -1;
	if (mt_log_is_state(&b))
		return 1;
	return mt_log_decode_start(s->decoder, &b, payload, error) < 0 ? -1 : 1;
}

long mt_log_stream_read(struct mt_log_stream *s, void *records, size_t room, const char **error)
{
	long n;
	int got;

	while ((n = mt_log_decode_some(s->decoder, records, room, error)) == 0)
		if ((got = next_block(s, error)) <= 0)
			return got;
	return n;
}

uint64_t mt_log_stream_offset(const struct mt_log_stream *s)
{
	return s->in.offset;
}
