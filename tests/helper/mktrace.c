/* SPDX-License-Identifier: MIT */
/*
 * mktrace RECORDS [CPUS]: a stream of accesses that looks like a kernel's, for
 * measuring and for tests of size: functions of straight code, called in the
 * order of a few thousand fixed paths, with stack, global, array and list
 * accesses; cpus take turns.  Same arguments, same bytes.
 */
#include <unistd.h>

#include "../../filters/libmt/cli.h"

#define FUNCTIONS 2048
#define PATHS 512
#define PATH_LENGTH 12
#define QUANTUM 300			/* accesses until the next cpu */

struct cpu {
	uint64_t time, stack, array, node;
	unsigned path, step, at;	/* function of the path, access of the function */
};

static uint64_t seed = 1;

static uint32_t random32(void)		/* xorshift64* */
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)(seed * 0x2545f4914f6cdd1dull >> 32);
}

/* The same for the same key: code does not change while it runs. */
static uint32_t fixed(uint64_t key)
{
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9ull;
	key = (key ^ key >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(key >> 33);
}

static uint64_t physical(uint64_t addr)
{
	return ((uint64_t)fixed(addr >> 12) & 0x3ffff) << 12 | (addr & 4095);
}

static uint64_t place(struct cpu *c, uint32_t code)
{
	switch (code % 8) {
	case 0:				/* a list: the next node could be anywhere */
		c->node = 0xffff888000000000ull + (random32() % 65536) * 192;
		return c->node + code / 8 % 3 * 8;
	case 1:
		return c->node + 16;
	case 2:
		c->array += 8;
		return 0xffff888100000000ull + c->array % (1 << 20);
	case 3:
		return 0xffffffff82000000ull + code % 4096 * 8;
	default:
		return c->stack - c->step * 96 - code / 8 % 12 * 8;
	}
}

static void access_of(struct cpu *c, uint32_t cpu, struct mt_access *a)
{
	unsigned function = fixed(c->path * 100 + c->step) % FUNCTIONS;
	uint32_t code = fixed(function * 100000u + c->at);

	c->time += 1 + code / 64 % 6;
	a->hdr = (struct mt_hdr){ MT_KIND_access, sizeof(*a), cpu, c->time };
	a->pc = 0xffffffff81000000ull + function * 512u + c->at * 7;
	a->addr = place(c, code);
	a->paddr = physical(a->addr);
	a->width = (uint16_t)(1 << code / 512 % 4);
	a->addr &= ~(uint64_t)(a->width - 1);
	a->paddr &= ~(uint64_t)(a->width - 1);
	a->flags = MT_access_flag_kernel |
		(code % 3 ? MT_access_flag_load : MT_access_flag_store);
	if (++c->at < 6 + function % 20)
		return;
	c->at = 0;
	if (++c->step < PATH_LENGTH)
		return;
	c->step = 0;
	c->path = random32() % 8 ? c->path : random32() % PATHS;
}

int main(int argc, char **argv)
{
	static struct cpu cpus[256];
	static struct mt_writer out;
	static _Alignas(8) unsigned char buf[4096];
	const struct mt_begin begin = { .hdr.kind = MT_KIND_begin, .version = 1, .line = 64 };
	const struct mt_end end = { .hdr = { .kind = MT_KIND_end, .size = sizeof(end) } };
	uint64_t n;
	uint32_t n_cpus;

	mt_start(argv);
	if (argc < 2)
		mt_die(MT_USAGE, "usage: mktrace RECORDS [CPUS]");
	n = mt_number("RECORDS", argv[1], UINT64_MAX);
	n_cpus = argc > 2 ? (uint32_t)mt_number("CPUS", argv[2], 256) : 4;
	mt_open_output(&out, NULL);
	mt_writer_put(&out, mt_build(buf, &begin, (const char *const[]){ "mktrace", "", "" }));
	for (uint32_t i = 0; i < n_cpus; i++)
		cpus[i].stack = 0xffffc90000004000ull + i * 0x8000;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t cpu = (uint32_t)(i / QUANTUM % n_cpus);
		struct mt_access a = { .object = 0 };

		access_of(&cpus[cpu], cpu, &a);
		mt_writer_put(&out, &a.hdr);
	}
	mt_writer_put(&out, &end.hdr);
	if (mt_writer_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: write failed");
	return MT_OK;
}
