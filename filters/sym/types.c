/* SPDX-License-Identifier: MIT */
/* Types from DWARF: read once each, named as in C, found by name. */
#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

#include "../libmt/cli.h"
#include "types.h"
#include "walk.h"

/* Where DWARF may be cyclic or absurd, we stop here; real code stays far below. */
#define DEPTH_MAX 24
#define OFFSET_MAX (1ull << 40)		/* of a member, and bytes of a type */
#define NAME_BYTES 256

/* A type's name in the index. */
struct name {
	char *key;			/* "s", "u" or "t" (typedefs and the rest), then the name */
	Dwarf_Die die;
	UT_hash_handle hh;
};

/* What a module knows about its types: sym_module.types. */
struct types {
	struct mt_table by_die;		/* address of the DIE's bytes -> struct sym_type */
	struct mt_table arrays;		/* type number and length -> struct sym_type */
	struct mt_table scopes;		/* address of a DIE in a C++ scope -> "ns::class" */
	struct name *names;		/* uthash */
	const char *last_scope;
	unsigned depth;			/* of sym_type in itself */
	bool indexed;
};

static uint32_t n_types;

static struct types *types_of(struct sym_module *m)
{
	if (!m->types)
		m->types = mt_xcalloc(1, sizeof(struct types));
	return m->types;
}

/* ---- attributes -------------------------------------------------------- */

/* The offset of a member: a constant, or in DWARF 2 the sum in an expression. */
static bool member_location(Dwarf_Die *die, uint64_t *offset)
{
	Dwarf_Attribute attr;
	Dwarf_Word word;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_data_member_location, &attr))
		return false;
	if (dwarf_formudata(&attr, &word) == 0) {
		*offset = word;
		return true;
	}
	if (dwarf_getlocation(&attr, &ops, &n) < 0 || n != 1 || ops[0].atom != DW_OP_plus_uconst)
		return false;		/* a virtual base: only known at run time */
	*offset = ops[0].number;
	return true;
}

static bool is_qualifier(int tag)
{
	return tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type ||
	       tag == DW_TAG_immutable_type || tag == DW_TAG_packed_type ||
	       tag == DW_TAG_shared_type;
}

/*
 * The type behind typedefs and qualifiers, in a type unit if it is there.
 * *named is the last typedef on the way; a null DIE when there was none.
 */
static bool peel(const Dwarf_Die *from, Dwarf_Die *to, Dwarf_Die *named)
{
	*to = *from;
	*named = (Dwarf_Die){ 0 };
	for (unsigned i = 0; i < 4 * DEPTH_MAX; i++) {
		int tag = dwarf_tag(to);
		Dwarf_Attribute attr;

		if (tag == DW_TAG_typedef)
			*named = *to;
		else if (!is_qualifier(tag))
			return !dwarf_attr(to, DW_AT_signature, &attr) || dwarf_formref_die(&attr, to);
		if (!sym_follow(to, DW_AT_type, to))
			return false;	/* const void */
	}
	return false;
}

/* How many elements a dimension has; false: that is left open. */
static bool dimension(Dwarf_Die *die, uint64_t *n)
{
	uint64_t low;

	if (sym_number(die, DW_AT_count, n))
		return true;
	if (!sym_number(die, DW_AT_upper_bound, n))
		return false;
	if (!sym_number(die, DW_AT_lower_bound, &low))
		low = 0;
	*n = *n + 1 - low;		/* -1 + 1: GNU's [0] */
	return true;
}

/* ---- names ------------------------------------------------------------- */

/* snprintf into a name, cut where it ends. */
static void __attribute__((format(printf, 2, 3))) text(char *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(to, NAME_BYTES, format, args);
	va_end(args);
}

/* The same behind what to holds already. */
static void __attribute__((format(printf, 2, 3))) append(char *to, const char *format, ...)
{
	size_t len = strlen(to);
	va_list args;

	va_start(args, format);
	vsnprintf(to + len, NAME_BYTES - len, format, args);
	va_end(args);
}

