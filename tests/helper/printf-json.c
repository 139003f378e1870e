/* SPDX-License-Identifier: MIT */
/*
 * printf-json: what most people would write: accesses as JSON by printf.  The
 * peer of mt-tojson in make bench; its lines are the same, byte for byte.
 */
#include <inttypes.h>

#include "../../filters/libmt/cli.h"

static void print_flags(unsigned flags)
{
	const struct mt_value *v = mt_field_find(mt_type_find("access"), "flags")->values;
	const char *comma = "";

	for (; v->name; v++)
		if (flags & v->number) {
			printf("%s\"%s\"", comma, v->name);
			comma = ",";
		}
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	(void)argc;
	mt_start(argv);
	mt_open_input(&in);
	while ((got = mt_reader_next(&in, &rec)) > 0) {
		const struct mt_access *a = (const struct mt_access *)rec;

		if (rec->kind != MT_KIND_access)
			continue;
		printf("{\"type\":\"access\",\"cpu\":%u,\"time\":%" PRIu64 ",\"pc\":\"0x%" PRIx64
		       "\",\"addr\":\"0x%" PRIx64 "\",\"paddr\":\"0x%" PRIx64
		       "\",\"width\":%u,\"flags\":[", rec->cpu, rec->time, a->pc, a->addr,
		       a->paddr, a->width);
		print_flags(a->flags);
		printf("],\"object\":%u,\"field\":%u,\"stack\":%u}\n", a->object, a->field, a->stack);
	}
	return got < 0 || fflush(stdout) ? MT_FAIL : MT_OK;
}
