/* SPDX-License-Identifier: MIT */
/* mt-cat: opens logs, verifies them, and writes the record stream; and back. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cat/cat.h"
#include "cat/log.h"
#include "cat/merge.h"
#include "cat/select.h"
#include "cat/sink.h"
#include "cat/stream.h"
#include "cat/tee.h"

static const char help[] =
"usage: mt-cat [options] [FILE...]\n"
"\n"
"Opens logs, verifies them and writes their records as a stream.  FILE is a log,\n"
"a stream, or an mtrace.out of the original mtrace, in gzip or not; - or none is\n"
"standard input.  Several are read one after another, or merged.\n"
"\n"
"  -j, --jobs N       work on N threads (default: a core each, and one for\n"
"                     the reader of a pipe)\n"
"  -o, --output LOG   write a log instead of the stream\n"
"      --block BYTES  with -o: bytes of records in a block (4194304)\n"
"      --state N      with -o: a state after each N blocks (default: now and then)\n"
"      --cpu SET      only events of these cpus: 0-3,7\n"
"      --kind NAMES   only events and reports of these kinds: access,lock\n"
"      --line A[-B]   only accesses to this line of physical memory, or range\n"
"      --time A-B     only events from time A to time B\n"
"      --blocks A-B   only events of these blocks, counted from 0\n"
"      --shard I/N    only accesses to the Ith of N parts of the memory\n"
"      --tee COMMAND  give the stream to this shell command, too\n"
"      --recover      mend damage: drop records in its place, an end record, status 0\n"
"      --merge        one stream of all FILEs, by their clocks, with numbers of its own\n"
"      --follow       wait for more of a log that grows, until it is closed\n"
"      --index        list the blocks as text instead\n"
"      --help         this text\n"
"\n"
"Records that later stages resolve with (tasks, maps, labels, definitions, ...)\n"
"always pass; in front of a range stands what has led to it.\n"
"\n"
"    mt-cat log.mt | mt-filter --cpu 3 | mt-tojson\n"
"    mt-cat --cpu 3 --time 1000-2000 log.mt | mt-stat | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-cat -o labelled.mt\n"
"    mt-cat --tee 'mt-stat >stat' log.mt | mt-shared >lines\n"
"    mt-cat --merge server.mt client.mt | mt-shared | mt-totext\n";

/* ---- options ----------------------------------------------------------- */

static struct {
	unsigned jobs;
	const char *output;
	bool index, follow, merge;
} options;

enum {
	OPT_BLOCK = 256, OPT_STATE, OPT_CPU, OPT_KIND, OPT_LINE, OPT_TIME, OPT_BLOCKS, OPT_SHARD, OPT_INDEX,
	OPT_RECOVER, OPT_FOLLOW, OPT_MERGE, OPT_TEE, OPT_HELP
};

/* A core for each; the reader of a pipe needs one, too: with a thread too many both are slower. */
static unsigned default_jobs(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1 || cores > 1024)
		return 1;
	return (unsigned)cores - (cores > 1 && !options.output && mt_is_pipe(STDOUT_FILENO));
}

static void take_option(int c)
{
	switch (c) {
	case 'j': options.jobs = (unsigned)mt_number("--jobs", optarg, 1024); break;
	case 'o': options.output = optarg; break;
	case OPT_BLOCK: sink_set_block(mt_number("--block", optarg, MT_LOG_BLOCK)); break;
	case OPT_STATE: sink_set_states(mt_number("--state", optarg, 1 << 30)); break;
	case OPT_CPU: select_cpus(optarg); break;
	case OPT_KIND: select_kinds(optarg); break;
	case OPT_LINE: select_line(optarg); break;
	case OPT_TIME: select_time(optarg); break;
	case OPT_BLOCKS: select_blocks(optarg); break;
	case OPT_SHARD: select_shard(optarg); break;
	case OPT_INDEX: options.index = true; break;
	case OPT_RECOVER: stream_recover(); break;
	case OPT_FOLLOW: options.follow = true; break;
	case OPT_MERGE: options.merge = true; break;
	case OPT_TEE: tee_add(optarg); break;
	case OPT_HELP: mt_help(help);
	default: mt_bad_usage();
	}
}

/* What passes is chosen from the merged stream, so nothing by block. */
static void check_merge(int n_files)
{
	if (options.index || options.follow)
		mt_die(MT_USAGE, "--merge, --%s: exclude each other", options.index ? "index" : "follow");
	if (selection.blocks.first || selection.blocks.last != UINT64_MAX)
		mt_die(MT_USAGE, "--merge, --blocks: what is merged has no blocks");
	if (!n_files)
		mt_die(MT_USAGE, "--merge: which logs? try mt-cat --help");
}

