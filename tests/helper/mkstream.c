/* SPDX-License-Identifier: MIT */
/*
 * mkstream: a big stream that looks like a kernel's, made from a seed.
 *
 *   mkstream [-n RECORDS] [-c CPUS] [-l LINES] [-p PCS] [-q QUANTUM] [-s SEED] [-m]
 *
 * Cpus take turns of QUANTUM accesses (100).  On each a sequence of functions
 * runs, chosen by Zipf's law; a function is a few memory instructions in a
 * row, each with an operation, a width and a target of its own: the stack, the
 * object that the function was called on, or a global variable.  Most run in a
 * loop.  Objects are chosen by Zipf's law among those of the function's type,
 * most of them from the cpu's own part of memory.  (A
 * booted Linux has about 44,000 pcs, of which 100 make 42 % of the accesses,
 * and 90,000 lines in 20 million accesses.)
 *
 * The log is of mode all, or with -m of mode movement: then only the accesses
 * that move a line are written and counted.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../filters/libmt/cli.h"

#define LINE 64
#define PHYS 0x1000000ull
#define VIRT 0xffff888000000000ull
#define TEXT 0xffffffff81000000ull
#define OBJECT_LINES 4
#define STACK_LINES 8
#define MAX_CPUS 64

static uint64_t n_records = 1000000, n_cpus = 4, n_lines = 100000, n_pcs = 40000, quantum = 100;
static uint64_t seed = 1;
static bool movement;

/* What a cpu is doing. */
static struct cpu {
	uint64_t time;
	uint64_t object;		/* first line of the object it works on */
	uint32_t first, pc, left;	/* instruction, and how many more of this function */
	uint32_t rounds;		/* how often it still runs */
} cpus[MAX_CPUS];

static uint64_t *holders;		/* of each line, a bit for each cpu */
static struct mt_writer out;

/* xorshift64*: fast, and the same everywhere */
static uint64_t any(uint64_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint64_t)((unsigned __int128)(seed * 0x2545f4914f6cdd1dull) * below >> 64);
}

/* 0 to n - 1, near 1 / (rank + 1): a power of two first, then a number in it. */
static uint64_t zipf(uint64_t n)
{
	uint64_t top = 64 - (uint64_t)__builtin_clzll(n), r;

	do {
		uint64_t bit = 1ull << any(top);

		r = bit + any(bit) - 1;
	} while (r >= n);
	return r;
}

