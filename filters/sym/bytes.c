/* SPDX-License-Identifier: MIT */
/* Reading DWARF bytes. */
#include <dwarf.h>
#include <string.h>

#include "bytes.h"

static const unsigned char plain_forms[DW_FORM_addrx4 + 1] = {
	[DW_FORM_addr] = SYM_ADDRESS, [DW_FORM_block2] = SYM_BLOCK2, [DW_FORM_block4] = SYM_BLOCK4,
	[DW_FORM_data2] = 2, [DW_FORM_data4] = 4, [DW_FORM_data8] = 8, [DW_FORM_string] = SYM_STRING,
	[DW_FORM_block] = SYM_BLOCK, [DW_FORM_block1] = SYM_BLOCK1, [DW_FORM_data1] = 1,
	[DW_FORM_flag] = 1, [DW_FORM_sdata] = SYM_LEB, [DW_FORM_strp] = SYM_OFFSET,
	[DW_FORM_udata] = SYM_LEB,
	[DW_FORM_ref_addr] = SYM_REF_ADDR, [DW_FORM_ref1] = 1, [DW_FORM_ref2] = 2, [DW_FORM_ref4] = 4,
	[DW_FORM_ref8] = 8, [DW_FORM_ref_udata] = SYM_LEB, [DW_FORM_indirect] = SYM_INDIRECT,
	[DW_FORM_sec_offset] = SYM_OFFSET, [DW_FORM_exprloc] = SYM_BLOCK,
	[DW_FORM_flag_present] = SYM_NOTHING,
	[DW_FORM_strx] = SYM_LEB, [DW_FORM_addrx] = SYM_LEB, [DW_FORM_ref_sup4] = 4,
	[DW_FORM_strp_sup] = SYM_OFFSET, [DW_FORM_data16] = 16, [DW_FORM_line_strp] = SYM_OFFSET,
	[DW_FORM_ref_sig8] = 8, [DW_FORM_implicit_const] = SYM_NOTHING, [DW_FORM_loclistx] = SYM_LEB,
	[DW_FORM_rnglistx] = SYM_LEB, [DW_FORM_ref_sup8] = 8, [DW_FORM_strx1] = 1, [DW_FORM_strx2] = 2,
	[DW_FORM_strx3] = 3, [DW_FORM_strx4] = 4, [DW_FORM_addrx1] = 1, [DW_FORM_addrx2] = 2,
	[DW_FORM_addrx3] = 3, [DW_FORM_addrx4] = 4,
};

unsigned sym_form_sort(unsigned form)
{
	if (form < sizeof(plain_forms))
		return plain_forms[form];
	switch (form) {
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		return SYM_LEB;
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return SYM_OFFSET;
	default:
		return SYM_UNKNOWN;
	}
}

unsigned sym_fixed_bytes(const struct sym_bytes *b, unsigned sort)
{
	switch (sort) {
	case SYM_ADDRESS: return b->address_bytes;
	case SYM_OFFSET: return b->offset_bytes;
	case SYM_REF_ADDR: return b->ref_addr_bytes;
	default: return sort < SYM_NOTHING ? sort : 0;
	}
}

uint64_t sym_long_leb(struct sym_bytes *b)
{
	uint64_t n = 0;
	unsigned shift = 0;

	while (b->p < b->end) {
		unsigned char c = *b->p++;

		if (shift < 64)
			n |= (uint64_t)(c & 127) << shift;
		shift += 7;
		if (!(c & 128))
			return n;
	}
	b->damaged = true;
	return 0;
}

int64_t sym_sleb(struct sym_bytes *b)
{
	const unsigned char *from = b->p;
	uint64_t n = sym_leb(b);
	size_t bits = 7 * (size_t)(b->p - from);

	if (bits && bits < 64 && b->p[-1] & 64)
		n |= UINT64_MAX << bits;
	return (int64_t)n;
}

const char *sym_string(struct sym_bytes *b)
{
	const char *s = (const char *)b->p;
	const unsigned char *nul = memchr(b->p, 0, (size_t)(b->end - b->p));

	sym_skip(b, nul ? (uint64_t)(nul - b->p) + 1 : UINT64_MAX);
	return nul ? s : NULL;
}

void sym_skip_sort(struct sym_bytes *b, unsigned sort)
{
	while (sort == SYM_INDIRECT)	/* each one takes a byte, so this ends */
		sort = sym_form_sort((unsigned)sym_leb(b));
	switch (sort) {
	case SYM_NOTHING: break;
	case SYM_LEB: sym_leb(b); break;
	case SYM_BLOCK1: sym_skip(b, sym_fixed(b, 1)); break;
	case SYM_BLOCK2: sym_skip(b, sym_fixed(b, 2)); break;
	case SYM_BLOCK4: sym_skip(b, sym_fixed(b, 4)); break;
	case SYM_BLOCK: sym_skip(b, sym_leb(b)); break;
	case SYM_STRING: sym_string(b); break;
	default:
		if (sort == SYM_UNKNOWN)
			b->damaged = true;
		sym_skip(b, sym_fixed_bytes(b, sort));
	}
}
