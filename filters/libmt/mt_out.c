/* SPDX-License-Identifier: MIT */
/* Output, copied or given. */
#include <errno.h>
#include <string.h>

#include "mt.h"

#define AREA ((size_t)2 << 20)

/* Less than that is copied: a program that says little shall stay small. */
#define WORTH_IT ((uint64_t)1 << 20)

static void copy_from_now_on(struct mt_out *o)
{
	o->buf = o->own;
	o->full = MT_OUT_BUFFER;
	o->copies = UINT64_MAX;
}

void mt_out_init(struct mt_out *o, int fd)
{
	memset(o, 0, offsetof(struct mt_out, own));
	o->fd = fd;
	copy_from_now_on(o);
}

void mt_out_give(struct mt_out *o)
{
	if (mt_is_pipe(o->fd))
		o->copies = WORTH_IT;
}

static void start_area(struct mt_out *o)
{
	if (mt_area_renew(&o->area, AREA)) {
		o->buf = (char *)o->area.at;
		o->full = MT_OUT_GIVEN;
	} else {
		copy_from_now_on(o);
	}
}

void mt_out_write(struct mt_out *o, const void *bytes, size_t len)
{
	if (!o->error && mt_write_full(o->fd, bytes, len) < 0)
		o->error = errno;
}

/* What was given stays as it is; what comes next stands behind it. */
static void give(struct mt_out *o)
{
	size_t given = o->error ? o->used : mt_give(o->fd, o->buf, o->used), left;

	if (given < o->used)
		mt_out_write(o, o->buf + given, o->used - given);
	o->buf += o->used;
	left = (size_t)((char *)o->area.at + o->area.size - o->buf);
	if (left < MT_OUT_ROOM)
		start_area(o);
	else if (left - MT_OUT_BUFFER < o->full)
		o->full = left - MT_OUT_BUFFER;
}

static void copy(struct mt_out *o)
{
	mt_out_write(o, o->buf, o->used);
	if (o->copies == UINT64_MAX)
		return;
	o->copies -= o->used < o->copies ? o->used : o->copies;
	if (!o->copies)
		start_area(o);
}

void mt_out_drain(struct mt_out *o)
{
	if (!o->used)
		return;
	if (o->area.at)
		give(o);
	else
		copy(o);
	o->used = 0;
}

int mt_out_flush(struct mt_out *o)
{
	mt_out_drain(o);
	errno = o->error;
	return o->error ? -1 : 0;
}

void mt_out_idle(void *out)
{
	mt_out_drain(out);
}
