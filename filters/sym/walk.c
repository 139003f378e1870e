/* SPDX-License-Identifier: MIT */
/*
 * Going through DIEs.  libdw checks that what it reads is in the file and that
 * siblings lie ahead; we check the last again, because our ending depends on it.
 */
#include <dwarf.h>
#include <string.h>

#include "walk.h"

#define DEPTH_MAX 64			/* of scopes; real code stays far below */
#define SCOPE_BYTES 256

bool sym_first_child(Dwarf_Die *die, Dwarf_Die *child)
{
	return dwarf_child(die, child) == 0 && (char *)child->addr > (char *)die->addr;
}

bool sym_next_sibling(Dwarf_Die *die)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) != 0 || (char *)next.addr <= (char *)die->addr)
		return false;
	*die = next;
	return true;
}

bool sym_number(Dwarf_Die *die, unsigned name, uint64_t *value)
{
	Dwarf_Attribute attr;
	Dwarf_Word word;

	if (!dwarf_attr_integrate(die, name, &attr) || dwarf_formudata(&attr, &word) < 0)
		return false;
	*value = word;
	return true;
}

bool sym_follow(Dwarf_Die *die, unsigned name, Dwarf_Die *to)
{
	Dwarf_Attribute attr;
	Dwarf_Die target;		/* die may be to */

	if (!dwarf_attr_integrate(die, name, &attr) || !dwarf_formref_die(&attr, &target))
		return false;
	*to = target;
	return true;
}

bool sym_has_scopes(Dwarf_Die *die)
{
	Dwarf_Die unit;
	uint64_t language;

	if (!dwarf_diecu(die, &unit, NULL, NULL) || !sym_number(&unit, DW_AT_language, &language))
		return false;
	return language != DW_LANG_C && language != DW_LANG_C89 && language != DW_LANG_C99 &&
	       language != DW_LANG_C11 && language != DW_LANG_Mips_Assembler;
}

static bool is_scope(const struct sym_walk *w, int tag, bool scopes)
{
	switch (tag) {
	case DW_TAG_namespace:
		return true;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return scopes;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		return w->functions;
	}
	return false;
}

/* Visits the children of die, which are named "scope::NAME". */
static void inside(struct sym_walk *w, Dwarf_Die *die, const char *scope, bool scopes, unsigned depth)
{
	Dwarf_Die child;

	if (depth > DEPTH_MAX || !sym_first_child(die, &child))
		return;
	do {
		int tag = dwarf_tag(&child);
		char deeper[SCOPE_BYTES];
		const char *name;

		w->visit(w, &child, tag, scope);
		if (!is_scope(w, tag, scopes))
			continue;
		name = tag == DW_TAG_lexical_block ? NULL : dwarf_diename(&child);
		if (name && snprintf(deeper, sizeof(deeper), "%s%s%s", scope, *scope ? "::" : "",
				     name) >= (int)sizeof(deeper))
			continue;
		inside(w, &child, name ? deeper : scope, scopes, depth + 1);
	} while (sym_next_sibling(&child));
}

void sym_walk(struct sym_walk *w)
{
	Dwarf *dwarf = sym_dwarf(w->module);
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf && dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0)
		inside(w, &die, "", sym_has_scopes(&die), 0);
}
