/* SPDX-License-Identifier: MIT */
/*
 * micro: small loads of one system call each, a worker pinned to each cpu, for
 * a guest under the tracer.  Recording is on exactly while all workers are in
 * their loops.
 *
 * Each load exists twice.  As it stands, the workers share what the system call
 * works on: a file, an address space, a pipe, the program they were forked
 * from.  With --own each worker is a program file of its own that works on
 * things of its own: what is left of the sharing is the kernel's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../kernel/mtrace.h"

#define CPUS_MAX 64
#define PAGE     4096

static const char help[] =
"Usage: micro LOAD [--own] [--cpus N] [--ops N]\n"
"Runs a load on N cpus (all), N operations each (1000), recorded by the tracer.\n"
"\n"
"  open      open and close a file        --own: a file each\n"
"  fork      fork, wait, exit             --own: a program file each\n"
"  mmap      map, touch, unmap a page     --own: an address space each\n"
"  pipe      two cpus play ping-pong      --own: a pipe to itself each\n"
"  known-X   pattern X of /dev/known      --own: its repaired twin\n"
"\n"
"Example: micro open --own --cpus 4 --ops 5000\n";

/* What the workers share in any case; the loads do not touch it. */
struct shared {
	int arrived[2];				/* workers at the barriers before and after */
	int open[2];
	int failed;
	int pipe[CPUS_MAX][2];			/* to each worker */
};

/* The command line, and what follows from it. */
static struct {
	const struct load *load;
	const char *name;
	char run[64];				/* what mode records call it */
	long cpus, ops;
	bool own;
	struct shared *shared;
	int shared_fd;
	char directory[64];
} all;

struct worker {
	long cpu;
	int fd[2];				/* reads, writes */
	char path[80];
};

struct load {
	const char *name;
	void (*setup)(struct worker *);
	void (*operation)(struct worker *);
	bool threads;				/* the workers are one process, unless --own */
};

__attribute__((format(printf, 1, 2), noreturn))
static void die(const char *format, ...)
{
	va_list args;

	fputs("micro: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	if (all.shared)
		__atomic_store_n(&all.shared->failed, 1, __ATOMIC_SEQ_CST);
	exit(1);
}

/* ---- the loads ------------------------------------------------------------ */

static void open_setup(struct worker *w)
{
	int fd = open(w->path, O_CREAT | O_RDONLY, 0600);

	if (fd < 0 || close(fd) < 0)
		die("%s", w->path);
}

static void open_close(struct worker *w)
{
	int fd = open(w->path, O_RDONLY);

	if (fd < 0 || close(fd) < 0)
		die("%s", w->path);
}

static void fork_wait(struct worker *w)
{
	pid_t pid = fork();

	(void)w;
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		die("fork");
}

static void map_touch(struct worker *w)
{
	volatile char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)w;
	if (page == MAP_FAILED)
		die("mmap");
	*page = 1;
	if (munmap((void *)page, PAGE) < 0)
		die("munmap");
}

/* Cpus 0 and 1 are partners, 2 and 3, ...; who has none plays alone. */
static void pipe_setup(struct worker *w)
{
	long partner = w->cpu ^ 1;

	if (all.own || partner >= all.cpus) {
		if (pipe(w->fd) < 0)
			die("pipe");
		return;
	}
	w->fd[0] = all.shared->pipe[w->cpu][0];
	w->fd[1] = all.shared->pipe[partner][1];
	if (w->cpu & 1 && write(w->fd[1], "", 1) != 1)		/* the first serve */
		die("pipe");
}

/* Alone: what was just written; in a pair: what the partner sent. */
static void pipe_play(struct worker *w)
{
	char c = 0;

	if ((all.own || (w->cpu ^ 1) >= all.cpus) && write(w->fd[1], &c, 1) != 1)
		die("write");
	if (read(w->fd[0], &c, 1) != 1)
		die("read");
	if (!all.own && (w->cpu ^ 1) < all.cpus && write(w->fd[1], &c, 1) != 1)
		die("write");
}

static void known_setup(struct worker *w)
{
	w->fd[1] = open("/dev/known", O_WRONLY);
	if (w->fd[1] < 0)
		die("/dev/known");
	snprintf(w->path, sizeof(w->path), "%s%s", strchr(all.name, '-') + 1,
		 all.own ? " fixed" : "");
}

