/* SPDX-License-Identifier: MIT */
/*
 * What the tables of mt-totext are made of.  A table: open_table for each row
 * (it does nothing while rows of the same type come), then begin_line, a cell
 * for each column, end_line.
 */
#ifndef MT_TOTEXT_TABLE_H
#define MT_TOTEXT_TABLE_H

#include "../libmt/cli.h"
#include "../libmt/mt_names.h"

#define NAME_SHOWN 100			/* letters; C++ names can fill screens */
#define FRAMES_SHOWN 32			/* of a stack, and a bound where parents are a circle */
#define CPUS_SHOWN 20			/* letters of a set of cpus */

extern struct mt_names names;
extern struct mt_out out;
extern struct mt_out word;		/* a cell under construction */
extern bool colour;
extern bool out_started;		/* something stands above */

/* ---- words: what cells are made of, with names where the stream has them ---- */

char *take_word(void);			/* the word so far, to be freed; starts the next one */
void word_cut(struct mt_out *o, const char *s, size_t len, size_t most);
void word_name(struct mt_out *o, const char *s, size_t len);
void word_string(struct mt_out *o, const struct mt_hdr *rec, unsigned n);
void word_code(struct mt_out *o, uint32_t process, uint64_t pc);
void word_stack(struct mt_out *o, const struct mt_stack *s);
void word_percent(struct mt_out *o, uint64_t ppm);	/* 12.3 % */
const char *operation(unsigned flags);	/* of an access */
const char *value_name(const struct mt_type *t, const char *field, uint64_t number);
size_t letters(const char *s);

/* ---- tables ------------------------------------------------------------------ */

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

extern struct table {
	const struct mt_type *type;	/* whose rows; NULL: no table is open */
	struct line lines[WAITING];
	unsigned used;
	bool headed;
	size_t width[2][COLUMNS];
	bool right[2][COLUMNS];		/* of detail lines: the table's to set */
} table;

void open_table(const struct mt_type *t, void (*titles)(const struct mt_type *t));
void end_table(void);
void keep_together(unsigned lines);	/* the next so many are not torn apart */

void begin_line(bool detail);
void end_line(void);
void add_title(const char *name, const char *unit, bool right);
void add_cell(char *text);		/* takes it */
void add_word(void);			/* the word so far */
void add_number(uint64_t n);
void add_text(const char *s);
void add_string(const struct mt_hdr *rec, unsigned n);

/* An access is a line of its own form: there can be very many. */
void print_access(const struct mt_access *a);

/* ---- tables of their own ------------------------------------------------------- */

void print_shared(const struct mt_type *t, const struct mt_hdr *rec);
void print_pair(const struct mt_type *t, const struct mt_hdr *rec);
void print_heat(const struct mt_type *t, const struct mt_hdr *rec);
void print_diff(const struct mt_type *t, const struct mt_hdr *rec);
void print_serial(const struct mt_type *t, const struct mt_hdr *rec);
void print_work(const struct mt_type *t, const struct mt_hdr *rec);
void print_scaling(const struct mt_type *t, const struct mt_hdr *rec);
void print_guard(const struct mt_type *t, const struct mt_hdr *rec);
void print_locked(const struct mt_type *t, const struct mt_hdr *rec);
void print_syscall(const struct mt_type *t, const struct mt_hdr *rec);
void print_testcase(const struct mt_type *t, const struct mt_hdr *rec);
void print_unexpected(const struct mt_type *t, const struct mt_hdr *rec);
void print_conflict(const struct mt_type *t, const struct mt_hdr *rec);
void print_rcu(const struct mt_type *t, const struct mt_hdr *rec);

#endif
