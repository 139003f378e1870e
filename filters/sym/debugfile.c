/* SPDX-License-Identifier: MIT */
/* The file with the DWARF of a module: itself, by build-id, by debug link. */
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../libmt/cli.h"
#include "sym.h"

#define DEBUG_ROOT "/usr/lib/debug"

void sym_debug_dir(struct sym_set *s, const char *dir)
{
	s->debug_dirs = mt_xgrow(s->debug_dirs, s->n_debug_dirs, &s->room_debug_dirs,
				 sizeof(*s->debug_dirs));
	s->debug_dirs[s->n_debug_dirs++] = dir;
}

static bool has_section(Elf *elf, const char *name)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *n = gelf_getshdr(scn, &s) ? elf_strptr(elf, names, s.sh_name) : NULL;

		if (n && !strcmp(n, name) && s.sh_type != SHT_NOBITS)
			return true;
	}
	return false;
}

static bool has_dwarf(Elf *elf)
{
	return has_section(elf, ".debug_info") || has_section(elf, ".zdebug_info");
}

static struct sym_module *keep(struct sym_set *s, struct sym_module *m)
{
	m->next = s->opened;
	s->opened = m;
	return m;
}

/* ---- by build-id ------------------------------------------------------- */

static struct sym_module *open_build_id(struct sym_set *s, const char *dir, const char *id)
{
	char path[4096];
	const char *why;

	if (strlen(id) < 4 || snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", dir, id,
				       id + 2) >= (int)sizeof(path))
		return NULL;
	return sym_open(s, path, &why);
}

static struct sym_module *find_build_id(struct sym_set *s, const char *id)
{
	struct sym_module *m = NULL;

	for (size_t i = 0; i < s->n_debug_dirs && !m; i++)
		m = open_build_id(s, s->debug_dirs[i], id);
	return m ? m : open_build_id(s, DEBUG_ROOT, id);
}

/* ---- by .gnu_debuglink ------------------------------------------------- */

/* CRC-32 as in zlib; the link carries that of the whole debug file. */
static uint32_t crc32_of(const unsigned char *p, size_t n)
{
	static uint32_t table[256];
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < 256 && !table[255]; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[i] = c;
	}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 255];
	return ~crc;
}

static struct sym_module *open_link(struct sym_set *s, uint32_t crc, const char *root,
				    const char *dir, const char *sub, const char *name)
{
	struct sym_module *m;
	char path[4096];
	const char *why, *raw;
	size_t n;

	if (snprintf(path, sizeof(path), "%s%s%s/%s", root, dir, sub, name) >= (int)sizeof(path))
		return NULL;
	m = sym_open(s, path, &why);
	if (!m)
		return NULL;
	raw = elf_rawfile(m->elf, &n);
	if (raw && crc32_of((const unsigned char *)raw, n) == crc)
		return m;
	return NULL;
}

static struct sym_module *find_link(struct sym_set *s, struct sym_module *m)
{
	GElf_Word crc;
	const char *name = dwelf_elf_gnu_debuglink(m->elf, &crc);
	char *real = name && !strchr(name, '/') ? realpath(m->path, NULL) : NULL;
	struct sym_module *debug;

	if (!real)
		return NULL;
	*strrchr(real, '/') = 0;
	debug = open_link(s, crc, "", real, "/.debug", name);
	if (!debug)
		debug = open_link(s, crc, "", real, "", name);
	for (size_t i = 0; i < s->n_debug_dirs && !debug; i++)
		debug = open_link(s, crc, s->debug_dirs[i], real, "", name);
	if (!debug)
		debug = open_link(s, crc, DEBUG_ROOT, real, "", name);
	free(real);
	return debug;
}

static struct sym_module *debug_file(struct sym_module *m)
{
	if (!m->debug_tried && !m->debug && !m->debug_only && !has_dwarf(m->elf)) {
		m->debug = *m->build_id ? find_build_id(m->set, m->build_id) : NULL;
		if (!m->debug)
			m->debug = find_link(m->set, m);
		if (m->debug)
			keep(m->set, m->debug);
	}
	m->debug_tried = true;
	return m->debug ? m->debug : m;
}

/* ---- opening ----------------------------------------------------------- */

/*
 * The part that dwz moved to a file shared by several (.gnu_debugaltlink).
 * Given beforehand, or libdw would open whatever the name says, a FIFO too.
 */
static bool open_alt(struct sym_module *d)
{
	const char *name, *why;
	const void *id;
	ssize_t n = dwelf_dwarf_gnu_debugaltlink(d->dwarf, &name, &id);
	struct sym_module *alt = NULL;
	char hex[2 * SYM_BUILD_ID_MAX + 1] = "";
	struct stat st;

	if (n <= 0)
		return true;
	for (ssize_t i = 0; i < n && n <= SYM_BUILD_ID_MAX; i++)
		snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
	alt = find_build_id(d->set, hex);
	if (!alt && name[0] == '/') {
		alt = sym_open(d->set, name, &why);
		if (!alt && !stat(name, &st))
			return false;
	}
	if (alt && !strcmp(alt->build_id, hex))
		alt->dwarf = dwarf_begin_elf(keep(d->set, alt)->elf, DWARF_C_READ, NULL);
	if (alt && alt->dwarf)
		dwarf_setalt(d->dwarf, alt->dwarf);
	return true;
}

static void open_dwarf(struct sym_module *d)
{
	d->dwarf_tried = true;
	if (!has_dwarf(d->elf))
		return;
	d->dwarf = dwarf_begin_elf(d->elf, DWARF_C_READ, NULL);
	if (d->dwarf && !open_alt(d)) {
		dwarf_end(d->dwarf);
		d->dwarf = NULL;
	}
	if (!d->dwarf)
		sym_damaged(d, "damaged DWARF: cannot be opened");
}

Dwarf *sym_dwarf(struct sym_module *m)
{
	struct sym_module *d = debug_file(m);

	if (!d->dwarf_tried)
		open_dwarf(d);
	return d->dwarf;
}

Elf *sym_symbols_elf(struct sym_module *m)
{
	return debug_file(m)->elf;
}
