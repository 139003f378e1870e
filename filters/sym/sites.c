/* SPDX-License-Identifier: MIT */
/*
 * What a call of an allocator allocates.  DWARF does not say it, but the code
 * around the call does in most cases: in the order of trust, the pointer that
 * the line of the call declares, the variable that the result goes into or is
 * from then on, and the types that the function has pointers to, told apart by
 * their size.  Inlined callers count too: kmalloc is one in kzalloc.
 */
#include <dwarf.h>
#include <string.h>

#include "../libmt/cli.h"
#include "types.h"
#include "walk.h"

#define DEPTH_MAX 32
#define INLINES_MAX 8
#define TELLING_BYTES 24		/* smaller structs share their size with too much else */

struct site {
	bool decided;			/* types[0] it is, or nothing */
	struct sym_type **types;	/* else: candidates */
	size_t n, room;
};

struct sites { struct mt_table by_pc; };

/* A search through one function. */
struct search {
	struct sym_module *module;
	struct site *site;
	void (*visit)(struct search *s, Dwarf_Die *die, int tag);
	uint64_t line;			/* of the call */
	int64_t slot;			/* in the frame, where the result is stored */
	uint64_t pc;			/* behind the call, or a few instructions later */
	unsigned reg;			/* in DWARF's numbers; 0: %rax, which has the result */
	struct sym_type *holder;	/* what the variable in reg points to */
};

static void add(struct site *site, struct sym_type *t)
{
	sym_type_open(t);
	if (t->kind != SYM_STRUCT || !t->bytes)
		return;
	for (size_t i = 0; i < site->n; i++)
		if (!strcmp(site->types[i]->own_name, t->own_name))
			return;
	site->types = mt_xgrow(site->types, site->n, &site->room, sizeof(t));
	site->types[site->n++] = t;
}

/* It is what a pointer of that type points to; when that is no struct: no type. */
static void decide(struct site *site, struct sym_type *pointer)
{
	struct sym_type *t = pointer ? sym_type_target(pointer) : NULL;

	if (!t)				/* no pointer, or void *: says nothing */
		return;
	if (!site->decided)
		add(site, t);
	else if (!site->n || strcmp(site->types[0]->own_name, t->own_name))
		site->n = 0;		/* two answers are none */
	site->decided = true;
}

static void search(struct search *s, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die child;

	if (depth > DEPTH_MAX || !sym_first_child(die, &child))
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_variable || tag == DW_TAG_formal_parameter)
			s->visit(s, &child, tag);
		else if (tag == DW_TAG_lexical_block)
			search(s, &child, depth + 1);
	} while (sym_next_sibling(&child));
}

/* struct node *n = malloc(sizeof(*n)); */
static void declared_there(struct search *s, Dwarf_Die *die, int tag)
{
	uint64_t line;

	if (tag == DW_TAG_variable && sym_number(die, DW_AT_decl_line, &line) && line == s->line)
		decide(s->site, sym_type_of(s->module, die));
}

static bool one_operation(Dwarf_Die *die, unsigned name, Dwarf_Op *op)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, name, &attr) || dwarf_getlocation(&attr, &ops, &n) < 0 || n != 1)
		return false;
	*op = ops[0];
	return true;
}

static void stored_there(struct search *s, Dwarf_Die *die, int tag)
{
	Dwarf_Op op;

	(void)tag;
	if (one_operation(die, DW_AT_location, &op) && op.atom == DW_OP_fbreg &&
	    (int64_t)op.number == s->slot)
		decide(s->site, sym_type_of(s->module, die));
}

/* The variable lives in that register behind the call. */
static bool in_register(struct search *s, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t n;

	return dwarf_attr(die, DW_AT_location, &attr) &&
	       dwarf_getlocation_addr(&attr, s->pc, &ops, &n, 1) == 1 && n == 1 &&
	       ops[0].atom == DW_OP_reg0 + s->reg;
}

static void result_is(struct search *s, Dwarf_Die *die, int tag)
{
	(void)tag;
	if (in_register(s, die))
		decide(s->site, sym_type_of(s->module, die));
}

static void holder_is(struct search *s, Dwarf_Die *die, int tag)
{
	struct sym_type *t = in_register(s, die) ? sym_type_of(s->module, die) : NULL;

	(void)tag;
	t = t ? sym_type_target(t) : NULL;
	if (t)
		s->holder = t;
}

/* What the function can name: pointers, and pointers in structs that those point to. */
static void reachable(struct search *s, struct sym_type *t)
{
	struct sym_type *target = t ? sym_type_target(t) : NULL;

	if (!t)
		return;
	if (target) {
		add(s->site, target);
		t = target;
	}
	sym_type_open(t);
	for (size_t i = 0; t->kind == SYM_STRUCT && i < t->n_members; i++) {
		target = sym_type_target(t->members[i].type);
		if (target)
			add(s->site, target);
	}
}

