/* SPDX-License-Identifier: MIT */
/*
 * Logs of the original mtrace.  Each entry becomes a record; what the record
 * has no place for goes ahead of it (judged, origin), so that nothing is lost
 * but rubbish.  Accesses and calls have no time of their own there: they get
 * the last one of their cpu.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/mt_classic.h"
#include "cat.h"
#include "inflate.h"

#define LINE 64

/* What is known about the log that is read. */
struct log {
	struct cat_bytes in;
	struct mt_classic state;
	bool open;			/* begin was put */
	bool head;			/* nothing but machine entries so far */
	uint32_t cpus;			/* 0: not known */
	struct mt_begin begin;		/* as machine entries said it */
	uint64_t judged;		/* what the next access_count must be */
	uint64_t dropped;
	uint64_t instructions;		/* while recording, as far as mode entries tell */
	uint64_t on_since;		/* their count when it was switched on */
	bool on;
	uint64_t times[65536];		/* of each cpu */
	_Alignas(8) unsigned char rec[MT_RECORD_MAX];
};

bool cat_is_classic(const unsigned char *s, size_t len)
{
	uint32_t type;
	uint16_t size;

	if (len >= 2 && s[0] == 0x1f && s[1] == 0x8b)
		return true;
	if (len < CAT_CLASSIC_PEEK)
		return false;
	memcpy(&type, s, sizeof(type));
	memcpy(&size, s + 4, sizeof(size));
	return size && size == mt_classic_size(type);
}

/* ---- the frame of the stream ----------------------------------------------- */

static void put_end(struct log *log)
{
	struct mt_end end = {
		.hdr = { .kind = MT_KIND_end, .size = sizeof(end) },
		.dropped = log->dropped, .accesses = log->judged,
		.instructions = log->instructions
	};

	if (!log->open)
		return;
	if (!cat_lost())
		cat_put(&end.hdr);
	log->open = false;
}

/* A stream begins; all that is known of an earlier one is void. */
static void put_begin(struct log *log)
{
	put_end(log);
	mt_classic_release(&log->state);
	log->open = log->head = true;
	log->on = false;
	log->judged = log->dropped = log->instructions = 0;
	memset(log->times, 0, sizeof(log->times));
	memcpy(&log->begin, log->rec, sizeof(log->begin));
	log->cpus = log->begin.cpus;
	cat_put((const struct mt_hdr *)log->rec);
}

/*
 * The original wrote one machine entry for each cpu, all equal, at the head.
 * One anywhere else opens another log behind this one.
 */
static bool take_machine(struct log *log, const void *entry, size_t len, const char **error)
{
	struct mt_begin *b = (struct mt_begin *)log->rec;

	if (mt_classic_begin(entry, len, log->rec, error) < 0)
		return false;
	b->hdr.cpu = log->open && log->head ? log->begin.hdr.cpu : b->hdr.cpu;
	if (!log->open || !log->head || memcmp(b, &log->begin, sizeof(*b)))
		put_begin(log);
	return true;
}

static void need_begin(struct log *log)
{
	const char *error;

	if (!log->open && mt_classic_begin(NULL, 0, log->rec, &error) > 0)
		put_begin(log);
}

/* ---- entries --------------------------------------------------------------- */

/* The reader counts on from access to access by itself. */
static void put_judged(struct log *log, const struct mt_hdr *at, uint64_t accesses, bool always)
{
	const struct mt_judged r = {
		.hdr = { .kind = MT_KIND_judged, .size = sizeof(r), .cpu = at->cpu, .time = at->time },
		.accesses = accesses
	};

	if (always || accesses != log->judged)
		cat_put(&r.hdr);
	log->judged = accesses;
}

/* Bytes of the line that an access begins in, from there on. */
static uint32_t room_in_line(const struct mt_access *a)
{
	return LINE - (uint32_t)(a->paddr % LINE);
}

/* No access of a stream crosses a line; a judged record ahead says where one began. */
static void put_access(struct mt_access *a)
{
	uint32_t left = a->width, room = room_in_line(a);

	if (left > room)
		a->flags |= MT_access_flag_split;
	for (; left > room; room = LINE) {
		a->width = (uint16_t)room;
		cat_put(&a->hdr);
		a->paddr += room;
		a->addr += room;
		left -= room;
		a->flags &= (uint16_t)~MT_access_flag_moved;	/* only the first line was looked at */
	}
	a->width = (uint16_t)left;
	cat_put(&a->hdr);
}

static void count_instructions(struct log *log, const struct mt_mode *m)
{
	if (log->on && m->instructions >= log->on_since)
		log->instructions += m->instructions - log->on_since;
	log->on = m->mode != MT_mode_off;
	log->on_since = m->instructions;
}

