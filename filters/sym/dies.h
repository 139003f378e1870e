/* SPDX-License-Identifier: MIT */
/*
 * One pass over the DIEs of a unit in search of code.  libdw looks up the
 * attributes of each DIE anew and steps over a subtree by walking it; a single
 * pass over the bytes with the forms known is ten times faster, and cannot be
 * sent in circles.
 */
#ifndef SYM_DIES_H
#define SYM_DIES_H

#include "sym.h"

#define SYM_NO_PARENT UINT32_MAX

/* A DIE of a function, or of a call that was inlined. */
struct sym_code {
	Dwarf_Off offset;
	int tag;			/* DW_TAG_subprogram or DW_TAG_inlined_subroutine */
	uint32_t parent;		/* what the callback returned for the nearest one around it */
	bool simple;			/* one range: start to end - 1; else ask dwarf_ranges() */
	bool has_code;			/* has any attribute that gives it addresses */
	uint64_t start, end;
	uint64_t ranges;		/* offset of a list of ranges; UINT64_MAX: none */
	uint16_t version;		/* of DWARF, in this unit */
	uint8_t address_bytes;
};

typedef uint32_t sym_code_found(void *arg, const struct sym_code *code);

/* Calls found for each such DIE in a unit, outer ones first.  False: damaged. */
bool sym_walk_code(Dwarf *dwarf, Dwarf_Die *unit, sym_code_found *found, void *arg);

/* Takes one range; false: enough. */
typedef bool sym_range_found(void *arg, uint64_t start, uint64_t end);

/*
 * Reads code->ranges in section (.debug_rnglists of DWARF 5, else .debug_ranges),
 * relative to base.  False: damaged, or a list that only dwarf_ranges() can read.
 */
bool sym_range_list(const Elf_Data *section, const struct sym_code *code, uint64_t base,
		    sym_range_found *found, void *arg);

/* A section of the file with the DWARF, by name, decompressed; NULL: none. */
const Elf_Data *sym_dwarf_section(Dwarf *dwarf, const char *name);

#endif
