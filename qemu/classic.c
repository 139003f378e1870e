/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercall 1, the only one of the original mtrace: rbx has the address of one
 * of its structs, rcx the type, rdx the size.  Kernels that were written for it
 * (sv6, linux-mtrace) run as they are; their structs become our records.
 */
#include <string.h>

#include "../kernel/mtrace.h"
#include "../filters/libmt/mt_classic.h"
#include "tracer.h"

static struct mt_classic state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of state */

/* The guest fills no header: type and size are in registers. */
static bool fetch(struct vcpu *v, uint64_t addr, uint64_t type, uint64_t size, void *entry)
{
	struct mt_classic_hdr hdr = { .type = (uint32_t)type, .size = (uint16_t)size };

	if (type > UINT32_MAX || size < sizeof(hdr) || size > MT_CLASSIC_MAX) {
		out_malformed(v, "classic entry of an impossible size or type");
		return false;
	}
	/* These are a tracer's own affair. */
	if (type == MT_CLASSIC_ACCESS || type == MT_CLASSIC_CALL || type == MT_CLASSIC_MACHINE) {
		out_malformed(v, "classic entry of a type that a guest cannot put");
		return false;
	}
	if (!qemu_plugin_read_memory_vaddr(addr, v->bytes, size)) {
		out_malformed(v, "classic entry in memory that cannot be read");
		return false;
	}
	memcpy(entry, v->bytes->data, size);
	memcpy(entry, &hdr, sizeof(hdr));
	return true;
}

/* Host entries switch what the tracer does; that of a mode is a record, too. */
static void obey(struct vcpu *v, const struct mt_classic_host *host)
{
	uint64_t cpu = host->cpu == UINT64_MAX ? MTRACE_THIS_CPU : host->cpu;
	const char *error = NULL;

	switch (host->what) {
	case MT_CLASSIC_CALLS_OFF:
	case MT_CLASSIC_CALLS_ON:
		error = settings_set(v, MTRACE_SET_CALLS, host->what == MT_CLASSIC_CALLS_ON, cpu);
		break;
	case MT_CLASSIC_COUNT_OFF:
	case MT_CLASSIC_COUNT_ON:
		error = settings_set(v, MTRACE_SET_COUNT, host->what == MT_CLASSIC_COUNT_ON,
				     MTRACE_THIS_CPU);
		break;
	}
	if (error)
		out_malformed(v, error);
}

static int convert(const void *entry, size_t size, void *record, const char **error)
{
	int n;

	pthread_mutex_lock(&lock);
	n = mt_classic_record(&state, entry, size, record, error);
	pthread_mutex_unlock(&lock);
	return n;
}

void classic_put(struct vcpu *v, uint64_t addr, uint64_t type, uint64_t size)
{
	_Alignas(8) unsigned char entry[MT_CLASSIC_MAX], record[512];
	struct mt_classic_host host;
	const char *error;
	int n;

	if (!fetch(v, addr, type, size, entry))
		return;
	n = convert(entry, size, record, &error);
	if (n < 0) {
		out_malformed(v, error);
		return;
	}
	if (type == MT_CLASSIC_FCALL && tracer.system)
		entries_by_guest();
	if (n > 0)
		guest_put(v, (struct mt_hdr *)record);
	else if (mt_classic_host(entry, size, &host, &error))
		obey(v, &host);
}
