/* SPDX-License-Identifier: MIT */
/* mt-rcu: objects under deferred freeing that are touched outside of a read epoch. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"
#include "rcu/watch.h"

static const char help[] =
"usage: mt-rcu [options] <stream >rows\n"
"\n"
"Reports the instructions that touch objects under deferred freeing (RCU) outside\n"
"of a read epoch, before the objects are retired: a row for each instruction and\n"
"type, most accesses first.  The rows are records of type rcu.\n"
"\n"
"  --by object     a row for each instruction and object\n"
"  --freed-only    only objects that are retired later: others may never be freed\n"
"  --published     not what the creator of an object does before others touch it\n"
"  --per-run       rows for each run apart\n"
"  --partial       rows of a part of the log, for mt-merge\n"
"  --help          this text\n"
"\n"
"    mt-cat log.mt | mt-rcu | mt-addr2line vmlinux | mt-totext\n"
"    mt-cat log.mt | mt-label vmlinux | mt-rcu --freed-only --published | mt-totext\n";

/* Whose row it is: number is 0 unless rows are by object. */
struct row_key {
	uint64_t pc, number;
	uint32_t process, ctype;
};

static unsigned by;			/* MT_rcu_by_... */
static bool freed_only, per_run, partial;

static struct watch watch;
static struct mt_runs runs;

static struct table {
	struct mt_intern keys;
	struct mt_rcu *rows;
	size_t room;
} rows, parts;				/* parts: of parts of the log, each object apart */

static unsigned parse_by(const char *text)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_rcu), "by");
	const struct mt_value *v = mt_value_named(f->values, text);

	if (!v)
		mt_die(MT_USAGE, "--by: '%s' is not site or object", text);
	return (unsigned)v->number;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "freed-only", no_argument, NULL, 'f' },
		{ "published", no_argument, NULL, 'u' },
		{ "per-run", no_argument, NULL, 'r' },
		{ "partial", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'b': by = parse_by(optarg); break;
		case 'f': freed_only = true; break;
		case 'u': watch.unpublished = true; break;
		case 'r': per_run = true; break;
		case 'p': partial = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (partial)
		by = MT_rcu_by_object;
	mt_no_operands(argc, argv);
}

/* ---- rows ------------------------------------------------------------------------- */

/* Of two rows with one key the older object, and in it the lower place, is shown. */
static bool shows(const struct mt_rcu *a, const struct mt_rcu *b)
{
	return a->number != b->number ? a->number < b->number : a->offset < b->offset;
}

/* same: both are of one object. */
static void add(struct table *t, const struct row_key *key, const struct mt_rcu *row, bool same)
{
	uint32_t n = t->keys.n, i = mt_xintern(&t->keys, key, sizeof(*key));
	struct mt_rcu *sum, old;

	if (i == n) {
		t->rows = mt_xgrow(t->rows, n, &t->room, sizeof(*t->rows));
		t->rows[i] = *row;
		return;
	}
	sum = &t->rows[i];
	old = *sum;
	if (shows(row, sum))
		*sum = *row;
	sum->loads = old.loads + row->loads;
	sum->stores = old.stores + row->stores;
	sum->objects = same ? 1 : old.objects + row->objects;
	sum->retired = same ? row->retired : old.retired + row->retired;
	sum->flags = old.flags | row->flags;
}

static void add_row(const struct mt_rcu *row, uint32_t ctype)
{
	struct row_key key = { row->pc, by == MT_rcu_by_object ? row->number : 0,
			       row->process, ctype };

	if (row->retired || !freed_only)
		add(&rows, &key, row, false);
}

static void done(void *arg, const struct watched *o, bool retired)
{
	(void)arg;
	for (size_t i = 0; i < o->n; i++) {
		const struct touched *t = &o->touched[i];
		const struct site *site = mt_interned(&watch.sites, t->site);

		add_row(&(struct mt_rcu){
			.loads = t->loads, .stores = t->stores, .objects = 1, .retired = retired,
			.pc = site->pc, .addr = o->extent.addr, .bytes = o->extent.bytes,
			.offset = t->offset, .width = t->width, .number = o->number, .process = (uint32_t)site->process,
			.object = t->object, .field = t->field, .stack = t->stack,
			.flags = t->flags,
		}, o->ctype);
	}
}

/* A row of a part: the other rows of the object may be in other parts. */
static void add_part(const struct mt_rcu *row)
{
	const char *ctype = mt_string(&row->hdr, 0);
	struct row_key key = { row->pc, row->number, row->process,
			       mt_xintern(&watch.names, ctype, strlen(ctype)) };

	add(&parts, &key, row, true);
}

static void clear(struct table *t)
{
	mt_intern_release(&t->keys);
	free(t->rows);
	t->rows = NULL;
	t->room = 0;
}

static void add_parts(void)
{
	for (uint32_t i = 0; i < parts.keys.n; i++) {
		const struct row_key *key = mt_interned(&parts.keys, i);

		add_row(&parts.rows[i], key->ctype);
	}
	clear(&parts);
}

/* ---- report ------------------------------------------------------------------------ */

static const char *ctype_of(uint32_t number)
{
	const struct row_key *key = mt_interned(&rows.keys, number);

	return mt_interned(&watch.names, key->ctype);
}

static int by_accesses(const void *pa, const void *pb)
{
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	const struct mt_rcu *a = &rows.rows[ia], *b = &rows.rows[ib];
	uint64_t keys[][2] = {
		{ b->loads + b->stores, a->loads + a->stores }, { b->objects, a->objects },
		{ a->pc, b->pc }, { a->process, b->process }, { a->number, b->number },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return strcmp(ctype_of(ia), ctype_of(ib));
}

static void report(struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	uint32_t n, *order;

	watch_flush(&watch);
	add_parts();
	n = rows.keys.n;
	order = mt_xcalloc(n, sizeof(*order));
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (n)
		qsort(order, n, sizeof(*order), by_accesses);
	for (uint32_t i = 0; i < n; i++) {
		struct mt_rcu row = rows.rows[order[i]];

		row.hdr = (struct mt_hdr){ .kind = MT_KIND_rcu };
		row.by = by;
		mt_writer_put(out, mt_build(buf, &row, (const char *const[]){ ctype_of(order[i]) }));
	}
	free(order);
	clear(&rows);
}

/* Learns from a record that is no access; true if it is passed on. */
static bool note(const struct mt_hdr *rec, struct mt_writer *out)
{
	if (rec->kind == MT_KIND_end || (per_run && mt_runs_change(&runs, rec)))
		report(out);
	mt_xruns_note(&runs, rec);
	if (rec->kind == MT_KIND_rcu) {
		add_part((const struct mt_rcu *)rec);
		return false;
	}
	watch_note(&watch, rec);
	return mt_report_needs(rec, MT_KIND_rcu);
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
	watch.done = done;

	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			watch_access(&watch, (const struct mt_access *)rec);
		else if (note(rec, &out))
			mt_writer_put(&out, rec);
	if (in.open)			/* cut: the rows of what there was, but no end */
		report(&out);
	return mt_close(&in, got, &out);
}
