/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The little that the tracer must know about x86 instructions: what they do
 * beside a load or a store, which the plugin callbacks do not tell.
 */
#ifndef X86_H
#define X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X86_MAX 15			/* bytes of the longest instruction */

enum x86_branch {
	X86_NO_BRANCH,
	X86_CALL,			/* to `target` */
	X86_CALL_REG,			/* to the address in register `reg` */
	X86_CALL_MEM,			/* to the address that it loads */
	X86_RET,
};

/* What only a kernel does. */
enum x86_system {
	X86_NO_SYSTEM,
	X86_SYSRET,
	X86_IRET,
	X86_LIDT,
	X86_WRMSR,
};

struct x86 {
	bool rmw;			/* its load and its store are one access */
	bool atomic;			/* LOCK, or xchg with memory */
	bool one_width;			/* all its loads and stores are of one width, I am sure */
	bool hypercall;			/* xchg %bx,%bx */
	bool syscall;
	bool forgets_pages;		/* may change which page an address means */
	enum x86_system system;
	enum x86_branch branch;
	unsigned reg;			/* 0: rax, in the order of encoding */
	int64_t target;			/* relative to the next instruction */
};

/* What is known about the instruction in the n bytes at p. */
struct x86 x86_decode(const uint8_t *p, size_t n);

#endif
