/* SPDX-License-Identifier: MIT */
/* mt-scopes: abstract scopes: what they share against what they should; commutativity tests. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "scopes/open.h"
#include "scopes/pairs.h"
#include "scopes/parts.h"
#include "scopes/testcases.h"

static const char help[] =
"usage: mt-scopes [options] <stream >rows\n"
"\n"
"Sets what abstract scopes (operations) share against what they should.  Reports\n"
"pairs of scopes that ran on different cpus, name no abstract variable that both\n"
"use and one writes, and yet share memory that one writes: most bytes first, each\n"
"with some of the accesses (conflict records); counts of all pairs before that.\n"
"\n"
"  --by WHAT        a row for each pair of operations (default: names up to the\n"
"                   first bracket), or of scopes (scope)\n"
"  --rows N         rows at most (100000)\n"
"  --conflicts N    conflict records of each row, at most (25)\n"
"  --list           instead: each scope with its abstract variables\n"
"  --testcases      instead: each run of mode scope or kernel is a test of whether\n"
"                   operations on different cpus share memory; also those that pass\n"
"  --prefix TEXT    tests in mode scope: scopes whose names begin so (syscall:)\n"
"  --per-run        a report for each run\n"
"  --partial        rows of a part of the log, for mt-merge\n"
"  --help           this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-scopes | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-scopes --list | mt-tojson\n"
"    mt-cat tests.mt | mt-label vmlinux | mt-scopes --testcases | mt-tojson\n";

static enum { UNEXPECTED, LIST, TESTCASES } what;
static struct pairs_options pairs_options = { .conflicts = 25, .rows = 100000 };
static const char *prefix = "syscall:";
static bool per_run, partial;

static struct open_scopes scopes;
static struct mt_runs runs;
static struct pairs pairs;
static struct parts parts;		/* of scopes, from parts of a log */
static struct testcase test;
static uint32_t test_mode;		/* of the run, if it is a test; else off */
static uint32_t line;
static bool whole_guest, warned;

/* The cpu of the last access, and what it is in; not known after other records. */
static struct {
	bool known, judged;
	uint32_t cpu;
	struct scope *in[IN_SCOPES_MAX];
	size_t n;
} now;

static unsigned parse_by(const char *text)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_unexpected), "by");
	const struct mt_value *v = mt_value_named(f->values, text);

	if (!v)
		mt_die(MT_USAGE, "--by: '%s' is not operation or scope", text);
	return (unsigned)v->number;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "rows", required_argument, NULL, 'n' },
		{ "conflicts", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "testcases", no_argument, NULL, 't' },
		{ "prefix", required_argument, NULL, 'x' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'b': pairs_options.by = parse_by(optarg); break;
		case 'n': pairs_options.rows = mt_number("--rows", optarg, UINT64_MAX); break;
		case 'c': pairs_options.conflicts = (uint32_t)mt_number("--conflicts", optarg, UINT32_MAX); break;
		case 'l': what = LIST; break;
		case 't': what = TESTCASES; break;
		case 'x': prefix = optarg; break;
		case 'r': per_run = true; break;
		case 'p': partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (!pairs_options.rows)
		mt_die(MT_USAGE, "--rows: 0 is no report");
	mt_no_operands(argc, argv);
}

/* ---- scopes that close ----------------------------------------------------------- */

static void closed(void *out, struct scope *s)
{
	if (what == LIST)
		parts_put_variables(s, &scopes.names, out);
	else if (what == UNEXPECTED && partial)
		parts_put(s, &scopes.names, &pairs.sites, out);
	else if (what == UNEXPECTED)
		pairs_keep(&pairs, s);
}

/* ---- accesses --------------------------------------------------------------------- */

/* Is the cpu where a test looks? */
static bool is_judged(void)
{
	if (test_mode == MT_mode_kernel)
		return true;
	for (size_t i = 0; i < now.n; i++)
		if (!strncmp(mt_interned(&scopes.names, now.in[i]->name), prefix, strlen(prefix)))
			return true;
	return false;
}

static void look_up(uint32_t cpu)
{
	now.known = true;
	now.cpu = cpu;
	now.n = open_scopes_of(&scopes, cpu, now.in);
	now.judged = what == TESTCASES && test_mode != MT_mode_off && is_judged();
	for (size_t i = 0; what == UNEXPECTED && i < now.n; i++)
		*mt_xtable_put(&now.in[i]->cpus, cpu) = cpu;
}

