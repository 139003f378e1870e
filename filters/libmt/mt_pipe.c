/* SPDX-License-Identifier: MIT */
/* What pipes can do beyond read and write. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "mt_pipe.h"

#define HUGE_PAGE ((size_t)2 << 20)	/* of x86-64 */

bool mt_try_again(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (errno != EAGAIN)
		return errno == EINTR;
	(void)poll(&p, 1, -1);
	return true;
}

bool mt_is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* ---- areas --------------------------------------------------------------- */

static void *reserve(size_t size)
{
	unsigned char *p = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t front;

	if (p == MAP_FAILED)
		return NULL;
	front = -(uintptr_t)p % HUGE_PAGE;
	if (front)
		munmap(p, front);
	munmap(p + front + size, HUGE_PAGE - front);
	return p + front;
}

static long faults(void)
{
	struct rusage r;

	return getrusage(RUSAGE_THREAD, &r) == 0 ? r.ru_minflt : 0;
}

/* Are its first two pages one?  The others will be as these are. */
static bool is_huge(volatile unsigned char *p)
{
	long before = faults();

	p[0] = 0;
	p[HUGE_PAGE / 2] = 0;
	return faults() - before <= 1;
}

void mt_area_free(struct mt_area *a)
{
	if (a->at)
		munmap(a->at, a->size);
	*a = (struct mt_area){ 0 };
}

/*
 * Up to a huge page; but for the few bytes that a block is longer than some of
 * those another one would be zeroed for nothing.
 */
static size_t round_up(size_t size)
{
	const size_t page = 4096, rest = size % HUGE_PAGE;

	if (size > HUGE_PAGE && rest <= HUGE_PAGE / 16)
		return (size + page - 1) & ~(page - 1);
	return (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

bool mt_area_renew(struct mt_area *a, size_t size)
{
	size = round_up(size);
	if (a->size != size) {
		mt_area_free(a);
		a->at = reserve(size);
		a->size = size;
	}
	if (a->at && mmap(a->at, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
	    madvise(a->at, size, MADV_HUGEPAGE) == 0 && is_huge(a->at))
		return true;
	mt_area_free(a);
	return false;
}

size_t mt_give(int fd, const void *bytes, size_t len)
{
	struct iovec rest = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };

	while (rest.iov_len) {
		ssize_t n = vmsplice(fd, &rest, 1, 0);

		if (n == 0 || (n < 0 && !mt_try_again(fd, POLLOUT)))
			break;
		if (n > 0) {
			rest.iov_base = (char *)rest.iov_base + n;
			rest.iov_len -= (size_t)n;
		}
	}
	return len - rest.iov_len;
}

/* ---- from pipe to pipe ------------------------------------------------------ */

long mt_pipe_peek(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = tee(from, to, len, 0);
	while (n < 0 && mt_try_again(from, POLLIN));
	return n;
}

/* What is to be moved stands there: only the other side can be the one to wait for. */
long mt_pipe_move(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len, 0);
	while (n < 0 && mt_try_again(to, POLLOUT));
	return n;
}

long mt_pipe_drop(int from, size_t len)
{
	static int nowhere = -1;

	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return nowhere < 0 ? -1 : mt_pipe_move(from, nowhere, len);
}
