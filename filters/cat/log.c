/* SPDX-License-Identifier: MIT */
/*
 * One after another, blocks that cannot pass are hopped over.  With an index
 * only what is needed is read at all: of a range the last state before it, what
 * stands between them without its accesses, and the range itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "decode.h"
#include "log.h"
#include "select.h"
#include "sink.h"
#include "stream.h"

struct log {
	struct mt_log_reader *in;
	struct decoder *decoder;
	uint64_t size;			/* of the file; 0: not known */
	uint64_t number;		/* of the next block, states not counted */
	uint64_t skipped;		/* records left out since the last job */
	const char *follow;		/* the file's name; or NULL */
};

static bool drain(void *p)
{
	struct log *log = p;
	struct decoding *job;

	while ((job = decoder_take(log->decoder)))
		stream_take_block(job);
	sink_idle();
	return true;
}

static volatile sig_atomic_t enough;	/* of a log that grows */

/*
 * Damage is told where it stands among the records.  Of a log that grows the
 * last block may be there in part.
 */
static void damaged(struct log *log)
{
	drain(log);
	if (enough && log->in->eof)
		return;
	cat_complain(log->in->offset, log->in->error);
}

static void start_job(struct log *log, const struct mt_log_block *b, const void *payload, bool others)
{
	struct decoding *job;

	while (!(job = decoder_idle(log->decoder)))
		stream_take_block(decoder_take(log->decoder));
	job->block = *b;
	job->offset = log->in->offset;
	job->number = log->number;
	job->skipped = log->skipped;
	job->others = others;
	mt_progress(cat_name(), job->offset, log->size);
	log->skipped = 0;
	if (decoder_submit(log->decoder, payload) < 0)
		mt_die(MT_FAIL, "out of memory");
}

static void decode_block(struct log *log, const struct mt_log_block *b, bool others)
{
	const void *payload = mt_log_reader_payload(log->in, b);

	if (payload)
		start_job(log, b, payload, others);
	else
		damaged(log);
}

/* ---- in sequence ----------------------------------------------------------- */

static void skip_block(struct log *log, const struct mt_log_block *b)
{
	if (mt_log_reader_skip(log->in, b) < 0)
		damaged(log);
	else
		log->skipped += b->records;
}

static void take_block(struct log *log, const struct mt_log_block *b)
{
	enum wanted wanted = selection_wants(b, log->number);

	if (wanted == WANT_NOTHING)
		skip_block(log, b);
	else
		decode_block(log, b, wanted == WANT_OTHERS);
	log->number++;
}

static void read_in_sequence(struct log *log)
{
	struct mt_log_block b;
	bool closed = false;
	int got;

	while (!(closed && log->follow) && (got = mt_log_reader_next(log->in, &b)) != 0) {
		closed = got > 0 && b.coding == MT_LOG_INDEX;
		if (got < 0 || (b.coding == MT_LOG_INDEX && mt_log_reader_index(log->in, &b) < 0))
			damaged(log);
		else if (mt_log_is_state(&b) && !mt_log_reader_payload(log->in, &b))
			damaged(log);	/* what came before is known, but not in order */
		else if (b.coding != MT_LOG_INDEX && !mt_log_is_state(&b))
			take_block(log, &b);
	}
}

/* ---- by the index ---------------------------------------------------------- */

/* What the index says of a block. */
enum {
	OTHERS = 1,			/* records that are no accesses may pass */
	BEGINS = 2,			/* there may be an event of the range */
	FRAME = 4,			/* a stream begins or ends */
	STATE = 8,
};

struct plan {
	struct mt_log_index *index;
	unsigned char *is;		/* of each block */
	uint64_t *number;		/* states not counted */
};

static void get_entry(struct plan *p, uint64_t i, struct mt_log_entry *e)
{
	if (mt_log_index_get(p->index, i, e) < 0)
		mt_die(MT_FAIL, "%s: index: %s", cat_name(), strerror(errno));
}

