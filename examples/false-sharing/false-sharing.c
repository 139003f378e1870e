/* SPDX-License-Identifier: MIT */
/*
 * Four threads and four kinds of data: a false sharing of static data, one of
 * heap data, a true sharing, and data laid out as it should be.  The first
 * three make cache lines travel; README.md shows how mtrace names them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define LINE 64

/*
 * False sharing: one thread counts hits, another counts misses, and neither
 * reads the other's; but both counters are on one line.
 */
static struct counters {
	_Alignas(LINE) volatile long hits;	/* the struct has the line to itself */
	volatile long misses;
} counters;

/* The same on the heap: producer and consumer each own one end. */
struct queue {
	volatile long head;
	volatile long tail;
	char rest[LINE - 2 * sizeof(long)];
};

/* True sharing: all threads count here, and all need the sum. */
static struct totals {
	_Alignas(LINE) atomic_long operations;
} totals;

/* The control: each thread has a line of its own. */
static struct padded {
	_Alignas(LINE) volatile long value;
} slots[THREADS];

/* Written before the threads start, only read by them: travels once to each. */
static _Alignas(LINE) struct {
	long rounds;
	struct queue *queue;
	pthread_barrier_t *start;
} plan = { .rounds = 200000 };

static void count_hit(void)
{
	counters.hits++;		/* false sharing with misses */
}

static void count_miss(void)
{
	counters.misses++;		/* false sharing with hits */
}

static void produce(void)
{
	plan.queue->head++;			/* false sharing with tail */
}

static void consume(void)
{
	plan.queue->tail++;			/* false sharing with head */
}

static void count_operation(void)
{
	atomic_fetch_add(&totals.operations, 1);	/* true sharing */
}

static void count_own(long me)
{
	slots[me].value++;		/* no sharing */
}

static void *work(void *arg)
{
	static void (*const jobs[THREADS])(void) = { count_hit, count_miss, produce, consume };
	long me = (long)arg;

	pthread_barrier_wait(plan.start);	/* else the first is done before the last begins */
	for (long i = 0; i < plan.rounds; i++) {
		jobs[me]();
		count_own(me);
		if (i % 8 == 0)
			count_operation();
	}
	return NULL;
}

static void usage(void)
{
	fprintf(stderr, "usage: false-sharing [ROUNDS]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	struct queue *queue = aligned_alloc(LINE, sizeof(*queue));

	if (argc > 2)
		usage();
	if (argc == 2) {
		char *end;

		plan.rounds = strtol(argv[1], &end, 10);
		if (*end || plan.rounds < 1 || plan.rounds > 100000000)
			usage();
	}
	if (!queue)
		return 1;
	queue->head = queue->tail = 0;
	plan.queue = queue;
	pthread_barrier_init(&start, NULL, THREADS);
	plan.start = &start;

	for (long t = 0; t < THREADS; t++)
		if (pthread_create(&threads[t], NULL, work, (void *)t))	/* t is its job */
			return 1;
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);

	printf("%ld hits, %ld misses, %ld operations\n", counters.hits, counters.misses,
	       atomic_load(&totals.operations));
	free(queue);
	return 0;
}
