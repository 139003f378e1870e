/* SPDX-License-Identifier: MIT */
/* The line table of a unit. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "bytes.h"
#include "dies.h"
#include "linetable.h"

/* A line number program and what it runs on. */
struct program {
	struct sym_bytes b;
	struct sym_line_table *t;
	const Elf_Data *strings, *line_strings;
	const unsigned char *lengths;	/* arguments of the standard opcodes, from 1 */
	unsigned version, min_bytes, range, opcode_base;
	int base;
	uint64_t addr, file, line;	/* registers */
	size_t first;			/* row of the sequence */
};

/* ---- header ------------------------------------------------------------ */

static const char *string_at(const Elf_Data *d, uint64_t offset)
{
	if (!d || offset >= d->d_size ||
	    !memchr((char *)d->d_buf + offset, 0, d->d_size - offset))
		return "";
	return (const char *)d->d_buf + offset;
}

static void add_dir(struct sym_line_table *t, const char *name)
{
	t->dirs = mt_xgrow(t->dirs, t->n_dirs, &t->room_dirs, sizeof(*t->dirs));
	t->dirs[t->n_dirs++] = name;
}

static void add_file(struct sym_line_table *t, const char *name, uint64_t dir)
{
	t->files = mt_xgrow(t->files, t->n_files, &t->room_files, sizeof(*t->files));
	t->files[t->n_files++] = (struct sym_line_file){ name, NULL, dir };
}

/* DWARF 2 to 4: directory 0 is the unit's, and files count from 1. */
static void old_tables(struct program *p)
{
	const char *name;

	add_dir(p->t, "");
	while ((name = sym_string(&p->b)) && *name)
		add_dir(p->t, name);
	add_file(p->t, "", 0);
	while ((name = sym_string(&p->b)) && *name) {
		uint64_t dir = sym_leb(&p->b);

		sym_leb(&p->b);
		sym_leb(&p->b);
		add_file(p->t, name, dir);
	}
}

static const char *read_name(struct program *p, unsigned form)
{
	const char *s;

	switch (form) {
	case DW_FORM_string:
		s = sym_string(&p->b);
		return s ? s : "";
	case DW_FORM_line_strp:
		return string_at(p->line_strings, sym_fixed(&p->b, p->b.offset_bytes));
	case DW_FORM_strp:
		return string_at(p->strings, sym_fixed(&p->b, p->b.offset_bytes));
	default:
		sym_skip_sort(&p->b, sym_form_sort(form));
		return "";
	}
}

/* DWARF 5 describes the entries of each of its two tables. */
static void new_table(struct program *p, bool dirs)
{
	struct { uint64_t content, form; } formats[256];
	unsigned n = (unsigned)sym_fixed(&p->b, 1);
	uint64_t entries;

	for (unsigned i = 0; i < n; i++) {
		formats[i].content = sym_leb(&p->b);
		formats[i].form = sym_leb(&p->b);
	}
	entries = sym_leb(&p->b);
	for (; entries && !p->b.damaged && n; entries--) {
		const unsigned char *from = p->b.p;
		const char *name = "";
		uint64_t dir = 0;

		for (unsigned i = 0; i < n; i++) {
			unsigned form = (unsigned)formats[i].form, sort = sym_form_sort(form);

			if (formats[i].content == DW_LNCT_path)
				name = read_name(p, form);
			else if (formats[i].content == DW_LNCT_directory_index)
				dir = sort == SYM_LEB ? sym_leb(&p->b) :
					sym_fixed(&p->b, sym_fixed_bytes(&p->b, sort));
			else
				sym_skip_sort(&p->b, sort);
		}
		if (p->b.p == from)	/* entries of no bytes: any number of them */
			p->b.damaged = true;
		if (dirs)
			add_dir(p->t, name);
		else
			add_file(p->t, name, dir);
	}
}

/* Leaves b at the opcodes. */
static bool read_header(struct program *p)
{
	struct sym_bytes *b = &p->b;
	uint64_t length = sym_fixed(b, 4);
	const unsigned char *opcodes;

	b->offset_bytes = length == 0xffffffff ? 8 : 4;
	if (b->offset_bytes == 8)
		length = sym_fixed(b, 8);
	if (length > (uint64_t)(b->end - b->p))
		return false;
	b->end = b->p + length;
	p->version = (unsigned)sym_fixed(b, 2);
	if (p->version < 2 || p->version > 5)
		return false;
	if (p->version == 5) {
		b->address_bytes = (uint8_t)sym_fixed(b, 1);
		sym_skip(b, 1);
	}
	length = sym_fixed(b, b->offset_bytes);
	if (length > (uint64_t)(b->end - b->p))
		return false;
	opcodes = b->p + length;
	p->min_bytes = (unsigned)sym_fixed(b, 1);
	sym_skip(b, p->version >= 4 ? 2 : 1);	/* no VLIW here; rows that are no statements count */
	p->base = (int8_t)sym_fixed(b, 1);
	p->range = (unsigned)sym_fixed(b, 1);
	p->opcode_base = (unsigned)sym_fixed(b, 1);
	p->lengths = b->p;
	sym_skip(b, p->opcode_base ? p->opcode_base - 1 : 0);
	if (p->version < 5) {
		old_tables(p);
	} else {
		new_table(p, true);
		new_table(p, false);
	}
	b->p = opcodes;
	return !b->damaged && p->opcode_base && p->range;
}

/* ---- rows -------------------------------------------------------------- */

static void add_row(struct program *p)
{
	struct sym_line_table *t = p->t;

	t->rows = mt_xgrow(t->rows, t->n_rows, &t->room_rows, sizeof(*t->rows));
	t->rows[t->n_rows++] = (struct sym_row){ p->addr, (uint32_t)p->line, (uint32_t)p->file };
}

