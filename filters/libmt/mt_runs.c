/* SPDX-License-Identifier: MIT */
/* The runs of a stream, from its mode records. */
#include <stdlib.h>
#include <string.h>

#include "mt_runs.h"

/* Another mode under the same name goes on with the run. */
static int change_by_mode(const struct mt_runs *r, const struct mt_mode *m)
{
	int ends = r->on ? MT_RUN_ENDS : 0;

	if (m->mode == MT_mode_off)
		return ends;
	if (r->on && !strcmp(r->name, mt_string(&m->hdr, 0)))
		return 0;
	return ends | MT_RUN_BEGINS;
}

int mt_runs_change(const struct mt_runs *r, const struct mt_hdr *rec)
{
	int ends = r->on ? MT_RUN_ENDS : 0;

	switch (rec->kind) {
	case MT_KIND_begin:
		return ends | (((const struct mt_begin *)rec)->mode != MT_mode_off ?
			       MT_RUN_BEGINS : 0);
	case MT_KIND_end:
		return ends;
	case MT_KIND_mode:
		return change_by_mode(r, (const struct mt_mode *)rec);
	}
	return 0;
}

static int set_name(struct mt_runs *r, const char *name)
{
	free(r->name);
	r->name = strdup(name);
	return r->name ? 0 : -1;
}

int mt_runs_note(struct mt_runs *r, const struct mt_hdr *rec)
{
	int change = mt_runs_change(r, rec);

	if (rec->kind == MT_KIND_begin) {
		r->mode = ((const struct mt_begin *)rec)->mode;
		r->number = 0;
		if (set_name(r, "") < 0)
			return -1;
	} else if (rec->kind == MT_KIND_mode) {
		r->mode = (uint32_t)((const struct mt_mode *)rec)->mode;
		if ((change & MT_RUN_BEGINS) && set_name(r, mt_string(rec, 0)) < 0)
			return -1;
	}
	r->number += (change & MT_RUN_BEGINS) != 0;
	if (change)
		r->on = change & MT_RUN_BEGINS;
	return change;
}

void mt_runs_release(struct mt_runs *r)
{
	free(r->name);
	*r = (struct mt_runs){ 0 };
}
