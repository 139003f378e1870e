/* SPDX-License-Identifier: MIT */
/* Loads on files and directories. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "micro.h"

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_RDONLY, 0600);

	if (fd < 0 || close(fd) < 0)
		micro_die("%s", path);
}

static void open_setup(struct worker *w)
{
	make_file(w->path);
}

static void open_close(struct worker *w)
{
	int fd = open(w->path, O_RDONLY);

	if (fd < 0 || close(fd) < 0)
		micro_die("%s", w->path);
}

/* A file of its own, beside those of the others; --own: in a directory of its own. */
static void fops_setup(struct worker *w)
{
	if (!micro_own())
		snprintf(w->path, sizeof(w->path), "%s/file.%ld", micro_directory(), w->cpu);
	make_file(w->path);
}

static void fops_stat(struct worker *w)
{
	struct stat st;

	if (stat(w->path, &st) < 0)
		micro_die("%s", w->path);
}

/* New files come and go in a directory of the worker's own. */
static void creato_setup(struct worker *w)
{
	snprintf(w->path, sizeof(w->path), "%s/%ld", micro_directory(), w->cpu);
	if (!micro_own() && mkdir(w->path, 0700) < 0)
		micro_die("%s", w->path);
	snprintf(w->path, sizeof(w->path), "%s/%ld/new", micro_directory(), w->cpu);
}

static void creato(struct worker *w)
{
	int fd = open(w->path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd < 0 || close(fd) < 0 || unlink(w->path) < 0)
		micro_die("%s", w->path);
}

const struct load file_loads[] = {
	{ .name = "open", .what = "open and close one file of all", .ops = 1000,
	  .setup = open_setup, .operation = open_close },
	{ .name = "fops-dir", .what = "open and close a file each, all in one directory", .ops = 1000,
	  .setup = fops_setup, .operation = open_close },
	{ .name = "fops-dir-stat", .what = "stat a file each, all in one directory", .ops = 1000,
	  .setup = fops_setup, .operation = fops_stat },
	{ .name = "creato", .what = "create and unlink a file in a directory each", .ops = 1000,
	  .setup = creato_setup, .operation = creato },
	{ .name = NULL }
};
