/* SPDX-License-Identifier: MIT */
/* The log's coding is exact for any records, and survives any payload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../filters/libmt/mt_log.h"

#define LEN_MAX (MT_LOG_BLOCK + MT_RECORD_MAX)

static struct mt_log_encoder *encoder;
static struct mt_log_decoder *decoder;
static unsigned char *records, *got;
static uint64_t seed = 7;

static uint64_t any(void)		/* xorshift64* */
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

/* Small, huge, near the last one, or anything. */
static uint64_t some_number(void)
{
	static uint64_t last;

	switch (any() % 6) {
	case 0:  last = any() % 4; break;
	case 1:  last = UINT64_MAX - any() % 4; break;
	case 2:  last += any() % 512 - 256; break;
	case 3:  last = 1ull << any() % 64; break;
	case 4:  break;
	default: last = any(); break;
	}
	return last;
}

static void random_fields(const struct mt_type *t, unsigned char *fixed)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		uint64_t n = some_number();

		if (t->fields[i].width)
			memcpy(fixed + t->fields[i].offset, &n, t->fields[i].width);
	}
}

static size_t random_known(unsigned char *at)
{
	static _Alignas(8) unsigned char fixed[4096];
	const struct mt_type *t = any() % 4 ? mt_type_of(MT_KIND_access) :
		&mt_types[any() % mt_n_types];
	struct mt_hdr *h = (struct mt_hdr *)fixed;
	char text[300];
	const char *strings[8];

	memset(fixed, 0, sizeof(fixed));
	memset(text, 'x', sizeof(text));
	text[any() % sizeof(text)] = 0;
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 8; i++)
		strings[i] = any() % 2 ? text : "";
	*h = (struct mt_hdr){ t->kind, 0, (uint32_t)(any() % 3 ? any() % 5 : some_number()),
			      some_number() };
	random_fields(t, fixed);
	return mt_build(at, fixed, strings)->size;
}

static size_t random_record(unsigned char *at)
{
	struct mt_hdr h = { (uint16_t)(30000 + any() % 9), (uint16_t)(16 + any() % 9 * 8),
			    (uint32_t)any(), any() };

	if (any() % 8)
		return random_known(at);
	if (any() % 64 == 0)
		h.size = MT_RECORD_MAX;
	for (unsigned i = 16; i < h.size; i++)
		at[i] = (unsigned char)any();
	memcpy(at, &h, sizeof(h));
	return h.size;
}

static const unsigned char *encode(size_t len, struct mt_log_block *b)
{
	const void *block;
	const char *why;
	long size = mt_log_encode(encoder, records, len, &block);

	assert_true(size > 0);
	assert_int_equal(mt_log_header(block, (size_t)size, b, &why), 0);
	assert_int_equal(b->payload_size + sizeof(*b), size);
	assert_int_equal(b->raw_size, len);
	assert_true(mt_log_payload_ok(b, (const unsigned char *)block + sizeof(*b)));
	return (const unsigned char *)block + sizeof(*b);
}

static void comes_back(size_t len)
{
	struct mt_log_block b;
	const unsigned char *payload = encode(len, &b);
	const char *why = NULL;

	memset(got, 0xa5, len);
	if (mt_log_decode(decoder, &b, payload, got, &why) < 0)
		fail_msg("%s", why);
	assert_memory_equal(records, got, len);
}

static void random_records_come_back(void **state)
{
	(void)state;
	for (int round = 0; round < 400; round++) {
		size_t len = 0, want = any() % (round % 40 ? 20000 : MT_LOG_BLOCK);

		while (len < want)
			len += random_record(records + len);
		comes_back(len);
	}
}

static size_t same_access(size_t n, uint32_t cpu_step)
{
	struct mt_access a = { .hdr = { MT_KIND_access, sizeof(a), 0, 0 }, .pc = 0x401000 };

	for (size_t i = 0; i < n; i++) {
		a.hdr.cpu += cpu_step;
		memcpy(records + i * sizeof(a), &a, sizeof(a));
	}
	return n * sizeof(a);
}

static void edges_come_back(void **state)
{
	(void)state;
	comes_back(0);
	comes_back(same_access(LEN_MAX / sizeof(struct mt_access), 0));
	comes_back(same_access(LEN_MAX / sizeof(struct mt_access), 1));		/* 37449 cpus */
	comes_back(same_access(1000, 0x7fffffff));
}

