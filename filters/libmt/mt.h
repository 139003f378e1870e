/* SPDX-License-Identifier: MIT */
/*
 * The record stream of mtrace: types, reader, writer, fields, rendering.
 * The format itself is specified in mt-log(5).
 *
 * Memory: the caller owns what it passes; a record from mt_reader_next lives
 * until the next call of it; whoever keeps one copies it.  Descriptors stay
 * the caller's.
 *
 * Errors: the library neither prints nor exits.  A function that can fail
 * says so in its result, and the reason is a line of text without a newline.
 *
 * This header needs a little-endian machine, as the tracer does.
 */
#ifndef MT_H
#define MT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mt_out.h"
#include "mt_struct.h"


/* The longest record: size is a 16-bit multiple of 8. */
#define MT_RECORD_MAX 65528

/* ---- types and fields -------------------------------------------------- */

enum mt_class { MT_CLASS_event, MT_CLASS_context, MT_CLASS_definition, MT_CLASS_report };

enum mt_show { MT_DEC, MT_HEX, MT_SHOW_ENUM, MT_SHOW_FLAGS, MT_SHOW_STRING };

/* What a number names, of the things that each log counts for itself. */
enum mt_space {
	MT_SPACE_none, MT_SPACE_cpu, MT_SPACE_task, MT_SPACE_process, MT_SPACE_object,
	MT_SPACE_field, MT_SPACE_stack, MT_SPACE_entry, MT_SPACE_paddr, MT_SPACE_owner,
	MT_SPACES
};

/* Such a field in the record table: how it is shown, and its space above that. */
enum {
	MT_CPU = MT_DEC | MT_SPACE_cpu << 4, MT_TASK = MT_DEC | MT_SPACE_task << 4,
	MT_PROCESS = MT_DEC | MT_SPACE_process << 4, MT_OBJECT = MT_DEC | MT_SPACE_object << 4,
	MT_MEMBER = MT_DEC | MT_SPACE_field << 4, MT_STACK = MT_DEC | MT_SPACE_stack << 4,
	MT_ENTRY = MT_HEX | MT_SPACE_entry << 4, MT_PADDR = MT_HEX | MT_SPACE_paddr << 4,
	MT_OWNER = MT_DEC | MT_SPACE_owner << 4,
};

/* One named value of an enumerated field, or one bit of a flags field. */
struct mt_value {
	const char *name;
	uint64_t number;
	const char *doc;
};

struct mt_field_info {
	const char *name;
	const char *unit;		/* "" for a plain number */
	const char *doc;
	const struct mt_value *values;	/* enum and flags: ends with name NULL; else NULL */
	uint16_t offset;		/* from the start of the record; strings: which one, from 0 */
	uint8_t width;			/* 1, 2, 4 or 8 bytes; 0 for a string */
	uint8_t show;			/* enum mt_show */
	uint8_t space;			/* enum mt_space */
};

struct mt_type {
	const char *name;
	const char *doc;
	const struct mt_field_info *fields;
	uint16_t n_fields;
	uint16_t n_strings;
	uint16_t size;			/* exact size, or of the part before the strings */
	uint16_t kind;
	uint8_t class;			/* enum mt_class */
};

/* All types, in the order of the table; mt_n_types of them. */
extern const struct mt_type mt_types[];
extern const unsigned mt_n_types;

/* The header's own fields, kind not among them: cpu and time. */
extern const struct mt_field_info mt_header_fields[2];

/* The type of a kind, or NULL for a kind that this version does not know. */
const struct mt_type *mt_type_of(unsigned kind);

/* The type with that name, or NULL. */
const struct mt_type *mt_type_find(const char *name);

/* The field of t with that name (also cpu and time), or NULL. */
const struct mt_field_info *mt_field_find(const struct mt_type *t, const char *name);

/* Value of a field that is not a string. */
static inline uint64_t mt_field_u64(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const unsigned char *p = (const unsigned char *)rec + f->offset;

	switch (f->width) {
	case 8: return *(const uint64_t *)p;
	case 4: return *(const uint32_t *)p;
	case 2: return *(const uint16_t *)p;
	default: return *p;
	}
}

/*
 * String number n (from 0) of a record whose frame was checked: a pointer into
 * the record, NUL-terminated, of arbitrary other bytes.
 */
const char *mt_string(const struct mt_hdr *rec, unsigned n);

