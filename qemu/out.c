/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the lanes to the log.
 *
 * A lane is filled by one thread of the guest.  The writer, a thread of the
 * tracer, takes what is there from all lanes, merged by the host clock, turns
 * entries into records, collects a block of them, encodes it and writes it.
 * Nothing is lost on the way: who finds its lane full waits for the writer.  With
 * lossless=off accesses do not wait: they are dropped until half of the lane is
 * free again, and drop records tell how many.  All other records, which readers
 * understand what is left with, wait even so, but a part of the lane is theirs.
 *
 * When the output breaks (disk full, reader gone) the writer goes on emptying
 * lanes, so that nobody waits for ever, and counts what it throws away.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../filters/libmt/mt_log.h"
#include "../filters/libmt/mt_state.h"
#include "tracer.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define LANE_ALONE (1u << 17)		/* entries of the only lane: 4 MiB */
#define LANE_SHARED (1u << 14)		/* of one among many */
#define MARK_SHARED 32			/* accesses between two marks */
#define AT_ONCE 16384			/* bytes of records that are encoded together */
#define BLOCK_AGE_NS 200000000		/* an unfinished block is written after this */
#define IDLE_MIN_NS 200000		/* the writer's naps */
#define IDLE_MAX_NS 10000000

static struct {
	pthread_mutex_t lock;		/* of all that follows but the atomics */
	struct lane *lanes;
	struct session_log log;
	struct mt_log_encoder *encoder;	/* makes the next block, except */
	unsigned char *some;		/* the last records for it */
	size_t used;
	bool unsound;			/* something could not be encoded */
	struct mt_state *state;		/* what the log has led to; NULL: others write to it, too */
	bool state_begun;
	uint64_t since_state;		/* bytes of records */
	uint64_t records;		/* for the next block */
	uint64_t dropped;		/* by drop records among them that count for themselves */
	uint64_t since;			/* when its first ones were seen, ns; or 0 */
	uint64_t sampled;		/* accesses that passed the filter */
	bool own_session, said;
	dev_t dev;			/* of the log: is the descriptor still ours? */
	ino_t ino;
	bool running;			/* there is a writer thread */
	pthread_t thread;
	_Atomic bool stop;		/* the writer is to end */
	_Atomic bool left;		/* nothing is taken from lanes any more */
	_Atomic uint32_t bell;		/* futex: wakes the writer */
	_Atomic uint64_t malformed;	/* hypercalls not yet in a drop record */
	uint64_t told_accesses, told_instructions;	/* what the session knows of */
} out = { .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread struct lane *own_lane;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The host's clock. */
static inline uint64_t host_clock(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return now_ns();
#endif
}

/* ---- blocks ------------------------------------------------------------- */

static const char *output_name(void)
{
	static char name[32];

	/* With fd, out is no more than its name. */
	if (!tracer.opt.out) {
		snprintf(name, sizeof(name), "fd=%d", tracer.opt.fd);
		return name;
	}
	return strcmp(tracer.opt.out, "-") ? tracer.opt.out : "standard output";
}

/* Once in a session, by the process that saw it happen. */
static void say_broken(int error)
{
	if (!out.said && error != SESSION_ENDED)
		tracer_warn("%s: %s: tracing stops", output_name(), strerror(error));
	out.said = true;
}

/* The begin record, before everything else in the log; under the session's lock. */
static int write_begin(struct session *s)
{
	_Alignas(8) static unsigned char buf[MT_RECORD_MAX];
	const struct mt_hdr *begin = tracer_begin(buf, out.lanes && out.lanes->next);
	/* Another one: ours holds the block that is to follow. */
	struct mt_log_encoder *e = mt_log_encoder_new();
	int failed = -1;

	if (!e)
		s->broken = ENOMEM;
	else
		failed = session_write_records(s, &out.log, e, begin, begin->size);
	mt_log_encoder_free(e);
	if (failed)
		return -1;
	s->begun = true;
	s->records = 1;
	return 0;
}

/*
 * A guest that closes all descriptors closes the log too, and what it opens
 * next gets that number: never write there.
 */
static bool is_log(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == out.dev && st.st_ino == out.ino;
}

static void check_descriptor(struct session *s)
{
	if (is_log(out.log.fd))
		return;
	if (tracer.opt.fd >= 0 && !tracer.system)
		user_restore_descriptors();
	else if (out.log.regular)
		out.log.fd = open(tracer.opt.out, O_RDWR | O_CLOEXEC);
	if (!is_log(out.log.fd))
		s->broken = EBADF;
}

/* Some records to the encoder, while they are in the cache; a broken log only counts. */
static void encode_some(void)
{
	if (out.log.stream)
		return;
	if (!tracer.session->broken && mt_log_add(out.encoder, out.some, out.used) < 0)
		out.unsound = true;
	out.used = 0;
}

static void write_block(const void *bytes, size_t len)
{
	struct session *s = tracer.session;
	int was;

	session_lock(s);
	was = s->broken;
	if (!was)
		check_descriptor(s);
	if (!s->broken && out.unsound)
		s->broken = EINVAL;
	if (!s->broken && !s->begun)
		(void)!write_begin(s);		/* failed: then broken says so */
	if (!s->broken && session_write(s, &out.log, bytes, len) == 0) {
		s->records += out.records;
		s->dropped += out.dropped;
	} else {
		s->lost += out.records + out.dropped;
	}
	if (s->broken && !was)
		say_broken(s->broken);
	session_unlock(s);
}

/* A block of the state, once it is full; or what is there of it. */
static void end_state_block(void)
{
	const void *bytes;
	size_t len = mt_log_end_block(out.encoder, &bytes);

	write_block(bytes, len);
	out.unsound = false;
}

static int put_state(void *unused, const struct mt_hdr *rec)
{
	(void)unused;
	mt_log_say_state(out.encoder);
	if (mt_log_add(out.encoder, rec, rec->size) < 0)
		out.unsound = true;
	if (mt_log_added(out.encoder) >= MT_LOG_BLOCK)
		end_state_block();
	return 0;
}

/* Now and then the log says what it has led to, for readers that begin there. */
static void write_state(void)
{
	if (!out.state || tracer.session->broken || !mt_state_due(out.state, out.since_state))
		return;
	mt_state_each(out.state, put_state, NULL);
	if (mt_log_added(out.encoder))
		end_state_block();
	out.since_state = 0;
}

static void flush_block(void)
{
	const void *bytes = out.some;
	size_t len;

	if (!out.records)
		return;
	/* Encode without the lock. */
	encode_some();
	out.since_state += mt_log_added(out.encoder);
	len = out.log.stream ? out.used : mt_log_end_block(out.encoder, &bytes);
	write_block(bytes, len);
	out.used = out.records = out.dropped = out.since = 0;
	out.unsound = false;
	write_state();
}

/*
 * Called now and then: what has come meanwhile is not kept for long.  But where
 * blocks end must not depend on the host's clock if the log is to be the same
 * in each run.
 */
static void flush_old_block(void)
{
	uint64_t now = now_ns();

	if (!out.records || (!out.log.stream && tracer_reproducible()))
		return;
	if (!out.since)
		out.since = now;
	else if (now - out.since > BLOCK_AGE_NS)
		flush_block();
}

static void make_room(void)
{
	encode_some();
	if (out.log.stream || mt_log_added(out.encoder) > MT_LOG_BLOCK - AT_ONCE)
		flush_block();
}

static inline void *block_room(size_t bytes)
{
	void *at;

	if (UNLIKELY(out.used + bytes > AT_ONCE))
		make_room();
	at = out.some + out.used;
	out.used += bytes;
	out.records++;
	return at;
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- from entries to records --------------------------------------------- */

#define SEEN 1024			/* pages that the writer finds at once */
static struct seen {
	uint64_t number;
	struct page *page;
} seen[SEEN];

/* The movement rule, in the order of the log. */
static ALWAYS_INLINE bool judge(uint64_t paddr, unsigned slot, bool store)
{
	struct lines *lines = &tracer.lines;
	uint64_t number = paddr >> LINES_PAGE_SHIFT;
	struct seen *at = &seen[number % SEEN];
	_Atomic uint64_t *state;

	if (at->number != number || !at->page)
		*at = (struct seen){ number, lines_page(lines, number) };
	if (!at->page)
		return true;
	state = lines_state(at->page, paddr, lines->shift, lines->words);
	return store ? lines_store(state, slot, lines->words)
		     : lines_load(state, slot, lines->words);
}

static inline uint64_t entry_paddr(const struct entry *e)
{
	if (!tracer.system)
		return user_paddr(e->addr);
	return e->what >> 16 << LINES_PAGE_SHIFT | (e->addr & (LINES_PAGE - 1));
}

/* Makes room for an access, or more: for how many? */
static uint64_t access_room(void)
{
	if (out.used + sizeof(struct mt_access) > AT_ONCE)
		make_room();
	return (AT_ONCE - out.used) / sizeof(struct mt_access);
}

/* To *at; returns where the next one goes. */
static ALWAYS_INLINE struct mt_access *take_access(struct mt_access *at, const struct entry *e,
						   uint32_t cpu, uint32_t slot)
{
	unsigned flags = e->what >> 8 & 0xff;
	uint64_t paddr = entry_paddr(e);

	if (tracer.judge_late && judge(paddr, slot, flags & MT_access_flag_store))
		flags |= MT_access_flag_moved;
	if (tracer.sample > 1 && out.sampled++ % tracer.sample)
		return at;
	*at = (struct mt_access){
		.hdr = { .kind = MT_KIND_access, .size = sizeof(*at), .cpu = cpu, .time = e->time },
		.pc = e->pc, .addr = e->addr, .paddr = paddr,
		.width = e->what & 0xff, .flags = (uint16_t)flags,
	};
	return at + 1;
}

/*
 * Of n entries that stand in a row, with room for all: how many accesses come
 * first?  They are taken.
 */
static size_t take_row(const struct entry *e, size_t n, uint32_t cpu, uint32_t slot)
{
	struct mt_access *first = (struct mt_access *)(out.some + out.used), *at = first;
	size_t i;

	for (i = 0; i < n && e[i].what & 0xff; i++)
		at = take_access(at, &e[i], cpu, slot);
	out.used += (size_t)(at - first) * sizeof(*at);
	out.records += (size_t)(at - first);
	return i;
}

/* Takes the accesses that come first; returns where they end. */
static uint64_t take_accesses(const struct lane *l, uint64_t tail, uint64_t head)
{
	uint32_t cpu = l->taken_cpu, slot = tracer.system ? cpu : l->slot;

	while (tail != head) {
		const struct entry *e = &l->ring[tail & l->mask];
		uint64_t n = least(head - tail, l->mask + 1 - (tail & l->mask)), took;

		n = least(n, access_room());
		took = take_row(e, n, cpu, slot);
		tail += took;
		if (took < n)
			break;
	}
	return tail;
}

static uint64_t entries_for(uint64_t bytes)
{
	return (bytes + sizeof(struct entry) - 1) / sizeof(struct entry);
}

/* Without memory for it the log has no states any more; readers do without. */
static void note_state(const struct mt_hdr *rec)
{
	_Alignas(8) static unsigned char buf[MT_RECORD_MAX];
	int failed = 0;

	if (!out.state)
		return;
	if (!out.state_begun)
		failed = mt_state_note(out.state, tracer_begin(buf, out.lanes && out.lanes->next));
	out.state_begun = true;
	if (failed || mt_state_note(out.state, rec) < 0) {
		mt_state_free(out.state);
		out.state = NULL;
	}
}

static void count_dropped(const struct mt_hdr *rec)
{
	const struct mt_drop *d = (const struct mt_drop *)rec;

	if (rec->kind == MT_KIND_drop && d->reason == MT_drop_reason_slow)
		out.dropped += d->count;
}

/* A record that stands in the entries after tail; returns how many. */
static uint64_t take_record(const struct lane *l, uint64_t tail, uint64_t bytes)
{
	unsigned char *to = block_room(bytes);
	const struct mt_hdr *rec = (const struct mt_hdr *)to;
	uint64_t left = bytes, n = 0;

	for (; left; n++) {
		size_t part = left < sizeof(struct entry) ? left : sizeof(struct entry);

		memcpy(to, &l->ring[(tail + n) & l->mask], part);
		to += part;
		left -= part;
	}
	count_dropped(rec);
	note_state(rec);
	return n;
}

/* True, and the mark is in force, if it is not later than `until`. */
static bool take_mark(struct lane *l, const struct entry *e, uint64_t until)
{
	if (e->addr > until)
		return false;
	l->stamp = e->addr;
	l->taken_cpu = (uint32_t)e->pc;
	return true;
}

/* Takes entries from l while their mark is at most `until`. */
static void take_run(struct lane *l, uint64_t head, uint64_t until)
{
	uint64_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed), start = tail;

	while (tail != head) {
		const struct entry *e = &l->ring[tail & l->mask];

		if (e->what & 0xff)
			tail = take_accesses(l, tail, head);
		else if (e->what == ENTRY_RECORD)
			tail += 1 + take_record(l, tail + 1, e->addr);
		else if (take_mark(l, e, until))
			tail++;
		else
			break;
		/* Room for a waiting producer, without touching its line too often. */
		if (tail - start >= 1024) {
			atomic_store_explicit(&l->tail, tail, memory_order_release);
			start = tail;
		}
	}
	atomic_store_explicit(&l->tail, tail, memory_order_release);
}

/* What the next entry of a lane that is not empty is merged by. */
static uint64_t next_stamp(const struct lane *l)
{
	uint64_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
	const struct entry *e = &l->ring[tail & l->mask];

	return e->what == ENTRY_MARK ? e->addr : l->stamp;
}

/*
 * The lane whose first entry is the oldest, of those with one at most `limit`
 * old; *until gets how far it may run before another one comes first.
 */
static struct lane *oldest_lane(uint64_t limit, uint64_t *until)
{
	struct lane *l, *best = NULL;
	uint64_t first = limit, second = limit;

	for (l = out.lanes; l; l = l->next) {
		uint64_t stamp;

		if (l->tail == l->snapshot)
			continue;
		stamp = next_stamp(l);
		if (stamp <= first) {
			second = best ? first : second;
			first = stamp;
			best = l;
		} else if (stamp < second) {
			second = stamp;
		}
	}
	*until = second;
	return best;
}

static void free_lane(struct lane *l)
{
	munmap(l->ring, (l->mask + 1) * sizeof(struct entry));
	free(l);
}

/* Lanes that are closed and empty go; their slots may be used again. */
static void reap_lanes(void)
{
	struct lane **at = &out.lanes, *l;

	while ((l = *at)) {
		if (!l->closed || l->head != l->tail) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		tracer_slot_drop(l->slot);
		free_lane(l);
	}
}

/*
 * Everything that is in the lanes now, in order.  An entry with a stamp before
 * `limit` that is not visible yet is one that its thread is about to push; it
 * comes a moment late, which the order of parallel threads allows.
 */
static bool drain(void)
{
	uint64_t limit = host_clock(), until;
	struct lane *l;
	bool any = false;

	for (l = out.lanes; l; l = l->next)
		l->snapshot = atomic_load_explicit(&l->head, memory_order_acquire);
	while ((l = oldest_lane(limit, &until))) {
		take_run(l, l->snapshot, until);
		any = true;
	}
	reap_lanes();
	return any;
}

/* ---- the writer thread --------------------------------------------------- */

static void nap(uint64_t ns)
{
	struct timespec t = { .tv_nsec = (long)ns };
	uint32_t bell = atomic_load(&out.bell);

	if (!out.stop)
		syscall(SYS_futex, &out.bell, FUTEX_WAIT_PRIVATE, bell, &t, NULL, 0);
}

static void ring_bell(void)
{
	atomic_fetch_add(&out.bell, 1);
	syscall(SYS_futex, &out.bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *writer(void *unused)
{
	uint64_t idle = IDLE_MIN_NS;
	bool any;

	(void)unused;
	while (!out.stop) {
		any = false;
		/* What `begin` says of the vCPUs must be known before it is written. */
		if (tracer_vcpus_known()) {
			pthread_mutex_lock(&out.lock);
			any = drain();
			flush_old_block();
			pthread_mutex_unlock(&out.lock);
		}
		idle = any ? IDLE_MIN_NS : idle < IDLE_MAX_NS ? idle * 2 : IDLE_MAX_NS;
		nap(idle);
	}
	return NULL;
}

/* Signals are the guest's; SIGPIPE, blocked here, is no more than an error. */
static void start_writer(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	out.stop = false;
	out.running = pthread_create(&out.thread, NULL, writer, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!out.running)
		tracer_warn("no thread to write the log: %s", strerror(errno));
}

static void stop_writer(void)
{
	atomic_store(&out.stop, true);
	ring_bell();
	if (out.running)
		pthread_join(out.thread, NULL);
	out.running = false;
}

/* ---- lanes ---------------------------------------------------------------- */

/* Accesses do not take this much of a lane where they need not wait. */
static uint64_t kept_free(const struct lane *l)
{
	return tracer.opt.lossless ? 0 : l->mask / 4;
}

struct lane *lane_open(uint32_t cpu, uint32_t slot)
{
	struct lane *l = own_lane;
	uint64_t n = tracer.system ? LANE_ALONE : LANE_SHARED;
	void *ring;

	if (l && tracer.system)
		return l;
	l = aligned_alloc(64, sizeof(*l));
	ring = mmap(NULL, n * sizeof(struct entry), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!l || ring == MAP_FAILED) {
		free(l);
		return NULL;
	}
	*l = (struct lane){ .ring = ring, .mask = n - 1, .cpu = cpu, .slot = slot, .taken_cpu = cpu };
	l->tail_seen -= kept_free(l);
	own_lane = l;
	pthread_mutex_lock(&out.lock);
	l->next = out.lanes;
	out.lanes = l;
	if (!out.running && !out.left)
		start_writer();
	pthread_mutex_unlock(&out.lock);
	return l;
}

void lane_close(struct lane *l)
{
	own_lane = NULL;
	atomic_store(&l->closed, true);
}

/* Is there room for n entries by now? */
static bool look_for_room(struct lane *l, uint64_t n)
{
	uint64_t tail = atomic_load_explicit(&l->tail, memory_order_acquire);

	if (l->head + n - tail > l->mask + 1)
		return false;
	l->tail_seen = tail - kept_free(l);
	return true;
}

/*
 * Waits until half of the lane is free: to wake up for every entry costs more
 * than all the rest, and the writer has the other half to go on with.
 */
static void lane_wait(struct lane *l, uint64_t n)
{
	static const struct timespec moment = { .tv_nsec = 500000 };
	uint64_t enough = n;

	for (; !look_for_room(l, enough); enough = l->mask / 2 + n) {
		if (out.left) {
			/* What comes after the end is thrown away. */
			atomic_store(&l->tail, l->head);
			continue;
		}
		ring_bell();
		nanosleep(&moment, NULL);
	}
}

/* For accesses, as far as was known when somebody last looked. */
static inline bool is_full(const struct lane *l, uint64_t n)
{
	return atomic_load_explicit(&l->head, memory_order_relaxed) + n - l->tail_seen > l->mask + 1;
}

/* Puts a mark, after which n more entries fit. */
static uint64_t put_mark(struct lane *l, uint32_t cpu, uint64_t n)
{
	uint64_t head = atomic_load_explicit(&l->head, memory_order_relaxed);

	if (is_full(l, n + 1))
		lane_wait(l, n + 1);
	l->ring[head & l->mask] = (struct entry){
		.pc = cpu, .addr = host_clock(), .what = ENTRY_MARK
	};
	l->cpu = cpu;
	atomic_store_explicit(&l->head, head + 1, memory_order_release);
	return head + 1;
}

static void put_at(struct lane *l, const struct mt_hdr *rec)
{
	uint64_t n = entries_for(rec->size), i, head;

	head = put_mark(l, rec->cpu, n + 1);
	l->ring[head & l->mask] = (struct entry){ .addr = rec->size, .what = ENTRY_RECORD };
	for (i = 0; i < n; i++) {
		size_t done = i * sizeof(*l->ring), part = rec->size - done;

		memcpy(&l->ring[(head + 1 + i) & l->mask], (const char *)rec + done,
		       part < sizeof(*l->ring) ? part : sizeof(*l->ring));
	}
	l->next_mark = head + 1 + n;
	atomic_store_explicit(&l->head, head + 1 + n, memory_order_release);
}

/* ---- what is dropped ------------------------------------------------------ */

/* What the cpu has lost, as a record; its count is 0 if that is nothing. */
static struct mt_drop take_lost(struct vcpu *v)
{
	uint64_t lost = atomic_exchange(&v->lost, 0);

	return (struct mt_drop){
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(struct mt_drop), .cpu = v->cpu,
			 .time = v->lost_at },
		.reason = MT_drop_reason_slow,
		.count = lost / tracer.sample + (lost % tracer.sample != 0)
	};
}

static void put_lost_of(struct vcpu *v, void *lane)
{
	struct mt_drop drop;

	if (v->lane != lane || !v->lost)
		return;
	drop = take_lost(v);
	put_at(lane, &drop.hdr);
}

/* There must be room for so many entries: drop records of 256 cpus; nobody may wait in here. */
#define LOST_ENTRIES 1024

static void put_lost(struct lane *l)
{
	l->lost = false;
	vcpus_each(put_lost_of, l);
}

/*
 * Of a lane that was full: is there room again?  To go on with each entry that
 * gets free would make a hole at every other access.
 */
static bool has_room(struct lane *l, uint64_t n)
{
	if (out.left)
		return true;		/* lane_wait throws all away */
	n += kept_free(l);
	if (!look_for_room(l, l->dropping ? l->mask / 2 + n : n)) {
		if (!l->dropping)
			ring_bell();
		return false;
	}
	l->dropping = false;
	if (l->lost)
		put_lost(l);
	return true;
}

void out_lost(struct vcpu *v, uint64_t time)
{
	atomic_fetch_add(&v->lost, 1);
	v->lost_at = time;
	v->lane->dropping = v->lane->lost = true;
	lane_fresh(v->lane);
}

bool lane_mark(struct lane *l, uint32_t cpu)
{
	if (UNLIKELY(is_full(l, MARK_SHARED + 1)) && !tracer.opt.lossless &&
	    !has_room(l, MARK_SHARED + 1))
		return false;
	l->next_mark = put_mark(l, cpu, MARK_SHARED) + MARK_SHARED;
	return true;
}

/* ---- records --------------------------------------------------------------- */

/* Behind a hole, which is told first. */
static void put(struct vcpu *v, struct mt_hdr *rec)
{
	struct lane *l = v->lane;

	if (UNLIKELY(l->lost)) {
		lane_wait(l, LOST_ENTRIES);
		put_lost(l);
	}
	rec->cpu = v->cpu;
	rec->time = v->now;
	put_at(l, rec);
}

/* Malformed hypercalls so far, as a record of v; in a place that any run of it gives. */
static void put_malformed(struct vcpu *v)
{
	struct session *s = tracer.session;
	struct mt_drop drop = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(drop) },
		.reason = MT_drop_reason_guest,
		.count = atomic_exchange(&out.malformed, 0)
	};

	if (!drop.count)
		return;
	session_lock(s);
	s->dropped += drop.count;
	session_unlock(s);
	put(v, &drop.hdr);
}

