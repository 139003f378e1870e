/* SPDX-License-Identifier: MIT */
/*
 * The numbers of several logs as those of one.  Each log counts its cpus, tasks,
 * processes, objects, fields, stacks and entries for itself, and has a memory of
 * its own: what two of them call by one number gets two.  What has a number is
 * in the record table.
 *
 * A number stays as it is unless another log had it first; then it becomes the
 * smallest that is free.  Kernels all live at the same virtual addresses: those
 * of the second machine and further ones move, and are kernel addresses still.
 */
#ifndef CAT_NUMBERS_H
#define CAT_NUMBERS_H

#include "../libmt/mt.h"

/* Of one log. */
struct numbers {
	struct mt_table of[MT_SPACES];	/* number -> the one in the merged stream */
	uint64_t machine;		/* 0: the first, or no machine but programs */
	bool user;			/* one of programs: its memory is that of its processes */
	const char *name;		/* of the log, for messages */
};

/* From the begin record; logs are to be given in a fixed order. */
void numbers_init(struct numbers *n, const struct mt_begin *begin, const char *name);

/* Changes all of a record that is neither begin nor end. */
void numbers_change(struct numbers *n, struct mt_hdr *rec);

#endif
