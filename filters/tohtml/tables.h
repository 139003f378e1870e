/* SPDX-License-Identifier: MIT */
/* What the tables of the page look like: their headings and columns. */
#ifndef MT_TOHTML_TABLES_H
#define MT_TOHTML_TABLES_H

#include "page.h"

/* write NULL: the field of that name, as it is. */
struct column {
	const char *title;
	const char *class;		/* n: a number, w: wide, c: does not break */
	void (*write)(struct mt_out *o, const struct mt_hdr *rec);
};

/* A kind of rows with columns of its own; by: the value of its field by, or any. */
#define ANY_BY UINT64_MAX

struct form {
	unsigned kind;
	uint64_t by;
	const char *id, *title, *what;
	const char *measure;		/* rows with most of this field come first; NULL: as they come */
	const struct column *columns;	/* ends with title NULL; NULL: all fields */
};

extern const struct form forms[];	/* in the order of the page; ends with kind 0 */

/* A field of any record: numbers grouped, definitions by their names. */
void html_field(struct mt_out *o, const struct mt_hdr *rec, const struct mt_field_info *f);

#endif