void out_put(struct vcpu *v, struct mt_hdr *rec)
{
	if (!v->lane)
		return;
	if (UNLIKELY(out.malformed))
		put_malformed(v);
	put(v, rec);
}

/* The first one is in the log at once, others when something else is put, or at the end. */
void out_malformed(struct vcpu *v, const char *what)
{
	static _Atomic bool said;

	atomic_fetch_add(&out.malformed, 1);
	if (atomic_exchange(&said, true))
		return;
	put_malformed(v);
	tracer_warn("cpu %u: hypercall ignored: %s (further ones are only counted)", v->cpu, what);
}

void out_sample(uint32_t n)
{
	out_lock();
	tracer.sample = n;
	out.sampled = 0;
	out_unlock();
}

/* ---- start and end -------------------------------------------------------- */

static int open_output(void)
{
	const struct options *o = &tracer.opt;
	struct stat st;
	int fd, high;

	if (o->fd >= 0)
		return o->fd;
	if (!strcmp(o->out, "-"))
		return STDOUT_FILENO;
	/* A FIFO opened for reading too would never see its reader leave. */
	if (stat(o->out, &st) == 0 && !S_ISREG(st.st_mode))
		fd = open(o->out, O_WRONLY | O_CLOEXEC);
	else
		fd = open(o->out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	/* In user mode the guest has the same descriptors: stay out of its way. */
	high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 900);
	if (high >= 0)
		close(fd);
	return high >= 0 ? high : fd;
}

