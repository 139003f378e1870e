/* SPDX-License-Identifier: MIT */
/* The sum over all cpus of what each has executed since its first record. */
#include "mt_clock.h"

int mt_clock_note(struct mt_clock *c, const struct mt_hdr *rec)
{
	uint64_t *last;

	if (rec->kind == MT_KIND_begin)
		mt_table_release(&c->times);
	/* begin and end are of no cpu; definitions and reports come when they come */
	if (rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end || !rec->time)
		return 0;
	last = mt_table_put(&c->times, rec->cpu);
	if (!last)
		return -1;
	if (*last && rec->time > *last && rec->time - *last <= UINT64_MAX / 2 - c->now)
		c->now += rec->time - *last;
	if (rec->time > *last)
		*last = rec->time;
	return 0;
}

void mt_clock_release(struct mt_clock *c)
{
	mt_table_release(&c->times);
	c->now = 0;
}
