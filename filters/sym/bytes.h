/* SPDX-License-Identifier: MIT */
/* Reading DWARF bytes: never beyond the end; damage sticks and reads as zeros. */
#ifndef SYM_BYTES_H
#define SYM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sym_bytes {
	const unsigned char *p, *end;
	bool damaged;
	uint8_t address_bytes, offset_bytes;
	uint8_t ref_addr_bytes;		/* DWARF 2 made these as long as addresses */
};

/* What a form takes: so many bytes up to 16, or one of these. */
enum { SYM_UNKNOWN = 0, SYM_NOTHING = 32, SYM_LEB, SYM_STRING, SYM_BLOCK1, SYM_BLOCK2, SYM_BLOCK4,
       SYM_BLOCK, SYM_ADDRESS, SYM_OFFSET, SYM_REF_ADDR, SYM_INDIRECT };

unsigned sym_form_sort(unsigned form);

/* Bytes of a sort that takes the same for all values; 0 for the others. */
unsigned sym_fixed_bytes(const struct sym_bytes *b, unsigned sort);

/* Goes behind one value of that sort. */
void sym_skip_sort(struct sym_bytes *b, unsigned sort);

/* A signed LEB128; the unsigned one is below. */
int64_t sym_sleb(struct sym_bytes *b);

/* A string with its NUL; NULL when there is no NUL. */
const char *sym_string(struct sym_bytes *b);

static inline void sym_skip(struct sym_bytes *b, uint64_t n)
{
	if (n > (uint64_t)(b->end - b->p)) {
		b->damaged = true;
		b->p = b->end;
	} else {
		b->p += n;
	}
}

/* Little-endian, as we are. */
static inline uint64_t sym_fixed(struct sym_bytes *b, unsigned bytes)
{
	uint64_t n = 0;

	if ((size_t)(b->end - b->p) >= bytes && bytes <= sizeof(n))
		__builtin_memcpy(&n, b->p, bytes);
	sym_skip(b, bytes);
	return n;
}

uint64_t sym_long_leb(struct sym_bytes *b);

static inline uint64_t sym_leb(struct sym_bytes *b)
{
	return b->p < b->end && *b->p < 128 ? *b->p++ : sym_long_leb(b);
}

#endif
