/* SPDX-License-Identifier: MIT */
/* Objects by address and by id, from their definitions. */
#include <stdlib.h>

#include "../libmt/cli.h"
#include "defined.h"

struct place {
	struct mt_extent extent;
	uint32_t id;
};

static void gone(void *arg, struct mt_extent *e)
{
	(void)arg;
	free(e);
}

static void forget(struct defined *d)
{
	if (d->ready)
		mt_objects_release(&d->map);
	mt_objects_init(&d->map, gone, NULL);
	mt_table_release(&d->names);
	d->ready = true;
}

static void add(struct defined *d, const struct mt_object *o, struct mt_intern *names)
{
	const char *name = mt_string(&o->hdr, 0), *ctype = mt_string(&o->hdr, 1);
	struct place *p = mt_xcalloc(1, sizeof(*p));

	*mt_xtable_put(&d->names, o->id) = mt_xintern_string(names, *ctype ? ctype : name) + 1;
	*p = (struct place){
		.extent = { o->addr, o->bytes, o->process, (uint16_t)mt_layer_of(o->storage), 0 },
		.id = o->id
	};
	if (mt_objects_put(&d->map, &p->extent) < 0)
		mt_die(MT_FAIL, "out of memory");
}

void defined_note(struct defined *d, const struct mt_hdr *rec, struct mt_intern *names)
{
	if (rec->kind == MT_KIND_begin)
		forget(d);
	else if (rec->kind == MT_KIND_object)
		add(d, (const struct mt_object *)rec, names);
}

uint32_t defined_at(const struct defined *d, uint32_t process, uint64_t addr)
{
	for (int layer = MT_LAYERS; layer--;) {
		struct mt_extent *e = mt_objects_at(&d->map, (enum mt_layer)layer, process, addr);

		if (e)
			return ((struct place *)e)->id;
	}
	return 0;
}

uint32_t defined_name(const struct defined *d, uint32_t id)
{
	const uint64_t *name = mt_table_get(&d->names, id);

	return name ? (uint32_t)*name - 1 : 0;
}
