/* SPDX-License-Identifier: MIT */
/*
 * C and C++ types from DWARF, variables with static storage, and the member
 * of a type that lies at an offset.
 *
 * A type is read from DWARF once, at its first use, into a struct sym_type;
 * DWARF is not trusted: types may refer to themselves, members may lie
 * anywhere, and sizes may be anything.
 */
#ifndef SYM_TYPES_H
#define SYM_TYPES_H

#include "sym.h"

enum sym_type_kind {
	SYM_OPAQUE,		/* a scalar, pointer, enum, function, or only declared */
	SYM_STRUCT, SYM_UNION, SYM_ARRAY
};

struct sym_member {
	const char *name;	/* "": anonymous, or a base class */
	struct sym_type *type;
	uint64_t offset;	/* of its first byte */
	uint64_t bytes;		/* of a bit-field: those that its bits are in */
	size_t order;		/* in the source */
	bool bit_field;
};

struct sym_type {
	struct sym_module *module;
	const char *name;	/* as in C: "struct dentry", "char *", "int[4]" */
	const char *own_name;	/* the same through typedefs of a struct: "struct dentry" */
	uint64_t bytes;
	enum sym_type_kind kind;
	uint32_t number;	/* from 1, to be a key of */
	bool open;		/* its members are read */
	struct sym_member *members;	/* struct and union, sorted by offset */
	size_t n_members;
	struct sym_type *element;	/* array */
	uint64_t n_elements;
	bool flexible;		/* an array without a length */
	Dwarf_Die die;		/* without typedefs and qualifiers */
};

/* The type that die (a type's DIE) is; never NULL. */
struct sym_type *sym_type(struct sym_module *m, Dwarf_Die *die);

/* The type that the DW_AT_type of die is; NULL when it has none (void). */
struct sym_type *sym_type_of(struct sym_module *m, Dwarf_Die *die);

/* count elements of t side by side; a length above SYM_INDEX_MAX is not in its name. */
struct sym_type *sym_type_array(struct sym_type *t, uint64_t count);

/* The pointer type's target; NULL for other types and for void *. */
struct sym_type *sym_type_target(struct sym_type *t);

/* Reads the members of a struct or union; done by who needs them. */
void sym_type_open(struct sym_type *t);

/*
 * The type with that name: "struct dentry", "dentry" or "dentry_t"; a definition
 * with a size, in any unit of the module's DWARF.  NULL: there is none.
 */
struct sym_type *sym_type_find(struct sym_module *m, const char *name);

/* The last member is an array without a length: objects are longer than the type. */
bool sym_type_flexible(struct sym_type *t);

/* ---- members at an offset ----------------------------------------------- */

#define SYM_INDEX_MAX 64		/* elements that are told apart by their index */

/* A member: how it is written behind the name of a variable, without the dot. */
struct sym_field {
	uint64_t offset, bytes;		/* in the type; in a large array: of its first element */
	char path[512];			/* "d_lockref.count", "slots[3].value", "{a|b}" */
	char member_type[256];
};

/*
 * The offset that stands for offset: in arrays of more than SYM_INDEX_MAX
 * elements that of the first element.  Fields are the same for offsets for
 * which this is the same.
 */
uint64_t sym_field_offset(struct sym_type *t, uint64_t offset);

/*
 * The member that holds the first of width bytes at offset; false when offset
 * is not in the type, or the type has no members.
 */
bool sym_field(struct sym_type *t, uint64_t offset, uint64_t width, struct sym_field *f);

/* ---- variables with static storage --------------------------------------- */

struct sym_variable {
	const char *name;
	uint64_t vaddr, bytes;
	struct sym_type *type;		/* NULL: not known */
};

/* The variable at vaddr, by the symbol table and DWARF; false: none is known. */
bool sym_variable(struct sym_module *m, uint64_t vaddr, struct sym_variable *v);

/* The section at vaddr; false when there is none. */
bool sym_section(struct sym_module *m, uint64_t vaddr, struct sym_variable *v);

/*
 * The path to the lock that starts at offset: down to the outermost member there
 * that is one ("d_lockref.lock"), into path, and the struct that it is a path
 * in; of an array its element.  NULL: there is no lock.  path is "" when all of
 * the type is a lock.
 */
struct sym_type *sym_lock(struct sym_type *t, uint64_t offset, char *path, size_t room);

/* ---- heap blocks --------------------------------------------------------- */

/*
 * The type of a block of that many bytes, by the code that asked for it; pc is
 * the vaddr behind its call of the allocator.  rounded: the block may be longer
 * than what was asked for, as kmalloc's are.  NULL when that cannot be told.
 */
struct sym_type *sym_site_type(struct sym_module *m, uint64_t pc, uint64_t bytes, bool rounded);

typedef struct sym_type *sym_find_type(void *arg, const char *name);

/* The type in a Linux slab cache with objects of that many bytes, or NULL. */
struct sym_type *sym_cache_type(const char *cache, uint64_t bytes, sym_find_type *find,
				void *arg);

/* A cache for whatever is asked of kmalloc: its name says nothing. */
bool sym_cache_general(const char *cache);

#endif
