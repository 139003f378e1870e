/* SPDX-License-Identifier: MIT */
/* One pass over the DIEs of a unit in search of code. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "bytes.h"
#include "dies.h"

struct abbrev {
	uint32_t first, n;		/* attributes, in forms */
	uint32_t bytes;			/* of all attributes together; 0: depends on the values */
	uint16_t tag;
	bool children, known;
	bool sibling;			/* a type that tells where its subtree ends */
};

struct form { uint16_t attr; uint8_t sort, bytes; };	/* bytes: 0: depends on the value */

/* A unit being walked. */
struct dies {
	struct sym_bytes bytes;
	const unsigned char *unit;
	uint16_t version;
	struct abbrev *abbrevs;		/* by code, from 1: producers number them so */
	size_t n_abbrevs, room_abbrevs;
	struct form *forms;
	size_t n_forms, room_forms;
};

/* Codes are dense in all real files; a table by code must not be made huge. */
#define MAX_ABBREVS (1u << 20)

/* ---- abbreviations ----------------------------------------------------- */

static inline void skip_form(struct dies *d, const struct form *f)
{
	if (f->bytes)
		sym_skip(&d->bytes, f->bytes);
	else
		sym_skip_sort(&d->bytes, f->sort);
}

static bool is_type(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type ||
	       tag == DW_TAG_subroutine_type || tag == DW_TAG_array_type;
}

static void load_abbrev(struct dies *d, Dwarf_Abbrev *from)
{
	struct abbrev *a;
	unsigned code = dwarf_getabbrevcode(from);
	bool fixed = true;

	if (code >= MAX_ABBREVS)
		return;
	while (code >= d->n_abbrevs) {
		d->abbrevs = mt_xgrow(d->abbrevs, d->n_abbrevs, &d->room_abbrevs,
				      sizeof(*d->abbrevs));
		d->abbrevs[d->n_abbrevs++] = (struct abbrev){ 0 };
	}
	a = &d->abbrevs[code];
	*a = (struct abbrev){ .first = (uint32_t)d->n_forms, .known = true,
			      .tag = (uint16_t)dwarf_getabbrevtag(from),
			      .children = dwarf_abbrevhaschildren(from) > 0 };
	/* dwarf_getattrcnt() of 0.188 miscounts when there are implicit constants */
	for (size_t i = 0; ; i++) {
		unsigned attr, form, sort, bytes;

		if (dwarf_getabbrevattr_data(from, i, &attr, &form, NULL, NULL) < 0)
			break;
		d->forms = mt_xgrow(d->forms, d->n_forms, &d->room_forms, sizeof(*d->forms));
		sort = sym_form_sort(form);
		bytes = sym_fixed_bytes(&d->bytes, sort);
		d->forms[d->n_forms++] = (struct form){ (uint16_t)attr, (uint8_t)sort, (uint8_t)bytes };
		a->n++;
		fixed &= bytes || sort == SYM_NOTHING;
		a->bytes += bytes;
		a->sibling |= attr == DW_AT_sibling && form == DW_FORM_ref4 && is_type(a->tag);
	}
	if (!fixed)
		a->bytes = 0;
}

static void load_abbrevs(struct dies *d, Dwarf_Die *unit)
{
	size_t offset = 0, length;

	for (;; offset += length) {
		Dwarf_Abbrev *a = dwarf_getabbrev(unit, offset, &length);

		if (!a || a == DWARF_END_ABBREV)
			return;
		load_abbrev(d, a);
	}
}

/* ---- the walk ---------------------------------------------------------- */

