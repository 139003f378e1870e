/* SPDX-License-Identifier: MIT */
/* An access as a line: in columns of fixed width, because there can be very many. */
#include <string.h>

#include "../libmt/mt_digits.h"
#include "table.h"

#define PLACE 34			/* letters of a place's column */

/* The most that the columns in front of the place, or the place as a number, can take. */
#define ROOM 128

static void print_titles(void)
{
	end_table();
	table.type = mt_type_of(MT_KIND_access);
	mt_out_str(&out, colour ? "\033[1m" : "");
	mt_out_printf(&out, "%14s %4s  %-6s %5s %-6s  %-*s  %s", "time", "cpu", "op", "bytes", "",
		      PLACE, "place", "code");
	mt_out_str(&out, colour ? "\033[0m\n" : "\n");
}

/* limit is 10^width: where digits are written twice, the second time waits for the first. */
static inline char *put_right(char *to, uint64_t n, size_t width, uint64_t limit)
{
	if (n >= limit)
		return mt_put_dec(to, n);
	memset(to, ' ', width);
	mt_put_dec_before(to + width, n);
	return to + width;
}

static char *put_left(char *to, const char *text, size_t width)
{
	memset(to, ' ', 8);
	memcpy(to, text, strlen(text));
	return to + width;
}

/* time cpu operation bytes moved, with the spaces between them */
static char *put_front(char *to, const struct mt_access *a)
{
	to = put_right(to, a->hdr.time, 14, 100000000000000);
	*to++ = ' ';
	to = put_right(to, a->hdr.cpu, 4, 10000);
	*to++ = ' ';
	*to++ = ' ';
	to = put_left(to, operation(a->flags), 7);
	to = put_right(to, a->width, 5, 100000);
	*to++ = ' ';
	return put_left(to, a->flags & MT_access_flag_moved ? "moved" : "", 8);
}

static void print_place(const struct mt_access *a)
{
	mt_names_place(&word, &names, a->object, a->field, a->addr, word_name);
	word.buf[word.used] = 0;
	mt_out_bytes(&out, word.buf, word.used);
	for (size_t n = letters(word.buf); n < PLACE; n++)
		mt_out_char(&out, ' ');
	mt_out_str(&out, "  ");			/* also behind a place that is too long */
	word.used = 0;
}

static char *put_address(char *to, uint64_t addr)
{
	memset(mt_put_hex(to, addr), ' ', PLACE);
	return to + PLACE + 2;
}

void print_access(const struct mt_access *a)
{
	const struct mt_stack *stack = mt_names_stack(&names, a->stack);
	uint32_t process = mt_cpus_process(&names.cpus, a->hdr.cpu, a->pc);
	char *to;

	if (!table.type || table.type->kind != MT_KIND_access)
		print_titles();
	to = put_front(mt_out_room(&out, ROOM), a);
	if (a->object | a->field) {
		mt_out_end(&out, to);
		print_place(a);
	} else {
		mt_out_end(&out, put_address(to, a->addr));
	}
	word_code(&out, process, a->pc);
	if (stack) {
		mt_out_str(&out, " < ");
		word_stack(&out, stack);
	}
	mt_out_char(&out, '\n');
}
