/* SPDX-License-Identifier: MIT */
/*
 * Lists of symbols, as text: nm, nm -S, /proc/kallsyms.  Kernels without DWARF
 * have nothing else.  A list becomes an ELF file in memory with just a symbol
 * table, which then is read like any other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../libmt/cli.h"
#include "image.h"

#define TEXT_MAX (1ull << 30)		/* bytes of a list; a kernel's has ten million */
#define VARIABLE_MAX (1ull << 24)	/* a variable without a size ends at the next symbol, or here */

struct line { uint64_t addr, bytes; char letter; const char *name; size_t len; };

struct list {
	struct line *v;
	size_t n, room;
	size_t names;			/* bytes, with a NUL each */
};

const char *sym_read_all(int fd, uint64_t bytes, struct sym_image *image)
{
	unsigned char *p = mt_xmalloc((size_t)bytes + 1);
	uint64_t got = 0;

	while (got < bytes) {
		ssize_t n = pread(fd, p + got, (size_t)(bytes - got), (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(p);
			return n < 0 ? strerror(errno) : "became shorter while it was read";
		}
		got += (uint64_t)n;
	}
	p[bytes] = 0;
	*image = (struct sym_image){ p, bytes };
	return NULL;
}

/* ---- reading ----------------------------------------------------------- */

static bool hex(const char **p, uint64_t *value)
{
	char *end;

	if (!strchr("0123456789abcdefABCDEF", **p) || !**p)
		return false;
	*value = strtoull(*p, &end, 16);
	if (end - *p < 8 || *end != ' ')
		return false;
	*p = end + 1;
	return true;
}

/* "ffffffff81000000 [0000000000000008 ]T name[\t[module]]"; "   U name" is none, but no error. */
static bool read_line(struct list *l, const char *p)
{
	struct line line = { .bytes = 0 };

	if (*p == ' ' || !*p)
		return true;
	if (!hex(&p, &line.addr))
		return false;
	if (p[0] && p[1] != ' ' && !hex(&p, &line.bytes))
		return false;
	if (!p[0] || p[1] != ' ' || !p[2])
		return false;
	line.letter = *p;
	line.name = p + 2;
	line.len = strcspn(line.name, "\t");
	if (!line.addr && line.letter != 'D' && line.letter != 'd' && line.letter != 'A')
		return true;
	l->v = mt_xgrow(l->v, l->n, &l->room, sizeof(*l->v));
	l->v[l->n++] = line;
	l->names += line.len + 1;
	return true;
}

static bool read_lines(struct list *l, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		if (!read_line(l, line))
			return false;
	return true;
}

static int by_addr(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* ---- writing ----------------------------------------------------------- */

enum { SECTION_ALL = 1, SECTION_SYMTAB, SECTION_STRTAB, SECTION_NAMES, SECTIONS };

static const char section_names[] = "\0kernel\0.symtab\0.strtab\0.shstrtab";

struct layout { Elf64_Ehdr ehdr; Elf64_Phdr load; Elf64_Shdr sections[SECTIONS]; };

/* What nm's letter says; STT_NOTYPE: of no use. */
static unsigned char type_of(const struct line *l)
{
	if (strchr("TtWwi", l->letter))
		return STT_FUNC;
	if (strchr("DdBbRrVvGgSsu", l->letter))
		return STT_OBJECT;
	/* kallsyms tells of per-cpu variables that way */
	return (l->letter == 'A' || l->letter == 'a') && !(l->addr >> 63) ? STT_OBJECT : STT_NOTYPE;
}

static uint64_t bytes_of(const struct list *l, size_t i)
{
	uint64_t gap = VARIABLE_MAX;
	size_t next = i + 1;

	if (l->v[i].bytes || type_of(&l->v[i]) != STT_OBJECT)
		return l->v[i].bytes;
	while (next < l->n && l->v[next].addr == l->v[i].addr)
		next++;
	if (next < l->n && l->v[next].addr - l->v[i].addr < gap)
		gap = l->v[next].addr - l->v[i].addr;
	return next < l->n ? gap : 0;
}

/* Lower case letters are local symbols. */
static unsigned char info_of(const struct line *l)
{
	unsigned char bind = l->letter >= 'a' && l->letter != 'u' ? STB_LOCAL : STB_GLOBAL;

	return (unsigned char)(bind << 4 | type_of(l));
}

static void put_symbols(const struct list *l, unsigned char *symtab, char *strtab)
{
	size_t at = 1;

	for (size_t i = 0; i < l->n; i++) {
		const struct line *line = &l->v[i];
		Elf64_Sym s = {
			.st_name = (Elf64_Word)at, .st_info = info_of(line), .st_shndx = SECTION_ALL,
			.st_value = line->addr, .st_size = bytes_of(l, i),
		};

		memcpy(symtab + (i + 1) * sizeof(s), &s, sizeof(s));
		memcpy(strtab + at, line->name, line->len);
		at += line->len + 1;
	}
}

/* From the first symbol that is not per-cpu to the last one, with a page for its bytes. */
static void extent(const struct list *l, uint64_t *first, uint64_t *last)
{
	size_t i = 0;

	if (l->v[l->n - 1].addr >> 63)
		while (!(l->v[i].addr >> 63))
			i++;
	*first = l->v[i].addr;
	*last = l->v[l->n - 1].addr | 4095;
}

static void put_headers(const struct list *l, struct layout *h)
{
	uint64_t first, last;
	size_t at = sizeof(*h) + sizeof(section_names);

	extent(l, &first, &last);
	h->ehdr = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = offsetof(struct layout, load), .e_shoff = offsetof(struct layout, sections),
		.e_ehsize = sizeof(h->ehdr), .e_phentsize = sizeof(h->load), .e_phnum = 1,
		.e_shentsize = sizeof(h->sections[0]), .e_shnum = SECTIONS, .e_shstrndx = SECTION_NAMES,
	};
	h->load = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X,
		.p_vaddr = first, .p_memsz = last - first + 1 };
	h->sections[SECTION_ALL] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_NOBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = first, .sh_size = last - first + 1 };
	h->sections[SECTION_NAMES] = (Elf64_Shdr){ .sh_name = 24, .sh_type = SHT_STRTAB,
		.sh_offset = sizeof(*h), .sh_size = sizeof(section_names) };
	at = (at + 7) & ~(size_t)7;
	h->sections[SECTION_SYMTAB] = (Elf64_Shdr){ .sh_name = 8, .sh_type = SHT_SYMTAB,
		.sh_offset = at, .sh_size = (l->n + 1) * sizeof(Elf64_Sym), .sh_link = SECTION_STRTAB,
		.sh_entsize = sizeof(Elf64_Sym), .sh_addralign = 8 };
	at += (l->n + 1) * sizeof(Elf64_Sym);
	h->sections[SECTION_STRTAB] = (Elf64_Shdr){ .sh_name = 16, .sh_type = SHT_STRTAB,
		.sh_offset = at, .sh_size = l->names + 1 };
}

