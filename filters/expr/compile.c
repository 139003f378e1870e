/* SPDX-License-Identifier: MIT */
/*
 * From the tree to the program of one type of record.  Names are looked up
 * here, because what "op" and "call" mean depends on the record; and negation
 * is pushed down to the leaves, which is exact for three-valued logic.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* One compilation. */
struct build {
	const struct mt_type *type;	/* NULL: unknown kinds */
	struct expr_program *p;
	size_t room;
};

static bool needs_state;

bool expr_needs_state(void)
{
	return needs_state;
}

/* ---- names ------------------------------------------------------------- */

/* "kind", as if it were an enumerated field of every record. */
static const struct mt_field_info *kind_field(void)
{
	static struct mt_value kinds[64];
	static struct mt_field_info f = {
		.name = "kind", .unit = "", .doc = "type of the record", .values = kinds,
		.offset = offsetof(struct mt_hdr, kind), .width = 2, .show = MT_SHOW_ENUM,
	};

	_Static_assert(sizeof(((struct mt_hdr *)0)->kind) == 2, "kind has two bytes");
	for (unsigned i = 0; i < mt_n_types && i < 63; i++)
		kinds[i] = (struct mt_value){ mt_types[i].name, mt_types[i].kind, mt_types[i].doc };
	return &f;
}

static const struct mt_field_info *field_of(const struct mt_type *t, const char *name)
{
	static const struct mt_type header = { .name = "", .n_fields = 0 };

	if (!strcmp(name, "kind"))
		return kind_field();
	return mt_field_find(t ? t : &header, name);
}

unsigned expr_walk(const struct mt_type *t, const char *name, const struct mt_field_info **path)
{
	char copy[256], *save, *word;
	unsigned n = 0;

	if (strlen(name) >= sizeof(copy))
		return 0;
	strcpy(copy, name);
	for (word = strtok_r(copy, ".", &save); word; word = strtok_r(NULL, ".", &save)) {
		if (n == EXPR_STEPS || (n && !t))
			return 0;
		path[n] = field_of(t, word);
		if (!path[n])
			return 0;
		t = mt_refers_to(path[n++]);
	}
	return n;
}

const struct mt_value *expr_values_of(const struct expr *e, const struct mt_type *t)
{
	const struct mt_field_info *path[EXPR_STEPS];
	const struct mt_value *v;
	unsigned n;

	if (e->op == EXPR_NAME && !strcmp(e->string, "running.cause"))
		return mt_field_find(mt_type_of(MT_KIND_entry), "cause")->values;
	if (e->op == EXPR_NAME) {
		n = expr_walk(t, e->string, path);
		return n ? path[n - 1]->values : NULL;
	}
	if (e->op != EXPR_BITS && e->op != EXPR_ADD && e->op != EXPR_SUB)
		return NULL;
	v = expr_values_of(e->a, t);
	return v ? v : expr_values_of(e->b, t);
}

/* ---- values ------------------------------------------------------------ */

static struct expr_value *new_value(enum expr_how how)
{
	static struct expr_value *made;
	struct expr_value *v = mt_xcalloc(1, sizeof(*v));

	v->how = how;
	v->made_before = made;
	made = v;
	return v;
}

static void running_value(struct expr_value *v, struct expr *e, const struct mt_type *t)
{
	int what = expr_running_find(e->string + strlen("running."));

	if (what < 0)
		return;
	e->used = true;
	if (t && t->class != MT_CLASS_event)	/* a report does not run anywhere */
		return;
	needs_state = true;
	v->how = what >= RUNNING_scope ? VALUE_RUNNING_STRING : VALUE_RUNNING;
	v->number = (uint64_t)what;
}

static struct expr_value *name_value(struct expr *e, const struct mt_value *values,
				     const struct mt_type *t)
{
	struct expr_value *v = new_value(VALUE_UNKNOWN);
	const struct mt_value *named = mt_value_named(values, e->string);

	if (named) {
		v->how = VALUE_NUMBER;
		v->number = named->number;
		e->used = true;
	} else if (!strncmp(e->string, "running.", 8)) {
		running_value(v, e, t);
	} else if ((v->steps = expr_walk(t, e->string, v->path))) {
		v->how = v->path[v->steps - 1]->width ? VALUE_FIELD : VALUE_STRING_FIELD;
		e->used = true;
		needs_state |= v->steps > 1;
	}
	return v;
}

