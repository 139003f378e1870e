/* SPDX-License-Identifier: MIT */
/* mt-merge: the reports of the parts of one stream, as one report. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libmt/cli.h"

static const char help[] =
"usage: mt-merge FILE... >stream\n"
"\n"
"Reads the reports that an analysis made with --partial of each part that mt-split\n"
"(or mt-cat --shard) made of one stream, and writes them as one stream for the\n"
"same analysis, which adds them up: then it says what it says of the whole stream,\n"
"byte for byte.  The parts may come in any order, and merged ones be merged again.\n"
"\n"
"      --help   this text\n"
"\n"
"    mt-cat log.mt | mt-split -n 4 -f 'mt-shared --partial >$FILE' &&\n"
"        mt-merge part-* | mt-shared --by pc | mt-totext\n";

/*
 * What is no report is the same in all parts, in the same order; the reports
 * stand somewhere between.  So all parts go forward in step: the reports up to
 * the next other record, then that record, from all.
 */
struct part {
	const char *name;
	struct mt_reader in;
	const struct mt_hdr *rec;	/* next; NULL at the end */
	int got;
};

static struct part **parts;
static size_t n_parts;

/* Reports since the last other record. */
static struct mt_hdr **rows;
static size_t n_rows, row_room;

/* Later ones win nothing: what is whole of all parts is written, then we say what was wrong. */
static int status = MT_OK;

static void advance(struct part *p)
{
	p->got = mt_reader_next(&p->in, &p->rec);
	if (p->got > 0)
		return;
	p->rec = NULL;
	if (p->got < 0) {
		mt_warn("%s: byte %llu: %s", p->name, (unsigned long long)p->in.offset, p->in.error);
		status = MT_FAIL;
	}
}

static struct part *open_part(const char *name)
{
	struct part *p = mt_xmalloc(sizeof(*p));
	int fd = STDIN_FILENO;

	p->name = strcmp(name, "-") ? name : "standard input";
	if (p->name == name)
		fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		mt_die(MT_FAIL, "%s: %s", name, strerror(errno));
	if (isatty(fd))
		mt_die(MT_USAGE, "%s: is a terminal, expected a stream", p->name);
	mt_reader_init(&p->in, fd);
	advance(p);
	return p;
}

static bool is_report(const struct mt_hdr *rec)
{
	const struct mt_type *type = mt_type_of(rec->kind);

	return type && type->class == MT_CLASS_report;
}

static void take_rows(struct part *p)
{
	for (; p->rec && is_report(p->rec); advance(p)) {
		rows = mt_xgrow(rows, n_rows, &row_room, sizeof(*rows));
		rows[n_rows++] = memcpy(mt_xmalloc(p->rec->size), p->rec, p->rec->size);
	}
}

/* By their bytes: any order will do that does not depend on the order of the parts. */
static int compare(const void *a, const void *b)
{
	const struct mt_hdr *x = *(struct mt_hdr *const *)a, *y = *(struct mt_hdr *const *)b;
	int c = memcmp(x, y, x->size < y->size ? x->size : y->size);

	return c ? c : (x->size > y->size) - (x->size < y->size);
}

static void write_rows(struct mt_writer *out)
{
	if (n_rows)
		qsort(rows, n_rows, sizeof(*rows), compare);
	for (size_t i = 0; i < n_rows; i++) {
		mt_writer_put(out, rows[i]);
		free(rows[i]);
	}
	n_rows = 0;
}

/* An end counts the records of its part. */
static bool same(const struct mt_hdr *a, const struct mt_hdr *b)
{
	if (a->kind != b->kind || a->size != b->size)
		return false;
	if (a->kind == MT_KIND_end) {
		struct mt_end x = *(const struct mt_end *)a, y = *(const struct mt_end *)b;

		x.records = y.records = 0;
		return !memcmp(&x, &y, sizeof(x));
	}
	return !memcmp(a, b, a->size);
}

/* The record that all parts are at, if they are at one. */
static const struct mt_hdr *common_record(void)
{
	const struct part *first = parts[0];

	for (size_t i = 1; i < n_parts; i++) {
		const struct part *p = parts[i];

		if (!p->rec != !first->rec && status != MT_OK)
			return NULL;	/* one is damaged, and that was said */
		if (!p->rec != !first->rec || (p->rec && !same(p->rec, first->rec)))
			mt_die(MT_FAIL, "%s: byte %llu: not a part of the same stream as %s", p->name,
			       (unsigned long long)p->in.offset, first->name);
	}
	return first->rec;
}

static void merge(struct mt_writer *out)
{
	const struct mt_hdr *rec;

	for (;;) {
		for (size_t i = 0; i < n_parts; i++)
			take_rows(parts[i]);
		write_rows(out);
		rec = common_record();
		if (!rec)
			return;
		mt_writer_put_any(out, rec);
		for (size_t i = 0; i < n_parts; i++)
			advance(parts[i]);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	if (optind == argc)
		mt_die(MT_USAGE, "which parts? try mt-merge --help");
}

int main(int argc, char **argv)
{
	static struct mt_writer out;

	mt_start(argv);
	parse_options(argc, argv);
	if (isatty(STDOUT_FILENO))
		mt_die(MT_USAGE, "standard output: is a terminal, records are binary: append | mt-totext");
	mt_writer_init(&out, STDOUT_FILENO);
	mt_widen_pipe(STDOUT_FILENO);
	n_parts = (size_t)(argc - optind);
	parts = mt_xcalloc(n_parts, sizeof(struct part *));
	for (size_t i = 0; i < n_parts; i++)
		parts[i] = open_part(argv[optind + (int)i]);

	merge(&out);
	if (mt_writer_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	return status;
}
