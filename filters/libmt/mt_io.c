/* SPDX-License-Identifier: MIT */
/* Reading and writing: the only place that knows short I/O and EINTR. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "mt_log.h"

long mt_read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && mt_try_again(fd, POLLIN));
	return n;
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
		} else if (!mt_try_again(fd, POLLOUT)) {
			return -1;
		}
	}
	return 0;
}

/* ---- writer ------------------------------------------------------------ */

void mt_writer_init(struct mt_writer *w, int fd)
{
	memset(w, 0, offsetof(struct mt_writer, out));
	mt_out_init(&w->out, fd);
}

/* At most so many that they fit behind what was not worth a write. */
static void append(struct mt_writer *w, const void *bytes, size_t len)
{
	memcpy(w->out.buf + w->out.used, bytes, len);
	w->out.used += len;
	if (w->out.used >= w->out.full)
		mt_out_drain(&w->out);
}

/* A run is worth a write of its own from here on; up to it, copying is cheaper. */
#define LONG_RUN (16 * 1024)

/* Moves what stands in the reader's buffer from pos on, and in its pipe: all, or none at the end. */
static size_t move(struct mt_writer *w, size_t pos, size_t len)
{
	struct mt_reader *in = w->in;
	size_t before = pos - (in->used - in->held), done = 0;

	while (before || done < len) {
		long n = before ? mt_pipe_drop(in->fd, before) :
			mt_pipe_move(in->fd, w->out.fd, len - done);

		if (n <= 0) {		/* whatever it is, a write will say it */
			in->peeks = false;
			break;
		}
		in->held -= (size_t)n;
		if (before)
			before -= (size_t)n;
		else
			done += (size_t)n;
	}
	return done;
}

/*
 * A run that is worth it goes as it stands: moved where the reader has left it
 * in its pipe, else written from its buffer; into an area we copy faster.
 */
static void put_long_run(struct mt_writer *w, const unsigned char *run, size_t len)
{
	struct mt_reader *in = w->in;
	size_t pos = (size_t)(run - in->buf), gone = in->used - in->held;

	in->passed += len;
	if (in->held && pos < gone) {		/* a record that began before what was left there */
		append(w, run, gone - pos);
		run += gone - pos;
		len -= gone - pos;
		pos = gone;
	}
	if (in->held) {
		size_t moved;

		mt_out_drain(&w->out);
		moved = move(w, pos, len);
		run += moved;
		len -= moved;
	}
	for (; len >= LONG_RUN && w->out.area.at; run += LONG_RUN, len -= LONG_RUN)
		append(w, run, LONG_RUN);
	if (!len)
		return;
	mt_out_drain(&w->out);
	mt_out_write(&w->out, run, len);
}

