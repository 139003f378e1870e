/* SPDX-License-Identifier: MIT */
/* Which ELF file is mapped where: operands, map records, segments. */
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../libmt/cli.h"
#include "image.h"
#include "kmods.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

#define PAGE 4096u
/* Nothing is mapped below (vm.mmap_min_addr): segments there are templates of per-cpu data. */
#define LOWEST_FIXED 0x10000u

struct sym_file {
	UT_hash_handle hh;
	struct sym_module *module;	/* NULL: none, or not tried yet */
	bool tried;
	const char *path, *build_id;	/* in key */
	char key[];			/* path NUL build_id */
};

struct sym_space { uint32_t process; struct sym_ranges maps; };

const char *sym_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void sym_damaged(struct sym_module *m, const char *what)
{
	if (m->damaged)
		return;
	m->damaged = true;
	if (m->operand)
		m->set->status = MT_FAIL;
	mt_warn("%s: %s", m->path, what);
}

/* ---- opening ----------------------------------------------------------- */

/*
 * A path from a log may be a FIFO or a terminal line: never wait in open, and
 * read nothing but a regular file.
 */
static int open_regular(const struct sym_set *root, const char *path, uint64_t *bytes,
			const char **why)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = root ? (int)syscall(SYS_openat2, root->root_fd, path, &how, sizeof(how)) :
		 open(path, (int)how.flags);
	struct stat st;

	*why = strerror(errno);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*why = "not a regular file";
		close(fd);
		return -1;
	}
	*bytes = (uint64_t)st.st_size;
	return fd;
}