static const char *tag_word(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type: return "struct ";
	case DW_TAG_class_type: return "class ";
	case DW_TAG_union_type: return "union ";
	case DW_TAG_enumeration_type: return "enum ";
	default: return "";
	}
}

static void index_names(struct sym_module *m);

/* "struct ns::node", "int", "enum {...}" */
static void plain_name(struct sym_module *m, Dwarf_Die *die, char *to)
{
	const char *word = tag_word(dwarf_tag(die)), *name = dwarf_diename(die);
	uint64_t *scope = NULL;

	if (sym_has_scopes(die)) {
		index_names(m);
		scope = mt_table_get(&types_of(m)->scopes, (uintptr_t)die->addr);
	}
	text(to, "%s%s%s%s", word, scope ? (const char *)(uintptr_t)*scope : "",
	     scope ? "::" : "", name ? name : *word ? "{...}" : "void");
}

static void declare(struct sym_module *m, Dwarf_Die *die, const char *declarator, char *to,
		    unsigned depth);

/* Declares the declarator as what die's DW_AT_type is. */
static void declare_target(struct sym_module *m, Dwarf_Die *die, const char *declarator, char *to,
			   unsigned depth)
{
	Dwarf_Die target;

	if (sym_follow(die, DW_AT_type, &target))
		declare(m, &target, declarator, to, depth + 1);
	else
		text(to, "void%s%s", *declarator ? " " : "", declarator);
}

static int target_tag(Dwarf_Die *die)
{
	Dwarf_Die target;

	return sym_follow(die, DW_AT_type, &target) ? dwarf_tag(&target) : DW_TAG_invalid;
}

/* "[4][5]" */
static void dimensions(Dwarf_Die *die, char *to)
{
	Dwarf_Die child;
	uint64_t n;

	to[0] = 0;
	if (!sym_first_child(die, &child))
		return;
	do {
		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (dimension(&child, &n))
			append(to, "[%" PRIu64 "]", n);
		else
			append(to, "[]");
	} while (sym_next_sibling(&child));
}

/* "(int, char *)" */
static void parameters(struct sym_module *m, Dwarf_Die *die, char *to, unsigned depth)
{
	char word[NAME_BYTES];
	Dwarf_Die child;
	bool more = sym_first_child(die, &child);

	text(to, "(");
	for (; more && strlen(to) < NAME_BYTES - 1; more = sym_next_sibling(&child)) {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_formal_parameter)
			declare_target(m, &child, "", word, depth);
		else if (tag == DW_TAG_unspecified_parameters)
			text(word, "...");
		else
			continue;
		append(to, "%s%s", to[1] ? ", " : "", word);
	}
	append(to, to[1] ? ")" : "void)");
}

static void declare_pointer(struct sym_module *m, Dwarf_Die *die, const char *declarator, char *to,
			    unsigned depth)
{
	int tag = dwarf_tag(die), target = target_tag(die);
	const char *mark = tag == DW_TAG_pointer_type ? "*" : tag == DW_TAG_reference_type ? "&" : "&&";
	char inner[NAME_BYTES];

	if (target == DW_TAG_array_type || target == DW_TAG_subroutine_type)
		text(inner, "(%s%s)", mark, declarator);
	else
		text(inner, "%s%s", mark, declarator);
	declare_target(m, die, inner, to, depth);
}

static void declare_qualified(struct sym_module *m, Dwarf_Die *die, const char *declarator, char *to,
			      unsigned depth)
{
	int tag = dwarf_tag(die);
	const char *word = tag == DW_TAG_const_type ? "const" : tag == DW_TAG_volatile_type ? "volatile" : "";
	char inner[NAME_BYTES];

	if (target_tag(die) == DW_TAG_pointer_type) {
		text(inner, "%s%s%s", word, *word && *declarator ? " " : "", declarator);
		declare_target(m, die, inner, to, depth);
	} else {
		declare_target(m, die, declarator, inner, depth);
		text(to, "%s%s%s", word, *word ? " " : "", inner);
	}
}

