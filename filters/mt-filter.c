/* SPDX-License-Identifier: MIT */
/* mt-filter: passes the records that match. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr.h"
#include "libmt/cli.h"

static const char help[] =
"usage: mt-filter [CONDITION...] [--not] [--only] <stream >stream\n"
"\n"
"Passes the events and reports that meet every condition.  Context and\n"
"definitions pass too, because later stages resolve names with them.\n"
"\n"
"  -c, --cpu SET         on these cpus: 0-3,7\n"
"  -k, --kind NAMES      of these kinds: access,call\n"
"  -o, --op WORDS        load, store, both, atomic, call, ret, acquire, ...\n"
"  -a, --addr RANGES     that touch 0x1000-0x1fff or 0x1000+64\n"
"  -p, --pc RANGES       of code in these ranges\n"
"  -O, --object ID|NAME  on an object, by id or name\n"
"  -T, --type CTYPE      on objects of a C type: 'struct dentry'\n"
"  -t, --task SET        while one of these tasks ran\n"
"  -s, --syscall SET     inside these system calls: openat,close,257\n"
"      --cause WORDS     inside the kernel for: syscall, interrupt, exception, ...\n"
"  -S, --scope NAME      inside an abstract scope of that name\n"
"  -r, --run NAME        while recording was on under that name\n"
"      --time RANGES     with time in 1000-2000, of their own cpu\n"
"  -w, --width SET       that touch so many bytes\n"
"  -m, --mode MODE       user or kernel\n"
"  -e, --expr EXPR       of any fields: 'moved && pc.function =~ \"^tcp_\"'\n"
"  -v, --not             pass what does not meet them\n"
"      --only            pass nothing else: no context, no definitions\n"
"      --fields          list what EXPR can name\n"
"      --help            this text\n"
"\n"
"    mt-cat log.mt | mt-filter --cpu 1 --op store | mt-totext\n"
"    mt-cat log.mt | mt-filter -e 'moved && width >= 8' | mt-shared | mt-totext\n"
"    mt-cat log.mt | mt-shared | mt-filter -e 'sharing == false' | mt-totext\n";

#define KINDS 65536

static struct expr *condition;		/* all of them; NULL: none */
static struct expr_state state;
static bool negated, only, any_kind = true;
static bool kinds[KINDS];		/* --kind */

/* What happens to the records of a kind. */
enum fate { PASS, DROP, JUDGE };

static struct fate_of_kind {
	enum fate fate;
	const struct expr_program *program;
} fates[KINDS];

/* ---- conditions -------------------------------------------------------- */

static void require(struct expr *e)
{
	condition = condition ? expr_new(EXPR_AND, condition, e) : e;
}

static void require_set(const char *field, const char *option, uint64_t max)
{
	require(expr_set(EXPR_IN, expr_name(field), option, optarg, max));
}

static void require_string(const char *field)
{
	require(expr_new(EXPR_EQ, expr_name(field),
			 expr_with_string(EXPR_STRING, NULL, optarg)));
}

static void require_object(void)
{
	if (optarg[0] >= '0' && optarg[0] <= '9')
		require_set("object", "--object", UINT32_MAX);
	else
		require_string("object.name");
}

static void require_mode(void)
{
	struct expr *kernel = expr_name("kernel");

	if (!strcmp(optarg, "kernel"))
		require(kernel);
	else if (!strcmp(optarg, "user"))
		require(expr_new(EXPR_NOT, kernel, NULL));
	else
		mt_die(MT_USAGE, "--mode: '%s' is neither user nor kernel", optarg);
}

/* A word that neither flags nor an op field knows would silently match nothing. */
static void check_operation(const struct expr *e)
{
	struct expr copy = *e;

	for (unsigned i = 0; i < mt_n_types; i++)
		(void)expr_compile(&copy, false, &mt_types[i], &state);
	if (!copy.used)
		mt_die(MT_USAGE, "--op: '%s' is no operation: load, store, both, atomic, call, ret, ...",
		       e->string);
}

static void require_operation(void)
{
	char *words = mt_xstrdup(optarg), *save;
	struct expr *all = NULL;

	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		struct expr *e = expr_with_string(EXPR_DOES, NULL, w);

		check_operation(e);
		all = all ? expr_new(EXPR_OR, all, e) : e;
	}
	if (!all)
		mt_die(MT_USAGE, "--op: '%s' names no operation", optarg);
	require(all);
	free(words);
}