static void known_there(struct search *s, Dwarf_Die *die, int tag)
{
	(void)tag;
	reachable(s, sym_type_of(s->module, die));
}

/* ---- the code behind the call ------------------------------------------- */

#define CODE_BYTES 32

static bool code_in_file(struct sym_module *m, uint64_t offset, unsigned char *code)
{
	Elf_Data *data = elf_getdata_rawchunk(m->elf, (int64_t)offset, CODE_BYTES, ELF_T_BYTE);

	if (!data || data->d_size != CODE_BYTES)
		return false;
	memcpy(code, data->d_buf, CODE_BYTES);
	return true;
}

/* Kernel modules have no segments; a short section at the end of the file is not worth the care. */
static bool code_in_section(struct sym_module *m, uint64_t vaddr, unsigned char *code)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr s;

	while ((scn = elf_nextscn(m->elf, scn)))
		if (gelf_getshdr(scn, &s) && s.sh_flags & SHF_EXECINSTR &&
		    s.sh_type == SHT_PROGBITS && vaddr - s.sh_addr < s.sh_size)
			return code_in_file(m, s.sh_offset + (vaddr - s.sh_addr), code);
	return false;
}

static bool code_at(struct sym_module *m, uint64_t vaddr, unsigned char *code)
{
	if (m->relocatable)
		return code_in_section(m, vaddr, code);
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct sym_segment *s = &m->segments[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->file_bytes &&
		    s->file_bytes - (vaddr - s->vaddr) >= CODE_BYTES &&
		    code_in_file(m, s->offset + (vaddr - s->vaddr), code))
			return true;
	}
	return false;
}

/*
 * Length of an instruction that compilers put between call and store: the next
 * call's arguments, mov %rax,%reg, test %rax,%rax.  0: another one.
 */
static size_t harmless(const unsigned char *code)
{
	if (code[0] >= 0xb9 && code[0] <= 0xbf)
		return 5;		/* mov $imm,%reg */
	if (code[0] == 0x31 && code[1] >= 0xc0 && code[1] & 7)
		return 2;		/* xor %reg,%reg */
	if ((code[0] & 0xfe) == 0x48 && ((code[1] == 0x85 && code[2] == 0xc0) ||
					 (code[1] == 0x89 && (code[2] & 0xf8) == 0xc0)))
		return 3;
	return 0;
}

static int32_t displacement(const unsigned char *p, bool wide)
{
	int32_t n = (int8_t)*p;

	if (wide)
		memcpy(&n, p, sizeof(n));
	return n;
}

/* The frame base in terms of %rbp, as unoptimised code has it. */
static bool frame_base(Dwarf_Die *function, int64_t *base)
{
	Dwarf_Op op;

	if (!one_operation(function, DW_AT_frame_base, &op))
		return false;
	*base = op.atom == DW_OP_call_frame_cfa ? 16 : 0;
	return op.atom == DW_OP_call_frame_cfa || op.atom == DW_OP_reg6 ||
	       (op.atom == DW_OP_breg6 && !op.number);
}

static void stored_at(struct search *s, uint64_t vaddr)
{
	struct sym_variable v;

	if (sym_variable(s->module, vaddr, &v) && v.vaddr == vaddr && v.type)
		decide(s->site, v.type);
}

/* The member of t that is a pointer at offset: what it points to is allocated. */
static void stored_in_member(struct search *s, struct sym_type *t, uint64_t offset)
{
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		size_t i;

		sym_type_open(t);
		for (i = 0; i < t->n_members; i++)
			if (offset - t->members[i].offset < t->members[i].bytes)
				break;
		if (t->kind != SYM_STRUCT || i == t->n_members)
			return;
		offset -= t->members[i].offset;
		t = t->members[i].type;
		if (!offset && t->kind == SYM_OPAQUE) {
			decide(s->site, t);
			return;
		}
	}
}

/* mov %rax,8(%rbx): into a struct that a variable in %rbx points to. */
static void follow_store(struct search *s, const unsigned char *code, const Dwarf_Die *functions,
			 unsigned n)
{
	static const unsigned char dwarf_number[] = { 0, 2, 1, 3, 7, 6, 4, 5 };
	unsigned rm = code[2] & 7, mod = code[2] >> 6;

	if ((code[0] & 0xfe) != 0x48 || code[1] != 0x89 || code[2] & 0x38 || rm == 4 || mod == 3 ||
	    (mod == 0 && rm == 5))
		return;
	s->reg = code[0] & 1 ? 8 + rm : dwarf_number[rm];
	s->visit = holder_is;
	for (unsigned i = 0; i < n && !s->holder; i++)
		search(s, (Dwarf_Die *)&functions[i], 0);
	if (s->holder)
		stored_in_member(s, s->holder, mod == 0 ? 0 :
				 (uint64_t)(int64_t)displacement(code + 3, mod == 2));
}