static struct expr_value *value(struct expr *e, const struct mt_value *values,
				const struct mt_type *t)
{
	struct expr_value *v;

	switch (e->op) {
	case EXPR_NUMBER:
		v = new_value(VALUE_NUMBER);
		v->number = e->number;
		break;
	case EXPR_STRING:
		v = new_value(VALUE_STRING);
		v->string = e->string;
		break;
	case EXPR_NAME:
		return name_value(e, values, t);
	case EXPR_ADD:
	case EXPR_SUB:
	case EXPR_BITS:
		v = new_value(e->op == EXPR_ADD ? VALUE_ADD : e->op == EXPR_SUB ? VALUE_SUB :
			      VALUE_BITS);
		/* flags & (load + store): the names are those of the field's values */
		if (!values)
			values = expr_values_of(e, t);
		v->a = value(e->a, values, t);
		v->b = value(e->b, values, t);
		break;
	default:		/* a comparison where a value is wanted */
		return new_value(VALUE_UNKNOWN);
	}
	e->used = true;
	return v;
}

static bool is_string(const struct expr_value *v)
{
	return v->how == VALUE_STRING || v->how == VALUE_STRING_FIELD ||
	       v->how == VALUE_RUNNING_STRING;
}

/* Known for some record at least, as a number. */
static bool is_number(const struct expr_value *v)
{
	if (v->how == VALUE_ADD || v->how == VALUE_SUB || v->how == VALUE_BITS)
		return is_number(v->a) && is_number(v->b);
	return v->how == VALUE_NUMBER || v->how == VALUE_FIELD || v->how == VALUE_RUNNING;
}

/* A number that stands in the record itself. */
static bool is_plain(const struct expr_value *v)
{
	return v->how == VALUE_FIELD && v->steps == 1;
}

/* ---- leaves ------------------------------------------------------------ */

static int add_leaf(struct build *b, struct expr_leaf l)
{
	struct expr_program *p = b->p;

	p->leaves = mt_xgrow(p->leaves, (size_t)p->n_leaves, &b->room, sizeof(*p->leaves));
	p->leaves[p->n_leaves] = l;
	return p->n_leaves++;
}

/* A plain field against one constant test of its width. */
static void set_plain(struct expr_leaf *l, const struct mt_field_info *f, int test8)
{
	l->offset = f->offset;
	l->test = (uint8_t)(test8 + (f->width == 8 ? 0 : f->width == 4 ? 1 : f->width == 2 ? 2 : 3));
}

/* field OP n as a range; false when no number can fulfil it. */
static bool range_of(enum expr_op op, uint64_t n, struct expr_leaf *l)
{
	l->lo = op == EXPR_LT || op == EXPR_LE ? 0 : n;
	l->span = op == EXPR_EQ || op == EXPR_NE ? 0 : op == EXPR_LT || op == EXPR_LE ? n :
		  UINT64_MAX - n;
	if (op == EXPR_NE)
		l->negated = !l->negated;
	if (op == EXPR_LT && l->span-- == 0)
		return false;
	if (op == EXPR_GT) {
		l->lo++;
		if (l->span-- == 0)
			return false;
	}
	return true;
}

static enum expr_op mirrored(enum expr_op op)
{
	switch (op) {
	case EXPR_LT: return EXPR_GT;
	case EXPR_LE: return EXPR_GE;
	case EXPR_GT: return EXPR_LT;
	case EXPR_GE: return EXPR_LE;
	default: return op;
	}
}

static int add_compare(struct build *b, struct expr *e, struct expr_leaf l)
{
	struct expr_value *x = value(e->a, expr_values_of(e->b, b->type), b->type);
	struct expr_value *y = value(e->b, expr_values_of(e->a, b->type), b->type);
	enum expr_op op = e->op;

	if (is_string(x) && is_string(y) && (op == EXPR_EQ || op == EXPR_NE))
		l.test = TEST_STRINGS;
	else if (is_number(x) && is_number(y))
		l.test = TEST_COMPARE;
	else
		return l.fail;
	e->used = true;
	if (is_plain(y) && x->how == VALUE_NUMBER) {
		struct expr_value *t = x;

		x = y;
		y = t;
		op = mirrored(op);
	}
	if (is_plain(x) && y->how == VALUE_NUMBER) {
		set_plain(&l, x->path[0], TEST_RANGE8);
		if (!range_of(op, y->number, &l))
			return l.negated ? l.pass : l.fail;
	}
	l.op = op;
	l.a = x;
	l.b = y;
	return add_leaf(b, l);
}

