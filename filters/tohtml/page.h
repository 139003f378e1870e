/* SPDX-License-Identifier: MIT */
/*
 * The page that mt-tohtml writes, and what its sections share.
 *
 * Every section is a file here with two functions: _note takes a record as it
 * comes, while the stream's names are known, and keeps what will be shown;
 * _print writes the section when all has been read.
 *
 * What comes from the traced system reaches the page by html_name alone, which
 * escapes it; and should that fail, the page's own policy runs no script but
 * the one whose hash it names, and loads nothing.
 */
#ifndef MT_TOHTML_PAGE_H
#define MT_TOHTML_PAGE_H

#include "../libmt/cli.h"
#include "../libmt/mt_names.h"

extern struct mt_out page;
extern struct mt_names names;		/* of the stream that is being read */
extern size_t top;			/* rows of a table */
extern const char *given_title;	/* of the page; NULL: what was traced */

/* ---- words ---------------------------------------------------------------- */

/* Escaped; a long one is cut. */
void html_name(struct mt_out *o, const char *s, size_t len);
void html_string(struct mt_out *o, const struct mt_hdr *rec, unsigned n);

/* The instruction: "bump at file.c:31", and what it is inlined into. */
void html_code(struct mt_out *o, uint32_t process, uint64_t pc);

/* "load", "store", "rmw", "atomic" */
const char *html_operation(unsigned flags);

/* 12.3k: at most four letters and a unit */
void html_short(struct mt_out *o, uint64_t n);

/* A fraction as a percentage with one decimal; of nothing it is 0. */
void html_percent(struct mt_out *o, uint64_t part, uint64_t whole);

/*
 * How dark what has n of most is drawn: 0 to 1, rising as the square root, so
 * that the small ones are seen beside one that is far larger.
 */
void html_shade(struct mt_out *o, uint64_t n, uint64_t most);

/* n / operations with two decimals; nothing when operations are not known. */
void html_per_operation(struct mt_out *o, uint64_t n);

/*
 * A row or cell under construction: empty it, write to it, take a copy (to be
 * freed).  What is too long for it is taken as a note that says so.
 */
struct mt_out *html_scratch(void);
char *html_take(struct mt_out *o);

/* The cpus that are in a, which it takes, or in b; "0-3,7". */
char *cpus_union(char *a, const char *b);

/* ---- the page --------------------------------------------------------------- */

const char *page_title(void);		/* not escaped yet */
void page_open(void);
void page_close(void);
void page_section(const char *id, const char *title, const char *what);	/* both are ours */
void page_section_end(void);

/* ---- sections ---------------------------------------------------------------- */

void summary_note(const struct mt_hdr *rec);
const char *summary_command(void);	/* what was traced */
void summary_print(void);
uint64_t summary_operations(void);	/* 0: not known */
const char *summary_run(void);		/* the run that the record belongs to; "" */

void tables_note(const struct mt_type *t, const struct mt_hdr *rec);
void tables_links(bool first);
void tables_print(bool first);		/* those that stand before the pictures, or the others */

void cpus_note(const struct mt_hdr *rec);
void cpus_print(void);
bool cpus_any(void);

void layout_note(const struct mt_hdr *rec);
void layout_print(void);
bool layout_any(void);

#endif
