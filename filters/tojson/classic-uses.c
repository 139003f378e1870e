/* SPDX-License-Identifier: MIT */
/*
 * Documents from rows of mt-shared --by use: who does what with which byte.
 * The rows of a stream are collected, sorted and written group by group.
 */
#include <stdlib.h>
#include <string.h>

#include "classic.h"

static struct mt_use *uses;
static size_t n_uses, room;
static uint32_t cpus;			/* 1 + the highest */
static uint32_t guest_cpus;		/* that it has, as far as known */

#define CPUS_MAX 65536			/* arrays run to the highest cpu; beyond it none is made */

void uses_take(const struct mt_hdr *rec)
{
	const struct mt_begin *b = (const struct mt_begin *)rec;

	if (rec->kind == MT_KIND_begin)
		guest_cpus = b->cpus < CPUS_MAX ? b->cpus : 0;
	if (rec->kind != MT_KIND_use)
		return;
	if (rec->cpu >= CPUS_MAX)
		mt_die(MT_FAIL, "cpu %u: the document has an array up to the highest cpu", rec->cpu);
	uses = mt_xgrow(uses, n_uses, &room, sizeof(*uses));
	memcpy(&uses[n_uses++], rec, sizeof(*uses));
	if (rec->cpu >= cpus)
		cpus = rec->cpu + 1;
}

static void forget(void)
{
	free(uses);
	uses = NULL;
	n_uses = room = 0;
	cpus = 0;
}

/* qsort wants an array even where there are no elements. */
static void sort(void *array, size_t n, size_t bytes, int (*compare)(const void *, const void *))
{
	if (n)
		qsort(array, n, bytes, compare);
}

#define COMPARE(a, b) if ((a) != (b)) return (a) < (b) ? -1 : 1

static int by_line(const void *x, const void *y)
{
	const struct mt_use *a = x, *b = y;

	COMPARE(a->line, b->line);
	COMPARE(a->addr, b->addr);
	COMPARE(a->pc, b->pc);
	COMPARE(a->hdr.cpu, b->hdr.cpu);
	COMPARE(a->object, b->object);
	return 0;
}

static int by_address(const void *x, const void *y)
{
	const struct mt_use *a = x, *b = y;

	COMPARE(a->addr, b->addr);
	COMPARE(a->object, b->object);
	COMPARE(a->pc, b->pc);
	COMPARE(a->hdr.cpu, b->hdr.cpu);
	return 0;
}

static int by_pc(const void *x, const void *y)
{
	const struct mt_use *a = x, *b = y;

	COMPARE(a->pc, b->pc);
	COMPARE(a->line, b->line);
	return 0;
}

static struct js_side side_of(const struct mt_use *u)
{
	return (struct js_side){ u->pc, u->process, u->object, u->field, 0 };
}

static uint64_t accesses_of(const struct mt_use *u)
{
	return u->loads + u->stores;
}

static void put_counts(const char *key, const uint64_t *counts)
{
	js_key(key);
	js_items_begin('[');
	for (uint32_t c = 0; c < cpus; c++) {
		js_item();
		mt_out_dec(js, counts[c]);
	}
	js_items_end(']');
}

/* ---- shared_cachelines ------------------------------------------------------------- */

static void put_line(const struct mt_use *u, size_t n, uint64_t *reads, uint64_t *writes)
{
	bool written = false, several = false;

	for (size_t i = 0; i < n; i++) {
		written |= u[i].stores != 0;
		several |= u[i].hdr.cpu != u[0].hdr.cpu;
	}
	if (!written || !several)
		return;
	memset(reads, 0, cpus * sizeof(*reads));
	memset(writes, 0, cpus * sizeof(*writes));
	js_item();
	js_items_begin('{');
	js_key("accesses");
	js_items_begin('[');
	for (size_t i = 0; i < n; i++) {
		struct js_side side = side_of(&u[i]);

		reads[u[i].hdr.cpu] += u[i].loads;
		writes[u[i].hdr.cpu] += u[i].stores;
		if (!i || u[i].addr != u[i - 1].addr)	/* the original has one for each address */
			js_physical(u[i].addr, u[i].width, &side, NULL, NULL);
	}
	js_items_end(']');
	put_counts("cpureads", reads);
	put_counts("cpuwrites", writes);
	js_items_end('}');
}

static size_t line_group(size_t i)
{
	size_t n = 1;

	while (i + n < n_uses && uses[i + n].line == uses[i].line)
		n++;
	return n;
}

void shared_cachelines_end(void)
{
	uint64_t *counts = mt_xcalloc(2 * (size_t)cpus, sizeof(*counts));

	sort(uses, n_uses, sizeof(*uses), by_line);
	for (size_t i = 0, n; i < n_uses; i += n) {
		n = line_group(i);
		put_line(&uses[i], n, counts, counts + cpus);
	}
	free(counts);
	forget();
}

/* ---- shared-addresses ---------------------------------------------------------------- */

static void put_address(const struct mt_use *u, size_t n, uint64_t *counts)
{
	const struct mt_object *o = js_object(u->object);
	struct js_side side = side_of(u);
	uint64_t sum = 0, here;

	memset(counts, 0, cpus * sizeof(*counts));
	js_item();
	js_items_begin('{');
	js_string("name", o ? mt_string(&o->hdr, 0) : "");
	js_address("address", u->addr, &side);
	js_key("count-per-pc");
	js_items_begin('[');
	for (size_t i = 0, k; i < n; i = k) {
		for (here = 0, k = i; k < n && u[k].pc == u[i].pc; k++) {
			here += accesses_of(&u[k]);
			counts[u[k].hdr.cpu] += accesses_of(&u[k]);
		}
		js_item();
		js_items_begin('{');
		js_code("info", u[i].process, u[i].pc);
		js_number("count", here);
		js_items_end('}');
		sum += here;
	}
	js_items_end(']');
	put_counts("count-per-cpu", counts);
	js_number("count", sum);
	js_items_end('}');
}

