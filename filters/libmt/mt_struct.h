/* SPDX-License-Identifier: MIT */
/*
 * Record structs, kinds and named values, made from mt_records.def.  Needs
 * nothing but fixed-width integers, so that the tracer, a guest kernel and
 * guest programs (C and C++) can use it too.
 */
#ifndef MT_STRUCT_H
#define MT_STRUCT_H

#ifndef __KERNEL__
#include <stdint.h>
#endif

/* kind[2] size[2] cpu[4] time[8]; size counts the whole record, multiple of 8 */
struct mt_hdr {
	uint16_t kind;
	uint16_t size;
	uint32_t cpu;			/* virtual cpu; in user mode: thread, from 0 */
	uint64_t time;			/* guest instructions executed by that cpu */
};

enum mt_kind {
#define MT_RECORD(rec, kind, class, doc) MT_KIND_##rec = kind,
#include "mt_records.def"
};

/* MT_access_flag_store, MT_mode_all, ... */
enum {
#define MT_VALUE(values, name, number, doc) MT_##values##_##name = number,
#include "mt_records.def"
};

/* struct mt_access, ...: the part before the strings */
#define MT_RECORD(rec, kind, class, doc) struct mt_##rec { struct mt_hdr hdr;
#define MT_FIELD(rec, type, name, show, unit, doc) type name;
#define MT_ENUM(rec, type, name, values, doc) type name;
#define MT_FLAGS(rec, type, name, values, doc) type name;
#define MT_END(rec) };
#include "mt_records.def"

#endif
