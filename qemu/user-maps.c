/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User mode: the files that a program has mapped. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user.h"

static void put_map(const struct mapping *m)
{
	struct mt_map r = {
		.hdr.kind = MT_KIND_map, .addr = m->start, .bytes = m->end - m->start,
		.offset = m->offset, .process = tracer.process, .op = MT_map_op_map,
	};
	const char *strings[] = { m->file->path, m->file->build_id };

	user_put(&r.hdr, strings);
}

static void put_unmap(uint64_t start, uint64_t end)
{
	struct mt_map r = {
		.hdr.kind = MT_KIND_map, .addr = start, .bytes = end - start,
		.process = tracer.process, .op = MT_map_op_unmap,
	};
	const char *strings[] = { "", "" };

	user_put(&r.hdr, strings);
}

static void file_drop(struct file *f)
{
	if (--f->used)
		return;
	free(f->path);
	free(f);
}

/* The file behind descriptor fd, known as path; NULL if it is not a regular file. */
static struct file *file_get(int fd, const char *path)
{
	struct stat st;
	struct file *f;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	for (size_t i = user.n_maps; i-- > 0; ) {
		f = user.maps[i].file;
		if (f->ino == st.st_ino && f->dev == st.st_dev && !strcmp(f->path, path)) {
			f->used++;
			return f;
		}
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->used = 1;
	elf_build_id(fd, f->build_id);
	return f;
}

/* The first mapping that ends after addr. */
static size_t map_find(uint64_t addr)
{
	size_t low = 0, high = user.n_maps;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (user.maps[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void map_insert(size_t i, struct mapping m)
{
	user.maps = user_more(user.maps, user.n_maps, &user.room_maps, sizeof(*user.maps));
	memmove(&user.maps[i + 1], &user.maps[i], (user.n_maps - i) * sizeof(*user.maps));
	user.maps[i] = m;
	user.n_maps++;
}

/* Takes the range out of what is mapped; true if there was anything. */
static bool map_carve(uint64_t start, uint64_t end)
{
	size_t i = map_find(start);
	bool any = false;

	while (i < user.n_maps && user.maps[i].start < end) {
		struct mapping *m = &user.maps[i];
		struct mapping rest = *m;

		any = true;
		rest.offset += end - m->start;
		rest.start = end;
		if (m->start < start) {
			m->end = start;
			if (rest.end > end) {
				rest.file->used++;
				map_insert(i + 1, rest);
			}
			i++;
		} else if (m->end > end) {
			*m = rest;
		} else {
			file_drop(m->file);
			user.n_maps--;
			memmove(m, m + 1, (user.n_maps - i) * sizeof(*m));
		}
	}
	return any;
}

/* Takes over the caller's use of the file. */
static void map_add(uint64_t start, uint64_t bytes, uint64_t offset, struct file *f)
{
	struct mapping m = {
		.start = start, .end = (start + bytes + PAGE - 1) & -(uint64_t)PAGE,
		.offset = offset, .file = f,
	};

	if (m.end <= m.start) {
		file_drop(f);
		return;
	}
	map_carve(m.start, m.end);
	map_insert(map_find(m.start), m);
	put_map(&m);
}

void user_map_remove(uint64_t start, uint64_t bytes)
{
	uint64_t end = (start + bytes + PAGE - 1) & -(uint64_t)PAGE;

	if (end > start && map_carve(start, end))
		put_unmap(start, end);
}

void user_map_fd(uint64_t start, uint64_t bytes, int fd, uint64_t offset)
{
	char link[32], path[PATH_MAX];
	struct file *f;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return;
	path[len] = 0;
	f = file_get(fd, path);
	if (f)
		map_add(start, bytes, offset, f);
}

/* mremap: the same file elsewhere, or more or less of it. */
void user_map_move(uint64_t old, uint64_t old_bytes, uint64_t new, uint64_t bytes)
{
	size_t i = map_find(old);
	struct mapping m;

	if (i == user.n_maps || user.maps[i].start > old)
		return;
	m = user.maps[i];
	m.file->used++;
	if (old_bytes)
		user_map_remove(old, old_bytes);
	map_add(new, bytes, m.offset + (old - m.start), m.file);
}

void user_put_maps(void)
{
	for (size_t i = 0; i < user.n_maps; i++)
		put_map(&user.maps[i]);
}

/* ---- the first program -------------------------------------------------- */

/*
 * What the loader mapped for a program or its interpreter.  First the whole
 * extent, as ld.so does for libraries: so what is behind the file's bytes
 * (.bss) belongs to it, too.
 */
static void map_image(const struct elf_head *e, int fd, const char *path, uint64_t bias)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < (pass ? e->n_loads : e->n_loads ? 1 : 0); i++) {
			const struct elf_load *l = &e->loads[i];
			uint64_t skew = l->vaddr % PAGE;
			uint64_t bytes = pass ? l->file_bytes : e->end - l->vaddr;
			struct file *f = bytes ? file_get(fd, path) : NULL;

			if (f)
				map_add(bias + l->vaddr - skew, bytes + skew, l->offset - skew, f);
		}
	}
}

bool user_read_auxv(uint64_t sp, uint64_t values[AT_last])
{
	uint64_t word, pair[2], strings = 0;

	memset(values, 0, AT_last * sizeof(*values));
	if (!user_read(sp, &word, sizeof(word)) || word > 0x1000000)
		return false;
	sp += 8 + 8 * word + 8;		/* argc, argv, NULL */
	do {
		if (!user_read(sp, &word, sizeof(word)) || strings++ > 0x1000000)
			return false;
		sp += 8;
	} while (word);			/* environment */
	for (unsigned i = 0; i < 64; i++, sp += sizeof(pair)) {
		if (!user_read(sp, pair, sizeof(pair)))
			return false;
		if (!pair[0])
			return true;
		if (pair[0] < AT_last)
			values[pair[0]] = pair[1];
	}
	return false;
}

void user_map_program(const uint64_t auxv[AT_last])
{
	struct elf_head *e = malloc(sizeof(*e));
	char real[PATH_MAX];
	int fd = e ? open(user.program, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (fd >= 0 && elf_read(fd, e)) {
		map_image(e, fd, user.program, auxv[AT_entry] - e->entry);
		close(fd);
		fd = -1;
		if (e->interpreter[0] && auxv[AT_base] && realpath(e->interpreter, real))
			fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && elf_read(fd, e) && e->n_loads)
			map_image(e, fd, real, auxv[AT_base] - e->loads[0].vaddr);
	}
	if (fd >= 0)
		close(fd);
	free(e);
}
