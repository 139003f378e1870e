/* SPDX-License-Identifier: MIT */
/*
 * mkrec: text to records, the inverse of mt-totext --raw.
 *
 *   access cpu=3 time=10 addr=0x10 width=8 flags=store+moved
 *   label addr=0x1000 bytes=64 op=alloc name="a \x22 b"
 *   777 size=24 cpu=3 data=00ff
 *
 * Fields that are not named are 0 (begin: version=1 line=64).  A missing begin
 * and end are added unless -r is given; end counts records unless it says so.
 * # starts a comment line.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../filters/libmt/cli.h"

static unsigned long line_number;
static uint64_t records;

static void emit(const struct mt_hdr *rec)
{
	if (fwrite(rec, rec->size, 1, stdout) != 1)
		mt_die(MT_FAIL, "standard output: write failed");
	records = rec->kind == MT_KIND_begin ? 1 : records + 1;
}

/* The next word at *s, in place: unquoted and unescaped; NULL at the end. */
static char *next_word(char **s, char **value)
{
	char *p = *s, *word, *to;
	bool quoted = false;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return NULL;
	word = to = p;
	*value = NULL;
	for (; *p && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"') {
			quoted = !quoted;
		} else if (*p == '=' && !*value) {
			*to++ = 0;
			*value = to;
		} else if (p[0] == '\\' && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
			   isxdigit((unsigned char)p[3])) {
			char hex[3] = { p[2], p[3], 0 };

			*to++ = (char)strtoul(hex, NULL, 16);
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*s = *p ? p + 1 : p;
	*to = 0;
	return word;
}

static uint64_t parse_value(const struct mt_field_info *f, char *text)
{
	uint64_t sum = 0;

	for (char *word = strtok(text, "+"); word; word = strtok(NULL, "+")) {
		const struct mt_value *v = f->values;

		while (v && v->name && strcmp(v->name, word))
			v++;
		if (v && v->name)
			sum |= v->number;
		else
			sum |= mt_number(f->name, word, UINT64_MAX);
	}
	return sum;
}

static void known(const struct mt_type *t, char *rest)
{
	static _Alignas(8) unsigned char fixed[4096], buf[MT_RECORD_MAX];
	const char *strings[8] = { 0 };
	struct mt_hdr *h = (struct mt_hdr *)fixed;
	char *word, *value;
	bool counted = false;

	memset(fixed, 0, sizeof(fixed));
	h->kind = t->kind;
	if (t->kind == MT_KIND_begin) {
		((struct mt_begin *)fixed)->version = 1;
		((struct mt_begin *)fixed)->line = 64;
	}
	while ((word = next_word(&rest, &value))) {
		const struct mt_field_info *f = mt_field_find(t, word);
		uint64_t n;

		if (!f || !value)
			mt_die(MT_USAGE, "line %lu: %s has no field '%s'", line_number, t->name, word);
		if (f->show == MT_SHOW_STRING) {
			strings[f->offset] = value;
			continue;
		}
		n = parse_value(f, value);
		memcpy(fixed + f->offset, &n, f->width);	/* little-endian */
		counted |= !strcmp(word, "records");
	}
	if (t->kind == MT_KIND_end && !counted)
		((struct mt_end *)fixed)->records = records;
	emit(mt_build(buf, fixed, strings));
}

static void unknown(unsigned kind, char *rest)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX + 64];
	struct mt_hdr *h = (struct mt_hdr *)buf;
	char *word, *value;

	memset(buf, 0, sizeof(buf));
	*h = (struct mt_hdr){ .kind = (uint16_t)kind, .size = sizeof(*h) };
	while ((word = next_word(&rest, &value))) {
		if (!value)
			mt_die(MT_USAGE, "line %lu: '%s' has no value", line_number, word);
		if (!strcmp(word, "size"))
			h->size = (uint16_t)mt_number(word, value, MT_RECORD_MAX);
		else if (!strcmp(word, "cpu"))
			h->cpu = (uint32_t)mt_number(word, value, UINT32_MAX);
		else if (!strcmp(word, "time"))
			h->time = mt_number(word, value, UINT64_MAX);
		else if (!strcmp(word, "data"))
			for (size_t i = 0; value[2 * i] && value[2 * i + 1]; i++) {
				char hex[3] = { value[2 * i], value[2 * i + 1], 0 };

				buf[sizeof(*h) + i] = (unsigned char)strtoul(hex, NULL, 16);
			}
	}
	emit(h);
}

int main(int argc, char **argv)
{
	static char line[1 << 18];
	bool raw = argc > 1 && !strcmp(argv[1], "-r");
	bool open = false;

	mt_start(argv);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line, *value, *word;
		const struct mt_type *t;

		line_number++;
		word = next_word(&rest, &value);
		if (!word || word[0] == '#')
			continue;
		t = mt_type_find(word);
		if (!raw && !open && !(t && t->kind == MT_KIND_begin)) {
			char none[] = "";

			known(mt_type_find("begin"), none);
		}
		open = true;
		if (t && t->kind == MT_KIND_end)
			open = false;
		if (t)
			known(t, rest);
		else
			unknown((unsigned)mt_number("kind", word, 65535), rest);
	}
	if (!raw && open) {
		char none[] = "";

		known(mt_type_find("end"), none);
	}
	return fflush(stdout) ? MT_FAIL : MT_OK;
}
