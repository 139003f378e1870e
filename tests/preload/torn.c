/* SPDX-License-Identifier: MIT */
/*
 * torn: a preloaded library that makes I/O as bad as POSIX allows.
 *   TORN_BYTES=N   read and write move at most N bytes
 *   TORN_EINTR=1   every other call fails with EINTR first
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : 0;
}

static size_t torn(size_t len)
{
	long most = setting("TORN_BYTES");

	return most > 0 && len > (size_t)most ? (size_t)most : len;
}

static int interrupted(void)
{
	static unsigned calls;

	if (!setting("TORN_EINTR") || calls++ % 2)
		return 0;
	errno = EINTR;
	return 1;
}

ssize_t read(int fd, void *buf, size_t len)
{
	return interrupted() ? -1 : syscall(SYS_read, fd, buf, torn(len));
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return interrupted() ? -1 : syscall(SYS_write, fd, buf, torn(len));
}
