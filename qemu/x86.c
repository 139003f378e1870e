/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions as in SDM volume 2, in 64-bit mode.  In 16- and 32-bit code
 * nothing that is asked here is encoded otherwise, but that 0x40 to 0x4f are
 * instructions of one byte, which are none of ours either way, and C4/C5
 * (LES, LDS) which are taken for VEX and so for nothing.
 */
#include <string.h>

#include "x86.h"

struct bytes {
	const uint8_t *p, *end;
	bool lock, rex_b;
};

/* The next byte; 0 past the end, where no instruction of ours begins. */
static uint8_t take(struct bytes *b)
{
	return b->p < b->end ? *b->p++ : 0;
}

static void skip_prefixes(struct bytes *b)
{
	for (; b->p < b->end; b->p++)
		switch (*b->p) {
		case 0xf0:
			b->lock = true;
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
		case 0x66: case 0x67: case 0xf2: case 0xf3:
			break;
		default:
			/* REX comes last, and not alone. */
			if ((*b->p & 0xf0) == 0x40 && b->p + 1 < b->end) {
				b->rex_b = *b->p & 1;
				b->p++;
			}
			return;
		}
}

static bool in_memory(uint8_t modrm)
{
	return modrm < 0xc0;
}

static unsigned opcode_extension(uint8_t modrm)
{
	return modrm >> 3 & 7;
}

/* Read-modify-write of memory, by the opcodes of one byte. */
static bool rmw_one(uint8_t op, uint8_t modrm)
{
	unsigned ext = opcode_extension(modrm);

	if (!in_memory(modrm))
		return false;
	switch (op) {
	case 0x80: case 0x81: case 0x82: case 0x83:	/* add to cmp */
		return ext != 7;
	case 0x86: case 0x87:				/* xchg */
	case 0xc0: case 0xc1: case 0xd0: case 0xd1: case 0xd2: case 0xd3:	/* shifts */
		return true;
	case 0xf6: case 0xf7:				/* not, neg */
		return ext == 2 || ext == 3;
	case 0xfe: case 0xff:				/* inc, dec */
		return ext < 2;
	default:					/* add or adc sbb and sub xor, to memory */
		return op < 0x38 && (op & 7) < 2;
	}
}

/* The same for the opcodes after 0F. */
static bool rmw_two(uint8_t op, uint8_t modrm)
{
	unsigned ext = opcode_extension(modrm);

	if (!in_memory(modrm))
		return false;
	switch (op) {
	case 0xa4: case 0xa5: case 0xac: case 0xad:	/* shld, shrd */
	case 0xab: case 0xb3: case 0xbb:		/* bts, btr, btc */
	case 0xb0: case 0xb1:				/* cmpxchg */
	case 0xc0: case 0xc1:				/* xadd */
		return true;
	case 0xba:					/* bts, btr, btc by a constant */
		return ext >= 5;
	case 0xc7:					/* cmpxchg8b, cmpxchg16b */
		return ext == 1;
	default:
		return false;
	}
}

/* SDM vol. 3, 4.10.4.1: what invalidates TLB entries; and leaving SMM. */
static bool changes_pages(uint8_t op, uint8_t modrm)
{
	switch (op) {
	case 0x01:					/* invlpg; vmrun to invlpga */
		return in_memory(modrm) ? opcode_extension(modrm) == 7
			: modrm >= 0xd8 && modrm <= 0xdf;
	case 0x22:					/* mov to a control register */
	case 0x30:					/* wrmsr */
	case 0xaa:					/* rsm */
		return true;
	default:
		return false;
	}
}

/*
 * Plain instructions, of which is known that their load and their store, as far
 * as they have one, are of the same width every time.  The rest (x87, xsave,
 * far branches, AVX) may touch memory in pieces.
 */
