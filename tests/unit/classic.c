/* SPDX-License-Identifier: MIT */
/*
 * Entries of the original's logs that no guest may put (accesses, calls), their
 * headers, and bytes of any kind.  What guests put: tests/hypercall.t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../filters/libmt/mt_classic.h"

static struct mt_classic state_of;
static unsigned char entry[MT_CLASSIC_MAX];
static _Alignas(8) unsigned char out[MT_RECORD_MAX];
static const char *error;

static void at(unsigned offset, unsigned bytes, uint64_t value)
{
	memcpy(entry + offset, &value, bytes);
}

/* A header: type, size, cpu, access_count, ts. */
static void header(uint32_t type, unsigned size)
{
	memset(entry, 0, sizeof(entry));
	at(0, 4, type);
	at(4, 2, size);
	at(6, 2, 513);
	at(8, 8, 1000);
	at(16, 8, 77);
}

static int convert(unsigned size)
{
	return mt_classic_record(&state_of, entry, size, out, &error);
}

static void an_access_keeps_its_fields(void **state)
{
	const struct mt_access *a = (const void *)out;

	(void)state;
	header(2, 54);
	at(16, 8, 0);
	at(24, 4, 3);
	at(28, 1, 0xfb);			/* traffic, lock; the rest is rubbish */
	at(29, 8, 0xffffffff81000010);
	at(37, 8, 0x7f0000001008);
	at(45, 8, 0xffff888000001008);
	at(53, 1, 4);
	assert_int_equal(convert(54), sizeof(*a));
	assert_int_equal(a->hdr.kind, MT_KIND_access);
	assert_int_equal(a->hdr.cpu, 513);
	assert_int_equal(a->pc, 0xffffffff81000010);
	assert_int_equal(a->paddr, 0x7f0000001008);
	assert_int_equal(a->addr, 0xffff888000001008);
	assert_int_equal(a->width, 4);
	assert_int_equal(a->flags, MT_access_flag_store | MT_access_flag_moved |
			 MT_access_flag_atomic | MT_access_flag_kernel);
	at(24, 4, 1);
	at(28, 1, 0xfc);
	at(29, 8, 0x400000);
	assert_int_equal(convert(54), sizeof(*a));
	assert_int_equal(a->flags, MT_access_flag_load);
	at(24, 4, 4);
	assert_int_equal(convert(54), -1);
}

static void calls_and_returns(void **state)
{
	const struct mt_call *c = (const void *)out;

	(void)state;
	header(6, 44);
	at(24, 8, 0x1111);
	at(32, 8, 0x2222);
	assert_int_equal(convert(44), sizeof(*c));
	assert_int_equal(c->hdr.time, 0);	/* theirs is garbage */
	assert_int_equal(c->target, 0x1111);
	assert_int_equal(c->return_pc, 0x2222);
	assert_int_equal(c->op, MT_call_op_call);
	at(32, 8, 0);
	at(40, 4, 1);
	assert_int_equal(convert(44), sizeof(*c));
	assert_int_equal(c->return_pc, 0x1111);
	assert_int_equal(c->op, MT_call_op_ret);
	at(40, 4, 2);
	assert_int_equal(convert(44), -1);
}

static void a_mode_has_the_totals(void **state)
{
	const struct mt_mode *m = (const void *)out;

	(void)state;
	header(3, 108);
	at(24, 4, 1);
	at(28, 8, 4711);
	at(36, 4, MT_mode_scope);
	memset(entry + 40, 'x', 64);		/* no end */
	assert_true(convert(108) > 0);
	assert_int_equal(m->hdr.time, 77);
	assert_int_equal(m->mode, MT_mode_scope);
	assert_int_equal(m->accesses, 1000);
	assert_int_equal(m->instructions, 4711);
	assert_int_equal(strlen(mt_string(&m->hdr, 0)), 64);
}

static void what_is_no_record_of_its_own(void **state)
{
	struct mt_classic_host host;

	(void)state;
	header(10, 51);
	assert_int_equal(convert(51), 0);
	assert_false(mt_classic_host(entry, 51, &host, &error));
	header(3, 108);
	at(24, 4, 2);
	at(36, 8, 9);
	assert_int_equal(convert(108), 0);
	assert_true(mt_classic_host(entry, 108, &host, &error));
	assert_int_equal(host.what, MT_CLASSIC_CALLS_OFF);
	assert_int_equal(host.cpu, 9);
}

static void sizes_are_checked(void **state)
{
	unsigned type, n;

	(void)state;
	for (type = 1; type <= 15; type++) {
		unsigned size = (unsigned)mt_classic_size(type);

		assert_true(size > sizeof(struct mt_classic_hdr) && size <= MT_CLASSIC_MAX);
		header(type, size);
		for (n = 0; n < size; n++)
			assert_int_equal(convert(n), -1);
		at(4, 2, size - 1);
		assert_int_equal(convert(size), -1);
	}
	header(16, 32);
	assert_int_equal(convert(32), -1);
	header(0, 32);
	assert_int_equal(convert(32), -1);
}

/* Every record that is made of anything has a frame; mt_string finds its strings. */
static void any_bytes(void **state)
{
	const char *why;
	unsigned i, n;
	int size;

	(void)state;
	srandom(1);
	for (i = 0; i < 200000; i++) {
		for (n = 0; n < sizeof(entry); n++)
			entry[n] = (unsigned char)random();
		at(0, 4, (uint64_t)random() % 16);
		at(4, 2, mt_classic_size(entry[0]));
		at(24, 4, (uint64_t)random() % 5);
		size = convert(sizeof(entry));
		if (size > 0)
			assert_int_equal(mt_frame(out, (size_t)size, &why), size);
	}
	mt_classic_release(&state_of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_access_keeps_its_fields),
		cmocka_unit_test(calls_and_returns),
		cmocka_unit_test(a_mode_has_the_totals),
		cmocka_unit_test(what_is_no_record_of_its_own),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