static void require_kinds(void)
{
	char *words = mt_xstrdup(optarg), *save;

	any_kind = false;
	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		const struct mt_type *t = mt_type_find(w);

		if (t)
			kinds[t->kind] = true;
		else if (w[0] >= '0' && w[0] <= '9')
			kinds[mt_number("--kind", w, KINDS - 1)] = true;
		else
			mt_die(MT_USAGE, "--kind: there is no kind '%s'", w);
	}
	free(words);
}

/* Words of a set that are names of system calls become their numbers. */
static void require_syscall(void)
{
	char *words = mt_xstrdup(optarg), *save, *set;
	size_t room = strlen(optarg) + 8, used = 0;

	set = mt_xcalloc(1, room);		/* no number is longer than its name */
	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		long number = mt_syscall_number(w);

		if (number < 0 && (w[0] < '0' || w[0] > '9'))
			mt_die(MT_USAGE, "--syscall: there is no system call '%s'", w);
		if (number < 0)
			used += (size_t)sprintf(set + used, "%s%s", used ? "," : "", w);
		else
			used += (size_t)sprintf(set + used, "%s%ld", used ? "," : "", number);
	}
	require(expr_set(EXPR_IN, expr_name("running.syscall"), "--syscall", set, UINT32_MAX));
	free(set);
	free(words);
}

static void require_cause(void)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_entry), "cause");
	char *words = mt_xstrdup(optarg), *save;
	struct expr *any = NULL;

	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		const struct mt_value *v = mt_value_named(f->values, w);
		struct expr *number = expr_new(EXPR_NUMBER, NULL, NULL), *is;

		if (!v)
			mt_die(MT_USAGE, "--cause: '%s' is no cause: syscall, interrupt, exception, "
			       "softirq, ...", w);
		number->number = v->number;
		is = expr_new(EXPR_EQ, expr_name("running.cause"), number);
		any = any ? expr_new(EXPR_OR, any, is) : is;
	}
	if (!any)
		mt_die(MT_USAGE, "--cause: '%s' names no cause", optarg);
	require(any);
	free(words);
}

/* Compiled for all types, so that what means nothing anywhere is found. */
static void require_expression(void)
{
	struct expr *e = expr_parse(optarg);

	for (unsigned i = 0; i < mt_n_types; i++)
		(void)expr_compile(e, false, &mt_types[i], &state);
	expr_check(e, optarg);
	require(e);
}

/* ---- options ----------------------------------------------------------- */

enum { OPT_TIME = 256, OPT_CAUSE, OPT_ONLY, OPT_FIELDS };

static bool take_condition(int c)
{
	switch (c) {
	case 'c': require_set("cpu", "--cpu", UINT32_MAX); break;
	case 'k': require_kinds(); break;
	case 'o': require_operation(); break;
	case 'a':
		require(expr_set(EXPR_TOUCHES, expr_name("addr"), "--addr", optarg, UINT64_MAX));
		break;
	case 'p': require_set("pc", "--pc", UINT64_MAX); break;
	case 'O': require_object(); break;
	case 'T': require_string("object.ctype"); break;
	case 't': require_set("running.task", "--task", UINT32_MAX); break;
	case 's': require_syscall(); break;
	case OPT_CAUSE: require_cause(); break;
	case 'S': require(expr_with_string(EXPR_IN_SCOPE, NULL, optarg)); break;
	case 'r': require_string("running.run"); break;
	case OPT_TIME: require_set("time", "--time", UINT64_MAX); break;
	case 'w': require_set("width", "--width", UINT16_MAX); break;
	case 'm': require_mode(); break;
	case 'e': require_expression(); break;
	default: return false;
	}
	return true;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cpu", required_argument, NULL, 'c' },
		{ "kind", required_argument, NULL, 'k' },
		{ "op", required_argument, NULL, 'o' },
		{ "addr", required_argument, NULL, 'a' },
		{ "pc", required_argument, NULL, 'p' },
		{ "object", required_argument, NULL, 'O' },
		{ "type", required_argument, NULL, 'T' },
		{ "task", required_argument, NULL, 't' },
		{ "syscall", required_argument, NULL, 's' },
		{ "cause", required_argument, NULL, OPT_CAUSE },
		{ "scope", required_argument, NULL, 'S' },
		{ "run", required_argument, NULL, 'r' },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "width", required_argument, NULL, 'w' },
		{ "mode", required_argument, NULL, 'm' },
		{ "expr", required_argument, NULL, 'e' },
		{ "not", no_argument, NULL, 'v' },
		{ "only", no_argument, NULL, OPT_ONLY },
		{ "fields", no_argument, NULL, OPT_FIELDS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:k:o:a:p:O:T:t:s:S:r:w:m:e:vh", options, NULL)) != -1)
		if (c == 'v')
			negated = true;
		else if (c == OPT_ONLY)
			only = true;
		else if (c == OPT_FIELDS)
			expr_list_fields();
		else if (c == 'h')
			mt_help(help);
		else if (!take_condition(c))
			mt_bad_usage();
	mt_no_operands(argc, argv);
}