static bool is_code(unsigned tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* Attributes of a DIE with code: where it starts and ends, if that is plain. */
static void read_code(struct dies *d, const struct abbrev *a, struct sym_code *code)
{
	const struct form *f = d->forms + a->first, *end = f + a->n;
	unsigned low = 0, high = 0;

	for (; f < end; f++) {
		if (f->attr == DW_AT_low_pc && f->sort == SYM_ADDRESS) {
			code->start = sym_fixed(&d->bytes, d->bytes.address_bytes);
			low++;
		} else if (f->attr == DW_AT_high_pc && f->sort <= 8 && f->sort) {
			code->end = sym_fixed(&d->bytes, f->sort);
			high++;
		} else if (f->attr == DW_AT_ranges && (f->sort == SYM_OFFSET || f->sort == 4)) {
			code->ranges = sym_fixed(&d->bytes, f->sort == 4 ? 4 : d->bytes.offset_bytes);
			code->has_code = true;
		} else {
			code->has_code |= f->attr == DW_AT_low_pc || f->attr == DW_AT_ranges;
			skip_form(d, f);
		}
	}
	code->simple = low == 1 && high == 1 && !code->has_code;
	code->has_code |= low > 0;
	code->end += code->start;
}

/*
 * A class holds no code, but most DIEs of C++: bodies of its member functions
 * stand outside of it, unless it is local to a function.  So step over it if
 * the producer says how far.
 */
static void skip_subtree(struct dies *d, const struct abbrev *a)
{
	const struct form *f = d->forms + a->first;
	uint64_t to;

	for (; f->attr != DW_AT_sibling; f++)
		skip_form(d, f);
	to = sym_fixed(&d->bytes, 4);
	if (to <= (uint64_t)(d->bytes.p - d->unit) || to > (uint64_t)(d->bytes.end - d->unit))
		d->bytes.damaged = true;
	else
		d->bytes.p = d->unit + to;
}

static void skip_attributes(struct dies *d, const struct abbrev *a)
{
	const struct form *f = d->forms + a->first, *end = f + a->n;

	if (a->bytes)
		sym_skip(&d->bytes, a->bytes);
	else
		for (; f < end; f++)
			skip_form(d, f);
}

static bool walk(struct dies *d, const unsigned char *section, sym_code_found *found, void *arg)
{
	uint32_t *parents = NULL;	/* of the DIEs that are open */
	size_t depth = 0, room = 0;
	uint32_t parent = SYM_NO_PARENT;

	while (d->bytes.p < d->bytes.end && !d->bytes.damaged) {
		struct sym_code code = { .offset = (Dwarf_Off)(d->bytes.p - section),
			.parent = parent, .ranges = UINT64_MAX, .version = d->version,
			.address_bytes = d->bytes.address_bytes };
		uint64_t number_of = sym_leb(&d->bytes);
		const struct abbrev *a;
		uint32_t id = parent;

		if (!number_of) {	/* the last of its siblings was before */
			if (depth && --depth)
				parent = parents[depth];
			else
				break;
			continue;
		}
		if (number_of >= d->n_abbrevs || !d->abbrevs[number_of].known) {
			d->bytes.damaged = true;
			break;
		}
		a = &d->abbrevs[number_of];
		if (is_code(a->tag)) {
			code.tag = a->tag;
			read_code(d, a, &code);
			id = found(arg, &code);
		} else if (a->sibling && parent == SYM_NO_PARENT) {
			skip_subtree(d, a);
			continue;
		} else {
			skip_attributes(d, a);
		}
		if (!a->children && depth)
			continue;
		parents = mt_xgrow(parents, depth, &room, sizeof(*parents));
		parents[depth++] = parent;
		parent = id;
		if (!a->children)	/* a unit without any */
			break;
	}
	free(parents);
	return !d->bytes.damaged;
}

const Elf_Data *sym_dwarf_section(Dwarf *dwarf, const char *name)
{
	Elf *elf = dwarf_getelf(dwarf);
	Elf_Scn *scn = NULL;
	GElf_Shdr s;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *n = gelf_getshdr(scn, &s) ? elf_strptr(elf, names, s.sh_name) : NULL;

		if (n && s.sh_type != SHT_NOBITS &&
		    (!strcmp(n, name) || (!strncmp(n, ".z", 2) && !strcmp(n + 2, name + 1))))
			return elf_getdata(scn, NULL);
	}
	return NULL;
}

/* ---- lists of ranges --------------------------------------------------- */

/* .debug_ranges, DWARF 3 and 4 */
static bool old_list(struct sym_bytes *b, uint64_t base, sym_range_found *found, void *arg)
{
	while (!b->damaged) {
		uint64_t start = sym_fixed(b, b->address_bytes), end = sym_fixed(b, b->address_bytes);

		if (!start && !end)
			return !b->damaged;
		if (start == UINT64_MAX)
			base = end;
		else if (!found(arg, base + start, base + end))
			return true;
	}
	return false;
}

/* .debug_rnglists, DWARF 5; indices into .debug_addr are left to libdw. */
static bool new_list(struct sym_bytes *b, uint64_t base, sym_range_found *found, void *arg)
{
	uint64_t start, end;

	while (!b->damaged) {
		unsigned kind = (unsigned)sym_fixed(b, 1);

		switch (kind) {
		case DW_RLE_end_of_list:
			return !b->damaged;
		case DW_RLE_base_address:
			base = sym_fixed(b, b->address_bytes);
			continue;
		case DW_RLE_offset_pair:
			start = base + sym_leb(b);
			end = base + sym_leb(b);
			break;
		case DW_RLE_start_end:
			start = sym_fixed(b, b->address_bytes);
			end = sym_fixed(b, b->address_bytes);
			break;
		case DW_RLE_start_length:
			start = sym_fixed(b, b->address_bytes);
			end = start + sym_leb(b);
			break;
		default:
			return false;
		}
		if (!found(arg, start, end))
			return true;
	}
	return false;
}

bool sym_range_list(const Elf_Data *section, const struct sym_code *code, uint64_t base,
		    sym_range_found *found, void *arg)
{
	struct sym_bytes b = { .address_bytes = code->address_bytes };

	if (!section || !section->d_buf || code->ranges >= section->d_size)
		return false;
	b.p = (const unsigned char *)section->d_buf + code->ranges;
	b.end = (const unsigned char *)section->d_buf + section->d_size;
	return code->version < 5 ? old_list(&b, base, found, arg) : new_list(&b, base, found, arg);
}

/* ---- a unit ------------------------------------------------------------ */

bool sym_walk_code(Dwarf *dwarf, Dwarf_Die *unit, sym_code_found *found, void *arg)
{
	Dwarf_Off at = dwarf_dieoffset(unit), start = at - dwarf_cuoffset(unit), next;
	const unsigned char *section = (const unsigned char *)unit->addr - at;
	struct dies d = { .bytes.p = unit->addr, .unit = section + start };
	size_t header;
	bool whole;

	if (dwarf_next_unit(dwarf, start, &next, &header, &d.version, NULL, &d.bytes.address_bytes,
			    &d.bytes.offset_bytes, NULL, NULL) != 0)
		return false;
	d.bytes.ref_addr_bytes = d.version == 2 ? d.bytes.address_bytes : d.bytes.offset_bytes;
	d.bytes.end = section + next;
	load_abbrevs(&d, unit);
	whole = d.n_abbrevs && walk(&d, section, found, arg);
	free(d.abbrevs);
	free(d.forms);
	return whole;
}