static void start_sequence(struct program *p)
{
	p->addr = 0;
	p->file = p->line = 1;
	p->first = p->t->n_rows;
}

static void end_sequence(struct program *p)
{
	struct sym_line_table *t = p->t;
	uint64_t start;

	add_row(p);
	start = t->rows[p->first].addr;
	if (p->addr > start) {
		t->sequences = mt_xgrow(t->sequences, t->n_sequences, &t->room_sequences,
					sizeof(*t->sequences));
		t->sequences[t->n_sequences++] = (struct sym_sequence){
			start, p->addr, p->first, t->n_rows - p->first };
	}
	start_sequence(p);
}

static void extended(struct program *p)
{
	struct sym_bytes *b = &p->b;
	uint64_t length = sym_leb(b);
	const unsigned char *next;

	if (!length || length > (uint64_t)(b->end - b->p)) {
		b->damaged = true;
		return;
	}
	next = b->p + length;
	switch (sym_fixed(b, 1)) {
	case DW_LNE_end_sequence:
		end_sequence(p);
		break;
	case DW_LNE_set_address:
		p->addr = sym_fixed(b, (unsigned)(length - 1 <= 8 ? length - 1 : 0));
		break;
	case DW_LNE_define_file: {
		const char *name = sym_string(b);

		add_file(p->t, name ? name : "", sym_leb(b));
		break;
	}
	}
	b->p = next;
}

static void standard(struct program *p, unsigned op)
{
	struct sym_bytes *b = &p->b;

	switch (op) {
	case DW_LNS_copy:
		add_row(p);
		break;
	case DW_LNS_advance_pc:
		p->addr += sym_leb(b) * p->min_bytes;
		break;
	case DW_LNS_advance_line:
		p->line += (uint64_t)sym_sleb(b);
		break;
	case DW_LNS_set_file:
		p->file = sym_leb(b);
		break;
	case DW_LNS_const_add_pc:
		p->addr += (255 - p->opcode_base) / p->range * p->min_bytes;
		break;
	case DW_LNS_fixed_advance_pc:
		p->addr += sym_fixed(b, 2);
		break;
	default:			/* changes nothing that is wanted here */
		for (unsigned n = p->lengths[op - 1]; n; n--)
			sym_leb(b);
	}
}

static void run(struct program *p)
{
	start_sequence(p);
	while (p->b.p < p->b.end && !p->b.damaged) {
		unsigned op = *p->b.p++;

		if (op >= p->opcode_base) {
			op -= p->opcode_base;
			p->addr += op / p->range * p->min_bytes;
			p->line += (uint64_t)(int64_t)(p->base + (int)(op % p->range));
			add_row(p);
		} else if (op) {
			standard(p, op);
		} else {
			extended(p);
		}
	}
}

static int by_start(const void *x, const void *y)
{
	const struct sym_sequence *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

struct sym_line_table *sym_line_table(Dwarf *dwarf, Dwarf_Die *unit, uint64_t offset,
				      bool *damaged)
{
	struct sym_line_table *t = mt_xcalloc(1, sizeof(*t));
	const Elf_Data *data = sym_dwarf_section(dwarf, ".debug_line");
	struct program p = { .t = t };
	Dwarf_Attribute attr;

	*damaged = true;
	if (!data || !data->d_buf || offset > data->d_size)
		return t;
	p.b.p = (const unsigned char *)data->d_buf + offset;
	p.b.end = (const unsigned char *)data->d_buf + data->d_size;
	p.strings = sym_dwarf_section(dwarf, ".debug_str");
	p.line_strings = sym_dwarf_section(dwarf, ".debug_line_str");
	t->comp_dir = dwarf_attr(unit, DW_AT_comp_dir, &attr) ? dwarf_formstring(&attr) : NULL;
	*damaged = !read_header(&p);
	if (*damaged)
		return t;
	run(&p);
	*damaged = p.b.damaged;
	if (t->n_sequences)
		qsort(t->sequences, t->n_sequences, sizeof(*t->sequences), by_start);
	return t;
}

/* ---- look-up ----------------------------------------------------------- */

const struct sym_row *sym_line_row(const struct sym_line_table *t, uint64_t vaddr)
{
	size_t low = 0, high = t->n_sequences;
	const struct sym_sequence *s;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->sequences[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || t->sequences[low - 1].end <= vaddr)
		return NULL;
	s = &t->sequences[low - 1];
	low = s->first;			/* its row does not lie above vaddr */
	high = s->first + s->n - 1;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (t->rows[middle].addr <= vaddr)
			low = middle;
		else
			high = middle;
	}
	return &t->rows[low];
}

static char *join(const char *a, const char *b, const char *c)
{
	size_t n = strlen(a) + strlen(b) + strlen(c) + 3;
	char *path = mt_xmalloc(n);

	snprintf(path, n, "%s%s%s%s%s", a, *a ? "/" : "", b, *b ? "/" : "", c);
	return path;
}

const char *sym_line_path(struct sym_line_table *t, uint64_t file)
{
	struct sym_line_file *f = file < t->n_files ? &t->files[file] : NULL;
	const char *dir, *base;

	if (!f || !*f->name)
		return "";
	if (!f->path) {
		dir = *f->name != '/' && f->dir < t->n_dirs ? t->dirs[f->dir] : "";
		base = *f->name != '/' && *dir != '/' && t->comp_dir ? t->comp_dir : "";
		f->path = join(base, dir, f->name);
	}
	return f->path;
}
