/* SPDX-License-Identifier: MIT */
/* mt-syscalls: distinct cache lines that a system call, or an operation, moves. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "syscalls/calls.h"
#include "syscalls/report.h"

static const char help[] =
"usage: mt-syscalls [options] <stream >rows\n"
"\n"
"Reports for each system call, interrupt and other entry to the kernel how often\n"
"it was called and how many distinct cache lines an invocation makes travel: an\n"
"upper bound of its coherence misses.  The rows are records of type syscall, most\n"
"lines first; one is for what runs outside of entries.\n"
"\n"
"  --per-op NAME=ENTRY[,ENTRY]...\n"
"                     also a row for an operation that consists of these entries:\n"
"                     names of system calls (openat) or of their functions, causes\n"
"                     (exception, interrupt:33), addresses, or all.  How many were\n"
"                     done, the log says (appdata)\n"
"  --accesses         also a row for each instruction under each entry\n"
"  --all-accesses     count the lines of all accesses, not only of those that moved\n"
"  --per-run          rows for each run apart\n"
"  --partial          rows of a part of the log, for mt-merge\n"
"  --help             this text\n"
"\n"
"    mt-syscalls <log.mt | mt-addr2line vmlinux | mt-totext\n"
"    mt-cat log.mt | mt-syscalls --per-op 'procy=clone,exit_group,wait4' | mt-tojson\n"
"    mt-cat log.mt | mt-syscalls --accesses | mt-filter -e 'moves > 10' | mt-totext\n";

#define OPERATIONS_MAX 1000

static struct calls calls;
static struct operation operations[OPERATIONS_MAX];
static unsigned n_operations;
static bool per_run, partial;

static struct mt_runs runs;
static struct mt_names names;		/* only with operations */
static bool dirty;			/* something was counted since the last report */

/* Operations done: what is named so, or else all that was counted. */
static struct {
	uint64_t named, all;
	bool has_name;
} done;

static void add_operation(const char *text)
{
	if (n_operations == OPERATIONS_MAX)
		mt_die(MT_USAGE, "--per-op: more than %u", OPERATIONS_MAX);
	if (!operation_parse(&operations[n_operations++], text))
		mt_die(MT_USAGE, "--per-op: '%s' is not NAME=ENTRY,ENTRY...", text);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "per-op", required_argument, NULL, 'o' },
		{ "accesses", no_argument, NULL, 's' },
		{ "all-accesses", no_argument, NULL, 'a' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'o': add_operation(optarg); break;
		case 's': calls.with_sites = true; break;
		case 'a': calls.all = true; break;
		case 'r': per_run = true; break;
		case 'p': partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

static void report(struct mt_writer *out)
{
	if (dirty) {
		report_entries(&calls, out);
		if (calls.with_sites)
			report_sites(&calls, out);
		for (unsigned i = 0; !partial && i < n_operations; i++)
			report_operation(&calls, &operations[i],
					 done.has_name ? done.named : done.all, &names, out);
	}
	calls_clear(&calls);
	memset(&done, 0, sizeof(done));
	dirty = false;
}

static void stream_begins(const struct mt_begin *b, const struct mt_reader *in)
{
	if (b->line < 8 || b->line > 4096 || (b->line & (b->line - 1)))
		mt_die(MT_FAIL, "standard input: byte %llu: line size %u is not a power of two from 8 to 4096",
		       (unsigned long long)in->offset, b->line);
	calls_begin(&calls, b, (unsigned)__builtin_ctz(b->line));
}

/* Calls end with their run. */
static void note_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	int change = mt_runs_change(&runs, rec);

	if (rec->kind == MT_KIND_end || (per_run && change))
		report(out);
	else if (change & MT_RUN_ENDS)
		calls_end(&calls);
	mt_xruns_note(&runs, rec);
	calls.on = runs.on;
	dirty |= runs.on;
}

static void note_appdata(const struct mt_appdata *a)
{
	if (!strcmp(mt_string(&a->hdr, 0), "operations")) {
		done.has_name = true;
		done.named += a->value;
	}
	done.all += a->value;
}

/* Learns from a record that is no access; true if it is passed on. */
static bool note(const struct mt_hdr *rec, const struct mt_reader *in, struct mt_writer *out)
{
	note_run(rec, out);
	if (n_operations && mt_names_note(&names, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	switch (rec->kind) {
	case MT_KIND_begin:
		stream_begins((const struct mt_begin *)rec, in);
		break;
	case MT_KIND_appdata:
		note_appdata((const struct mt_appdata *)rec);
		break;
	case MT_KIND_syscall:
		calls_row(&calls, (const struct mt_syscall *)rec);
		dirty = true;
		return false;
	default:
		calls_note(&calls, rec);
	}
	return mt_report_needs(rec, MT_KIND_syscall);
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
		if (rec->kind == MT_KIND_access) {
			calls_accesses(&calls, (const struct mt_access *)rec,
				       1 + mt_reader_run(&in));
			dirty = true;
		} else if (note(rec, &in, &out)) {
			mt_writer_put(&out, rec);
		}
	if (in.open)			/* cut: the rows of what there was, but no end */
		report(&out);
	return mt_close(&in, got, &out);
}