/* Declares the declarator as the type die, as C does: "void (*)(int)". */
static void declare(struct sym_module *m, Dwarf_Die *die, const char *declarator, char *to,
		    unsigned depth)
{
	int tag = dwarf_tag(die);
	char inner[NAME_BYTES], tail[NAME_BYTES];

	if (depth > DEPTH_MAX) {
		text(to, "...");
	} else if (tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
		   tag == DW_TAG_rvalue_reference_type) {
		declare_pointer(m, die, declarator, to, depth);
	} else if (tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type) {
		if (tag == DW_TAG_array_type)
			dimensions(die, tail);
		else
			parameters(m, die, tail, depth);
		text(inner, "%s%s", declarator, tail);
		declare_target(m, die, inner, to, depth);
	} else if (is_qualifier(tag)) {
		declare_qualified(m, die, declarator, to, depth);
	} else {
		plain_name(m, die, inner);
		text(to, "%s%s%s", inner, *declarator && *declarator != '[' ? " " : "", declarator);
	}
}

/* ---- the index of names ------------------------------------------------- */

static char class_of(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return 's';
	case DW_TAG_union_type:
		return 'u';
	case DW_TAG_typedef:
	case DW_TAG_enumeration_type:
	case DW_TAG_base_type:
		return 't';
	}
	return 0;
}

/* Types of one scope stand side by side, so the last string will do again. */
static const char *keep_scope(struct types *types, const char *scope)
{
	if (!types->last_scope || strcmp(types->last_scope, scope))
		types->last_scope = mt_xstrdup(scope);
	return types->last_scope;
}

static void index_one(struct sym_walk *w, Dwarf_Die *die, int tag, const char *scope)
{
	struct types *types = types_of(w->module);
	const char *name = class_of(tag) ? dwarf_diename(die) : NULL;
	char key[2 * NAME_BYTES];
	struct name *n;

	if (!name)
		return;
	if (*scope)
		*mt_xtable_put(&types->scopes, (uintptr_t)die->addr) =
			(uintptr_t)keep_scope(types, scope);
	if (class_of(tag) != 't' && !dwarf_hasattr(die, DW_AT_byte_size))
		return;			/* only declared here */
	snprintf(key, sizeof(key), "%c%s%s%s", class_of(tag), scope, *scope ? "::" : "", name);
	HASH_FIND_STR(types->names, key, n);
	if (n)
		return;
	n = mt_xmalloc(sizeof(*n));
	*n = (struct name){ .key = mt_xstrdup(key), .die = *die };
	HASH_ADD_KEYPTR(hh, types->names, n->key, strlen(n->key), n);
}

/* Reads the names of all types, once. */
static void index_names(struct sym_module *m)
{
	struct sym_walk walk = { .visit = index_one, .module = m };

	if (types_of(m)->indexed)
		return;
	types_of(m)->indexed = true;
	sym_walk(&walk);
}

struct sym_type *sym_type_find(struct sym_module *m, const char *name)
{
	static const char *const words[] = { "struct ", "class ", "union ", "enum " };
	const char *classes = "sut";
	char key[2 * NAME_BYTES];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(name, words[i], strlen(words[i]))) {
			name += strlen(words[i]);
			classes = i < 2 ? "s" : i == 2 ? "u" : "t";
			break;
		}
	index_names(m);
	for (; *classes; classes++) {
		struct name *n;

		snprintf(key, sizeof(key), "%c%s", *classes, name);
		HASH_FIND_STR(types_of(m)->names, key, n);
		if (n)
			return sym_type(m, &n->die);
	}
	return NULL;
}

/* ---- types ------------------------------------------------------------- */

static struct sym_type *new_type(struct sym_module *m, const char *name, const char *own_name)
{
	struct sym_type *t = mt_xcalloc(1, sizeof(*t));

	t->module = m;
	t->name = mt_xstrdup(name);
	t->own_name = strcmp(name, own_name) ? mt_xstrdup(own_name) : t->name;
	t->number = ++n_types;
	return t;
}

/* name with "[n]" where C has it: "int[2]" -> "int[n][2]", "void (*)(int)" -> "void (*[n])(int)" */
static void array_name(const char *name, uint64_t n, bool flexible, char *to)
{
	const char *at = strstr(name, "(*");
	char length[32];

	if (at)
		at += 2;
	else
		at = strchr(name, '[');
	if (!at)
		at = name + strlen(name);
	snprintf(length, sizeof(length), flexible ? "[]" : "[%" PRIu64 "]", n);
	text(to, "%.*s%s%s", (int)(at - name), name, length, at);
}

