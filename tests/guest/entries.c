/* SPDX-License-Identifier: MIT */
/*
 * The only program of a guest for qemu-entries.t: does a known number of things
 * that enter the kernel or take locks, and says what the kernel counted itself.
 * Values go into the log as appdata: the first and the last of a name enclose
 * what it counts.
 *
 *   mode=MODE    what is recorded: movement (default) or all
 *   job=N        does no counting, but N rounds of kernel work; for measuring
 *   watch=0      tells the tracer of no functions
 *   record=0     never switches recording on
 *   spin=N       two threads on two cpus, N rounds each, instead
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../kernel/mtrace.h"

#define PAGE 4096
#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

/* The kernel hands unknown NAME=VALUE words to init's environment. */
static const char *word(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value ? value : otherwise;
}

static void run_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("sched_setaffinity");
}

/* ---- what is watched ------------------------------------------------------- */

static const struct {
	const char *function;
	uint32_t what, read;
	const char *name;
} functions[] = {
	{ "_raw_spin_lock", MTRACE_WATCH_LOCK, 0, "spinlock" },
	{ "_raw_spin_lock_irq", MTRACE_WATCH_LOCK, 0, "spinlock" },
	{ "_raw_spin_lock_irqsave", MTRACE_WATCH_LOCK, 0, "spinlock" },
	{ "_raw_spin_lock_bh", MTRACE_WATCH_LOCK, 0, "spinlock" },
	{ "_raw_spin_trylock", MTRACE_WATCH_TRYLOCK, 0, "spinlock" },
	{ "_raw_spin_unlock", MTRACE_WATCH_UNLOCK, 0, "spinlock" },
	{ "_raw_spin_unlock_irq", MTRACE_WATCH_UNLOCK, 0, "spinlock" },
	{ "_raw_spin_unlock_irqrestore", MTRACE_WATCH_UNLOCK, 0, "spinlock" },
	{ "_raw_spin_unlock_bh", MTRACE_WATCH_UNLOCK, 0, "spinlock" },
	{ "mutex_lock", MTRACE_WATCH_LOCK, 0, "mutex" },
	{ "mutex_trylock", MTRACE_WATCH_TRYLOCK, 0, "mutex" },
	{ "mutex_lock_interruptible", MTRACE_WATCH_LOCK_ERROR, 0, "mutex" },
	{ "mutex_lock_killable", MTRACE_WATCH_LOCK_ERROR, 0, "mutex" },
	{ "mutex_unlock", MTRACE_WATCH_UNLOCK, 0, "mutex" },
	{ "down_read", MTRACE_WATCH_LOCK, 1, "rwsem" },
	{ "down_read_trylock", MTRACE_WATCH_TRYLOCK, 1, "rwsem" },
	{ "down_read_killable", MTRACE_WATCH_LOCK_ERROR, 1, "rwsem" },
	{ "down_write", MTRACE_WATCH_LOCK, 0, "rwsem" },
	{ "down_write_killable", MTRACE_WATCH_LOCK_ERROR, 0, "rwsem" },
	{ "up_read", MTRACE_WATCH_UNLOCK, 1, "rwsem" },
	{ "up_write", MTRACE_WATCH_UNLOCK, 0, "rwsem" },
};

static unsigned n_watch;
static struct mtrace_watch watch[LENGTH(functions) + 1];

static void add_watch(uint64_t pc, uint64_t bytes, uint32_t what, uint32_t read, const char *name)
{
	struct mtrace_watch *w = &watch[n_watch++];

	w->pc = pc;
	w->bytes = bytes;
	w->what = what;
	w->read = read;
	strncpy(w->name, name, sizeof(w->name) - 1);
}

static void watch_functions(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long pc;
	char name[256];
	unsigned i;

	while (f && fscanf(f, "%lx %*c %255s%*[^\n]", &pc, name) == 2) {
		for (i = 0; i < LENGTH(functions) && n_watch < LENGTH(watch); i++)
			if (!strcmp(name, functions[i].function))
				add_watch(pc, 16, functions[i].what, functions[i].read, functions[i].name);
		if (!strcmp(name, "__x64_sys_getppid"))
			printf("getppid: 0x%lx\n", pc);
		if (!strcmp(name, "sys_call_table"))
			add_watch(pc, 450 * 8, MTRACE_WATCH_SYSCALLS, 0, "");
	}
	if (f)
		fclose(f);
	mtrace_watch_code(watch, n_watch);
}

/* ---- what the kernel counts --------------------------------------------------- */

