/* SPDX-License-Identifier: MIT */
/*
 * mt-toctf: a stream as a trace in the Common Trace Format 1.8.  The layout of
 * an event's fields there is that of our record, so they are copied as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libmt/cli.h"
#include "libmt/mt_clock.h"

static const char help[] =
"usage: mt-toctf DIRECTORY <stream\n"
"\n"
"Writes the stream as a trace in the Common Trace Format (CTF 1.8): a directory\n"
"with the files metadata and stream, which babeltrace2 and Trace Compass read.\n"
"An event is called like its record and has its fields; cpu and time are in its\n"
"context.  The clock counts the instructions of all cpus together.\n"
"\n"
"      --help   this text\n"
"\n"
"    mt-cat log.mt | mt-toctf log.ctf\n"
"    babeltrace2 log.ctf | head\n";

#define PACKET (256 * 1024)
#define UNKNOWN 65535			/* event id for kinds that are not in the table */

/* What stands before the events of a packet, in this order. */
struct packet {
	uint32_t magic, stream_id;
	uint64_t begin, end;		/* clock */
	uint64_t content, size;		/* bits */
	uint64_t lost;
};

static struct {
	const char *directory;
	int fd;
	uint64_t lost;
	struct mt_clock clock;
	bool any;			/* events in the packet */
	struct packet packet;
	size_t used, room;
	unsigned char *body;
} ctf = { .fd = -1 };

/* ---- metadata ------------------------------------------------------------ */

static void put_integer(struct mt_out *o, const struct mt_field_info *f)
{
	mt_out_printf(o, "integer { size = %u; align = 8; signed = false; base = %s; }", 8u * f->width,
		      f->show == MT_HEX || f->show == MT_SHOW_FLAGS ? "hex" : "decimal");
}

/* Names begin with _ since TSDL has words of its own; readers take it off. */
static void put_field(struct mt_out *o, const struct mt_field_info *f)
{
	mt_out_str(o, "\t\t");
	if (f->show == MT_SHOW_STRING) {
		mt_out_str(o, "string { encoding = UTF8; }");
	} else if (f->show == MT_SHOW_ENUM) {
		mt_out_str(o, "enum : ");
		put_integer(o, f);
		mt_out_str(o, " {");
		for (const struct mt_value *v = f->values; v->name; v++)
			mt_out_printf(o, "%s \"%s\" = %llu", v == f->values ? "" : ",", v->name,
				      (unsigned long long)v->number);
		mt_out_str(o, " }");
	} else {
		put_integer(o, f);
	}
	mt_out_printf(o, " _%s;\n", f->name);
}

static void put_event(struct mt_out *o, const struct mt_type *t)
{
	mt_out_printf(o, "event {\n\tname = \"%s\";\n\tid = %u;\n\tstream_id = 0;\n\tfields := struct {\n",
		      t->name, t->kind);
	for (unsigned i = 0; i < t->n_fields; i++)
		put_field(o, &t->fields[i]);
	mt_out_str(o, "\t};\n};\n\n");
}

static const char preamble[] =
"/* CTF 1.8 */\n\n"
"typealias integer { size = 8; align = 8; signed = false; base = hex; } := uint8_t;\n"
"typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
"typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
"typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n\n"
"trace {\n\tmajor = 1;\n\tminor = 8;\n\tbyte_order = le;\n"
"\tpacket.header := struct { uint32_t magic; uint32_t stream_id; };\n};\n\n"
"env {\n\tdomain = \"mtrace\";\n\ttracer_name = \"mt-toctf\";\n};\n\n"
"clock {\n\tname = instructions;\n\tdescription = \"executed by all cpus together\";\n"
"\tfreq = 1000000000;\n};\n\n"
"typealias integer { size = 64; align = 8; signed = false; map = clock.instructions.value; }"
" := clock_t;\n\n"
"stream {\n\tid = 0;\n"
"\tpacket.context := struct { clock_t timestamp_begin; clock_t timestamp_end;"
" uint64_t content_size; uint64_t packet_size; uint64_t events_discarded; };\n"
"\tevent.header := struct { uint16_t id; clock_t timestamp; };\n"
"\tevent.context := struct { uint32_t _cpu; uint64_t _time; };\n};\n\n";

