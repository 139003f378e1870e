/* SPDX-License-Identifier: MIT */
/*
 * Symbols: which ELF file is mapped at an address of a process, and what its
 * symbol table and DWARF say about it.
 *
 * Addresses come in two sorts.  addr is where the traced system saw a byte;
 * vaddr is where the linker put it: what ELF and DWARF talk about.
 *
 * ELF files are not trusted, nor are the paths in a log: only regular files are
 * opened.  These functions need no further checks by the caller; memory is
 * bounded by the size of the files.  Everything that is returned lives as long
 * as the set.  Unlike libmt they warn, and die of missing memory.
 */
#ifndef SYM_H
#define SYM_H

#include <elfutils/libdw.h>
#include <gelf.h>

#include "../libmt/mt.h"
#include "ranges.h"

/* A loaded segment (PT_LOAD). */
struct sym_segment { uint64_t vaddr, offset, file_bytes, bytes; };

#define SYM_BUILD_ID_MAX 64		/* bytes; real ones have 16 or 20 */

struct sym_symtab;
struct sym_lines;

/* One ELF file that can be mapped. */
struct sym_module {
	const char *path;		/* as opened */
	Elf *elf;
	Dwarf *dwarf;			/* use sym_dwarf() */
	struct sym_segment *segments;
	size_t n_segments;
	uint64_t bytes;			/* of the file */
	char build_id[2 * SYM_BUILD_ID_MAX + 1];	/* hex; "" when it has none */
	uint16_t elf_type;		/* ET_EXEC, ET_DYN */
	bool kernel;			/* linked to kernel addresses: vmlinux, or a list of its symbols */
	bool relocatable;		/* a kernel module: stands where section records say */
	bool operand;			/* named by the user: damage is an error */
	bool debug_only;		/* has no code: the debug file of another one */
	bool debug_tried, dwarf_tried, damaged;
	struct sym_module *debug;	/* the separate file with its DWARF and symbols, or NULL */
	struct sym_set *set;
	struct sym_symtab *symtab;	/* symtab.c's */
	struct sym_lines *lines;	/* lines.c's */
	void *types, *statics, *sites, *percpu;	/* for the files of these names */
	struct sym_module *next;
};

/* A file that map records name. */
struct sym_file;

/* The address space of one process. */
struct sym_space;

struct sym_set {
	struct sym_module *operands;	/* in the order given */
	struct sym_module *opened;	/* all others: mapped files, debug files */
	struct sym_file *files;		/* uthash, by path and build-id */
	struct sym_kmod *kmods;		/* uthash, by name: kmods.c's */
	struct sym_ranges sections;	/* of kernel modules, likewise */
	const char *root;		/* what stands for the guest's /; or NULL */
	int root_fd;
	bool guest;			/* the log is of a whole guest: its paths are not ours */
	struct sym_space **spaces;
	size_t n_spaces, room_spaces;
	struct mt_table space_of;	/* process -> index into spaces, + 1 */
	const char **debug_dirs;
	size_t n_debug_dirs, room_debug_dirs;
	uint64_t changes;		/* counts map records and streams: caches compare it */
	uint64_t missing;		/* mapped files that could not be opened */
	const char *first_missing;
	int status;			/* MT_FAIL once an operand turned out to be damaged */
};

/* Where an address lies in an ELF file. */
struct sym_place {
	struct sym_module *module;
	uint64_t vaddr;
	uint64_t bias;			/* addr - vaddr */
};

/* Zero-initialise the set, then name directories and files, then look up. */

/* DIR/.build-id/xx/yyy.debug is looked for before /usr/lib/debug. */
void sym_debug_dir(struct sym_set *s, const char *dir);

/*
 * Mapped files are opened below dir, and debug files of it are used; links in
 * it never lead out of it.  Dies with status 1 when it is no directory.
 */
void sym_root(struct sym_set *s, const char *dir);

/*
 * An operand: vmlinux, a program, a shared object, a separate debug file, a
 * kernel module or a list of symbols as nm and /proc/kallsyms write it.  Dies
 * with status 1 when it cannot be opened, is none of these or is cut.
 */
void sym_add_file(struct sym_set *s, const char *path);

/*
 * Takes any record and learns from map and section records; begin forgets all
 * mappings.  True when what is mapped has changed.
 */
bool sym_note(struct sym_set *s, const struct mt_hdr *rec);

/*
 * What is mapped at addr of a process, or not: then false.  Includes bytes that
 * belong to a segment beyond its end in the file (.bss).  An operand that no
 * map record speaks of stands at its link-time address: vmlinux, and position-
 * independent files while nothing is known about the process.
 */
bool sym_find(struct sym_set *s, uint32_t process, uint64_t addr, struct sym_place *place);

/*
 * The path of the file that a map record put at addr, whether it can be opened
 * or not, and the range that is left of that mapping; NULL: there is none.
 */
const char *sym_mapping(const struct sym_set *s, uint32_t process, uint64_t addr,
			uint64_t *first, uint64_t *last);

/* The same for a section of a kernel module: "ext4 .bss". */
const char *sym_kernel_section(const struct sym_set *s, uint64_t addr, uint64_t *first,
			       uint64_t *last);

/*
 * What is at addr in a cpu's copy of the per-cpu data that begins at start: a
 * place in vmlinux or in a kernel module; false: nothing that is known.
 */
bool sym_percpu(struct sym_set *s, uint64_t start, uint64_t addr, struct sym_place *place);

/*
 * DWARF of the module, from itself or its debug file; NULL when there is none.
 * Opened at the first call.
 */
Dwarf *sym_dwarf(struct sym_module *m);

/* The ELF file with the symbol table: the debug file, or the module itself. */
Elf *sym_symbols_elf(struct sym_module *m);

/*
 * Opens a regular ELF file and reads its segments; NULL with a reason in *why:
 * NULL there if it does not exist or is no ELF file.  For debugfile.c.
 */
struct sym_module *sym_open(struct sym_set *s, const char *path, const char **why);

/* Last part of a path. */
const char *sym_basename(const char *path);

/* The file turned out to be damaged: says so once; of operands it is an error. */
void sym_damaged(struct sym_module *m, const char *what);

/* At the end: one line about mapped files that could not be opened. */
void sym_report_missing(const struct sym_set *s);

/* ---- code -------------------------------------------------------------- */

struct sym_frame {
	const char *function;		/* linkage name where there is one; "": not known */
	const char *file;		/* "": not known */
	uint32_t line;			/* 0: not known */
};

#define SYM_FRAMES_MAX 256

/*
 * The source of the code at vaddr: frames[0] is the innermost inlined function,
 * the last one is the function proper.  Returns their number, at least 1 (its
 * strings may be empty), at most SYM_FRAMES_MAX; with inlines false 1: the
 * innermost function.  *base is the vaddr of the symbol, 0 when not known.
 */
unsigned sym_frames(struct sym_module *m, uint64_t vaddr, bool inlines, struct sym_frame *frames,
		    uint64_t *base);

/* The function symbol that holds vaddr: its name and *base; NULL: none. */
const char *sym_function(struct sym_module *m, uint64_t vaddr, uint64_t *base);

/*
 * The DIEs of the functions at vaddr: the innermost inlined call first, the
 * function proper last.  Returns how many were put into dies, 0 without DWARF.
 */
unsigned sym_function_dies(struct sym_module *m, uint64_t vaddr, Dwarf_Die *dies, unsigned room);

/* C++ names as in the source; any other name as it is.  Valid until the next call. */
const char *sym_demangle(const char *name);

#endif