static struct session *open_session(void)
{
	struct session *s;

	if (tracer.opt.session >= 0) {
		s = session_map(tracer.opt.session);
		if (s && s->magic != SESSION_MAGIC) {
			errno = EPROTO;
			s = NULL;
		}
		return s;
	}
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return NULL;
	session_init(s);
	out.own_session = true;
	return s;
}

int out_open(void)
{
	struct stat st;
	int fd = open_output();

	if (fd < 0 || fcntl(fd, F_GETFD) < 0) {
		tracer_warn("%s: %s", output_name(), strerror(errno));
		return -1;
	}
	tracer.session = open_session();
	if (!tracer.session) {
		tracer_warn("session: %s", strerror(errno));
		return -1;
	}
	session_log_init(&out.log, fd, tracer.opt.stream);
	fstat(fd, &st);
	out.dev = st.st_dev;
	out.ino = st.st_ino;
	out.encoder = mt_log_encoder_new();
	/* In user mode other processes write to the log, too: none knows all. */
	out.state = tracer.system && !out.log.stream ? mt_state_new(MT_STATE_MAX) : NULL;
	out.some = malloc(AT_ONCE + MT_RECORD_MAX + sizeof(struct mt_drop));
	if (!out.encoder || !out.some) {
		tracer_warn("no memory");
		return -1;
	}
	atomic_fetch_add(&tracer.session->entered, 1);
	return 0;
}

