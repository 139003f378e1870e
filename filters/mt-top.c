/* SPDX-License-Identifier: MIT */
/* mt-top: keeps the N records with the largest FIELD. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"

static const char help[] =
"usage: mt-top [-n N] [-r] [--kind NAME] FIELD <stream >stream\n"
"\n"
"Of the report records on standard input keeps the N with the largest FIELD and\n"
"writes them at the end of the stream, largest first; of equals the earlier one\n"
"wins.  Reports without FIELD are dropped; every other record passes at once.\n"
"\n"
"  -n, --count N      how many to keep (10)\n"
"  -r, --smallest     keep the N with the smallest FIELD, smallest first\n"
"  -k, --kind NAME    judge the records of this kind instead of the reports\n"
"      --help         this text\n"
"\n"
"    mt-cat log.mt | mt-shared | mt-top -n 5 moves | mt-totext\n"
"    mt-cat log.mt | mt-top --kind access -n 3 width | mt-tojson\n";

static uint64_t count = 10;
static bool smallest;
static const struct mt_type *only;	/* --kind; NULL: all reports */
static const char *field_name;

/* A record that is kept: worth and arrival decide. */
struct kept {
	uint64_t value;
	uint64_t arrival;
	struct mt_hdr *rec;
};

/* A heap whose root is the worst of the kept ones: the next to go. */
static struct kept *heap;
static size_t used, room;
static uint64_t arrivals;

static bool judged(const struct mt_type *t)
{
	return only ? t == only : t && t->class == MT_CLASS_report;
}

/* The field of a type to judge by, looked up once for each kind. */
static const struct mt_field_info *field_of(const struct mt_type *t)
{
	static const struct mt_type *last;
	static const struct mt_field_info *field;

	if (t != last) {
		last = t;
		field = mt_field_find(t, field_name);
	}
	return field;
}

static bool worse(const struct kept *a, const struct kept *b)
{
	if (a->value != b->value)
		return (a->value < b->value) != smallest;
	return a->arrival > b->arrival;
}

static void swap(size_t a, size_t b)
{
	struct kept t = heap[a];

	heap[a] = heap[b];
	heap[b] = t;
}

static void sift_down(size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < used && worse(&heap[child + 1], &heap[child]))
			child++;
		if (child >= used || !worse(&heap[child], &heap[i]))
			return;
		swap(i, child);
		i = child;
	}
}

static void sift_up(size_t i)
{
	for (; i && worse(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct mt_hdr *copy(const struct mt_hdr *rec)
{
	return memcpy(mt_xmalloc(rec->size), rec, rec->size);
}

static void note(const struct mt_hdr *rec, const struct mt_field_info *f)
{
	struct kept k = { mt_field_u64(rec, f), arrivals++, NULL };

	if (used < count) {
		heap = mt_xgrow(heap, used, &room, sizeof(*heap));
		k.rec = copy(rec);
		heap[used++] = k;
		sift_up(used - 1);
	} else if (used && worse(&heap[0], &k)) {
		free(heap[0].rec);
		k.rec = copy(rec);
		heap[0] = k;
		sift_down(0);
	}
}

static int best_first(const void *a, const void *b)
{
	return worse(a, b) ? 1 : -1;
}

static void emit(struct mt_writer *out)
{
	if (used)
		qsort(heap, used, sizeof(*heap), best_first);
	for (size_t i = 0; i < used; i++) {
		mt_writer_put(out, heap[i].rec);
		free(heap[i].rec);
	}
	used = 0;
}

/* ---- options ----------------------------------------------------------- */

static const struct mt_type *type_named(const char *name)
{
	const struct mt_type *t = mt_type_find(name);

	if (!t)
		mt_die(MT_USAGE, "--kind: there is no kind '%s'", name);
	if (t->kind == MT_KIND_begin || t->kind == MT_KIND_end)
		mt_die(MT_USAGE, "--kind: '%s' holds the stream together and stays", name);
	return t;
}

/* At least one kind that is judged must have the field, as a number. */
static void check_field(void)
{
	bool number = false, text = false;

	for (unsigned i = 0; i < mt_n_types; i++) {
		const struct mt_field_info *f = mt_field_find(&mt_types[i], field_name);

		if (!f || !judged(&mt_types[i]))
			continue;
		number |= f->width != 0;
		text |= f->width == 0;
	}
	if (!number)
		mt_die(MT_USAGE, "'%s': %s", field_name, text ? "is a string, not a number" :
		       only ? "records of this kind have no such field" :
		       "no report has such a field");
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "smallest", no_argument, NULL, 'r' },
		{ "kind", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:rk:h", options, NULL)) != -1)
		switch (c) {
		case 'n':
			count = mt_number("-n", optarg, UINT64_MAX);
			break;
		case 'r':
			smallest = true;
			break;
		case 'k':
			only = type_named(optarg);
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	if (optind + 1 != argc)
		mt_die(MT_USAGE, "wants one FIELD, got %d: try --help", argc - optind);
	field_name = argv[optind];
	check_field();
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

	while ((got = mt_reader_next(&in, &rec)) > 0) {
		const struct mt_type *t = mt_type_of(rec->kind);
		const struct mt_field_info *f;

		if (judged(t)) {
			f = field_of(t);
			if (f && f->width)
				note(rec, f);
			continue;
		}
		if (rec->kind == MT_KIND_end)
			emit(&out);
		mt_writer_put(&out, rec);
	}
	emit(&out);	/* a cut stream: what there was */
	return mt_close(&in, got, &out);
}
