/* SPDX-License-Identifier: MIT */
/*
 * Bytes that go through pipes without being copied.
 *
 * vmsplice(2) makes the pages of a program stand in a pipe; so they must not
 * be written again before they were read, and when that was nobody can find
 * out (a reader may pass them on with splice(2)).  So they are given away for
 * good: what is written next stands in fresh ones.  That pays with huge pages
 * only: to fault 2 MiB in and zero it at once takes a third of the time that
 * a pipe needs to copy them into pages of its own, and 512 faults twice as long.
 */
#ifndef MT_PIPE_H
#define MT_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_MUST_CHECK __attribute__((warn_unused_result))

bool mt_is_pipe(int fd);

/*
 * After a call that failed: is it to be made again?  It was interrupted, or the
 * descriptor does not block; then for POLLIN or POLLOUT is waited.
 */
bool mt_try_again(int fd, short events);

/* ---- memory to give ------------------------------------------------------ */

struct mt_area {
	unsigned char *at;		/* NULL: none */
	size_t size;
};

/*
 * Fresh memory of at least that size in the place of what the area had; false
 * if there is none on huge pages, then the area is empty.
 */
bool mt_area_renew(struct mt_area *a, size_t size);
void mt_area_free(struct mt_area *a);

/*
 * Gives bytes of an area, which are never written again, to the pipe fd; waits
 * for room.  How many went: fewer than len where the pipe takes no more of
 * them, for a reason that mt_write_full will find as well, or takes none at all.
 */
size_t mt_give(int fd, const void *bytes, size_t len);

/* ---- from pipe to pipe ------------------------------------------------------ */

/*
 * What stands in one pipe is put into another, too; or goes there; or away.  At
 * most len bytes, at least one, which are waited for.  How many; 0 at the end
 * of the input; -1 (errno).
 */
MT_MUST_CHECK long mt_pipe_peek(int from, int to, size_t len);
MT_MUST_CHECK long mt_pipe_move(int from, int to, size_t len);
MT_MUST_CHECK long mt_pipe_drop(int from, size_t len);

#endif
