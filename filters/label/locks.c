/* SPDX-License-Identifier: MIT */
/* What a lock is called: its class. */
#include <stdio.h>

#include "label.h"

const char *label_lock_class(struct label_set *s, uint32_t process, uint64_t addr,
			     const char *kind)
{
	struct object *o = label_object_at(s, process, addr);
	char path[512], name[1024];
	struct sym_type *t;

	if (!o)
		return kind;
	t = o->type ? sym_lock(o->type, label_offset(o, addr), path, sizeof(path)) : NULL;
	if (t && *path)
		snprintf(name, sizeof(name), "%s.%s", t->own_name, path);
	else if (o->storage == MT_storage_static || (o->storage == MT_storage_percpu && o->type))
		snprintf(name, sizeof(name), addr == o->extent.addr ? "%s" : "%s+0x%llx", o->name,
			 (unsigned long long)(addr - o->extent.addr));
	else if (o->storage == MT_storage_heap && label_is_kernel(o) && !sym_cache_general(o->name))
		snprintf(name, sizeof(name), "%s+0x%llx", o->name,
			 (unsigned long long)(addr - o->extent.addr));
	else
		return kind;
	return label_intern(s, name);
}