static void note_access(const struct mt_access *a)
{
	uint32_t process;

	if (!now.known || now.cpu != a->hdr.cpu)
		look_up(a->hdr.cpu);
	if (!now.judged && !(what == UNEXPECTED && now.n))
		return;
	process = mt_cpus_process(&scopes.cpus, a->hdr.cpu, a->pc);
	if (what == UNEXPECTED)
		for (size_t i = 0; i < now.n; i++)
			footprint_add(&now.in[i]->footprint, a, process, &pairs.sites);
	else if (!whole_guest || a->addr >> 63)	/* what a call copies from its user is no sharing */
		testcase_access(&test, a, process);
}

/* ---- runs -------------------------------------------------------------------------- */

static void report_pairs(struct mt_writer *out)
{
	if (!partial)
		pairs_report(&pairs, &scopes.names, &pairs_options, line, out);
	pairs_release(&pairs);
}

static void end_run(struct mt_writer *out)
{
	open_close_all(&scopes);
	if (test_mode != MT_mode_off)
		testcase_report(&test, &runs, test_mode, line, out);
	test_mode = MT_mode_off;
	if (what == UNEXPECTED && per_run)
		report_pairs(out);
}

static bool is_test(uint32_t mode)
{
	return what == TESTCASES && (mode == MT_mode_scope || mode == MT_mode_kernel);
}

/* Scopes end with their run; those before the first one were not recorded. */
static void note_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	int change = mt_runs_change(&runs, rec);

	if (change & MT_RUN_ENDS)
		end_run(out);
	if (rec->kind == MT_KIND_end && what == UNEXPECTED && !per_run)
		report_pairs(out);
	mt_xruns_note(&runs, rec);
	if (runs.on && is_test(runs.mode) && test_mode == MT_mode_off)
		test_mode = runs.mode;
	scopes.on = runs.on;
	if (runs.mode != MT_mode_movement || what != UNEXPECTED || warned)
		return;
	mt_warn("standard input: the log has moves only: scopes share more than it shows");
	warned = true;
}

static void stream_begins(const struct mt_begin *b, const struct mt_reader *in)
{
	if (b->line < 8 || b->line > 4096 || (b->line & (b->line - 1)))
		mt_die(MT_FAIL, "standard input: byte %llu: line size %u is not a power of two from 8 to 4096",
		       (unsigned long long)in->offset, b->line);
	line = b->line;
	whole_guest = b->machine == MT_machine_system;
}

/* Takes a row of a part of the log; false if it is none. */
static bool note_part(const struct mt_hdr *rec)
{
	if (what == TESTCASES && rec->kind == MT_KIND_testcase)
		testcase_add(&test, (const struct mt_testcase *)rec);
	else if (what == TESTCASES && rec->kind == MT_KIND_conflict)
		testcase_add_conflict(&test, (const struct mt_conflict *)rec);
	else if ((what == UNEXPECTED && rec->kind == MT_KIND_touch) ||
		 (what != TESTCASES && rec->kind == MT_KIND_abstract))
		parts_add(&parts, rec, &scopes.names, &pairs.sites);
	else
		return false;
	return true;
}

/* Learns from a record that is no access; true if it is passed on. */
static bool note(const struct mt_hdr *rec, const struct mt_reader *in, struct mt_writer *out)
{
	now.known = false;
	if (note_part(rec))
		return false;
	parts_flush(&parts, closed, out);	/* mt-merge keeps what belongs together */
	if (rec->kind == MT_KIND_begin)
		stream_begins((const struct mt_begin *)rec, in);
	note_run(rec, out);
	open_note(&scopes, rec);
	return mt_report_needs(rec, what == LIST ? MT_KIND_abstract : MT_KIND_conflict);
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
	scopes.closed = closed;
	scopes.arg = &out;

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			note_access((const struct mt_access *)rec);
		else if (note(rec, &in, &out))
			mt_writer_put(&out, rec);
	if (in.open) {			/* cut: the rows of what there was, but no end */
		parts_flush(&parts, closed, &out);
		if (runs.on)
			end_run(&out);
		if (what == UNEXPECTED && !per_run)
			report_pairs(&out);
	}
	return mt_close(&in, got, &out);
}
