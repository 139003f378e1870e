/* SPDX-License-Identifier: MIT */
/*
 * mt-sets: which sets of a cache are fought for.
 *
 * Each cpu has a cache of its own, and other cpus do not disturb it: misses are
 * for want of room in a set only, never for sharing (that is mt-shared's).
 */
#include <getopt.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "sets/sets.h"

static const char help[] =
"usage: mt-sets [options] <stream >rows\n"
"\n"
"Runs the accesses of each cpu through a set-associative cache of its own and\n"
"reports its sets, most misses first, as records of type set.  The log should have\n"
"every access (mode all): hits count, too.\n"
"\n"
"  --sets N          sets of the cache, a power of two (512)\n"
"  --ways N          lines in a set (8)\n"
"  --line N          bytes of a line, a power of two (64)\n"
"  --policy NAME     who goes when a set is full: lru (default), fifo, random\n"
"  --seed N          of random (1)\n"
"  --index NAME      address that chooses the set: physical (default), virtual\n"
"  --misses          the accesses that miss, too, as records of type miss\n"
"  --min-misses N    only rows with at least N misses (1)\n"
"  --per-run         a report for each run; what the caches hold lives on\n"
"  --partial         all rows of both types, for mt-sets to make a report of\n"
"  --help            this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-sets | mt-top -n 5 misses | mt-totext\n"
"    mt-cat log.mt | mt-sets --misses --policy fifo --index virtual | mt-tojson\n";

static struct sets sets = { .o = { .sets = 512, .ways = 8, .line_bits = 6, .seed = 1, .least = 1 } };
static bool open, warned, per_run;
static struct mt_runs runs;

/* ---- options --------------------------------------------------------------- */

static unsigned choice(const char *option, const char *text, const char *const *names)
{
	for (unsigned i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	mt_die(MT_USAGE, "%s: '%s' is not one of its names", option, text);
}

static uint64_t power_of_two(const char *option, const char *text, uint64_t most)
{
	uint64_t n = mt_number(option, text, most);

	if (!n || n & (n - 1))
		mt_die(MT_USAGE, "%s: %s is not a power of two", option, text);
	return n;
}

static uint64_t positive(const char *option, const char *text, uint64_t most)
{
	uint64_t n = mt_number(option, text, most);

	if (!n)
		mt_die(MT_USAGE, "%s: 0 of them hold nothing", option);
	return n;
}

static void parse_options(int argc, char **argv)
{
	static const char *const policies[] = { "lru", "fifo", "random", NULL };
	static const char *const indices[] = { "physical", "virtual", NULL };
	static const struct option options[] = {
		{ "sets", required_argument, NULL, 's' },
		{ "ways", required_argument, NULL, 'w' },
		{ "line", required_argument, NULL, 'l' },
		{ "policy", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 'S' },
		{ "index", required_argument, NULL, 'i' },
		{ "misses", no_argument, NULL, 'm' },
		{ "min-misses", required_argument, NULL, 'M' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 's': sets.o.sets = power_of_two("--sets", optarg, 1u << 31); break;
		case 'w': sets.o.ways = positive("--ways", optarg, 4096); break;
		case 'l': sets.o.line_bits = (unsigned)__builtin_ctzll(power_of_two("--line", optarg, 4096));
			break;
		case 'p': sets.o.policy = choice("--policy", optarg, policies); break;
		case 'S': sets.o.seed = mt_number("--seed", optarg, UINT64_MAX); break;
		case 'i': sets.o.virtual = choice("--index", optarg, indices); break;
		case 'm': sets.o.misses = true; break;
		case 'M': sets.o.least = mt_number("--min-misses", optarg, UINT64_MAX); break;
		case 'r': per_run = true; break;
		case 'P': sets.o.partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

/* ---- the stream ---------------------------------------------------------------- */

static void stream_ends(struct mt_writer *out)
{
	sets_report(&sets, out);
	sets_clear(&sets);
	open = false;
}

static void note_run(const struct mt_hdr *rec, struct mt_writer *out)
{
	if (per_run && mt_runs_change(&runs, rec)) {
		sets_report(&sets, out);
		sets_start_anew(&sets);
	}
	mt_xruns_note(&runs, rec);
}

static void warn_of_mode(uint64_t mode)
{
	if (warned || mode == MT_mode_off || mode == MT_mode_all)
		return;
	mt_warn("standard input: the log has not every access: too few hits, and lines leave too late");
	warned = true;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec, struct mt_writer *out)
{
	mt_xcpus_note(&sets.cpus, rec);
	note_run(rec, out);
	switch (rec->kind) {
	case MT_KIND_begin:
		open = true;
		warn_of_mode(((const struct mt_begin *)rec)->mode);
		return true;
	case MT_KIND_mode:
		warn_of_mode(((const struct mt_mode *)rec)->mode);
		return true;
	case MT_KIND_end:
		stream_ends(out);
		return true;
	case MT_KIND_set:
		sets_add_set(&sets, (const struct mt_set *)rec);
		return false;
	case MT_KIND_miss:
		sets_add_miss(&sets, (const struct mt_miss *)rec);
		return false;
	}
	return mt_report_needs(rec, MT_KIND_miss);
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
			sets_access(&sets, (const struct mt_access *)rec);
		else if (note(rec, &out))
			mt_writer_put(&out, rec);
	if (open)			/* cut: the rows of what there was, but no end */
		stream_ends(&out);
	return mt_close(&in, got, &out);
}
