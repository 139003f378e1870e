/* SPDX-License-Identifier: MIT */
/* A ring of jobs: one thread fills and empties it, the others decode. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mt_log_pool.h"

struct mt_log_pool {
	mt_log_filter *filter;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	bool stop;
	unsigned n_jobs, n_threads;
	uint64_t submitted, started;	/* jobs so far; number modulo n_jobs is the place */
	uint64_t taken, released;
	struct mt_log_job *jobs;
	bool *finished;
	pthread_t *threads;
};

static int make_room(unsigned char **buf, size_t *room, size_t want)
{
	if (*room >= want && *buf)
		return 0;
	free(*buf);
	*room = want ? want : 1;
	*buf = malloc(*room);
	if (*buf)
		return 0;
	*room = 0;
	return -1;
}

static void work(struct mt_log_pool *p, struct mt_log_decoder *d, struct mt_log_job *job)
{
	job->kept = job->block.records;
	job->used = job->block.raw_size;
	job->marked = false;
	job->error = "out of memory";
	if (d && make_room(&job->records, &job->records_room, job->block.raw_size) == 0 &&
	    mt_log_decode(d, &job->block, job->payload, job->records, &job->error) == 0)
		p->filter(p->arg, job);
}

static void *worker(void *arg)
{
	struct mt_log_pool *p = arg;
	struct mt_log_decoder *d = mt_log_decoder_new();

	pthread_mutex_lock(&p->lock);
	for (;;) {
		uint64_t i;

		while (p->started == p->submitted && !p->stop)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		i = p->started++ % p->n_jobs;
		pthread_mutex_unlock(&p->lock);
		work(p, d, &p->jobs[i]);
		pthread_mutex_lock(&p->lock);
		p->finished[i] = true;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	mt_log_decoder_free(d);
	return NULL;
}

struct mt_log_pool *mt_log_pool_new(unsigned threads, mt_log_filter *filter, void *arg)
{
	struct mt_log_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->filter = filter;
	p->arg = arg;
	p->n_jobs = 2 * threads + 1;	/* one decoded and one waiting for each thread */
	p->jobs = calloc(p->n_jobs, sizeof(*p->jobs));
	p->finished = calloc(p->n_jobs, sizeof(*p->finished));
	p->threads = calloc(threads, sizeof(*p->threads));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	while (p->jobs && p->finished && p->threads && p->n_threads < threads &&
	       pthread_create(&p->threads[p->n_threads], NULL, worker, p) == 0)
		p->n_threads++;
	if (p->n_threads)
		return p;
	mt_log_pool_free(p);
	return NULL;
}

void mt_log_pool_free(struct mt_log_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned i = 0; p->jobs && i < p->n_jobs; i++) {
		free(p->jobs[i].payload);
		free(p->jobs[i].records);
	}
	free(p->jobs);
	free(p->finished);
	free(p->threads);
	free(p);
}

struct mt_log_job *mt_log_pool_idle(struct mt_log_pool *p)
{
	if (p->submitted - p->released == p->n_jobs)
		return NULL;
	return &p->jobs[p->submitted % p->n_jobs];
}

int mt_log_pool_submit(struct mt_log_pool *p, const void *payload)
{
	struct mt_log_job *job = mt_log_pool_idle(p);

	if (make_room(&job->payload, &job->payload_room, job->block.payload_size) < 0)
		return -1;
	memcpy(job->payload, payload, job->block.payload_size);
	pthread_mutex_lock(&p->lock);
	p->finished[p->submitted++ % p->n_jobs] = false;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

struct mt_log_job *mt_log_pool_take(struct mt_log_pool *p)
{
	uint64_t i = p->taken % p->n_jobs;

	p->released = p->taken;
	if (p->taken == p->submitted)
		return NULL;
	pthread_mutex_lock(&p->lock);
	while (!p->finished[i])
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	p->taken++;
	return &p->jobs[i];
}
