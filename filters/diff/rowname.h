/* SPDX-License-Identifier: MIT */
/*
 * What a row of a report is called, in words that are the same in the report of
 * another run: names of types, fields, functions and system calls, never ids,
 * and addresses only where nothing has a name.
 */
#ifndef MT_DIFF_ROWNAME_H
#define MT_DIFF_ROWNAME_H

#include "../libmt/mt_names.h"

/* "shared by field": of which report the row is one. */
void rowname_report(struct mt_out *o, const struct mt_hdr *rec);

/* "struct dentry.d_lockref.count": what the row stands for. */
void rowname_write(struct mt_out *o, const struct mt_names *n, const struct mt_hdr *rec);

#endif
