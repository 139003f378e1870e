/* SPDX-License-Identifier: MIT */
/*
 * The tracer's movement filter (qemu/lines.h, compiled in) against a model that
 * is obviously right: for each line the list of cpus, as numbers that are never
 * used again, and whether all cpus hold it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../qemu/lines.h"

#define SPACE (6 * LINES_PAGE)		/* bytes of memory that the cpus use */
#define CPUS_EVER 2048			/* that the model can tell apart */

struct model {
	unsigned line;
	bool all[SPACE / 16], holds[SPACE / 16][CPUS_EVER];
};

static struct model model;

static void model_start(unsigned line, bool cold)
{
	memset(&model, 0, sizeof(model));
	model.line = line;
	memset(model.all, !cold, sizeof(model.all));
}

static bool model_load(unsigned cpu, unsigned addr)
{
	unsigned l = addr / model.line;
	bool hit = model.all[l] || model.holds[l][cpu];

	model.holds[l][cpu] = true;
	return !hit;
}

static bool model_store(unsigned cpu, unsigned addr)
{
	unsigned l = addr / model.line, i;
	bool hit = model.holds[l][cpu] && !model.all[l];

	for (i = 0; i < CPUS_EVER; i++)
		hit &= !model.holds[l][i] || i == cpu;
	model.all[l] = false;
	memset(model.holds[l], 0, sizeof(model.holds[l]));
	model.holds[l][cpu] = true;
	return !hit;
}

static uint64_t seed;

static unsigned any(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % n;
}

static unsigned log2_of(unsigned n)
{
	return n < 2 ? 0 : 1 + log2_of(n / 2);
}

static bool judge(struct lines *l, unsigned slot, unsigned addr, bool store)
{
	struct page *p = lines_page(l, 0x123450 + addr / LINES_PAGE);
	_Atomic uint64_t *s;

	assert_non_null(p);
	s = lines_state(p, addr, l->shift, l->words);
	return store ? lines_store(s, slot, l->words) : lines_load(s, slot, l->words);
}

/* An access of any width anywhere: each of its pieces is judged alike. */
static void access_any(struct lines *l, unsigned cpu, unsigned slot)
{
	unsigned width = 1u << any(5), addr = any(SPACE - width), piece;
	bool store = any(3) == 0;

	for (; width; addr += piece, width -= piece) {
		piece = lines_piece(addr, width, l->shift);
		assert_in_range(piece, 1, width);
		assert_int_equal(addr / model.line, (addr + piece - 1) / model.line);
		assert_int_equal(judge(l, slot, addr, store),
				 store ? model_store(cpu, addr) : model_load(cpu, addr));
	}
}

static void free_lines(struct lines *l)
{
	lines_reset(l);
	free(l->buckets);
	free(l->slots);
}

/* Cpus that all are there from the start to the end, as in system mode. */
static void run_fixed(unsigned cpus, unsigned line, bool cold)
{
	struct lines l;
	unsigned i, cpu;

	assert_true(lines_init(&l, log2_of(line), lines_words_for(cpus), cold));
	model_start(line, cold);
	for (i = 0; i < 15000; i++) {
		cpu = any(cpus);
		access_any(&l, cpu, cpu);
	}
	free_lines(&l);
}

static void test_fixed(void **state)
{
	static const unsigned cpus[] = { 1, 2, 8, 16, 62, 63, 64, 100, 255 };
	unsigned i, line;

	(void)state;
	for (i = 0; i < sizeof(cpus) / sizeof(*cpus); i++)
		for (line = 16; line <= 256; line *= 2) {
			run_fixed(cpus[i], line, false);
			run_fixed(cpus[i], line, true);
		}
	run_fixed(8, 4096, false);
}

struct live { unsigned cpu, slot; };

static struct live born(struct lines *l, unsigned cpu)
{
	int slot = lines_slot_take(l);

	if (slot < 0) {
		assert_true(lines_grow(l, l->words + 1));
		slot = lines_slot_take(l);
	}
	assert_true(slot >= 0);
	return (struct live){ cpu, (unsigned)slot };
}

/* Threads that come and go, at most `most` at a time: slots are used again. */
static void run_threads(unsigned most, bool cold)
{
	struct live live[200];
	struct lines l;
	unsigned i, k, n = 0, next = 0;

	assert_true(lines_init(&l, 6, 1, cold));
	model_start(64, cold);
	for (i = 0; i < 60000; i++) {
		if (next < CPUS_EVER && (!n || (n < most && any(20) == 0)))
			live[n++] = born(&l, next++);
		k = any(n);
		if (n > 1 && any(25) == 0) {
			lines_slot_drop(&l, live[k].slot);
			live[k] = live[--n];
			continue;
		}
		access_any(&l, live[k].cpu, live[k].slot);
	}
	assert_true(next > 10 * most || next == CPUS_EVER);
	free_lines(&l);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(3, false);
	run_threads(3, true);
	run_threads(62, false);
	run_threads(150, false);
	run_threads(150, true);
}

static void test_slots_run_out_and_come_back(void **state)
{
	struct lines l;
	unsigned i;

	(void)state;
	assert_true(lines_init(&l, 6, 1, false));
	assert_int_equal(lines_slots(&l), 62);
	for (i = 0; i < 62; i++)
		assert_int_equal(lines_slot_take(&l), i);
	assert_int_equal(lines_slot_take(&l), -1);
	lines_slot_drop(&l, 17);
	assert_int_equal(lines_slot_take(&l), 17);
	assert_int_equal(lines_slot_take(&l), -1);
	free_lines(&l);
}

/* Pages whose numbers fall into one bucket are still different pages. */
static void test_pages_are_told_apart(void **state)
{
	struct lines l;
	struct page *a, *b;

	(void)state;
	assert_true(lines_init(&l, 6, 1, true));
	a = lines_page(&l, 5);
	b = lines_page(&l, (UINT64_C(1) << 18) ^ 5 ^ 1);
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(lines_page(&l, 5), a);
	assert_true(lines_store(lines_state(a, 0, 6, 1), 0, 1));
	assert_true(lines_store(lines_state(b, 0, 6, 1), 0, 1));
	lines_reset(&l);
	assert_true(lines_load(lines_state(lines_page(&l, 5), 0, 6, 1), 0, 1));
	free_lines(&l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_slots_run_out_and_come_back),
		cmocka_unit_test(test_pages_are_told_apart),
	};

	seed = 1;
	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
