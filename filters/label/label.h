/* SPDX-License-Identifier: MIT */
/*
 * What lies where: what mt-label knows while it reads.
 *
 *	label set	all objects of all processes, and their types
 *	object		what an access touches: heap block, variable, stack, ...;
 *			told by a label record, or mapped: a symbol or section of
 *			an ELF file, made when it is first asked for
 *	field		a place in a type; those that say the same are one
 *
 * An answer holds as long as label_stamp() of its page stays the same.
 */
#ifndef MT_LABEL_H
#define MT_LABEL_H

#include "../libmt/mt.h"
#include "../libmt/mt_objects.h"
#include "../sym/ranges.h"
#include "../sym/types.h"

struct object {
	struct mt_extent extent;	/* first, because the map hands it back */
	struct sym_type *type;
	uint32_t id;			/* 0: not defined yet; the caller's */
	uint16_t storage;
	bool typed;			/* type was looked for */
	bool repeats;			/* many of type side by side */
	uint32_t owner;
	uint64_t pc;
	const char *name, *ctype;	/* interned */
};

#define LABEL_EPOCH_BITS 14

struct label_set {
	struct sym_set sym;
	struct mt_cpus cpus;
	struct mt_objects labels;
	struct mapped *mapped;		/* uthash, by place and process */
	struct sym_ranges segments;	/* of per-cpu data -> struct segment */
	uint64_t unit;			/* bytes from one cpu's per-cpu data to the next; 0: not known */
	struct string *strings;		/* uthash */
	struct named *named_types;	/* uthash, by name */
	uint64_t epoch;
	uint32_t epochs[1 << LABEL_EPOCH_BITS];
	uint64_t unknown_frees, overlaps, empty;	/* labels that do not fit */
};

/* A stream begins; it has its own objects.  Zero-initialise the set before the first. */
void label_begin(struct label_set *s);
void label_note(struct label_set *s, const struct mt_hdr *rec);
void label_note_segment(struct label_set *s, const struct mt_segment *rec);

/* The innermost object at addr with its type, or NULL. */
struct object *label_object_at(struct label_set *s, uint32_t process, uint64_t addr);

/* Where in its type an object has addr. */
uint64_t label_offset(const struct object *o, uint64_t addr);

const char *label_intern(struct label_set *s, const char *text);

/*
 * What a lock at addr is called: "struct dentry.d_lockref.lock"; a lock that is
 * a variable is called like it; kind where nothing is known.  kind is interned.
 */
const char *label_lock_class(struct label_set *s, uint32_t process, uint64_t addr,
			     const char *kind);

static inline uint64_t label_mix(uint32_t process, uint64_t n)
{
	return (n ^ (uint64_t)process << 40) * 0x9e3779b97f4a7c15ull;
}

/*
 * Counts the changes in a page; shared by hash, for a collision costs no more
 * than a look-up.  What changes many pages counts in epoch.
 */
static inline uint32_t *label_page(struct label_set *s, uint32_t process, uint64_t page)
{
	return &s->epochs[label_mix(process, page) >> (64 - LABEL_EPOCH_BITS)];
}

static inline uint64_t label_stamp(struct label_set *s, uint32_t process, uint64_t addr)
{
	return s->epoch + *label_page(s, process, addr >> 12);
}

/* ---- shared by the files here ------------------------------------------- */

void label_find_type(struct label_set *s, struct object *o);

static inline bool label_is_kernel(const struct object *o)
{
	return o->extent.addr >> 63;
}

#endif
