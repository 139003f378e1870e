/* SPDX-License-Identifier: MIT */
/* Numbers for things that are told apart by their bytes. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "mt_intern.h"

struct mt_interned {
	size_t at;			/* in bytes */
	uint32_t len;
	uint32_t next;			/* number + 1 of the one before with the same hash */
};

/* The product's halves folded: each bit of the result depends on all bits of both. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Names come from what was traced: who does not know the secret cannot choose
 * many with one hash, and so make every look-up a long search.  Nothing but the
 * speed depends on it: numbers are given in the order of arrival.
 */
static uint64_t secret[2];

static void make_secret(void)
{
	if (secret[1])
		return;
	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) != (ssize_t)sizeof(secret)) {
		secret[0] = (uint64_t)time(NULL);
		secret[1] = (unsigned long long)getpid() * 0x9e3779b97f4a7c15ull;
	}
	secret[0] ^= 0xbf58476d1ce4e5b9ull;
	secret[1] |= 1;
}

static uint64_t hash_of(const unsigned char *p, size_t len)
{
	uint64_t hash = secret[0] ^ len, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		hash = mix(hash ^ word, secret[1]);
	}
	word = 0;
	memcpy(&word, p, len);
	return mix(hash ^ word, secret[1]);
}

/* Room for one more thing and its bytes. */
static int reserve(struct mt_intern *t, size_t bytes)
{
	void *p;

	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;

		p = reallocarray(t->things, room, sizeof(*t->things));
		if (!p)
			return -1;
		t->things = p;
		t->room = room;
	}
	if (t->bytes_room - t->used < bytes) {
		size_t room = (t->bytes_room + bytes) * 2;

		p = realloc(t->bytes, room);
		if (!p)
			return -1;
		t->bytes = p;
		t->bytes_room = room;
	}
	return 0;
}

static int add(struct mt_intern *t, const void *bytes, size_t len)
{
	size_t padded = (len + 1 + 7) & ~(size_t)7;

	if (len > UINT32_MAX || t->n == INT32_MAX || reserve(t, padded) < 0)
		return -1;
	t->things[t->n].at = t->used;
	t->things[t->n].len = (uint32_t)len;
	if (len)
		memcpy(t->bytes + t->used, bytes, len);
	memset(t->bytes + t->used + len, 0, padded - len);
	t->used += padded;
	return 0;
}

long mt_intern(struct mt_intern *t, const void *bytes, size_t len)
{
	uint64_t *head;

	make_secret();
	head = mt_table_put(&t->heads, hash_of(bytes, len));
	if (!head)
		return -1;
	for (uint32_t i = (uint32_t)*head; i; i = t->things[i - 1].next) {
		const struct mt_interned *thing = &t->things[i - 1];

		if (thing->len == len && !memcmp(t->bytes + thing->at, bytes, len))
			return i - 1;
	}
	if (add(t, bytes, len) < 0)
		return -1;
	t->things[t->n].next = (uint32_t)*head;
	*head = ++t->n;
	return (long)t->n - 1;
}

const void *mt_interned(const struct mt_intern *t, uint32_t number)
{
	return t->bytes + t->things[number].at;
}

const void *mt_interned_bytes(const struct mt_intern *t, uint32_t number, size_t *len)
{
	*len = t->things[number].len;
	return mt_interned(t, number);
}

void mt_intern_release(struct mt_intern *t)
{
	mt_table_release(&t->heads);
	free(t->things);
	free(t->bytes);
	*t = (struct mt_intern){ 0 };
}