static int by_lo(const void *a, const void *b)
{
	const struct expr_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorted, and merged where they meet. */
static void add_ranges(struct expr_leaf *l, struct expr_range *r, size_t n)
{
	size_t to = 0;

	qsort(r, n, sizeof(*r), by_lo);
	for (size_t i = 1; i < n; i++)
		if (r[i].lo <= r[to].hi || r[i].lo - 1 == r[to].hi)
			r[to].hi = r[i].hi > r[to].hi ? r[i].hi : r[to].hi;
		else
			r[++to] = r[i];
	l->ranges = r;
	l->n_ranges = to + 1;
}

static struct expr_range *ranges_of(const struct expr *e, const struct mt_value *values, size_t *n)
{
	struct expr_range *r = mt_xcalloc(e->n_items, sizeof(*r));

	*n = 0;
	for (size_t i = 0; i < e->n_items; i++) {
		const struct mt_value *v;

		if (!e->items[i].name) {
			r[(*n)++] = (struct expr_range){ e->items[i].lo, e->items[i].hi };
			continue;
		}
		v = mt_value_named(values, e->items[i].name);
		if (v)
			r[(*n)++] = (struct expr_range){ v->number, v->number };
	}
	return r;
}

static int add_set(struct build *b, struct expr *e, struct expr_leaf l)
{
	struct expr_range *r;
	size_t n;

	l.a = value(e->a, NULL, b->type);
	if (!is_number(l.a))
		return l.fail;
	r = ranges_of(e, expr_values_of(e->a, b->type), &n);
	if (!n) {		/* names of values that this type does not have */
		free(r);
		return l.fail;
	}
	e->used = true;
	add_ranges(&l, r, n);
	l.test = TEST_SET;
	if (l.n_ranges == 1 && is_plain(l.a)) {
		l.lo = l.ranges[0].lo;
		l.span = l.ranges[0].hi - l.lo;
		set_plain(&l, l.a->path[0], TEST_RANGE8);
	}
	return add_leaf(b, l);
}

/* --addr: what an access or a range of memory touches, else the address itself. */
static int add_touches(struct build *b, struct expr *e, struct expr_leaf l)
{
	const struct mt_field_info *f;
	struct expr_range *r;
	size_t n;

	l.a = value(e->a, NULL, b->type);
	if (!is_number(l.a))
		return l.fail;
	f = b->type ? mt_field_find(b->type, "width") : NULL;
	if (!f && b->type)
		f = mt_field_find(b->type, "bytes");
	if (f) {
		l.b = new_value(VALUE_FIELD);
		l.b->path[0] = f;
		l.b->steps = 1;
	}
	r = ranges_of(e, NULL, &n);
	add_ranges(&l, r, n);
	l.test = TEST_TOUCHES;
	return add_leaf(b, l);
}

static int add_match(struct build *b, struct expr *e, struct expr_leaf l)
{
	l.a = value(e->a, NULL, b->type);
	if (!is_string(l.a))
		return l.fail;
	e->used = true;
	l.test = TEST_MATCH;
	l.pattern = e->pattern;
	return add_leaf(b, l);
}

static int add_in_scope(struct build *b, struct expr *e, struct expr_leaf l)
{
	if (!b->type || b->type->class != MT_CLASS_event)
		return l.fail;
	needs_state = true;
	l.test = TEST_IN_SCOPE;
	l.string = e->string;
	return add_leaf(b, l);
}

/* ---- flags ------------------------------------------------------------- */

/* The flags field of t that has a bit of that name. */
static const struct mt_field_info *flags_with(const struct mt_type *t, const char *name,
					      uint64_t *bit)
{
	for (unsigned i = 0; t && i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];
		const struct mt_value *v;

		if (f->show == MT_SHOW_FLAGS && (v = mt_value_named(f->values, name))) {
			*bit = v->number;
			return f;
		}
	}
	return NULL;
}

static int add_bits(struct build *b, const struct mt_field_info *f, uint64_t mask,
		    struct expr_leaf l)
{
	l.lo = mask;
	set_plain(&l, f, TEST_BITS8);
	return add_leaf(b, l);
}

