/* SPDX-License-Identifier: MIT */
/*
 * Blocks are cut by the bytes of the records alone, and states stand where
 * these bytes say: the log does not depend on the number of threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../libmt/cli.h"
#include "../libmt/mt_log.h"
#include "../libmt/mt_pool.h"
#include "../libmt/mt_state.h"
#include "sink.h"
#include "tee.h"

/* A block on its way through the threads. */
struct encoding {
	unsigned char *block;
	size_t room;
	long len;			/* -1: no memory, or records that cannot be */
	size_t used;
	bool state;
	_Alignas(8) unsigned char records[MT_LOG_BLOCK + MT_RECORD_MAX];
};

static struct {
	int fd;
	const char *name;
	uint64_t records;		/* since begin */
	struct mt_pool *pool;		/* NULL: a stream */
	struct mt_log_encoder **encoders;	/* of the threads */
	unsigned threads;
	struct encoding *job;		/* that is being filled, of a log */
	struct mt_state *state;		/* NULL: the log gets none */
	uint64_t since, blocks;		/* since the last state; since: bytes of records */
	size_t block;			/* bytes of records in one */
	uint64_t after;			/* a state after so many, if not 0; else when it is due */
	bool no_state;
	struct mt_out out;		/* of a stream */
} sink = { .block = MT_LOG_BLOCK };

