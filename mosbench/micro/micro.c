/* SPDX-License-Identifier: MIT */
/*
 * micro: the microbenchmarks, small loads of a few system calls each, with a
 * worker pinned to each cpu.  Recording is on exactly while all workers are in
 * their loops.
 *
 * As it stands, the workers share what their load says: a file, a directory, an
 * address space, the program they were forked from.  With --own each worker is a
 * program file of its own that works on things of its own: what is left of the
 * sharing is the kernel's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "micro.h"

#define WARM_UP 64

static const char help[] =
"Usage: micro LOAD [OPTION]...\n"
"Runs a load, a worker on each cpu; recorded by the tracer, if there is one.\n"
"\n"
"  --cores N        workers (a cpu each of those there are)\n"
"  --ops N          operations of all workers together; or\n"
"  --seconds S      as many as S seconds allow\n"
"  --own            each worker is a program of its own with files of its own\n"
"  --threads, --processes\n"
"                   what the workers are; each load has its custom\n"
"  --dir DIR        where files go ($TMPDIR, else /tmp)\n"
"\n";

static const struct load *const tables[] = {
	file_loads, memory_loads, pipe_loads, process_loads, socket_loads, known_loads,
};

/* The command line and what the workers share; the loads do not touch it. */
struct shared {
	int arrived[2];				/* workers at the barriers before and after */
	int open[2];
	int failed;
	int stop;				/* the time is up */
	uint64_t time[2], done;
	char what[256];				/* has failed */
	char name[64], run[96], directory[96];
	long cpus, ops, seconds;
	bool own, threads, crowded;
	int pipe[BENCH_CPUS_MAX][2];		/* to each worker */
	uint64_t counter __attribute__((aligned(PAGE)));
};
static struct shared *all;
static int shared_fd;
static const struct load *load;
static pid_t first;				/* the process that waits for the others */
static pid_t worker[BENCH_CPUS_MAX];		/* which it waits for */

bool micro_own(void) { return all->own; }
long micro_cpus(void) { return all->cpus; }
const char *micro_load(void) { return all->name; }
const char *micro_directory(void) { return all->directory; }
uint64_t *micro_counter(void) { return &all->counter; }
const int *micro_pipe(long n) { return all->pipe[n]; }
bool micro_has_partner(const struct worker *w) { return (w->cpu ^ 1) < all->cpus; }

static void remove_files(void)
{
	static const char *const names[] = { "%s/%ld/file", "%s/%ld/micro", "%s/%ld/new", "%s/file.%ld" };
	char path[160];
	size_t j;
	long i;

	snprintf(path, sizeof(path), "%s/file", all->directory);
	unlink(path);
	for (i = 0; i < all->cpus; i++) {
		for (j = 0; j < sizeof(names) / sizeof(*names); j++) {
			snprintf(path, sizeof(path), names[j], all->directory, i);
			unlink(path);
		}
		snprintf(path, sizeof(path), "%s/%ld", all->directory, i);
		rmdir(path);
	}
	rmdir(all->directory);
}

