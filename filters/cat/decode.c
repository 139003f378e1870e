/* SPDX-License-Identifier: MIT */
/* What the threads do with a block. */
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "select.h"

struct decoder {
	struct mt_pool *pool;
	unsigned threads;
	bool gives;
	struct mt_log_decoder *of_thread[];
};

static int make_room(unsigned char **buf, size_t *room, size_t want)
{
	if (*room >= want && *buf)
		return 0;
	free(*buf);
	*room = want ? want : 1;
	*buf = malloc(*room);
	if (*buf)
		return 0;
	*room = 0;
	return -1;
}

/* What was given away must not be written again. */
static int make_place(const struct decoder *d, struct decoding *job)
{
	size_t want = job->block.raw_size;

	if (d->gives && (job->given || job->area.size < want))
		(void)mt_area_renew(&job->area, want);
	job->given = false;
	job->records = job->area.at;
	if (job->area.size >= want && job->area.at)
		return 0;
	if (make_room(&job->own, &job->own_room, want) < 0)
		return -1;
	job->records = job->own;
	return 0;
}

static void leave_out(struct decoding *job)
{
	size_t to = 0;

	job->kept = 0;
	for (size_t at = 0; at < job->used; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);
		size_t size = rec->size;

		if (selection_passes(rec, job->number)) {
			memmove(job->records + to, rec, size);
			to += size;
			job->kept++;
		}
		at += size;
	}
	job->used = to;
}

static int decode(struct mt_log_decoder *d, struct decoding *job)
{
	if (job->others)
		return mt_log_decode_others(d, &job->block, job->payload, job->records, &job->used,
					    &job->error);
	return mt_log_decode(d, &job->block, job->payload, job->records, &job->error);
}

static void work(void *arg, unsigned thread, void *p)
{
	struct decoder *d = arg;
	struct decoding *job = p;

	job->used = job->block.raw_size;
	job->kept = job->block.records;
	job->marked = false;
	job->error = "out of memory";
	if (make_place(d, job) < 0 ||
	    decode(d->of_thread[thread], job) < 0)
		return;
	/* A begin or end record changes how the others are taken. */
	job->marked = mt_log_framed(d->of_thread[thread]);
	if (job->marked && job->others) {	/* records are counted to their begin and end */
		job->others = false;
		job->used = job->block.raw_size;
		if (decode(d->of_thread[thread], job) < 0)
			return;
	}
	job->error = NULL;
	if (!job->marked && !selection_wants_whole(&job->block, job->number))
		leave_out(job);
}

static void release(void *p)
{
	struct decoding *job = p;

	free(job->payload);
	free(job->own);
	mt_area_free(&job->area);
}

struct decoder *decoder_new(unsigned threads, bool gives)
{
	struct decoder *d = calloc(1, sizeof(*d) + threads * sizeof(*d->of_thread));

	if (!d)
		return NULL;
	d->gives = gives;
	for (; d->threads < threads; d->threads++)
		if (!(d->of_thread[d->threads] = mt_log_decoder_new()))
			break;
	d->pool = d->threads == threads ? mt_pool_new(threads, sizeof(struct decoding), work, d) : NULL;
	if (d->pool)
		return d;
	decoder_free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	mt_pool_free(d->pool, release);
	while (d->threads)
		mt_log_decoder_free(d->of_thread[--d->threads]);
	free(d);
}

struct decoding *decoder_idle(struct decoder *d)
{
	return mt_pool_idle(d->pool);
}

int decoder_submit(struct decoder *d, const void *payload)
{
	struct decoding *job = mt_pool_idle(d->pool);

	if (make_room(&job->payload, &job->payload_room, job->block.payload_size) < 0)
		return -1;
	memcpy(job->payload, payload, job->block.payload_size);
	mt_pool_submit(d->pool);
	return 0;
}

struct decoding *decoder_take(struct decoder *d)
{
	return mt_pool_take(d->pool);
}
