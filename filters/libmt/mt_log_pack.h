/* SPDX-License-Identifier: MIT */
/* The compact coding of a block's records; used by mt_log.c alone. */
#ifndef MT_LOG_PACK_H
#define MT_LOG_PACK_H

#include <libdeflate.h>

#include "mt_log.h"

/* NULL when there is no memory. */
struct mt_packer *mt_packer_new(void);
void mt_packer_free(struct mt_packer *p);

/* The longest payload that mt_pack can make. */
size_t mt_packer_bound(void);

/* Whole records, at most MT_LOG_BLOCK + MT_RECORD_MAX bytes: the payload's length. */
size_t mt_pack(struct mt_packer *p, const void *records, size_t len, void *payload);

struct mt_unpacker *mt_unpacker_new(void);
void mt_unpacker_free(struct mt_unpacker *u);

/* As mt_log_decode: NULL, or what is wrong. */
const char *mt_unpack(struct mt_unpacker *u, struct libdeflate_decompressor *inflate,
		      const struct mt_log_block *b, const void *payload, void *records);

#endif
