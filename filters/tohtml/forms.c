/* SPDX-License-Identifier: MIT */
/* The columns of each kind of table. */
#include <string.h>

#include "tables.h"

#define FRAMES_SHOWN 16			/* of a stack, and a bound where parents are a circle */

/* ---- any field ------------------------------------------------------------ */

static void flag_names(struct mt_out *o, const struct mt_field_info *f, uint64_t bits)
{
	const char *plus = "";

	for (const struct mt_value *v = f->values; v->name; v++)
		if (bits & v->number) {
			mt_out_str(o, plus);
			mt_out_str(o, v->name);
			plus = " ";
		}
}

/* Its functions, innermost first; what called it is there to be opened. */
static void stack_list(struct mt_out *o, const struct mt_stack *s)
{
	mt_out_str(o, "<ol class=\"stack\">");
	for (unsigned n = 0; s; n++, s = mt_names_stack(&names, s->parent)) {
		mt_out_str(o, "<li>");
		if (n == FRAMES_SHOWN) {
			mt_out_str(o, "&#8230;</li>");
			break;
		}
		mt_names_frame(o, &names, s, html_name);
		mt_out_str(o, "</li>");
	}
	mt_out_str(o, "</ol>");
}

static void definition(struct mt_out *o, const struct mt_hdr *def, uint64_t value)
{
	if (def->kind == MT_KIND_symbol)
		html_code(o, ((const struct mt_symbol *)def)->process, value);
	else if (def->kind == MT_KIND_object)
		mt_names_thing(o, (const struct mt_object *)def, html_name);
	else if (def->kind == MT_KIND_field)
		mt_names_path(o, mt_string(def, 1), html_name);
	else
		stack_list(o, (const struct mt_stack *)def);
}

void html_field(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const struct mt_hdr *def = mt_names_follow(&names, rec, f);
	const char *name = NULL;
	uint64_t n;

	if (f->show == MT_SHOW_STRING) {
		html_string(o, rec, f->offset);
		return;
	}
	n = mt_field_u64(rec, f);
	if (f->show == MT_SHOW_ENUM)
		name = mt_value_name(f->values, n);
	if (name)
		mt_out_str(o, name);
	else if (def)
		definition(o, def, n);
	else if (f->show == MT_SHOW_FLAGS)
		flag_names(o, f, n);
	else if (f->show == MT_HEX)
		mt_out_hex(o, n);
	else
		mt_out_grouped(o, n);
}

static void place(struct mt_out *o, uint32_t object, uint32_t field, uint64_t addr)
{
	if (addr || mt_names_object(&names, object))
		mt_names_place(o, &names, object, field, addr, html_name);
	else
		mt_out_str(o, "memory that nothing is known of");
}

/* ---- shared ---------------------------------------------------------------- */

static void shared_entry(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_shared *s = (const struct mt_shared *)rec;

	if (s->entry_pc)
		mt_names_entry(o, &names, s->cause, s->number, s->entry_pc, html_name);
	else if (s->by == MT_shared_by_entry)
		mt_out_str(o, "outside of kernel entries");
}

static void shared_sharing(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_shared), "sharing");
	const char *name = mt_value_name(f->values, ((const struct mt_shared *)rec)->sharing);

	if (name)
		mt_out_printf(o, "<span class=\"tag %s\">%s</span>", name, name);
}

/* Name and type of the object, of both if the line has two. */
static void thing(struct mt_out *o, const struct mt_shared *s)
{
	const struct mt_object *one = mt_names_object(&names, s->object);
	const struct mt_object *two = mt_names_object(&names, s->object2);

	if (!one) {
		mt_out_hex(o, s->addr ? s->addr : s->line);
		return;
	}
	mt_names_thing(o, one, html_name);
	if (two && two != one) {
		mt_out_str(o, " and ");
		mt_names_thing(o, two, html_name);
	}
	mt_out_str(o, " <small>");
	if (*mt_string(&one->hdr, 1)) {
		html_string(o, &one->hdr, 1);
		mt_out_str(o, ", ");
	}
	mt_out_str(o, mt_names_storage(one));
	mt_out_str(o, ", ");
	mt_out_grouped(o, one->bytes);
	mt_out_str(o, " bytes</small>");
}

static void shared_thing(struct mt_out *o, const struct mt_hdr *rec)
{
	thing(o, (const struct mt_shared *)rec);
}

static void shared_place(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_shared *s = (const struct mt_shared *)rec;

	place(o, s->object, s->field, s->addr ? s->addr + s->offset : 0);
}

