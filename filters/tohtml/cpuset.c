/* SPDX-License-Identifier: MIT */
/* Sets of cpus as reports write them: 0-3,7. */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define RANGES 1024			/* of a set; more are left out */

struct range { uint64_t first, last; };

static struct range ranges[RANGES];
static size_t n_ranges;

static void add(const char *set)
{
	char *end;

	for (; *set >= '0' && *set <= '9' && n_ranges < RANGES; set = end + (*end == ',')) {
		struct range *r = &ranges[n_ranges++];

		r->first = r->last = strtoull(set, &end, 10);
		if (*end == '-')
			r->last = strtoull(end + 1, &end, 10);
	}
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct range *)a)->first, y = ((const struct range *)b)->first;

	return x < y ? -1 : x > y;
}

static void join(void)
{
	size_t n = 0;

	if (n_ranges)
		qsort(ranges, n_ranges, sizeof(ranges[0]), by_first);
	for (size_t i = 0; i < n_ranges; i++)
		if (!n || ranges[i].first > ranges[n - 1].last + 1)
			ranges[n++] = ranges[i];
		else if (ranges[i].last > ranges[n - 1].last)
			ranges[n - 1].last = ranges[i].last;
	n_ranges = n;
}

char *cpus_union(char *a, const char *b)
{
	struct mt_out *o;

	if (!strcmp(a, b))
		return a;
	n_ranges = 0;
	add(a);
	add(b);
	join();
	free(a);
	o = html_scratch();
	for (size_t i = 0; i < n_ranges; i++) {
		mt_out_str(o, i ? "," : "");
		mt_out_dec(o, ranges[i].first);
		if (ranges[i].last == ranges[i].first)
			continue;
		mt_out_char(o, '-');
		mt_out_dec(o, ranges[i].last);
	}
	return html_take(o);
}
