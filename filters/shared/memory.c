/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../libmt/cli.h"
#include "lines.h"

/* ---- pools ---------------------------------------------------------------- */

/*
 * Zeroed, and on huge pages where it is big: with small ones most of our
 * cache misses would be TLB misses as well.
 */
static void *big_alloc(size_t bytes)
{
	size_t front;
	char *p;

	if (bytes < HUGE_PAGE)
		return mt_xcalloc(1, bytes);
	p = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		mt_die(MT_FAIL, "out of memory");
	front = -(uintptr_t)p % HUGE_PAGE;
	if (front)
		munmap(p, front);
	munmap(p + front + bytes, HUGE_PAGE - front);
	(void)madvise(p + front, bytes, MADV_HUGEPAGE);
	return p + front;
}

static void big_free(void *p, size_t bytes)
{
	if (bytes < HUGE_PAGE)
		free(p);
	else if (p)
		munmap(p, bytes);
}

void pool_init(struct pool *p, size_t bytes)
{
	*p = (struct pool){ .bytes = bytes };
	while (bytes << (p->bits + 1) <= HUGE_PAGE)
		p->bits++;
}

void pool_release(struct pool *p)
{
	for (size_t i = 0; i < p->n_chunks; i++)
		big_free(p->chunks[i], HUGE_PAGE);
	free(p->chunks);
	*p = (struct pool){ 0 };
}

uint32_t pool_new(struct pool *p)
{
	if (p->used == TALLY_DETAIL - 1)
		mt_die(MT_FAIL, "more than %u lines or cpus on them: split the stream", p->used);
	if (p->used >> p->bits == p->n_chunks) {
		p->chunks = mt_xgrow(p->chunks, p->n_chunks, &p->chunk_room, sizeof(*p->chunks));
		p->chunks[p->n_chunks++] = big_alloc(HUGE_PAGE);
	}
	return p->used++;
}

/* ---- tables of tallies --------------------------------------------------- */

struct spare {
	struct spare *next;
};

static size_t table_bytes(uint32_t buckets)
{
	return (size_t)buckets * BUCKET * sizeof(struct tally);
}

static struct spare **spare_of(struct tables *t, uint32_t buckets)
{
	return &t->spare[__builtin_ctz(buckets)];
}

struct tally *tables_new(struct tables *t, uint32_t buckets)
{
	size_t bytes = table_bytes(buckets);
	struct spare **spare = spare_of(t, buckets), *p = *spare;

	if (buckets >= ALONE_BUCKETS)
		return big_alloc(bytes);
	if (p) {
		*spare = p->next;
		return memset(p, 0, bytes);
	}
	if (t->left < bytes) {
		t->chunks = mt_xgrow(t->chunks, t->n_chunks, &t->chunk_room, sizeof(*t->chunks));
		t->chunks[t->n_chunks++] = big_alloc(HUGE_PAGE);
		t->left = HUGE_PAGE;
	}
	t->left -= bytes;
	return (struct tally *)(void *)(t->chunks[t->n_chunks - 1] + t->left);
}

void tables_drop(struct tables *t, struct tally *table, uint32_t buckets)
{
	struct spare *p = (struct spare *)(void *)table, **spare = spare_of(t, buckets);

	if (buckets >= ALONE_BUCKETS) {
		big_free(table, table_bytes(buckets));
		return;
	}
	p->next = *spare;
	*spare = p;
}

void tables_release(struct tables *t)
{
	for (size_t i = 0; i < t->n_chunks; i++)
		big_free(t->chunks[i], HUGE_PAGE);
	free(t->chunks);
}
