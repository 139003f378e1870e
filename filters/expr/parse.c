/* SPDX-License-Identifier: MIT */
/*
 * The grammar of -e, one function for each production:
 *
 *   disjunction = conjunction { "||" conjunction } .
 *   conjunction = negation { "&&" negation } .
 *   negation    = "!" negation | comparison .
 *   comparison  = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum
 *                     | "=~" string | "in" set ] .
 *   sum         = bits { ( "+" | "-" ) bits } .
 *   bits        = value { "&" value } .
 *   value       = number | string | name | "(" disjunction ")" .
 *   set         = "{" item { "," item } "}" .
 *   item        = number [ "-" [ number ] ] | number "+" number | word .
 *   name        = word { "." word } .
 */
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"

#define DEEPEST 200			/* nested parentheses and ! */

static struct {
	const char *text;		/* for messages */
	size_t at;			/* where the current token starts */
	size_t next;			/* where the one after it may start */
	unsigned depth;
} in;

/* ---- messages ---------------------------------------------------------- */

/* A terminal column is a letter, not a byte. */
static size_t columns(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

void expr_fail(const char *text, size_t at, const char *format, ...)
{
	size_t from = at > 100 ? at - 100 : 0;	/* of a long text the part around */
	char message[1024];
	va_list args;

	while (((unsigned char)text[from] & 0xc0) == 0x80)
		from++;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	mt_warn("-e: %s", message);
	mt_warn("    %.140s", text + from);
	mt_warn("    %*s^", (int)columns(text + from, at - from), "");
	exit(MT_USAGE);
}

/* ---- nodes ------------------------------------------------------------- */

struct expr *expr_new(enum expr_op op, struct expr *a, struct expr *b)
{
	static struct expr *made;
	struct expr *e = mt_xcalloc(1, sizeof(*e));

	e->made_before = made;
	made = e;
	e->op = op;
	e->a = a;
	e->b = b;
	e->at = in.at;
	return e;
}

struct expr *expr_with_string(enum expr_op op, struct expr *a, const char *string)
{
	struct expr *e = expr_new(op, a, NULL);

	e->string = mt_xstrdup(string);
	return e;
}

struct expr *expr_name(const char *name)
{
	return expr_with_string(EXPR_NAME, NULL, name);
}

static void add_item(struct expr *e, size_t *room, struct expr_item item)
{
	e->items = mt_xgrow(e->items, e->n_items, room, sizeof(*e->items));
	e->items[e->n_items++] = item;
}

/* ---- tokens ------------------------------------------------------------ */

static void start(const char *text)
{
	in.text = text;
	in.next = 0;
	in.depth = 0;
}

static void skip_space(void)
{
	while (isspace((unsigned char)in.text[in.next]))
		in.next++;
	in.at = in.next;
}

/* The next token is this one: takes it.  "<" is not the start of "<=". */
static bool take(const char *token)
{
	size_t len = strlen(token);

	skip_space();
	if (strncmp(in.text + in.at, token, len))
		return false;
	if (len == 1 && strchr("<>!&|=", *token) &&
	    (in.text[in.at + 1] == '=' || (in.text[in.at + 1] == *token && strchr("&|", *token))))
		return false;
	in.next += len;
	return true;
}

static bool is_word(char c, bool first)
{
	return c == '_' || (first ? isalpha((unsigned char)c) : isalnum((unsigned char)c));
}

static bool take_word(const char *word)
{
	size_t len = strlen(word);

	skip_space();
	if (strncmp(in.text + in.at, word, len) || is_word(in.text[in.at + len], false))
		return false;
	in.next += len;
	return true;
}

static void expect(const char *token)
{
	if (!take(token))
		expr_fail(in.text, in.at, "expected %s here", token);
}

/* A copy of the word that starts here, or NULL. */
static char *word(void)
{
	size_t len = 0;
	char *s;

	skip_space();
	while (is_word(in.text[in.at + len], !len))
		len++;
	if (!len)
		return NULL;
	s = mt_xmalloc(len + 1);
	memcpy(s, in.text + in.at, len);
	s[len] = 0;
	in.next += len;
	return s;
}

static bool number(uint64_t *n)
{
	const char *s;
	char *end;

	skip_space();
	s = in.text + in.at;
	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*n = strtoull(s, &end, s[0] == '0' && (s[1] | 32) == 'x' ? 16 : 10);
	if (errno || is_word(*end, false))
		expr_fail(in.text, in.at, errno ? "the number does not fit 64 bits" :
			  "not a number: decimal or 0x hex is");
	in.next = (size_t)(end - in.text);
	return true;
}

static uint64_t must_number(void)
{
	uint64_t n = 0;

	if (!number(&n))
		expr_fail(in.text, in.at, "expected a number here");
	return n;
}

static bool hex_pair(const char *s)
{
	return isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]);
}

