/* SPDX-License-Identifier: MIT */
/*
 * The line table of a unit, .debug_line of DWARF 2 to 5.  libdw reads it with
 * an allocation for each row, which took half of the time of a cold start.
 */
#ifndef SYM_LINETABLE_H
#define SYM_LINETABLE_H

#include "sym.h"

struct sym_row { uint64_t addr; uint32_t line, file; };	/* file: as the table numbers them */

/* Rows of one stretch of code, in ascending order; the last row only ends it. */
struct sym_sequence { uint64_t start, end; size_t first, n; };

struct sym_line_table {
	struct sym_row *rows;
	struct sym_sequence *sequences;	/* by start */
	size_t n_rows, n_sequences, room_rows, room_sequences;
	const char **dirs;
	struct sym_line_file { const char *name, *path; uint64_t dir; } *files;
	size_t n_dirs, n_files, room_dirs, room_files;
	const char *comp_dir;		/* or NULL */
};

/* Reads the line table at offset; always returns one, *damaged says if it is whole. */
struct sym_line_table *sym_line_table(Dwarf *dwarf, Dwarf_Die *unit, uint64_t offset,
				      bool *damaged);

/* The row that holds vaddr; NULL: none. */
const struct sym_row *sym_line_row(const struct sym_line_table *t, uint64_t vaddr);

/* Path of a file of the table; "" when there is no such. */
const char *sym_line_path(struct sym_line_table *t, uint64_t file);

#endif
