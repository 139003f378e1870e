/* SPDX-License-Identifier: MIT */
/* mt-split: divides a stream into parts that can be analysed apart. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libmt/cli.h"
#include "libmt/mt_log.h"

static const char help[] =
"usage: mt-split -n N [--by WAY] [--filter COMMAND] [PREFIX] <stream\n"
"\n"
"Divides the events of a stream into N parts, each a stream with all of the\n"
"context.  The parts become the logs PREFIX1 to PREFIXN (PREFIX: part-).\n"
"\n"
"  -n, --parts N          how many\n"
"  -b, --by line          accesses by the memory they touch, other events to all\n"
"                         parts (default); as mt-cat --shard does with a log\n"
"      --by object        accesses by their object (mt-label), by line if they have none\n"
"      --by task          events by the task that they belong to\n"
"      --by cpu           events by their cpu\n"
"  -f, --filter COMMAND   give each part to COMMAND instead, a shell command, with\n"
"                         the part's number in $PART and PREFIX and number in $FILE\n"
"      --help             this text\n"
"\n"
"    mt-cat log.mt | mt-split -n 4 -f 'mt-shared --partial >$FILE' &&\n"
"        mt-merge part-* | mt-shared --by pc | mt-totext\n";

enum { BY_LINE, BY_OBJECT, BY_TASK, BY_CPU };
#define PARTS_MAX 4096

static unsigned by;
static unsigned n_parts;
static const char *command = "exec mt-cat -j 1 -o \"$FILE\"";
static const char *prefix = "part-";

static struct part {
	struct mt_writer *out;
	pid_t pid;
} *parts;

/* ---- options ----------------------------------------------------------- */

static unsigned parse_by(const char *word)
{
	static const char *const words[] = {
		[BY_LINE] = "line", [BY_OBJECT] = "object", [BY_TASK] = "task", [BY_CPU] = "cpu"
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i]))
			return i;
	mt_die(MT_USAGE, "--by: '%s' is not line, object, task or cpu", word);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "parts", required_argument, NULL, 'n' },
		{ "by", required_argument, NULL, 'b' },
		{ "filter", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:b:f:h", options, NULL)) != -1)
		switch (c) {
		case 'n': n_parts = (unsigned)mt_number("--parts", optarg, PARTS_MAX); break;
		case 'b': by = parse_by(optarg); break;
		case 'f': command = optarg; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (!n_parts)
		mt_die(MT_USAGE, "--parts: into how many, from 1?");
	if (optind < argc)
		prefix = argv[optind++];
	mt_no_operands(argc, argv);
}

/* ---- parts ------------------------------------------------------------- */

/* In the child; does not return.  from is the read end of its pipe. */
static void run_command(unsigned number, int from)
{
	char text[16], *file;

	/* a shell's commands expect what a shell's commands get */
	signal(SIGPIPE, SIG_DFL);
	snprintf(text, sizeof(text), "%u", number);
	if (asprintf(&file, "%s%u", prefix, number) < 0 || setenv("FILE", file, 1) < 0 ||
	    setenv("PART", text, 1) < 0 || dup2(from, STDIN_FILENO) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start_part(unsigned i)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		mt_die(MT_FAIL, "part %u: %s", i + 1, strerror(errno));
	parts[i].pid = fork();
	if (parts[i].pid < 0)
		mt_die(MT_FAIL, "part %u: %s", i + 1, strerror(errno));
	if (parts[i].pid == 0)
		run_command(i + 1, ends[0]);
	close(ends[0]);
	mt_widen_pipe(ends[1]);
	parts[i].out = mt_xmalloc(sizeof(*parts[i].out));
	mt_writer_init(parts[i].out, ends[1]);
}

/* A part whose command left early gets no more; its exit status says if that was well. */
static void flush_parts(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < n_parts; i++)
		if (mt_writer_flush(parts[i].out) < 0 && errno != EPIPE)
			mt_die(MT_FAIL, "part %u: %s", i + 1, strerror(errno));
}

/* Returns the exit status.  Of a cut stream all commands complain: then we do not. */
static int end_parts(bool quiet)
{
	int status = MT_OK;

	flush_parts(NULL);
	for (unsigned i = 0; i < n_parts; i++)	/* all, before the first is waited for */
		close(parts[i].out->out.fd);
	for (unsigned i = 0; i < n_parts; i++) {
		int how;
		pid_t got;

		do
			got = waitpid(parts[i].pid, &how, 0);
		while (got < 0 && errno == EINTR);
		if (got >= 0 && WIFEXITED(how) && WEXITSTATUS(how) == 0)
			continue;
		status = MT_FAIL;
		if (quiet)
			continue;
		if (got >= 0 && WIFSIGNALED(how))
			mt_warn("part %u: its command was ended by signal %d", i + 1, WTERMSIG(how));
		else
			mt_warn("part %u: its command failed, with status %d", i + 1, WEXITSTATUS(how));
	}
	return status;
}

/* ---- the stream -------------------------------------------------------- */

static struct mt_cpus cpus;

/* A number of 32 bits, spread evenly, as a part from 0. */
static unsigned part_of(uint32_t hash)
{
	return (unsigned)((uint64_t)hash * n_parts >> 32);
}

static uint32_t spread(uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32);
}

/* Idle cpus have no task: each is one of its own. */
static uint64_t task_key(const struct mt_hdr *rec)
{
	uint32_t task = mt_cpus_task(&cpus, rec->cpu);

	return task ? task : 1ull << 32 | rec->cpu;
}

/* The only part that needs the record, or -1: all do. */
static long whose(const struct mt_hdr *rec)
{
	const struct mt_type *type = mt_type_of(rec->kind);
	const struct mt_access *a = (const struct mt_access *)rec;

	/* what a run did belongs to all of it, whoever says so */
	if (!type || type->class != MT_CLASS_event || rec->kind == MT_KIND_appdata)
		return -1;
	if (by == BY_TASK)
		return part_of(spread(task_key(rec)));
	if (by == BY_CPU)
		return part_of(spread(rec->cpu));
	if (rec->kind != MT_KIND_access)
		return -1;
	if (by == BY_OBJECT && a->object)
		return part_of(spread(a->object));
	return part_of(mt_log_granule(a->paddr));
}

static void put(const struct mt_hdr *rec)
{
	long i = whose(rec);

	if (i >= 0)
		mt_writer_put(parts[i].out, rec);
	else
		for (unsigned k = 0; k < n_parts; k++)
			mt_writer_put(parts[k].out, rec);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	mt_open_input(&in);
	parts = mt_xcalloc(n_parts, sizeof(*parts));
	for (unsigned i = 0; i < n_parts; i++)
		start_part(i);
	in.idle = flush_parts;

	while ((got = mt_reader_next(&in, &rec)) > 0) {
		mt_xcpus_note(&cpus, rec);
		put(rec);
	}
	status = end_parts(got < 0);
	return got < 0 ? mt_close(&in, got, NULL) : status;
}
