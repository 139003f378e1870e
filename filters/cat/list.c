/* SPDX-License-Identifier: MIT */
/* mt-cat --index: the list of blocks. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../libmt/mt_text.h"
#include "cat.h"
#include "log.h"

static void list_range(struct mt_out *out, const char *name, uint64_t min, uint64_t max, bool hex)
{
	if (min <= max)
		mt_out_printf(out, hex ? " %s=0x%llx-0x%llx" : " %s=%llu-%llu", name,
			      (unsigned long long)min, (unsigned long long)max);
}

static void list_cpus(struct mt_out *out, const uint64_t *bits)
{
	const char *before = " cpus=";

	for (unsigned c = 0, last; c < 256; c = last + 1) {
		last = c;
		if (!(bits[c / 64] >> c % 64 & 1))
			continue;
		while (last < 255 && bits[(last + 1) / 64] >> (last + 1) % 64 & 1)
			last++;
		mt_out_printf(out, last > c ? "%s%u-%u" : "%s%u", before, c, last);
		before = ",";
	}
}

/* A state stands in front of the block with its number. */
static void list_block(struct mt_out *out, uint64_t number, uint64_t offset,
		       const struct mt_log_block *b)
{
	mt_out_printf(out, "%s=%llu offset=%llu bytes=%llu records=%u accesses=%u context=%u",
		      mt_log_is_state(b) ? "state" : "block",
		      (unsigned long long)number, (unsigned long long)offset,
		      (unsigned long long)(sizeof(*b) + b->payload_size), b->records, b->accesses,
		      b->records - b->judged);
	list_range(out, "time", b->time_min, b->time_max, false);
	list_range(out, "pc", b->pc_min, b->pc_max, true);
	list_range(out, "paddr", b->paddr_min, b->paddr_max, true);
	list_cpus(out, b->cpus);
	mt_out_char(out, '\n');
}

void cat_list(struct mt_log_reader *in)
{
	static struct mt_out out;
	struct mt_log_block b;
	uint64_t number = 0;
	int got;

	mt_out_init(&out, STDOUT_FILENO);
	while ((got = mt_log_reader_next(in, &b)) != 0) {
		if (got > 0 && b.coding == MT_LOG_INDEX) {
			got = mt_log_reader_index(in, &b);
		} else if (got > 0) {
			list_block(&out, number, in->offset, &b);
			number += !mt_log_is_state(&b);
			got = mt_log_reader_skip(in, &b);
		}
		if (got < 0)
			cat_complain(in->offset, in->error);
	}
	if (mt_out_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
}
