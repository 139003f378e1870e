/* SPDX-License-Identifier: MIT */
/*
 * The only program of a test guest: a thread on each cpu, all of them adding to
 * their own word of one shared line (false sharing), to one shared word, and to
 * a page of their own.  The pages are labelled "page of cpu N", so that a log
 * tells by itself whether its cpu numbers are right.
 *
 *   rounds=N     on the kernel's command line: how often (2000)
 *   mode=MODE    what is recorded: movement (default) or all
 *   bad=1        makes malformed hypercalls instead
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "../../kernel/mtrace.h"

#define CPUS_MAX 128
#define PAGE 4096

static _Alignas(64) volatile long shared_line[8];	/* each cpu has its own word */
static _Alignas(64) long shared_word;
static volatile long (*pages)[PAGE / sizeof(long)];
static long rounds = 2000;
static pthread_barrier_t barrier;

static void run_on(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("sched_setaffinity");
}

static void *work(void *arg)
{
	long cpu = (long)arg, i;

	run_on(cpu);
	pages[cpu][0] = 1;		/* now the kernel has cleared it, on this cpu */
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);	/* recording is on */
	for (i = 0; i < rounds; i++) {
		shared_line[cpu % 8]++;
		pages[cpu][i % 512]++;
		__atomic_fetch_add(&shared_word, 1, __ATOMIC_SEQ_CST);
	}
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void label(long cpus)
{
	char name[32];
	long i;

	for (i = 0; i < cpus; i++) {
		snprintf(name, sizeof(name), "page of cpu %ld", i);
		mtrace_label((const void *)pages[i], PAGE, MT_storage_heap, name, "");
	}
	mtrace_label((const void *)shared_line, sizeof(shared_line), MT_storage_static, "line", "");
	mtrace_label(&shared_word, sizeof(shared_word), MT_storage_static, "word", "");
}

static void malformed(void)
{
	static struct mt_label label;
	uint64_t function = 77;

	label.hdr.kind = MT_KIND_label;
	label.hdr.size = sizeof(label);
	mtrace_put(&label, MT_KIND_label, 9);			/* size */
	mtrace_put((void *)16, MT_KIND_label, sizeof(label));	/* address */
	mtrace_put(&label, MT_KIND_label, sizeof(label));	/* strings are missing */
	label.hdr.kind = MT_KIND_end;
	mtrace_put(&label, MT_KIND_end, sizeof(label));		/* kind */
	__asm__ volatile(".byte 0x66, 0x87, 0xdb" : "+a"(function));
	mtrace_mode(99, "no such mode");
}

/* The kernel hands unknown NAME=VALUE words to init's environment. */
static const char *word(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value ? value : otherwise;
}

int main(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	pthread_t thread[CPUS_MAX];

	rounds = atol(word("rounds", "2000"));
	pages = mmap(NULL, CPUS_MAX * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_barrier_init(&barrier, NULL, (unsigned)cpus + 1);
	for (i = 0; i < cpus; i++)
		pthread_create(&thread[i], NULL, work, (void *)i);
	pthread_barrier_wait(&barrier);
	mtrace_mode(strcmp(word("mode", ""), "all") ? MT_mode_movement : MT_mode_all, "test");
	label(cpus);
	if (atoi(word("bad", "0")))
		malformed();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	mtrace_appdata((uint64_t)shared_word, "rounds");
	mtrace_mode(MT_mode_off, "test");
	printf("done: %ld rounds on %ld cpus\n", shared_word, cpus);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
