/* SPDX-License-Identifier: MIT */
/*
 * mt-totext: records for people.  Names stand where the stream defines them,
 * definitions and other context are left out, reports are tables.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-totext [--raw] <stream\n"
"\n"
"Writes the stream on standard input as text for people: accesses and other\n"
"events one a line, reports as tables, names instead of addresses and ids where\n"
"the stream defines them.  Definitions and other context are left out.\n"
"\n"
"  --raw      every record with every field as a line of words, nothing resolved\n"
"  --help     this text\n"
"\n"
"    mt-cat log.mt | mt-addr2line prog | mt-totext | less\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 5 moves | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-stat | mt-totext\n";

#define NAME_SHOWN 100			/* letters; C++ names can fill screens */
#define FRAMES_SHOWN 32			/* of a stack, and a bound where parents are a circle */
#define CPUS_SHOWN 20			/* letters of a set of cpus */

static struct mt_names names;
static struct mt_out out;
static struct mt_out word;		/* a cell under construction */
static bool colour;
static bool out_started;		/* something stands above */

/* ---- words ------------------------------------------------------------- */

/* The word so far, to be freed; starts the next one. */
static char *take_word(void)
{
	char *s = mt_xmalloc(word.used + 1);

	memcpy(s, word.buf, word.used);
	s[word.used] = 0;
	word.used = 0;
	return s;
}

static void word_cut(struct mt_out *o, const char *s, size_t len, size_t most)
{
	if (len <= most) {
		mt_out_text_string(o, s, len);
		return;
	}
	len = most;
	while (len && ((unsigned char)s[len] & 0xc0) == 0x80)	/* not inside a letter */
		len--;
	mt_out_text_string(o, s, len);
	mt_out_str(o, "...");
}

static void word_name(struct mt_out *o, const char *s, size_t len)
{
	word_cut(o, s, len, NAME_SHOWN);
}

static void word_string(struct mt_out *o, const struct mt_hdr *rec, unsigned n)
{
	const char *s = mt_string(rec, n);

	word_name(o, s, strlen(s));
}

/* 20123 as 20,123 */
static void word_grouped(struct mt_out *o, uint64_t n)
{
	if (n >= 1000) {
		word_grouped(o, n / 1000);
		mt_out_char(o, ',');
		mt_out_printf(o, "%03u", (unsigned)(n % 1000));
	} else {
		mt_out_dec(o, n);
	}
}

static const char *operation(unsigned flags)
{
	if (flags & MT_access_flag_atomic)
		return "atomic";
	if ((flags & MT_access_flag_load) && (flags & MT_access_flag_store))
		return "rmw";
	return flags & MT_access_flag_store ? "store" : "load";
}

static void word_code(struct mt_out *o, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_symbol(&names, process, pc);

	if (s)
		mt_names_code(o, s, pc, word_name);
	else
		mt_out_hex(o, pc);
}

static const char *storage_name(const struct mt_object *object)
{
	const struct mt_type *t = mt_type_of(MT_KIND_object);
	const char *name = mt_value_name(mt_field_find(t, "storage")->values, object->storage);

	return name ? name : "object";
}

static void word_object(struct mt_out *o, const struct mt_object *object)
{
	if (*mt_string(&object->hdr, 0))
		word_string(o, &object->hdr, 0);
	else
		mt_out_str(o, storage_name(object));
	if (object->storage == MT_storage_stack || object->storage == MT_storage_percpu)
		mt_out_printf(o, "@%u", object->owner);
}

/* do_read < vfs_read < system call __x64_sys_read < read, innermost first */
static void word_stack(struct mt_out *o, const struct mt_stack *s)
{
	for (unsigned n = 0; s; n++, s = mt_names_stack(&names, s->parent)) {
		mt_out_str(o, n ? " < " : "");
		if (n == FRAMES_SHOWN) {
			mt_out_str(o, "...");
			return;
		}
		mt_names_frame(o, &names, s, word_name);
	}
}

/* {a|b|c} as {a|...}: the first one says enough, and unions in unions fill screens */
static void word_path(struct mt_out *o, const char *path)
{
	char shown[2 * NAME_SHOWN];
	size_t len = 0;
	unsigned depth = 0, cut = 0;	/* cut: the braces whose other words are left out */

	for (; *path && len < sizeof(shown) - 4; path++) {
		depth += *path == '{';
		if (*path == '|' && depth && !cut) {
			cut = depth;
			memcpy(shown + len, "|...", 4);
			len += 4;
		}
		if (*path == '}' && depth) {
			cut = cut == depth ? 0 : cut;
			depth--;
		}
		if (!cut)
			shown[len++] = *path;
	}
	word_name(o, shown, len);
}

