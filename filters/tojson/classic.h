/* SPDX-License-Identifier: MIT */
/*
 * The JSON documents of the original's mscan, with its keys, from the rows of
 * our analyses: {"testcases": [...]}.  A document takes the rows of one
 * analysis, or accesses; classic.c has the table.
 */
#ifndef TOJSON_CLASSIC_H
#define TOJSON_CLASSIC_H

#include "../libmt/cli.h"
#include "../libmt/mt_entries.h"
#include "../libmt/mt_names.h"

/* The document of that name; false when there is none. */
bool classic_choose(const char *name);

/* The names of all, for a message. */
const char *classic_names(void);

/* Writes it: records in their order, then the end, also of a stream that was cut. */
void classic_begin(struct mt_out *out);
void classic_take(const struct mt_hdr *rec);
void classic_end(void);

/* ---- shared by the documents ---------------------------------------------- */

extern struct mt_out *js;
extern struct mt_names classic_defs;
extern struct mt_entries classic_entries;

/* ", " but before the first item; "key": */
void js_item(void);
void js_items_begin(char bracket);	/* they may stand in each other */
void js_items_end(char bracket);
void js_key(const char *key);		/* an item, too */
void js_string(const char *key, const char *text);
void js_number(const char *key, uint64_t n);
void js_hex(const char *key, uint64_t n);
void js_code(const char *key, uint32_t process, uint64_t pc);	/* "FUNC at FILE:LINE" */
void js_function(uint32_t process, uint64_t pc, unsigned cause, uint32_t number);

/* One side of an access to memory. */
struct js_side {
	uint64_t pc;
	uint32_t process, object, field, stack;
};

/* The original's "physical access": an item; b is NULL where there is one side. */
void js_physical(uint64_t addr, uint64_t bytes, const struct js_side *a, const struct js_side *b,
		 const char *type);
void js_address(const char *key, uint64_t addr, const struct js_side *s);

/* classic-uses.c: documents from rows of mt-shared --by use, which are collected. */
void uses_take(const struct mt_hdr *rec);
void false_sharing_end(void);
void shared_addresses_end(void);
void shared_cachelines_end(void);

/* classic-sets.c: from rows of mt-sets --misses, collected likewise */
void cachesim_take(const struct mt_hdr *rec);
void cachesim_end(void);

/* classic-groups.c: objects whose members are collected by name */
void groups_end(void);
void checkgc_take(const struct mt_hdr *rec);
void syscall_accesses_take(const struct mt_hdr *rec);
void syscall_pcs_take(const struct mt_hdr *rec);

#endif