/* A worker's standard error may be closed, so the first process says it.  errno may be 0. */
void micro_die(const char *format, ...)
{
	int error = errno;
	char what[sizeof(all->what)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (getpid() == first) {
		remove_files();
		errno = error;
		bench_die("%s", what);
	}
	if (!__atomic_exchange_n(&all->failed, 1, __ATOMIC_SEQ_CST))
		snprintf(all->what, sizeof(all->what), "%.180s%s%.60s", what,
			 error ? ": " : "", error ? strerror(error) : "");
	_exit(1);
}

bool micro_child(struct worker *w)
{
	pid_t pid = fork();

	if (pid < 0)
		micro_die("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		w->child[w->children++] = pid;
	return !pid;
}

static const struct load *find_load(const char *name)
{
	const struct load *l;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (l = tables[i]; l->name; l++) {
			size_t n = strlen(l->name);

			if (l->name[n - 1] == '-' ? !strncmp(name, l->name, n) && name[n]
						  : !strcmp(name, l->name))
				return l;
		}
	return NULL;
}

/* ---- workers ----------------------------------------------------------- */

/*
 * Waits in user space: a futex would leave its tracks in the log.  The last to
 * come switches recording, so it is on while all work, and no longer.
 */
static void barrier(int i)
{
	if (__atomic_add_fetch(&all->arrived[i], 1, __ATOMIC_SEQ_CST) == all->cpus) {
		all->time[i] = i ? bench_stop(all->run, all->done) : bench_start(all->run);
		__atomic_store_n(&all->open[i], 1, __ATOMIC_SEQ_CST);
	}
	while (!__atomic_load_n(&all->open[i], __ATOMIC_SEQ_CST)) {
		if (__atomic_load_n(&all->failed, __ATOMIC_SEQ_CST))
			_exit(1);
		if (all->crowded)
			sched_yield();
		__builtin_ia32_pause();
	}
}

/*
 * Files that came from the parent are shared with all other workers, and each
 * fork counts their references up.  What goes wrong now is told by all->what.
 */
static void close_inherited(void)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	close(shared_fd);
	if (madvise(all, sizeof(*all), MADV_DONTFORK) < 0)
		micro_die("shared memory");
}

/* Does what is to be done, and returns how much that was. */
static uint64_t loop(struct worker *w, long ops)
{
	uint64_t done = 0;

	do {
		w->over = !ops && __atomic_load_n(&all->stop, __ATOMIC_RELAXED);
		w->last = w->over || done + 1 == (uint64_t)ops;
		load->operation(w);
		done++;
	} while (!w->last);
	return done;
}

static void *work(void *arg)
{
	struct worker w = { .cpu = (long)arg };

	bench_run_on(w.cpu);
	if (all->own)
		snprintf(w.path, sizeof(w.path), "%s/%ld/file", all->directory, w.cpu);
	else
		snprintf(w.path, sizeof(w.path), "%s/file", all->directory);
	if (all->own)
		close_inherited();
	if (load->setup)
		load->setup(&w);
	/* Caches of the kernel fill, pages of this process are there. */
	loop(&w, all->ops && all->ops < WARM_UP ? all->ops : WARM_UP);
	barrier(0);
	__atomic_add_fetch(&all->done, loop(&w, all->ops), __ATOMIC_SEQ_CST);
	barrier(1);
	while (w.children--) {
		kill(w.child[w.children], SIGKILL);
		waitpid(w.child[w.children], NULL, 0);
	}
	return NULL;
}

static void map_shared(void)
{
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	if (all == MAP_FAILED)
		bench_die("shared memory");
}

/* A worker with a program of its own: main again, in a copy of this file. */
static int own_main(char **argv)
{
	shared_fd = atoi(argv[2]);
	map_shared();
	load = find_load(all->name);
	work((void *)atol(argv[1]));
	return 0;
}

static void copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	char buf[64 * 1024];
	ssize_t n;

	if (in < 0 || out < 0)
		micro_die("%s", to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			micro_die("%s", to);
	if (n < 0 || close(in) < 0 || close(out) < 0)
		micro_die("%s", to);
}

static void exec_own(long cpu)
{
	char path[128], text[2][24];

	snprintf(path, sizeof(path), "%s/%ld/micro", all->directory, cpu);
	snprintf(text[0], sizeof(text[0]), "%ld", cpu);
	snprintf(text[1], sizeof(text[1]), "%d", shared_fd);
	execl(path, "micro-own", text[0], text[1], (char *)NULL);
	micro_die("%s", path);
}

static void run_threads(void)
{
	pthread_t thread[BENCH_CPUS_MAX];
	long i;

	for (i = 0; i < all->cpus; i++) {
		errno = pthread_create(&thread[i], NULL, work, (void *)i);
		if (errno)
			micro_die("thread");
	}
	for (i = 0; i < all->cpus; i++)
		pthread_join(thread[i], NULL);
}

/* Worker i, or all of them as threads. */
static void run_worker(long i)
{
	memset(worker, 0, sizeof(worker));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (all->own)
		exec_own(i);
	else if (all->threads)
		run_threads();
	else
		work((void *)i);
	exit(0);
}

/* ---- the first process ------------------------------------------------------ */

static volatile sig_atomic_t caught;

static void end_workers(void)
{
	size_t i;

	for (i = 0; i < BENCH_CPUS_MAX; i++)
		if (worker[i] > 0)
			kill(worker[i], SIGKILL);
}

static void catch(int signal)
{
	caught = signal;
	end_workers();
}

/* The workers end, then wait() does, and the files go. */
static void catch_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction action = { .sa_handler = catch };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void make_own_programs(void)
{
	char path[128];
	long i;

	for (i = 0; i < all->cpus && all->own; i++) {
		snprintf(path, sizeof(path), "%s/%ld", all->directory, i);
		if (mkdir(path, 0700) < 0)
			micro_die("%s", path);
		snprintf(path, sizeof(path), "%s/%ld/micro", all->directory, i);
		copy_self(path);
	}
}

static bool nothing_wrong(void)
{
	return !caught && !__atomic_load_n(&all->failed, __ATOMIC_SEQ_CST);
}

/* Few timers in the traced interval: a look each second whether all goes well. */
static void stop_after(long seconds)
{
	struct timespec beat = { .tv_nsec = 1000000 }, second = { .tv_sec = 1 };

	while (!__atomic_load_n(&all->open[0], __ATOMIC_SEQ_CST) && nothing_wrong())
		nanosleep(&beat, NULL);
	while (seconds-- && nothing_wrong())
		nanosleep(&second, NULL);
	__atomic_store_n(&all->stop, 1, __ATOMIC_SEQ_CST);
}

/* Who waits for a partner that failed waits for ever, so all end with the first. */
static bool run_workers(void)
{
	long i, n = all->threads ? 1 : all->cpus;
	bool bad = false;
	int status = 0;

	for (i = 0; i < n; i++) {
		worker[i] = fork();
		if (worker[i] < 0)
			micro_die("fork");
		if (!worker[i])
			run_worker(i);
	}
	if (all->seconds)
		stop_after(all->seconds);
	for (;;) {
		if (wait(&status) < 0 && errno != EINTR)
			return !bad;
		if (!bad && (status || caught)) {
			bad = true;
			end_workers();
		}
	}
}

static void share(void)
{
	shared_fd = memfd_create("micro", 0);
	if (shared_fd < 0 || ftruncate(shared_fd, sizeof(struct shared)) < 0)
		bench_die("shared memory");
	map_shared();
}

/* ---- the command line ---------------------------------------------------------- */

static void show_help(void)
{
	const struct load *l;
	size_t i;

	fputs(help, stdout);
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (l = tables[i]; l->name; l++)
			printf("  %-15s  %s\n", l->name, l->what);
	fputs("\n    micro open --own --cores 4 --ops 20000\n", stdout);
	exit(fflush(stdout) ? 1 : 0);
}

static const struct {
	const char *name;
	size_t place;
	long max;
} numbers[] = {
	{ "--cores", offsetof(struct shared, cpus), BENCH_CPUS_MAX },
	{ "--ops", offsetof(struct shared, ops), 1000000000 },
	{ "--seconds", offsetof(struct shared, seconds), 1000000 },
};

static bool number_option(const char *option, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(option, numbers[i].name)) {
			*(long *)((char *)all + numbers[i].place) =
				bench_number(option, text, numbers[i].max);
			return true;
		}
	return false;
}

