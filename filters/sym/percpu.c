/* SPDX-License-Identifier: MIT */
/*
 * Per-cpu variables: the linker makes one template of them, which each cpu has
 * a copy of.  Two symbols say where the template stands, at 0 or elsewhere.
 */
#include <string.h>

#include "../libmt/cli.h"
#include "kmods.h"

struct template { uint64_t start, end; };

static void take_symbol(struct template *t, const char *name, uint64_t value)
{
	if (!strcmp(name, "__per_cpu_start"))
		t->start = value;
	else if (!strcmp(name, "__per_cpu_end"))
		t->end = value;
}

/* The symbols come from the linker's script, so they have no type. */
static void read_template(struct sym_module *m, struct template *t)
{
	Elf *elf = sym_symbols_elf(m);
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Sym s;

	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_SYMTAB)
			continue;
		data = elf_getdata(scn, NULL);
		for (int i = 0; data && gelf_getsym(data, i, &s); i++) {
			const char *name = elf_strptr(elf, sh.sh_link, s.st_name);

			if (name && !strncmp(name, "__per_cpu_", 10))
				take_symbol(t, name, s.st_value);
		}
	}
}

static const struct template *template_of(struct sym_module *m)
{
	struct template *t = m->percpu;

	if (t)
		return t;
	m->percpu = t = mt_xcalloc(1, sizeof(*t));
	read_template(m, t);
	if (t->end < t->start)
		t->end = t->start;
	return t;
}

bool sym_percpu(struct sym_set *s, uint64_t start, uint64_t addr, struct sym_place *place)
{
	uint64_t pointer = addr - start;	/* what &variable is in the kernel */

	for (struct sym_module *m = s->operands; m; m = m->next) {
		const struct template *t = m->kernel ? template_of(m) : NULL;

		if (!t || t->start == t->end)
			continue;
		pointer = addr - start + t->start;
		if (addr - start < t->end - t->start) {
			*place = (struct sym_place){ m, pointer, addr - pointer };
			return true;
		}
		break;
	}
	if (!sym_kmods_find(s, pointer, place))
		return false;
	place->bias += addr - pointer;
	return true;
}
