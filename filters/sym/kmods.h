/* SPDX-License-Identifier: MIT */
/* Where the sections of kernel modules live, by the section records of a log. */
#ifndef SYM_KMODS_H
#define SYM_KMODS_H

#include "sym.h"

/* Takes a section record. */
void sym_kmods_note(struct sym_set *s, const struct mt_section *section);

/* Forgets all. */
void sym_kmods_release(struct sym_set *s);

/* The module's file (an operand) at addr; false: no section, or no such operand. */
bool sym_kmods_find(const struct sym_set *s, uint64_t addr, struct sym_place *place);

#endif