/* Name of a value of an enum, or NULL when the number has none. */
const char *mt_value_name(const struct mt_value *values, uint64_t number);

/* The value of that name; NULL when there is none, or values is NULL. */
const struct mt_value *mt_value_named(const struct mt_value *values, const char *name);

/*
 * Builds a record with strings: copies the fixed part *fixed (whose hdr.kind
 * is set), appends the type's strings (NULL counts as ""), pads with zeros,
 * sets hdr.size.  buf holds MT_RECORD_MAX bytes.  Strings that do not fit
 * together are cut at the end of the longest ones.  Returns the record in buf.
 */
struct mt_hdr *mt_build(void *buf, const void *fixed, const char *const *strings);

/*
 * Judges the bytes at buf as the start of a record.  Returns its size; 0 when
 * len is too short to tell or to hold it; -1 when it is malformed, with the
 * reason in *error (static text).
 */
MT_MUST_CHECK int mt_frame(const void *buf, size_t len, const char **error);

/* Size of a kind of record whose frame needs no other check; 0: of others. */
#define MT_KINDS 128			/* all kinds but begin are smaller */
extern const uint16_t mt_plain_size[MT_KINDS];

/* ---- hash table --------------------------------------------------------- */

/*
 * A hash table from 64-bit keys to 64-bit values: open addressing, one cache
 * line a look-up; for what is asked for each record.  Zero-initialise it.
 */
struct mt_table {
	struct mt_table_slot { uint64_t key, value; } *slots;
	uint64_t zero;			/* value of key 0, which marks free slots */
	size_t n_slots, used;
	bool has_zero;
};

/* The value's place, or NULL when the key is not there. */
uint64_t *mt_table_get(const struct mt_table *m, uint64_t key);

/*
 * The value's place; a new one holds 0.  Valid until the next put.  NULL when
 * there is no memory.
 */
MT_MUST_CHECK uint64_t *mt_table_put(struct mt_table *m, uint64_t key);

/* Fetches what a get or put of the key will look at. */
void mt_table_prefetch(const struct mt_table *m, uint64_t key);

/* Takes the key out, if it is there. */
void mt_table_remove(struct mt_table *m, uint64_t key);

void mt_table_release(struct mt_table *m);

/* ---- who runs where ---------------------------------------------------- */

/* Task and process of each cpu, learnt from switch records.  Zero-initialise. */
struct mt_cpus { struct mt_table task, process; };

/* Takes any record; -1 when there is no memory. */
MT_MUST_CHECK int mt_cpus_note(struct mt_cpus *c, const struct mt_hdr *rec);
uint32_t mt_cpus_task(const struct mt_cpus *c, uint32_t cpu);	/* 0: not known */

/*
 * The address space in which that cpu sees addr: 0 for kernel addresses (the
 * upper half) and where nothing is known.
 */
uint32_t mt_cpus_process(const struct mt_cpus *c, uint32_t cpu, uint64_t addr);

/* ---- system calls ------------------------------------------------------- */

/* In entry records: which system call or vector it is the log does not say. */
#define MT_NUMBER_UNTOLD UINT32_MAX

/* Of Linux on x86-64: the name of a number, or NULL; the number of a name, or -1. */
const char *mt_syscall_name(uint64_t number);
long mt_syscall_number(const char *name);

/* ---- plain I/O --------------------------------------------------------- */

/* Reads until len bytes or the end of file; returns the count, or -1 (errno). */
MT_MUST_CHECK long mt_read_full(int fd, void *buf, size_t len);

/* One read, EINTR and EAGAIN handled: count, 0 at the end, -1 (errno). */
MT_MUST_CHECK long mt_read_some(int fd, void *buf, size_t len);

/* Writes all; 0, or -1 (errno; a write of 0 bytes is ENOSPC). */
MT_MUST_CHECK int mt_write_full(int fd, const void *buf, size_t len);

/* ---- writer ------------------------------------------------------------ */

/*
 * Writes records to a descriptor through a buffer.  The first error sticks:
 * later puts do nothing, and mt_writer_flush reports it.  The writer counts
 * records since the last begin and puts that count into end records, so that
 * the reader of its output can tell a cut stream (filters need do nothing).
 */
struct mt_writer {
	uint64_t records;		/* since begin */
	struct mt_reader *in;		/* mt_writer_tie; or NULL */
	const unsigned char *run, *run_end;	/* records still in the reader's buffer; or NULL */
	struct mt_out out;
};

