/* SPDX-License-Identifier: MIT */
/* mt-tofolded: call stacks and what they cost, for flame graphs. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_intern.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-tofolded [--weight WHAT] <stream\n"
"\n"
"Writes each call stack of the stream once, as a line \"outer;...;inner COUNT\",\n"
"for flamegraph.pl and its like.  The innermost function is that of the\n"
"instruction.  Reads a stream behind mt-stack and mt-addr2line.\n"
"\n"
"  -w, --weight WHAT   moves (default): of lines; accesses; records: accesses and\n"
"                      calls; of reports with a stack: their field of that name\n"
"      --help          this text\n"
"\n"
"    mt-cat log.mt | mt-stack | mt-addr2line prog | mt-tofolded\n"
"    mt-cat log.mt | mt-stack | mt-addr2line prog | mt-tofolded --weight accesses\n";

#define FRAMES 1024		/* a bound where the parents of a stack are a circle */

static const char *weight = "moves";
static struct mt_names names;

/* Where weight was found in one stream: ids and names hold within it. */
struct place { uint64_t pc; uint32_t stack, process; };

struct counted {
	struct mt_intern things;
	uint64_t *counts;		/* by number */
	size_t room;
};

static struct counted places, lines;

static void add(struct counted *c, const void *bytes, size_t len, uint64_t n)
{
	uint32_t had = c->things.n;
	long number = mt_intern(&c->things, bytes, len);

	if (number < 0)
		mt_die(MT_FAIL, "out of memory");
	c->counts = mt_xgrow(c->counts, (size_t)number, &c->room, sizeof(*c->counts));
	if ((size_t)number >= had)
		c->counts[number] = 0;
	c->counts[number] += n;
}

static void forget(struct counted *c)
{
	mt_intern_release(&c->things);
	free(c->counts);
	*c = (struct counted){ 0 };
}

/* ---- what a record weighs ----------------------------------------------- */

static uint64_t weight_of(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_field_info *f;

	if (t->class == MT_CLASS_event) {
		const struct mt_access *a = (const struct mt_access *)rec;

		if (!strcmp(weight, "records"))
			return 1;
		if (rec->kind != MT_KIND_access)
			return 0;
		return !strcmp(weight, "accesses") || (a->flags & MT_access_flag_moved);
	}
	f = t->class == MT_CLASS_report ? mt_field_find(t, weight) : NULL;
	return f && f->width ? mt_field_u64(rec, f) : 0;
}

static void take(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	const struct mt_field_info *stack = t ? mt_field_find(t, "stack") : NULL;
	const struct mt_field_info *pc = t ? mt_field_find(t, "pc") : NULL;
	struct place p = { 0 };
	uint64_t n;

	if (!stack || t->class == MT_CLASS_definition || !(n = weight_of(t, rec)))
		return;
	p.pc = pc ? mt_field_u64(rec, pc) : 0;
	p.stack = (uint32_t)mt_field_u64(rec, stack);
	p.process = mt_names_process(&names, rec, p.pc);
	add(&places, &p, sizeof(p), n);
}

/* ---- lines -------------------------------------------------------------- */

/* A frame holds no ; which ends it. */
static void escape(struct mt_out *o, const char *s, size_t len)
{
	const char *end;

	while ((end = memchr(s, ';', len))) {
		mt_out_text_string(o, s, (size_t)(end - s));
		mt_out_str(o, "\\x3b");
		len -= (size_t)(end + 1 - s);
		s = end + 1;
	}
	mt_out_text_string(o, s, len);
}

static void put_leaf(struct mt_out *o, const struct place *p)
{
	const struct mt_symbol *s = mt_names_symbol(&names, p->process, p->pc);
	const char *function = s ? mt_string(&s->hdr, 0) : "";

	if (*function)
		escape(o, function, strlen(function));
	else
		mt_out_hex(o, p->pc);
}

/* The line but for its count; one that no buffer holds loses its inner end. */
static void fold(struct mt_out *o, const struct place *p)
{
	const struct mt_stack *frames[FRAMES], *s = mt_names_stack(&names, p->stack);
	unsigned n = 0;

	for (; s && n < FRAMES; s = mt_names_stack(&names, s->parent))
		frames[n++] = s;
	mt_out_init(o, -1);
	while (n-- && o->used < MT_OUT_BUFFER / 2) {
		mt_names_frame(o, &names, frames[n], escape);
		mt_out_char(o, ';');
	}
	put_leaf(o, p);
}

static void fold_all(void)
{
	static struct mt_out text;

	for (uint32_t i = 0; i < places.things.n; i++) {
		fold(&text, mt_interned(&places.things, i));
		add(&lines, text.buf, text.used, places.counts[i]);
	}
	forget(&places);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(mt_interned(&lines.things, *(const uint32_t *)a),
		      mt_interned(&lines.things, *(const uint32_t *)b));
}

static void print(struct mt_out *out)
{
	uint32_t n = lines.things.n, *order = mt_xcalloc(n, sizeof(*order));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort(order, n, sizeof(*order), by_text);
	for (uint32_t i = 0; i < n; i++) {
		mt_out_str(out, mt_interned(&lines.things, order[i]));
		mt_out_char(out, ' ');
		mt_out_dec(out, lines.counts[order[i]]);
		mt_out_char(out, '\n');
	}
	free(order);
}

/* ---- main --------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "weight", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "w:h", options, NULL)) != -1)
		if (c == 'w')
			weight = optarg;
		else if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	mt_no_operands(argc, argv);
}

/* accesses, moves and records say something of events; else some report must have it. */
static void check_weight(void)
{
	if (!strcmp(weight, "records") || !strcmp(weight, "accesses"))
		return;
	for (unsigned i = 0; i < mt_n_types; i++) {
		const struct mt_field_info *f = mt_field_find(&mt_types[i], weight);

		if (mt_types[i].class == MT_CLASS_report && f && f->width &&
		    mt_field_find(&mt_types[i], "stack"))
			return;
	}
	if (strcmp(weight, "moves"))
		mt_die(MT_USAGE, "--weight: no record with a stack has '%s'", weight);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_out out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	check_weight();
	mt_open_input(&in);
	mt_open_text(&out, NULL);
	while ((got = mt_reader_next(&in, &rec)) > 0) {
		if (rec->kind == MT_KIND_begin)
			fold_all();
		if (mt_names_note(&names, rec) < 0)
			mt_die(MT_FAIL, "out of memory");
		take(rec);
	}
	fold_all();
	print(&out);
	return mt_close_text(&in, got, &out);
}
