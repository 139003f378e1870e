/* SPDX-License-Identifier: MIT */
/* Map, reduce, merge: see mr.h. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../bench.h"
#include "mr.h"

#define PARTITIONS 64			/* by the upper bits of a key's hash */
#define TASKS      8			/* to map, for each worker: some take longer than others */

/* Values of a key that are kept, in the order of a worker. */
struct values {
	struct values *next;
	size_t used, size;
	uint64_t value[];
};

/* A key of one worker. */
struct entry {
	const char *text;		/* NULL: an empty slot */
	uint32_t length, hash;
	uint64_t count, value;
	struct values *first, *last;
};

struct table {
	struct entry *slot;
	size_t slots, used;		/* slots: a power of two */
};

struct mr_worker {
	struct mr_run *run;
	long number;
	struct arena arena;
	struct table table[PARTITIONS];
} __attribute__((aligned(64)));

/* Sorted pairs: of a partition, or of several that are merged. */
struct list {
	struct mr_pair **pair;
	size_t pairs;
} __attribute__((aligned(64)));

struct mr_run {
	struct mr_job *job;
	struct mr_worker *worker;
	pthread_barrier_t barrier;
	size_t next __attribute__((aligned(64)));	/* task of this phase */
	struct list list[PARTITIONS];
};

bool mr_in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* ---- map ----------------------------------------------------------------------- */

static uint32_t hash_of(const char *key, size_t length)
{
	uint32_t h = 2166136261u;	/* FNV-1a, and a last step that mixes the upper bits */

	while (length--)
		h = (h ^ (unsigned char)*key++) * 16777619u;
	return (h ^ h >> 15) * 2654435761u;
}

static struct entry *find(const struct table *t, const char *key, size_t length, uint32_t hash)
{
	size_t i = hash & (t->slots - 1);

	while (t->slot[i].text && (t->slot[i].hash != hash || t->slot[i].length != length ||
				   memcmp(t->slot[i].text, key, length)))
		i = (i + 1) & (t->slots - 1);
	return &t->slot[i];
}

/* The old slots stay in the arena: together they are as large as the new ones. */
static void grow(struct mr_worker *w, struct table *t)
{
	struct table old = *t;
	size_t i;

	t->slots = old.slots ? 2 * old.slots : 32;
	t->slot = arena_take(&w->arena, t->slots * sizeof(*t->slot));
	for (i = 0; i < old.slots; i++)
		if (old.slot[i].text)
			*find(t, old.slot[i].text, old.slot[i].length, old.slot[i].hash) = old.slot[i];
}

static void keep(struct mr_worker *w, struct entry *e, uint64_t value)
{
	struct values *v = e->last;

	if (!v || v->used == v->size) {
		size_t size = v ? 2 * v->size : 2;

		v = arena_take(&w->arena, sizeof(*v) + size * sizeof(*v->value));
		v->size = size;
		if (e->last)
			e->last->next = v;
		else
			e->first = v;
		e->last = v;
	}
	v->value[v->used++] = value;
}

void mr_emit(struct mr_worker *w, const char *key, size_t length, uint64_t value)
{
	uint32_t hash = hash_of(key, length);
	struct table *t = &w->table[hash >> 26];
	uint64_t (*combine)(uint64_t, uint64_t) = w->run->job->combine;
	struct entry *e;

	_Static_assert(PARTITIONS == 64, "the shift above");
	if (4 * t->used >= 3 * t->slots)
		grow(w, t);
	e = find(t, key, length, hash);
	if (!e->text) {
		*e = (struct entry){ .text = key, .length = (uint32_t)length, .hash = hash };
		t->used++;
	}
	if (!combine)
		keep(w, e, value);
	else
		e->value = e->count ? combine(e->value, value) : value;
	e->count++;
}

/* Where task n begins: not inside a unit, or a word. */
static size_t border(const struct mr_job *job, size_t n, size_t tasks)
{
	size_t at = (size_t)((unsigned __int128)job->bytes * n / tasks);

	if (n == tasks)
		return job->bytes;
	if (job->unit)
		return at / job->unit * job->unit;
	while (at && at < job->bytes && mr_in_word(job->input[at]) && mr_in_word(job->input[at - 1]))
		at++;
	return at;
}

static size_t take_task(struct mr_run *run)
{
	return __atomic_fetch_add(&run->next, 1, __ATOMIC_SEQ_CST);
}

static void map_tasks(struct mr_worker *w)
{
	const struct mr_job *job = w->run->job;
	size_t tasks = (size_t)job->workers * TASKS, n;

	while ((n = take_task(w->run)) < tasks) {
		size_t begin = border(job, n, tasks), end = border(job, n + 1, tasks);

		if (begin < end)
			job->map(w, job->input + begin, end - begin);
	}
}

/* ---- reduce ------------------------------------------------------------------------- */

static int compare(const char *a, uint32_t m, const char *b, uint32_t n)
{
	int order = memcmp(a, b, m < n ? m : n);

	return order ? order : (m > n) - (m < n);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *const *u = a, *const *v = b;

	return compare((*u)->text, (*u)->length, (*v)->text, (*v)->length);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *u = a, *v = b;

	return (*u > *v) - (*u < *v);
}

/* The entries of all workers for one partition, by key; their number in n. */
static struct entry **collect(struct mr_worker *w, size_t partition, size_t *n)
{
	struct mr_run *run = w->run;
	struct entry **entry;
	size_t i;
	long j;

