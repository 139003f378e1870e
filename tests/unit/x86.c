/* SPDX-License-Identifier: MIT */
/* What the tracer knows about instructions (qemu/x86.c, compiled in). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../qemu/x86.c"

enum { RMW = 1, ATOMIC = 2, FORGETS = 4, SYSCALL = 8, HYPERCALL = 16, WIDE = 32 };

static const struct {
	const char *text;
	uint8_t bytes[X86_MAX];
	uint8_t n, want;		/* WIDE: its width must not be taken for constant */
} cases[] = {
	{ "add %rax,(%rdi)", { 0x48, 0x01, 0x07 }, 3, RMW },
	{ "add %al,(%rdi)", { 0x00, 0x07 }, 2, RMW },
	{ "add (%rdi),%rax", { 0x48, 0x03, 0x07 }, 3, 0 },
	{ "add %rax,%rdi", { 0x48, 0x01, 0xc7 }, 3, 0 },
	{ "or %eax,(%rdi)", { 0x09, 0x07 }, 2, RMW },
	{ "adc %eax,(%rdi)", { 0x11, 0x07 }, 2, RMW },
	{ "sbb %eax,(%rdi)", { 0x19, 0x07 }, 2, RMW },
	{ "and %eax,(%rdi)", { 0x21, 0x07 }, 2, RMW },
	{ "sub %eax,(%rdi)", { 0x29, 0x07 }, 2, RMW },
	{ "xor %eax,(%rdi)", { 0x31, 0x07 }, 2, RMW },
	{ "cmp %eax,(%rdi)", { 0x39, 0x07 }, 2, 0 },
	{ "cmp %al,(%rdi)", { 0x38, 0x07 }, 2, 0 },
	{ "addl $1,(%rdi)", { 0x83, 0x07, 0x01 }, 3, RMW },
	{ "addl $1,(%r15)", { 0x41, 0x83, 0x07, 0x01 }, 4, RMW },
	{ "addw $1,%gs:(%rdi)", { 0x65, 0x66, 0x83, 0x07, 0x01 }, 5, RMW },
	{ "addl $256,(%rdi)", { 0x81, 0x07, 0, 1, 0, 0 }, 6, RMW },
	{ "addb $1,(%rdi)", { 0x80, 0x07, 0x01 }, 3, RMW },
	{ "cmpl $1,(%rdi)", { 0x83, 0x3f, 0x01 }, 3, 0 },
	{ "lock addl $1,(%rdi)", { 0xf0, 0x83, 0x07, 0x01 }, 4, RMW | ATOMIC },
	{ "lock incq (%rdi)", { 0xf0, 0x48, 0xff, 0x07 }, 4, RMW | ATOMIC },
	{ "incl (%rdi)", { 0xff, 0x07 }, 2, RMW },
	{ "decb (%rdi)", { 0xfe, 0x0f }, 2, RMW },
	{ "call *(%rdi)", { 0xff, 0x17 }, 2, 0 },
	{ "lcall *(%rdi)", { 0xff, 0x1f }, 2, WIDE },
	{ "push (%rdi)", { 0xff, 0x37 }, 2, 0 },
	{ "notl (%rdi)", { 0xf7, 0x17 }, 2, RMW },
	{ "negb (%rdi)", { 0xf6, 0x1f }, 2, RMW },
	{ "mull (%rdi)", { 0xf7, 0x27 }, 2, 0 },
	{ "testl $1,(%rdi)", { 0xf7, 0x07, 1, 0, 0, 0 }, 6, 0 },
	{ "xchg %eax,(%rdi)", { 0x87, 0x07 }, 2, RMW | ATOMIC },
	{ "xchg %al,(%rdi)", { 0x86, 0x07 }, 2, RMW | ATOMIC },
	{ "xchg %eax,%edi", { 0x87, 0xc7 }, 2, 0 },
	{ "shll %cl,(%rdi)", { 0xd3, 0x27 }, 2, RMW },
	{ "shrb $3,(%rdi)", { 0xc0, 0x2f, 0x03 }, 3, RMW },
	{ "sarq (%rdi)", { 0x48, 0xd1, 0x3f }, 3, RMW },
	{ "shld $3,%eax,(%rdi)", { 0x0f, 0xa4, 0x07, 0x03 }, 4, RMW },
	{ "shrd %cl,%eax,(%rdi)", { 0x0f, 0xad, 0x07 }, 3, RMW },
	{ "bt %eax,(%rdi)", { 0x0f, 0xa3, 0x07 }, 3, 0 },
	{ "bts %eax,(%rdi)", { 0x0f, 0xab, 0x07 }, 3, RMW },
	{ "btr %eax,(%rdi)", { 0x0f, 0xb3, 0x07 }, 3, RMW },
	{ "btc %eax,(%rdi)", { 0x0f, 0xbb, 0x07 }, 3, RMW },
	{ "btl $3,(%rdi)", { 0x0f, 0xba, 0x27, 0x03 }, 4, 0 },
	{ "lock btsl $3,(%rdi)", { 0xf0, 0x0f, 0xba, 0x2f, 0x03 }, 5, RMW | ATOMIC },
	{ "cmpxchg %ecx,(%rdi)", { 0x0f, 0xb1, 0x0f }, 3, RMW },
	{ "lock cmpxchg %cl,(%rdi)", { 0xf0, 0x0f, 0xb0, 0x0f }, 4, RMW | ATOMIC },
	{ "xadd %eax,(%rdi)", { 0x0f, 0xc1, 0x07 }, 3, RMW },
	{ "lock xadd %al,(%rdi)", { 0xf0, 0x0f, 0xc0, 0x07 }, 4, RMW | ATOMIC },
	{ "lock cmpxchg16b (%rdi)", { 0xf0, 0x48, 0x0f, 0xc7, 0x0f }, 5, RMW | ATOMIC | WIDE },
	{ "rdrand %eax", { 0x0f, 0xc7, 0xf0 }, 3, WIDE },
	{ "sete (%rdi)", { 0x0f, 0x94, 0x07 }, 3, 0 },
	{ "mov %eax,(%rdi)", { 0x89, 0x07 }, 2, 0 },
	{ "mov (%rdi),%eax", { 0x8b, 0x07 }, 2, 0 },
	{ "movsq", { 0x48, 0xa5 }, 2, 0 },
	{ "rep stosb", { 0xf3, 0xaa }, 2, 0 },
	{ "fstpt (%rdi)", { 0xdb, 0x3f }, 2, WIDE },
	{ "fxsave (%rdi)", { 0x0f, 0xae, 0x07 }, 3, WIDE },
	{ "vmovdqu (%rdi),%ymm0", { 0xc5, 0xfe, 0x6f, 0x07 }, 4, WIDE },
	{ "iretq", { 0x48, 0xcf }, 2, WIDE },
	{ "mov %rax,%cr3", { 0x0f, 0x22, 0xd8 }, 3, FORGETS | WIDE },
	{ "mov %cr3,%rax", { 0x0f, 0x20, 0xd8 }, 3, WIDE },
	{ "invlpg (%rdi)", { 0x0f, 0x01, 0x3f }, 3, FORGETS | WIDE },
	{ "lgdt (%rdi)", { 0x0f, 0x01, 0x17 }, 3, WIDE },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, 3, WIDE },
	{ "invpcid (%rdi),%rax", { 0x66, 0x0f, 0x38, 0x82, 0x07 }, 5, FORGETS | WIDE },
	{ "wrmsr", { 0x0f, 0x30 }, 2, FORGETS | WIDE },
	{ "rdmsr", { 0x0f, 0x32 }, 2, WIDE },
	{ "syscall", { 0x0f, 0x05 }, 2, SYSCALL | WIDE },
	{ "xchg %bx,%bx", { 0x66, 0x87, 0xdb }, 3, HYPERCALL },
	{ "xchg %ebx,%ebx", { 0x87, 0xdb }, 2, 0 },
	{ "nothing", { 0 }, 0, 0 },
	{ "prefixes alone", { 0xf0, 0x66, 0x48 }, 3, ATOMIC | WIDE },
};

