/* SPDX-License-Identifier: MIT */
/*
 * Objects by their definitions: which one is at an address, and what it is
 * called.  An address that is used again has another object.
 */
#ifndef MT_LOCKS_DEFINED_H
#define MT_LOCKS_DEFINED_H

#include "../libmt/mt.h"
#include "../libmt/mt_intern.h"
#include "../libmt/mt_objects.h"

/* Zero-initialise it. */
struct defined {
	struct mt_objects map;
	struct mt_table names;		/* id -> number of its type's or its own name, + 1 */
	bool ready;
};

/* Takes any record: a begin forgets all. */
void defined_note(struct defined *d, const struct mt_hdr *rec, struct mt_intern *names);

/* The id of the innermost object there; 0: none. */
uint32_t defined_at(const struct defined *d, uint32_t process, uint64_t addr);

/* The number of its name; 0 where it is not known. */
uint32_t defined_name(const struct defined *d, uint32_t id);

#endif
