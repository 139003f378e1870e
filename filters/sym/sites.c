/* SPDX-License-Identifier: MIT */
/*
 * What a call of an allocator allocates.  DWARF does not say it, but the code
 * around the call does in most cases: in the order of trust, the pointer that
 * the line of the call declares, the variable that the result goes into, and
 * the types that the function has pointers to, told apart by their size.
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

static bool code_at(struct sym_module *m, uint64_t vaddr, unsigned char *code)
{
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct sym_segment *s = &m->segments[i];
		Elf_Data *data;

		if (vaddr < s->vaddr || vaddr - s->vaddr >= s->file_bytes ||
		    s->file_bytes - (vaddr - s->vaddr) < CODE_BYTES)
			continue;
		data = elf_getdata_rawchunk(m->elf, (int64_t)(s->offset + (vaddr - s->vaddr)),
					    CODE_BYTES, ELF_T_BYTE);
		if (data && data->d_size == CODE_BYTES) {
			memcpy(code, data->d_buf, CODE_BYTES);
			return true;
		}
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

static size_t skip_code(const unsigned char *code)
{
	size_t at = 0, n;

	while (at < CODE_BYTES - 10 && (n = harmless(code + at)))
		at += n;
	return at;
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

/* The result goes into a variable: mov %rax,x(%rip), mov %rax,x or mov %rax,-8(%rbp). */
static void follow_result(struct search *s, uint64_t pc, Dwarf_Die *function)
{
	unsigned char code[CODE_BYTES];
	size_t at;
	int64_t base;

	if (!code_at(s->module, pc, code))
		return;
	at = skip_code(code);
	if (code[at] != 0x48 || code[at + 1] != 0x89)
		return;
	if (code[at + 2] == 0x05) {
		stored_at(s, pc + at + 7 + (uint64_t)displacement(code + at + 3, true));
	} else if (code[at + 2] == 0x04 && code[at + 3] == 0x25) {
		stored_at(s, (uint64_t)displacement(code + at + 4, true));
	} else if ((code[at + 2] == 0x45 || code[at + 2] == 0x85) && frame_base(function, &base)) {
		s->slot = displacement(code + at + 3, code[at + 2] == 0x85) - base;
		s->visit = stored_there;
		search(s, function, 0);
	}
}

/* ---- sites ------------------------------------------------------------- */

static void read_site(struct sym_module *m, uint64_t pc, struct site *site)
{
	Dwarf_Die functions[INLINES_MAX];
	struct sym_frame frames[SYM_FRAMES_MAX];
	unsigned n = sym_function_dies(m, pc - 1, functions, INLINES_MAX);
	uint64_t base;
	struct search s = { .module = m, .site = site, .visit = declared_there };

	if (!n)
		return;
	sym_frames(m, pc - 1, false, frames, &base);
	s.line = frames[0].line;
	if (s.line)
		search(&s, &functions[0], 0);
	if (!site->decided)
		follow_result(&s, pc, &functions[n - 1]);
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

struct sym_type *sym_site_type(struct sym_module *m, uint64_t pc, uint64_t bytes)
{
	struct site *site = site_at(m, pc);
	struct sym_type *found = NULL;

	if (site->decided) {
		found = site->n ? site->types[0] : NULL;
		if (found && (bytes < found->bytes ||
			      (bytes % found->bytes && !sym_type_flexible(found))))
			found = NULL;
		return found;
	}
	for (size_t i = 0; i < site->n && bytes >= TELLING_BYTES; i++) {
		if (site->types[i]->bytes != bytes)
			continue;
		if (found)
			return NULL;
		found = site->types[i];
	}
	return found;
}
