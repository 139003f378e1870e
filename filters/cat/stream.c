/* SPDX-License-Identifier: MIT */
/* From the records of blocks to what is put out. */
#include <string.h>

#include "decode.h"
#include "select.h"
#include "sink.h"
#include "stream.h"

static struct {
	const char *name;		/* of the file that is read */
	int status;
	bool open;			/* between begin and end */
	bool lost;			/* records of this stream may be missing */
	uint64_t records;		/* since begin, as they were read */
	struct mt_state *before;	/* of a range: all so far */
	bool waits;			/* for the range's first event */
	bool recovers;
	bool hole;			/* damage that no drop record tells of yet */
	bool any;			/* a stream has begun */
} stream;

void stream_file(const char *name)
{
	stream.name = name;
	stream.open = stream.lost = false;
}

void stream_recover(void)
{
	stream.recovers = true;
}

/* Of a file in which there is no stream nothing can be recovered. */
int stream_status(void)
{
	return stream.recovers && !stream.any ? MT_FAIL : stream.status;
}

const char *cat_name(void)
{
	return stream.name;
}

bool cat_lost(void)
{
	return stream.lost;
}

/* More would only repeat that the file is broken. */
#define COMPLAINTS_MAX 10

void cat_complain(uint64_t offset, const char *what)
{
	static const char *name;
	static unsigned complaints;

	complaints = name == stream.name ? complaints + 1 : 1;
	name = stream.name;
	stream.lost = stream.hole = true;
	if (!stream.recovers)
		stream.status = MT_FAIL;
	if (complaints < COMPLAINTS_MAX)
		mt_warn("%s: byte %llu: %s", stream.name, (unsigned long long)offset, what);
	else if (complaints == COMPLAINTS_MAX)
		mt_warn("%s: byte %llu: %s; there is more damage behind it", stream.name,
			(unsigned long long)offset, what);
}

/* ---- a range --------------------------------------------------------------- */

static int put_state(void *arg, const struct mt_hdr *rec)
{
	(void)arg;
	if (rec->kind != MT_KIND_end && selection_passes(rec, 0))
		sink_put(rec);
	return 0;
}

/* A stream without anything in the range is no more than its beginning and end. */
static int put_begin(void *arg, const struct mt_hdr *rec)
{
	(void)arg;
	if (rec->kind == MT_KIND_begin)
		sink_put(rec);
	return 1;
}

static void end_waiting(bool begun)
{
	mt_state_each(stream.before, begun ? put_state : put_begin, NULL);
	mt_state_clear(stream.before);
	stream.waits = false;
}

static void note(const struct mt_hdr *rec)
{
	if (rec->kind != MT_KIND_access && mt_state_note(stream.before, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

bool stream_set_state(struct mt_state *s)
{
	if (!stream.waits)
		return false;
	mt_state_free(stream.before);
	stream.before = s;
	return true;
}

static void start_waiting(void)
{
	if (!selection.range)
		return;
	if (!stream.before)
		stream.before = mt_state_new(SIZE_MAX);
	if (!stream.before)
		mt_die(MT_FAIL, "out of memory");
	mt_state_clear(stream.before);
	stream.waits = true;
}

/* It passes, once the range has begun. */
static void put(const struct mt_hdr *rec, uint64_t block)
{
	if (stream.waits && selection_begins(rec, block))
		end_waiting(true);
	if (stream.waits)
		note(rec);
	else
		sink_put(rec);
}

/* ---- holes ------------------------------------------------------------------- */

static void fill_hole(void)
{
	static const struct mt_drop drop = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(drop) },
		.reason = MT_drop_reason_damaged
	};

	if (stream.recovers && stream.hole && stream.open)
		put(&drop.hdr, 0);
	stream.hole = false;
}

/* Instead of one that is missing; what it would have counted is not known. */
static void replace_end(void)
{
	static const struct mt_end end = { .hdr = { .kind = MT_KIND_end, .size = sizeof(end) } };

	if (!stream.open)
		return;
	fill_hole();
	if (stream.waits)
		end_waiting(false);
	sink_put(&end.hdr);
	stream.open = stream.lost = false;
}

void stream_stop(void)
{
	replace_end();
}

void stream_cut(void)
{
	stream.lost = stream.hole = true;
	if (!stream.recovers)
		stream.status = MT_FAIL;
}

/* ---- begin and end --------------------------------------------------------- */

/* What is whole shall arrive, and no reader accepts records without a begin. */
static void replace_begin(uint64_t offset)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct mt_begin begin = { .hdr.kind = MT_KIND_begin, .version = 1, .line = 64 };
	const char *const strings[] = { "mt-cat: the begin record was lost", "", "" };

	if (!stream.lost)
		cat_complain(offset, "records without a begin record");
	stream.open = stream.lost = true;
	stream.any = true;
	stream.records = 0;
	start_waiting();
	put(mt_build(buf, &begin, strings), 0);
}

