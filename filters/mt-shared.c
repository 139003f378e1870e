/* SPDX-License-Identifier: MIT */
/* mt-shared: cache lines that several cpus use, and who makes them travel. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "shared/lines.h"
#include "shared/report.h"

static const char help[] =
"usage: mt-shared [options] <stream >rows\n"
"\n"
"Reports the cache lines that at least two cpus use and at least one writes:\n"
"how often they moved, who reads and writes, the instructions on both sides,\n"
"true or false sharing.  The rows are records of type shared, most moves first.\n"
"\n"
"  --by WHAT         a row for each line (default), object, ctype, field, pc,\n"
"                    site (instruction and line), or entry (system call, ...)\n"
"  --all             lines of one cpu, and lines that nobody writes, too\n"
"  --min-moves N     only rows with at least N moves\n"
"  --line-size N     as if cache lines had N bytes (a power of two, 8 to 4096)\n"
"  --shift N         as if all data were N bytes further in memory\n"
"  --help            this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 20 moves | mt-totext\n"
"    mt-cat log.mt | mt-shared --by pc | mt-addr2line prog | mt-tojson\n"
"    mt-cat all.mt | mt-shared --line-size 128 | mt-tojson\n";

static struct report_options report = { .by = MT_shared_by_line };
static uint64_t line_size;		/* 0: the log's */
static uint64_t shift;

/* The stream that is being read. */
static struct {
	struct lines lines;
	struct groups groups;
	uint32_t mode;			/* MT_mode_..., of the accesses that come */
	uint32_t sample;
	bool native;			/* lines are the tracer's */
	bool open;
	bool warned;
} now;

static unsigned parse_by(const char *text)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_shared), "by");
	const struct mt_value *v = mt_value_named(f->values, text);

	if (!v)
		mt_die(MT_USAGE, "--by: '%s' is none of line, object, ctype, field, pc, site, entry",
		       text);
	return (unsigned)v->number;
}

static bool good_line_size(uint64_t n)
{
	return n >= LINE_MIN && n <= LINE_MAX && !(n & (n - 1));
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "all", no_argument, NULL, 'a' },
		{ "min-moves", required_argument, NULL, 'm' },
		{ "line-size", required_argument, NULL, 'l' },
		{ "shift", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'b': report.by = parse_by(optarg); break;
		case 'a': report.all = true; break;
		case 'm': report.min_moves = mt_number("--min-moves", optarg, UINT64_MAX); break;
		case 'l': line_size = mt_number("--line-size", optarg, LINE_MAX); break;
		case 's': shift = mt_number("--shift", optarg, LINE_MAX - 1); break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (line_size && !good_line_size(line_size))
		mt_die(MT_USAGE, "--line-size: %u is not a power of two from %u to %u",
		       (unsigned)line_size, LINE_MIN, LINE_MAX);
	mt_no_operands(argc, argv);
}

/*
 * What the accesses of a mode allow.  A log that does not say its mode (made
 * by hand, say) is taken at its word: what it has is all there was.
 */
static void set_mode(uint32_t mode)
{
	struct lines *t = &now.lines;

	if (mode != MT_mode_off)
		now.mode = mode;
	t->trust = now.native && (now.mode == MT_mode_movement || now.mode == MT_mode_all);
	t->complete = (now.mode == MT_mode_all || now.mode == MT_mode_off) && now.sample <= 1;
	if (now.native || t->complete || now.warned)
		return;
	mt_warn("standard input: the log has not every access: moves of other lines are an estimate");
	now.warned = true;
}

static void stream_begins(const struct mt_begin *b, const struct mt_reader *in)
{
	uint64_t size = line_size ? line_size : b->line;

	if (!good_line_size(b->line))
		mt_die(MT_FAIL, "standard input: byte %llu: line size %u is not a power of two from %u to %u",
		       (unsigned long long)in->offset, b->line, LINE_MIN, LINE_MAX);
	if (shift >= size)
		mt_die(MT_USAGE, "--shift: %u is not less than the line size, %u",
		       (unsigned)shift, (unsigned)size);
	lines_init(&now.lines, (unsigned)__builtin_ctzll(size), shift, b);
	now.lines.apart = report.by == MT_shared_by_entry;
	now.groups.apart = report.by == MT_shared_by_field;
	now.native = size == b->line && !shift;
	now.sample = b->sample;
	now.mode = MT_mode_off;
	now.open = true;
	set_mode(b->mode);
}

static void stream_ends(struct mt_writer *out)
{
	report_rows(&now.lines, &now.groups, &report, out);
	lines_release(&now.lines);
	groups_release(&now.groups);
	now.open = false;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec, const struct mt_reader *in, struct mt_writer *out)
{
	const struct mt_type *type = mt_type_of(rec->kind);

	switch (rec->kind) {
	case MT_KIND_begin:
		stream_begins((const struct mt_begin *)rec, in);
		return true;
	case MT_KIND_end:
		stream_ends(out);
		return true;
	case MT_KIND_mode:
		set_mode((uint32_t)((const struct mt_mode *)rec)->mode);
		lines_runs(&now.lines, rec);
		return true;
	case MT_KIND_object:
		if (report.by == MT_shared_by_ctype || report.by == MT_shared_by_field)
			groups_note(&now.groups, &now.lines, (const struct mt_object *)rec);
		return true;
	case MT_KIND_switch:
	case MT_KIND_entry:
		lines_runs(&now.lines, rec);
		return false;
	case MT_KIND_label:		/* only events refer to these */
	case MT_KIND_segment:
	case MT_KIND_stack:
		return false;
	}
	return !type || type->class != MT_CLASS_event;
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_writer out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			lines_accesses(&now.lines, (const struct mt_access *)rec,
				       1 + mt_reader_run(&in));
		else if (note(rec, &in, &out))
			mt_writer_put(&out, rec);
	if (now.open)			/* cut: the rows of what there was, but no end */
		stream_ends(&out);
	return mt_close(&in, got, &out);
}
