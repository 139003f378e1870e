/* SPDX-License-Identifier: MIT */
/*
 * mt-sets: which sets of a cache are fought for.
 *
 * Each cpu has a cache of its own, and other cpus do not disturb it: misses are
 * for want of room in a set only, never for sharing (that is mt-shared's).
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-sets [options] <stream >rows\n"
"\n"
"Runs the accesses of each cpu through a set-associative cache of its own and\n"
"reports its sets, most misses first, as records of type set.  The log should have\n"
"every access (mode all): hits count, too.\n"
"\n"
"  --sets N          sets of the cache, a power of two (512)\n"
"  --ways N          lines in a set (8)\n"
"  --line N          bytes of a line, a power of two (64)\n"
"  --policy NAME     who goes when a set is full: lru (default), fifo, random\n"
"  --seed N          of random (1)\n"
"  --index NAME      address that chooses the set: physical (default), virtual\n"
"  --misses          the accesses that miss, too, as records of type miss\n"
"  --min-misses N    only rows with at least N misses (1)\n"
"  --partial         all rows of both types, for mt-sets to make a report of\n"
"  --help            this text\n"
"\n"
"    mt-cat log.mt | mt-label prog | mt-sets | mt-top -n 5 misses | mt-totext\n"
"    mt-cat log.mt | mt-sets --misses --policy fifo --index virtual | mt-tojson\n";

enum policy { LRU, FIFO, RANDOM };

static struct {
	uint64_t sets, ways;
	unsigned line_bits;
	enum policy policy;
	uint64_t seed;
	bool virtual, misses, partial;
	uint64_t least;
} opt = { .sets = 512, .ways = 8, .line_bits = 6, .seed = 1, .least = 1 };

/* A line in a cache; the same virtual address of two processes is two lines. */
struct tag {
	uint64_t line;
	uint32_t process;
};

/* One set of one cpu. */
struct set {
	uint64_t hits, misses;
	uint64_t lines;			/* distinct ones that missed; for the report */
	uint64_t random;		/* its own, so that no cpu changes another's */
	uint32_t cpu, number;
	uint32_t used;			/* ways that hold a line */
	uint32_t oldest;		/* fifo: the way to use next */
	struct tag tags[];		/* lru: used last comes first */
};

/* What tells misses apart; no padding, it is compared by bytes. */
struct miss_key {
	uint64_t addr, pc;
	uint32_t cpu, set, process, object, field, width;
};

struct miss {
	uint64_t count;
	uint64_t paddr;			/* and flags: of the first */
	uint32_t flags, key;
};

static struct {
	struct mt_table set_of;		/* cpu << 32 | set -> index in sets + 1 */
	struct set **sets;
	size_t n_sets, set_room;
	struct mt_intern keys;		/* struct miss_key */
	struct miss *misses;		/* by key */
	size_t n_misses, miss_room;
	struct mt_cpus cpus;
	bool open, warned;
} now;

/* ---- options --------------------------------------------------------------- */

static unsigned choice(const char *option, const char *text, const char *const *names)
{
	for (unsigned i = 0; names[i]; i++)
		if (!strcmp(text, names[i]))
			return i;
	mt_die(MT_USAGE, "%s: '%s' is not one of its names", option, text);
}

static uint64_t power_of_two(const char *option, const char *text, uint64_t most)
{
	uint64_t n = mt_number(option, text, most);

	if (!n || n & (n - 1))
		mt_die(MT_USAGE, "%s: %s is not a power of two", option, text);
	return n;
}

static uint64_t positive(const char *option, const char *text, uint64_t most)
{
	uint64_t n = mt_number(option, text, most);

	if (!n)
		mt_die(MT_USAGE, "%s: 0 of them hold nothing", option);
	return n;
}

