/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode with quantum=N: the threads of a process take turns of N
 * instructions, so that they interleave finely on a host with few or busy
 * cores, too.  Without it they run as the host lets them, and on two cores four
 * threads that fight for a line may hardly ever meet.
 *
 * Whoever runs guest code is in the ring, in the order of turns; a thread in a
 * system call is not.  A wait for one's turn ends after PATIENCE_NS in any case:
 * the one whose turn it is may itself be waiting for all others to leave the
 * generated code (QEMU's exclusive sections), or have no core.
 */
#include <pthread.h>
#include <time.h>

#include "tracer.h"

#define PATIENCE_NS 100000000	/* several turns of a busy host's own scheduler */

static struct ring {
	pthread_mutex_t lock;
	struct turn *current;		/* whose turn it is; NULL: the ring is empty */
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread struct turn {
	struct turn *next, *prev;	/* in the ring; NULL: not in it */
	pthread_cond_t mine;		/* it is this one's turn */
} own = { .mine = PTHREAD_COND_INITIALIZER };

static bool taking_turns(void)
{
	return tracer.quantum && tracer.mode != MT_mode_off;
}

static void give_to(struct turn *t)
{
	ring.current = t;
	if (t)
		pthread_cond_signal(&t->mine);
}

static void wait_for_turn(struct vcpu *v)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (ring.current != &own && taking_turns())
		if (pthread_cond_timedwait(&own.mine, &ring.lock, &until) != 0)
			ring.current = &own;
	lane_fresh(v->lane);
}

/* Last in line: right before the one whose turn it is. */
static void join(void)
{
	struct turn *at = ring.current;

	if (!at) {
		own.next = own.prev = &own;
		ring.current = &own;
		return;
	}
	own.next = at;
	own.prev = at->prev;
	at->prev->next = &own;
	at->prev = &own;
}

void turns_enter(struct vcpu *v)
{
	if (!taking_turns() || own.next)
		return;
	pthread_mutex_lock(&ring.lock);
	join();
	wait_for_turn(v);
	pthread_mutex_unlock(&ring.lock);
}

void turns_pass(struct vcpu *v)
{
	if (!own.next) {		/* recording began while it ran */
		turns_enter(v);
		return;
	}
	pthread_mutex_lock(&ring.lock);
	if (own.next != &own) {
		if (ring.current == &own)
			give_to(own.next);
		wait_for_turn(v);
	}
	pthread_mutex_unlock(&ring.lock);
}

void turns_leave(void)
{
	if (!own.next)
		return;
	pthread_mutex_lock(&ring.lock);
	if (ring.current == &own)
		give_to(own.next == &own ? NULL : own.next);
	own.next->prev = own.prev;
	own.prev->next = own.next;
	own.next = own.prev = NULL;
	pthread_mutex_unlock(&ring.lock);
}

void turns_forked(void)
{
	pthread_mutex_init(&ring.lock, NULL);
	ring.current = NULL;
	own.next = own.prev = NULL;
}
