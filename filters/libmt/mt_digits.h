/* SPDX-License-Identifier: MIT */
/* Numbers as digits, fast: each returns the end of what it has put at to. */
#ifndef MT_DIGITS_H
#define MT_DIGITS_H

#include <stdint.h>
#include <string.h>

/* 64 bits take 18 characters in hex and 20 in decimal. */
#define MT_DIGITS 20

static const char mt_digit_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

/* In front of p: where they begin. */
static inline char *mt_put_dec_before(char *p, uint64_t n)
{
	while (n >= 100) {
		p -= 2;
		memcpy(p, mt_digit_pairs + 2 * (n % 100), 2);
		n /= 100;
	}
	if (n >= 10) {
		p -= 2;
		memcpy(p, mt_digit_pairs + 2 * n, 2);
	} else {
		*--p = (char)('0' + n);
	}
	return p;
}

static const uint64_t mt_powers_of_ten[MT_DIGITS] = {
	0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
	100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
	10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000u,
};

/* How many digits: from that of bits, at 1233 / 4096 digits each, which is one too few at times. */
static inline unsigned mt_dec_digits(uint64_t n)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(n | 1), digits = bits * 1233 >> 12;

	return digits + (n >= mt_powers_of_ten[digits]);
}

static inline char *mt_put_dec(char *to, uint64_t n)
{
	if (n < 10) {
		*to = (char)('0' + n);
		return to + 1;
	}
	to += mt_dec_digits(n);
	(void)mt_put_dec_before(to, n);
	return to;
}

typedef unsigned char mt_bytes __attribute__((vector_size(16)));
typedef uint64_t mt_words __attribute__((vector_size(16)));

/* 0x1f, without leading zeros; writes up to 16 digits wherever it stops. */
static inline char *mt_put_hex(char *to, uint64_t n)
{
	const unsigned skip = n ? (unsigned)__builtin_clzll(n) / 4 : 15;
	const uint64_t bytes = __builtin_bswap64(n << 4 * skip);
	const mt_bytes high = (mt_bytes)(mt_words){ bytes >> 4 & 0x0f0f0f0f0f0f0f0full };
	const mt_bytes low = (mt_bytes)(mt_words){ bytes & 0x0f0f0f0f0f0f0f0full };
	mt_bytes digits = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19,
						  4, 20, 5, 21, 6, 22, 7, 23);

	digits += '0' + ((mt_bytes)(digits > 9) & ('a' - '0' - 10));
	*to++ = '0';
	*to++ = 'x';
	memcpy(to, &digits, sizeof(digits));
	return to + 16 - skip;
}

#endif