static bool one_width_one(uint8_t op, uint8_t modrm)
{
	switch (op) {
	case 0x63: case 0x68: case 0x69: case 0x6a: case 0x6b:
	case 0xc0: case 0xc1: case 0xc2: case 0xc3: case 0xc6: case 0xc7: case 0xc9:
	case 0xd0: case 0xd1: case 0xd2: case 0xd3: case 0xe8:
	case 0xf6: case 0xf7: case 0xfe:
		return true;
	case 0xff:			/* not the far call and jump */
		return opcode_extension(modrm) != 3 && opcode_extension(modrm) != 5;
	default:			/* arithmetic; push, pop; mov, test, lea; strings, mov */
		return (op < 0x40 && (op & 7) < 6) || (op >= 0x50 && op < 0x60) ||
			(op >= 0x80 && op < 0x8c) || op == 0x8f || (op >= 0xa0 && op < 0xb0);
	}
}

static bool one_width_two(uint8_t op)
{
	switch (op) {
	case 0x10: case 0x11: case 0x28: case 0x29:	/* SSE moves */
	case 0x6e: case 0x6f: case 0x7e: case 0x7f: case 0xd6: case 0xe7: case 0xef: case 0x74:
	case 0x51: case 0x58: case 0x59: case 0x5c: case 0x5e:	/* sqrt add mul sub div */
	case 0xab: case 0xb3: case 0xbb: case 0xba: case 0xa3:	/* bits */
	case 0xaf: case 0xb0: case 0xb1: case 0xc0: case 0xc1:	/* imul cmpxchg xadd */
	case 0xb6: case 0xb7: case 0xbe: case 0xbf:		/* movzx, movsx */
		return true;
	default:						/* cmov, setcc */
		return (op >= 0x40 && op < 0x50) || (op >= 0x90 && op < 0xa0);
	}
}

static enum x86_system system_two(uint8_t op, uint8_t modrm)
{
	switch (op) {
	case 0x01:
		return in_memory(modrm) && opcode_extension(modrm) == 3 ? X86_LIDT : X86_NO_SYSTEM;
	case 0x07:
		return X86_SYSRET;
	case 0x30:
		return X86_WRMSR;
	default:
		return X86_NO_SYSTEM;
	}
}

static void decode_two(struct x86 *x, struct bytes *b)
{
	uint8_t op = take(b), modrm;

	if (op == 0x38) {
		/* 66 0F 38 82: invpcid; 80: invept, 81: invvpid */
		op = take(b);
		x->forgets_pages = op >= 0x80 && op <= 0x82;
		return;
	}
	modrm = take(b);
	x->rmw = rmw_two(op, modrm);
	x->one_width = one_width_two(op);
	x->syscall = op == 0x05;
	x->system = system_two(op, modrm);
	x->forgets_pages = changes_pages(op, modrm);
}

static void decode_call(struct x86 *x, struct bytes *b, uint8_t op, uint8_t modrm)
{
	int32_t rel;

	if (op == 0xe8 && b->end - b->p >= 4) {
		memcpy(&rel, b->p, sizeof(rel));
		x->branch = X86_CALL;
		x->target = rel;
	} else if (op == 0xc3 || op == 0xc2) {
		x->branch = X86_RET;
	} else if (op == 0xff && opcode_extension(modrm) == 2) {
		x->branch = in_memory(modrm) ? X86_CALL_MEM : X86_CALL_REG;
		x->reg = (modrm & 7) | (unsigned)b->rex_b << 3;
	}
}

struct x86 x86_decode(const uint8_t *p, size_t n)
{
	static const uint8_t hypercall[] = { 0x66, 0x87, 0xdb };
	struct bytes b = { .p = p, .end = p + n };
	struct x86 x = { 0 };
	uint8_t op, modrm;

	skip_prefixes(&b);
	op = take(&b);
	if (op == 0x0f) {
		decode_two(&x, &b);
	} else {
		modrm = b.p < b.end ? *b.p : 0xff;
		x.rmw = rmw_one(op, modrm);
		x.one_width = one_width_one(op, modrm);
		x.atomic = (op == 0x86 || op == 0x87) && in_memory(modrm);
		x.system = op == 0xcf ? X86_IRET : X86_NO_SYSTEM;
		decode_call(&x, &b, op, modrm);
	}
	x.atomic |= b.lock;
	x.hypercall = n == sizeof(hypercall) && !memcmp(p, hypercall, n);
	return x;
}