/* The session learns what was counted since the last time; under out.lock. */
static void tell_totals(void)
{
	struct session *s = tracer.session;
	uint64_t accesses, instructions;

	tracer_totals(&accesses, &instructions);
	session_lock(s);
	s->accesses += accesses - out.told_accesses;
	s->instructions += instructions - out.told_instructions;
	session_unlock(s);
	out.told_accesses = accesses;
	out.told_instructions = instructions;
}

/* What no other record has brought along. */
static void count_malformed(void)
{
	struct mt_drop *drop, r = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(r) },
		.reason = MT_drop_reason_guest,
		.count = atomic_exchange(&out.malformed, 0)
	};

	if (!r.count)
		return;
	session_lock(tracer.session);
	tracer.session->dropped += r.count;
	session_unlock(tracer.session);
	drop = block_room(sizeof(*drop));
	*drop = r;
}

static void count_lost_of(struct vcpu *v, void *unused)
{
	struct mt_drop drop, *at;

	(void)unused;
	if (!v->lost)
		return;
	drop = take_lost(v);
	at = block_room(sizeof(*at));
	*at = drop;
	count_dropped(&at->hdr);
}

void out_drain(void)
{
	pthread_mutex_lock(&out.lock);
	drain();
	vcpus_each(count_lost_of, NULL);
	count_malformed();
	flush_block();
	tell_totals();
	pthread_mutex_unlock(&out.lock);
}