/* log->rec, of kind 0 when the entry has none, and what goes ahead of it. */
static void put_record(struct log *log, const struct mt_classic_hdr *h, const void *entry)
{
	struct mt_hdr *rec = (struct mt_hdr *)log->rec;
	struct mt_access *access = rec->kind == MT_KIND_access ? (struct mt_access *)rec : NULL;
	struct mt_origin rest;

	put_judged(log, rec, h->accesses, access && access->width > room_in_line(access));
	if (mt_classic_rest(entry, &rest)) {
		rest.hdr.time = rec->time;
		cat_put(&rest.hdr);
	}
	if (rec->kind == MT_KIND_mode)
		count_instructions(log, (const struct mt_mode *)rec);
	log->judged += access != NULL;
	if (access)
		put_access(access);
	else if (rec->kind)
		cat_put(rec);
}

static uint64_t time_of(struct log *log, const struct mt_classic_hdr *h)
{
	if (h->type != MT_CLASSIC_ACCESS && h->type != MT_CLASSIC_CALL &&
	    h->type != MT_CLASSIC_MACHINE)
		log->times[h->cpu] = h->time;
	return log->times[h->cpu];
}

/* An entry of a known type and its size. */
static bool take_known(struct log *log, const struct mt_classic_hdr *h, const void *entry,
		       const char **error)
{
	struct mt_hdr *rec = (struct mt_hdr *)log->rec;
	int made;

	if (h->type == MT_CLASSIC_MACHINE && !take_machine(log, entry, h->size, error))
		return false;
	need_begin(log);
	log->head &= h->type == MT_CLASSIC_MACHINE;
	if (log->cpus && h->cpu >= log->cpus) {
		*error = "classic entry of a cpu that the machine does not have";
		return false;
	}
	made = mt_classic_record(&log->state, entry, h->size, log->rec, error);
	if (made < 0)
		return false;
	if (!made)
		rec->kind = 0;
	rec->cpu = h->cpu;
	rec->time = time_of(log, h);
	put_record(log, h, entry);
	return true;
}

/* One that somebody's tracer added: skipped, but not in silence. */
static void take_unknown(struct log *log, const struct mt_classic_hdr *h)
{
	const struct mt_drop drop = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(drop), .cpu = h->cpu,
			 .time = log->times[h->cpu] },
		.count = 1, .reason = MT_drop_reason_unknown
	};

	need_begin(log);
	log->head = false;
	log->dropped++;
	cat_put(&drop.hdr);
}

/* ---- the whole ----------------------------------------------------------------- */

/* The entry at in.pos: its bytes; 0 where nothing whole and sensible stands. */
static size_t take_entry(struct log *log)
{
	struct cat_bytes *in = &log->in;
	struct mt_classic_hdr h;
	const char *error = NULL;
	size_t want;

	if (cat_bytes_need(in, sizeof(h)) < sizeof(h))
		return 0;
	memcpy(&h, in->bytes + in->pos, sizeof(h));
	want = mt_classic_size(h.type);
	if (h.size < sizeof(h) || (want && h.size != want)) {
		in->error = "classic entry of a size that its type does not have";
		return 0;
	}
	if (cat_bytes_need(in, h.size) < h.size)
		return 0;
	if (!want)
		take_unknown(log, &h);
	else if (!take_known(log, &h, in->bytes + in->pos, &error))
		cat_complain(in->base + in->pos, error);
	return h.size;
}

static void finish(struct log *log)
{
	struct cat_bytes *in = &log->in;
	uint64_t offset = in->base + in->pos;

	if (in->error)
		cat_complain(offset, in->error);
	else if (in->used > in->pos)
		cat_complain(offset, "log ends inside a classic entry");
	else if (!offset)
		cat_complain(0, "empty: neither a log nor a stream");
	if (log->dropped)
		mt_warn("%s: %llu entries of unknown types were skipped", cat_name(),
			(unsigned long long)log->dropped);
	put_end(log);
}

void cat_classic(int fd, const void *bytes, size_t len)
{
	struct log *log = mt_xcalloc(1, sizeof(*log));
	uint64_t shown = 0;
	size_t size;

	if (cat_bytes_init(&log->in, fd, bytes, len) < 0)
		mt_die(MT_FAIL, "out of memory");
	log->in.idle = cat_idle;
	while ((size = take_entry(log))) {
		log->in.pos += size;
		if (shown != log->in.read)
			mt_progress(cat_name(), shown = log->in.read, 0);
	}
	finish(log);
	mt_progress_end();
	mt_classic_release(&log->state);
	cat_bytes_release(&log->in);
	free(log);
}
