/* SPDX-License-Identifier: MIT */
/* Words and tables of mt-totext. */
#include <stdlib.h>
#include <string.h>

#include "table.h"

struct mt_names names;
struct mt_out out;
struct mt_out word;
bool colour;
bool out_started;

/* ---- words ------------------------------------------------------------- */

char *take_word(void)
{
	char *s = mt_xmalloc(word.used + 1);

	memcpy(s, word.buf, word.used);
	s[word.used] = 0;
	word.used = 0;
	return s;
}

void word_cut(struct mt_out *o, const char *s, size_t len, size_t most)
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

void word_name(struct mt_out *o, const char *s, size_t len)
{
	word_cut(o, s, len, NAME_SHOWN);
}

void word_string(struct mt_out *o, const struct mt_hdr *rec, unsigned n)
{
	const char *s = mt_string(rec, n);

	word_name(o, s, strlen(s));
}

const char *operation(unsigned flags)
{
	if (flags & MT_access_flag_atomic)
		return "atomic";
	if ((flags & MT_access_flag_load) && (flags & MT_access_flag_store))
		return "rmw";
	return flags & MT_access_flag_store ? "store" : "load";
}

void word_code(struct mt_out *o, uint32_t process, uint64_t pc)
{
	const struct mt_symbol *s = mt_names_symbol(&names, process, pc);

	if (s)
		mt_names_code(o, s, pc, word_name);
	else
		mt_out_hex(o, pc);
}

/* Tenths of a percent: what is smaller is not worth a look. */
void word_percent(struct mt_out *o, uint64_t ppm)
{
	mt_out_printf(o, "%llu.%llu %%", (unsigned long long)(ppm + 500) / 10000,
		      (unsigned long long)(ppm + 500) / 1000 % 10);
}

const char *value_name(const struct mt_type *t, const char *field, uint64_t number)
{
	const char *name = mt_value_name(mt_field_find(t, field)->values, number);

	return name ? name : "?";
}

/* do_read < vfs_read < system call __x64_sys_read < read, innermost first */
void word_stack(struct mt_out *o, const struct mt_stack *s)
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

/* ---- tables ------------------------------------------------------------ */

struct table table;

/* Letters, not bytes: what a terminal shows of escaped UTF-8. */
size_t letters(const char *s)
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

void end_table(void)
{
	flush_table();
	table.type = NULL;
}

void add_cell(char *text)
{
	struct line *l = &table.lines[table.used];
	size_t n = letters(text);

	if (n > table.width[l->detail][l->n])
		table.width[l->detail][l->n] = n;
	l->cell[l->n++] = text;
}

void begin_line(bool detail)
{
	table.lines[table.used].detail = detail;
	table.lines[table.used].n = 0;
}

void end_line(void)
{
	if (++table.used == WAITING)
		flush_table();
}

/* A cell of the header line; numbers stand to the right. */
void add_title(const char *name, const char *unit, bool right)
{
	table.right[0][table.lines[table.used].n] = right;
	mt_out_str(&word, name);
	if (*unit)
		mt_out_printf(&word, " (%ss)", unit);
	add_cell(take_word());
}

void open_table(const struct mt_type *t, void (*titles)(const struct mt_type *t))
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

void keep_together(unsigned lines)
{
	if (table.used + lines > WAITING)
		flush_table();
}

void add_word(void)
{
	add_cell(take_word());
}

void add_number(uint64_t n)
{
	mt_out_grouped(&word, n);
	add_cell(take_word());
}

void add_text(const char *s)
{
	add_cell(mt_xstrdup(s));
}

void add_string(const struct mt_hdr *rec, unsigned n)
{
	word_string(&word, rec, n);
	add_cell(take_word());
}