static void make_plan(struct plan *p)
{
	struct mt_log_entry e;
	uint64_t number = 0;

	p->is = mt_xcalloc(p->index->count, sizeof(*p->is));
	p->number = mt_xcalloc(p->index->count, sizeof(*p->number));
	for (uint64_t i = 0; i < p->index->count; i++) {
		get_entry(p, i, &e);
		p->number[i] = number;
		if (mt_log_is_state(&e.block)) {
			p->is[i] = STATE;
			continue;
		}
		p->is[i] = (unsigned char)
			((selection_wants(&e.block, number) != WANT_NOTHING ? OTHERS : 0) |
			 (selection_may_begin(&e.block, number) ? BEGINS : 0) |
			 (e.block.coding & MT_LOG_FRAME ? FRAME : 0));
		number++;
	}
}

/* The block that the index promises; false when something else is there. */
static bool go_to(struct mt_log_reader *in, const struct mt_log_entry *e)
{
	struct mt_log_block b;

	return mt_log_reader_seek(in, e->offset) == 0 && mt_log_reader_next(in, &b) > 0 &&
		in->offset == e->offset && !memcmp(&b, &e->block, sizeof(b));
}

static void read_entry(struct log *log, struct plan *p, uint64_t i)
{
	struct mt_log_entry e;

	get_entry(p, i, &e);
	log->number = p->number[i];
	if (!(p->is[i] & OTHERS)) {
		log->skipped += e.block.records;
	} else if (go_to(log->in, &e)) {
		decode_block(log, &e.block, selection_wants(&e.block, log->number) == WANT_OTHERS);
	} else {
		drain(log);
		cat_complain(e.offset, "no block is where the index says");
	}
}

static void skip_entries(struct log *log, struct plan *p, uint64_t from, uint64_t to)
{
	struct mt_log_entry e;

	for (; from < to; from++) {
		if (p->is[from] & STATE)
			continue;
		get_entry(p, from, &e);
		log->skipped += e.block.records;
	}
}

/* ---- states ------------------------------------------------------------------ */

/* A state is a stream of its own: it must come to its end. */
struct loading {
	struct mt_state *state;
	struct mt_log_decoder *decoder;
	unsigned char *raw;
	uint64_t records;
	bool ended;
};