static void read_build_id(struct sym_module *m)
{
	const void *id;
	ssize_t n = dwelf_elf_gnu_build_id(m->elf, &id);

	if (n < 0 || n > SYM_BUILD_ID_MAX)
		return;
	for (ssize_t i = 0; i < n; i++)
		snprintf(m->build_id + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
}

static void add_segment(struct sym_module *m, size_t *room, uint64_t vaddr, uint64_t offset,
			uint64_t file_bytes, uint64_t bytes)
{
	if (vaddr + bytes < vaddr || offset + file_bytes < offset)
		return;			/* wraps around: nobody can have loaded it */
	m->segments = mt_xgrow(m->segments, m->n_segments, room, sizeof(*m->segments));
	m->segments[m->n_segments++] = (struct sym_segment){
		vaddr, offset, file_bytes < bytes ? file_bytes : bytes, bytes };
}

static void read_segments(struct sym_module *m)
{
	size_t n, room = 0;
	GElf_Phdr p;

	if (elf_getphdrnum(m->elf, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(m->elf, (int)i, &p) && p.p_type == PT_LOAD)
			add_segment(m, &room, p.p_vaddr, p.p_offset, p.p_filesz, p.p_memsz);
}

/* A cut file lacks the ends of its sections, or even their headers. */
static const char *check_sections(struct sym_module *m, const GElf_Ehdr *e)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;
	size_t n;

	if (elf_getshdrnum(m->elf, &n) < 0 || e->e_shoff > m->bytes ||
	    (n && n > (m->bytes - e->e_shoff) / (e->e_shentsize ? e->e_shentsize : 1)))
		return "damaged ELF file: its section headers are cut off";
	while ((scn = elf_nextscn(m->elf, scn))) {
		if (!gelf_getshdr(scn, &s))
			return "damaged ELF file: bad section header";
		if (s.sh_type == SHT_NOBITS) {
			m->debug_only |= !!(s.sh_flags & SHF_EXECINSTR);
			continue;
		}
		if (s.sh_offset > m->bytes || s.sh_size > m->bytes - s.sh_offset)
			return "damaged ELF file: a section lies beyond its end";
	}
	return NULL;
}

static const char not_elf[] = "not an ELF file";
static const char not_linked[] = "not a program or shared object";

static const char *read_elf(struct sym_module *m)
{
	const char *why;
	GElf_Ehdr e;

	if (!m->elf || elf_kind(m->elf) != ELF_K_ELF || !gelf_getehdr(m->elf, &e))
		return not_elf;
	if (e.e_type != ET_EXEC && e.e_type != ET_DYN)
		return not_linked;
	m->elf_type = e.e_type;
	why = check_sections(m, &e);
	if (why)
		return why;
	read_segments(m);
	read_build_id(m);
	for (size_t i = 0; i < m->n_segments; i++)
		m->kernel |= e.e_type == ET_EXEC && m->segments[i].vaddr >> 63;
	elf_cntl(m->elf, ELF_C_FDDONE);	/* it is mapped: a log may name thousands of files */
	return NULL;
}

static char *join(const char *a, const char *b)
{
	char *both = mt_xmalloc(strlen(a) + strlen(b) + 1);

	strcpy(both, a);
	return strcat(both, b);
}

/* An ELF file for an operand that is none, or that nobody has linked. */
static const char *make_elf(struct sym_module *m, int fd)
{
	struct sym_image image;
	const char *why;

	m->relocatable = elf_kind(m->elf) == ELF_K_ELF;
	elf_end(m->elf);
	m->elf = NULL;
	why = m->relocatable ? sym_link_module(fd, m->bytes, &image) :
	      sym_image_of_text(fd, m->bytes, &image);
	if (why)
		return why;
	m->bytes = image.bytes;
	m->elf = elf_memory((char *)image.p, (size_t)image.bytes);
	why = read_elf(m);
	m->debug_only = false;		/* though it has no code */
	return why;
}

static struct sym_module *open_module(struct sym_set *s, const struct sym_set *root,
				      const char *path, bool operand, const char **why)
{
	struct sym_module *m;
	uint64_t bytes;
	int fd = open_regular(root, path, &bytes, why);

	if (fd < 0)
		return NULL;
	m = mt_xcalloc(1, sizeof(*m));
	*m = (struct sym_module){ .set = s, .bytes = bytes, .operand = operand };
	m->path = root ? join(root->root, path) : mt_xstrdup(path);
	elf_version(EV_CURRENT);
	m->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	*why = read_elf(m);
	if (operand && (*why == not_elf || *why == not_linked))
		*why = make_elf(m, fd);
	close(fd);
	if (!*why)
		return m;
	elf_end(m->elf);
	free(m->segments);
	free((char *)m->path);
	free(m);
	return NULL;
}

struct sym_module *sym_open(struct sym_set *s, const char *path, const char **why)
{
	return open_module(s, NULL, path, false, why);
}

void sym_add_file(struct sym_set *s, const char *path)
{
	struct sym_module **end = &s->operands;
	const char *why;

	while (*end)
		end = &(*end)->next;
	*end = open_module(s, NULL, path, true, &why);
	if (!*end)
		mt_die(MT_FAIL, "%s: %s", path, why);
}

void sym_root(struct sym_set *s, const char *dir)
{
	s->root = dir;
	s->root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		mt_die(MT_FAIL, "%s: %s", dir, strerror(errno));
	sym_debug_dir(s, join(dir, "/usr/lib/debug"));
}

/* ---- the file that a map record means ---------------------------------- */

/* "libc.so.6.debug" is the debug file of "libc.so.6". */
static bool same_name(const struct sym_module *m, const char *path)
{
	const char *a = sym_basename(m->path), *b = sym_basename(path);
	size_t n = strlen(b);

	return !strncmp(a, b, n) && (!a[n] || (m->debug_only && !strcmp(a + n, ".debug")));
}

/* By build-id where both have one: names repeat, and a file may be rebuilt. */
static struct sym_module *matching_operand(struct sym_set *s, const struct sym_file *f,
					   bool debug_only)
{
	struct sym_module *other = NULL;

	for (struct sym_module *m = s->operands; m; m = m->next) {
		if (m->debug_only != debug_only)
			continue;
		if (*f->build_id && *m->build_id) {
			if (!strcmp(f->build_id, m->build_id))
				return m;
			if (!strcmp(f->path, m->path))
				other = m;
		} else if (same_name(m, f->path)) {
			return m;
		}
	}
	if (other)
		mt_warn("%s: is not the file that was traced (build-id %s, the log has %s)",
			other->path, other->build_id, f->build_id);
	return NULL;
}

static void note_missing(struct sym_set *s, const struct sym_file *f)
{
	if (!s->missing++)
		s->first_missing = f->path;
}

/* The file at path, in the directory that stands for / or outside of it; opened once. */
static struct sym_module *open_once(struct sym_set *s, const char *path, bool in_root,
				    const char **why)
{
	size_t skip = in_root ? strlen(s->root) : 0;
	struct sym_module *m;

	for (m = s->opened; m; m = m->next)
		if ((!in_root || !strncmp(m->path, s->root, skip)) && !strcmp(m->path + skip, path))
			return m;
	m = open_module(s, in_root ? s : NULL, path, false, why);
	if (m) {
		m->next = s->opened;
		s->opened = m;
	}
	return m;
}

/*
 * The mapped path itself, if it is still the same file.  What a guest calls
 * /lib/x is another file here, unless the build-id says that it is not.
 */
static struct sym_module *open_mapped(struct sym_set *s, const struct sym_file *f)
{
	struct sym_module *m = NULL;
	const char *why = NULL;

	if (s->root)
		m = open_once(s, f->path, true, &why);
	if (!m && why != not_elf && (!s->guest || *f->build_id))
		m = open_once(s, f->path, false, &why);
	if (!m) {
		if (why != not_elf)	/* programs map data, too */
			note_missing(s, f);
		return NULL;
	}
	if (*f->build_id && *m->build_id && strcmp(f->build_id, m->build_id)) {
		mt_warn("%s: is not the file that was traced (build-id %s, the log has %s)",
			m->path, m->build_id, f->build_id);
		return NULL;
	}
	return m;
}

static struct sym_module *resolve(struct sym_set *s, const struct sym_file *f)
{
	struct sym_module *m = matching_operand(s, f, false);
	struct sym_module *debug = matching_operand(s, f, true);

	if (!m && f->path[0] == '/')
		m = open_mapped(s, f);
	if (m && debug && !m->debug)
		m->debug = debug;
	return m ? m : debug;
}

static struct sym_module *file_module(struct sym_set *s, struct sym_file *f)
{
	if (!f->tried) {
		f->tried = true;
		f->module = resolve(s, f);
	}
	return f->module;
}

static struct sym_file *intern_file(struct sym_set *s, const char *path, const char *build_id)
{
	size_t n = strlen(path) + 1, all = n + strlen(build_id) + 1;
	struct sym_file *f = mt_xmalloc(sizeof(*f) + all), *old;

	memset(f, 0, sizeof(*f));
	memcpy(f->key, path, n);
	memcpy(f->key + n, build_id, all - n);
	HASH_FIND(hh, s->files, f->key, all, old);
	if (old) {
		free(f);
		return old;
	}
	f->path = f->key;
	f->build_id = f->key + n;
	HASH_ADD_KEYPTR(hh, s->files, f->key, all, f);
	return f;
}

/* ---- mappings ---------------------------------------------------------- */

static struct sym_space *space_of(const struct sym_set *s, uint32_t process)
{
	const uint64_t *i = mt_table_get(&s->space_of, process);

	return i && *i ? s->spaces[*i - 1] : NULL;
}

static struct sym_space *new_space(struct sym_set *s, uint32_t process)
{
	struct sym_space *p = mt_xcalloc(1, sizeof(*p));

	p->process = process;
	s->spaces = mt_xgrow(s->spaces, s->n_spaces, &s->room_spaces, sizeof(*s->spaces));
	s->spaces[s->n_spaces++] = p;
	*mt_xtable_put(&s->space_of, process) = s->n_spaces;
	return p;
}

static void forget_mappings(struct sym_set *s)
{
	for (size_t i = 0; i < s->n_spaces; i++) {
		sym_ranges_release(&s->spaces[i]->maps);
		free(s->spaces[i]);
	}
	s->n_spaces = 0;
	mt_table_release(&s->space_of);
}

static void note_map(struct sym_set *s, const struct mt_map *map)
{
	const char *path = mt_string(&map->hdr, 0), *build_id = mt_string(&map->hdr, 1);
	struct sym_space *p = space_of(s, map->process);
	uint64_t last = map->addr + map->bytes - 1;

	if (!map->bytes)
		return;
	if (last < map->addr)
		last = UINT64_MAX;
	if (!p)
		p = new_space(s, map->process);
	if (map->op == MT_map_op_map && *path)
		sym_ranges_set(&p->maps, map->addr, last, map->offset - map->addr,
			       intern_file(s, path, build_id));
	else
		sym_ranges_unset(&p->maps, map->addr, last);
}

bool sym_note(struct sym_set *s, const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin:
		s->guest = ((const struct mt_begin *)rec)->machine == MT_machine_system;
		forget_mappings(s);
		sym_kmods_release(s);
		break;
	case MT_KIND_map:
		note_map(s, (const struct mt_map *)rec);
		break;
	case MT_KIND_section:
		sym_kmods_note(s, (const struct mt_section *)rec);
		break;
	default:
		return false;
	}
	s->changes++;
	return true;
}

