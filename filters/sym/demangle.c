/* SPDX-License-Identifier: MIT */
/* C++ names as in the source. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../libmt/cli.h"
#include "sym.h"

/* of libstdc++; declared here because its header is C++ */
char *__cxa_demangle(const char *mangled, char *buf, size_t *bytes, int *status);

/*
 * A name of 100 bytes can stand for one of 2^30: each template argument may
 * repeat all that came before.  Real names take microseconds.
 */
static void took_too_long(int sig)
{
	(void)sig;
	mt_warn("-C: a mangled name without end: hostile symbol table");
	_exit(MT_FAIL);
}

static void limit(suseconds_t us)
{
	const struct itimerval t = { .it_value = { .tv_usec = us } };

	setitimer(ITIMER_VIRTUAL, &t, NULL);
}

const char *sym_demangle(const char *name)
{
	static char *buf;
	static size_t bytes;
	static bool armed;
	char *plain;
	int status;

	if (name[0] != '_' || name[1] != 'Z')
		return name;
	if (!armed)
		signal(SIGVTALRM, took_too_long);
	armed = true;
	limit(200 * 1000);
	plain = __cxa_demangle(name, buf, &bytes, &status);
	limit(0);
	if (!plain)
		return name;
	buf = plain;
	return plain;
}
