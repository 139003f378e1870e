/* SPDX-License-Identifier: MIT */
/*
 * Frames of records with strings, which no stream made by our programs breaks:
 * what mt_frame refuses, and what mt_build cuts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../filters/libmt/mt.h"

static _Alignas(8) unsigned char buf[MT_RECORD_MAX + 8];

/* An appdata record with one string; the tail starts at its fixed size. */
static struct mt_hdr *appdata(const char *name)
{
	const struct mt_appdata fixed = { .hdr.kind = MT_KIND_appdata };

	memset(buf, 0, sizeof(buf));
	return mt_build(buf, &fixed, &name);
}

static void refused(const struct mt_hdr *rec, const char *reason)
{
	const char *why = NULL;

	assert_int_equal(mt_frame(rec, rec->size, &why), -1);
	assert_string_equal(why, reason);
}

static void whole_record_passes(void **state)
{
	const char *why = NULL;
	struct mt_hdr *rec = appdata("ops");

	(void)state;
	assert_int_equal(rec->size, sizeof(struct mt_appdata) + 8);
	assert_int_equal(mt_frame(rec, rec->size, &why), rec->size);
	assert_int_equal(mt_frame(rec, rec->size - 1u, &why), 0);
	assert_string_equal(mt_string(rec, 0), "ops");
}

static void padding_must_be_zero(void **state)
{
	struct mt_hdr *rec = appdata("ops");

	(void)state;
	buf[rec->size - 1] = 1;
	refused(rec, "padding that is not zero");
}

static void no_bytes_may_follow_the_strings(void **state)
{
	struct mt_hdr *rec = appdata("ops");

	(void)state;
	rec->size += 8;
	refused(rec, "more bytes than its strings need");
}

static void strings_must_end(void **state)
{
	struct mt_hdr *rec = appdata("ops");

	(void)state;
	memset(buf + sizeof(struct mt_appdata), 'x', 8);
	refused(rec, "a string without an end");
}

/* Of strings that do not fit together the long one is cut, the others stay. */
static void the_longest_string_is_cut(void **state)
{
	static char huge[MT_RECORD_MAX + 100];
	const struct mt_symbol fixed = { .hdr.kind = MT_KIND_symbol };
	const char *const strings[] = { "function", huge, "module" };
	const char *why = NULL;
	struct mt_hdr *rec;

	(void)state;
	memset(huge, 'f', sizeof(huge) - 1);
	rec = mt_build(buf, &fixed, strings);
	assert_int_equal(mt_frame(rec, rec->size, &why), rec->size);
	assert_string_equal(mt_string(rec, 0), "function");
	assert_string_equal(mt_string(rec, 2), "module");
	assert_true(strlen(mt_string(rec, 1)) > MT_RECORD_MAX / 4);
	assert_memory_equal(mt_string(rec, 1), huge, strlen(mt_string(rec, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_record_passes),
		cmocka_unit_test(padding_must_be_zero),
		cmocka_unit_test(no_bytes_may_follow_the_strings),
		cmocka_unit_test(strings_must_end),
		cmocka_unit_test(the_longest_string_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
