/* SPDX-License-Identifier: MIT */
/*
 * An application of the library: it makes its input, maps it, and judges the
 * result by doing the same in the simplest way, when nothing is recorded.
 */
#ifndef METIS_APP_H
#define METIS_APP_H

#include <stdio.h>

#include "lib/mr.h"

struct app {
	const char *name, *what;
	long ops;			/* the custom: KiB of input, or rows */
	struct mr_job job;		/* its map, combine and unit */
	/* Input of bytes that were not read from a file; NULL: text. */
	void (*fill)(char *input, size_t bytes);
	/* In place of input and fill, for an application that is not about KiB. */
	void (*prepare)(struct mr_job *job, long ops);
	bool (*right)(const struct mr_job *job);
	void (*print)(const struct mr_job *job, FILE *f);
};

/* Tables, ended by an application without a name. */
extern const struct app word_apps[], number_apps[];

#endif