static void take_loaded(struct loading *l, const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_end)
		l->ended = ((const struct mt_end *)rec)->records == l->records;
	else if (mt_state_note(l->state, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	l->records++;
}

/* False when there is something wrong with the block. */
static bool load_block(struct log *log, struct plan *p, uint64_t i, struct loading *l)
{
	struct mt_log_entry e;
	const void *payload;
	const char *error;

	get_entry(p, i, &e);
	payload = go_to(log->in, &e) ? mt_log_reader_payload(log->in, &e.block) : NULL;
	if (!payload || mt_log_decode(l->decoder, &e.block, payload, l->raw, &error) < 0)
		return false;
	for (size_t at = 0; at < e.block.raw_size; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(l->raw + at);

		take_loaded(l, rec);
		at += rec->size;
	}
	return true;
}

/*
 * The state that stands in blocks from to to - 1, if it is whole.  Without it
 * what came before has to be read, no more.
 */
static bool load_state(struct log *log, struct plan *p, uint64_t from, uint64_t to)
{
	struct loading l = {
		mt_state_new(SIZE_MAX), mt_log_decoder_new(), mt_xmalloc(MT_LOG_RAW_MAX), 0, false
	};
	bool ok = l.state && l.decoder;

	drain(log);
	for (uint64_t i = from; i < to && ok; i++)
		ok = load_block(log, p, i, &l);
	ok = ok && l.ended && stream_set_state(l.state);
	if (!ok)
		mt_state_free(l.state);
	mt_log_decoder_free(l.decoder);
	free(l.raw);
	return ok;
}

/* Goes on behind the last state between from and to; or where it was. */
static uint64_t seek_state(struct log *log, struct plan *p, uint64_t from, uint64_t to)
{
	uint64_t first;

	while (to > from) {
		if (!(p->is[to - 1] & STATE)) {
			to--;
			continue;
		}
		for (first = to - 1; first > from && p->is[first - 1] & STATE; first--)
			;
		if (load_state(log, p, first, to)) {
			skip_entries(log, p, from, first);
			return to;
		}
		to = first;
	}
	return from;
}

/* ---- a range ------------------------------------------------------------------- */

static void read_entries(struct log *log, struct plan *p, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (!(p->is[from] & STATE))
			read_entry(log, p, from);
}

/*
 * Before its first event a range needs what leads there, between its events all
 * that may pass, and behind its last one no more than the end of the stream; so
 * does a stream that has none.
 */
static void read_range(struct log *log, struct plan *p)
{
	uint64_t n = p->index->count, next;
	bool waits = true;

	for (uint64_t i = 0; i < n; i = next + 1) {
		for (next = i; next < n && !(p->is[next] & (BEGINS | FRAME)); next++)
			;
		if (next == n || !(p->is[next] & BEGINS)) {
			skip_entries(log, p, i, next);
			i = next;
		} else if (waits) {
			i = seek_state(log, p, i, next);
		}
		read_entries(log, p, i, next < n ? next + 1 : n);
		if (next < n)
			waits = !(p->is[next] & BEGINS) && (waits || (p->is[next] & FRAME));
	}
}

static void read_by_index(struct log *log, struct mt_log_index *x)
{
	struct plan p = { .index = x };

	make_plan(&p);
	if (selection.range && p.is[0] & FRAME)	/* else it is of the days before that bit */
		read_range(log, &p);
	else
		read_entries(log, &p, 0, x->count);
	free(p.is);
	free(p.number);
}

/* ---- a log that grows ------------------------------------------------------------ */

static void on_signal(int sig)
{
	(void)sig;
	enough = 1;
}

static bool is_replaced(const struct log *log)
{
	struct stat ours, there;

	return fstat(log->in->fd, &ours) == 0 && stat(log->follow, &there) == 0 &&
		(ours.st_ino != there.st_ino || ours.st_dev != there.st_dev);
}

/* What has come is passed on, and more waited for. */
static bool wait_for_more(void *arg)
{
	static const struct timespec moment = { .tv_nsec = 100000000 };
	struct log *log = arg;

	drain(log);
	if (!enough && !is_replaced(log))
		nanosleep(&moment, NULL);
	else
		log->in->more = NULL;	/* once more, for what came since */
	return true;
}

/* Only these: whoever ends us in another way means it. */
static void start_following(struct log *log, const char *name)
{
	struct sigaction action = { .sa_handler = on_signal };

	log->follow = name;
	log->in->more = wait_for_more;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- all of it ------------------------------------------------------------------ */

void cat_log(struct mt_log_reader *in, unsigned threads, const char *follow)
{
	static struct mt_log_index x;
	struct log log = { .in = in, .decoder = decoder_new(threads, sink_gives()) };
	struct stat st;

	if (!log.decoder)
		mt_die(MT_FAIL, "out of memory, or of threads");
	if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode))
		log.size = (uint64_t)st.st_size;
	in->idle = drain;
	/* cppcheck-suppress autoVariables ; taken back below */
	in->arg = &log;
	if (follow)
		start_following(&log, follow);
	if (selection.any && !follow && mt_log_index_open(&x, in->fd))
		read_by_index(&log, &x);
	else
		read_in_sequence(&log);
	drain(&log);
	in->idle = NULL;
	in->arg = NULL;
	stream_skip(log.skipped);
	decoder_free(log.decoder);
	mt_progress_end();
	if (enough)
		stream_stop();
	stream_end_file(in->base + in->used);
}