void mt_writer_init(struct mt_writer *w, int fd);
void mt_writer_put_any(struct mt_writer *w, const struct mt_hdr *rec);

MT_MUST_CHECK int mt_writer_flush(struct mt_writer *w);	/* 0, or -1 with errno */

/*
 * Ties the writer to the reader of the same program: what is written does not
 * wait while the reader does, and records that are passed on as they stand in
 * the reader's buffer are written from there.  So a record from the reader may
 * be changed before it is put, not after.
 */
void mt_writer_tie(struct mt_writer *w, struct mt_reader *in);

/*
 * To a tied writer: its program changes no record that it passes on.  Many in a
 * row then go from pipe to pipe uncopied.
 */
void mt_writer_moves(struct mt_writer *w);

/* ---- reader ------------------------------------------------------------ */

#define MT_READER_BUFFER (256 * 1024)

/*
 * Reads records from a descriptor: those of a stream, or of a log, which it
 * decodes.  Checks every frame, that a stream opens with begin, and that its end
 * agrees with the count; several streams, or several logs, may follow each other.
 */
struct mt_reader {
	int fd;
	struct mt_log_stream *log;	/* that the descriptor has led to; or NULL */
	void (*idle)(void *arg);	/* called before a read that would block; or NULL */
	void *idle_arg;
	struct mt_writer *out;		/* borrows from buf; or NULL */
	const volatile int *stop;	/* not 0 once no more shall be read; or NULL */
	uint64_t offset;		/* in the stream, of the record last returned or the error;
					   of a damaged log, in its file */
	uint64_t records;		/* since begin */
	bool open;			/* between begin and end */
	bool started;			/* anything was read */
	bool peeks;			/* mt_writer_moves, and that is possible */
	int side[2];			/* a pipe for that */
	size_t held;			/* the last bytes of buf that stand in fd as well */
	size_t got, passed;		/* by the last read; of these in long runs */
	size_t pos, used;		/* in buf */
	uint64_t base;			/* stream offset of buf[0] */
	char error[160];		/* reason, once next has returned -1 */
	_Alignas(8) unsigned char buf[MT_READER_BUFFER + 8];	/* 8: one past the end is ours too */
};

void mt_reader_init(struct mt_reader *r, int fd);

/*
 * The next record: 1 and *rec; 0 at the end of a whole stream; -1 for a
 * damaged or cut one or a failed read (r->error, r->offset), after everything
 * that was whole before it.
 */
MT_MUST_CHECK int mt_reader_next_any(struct mt_reader *r, const struct mt_hdr **rec);

/* Nearly all records are of types without strings, whole, in the middle of a stream. */
MT_MUST_CHECK static inline int mt_reader_next(struct mt_reader *r, const struct mt_hdr **rec)
{
	const struct mt_hdr *h = (const struct mt_hdr *)(r->buf + r->pos);
	const size_t left = r->used - r->pos;
	unsigned size;

	if (!r->open || left < sizeof(*h) || h->kind >= MT_KINDS)
		return mt_reader_next_any(r, rec);
	size = mt_plain_size[h->kind];
	if (!size || size != h->size || size > left)
		return mt_reader_next_any(r, rec);
	r->offset = r->base + r->pos;
	r->pos += size;
	r->records++;
	*rec = h;
	return 1;
}

/*
 * After an access: how many more stand right behind it in the buffer.  They
 * count as read.
 */
size_t mt_reader_run(struct mt_reader *r);

/*
 * A record behind the others.  Nearly all records are passed on as they came,
 * many in a row: a run of them costs an addition each.
 */
static inline void mt_writer_put(struct mt_writer *w, const struct mt_hdr *rec)
{
	if ((const unsigned char *)rec != w->run_end || rec->kind == MT_KIND_begin ||
	    rec->kind == MT_KIND_end) {
		mt_writer_put_any(w, rec);
		return;
	}
	w->run_end += rec->size;
	w->records++;
}

/* n accesses, at least one, that stand behind each other. */
static inline void mt_writer_put_accesses(struct mt_writer *w, const struct mt_access *a, size_t n)
{
	mt_writer_put(w, &a->hdr);
	if (w->run) {			/* in the reader's buffer, and so are the others */
		w->run_end += (n - 1) * sizeof(*a);
		w->records += n - 1;
		return;
	}
	for (size_t i = 1; i < n; i++)
		mt_writer_put(w, &a[i].hdr);
}

#endif