	for (*n = 0, j = 0; j < run->job->workers; j++)
		*n += run->worker[j].table[partition].used;
	entry = arena_take(&w->arena, *n * sizeof(*entry));
	for (*n = 0, j = 0; j < run->job->workers; j++) {
		const struct table *t = &run->worker[j].table[partition];

		for (i = 0; i < t->slots; i++)
			if (t->slot[i].text)
				entry[(*n)++] = &t->slot[i];
	}
	qsort(entry, *n, sizeof(*entry), by_key);
	return entry;
}

static const uint64_t *gather(struct mr_worker *w, struct entry **entry, size_t n, uint64_t count)
{
	uint64_t *all = arena_take(&w->arena, count * sizeof(*all));
	const struct values *v;
	size_t used = 0, i;

	for (i = 0; i < n; i++)
		for (v = entry[i]->first; v; v = v->next) {
			memcpy(all + used, v->value, v->used * sizeof(*all));
			used += v->used;
		}
	qsort(all, used, sizeof(*all), by_value);
	return all;
}

/* What n workers have of one key. */
static struct mr_pair *reduce_key(struct mr_worker *w, struct entry **entry, size_t n)
{
	const struct mr_job *job = w->run->job;
	struct mr_pair *p = arena_take(&w->arena, sizeof(*p));
	size_t i;

	*p = (struct mr_pair){ .text = entry[0]->text, .length = entry[0]->length,
			       .hash = entry[0]->hash, .values = entry[0]->count,
			       .value = entry[0]->value };
	for (i = 1; i < n; i++) {
		p->values += entry[i]->count;
		if (job->combine)
			p->value = job->combine(p->value, entry[i]->value);
	}
	if (!job->combine)
		p->kept = gather(w, entry, n, p->values);
	return p;
}

static void reduce_partitions(struct mr_worker *w)
{
	size_t partition, n, i, same;

	while ((partition = take_task(w->run)) < PARTITIONS) {
		struct entry **entry = collect(w, partition, &n);
		struct list *l = &w->run->list[partition];

		l->pair = arena_take(&w->arena, n * sizeof(*l->pair));
		for (i = 0; i < n; i += same) {
			for (same = 1; i + same < n && !by_key(&entry[i], &entry[i + same]); same++)
				;
			l->pair[l->pairs++] = reduce_key(w, entry + i, same);
		}
	}
}

/* ---- merge ----------------------------------------------------------------------------- */

static void merge_two(struct mr_worker *w, struct list *a, struct list *b)
{
	struct mr_pair **out = arena_take(&w->arena, (a->pairs + b->pairs) * sizeof(*out));
	size_t i = 0, j = 0, n = 0;

	while (i < a->pairs && j < b->pairs) {
		const struct mr_pair *p = a->pair[i], *q = b->pair[j];

		out[n++] = compare(p->text, p->length, q->text, q->length) < 0 ? a->pair[i++]
									       : b->pair[j++];
	}
	while (i < a->pairs)
		out[n++] = a->pair[i++];
	while (j < b->pairs)
		out[n++] = b->pair[j++];
	*a = (struct list){ out, n };
}

/* One round of a tournament: list i takes list i + step. */
static void merge_round(struct mr_worker *w, size_t step)
{
	struct list *l = w->run->list;
	size_t i;

	while ((i = take_task(w->run) * 2 * step) < PARTITIONS)
		merge_two(w, &l[i], &l[i + step]);
}

/* ---- a run ------------------------------------------------------------------------- */

/* All have come to the end of a phase; tasks begin at 0 again. */
static void next_phase(struct mr_run *run)
{
	if (pthread_barrier_wait(&run->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		run->next = 0;
	pthread_barrier_wait(&run->barrier);
}

static void *work(void *arg)
{
	struct mr_worker *w = arg;
	size_t step;

	bench_run_on(w->number);
	map_tasks(w);
	next_phase(w->run);
	reduce_partitions(w);
	for (step = 1; step < PARTITIONS; step *= 2) {
		next_phase(w->run);
		merge_round(w, step);
	}
	return NULL;
}

void mr_run(struct mr_job *job)
{
	struct mr_run *run = aligned_alloc(64, sizeof(*run));
	pthread_t thread[BENCH_CPUS_MAX];
	long i;

	if (!run)
		bench_die("memory");
	memset(run, 0, sizeof(*run));
	run->worker = aligned_alloc(64, (size_t)job->workers * sizeof(*run->worker));
	if (!run->worker || pthread_barrier_init(&run->barrier, NULL, (unsigned)job->workers))
		bench_die("memory");
	memset(run->worker, 0, (size_t)job->workers * sizeof(*run->worker));
	run->job = job;
	job->run = run;
	for (i = 0; i < job->workers; i++) {
		struct mr_worker *w = &run->worker[i];

		w->run = run;
		w->number = i;
		w->arena.huge = job->huge;
		errno = pthread_create(&thread[i], NULL, work, w);
		if (errno)
			bench_die("thread");
	}
	for (i = 0; i < job->workers; i++)
		pthread_join(thread[i], NULL);
	job->pair = run->list[0].pair;
	job->pairs = run->list[0].pairs;
}

void mr_release(struct mr_job *job)
{
	long i;

	for (i = 0; i < job->workers; i++)
		arena_release(&job->run->worker[i].arena);
	pthread_barrier_destroy(&job->run->barrier);
	free(job->run->worker);
	free(job->run);
	job->run = NULL;
}
