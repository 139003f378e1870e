/* SPDX-License-Identifier: MIT */
/* The few facts of an ELF file that the tracer wants to know. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf-head.h"

#define SEGMENTS 128			/* more than any program has */
#define NOTES 65536			/* bytes of notes that are looked at */

static unsigned read_segments(int fd, Elf64_Ehdr *e, Elf64_Phdr p[SEGMENTS])
{
	ssize_t len = pread(fd, e, sizeof(*e), 0);

	if (len != (ssize_t)sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB ||
	    e->e_phentsize != sizeof(*p) || e->e_phnum > SEGMENTS || e->e_phoff > INT64_MAX)
		return 0;
	len = pread(fd, p, e->e_phnum * sizeof(*p), (off_t)e->e_phoff);
	return len > 0 ? (unsigned)((size_t)len / sizeof(*p)) : 0;
}

bool elf_read(int fd, struct elf_head *e)
{
	Elf64_Phdr p[SEGMENTS];
	Elf64_Ehdr h;
	unsigned n = read_segments(fd, &h, p);

	memset(e, 0, sizeof(*e));
	e->entry = h.e_entry;
	for (unsigned i = 0; i < n; i++) {
		if (p[i].p_type == PT_INTERP && p[i].p_filesz < sizeof(e->interpreter) &&
		    pread(fd, e->interpreter, p[i].p_filesz, (off_t)p[i].p_offset) < 0)
			e->interpreter[0] = 0;
		if (p[i].p_type != PT_LOAD || e->n_loads == ELF_LOADS)
			continue;
		e->loads[e->n_loads++] = (struct elf_load){
			.vaddr = p[i].p_vaddr, .offset = p[i].p_offset,
			.file_bytes = p[i].p_filesz,
		};
		if (p[i].p_vaddr + p[i].p_memsz > e->end)
			e->end = p[i].p_vaddr + p[i].p_memsz;
	}
	return n > 0;
}

static void to_hex(const unsigned char *bytes, size_t n, char *hex)
{
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
}

/* Looks for the build-id in len bytes of notes; true if it was there. */
static bool search_notes(const unsigned char *notes, size_t len, char hex[ELF_BUILD_ID])
{
	size_t at = 0;
	Elf64_Nhdr n;

	while (len - at >= sizeof(n)) {
		size_t name = at + sizeof(n), desc;

		memcpy(&n, notes + at, sizeof(n));
		desc = name + (((size_t)n.n_namesz + 3) & ~(size_t)3);
		at = desc + (((size_t)n.n_descsz + 3) & ~(size_t)3);
		if (at > len)
			return false;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && n.n_descsz <= (ELF_BUILD_ID - 1) / 2) {
			to_hex(notes + desc, n.n_descsz, hex);
			return true;
		}
	}
	return false;
}

void elf_build_id(int fd, char hex[ELF_BUILD_ID])
{
	Elf64_Phdr p[SEGMENTS];
	Elf64_Ehdr e;
	unsigned n = read_segments(fd, &e, p);
	unsigned char *notes = n ? malloc(NOTES) : NULL;
	bool found = false;

	hex[0] = 0;
	for (unsigned i = 0; notes && i < n && !found; i++) {
		size_t room = p[i].p_filesz < NOTES ? p[i].p_filesz : NOTES;
		ssize_t len = p[i].p_type == PT_NOTE && p[i].p_offset <= INT64_MAX ?
			      pread(fd, notes, room, (off_t)p[i].p_offset) : 0;

		found = len > 0 && search_notes(notes, (size_t)len, hex);
	}
	free(notes);
}