/* Local timer interrupts of cpu 0. */
static unsigned long timer_interrupts(void)
{
	static char text[65536];
	int fd = open("/proc/interrupts", O_RDONLY);
	ssize_t n, used = 0;
	char *line;

	while ((n = read(fd, text + used, sizeof(text) - 1 - (size_t)used)) > 0)
		used += n;
	text[used] = 0;
	close(fd);
	line = strstr(text, "LOC:");
	return line ? strtoul(line + 4, NULL, 10) : 0;
}

static unsigned long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (unsigned long)(usage.ru_minflt + usage.ru_majflt);
}

/* ---- what is done ----------------------------------------------------------------- */

static void int80(long number)
{
	__asm__ volatile("int $0x80" : "+a"(number) : : "memory");
}

static __attribute__((noinline)) int deep(int n)
{
	int below = n > 1 ? deep(n - 1) : 0;

	/* Else a compiler makes it a loop. */
	__asm__ volatile("" : : : "memory");
	return below + n;
}

static void count_all(void)
{
	volatile char *pages;
	volatile long i;
	int pipe_fd[2];
	char byte;

	/* Its code and stack are there, and so faults no more. */
	timer_interrupts();
	mtrace_appdata(0, "getppid");
	for (i = 0; i < 1000; i++)
		syscall(SYS_getppid);
	mtrace_appdata(1000, "getppid");

	pages = mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise((void *)pages, 300 * PAGE, MADV_NOHUGEPAGE);
	mtrace_appdata(faults(), "fault");
	for (i = 0; i < 300; i++)
		pages[i * PAGE] = 1;
	mtrace_appdata(faults(), "fault");

	mtrace_appdata(0, "int80");
	for (i = 0; i < 7; i++)
		int80(20);			/* getpid */
	mtrace_appdata(7, "int80");

	if (pipe(pipe_fd) < 0)
		perror("pipe");
	mtrace_appdata(0, "pipe");
	for (i = 0; i < 500; i++)
		if (write(pipe_fd[1], "x", 1) != 1 || read(pipe_fd[0], &byte, 1) != 1)
			perror("pipe");
	mtrace_appdata(500, "pipe");

	mtrace_appdata(0, "deep");
	deep(100);
	mtrace_appdata(100, "deep");

	mtrace_appdata(timer_interrupts(), "timer");
	for (i = 0; i < 2000000; i++)
		;
	mtrace_appdata(timer_interrupts(), "timer");
}

/* Opens, reads, maps, forks: the kernel's own work for the most part. */
static void job(long rounds)
{
	static char text[4096];
	long i, status;
	volatile char *p;

	for (i = 0; i < rounds; i++) {
		int fd = open("/proc/self/stat", O_RDONLY), pipe_fd[2];

		if (read(fd, text, sizeof(text)) <= 0)
			puts("no /proc");
		close(fd);
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		p[0] = p[8 * PAGE] = 1;
		munmap((void *)p, 16 * PAGE);
		if (pipe(pipe_fd) < 0 || write(pipe_fd[1], text, 512) != 512 ||
		    read(pipe_fd[0], text, 512) != 512)
			puts("no pipe");
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		if (i % 16)
			continue;
		if (fork() == 0)
			_exit(0);
		wait((int *)&status);
	}
}

static void jobs(long rounds, unsigned cpus)
{
	unsigned i;

	for (i = 0; i < cpus; i++)
		if (fork() == 0) {
			run_on(i);
			job(rounds);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

static pthread_barrier_t barrier;

static void *spin(void *cpu)
{
	volatile long i, rounds = atol(word("spin", "0"));

	run_on((unsigned)(long)cpu);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < rounds; i++)
		;
	return NULL;
}

static void spin_on_two(void)
{
	pthread_t thread[2];
	long i;

	pthread_barrier_init(&barrier, NULL, 2);
	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, spin, (void *)i);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

int main(void)
{
	long rounds = atol(word("job", "0"));
	unsigned mode = strcmp(word("mode", ""), "all") ? MT_mode_movement : MT_mode_all;

	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		perror("/proc");
	if (atoi(word("watch", "1")))
		watch_functions();
	run_on(0);
	if (atoi(word("record", "1")))
		mtrace_mode(mode, "test");
	if (rounds)
		jobs(rounds, (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
	else if (*word("spin", ""))
		spin_on_two();
	else
		count_all();
	if (atoi(word("record", "1")))
		mtrace_mode(MT_mode_off, "test");
	printf("deep: 0x%lx\n", (unsigned long)deep);
	printf("done: %u watched\n", n_watch);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