void out_leave(void)
{
	struct session *s = tracer.session;
	int was;

	if (out.left)
		return;
	stop_writer();
	out_drain();
	/* A log of which nothing is to be said still begins and ends. */
	session_lock(s);
	was = s->broken;
	if (!s->begun && !was && write_begin(s) < 0)
		say_broken(s->broken);
	session_unlock(s);
	out.left = true;
	atomic_fetch_add(&s->left, 1);
}

/*
 * Signals come at any moment: in this very thread the lock may be held, and
 * then nothing can be saved.  Elsewhere it is free within a block's writing.
 */
static bool lock_within(unsigned tries)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	while (pthread_mutex_trylock(&out.lock) != 0) {
		if (!tries--)
			return false;
		nanosleep(&moment, NULL);
	}
	pthread_mutex_unlock(&out.lock);
	return true;
}

void out_die(int sig)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	if (lock_within(2000))
		out_leave();
	sigaction(sig, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

void out_return(void)
{
	out.left = false;
	atomic_fetch_sub(&tracer.session->left, 1);
	pthread_mutex_lock(&out.lock);
	start_writer();
	pthread_mutex_unlock(&out.lock);
}

void out_close(void)
{
	if (out.left)
		return;
	out_leave();
	if (out.own_session && session_finish(tracer.session, &out.log) < 0 && !out.said)
		say_broken(errno);
}

/* In user mode other processes may still trace: they find the log closed. */
void out_end(void)
{
	struct session *s = tracer.session;

	if (out.left)
		return;
	out_leave();
	s->left = s->entered;
	if (session_finish(s, &out.log) < 0 && !out.said)
		say_broken(errno);
}

void out_lock(void)
{
	pthread_mutex_lock(&out.lock);
	/* What is in the lanes was done before what the caller is about to do. */
	drain();
}

void out_unlock(void)
{
	memset(seen, 0, sizeof(seen));
	pthread_mutex_unlock(&out.lock);
}

/* ---- fork ------------------------------------------------------------------ */

/*
 * The child shares nothing but the session: what its parent's threads have in
 * their lanes is theirs.  Draining first puts what the child inherits (labels,
 * mappings) before the child's first record.
 */
void out_fork_prepare(void)
{
	pthread_mutex_lock(&out.lock);
	drain();
	flush_block();
	tell_totals();
	/* Nobody else holds the session when we are copied. */
}

void out_fork_parent(void)
{
	pthread_mutex_unlock(&out.lock);
}

void out_fork_child(void)
{
	struct lane *l;

	while ((l = out.lanes)) {
		out.lanes = l->next;
		free_lane(l);
	}
	own_lane = NULL;
	out.running = false;
	out.used = out.records = 0;
	out.told_accesses = out.told_instructions = 0;
	out.left = out.own_session = false;
	out.malformed = 0;
	memset(seen, 0, sizeof(seen));
	pthread_mutex_init(&out.lock, NULL);
	atomic_fetch_add(&tracer.session->entered, 1);
}
