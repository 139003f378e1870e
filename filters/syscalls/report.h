/* SPDX-License-Identifier: MIT */
/* The rows of mt-syscalls. */
#ifndef MT_SYSCALLS_REPORT_H
#define MT_SYSCALLS_REPORT_H

#include "../libmt/mt_names.h"
#include "calls.h"

/* An operation of the application, as some entries together. */
struct operation {
	char *name;
	char **entries;			/* words of the user, ends with NULL */
};

/*
 * Parses NAME=ENTRY,ENTRY; false if it is none.  An entry is the name or the
 * function of a system call, a cause with or without a number, the address of
 * an entry function, or "all".
 */
bool operation_parse(struct operation *op, const char *text);

/* Ends all calls and writes a row for each entry, most lines first. */
void report_entries(struct calls *c, struct mt_writer *out);

/* And for each site, entry by entry, most moves first. */
void report_sites(struct calls *c, struct mt_writer *out);

/* And for an operation that was done so often. */
void report_operation(struct calls *c, const struct operation *op, uint64_t done,
		      const struct mt_names *names, struct mt_writer *out);

#endif
