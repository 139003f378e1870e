/* SPDX-License-Identifier: MIT */
/*
 * mt-run: runs a program under the user-mode tracer.
 *
 * It finds QEMU, the plugin and the shim, makes the session that all traced
 * processes share, starts the first of them and waits for the last, as a
 * child subreaper.  Then it closes the log, and ends as the program ended.
 */
#define _GNU_SOURCE			/* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../filters/libmt/cli.h"
#include "launch.h"
#include "session.h"

static const char help[] =
"usage: mt-run [OPTION]... PROGRAM [ARG]...\n"
"\n"
"Runs an x86-64 program under the tracer: its threads are the cpus, processes\n"
"that it starts are followed into the same log.  Input, output, signals and exit\n"
"status are the program's own.\n"
"\n"
"  -o, --output LOG  where the log goes (PROGRAM.mt in this directory);\n"
"                    - is standard output, as a stream for a filter: what the\n"
"                    program prints goes to standard error then\n"
"  --mode MODE       movement: accesses that make their cache line travel\n"
"                    (default); scope: every access inside an abstract scope;\n"
"                    all: every access\n"
"  --wait            record nothing until the program calls mtrace_mode()\n"
"  --calls           record calls and returns, too\n"
"  --locked          record atomic accesses even when they hit\n"
"  --sample N        record one access in N\n"
"  --quantum N       threads take turns of N instructions (else: as the host lets\n"
"                    them run)\n"
"  --line BYTES      size of a cache line (64)\n"
"  --cold            no cache holds anything at the start (else: each holds all)\n"
"  --lossy           drop accesses, and say how many, where the log is not written as\n"
"                    fast as they come; --lossless, the default: the program waits\n"
"  --no-heap         do not label heap blocks: nothing is preloaded\n"
"  --stream          write a plain stream into LOG, not compressed blocks\n"
"  --check           for the tracer's developers: verify its page cache\n"
"  --help            this text\n"
"\n"
"    mt-run ./prog && mt-cat prog.mt | mt-stat | mt-totext\n"
"    mt-run -o - ./prog | mt-label | mt-shared | mt-top -n 5 moves | mt-totext\n";

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 };	/* as shells, env and nice say */

static struct {
	const char *output;
	const char *mode;
	const char *sample, *line, *quantum;
	bool wait, calls, locked, cold, lossy, no_heap, stream, check;
} opt = { .mode = "movement" };

static struct {
	char qemu[PATH_MAX], plugin[PATH_MAX], shim[PATH_MAX];
} found;

/* ---- options ------------------------------------------------------------ */

static const char *one_of_modes(const char *mode)
{
	if (strcmp(mode, "movement") && strcmp(mode, "scope") && strcmp(mode, "all"))
		mt_die(MT_USAGE, "--mode: '%s' is not movement, scope or all", mode);
	return mode;
}

static const char *line_size(const char *text)
{
	uint64_t n = mt_number("--line", text, 4096);

	if (n < 16 || (n & (n - 1)))
		mt_die(MT_USAGE, "--line: %s is not a power of 2 from 16 to 4096", text);
	return text;
}

