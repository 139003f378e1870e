/* SPDX-License-Identifier: MIT */
/*
 * psearchy: an index of the words of many files, made in parallel: who has time
 * takes the next file; each worker has a table, runs and a database of its own.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"
#include "index.h"

static const char help[] =
"Usage: psearchy [OPTION]... DIR <LIST\n"
"       psearchy --query DIR [WORD]...\n"
"       psearchy --text --ops N DIR\n"
"Makes an index, in DIR, of the words in the files of LIST, one a line; says\n"
"where words are: WORD FILE:BYTE; makes N files of text to try it with, the same\n"
"every time.\n"
"\n"
"  --cores N          workers, a cpu each (as many as there are)\n"
"  --threads          they are threads; --processes: they are not (the custom)\n"
"  --rr               each takes every N-th file (else the next one)\n"
"  --table-size N     bytes of a worker's table (16777216)\n"
"  --seconds S        start again with the list while there is time\n"
"\n"
"    ls /usr/include/*.h | psearchy --threads index && psearchy --query index errno\n";

static struct {
	char *dir;
	char **file;				/* to be read */
	uint32_t files;
	long cores, table_size, seconds, ops;
	bool threads, rr;
	uint64_t deadline;			/* ns */
} all = { .table_size = 16 << 20 };

/* What workers of all kinds share: each thing on a line of its own. */
static struct {
	uint64_t next __attribute__((aligned(64)));
	uint64_t done __attribute__((aligned(64)));
} *shared;

/* ---- a worker --------------------------------------------------------------- */

/* The i-th file that the worker takes; returns false when there are none. */
static bool take(long worker, uint64_t i, uint32_t *file)
{
	uint64_t n = all.rr ? i * (uint64_t)all.cores + (uint64_t)worker
			    : __atomic_fetch_add(&shared->next, 1, __ATOMIC_SEQ_CST);

	*file = (uint32_t)(n % all.files);
	return n < all.files || (all.seconds && bench_now() < all.deadline);
}

static bool in_word(unsigned char c)
{
	return isalnum(c) || c == '_';
}

static void index_text(struct table *t, const char *text, uint32_t bytes, uint32_t file)
{
	char word[WORD_MAX];
	uint32_t i = 0, start;

	while (i < bytes) {
		if (!in_word((unsigned char)text[i])) {
			i++;
			continue;
		}
		for (start = i; i < bytes && in_word((unsigned char)text[i]); i++)
			if (i - start < WORD_MAX)
				word[i - start] = (char)tolower((unsigned char)text[i]);
		table_add(t, word, i - start < WORD_MAX ? i - start : WORD_MAX,
			  (struct posting){ file, start });
	}
}

struct buffer {
	char *text;
	size_t size;
};

static void index_file(struct table *t, struct buffer *b, uint32_t file)
{
	const char *path = all.file[file];
	int fd = open(path, O_RDONLY);
	size_t bytes = 0;
	ssize_t n;

	if (fd < 0)
		bench_die("%s", path);
	do {
		if (bytes == b->size) {
			b->size = b->size ? 2 * b->size : 64 << 10;
			b->text = bench_alloc(b->text, b->size, 1);
		}
		n = read(fd, b->text + bytes, b->size - bytes);
		if (n < 0)
			bench_die("%s", path);
		bytes += (size_t)n;
		if (bytes > UINT32_MAX)
			bench_fail("%s: larger than 4 GiB", path);
	} while (n);
	close(fd);
	index_text(t, b->text, (uint32_t)bytes, file);
}

static void *work(void *arg)
{
	long worker = (long)arg;
	char prefix[256], database[256];
	struct buffer b = { 0 };
	struct table t;
	uint64_t i;
	uint32_t file;

	bench_run_on(worker);
	snprintf(prefix, sizeof(prefix), "%s/run.%ld", all.dir, worker);
	snprintf(database, sizeof(database), "%s/index.%ld", all.dir, worker);
	table_init(&t, (uint32_t)all.table_size, prefix);
	for (i = 0; take(worker, i, &file); i++)
		index_file(&t, &b, file);
	table_flush(&t);
	merge_runs(&t, database);
	table_release(&t);
	free(b.text);
	__atomic_fetch_add(&shared->done, i, __ATOMIC_SEQ_CST);
	return NULL;
}

static void run_threads(void)
{
	pthread_t thread[BENCH_CPUS_MAX];
	long i;

	for (i = 0; i < all.cores; i++) {
		errno = pthread_create(&thread[i], NULL, work, (void *)i);
		if (errno)
			bench_die("thread");
	}
	for (i = 0; i < all.cores; i++)
		pthread_join(thread[i], NULL);
}

