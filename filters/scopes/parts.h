/* SPDX-License-Identifier: MIT */
/*
 * Scopes as rows, for parts of a log that was divided by line: each part has
 * all scopes and variables, and the touches of its own lines.  Of a list, the
 * variables alone.
 */
#ifndef MT_SCOPES_PARTS_H
#define MT_SCOPES_PARTS_H

#include "open.h"

/* Writes a scope: its cpus and variables (abstract), its touches (touch). */
void parts_put(struct scope *s, const struct mt_intern *names, const struct mt_intern *sites,
	       struct mt_writer *out);

/* Writes a row for each variable; for none, one with an empty variable. */
void parts_put_variables(const struct scope *s, const struct mt_intern *names,
			 struct mt_writer *out);

/* Scopes from the rows of parts.  Zero-initialise it. */
struct parts {
	struct mt_table by_id;		/* -> struct scope */
};

/* Takes such a row. */
void parts_add(struct parts *p, const struct mt_hdr *row, struct mt_intern *names,
	       struct mt_intern *sites);

/* The scopes are complete: gives them to closed in the order in which they closed. */
void parts_flush(struct parts *p, void (*closed)(void *arg, struct scope *s), void *arg);

#endif
