/* SPDX-License-Identifier: MIT */
/* Writing the log that the processes of a session share. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../filters/libmt/mt_log.h"
#include "session.h"

void session_log_init(struct session_log *log, int fd, bool stream)
{
	struct stat st;
	int kind = fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;

	log->fd = fd;
	log->regular = kind == S_IFREG;
	log->stream = stream || kind == S_IFIFO || kind == S_IFSOCK;
}

/* Writes at s->size, over what a killed process may have left there. */
static int write_file(struct session *s, int fd, const char *p, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(fd, p + done, len - done, (off_t)(s->size + done));
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			int error = n ? errno : ENOSPC;

			/* Whole blocks only; a disk that is full has room for the end then. */
			if (ftruncate(fd, (off_t)s->size) < 0)
				s->torn = true;
			errno = error;
			return -1;
		}
	}
	s->size += len;
	return 0;
}

/*
 * A guest's thread may be the one that writes, and the guest knows nothing of
 * our pipe: if its reader has left, that is an error, not a signal.
 */
static int write_pipe(int fd, const void *bytes, size_t len)
{
	static const struct timespec now;
	sigset_t pipe_only, old, pending;
	int failed, error;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	sigpending(&pending);
	failed = mt_write_full(fd, bytes, len);
	error = errno;
	if (failed && error == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_only, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return failed;
}

int session_write(struct session *s, const struct session_log *log, const void *bytes, size_t len)
{
	int failed;

	if (s->broken)
		return -1;
	if (log->regular) {
		failed = write_file(s, log->fd, bytes, len);
	} else if (s->torn) {
		errno = EPIPE;
		failed = -1;
	} else {
		failed = write_pipe(log->fd, bytes, len);
	}
	if (failed)
		s->broken = errno;
	return failed ? -1 : 0;
}

int session_write_records(struct session *s, const struct session_log *log,
			  struct mt_log_encoder *e, const void *records, size_t len)
{
	const void *block = records;
	long n = (long)len;

	if (!log->stream)
		n = mt_log_encode(e, records, len, &block);
	if (n < 0) {
		s->broken = ENOMEM;
		return -1;
	}
	return session_write(s, log, block, (size_t)n);
}

static size_t put_drop(struct session *s, char *at, uint64_t count, unsigned reason)
{
	struct mt_drop drop = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(drop) },
		.count = count, .reason = reason
	};

	memcpy(at, &drop, sizeof(drop));
	s->dropped += count;
	s->records++;
	return sizeof(drop);
}

int session_finish(struct session *s, const struct session_log *log)
{
	struct mt_log_encoder *e = mt_log_encoder_new();
	int failed = -1, broken = s->broken;
	char buf[2 * sizeof(struct mt_drop) + sizeof(struct mt_end)];
	size_t used = 0;

	if (broken == SESSION_ENDED) {
		mt_log_encoder_free(e);
		return 0;		/* by the guest */
	}
	session_lock(s);
	if (broken)
		used += put_drop(s, buf, s->lost, broken == EPIPE ? MT_drop_reason_closed
								  : MT_drop_reason_full);
	if (s->entered != s->left)
		used += put_drop(s, buf + used, 0, MT_drop_reason_killed);
	struct mt_end end = {
		.hdr = { .kind = MT_KIND_end, .size = sizeof(end) },
		.records = s->records, .dropped = s->dropped,
		.accesses = s->accesses, .instructions = s->instructions
	};
	memcpy(buf + used, &end, sizeof(end));
	used += sizeof(end);
	/* What failed for a block of megabytes may succeed for these bytes. */
	if (log->regular)
		s->broken = 0;
	if (e && s->begun)
		failed = session_write_records(s, log, e, buf, used);
	if (!failed && log->regular && !log->stream)
		failed = mt_log_finish(log->fd);
	if (failed && !errno)
		errno = s->broken;
	/* A child that outlives its parent has nowhere to write. */
	s->broken = SESSION_ENDED;
	session_unlock(s);
	mt_log_encoder_free(e);
	return failed;
}
