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

/* The low 32 bits as 8 hex digits, in memory order, without a loop. */
static inline uint64_t mt_hex8(uint64_t n)
{
	uint64_t nibbles, letters;

	n = __builtin_bswap32((uint32_t)n);
	nibbles = (n & 0xffff) | (n & 0xffff0000) << 16;
	nibbles = (nibbles | nibbles << 8) & 0x00ff00ff00ff00ffull;
	nibbles = (nibbles >> 4 & 0x000f000f000f000full) | (nibbles & 0x000f000f000f000full) << 8;
	letters = (nibbles + 0x0606060606060606ull) >> 4 & 0x0101010101010101ull;
	return nibbles + 0x3030303030303030ull + letters * ('a' - '0' - 10);
}

/* 0x1f, without leading zeros; writes up to 16 digits wherever it stops. */
static inline char *mt_put_hex(char *to, uint64_t n)
{
	unsigned skip = n ? (unsigned)__builtin_clzll(n) / 4 : 15;
	unsigned __int128 digits = (unsigned __int128)mt_hex8(n) << 64 | mt_hex8(n >> 32);

	*to++ = '0';
	*to++ = 'x';
	digits >>= 8 * skip;
	memcpy(to, &digits, 16);
	return to + 16 - skip;
}

#endif