/* Ends the run: before anything else is put, and before the reader's buffer moves. */
static void settle(struct mt_writer *w)
{
	const unsigned char *run = w->run;
	size_t len = (size_t)(w->run_end - w->run);

	w->run = w->run_end = NULL;
	if (len >= LONG_RUN)
		put_long_run(w, run, len);
	else if (len)
		append(w, run, len);
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
	if (rec->kind != MT_KIND_begin && rec->kind != MT_KIND_end && stands_in_reader(w, rec)) {
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
	return mt_out_flush(&w->out);
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

void mt_writer_moves(struct mt_writer *w)
{
	w->in->peeks = mt_is_pipe(w->in->fd) && mt_is_pipe(w->out.fd);
}

/* ---- reader ------------------------------------------------------------ */

void mt_reader_init(struct mt_reader *r, int fd)
{
	memset(r, 0, offsetof(struct mt_reader, buf));
	r->fd = fd;
}

static const char *interrupted = "interrupted: the rest was not read";

static int fail(struct mt_reader *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	return -1;
}

static bool is_stopped(const struct mt_reader *r)
{
	return r->stop && *r->stop;
}

/* For bytes, or until the user has enough: only a wait in poll is interrupted. */
static bool has_enough(const struct mt_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	if (!r->idle || poll(&p, 1, 0) == 0) {
		if (r->idle)
			r->idle(r->idle_arg);
		while (r->stop && !*r->stop && poll(&p, 1, -1) < 0 && errno == EINTR)
			;
	}
	return is_stopped(r);
}

/* For mt_log_reader.idle. */
static bool wait_for_log(void *reader)
{
	return !has_enough(reader);
}

/*
 * If the last bytes went on mostly as they were, the next ones are left standing
 * in the pipe, so that they can be moved; what is not moved is dropped before
 * the next look.
 */
static bool wants_to_peek(struct mt_reader *r)
{
	bool wants = r->peeks && r->passed > r->got / 2;

	r->passed = 0;
	if (wants && !r->side[1]) {
		if (pipe2(r->side, O_CLOEXEC) < 0)
			return r->peeks = false;
		(void)fcntl(r->side[1], F_SETPIPE_SZ, MT_READER_BUFFER);
	}
	return wants;
}

/* All but what shall stay. */
static int drop_held(struct mt_reader *r, size_t stays)
{
	while (r->held > stays) {
		long n = mt_pipe_drop(r->fd, r->held - stays);

		if (n <= 0)
			return -1;
		r->held -= (size_t)n;
	}
	return 0;
}

/* Looks at what comes next, again from the record on whose rest was not there yet. */
static long peek(struct mt_reader *r)
{
	size_t again = r->held < r->used - r->pos ? 0 : r->used - r->pos;
	long n;

	if (drop_held(r, again) < 0)
		return -1;
	r->used -= again;
	n = mt_pipe_peek(r->fd, r->side[1], MT_READER_BUFFER - r->used);
	if (n <= 0)
		return n;
	r->held = (size_t)n;
	n = mt_read_full(r->side[0], r->buf + r->used, (size_t)n);
	if (n >= 0 && (size_t)n <= again && drop_held(r, 0) < 0)	/* nothing new: wait for it */
		return -1;
	return n;
}

static long take(struct mt_reader *r)
{
	if (drop_held(r, 0) < 0)
		return -1;
	return mt_read_some(r->fd, r->buf + r->used, MT_READER_BUFFER - r->used);
}

/* What begins here is a log: it is decoded in parts that stay in the cache. */
static int open_log(struct mt_reader *r)
{
	r->peeks = false;
	if (drop_held(r, 0) < 0)
		return fail(r, strerror(errno));
	r->log = mt_log_stream_new(r->fd, r->buf + r->pos, r->used - r->pos, wait_for_log, r);
	r->used = r->pos;
	return r->log ? 0 : fail(r, "out of memory");
}

/* Less than there is room for: the cache is also for the tables of decoder and program. */
#define DECODED_AT_ONCE (64 * 1024)

static int take_from_log(struct mt_reader *r)
{
	const char *why;
	long n = mt_log_stream_read(r->log, r->buf + r->used, DECODED_AT_ONCE, &why);

	if (n < 0) {
		r->offset = mt_log_stream_offset(r->log);
		return fail(r, is_stopped(r) ? interrupted : why);
	}
	r->used += (size_t)n;
	return n > 0;
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
	if (r->log ? is_stopped(r) : has_enough(r)) {
		r->offset = r->base + r->used;
		return fail(r, interrupted);
	}
	if (r->log)
		return take_from_log(r);
	n = wants_to_peek(r) ? peek(r) : take(r);
	if (n < 0)
		return fail(r, strerror(errno));
	r->got = (size_t)n;
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
	if (r->open && r->log)
		r->offset = mt_log_stream_offset(r->log);
	if (r->open)
		return fail(r, r->log ? "log was cut: it has no end record" :
			    "stream was cut: it has no end record");
	return 0;
}

static int not_a_stream(struct mt_reader *r)
{
	return fail(r, "not a stream: it does not open with a begin record");
}

/* Between streams: a log instead? */
static bool at_log(const struct mt_reader *r)
{
	return !r->open && !r->log && r->used - r->pos >= MT_LOG_MAGIC_SIZE &&
		!memcmp(r->buf + r->pos, MT_LOG_MAGIC, MT_LOG_MAGIC_SIZE);
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
		r->offset = r->base + r->pos;
		if (size < 0 && !at_log(r))
			return r->open ? fail(r, why) : not_a_stream(r);
		if (size < 0 && open_log(r) < 0)
			return -1;
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