static void take_begin(const struct mt_hdr *rec, uint64_t offset)
{
	if (stream.open && !stream.lost)
		cat_complain(offset, "stream was cut: another begins before its end");
	if (stream.recovers)
		replace_end();
	stream.hole = false;
	if (((const struct mt_begin *)rec)->version != 1)
		mt_die(MT_FAIL, "%s: byte %llu: stream of a newer version of the format",
		       stream.name, (unsigned long long)offset);
	stream.open = stream.any = true;
	stream.lost = false;
	stream.records = 1;
	start_waiting();
	put(rec, 0);
}

/* Damage that cost no record is told, and the stream is whole. */
static void take_end(const struct mt_hdr *rec, uint64_t offset)
{
	char what[120];
	uint64_t want = ((const struct mt_end *)rec)->records;
	bool all = want == stream.records;

	if (!stream.lost && !all) {
		snprintf(what, sizeof(what), "records are missing: end counts %llu, there were %llu",
			 (unsigned long long)want, (unsigned long long)stream.records);
		cat_complain(offset, what);
	}
	fill_hole();
	if (stream.waits)
		end_waiting(false);
	if (all || stream.recovers)
		sink_put(rec);
	stream.open = stream.lost = false;
}

/* ---- blocks ------------------------------------------------------------------ */

/* A block that has a begin or an end. */
static void take_marked(const struct decoding *job)
{
	for (size_t at = 0; at < job->used; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);

		at += rec->size;
		if (rec->kind == MT_KIND_begin) {
			take_begin(rec, job->offset);
			continue;
		}
		if (!stream.open)
			replace_begin(job->offset);
		fill_hole();
		if (rec->kind == MT_KIND_end) {
			take_end(rec, job->offset);
			continue;
		}
		stream.records++;
		if (selection_passes(rec, job->number))
			put(rec, job->number);
	}
}

void stream_skip(uint64_t records)
{
	stream.records += records;
}

void stream_take_block(struct decoding *job)
{
	size_t at = 0;
	uint32_t n = 0;

	stream.records += job->skipped;
	if (job->error) {
		cat_complain(job->offset, job->error);
		return;
	}
	if (job->marked) {
		take_marked(job);
		return;
	}
	if (!stream.open)
		replace_begin(job->offset);
	fill_hole();
	stream.records += job->block.records;
	for (; at < job->used && stream.waits; n++) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);

		put(rec, job->number);
		at += rec->size;
	}
	if (job->area.at)
		job->given = sink_give(job->records + at, job->used - at, job->kept - n);
	else
		sink_put_many(job->records + at, job->used - at, job->kept - n);
}

/* ---- other formats, which have no blocks ------------------------------------- */

void cat_put(const struct mt_hdr *rec)
{
	if (rec->kind == MT_KIND_begin) {
		stream.open = stream.any = true;
		start_waiting();
	} else if (rec->kind == MT_KIND_end) {
		stream.open = false;
		if (stream.waits)
			end_waiting(false);
	}
	if (selection_passes(rec, 0))
		put(rec, 0);
}

void cat_idle(void *arg)
{
	(void)arg;
	sink_idle();
}

void stream_end_file(uint64_t offset)
{
	if (stream.open && !stream.lost)
		cat_complain(offset, "log was cut: it has no end record");
	if (stream.recovers)
		replace_end();
	if (stream.waits)
		end_waiting(false);
	stream.open = stream.lost = false;
}
