/* SPDX-License-Identifier: MIT */
/* mt-locks: which lock protects which field, inferred from what was held. */
#include <getopt.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "libmt/mt_runs.h"
#include "locks/guards.h"

static const char help[] =
"usage: mt-locks [options] <stream >rows\n"
"\n"
"Finds the locks that seem to protect each field of a type, and each variable:\n"
"those that were held exclusively at nearly all stores to it.  The rows are\n"
"records of type guard, the surest first.\n"
"\n"
"  --min-share N      held at so many of 100 stores (95)\n"
"  --min-accesses N   only fields with so many accesses (10)\n"
"  --all              every field with every lock that was ever held\n"
"  --hidden           also count accesses to an object that only the task that\n"
"                     allocated it has seen so far\n"
"  --pcs              after each row what each instruction does (locked)\n"
"  --per-run          a report for each run instead of one for the stream\n"
"  --partial          rows to be put together by mt-merge, for mt-locks\n"
"  --help             this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-locks | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-locks --all --pcs | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-locks | mt-filter -e 'access_share < 900000' | mt-tojson\n";

static bool per_run;
static struct mt_writer out;
static struct guard_report report = { .out = &out, .min_share = 95, .min_accesses = 10 };
static struct holds holds;
static struct guards guards;
static struct mt_runs runs;
static bool open_stream, unsaid;	/* unsaid: nothing was said of recording yet */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "min-share", required_argument, NULL, 's' },
		{ "min-accesses", required_argument, NULL, 'm' },
		{ "all", no_argument, NULL, 'a' },
		{ "hidden", no_argument, NULL, 'H' },
		{ "pcs", no_argument, NULL, 'c' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 's': report.min_share = mt_number("--min-share", optarg, 100); break;
		case 'm': report.min_accesses = mt_number("--min-accesses", optarg, UINT64_MAX); break;
		case 'a': report.all = true; break;
		case 'H': guards.count_hidden = true; break;
		case 'c': guards.pcs = true; break;
		case 'r': per_run = true; break;
		case 'p': report.partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

/* A log that says nothing of recording was recorded all the same. */
static bool recording(void)
{
	return runs.on || unsaid;
}

static void on_access(const struct mt_access *a)
{
	uint32_t process;

	if (!recording())
		return;
	process = mt_cpus_process(&holds.cpus, a->hdr.cpu, a->pc);
	guards_access(&guards, holds_strand(&holds, a->hdr.cpu), holds_task(&holds, a->hdr.cpu),
		      process, a);
}

/* What was allocated before a run may be known to anybody. */
static void on_label(const struct mt_label *l)
{
	uint32_t task = l->task ? l->task : mt_cpus_task(&holds.cpus, l->hdr.cpu);

	guards_label(&guards, l, recording() ? task : 0);
}

static void write_report(void)
{
	guards_report(&guards, &report);
	guards_clear(&guards);
}

static void on_event(enum lock_event what, const struct hold *h, const struct mt_hdr *rec)
{
	(void)what;
	(void)h;
	(void)rec;
}

static void on_run(const struct mt_hdr *rec)
{
	int change = mt_runs_change(&runs, rec);

	if (rec->kind == MT_KIND_begin) {
		guards_clear(&guards);
		guards_forget(&guards);
		unsaid = ((const struct mt_begin *)rec)->mode == MT_mode_off;
		open_stream = true;
		return;
	}
	if (rec->kind == MT_KIND_mode && unsaid) {
		if (change & MT_RUN_BEGINS)	/* what came before was of no run */
			guards_clear(&guards);
		unsaid = false;
	}
	if (rec->kind == MT_KIND_end ? !per_run || recording() : per_run && change & MT_RUN_ENDS)
		write_report();
	if (rec->kind == MT_KIND_end)
		open_stream = false;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin: case MT_KIND_mode: case MT_KIND_end: on_run(rec); break;
	case MT_KIND_field: guards_field(&guards, (const struct mt_field *)rec); break;
	case MT_KIND_object: guards_object(&guards, (const struct mt_object *)rec); break;
	case MT_KIND_label: on_label((const struct mt_label *)rec); break;
	case MT_KIND_guard: guards_add_row(&guards, (const struct mt_guard *)rec); break;
	case MT_KIND_locked: guards_add_pc(&guards, (const struct mt_locked *)rec); break;
	}
	if (rec->kind != MT_KIND_lock || recording())
		holds_note(&holds, rec);
	mt_xruns_note(&runs, rec);
	return rec->kind != MT_KIND_guard && rec->kind != MT_KIND_locked &&
	       mt_report_needs(rec, MT_KIND_locked);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);
	holds_init(&holds, on_event);
	guards_init(&guards, &holds.names);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			on_access((const struct mt_access *)rec);
		else if (note(rec))
			mt_writer_put(&out, rec);
	if (open_stream && (!per_run || recording()))	/* cut: what there was */
		write_report();
	return mt_close(&in, got, &out);
}