/* counters.hits, struct queue.head (of a heap block), counters+8, or the address */
static void word_place(struct mt_out *o, uint32_t object_id, uint32_t field_id, uint64_t addr)
{
	const struct mt_object *object = mt_names_object(&names, object_id);
	const struct mt_field *field = mt_names_field(&names, field_id);
	const char *path = field ? mt_string(&field->hdr, 1) : "";

	if (!object) {
		mt_out_hex(o, addr);
		return;
	}
	if (*path && object->storage <= MT_storage_block)
		word_string(o, &field->hdr, 0);	/* its own name is the allocator's */
	else
		word_object(o, object);
	if (*path) {
		mt_out_str(o, *path == '[' ? "" : ".");
		word_path(o, path);
	} else if (addr > object->addr && addr - object->addr < object->bytes) {
		mt_out_char(o, '+');
		mt_out_dec(o, addr - object->addr);
	}
}

/* ---- tables ------------------------------------------------------------ */

/*
 * Lines wait here until the table is complete, so that columns fit their
 * contents; a long table is printed in parts.  Main lines and the detail lines
 * under them have columns of their own.
 */
#define COLUMNS 24
#define WAITING 1000

struct line {
	bool detail;
	unsigned n;
	char *cell[COLUMNS];
};

static struct {
	const struct mt_type *type;	/* whose rows; NULL: no table is open */
	struct line lines[WAITING];
	unsigned used;
	bool headed;
	size_t width[2][COLUMNS];
	bool right[2][COLUMNS];
} table;

/* Letters, not bytes: what a terminal shows of escaped UTF-8. */
static size_t letters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_line(const struct line *l, bool header)
{
	size_t pad = l->detail ? 12 : 0;

	if (header && colour)
		mt_out_str(&out, "\033[1m");
	for (unsigned i = 0; i < l->n; i++) {
		size_t fill = table.width[l->detail][i] - letters(l->cell[i]);

		pad += table.right[l->detail][i] ? fill : 0;
		while (pad--)
			mt_out_char(&out, ' ');
		mt_out_str(&out, l->cell[i]);
		pad = (table.right[l->detail][i] ? 0 : fill) + 2;
	}
	if (header && colour)
		mt_out_str(&out, "\033[0m");
	mt_out_char(&out, '\n');
}

static void flush_table(void)
{
	for (unsigned i = 0; i < table.used; i++) {
		struct line *l = &table.lines[i];

		print_line(l, i == 0 && !table.headed);
		for (unsigned k = 0; k < l->n; k++)
			free(l->cell[k]);
	}
	table.headed |= table.used > 0;
	table.used = 0;
}

static void end_table(void)
{
	flush_table();
	table.type = NULL;
}

static void add_cell(char *text)
{
	struct line *l = &table.lines[table.used];
	size_t n = letters(text);

	if (n > table.width[l->detail][l->n])
		table.width[l->detail][l->n] = n;
	l->cell[l->n++] = text;
}

static void begin_line(bool detail)
{
	table.lines[table.used].detail = detail;
	table.lines[table.used].n = 0;
}

static void end_line(void)
{
	if (++table.used == WAITING)
		flush_table();
}

/* A cell of the header line; numbers stand to the right. */
static void add_title(const char *name, const char *unit, bool right)
{
	table.right[0][table.lines[table.used].n] = right;
	mt_out_str(&word, name);
	if (*unit)
		mt_out_printf(&word, " (%ss)", unit);
	add_cell(take_word());
}

static void open_table(const struct mt_type *t, void (*titles)(const struct mt_type *t))
{
	if (table.type == t)
		return;
	end_table();
	if (out_started)
		mt_out_char(&out, '\n');
	out_started = true;
	memset(table.width, 0, sizeof(table.width));
	memset(table.right, 0, sizeof(table.right));
	table.headed = false;
	table.type = t;
	begin_line(false);
	titles(t);
	end_line();
}

static void add_number(uint64_t n)
{
	word_grouped(&word, n);
	add_cell(take_word());
}

static void add_text(const char *s)
{
	add_cell(mt_xstrdup(s));
}

static void add_string(const struct mt_hdr *rec, unsigned n)
{
	word_string(&word, rec, n);
	add_cell(take_word());
}

/* ---- any report, by the record table ----------------------------------- */

static void report_titles(const struct mt_type *t)
{
	for (unsigned i = 0; i < t->n_fields && i < COLUMNS; i++)
		add_title(t->fields[i].name, t->fields[i].unit, t->fields[i].show == MT_DEC);
}

static void word_flags(struct mt_out *o, const struct mt_field_info *f, uint64_t bits)
{
	const char *plus = "";

	for (const struct mt_value *v = f->values; v->name; v++)
		if (bits & v->number) {
			mt_out_printf(o, "%s%s", plus, v->name);
			plus = "+";
		}
}

