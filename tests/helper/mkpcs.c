/* SPDX-License-Identifier: MIT */
/*
 * mkpcs: hexadecimal numbers, one a line, to a stream of accesses with these
 * pcs; fast, for comparisons and benchmarks.  mkpcs N repeats them N times.
 */
#include <stdlib.h>

#include "../../filters/libmt/cli.h"

static struct mt_writer out;

static size_t read_pcs(uint64_t **pcs)
{
	size_t n = 0, room = 0;
	char line[64];

	*pcs = NULL;
	while (fgets(line, sizeof(line), stdin)) {
		*pcs = mt_xgrow(*pcs, n, &room, sizeof(**pcs));
		(*pcs)[n++] = strtoull(line, NULL, 16);
	}
	return n;
}

static void put(struct mt_hdr *rec, size_t bytes)
{
	rec->size = (uint16_t)bytes;
	mt_writer_put(&out, rec);
}

int main(int argc, char **argv)
{
	static unsigned char buf[MT_RECORD_MAX] __attribute__((aligned(8)));
	const char *none[] = { "", "", "" };
	struct mt_begin begin = { .hdr.kind = MT_KIND_begin, .version = 1, .line = 64 };
	struct mt_access a = { .hdr.kind = MT_KIND_access, .width = 8, .flags = MT_access_flag_load };
	struct mt_end end = { .hdr.kind = MT_KIND_end };
	uint64_t *pcs, times = 1;
	size_t n;

	mt_start(argv);
	if (argc > 1)
		times = mt_number("N", argv[1], UINT32_MAX);
	n = read_pcs(&pcs);
	mt_writer_init(&out, 1);
	mt_writer_put(&out, mt_build(buf, &begin, none));
	while (times--)
		for (size_t i = 0; i < n; i++) {
			a.hdr.time++;
			a.pc = pcs[i];
			a.addr = a.paddr = pcs[i] << 3;
			put(&a.hdr, sizeof(a));
		}
	put(&end.hdr, sizeof(end));
	free(pcs);
	if (mt_writer_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: write failed");
	return MT_OK;
}
