/* SPDX-License-Identifier: MIT */
/* Start, complain, finish: the same in every program. */
#define _GNU_SOURCE		/* F_SETPIPE_SZ */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "cli.h"

static const char *program = "mtrace";

/*
 * Python's subprocess, some CI runners and nohup start us with SIGPIPE
 * ignored; then "| head" would look like a disk error, or like success.
 */
static void die_of_sigpipe(void)
{
	sigset_t pipe_only;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &pipe_only, NULL);
}

void mt_start(char **argv)
{
	int fd;

	if (argv[0]) {
		const char *slash = strrchr(argv[0], '/');

		program = slash ? slash + 1 : argv[0];
	}
	/* A closed stdout would let a log that we open become "stdout". */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	die_of_sigpipe();
}

static void say(const char *format, va_list args)
{
	char line[4096];
	int n = snprintf(line, sizeof(line) - 1, "%s: ", program);
	int m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, args);

	n = m < (int)sizeof(line) - 1 - n ? n + m : (int)sizeof(line) - 2;
	for (int i = 0; i < n; i++)	/* names come from logs and files */
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;			/* there is nobody left to tell */
}

void mt_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void mt_die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(status);
}

void mt_help(const char *text)
{
	if (mt_write_full(STDOUT_FILENO, text, strlen(text)) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	exit(MT_OK);
}

void mt_bad_usage(void)
{
	mt_die(MT_USAGE, "try: %s --help", program);
}

void mt_no_operands(int argc, char **argv)
{
	extern int optind;

	if (optind < argc)
		mt_die(MT_USAGE, "'%s': takes no operands; it reads standard input", argv[optind]);
}

uint64_t mt_number(const char *what, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || n > max)
		mt_die(MT_USAGE, "%s: '%s' is not a number from 0 to %llu", what, text,
		       (unsigned long long)max);
	return n;
}

/* ---- progress ---------------------------------------------------------- */

static time_t started, shown;

void mt_progress(const char *what, uint64_t done, uint64_t total)
{
	time_t now = time(NULL);
	char line[200];
	int n;

	if (!started)
		started = shown = now;
	if (now <= started + 1 || now == shown || !isatty(STDERR_FILENO))
		return;
	shown = now;
	n = snprintf(line, sizeof(line), "\r%s: %.60s: %llu MB", program, what,
		     (unsigned long long)done / 1000000);
	if (total)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " of %llu MB",
			      (unsigned long long)total / 1000000);
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void mt_progress_end(void)
{
	if (shown > started && write(STDERR_FILENO, "\r\033[K", 4) < 0)
		return;
	started = shown = 0;
}

/* ---- memory ------------------------------------------------------------ */

static void *checked(void *p)
{
	if (!p)
		mt_die(MT_FAIL, "out of memory");
	return p;
}

void *mt_xmalloc(size_t bytes)
{
	return checked(malloc(bytes ? bytes : 1));
}

void *mt_xcalloc(size_t n, size_t bytes)
{
	return checked(calloc(n ? n : 1, bytes));
}

char *mt_xstrdup(const char *s)
{
	return checked(strdup(s));
}

void *mt_xgrow(void *p, size_t used, size_t *room, size_t bytes_each)
{
	if (used < *room)
		return p;
	*room = *room ? *room * 2 : 16;
	return checked(reallocarray(p, *room, bytes_each));
}

uint64_t *mt_xtable_put(struct mt_table *m, uint64_t key)
{
	return checked(mt_table_put(m, key));
}

void mt_xcpus_note(struct mt_cpus *c, const struct mt_hdr *rec)
{
	if (mt_cpus_note(c, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

void mt_xentries_note(struct mt_entries *e, const struct mt_hdr *rec)
{
	if (mt_entries_note(e, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

int mt_xruns_note(struct mt_runs *r, const struct mt_hdr *rec)
{
	int change = mt_runs_note(r, rec);

	if (change < 0)
		mt_die(MT_FAIL, "out of memory");
	return change;
}

uint32_t mt_xintern(struct mt_intern *t, const void *bytes, size_t len)
{
	long number = mt_intern(t, bytes, len);

	if (number < 0)
		mt_die(MT_FAIL, "out of memory");
	return (uint32_t)number;
}

uint32_t mt_xintern_string(struct mt_intern *t, const char *s)
{
	return mt_xintern(t, s, strlen(s));
}

/* ---- pipes -------------------------------------------------------------- */

void mt_widen_pipe(int fd)
{
	(void)fcntl(fd, F_SETPIPE_SZ, 1024 * 1024);
}

/* ---- an interrupt from the keyboard --------------------------------------- */

static volatile sig_atomic_t patience, stop;

/* Whoever insists, once the input counts as ended, means us. */
static void on_interrupt(int sig)
{
	if (stop) {
		signal(sig, SIG_DFL);
		raise(sig);
	} else if (!--patience) {
		stop = 1;
	}
}

/* After all else: the shell must see that we were interrupted. */
static void die_of_interrupt(void)
{
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
}

/*
 * What there is so far shall not be lost: the input is taken as cut.  Who writes
 * into our pipe has been interrupted with us; what comes from there is waited
 * for, until the second interrupt.  Other input ends with the first.
 */
static void catch_interrupt(struct mt_reader *in)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, old;
	struct statfs fs;

	if (sigaction(SIGINT, NULL, &old) < 0 || old.sa_handler != SIG_DFL)
		return;
	patience = fstatfs(in->fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC ? 2 : 1;
	in->stop = &stop;
	sigaction(SIGINT, &action, NULL);
}

/* ---- input and output -------------------------------------------------- */

void mt_open_input(struct mt_reader *in)
{
	if (isatty(STDIN_FILENO))
		mt_die(MT_USAGE, "standard input: is a terminal, expected a stream or a log: %s <LOG",
		       program);
	mt_widen_pipe(STDIN_FILENO);
	mt_reader_init(in, STDIN_FILENO);
	catch_interrupt(in);
}

void mt_open_output(struct mt_writer *out, struct mt_reader *in)
{
	if (isatty(STDOUT_FILENO))
		mt_die(MT_USAGE, "standard output: is a terminal, records are binary: append | mt-totext");
	mt_widen_pipe(STDOUT_FILENO);
	mt_writer_init(out, STDOUT_FILENO);
	mt_out_give(&out->out);
	if (in)
		mt_writer_tie(out, in);
}

void mt_open_text(struct mt_out *out, struct mt_reader *in)
{
	mt_widen_pipe(STDOUT_FILENO);
	mt_out_init(out, STDOUT_FILENO);
	mt_out_give(out);
	if (in) {
		in->idle = mt_out_idle;
		in->idle_arg = out;
	}
}

static int report(struct mt_reader *in, int got)
{
	if (got >= 0)
		return MT_OK;
	mt_warn("standard input: byte %llu: %s", (unsigned long long)in->offset, in->error);
	if (stop)
		atexit(die_of_interrupt);
	return MT_FAIL;
}

int mt_close(struct mt_reader *in, int got, struct mt_writer *out)
{
	if (out && mt_writer_flush(out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	return report(in, got);
}

int mt_close_text(struct mt_reader *in, int got, struct mt_out *out)
{
	if (mt_out_flush(out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	return report(in, got);
}