static void parse_options(int argc, char **argv)
{
	static const char *const policies[] = { "lru", "fifo", "random", NULL };
	static const char *const indices[] = { "physical", "virtual", NULL };
	static const struct option options[] = {
		{ "sets", required_argument, NULL, 's' },
		{ "ways", required_argument, NULL, 'w' },
		{ "line", required_argument, NULL, 'l' },
		{ "policy", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 'S' },
		{ "index", required_argument, NULL, 'i' },
		{ "misses", no_argument, NULL, 'm' },
		{ "min-misses", required_argument, NULL, 'M' },
		{ "partial", no_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 's': opt.sets = power_of_two("--sets", optarg, 1u << 31); break;
		case 'w': opt.ways = positive("--ways", optarg, 4096); break;
		case 'l': opt.line_bits = (unsigned)__builtin_ctzll(power_of_two("--line", optarg, 4096));
			break;
		case 'p': opt.policy = choice("--policy", optarg, policies); break;
		case 'S': opt.seed = mt_number("--seed", optarg, UINT64_MAX); break;
		case 'i': opt.virtual = choice("--index", optarg, indices); break;
		case 'm': opt.misses = true; break;
		case 'M': opt.least = mt_number("--min-misses", optarg, UINT64_MAX); break;
		case 'P': opt.partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

/* ---- sets ------------------------------------------------------------------ */

static struct set *new_set(uint32_t cpu, uint32_t number)
{
	struct set *s = mt_xcalloc(1, sizeof(*s) + opt.ways * sizeof(s->tags[0]));

	s->cpu = cpu;
	s->number = number;
	s->random = (opt.seed ^ (uint64_t)cpu << 32 ^ number) * 0x9e3779b97f4a7c15ull | 1;
	now.sets = mt_xgrow(now.sets, now.n_sets, &now.set_room, sizeof(*now.sets));
	now.sets[now.n_sets++] = s;
	return s;
}

static struct set *find_set(uint32_t cpu, uint32_t number)
{
	uint64_t *i = mt_xtable_put(&now.set_of, (uint64_t)cpu << 32 | number);

	if (!*i) {
		new_set(cpu, number);
		*i = now.n_sets;
	}
	return now.sets[*i - 1];
}

/* Marsaglia's xorshift64*. */
static uint64_t draw(struct set *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

/* Way i comes first, all before it move back. */
static void to_front(struct set *s, uint64_t i, struct tag tag)
{
	memmove(&s->tags[1], &s->tags[0], i * sizeof(tag));
	s->tags[0] = tag;
}

static void insert(struct set *s, struct tag tag)
{
	uint64_t way = s->used;

	if (s->used < opt.ways)
		s->used++;
	else if (opt.policy == RANDOM)
		way = (uint64_t)((unsigned __int128)draw(s) * opt.ways >> 64);
	else
		way = opt.ways - 1;
	if (opt.policy == LRU) {
		to_front(s, way, tag);
	} else if (opt.policy == FIFO) {
		s->tags[s->oldest] = tag;
		s->oldest = s->oldest + 1 == opt.ways ? 0 : s->oldest + 1;
	} else {
		s->tags[way] = tag;
	}
}

/* Uses the line; false when the set had to take it in. */
static bool use(struct set *s, struct tag tag)
{
	for (uint32_t i = 0; i < s->used; i++) {
		if (s->tags[i].line != tag.line || s->tags[i].process != tag.process)
			continue;
		if (opt.policy == LRU && i)
			to_front(s, i, tag);
		return true;
	}
	insert(s, tag);
	return false;
}

/* ---- accesses -------------------------------------------------------------- */

static struct miss *find_miss(const struct miss_key *k, uint64_t paddr, uint32_t flags)
{
	uint32_t i = mt_xintern(&now.keys, k, sizeof(*k));

	if (i == now.n_misses) {
		now.misses = mt_xgrow(now.misses, now.n_misses, &now.miss_room, sizeof(*now.misses));
		now.misses[now.n_misses++] = (struct miss){ .paddr = paddr, .flags = flags, .key = i };
	}
	return &now.misses[i];
}

/* The piece of an access that is on one line, at a distance from its start. */
static void take_piece(const struct mt_access *a, uint32_t at, uint32_t width)
{
	uint64_t addr = a->addr + at, paddr = a->paddr + at;
	const struct tag tag = {
		.line = (opt.virtual ? addr : paddr) >> opt.line_bits,
		.process = opt.virtual ? mt_cpus_process(&now.cpus, a->hdr.cpu, addr) : 0,
	};
	struct set *s = find_set(a->hdr.cpu, (uint32_t)(tag.line & (opt.sets - 1)));
	const struct miss_key k = {
		.addr = addr, .pc = a->pc, .cpu = a->hdr.cpu, .set = s->number, .object = a->object,
		.process = mt_cpus_process(&now.cpus, a->hdr.cpu, a->pc), .field = a->field,
		.width = width,
	};

	if (use(s, tag)) {
		s->hits++;
		return;
	}
	s->misses++;
	find_miss(&k, paddr, a->flags)->count++;
}

static void take(const struct mt_access *a)
{
	const uint32_t size = 1u << opt.line_bits;
	/* no line of a log is longer, and none is touched for nothing */
	uint32_t left = !a->width ? 1 : a->width < 4096 ? a->width : 4096, at = 0;

	while (left) {
		uint32_t offset = (uint32_t)((opt.virtual ? a->addr : a->paddr) + at) & (size - 1);
		uint32_t width = left < size - offset ? left : size - offset;

		take_piece(a, at, width);
		at += width;
		left -= width;
	}
}

/* ---- rows of another mt-sets --------------------------------------------------- */

static void take_set(const struct mt_set *m)
{
	struct set *s = find_set(m->hdr.cpu, m->set);

	s->hits += m->hits;
	s->misses += m->misses;
}

static void take_miss(const struct mt_miss *m)
{
	const struct miss_key k = {
		.addr = m->addr, .pc = m->pc, .cpu = m->hdr.cpu, .set = m->set,
		.process = m->process, .object = m->object, .field = m->field, .width = m->width,
	};

	find_miss(&k, m->paddr, m->flags)->count += m->misses;
}

/* ---- the report ------------------------------------------------------------------ */

static const struct miss_key *key_of(const struct miss *m)
{
	return mt_interned(&now.keys, m->key);
}

static uint64_t line_of(const struct miss *m)
{
	return (opt.virtual ? key_of(m)->addr : m->paddr) >> opt.line_bits;
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

static int by_line(const void *pa, const void *pb)
{
	const struct miss *a = pa, *b = pb;
	const struct miss_key *x = key_of(a), *y = key_of(b);
	int c = COMPARE(x->cpu, y->cpu);

	if (!c)
		c = COMPARE(x->set, y->set);
	if (!c)
		c = COMPARE(line_of(a), line_of(b));
	/* a virtual address may be one of several processes */
	return c ? c : COMPARE(a->paddr >> opt.line_bits, b->paddr >> opt.line_bits);
}

static int by_count(const void *pa, const void *pb)
{
	const struct miss *a = pa, *b = pb;
	const struct miss_key *x = key_of(a), *y = key_of(b);
	const uint64_t keys[][2] = {
		{ x->addr, y->addr }, { x->pc, y->pc }, { x->process, y->process },
		{ x->object, y->object }, { x->field, y->field }, { x->width, y->width },
	};
	int c = COMPARE(b->count, a->count);

	if (!c)
		c = by_line(pa, pb);
	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = COMPARE(keys[i][0], keys[i][1]);
	return c;
}

static int by_misses(const void *pa, const void *pb)
{
	const struct set *a = *(struct set *const *)pa, *b = *(struct set *const *)pb;
	int c = COMPARE(b->misses, a->misses);

	if (!c)
		c = COMPARE(a->cpu, b->cpu);
	return c ? c : COMPARE(a->number, b->number);
}

static void count_lines(void)
{
	for (size_t i = 0; i < now.n_misses; i++)
		if (!i || by_line(&now.misses[i - 1], &now.misses[i])) {
			const struct miss_key *k = key_of(&now.misses[i]);

			find_set(k->cpu, k->set)->lines++;
		}
}

static void put_sets(struct mt_writer *out)
{
	for (size_t i = 0; i < now.n_sets; i++) {
		const struct set *s = now.sets[i];
		const struct mt_set m = {
			.hdr = { .kind = MT_KIND_set, .size = sizeof(m), .cpu = s->cpu },
			.misses = s->misses, .hits = s->hits, .lines = s->lines, .set = s->number,
			.ways = (uint32_t)opt.ways,
		};

		if (opt.partial || s->misses >= opt.least)
			mt_writer_put(out, &m.hdr);
	}
}

static void put_misses(struct mt_writer *out)
{
	for (size_t i = 0; i < now.n_misses; i++) {
		const struct miss *x = &now.misses[i];
		const struct miss_key *k = key_of(x);
		const struct mt_miss m = {
			.hdr = { .kind = MT_KIND_miss, .size = sizeof(m), .cpu = k->cpu },
			.misses = x->count, .addr = k->addr, .paddr = x->paddr, .pc = k->pc,
			.set = k->set, .process = k->process, .object = k->object, .field = k->field,
			.width = k->width, .flags = x->flags,
		};

		if (opt.partial || x->count >= opt.least)
			mt_writer_put(out, &m.hdr);
	}
}

static void report(struct mt_writer *out)
{
	if (now.n_misses)
		qsort(now.misses, now.n_misses, sizeof(*now.misses), by_line);
	count_lines();
	if (now.n_sets)
		qsort(now.sets, now.n_sets, sizeof(*now.sets), by_misses);
	put_sets(out);
	if (!opt.misses && !opt.partial)
		return;
	if (now.n_misses)
		qsort(now.misses, now.n_misses, sizeof(*now.misses), by_count);
	put_misses(out);
}

/* ---- the stream ---------------------------------------------------------------- */

static void stream_ends(struct mt_writer *out)
{
	report(out);
	for (size_t i = 0; i < now.n_sets; i++)
		free(now.sets[i]);
	now.n_sets = now.n_misses = 0;
	mt_table_release(&now.set_of);
	mt_intern_release(&now.keys);
	now.open = false;
}

static void warn_of_mode(uint64_t mode)
{
	if (now.warned || mode == MT_mode_off || mode == MT_mode_all)
		return;
	mt_warn("standard input: the log has not every access: too few hits, and lines leave too late");
	now.warned = true;
}

/* Learns from a record that is no access; true if the rows' readers need it too. */
static bool note(const struct mt_hdr *rec, struct mt_writer *out)
{
	mt_xcpus_note(&now.cpus, rec);
	switch (rec->kind) {
	case MT_KIND_begin:
		now.open = true;
		warn_of_mode(((const struct mt_begin *)rec)->mode);
		return true;
	case MT_KIND_mode:
		warn_of_mode(((const struct mt_mode *)rec)->mode);
		return true;
	case MT_KIND_end:
		stream_ends(out);
		return true;
	case MT_KIND_set:
		take_set((const struct mt_set *)rec);
		return false;
	case MT_KIND_miss:
		take_miss((const struct mt_miss *)rec);
		return false;
	}
	return mt_report_needs(rec, MT_KIND_miss);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_writer out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);
	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			take((const struct mt_access *)rec);
		else if (note(rec, &out))
			mt_writer_put(&out, rec);
	if (now.open)			/* cut: the rows of what there was, but no end */
		stream_ends(&out);
	return mt_close(&in, got, &out);
}
