/* SPDX-License-Identifier: MIT */
/* mt-shared: cache lines that several cpus use, and who makes them travel. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_log.h"
#include "libmt/mt_names.h"
#include "libmt/mt_runs.h"
#include "shared/report.h"

static const char help[] =
"usage: mt-shared [options] <stream >rows\n"
"\n"
"Reports the cache lines that at least two cpus use and at least one writes:\n"
"how often they moved, who reads and writes, the instructions on both sides,\n"
"true or false sharing.  Most moves come first.\n"
"\n"
"  --by WHAT         a row for each line (default), address, object, ctype, field,\n"
"                    pc, site (instruction and line), task, or entry (system call);\n"
"                    pair (who took lines from whom), cpus (from which to which),\n"
"                    byte (heat of types), use (the finest grain)\n"
"  --per WHAT        --by cpus for each line, object, ctype or field\n"
"  --all             lines of one cpu, and lines that nobody writes, too\n"
"  --min-moves N     only rows with at least N moves\n"
"  --min-cpus N      only rows with at least N cpus\n"
"  --per-run         rows for each run of the log\n"
"  --partial         instead of rows what they can be made of, by mt-shared\n"
"  --line-size N     as if cache lines had N bytes (a power of two, 8 to 4096)\n"
"  --shift N         as if all data were N bytes further in memory\n"
"  --help            this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 20 moves | mt-totext\n"
"    mt-shared --by pair <log.mt | mt-addr2line prog | mt-tojson --names\n";

static struct report_options report = { .by = MT_shared_by_line, .pairs = MT_pair_by_pair };
static uint64_t line_size;		/* 0: the log's */
static uint64_t shift;
static bool per_run;

/* The stream that is being read. */
static struct {
	struct lines lines;
	struct groups groups;
	struct pairs pairs;
	struct mt_runs runs;
	uint32_t mode;			/* MT_mode_..., of the accesses that come */
	uint32_t sample;
	bool native;			/* lines are the tracer's */
	bool open;
	bool warned;
} now;

static unsigned parse_by(const char *text)
{
	static const struct mt_value more[] = {
		{ "use", BY_USE, "" }, { "byte", BY_BYTE, "" },
		{ "pair", BY_PAIR, "" }, { "cpus", BY_CPUS, "" }, { NULL, 0, NULL }
	};
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_shared), "by");
	const struct mt_value *v = mt_value_named(f->values, text);

	if (!v)
		v = mt_value_named(more, text);
	if (!v)
		mt_die(MT_USAGE, "--by: '%s' is none of line, address, object, ctype, field, pc, site, task, entry, pair, cpus, byte, use",
		       text);
	return (unsigned)v->number;
}

static unsigned parse_per(const char *text)
{
	static const struct mt_value things[] = {
		{ "line", MT_pair_by_line_cpus, "" }, { "object", MT_pair_by_object_cpus, "" },
		{ "ctype", MT_pair_by_ctype_cpus, "" }, { "field", MT_pair_by_field_cpus, "" },
		{ NULL, 0, NULL }
	};
	const struct mt_value *v = mt_value_named(things, text);

	if (!v)
		mt_die(MT_USAGE, "--per: '%s' is none of line, object, ctype, field", text);
	return (unsigned)v->number;
}

static bool good_line_size(uint64_t n)
{
	return n >= LINE_MIN && n <= LINE_MAX && !(n & (n - 1));
}

