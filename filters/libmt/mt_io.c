/* SPDX-License-Identifier: MIT */
/* Reading and writing: the only place that knows short I/O and EINTR. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "mt.h"

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	(void)poll(&p, 1, -1);
}

long mt_read_some(int fd, void *buf, size_t len)
{
	for (;;) {
		ssize_t n = read(fd, buf, len);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (errno != EINTR)
			return -1;
	}
}

long mt_read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		long n = mt_read_some(fd, (char *)buf + done, len - done);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

int mt_write_full(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == 0) {
			errno = ENOSPC;
			return -1;
		} else if (errno == EAGAIN) {
			wait_for(fd, POLLOUT);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* ---- writer ------------------------------------------------------------ */

void mt_writer_init(struct mt_writer *w, int fd)
{
	memset(w, 0, offsetof(struct mt_writer, buf));
	w->fd = fd;
}

static void write_out(struct mt_writer *w, const void *bytes, size_t len)
{
	if (!w->error && mt_write_full(w->fd, bytes, len) < 0)
		w->error = errno;
}

static void drain(struct mt_writer *w)
{
	if (w->used)
		write_out(w, w->buf, w->used);
	w->used = 0;
}

static void append(struct mt_writer *w, const void *bytes, size_t len)
{
	memcpy(w->buf + w->used, bytes, len);
	w->used += len;
	if (w->used >= MT_WRITER_BUFFER)
		drain(w);
}

/* A run is worth a write of its own from here on; up to it, copying is cheaper. */
#define LONG_RUN (16 * 1024)

/* Ends the run: before anything else is put, and before the reader's buffer moves. */
static void settle(struct mt_writer *w)
{
	const unsigned char *run = w->run;
	size_t len = (size_t)(w->run_end - w->run);

	w->run = w->run_end = NULL;
	if (!len)
		return;
	if (len < LONG_RUN) {
		append(w, run, len);
		return;
	}
	drain(w);
	write_out(w, run, len);
}

static bool stands_in_reader(const struct mt_writer *w, const void *rec)
{
	return w->in && (uintptr_t)rec - (uintptr_t)w->in->buf < MT_READER_BUFFER;
}

/* begin starts the count; end carries it */
static void put_counted(struct mt_writer *w, const struct mt_hdr *rec)
{
	struct mt_end end;

	if (rec->kind == MT_KIND_begin)
		w->records = 0;
	if (rec->kind == MT_KIND_end) {
		end = *(const struct mt_end *)rec;
		end.records = w->records;
		rec = &end.hdr;
	}
	w->records++;
	append(w, rec, rec->size);
}

void mt_writer_put_any(struct mt_writer *w, const struct mt_hdr *rec)
{
	settle(w);
	if (rec->kind == MT_KIND_access && stands_in_reader(w, rec)) {
		w->run = (const unsigned char *)rec;
		w->run_end = w->run + rec->size;
		w->records++;
		return;
	}
	put_counted(w, rec);
}

int mt_writer_flush(struct mt_writer *w)
{
	settle(w);
	drain(w);
	errno = w->error;
	return w->error ? -1 : 0;
}

/* For mt_reader.idle: errors stick and are reported at the end. */
static void idle(void *writer)
{
	(void)!mt_writer_flush(writer);
}

void mt_writer_tie(struct mt_writer *w, struct mt_reader *in)
{
	if (!in->out) {			/* one borrower a reader */
		in->out = w;
		w->in = in;
	}
	in->idle = idle;
	in->idle_arg = w;
}

/* ---- reader ------------------------------------------------------------ */

void mt_reader_init(struct mt_reader *r, int fd)
{
	memset(r, 0, offsetof(struct mt_reader, buf));
	r->fd = fd;
}

static int fail(struct mt_reader *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	return -1;
}

static void tell_if_idle(struct mt_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	if (r->idle && poll(&p, 1, 0) == 0)
		r->idle(r->idle_arg);
}

