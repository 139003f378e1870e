/* SPDX-License-Identifier: MIT */
/* Test cases by name, and what they add up to for each pair of calls. */
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

struct test {
	bool seen[RUNS], conflicted[RUNS];
	UT_hash_handle hh;
	char name[];
};

static struct test *tests;		/* uthash, by name */

/* The order of COMMUTER's maps; other calls come behind, by name. */
static const char *const posix[] = {
	"open", "link", "unlink", "rename", "stat", "fstat", "lseek", "close", "pipe", "read",
	"write", "pread", "pwrite", "mmap", "munmap", "mprotect", "memread", "memwrite"
};
#define N_POSIX (sizeof(posix) / sizeof(posix[0]))

static const char other[] = "other";

void cases_note(const struct mt_hdr *rec, unsigned run)
{
	const char *name;
	struct test *t;

	if (rec->kind != MT_KIND_testcase)
		return;
	name = mt_string(rec, 0);
	HASH_FIND_STR(tests, name, t);
	if (!t) {
		t = mt_xcalloc(1, sizeof(*t) + strlen(name) + 1);
		strcpy(t->name, name);
		HASH_ADD_STR(tests, name, t);
	}
	t->seen[run] = true;
	t->conflicted[run] |= ((const struct mt_testcase *)rec)->conflicts != 0;
}

bool cases_any(void)
{
	return tests != NULL;
}

/* ---- calls ------------------------------------------------------------------- */

static char *calls[CALLS_MAX];		/* that are not POSIX's, sorted */
static size_t n_calls;

static int rank(const char *call)
{
	for (size_t i = 0; i < N_POSIX; i++)
		if (!strcmp(call, posix[i]))
			return (int)i;
	for (size_t i = 0; i < n_calls; i++)
		if (!strcmp(call, calls[i]))
			return (int)(N_POSIX + i);
	return -1;
}

/* Where CALL1_CALL2 is cut: of several places where both calls are known; NULL: who can tell. */
static char *cut_of(char *calls_there)
{
	char *only = strchr(calls_there, '_');
	bool known;

	if (!only || !strchr(only + 1, '_'))
		return only;
	for (char *p = only; p; p = strchr(p + 1, '_')) {
		*p = 0;
		known = rank(calls_there) >= 0 && rank(p + 1) >= 0;
		*p = '_';
		if (known)
			return p;
	}
	return NULL;
}

/* The two calls in SUITE-CALL1_CALL2_PATH_NUMBER, in buf; false: it is not of that form. */
static bool split(const char *name, char buf[256], const char **one, const char **two)
{
	const char *start = strchr(name, '-');
	char *cut;

	snprintf(buf, 256, "%s", start ? start + 1 : name);
	for (int i = 0; i < 2; i++) {
		cut = strrchr(buf, '_');
		if (!cut)
			return false;
		*cut = 0;
	}
	cut = cut_of(buf);
	if (!cut)
		return false;
	*cut = 0;
	*one = buf;
	*two = cut + 1;
	return **one && **two;
}

static void add_call(const char *call)
{
	size_t i = n_calls;

	if (rank(call) >= 0 || n_calls == CALLS_MAX - N_POSIX)
		return;
	for (; i && strcmp(calls[i - 1], call) > 0; i--)
		calls[i] = calls[i - 1];
	calls[i] = mt_xstrdup(call);
	n_calls++;
}

static int by_name(const struct test *a, const struct test *b)
{
	return strcmp(a->name, b->name);
}

/* In the order of names, so that the same calls are found whatever the order of the tests. */
static void find_calls(void)
{
	const char *one, *two;
	char buf[256];

	HASH_SORT(tests, by_name);
	for (const struct test *t = tests; t; t = t->hh.next)
		if (split(t->name, buf, &one, &two)) {
			add_call(one);
			add_call(two);
		}
}

/* ---- the map ------------------------------------------------------------------- */

static struct case_map map;

static void count(struct cell *c, const struct test *t)
{
	for (unsigned run = 0; run < RUNS; run++) {
		c->cases[run] += t->seen[run];
		c->conflicted[run] += t->conflicted[run];
	}
	if (t->seen[NOW] && t->seen[BEFORE]) {
		c->worse += t->conflicted[NOW] && !t->conflicted[BEFORE];
		c->better += t->conflicted[BEFORE] && !t->conflicted[NOW];
	}
}

static void count_test(const struct test *t)
{
	const size_t last = N_POSIX + n_calls;
	const char *one, *two;
	char buf[256];
	bool good = split(t->name, buf, &one, &two);
	size_t a = good && rank(one) >= 0 ? (size_t)rank(one) : last;
	size_t b = good && rank(two) >= 0 ? (size_t)rank(two) : last;

	count(&map.cell[a < b ? a : b][a < b ? b : a], t);
	count(&map.all, t);
	map.two |= t->seen[BEFORE];
}

static bool is_used(size_t call)
{
	for (size_t i = 0; i <= N_POSIX + n_calls; i++) {
		const struct cell *c = &map.cell[i < call ? i : call][i < call ? call : i];

		if (c->cases[NOW] || c->cases[BEFORE])
			return true;
	}
	return false;
}

/* Calls without a case have no row. */
static void close_gaps(void)
{
	size_t kept[CALLS_MAX + 1] = { 0 }, last = N_POSIX + n_calls;

	for (size_t i = 0; i <= last; i++)
		if (is_used(i)) {
			map.call[map.n] = i < N_POSIX ? posix[i] : i < last ? calls[i - N_POSIX] : other;
			kept[map.n++] = i;
		}
	for (size_t a = 0; a < map.n; a++)
		for (size_t b = a; b < map.n; b++)
			map.cell[a][b] = map.cell[kept[a]][kept[b]];
}

const struct case_map *cases_map(void)
{
	if (map.n)
		return &map;
	find_calls();
	for (const struct test *t = tests; t; t = t->hh.next)
		count_test(t);
	close_gaps();
	for (size_t a = 0; a < map.n; a++)
		for (size_t b = a; b < map.n; b++) {
			map.pairs += map.cell[a][b].cases[NOW] != 0;
			map.free_pairs += map.cell[a][b].cases[NOW] && !map.cell[a][b].conflicted[NOW];
		}
	return &map;
}
