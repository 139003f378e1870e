/* SPDX-License-Identifier: MIT */
/* Kernel modules: the sections that the kernel put somewhere, and their files. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "kmods.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

/* A section as it is loaded now. */
struct loaded {
	struct loaded *next;		/* of the same module */
	struct sym_module *of;		/* NULL: no file is known */
	uint64_t addr, last, vaddr;
	char name[];			/* "known .bss" */
};

struct sym_kmod {
	UT_hash_handle hh;
	struct sym_module *file;
	struct loaded *sections;
	char name[];
};

/* "dir/snd-timer.ko" is the file of "snd_timer". */
static bool is_file_of(const struct sym_module *m, const char *name)
{
	const char *base = sym_basename(m->path);
	size_t len = strlen(name);

	if (!m->relocatable || strncmp(base + strnlen(base, len), ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((base[i] == '-' ? '_' : base[i]) != name[i])
			return false;
	return true;
}

static struct sym_kmod *kmod_named(struct sym_set *s, const char *name)
{
	size_t len = strlen(name);
	struct sym_kmod *k;

	HASH_FIND(hh, s->kmods, name, len, k);
	if (k)
		return k;
	k = mt_xcalloc(1, sizeof(*k) + len + 1);
	memcpy(k->name, name, len + 1);
	for (struct sym_module *m = s->operands; m && !k->file; m = m->next)
		if (is_file_of(m, name))
			k->file = m;
	HASH_ADD_KEYPTR(hh, s->kmods, k->name, len, k);
	return k;
}

/* The address that we linked the file's section to; 0: it has no such section. */
static uint64_t linked_at(const struct sym_module *m, const char *name)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;
	size_t names;

	if (elf_getshdrstrndx(m->elf, &names) < 0)
		return 0;
	while ((scn = elf_nextscn(m->elf, scn))) {
		const char *n = gelf_getshdr(scn, &s) ? elf_strptr(m->elf, names, s.sh_name) : NULL;

		if (n && s.sh_flags & SHF_ALLOC && !strcmp(n, name))
			return s.sh_addr;
	}
	return 0;
}

/* Others may have taken parts of the place since: what goes is what is still ours. */
static void unload_section(struct sym_set *s, struct loaded *l)
{
	const struct sym_range *r = sym_ranges_below(&s->sections, l->last);

	while (r && r->last >= l->addr) {
		uint64_t first = r->first;

		if (r->data == l)
			sym_ranges_unset(&s->sections, first, r->last);
		r = first ? sym_ranges_below(&s->sections, first - 1) : NULL;
	}
	free(l);
}

static void unload(struct sym_set *s, struct sym_kmod *k)
{
	while (k->sections) {
		struct loaded *l = k->sections;

		k->sections = l->next;
		unload_section(s, l);
	}
}

void sym_kmods_note(struct sym_set *s, const struct mt_section *section)
{
	const char *module = mt_string(&section->hdr, 0), *name = mt_string(&section->hdr, 1);
	size_t room = strlen(module) + strlen(name) + 2;
	struct sym_kmod *k = kmod_named(s, module);
	struct loaded *l;

	if (!section->bytes) {
		unload(s, k);
		return;
	}
	if (section->bytes - 1 > UINT64_MAX - section->addr)
		return;
	l = mt_xcalloc(1, sizeof(*l) + room);
	l->addr = section->addr;
	l->last = section->addr + section->bytes - 1;
	l->vaddr = k->file ? linked_at(k->file, name) : 0;
	l->of = l->vaddr ? k->file : NULL;
	snprintf(l->name, room, "%s %s", module, name);
	l->next = k->sections;
	k->sections = l;
	sym_ranges_set(&s->sections, l->addr, l->last, 0, l);
}

void sym_kmods_release(struct sym_set *s)
{
	struct sym_kmod *k = NULL, *next;

	HASH_ITER(hh, s->kmods, k, next) {
		unload(s, k);
		HASH_DEL(s->kmods, k);
		free(k);
	}
	sym_ranges_release(&s->sections);
}

static const struct loaded *loaded_at(const struct sym_set *s, uint64_t addr,
				      const struct sym_range **range)
{
	const struct sym_range *r = sym_ranges_below(&s->sections, addr);

	*range = r;
	return r && addr <= r->last ? r->data : NULL;
}

bool sym_kmods_find(const struct sym_set *s, uint64_t addr, struct sym_place *place)
{
	const struct sym_range *r;
	const struct loaded *l = loaded_at(s, addr, &r);

	if (!l || !l->of)
		return false;
	*place = (struct sym_place){ l->of, l->vaddr + (addr - l->addr),
				     l->addr - l->vaddr };
	return true;
}

const char *sym_kernel_section(const struct sym_set *s, uint64_t addr, uint64_t *first, uint64_t *last)
{
	const struct sym_range *r;
	const struct loaded *l = loaded_at(s, addr, &r);

	if (!l)
		return NULL;
	*first = r->first;
	*last = r->last;
	return l->name;
}