/* For bytes, or until the user has enough: only a wait in poll is interrupted. */
static bool has_enough(const struct mt_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	while (r->stop && !*r->stop && poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return r->stop && *r->stop;
}

/* More bytes behind what is there: 1, 0 at the end of the file, -1. */
static int refill(struct mt_reader *r)
{
	long n;

	if (r->out)
		settle(r->out);
	memmove(r->buf, r->buf + r->pos, r->used - r->pos);
	r->base += r->pos;
	r->used -= r->pos;
	r->pos = 0;
	tell_if_idle(r);
	if (has_enough(r)) {
		r->offset = r->base + r->used;
		return fail(r, "interrupted: the rest was not read");
	}
	n = mt_read_some(r->fd, r->buf + r->used, MT_READER_BUFFER - r->used);
	if (n < 0)
		return fail(r, strerror(errno));
	r->used += (size_t)n;
	r->started |= n > 0;
	return n > 0;
}

/* The file has ended: was that a good place? */
static int finish(struct mt_reader *r)
{
	size_t rest = r->used - r->pos;

	r->offset = r->base + r->pos;
	if (rest) {
		snprintf(r->error, sizeof(r->error),
			 "stream ends inside a record: only %zu bytes of it", rest);
		return -1;
	}
	if (!r->started)
		return fail(r, "empty: a stream has at least begin and end");
	if (r->open)
		return fail(r, "stream was cut: it has no end record");
	return 0;
}

/* The most likely mistake is to open a log with something else than mt-cat. */
static int not_a_stream(struct mt_reader *r)
{
	if (!memcmp(r->buf + r->pos, "\x8bmtlog", 6))
		return fail(r, "a log, not a stream: mt-cat LOG | makes one");
	return fail(r, "not a stream: it does not open with a begin record");
}

/* begin and end stand where they must and the count is right. */
static int check_order(struct mt_reader *r, const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_begin) {
		if (r->open)
			return fail(r, "stream was cut: another begins before its end");
		if (((const struct mt_begin *)rec)->version != 1)
			return fail(r, "stream of a newer version of the format");
		r->open = true;
		r->records = 0;
	} else if (!r->open) {
		return r->base + r->pos ? fail(r, "no begin record after the end") : not_a_stream(r);
	} else if (rec->kind == MT_KIND_end) {
		uint64_t want = ((const struct mt_end *)rec)->records;

		if (want != r->records) {
			snprintf(r->error, sizeof(r->error),
				 "records are missing: end counts %llu, there were %llu",
				 (unsigned long long)want, (unsigned long long)r->records);
			return -1;
		}
		r->open = false;
	}
	r->records++;
	return 1;
}

int mt_reader_next_any(struct mt_reader *r, const struct mt_hdr **rec)
{
	const char *why = NULL;

	for (;;) {
		const struct mt_hdr *h = (const struct mt_hdr *)(r->buf + r->pos);
		int size = mt_frame(h, r->used - r->pos, &why);
		int got;

		if (size > 0) {
			r->offset = r->base + r->pos;
			got = check_order(r, h);
			if (got > 0)
				r->pos += (size_t)size;
			*rec = h;
			return got;
		}
		if (size < 0) {
			r->offset = r->base + r->pos;
			return r->open ? fail(r, why) : not_a_stream(r);
		}
		got = refill(r);
		if (got <= 0)
			return got < 0 ? got : finish(r);
	}
}

size_t mt_reader_run(struct mt_reader *r)
{
	const struct mt_access *a = (const struct mt_access *)(r->buf + r->pos);
	size_t n = 0, max = (r->used - r->pos) / sizeof(*a);

	while (n < max && a[n].hdr.kind == MT_KIND_access && a[n].hdr.size == sizeof(*a))
		n++;
	r->pos += n * sizeof(*a);
	r->records += n;
	return n;
}