static const char *positive(const char *option, const char *text)
{
	if (!mt_number(option, text, UINT32_MAX))
		mt_die(MT_USAGE, "%s: must be at least 1", option);
	return text;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "mode", required_argument, NULL, 'm' },
		{ "wait", no_argument, NULL, 'w' },
		{ "calls", no_argument, NULL, 'c' },
		{ "locked", no_argument, NULL, 'l' },
		{ "sample", required_argument, NULL, 's' },
		{ "quantum", required_argument, NULL, 'q' },
		{ "line", required_argument, NULL, 'L' },
		{ "cold", no_argument, NULL, 'C' },
		{ "lossy", no_argument, NULL, 'y' },
		{ "lossless", no_argument, NULL, 'Y' },
		{ "no-heap", no_argument, NULL, 'H' },
		{ "stream", no_argument, NULL, 'S' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	/* "+": what follows PROGRAM is the program's */
	while ((c = getopt_long(argc, argv, "+o:h", options, NULL)) != -1)
		switch (c) {
		case 'o': opt.output = optarg; break;
		case 'm': opt.mode = one_of_modes(optarg); break;
		case 'w': opt.wait = true; break;
		case 'c': opt.calls = true; break;
		case 'l': opt.locked = true; break;
		case 's': opt.sample = positive("--sample", optarg); break;
		case 'q': opt.quantum = positive("--quantum", optarg); break;
		case 'L': opt.line = line_size(optarg); break;
		case 'C': opt.cold = true; break;
		case 'y': opt.lossy = true; break;
		case 'Y': opt.lossy = false; break;
		case 'H': opt.no_heap = true; break;
		case 'S': opt.stream = true; break;
		case 'k': opt.check = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (optind == argc)
		mt_die(MT_USAGE, "which program? Try: mt-run --help");
}

/* ---- finding what is needed --------------------------------------------- */

/* The file NAME beside this program (build tree), or where it was installed. */
static bool own_file(char path[PATH_MAX], const char *name)
{
	static const char *const places[] = { "", "../lib/mtrace/" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return false;
	self[len] = 0;
	*strrchr(self, '/') = 0;
	for (int i = 0; i < 2; i++) {
		char candidate[2 * PATH_MAX];

		snprintf(candidate, sizeof(candidate), "%s/%s%s", self, places[i], name);
		if (realpath(candidate, path))
			return true;
	}
	return false;
}

/* The directory that qemu/build-qemu printed when this was built. */
static bool qemu_of_build(char path[PATH_MAX])
{
	char name[PATH_MAX], prefix[PATH_MAX - 32];
	FILE *f = own_file(name, "qemu-prefix") ? fopen(name, "re") : NULL;
	bool read = f && fgets(prefix, sizeof(prefix), f);

	if (f)
		fclose(f);
	if (!read)
		return false;
	prefix[strcspn(prefix, "\n")] = 0;
	snprintf(path, PATH_MAX, "%s/bin/qemu-x86_64", prefix);
	return access(path, X_OK) == 0;
}

static void find_parts(void)
{
	const char *given = getenv("MT_QEMU_USER");

	if (given) {
		snprintf(found.qemu, sizeof(found.qemu), "%s", given);
		if (access(found.qemu, X_OK) < 0)
			mt_die(MT_FAIL, "MT_QEMU_USER: %s: %s", given, strerror(errno));
	} else if (!qemu_of_build(found.qemu)) {
		mt_die(MT_FAIL, "no QEMU: run 'make qemu' in the source tree, "
		       "or set MT_QEMU_USER to a qemu-x86_64 with plugins");
	}
	if (!own_file(found.plugin, "libmtrace.so"))
		mt_die(MT_FAIL, "libmtrace.so: not found: run 'make tracer' in the source tree");
	if (!opt.no_heap && !own_file(found.shim, "libmtheap.so"))
		mt_die(MT_FAIL, "libmtheap.so: not found: run 'make tracer' in the source tree");
	/* They go through lists that are split there. */
	if (strpbrk(found.shim, ":, "))
		mt_die(MT_FAIL, "%s: a path with a comma, colon or space cannot be preloaded: "
		       "try --no-heap", found.shim);
}

/* ---- finding the program -------------------------------------------------- */

static void judge_program(struct launch *l, const char *path, const char *name)
{
	int bad = launch_find(l, path);

	if (bad == ENOEXEC) {		/* a script without "#!": as execvp does */
		char *script = mt_xstrdup(path);

		bad = launch_find(l, "/bin/sh");
		if (!bad)
			l->args[l->n_args++] = script;
	}
	if (bad < 0)
		mt_die(NOT_EXECUTABLE, "%s: %s", name, l->why_not);
	if (bad)
		mt_die(bad == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, "%s: %s", name, strerror(bad));
}

/* By PATH, as a shell would; dies if it cannot be run. */
static void find_program(struct launch *l, const char *name)
{
	const char *dirs = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(name, '/') || !*name) {
		judge_program(l, name, name);
		return;
	}
	for (dirs = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; dirs; ) {
		size_t len = strcspn(dirs, ":");

		snprintf(path, sizeof(path), "%.*s%s%s", (int)len, dirs, len ? "/" : "", name);
		if (access(path, X_OK) == 0) {
			judge_program(l, path, name);
			return;
		}
		dirs = dirs[len] ? dirs + len + 1 : NULL;
	}
	mt_die(NOT_FOUND, "%s: not found in PATH", name);
}

/* ---- log and session ----------------------------------------------------- */

/* Out of the way of the numbers that the program will see. */
static int high_descriptor(int fd)
{
	static const int from[] = { 900, 200, 100, 20, 3 };

	for (int i = 0; i < 5; i++) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, from[i]);

		if (high >= 0) {
			close(fd);
			return high;
		}
	}
	return fd;
}

static const char *default_log(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *name;

	if (asprintf(&name, "%s.mt", slash ? slash + 1 : program) < 0)
		mt_die(MT_FAIL, "out of memory");
	return name;
}