static void word_definition(struct mt_out *o, const struct mt_hdr *def, uint64_t value)
{
	if (def->kind == MT_KIND_symbol)
		mt_names_code(o, (const struct mt_symbol *)def, value, word_name);
	else if (def->kind == MT_KIND_object)
		word_object(o, (const struct mt_object *)def);
	else if (def->kind == MT_KIND_field)
		word_string(o, def, 1);
	else
		word_stack(o, (const struct mt_stack *)def);
}

static void word_value(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f)
{
	const struct mt_hdr *def = mt_names_follow(&names, rec, f);
	const char *name = NULL;
	uint64_t n;

	if (f->show == MT_SHOW_STRING) {
		word_string(o, rec, f->offset);
		return;
	}
	n = mt_field_u64(rec, f);
	if (f->show == MT_SHOW_ENUM)
		name = mt_value_name(f->values, n);
	if (name)
		mt_out_str(o, name);
	else if (def)
		word_definition(o, def, n);
	else if (f->show == MT_SHOW_FLAGS)
		word_flags(o, f, n);
	else if (f->show == MT_HEX)
		mt_out_hex(o, n);
	else
		word_grouped(o, n);
}

static void print_report(const struct mt_type *t, const struct mt_hdr *rec)
{
	open_table(t, report_titles);
	begin_line(false);
	for (unsigned i = 0; i < t->n_fields && i < COLUMNS; i++) {
		word_value(&word, rec, &t->fields[i]);
		add_cell(take_word());
	}
	end_line();
}

/* ---- stat -------------------------------------------------------------- */

static void stat_titles(const struct mt_type *t)
{
	(void)t;
	add_title("value", "", true);
	add_title("unit", "", false);
	add_title("what", "", false);
}

static void print_stat(const struct mt_type *t, const struct mt_hdr *rec)
{
	open_table(t, stat_titles);
	begin_line(false);
	add_number(((const struct mt_stat *)rec)->value);
	add_string(rec, 1);
	add_string(rec, 0);
	end_line();
}

/* ---- shared: a row, and a detail line for each of its instructions ------ */

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
		return;
	}
	word_object(o, object);
	if (object2 && object2 != object && s->by == MT_shared_by_line) {
		mt_out_str(o, " and ");
		word_object(o, object2);
	}
	mt_out_str(o, ": ");
	if (*mt_string(&object->hdr, 1)) {
		word_string(o, &object->hdr, 1);
		mt_out_str(o, ", ");
	}
	mt_out_printf(o, "%s, ", storage_name(object));
	word_grouped(o, object->bytes);
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

	if (!pc)
		return;
	begin_line(true);
	add_text(operation(second ? s->flags2 : s->flags));
	mt_out_printf(&word, "+%u", offset);
	add_cell(take_word());
	word_place(&word, second ? s->object2 : s->object, second ? s->field2 : s->field,
		   s->addr ? s->addr + offset : 0);
	add_cell(take_word());
	word_code(&word, s->process, pc);
	add_cell(take_word());
	end_line();
}

