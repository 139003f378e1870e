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

#define FRAMES 1024		/* a bound where the parents of a stack are a circle */

/* ", " but before the first item; "key": */
void js_item(void);
bool js_has_items(void);
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
const struct mt_object *js_object(uint32_t id);	/* NULL also where the original had no label */
void js_address(const char *key, uint64_t addr, const struct js_side *s);

/* Text that is made before it is written: emptied, written as a string. */
struct mt_out *js_scratch(void);
void js_put_scratch(const struct mt_out *text);

/* classic-rows.c: an item for each row, or for rows that stand together */
void distinct_take(const struct mt_hdr *rec);
void per_op_take(const struct mt_hdr *rec);
void sections_take(const struct mt_hdr *rec);
void testcases_take(const struct mt_hdr *rec);
void unexpected_take(const struct mt_hdr *rec);
void close_item(void);
void scopes_take(const struct mt_hdr *rec);
void scopes_end(void);
void scope_summary_take(const struct mt_hdr *rec);

/* classic-events.c */
void summary_take(const struct mt_hdr *rec);
void summary_end(void);
void accesses_take(const struct mt_hdr *rec);
void fcalls_take(const struct mt_hdr *rec);
void call_stacks_take(const struct mt_hdr *rec);

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
