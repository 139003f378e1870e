/* SPDX-License-Identifier: MIT */
/* mt-tojson: records as JSON, one object a line. */
#include <getopt.h>

#include "libmt/cli.h"

static const char help[] =
"usage: mt-tojson <stream\n"
"\n"
"Writes each record of the stream on standard input as one JSON object on a\n"
"line of its own: {\"type\":\"access\",\"cpu\":3,...}.  Addresses are strings in\n"
"hex, because JSON numbers lose bits above 2^53; flags are arrays of names.\n"
"\n"
"  --help     this text\n"
"\n"
"    mt-cat log.mt | mt-tojson | jq -c 'select(.type == \"access\") | .addr'\n"
"    mt-cat log.mt | mt-label prog | mt-shared | mt-top -n 5 moves | mt-tojson\n";

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	mt_no_operands(argc, argv);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	static struct mt_out out;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0) {
		mt_json(&out, rec);
		mt_out_char(&out, '\n');
	}
	return mt_close_text(&in, got, &out);
}