static void print_shared(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_shared *s = (const struct mt_shared *)rec;
	const char *sharing = mt_value_name(mt_field_find(t, "sharing")->values, s->sharing);

	open_table(t, shared_titles);
	if (table.used + 3 > WAITING)		/* a row and its details stay together */
		flush_table();
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

/* ---- events ------------------------------------------------------------ */

static void print_access(const struct mt_access *a)
{
	static const struct mt_type *access;
	const struct mt_stack *stack;

	if (table.type != (access = mt_type_of(MT_KIND_access))) {
		end_table();
		table.type = access;
		mt_out_str(&out, colour ? "\033[1m" : "");
		mt_out_printf(&out, "%14s %4s  %-6s %5s %-6s  %-34s  %s", "time", "cpu", "op",
			      "bytes", "", "place", "code");
		mt_out_str(&out, colour ? "\033[0m\n" : "\n");
	}
	mt_out_printf(&out, "%14llu %4u  %-6s %5u %-6s  ", (unsigned long long)a->hdr.time,
		      a->hdr.cpu, operation(a->flags), a->width,
		      a->flags & MT_access_flag_moved ? "moved" : "");
	word_place(&word, a->object, a->field, a->addr);
	word.buf[word.used] = 0;
	mt_out_bytes(&out, word.buf, word.used);
	for (size_t n = letters(word.buf); n < 34; n++)
		mt_out_char(&out, ' ');
	mt_out_str(&out, "  ");			/* also behind a place that is too long */
	word.used = 0;
	word_code(&out, mt_names_process(&names, &a->hdr, a->pc), a->pc);
	stack = mt_names_stack(&names, a->stack);
	if (stack) {
		mt_out_str(&out, " < ");
		word_stack(&out, stack);
	}
	mt_out_char(&out, '\n');
}

/* Nothing to say: an id that refers to nothing, an address that is not known. */
static bool is_empty(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	if (f->show == MT_SHOW_STRING)
		return !*mt_string(rec, f->offset);
	return f->show != MT_SHOW_ENUM && !mt_field_u64(rec, f);
}

/* time cpu kind field=value ..., what is 0 or empty left out */
static void print_event(const struct mt_type *t, const struct mt_hdr *rec)
{
	end_table();
	mt_out_printf(&out, "%14llu %4u  %s", (unsigned long long)rec->time, rec->cpu, t->name);
	for (unsigned i = 0; i < t->n_fields; i++) {
		if (is_empty(rec, &t->fields[i]))
			continue;
		mt_out_printf(&out, " %s=", t->fields[i].name);
		word_value(&out, rec, &t->fields[i]);
	}
	mt_out_char(&out, '\n');
}

/* ---- the frame of the stream ------------------------------------------- */

static const char *value_name(const struct mt_type *t, const char *field, uint64_t number)
{
	const char *name = mt_value_name(mt_field_find(t, field)->values, number);

	return name ? name : "?";
}

static void print_begin(const struct mt_type *t, const struct mt_begin *b)
{
	if (out_started)
		mt_out_char(&out, '\n');
	out_started = true;
	mt_out_str(&out, colour ? "\033[1m" : "");
	word_string(&out, &b->hdr, 2);
	mt_out_str(&out, colour ? "\033[0m" : "");
	mt_out_printf(&out, "%s%s, %s mode, lines of %u bytes", *mt_string(&b->hdr, 2) ? ": " : "",
		      b->machine == MT_machine_user ? "one program" : "a whole guest",
		      value_name(t, "mode", b->mode), b->line);
	if (b->cpus)
		mt_out_printf(&out, ", %u cpus", b->cpus);
	if (b->sample > 1)
		mt_out_printf(&out, ", one access in %u", b->sample);
	mt_out_char(&out, '\n');
}

static void print_mode(const struct mt_type *t, const struct mt_mode *m)
{
	mt_out_printf(&out, "%14llu %4u  recording: %s", (unsigned long long)m->hdr.time, m->hdr.cpu,
		      value_name(t, "mode", m->mode));
	if (*mt_string(&m->hdr, 0)) {
		mt_out_str(&out, ", run ");
		word_string(&out, &m->hdr, 0);
	}
	mt_out_char(&out, '\n');
}

static void print_drop(const struct mt_type *t, const struct mt_drop *d)
{
	const struct mt_value *v = mt_field_find(t, "reason")->values;

	while (v->name && v->number != d->reason)
		v++;
	mt_out_str(&out, "records were lost here: ");
	if (d->count)
		word_grouped(&out, d->count);
	else
		mt_out_str(&out, "nobody knows how many");
	mt_out_printf(&out, "; %s\n", v->name ? v->doc : "reason not known");
}

static void print_context(const struct mt_type *t, const struct mt_hdr *rec)
{
	if (rec->kind != MT_KIND_begin && rec->kind != MT_KIND_mode && rec->kind != MT_KIND_drop &&
	    rec->kind != MT_KIND_end)
		return;
	end_table();
	if (rec->kind == MT_KIND_begin)
		print_begin(t, (const struct mt_begin *)rec);
	else if (rec->kind == MT_KIND_mode)
		print_mode(t, (const struct mt_mode *)rec);
	else if (rec->kind == MT_KIND_drop)
		print_drop(t, (const struct mt_drop *)rec);
}

static void print(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (!t) {
		end_table();
		mt_text(&out, rec);
		mt_out_char(&out, '\n');
	} else if (rec->kind == MT_KIND_access) {
		print_access((const struct mt_access *)rec);
	} else if (rec->kind == MT_KIND_shared) {
		print_shared(t, rec);
	} else if (rec->kind == MT_KIND_stat) {
		print_stat(t, rec);
	} else if (t->class == MT_CLASS_report) {
		print_report(t, rec);
	} else if (t->class == MT_CLASS_event) {
		print_event(t, rec);
	} else if (t->class == MT_CLASS_context) {
		print_context(t, rec);
	}
}

static void print_raw(const struct mt_hdr *rec)
{
	mt_text(&out, rec);
	mt_out_char(&out, '\n');
}

/* ---- main -------------------------------------------------------------- */

static bool raw;

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "raw", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'r':
			raw = true;
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

/* no-color.org: set and not empty */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&out, &in);
	mt_out_init(&word, -1);
	colour = wants_colour();

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (raw)
			print_raw(rec);
		else
			print(rec);
	end_table();
	return mt_close_text(&in, got, &out);
}