/* ---- look-up ----------------------------------------------------------- */

/*
 * A mapping covers whole pages, and two segments may share one in the file:
 * first who really has the byte, then who has the page (there .bss begins).
 */
static bool offset_to_vaddr(const struct sym_module *m, uint64_t offset, uint64_t *vaddr)
{
	const struct sym_segment *g = m->segments, *end = g + m->n_segments;

	for (; g < end; g++)
		if (offset >= g->offset && offset - g->offset < g->file_bytes)
			goto found;
	for (g = m->segments; g < end; g++)
		if (offset >= (g->offset & ~(uint64_t)(PAGE - 1)) &&
		    offset < ((g->offset + g->file_bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1)))
			goto found;
	if (!m->debug_only || !m->n_segments)
		return false;
	g = m->segments;		/* its offsets are not those of the real file */
found:
	*vaddr = offset - g->offset + g->vaddr;
	return true;
}

static bool in_segments(const struct sym_module *m, uint64_t vaddr)
{
	for (size_t i = 0; i < m->n_segments; i++)
		if (vaddr - m->segments[i].vaddr < m->segments[i].bytes)
			return true;
	return false;
}

/* Beyond the mappings of a file there may be the rest of its .bss. */
static bool find_mapped(struct sym_set *s, const struct sym_range *r, uint64_t addr,
			struct sym_place *place)
{
	uint64_t at = addr <= r->last ? addr : r->last, vaddr;
	struct sym_module *m = file_module(s, r->data);

