/* SPDX-License-Identifier: MIT */
/* Going through the DIEs of DWARF that may be damaged: always ends. */
#ifndef SYM_WALK_H
#define SYM_WALK_H

#include "sym.h"

/* The first child of die; false: it has none. */
bool sym_first_child(Dwarf_Die *die, Dwarf_Die *child);

/* From die to the next one beside it; false: that was the last. */
bool sym_next_sibling(Dwarf_Die *die);

/* An attribute that is an unsigned number, here or at the DIE's declaration. */
bool sym_number(Dwarf_Die *die, unsigned name, uint64_t *value);

/* The DIE that an attribute refers to. */
bool sym_follow(Dwarf_Die *die, unsigned name, Dwarf_Die *to);

/* The DIE's unit is C++ (or another language with scopes around types). */
bool sym_has_scopes(Dwarf_Die *die);

struct sym_walk {
	/* scope: "ns::class", or "" */
	void (*visit)(struct sym_walk *w, Dwarf_Die *die, int tag, const char *scope);
	struct sym_module *module;
	bool functions;			/* what lies in functions, too */
	void *arg;
};

/* Visits what lies at the top of each unit, and in namespaces and classes. */
void sym_walk(struct sym_walk *w);

#endif