static const char *parse(char **argv)
{
	const char *dir = getenv("TMPDIR"), *kind = NULL;

	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "--help"))
			show_help();
		else if (!strcmp(*argv, "--own"))
			all->own = true;
		else if (!strcmp(*argv, "--threads") || !strcmp(*argv, "--processes"))
			kind = *argv;
		else if (!strcmp(*argv, "--dir") && argv[1])
			dir = *++argv;
		else if (number_option(*argv, argv[1]))
			argv++;
		else if (!load && (load = find_load(*argv)))
			snprintf(all->name, sizeof(all->name), "%s", *argv);
		else
			bench_usage("'%s' is neither a load nor an option; try: micro --help", *argv);
	}
	if (!load)
		bench_usage("which load? try: micro --help");
	if (all->own && kind && !strcmp(kind, "--threads"))
		bench_usage("--own and --threads: a program of its own is a process");
	all->threads = !all->own && (kind ? !strcmp(kind, "--threads") : load->threads);
	snprintf(all->run, sizeof(all->run), "%s%s%s%s", all->name, all->own ? " --own" : "",
		 kind && all->threads != load->threads ? " " : "",
		 kind && all->threads != load->threads ? kind : "");
	return dir && *dir ? dir : "/tmp";
}

/* What follows from the command line. */
static void settle(const char *dir)
{
	long i;

	if (!all->cpus)
		all->cpus = bench_cpus() < BENCH_CPUS_MAX ? bench_cpus() : BENCH_CPUS_MAX;
	all->crowded = all->cpus > bench_cpus();
	if (all->seconds)
		all->ops = 0;
	else
		all->ops = all->ops ? (all->ops + all->cpus - 1) / all->cpus : load->ops;
	if (strlen(dir) > 64)
		bench_usage("--dir: %s: the name is too long", dir);
	snprintf(all->directory, sizeof(all->directory), "%s/micro.XXXXXX", dir);
	if (!mkdtemp(all->directory))
		bench_die("%s", all->directory);
	for (i = 0; i < all->cpus; i++)
		if (pipe2(all->pipe[i], O_CLOEXEC) < 0)
			micro_die("pipe");
}

int main(int argc, char **argv)
{
	bool good;

	if (argc == 1 && !strcmp(argv[0], "micro-nothing"))	/* what exec runs */
		return 0;
	if (argc == 3 && !strcmp(argv[0], "micro-own"))
		return own_main(argv);
	bench_name = "micro";
	first = getpid();
	share();
	settle(parse(argv));
	bench_name = all->run;
	catch_signals();
	make_own_programs();
	good = run_workers();
	remove_files();
	if (caught) {
		signal(caught, SIG_DFL);
		raise(caught);
	}
	if (!good)
		bench_fail("%s", *all->what ? all->what : "a worker was killed");
	bench_result(all->run, all->done, all->time[1] - all->time[0], all->cpus);
	return 0;
}
