/* SPDX-License-Identifier: MIT */
/*
 * Makes every hypercall there is, good ones and bad ones.  As a program, or as
 * the init of a guest; hypercall.t knows what the log must say then.
 *
 * What is counted are accesses to `page`, of which a call of touch(n) makes n.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "../../kernel/mtrace.h"

#define NOINLINE __attribute__((noinline))

static _Alignas(4096) long page[512];
static uint64_t bad;			/* malformed hypercalls that were made */

static NOINLINE void touch(long n)
{
	for (; n > 0; n--)
		__asm__ volatile("incq %0" : "+m"(page[n % 512]));
}

static NOINLINE void touch_locked(long n)
{
	for (; n > 0; n--)
		__asm__ volatile("lock incq %0" : "+m"(page[0]));
}

static NOINLINE void callee(void)
{
	__asm__ volatile("");
}

static NOINLINE void call(int n)
{
	while (n-- > 0)
		callee();
}

/* ---- modes ------------------------------------------------------------------ */

static NOINLINE void kernel(void)
{
	int i;

	mtrace_mode(MT_mode_kernel, "kernel");
	touch(100);
	for (i = 0; i < 100; i++)
		getppid();
	mtrace_mode(MT_mode_off, "kernel");
}

/* The kernel below us has no hooks: what task runs is what we say. */
static NOINLINE void scopes(void)
{
	mtrace_switch(100, 1);
	mtrace_scope(MT_scope_op_enter, "before");
	mtrace_mode(MT_mode_scope, "scope");
	touch(6);			/* in it: opened while nothing was recorded */
	mtrace_scope(MT_scope_op_leave, "before");
	touch(100);
	mtrace_scopef(MT_scope_op_enter, "%s %d", "A", 1);
	mtrace_varf(1, "var %d", 7);
	touch(10);			/* in A */
	mtrace_switch(200, 1);
	touch(7);
	mtrace_scope(MT_scope_op_enter, "B");
	touch(3);			/* in B */
	mtrace_switch(100, 1);
	touch(5);			/* in A */
	mtrace_scope(MT_scope_op_leave, "A 1");
	touch(50);
	mtrace_switch(200, 1);
	touch(2);			/* in B */
	mtrace_scope(MT_scope_op_leave, "B");
	mtrace_scope(MT_scope_op_leave, "never opened");
	touch(9);
	mtrace_scope(MT_scope_op_enter, "C");
	mtrace_task(MT_task_op_exit, 200, 1, 0, "");
	touch(4);			/* C is gone with its task */
	mtrace_switch(0, 0);
	mtrace_mode(MT_mode_off, "scope");
	mtrace_scope(MT_scope_op_leave, "C");	/* where tasks mean nothing it is still open */
}

/* ---- settings ---------------------------------------------------------------- */

static NOINLINE void count(void)
{
	mtrace_mode(MT_mode_all, "count");
	mtrace_appdata(0, "counting");
	mtrace_set(MTRACE_SET_COUNT, 0, MTRACE_THIS_CPU);
	mtrace_appdata(1, "stopped");
	touch(20000);
	mtrace_appdata(2, "stopped");
	mtrace_set(MTRACE_SET_COUNT, 1, MTRACE_THIS_CPU);
	mtrace_appdata(3, "counting again");
	touch(1000);
	mtrace_appdata(4, "at the end");
	mtrace_mode(MT_mode_off, "count");
}

static NOINLINE void calls(void)
{
	mtrace_label((const void *)(uintptr_t)callee, 1, MT_storage_static, "callee", "");
	mtrace_mode(MT_mode_movement, "calls");
	call(30);
	mtrace_set(MTRACE_SET_CALLS, 1, MTRACE_THIS_CPU);
	call(50);
	mtrace_set(MTRACE_SET_CALLS, 0, MTRACE_ALL_CPUS);
	call(70);
	mtrace_mode(MT_mode_off, "calls");
}

static NOINLINE void locked(void)
{
	mtrace_mode(MT_mode_movement, "locked");
	touch_locked(1);
	mtrace_appdata(0, "locked off");
	touch_locked(100);
	mtrace_set(MTRACE_SET_LOCKED, 1, MTRACE_ALL_CPUS);
	touch_locked(20);
	mtrace_set(MTRACE_SET_LOCKED, 0, MTRACE_ALL_CPUS);
	touch_locked(100);
	mtrace_mode(MT_mode_off, "locked");
}

static NOINLINE void sample(void)
{
	mtrace_mode(MT_mode_all, "sample");
	touch(1000);
	mtrace_set(MTRACE_SET_SAMPLE, 10, MTRACE_ALL_CPUS);
	mtrace_appdata(10, "sampled");
	touch(10000);
	mtrace_set(MTRACE_SET_SAMPLE, 1, MTRACE_ALL_CPUS);
	mtrace_appdata(1, "sampled");
	touch(500);
	mtrace_mode(MT_mode_off, "sample");
}

/* ---- each record once ----------------------------------------------------------- */