static void parse_options(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ "block", required_argument, NULL, OPT_BLOCK },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "cpu", required_argument, NULL, OPT_CPU },
		{ "kind", required_argument, NULL, OPT_KIND },
		{ "line", required_argument, NULL, OPT_LINE },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "blocks", required_argument, NULL, OPT_BLOCKS },
		{ "shard", required_argument, NULL, OPT_SHARD },
		{ "index", no_argument, NULL, OPT_INDEX },
		{ "recover", no_argument, NULL, OPT_RECOVER },
		{ "follow", no_argument, NULL, OPT_FOLLOW },
		{ "merge", no_argument, NULL, OPT_MERGE },
		{ "tee", required_argument, NULL, OPT_TEE },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "j:o:", long_options, NULL)) != -1)
		take_option(c);
	if (!options.jobs)
		options.jobs = default_jobs();
	if (tee_any() && (options.index || options.output))
		mt_die(MT_USAGE, "--tee needs a stream: not with --%s", options.index ? "index" : "output");
	if (options.index && options.output)
		mt_die(MT_USAGE, "--index and --output exclude each other");
	if (options.merge)
		check_merge(argc - optind);
	if (options.follow && (argc - optind != 1 || !strcmp(argv[optind], "-")))
		mt_die(MT_USAGE, "--follow: wants one log, by its name");
}

/* ---- files of other formats, which have no blocks ------------------------ */

static void refuse_blocks(const char *format)
{
	if (selection.blocks.first || selection.blocks.last != UINT64_MAX)
		mt_die(MT_USAGE, "--blocks: %s is %s, which has none", cat_name(), format);
}

/* bytes were already read from fd */
static void cat_stream(int fd, const void *bytes, size_t len)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	refuse_blocks("a stream");
	if (options.follow)
		mt_die(MT_USAGE, "--follow: %s is a stream: read it from a pipe", cat_name());
	mt_reader_init(&in, fd);
	memcpy(in.buf, bytes, len);
	in.used = len;
	in.started = len > 0;
	in.idle = cat_idle;
	while ((got = mt_reader_next(&in, &rec)) > 0)
		cat_put(rec);
	if (got < 0)
		cat_complain(in.offset, in.error);
	stream_end_file(0);
}

static void cat_other(int fd, const void *bytes, size_t len)
{
	refuse_blocks("a classic log");
	cat_classic(fd, bytes, len);
	stream_end_file(0);
}

/* ---- files --------------------------------------------------------------- */

/* Of a log that is followed: it has hardly begun. */
static bool wait_for_start(void *unused)
{
	static const struct timespec moment = { .tv_nsec = 100000000 };

	(void)unused;
	nanosleep(&moment, NULL);
	return true;
}

/* A stream opens with "MT"; whatever else may be a log whose start is damaged. */
static void cat_fd(int fd)
{
	struct mt_log_reader in;
	const void *bytes;
	long n;

	if (mt_log_reader_init(&in, fd) < 0)
		mt_die(MT_FAIL, "out of memory");
	in.more = options.follow ? wait_for_start : NULL;
	n = mt_log_reader_peek(&in, &bytes, CAT_CLASSIC_PEEK);
	if (n < 0)
		cat_complain(0, strerror(errno));
	else if (n == 0)
		cat_complain(0, "empty: neither a log nor a stream");
	else if (options.index)
		cat_list(&in);		/* of a stream: complains */
	else if (n >= 2 && !memcmp(bytes, "MT", 2))
		cat_stream(fd, in.buf, in.used);
	else if (cat_is_classic(bytes, (size_t)n))
		cat_other(fd, in.buf, in.used);
	else
		cat_log(&in, options.jobs, options.follow ? cat_name() : NULL);
	mt_log_reader_release(&in);
}

/* False: it cannot be opened. */
static bool cat_file(const char *name)
{
	int fd;

	if (!strcmp(name, "-")) {
		stream_file("standard input");
		if (isatty(STDIN_FILENO))
			mt_die(MT_USAGE, "standard input: is a terminal, expected a log: mt-cat LOG");
		cat_fd(STDIN_FILENO);
		return true;
	}
	stream_file(name);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		mt_warn("%s: %s", name, strerror(errno));
		return false;
	}
	cat_fd(fd);
	close(fd);
	return true;
}

static void open_sink(char **files)
{
	if (options.output)
		sink_open_log(options.output, files, options.jobs);
	else if (!options.index && isatty(STDOUT_FILENO))
		mt_die(MT_USAGE,
		       "standard output: is a terminal, records are binary: append | mt-totext");
	else
		sink_open_stream();
	tee_start();
}

/* status: of what was read. */
static int finish(int status)
{
	int commands;

	sink_close();
	commands = tee_end(status != MT_OK);
	return status > commands ? status : commands;
}

/* ---- several as one -------------------------------------------------------- */

/* In a process of its own: all of one file. */
static int cat_alone(const char *name)
{
	bool opened;

	select_all();
	sink_open_stream();
	opened = cat_file(name);
	sink_close();
	return opened ? stream_status() : MT_FAIL;
}

static int merge(char **files, int n)
{
	int status;

	options.jobs = (options.jobs + (unsigned)n - 1) / (unsigned)n;
	merge_start(files, n, cat_alone);
	open_sink(files);
	status = merge_all();
	return finish(status > stream_status() ? status : stream_status());
}

int main(int argc, char **argv)
{
	bool opened = true;

	mt_start(argv);
	parse_options(argc, argv);
	if (options.merge)
		return merge(argv + optind, argc - optind);
	open_sink(argv + optind);
	if (optind == argc)
		cat_file("-");
	for (int i = optind; i < argc; i++)
		opened &= cat_file(argv[i]);
	return finish(opened ? stream_status() : MT_FAIL);
}
