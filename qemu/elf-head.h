/* SPDX-License-Identifier: MIT */
/*
 * The few facts of an ELF file that the tracer wants to know while a program
 * runs.  The file may be anything.
 */
#ifndef ELF_HEAD_H
#define ELF_HEAD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define ELF_BUILD_ID 132		/* bytes for up to 64 of them in hex, and a NUL */
#define ELF_LOADS 64

struct elf_load {
	uint64_t vaddr, offset, file_bytes;
};

struct elf_head {
	uint64_t entry;
	uint64_t end;			/* of the highest segment, in memory */
	unsigned n_loads;
	struct elf_load loads[ELF_LOADS];
	char interpreter[PATH_MAX];	/* "": none */
};

/* Reads the header of the 64-bit little-endian ELF file fd; false if it is none. */
bool elf_read(int fd, struct elf_head *e);

/* Its build-id in hex; "" if it has none, or is no ELF file. */
void elf_build_id(int fd, char hex[ELF_BUILD_ID]);

#endif