/* The result goes into a variable: mov %rax,x(%rip), mov %rax,x or mov %rax,-8(%rbp). */
static void follow_stores(struct search *s, const unsigned char *code, uint64_t pc,
			  Dwarf_Die *functions, unsigned n)
{
	int64_t base;

	follow_store(s, code, functions, n);
	if (s->site->decided || code[0] != 0x48 || code[1] != 0x89)
		return;
	if (code[2] == 0x05) {
		stored_at(s, pc + 7 + (uint64_t)displacement(code + 3, true));
	} else if (code[2] == 0x04 && code[3] == 0x25) {
		stored_at(s, (uint64_t)displacement(code + 4, true));
	} else if ((code[2] == 0x45 || code[2] == 0x85) && frame_base(&functions[n - 1], &base)) {
		s->slot = displacement(code + 3, code[2] == 0x85) - base;
		s->visit = stored_there;
		search(s, &functions[n - 1], 0);
	}
}

/*
 * Optimised code: the result is a variable as long as it is in %rax, though
 * DWARF may say so only from the next instruction on; or there is a store.
 */
static void follow_result(struct search *s, Dwarf_Die *functions, unsigned n)
{
	unsigned char code[CODE_BYTES];
	uint64_t pc = s->pc;
	size_t at = 0, bytes = 1;

	if (!code_at(s->module, pc, code))
		return;
	for (; bytes && at < CODE_BYTES - 10 && !s->site->decided; at += bytes) {
		s->pc = pc + at;
		s->visit = result_is;
		for (unsigned i = 0; i < n && !s->site->decided; i++)
			search(s, &functions[i], 0);
		bytes = harmless(code + at);
	}
	if (!s->site->decided)
		follow_stores(s, code + at, pc + at, functions, n);
	s->pc = pc;
}

/* ---- sites ------------------------------------------------------------- */

/* The line of the call, and those of the calls of what is inlined around it. */
static void search_lines(struct search *s, Dwarf_Die *functions, unsigned n)
{
	struct sym_frame frames[SYM_FRAMES_MAX];
	uint64_t base;
	unsigned n_frames = sym_frames(s->module, s->pc - 1, true, frames, &base);

	s->visit = declared_there;
	for (unsigned i = 0; i < n && i < n_frames && !s->site->decided; i++) {
		s->line = frames[i].line;
		if (s->line)
			search(s, &functions[i], 0);
	}
}

static void read_site(struct sym_module *m, uint64_t pc, struct site *site)
{
	Dwarf_Die functions[INLINES_MAX];
	unsigned n = sym_function_dies(m, pc - 1, functions, INLINES_MAX);
	struct search s = { .module = m, .site = site, .pc = pc };

	if (!n)
		return;
	search_lines(&s, functions, n);
	if (!site->decided)
		follow_result(&s, functions, n);
	if (site->decided)
		return;
	s.visit = known_there;
	for (unsigned i = 0; i < n; i++) {
		reachable(&s, sym_type_of(m, &functions[i]));
		search(&s, &functions[i], 0);
	}
}

static struct site *site_at(struct sym_module *m, uint64_t pc)
{
	struct sites *sites = m->sites;
	uint64_t *p;

	if (!sites)
		m->sites = sites = mt_xcalloc(1, sizeof(*sites));
	p = mt_xtable_put(&sites->by_pc, pc);
	if (!*p) {
		struct site *site = mt_xcalloc(1, sizeof(*site));

		read_site(m, pc, site);
		*p = (uintptr_t)site;
	}
	return (struct site *)(uintptr_t)*p;
}

/* What is assigned may be an array; of a rounded block we do not know how long. */
static struct sym_type *if_fits(struct sym_type *t, uint64_t bytes, bool rounded)
{
	if (bytes < t->bytes)
		return NULL;
	if (rounded || bytes % t->bytes == 0 || sym_type_flexible(t))
		return t;
	return NULL;
}

struct sym_type *sym_site_type(struct sym_module *m, uint64_t pc, uint64_t bytes, bool rounded)
{
	struct site *site = site_at(m, pc);
	struct sym_type *found = NULL;

	if (site->decided)
		return site->n ? if_fits(site->types[0], bytes, rounded) : NULL;
	for (size_t i = 0; i < site->n && bytes >= TELLING_BYTES && !rounded; i++) {
		if (site->types[i]->bytes != bytes)
			continue;
		if (found)
			return NULL;
		found = site->types[i];
	}
	return found;
}
