/* SPDX-License-Identifier: MIT */
/* metis: applications of MapReduce in shared memory; only mr_run is recorded. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench.h"
#include "app.h"

static const char help[] =
"Usage: metis [APPLICATION] [OPTION]...\n"
"Runs a MapReduce job in memory (wrmem), and checks its result.\n"
"\n"
"  --cores N        workers, a cpu each (as many as there are)\n"
"  --ops N          KiB of input, that is made (the number below); matrix: rows\n"
"  --input FILE     the input; an operation is a KiB\n"
"  --seconds S      the job again and again while there is time\n"
"  --huge           huge pages for all that the workers allocate\n"
"  --output FILE    the result, as text\n"
"\n";

static const struct app *const tables[] = { word_apps, number_apps };

static struct {
	const struct app *app;
	struct mr_job job;
	long cores, ops, seconds;
	const char *input, *output;
	char name[32];			/* of the run: metis, for another application metis-matrix */
} all;

/* ---- the command line ------------------------------------------------------------- */

static void print_help(void)
{
	const struct app *a;
	size_t i;

	fputs(help, stdout);
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (a = tables[i]; a->name; a++)
			printf("  %-11s  %s (%ld)\n", a->name, a->what, a->ops);
	fputs("\n    metis wordcount --input /usr/share/dict/words --output counts\n", stdout);
	exit(fflush(stdout) ? 1 : 0);
}

static const struct app *find_app(const char *name)
{
	const struct app *a;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (a = tables[i]; a->name; a++)
			if (!strcmp(a->name, name))
				return a;
	return NULL;
}

static bool value_option(const char *option, const char *text)
{
	if (!strcmp(option, "--cores"))
		all.cores = bench_number(option, text, BENCH_CPUS_MAX);
	else if (!strcmp(option, "--ops"))
		all.ops = bench_number(option, text, 64 << 20);
	else if (!strcmp(option, "--seconds"))
		all.seconds = bench_number(option, text, 1000000);
	else if (!strcmp(option, "--input") && text)
		all.input = text;
	else if (!strcmp(option, "--output") && text)
		all.output = text;
	else
		return false;
	return true;
}

static void parse(char **argv)
{
	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "--help"))
			print_help();
		else if (!strcmp(*argv, "--huge"))
			all.job.huge = true;
		else if (value_option(*argv, argv[1]))
			argv++;
		else if (all.app || !(all.app = find_app(*argv)))
			bench_usage("'%s' is neither an application nor an option; try: metis --help", *argv);
	}
	if (!all.app)
		all.app = &word_apps[0];
	if (all.input && (all.app->prepare || all.ops))
		bench_usage("--input: %s", all.ops ? "goes not with --ops" : "this application makes its own");
	snprintf(all.name, sizeof(all.name), "metis%s%s", all.app == word_apps ? "" : "-",
		 all.app == word_apps ? "" : all.app->name);
	bench_name = all.name;
	if (!all.ops)
		all.ops = all.app->ops;
	if (!all.cores)
		all.cores = bench_cpus() < BENCH_CPUS_MAX ? bench_cpus() : BENCH_CPUS_MAX;
}

/* ---- input and output ------------------------------------------------------------- */

static void read_input(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		bench_die("%s", path);
	do {
		if (all.job.bytes == size) {
			size = size ? 2 * size : 64 << 10;
			text = bench_alloc(text, size, 1);
		}
		n = read(fd, text + all.job.bytes, size - all.job.bytes);
		if (n < 0)
			bench_die("%s", path);
		all.job.bytes += (size_t)n;
	} while (n);
	close(fd);
	all.job.input = text;
	all.ops = (long)(all.job.bytes + 1023) / 1024;
	if (!all.ops)
		bench_fail("%s: empty", path);
}

static void make_input(void)
{
	char *input;

	if (all.app->prepare) {
		all.app->prepare(&all.job, all.ops);
		return;
	}
	all.job.bytes = (size_t)all.ops * 1024;
	input = bench_alloc(NULL, all.job.bytes, 1);
	if (all.app->fill)
		all.app->fill(input, all.job.bytes);
	else
		bench_text(input, all.job.bytes, 1);
	all.job.input = input;
}

static void write_output(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		bench_die("%s", path);
	all.app->print(&all.job, f);
	if (ferror(f) | fclose(f))
		bench_die("%s", path);
}

int main(int argc, char **argv)
{
	uint64_t start, stop, operations = 0;
	bool huge;

	(void)argc;
	bench_name = "metis";
	parse(argv);
	huge = all.job.huge;
	all.job = all.app->job;
	all.job.huge = huge;
	all.job.workers = all.cores;
	if (all.input)
		read_input(all.input);
	else
		make_input();

	start = bench_start(all.name);
	for (;;) {
		mr_run(&all.job);
		operations += (uint64_t)all.ops;
		if (bench_now() >= start + (uint64_t)all.seconds * 1000000000)
			break;
		mr_release(&all.job);
	}
	stop = bench_stop(all.name, operations);

	if (!all.app->right(&all.job))
		bench_fail("the result is wrong");
	if (all.output)
		write_output(all.output);
	mr_release(&all.job);
	bench_result(all.name, operations, stop - start, all.cores);
	return 0;
}