static NOINLINE void records(void)
{
	mtrace_task(MT_task_op_create, 11, 12, 13, "a task");
	mtrace_switch(11, 12);
	mtrace_lock(MT_lock_op_acquired, (void *)0x1000, 1, (void *)0x2000, "a lock");
	mtrace_gc(MT_gc_op_create, (void *)0x3000, 64, "struct dead");
	mtrace_epoch(MT_epoch_op_begin);
	mtrace_entry(MT_entry_state_start, MT_entry_cause_thread, 3, (void *)0x4000, 0x77, 1, 11);
	mtrace_entry(MT_entry_state_done, MT_entry_cause_thread, 3, (void *)0x4000, 0x77, 1, 11);
	mtrace_map(MT_map_op_map, 0x5000, 4096, 8192, 12, "/a/file", "abcdef");
	mtrace_segment((void *)0x6000, 4096, 1);
	mtrace_section((void *)0x7000, 4096, "module", ".text");
	mtrace_switch(0, 0);
}

/* ---- the classic ABI: offsets and sizes as SEMANTICS 1.2 has them ------------------ */

static unsigned char entry[200];

static NOINLINE void classic_call(uint64_t type, uint64_t bytes)
{
	mtrace_hypercall(1, (uint64_t)(uintptr_t)entry, type, bytes);
	memset(entry, 0xee, sizeof(entry));	/* the next one's header and padding */
}

static void at(unsigned offset, unsigned bytes, uint64_t value)
{
	memcpy(entry + offset, &value, bytes);
}

static void text(unsigned offset, const char *s)
{
	memset(entry + offset, 0, 64);
	memcpy(entry + offset, s, strlen(s));
}

static void label(uint32_t type, uint64_t bytes)
{
	at(32, 4, type);
	text(36, "classic heap");
	at(100, 8, 0xffff888000001000);
	at(108, 8, bytes);
	at(116, 8, 0xffffffff81000001);
	classic_call(1, 124);
}

static void host(uint32_t type, uint64_t cpu)
{
	at(24, 4, type);
	at(36, 8, cpu);
	classic_call(3, 108);
}

static void host_mode(uint32_t mode)
{
	at(24, 4, 1);
	at(36, 4, mode);
	text(40, "classic run");
	classic_call(3, 108);
}

static void fcall(uint32_t state, uint64_t tid)
{
	at(24, 8, tid);
	at(32, 8, 0xffffffff81000002);
	at(40, 8, 0x1234);
	at(48, 2, 3);
	at(50, 4, state);
	classic_call(4, 54);
}

static void segment(uint32_t type)
{
	at(24, 8, 0xffff88800a000000);
	at(32, 8, 0xffff88800a000000 + 5000);
	at(40, 2, 6);
	at(42, 4, type);
	classic_call(5, 46);
}

static void lock(uint32_t op)
{
	at(24, 8, 0xffffffff81000003);
	at(32, 8, 0xffff888000002000);
	text(40, "classic lock");
	at(104, 4, op);
	at(108, 1, 1);
	classic_call(7, 109);
}

static void task(uint32_t type, uint64_t tid)
{
	at(24, 8, tid);
	at(32, 8, 41);
	at(40, 4, type);
	text(44, "classic task");
	classic_call(8, 108);
}

static void sched(uint64_t tid)
{
	at(24, 8, tid);
	classic_call(9, 32);
}

/* ascope, avar: all bits but the first of the flags are rubbish. */
static void named(uint64_t type, uint8_t flag, const char *name)
{
	at(24, 1, 0xaa | flag);
	text(25, name);
	classic_call(type, 89);
}

static void gc(uint8_t flag, uint64_t bytes)
{
	at(24, 8, 0xffff888000003000);
	at(32, 8, bytes);
	text(40, "classic type");
	at(104, 1, 0x54 | flag);
	classic_call(14, 105);
}

static void epoch(uint8_t flag)
{
	at(24, 1, 0x42 | flag);
	classic_call(15, 25);
}

