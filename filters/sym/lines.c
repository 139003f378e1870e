/* SPDX-License-Identifier: MIT */
/*
 * Source places of code.  Asking libdw for the scopes of each pc scans a whole
 * unit each time; instead a unit is walked once, when the first pc falls into
 * it, and its functions and inlined calls become a flat sorted array.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "dies.h"
#include "linetable.h"
#include "spans.h"
#include "sym.h"

/* A function, or a call that was inlined. */
struct node {
	Dwarf_Off offset;		/* of its DIE */
	const char *name;		/* NULL: not looked up yet */
	uint32_t parent;		/* in which it was inlined; SYM_NO_SPAN: a real function */
};

struct unit {
	Dwarf_Die die;
	struct sym_line_table *lines;	/* or NULL */
	struct node *nodes;
	size_t n_nodes, room_nodes;
	struct sym_spans spans;		/* of nodes */
	bool mangles;			/* linkage names differ from names in its language */
};

struct sym_lines {
	Dwarf *dwarf;
	Dwarf_Aranges *aranges;
	const Elf_Data *old_ranges, *ranges;	/* .debug_ranges, .debug_rnglists */
	struct sym_spans spans;		/* units without aranges: index into offsets */
	Dwarf_Off *offsets;		/* of the DIEs of those units */
	size_t n_offsets, room_offsets;
	bool scanned;			/* spans is there */
	struct mt_table unit_of;	/* offset of the unit's DIE -> index + 1 */
	struct mt_table tables;		/* offset of a line table -> the table: units may share it */
	struct unit **units;
	size_t n_units, room_units;
	uint64_t ranges_left;		/* address ranges that a file of this size can hold */
};

struct walk {
	struct sym_module *module;
	struct unit *unit;
	Dwarf_Addr base;		/* of its lists of ranges */
};

static const char damage[] = "damaged DWARF: some source lines are not known";

/* ---- ranges ------------------------------------------------------------ */

/*
 * Many DIEs that share one long list of ranges would cost the square of the
 * file's size: a hostile file.
 */
static bool add_range(struct sym_module *m, struct sym_spans *spans, uint64_t start, uint64_t end,
		      uint32_t id)
{
	if (!m->lines->ranges_left) {
		sym_damaged(m, damage);
		return false;
	}
	m->lines->ranges_left--;
	sym_spans_add(spans, start, end, id);
	return true;
}

/* The address ranges of any DIE, as libdw sees them. */
static void add_ranges(struct sym_module *m, struct sym_spans *spans, Dwarf_Die *die, uint32_t id)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
		if (!add_range(m, spans, start, end, id))
			return;
}

/* ---- one unit ---------------------------------------------------------- */

static bool node_range(void *arg, uint64_t start, uint64_t end)
{
	struct walk *w = arg;

	return add_range(w->module, &w->unit->spans, start, end, (uint32_t)w->unit->n_nodes - 1);
}

static uint32_t add_node(void *arg, const struct sym_code *code)
{
	struct walk *w = arg;
	struct sym_lines *l = w->module->lines;
	struct unit *u = w->unit;
	uint32_t id = (uint32_t)u->n_nodes;
	bool inlined = code->tag == DW_TAG_inlined_subroutine;
	Dwarf_Die die;

	u->nodes = mt_xgrow(u->nodes, u->n_nodes, &u->room_nodes, sizeof(*u->nodes));
	u->nodes[u->n_nodes++] = (struct node){ .offset = code->offset,
		.parent = inlined ? code->parent : SYM_NO_SPAN };
	if (code->simple)
		sym_spans_add(&u->spans, code->start, code->end, id);
	else if (code->ranges != UINT64_MAX &&
		 sym_range_list(code->version < 5 ? l->old_ranges : l->ranges, code, w->base,
				node_range, w))
		return id;
	else if (code->has_code && dwarf_offdie(l->dwarf, code->offset, &die))
		add_ranges(w->module, &u->spans, &die, id);
	return id;
}

static bool language_mangles(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_Mips_Assembler:
		return false;
	default:
		return true;
	}
}

