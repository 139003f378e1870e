/* SPDX-License-Identifier: MIT */
/*
 * What the processes of one traced program share: the log they append to and
 * the numbers that must be unique in it.  mt-run makes it in a memfd that its
 * children inherit; a tracer that was started without mt-run makes one for
 * itself alone.
 *
 * Every byte of the log is written under the lock, at offset `size` if the log
 * is a regular file: a process that is killed in the middle of a write is
 * noticed by the next one (the mutex is robust), which writes over the rest.
 */
#ifndef SESSION_H
#define SESSION_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SESSION_MAGIC 0x3273657353746d00	/* changes with the layout */

#define SESSION_ENDED ESHUTDOWN

struct session {
	uint64_t magic;
	_Atomic uint32_t next_cpu;	/* user mode: a number for each thread */
	_Atomic uint32_t next_process;	/* the last one given; the first gets 1 */
	_Atomic uint32_t entered, left;	/* processes that trace, that ended properly */
	_Atomic uint32_t untraced;	/* programs that were executed without the tracer */
	_Atomic int broken;		/* nothing is written any more: errno, or SESSION_ENDED */
	pthread_mutex_t lock;		/* of what follows, and of the log */
	bool begun;			/* begin is written */
	bool torn;			/* a process died while it wrote to a pipe */
	uint64_t size;			/* regular file: good bytes in it */
	uint64_t records;		/* in the log, begin among them */
	uint64_t accesses;		/* judged */
	uint64_t instructions;
	uint64_t lost;			/* records that could not be written, any reason but guest */
	uint64_t dropped;		/* sum of the drop records in the log */
};

/* Fresh memory of zeros becomes a session. */
static inline void session_init(struct session *s)
{
	pthread_mutexattr_t attr;

	memset(s, 0, sizeof(*s));
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	s->magic = SESSION_MAGIC;
}

/* Maps the session behind fd; NULL with errno. */
static inline struct session *session_map(int fd)
{
	void *p = mmap(NULL, sizeof(struct session), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline void session_lock(struct session *s)
{
	if (pthread_mutex_lock(&s->lock) == EOWNERDEAD) {
		/* A file is mended by writing at `size`; of a pipe nobody knows. */
		s->torn = true;
		pthread_mutex_consistent(&s->lock);
	}
}

static inline void session_unlock(struct session *s)
{
	pthread_mutex_unlock(&s->lock);
}

/* How the log is written. */
struct session_log {
	int fd;
	bool regular;			/* a file: can be cut and mended */
	bool stream;			/* the plain stream, not blocks */
};

/* Finds out about fd: a pipe or a socket gets the plain stream. */
void session_log_init(struct session_log *log, int fd, bool stream);

/*
 * Appends to the log; the caller holds the lock.  -1 when the output broke,
 * now or earlier: s->broken says why, and whoever finds it 0 before may say so.
 */
int session_write(struct session *s, const struct session_log *log, const void *bytes, size_t len);

/* The same for whole records, encoded as a block if the log has blocks. */
struct mt_log_encoder;
int session_write_records(struct session *s, const struct session_log *log,
			  struct mt_log_encoder *e, const void *records, size_t len);

/*
 * The last call, by whoever made the session, when all others have left:
 * writes drop records for what was lost (full, closed; and killed: processes
 * that entered and never left), end, and the index.  Nothing if the guest has
 * ended the log itself.  0, or -1 with errno: then the log has no end, which its
 * readers will notice.
 */
int session_finish(struct session *s, const struct session_log *log);

#endif