static NOINLINE void classic_records(void)
{
	memset(entry, 0xee, sizeof(entry));
	label(1, 256);
	label(2, 4096);
	label(3, 8);
	label(4, 16);
	label(1, 0);
	fcall(1, 42);
	fcall(5, 42);
	fcall(4, 42);
	fcall(2, 42);
	fcall(1, 0);
	fcall(3, 0);
	segment(4);
	lock(1);
	lock(2);
	lock(3);
	task(1, 42);
	sched(42);
	task(2, 42);
	task(3, 42);
	sched(42);
	sched(0);
	at(26, 8, 4711);
	classic_call(11, 34);
	named(12, 0, "classic scope");
	/* A name of 64 bytes has no end. */
	named(13, 1, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	named(13, 0, "classic var");
	named(12, 1, "classic scope");
	gc(0, 192);
	gc(1, 0);
	epoch(1);
	epoch(0);
}

static NOINLINE void classic_modes(void)
{
	host_mode(1);
	touch_locked(1);
	host(3, UINT64_MAX);
	call(5);
	host(2, UINT64_MAX);
	call(6);
	host(4, 0);
	mtrace_appdata(1, "classic stopped");
	touch(1000);
	mtrace_appdata(2, "classic stopped");
	host(5, 0);
	host_mode(2);
	touch(100);
	named(12, 0, "op");
	touch(8);
	named(12, 1, "op");
	touch(100);
	host_mode(3);
	touch(100);
	host_mode(0);
}

/* ---- bad ones ------------------------------------------------------------------- */

static NOINLINE void bad_records(void)
{
	static struct mt_label r;

	r.hdr.kind = MT_KIND_label;
	r.hdr.size = sizeof(r);
	mtrace_hypercall(0, 0, 0, 0), bad++;				/* function */
	mtrace_hypercall(77, 0, 0, 0), bad++;
	mtrace_put(&r, MT_KIND_label, 9), bad++;			/* size */
	mtrace_put(&r, MT_KIND_label, 0), bad++;
	mtrace_put(&r, MT_KIND_label, 1 << 16), bad++;
	mtrace_put(&r, MT_KIND_label, ~(uint64_t)7), bad++;
	mtrace_put((void *)16, MT_KIND_label, sizeof(r)), bad++;	/* address */
	mtrace_put((void *)~(uintptr_t)7, MT_KIND_label, sizeof(r)), bad++;
	mtrace_put(&r, MT_KIND_label, sizeof(r)), bad++;		/* strings are missing */
	mtrace_put(&r, MT_KIND_task, sizeof(r)), bad++;			/* another kind */
	r.hdr.kind = MT_KIND_end;
	mtrace_put(&r, MT_KIND_end, sizeof(r)), bad++;
	r.hdr.kind = 777;
	mtrace_put(&r, 777, sizeof(r)), bad++;
	mtrace_mode(99, "no such mode"), bad++;
}

static NOINLINE void bad_settings(void)
{
	mtrace_set(99, 1, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_CALLS, 2, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_CALLS, 1, 12345), bad++;
	mtrace_set(MTRACE_SET_COUNT, 2, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_COUNT, 0, 12345), bad++;
	mtrace_set(MTRACE_SET_LOCKED, 2, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_SAMPLE, 0, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_SAMPLE, (uint64_t)1 << 32, MTRACE_ALL_CPUS), bad++;
	mtrace_set(MTRACE_SET_QUANTUM, (uint64_t)1 << 32, MTRACE_ALL_CPUS), bad++;
}

static NOINLINE void bad_watches(void)
{
	static struct mtrace_watch watch[4100];

	mtrace_watch_code(watch, 4097), bad++;
	mtrace_watch_code(watch, (uint64_t)1 << 50), bad++;
	mtrace_hypercall(MTRACE_WATCH, (uint64_t)(uintptr_t)watch, 0, 7), bad++;
	mtrace_watch_code((void *)16, 1), bad++;
	watch[0].what = 1000;
	mtrace_watch_code(watch, 1), bad++;
	watch[0].what = MTRACE_WATCH_SYSCALLS;
	watch[0].bytes = ~(uint64_t)0;
	mtrace_watch_code(watch, 1), bad++;
}

static NOINLINE void bad_classic(void)
{
	mtrace_hypercall(1, 16, 9, 32), bad++;				/* address */
	classic_call(0, 32), bad++;					/* type */
	classic_call(16, 32), bad++;
	classic_call((uint64_t)1 << 32 | 9, 32), bad++;
	classic_call(2, 54), bad++;					/* a tracer's own */
	classic_call(6, 44), bad++;
	classic_call(10, 51), bad++;
	classic_call(9, 31), bad++;					/* size */
	classic_call(9, 33), bad++;
	classic_call(9, 125), bad++;
	classic_call(9, 0), bad++;
	label(0, 1), bad++;						/* values */
	label(5, 1), bad++;
	host(0, 0), bad++;
	host(6, 0), bad++;
	host_mode(4), bad++;
	fcall(0, 1), bad++;
	fcall(6, 1), bad++;
	fcall(1, (uint64_t)1 << 32), bad++;
	segment(1), bad++;
	lock(0), bad++;
	lock(4), bad++;
	task(0, 1), bad++;
	task(4, 1), bad++;
	sched((uint64_t)1 << 32), bad++;
	host(3, 12345), bad++;
}

int main(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first) < 0)
		perror("sched_setaffinity");
	mtrace_label(page, sizeof(page), MT_storage_static, "page", "long[512]");
	kernel();
	scopes();
	count();
	calls();
	locked();
	sample();
	records();
	classic_records();
	classic_modes();
	bad_records();
	bad_settings();
	bad_watches();
	bad_classic();
	mtrace_set(MTRACE_SET_QUANTUM, 500, MTRACE_ALL_CPUS);
	mtrace_appdata(bad, "malformed");
	mtrace_end();
	mtrace_mode(MT_mode_all, "after the end");
	touch(1000);
	mtrace_appdata(1, "after the end");
	mtrace_hypercall(77, 0, 0, 0);
	puts("done");
	if (getpid() != 1)
		return 0;
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