static const char *string_attr(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;

	/* follows abstract origins and specifications, at most 16 */
	return dwarf_attr_integrate(die, name, &attr) ? dwarf_formstring(&attr) : NULL;
}

static struct sym_line_table *load_table(struct sym_module *m, Dwarf_Die *unit)
{
	Dwarf_Attribute attr;
	Dwarf_Word offset;
	uint64_t *table;
	bool damaged;

	if (!dwarf_attr(unit, DW_AT_stmt_list, &attr) || dwarf_formudata(&attr, &offset) < 0)
		return NULL;
	table = mt_xtable_put(&m->lines->tables, offset);
	if (!*table) {
		*table = (uintptr_t)sym_line_table(m->lines->dwarf, unit, offset, &damaged);
		if (damaged)
			sym_damaged(m, damage);
	}
	return (struct sym_line_table *)(uintptr_t)*table;
}

static struct unit *load_unit(struct sym_module *m, Dwarf_Off offset)
{
	struct sym_lines *l = m->lines;
	struct unit *u = mt_xcalloc(1, sizeof(*u));
	struct walk w = { m, u, 0 };

	l->units = mt_xgrow(l->units, l->n_units, &l->room_units, sizeof(*l->units));
	l->units[l->n_units++] = u;
	*mt_xtable_put(&l->unit_of, offset) = l->n_units;
	if (!dwarf_offdie(l->dwarf, offset, &u->die)) {
		sym_damaged(m, damage);
		return u;
	}
	u->mangles = language_mangles(&u->die);
	u->lines = load_table(m, &u->die);
	if (dwarf_lowpc(&u->die, &w.base) < 0)
		w.base = 0;
	if (!sym_walk_code(l->dwarf, &u->die, add_node, &w))
		sym_damaged(m, damage);
	sym_spans_build(&u->spans);
	return u;
}

/* ---- which unit -------------------------------------------------------- */

