/* SPDX-License-Identifier: MIT */
/* A ring of jobs: one thread fills and empties it, the others work. */
#include <pthread.h>
#include <stdlib.h>

#include "mt_pool.h"

struct mt_pool {
	void (*work)(void *arg, unsigned thread, void *job);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	bool stop;
	unsigned n_jobs, n_threads, n_numbers;
	uint64_t submitted, started;	/* jobs so far; number modulo n_jobs is the place */
	uint64_t taken, released;
	size_t job_bytes;
	unsigned char *jobs;
	bool *finished;
	pthread_t *threads;
};

static void *job_at(struct mt_pool *p, uint64_t number)
{
	return p->jobs + number % p->n_jobs * p->job_bytes;
}

static void *worker(void *arg)
{
	struct mt_pool *p = arg;
	unsigned own;

	pthread_mutex_lock(&p->lock);
	own = p->n_numbers++;
	for (;;) {
		uint64_t i;

		while (p->started == p->submitted && !p->stop)
			pthread_cond_wait(&p->more, &p->lock);
		if (p->stop)
			break;
		i = p->started++;
		pthread_mutex_unlock(&p->lock);
		p->work(p->arg, own, job_at(p, i));
		pthread_mutex_lock(&p->lock);
		p->finished[i % p->n_jobs] = true;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct mt_pool *mt_pool_new(unsigned threads, size_t job_bytes,
			    void (*work)(void *arg, unsigned thread, void *job), void *arg)
{
	struct mt_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->work = work;
	p->arg = arg;
	p->n_jobs = 2 * threads + 1;	/* one done and one waiting for each thread */
	p->job_bytes = job_bytes;
	p->jobs = calloc(p->n_jobs, job_bytes);
	p->finished = calloc(p->n_jobs, sizeof(*p->finished));
	p->threads = calloc(threads, sizeof(*p->threads));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->done, NULL);
	while (p->jobs && p->finished && p->threads && p->n_threads < threads &&
	       pthread_create(&p->threads[p->n_threads], NULL, worker, p) == 0)
		p->n_threads++;
	if (p->n_threads)		/* fewer will do */
		return p;
	mt_pool_free(p, NULL);
	return NULL;
}

void mt_pool_free(struct mt_pool *p, void (*release)(void *job))
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned i = 0; p->jobs && release && i < p->n_jobs; i++)
		release(job_at(p, i));
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->done);
	free(p->threads);
	free(p->finished);
	free(p->jobs);
	free(p);
}

void *mt_pool_idle(struct mt_pool *p)
{
	return p->submitted - p->released < p->n_jobs ? job_at(p, p->submitted) : NULL;
}

void mt_pool_submit(struct mt_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->finished[p->submitted % p->n_jobs] = false;
	p->submitted++;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

void *mt_pool_take(struct mt_pool *p)
{
	p->released = p->taken;		/* the one taken before may be filled again */
	if (p->taken == p->submitted)
		return NULL;
	pthread_mutex_lock(&p->lock);
	while (!p->finished[p->taken % p->n_jobs])
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return job_at(p, p->taken++);
}
