/* SPDX-License-Identifier: MIT */
/*
 * Kernel modules are relocatable files: their sections have no address, and
 * their DWARF is full of holes for the linker.  We link one by itself, in
 * memory: sections side by side, symbols at addresses, holes filled; so all
 * other code sees what it knows, a shared object.
 */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "image.h"

#define FIRST_ADDRESS 0x1000u		/* so that 0 stays "none" */
#define ALIGN_MAX (1u << 20)
#define BYTES_MAX (1ull << 40)		/* of all sections in memory */

struct link {
	struct sym_image file;
	Elf64_Shdr *sections;		/* a copy: relocations of a hostile file may hit the original */
	size_t n;
};

static bool in_file(const struct link *l, const Elf64_Shdr *s)
{
	return s->sh_type == SHT_NOBITS ||
	       (s->sh_offset <= l->file.bytes && s->sh_size <= l->file.bytes - s->sh_offset);
}

static const char *read_sections(struct link *l)
{
	Elf64_Ehdr e;

	if (l->file.bytes < sizeof(e))
		return "damaged ELF file: its header is cut off";
	memcpy(&e, l->file.p, sizeof(e));
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.e_machine != EM_X86_64)
		return "not a relocatable file for x86-64";
	if (e.e_shentsize != sizeof(Elf64_Shdr) || e.e_shoff > l->file.bytes ||
	    e.e_shnum > (l->file.bytes - e.e_shoff) / sizeof(Elf64_Shdr))
		return "damaged ELF file: its section headers are cut off";
	l->n = e.e_shnum;
	l->sections = mt_xcalloc(l->n + 1, sizeof(*l->sections));
	memcpy(l->sections, l->file.p + e.e_shoff, l->n * sizeof(*l->sections));
	for (size_t i = 0; i < l->n; i++)
		if (!in_file(l, &l->sections[i]))
			return "damaged ELF file: a section lies beyond its end";
	return NULL;
}

/* Gives each section that is loaded an address. */
static const char *place_sections(struct link *l)
{
	uint64_t at = FIRST_ADDRESS;

	for (size_t i = 0; i < l->n; i++) {
		Elf64_Shdr *s = &l->sections[i];
		uint64_t align = s->sh_addralign ? s->sh_addralign : 1;

		s->sh_addr = 0;
		if (!(s->sh_flags & SHF_ALLOC))
			continue;
		if (align > ALIGN_MAX || align & (align - 1) || s->sh_size > BYTES_MAX - at)
			return "damaged ELF file: a section of absurd size or alignment";
		s->sh_addr = at = (at + align - 1) & ~(align - 1);
		at += s->sh_size;
	}
	return NULL;
}

/* Symbols count from the start of their section. */
static void place_symbols(struct link *l, const Elf64_Shdr *table)
{
	for (size_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
		unsigned char *at = l->file.p + table->sh_offset + i * sizeof(Elf64_Sym);
		Elf64_Sym s;

		memcpy(&s, at, sizeof(s));
		if (s.st_shndx >= l->n)
			continue;	/* undefined, absolute, common */
		s.st_value += l->sections[s.st_shndx].sh_addr;
		memcpy(at, &s, sizeof(s));
	}
}

/* Fills one hole: with the address, or the distance to it, in 8 or 4 bytes. */
static void relocate(unsigned char *at, uint64_t room, unsigned type, uint64_t value, uint64_t here)
{
	size_t bytes = 4;

	switch (type) {
	case R_X86_64_64:
		bytes = 8;
		break;
	case R_X86_64_PC64:
		bytes = 8;
		value -= here;
		break;
	case R_X86_64_32:
	case R_X86_64_32S:
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		value -= here;
		break;
	default:
		return;
	}
	if (room >= bytes)
		memcpy(at, &value, bytes);
}

static void apply(struct link *l, const Elf64_Shdr *table)
{
	const Elf64_Shdr *to, *symbols;

	if (table->sh_info >= l->n || table->sh_link >= l->n)
		return;
	to = &l->sections[table->sh_info];
	symbols = &l->sections[table->sh_link];
	if (to->sh_type == SHT_NOBITS || symbols->sh_type != SHT_SYMTAB)
		return;
	for (size_t i = 0; i < table->sh_size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela r;
		Elf64_Sym s;

		memcpy(&r, l->file.p + table->sh_offset + i * sizeof(r), sizeof(r));
		if (ELF64_R_SYM(r.r_info) >= symbols->sh_size / sizeof(s) || r.r_offset >= to->sh_size)
			continue;
		memcpy(&s, l->file.p + symbols->sh_offset + ELF64_R_SYM(r.r_info) * sizeof(s), sizeof(s));
		relocate(l->file.p + to->sh_offset + r.r_offset, to->sh_size - r.r_offset,
			 ELF64_R_TYPE(r.r_info), s.st_value + (uint64_t)r.r_addend,
			 to->sh_addr + r.r_offset);
	}
}

static const char *link_file(struct link *l)
{
	const char *why = read_sections(l);
	Elf64_Ehdr e;

	if (!why)
		why = place_sections(l);
	if (why)
		return why;
	memcpy(&e, l->file.p, sizeof(e));
	for (size_t i = 0; i < l->n; i++)
		if (l->sections[i].sh_type == SHT_SYMTAB)
			place_symbols(l, &l->sections[i]);
	for (size_t i = 0; i < l->n; i++) {
		if (l->sections[i].sh_flags & SHF_COMPRESSED)
			return "a module with compressed debug sections (not supported)";
		if (l->sections[i].sh_type == SHT_RELA)
			apply(l, &l->sections[i]);
	}
	e.e_type = ET_DYN;
	memcpy(l->file.p, &e, sizeof(e));
	memcpy(l->file.p + e.e_shoff, l->sections, l->n * sizeof(*l->sections));
	return NULL;
}

const char *sym_link_module(int fd, uint64_t bytes, struct sym_image *image)
{
	struct link l = { .n = 0 };
	const char *why = sym_read_all(fd, bytes, &l.file);

	if (!why)
		why = link_file(&l);
	free(l.sections);
	if (why)
		free(l.file.p);
	else
		*image = l.file;
	return why;
}