static uint64_t hash(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

/* Lines: each cpu's part (its stack first), then the part that all share. */
static uint64_t part_lines(void)
{
	return n_lines / (n_cpus + 1);
}

static void call(struct cpu *c, uint64_t id)
{
	uint64_t part = any(100) < 88 ? id : n_cpus;
	uint64_t room = (part_lines() - STACK_LINES) / OBJECT_LINES;
	uint64_t types = room / 16 + 1, rank;

	c->first = (uint32_t)(hash(zipf(n_pcs)) % n_pcs);
	c->rounds = (uint32_t)(1 << any(6));
	rank = zipf(room / types) * types + c->first / 16 % types;
	/* neighbours in rank are scattered over the part, as an allocator does */
	c->object = part * part_lines() + STACK_LINES + hash(rank) % room * OBJECT_LINES;
}

/* What the instruction at pc does is fixed by the pc alone. */
static void aim(const struct cpu *c, uint64_t id, struct mt_access *a, uint64_t *line)
{
	uint64_t how = hash(c->pc ^ 0x5bd1e995);
	unsigned offset = (unsigned)(how >> 8) % LINE;

	if (how % 8 < 3) {
		*line = id * part_lines() + (how >> 16) % STACK_LINES;
	} else if (how % 64 == 3) {	/* a global variable */
		*line = n_cpus * part_lines() + (how >> 16) % STACK_LINES;
	} else {
		*line = c->object + (how >> 16) % OBJECT_LINES;
	}
	a->width = (uint16_t)(1u << (how >> 24) % 4);
	a->flags = (how >> 28) % 10 < 6 ? MT_access_flag_load : MT_access_flag_store;
	if ((how >> 32) % 40 == 0)
		a->flags = MT_access_flag_load | MT_access_flag_store | MT_access_flag_atomic;
	a->flags |= MT_access_flag_kernel;
	offset &= ~(a->width - 1u);
	a->addr = VIRT + *line * LINE + offset;
	a->paddr = PHYS + *line * LINE + offset;
	a->pc = TEXT + c->pc * 5ull;
}

static bool moves(uint64_t line, uint64_t id, bool store)
{
	uint64_t me = 1ull << id;

	if (store ? holders[line] == me : holders[line] & me)
		return false;
	holders[line] = store ? me : holders[line] | me;
	return true;
}

/* One access; whether it was written. */
static bool step(uint64_t id)
{
	struct cpu *c = &cpus[id];
	struct mt_access a = { .hdr = { MT_KIND_access, sizeof(a), (uint32_t)id, 0 } };
	uint64_t line;

	if (!c->left) {
		if (!c->rounds)
			call(c, id);
		c->rounds--;
		c->pc = c->first;
		c->left = 3 + c->first % 10;
	}
	aim(c, id, &a, &line);
	c->left--;
	c->pc = (uint32_t)((c->pc + 1) % n_pcs);
	c->time += 1 + a.pc % 3;
	a.hdr.time = c->time;
	if (moves(line, id, a.flags & MT_access_flag_store))
		a.flags |= MT_access_flag_moved;
	else if (movement)
		return false;
	mt_writer_put(&out, &a.hdr);
	return true;
}

static void put_begin(void)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	static const char *const strings[] = { "mkstream", "", "" };
	struct mt_begin b = {
		.hdr.kind = MT_KIND_begin, .version = 1, .line = LINE, .cpus = (uint32_t)n_cpus,
		.quantum = (uint32_t)quantum, .sample = 1, .machine = MT_machine_system,
		.mode = movement ? MT_mode_movement : MT_mode_all,
	};

	mt_writer_put(&out, mt_build(buf, &b, strings));
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:c:l:p:q:s:m")) != -1)
		switch (c) {
		case 'n': n_records = mt_number("-n", optarg, UINT64_MAX); break;
		case 'c': n_cpus = mt_number("-c", optarg, MAX_CPUS); break;
		case 'l': n_lines = mt_number("-l", optarg, 1 << 30); break;
		case 'p': n_pcs = mt_number("-p", optarg, 1 << 30); break;
		case 'q': quantum = mt_number("-q", optarg, 1 << 30); break;
		case 's': seed += mt_number("-s", optarg, UINT32_MAX) * 0x9e3779b97f4a7c15ull; break;
		case 'm': movement = true; break;
		default: mt_die(MT_USAGE, "see the top of tests/helper/mkstream.c");
		}
	if (!n_cpus || !n_pcs || !quantum || !seed || part_lines() < STACK_LINES + OBJECT_LINES)
		mt_die(MT_USAGE, "a cpu, a pc, a quantum and %u lines a cpu are needed",
		       STACK_LINES + OBJECT_LINES);
}

int main(int argc, char **argv)
{
	struct mt_end end = { .hdr = { MT_KIND_end, sizeof(end), 0, 0 } };

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_output(&out, NULL);
	holders = mt_xmalloc(n_lines * sizeof(*holders));
	memset(holders, 0xff, n_lines * sizeof(*holders));
	put_begin();
	for (uint64_t done = 0, id = 0; done < n_records; id = (id + 1) % n_cpus)
		for (uint64_t i = 0; i < quantum && done < n_records; i++, end.accesses++)
			done += step(id);
	for (uint64_t id = 0; id < n_cpus; id++)
		end.instructions += cpus[id].time;
	mt_writer_put(&out, &end.hdr);
	free(holders);
	return mt_writer_flush(&out) < 0 ? MT_FAIL : MT_OK;
}
