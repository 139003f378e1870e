/* SPDX-License-Identifier: MIT */
/* Sets of numbers of a row: its lines, its cpus. */
#ifndef MT_SHARED_NUMBERS_H
#define MT_SHARED_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* Grows by numbers_add; zero-initialise it. */
struct numbers {
	uint64_t *of;
	size_t n, room;
};

void numbers_add(struct numbers *s, uint64_t number);

/* Sorts them and leaves each once; their count. */
size_t numbers_unique(struct numbers *s);

/* Room for two texts in a record; a longer one ends in ",...". */
#define NUMBERS_TEXT 16384

/* Numbers that are sorted and unique as 0-3,7. */
void numbers_text(const struct numbers *s, char text[NUMBERS_TEXT]);

#endif