static void test_instructions(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct x86 x = x86_decode(cases[i].bytes, cases[i].n);
		unsigned got = (x.rmw ? RMW : 0) | (x.atomic ? ATOMIC : 0) |
			(x.forgets_pages ? FORGETS : 0) | (x.syscall ? SYSCALL : 0) |
			(x.hypercall ? HYPERCALL : 0);

		if (got != (cases[i].want & ~(unsigned)WIDE))
			fail_msg("%s: %#x", cases[i].text, got);
		if (cases[i].want & WIDE && x.one_width)
			fail_msg("%s: not always of one width", cases[i].text);
	}
}

static void test_branches(void **state)
{
	static const uint8_t call[] = { 0xe8, 0xfb, 0xff, 0xff, 0xff }, ret[] = { 0xc3 };
	static const uint8_t reg[] = { 0x41, 0xff, 0xd3 }, mem[] = { 0xff, 0x10 };
	static const uint8_t jump[] = { 0xff, 0xe0 };

	(void)state;
	assert_int_equal(x86_decode(call, sizeof(call)).branch, X86_CALL);
	assert_int_equal(x86_decode(call, sizeof(call)).target, -5);
	assert_int_equal(x86_decode(ret, sizeof(ret)).branch, X86_RET);
	assert_int_equal(x86_decode(reg, sizeof(reg)).branch, X86_CALL_REG);
	assert_int_equal(x86_decode(reg, sizeof(reg)).reg, 11);
	assert_int_equal(x86_decode(mem, sizeof(mem)).branch, X86_CALL_MEM);
	assert_int_equal(x86_decode(jump, sizeof(jump)).branch, X86_NO_BRANCH);
}

static void test_system(void **state)
{
	static const uint8_t lidt[] = { 0x0f, 0x01, 0x1f }, lgdt[] = { 0x0f, 0x01, 0x17 };
	static const uint8_t rdtscp[] = { 0x0f, 0x01, 0xf9 }, clac[] = { 0x0f, 0x01, 0xda };
	static const uint8_t iret[] = { 0x48, 0xcf }, sysret[] = { 0x48, 0x0f, 0x07 };
	static const uint8_t wrmsr[] = { 0x0f, 0x30 }, pop[] = { 0x07 };

	(void)state;
	assert_int_equal(x86_decode(lidt, sizeof(lidt)).system, X86_LIDT);
	assert_int_equal(x86_decode(lgdt, sizeof(lgdt)).system, X86_NO_SYSTEM);
	assert_int_equal(x86_decode(rdtscp, sizeof(rdtscp)).system, X86_NO_SYSTEM);
	assert_int_equal(x86_decode(clac, sizeof(clac)).system, X86_NO_SYSTEM);
	assert_int_equal(x86_decode(iret, sizeof(iret)).system, X86_IRET);
	assert_int_equal(x86_decode(sysret, sizeof(sysret)).system, X86_SYSRET);
	assert_int_equal(x86_decode(wrmsr, sizeof(wrmsr)).system, X86_WRMSR);
	assert_int_equal(x86_decode(pop, sizeof(pop)).system, X86_NO_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_system),
	};

	return cmocka_run_group_tests_name("x86", tests, NULL, NULL);
}