static int open_file(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", ctf.directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		mt_die(MT_FAIL, "%s: %s", path, strerror(errno));
	return fd;
}

static void write_metadata(void)
{
	static struct mt_out o;

	mt_out_init(&o, open_file("metadata"));
	mt_out_str(&o, preamble);
	for (unsigned i = 0; i < mt_n_types; i++)
		put_event(&o, &mt_types[i]);
	mt_out_printf(&o, "event {\n\tname = \"unknown\";\n\tid = %u;\n\tstream_id = 0;\n\tfields := struct {\n"
		      "\t\tuint16_t _kind;\n\t\tuint16_t _bytes;\n\t\tuint8_t _data[_bytes];\n\t};\n};\n",
		      UNKNOWN);
	if (mt_out_flush(&o) < 0 || close(o.fd) < 0)
		mt_die(MT_FAIL, "%s/metadata: %s", ctf.directory, strerror(errno));
}

/* ---- packets --------------------------------------------------------------- */

static void fail(void)
{
	mt_die(MT_FAIL, "%s/stream: %s", ctf.directory, strerror(errno));
}

static void flush_packet(void *arg)
{
	struct packet *p = &ctf.packet;

	(void)arg;
	if (!ctf.any)
		return;
	p->magic = 0xc1fc1fc1;
	p->end = ctf.clock.now;
	p->content = p->size = 8 * (sizeof(*p) + ctf.used);
	p->lost = ctf.lost;
	if (mt_write_full(ctf.fd, p, sizeof(*p)) < 0 || mt_write_full(ctf.fd, ctf.body, ctf.used) < 0)
		fail();
	ctf.used = 0;
	ctf.any = false;
}

static void append(const void *bytes, size_t len)
{
	memcpy(ctf.body + ctf.used, bytes, len);
	ctf.used += len;
}

/* Bytes that are no UTF-8 become three each, for which put_record has made room. */
static void append_string(const char *s)
{
	size_t len = strlen(s);

	for (;;) {
		size_t n = mt_utf8_span(s, len);

		append(s, n);
		if (n == len)
			break;
		append("\xef\xbf\xbd", 3);
		s += n + 1;
		len -= n + 1;
	}
	append("", 1);
}

static void append_unknown(const struct mt_hdr *rec)
{
	uint16_t bytes = (uint16_t)(rec->size - sizeof(*rec));

	append(&rec->kind, sizeof(rec->kind));
	append(&bytes, sizeof(bytes));
	append(rec + 1, bytes);
}

static void put_record(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);
	uint16_t id = t ? t->kind : UNKNOWN;

	if (mt_clock_note(&ctf.clock, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	if (rec->kind == MT_KIND_drop)
		ctf.lost += ((const struct mt_drop *)rec)->count;
	if (!ctf.any)
		ctf.packet.begin = ctf.clock.now;
	ctf.any = true;
	append(&id, sizeof(id));
	append(&ctf.clock.now, sizeof(ctf.clock.now));
	append(&rec->cpu, sizeof(rec->cpu));
	append(&rec->time, sizeof(rec->time));
	if (!t) {
		append_unknown(rec);
	} else {
		append(rec + 1, t->size - sizeof(*rec));
		for (unsigned i = 0; i < t->n_strings; i++)
			append_string(mt_string(rec, i));
	}
	if (ctf.used >= PACKET)
		flush_packet(NULL);
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	if (argc - optind != 1)
		mt_die(MT_USAGE, "one directory is wanted: mt-toctf DIRECTORY <stream");
	ctf.directory = argv[optind];
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	if (mkdir(ctf.directory, 0777) < 0 && errno != EEXIST)
		mt_die(MT_FAIL, "%s: %s", ctf.directory, strerror(errno));
	write_metadata();
	ctf.fd = open_file("stream");
	ctf.body = mt_xmalloc(PACKET + 4 * MT_RECORD_MAX);
	in.idle = flush_packet;
	while ((got = mt_reader_next(&in, &rec)) > 0)
		put_record(rec);
	flush_packet(NULL);
	if (close(ctf.fd) < 0)
		fail();
	if (got < 0)
		mt_die(MT_FAIL, "standard input: byte %llu: %s", (unsigned long long)in.offset, in.error);
	return MT_OK;
}