/* A worker that failed has said why; the others end with us. */
static void run_processes(void)
{
	int status;
	long i;

	for (i = 0; i < all.cores; i++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_die("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work((void *)i);
			exit(0);
		}
	}
	while (wait(&status) > 0) {
		if (WIFSIGNALED(status))
			bench_fail("a worker was killed by signal %d", WTERMSIG(status));
		if (status)
			exit(1);
	}
}

/* ---- the list ------------------------------------------------------------------ */

/* Kept beside the index, whose postings have the number of a line in it. */
static void read_list(void)
{
	char path[512], *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *copy;

	snprintf(path, sizeof(path), "%s/files", all.dir);
	copy = fopen(path, "w");
	if (!copy)
		bench_die("%s", path);
	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		fprintf(copy, "%s\n", line);
		if ((all.files & (all.files + 1)) == 0)		/* full: 2^n - 1 of 2^n - 1 */
			all.file = bench_alloc(all.file, 2 * (uint64_t)all.files + 1, sizeof(*all.file));
		all.file[all.files++] = line;
		line = NULL;
	}
	free(line);
	if (ferror(stdin))
		bench_die("standard input");
	if (ferror(copy) | fclose(copy))
		bench_die("%s", path);
	if (!all.files)
		bench_fail("the list of files is empty");
}

static void make_text(void)
{
	char path[512];
	static char text[8 << 10];
	FILE *f;
	long i;

	for (i = 0; i < all.ops; i++) {
		snprintf(path, sizeof(path), "%s/%ld.txt", all.dir, i);
		bench_text(text, sizeof(text), (uint64_t)i);
		f = fopen(path, "w");
		if (!f)
			bench_die("%s", path);
		fwrite(text, 1, sizeof(text), f);
		if (ferror(f) | fclose(f))
			bench_die("%s", path);
	}
}

static void make_index(void)
{
	uint64_t start;

	if (!all.cores)
		all.cores = bench_cpus() < BENCH_CPUS_MAX ? bench_cpus() : BENCH_CPUS_MAX;
	read_list();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		bench_die("shared memory");
	start = bench_start("psearchy");
	all.deadline = start + (uint64_t)all.seconds * 1000000000;
	if (all.threads)
		run_threads();
	else
		run_processes();
	start = bench_stop("psearchy", shared->done) - start;
	bench_result("psearchy", shared->done, start, all.cores);
}

/* ---- the command line ------------------------------------------------------------- */

static const struct {
	const char *name;
	long *to, min, max;
} numbers[] = {
	{ "--cores", &all.cores, 1, BENCH_CPUS_MAX },
	{ "--table-size", &all.table_size, TABLE_MIN, TABLE_MAX },
	{ "--seconds", &all.seconds, 1, 1000000 },
	{ "--ops", &all.ops, 1, 1000000 },
};

static bool number_option(const char *option, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(option, numbers[i].name)) {
			*numbers[i].to = bench_number(option, text, numbers[i].max);
			if (*numbers[i].to < numbers[i].min)
				bench_usage("%s: less than %ld", option, numbers[i].min);
			return true;
		}
	return false;
}

/* Sets what is to be done; returns what stands behind DIR. */
static char **parse(char **argv, const char **what)
{
	for (argv++; *argv && !all.dir; argv++) {
		if (!strcmp(*argv, "--help")) {
			fputs(help, stdout);
			exit(fflush(stdout) ? 1 : 0);
		}
		if (!strcmp(*argv, "--query") || !strcmp(*argv, "--text"))
			*what = *argv;
		else if (!strcmp(*argv, "--threads") || !strcmp(*argv, "--processes"))
			all.threads = !strcmp(*argv, "--threads");
		else if (!strcmp(*argv, "--rr"))
			all.rr = true;
		else if (**argv != '-')
			all.dir = *argv;
		else if (!number_option(*argv, argv[1]))
			bench_usage("%s: no such option; try: psearchy --help", *argv);
		else
			argv++;
	}
	if (!all.dir)
		bench_usage("which directory? try: psearchy --help");
	if (strlen(all.dir) > 200)
		bench_usage("%s: the name is too long", all.dir);
	return argv;
}

int main(int argc, char **argv)
{
	const char *what = "";
	char **words;

	(void)argc;
	bench_name = "psearchy";
	words = parse(argv, &what);
	if (!strcmp(what, "--query")) {
		query(all.dir, words);
		return 0;
	}
	if (*words)
		bench_usage("'%s' is left over; try: psearchy --help", *words);
	if (*what)
		make_text();
	else
		make_index();
	return 0;
}
