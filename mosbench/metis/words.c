/* SPDX-License-Identifier: MIT */
/* Word count and inverted index. */
#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "app.h"

/* The next word from at on; its length, 0 at the end. */
static size_t next_word(const char *text, size_t bytes, size_t *at)
{
	size_t end;

	while (*at < bytes && !mr_in_word(text[*at]))
		++*at;
	for (end = *at; end < bytes && mr_in_word(text[end]); end++)
		;
	return end - *at;
}

static void count_words(struct mr_worker *w, const char *text, size_t bytes)
{
	size_t at, length;

	for (at = 0; (length = next_word(text, bytes, &at)); at += length)
		mr_emit(w, text + at, length, 1);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b;
}

/* A place is the word's address; print makes an offset of it. */
static void place_words(struct mr_worker *w, const char *text, size_t bytes)
{
	size_t at, length;

	for (at = 0; (length = next_word(text, bytes, &at)); at += length)
		mr_emit(w, text + at, length, (uintptr_t)(text + at));
}

/* ---- the result --------------------------------------------------------------- */

static int order(const char *word, size_t length, const struct mr_pair *p)
{
	int o = memcmp(word, p->text, length < p->length ? length : p->length);

	return o ? o : (length > p->length) - (length < p->length);
}

/* The pair of a word; job->pairs if there is none. */
static size_t look_up(const struct mr_job *job, const char *word, size_t length)
{
	size_t low = 0, high = job->pairs;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int o = order(word, length, job->pair[middle]);

		if (!o)
			return middle;
		if (o < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return job->pairs;
}

/* Each word of the input is the next one of its pair, and in the end all are met. */
static bool words_right(const struct mr_job *job)
{
	uint64_t *met = bench_alloc(NULL, job->pairs, sizeof(*met));
	bool right = true;
	size_t at, length, i;

	memset(met, 0, job->pairs * sizeof(*met));
	for (at = 0; right && (length = next_word(job->input, job->bytes, &at)); at += length) {
		i = look_up(job, job->input + at, length);
		right = i < job->pairs && met[i] < job->pair[i]->values &&
			(job->combine || job->pair[i]->kept[met[i]] == (uintptr_t)(job->input + at));
		if (right)
			met[i]++;
	}
	for (i = 0; i < job->pairs && right; i++)
		right = met[i] == job->pair[i]->values &&
			(!job->combine || job->pair[i]->value == met[i]) &&
			(!i || order(job->pair[i]->text, job->pair[i]->length, job->pair[i - 1]) > 0);
	free(met);
	return right;
}

static void print_counts(const struct mr_job *job, FILE *f)
{
	size_t i;

	for (i = 0; i < job->pairs; i++)
		fprintf(f, "%llu %.*s\n", (unsigned long long)job->pair[i]->value,
			(int)job->pair[i]->length, job->pair[i]->text);
}

static void print_places(const struct mr_job *job, FILE *f)
{
	size_t i;
	uint64_t j;

	for (i = 0; i < job->pairs; i++)
		for (j = 0; j < job->pair[i]->values; j++)
			fprintf(f, "%.*s %llu\n", (int)job->pair[i]->length, job->pair[i]->text,
				(unsigned long long)(job->pair[i]->kept[j] - (uintptr_t)job->input));
}

const struct app word_apps[] = {
	{ .name = "wrmem", .what = "inverted index of a text: where is each word", .ops = 4096,
	  .job = { .map = place_words }, .right = words_right, .print = print_places },
	{ .name = "wordcount", .what = "how often is each word in a text", .ops = 4096,
	  .job = { .map = count_words, .combine = add }, .right = words_right,
	  .print = print_counts },
	{ .name = NULL }
};
