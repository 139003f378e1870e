/* SPDX-License-Identifier: MIT */
/* Unexpected sharing as rows. */
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "findings.h"

static void put_stat(struct mt_writer *out, uint64_t value, const char *name)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_stat row = { .hdr.kind = MT_KIND_stat, .value = value };

	mt_writer_put(out, mt_build(buf, &row, (const char *const[]){ name, NULL }));
}

void put_counts(const struct report *r, struct mt_writer *out)
{
	uint64_t neither = r->compared - r->both - r->only_logical - r->only_physical;

	put_stat(out, r->p->scopes, "total scopes");
	put_stat(out, r->compared, "compared scopes");
	put_stat(out, neither, "logically unshared/physically unshared");
	put_stat(out, r->both, "logically shared/physically shared");
	put_stat(out, r->only_physical, "logically unshared/physically shared");
	put_stat(out, r->only_logical, "logically shared/physically unshared");
}

static size_t take_touches(const struct report *r, uint32_t place, uint32_t side, struct touch *to)
{
	const struct ranked *x = &r->ranked[place];
	const uint64_t *t = touches_of(x->body);

	for (uint32_t i = 0; i < x->body->n_touches; i++)
		to[i] = (struct touch){
			.word = t[2 * i], .mask = (uint8_t)t[2 * i + 1],
			.write = t[2 * i + 1] >> 8, .side = side,
			.site = r->p->touch_sites[x->kept->sites + i],
		};
	return x->body->n_touches;
}

static struct conflicts conflicts_of(const struct report *r, const struct finding *f, uint32_t line)
{
	size_t room = r->ranked[f->one].body->n_touches + r->ranked[f->two].body->n_touches, n;
	struct touch *all = mt_xcalloc(room, sizeof(*all));
	struct conflicts c = { 0 };

	n = take_touches(r, f->one, 0, all);
	n += take_touches(r, f->two, 1, all + n);
	conflicts_find(&c, all, n, line);
	free(all);
	return c;
}

void put_finding(const struct report *r, const struct finding *f, uint32_t line,
		 struct mt_writer *out)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct ranked *x = &r->ranked[f->one], *y = &r->ranked[f->two];
	struct conflicts c = { 0 };
	struct mt_unexpected row = {
		.hdr.kind = MT_KIND_unexpected, .bytes = f->bytes, .pairs = f->pairs,
		.most = f->most, .id = x->kept->id, .id2 = y->kept->id,
		.by = r->o->by,
	};
	char *one = mt_xstrdup(x->name), *two = mt_xstrdup(y->name);

	if (r->o->conflicts)		/* most of the work, when rows are many */
		c = conflicts_of(r, f, line);
	row.conflicts = c.n;
	if (r->o->by == MT_unexpected_by_operation)
		one[x->operation_len] = two[y->operation_len] = 0;
	mt_writer_put(out, mt_build(buf, &row, (const char *const[]){ one, two }));
	for (size_t i = 0; i < c.n && i < r->o->conflicts; i++) {
		struct mt_conflict conflict;

		conflict_row(&c.found[i], &r->p->sites, &conflict);
		conflict.hdr.size = sizeof(conflict);
		conflict.id = x->kept->id;
		conflict.id2 = y->kept->id;
		mt_writer_put(out, &conflict.hdr);
	}
	free(c.found);
	free(one);
	free(two);
}
