/* SPDX-License-Identifier: MIT */
/*
 * The definitions of a stream (symbol, object, field, stack) and how records
 * refer to them: what a sink needs to show names instead of numbers, and a
 * filter to judge by them.
 *
 * A field refers to a definition by its name: pc, pc2, target and return_pc to
 * a symbol, object and object2 to an object, field and field2 to a field,
 * stack and parent to a stack.
 */
#ifndef MT_NAMES_H
#define MT_NAMES_H

#include "mt.h"
#include "mt_text.h"

/* Zero-initialise it. */
struct mt_names {
	struct mt_table symbols;	/* hash of process and pc -> struct mt_name */
	struct mt_table outer;		/* the same of outermost frames, where there are several */
	struct mt_table objects, fields, stacks;	/* id -> struct mt_name */
	struct mt_cpus cpus;
};

/*
 * Takes any record: keeps a copy of definitions, learns from switch records who
 * runs where, forgets all at a begin.  -1 when there is no memory.
 */
MT_MUST_CHECK int mt_names_note(struct mt_names *n, const struct mt_hdr *rec);

/*
 * The definition, or NULL; lives until the next note.  Of a symbol frame 0; what
 * it is inlined into, at last, is its outer one: the function that is called.
 */
const struct mt_symbol *mt_names_symbol(const struct mt_names *n, uint32_t process, uint64_t pc);
const struct mt_symbol *mt_names_outer(const struct mt_names *n, uint32_t process, uint64_t pc);
const struct mt_object *mt_names_object(const struct mt_names *n, uint32_t id);
const struct mt_field *mt_names_field(const struct mt_names *n, uint32_t id);
const struct mt_stack *mt_names_stack(const struct mt_names *n, uint32_t id);

/* The type of definition that the values of a field refer to, or NULL. */
const struct mt_type *mt_refers_to(const struct mt_field_info *f);

/* The definition that field f of rec refers to now, or NULL. */
const struct mt_hdr *mt_names_follow(const struct mt_names *n, const struct mt_hdr *rec,
				     const struct mt_field_info *f);

/*
 * Whether who reads a report, of rows of that kind, needs rec too: what says of
 * a stream what it is, and what such rows refer to, or the names of code.  Not
 * needed are events, and context that only events are resolved by.
 */
bool mt_report_needs(const struct mt_hdr *rec, unsigned rows);

/* The address space of rec's pcs: its own field, or that of its cpu. */
uint32_t mt_names_process(const struct mt_names *n, const struct mt_hdr *rec, uint64_t pc);

/*
 * "bump at file.c:31", "bump+0x12 in libc.so.6", or as much of it as is known.
 * The strings are escaped by escape: mt_out_text_string, say.
 */
void mt_names_code(struct mt_out *o, const struct mt_symbol *s, uint64_t pc,
		   void (*escape)(struct mt_out *o, const char *s, size_t len));

/* The kind of storage of an object: "heap". */
const char *mt_names_storage(const struct mt_object *object);

/* What an object is called: "counters", "runqueues@3" on cpu 3, "heap" for want of a name. */
void mt_names_thing(struct mt_out *o, const struct mt_object *object,
		    void (*escape)(struct mt_out *o, const char *s, size_t len));

/*
 * "d_lockref.count"; of a union the first member, {a|...}: that says enough, and
 * unions in unions fill screens.
 */
void mt_names_path(struct mt_out *o, const char *path,
		   void (*escape)(struct mt_out *o, const char *s, size_t len));

/* "counters.hits", "struct queue.head" (of a heap block), "counters+8", or the address. */
void mt_names_place(struct mt_out *o, const struct mt_names *n, uint32_t object, uint32_t field,
		    uint64_t addr, void (*escape)(struct mt_out *o, const char *s, size_t len));

/*
 * "system call __x64_sys_openat", "exception 14": why the kernel was entered
 * (an enum MT_entry_cause_...) and by which function, else the number.
 */
void mt_names_entry(struct mt_out *o, const struct mt_names *n, unsigned cause, uint32_t number,
		    uint64_t pc, void (*escape)(struct mt_out *o, const char *s, size_t len));

/*
 * The innermost frame of a stack: "do_sys_openat2", or as an entry; "..." where
 * the stack was cut.  Who goes on to the parents must bound their number: a
 * stream can make them a circle.
 */
void mt_names_frame(struct mt_out *o, const struct mt_names *n, const struct mt_stack *s,
		    void (*escape)(struct mt_out *o, const char *s, size_t len));

void mt_names_release(struct mt_names *n);

#endif
