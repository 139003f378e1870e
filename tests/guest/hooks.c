/* SPDX-License-Identifier: MIT */
/*
 * /init of a guest for tests/hooks.t: loads the hooks, does work, and prints
 * what the kernel itself says of it, for the test to compare with the log:
 *
 *     count NAME VALUE
 *
 * Where a count begins and ends is told to both: to the log by appdata records.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../kernel/mtrace.h"

#define TRACING "/sys/kernel/tracing"

/* What ftrace counts, while the worker runs. */
static const char *const events[] = {
	"kmem/kmalloc", "kmem/kfree", "kmem/kmem_cache_alloc", "kmem/kmem_cache_free",
	"kmem/mm_page_alloc", "kmem/mm_page_free", "rcu/rcu_callback",
	"percpu/percpu_alloc_percpu", "percpu/percpu_free_percpu",
};
#define EVENTS (sizeof(events) / sizeof(*events))

static void die(const char *what)
{
	printf("FAILED: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	reboot(RB_POWER_OFF);
	exit(1);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die(path);
	close(fd);
}

/* The number after a word in a file; sums over all its lines. */
static unsigned long number(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	unsigned long sum = 0;
	char line[4096];

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, word, strlen(word)))
			sum += strtoul(line + strlen(word), NULL, 10);
	fclose(f);
	return sum;
}

/* The lines of a file that have a text in them, each behind a word. */
static void show(const char *word, const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, text))
			printf("%s %s", word, line);
	fclose(f);
}

/* ---- ftrace --------------------------------------------------------------- */

static void instance(char *path, size_t size, unsigned i, const char *file)
{
	snprintf(path, size, TRACING "/instances/e%u/%s", i, file);
}

static void arm(pid_t pid)
{
	char path[256], text[32];
	unsigned i;

	snprintf(text, sizeof(text), "%d", pid);
	for (i = 0; i < EVENTS; i++) {
		char event[64];

		instance(path, sizeof(path), i, "");
		if (mkdir(path, 0755))
			die(path);
		instance(path, sizeof(path), i, "set_event_pid");
		put(path, text);
		snprintf(event, sizeof(event), "events/%s/enable", events[i]);
		instance(path, sizeof(path), i, event);
		put(path, "1");
	}
}

static void print_events(void)
{
	char path[256], file[64];
	unsigned i;
	int cpu;

	for (i = 0; i < EVENTS; i++) {
		unsigned long sum = 0;

		for (cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
			snprintf(file, sizeof(file), "per_cpu/cpu%d/stats", cpu);
			instance(path, sizeof(path), i, file);
			sum += number(path, "entries: ") + number(path, "overrun: ");
		}
		printf("count %s %lu\n", strchr(events[i], '/') + 1, sum);
	}
}

/* ---- work ------------------------------------------------------------------ */

static void use_memory(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	for (i = 0; i < 1 << 20; i += 4096)
		p[i] = 1;
	munmap(p, 1 << 20);
}

static void use_files(void)
{
	char buffer[4096] = "", name[32];
	int i, fd;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "/file%d", i);
		fd = open(name, O_CREAT | O_RDWR, 0644);
		if (fd < 0 || write(fd, buffer, sizeof(buffer)) < 0)
			die(name);
		close(fd);
		unlink(name);
	}
}

static void use_sockets(void)
{
	int i, s[2];

	for (i = 0; i < 100; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) || write(s[0], "x", 1) != 1)
			die("socketpair");
		close(s[0]);
		close(s[1]);
	}
}

/* Address spaces of many pieces: copying one allocates in bulk. */
static void use_processes(void)
{
	int i;

	for (i = 0; i < 200; i++)
		if (mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			die("mmap");
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void work(void)
{
	use_memory();
	use_files();
	use_sockets();
	use_processes();
}

/* The worker waits until it is being watched; its count ends when it has ended. */
static void count_worker(void)
{
	int go[2];
	char c;
	pid_t pid;

	if (pipe(go))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		work();
		_exit(0);
	}
	usleep(100000);
	arm(pid);
	mtrace_appdata((uint64_t)pid, "worker");
	if (write(go[1], "x", 1) != 1 || waitpid(pid, NULL, 0) != pid)
		die("worker");
	mtrace_appdata((uint64_t)pid, "worker done");
	print_events();
	/* Its buffers, too, are memory that is in use. */
	close(go[0]);
	close(go[1]);
}

/* What the kernel counts of its own; read at once, printed later. */
struct counts {
	unsigned long forks, switches;
	char softirqs[8192];
};

static void take_softirqs(struct counts *c)
{
	int fd = open("/proc/softirqs", O_RDONLY);
	ssize_t n = read(fd, c->softirqs, sizeof(c->softirqs) - 1);

	if (n < 0)
		die("/proc/softirqs");
	c->softirqs[n] = 0;
	close(fd);
}

static void take_stat(struct counts *c)
{
	c->forks = number("/proc/stat", "processes ");
	c->switches = number("/proc/stat", "ctxt ");
}

static void count_all(void)
{
	static struct counts before, after;

	mtrace_mode(MT_mode_movement, "counts");
	take_stat(&before);
	take_softirqs(&before);
	mtrace_appdata(0, "counts");
	work();
	usleep(200000);
	mtrace_appdata(0, "counts done");
	take_softirqs(&after);
	take_stat(&after);
	mtrace_mode(MT_mode_off, "counts");
	printf("count sched_switch %lu\n", after.switches - before.switches);
	printf("count forks %lu\n", after.forks - before.forks);
	printf("softirqs before\n%ssoftirqs after\n%ssoftirqs end\n", before.softirqs,
	       after.softirqs);
}

static void count_calls(void)
{
	int i;

	mtrace_mode(MT_mode_movement, "calls");
	for (i = 0; i < 1000; i++)
		syscall(SYS_getppid);
	mtrace_mode(MT_mode_off, "calls");
}

/* Back from the cpus to where the kernel counts them. */
static void shrink_caches(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *d;
	char path[512];

	if (!dir)
		die("/sys/kernel/slab");
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", d->d_name);
		if (d->d_name[0] != '.')
			put(path, "1");
	}
	closedir(dir);
}

static void show_sections(void)
{
	DIR *dir = opendir("/sys/module/sections/sections");
	struct dirent *d;
	char path[512], word[320];

	if (!dir)
		die("/sys/module/sections");
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/module/sections/sections/%s", d->d_name);
		snprintf(word, sizeof(word), "section %s", d->d_name);
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			show(word, path, "");
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	/* Run again by itself, so that it has been seen to exec. */
	if (argc > 1 && !strcmp(argv[1], "maps")) {
		show("map", "/proc/self/maps", "/");
		return 0;
	}
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		die("mount");
	load("/mtrace.ko");
	printf("count cpus %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	count_worker();
	count_all();
	count_calls();
	load("/sections.ko");
	show_sections();
	fflush(stdout);
	if (!vfork())
		execl(argv[0], argv[0], "maps", (char *)NULL);
	wait(NULL);
	sync();
	shrink_caches();
	usleep(500000);
	shrink_caches();
	/* What was closed last is freed by RCU. */
	usleep(300000);
	mtrace_appdata(0, "slabinfo");
	show("slab", "/proc/slabinfo", "");
	show("symbol", "/proc/kallsyms", " __x64_sys_getppid\n");
	printf("done\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 1;
}
