/* SPDX-License-Identifier: MIT */
/* The compact coding of a block's records; used by mt_log.c alone. */
#ifndef MT_LOG_PACK_H
#define MT_LOG_PACK_H

#include <libdeflate.h>

#include "mt_log.h"

/* An access as long as it has to be; anything else is for mt_frame to judge. */
static inline bool mt_is_access(const struct mt_hdr *rec)
{
	return rec->kind == MT_KIND_access && rec->size == sizeof(struct mt_access);
}

/* NULL when there is no memory. */
struct mt_packer *mt_packer_new(void);
void mt_packer_free(struct mt_packer *p);

/* The longest payload that mt_pack can make. */
size_t mt_packer_bound(void);

/*
 * A block: start, then whole records, at most MT_LOG_BLOCK + MT_RECORD_MAX
 * bytes of them in all, then end, which returns the payload's length.
 *
 * mt_pack_accesses takes the accesses of one cpu that come first, *a being one
 * and max as many as there may be room for, and returns how many they are.
 */
void mt_pack_start(struct mt_packer *p);
size_t mt_pack_accesses(struct mt_packer *p, const struct mt_access *a, size_t max);
void mt_pack_other(struct mt_packer *p, const struct mt_hdr *rec);
size_t mt_pack_end(struct mt_packer *p, void *payload);

struct mt_unpacker *mt_unpacker_new(void);
void mt_unpacker_free(struct mt_unpacker *u);

/*
 * A block's records: start, then some until b->raw_size bytes of them are there.
 * At each call as many whole records as fit into room bytes; a longest record
 * must.  All return NULL, or what is wrong.
 */
const char *mt_unpack_start(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
			    const struct mt_log_block *b, const void *payload);
const char *mt_unpack_some(struct mt_unpacker *u, void *records, size_t room, size_t *used);

/* As mt_log_decode_others. */
const char *mt_unpack_others(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
			     const struct mt_log_block *b, const void *payload, void *records,
			     size_t *used);

/* Is a begin or an end among the records unpacked so far? */
bool mt_unpack_framed(const struct mt_unpacker *u);

#endif