static struct sym_image make_image(const struct list *l)
{
	struct layout h = { .load = { 0 } };
	struct sym_image image;

	put_headers(l, &h);
	image.bytes = h.sections[SECTION_STRTAB].sh_offset + l->names + 1;
	image.p = mt_xcalloc(1, (size_t)image.bytes);
	memcpy(image.p, &h, sizeof(h));
	memcpy(image.p + sizeof(h), section_names, sizeof(section_names));
	put_symbols(l, image.p + h.sections[SECTION_SYMTAB].sh_offset,
		    (char *)image.p + h.sections[SECTION_STRTAB].sh_offset);
	return image;
}

const char *sym_image_of_text(int fd, uint64_t bytes, struct sym_image *image)
{
	struct list l = { .n = 0 };
	struct sym_image text;
	const char *why = bytes > TEXT_MAX ? "too long for a list of symbols" :
			  sym_read_all(fd, bytes, &text);

	if (why)
		return why;
	if (memchr(text.p, 0, (size_t)bytes) || !read_lines(&l, (char *)text.p)) {
		why = "neither an ELF file nor a list of symbols (nm, kallsyms)";
	} else if (!l.n) {
		why = "a list without any symbol that has an address";
	} else {
		qsort(l.v, l.n, sizeof(*l.v), by_addr);
		*image = make_image(&l);
	}
	free(l.v);
	free(text.p);
	return why;
}
