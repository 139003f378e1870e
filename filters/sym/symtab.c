/* SPDX-License-Identifier: MIT */
/* Functions of the ELF symbol table: for assembly and for files without DWARF. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "spans.h"
#include "sym.h"

struct function {
	uint64_t start, end;		/* end == start: has no size */
	uint64_t section_end;
	const char *name;
	uint8_t rank;			/* of several names for one place the highest is told */
};

struct sym_symtab {
	struct function *v;
	size_t n, room;
	struct sym_spans spans;
};

/* Where each section that holds code ends; 0 for the others. */
static uint64_t *code_ends(Elf *elf, size_t *n)
{
	uint64_t *ends;
	Elf_Scn *scn = NULL;
	GElf_Shdr s;

	if (elf_getshdrnum(elf, n) < 0)
		*n = 0;
	ends = mt_xcalloc(*n + 1, sizeof(*ends));
	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &s) && s.sh_flags & SHF_EXECINSTR && elf_ndxscn(scn) < *n)
			ends[elf_ndxscn(scn)] = s.sh_addr + s.sh_size;
	return ends;
}

/* The linker's script sets such labels where a section begins, or another one ended. */
static bool is_border(const char *name)
{
	size_t len = strlen(name);

	return (len > 4 && !strcmp(name + len - 4, "_end")) ||
	       (len > 6 && !strcmp(name + len - 6, "_start"));
}

/*
 * A function rather than a label, what others can see rather than what they
 * cannot, and a plain name rather than one for an old version of the library.
 */
static uint8_t rank_of(const GElf_Sym *s, const char *name)
{
	static const uint8_t binds[] = { [STB_LOCAL] = 0, [STB_GLOBAL] = 2, [STB_WEAK] = 1 };
	unsigned bind = GELF_ST_BIND(s->st_info);

	return (uint8_t)((strchr(name, '@') ? 0 : 16) +
			 (GELF_ST_TYPE(s->st_info) == STT_NOTYPE ? is_border(name) ? 0 : 4 : 8) +
			 (bind < sizeof(binds) ? binds[bind] : 0));
}

static bool is_code(const GElf_Sym *s)
{
	unsigned type = GELF_ST_TYPE(s->st_info);

	return type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC;
}

static void add_symbols(struct sym_symtab *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n_ends;
	uint64_t *ends = code_ends(elf, &n_ends);
	GElf_Sym s;

	for (int i = 0; data && gelf_getsym(data, i, &s); i++) {
		const char *name;

		if (!is_code(&s) || s.st_shndx >= n_ends || !ends[s.st_shndx])
			continue;
		name = elf_strptr(elf, sh->sh_link, s.st_name);
		if (!name || !*name || s.st_value >= ends[s.st_shndx])
			continue;
		t->v = mt_xgrow(t->v, t->n, &t->room, sizeof(*t->v));
		t->v[t->n++] = (struct function){ s.st_value, s.st_value + s.st_size,
						  ends[s.st_shndx], name, rank_of(&s, name) };
	}
	free(ends);
}

static bool add_table(struct sym_symtab *t, Elf *elf, unsigned type)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &s) && s.sh_type == type)
			add_symbols(t, elf, scn, &s);
	return t->n;
}

static int by_start(const void *x, const void *y)
{
	const struct function *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return strcmp(b->name, a->name);
}

/*
 * A symbol without size (assembly) reaches to the next symbol.  Inside of a
 * function that has a size it is a label of that function, and not told.
 */
static void flatten(struct sym_symtab *t)
{
	uint64_t covered = 0;		/* by functions with a size, so far */

	for (size_t i = 0, next; i < t->n; i = next) {
		uint64_t end, unsized_until = covered;

		for (next = i; next < t->n && t->v[next].start == t->v[i].start; next++)
			if (t->v[next].end > covered)
				covered = t->v[next].end;
		for (size_t k = i; k < next; k++) {
			const struct function *f = &t->v[k];

			end = f->end;
			if (end == f->start && f->start >= unsized_until)
				end = next < t->n && t->v[next].start < f->section_end ?
					t->v[next].start : f->section_end;
			sym_spans_add(&t->spans, f->start, end, (uint32_t)k);
		}
	}
	sym_spans_build(&t->spans);
}

static struct sym_symtab *load(struct sym_module *m)
{
	struct sym_symtab *t = mt_xcalloc(1, sizeof(*t));

	if (!add_table(t, sym_symbols_elf(m), SHT_SYMTAB) && !add_table(t, m->elf, SHT_SYMTAB))
		add_table(t, m->elf, SHT_DYNSYM);
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_start);
	flatten(t);
	return t;
}

const char *sym_function(struct sym_module *m, uint64_t vaddr, uint64_t *base)
{
	uint32_t id;

	if (!m->symtab)
		m->symtab = load(m);
	id = sym_spans_find(&m->symtab->spans, vaddr);
	if (id == SYM_NO_SPAN)
		return NULL;
	*base = m->symtab->v[id].start;
	return m->symtab->v[id].name;
}