static void shared_ctype(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_object *object = mt_names_object(&names, ((const struct mt_shared *)rec)->object);

	if (object && *mt_string(&object->hdr, 1))
		html_string(o, &object->hdr, 1);
	else
		shared_thing(o, rec);
}

/* store struct page.flags: what an instruction does to what, unless the row says so */
static void operand(struct mt_out *o, const struct mt_shared *s, bool second)
{
	uint32_t offset = second ? s->offset2 : s->offset;
	uint32_t object = second ? s->object2 : s->object, field = second ? s->field2 : s->field;

	mt_out_str(o, html_operation(second ? s->flags2 : s->flags));
	if (s->by == MT_shared_by_field && field && field == s->field)
		return;
	mt_out_char(o, ' ');
	place(o, object, field, s->addr ? s->addr + offset : 0);
}

static void instruction(struct mt_out *o, const struct mt_shared *s, bool second)
{
	uint64_t pc = second ? s->pc2 : s->pc;

	if (!pc)
		return;
	html_code(o, pc >> 63 ? 0 : s->process, pc);
	mt_out_str(o, " <small>");
	operand(o, s, second);
	mt_out_str(o, "</small>");
}

static void shared_code(struct mt_out *o, const struct mt_hdr *rec)
{
	instruction(o, (const struct mt_shared *)rec, false);
}

static void shared_code2(struct mt_out *o, const struct mt_hdr *rec)
{
	instruction(o, (const struct mt_shared *)rec, true);
}

#define SHARED_NUMBERS \
	{ "sharing", "c", shared_sharing }, { "readers", "c", NULL }, { "writers", "c", NULL }, \
	{ "loads", "n", NULL }, { "stores", "n", NULL }
#define SHARED_CODE \
	{ "moved most by", "w", shared_code }, { "against", "w", shared_code2 }, \
	{ "mostly in", "w", shared_entry }, { NULL, NULL, NULL }

static const struct column by_place[] = { { "what", "w", shared_place }, SHARED_NUMBERS, SHARED_CODE };
static const struct column by_thing[] = { { "what", "w", shared_thing }, SHARED_NUMBERS, SHARED_CODE };
static const struct column by_ctype[] = { { "type", "w", shared_ctype }, SHARED_NUMBERS, SHARED_CODE };
static const struct column by_code[] = { SHARED_NUMBERS, SHARED_CODE };
static const struct column by_task[] = { { "task", "n", NULL }, SHARED_NUMBERS, SHARED_CODE };
static const struct column by_entry[] = {
	{ "entry", "w", shared_entry }, { "lines", "n", NULL }, { "loads", "n", NULL },
	{ "stores", "n", NULL }, { "moved most by", "w", shared_code }, { "against", "w", shared_code2 },
	{ NULL, NULL, NULL }
};

/* ---- pairs ------------------------------------------------------------------ */

static void side(struct mt_out *o, const struct mt_pair *p, bool second)
{
	uint64_t pc = second ? p->pc2 : p->pc;
	const struct mt_stack *stack = mt_names_stack(&names, second ? p->stack2 : p->stack);

	mt_out_str(o, stack ? "<details><summary>" : "");
	html_code(o, pc >> 63 ? 0 : second ? p->process2 : p->process, pc);
	mt_out_str(o, " <small>");
	mt_out_str(o, html_operation(second ? p->flags2 : p->flags));
	mt_out_char(o, ' ');
	place(o, second ? p->object2 : p->object, second ? p->field2 : p->field, 0);
	mt_out_str(o, "</small>");
	if (!stack)
		return;
	mt_out_str(o, "</summary>");
	stack_list(o, stack);
	mt_out_str(o, "</details>");
}

static void pair_taker(struct mt_out *o, const struct mt_hdr *rec)
{
	side(o, (const struct mt_pair *)rec, false);
}

static void pair_giver(struct mt_out *o, const struct mt_hdr *rec)
{
	side(o, (const struct mt_pair *)rec, true);
}

static const struct column by_pair[] = {
	{ "took the line", "w", pair_taker }, { "takers", "c", NULL },
	{ "from", "w", pair_giver }, { "givers", "c", NULL },
	{ "true_moves", "n", NULL }, { "false_moves", "n", NULL }, { "lines", "n", NULL },
	{ NULL, NULL, NULL }
};

/* ---- system calls ------------------------------------------------------------ */

