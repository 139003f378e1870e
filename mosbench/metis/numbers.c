/* SPDX-License-Identifier: MIT */
/* Histogram, linear regression, matrix multiply. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "app.h"

static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b;
}

/* Bytes that are not too regular. */
static void fill_bytes(char *input, size_t bytes)
{
	uint64_t x = 1;
	size_t i;

	for (i = 0; i < bytes; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		input[i] = (char)((x >> 57) + (x >> 59));
	}
}

static void print_sums(const struct mr_job *job, FILE *f)
{
	size_t i;

	for (i = 0; i < job->pairs; i++)
		fprintf(f, "%.*s %llu\n", (int)job->pair[i]->length, job->pair[i]->text,
			(unsigned long long)job->pair[i]->value);
}

/* ---- histogram: pixels of three bytes; keys are like r17 --------------------------- */

#define COLOURS 3
#define LEVELS  256

static char level_keys[COLOURS][LEVELS][16];

static void make_level_keys(void)
{
	for (int c = 0; c < COLOURS; c++)
		for (int i = 0; i < LEVELS; i++)
			snprintf(level_keys[c][i], sizeof(level_keys[c][i]), "%c%d", "rgb"[c], i);
}

static const char *level_key(int colour, int level)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_level_keys);
	return level_keys[colour][level];
}

static void count_levels(uint64_t (*count)[LEVELS], const char *input, size_t bytes)
{
	size_t i;

	memset(count, 0, COLOURS * sizeof(*count));
	for (i = 0; i + COLOURS <= bytes; i += COLOURS)
		for (int c = 0; c < COLOURS; c++)
			count[c][(unsigned char)input[i + (size_t)c]]++;
}

static void map_pixels(struct mr_worker *w, const char *input, size_t bytes)
{
	uint64_t count[COLOURS][LEVELS];

	count_levels(count, input, bytes);
	for (int c = 0; c < COLOURS; c++)
		for (int i = 0; i < LEVELS; i++)
			if (count[c][i])
				mr_emit(w, level_key(c, i), strlen(level_key(c, i)), count[c][i]);
}

static bool histogram_right(const struct mr_job *job)
{
	uint64_t count[COLOURS][LEVELS];
	size_t used = 0, i;

	count_levels(count, job->input, job->bytes);
	for (int c = 0; c < COLOURS; c++)
		for (int j = 0; j < LEVELS; j++)
			used += count[c][j] != 0;
	for (i = 0; i < job->pairs; i++) {
		const char *key = job->pair[i]->text;

		if (job->pair[i]->value != count[strchr("rgb", *key) - "rgb"][atoi(key + 1)])
			return false;
	}
	return job->pairs == used;
}

/* ---- linear regression: points of two bytes ---------------------------------------- */

static const char *const sums[] = { "n", "x", "xx", "xy", "y", "yy" };
#define SUMS (sizeof(sums) / sizeof(*sums))

static void sum_points(uint64_t sum[SUMS], const char *input, size_t bytes)
{
	size_t i;

	memset(sum, 0, SUMS * sizeof(*sum));
	for (i = 0; i + 2 <= bytes; i += 2) {
		uint64_t x = (unsigned char)input[i], y = (unsigned char)input[i + 1];

		sum[0]++;
		sum[1] += x;
		sum[2] += x * x;
		sum[3] += x * y;
		sum[4] += y;
		sum[5] += y * y;
	}
}

static void map_points(struct mr_worker *w, const char *input, size_t bytes)
{
	uint64_t sum[SUMS];
	size_t i;

	sum_points(sum, input, bytes);
	for (i = 0; i < SUMS; i++)
		mr_emit(w, sums[i], strlen(sums[i]), sum[i]);
}

static bool regression_right(const struct mr_job *job)
{
	uint64_t sum[SUMS];
	size_t i;

	sum_points(sum, job->input, job->bytes);
	for (i = 0; i < job->pairs && i < SUMS; i++)
		if (strcmp(job->pair[i]->text, sums[i]) != 0 || job->pair[i]->value != sum[i])
			return false;
	return job->pairs == SUMS;
}

static void print_regression(const struct mr_job *job, FILE *f)
{
	double s[SUMS], slope;
	size_t i;

	print_sums(job, f);
	for (i = 0; i < SUMS; i++)
		s[i] = (double)job->pair[i]->value;
	slope = (s[0] * s[3] - s[1] * s[4]) / (s[0] * s[2] - s[1] * s[1]);
	fprintf(f, "slope %.6f\nintercept %.6f\n", slope, (s[4] - slope * s[1]) / s[0]);
}

/* ---- matrix multiply: nothing is emitted, each row is a unit -------------------------- */

static struct {
	uint32_t *a, *b, *product;
	size_t n;
} matrix;

/* By formulas, so that anyone can have the same. */
static void prepare_matrix(struct mr_job *job, long ops)
{
	size_t n = (size_t)ops, i, j;

	matrix.n = n;
	matrix.a = bench_alloc(NULL, n * n, sizeof(*matrix.a));
	matrix.b = bench_alloc(NULL, n * n, sizeof(*matrix.b));
	matrix.product = bench_alloc(NULL, n * n, sizeof(*matrix.product));
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			matrix.a[i * n + j] = (uint32_t)((7 * i + 3 * j) % 10);
			matrix.b[i * n + j] = (uint32_t)((5 * i + j) % 11);
			matrix.product[i * n + j] = 0;
		}
	job->input = (const char *)matrix.a;
	job->bytes = n * n * sizeof(*matrix.a);
	job->unit = n * sizeof(*matrix.a);
}

static void map_rows(struct mr_worker *w, const char *input, size_t bytes)
{
	size_t n = matrix.n, j, k;
	const uint32_t *row = (const uint32_t *)(const void *)input, *end = row + bytes / sizeof(*row);
	uint32_t *out = matrix.product + (row - matrix.a);

	(void)w;
	for (; row < end; row += n, out += n) {
		memset(out, 0, n * sizeof(*out));
		for (k = 0; k < n; k++)
			for (j = 0; j < n; j++)
				out[j] += row[k] * matrix.b[k * n + j];
	}
}

static bool product_right(const struct mr_job *job)
{
	size_t n = matrix.n, i, j, k;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			uint32_t sum = 0;

			for (k = 0; k < n; k++)
				sum += matrix.a[i * n + k] * matrix.b[k * n + j];
			if (sum != matrix.product[i * n + j])
				return false;
		}
	return job->pairs == 0;
}

static void print_product(const struct mr_job *job, FILE *f)
{
	size_t i;

	(void)job;
	for (i = 0; i < matrix.n * matrix.n; i++)
		fprintf(f, "%u%c", matrix.product[i], (i + 1) % matrix.n ? ' ' : '\n');
}

const struct app number_apps[] = {
	{ .name = "histogram", .what = "how often has each colour each level, in pixels", .ops = 4096,
	  .job = { .map = map_pixels, .combine = add, .unit = COLOURS },
	  .fill = fill_bytes, .right = histogram_right, .print = print_sums },
	{ .name = "regression", .what = "the line through points", .ops = 4096,
	  .job = { .map = map_points, .combine = add, .unit = 2 },
	  .fill = fill_bytes, .right = regression_right, .print = print_regression },
	{ .name = "matrix", .what = "the product of two matrices", .ops = 200,
	  .job = { .map = map_rows }, .prepare = prepare_matrix, .right = product_right,
	  .print = print_product },
	{ .name = NULL }
};