static void sink_write(const void *bytes, size_t len)
{
	if (mt_write_full(sink.fd, bytes, len) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
}

/* ---- blocks -------------------------------------------------------------- */

static void encode(void *arg, unsigned thread, void *p)
{
	struct mt_log_encoder **e = (struct mt_log_encoder **)arg + thread;
	struct encoding *job = p;
	const void *block;

	job->len = -1;
	if (!*e && !(*e = mt_log_encoder_new()))
		return;
	if (job->state)
		mt_log_say_state(*e);
	job->len = mt_log_encode(*e, job->records, job->used, &block);
	if (job->len > (long)job->room) {
		free(job->block);
		job->room = (size_t)job->len;
		job->block = malloc(job->room);
	}
	if (job->len >= 0 && job->block)
		memcpy(job->block, block, (size_t)job->len);
}

static void release(void *p)
{
	free(((struct encoding *)p)->block);
}

static void write_job(const struct encoding *job)
{
	if (job->len < 0 || !job->block)
		mt_die(MT_FAIL, "%s: a block cannot be encoded: out of memory", sink.name);
	sink_write(job->block, (size_t)job->len);
}

static struct encoding *next_job(void)
{
	struct encoding *job;

	while (!(job = mt_pool_idle(sink.pool)))
		write_job(mt_pool_take(sink.pool));
	job->used = 0;
	job->state = false;
	return job;
}

static void submit_job(void)
{
	mt_pool_submit(sink.pool);
	sink.job = next_job();
}

static void add_to_job(const struct mt_hdr *rec)
{
	memcpy(sink.job->records + sink.job->used, rec, rec->size);
	sink.job->used += rec->size;
}

/* ---- states -------------------------------------------------------------- */

static int put_state(void *arg, const struct mt_hdr *rec)
{
	(void)arg;
	sink.job->state = true;
	add_to_job(rec);
	if (sink.job->used >= sink.block)
		submit_job();
	return 0;
}

static bool is_due(void)
{
	if (sink.after)
		return sink.blocks >= sink.after && mt_state_bytes(sink.state);
	return mt_state_due(sink.state, sink.since);
}

static void end_block(void)
{
	sink.since += sink.job->used;
	sink.blocks++;
	submit_job();
	if (!sink.state || !is_due())
		return;
	mt_state_each(sink.state, put_state, NULL);
	if (sink.job->used)
		submit_job();
	sink.since = sink.blocks = 0;
}

static void note(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_end)
		mt_state_clear(sink.state);
	else if (mt_state_note(sink.state, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

/* ---- records ------------------------------------------------------------- */

/* A reader that leaves ends us, as it would if no command made us ignore that. */
static void check_stream(int error)
{
	if (error == EPIPE && tee_any()) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (error)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(error));
}

static void flush_stream(void)
{
	tee_write(sink.out.buf, sink.out.used);
	check_stream(mt_out_flush(&sink.out) < 0 ? errno : 0);
}

static void put_to_log(const struct mt_hdr *rec)
{
	add_to_job(rec);
	if (sink.state && rec->kind != MT_KIND_access)
		note(rec);
	if (sink.job->used >= sink.block)
		end_block();
}

static void put_to_stream(const struct mt_hdr *rec)
{
	memcpy(sink.out.buf + sink.out.used, rec, rec->size);
	sink.out.used += rec->size;
	if (sink.out.used >= sink.out.full)
		flush_stream();
}

static void put(const struct mt_hdr *rec)
{
	sink.records++;
	if (sink.pool)
		put_to_log(rec);
	else
		put_to_stream(rec);
}

void sink_put(const struct mt_hdr *rec)
{
	struct mt_end end;

	if (rec->kind == MT_KIND_begin)
		sink.records = 0;
	if (rec->kind == MT_KIND_end) {
		end = *(const struct mt_end *)rec;
		end.records = sink.records;
		rec = &end.hdr;
	}
	put(rec);
}

void sink_put_many(const unsigned char *records, size_t len, uint32_t n)
{
	if (sink.pool) {
		for (size_t at = 0; at < len; at += ((const struct mt_hdr *)(records + at))->size)
			put((const struct mt_hdr *)(records + at));
		return;
	}
	flush_stream();
	tee_write(records, len);
	check_stream(mt_write_full(sink.fd, records, len) < 0 ? errno : 0);
	sink.records += n;
}

/* Less is not worth fresh memory. */
#define MUCH (64 * 1024)

bool sink_gives(void)
{
	return !sink.pool && (mt_is_pipe(sink.fd) || tee_any());
}

bool sink_give(const unsigned char *records, size_t len, uint32_t n)
{
	size_t given;
	bool any;

	if (!sink_gives() || len < MUCH) {
		sink_put_many(records, len, n);
		return false;
	}
	flush_stream();
	any = tee_give(records, len);
	given = mt_is_pipe(sink.fd) ? mt_give(sink.fd, records, len) : 0;
	if (given < len)
		check_stream(mt_write_full(sink.fd, records + given, len - given) < 0 ? errno : 0);
	sink.records += n;
	return any || given;
}

void sink_idle(void)
{
	if (!sink.pool)
		flush_stream();
}

/* ---- beginning and end ----------------------------------------------------- */

void sink_open_stream(void)
{
	sink.fd = STDOUT_FILENO;
	sink.name = "standard output";
	mt_widen_pipe(sink.fd);
	mt_out_init(&sink.out, sink.fd);
	mt_out_give(&sink.out);
}

static bool same_file(const struct stat *a, const char *name)
{
	struct stat b;

	return (strcmp(name, "-") ? stat(name, &b) : fstat(STDIN_FILENO, &b)) == 0 &&
		a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Truncating what is yet to be read would destroy it. */
static void refuse_own_input(const struct stat *st, char **files)
{
	if (!*files && same_file(st, "-"))
		mt_die(MT_USAGE, "--output: %s is also the input", sink.name);
	for (; *files; files++)
		if (same_file(st, *files))
			mt_die(MT_USAGE, "--output: %s is also the input", sink.name);
}

void sink_set_block(uint64_t bytes)
{
	sink.block = bytes;
}

void sink_set_states(uint64_t blocks)
{
	sink.after = blocks;
	sink.no_state = !blocks;
}

void sink_open_log(const char *name, char **files, unsigned threads)
{
	struct stat st;
	int how = O_RDWR | O_TRUNC;

	sink.name = name;
	if (stat(name, &st) == 0) {
		if (S_ISREG(st.st_mode))
			refuse_own_input(&st, files);
		else
			how = O_WRONLY;	/* a FIFO or device: gets no index */
	}
	sink.fd = open(name, how | O_CREAT | O_CLOEXEC, 0666);
	if (sink.fd < 0)
		mt_die(MT_FAIL, "%s: %s", name, strerror(errno));
	sink.threads = threads;
	sink.encoders = mt_xcalloc(threads, sizeof(*sink.encoders));
	sink.pool = mt_pool_new(threads, sizeof(struct encoding), encode, sink.encoders);
	sink.state = sink.no_state ? NULL : mt_state_new(MT_STATE_MAX);
	if (!sink.pool || !(sink.state || sink.no_state))
		mt_die(MT_FAIL, "out of memory, or of threads");
	sink.job = next_job();
}

static void close_log(void)
{
	const struct encoding *job;
	struct stat st;

	if (sink.job->used)
		mt_pool_submit(sink.pool);
	while ((job = mt_pool_take(sink.pool)))
		write_job(job);
	mt_pool_free(sink.pool, release);
	while (sink.threads)
		mt_log_encoder_free(sink.encoders[--sink.threads]);
	free(sink.encoders);
	mt_state_free(sink.state);
	if (fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode) && mt_log_finish(sink.fd) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
	if (close(sink.fd) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
}

void sink_close(void)
{
	if (sink.pool)
		close_log();
	else
		flush_stream();
}
