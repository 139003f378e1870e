/* SPDX-License-Identifier: MIT */
/* Time between the first and the last record of each cpu. */
#include "../libmt/cli.h"
#include "spans.h"

uint64_t spans_cpus(const struct spans *s)
{
	return s->first.used + s->first.has_zero;
}

void spans_note(struct spans *s, const struct mt_hdr *rec)
{
	uint64_t known = spans_cpus(s), *first = mt_xtable_put(&s->first, rec->cpu);

	if (spans_cpus(s) > known)
		*first = rec->time;
	*mt_xtable_put(&s->last, rec->cpu) = rec->time;
}

static uint64_t span(uint64_t first, uint64_t last)
{
	return last > first ? last - first : 0;
}

uint64_t spans_sum(const struct spans *s)
{
	uint64_t sum = s->first.has_zero ? span(s->first.zero, s->last.zero) : 0;

	for (size_t i = 0; i < s->first.n_slots; i++) {
		const struct mt_table_slot *slot = &s->first.slots[i];
		const uint64_t *last = slot->key ? mt_table_get(&s->last, slot->key) : NULL;

		sum += last ? span(slot->value, *last) : 0;
	}
	return sum;
}

void spans_release(struct spans *s)
{
	mt_table_release(&s->first);
	mt_table_release(&s->last);
}
