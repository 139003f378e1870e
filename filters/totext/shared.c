/* SPDX-License-Identifier: MIT */
/* Rows of mt-shared: a line, and a detail line for each of its instructions. */
#include <string.h>

#include "table.h"

static void shared_titles(const struct mt_type *t)
{
	(void)t;
	add_title("moves", "", true);
	add_title("sharing", "", false);
	add_title("loads", "", true);
	add_title("stores", "", true);
	add_title("readers", "", false);
	add_title("writers", "", false);
	add_title("what is shared", "", false);
}

static void word_entry(struct mt_out *o, const struct mt_shared *s)
{
	mt_names_entry(o, &names, s->cause, s->number, s->entry_pc, word_name);
}

/* counters: struct counter [4], static, 256 bytes */
static void word_thing(struct mt_out *o, const struct mt_shared *s)
{
	const struct mt_object *object = mt_names_object(&names, s->object);
	const struct mt_object *object2 = mt_names_object(&names, s->object2);

	if (!object) {
		if (s->addr || s->line)
			mt_out_printf(o, "line at 0x%llx",
				      (unsigned long long)(s->addr ? s->addr : s->line));
		else if (s->by != MT_shared_by_pc)
			mt_out_str(o, "memory that nothing is known of");
		return;
	}
	if (s->by == MT_shared_by_field && s->field) {
		mt_names_place(o, &names, s->object, s->field, 0, word_name);
		mt_out_str(o, " of ");
	}
	mt_names_thing(o, object, word_name);
	if (object2 && object2 != object && s->by == MT_shared_by_line) {
		mt_out_str(o, " and ");
		mt_names_thing(o, object2, word_name);
	}
	mt_out_str(o, ": ");
	if (*mt_string(&object->hdr, 1)) {
		word_string(o, &object->hdr, 1);
		mt_out_str(o, ", ");
	}
	mt_out_printf(o, "%s, ", mt_names_storage(object));
	mt_out_grouped(o, object->bytes);
	mt_out_str(o, " bytes");
	if (object->pc && object->storage == MT_storage_heap) {
		mt_out_str(o, " from ");
		word_code(o, object->process, object->pc);
	}
}

/* The thing, and for which entry of the kernel it moved most. */
static void word_what(struct mt_out *o, const struct mt_shared *s)
{
	if (s->by == MT_shared_by_entry) {
		if (s->entry_pc)
			word_entry(o, s);
		else
			mt_out_str(o, "outside of kernel entries");
		return;
	}
	if (s->by == MT_shared_by_task)
		mt_out_printf(o, "task %u: ", s->task);
	word_thing(o, s);
	if (!s->entry_pc)
		return;
	mt_out_str(o, o->used ? "; in " : "in ");
	word_entry(o, s);
}

static void add_cpus(const struct mt_hdr *rec, unsigned n)
{
	const char *s = mt_string(rec, n);

	word_cut(&word, *s ? s : "-", *s ? strlen(s) : 1, CPUS_SHOWN);
	add_cell(take_word());
}

static void add_instruction(const struct mt_shared *s, bool second)
{
	uint64_t pc = second ? s->pc2 : s->pc;
	uint32_t offset = second ? s->offset2 : s->offset;
	uint32_t object = second ? s->object2 : s->object;

	if (!pc)
		return;
	begin_line(true);
	add_text(operation(second ? s->flags2 : s->flags));
	mt_out_printf(&word, "+%u", offset);
	add_cell(take_word());
	if (s->addr || mt_names_object(&names, object))
		mt_names_place(&word, &names, object, second ? s->field2 : s->field,
			       s->addr ? s->addr + offset : 0, word_name);
	else
		mt_out_char(&word, '?');
	add_cell(take_word());
	word_code(&word, s->process, pc);
	add_cell(take_word());
	end_line();
}

void print_shared(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_shared *s = (const struct mt_shared *)rec;
	const char *sharing = mt_value_name(mt_field_find(t, "sharing")->values, s->sharing);

	open_table(t, shared_titles);
	keep_together(3);		/* a row and its details */
	table.right[1][1] = true;
	begin_line(false);
	add_number(s->moves);
	add_text(sharing ? sharing : "?");
	add_number(s->loads);
	add_number(s->stores);
	add_cpus(rec, 0);
	add_cpus(rec, 1);
	word_what(&word, s);
	add_cell(take_word());
	end_line();
	add_instruction(s, false);
	add_instruction(s, true);
}
