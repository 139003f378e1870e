/* SPDX-License-Identifier: MIT */
/* The table of one worker, and its runs. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../bench.h"
#include "index.h"

/* In the table's memory, at multiples of 4.  Blocks of a word double in size. */
struct block {
	uint32_t next, used, size;
	struct posting posting[];
};

struct word {
	uint32_t first, last;		/* blocks */
	uint32_t postings, length;
	char text[];
};

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die("table");
	return p;
}

/* A quarter of the memory is slots; offset 0 stays free, it says none. */
static void table_clear(struct table *t)
{
	t->used = 4;
	t->words = 0;
	memset(t->slot, 0, t->slots * sizeof(*t->slot));
}

void table_init(struct table *t, uint32_t bytes, const char *prefix)
{
	memset(t, 0, sizeof(*t));
	for (t->slots = 1; t->slots * 2 * sizeof(*t->slot) <= bytes / 4; t->slots *= 2)
		;
	t->bytes = bytes - t->slots * (uint32_t)sizeof(*t->slot);
	t->slot = map(t->slots * sizeof(*t->slot));
	t->memory = map(t->bytes);
	snprintf(t->prefix, sizeof(t->prefix), "%s", prefix);
	table_clear(t);
}

void table_release(struct table *t)
{
	munmap(t->slot, t->slots * sizeof(*t->slot));
	munmap(t->memory, t->bytes);
}

static void *at(const struct table *t, uint32_t offset)
{
	return t->memory + offset;
}

/* Bytes of the table's memory; 0 when it is full. */
static uint32_t take(struct table *t, size_t bytes)
{
	uint32_t offset = t->used;

	bytes = (bytes + 3) & ~(size_t)3;
	if (bytes > t->bytes - t->used)
		return 0;
	t->used += (uint32_t)bytes;
	return offset;
}

static uint32_t new_block(struct table *t, uint32_t size)
{
	uint32_t offset = take(t, sizeof(struct block) + size * sizeof(struct posting));

	if (offset)
		*(struct block *)at(t, offset) = (struct block){ .size = size };
	return offset;
}

static uint32_t hash(const char *word, size_t length)
{
	uint32_t h = 2166136261u;		/* FNV-1a */

	while (length--)
		h = (h ^ (unsigned char)*word++) * 16777619u;
	return h;
}

/* The slot of a word: it, or the empty one where it belongs. */
static uint32_t *find(const struct table *t, const char *word, size_t length)
{
	uint32_t i = hash(word, length) & (t->slots - 1);

	while (t->slot[i]) {
		const struct word *w = at(t, t->slot[i]);

		if (w->length == length && !memcmp(w->text, word, length))
			break;
		i = (i + 1) & (t->slots - 1);
	}
	return &t->slot[i];
}

/* Both return 0 when the table is full. */
static uint32_t new_word(struct table *t, const char *text, size_t length)
{
	uint32_t offset, first = new_block(t, 4);
	struct word *w;

	if (!first || t->words > t->slots / 4 * 3)
		return 0;
	offset = take(t, sizeof(*w) + length);
	if (!offset)
		return 0;
	w = at(t, offset);
	*w = (struct word){ .first = first, .last = first, .length = (uint32_t)length };
	memcpy(w->text, text, length);
	t->words++;
	return offset;
}

static int append(struct table *t, struct word *w, struct posting p)
{
	struct block *b = at(t, w->last);

	if (b->used == b->size) {
		uint32_t next = new_block(t, b->size < 1024 ? 2 * b->size : b->size);

		if (!next)
			return 0;
		w->last = b->next = next;
		b = at(t, next);
	}
	b->posting[b->used++] = p;
	w->postings++;
	return 1;
}

void table_add(struct table *t, const char *word, size_t length, struct posting p)
{
	uint32_t *slot = find(t, word, length);

	if (!*slot)
		*slot = new_word(t, word, length);
	if (!*slot || !append(t, at(t, *slot), p)) {
		table_flush(t);
		slot = find(t, word, length);
		*slot = new_word(t, word, length);
		append(t, at(t, *slot), p);
	}
	t->postings++;
}

/* ---- runs ------------------------------------------------------------------- */

static int by_text(const void *a, const void *b, void *memory)
{
	const struct word *u = (void *)((char *)memory + *(const uint32_t *)a);
	const struct word *v = (void *)((char *)memory + *(const uint32_t *)b);
	int order = memcmp(u->text, v->text, u->length < v->length ? u->length : v->length);

	return order ? order : (u->length > v->length) - (u->length < v->length);
}

static void write_word(const struct table *t, const struct word *w, FILE *f)
{
	struct run_header h = { w->length, w->postings };
	const struct block *b;
	uint32_t i;

	fwrite(&h, sizeof(h), 1, f);
	fwrite(w->text, 1, w->length, f);
	for (i = w->first; i; i = b->next) {
		b = at(t, i);
		fwrite(b->posting, sizeof(*b->posting), b->used, f);
	}
}

void table_flush(struct table *t)
{
	char path[sizeof(t->prefix) + 16];
	uint32_t i, n = 0;
	FILE *f;

	if (!t->words)
		return;
	for (i = 0; i < t->slots; i++)
		if (t->slot[i])
			t->slot[n++] = t->slot[i];
	qsort_r(t->slot, n, sizeof(*t->slot), by_text, t->memory);
	snprintf(path, sizeof(path), "%s.%d", t->prefix, t->runs++);
	f = fopen(path, "w");
	if (!f)
		bench_die("%s", path);
	for (i = 0; i < n; i++)
		write_word(t, at(t, t->slot[i]), f);
	if (ferror(f) | fclose(f))
		bench_die("%s", path);
	table_clear(t);
}
