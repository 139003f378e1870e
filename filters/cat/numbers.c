/* SPDX-License-Identifier: MIT */
/* The numbers of several logs as those of one. */
#include <string.h>

#include "../libmt/cli.h"
#include "numbers.h"

/* A kernel address has these bits; a machine's number takes some away, not the highest. */
#define KERNEL_SHIFT 57
#define KERNEL_BITS (0x7full << KERNEL_SHIFT)
#define MACHINES_MAX 64

#define MEMORY_SHIFT 48
#define MEMORY_MAX UINT16_MAX

/* By all logs together: the numbers in use, and one below which none is free. */
static struct {
	struct mt_table taken;
	uint64_t next;
} used[MT_SPACES];

/* Of the fields of a type, those to change. */
struct plan {
	unsigned n;
	struct place { uint16_t offset; uint8_t width, space; } of[];	/* MT_SPACE_none: a virtual address */
};

static struct plan *plans[MT_KINDS];

static const struct plan *plan_of(unsigned kind)
{
	const struct mt_type *t = mt_type_of(kind);
	struct plan *p;

	if (!t || kind >= MT_KINDS)
		return NULL;
	if (plans[kind])
		return plans[kind];
	p = plans[kind] = mt_xcalloc(1, sizeof(*p) + t->n_fields * sizeof(*p->of));
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];

		if (!f->space && (f->show != MT_HEX || f->width != 8 || strcmp(f->unit, "byte") != 0))
			continue;
		p->of[p->n++] = (struct place){ f->offset, f->width, f->space };
	}
	return p;
}

/* ---- numbers ------------------------------------------------------------- */

/* A process of a program is a memory, too. */
static bool is_memory(const struct numbers *n, unsigned space)
{
	return space == MT_SPACE_process && n->user;
}

static bool is_free(const struct numbers *n, unsigned space, uint64_t number)
{
	return !mt_table_get(&used[space].taken, number) &&
		!(is_memory(n, space) && mt_table_get(&used[MT_SPACE_paddr].taken, number));
}

static uint64_t give(const struct numbers *n, unsigned space, uint64_t number)
{
	bool memory = is_memory(n, space) || space == MT_SPACE_paddr;

	if (!is_free(n, space, number)) {
		/* What is taken stays so; where two spaces are asked, the other may yet be free here. */
		while (mt_table_get(&used[space].taken, used[space].next))
			used[space].next++;
		for (number = used[space].next; !is_free(n, space, number); number++)
			;
		if (number > (memory ? MEMORY_MAX : space == MT_SPACE_entry ? UINT64_MAX : UINT32_MAX))
			mt_die(MT_FAIL, "%s: no number is left for a %s of it", n->name,
			       memory ? "process or memory" : "thing");
	}
	*mt_xtable_put(&used[space].taken, number) = 1;
	if (memory)
		*mt_xtable_put(&used[MT_SPACE_paddr].taken, number) = 1;
	return number;
}

static uint64_t number_of(struct numbers *n, unsigned space, uint64_t old)
{
	const uint64_t *known = mt_table_get(&n->of[space], old);
	uint64_t number;

	if (known)
		return *known;
	number = give(n, space, old);
	*mt_xtable_put(&n->of[space], old) = number;
	return number;
}

static uint64_t change_paddr(struct numbers *n, uint64_t paddr)
{
	uint64_t memory = paddr >> MEMORY_SHIFT, rest = paddr & ((1ull << MEMORY_SHIFT) - 1);
	unsigned space = n->user && memory ? MT_SPACE_process : MT_SPACE_paddr;

	return number_of(n, space, memory) << MEMORY_SHIFT | rest;
}

static uint64_t change_virtual(const struct numbers *n, uint64_t addr)
{
	return (addr & KERNEL_BITS) == KERNEL_BITS ? addr ^ n->machine << KERNEL_SHIFT : addr;
}

static unsigned space_of_owner(const struct mt_object *o)
{
	return o->storage == MT_storage_percpu ? MT_SPACE_cpu :
	       o->storage == MT_storage_stack ? MT_SPACE_task : MT_SPACE_none;
}

/* 0 is a cpu, and a call stack's name; of all else it is none, or the kernel. */
static uint64_t change(struct numbers *n, const struct mt_hdr *rec, unsigned space, uint64_t value)
{
	if (space == MT_SPACE_none)
		return change_virtual(n, value);
	if (space == MT_SPACE_paddr)
		return change_paddr(n, value);
	if (space == MT_SPACE_owner) {
		space = space_of_owner((const struct mt_object *)rec);
		if (space == MT_SPACE_none)
			return value;
	}
	if (!value && space != MT_SPACE_cpu && space != MT_SPACE_entry)
		return 0;
	return number_of(n, space, value);
}

void numbers_change(struct numbers *n, struct mt_hdr *rec)
{
	const struct plan *p = plan_of(rec->kind);
	unsigned char *bytes = (unsigned char *)rec;

	rec->cpu = (uint32_t)number_of(n, MT_SPACE_cpu, rec->cpu);
	for (unsigned i = 0; p && i < p->n; i++) {
		const struct place *at = &p->of[i];
		uint64_t value = 0;

		memcpy(&value, bytes + at->offset, at->width);
		value = change(n, rec, at->space, value);
		memcpy(bytes + at->offset, &value, at->width);
	}
}

void numbers_init(struct numbers *n, const struct mt_begin *begin, const char *name)
{
	static uint64_t machines;

	for (unsigned space = MT_SPACE_task; space < MT_SPACES; space++)
		used[space].next = 1;
	n->name = name;
	n->user = begin->machine == MT_machine_user;
	if (n->user)
		return;
	n->machine = machines++;
	if (n->machine == MACHINES_MAX)
		mt_die(MT_FAIL, "%s: more than %d machines", name, MACHINES_MAX);
	number_of(n, MT_SPACE_paddr, 0);
	/* Those of a machine are known: they stay together. */
	for (uint32_t cpu = 0; cpu < begin->cpus && cpu < 4096; cpu++)
		number_of(n, MT_SPACE_cpu, cpu);
}