void shared_addresses_end(void)
{
	uint64_t *counts;

	cpus = cpus > guest_cpus ? cpus : guest_cpus;
	counts = mt_xcalloc(cpus, sizeof(*counts));
	sort(uses, n_uses, sizeof(*uses), by_address);
	for (size_t i = 0, n; i < n_uses; i += n) {
		for (n = 1; i + n < n_uses && uses[i + n].addr == uses[i].addr &&
			    uses[i + n].object == uses[i].object; n++)
			;
		put_address(&uses[i], n, counts);
	}
	free(counts);
	forget();
}

/* ---- false-sharing -------------------------------------------------------------------- */

/* An object on a line: for each instruction that touches the line. */
struct instance { uint64_t pc; uint32_t process, object; };

static struct instance *instances;
static size_t n_instances, instances_room;

static const char *name_of(uint32_t object)
{
	const struct mt_object *o = js_object(object);

	return o ? mt_string(&o->hdr, 0) : "";
}

static uint64_t alloc_pc(uint32_t object)
{
	const struct mt_object *o = js_object(object);

	return o ? o->pc : 0;
}

static int by_instance(const void *x, const void *y)
{
	const struct instance *a = x, *b = y;
	int names;

	COMPARE(a->pc, b->pc);
	COMPARE(a->process, b->process);
	names = strcmp(name_of(a->object), name_of(b->object));
	if (names)
		return names;
	COMPARE(alloc_pc(a->object), alloc_pc(b->object));
	return 0;
}

static void add_instance(const struct mt_use *u, uint32_t object)
{
	instances = mt_xgrow(instances, n_instances, &instances_room, sizeof(*instances));
	instances[n_instances++] = (struct instance){ u->pc, u->process, object };
}

/* What lies in pages that are labelled as such is no object of its own. */
static uint32_t object_of(const struct mt_use *u)
{
	const struct mt_object *o = js_object(u->object);

	return o && o->storage != MT_storage_block ? u->object : 0;
}

static uint64_t both(const struct mt_use *u)
{
	return (uint64_t)u->object << 32 | u->hdr.cpu;
}

/*
 * Does a cpu write an object while another cpu uses another object?  Those that
 * are neither of the cpu nor of the object are counted: all, without those of
 * the cpu and those of the object, of which some are both.
 */
static bool is_false_sharing(const struct mt_use *u, size_t n)
{
	struct mt_table of_object = { 0 }, of_cpu = { 0 }, of_both = { 0 };
	uint64_t all = 0, same;
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (!object_of(&u[i]))
			continue;
		all++;
		++*mt_xtable_put(&of_object, u[i].object);
		++*mt_xtable_put(&of_cpu, u[i].hdr.cpu);
		++*mt_xtable_put(&of_both, both(&u[i]));
	}
	for (size_t i = 0; i < n && !found; i++) {
		if (!object_of(&u[i]) || !u[i].stores)
			continue;
		same = *mt_table_get(&of_object, u[i].object) + *mt_table_get(&of_cpu, u[i].hdr.cpu) -
		       *mt_table_get(&of_both, both(&u[i]));
		found = all > same;
	}
	mt_table_release(&of_object);
	mt_table_release(&of_cpu);
	mt_table_release(&of_both);
	return found;
}

/* Every instruction of such a line: all its objects. */
static void add_line(struct mt_use *u, size_t n)
{
	if (!is_false_sharing(u, n))
		return;
	qsort(u, n, sizeof(*u), by_pc);
	for (size_t i = 0; i < n; i++) {
		if (i && u[i].pc == u[i - 1].pc)
			continue;
		for (size_t k = 0; k < n; k++)
			if (object_of(&u[k]))
				add_instance(&u[i], u[k].object);
	}
}

static void put_instances(void)
{
	for (size_t i = 0, k; i < n_instances; i = k) {
		const struct instance *a = &instances[i];

		js_item();
		js_items_begin('{');
		js_code("pc", a->process, a->pc);
		js_key("instances");
		js_items_begin('[');
		for (k = i; k < n_instances && instances[k].pc == a->pc &&
			    instances[k].process == a->process; k++) {
			if (k > i && !by_instance(&instances[k - 1], &instances[k]))
				continue;
			js_item();
			js_items_begin('{');
			js_string("name", name_of(instances[k].object));
			js_hex("alloc-pc", alloc_pc(instances[k].object));
			js_code("alloc-info", 0, alloc_pc(instances[k].object));
			js_items_end('}');
		}
		js_items_end(']');
		js_items_end('}');
	}
}

void false_sharing_end(void)
{
	sort(uses, n_uses, sizeof(*uses), by_line);
	for (size_t i = 0, n; i < n_uses; i += n) {
		n = line_group(i);
		add_line(&uses[i], n);
	}
	sort(instances, n_instances, sizeof(*instances), by_instance);
	put_instances();
	free(instances);
	instances = NULL;
	n_instances = instances_room = 0;
	forget();
}