static struct sym_type *make_array(struct sym_type *element, uint64_t n, bool flexible)
{
	char name[NAME_BYTES], own_name[NAME_BYTES];
	struct sym_type *t;

	array_name(element->name, n, flexible, name);
	array_name(element->own_name, n, flexible, own_name);
	t = new_type(element->module, name, own_name);
	t->kind = SYM_ARRAY;
	t->open = true;
	t->element = element;
	t->n_elements = n;
	t->flexible = flexible || !n;
	if (n && element->bytes > OFFSET_MAX / n)
		t->kind = SYM_OPAQUE;
	else
		t->bytes = element->bytes * n;
	return t;
}

struct sym_type *sym_type_array(struct sym_type *element, uint64_t n)
{
	bool flexible = n > SYM_INDEX_MAX;
	struct types *types = types_of(element->module);
	uint64_t *p = mt_xtable_put(&types->arrays, (uint64_t)element->number << 8 | (flexible ? 0 : n));

	if (!*p)
		*p = (uintptr_t)make_array(element, flexible ? 0 : n, flexible);
	return (struct sym_type *)(uintptr_t)*p;
}

#define DIMENSIONS_MAX 16

/* An array type's DIE has all dimensions, the outermost first. */
static struct sym_type *read_array(struct sym_module *m, Dwarf_Die *die)
{
	uint64_t n[DIMENSIONS_MAX];
	bool open[DIMENSIONS_MAX];
	struct sym_type *t = sym_type_of(m, die);
	unsigned count = 0;
	Dwarf_Die child;

	if (!t)
		t = new_type(m, "void", "void");
	for (bool more = sym_first_child(die, &child); more && count < DIMENSIONS_MAX;
	     more = sym_next_sibling(&child)) {
		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		open[count] = !dimension(&child, &n[count]);
		if (open[count])
			n[count] = 0;
		count++;
	}
	while (count--)
		t = make_array(t, n[count], open[count]);
	if (dwarf_hasattr(die, DW_AT_GNU_vector))
		t->kind = SYM_OPAQUE;	/* one SSE or AVX register */
	return t;
}

static uint64_t size_of(Dwarf_Die *die)
{
	uint64_t bytes;

	if (sym_number(die, DW_AT_byte_size, &bytes))
		return bytes < OFFSET_MAX ? bytes : 0;
	switch (dwarf_tag(die)) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return 8;
	}
	return 0;
}

/* A typedef of a struct stands for it; one of a struct without a name names it. */
static void name_behind(struct sym_module *m, Dwarf_Die *die, Dwarf_Die *named, char *to)
{
	if (named->addr && *tag_word(dwarf_tag(die)) && !dwarf_diename(die))
		declare(m, named, "", to, 0);
	else
		declare(m, die, "", to, 0);
}

static struct sym_type *read_type(struct sym_module *m, Dwarf_Die *from)
{
	char name[NAME_BYTES], own_name[NAME_BYTES];
	Dwarf_Die die, named;
	struct sym_type *t;
	int tag;

	declare(m, from, "", name, 0);
	if (!peel(from, &die, &named))
		return new_type(m, name, name);
	tag = dwarf_tag(&die);
	if (tag == DW_TAG_array_type && die.addr != from->addr)
		return sym_type(m, &die);
	if (tag == DW_TAG_array_type)
		return read_array(m, &die);
	if (*tag_word(tag))
		name_behind(m, &die, &named, own_name);
	else
		text(own_name, "%s", name);
	t = new_type(m, name, own_name);
	t->die = die;
	t->bytes = size_of(&die);
	if (tag == DW_TAG_union_type)
		t->kind = SYM_UNION;
	else if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type)
		t->kind = SYM_STRUCT;
	return t;
}