/* Every difference as far as it can be, on a new cpu each: the longest payload. */
static void worst_case_comes_back(void **state)
{
	size_t len = 0;

	(void)state;
	while (len + sizeof(struct mt_access) + 16 <= LEN_MAX) {
		struct mt_access *a = (struct mt_access *)(records + len);

		for (size_t i = 0; i < sizeof(*a); i += 8)
			*(uint64_t *)(records + len + i) = any() | 1ull << 63;
		a->hdr.kind = MT_KIND_access;
		a->hdr.size = sizeof(*a);
		len += sizeof(*a);
		*(struct mt_hdr *)(records + len) = (struct mt_hdr){ 40000, 16, 0, 0 };
		len += 16;
	}
	comes_back(len);
}

static void malformed_records_are_refused(void **state)
{
	const void *block;
	size_t len = same_access(3, 0);

	(void)state;
	assert_int_equal(mt_log_encode(encoder, records, len - 8, &block), -1);
	((struct mt_hdr *)records)->size = 0;
	assert_int_equal(mt_log_encode(encoder, records, len, &block), -1);
}

/* With right checksums, as a hostile log has them. */
static void any_payload_is_survived(void **state)
{
	static unsigned char copy[LEN_MAX];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct mt_log_block b;
		const unsigned char *payload;
		const char *why = NULL;
		unsigned char *exact;
		size_t len = 0;

		for (int i = 0; i < 40; i++)
			len += random_known(records + len);
		payload = encode(len, &b);
		memcpy(copy, payload, b.payload_size);
		for (uint64_t i = 0; i <= any() % 4; i++)
			copy[any() % (any() % 2 ? 72 : b.payload_size)] = (unsigned char)any();
		if (any() % 4 == 0)
			b.payload_size = (uint32_t)(any() % b.payload_size);
		if (any() % 8 == 0)
			b.raw_size = (uint32_t)(any() % 100000);
		if (any() % 8 == 0)
			b.coding = MT_LOG_DEFLATE;
		exact = malloc(b.raw_size + 1);	/* so that asan sees a write behind it */
		if (mt_log_decode(decoder, &b, copy, exact, &why) == 0)
			for (size_t at = 0; at < b.raw_size; ) {
				int size = mt_frame(exact + at, b.raw_size - at, &why);

				assert_true(size > 0);
				at += (size_t)size;
			}
		else
			assert_non_null(why);
		free(exact);
	}
}

static void any_header_flip_is_seen(void **state)
{
	struct mt_log_block b, again;
	unsigned char bytes[sizeof(b)];
	const char *why;

	(void)state;
	(void)encode(same_access(3, 1), &b);
	for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
		memcpy(bytes, &b, sizeof(b));
		bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
		assert_int_equal(mt_log_header(bytes, sizeof(bytes), &again, &why), -1);
	}
}

static void header_tells_what_is_inside(void **state)
{
	struct mt_access a = { .hdr = { MT_KIND_access, sizeof(a), 3, 10 }, .pc = 7, .paddr = 0x5000 };
	struct mt_access c = { .hdr = { MT_KIND_access, sizeof(c), 456, 5 }, .pc = 9, .paddr = 0x40 };
	struct mt_switch s = { .hdr = { MT_KIND_switch, sizeof(s), 9, 99 } };
	struct mt_log_block b;

	(void)state;
	memcpy(records, &a, sizeof(a));
	memcpy(records + sizeof(a), &c, sizeof(c));
	memcpy(records + 2 * sizeof(a), &s, sizeof(s));
	(void)encode(2 * sizeof(a) + sizeof(s), &b);
	assert_int_equal(b.records, 3);
	assert_int_equal(b.judged, 2);
	assert_int_equal(b.accesses, 2);
	assert_true(b.time_min == 5 && b.time_max == 10);
	assert_true(b.pc_min == 7 && b.pc_max == 9);
	assert_true(b.paddr_min == 0x40 && b.paddr_max == 0x5000);
	assert_true(b.cpus[0] == 1ull << 3 && !b.cpus[1] && !b.cpus[2] && b.cpus[3] == 1ull << 8);
	assert_true(b.granules == (1ull << (mt_log_granule(0x5000) >> 26) | 1ull << (mt_log_granule(0x40) >> 26)));
}

static int set_up(void **state)
{
	(void)state;
	encoder = mt_log_encoder_new();
	decoder = mt_log_decoder_new();
	records = malloc(LEN_MAX + 2 * MT_RECORD_MAX);
	got = malloc(LEN_MAX);
	return encoder && decoder && records && got ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	mt_log_encoder_free(encoder);
	mt_log_decoder_free(decoder);
	free(records);
	free(got);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_records_come_back),
		cmocka_unit_test(edges_come_back),
		cmocka_unit_test(worst_case_comes_back),
		cmocka_unit_test(malformed_records_are_refused),
		cmocka_unit_test(any_payload_is_survived),
		cmocka_unit_test(any_header_flip_is_seen),
		cmocka_unit_test(header_tells_what_is_inside),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