static void check_options(void)
{
	if (line_size && !good_line_size(line_size))
		mt_die(MT_USAGE, "--line-size: %u is not a power of two from %u to %u",
		       (unsigned)line_size, LINE_MIN, LINE_MAX);
	if (report.pairs != MT_pair_by_pair && report.by != BY_CPUS)
		mt_die(MT_USAGE, "--per needs --by cpus");
	if (report.by == BY_CPUS && report.pairs == MT_pair_by_pair)
		report.pairs = MT_pair_by_cpus;
	if (report.partial && per_run)
		mt_die(MT_USAGE, "--partial and --per-run exclude each other: filter one run");
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "per", required_argument, NULL, 'p' },
		{ "all", no_argument, NULL, 'a' },
		{ "min-moves", required_argument, NULL, 'm' },
		{ "min-cpus", required_argument, NULL, 'c' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'P' },
		{ "line-size", required_argument, NULL, 'l' },
		{ "shift", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'b': report.by = parse_by(optarg); break;
		case 'p': report.pairs = parse_per(optarg); break;
		case 'a': report.all = true; break;
		case 'c': report.min_cpus = mt_number("--min-cpus", optarg, UINT32_MAX); break;
		case 'r': per_run = true; break;
		case 'P': report.partial = true; break;
		case 'm': report.min_moves = mt_number("--min-moves", optarg, UINT64_MAX); break;
		case 'l': line_size = mt_number("--line-size", optarg, LINE_MAX); break;
		case 's': shift = mt_number("--shift", optarg, LINE_MAX - 1); break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	check_options();
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

static bool by_pairs(void)
{
	return report.by == BY_PAIR || report.by == BY_CPUS;
}

/* What accesses must be told apart by for the rows that are wanted. */
static void choose_grain(struct lines *t)
{
	t->one_kernel = report.by == MT_shared_by_entry;
	t->apart = t->one_kernel;
	if (by_pairs()) {
		t->grain = GRAIN_STACK;
		t->pairs = &now.pairs;
		pairs_init(&now.pairs, t);
	} else if (report.partial || report.by == BY_USE) {
		t->grain = GRAIN_PLACE | GRAIN_TASK;
		t->apart = true;
		t->one_kernel = false;
	} else if (report.by == MT_shared_by_task) {
		t->grain = GRAIN_TASK;
	} else if (report.by == MT_shared_by_address || report.by == BY_BYTE) {
		t->grain = GRAIN_PLACE;
	}
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
	if (report.partial && (shift || size > MT_LOG_GRANULE))
		mt_die(MT_USAGE, "--partial: lines of more than %u bytes, or with --shift, stand in two parts",
		       MT_LOG_GRANULE);
	lines_init(&now.lines, (unsigned)__builtin_ctzll(size), shift, b);
	choose_grain(&now.lines);
	now.groups.apart = report.by != MT_shared_by_ctype && report.pairs != MT_pair_by_ctype_cpus;
	now.native = size == b->line && !shift;
	now.sample = b->sample;
	now.mode = MT_mode_off;
	now.open = true;
	set_mode(b->mode);
}

static void put_rows(struct mt_writer *out)
{
	if (by_pairs())
		pairs_report(&now.pairs, &now.lines, &now.groups, &report, out);
	else if (report.partial)
		report_parts(&now.lines, out);
	else if (report.by == BY_BYTE)
		report_heat(&now.lines, &now.groups, &report, out);
	else
		report_rows(&now.lines, &now.groups, &report, out);
}

/* Rows of a run stand behind the record that began it. */
static void run_ends(struct mt_writer *out)
{
	put_rows(out);
	lines_clear(&now.lines);
	pairs_clear(&now.pairs);
}

static void note_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	int change = mt_runs_note(&now.runs, rec);

	if (change < 0)
		mt_die(MT_FAIL, "out of memory");
	if (change && rec->kind == MT_KIND_mode)
		run_ends(out);
}

static void stream_ends(struct mt_writer *out)
{
	put_rows(out);
	pairs_release(&now.pairs);
	lines_release(&now.lines);
	groups_release(&now.groups);
	now.open = false;
}

static bool needs_groups(void)
{
	return report.by == MT_shared_by_ctype || report.by == MT_shared_by_field ||
	       report.by == BY_BYTE || report.pairs == MT_pair_by_ctype_cpus ||
	       report.pairs == MT_pair_by_field_cpus;
}

/* A row of another mt-shared: of the same lines? */
static const struct mt_use *check_use(const struct mt_use *u, const struct mt_reader *in)
{
	uint32_t size = 1u << now.lines.bits;

	if (u->line_bytes != size)
		mt_die(MT_FAIL, "standard input: byte %llu: a row of lines of %u bytes, not of %u",
		       (unsigned long long)in->offset, u->line_bytes, size);
	if ((u->line + shift) % size || !u->width || u->offset >= size || u->width > size - u->offset)
		mt_die(MT_FAIL, "standard input: byte %llu: a row whose bytes are not in its line",
		       (unsigned long long)in->offset);
	return u;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec, const struct mt_reader *in, struct mt_writer *out)
{
	if (per_run)
		note_run(rec, out);
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
		if (needs_groups())
			groups_note(&now.groups, &now.lines, (const struct mt_object *)rec);
		return true;
	case MT_KIND_switch:
	case MT_KIND_entry:
		lines_runs(&now.lines, rec);
		return false;
	case MT_KIND_use:
		if (by_pairs())
			return true;
		lines_use(&now.lines, check_use((const struct mt_use *)rec, in));
		return false;
	case MT_KIND_pair:
		if (!by_pairs() || ((const struct mt_pair *)rec)->by != MT_pair_by_part)
			return true;
		pairs_row(&now.pairs, (const struct mt_pair *)rec);
		return false;
	}
	return mt_report_needs(rec, by_pairs() ? MT_KIND_pair : MT_KIND_shared);
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
