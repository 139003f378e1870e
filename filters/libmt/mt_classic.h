/* SPDX-License-Identifier: MIT */
/*
 * Entries of the original mtrace, as a guest hands them over (hypercall 1) and
 * as they stand in its logs, and the records of ours that they become.
 */
#ifndef MT_CLASSIC_H
#define MT_CLASSIC_H

#include "mt.h"

#define MT_CLASSIC_MAX 124		/* bytes of the longest entry */

enum mt_classic_type {
	MT_CLASSIC_LABEL = 1, MT_CLASSIC_ACCESS, MT_CLASSIC_HOST, MT_CLASSIC_FCALL,
	MT_CLASSIC_SEGMENT, MT_CLASSIC_CALL, MT_CLASSIC_LOCK, MT_CLASSIC_TASK,
	MT_CLASSIC_SCHED, MT_CLASSIC_MACHINE, MT_CLASSIC_APPDATA, MT_CLASSIC_ASCOPE,
	MT_CLASSIC_AVAR, MT_CLASSIC_GC, MT_CLASSIC_GCEPOCH,
};

/* Each entry begins with it. */
struct mt_classic_hdr {
	uint32_t type;			/* enum mt_classic_type */
	uint16_t size;			/* of the whole entry */
	uint16_t cpu;
	uint64_t accesses;		/* judged so far, all cpus */
	uint64_t time;			/* instructions of that cpu; accesses: 0, calls: garbage */
} __attribute__((packed));

/* What the tracer was told by a host entry. */
enum {
	MT_CLASSIC_SET_MODE = 1,
	MT_CLASSIC_CALLS_OFF, MT_CLASSIC_CALLS_ON,	/* of cpu; UINT64_MAX: the caller's */
	MT_CLASSIC_COUNT_OFF, MT_CLASSIC_COUNT_ON,	/* of the caller's cpu */
};
struct mt_classic_host { uint32_t what; uint64_t cpu; };

/* What must be known of earlier entries.  Zero-initialise it. */
struct mt_classic {
	struct mt_table processes;	/* of threads: a thread that runs does not say its own */
};

/* Bytes of an entry of that type; 0: there is no such type. */
size_t mt_classic_size(uint32_t type);

/*
 * Makes the record of ours that says what the entry says, in out, which holds
 * MT_RECORD_MAX bytes.  Returns its size; 0 for an entry with no record of its
 * own (host entries but for the mode; machine, which is a matter of begin); -1
 * for a malformed one, with the reason in *error (static text).
 */
MT_MUST_CHECK int mt_classic_record(struct mt_classic *c, const void *entry, size_t len,
				    void *out, const char **error);

/*
 * What a machine entry says of the tracer's options, as the begin record of a
 * stream; of a log without one: entry NULL.  Otherwise as mt_classic_record.
 */
MT_MUST_CHECK int mt_classic_begin(const void *entry, size_t len, void *out, const char **error);

/*
 * What an entry that makes sense says beyond its record: true, and *out, when
 * there is any of it.  Then it goes before the record.
 */
MT_MUST_CHECK bool mt_classic_rest(const void *entry, struct mt_origin *out);

/* The same check; false, and *error, unless it is a host entry that makes sense. */
MT_MUST_CHECK bool mt_classic_host(const void *entry, size_t len, struct mt_classic_host *host,
				   const char **error);

void mt_classic_release(struct mt_classic *c);

#endif
