/* SPDX-License-Identifier: MIT */
/*
 * What the C programs of MOSBENCH share: complaints with the benchmark's name,
 * numbers from the command line, cpus, the traced interval and the line with the
 * result (README.md says its form).
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#define BENCH_CPUS_MAX 256

/* Stands before every complaint; a program sets it first. */
extern const char *bench_name;

/* One line, "NAME: what", and status 1; the second adds what errno says. */
__attribute__((format(printf, 1, 2), noreturn)) void bench_fail(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void bench_die(const char *format, ...);
/* The same, status 2: the command line is wrong. */
__attribute__((format(printf, 1, 2), noreturn)) void bench_usage(const char *format, ...);

/* A number from 1 to max; text may be NULL, when the option came last. */
long bench_number(const char *option, const char *text, long max);

/* Cpus this process may run on. */
long bench_cpus(void);
/* The calling thread runs on the n-th of them from here on; n wraps around. */
void bench_run_on(long n);
/* ... on any of the first n. */
void bench_run_on_first(long n);

/* Nanoseconds of a clock that only runs forward. */
uint64_t bench_now(void);

/*
 * What lies between is in the log of the tracer, if there is one, under that
 * name; $MOSBENCH_MODE is the mode, by default movement.  Both return bench_now().
 */
uint64_t bench_start(const char *name);
uint64_t bench_stop(const char *name, uint64_t operations);

/* NAME: operations N seconds S cores C, on standard output; it must get there. */
void bench_result(const char *name, uint64_t operations, uint64_t ns, long cores);

/* Fills n bytes with lines of words, some much more frequent than others; always the same. */
void bench_text(char *text, uint64_t n, uint64_t seed);

/* malloc and realloc of n things that do not return NULL. */
void *bench_alloc(void *old, uint64_t n, uint64_t bytes);

#endif
