/* SPDX-License-Identifier: MIT */
/*
 * mt-diff: two reports side by side: what got worse, what got better.
 *
 * Rows are matched by what they stand for, in names; ids and addresses differ
 * between runs.  Rows of one name in one report are added up.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diff/rowname.h"
#include "libmt/cli.h"

static const char help[] =
"usage: mt-diff [options] BEFORE AFTER >rows\n"
"\n"
"Compares two streams of reports, such as mt-shared makes of two runs: files, or\n"
"- for standard input.  Writes a record of type diff for each thing whose value\n"
"changed, the biggest change first.  Status 3 when anything got worse: more.\n"
"\n"
"  --value FIELD      what to compare (moves; of rows without, misses)\n"
"  --per-op           values for each operation: divided by the streams' appdata\n"
"  --operations A,B   the same, with A and B operations\n"
"  --tolerance P      changes of up to P percent are none (5)\n"
"  --min N            things of which neither report has N are left out (1)\n"
"  --all              rows of what did not change, too\n"
"  --help             this text\n"
"\n"
"    mt-cat old.mt | mt-label prog | mt-shared --by field >old.rows\n"
"    mt-cat new.mt | mt-label prog | mt-shared --by field >new.rows\n"
"    mt-diff old.rows new.rows | mt-totext\n";

enum { BEFORE, AFTER, SIDES };

/* A thing that either report has. */
struct thing {
	uint64_t value[SIDES];
	uint64_t per_op[SIDES];		/* thousandths */
	uint64_t change;
	uint32_t words[3];		/* in words: report, name, field */
	unsigned verdict;
};

static const char *value_name;		/* --value; NULL: the row's own */
static bool per_op, all;
static uint64_t tolerance = 5, least = 1;

static struct mt_intern words, keys;	/* of things: three words each */
static struct thing *things;		/* by key */
static size_t n_things, room;
static uint64_t operations[SIDES];	/* 0: not known yet */
static uint64_t counted[SIDES], summed[SIDES];
static struct mt_reader in[SIDES];
static int got[SIDES];

/* ---- options --------------------------------------------------------------- */

static void parse_operations(char *text)
{
	char *comma = strchr(text, ',');

	if (!comma)
		mt_die(MT_USAGE, "--operations: '%s' is not two numbers: 1000,1200", text);
	*comma = 0;
	operations[BEFORE] = mt_number("--operations", text, UINT32_MAX);
	operations[AFTER] = mt_number("--operations", comma + 1, UINT32_MAX);
	if (!operations[BEFORE] || !operations[AFTER])
		mt_die(MT_USAGE, "--operations: nothing can be divided by 0");
	per_op = true;
}

static bool is_value(const char *name)
{
	for (unsigned i = 0; i < mt_n_types; i++) {
		const struct mt_field_info *f = mt_field_find(&mt_types[i], name);

		if (mt_types[i].class == MT_CLASS_report && f && f->show == MT_DEC)
			return true;
	}
	return false;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "value", required_argument, NULL, 'v' },
		{ "per-op", no_argument, NULL, 'p' },
		{ "operations", required_argument, NULL, 'o' },
		{ "tolerance", required_argument, NULL, 't' },
		{ "min", required_argument, NULL, 'm' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'v': value_name = optarg; break;
		case 'p': per_op = true; break;
		case 'o': parse_operations(optarg); break;
		case 't': tolerance = mt_number("--tolerance", optarg, 1000000); break;
		case 'm': least = mt_number("--min", optarg, UINT64_MAX); break;
		case 'a': all = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (value_name && !is_value(value_name))
		mt_die(MT_USAGE, "--value: no report has a number '%s'", value_name);
	if (argc - optind != SIDES)
		mt_die(MT_USAGE, "two reports are wanted, not %d: mt-diff BEFORE AFTER", argc - optind);
}

/* ---- reading --------------------------------------------------------------- */

static const struct mt_field_info *value_of(const struct mt_type *t)
{
	const struct mt_field_info *f = mt_field_find(t, value_name ? value_name : "moves");

	if (!f && !value_name)
		f = mt_field_find(t, "misses");
	return f && f->show == MT_DEC ? f : NULL;
}

/* What the application counted, or the sums of that, as mt-stat has them. */
static void note_operations(int side, const struct mt_hdr *rec)
{
	static const char prefix[] = "appdata ";

	if (rec->kind == MT_KIND_appdata)
		counted[side] += ((const struct mt_appdata *)rec)->value;
	else if (rec->kind == MT_KIND_stat && !strncmp(mt_string(rec, 0), prefix, sizeof(prefix) - 1))
		summed[side] += ((const struct mt_stat *)rec)->value;
}

/* What was written to o as a word; o is empty again. */
static uint32_t take_word(struct mt_out *o)
{
	uint32_t i = mt_xintern(&words, o->buf, o->used);

	o->used = 0;
	return i;
}

static struct thing *find_thing(const struct mt_names *n, const struct mt_hdr *rec,
				const struct mt_runs *runs, const char *value)
{
	static struct mt_out o;
	uint32_t key[3], i;

	mt_out_init(&o, -1);
	rowname_report(&o, rec);
	if (runs->on && *runs->name) {
		mt_out_str(&o, " of ");
		mt_out_str(&o, runs->name);
	}
	key[0] = take_word(&o);
	rowname_write(&o, n, rec);
	key[1] = take_word(&o);
	mt_out_str(&o, value);
	key[2] = take_word(&o);
	i = mt_xintern(&keys, key, sizeof(key));
	if (i == n_things) {
		things = mt_xgrow(things, n_things, &room, sizeof(*things));
		things[n_things] = (struct thing){ 0 };
		memcpy(things[n_things++].words, key, sizeof(key));
	}
	return &things[i];
}