/* clang writes no .debug_aranges: ask each unit for its ranges, once. */
static void scan_units(struct sym_module *m)
{
	struct sym_lines *l = m->lines;
	Dwarf_Off offset = 0, next;
	size_t header;

	l->scanned = true;
	while (dwarf_nextcu(l->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
		Dwarf_Die die;

		if (dwarf_offdie(l->dwarf, offset + header, &die)) {
			add_ranges(m, &l->spans, &die, (uint32_t)l->n_offsets);
			l->offsets = mt_xgrow(l->offsets, l->n_offsets, &l->room_offsets,
					      sizeof(*l->offsets));
			l->offsets[l->n_offsets++] = offset + header;
		}
		if (next <= offset)
			break;
		offset = next;
	}
	sym_spans_build(&l->spans);
}

static struct unit *find_unit(struct sym_module *m, uint64_t vaddr)
{
	struct sym_lines *l = m->lines;
	Dwarf_Arange *range = l->aranges ? dwarf_getarange_addr(l->aranges, vaddr) : NULL;
	const uint64_t *known;
	Dwarf_Off offset;

	if (!range || dwarf_getarangeinfo(range, NULL, NULL, &offset) < 0) {
		uint32_t id;

		if (!l->scanned)
			scan_units(m);
		id = sym_spans_find(&l->spans, vaddr);
		if (id == SYM_NO_SPAN)
			return NULL;
		offset = l->offsets[id];
	}
	known = mt_table_get(&l->unit_of, offset);
	return known ? l->units[*known - 1] : load_unit(m, offset);
}

/* ---- one place --------------------------------------------------------- */

static void source_line(struct unit *u, uint64_t vaddr, struct sym_frame *frame)
{
	const struct sym_row *row = u->lines ? sym_line_row(u->lines, vaddr) : NULL;

	if (!row)
		return;
	frame->file = sym_line_path(u->lines, row->file);
	frame->line = row->line;
}

static void call_site(struct unit *u, Dwarf_Die *die, struct sym_frame *frame)
{
	Dwarf_Attribute attr;
	Dwarf_Word number;

	if (u->lines && dwarf_attr(die, DW_AT_call_file, &attr) &&
	    dwarf_formudata(&attr, &number) == 0)
		frame->file = sym_line_path(u->lines, number);
	if (dwarf_attr(die, DW_AT_call_line, &attr) && dwarf_formudata(&attr, &number) == 0)
		frame->line = (uint32_t)number;
}

/*
 * C++ functions without a linkage name in DWARF have one in the symbol table,
 * where they start; elsewhere may stand that of a part (f.cold).
 */
static const char *symbol_at_start(struct sym_module *m, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	const char *name;
	uint64_t at = 0;

	if (dwarf_ranges(die, 0, &base, &start, &end) <= 0)
		return NULL;
	name = sym_function(m, start, &at);
	return at == start ? name : NULL;
}

static const char *node_name(struct sym_module *m, struct unit *u, struct node *n, Dwarf_Die *die)
{
	bool inlined = n->parent != SYM_NO_SPAN;

	if (!n->name)
		n->name = string_attr(die, DW_AT_linkage_name);
	if (!n->name)
		n->name = string_attr(die, DW_AT_MIPS_linkage_name);
	if (!n->name && u->mangles && !inlined)
		n->name = symbol_at_start(m, die);
	if (!n->name)
		n->name = string_attr(die, DW_AT_name);
	if (!n->name)
		n->name = "";
	return n->name;
}

static unsigned unit_frames(struct sym_module *m, struct unit *u, uint64_t vaddr, bool inlines,
			    struct sym_frame *frames)
{
	uint32_t id = sym_spans_find(&u->spans, vaddr);
	unsigned n = 0;

	source_line(u, vaddr, &frames[0]);
	while (id != SYM_NO_SPAN) {
		struct node *node = &u->nodes[id];
		Dwarf_Die die;

		if (!dwarf_offdie(m->lines->dwarf, node->offset, &die))
			break;
		frames[n++].function = node_name(m, u, node, &die);
		id = node->parent;
		if (id == SYM_NO_SPAN || n == SYM_FRAMES_MAX || !inlines)
			break;
		frames[n] = (struct sym_frame){ "", "", 0 };
		call_site(u, &die, &frames[n]);
	}
	return n;
}

static void open_lines(struct sym_module *m)
{
	struct sym_lines *l = m->lines = mt_xcalloc(1, sizeof(*l));

	l->dwarf = sym_dwarf(m);
	/* at least two bytes each, but sections may be compressed */
	l->ranges_left = 4 * (m->bytes + (m->debug ? m->debug->bytes : 0)) + (1 << 20);
	if (!l->dwarf)
		return;
	l->old_ranges = sym_dwarf_section(l->dwarf, ".debug_ranges");
	l->ranges = sym_dwarf_section(l->dwarf, ".debug_rnglists");
	if (dwarf_getaranges(l->dwarf, &l->aranges, NULL) < 0)
		l->aranges = NULL;
}

unsigned sym_frames(struct sym_module *m, uint64_t vaddr, bool inlines, struct sym_frame *frames,
		    uint64_t *base)
{
	const char *symbol;
	struct unit *u;
	unsigned n = 0;

	*base = 0;
	symbol = sym_function(m, vaddr, base);
	if (!m->lines)
		open_lines(m);
	frames[0] = (struct sym_frame){ symbol ? symbol : "", "", 0 };
	u = m->lines->dwarf ? find_unit(m, vaddr) : NULL;
	if (u)
		n = unit_frames(m, u, vaddr, inlines, frames);
	return n ? n : 1;
}

unsigned sym_function_dies(struct sym_module *m, uint64_t vaddr, Dwarf_Die *dies, unsigned room)
{
	struct unit *u;
	uint32_t id;
	unsigned n = 0;

	if (!m->lines)
		open_lines(m);
	u = m->lines->dwarf ? find_unit(m, vaddr) : NULL;
	id = u ? sym_spans_find(&u->spans, vaddr) : SYM_NO_SPAN;
	for (; id != SYM_NO_SPAN && n < room; id = u->nodes[id].parent)
		if (dwarf_offdie(m->lines->dwarf, u->nodes[id].offset, &dies[n]))
			n++;
	return n;
}