/* "..." with \" \\ and \xNN; any other backslash stands for itself. */
static char *string(void)
{
	const char *s;
	char *copy, *to;

	skip_space();
	s = in.text + in.at;
	if (*s != '"')
		return NULL;
	copy = to = mt_xmalloc(strlen(s));
	for (s++; *s && *s != '"'; s++) {
		if (s[0] == '\\' && (s[1] == '"' || s[1] == '\\')) {
			*to++ = *++s;
		} else if (s[0] == '\\' && s[1] == 'x' && hex_pair(s + 2)) {
			char hex[3] = { s[2], s[3], 0 };

			*to++ = (char)strtoul(hex, NULL, 16);
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	if (!*s)
		expr_fail(in.text, in.at, "a string without its closing quote");
	*to = 0;
	in.next = (size_t)(s + 1 - in.text);
	return copy;
}

/* ---- productions ------------------------------------------------------- */

static struct expr *disjunction(void);

static struct expr *name(void)
{
	size_t at;
	char *s = word();
	struct expr *e;

	at = in.at;
	if (!s)
		return NULL;
	while (take(".")) {
		char *member = word(), *both;

		if (!member)
			expr_fail(in.text, in.at, "expected the name of a member here");
		both = mt_xmalloc(strlen(s) + strlen(member) + 2);
		sprintf(both, "%s.%s", s, member);
		free(s);
		free(member);
		s = both;
	}
	e = expr_name(s);
	e->at = at;
	free(s);
	return e;
}

static struct expr *value(void)
{
	struct expr *e;
	uint64_t n;
	char *s;

	if (take("(")) {
		if (++in.depth > DEEPEST)
			expr_fail(in.text, in.at, "nested too deeply");
		e = disjunction();
		expect(")");
		in.depth--;
		return e;
	}
	if (number(&n)) {
		e = expr_new(EXPR_NUMBER, NULL, NULL);
		e->number = n;
		return e;
	}
	if ((s = string())) {
		e = expr_with_string(EXPR_STRING, NULL, s);
		free(s);
		return e;
	}
	e = name();
	if (!e)
		expr_fail(in.text, in.at, in.text[in.at] ? "expected a name, a number, a string or ( here" :
			  "ends where a name, a number, a string or ( is expected");
	return e;
}

static struct expr *bits(void)
{
	struct expr *e = value();

	while (take("&")) {
		size_t at = in.at;

		e = expr_new(EXPR_BITS, e, value());
		e->at = at;
	}
	return e;
}

static struct expr *sum(void)
{
	struct expr *e = bits();

	for (;;) {
		bool plus = take("+");
		size_t at;

		if (!plus && !take("-"))
			return e;
		at = in.at;
		e = expr_new(plus ? EXPR_ADD : EXPR_SUB, e, bits());
		e->at = at;
	}
}

static struct expr_item item(void)
{
	struct expr_item i = { 0 };
	uint64_t n;

	if (!number(&i.lo)) {
		i.name = word();
		i.at = in.at;
		if (!i.name)
			expr_fail(in.text, in.at, "expected a number or a name here");
		return i;
	}
	i.hi = i.lo;
	if (take("-")) {
		i.hi = number(&n) ? n : UINT64_MAX;
	} else if (take("+")) {
		n = must_number();
		if (!n || i.lo + (n - 1) < i.lo)
			expr_fail(in.text, in.at, "no such range of 64-bit numbers");
		i.hi = i.lo + (n - 1);
	}
	if (i.hi < i.lo)
		expr_fail(in.text, in.at, "the range ends before it starts");
	return i;
}

static struct expr *set(struct expr *a)
{
	struct expr *e = expr_new(EXPR_IN, a, NULL);
	size_t room = 0;

	expect("{");
	do
		add_item(e, &room, item());
	while (take(","));
	expect("}");
	return e;
}

static struct expr *match(struct expr *a)
{
	size_t at = in.at;
	char *pattern = string();
	struct expr *e;
	regex_t *re;
	char why[128];
	int error;

	if (!pattern)
		expr_fail(in.text, in.at, "expected a pattern in double quotes here");
	e = expr_with_string(EXPR_MATCH, a, pattern);
	free(pattern);
	e->pattern = re = mt_xmalloc(sizeof(*re));
	error = regcomp(re, e->string, REG_EXTENDED | REG_NOSUB);
	if (error) {
		regerror(error, re, why, sizeof(why));
		expr_fail(in.text, in.at, "%s", why);
	}
	e->at = at;
	return e;
}

static struct expr *comparison(void)
{
	static const struct { const char *token; enum expr_op op; } ops[] = {
		{ "==", EXPR_EQ }, { "!=", EXPR_NE }, { "<=", EXPR_LE },
		{ ">=", EXPR_GE }, { "<", EXPR_LT }, { ">", EXPR_GT },
	};
	struct expr *e = sum();

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (take(ops[i].token)) {
			size_t at = in.at;

			e = expr_new(ops[i].op, e, sum());
			e->at = at;
			return e;
		}
	if (take("=~"))
		return match(e);
	if (take_word("in"))
		return set(e);
	if (take("="))
		expr_fail(in.text, in.at, "= is no operator: == compares, =~ matches");
	return e;
}

static struct expr *negation(void)
{
	struct expr *e;

	if (!take("!"))
		return comparison();
	if (++in.depth > DEEPEST)
		expr_fail(in.text, in.at, "nested too deeply");
	e = expr_new(EXPR_NOT, negation(), NULL);
	in.depth--;
	return e;
}

static struct expr *conjunction(void)
{
	struct expr *e = negation();

	while (take("&&"))
		e = expr_new(EXPR_AND, e, negation());
	return e;
}

static struct expr *disjunction(void)
{
	struct expr *e = conjunction();

	while (take("||"))
		e = expr_new(EXPR_OR, e, conjunction());
	return e;
}

struct expr *expr_parse(const char *text)
{
	struct expr *e;

	start(text);
	e = disjunction();
	skip_space();
	if (text[in.at])
		expr_fail(text, in.at, "expected an operator or the end here");
	return e;
}

/* ---- sets of options --------------------------------------------------- */

/* One item at *s: A, A-B, A- or A+LENGTH.  False when it is none. */
static bool option_item(char **s, struct expr_item *i)
{
	char *p = *s, *end;
	uint64_t n;

	for (int part = 0; part < 2; part++) {
		if (!isdigit((unsigned char)*p))
			return false;
		errno = 0;
		n = strtoull(p, &end, p[0] == '0' && (p[1] | 32) == 'x' ? 16 : 10);
		if (errno)
			return false;
		if (!part)
			i->lo = i->hi = n;
		else
			i->hi = p[-1] == '-' ? n : n ? i->lo + (n - 1) : i->lo - 1;
		p = end;
		if (part || (*p != '-' && *p != '+'))
			break;
		if (p[0] == '-' && (!p[1] || p[1] == ',')) {
			i->hi = UINT64_MAX;
			p++;
			break;
		}
		p++;
	}
	*s = p;
	return i->hi >= i->lo;
}

struct expr *expr_set(enum expr_op op, struct expr *a, const char *option, const char *text,
		      uint64_t max)
{
	struct expr *e = expr_new(op, a, NULL);
	char *s = (char *)(uintptr_t)text;
	struct expr_item i = { 0 };
	size_t room = 0;
	bool good;

	do {
		good = option_item(&s, &i) && i.lo <= max;
		add_item(e, &room, i);
	} while (good && *s == ',' && s++);
	if (!good || *s)
		mt_die(MT_USAGE, "%s: '%s' is not a set of numbers from 0 to %llu, as 0-3,7 is",
		       option, text, (unsigned long long)max);
	return e;
}
