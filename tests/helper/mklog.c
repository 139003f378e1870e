/* SPDX-License-Identifier: MIT */
/*
 * mklog [N]: a stream on standard input to a log with a block for every N
 * records (1), without an index.
 */
#include <unistd.h>

#include "../../filters/libmt/cli.h"
#include "../../filters/libmt/mt_log.h"

static void write_block(struct mt_log_encoder *e, const void *records, size_t len)
{
	const void *block;
	long size = mt_log_encode(e, records, len, &block);

	if (size < 0 || mt_write_full(STDOUT_FILENO, block, (size_t)size) < 0)
		mt_die(MT_FAIL, "cannot encode or write");
}

int main(int argc, char **argv)
{
	static _Alignas(8) unsigned char records[MT_LOG_BLOCK + MT_RECORD_MAX];
	static struct mt_reader in;
	struct mt_log_encoder *e = mt_log_encoder_new();
	const struct mt_hdr *rec;
	uint64_t each, n = 0;
	size_t used = 0;
	int got;

	mt_start(argv);
	each = argc > 1 ? mt_number("N", argv[1], 1 << 20) : 1;
	if (!e)
		mt_die(MT_FAIL, "out of memory");
	mt_open_input(&in);
	while ((got = mt_reader_next(&in, &rec)) > 0) {
		for (size_t i = 0; i < rec->size; i++)
			records[used++] = ((const unsigned char *)rec)[i];
		if (++n < each && used < MT_LOG_BLOCK)
			continue;
		write_block(e, records, used);
		used = 0;
		n = 0;
	}
	if (used)
		write_block(e, records, used);
	mt_log_encoder_free(e);
	if (got < 0)
		mt_die(MT_FAIL, "standard input: %s", in.error);
	return MT_OK;
}
