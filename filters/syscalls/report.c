/* SPDX-License-Identifier: MIT */
/* From calls to rows.  All orders are total: the same log gives the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "report.h"

/* ---- order ------------------------------------------------------------------ */

struct ref {
	const struct entry_key *entry;
	const struct site_key *site;	/* NULL: a row for the entry */
	uint64_t first, second;		/* large ones first */
	uint64_t group;			/* of sites: place of the entry */
	uint32_t number;
};

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_size(const void *pa, const void *pb)
{
	const struct ref *a = pa, *b = pb;
	const uint64_t keys[][2] = {
		{ a->group, b->group }, { b->first, a->first }, { b->second, a->second },
		{ a->entry->pc, b->entry->pc }, { a->entry->number, b->entry->number },
		{ a->entry->cause, b->entry->cause },
		{ a->site ? a->site->pc : 0, b->site ? b->site->pc : 0 },
		{ a->site ? a->site->process : 0, b->site ? b->site->process : 0 },
	};
	int c = 0;

	for (size_t i = 0; !c && i < sizeof(keys) / sizeof(keys[0]); i++)
		c = compare(keys[i][0], keys[i][1]);
	return c;
}

/* All entries in order; to be freed. */
static struct ref *sorted_entries(const struct calls *c)
{
	struct ref *refs = mt_xcalloc(c->entry_keys.n, sizeof(*refs));

	for (uint32_t i = 0; i < c->entry_keys.n; i++)
		refs[i] = (struct ref){
			.entry = mt_interned(&c->entry_keys, i),
			.first = c->entry[i].lines, .second = c->entry[i].calls, .number = i,
		};
	if (c->entry_keys.n)
		qsort(refs, c->entry_keys.n, sizeof(*refs), by_size);
	return refs;
}

/* ---- rows ------------------------------------------------------------------- */

static void put(struct mt_syscall *row, const char *operation, struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const char *strings[] = { operation };

	row->hdr.kind = MT_KIND_syscall;
	mt_writer_put(out, mt_build(buf, row, strings));
}

static void set_counts(struct mt_syscall *row, const struct counts *n)
{
	row->moves += n->moves;
	row->loads += n->loads;
	row->stores += n->stores;
	row->atomics += n->atomics;
}

static void set_entry(struct mt_syscall *row, const struct entry_key *key)
{
	row->entry_pc = key->pc;
	row->number = key->number;
	row->cause = key->cause;
}

static void add_entry(struct mt_syscall *row, const struct entry *e)
{
	set_counts(row, &e->counts);
	row->lines += e->lines;
	row->calls += e->calls;
	row->cut += e->cut;
	if (e->most > row->most)
		row->most = e->most;
}

void report_entries(struct calls *c, struct mt_writer *out)
{
	struct ref *refs;

	calls_end(c);
	refs = sorted_entries(c);
	for (uint32_t i = 0; i < c->entry_keys.n; i++) {
		struct mt_syscall row = { .by = MT_syscall_by_entry };

		set_entry(&row, refs[i].entry);
		add_entry(&row, &c->entry[refs[i].number]);
		put(&row, NULL, out);
	}
	free(refs);
}

void report_sites(struct calls *c, struct mt_writer *out)
{
	struct ref *entries = sorted_entries(c);
	struct ref *refs = mt_xcalloc(c->site_keys.n, sizeof(*refs));
	uint32_t *place = mt_xcalloc(c->entry_keys.n, sizeof(*place));

	for (uint32_t i = 0; i < c->entry_keys.n; i++)
		place[entries[i].number] = i;
	for (uint32_t i = 0; i < c->site_keys.n; i++) {
		const struct site_key *key = mt_interned(&c->site_keys, i);

		refs[i] = (struct ref){
			.entry = mt_interned(&c->entry_keys, key->entry), .site = key,
			.group = place[key->entry], .first = c->site[i].moves,
			.second = c->site[i].loads + c->site[i].stores, .number = i,
		};
	}
	if (c->site_keys.n)
		qsort(refs, c->site_keys.n, sizeof(*refs), by_size);
	for (uint32_t i = 0; i < c->site_keys.n; i++) {
		struct mt_syscall row = { .by = MT_syscall_by_site, .pc = refs[i].site->pc,
					  .process = refs[i].site->process };

		set_entry(&row, refs[i].entry);
		set_counts(&row, &c->site[refs[i].number]);
		put(&row, NULL, out);
	}
	free(place);
	free(refs);
	free(entries);
}

/* ---- operations --------------------------------------------------------------- */

bool operation_parse(struct operation *op, const char *text)
{
	size_t n = 2;
	char *name = mt_xstrdup(text), *list = strchr(name, '='), *word;

	if (!list || list == name || !list[1]) {
		free(name);
		return false;
	}
	*list++ = 0;
	for (const char *p = list; *p; p++)
		n += *p == ',';
	op->name = name;
	op->entries = mt_xcalloc(n, sizeof(*op->entries));
	for (n = 0; (word = strsep(&list, ","));)
		if (*word)
			op->entries[n++] = word;
	return n > 0;
}

/* interrupt, interrupt:33 */
static bool is_cause(const char *word, const struct entry_key *key)
{
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_entry), "cause");
	const char *name = mt_value_name(f->values, key->cause);
	size_t len = name ? strlen(name) : 0;

	if (!name || strncmp(word, name, len))
		return false;
	return !word[len] || (word[len] == ':' && strtoul(word + len + 1, NULL, 10) == key->number);
}

static bool is_entry(const char *word, const struct entry_key *key, const struct mt_names *names)
{
	const struct mt_symbol *symbol = mt_names_symbol(names, 0, key->pc);

	if (!key->pc)
		return false;
	if (!strcmp(word, "all") || is_cause(word, key))
		return true;
	if (word[0] == '0' && word[1] == 'x')
		return strtoull(word, NULL, 16) == key->pc;
	if (symbol && !strcmp(word, mt_string(&symbol->hdr, 0)))
		return true;
	return key->cause == MT_entry_cause_syscall && mt_syscall_number(word) == (long)key->number;
}

static bool is_in(const struct operation *op, const struct entry_key *key,
		  const struct mt_names *names)
{
	for (char **word = op->entries; *word; word++)
		if (is_entry(*word, key, names))
			return true;
	return false;
}

static void warn_of_unknown(const struct calls *c, const struct operation *op,
			    const struct mt_names *names)
{
	for (char **word = op->entries; *word; word++) {
		bool known = false;

		for (uint32_t i = 0; !known && i < c->entry_keys.n; i++)
			known = is_entry(*word, mt_interned(&c->entry_keys, i), names);
		if (!known)
			mt_warn("--per-op: %s: nothing in the log is an entry '%s'", op->name, *word);
	}
}

void report_operation(struct calls *c, const struct operation *op, uint64_t done,
		      const struct mt_names *names, struct mt_writer *out)
{
	struct mt_syscall row = { .by = MT_syscall_by_operation };

	for (uint32_t i = 0; i < c->entry_keys.n; i++)
		if (is_in(op, mt_interned(&c->entry_keys, i), names))
			add_entry(&row, &c->entry[i]);
	warn_of_unknown(c, op, names);
	row.calls = done;
	put(&row, op->name, out);
}
