/* SPDX-License-Identifier: MIT */
/* The member of a type that is the lock at an offset: names the lock's class. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "types.h"

/* Types may contain themselves: damaged DWARF. */
#define DEPTH_MAX 32
#define STEPS_MAX 4096

struct search { char *path; size_t room; unsigned steps; };

/* Linux's and the C library's; a lock inside of another one (struct mutex) begins behind its start. */
static bool is_lock(const struct sym_type *t)
{
	static const char *const names[] = {
		"struct spinlock", "struct raw_spinlock", "rwlock_t", "struct mutex",
		"struct rw_semaphore", "struct semaphore", "struct percpu_rw_semaphore",
		"struct rt_mutex", "struct qspinlock", "struct qrwlock", "pthread_mutex_t",
		"pthread_rwlock_t", "pthread_spinlock_t",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(t->own_name, names[i]) || !strcmp(t->name, names[i]))
			return true;
	return false;
}

static void __attribute__((format(printf, 3, 4))) write_at(struct search *s, size_t at,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (at < s->room)
		vsnprintf(s->path + at, s->room - at, format, args);
	va_end(args);
}

static bool down(struct search *s, struct sym_type *t, uint64_t offset, unsigned depth);

static bool in_array(struct search *s, struct sym_type *t, uint64_t offset, unsigned depth)
{
	uint64_t each = t->element->bytes;
	size_t len = strlen(s->path);

	if (!each)
		return false;
	if (t->flexible || t->n_elements > SYM_INDEX_MAX)
		write_at(s, len, "[]");
	else
		write_at(s, len, "[%" PRIu64 "]", offset / each);
	return down(s, t->element, offset % each, depth);
}

static bool in_members(struct search *s, struct sym_type *t, uint64_t offset, unsigned depth)
{
	size_t len = strlen(s->path);

	for (size_t i = 0; i < t->n_members && t->members[i].offset <= offset; i++) {
		const struct sym_member *m = &t->members[i];
		bool open = m->type->kind == SYM_ARRAY && m->type->flexible;

		if (m->bit_field || (offset - m->offset >= m->bytes && !open))
			continue;
		if (*m->name)
			write_at(s, len, "%s%s", len ? "." : "", m->name);
		if (down(s, m->type, offset - m->offset, depth))
			return true;
		s->path[len] = 0;
	}
	return false;
}

static bool down(struct search *s, struct sym_type *t, uint64_t offset, unsigned depth)
{
	if (depth > DEPTH_MAX || !s->steps)
		return false;
	s->steps--;
	sym_type_open(t);
	if (!offset && is_lock(t))
		return true;
	if (t->kind == SYM_ARRAY)
		return in_array(s, t, offset, depth + 1);
	return t->kind != SYM_OPAQUE && in_members(s, t, offset, depth + 1);
}

struct sym_type *sym_lock(struct sym_type *t, uint64_t offset, char *path, size_t room)
{
	struct search s = { path, room, STEPS_MAX };

	*path = 0;
	for (unsigned depth = 0; t->kind == SYM_ARRAY && t->element->bytes && depth < DEPTH_MAX; depth++) {
		offset %= t->element->bytes;
		t = t->element;
	}
	return down(&s, t, offset, 0) ? t : NULL;
}