	if (!m || !offset_to_vaddr(m, at + r->tag, &vaddr))
		return false;
	vaddr += addr - at;
	if (at != addr && !in_segments(m, vaddr))
		return false;
	*place = (struct sym_place){ m, vaddr, addr - vaddr };
	return true;
}

static bool find_unmapped(struct sym_set *s, bool fixed_only, uint64_t addr,
			  struct sym_place *place)
{
	for (struct sym_module *m = s->operands; m; m = m->next) {
		if (fixed_only && (m->elf_type != ET_EXEC || addr < LOWEST_FIXED))
			continue;
		if (m->kernel && !(addr >> 63))
			continue;	/* the template of per-cpu data */
		if (in_segments(m, addr)) {
			*place = (struct sym_place){ m, addr, 0 };
			return true;
		}
	}
	return false;
}

bool sym_find(struct sym_set *s, uint32_t process, uint64_t addr, struct sym_place *place)
{
	const struct sym_space *p = space_of(s, addr >> 63 ? 0 : process);
	const struct sym_range *r = p ? sym_ranges_below(&p->maps, addr) : NULL;

	if (addr >> 63 && sym_kmods_find(s, addr, place))
		return true;
	if (r && find_mapped(s, r, addr, place))
		return true;
	if (r && addr <= r->last)
		return false;
	return find_unmapped(s, p != NULL, addr, place);
}

const char *sym_mapping(const struct sym_set *s, uint32_t process, uint64_t addr,
			uint64_t *first, uint64_t *last)
{
	const struct sym_space *p = space_of(s, process);
	const struct sym_range *r = p ? sym_ranges_below(&p->maps, addr) : NULL;

	if (!r || addr > r->last || !r->data)
		return NULL;
	*first = r->first;
	*last = r->last;
	return ((const struct sym_file *)r->data)->path;
}

void sym_report_missing(const struct sym_set *s)
{
	if (s->missing)
		mt_warn("%llu mapped files cannot be opened, so without symbols; the first: %s",
			(unsigned long long)s->missing, s->first_missing);
}