static int open_log(void)
{
	struct stat st;
	int fd;

	if (!strcmp(opt.output, "-")) {
		if (isatty(STDOUT_FILENO))
			mt_die(MT_USAGE, "standard output: is a terminal, records are binary: "
			       "append a filter, or leave out -o -");
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (stat(opt.output, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* A FIFO opened for reading, too, would not see its reader leave. */
		fd = open(opt.output, O_WRONLY | O_CLOEXEC);
	} else {
		fd = open(opt.output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	if (fd < 0)
		mt_die(MT_FAIL, "%s: %s", opt.output, strerror(errno));
	return high_descriptor(fd);
}

static struct session *make_session(int *fd)
{
	struct session *s = NULL;

	*fd = memfd_create("mtrace-session", MFD_CLOEXEC);
	if (*fd >= 0 && ftruncate(*fd, sizeof(*s)) == 0)
		s = session_map(*fd);
	if (!s)
		mt_die(MT_FAIL, "session: %s", strerror(errno));
	*fd = high_descriptor(*fd);
	session_init(s);
	return s;
}

/* ---- the tracer's options ------------------------------------------------- */

static char plugin_argument[256 * 1024];
static size_t plugin_used;

static void add_bytes(const char *s, bool escape)
{
	for (; *s && plugin_used < sizeof(plugin_argument) - 3; s++) {
		if (*s == ',' && escape)
			plugin_argument[plugin_used++] = ',';	/* QEMU's way to say a comma */
		plugin_argument[plugin_used++] = *s;
	}
}

static void add_option(const char *key, const char *value)
{
	add_bytes(",", false);
	add_bytes(key, false);
	add_bytes("=", false);
	add_bytes(value, true);
}

static void add_number(const char *key, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	add_option(key, text);
}

static void add_flag(const char *key, bool set)
{
	if (set)
		add_option(key, "on");
}

/* What the user typed, as one line, for `begin`; cut where it gets long. */
static void add_command(char **argv)
{
	static char text[32 * 1024];
	size_t n = 0;

	for (; *argv && n < sizeof(text) - 1; argv++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "", *argv);
	add_option("command", text);
}

static void tracer_options(char **argv, int log_fd, int session_fd)
{
	char runner[32];

	snprintf(runner, sizeof(runner), "/proc/%d", (int)getpid());
	add_bytes(found.plugin, true);
	add_number("session", session_fd);
	add_number("fd", log_fd);
	add_option("out", opt.output);	/* its name, for messages */
	add_option("runner", runner);
	add_option("mode", opt.mode);
	add_option("start", opt.wait ? "off" : "on");
	if (opt.sample)
		add_option("sample", opt.sample);
	if (opt.quantum)
		add_option("quantum", opt.quantum);
	if (opt.line)
		add_option("line", opt.line);
	add_flag("calls", opt.calls);
	add_flag("locked", opt.locked);
	add_flag("cold", opt.cold);
	add_flag("stream", opt.stream);
	add_flag("check", opt.check);
	if (opt.lossy)
		add_option("lossless", "off");
	if (!opt.no_heap)
		add_option("shim", found.shim);
	add_command(argv);
}

/* ---- running -------------------------------------------------------------- */

/* As they were when mt-run was started; the program shall find them so. */
static struct {
	sigset_t mask;
	struct sigaction pipe, chld;
} inherited;

static void take_signals(void)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t all;

	sigaction(SIGPIPE, NULL, &inherited.pipe);
	sigaction(SIGCHLD, &by_default, &inherited.chld);
	sigfillset(&all);
	/* Job control stops and continues us along with the program. */
	sigdelset(&all, SIGTSTP);
	sigdelset(&all, SIGTTIN);
	sigdelset(&all, SIGTTOU);
	sigdelset(&all, SIGCONT);
	sigprocmask(SIG_BLOCK, &all, &inherited.mask);
}

static void become_program(const struct launch_command *c, const int keep[2])
{
	sigaction(SIGPIPE, &inherited.pipe, NULL);
	sigaction(SIGCHLD, &inherited.chld, NULL);
	if (!strcmp(opt.output, "-"))
		dup2(STDERR_FILENO, STDOUT_FILENO);
	for (int i = 0; i < 2; i++)
		fcntl(keep[i], F_SETFD, 0);
	/* Who kills us in a way that we cannot pass on does not want the program to go on alone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &inherited.mask, NULL);
	execve(c->argv[0], c->argv, c->envp);
	mt_warn("%s: %s", c->argv[0], strerror(errno));
	_exit(NOT_EXECUTABLE);
}

static pid_t start_program(const struct launch *l, char **argv, const int keep[2])
{
	extern char **environ;
	const struct launch_setup setup = {
		found.qemu, plugin_argument, opt.no_heap ? NULL : found.shim
	};
	struct launch_command c;
	pid_t child;

	if (launch_command(&c, &setup, l, argv, environ) < 0)
		mt_die(MT_FAIL, "out of memory");
	child = fork();
	if (child < 0)
		mt_die(MT_FAIL, "fork: %s", strerror(errno));
	if (!child)
		become_program(&c, keep);
	launch_command_release(&c);
	return child;
}

/* The terminal sends these to the program, too. */
static bool from_terminal(const siginfo_t *info)
{
	return info->si_code == SI_KERNEL &&
	       (info->si_signo == SIGINT || info->si_signo == SIGQUIT ||
		info->si_signo == SIGHUP || info->si_signo == SIGWINCH);
}

/* True when no child is left; *status is set once `child` has ended. */
static bool reap(pid_t child, int *status, bool *ended)
{
	int one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
		if (pid == child) {
			*status = one;
			*ended = true;
		}
	return pid < 0 && errno == ECHILD;
}

/*
 * Waits for the program and for whatever it leaves behind.  Signals sent to us
 * go to the program; when it has ended, those that ask to end make us stop
 * waiting for the rest.
 */
static int wait_for_all(pid_t child)
{
	int status = 0;
	bool ended = false;
	siginfo_t info;
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGTSTP);
	sigdelset(&all, SIGTTIN);
	sigdelset(&all, SIGTTOU);
	sigdelset(&all, SIGCONT);
	while (!reap(child, &status, &ended)) {
		if (sigwaitinfo(&all, &info) < 0 || info.si_signo == SIGCHLD)
			continue;
		if (!ended) {
			if (!from_terminal(&info))
				kill(child, info.si_signo);
		} else if (info.si_signo == SIGINT || info.si_signo == SIGTERM ||
			   info.si_signo == SIGQUIT || info.si_signo == SIGHUP) {
			break;
		}
	}
	return status;
}

/* ---- the end -------------------------------------------------------------- */

/* Closes the log; the wait status that is left if the program had none to report. */
static int finish(struct session *s, const struct session_log *log)
{
	bool ended = s->broken == SESSION_ENDED;	/* by the program */
	unsigned killed = ended ? 0 : s->entered - s->left;
	int broken = ended ? 0 : s->broken;

	if (!s->begun && !broken) {
		mt_warn("%s: no log: the tracer did not start", opt.output);
		return W_EXITCODE(MT_FAIL, 0);
	}
	if (session_finish(s, log) < 0 && !broken) {
		broken = errno;
		if (broken != EPIPE)
			mt_warn("%s: %s", opt.output, strerror(broken));
	}
	if (log->regular)
		lseek(log->fd, (off_t)s->size, SEEK_SET);
	if (killed)
		mt_warn("%s: %u process%s killed: the last records of %s are missing", opt.output,
			killed, killed == 1 ? " was" : "es were", killed == 1 ? "it" : "them");
	if (s->untraced)
		mt_warn("%s: %u program%s ran untraced: not x86-64, not readable, or set-user-ID",
			opt.output, s->untraced, s->untraced == 1 ? "" : "s");
	if (broken == EPIPE)
		return W_EXITCODE(0, SIGPIPE);
	return W_EXITCODE(broken ? MT_FAIL : MT_OK, 0);
}

/* Ends as the program did; what we have to report comes after what it has. */
static int end_as(int status)
{
	static const struct rlimit no_core;
	sigset_t one;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, WTERMSIG(status));
	raise(WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct session_log log;
	struct session *s;
	struct launch l;
	int keep[2], status, own;

	take_signals();
	mt_start(argv);
	parse_options(argc, argv);
	argv += optind;
	find_program(&l, argv[0]);
	find_parts();
	if (!opt.output)
		opt.output = default_log(argv[0]);

	keep[0] = open_log();
	s = make_session(&keep[1]);
	if (!strcmp(opt.output, "-"))
		opt.stream = true;
	session_log_init(&log, keep[0], opt.stream);
	/* Standard output may be a file that has something in it already. */
	if (log.regular)
		s->size = (uint64_t)lseek(keep[0], 0, SEEK_CUR);
	tracer_options(argv, keep[0], keep[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	status = wait_for_all(start_program(&l, argv, keep));
	launch_release(&l);
	own = finish(s, &log);
	return end_as(status ? status : own);
}
