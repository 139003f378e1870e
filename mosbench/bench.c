/* SPDX-License-Identifier: MIT */
/* What the C programs of MOSBENCH share, see bench.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "../kernel/mtrace.h"

const char *bench_name = "bench";

/* One write, so that lines of several workers do not mix. */
static void complain(const char *format, va_list args, const char *more)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s: ", bench_name);

	if (n > 0 && n < (int)sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	fprintf(stderr, "%s%s%s\n", line, *more ? ": " : "", more);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args, "");
	va_end(args);
	exit(1);
}

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args, strerror(errno));
	va_end(args);
	exit(1);
}

void bench_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args, "");
	va_end(args);
	exit(2);
}

long bench_number(const char *option, const char *text, long max)
{
	char *end;
	long n;

	if (!text)
		bench_usage("%s: needs a value", option);
	errno = 0;
	n = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < 1 || n > max)
		bench_usage("%s: '%s' is not a number from 1 to %ld", option, text, max);
	return n;
}

static cpu_set_t allowed;

/* Before there are threads, and before any of them is pinned. */
__attribute__((constructor)) static void ask_for_cpus(void)
{
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		bench_die("cpus");
}

long bench_cpus(void)
{
	return CPU_COUNT(&allowed);
}

/* The calling thread may run on n cpus from the first-th on. */
static void run_on(long first, long n)
{
	cpu_set_t set;
	size_t cpu;

	CPU_ZERO(&set);
	for (cpu = 0; cpu < CPU_SETSIZE && n; cpu++)
		if (CPU_ISSET(cpu, &allowed) && first-- <= 0) {
			CPU_SET(cpu, &set);
			n--;
		}
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_die("cpus");
}

void bench_run_on(long n)
{
	run_on(n % bench_cpus(), 1);
}

void bench_run_on_first(long n)
{
	run_on(0, n);
}

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t mode(void)
{
	static const struct { const char *name; uint64_t mode; } modes[] = {
		{ "movement", MT_mode_movement }, { "scope", MT_mode_scope },
		{ "kernel", MT_mode_kernel }, { "all", MT_mode_all },
	};
	const char *wanted = getenv("MOSBENCH_MODE");
	size_t i;

	if (!wanted)
		return MT_mode_movement;
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(modes[i].name, wanted))
			return modes[i].mode;
	bench_fail("MOSBENCH_MODE: '%s' is none of movement, scope, kernel, all", wanted);
}

uint64_t bench_start(const char *name)
{
	uint64_t now = bench_now();

	mtrace_mode(mode(), name);
	return now;
}

uint64_t bench_stop(const char *name, uint64_t operations)
{
	mtrace_appdata(operations, "operations");
	mtrace_mode(MT_mode_off, name);
	return bench_now();
}

void bench_result(const char *name, uint64_t operations, uint64_t ns, long cores)
{
	uint64_t hundredths = ns / 10000000;

	if (!operations)
		bench_fail("no operation was done");
	printf("%s: operations %llu seconds %llu.%02llu cores %ld\n", name,
	       (unsigned long long)operations, (unsigned long long)(hundredths / 100),
	       (unsigned long long)(hundredths % 100), cores);
	if (fflush(stdout) || ferror(stdout))
		bench_die("standard output");
}

/* Numbers of a linear congruence: Knuth's MMIX, its upper half. */
static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return (*seed >> 33) % n;
}

/* The n-th word: its syllables are the digits of n. */
static unsigned spell(char *word, uint64_t n)
{
	static const char consonants[] = "tnrsldmkpvhbfg", vowels[] = "eaoiu";
	unsigned length = 0;

	do {
		word[length++] = consonants[n % 14];
		word[length++] = vowels[n / 14 % 5];
		n /= 70;
	} while (n);
	return length;
}

/* By Zipf's law: the n-th word has a share of 1 / n, in steps of powers of two. */
void bench_text(char *text, uint64_t n, uint64_t seed)
{
	uint64_t i = 0, length, magnitude;
	char word[32];

	while (i < n) {
		magnitude = 1ULL << random_below(&seed, 15);
		length = spell(word, magnitude - 1 + random_below(&seed, magnitude));
		if (random_below(&seed, 10) == 0)
			word[0] = (char)(word[0] - 'a' + 'A');
		if (random_below(&seed, 12) == 0)
			word[length++] = ',';
		word[length++] = random_below(&seed, 11) ? ' ' : '\n';
		if (length > n - i)
			length = n - i;
		memcpy(text + i, word, length);
		i += length;
	}
	if (n)
		text[n - 1] = '\n';
}

void *bench_alloc(void *old, uint64_t n, uint64_t bytes)
{
	void *p = reallocarray(old, n ? n : 1, bytes);

	if (!p)
		bench_die("memory");
	return p;
}