static void note(int side, struct mt_names *n, struct mt_runs *runs, const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	const struct mt_field_info *f;

	if (mt_names_note(n, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	mt_xruns_note(runs, rec);
	note_operations(side, rec);
	if (!t || t->class != MT_CLASS_report)
		return;
	f = value_of(t);
	if (f)
		find_thing(n, rec, runs, f->name)->value[side] += mt_field_u64(rec, f);
}

static void read_side(int side, const char *name, struct mt_writer *out)
{
	struct mt_names names = { 0 };
	struct mt_runs runs = { 0 };
	const struct mt_hdr *rec;
	int fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	bool first = true;

	if (fd < 0)
		mt_die(MT_FAIL, "%s: %s", name, strerror(errno));
	mt_reader_init(&in[side], fd);
	while ((got[side] = mt_reader_next(&in[side], &rec)) > 0) {
		if (side == AFTER && first)
			mt_writer_put(out, rec);	/* what the rows are about */
		first = false;
		note(side, &names, &runs, rec);
	}
	mt_names_release(&names);
	mt_runs_release(&runs);
	if (got[side] < 0)
		mt_warn("%s: byte %llu: %s", name, (unsigned long long)in[side].offset, in[side].error);
	if (!operations[side])
		operations[side] = counted[side] ? counted[side] : summed[side];
	if (per_op && got[side] >= 0 && !operations[side])
		mt_die(MT_FAIL, "%s: no operations: there is no appdata record in it", name);
}

/* ---- judging ----------------------------------------------------------------- */

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static uint64_t thousandths(uint64_t value, uint64_t parts)
{
	unsigned __int128 n = (unsigned __int128)value * 1000 / parts;

	return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}

/* Compared exactly: value / operations of both sides, times both operations. */
static unsigned judge(const struct thing *x)
{
	unsigned __int128 before = x->value[BEFORE], after = x->value[AFTER], apart;

	if (per_op) {
		before *= operations[AFTER];
		after *= operations[BEFORE];
	}
	apart = after > before ? after - before : before - after;
	if (apart * 100 <= before * tolerance)
		return MT_verdict_same;
	return after > before ? MT_verdict_worse : MT_verdict_better;
}

static void measure(struct thing *x)
{
	x->change = distance(x->value[BEFORE], x->value[AFTER]);
	x->verdict = judge(x);
	if (!per_op)
		return;
	for (int side = BEFORE; side < SIDES; side++)
		x->per_op[side] = thousandths(x->value[side], operations[side]);
	x->change = distance(x->per_op[BEFORE], x->per_op[AFTER]);
}

static int by_change(const void *pa, const void *pb)
{
	const struct thing *a = pa, *b = pb;
	int c = 0;

	if (a->change != b->change)
		return a->change < b->change ? 1 : -1;
	for (int i = 0; !c && i < 3; i++)
		c = strcmp(mt_interned(&words, a->words[i]), mt_interned(&words, b->words[i]));
	return c;
}

/* ---- rows ---------------------------------------------------------------------- */

static void put_row(const struct thing *x, struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct mt_diff m = {
		.hdr.kind = MT_KIND_diff, .before = x->value[BEFORE], .after = x->value[AFTER],
		.change = x->change, .before_per_op = x->per_op[BEFORE],
		.after_per_op = x->per_op[AFTER], .verdict = x->verdict,
	};
	const char *strings[] = {
		mt_interned(&words, x->words[0]), mt_interned(&words, x->words[1]),
		mt_interned(&words, x->words[2]),
	};

	mt_writer_put(out, mt_build(buf, &m, strings));
}

/* True if anything got worse. */
static bool put_rows(struct mt_writer *out)
{
	bool worse = false;

	for (size_t i = 0; i < n_things; i++)
		measure(&things[i]);
	if (n_things)
		qsort(things, n_things, sizeof(*things), by_change);
	for (size_t i = 0; i < n_things; i++) {
		const struct thing *x = &things[i];

		if (x->value[BEFORE] < least && x->value[AFTER] < least)
			continue;
		worse |= x->verdict == MT_verdict_worse;
		if (all || x->verdict != MT_verdict_same)
			put_row(x, out);
	}
	return worse;
}

int main(int argc, char **argv)
{
	static struct mt_writer out;
	const struct mt_end end = { .hdr = { .kind = MT_KIND_end, .size = sizeof(end) } };
	bool worse;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_output(&out, NULL);
	read_side(BEFORE, argv[optind], &out);
	read_side(AFTER, argv[optind + 1], &out);
	worse = got[BEFORE] >= 0 && got[AFTER] >= 0 && put_rows(&out);
	if (in[AFTER].started && got[BEFORE] >= 0 && got[AFTER] >= 0)
		mt_writer_put(&out, &end.hdr);
	if (mt_writer_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
	if (got[BEFORE] < 0 || got[AFTER] < 0)
		return MT_FAIL;
	return worse ? MT_CHECK : MT_OK;
}
