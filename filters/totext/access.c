/* SPDX-License-Identifier: MIT */
/* An access as a line: in columns of fixed width, because there can be very many. */
#include <string.h>

#include "../libmt/mt_digits.h"
#include "table.h"

#define PLACE 34			/* letters of a place's column */

/* The most that the columns can take, where place and code are numbers. */
#define ROOM 192

static void print_titles(void)
{
	end_table();
	table.type = mt_type_of(MT_KIND_access);
	mt_out_str(&out, colour ? "\033[1m" : "");
	mt_out_printf(&out, "%14s %4s  %-6s %5s %-6s  %-*s  %s", "time", "cpu", "op", "bytes", "",
		      PLACE, "place", "code");
	mt_out_str(&out, colour ? "\033[0m\n" : "\n");
}

/* Operation, bytes, moved: few different ones, which are put together once. */
#define MIDDLE 32			/* letters that are copied, of which */
#define MIDDLE_USED 21			/* these stay; more than 99,999 bytes no access has */
#define MIDDLES 256
static struct middle {
	uint64_t key;			/* 0: none yet */
	char text[MIDDLE];
} middles[MIDDLES];

static const struct middle *middle_of(const struct mt_access *a)
{
	const uint64_t key = 1 + (a->width | (uint64_t)a->flags << 16);
	struct middle *m = &middles[(a->flags ^ a->width << 4) % MIDDLES];

	if (m->key != key) {
		m->key = key;
		snprintf(m->text, MIDDLE, "%-7s%5u %-8s", operation(a->flags), a->width,
			 a->flags & MT_access_flag_moved ? "moved" : "");
	}
	return m;
}

/*
 * Time and cpu: of accesses behind each other mostly the last four digits of the
 * time differ.  Those stand in the text as zeros.
 */
#define LOW 10000
#define LOW_AT 10			/* where they are in a column of 14 */
#define HIGH_MAX 9999999999		/* what is longer has no place in front of them */
#define FRONT 32			/* letters that are copied */
static struct front {
	uint64_t high;			/* the time's other digits */
	uint32_t cpu;
	unsigned len;			/* 0: nothing is known yet */
	char text[FRONT];
} front;

static void set_front(uint64_t high, uint32_t cpu)
{
	front.high = high;
	front.cpu = cpu;
	front.len = (unsigned)snprintf(front.text, FRONT, "%*llu0000 %4u  ", LOW_AT,
				       (unsigned long long)high, cpu);
}

static inline char *put_time_and_cpu(char *to, uint64_t time, uint32_t cpu)
{
	const uint64_t high = time / LOW;
	const unsigned low = (unsigned)(time % LOW);

	if (!high || high > HIGH_MAX)	/* blanks for zeros, or too long */
		return to + sprintf(to, "%14llu %4u  ", (unsigned long long)time, cpu);
	if (high != front.high || cpu != front.cpu || !front.len)
		set_front(high, cpu);
	memcpy(to, front.text, FRONT);
	memcpy(to + LOW_AT, mt_digit_pairs + 2 * (low / 100), 2);
	memcpy(to + LOW_AT + 2, mt_digit_pairs + 2 * (low % 100), 2);
	return to + front.len;
}

/* time cpu operation bytes moved, with the spaces between them */
static inline char *put_front(char *to, const struct mt_access *a)
{
	to = put_time_and_cpu(to, a->hdr.time, a->hdr.cpu);
	memcpy(to, middle_of(a)->text, MIDDLE);
	return to + MIDDLE_USED;
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

static inline char *put_address(char *to, uint64_t addr)
{
	memset(mt_put_hex(to, addr), ' ', PLACE);
	return to + PLACE + 2;
}

/* There may be a name for it. */
static inline bool has_name(const struct mt_access *a)
{
	return a->object | a->field | a->stack || names.symbols.used || names.symbols.has_zero;
}

static void print_names(const struct mt_access *a)
{
	const struct mt_stack *stack = mt_names_stack(&names, a->stack);
	uint32_t process = mt_cpus_process(&names.cpus, a->hdr.cpu, a->pc);

	if (a->object | a->field)
		print_place(a);
	else
		mt_out_end(&out, put_address(mt_out_room(&out, ROOM), a->addr));
	word_code(&out, process, a->pc);
	if (stack) {
		mt_out_str(&out, " < ");
		word_stack(&out, stack);
	}
	mt_out_char(&out, '\n');
}

void print_access(const struct mt_access *a)
{
	char *to;

	if (!table.type || table.type->kind != MT_KIND_access)
		print_titles();
	to = put_front(mt_out_room(&out, ROOM), a);
	if (has_name(a)) {
		mt_out_end(&out, to);
		print_names(a);
		return;
	}
	to = mt_put_hex(put_address(to, a->addr), a->pc);
	*to++ = '\n';
	mt_out_end(&out, to);
}