static void known_run(struct worker *w)
{
	size_t n = strlen(w->path);

	if (write(w->fd[1], w->path, n) != (ssize_t)n)
		die("/dev/known: %s", w->path);
}

static const struct load loads[] = {
	{ "open",   open_setup,  open_close, false },
	{ "fork",   NULL,        fork_wait,  false },
	{ "mmap",   NULL,        map_touch,  true },
	{ "pipe",   pipe_setup,  pipe_play,  false },
	{ "known-", known_setup, known_run,  false },
};

static const struct load *find_load(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		size_t n = strlen(loads[i].name);

		if (loads[i].name[n - 1] == '-' ? !strncmp(name, loads[i].name, n) && name[n]
						: !strcmp(name, loads[i].name))
			return &loads[i];
	}
	return NULL;
}

/* ---- workers ----------------------------------------------------------- */

/*
 * Waits in user space: a futex would leave its tracks in the log.  The last to
 * come switches recording, so it is on while all work, and no longer.
 */
static void barrier(int i, uint64_t mode)
{
	struct shared *s = all.shared;

	if (__atomic_add_fetch(&s->arrived[i], 1, __ATOMIC_SEQ_CST) == all.cpus) {
		if (mode == MT_mode_off)
			mtrace_appdata((uint64_t)(all.cpus * all.ops), "operations");
		mtrace_mode(mode, all.run);
		__atomic_store_n(&s->open[i], 1, __ATOMIC_SEQ_CST);
	}
	while (!__atomic_load_n(&s->open[i], __ATOMIC_SEQ_CST)) {
		if (__atomic_load_n(&s->failed, __ATOMIC_SEQ_CST))
			exit(1);
		__builtin_ia32_pause();
	}
}

static void run_on(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("cpu %ld", cpu);
}

/*
 * Files that came from the parent are shared with all other workers, and each
 * fork counts their references up.  What goes wrong now is told by the status.
 */
static void close_inherited(void)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	close(all.shared_fd);
	if (madvise(all.shared, sizeof(*all.shared), MADV_DONTFORK) < 0)
		die("shared memory");
}

static void *work(void *arg)
{
	struct worker w = { .cpu = (long)arg };
	long i;

	run_on(w.cpu);
	if (all.own)
		snprintf(w.path, sizeof(w.path), "%s/%ld/file", all.directory, w.cpu);
	else
		snprintf(w.path, sizeof(w.path), "%s/file", all.directory);
	if (all.own)
		close_inherited();
	if (all.load->setup)
		all.load->setup(&w);
	/* Caches of the kernel fill, pages of this process are there. */
	for (i = 0; i < 64; i++)
		all.load->operation(&w);
	barrier(0, MT_mode_movement);
	for (i = 0; i < all.ops; i++)
		all.load->operation(&w);
	barrier(1, MT_mode_off);
	return NULL;
}