/* ---- judging ----------------------------------------------------------- */

static bool holds_stream_together(unsigned kind)
{
	return kind == MT_KIND_begin || kind == MT_KIND_end || kind == MT_KIND_drop;
}

/*
 * --kind is a condition on every record, so --not turns it round: a record of
 * another kind then passes whatever else it is.
 */
static enum fate fate_of(unsigned kind, const struct mt_type *t)
{
	bool named = any_kind || kinds[kind];
	bool judged = t && (t->class == MT_CLASS_event || t->class == MT_CLASS_report);

	if (holds_stream_together(kind))
		return PASS;
	if (!judged && !(only && !any_kind && kinds[kind]))
		return only ? DROP : PASS;
	if (!named)
		return negated ? PASS : DROP;
	if (!condition)
		return negated ? DROP : PASS;
	return JUDGE;
}

static void decide_fates(void)
{
	const struct expr_program *unknown = NULL;

	for (unsigned k = 0; k < KINDS; k++) {
		const struct mt_type *t = mt_type_of(k);
		enum fate f = fate_of(k, t);

		fates[k].fate = f;
		if (f != JUDGE)
			continue;
		if (t)
			fates[k].program = expr_compile(condition, negated, t, &state);
		else if (!unknown)
			unknown = expr_compile(condition, negated, NULL, &state);
		if (!t)
			fates[k].program = unknown;
	}
}

static inline bool matches(const struct mt_hdr *rec)
{
	const struct fate_of_kind *f = &fates[rec->kind];

	return f->fate == JUDGE ? expr_true(f->program, rec) : f->fate == PASS;
}

/* The accesses of which[]: those in a row together. */
static void put_selected(struct mt_writer *out, const struct mt_access *a, const uint16_t *which,
			 size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && which[i + run] == which[i] + run; run++)
			;
		mt_writer_put_accesses(out, a + which[i], run);
	}
}

static void filter_accesses(const struct mt_access *a, size_t n, struct mt_writer *out)
{
	const struct fate_of_kind *f = &fates[MT_KIND_access];
	uint16_t which[EXPR_AT_ONCE];

	if (f->fate == PASS)
		mt_writer_put_accesses(out, a, n);
	for (size_t some; f->fate == JUDGE && n; a += some, n -= some) {
		some = n < EXPR_AT_ONCE ? n : EXPR_AT_ONCE;
		put_selected(out, a, which, expr_select(f->program, a, some, which));
	}
}

/* All but accesses can change what is known of definitions and of what runs where. */
static void filter_other(const struct mt_hdr *rec, struct mt_writer *out)
{
	if (expr_needs_state())
		expr_state_before(&state, rec);
	if (matches(rec))
		mt_writer_put(out, rec);
	if (expr_needs_state())
		expr_state_after(&state, rec);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_writer out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	decide_fates();
	mt_open_input(&in);
	mt_open_output(&out, &in);
	mt_writer_moves(&out);
	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (rec->kind == MT_KIND_access)
			filter_accesses((const struct mt_access *)rec, 1 + mt_reader_run(&in), &out);
		else
			filter_other(rec, &out);
	return mt_close(&in, got, &out);
}
