/* SPDX-License-Identifier: MIT */
/*
 * Variables with static storage: their place and extent from the symbol table,
 * their type from DWARF; and the sections that they stand in.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "spans.h"
#include "types.h"
#include "walk.h"

struct symbol {
	uint64_t start, bytes;
	const char *name;
	uint8_t rank;			/* of several names for one place the highest is told */
	bool typed;			/* DWARF was asked */
	struct sym_type *type;
};

/* sym_module.statics */
struct statics {
	struct symbol *v;
	size_t n, room;
	struct sym_spans spans;
	struct mt_table places;		/* vaddr -> index into found, + 1 */
	struct found { Dwarf_Die die; const char *scope; } *found;
	size_t n_found, room_found;
	bool walked, walked_functions;
};

/* ---- the symbol table --------------------------------------------------- */

static uint8_t rank_of(const GElf_Sym *s)
{
	switch (GELF_ST_BIND(s->st_info)) {
	case STB_LOCAL: return 0;
	case STB_WEAK: return 1;
	default: return 2;
	}
}

static void add_symbols(struct statics *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Sym s;

	for (int i = 0; data && gelf_getsym(data, i, &s); i++) {
		unsigned type = GELF_ST_TYPE(s.st_info);
		const char *name;

		if ((type != STT_OBJECT && type != STT_COMMON) || !s.st_size ||
		    s.st_shndx == SHN_UNDEF || s.st_size > UINT64_MAX - s.st_value)
			continue;
		name = elf_strptr(elf, sh->sh_link, s.st_name);
		if (!name || !*name || t->n >= SYM_NO_SPAN)
			continue;
		t->v = mt_xgrow(t->v, t->n, &t->room, sizeof(*t->v));
		t->v[t->n++] = (struct symbol){ .start = s.st_value, .bytes = s.st_size,
						.name = name, .rank = rank_of(&s) };
	}
}

static bool add_table(struct statics *t, Elf *elf, unsigned type)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &s) && s.sh_type == type)
			add_symbols(t, elf, scn, &s);
	return t->n;
}

/* Names for one place: the one that others see last, and of those the shortest. */
static int by_place(const void *x, const void *y)
{
	const struct symbol *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (strlen(a->name) != strlen(b->name))
		return strlen(a->name) > strlen(b->name) ? -1 : 1;
	return strcmp(b->name, a->name);
}

static struct statics *statics_of(struct sym_module *m)
{
	struct statics *t = m->statics;

	if (t)
		return t;
	m->statics = t = mt_xcalloc(1, sizeof(*t));
	if (!add_table(t, sym_symbols_elf(m), SHT_SYMTAB) && !add_table(t, m->elf, SHT_SYMTAB))
		add_table(t, m->elf, SHT_DYNSYM);
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_place);
	for (size_t i = 0; i < t->n; i++)
		sym_spans_add(&t->spans, t->v[i].start, t->v[i].start + t->v[i].bytes, (uint32_t)i);
	sym_spans_build(&t->spans);
	return t;
}

/* ---- DWARF ------------------------------------------------------------- */

/* The fixed address of a variable; false: it has none. */
static bool address_of(Dwarf_Die *die, uint64_t *addr)
{
	Dwarf_Attribute attr, indirect;
	Dwarf_Op *ops;
	size_t n;
	Dwarf_Addr value;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &ops, &n) < 0 ||
	    n < 1 || n > 2 || (n == 2 && ops[1].atom != DW_OP_plus_uconst))
		return false;
	if (ops[0].atom == DW_OP_addr)
		value = ops[0].number;
	else if ((ops[0].atom != DW_OP_addrx && ops[0].atom != DW_OP_GNU_addr_index) ||
		 dwarf_getlocation_attr(&attr, &ops[0], &indirect) < 0 ||
		 dwarf_formaddr(&indirect, &value) < 0)
		return false;
	*addr = value + (n == 2 ? ops[1].number : 0);
	return true;
}

static void note_variable(struct sym_walk *w, Dwarf_Die *die, int tag, const char *scope)
{
	struct statics *t = w->arg;
	uint64_t addr, *p;

	if (tag != DW_TAG_variable || !address_of(die, &addr))
		return;
	p = mt_xtable_put(&t->places, addr);
	if (*p)
		return;
	t->found = mt_xgrow(t->found, t->n_found, &t->room_found, sizeof(*t->found));
	t->found[t->n_found++] = (struct found){ *die, *scope ? mt_xstrdup(scope) : "" };
	*p = t->n_found;
}

/* What DWARF knows at vaddr; what stands in functions is looked for last, it costs most. */
static struct found *find_variable(struct sym_module *m, struct statics *t, uint64_t vaddr)
{
	struct sym_walk walk = { .visit = note_variable, .module = m, .arg = t };
	uint64_t *p = mt_table_get(&t->places, vaddr);

	while (!p && !t->walked_functions) {
		walk.functions = t->walked;
		t->walked_functions = t->walked;
		t->walked = true;
		sym_walk(&walk);
		p = mt_table_get(&t->places, vaddr);
	}
	return p ? &t->found[*p - 1] : NULL;
}

/* "count.0", which the compiler made of main's count, becomes "main::count". */
static const char *source_name(const char *symbol, struct found *found)
{
	const char *name = found ? dwarf_diename(&found->die) : NULL, *own = sym_demangle(symbol);
	char *both;

	if (own != symbol)
		return mt_xstrdup(own);
	if (!name || !strchr(symbol, '.'))
		return symbol;
	if (!*found->scope)
		return name;
	both = mt_xmalloc(strlen(found->scope) + strlen(name) + 3);
	sprintf(both, "%s::%s", found->scope, name);
	return both;
}

bool sym_variable(struct sym_module *m, uint64_t vaddr, struct sym_variable *v)
{
	struct statics *t = statics_of(m);
	uint32_t id = sym_spans_find(&t->spans, vaddr);
	struct symbol *s;

	if (id == SYM_NO_SPAN)
		return false;
	s = &t->v[id];
	if (!s->typed) {
		struct found *found = find_variable(m, t, s->start);

		s->typed = true;
		s->name = source_name(s->name, found);
		s->type = found ? sym_type_of(m, &found->die) : NULL;
	}
	*v = (struct sym_variable){ s->name, s->start, s->bytes, s->type };
	return true;
}

bool sym_section(struct sym_module *m, uint64_t vaddr, struct sym_variable *v)
{
	size_t strings;
	Elf_Scn *scn = NULL;
	GElf_Shdr s;

	if (elf_getshdrstrndx(m->elf, &strings) < 0)
		return false;
	while ((scn = elf_nextscn(m->elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, &s) || !(s.sh_flags & SHF_ALLOC) || vaddr < s.sh_addr ||
		    vaddr - s.sh_addr >= s.sh_size || (s.sh_flags & SHF_TLS && s.sh_type == SHT_NOBITS))
			continue;
		name = elf_strptr(m->elf, strings, s.sh_name);
		*v = (struct sym_variable){ name ? name : "", s.sh_addr, s.sh_size, NULL };
		return true;
	}
	return false;
}
