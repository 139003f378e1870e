/* SPDX-License-Identifier: MIT */
/*
 * mkkinds [SEED]: a stream that has every kind of the table several times, with
 * fields at their limits and at random, strings of any bytes, and an unknown
 * kind.  No field means anything.
 */
#include <string.h>
#include <unistd.h>

#include "../../filters/libmt/cli.h"

static uint64_t seed = 88172645463325252ull;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dull;
}

/* Small numbers are named values, big ones limits. */
static uint64_t any_value(void)
{
	switch (any() >> 32 & 3) {
	case 0: return any() >> 60;
	case 1: return UINT64_MAX;
	case 2: return 1ull << (any() >> 58);
	default: return any();
	}
}

/* Valid text, control characters, broken UTF-8. */
static char *any_string(char *s)
{
	static const char *const bits[] = {
		"abc", "\"", "\\", "\n", "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x8c",
		"\xe2\x82", "\xff", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\xc2\x85", "\x80",
		"\xf0\x9f", "\x1b[31m", "</script>",
	};
	size_t n = any() >> 61;

	for (*s = 0; n; n--)
		strcat(s, bits[(any() >> 32) % (sizeof(bits) / sizeof(bits[0]))]);
	return s;
}

static void put(struct mt_writer *out, const struct mt_type *t)
{
	static _Alignas(8) unsigned char fixed[4096], buf[MT_RECORD_MAX];
	static char text[8][256];
	const char *strings[8];
	struct mt_hdr *h = (struct mt_hdr *)fixed;

	memset(fixed, 0, sizeof(fixed));
	*h = (struct mt_hdr){ .kind = t->kind, .cpu = (uint32_t)any_value(), .time = any_value() };
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];
		uint64_t value = any_value();

		if (f->show == MT_SHOW_STRING)
			strings[f->offset] = any_string(text[f->offset]);
		else
			memcpy(fixed + f->offset, &value, f->width);	/* little-endian */
	}
	if (t->kind == MT_KIND_begin)
		((struct mt_begin *)fixed)->version = 1;
	mt_writer_put(out, mt_build(buf, fixed, strings));
}

static void put_unknown(struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];

	*(struct mt_hdr *)buf = (struct mt_hdr){ .kind = 777, .size = 32, .cpu = 3, .time = 13 };
	*(uint64_t *)(buf + 16) = any();
	mt_writer_put(out, (struct mt_hdr *)buf);
}

int main(int argc, char **argv)
{
	static struct mt_writer out;

	mt_start(argv);
	if (argc > 1)
		seed += mt_number("seed", argv[1], UINT32_MAX) * 0x9e3779b97f4a7c15ull;
	mt_open_output(&out, NULL);
	put(&out, mt_type_of(MT_KIND_begin));
	for (int round = 0; round < 20; round++)
		for (unsigned i = 0; i < mt_n_types; i++)
			if (mt_types[i].kind != MT_KIND_begin && mt_types[i].kind != MT_KIND_end)
				put(&out, &mt_types[i]);
	put_unknown(&out);
	put(&out, mt_type_of(MT_KIND_end));
	return mt_writer_flush(&out) < 0 ? MT_FAIL : MT_OK;
}