/* --op: load, store, both, atomic, ...; or call, acquire, ... */
static int add_does(struct build *b, struct expr *e, struct expr_leaf l)
{
	const struct mt_field_info *f = b->type ? mt_field_find(b->type, "op") : NULL;
	const struct mt_value *v = f ? mt_value_named(f->values, e->string) : NULL;
	const struct mt_field_info *flags;
	uint64_t bit;

	if (!strcmp(e->string, "both") && (flags = flags_with(b->type, "store", &bit))) {
		l.a = new_value(VALUE_BITS);
		l.a->a = new_value(VALUE_FIELD);
		l.a->a->path[0] = flags;
		l.a->a->steps = 1;
		l.a->b = new_value(VALUE_NUMBER);
		l.a->b->number = MT_access_flag_load | MT_access_flag_store;
		l.b = l.a->b;
		l.op = EXPR_EQ;
		l.test = TEST_COMPARE;
	} else if ((flags = flags_with(b->type, e->string, &bit))) {
		e->used = true;
		return add_bits(b, flags, bit, l);
	} else if (v) {
		l.lo = v->number;
		set_plain(&l, f, TEST_RANGE8);
	} else {
		return f || flags_with(b->type, "store", &bit) ? (l.negated ? l.pass : l.fail) :
		       l.fail;
	}
	e->used = true;
	return add_leaf(b, l);
}

/* A value where a condition is wanted: not 0, or a flag's own name. */
static int add_truth(struct build *b, struct expr *e, struct expr_leaf l)
{
	const struct mt_field_info *f;
	bool used = e->used;
	struct expr_value *v = value(e, NULL, b->type);
	uint64_t bit;

	if (e->op == EXPR_NAME && v->how == VALUE_UNKNOWN &&
	    (f = flags_with(b->type, e->string, &bit))) {
		e->used = true;
		return add_bits(b, f, bit, l);
	}
	if (!is_number(v)) {
		e->used = used;		/* a string is no condition */
		return l.fail;
	}
	if (v->how == VALUE_BITS && is_plain(v->a) && v->b->how == VALUE_NUMBER)
		return add_bits(b, v->a->path[0], v->b->number, l);
	if (v->how == VALUE_BITS && is_plain(v->b) && v->a->how == VALUE_NUMBER)
		return add_bits(b, v->b->path[0], v->a->number, l);
	l.test = TEST_COMPARE;
	l.op = EXPR_NE;
	l.a = v;
	l.b = new_value(VALUE_NUMBER);
	return add_leaf(b, l);
}

/* ---- the tree ---------------------------------------------------------- */

/* Where to start, so that e (negated or not) leads to pass or to fail. */
static int build(struct build *b, struct expr *e, bool negated, int pass, int fail)
{
	struct expr_leaf l = { .negated = negated, .pass = pass, .fail = fail };
	int next;

	switch (e->op) {
	case EXPR_NOT:
		e->used = true;
		return build(b, e->a, !negated, pass, fail);
	case EXPR_AND:
	case EXPR_OR:
		e->used = true;
		next = build(b, e->b, negated, pass, fail);
		if ((e->op == EXPR_AND) != negated)
			return build(b, e->a, negated, next, fail);
		return build(b, e->a, negated, pass, next);
	case EXPR_EQ: case EXPR_NE: case EXPR_LT: case EXPR_LE: case EXPR_GT: case EXPR_GE:
		return add_compare(b, e, l);
	case EXPR_IN:
		return add_set(b, e, l);
	case EXPR_MATCH:
		return add_match(b, e, l);
	case EXPR_TOUCHES:
		return add_touches(b, e, l);
	case EXPR_DOES:
		return add_does(b, e, l);
	case EXPR_IN_SCOPE:
		return add_in_scope(b, e, l);
	default:
		return add_truth(b, e, l);
	}
}

struct expr_program *expr_compile(struct expr *e, bool negated, const struct mt_type *t,
				  const struct expr_state *state)
{
	static struct expr_program *made;
	struct build b = { .type = t };

	b.p = mt_xcalloc(1, sizeof(*b.p));
	b.p->made_before = made;
	made = b.p;
	b.p->state = state;
	b.p->entry = build(&b, e, negated, ACCEPT, REJECT);
	return b.p;
}
