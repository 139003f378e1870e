/* SPDX-License-Identifier: MIT */
/*
 * mtrace-magic: talks to the tracer from a script in the guest.  Linked
 * statically, so that it runs in any image.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mtrace.h"

static const char help[] =
	"usage: mtrace-magic COMMAND [ARGUMENT...]\n"
	"Tells the tracer that runs this machine, or program, what to record.\n"
	"Without a tracer it does nothing.\n"
	"\n"
	"  movement NAME             accesses that make their cache line travel\n"
	"  scope NAME                every access inside an abstract scope\n"
	"  kernel NAME               every access of the kernel\n"
	"  all NAME                  every access\n"
	"  disable NAME              nothing; NAME is of the run that starts or stops\n"
	"  enable NAME, ascope NAME, kernelscope NAME\n"
	"                            old names of movement, scope NAME, kernel\n"
	"  calls on|off [CPU]        record calls and returns, of all cpus or one\n"
	"  count on|off [CPU]        count instructions, of all cpus or one\n"
	"  locked on|off             record atomic accesses that hit, too\n"
	"  sample N                  record one access in N\n"
	"  quantum N                 a cpu's turn ends after N instructions; 0: does not\n"
	"  scope enter|leave NAME    open, close a scope of the calling process\n"
	"  label ADDR BYTES NAME [TYPE]\n"
	"                            name an object, of a C type\n"
	"  appdata VALUE NAME        a number, by custom operations done\n"
	"  end                       the log ends here\n"
	"\n"
	"    mtrace-magic movement build; make; mtrace-magic disable build\n"
	"    mtrace-magic appdata 1000 files\n";

static void usage(const char *what, const char *found)
{
	fprintf(stderr, "mtrace-magic: %s%s%s; try: mtrace-magic --help\n", what,
		found ? ": " : "", found ? found : "");
	exit(2);
}

static uint64_t number(const char *what, const char *text)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno)
		usage(what, text);
	return n;
}

static uint64_t on_or_off(const char *text)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		usage("neither on nor off", text);
	return !strcmp(text, "on");
}

/* ---- commands: their arguments, NULL at the end ------------------------------ */

static void set_mode(uint64_t mode, char **arg)
{
	mtrace_mode(mode, arg[0]);
}

static void set_for_cpus(uint64_t what, char **arg)
{
	mtrace_set(what, on_or_off(arg[0]), arg[1] ? number("not a cpu", arg[1]) : MTRACE_ALL_CPUS);
}

static void set_flag(uint64_t what, char **arg)
{
	mtrace_set(what, on_or_off(arg[0]), MTRACE_ALL_CPUS);
}

static void set_number(uint64_t what, char **arg)
{
	uint64_t n = number("not a number", arg[0]);

	if (n > UINT32_MAX || (what == MTRACE_SET_SAMPLE && !n))
		usage("out of range", arg[0]);
	mtrace_set(what, n, MTRACE_ALL_CPUS);
}

/* The scope is the caller's: we are gone in a moment. */
static void scope(uint64_t unused, char **arg)
{
	struct { struct mt_scope fixed; char strings[MTRACE_NAME]; } r;
	int leave = !strcmp(arg[0], "leave");

	(void)unused;
	if (!leave && strcmp(arg[0], "enter"))
		usage("neither enter nor leave", arg[0]);
	r.fixed.op = leave ? MT_scope_op_leave : MT_scope_op_enter;
	r.fixed.task = (uint32_t)getppid();
	mtrace_finish(&r.fixed.hdr, MT_KIND_scope, sizeof(r.fixed), r.strings,
		      mtrace_string(r.strings, 0, arg[1]));
}

static void label(uint64_t unused, char **arg)
{
	uint64_t addr = number("not an address", arg[0]), bytes = number("not a size", arg[1]);

	(void)unused;
	if (!bytes)
		usage("not a size", arg[1]);
	mtrace_label((const void *)(uintptr_t)addr, bytes, MT_storage_static, arg[2], arg[3]);
}

static void appdata(uint64_t unused, char **arg)
{
	(void)unused;
	mtrace_appdata(number("not a number", arg[0]), arg[1]);
}

static void end(uint64_t unused, char **arg)
{
	(void)unused, (void)arg;
	mtrace_end();
}

static const struct command {
	const char *name;
	int min, max;			/* arguments */
	void (*run)(uint64_t what, char **arg);
	uint64_t what;
} commands[] = {
	{ "movement", 1, 1, set_mode, MT_mode_movement },
	{ "enable", 1, 1, set_mode, MT_mode_movement },
	{ "scope", 1, 1, set_mode, MT_mode_scope },
	{ "ascope", 1, 1, set_mode, MT_mode_scope },
	{ "kernel", 1, 1, set_mode, MT_mode_kernel },
	{ "kernelscope", 1, 1, set_mode, MT_mode_kernel },
	{ "all", 1, 1, set_mode, MT_mode_all },
	{ "disable", 1, 1, set_mode, MT_mode_off },
	{ "calls", 1, 2, set_for_cpus, MTRACE_SET_CALLS },
	{ "count", 1, 2, set_for_cpus, MTRACE_SET_COUNT },
	{ "locked", 1, 1, set_flag, MTRACE_SET_LOCKED },
	{ "sample", 1, 1, set_number, MTRACE_SET_SAMPLE },
	{ "quantum", 1, 1, set_number, MTRACE_SET_QUANTUM },
	{ "scope", 2, 2, scope, 0 },
	{ "label", 3, 4, label, 0 },
	{ "appdata", 2, 2, appdata, 0 },
	{ "end", 0, 0, end, 0 },
};

/* The command with that name that takes n arguments; dies if there is none. */
static const struct command *find(const char *name, int n)
{
	const struct command *c, *end_of = commands + sizeof(commands) / sizeof(*commands);
	int known = 0;

	for (c = commands; c < end_of; c++)
		if (!strcmp(c->name, name)) {
			if (n >= c->min && n <= c->max)
				return c;
			known = 1;
		}
	usage(known ? "wrong number of arguments" : "no such command", name);
	return NULL;
}

static int show_help(void)
{
	if (fputs(help, stdout) < 0 || fflush(stdout) != 0) {
		fprintf(stderr, "mtrace-magic: standard output: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2)
		usage("which command?", NULL);
	if (!strcmp(argv[1], "--help"))
		return show_help();
	c = find(argv[1], argc - 2);
	c->run(c->what, argv + 2);
	return 0;
}