static void syscall_entry(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_syscall *s = (const struct mt_syscall *)rec;

	if (s->entry_pc)
		mt_names_entry(o, &names, s->cause, s->number, s->entry_pc, html_name);
	else
		mt_out_str(o, "outside of kernel entries");
}

static void syscall_each(struct mt_out *o, const struct mt_hdr *rec)
{
	const struct mt_syscall *s = (const struct mt_syscall *)rec;

	mt_out_printf(o, "%.2f", s->calls ? (double)s->lines / (double)s->calls : 0.0);
}

static const struct column syscall[] = {
	{ "entry", "w", syscall_entry }, { "calls", "n", NULL }, { "lines per call", "n", syscall_each },
	{ "most", "n", NULL }, { "lines", "n", NULL }, { "loads", "n", NULL }, { "stores", "n", NULL },
	{ "atomics", "n", NULL }, { NULL, NULL, NULL }
};

/* ---- locks ------------------------------------------------------------------ */

static void serial_share(struct mt_out *o, const struct mt_hdr *rec)
{
	html_percent(o, ((const struct mt_serial *)rec)->share, 1000000);
}

static const struct column serial[] = {
	{ "name", "w", NULL }, { "% of run", "n", serial_share }, { "moves", "n", NULL },
	{ "waited", "n", NULL }, { "longest", "n", NULL }, { "acquires", "n", NULL },
	{ "contended", "n", NULL }, { "wait_moves", "n", NULL }, { "cpus", "n", NULL },
	{ "section", "c", NULL }, { "read", "c", NULL }, { "pc", "w", NULL }, { "pc2", "w", NULL },
	{ NULL, NULL, NULL }
};

/* ---- the page --------------------------------------------------------------- */

const struct form forms[] = {
	{ MT_KIND_shared, MT_shared_by_field, "fields", "Fields that travel",
	  "The struct fields and variables whose cache lines moved most from cpu to cpu, with the "
	  "instruction that moved them most and the one that runs against it on another cpu.",
	  "moves", by_place },
	{ MT_KIND_pair, MT_pair_by_pair, "pairs", "Who took lines from whom",
	  "The instruction that made a line travel, and the one that had used it last on the cpu that "
	  "it was taken from. Open one to see its call stack, innermost first.",
	  "moves", by_pair },
	{ MT_KIND_shared, MT_shared_by_entry, "entries", "By system call",
	  "Why the kernel was entered: system calls, interrupts and exceptions, and the lines that "
	  "moved for them.",
	  "moves", by_entry },
	{ MT_KIND_serial, ANY_BY, "locks", "By lock",
	  "Work that one cpu at a time can do. Instructions and moves count for the innermost lock "
	  "that was held.",
	  "instructions", serial },
	{ MT_KIND_syscall, MT_syscall_by_entry, "syscalls", "Lines for each system call",
	  "Distinct cache lines that a system call, interrupt or exception moved, and how often it ran.",
	  "moves", syscall },
	{ MT_KIND_work, ANY_BY, "work", "All work", "What rows of locks are parts of.", NULL, NULL },
	{ MT_KIND_scaling, ANY_BY, "scaling", "Predicted speed-up",
	  "By what is serial now, on more cores.", NULL, NULL },
	{ MT_KIND_guard, ANY_BY, "guards", "Locks that guard fields",
	  "The lock that was held at nearly all accesses to a field, and at how many.", NULL, NULL },
	{ MT_KIND_shared, MT_shared_by_ctype, "types", "By type", "Objects of the same type together.",
	  "moves", by_ctype },
	{ MT_KIND_shared, MT_shared_by_line, "lines", "Single lines", "One row for each cache line.",
	  "moves", by_thing },
	{ MT_KIND_shared, MT_shared_by_object, "objects", "Single objects", "One row for each object.",
	  "moves", by_thing },
	{ MT_KIND_shared, MT_shared_by_pc, "code", "By instruction", "One row for each instruction.",
	  "moves", by_code },
	{ MT_KIND_shared, MT_shared_by_site, "sites", "By instruction and line",
	  "One row for each instruction and cache line.",
	  "moves", by_place },
	{ MT_KIND_shared, MT_shared_by_task, "tasks", "By task", "One row for each task.",
	  "moves", by_task },
	{ MT_KIND_shared, MT_shared_by_address, "addresses", "By address", "One row for each address.",
	  "moves", by_place },
	{ MT_KIND_testcase, ANY_BY, "testcases", "Test cases with most conflicts",
	  "One row for each test case.",
	  "conflicts", NULL },
	{ 0 }
};
