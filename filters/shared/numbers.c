/* SPDX-License-Identifier: MIT */
/* Sets of numbers, and as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../libmt/cli.h"
#include "numbers.h"

void numbers_add(struct numbers *s, uint64_t number)
{
	if (s->n && s->of[s->n - 1] == number)	/* mostly; the rest is for numbers_unique */
		return;
	s->of = mt_xgrow(s->of, s->n, &s->room, sizeof(*s->of));
	s->of[s->n++] = number;
}

static int by_number(const void *pa, const void *pb)
{
	const uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

size_t numbers_unique(struct numbers *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->of, s->n, sizeof(*s->of), by_number);
	for (size_t i = 0; i < s->n; i++)
		if (!n || s->of[n - 1] != s->of[i])
			s->of[n++] = s->of[i];
	s->n = n;
	return n;
}

void numbers_text(const struct numbers *s, char text[NUMBERS_TEXT])
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0, last; i < s->n; i = last + 1) {
		for (last = i; last + 1 < s->n && s->of[last + 1] == s->of[last] + 1;)
			last++;
		if (used > NUMBERS_TEXT - 32) {
			strcpy(text + used, ",...");
			return;
		}
		used += (size_t)sprintf(text + used, "%s%u", used ? "," : "", (unsigned)s->of[i]);
		if (last > i)
			used += (size_t)sprintf(text + used, "-%u", (unsigned)s->of[last]);
	}
}