/* A worker with a program of its own: main again, in a copy of this file. */
static int own_main(char **argv)
{
	all.own = true;
	all.name = argv[1];
	snprintf(all.run, sizeof(all.run), "%s --own", all.name);
	all.load = find_load(argv[1]);
	all.cpus = atol(argv[2]);
	all.ops = atol(argv[3]);
	all.shared_fd = atoi(argv[5]);
	snprintf(all.directory, sizeof(all.directory), "%s", argv[6]);
	all.shared = mmap(NULL, sizeof(*all.shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			  all.shared_fd, 0);
	if (all.shared == MAP_FAILED)
		die("mmap");
	work((void *)atol(argv[4]));
	return 0;
}

static void copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	char buf[64 * 1024];
	ssize_t n;

	if (in < 0 || out < 0)
		die("%s", to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			die("%s", to);
	if (n < 0 || close(in) < 0 || close(out) < 0)
		die("%s", to);
}

static void exec_own(long cpu)
{
	char path[96], text[4][24];

	snprintf(path, sizeof(path), "%s/%ld/micro", all.directory, cpu);
	snprintf(text[0], sizeof(text[0]), "%ld", all.cpus);
	snprintf(text[1], sizeof(text[1]), "%ld", all.ops);
	snprintf(text[2], sizeof(text[2]), "%ld", cpu);
	snprintf(text[3], sizeof(text[3]), "%d", all.shared_fd);
	execl(path, "micro-own", all.name, text[0], text[1], text[2], text[3],
	      all.directory, (char *)NULL);
	die("%s", path);
}

static int run_processes(void)
{
	char path[96];
	int status = 0, bad = 0;
	long i;

	for (i = 0; i < all.cpus && all.own; i++) {
		snprintf(path, sizeof(path), "%s/%ld", all.directory, i);
		if (mkdir(path, 0700) < 0)
			die("%s", path);
		strcat(path, "/micro");
		copy_self(path);
	}
	for (i = 0; i < all.cpus; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			if (all.own)
				exec_own(i);
			work((void *)i);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	return bad;
}

static int run_threads(void)
{
	pthread_t thread[CPUS_MAX];
	long i;

	for (i = 0; i < all.cpus; i++) {
		errno = pthread_create(&thread[i], NULL, work, (void *)i);
		if (errno)
			die("thread");
	}
	for (i = 0; i < all.cpus; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

/* ---- main -------------------------------------------------------------- */

static void usage(const char *what, const char *arg)
{
	fprintf(stderr, "micro: %s: %s\n", what, arg);
	exit(2);
}

static long number(const char *option, const char *text, long max)
{
	char *end;
	long n = text ? strtol(text, &end, 10) : 0;

	if (n < 1 || n > max || *end)
		usage(option, "a number is wanted, and not too large");
	return n;
}

static void parse(char **argv)
{
	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "--help")) {
			fputs(help, stdout);
			exit(0);
		} else if (!strcmp(*argv, "--own")) {
			all.own = true;
		} else if (!strcmp(*argv, "--cpus")) {
			all.cpus = number("--cpus", *++argv, CPUS_MAX);
		} else if (!strcmp(*argv, "--ops")) {
			all.ops = number("--ops", *++argv, 1000000000);
		} else if (!all.load && (all.load = find_load(*argv))) {
			all.name = *argv;
		} else {
			usage("neither a load nor an option, see --help", *argv);
		}
		if (!*argv)
			break;
	}
	if (!all.load)
		usage("no load was given", "see --help");
}

static void share(void)
{
	long i;

	all.shared_fd = memfd_create("micro", 0);
	if (all.shared_fd < 0 || ftruncate(all.shared_fd, sizeof(struct shared)) < 0)
		die("shared memory");
	all.shared = mmap(NULL, sizeof(*all.shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			  all.shared_fd, 0);
	if (all.shared == MAP_FAILED)
		die("shared memory");
	for (i = 0; i < all.cpus; i++)
		if (pipe2(all.shared->pipe[i], O_CLOEXEC) < 0)
			die("pipe");
}

static void clean_up(void)
{
	char path[96];
	long i;

	snprintf(path, sizeof(path), "%s/file", all.directory);
	unlink(path);
	for (i = 0; i < all.cpus; i++) {
		snprintf(path, sizeof(path), "%s/%ld/file", all.directory, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%ld/micro", all.directory, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%ld", all.directory, i);
		rmdir(path);
	}
	rmdir(all.directory);
}

int main(int argc, char **argv)
{
	int bad;

	if (argc == 7 && !strcmp(argv[0], "micro-own"))
		return own_main(argv);
	all.cpus = sysconf(_SC_NPROCESSORS_ONLN) < CPUS_MAX ? sysconf(_SC_NPROCESSORS_ONLN) : CPUS_MAX;
	all.ops = 1000;
	parse(argv);
	snprintf(all.run, sizeof(all.run), "%s", all.name);
	strcpy(all.directory, "/tmp/micro.XXXXXX");
	if (!mkdtemp(all.directory))
		die("%s", all.directory);
	share();
	bad = all.load->threads && !all.own ? run_threads() : run_processes();
	clean_up();
	if (bad) {
		fprintf(stderr, "micro: %s: a worker failed\n", all.name);
		return 1;
	}
	printf("micro: %s: %ld operations on %ld cpus\n", all.name, all.cpus * all.ops, all.cpus);
	return 0;
}