struct sym_type *sym_type(struct sym_module *m, Dwarf_Die *die)
{
	struct types *types = types_of(m);
	uint64_t *p = mt_table_get(&types->by_die, (uintptr_t)die->addr);
	struct sym_type *t;

	if (p)
		return (struct sym_type *)(uintptr_t)*p;
	if (types->depth > DEPTH_MAX)	/* arrays of arrays of ...: a cycle */
		return new_type(m, "...", "...");
	types->depth++;
	t = read_type(m, die);
	types->depth--;
	*mt_xtable_put(&types->by_die, (uintptr_t)die->addr) = (uintptr_t)t;
	return t;
}

struct sym_type *sym_type_of(struct sym_module *m, Dwarf_Die *die)
{
	Dwarf_Die type;

	return sym_follow(die, DW_AT_type, &type) ? sym_type(m, &type) : NULL;
}

struct sym_type *sym_type_target(struct sym_type *t)
{
	if (t->die.addr && dwarf_tag(&t->die) == DW_TAG_pointer_type)
		return sym_type_of(t->module, &t->die);
	return NULL;
}

/* ---- members ----------------------------------------------------------- */

/* Which bytes the bits of a bit-field are in; before DWARF 4 they count from the top. */
static bool bit_field(Dwarf_Die *die, struct sym_member *member)
{
	uint64_t bits, at, unit = member->type->bytes;

	if (!sym_number(die, DW_AT_bit_size, &bits) || !bits || bits > 8 * OFFSET_MAX)
		return false;
	if (sym_number(die, DW_AT_bit_offset, &at)) {
		if (sym_number(die, DW_AT_byte_size, &unit) && unit > 16)
			return false;
		if (at + bits > 8 * unit)
			return false;
		at = 8 * (member->offset + unit) - at - bits;
	} else if (!sym_number(die, DW_AT_data_bit_offset, &at)) {
		return false;
	} else {
		at += 8 * member->offset;
	}
	member->offset = at / 8;
	member->bytes = (at + bits - 1) / 8 - at / 8 + 1;
	return true;
}

/* A member, or false: static ones and virtual bases have no place. */
static bool read_member(struct sym_type *t, Dwarf_Die *die, struct sym_member *member)
{
	int tag = dwarf_tag(die);
	const char *name = dwarf_diename(die);

	if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
	    dwarf_hasattr(die, DW_AT_external) || dwarf_hasattr(die, DW_AT_declaration))
		return false;
	*member = (struct sym_member){
		.name = name && tag == DW_TAG_member ? name : "",
		.type = sym_type_of(t->module, die),
	};
	if (!member->type)
		return false;
	member->bytes = member->type->bytes;
	if (!member_location(die, &member->offset) &&
	    dwarf_hasattr(die, DW_AT_data_member_location))
		return false;
	if (dwarf_hasattr(die, DW_AT_bit_size)) {
		member->bit_field = true;
		if (!bit_field(die, member))
			return false;
	}
	return member->offset <= OFFSET_MAX;
}

static int by_offset(const void *a, const void *b)
{
	const struct sym_member *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* A struct that this unit only declares is read where it is defined. */
static void complete(struct sym_type *t)
{
	struct sym_type *whole;

	if (!dwarf_hasattr(&t->die, DW_AT_declaration))
		return;
	whole = sym_type_find(t->module, t->own_name);
	if (whole && whole != t && whole->kind == t->kind) {
		t->die = whole->die;
		t->bytes = whole->bytes;
	}
}

void sym_type_open(struct sym_type *t)
{
	struct sym_member member;
	size_t room = 0;
	Dwarf_Die child;

	if (t->open)
		return;
	t->open = true;
	if (t->kind != SYM_STRUCT && t->kind != SYM_UNION)
		return;
	complete(t);
	if (!sym_first_child(&t->die, &child))
		return;
	do {
		if (!read_member(t, &child, &member))
			continue;
		member.order = t->n_members;
		t->members = mt_xgrow(t->members, t->n_members, &room, sizeof(member));
		t->members[t->n_members++] = member;
	} while (sym_next_sibling(&child));
	if (t->n_members)
		qsort(t->members, t->n_members, sizeof(*t->members), by_offset);
}
