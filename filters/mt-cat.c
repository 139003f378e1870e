/* SPDX-License-Identifier: MIT */
/* mt-cat: opens logs, verifies them, and writes the record stream; and back. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat/cat.h"
#include "libmt/mt_log_pool.h"

static const char help[] =
"usage: mt-cat [options] [FILE...]\n"
"\n"
"Opens logs, verifies them and writes their records as a stream.  FILE is a log,\n"
"a stream, or an mtrace.out of the original mtrace, in gzip or not; - or none is\n"
"standard input.  Several are read one after another.\n"
"\n"
"  -j, --jobs N       decode on N threads (default: one for each core)\n"
"  -o, --output LOG   write a log instead of the stream\n"
"      --cpu SET      only events of these cpus: 0-3,7\n"
"      --time A-B     only events from time A to time B\n"
"      --blocks A-B   only events of these blocks, counted from 0\n"
"      --shard I/N    only accesses to the Ith of N parts of the memory\n"
"      --index        list the blocks as text instead\n"
"      --help         this text\n"
"\n"
"Records that later stages resolve with (tasks, maps, labels, definitions, ...)\n"
"always pass.  Blocks that cannot match are skipped without being decoded.\n"
"\n"
"    mt-cat log.mt | mt-filter --cpu 3 | mt-tojson\n"
"    mt-cat --cpu 3 --time 1000-2000 log.mt | mt-stat | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-cat -o labelled.mt\n";

/* ---- options ----------------------------------------------------------- */

struct range { uint64_t first, last; };

static struct {
	unsigned jobs;
	const char *output;
	bool index;
	struct range *cpus;
	size_t n_cpus;
	uint64_t cpu_bits[4];		/* as in a block's header */
	struct range time, blocks;
	uint32_t shard, shards;		/* from 0; shards 0: all */
	bool select;			/* anything may be left out */
} options = {
	.time = { 0, UINT64_MAX }, .blocks = { 0, UINT64_MAX },
};

/* A or A-B, in place; either may be left out of A-B. */
static struct range parse_range(const char *what, char *text, uint64_t max)
{
	struct range r = { 0, max };
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = 0;
	if (!dash || *text)
		r.first = mt_number(what, text, max);
	if (!dash)
		r.last = r.first;
	else if (*dash)
		r.last = mt_number(what, dash, max);
	if (r.first > r.last)
		mt_die(MT_USAGE, "%s: '%s-%s': the first is larger than the last", what, text, dash);
	return r;
}

static void parse_cpus(char *text)
{
	static size_t room;

	for (char *save, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct range r = parse_range("--cpu", word, UINT32_MAX);

		options.cpus = mt_xgrow(options.cpus, options.n_cpus, &room, sizeof(r));
		options.cpus[options.n_cpus++] = r;
		for (uint64_t c = r.first; c <= r.last && c < r.first + 256; c++)
			options.cpu_bits[c / 64 % 4] |= 1ull << c % 64;
	}
	if (!options.n_cpus)
		mt_die(MT_USAGE, "--cpu: names no cpu");
}

static void parse_shard(char *text)
{
	char *slash = strchr(text, '/');

	if (!slash)
		mt_die(MT_USAGE, "--shard: '%s' is not I/N, as in 1/4", text);
	*slash++ = 0;
	options.shards = (uint32_t)mt_number("--shard", slash, 1 << 20);
	options.shard = (uint32_t)mt_number("--shard", text, options.shards) - 1;
	if (options.shard >= options.shards)
		mt_die(MT_USAGE, "--shard: shards are counted from 1");
}

enum { OPT_CPU = 256, OPT_TIME, OPT_BLOCKS, OPT_SHARD, OPT_INDEX, OPT_HELP };

static void take_option(int c)
{
	switch (c) {
	case 'j':
		options.jobs = (unsigned)mt_number("--jobs", optarg, 1024);
		break;
	case 'o':
		options.output = optarg;
		break;
	case OPT_CPU:
		parse_cpus(optarg);
		break;
	case OPT_TIME:
		options.time = parse_range("--time", optarg, UINT64_MAX);
		break;
	case OPT_BLOCKS:
		options.blocks = parse_range("--blocks", optarg, UINT64_MAX);
		break;
	case OPT_SHARD:
		parse_shard(optarg);
		break;
	case OPT_INDEX:
		options.index = true;
		break;
	case OPT_HELP:
		mt_help(help);
	default:
		mt_bad_usage();
	}
	options.select |= c >= OPT_CPU && c <= OPT_SHARD;
}

static void parse_options(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ "cpu", required_argument, NULL, OPT_CPU },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "blocks", required_argument, NULL, OPT_BLOCKS },
		{ "shard", required_argument, NULL, OPT_SHARD },
		{ "index", no_argument, NULL, OPT_INDEX },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "j:o:", long_options, NULL)) != -1)
		take_option(c);
	if (!options.jobs) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);

		options.jobs = cores > 0 && cores < 1024 ? (unsigned)cores : 1;
	}
	if (options.index && options.output)
		mt_die(MT_USAGE, "--index and --output exclude each other");
}

/* ---- what passes ------------------------------------------------------- */

static bool inside(struct range r, uint64_t n)
{
	return n >= r.first && n <= r.last;
}

static bool cpu_matches(uint32_t cpu)
{
	if (!options.n_cpus)
		return true;
	for (size_t i = 0; i < options.n_cpus; i++)
		if (inside(options.cpus[i], cpu))
			return true;
	return false;
}

static uint32_t shard_of(uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * options.shards >> 32);
}

static bool passes(const struct mt_hdr *rec, uint64_t block)
{
	if (rec->kind != MT_KIND_access && !mt_log_judged(rec))
		return true;
	if (!inside(options.blocks, block) || !inside(options.time, rec->time) ||
	    !cpu_matches(rec->cpu))
		return false;
	if (rec->kind != MT_KIND_access || !options.shards)
		return true;
	return shard_of(mt_log_granule(((const struct mt_access *)rec)->paddr)) == options.shard;
}

/* Some bit of the header's set of granules belongs to our shard. */
static bool granules_match(uint64_t granules)
{
	for (uint32_t bit = 0; bit < 64; bit++)
		if (granules >> bit & 1 && shard_of(bit << 26) <= options.shard &&
		    shard_of(bit << 26 | ((1u << 26) - 1)) >= options.shard)
			return true;
	return false;
}

/* May any record of the block pass? */
static bool block_matches(const struct mt_log_block *b, uint64_t number)
{
	if (!options.select || b->judged < b->records)
		return true;
	if (!inside(options.blocks, number) || b->time_min > options.time.last ||
	    b->time_max < options.time.first)
		return false;
	if (options.shards && b->accesses == b->judged && !granules_match(b->granules))
		return false;
	if (!options.n_cpus)
		return true;
	for (unsigned i = 0; i < 4; i++)
		if (b->cpus[i] & options.cpu_bits[i])
			return true;
	return false;
}

/* On a thread of the pool: keeps what passes, unless the stream's frame is in it. */
static void filter_job(void *arg, struct mt_log_job *job)
{
	size_t to = 0;

	(void)arg;
	if (job->block.accesses == job->block.records && !options.select)
		return;
	for (size_t at = 0; at < job->used && !job->marked; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);

		job->marked = rec->kind == MT_KIND_begin || rec->kind == MT_KIND_end;
		at += rec->size;
	}
	if (job->marked || !options.select)
		return;
	job->kept = 0;
	for (size_t at = 0; at < job->used; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);
		size_t size = rec->size;

		if (passes(rec, job->number)) {
			memmove(job->records + to, rec, size);
			to += size;
			job->kept++;
		}
		at += size;
	}
	job->used = to;
}

/* ---- where it goes ----------------------------------------------------- */

static struct {
	int fd;
	const char *name;
	struct mt_log_encoder *log;	/* NULL: a stream */
	uint64_t records;		/* since begin */
	size_t used;
	_Alignas(8) unsigned char buf[MT_LOG_BLOCK + MT_RECORD_MAX];
} sink;

static void sink_write(const void *bytes, size_t len)
{
	if (mt_write_full(sink.fd, bytes, len) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
}

static void sink_flush(void)
{
	const void *block;
	long len;

	if (!sink.used)
		return;
	if (sink.log) {
		len = mt_log_encode(sink.log, sink.buf, sink.used, &block);
		if (len < 0)
			mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
		sink_write(block, (size_t)len);
	} else {
		sink_write(sink.buf, sink.used);
	}
	sink.used = 0;
}

static void sink_put(const struct mt_hdr *rec)
{
	struct mt_hdr *at = (struct mt_hdr *)(sink.buf + sink.used);

	memcpy(at, rec, rec->size);
	if (rec->kind == MT_KIND_begin)
		sink.records = 0;
	else if (rec->kind == MT_KIND_end)
		((struct mt_end *)at)->records = sink.records;
	sink.records++;
	sink.used += rec->size;
	if (sink.used >= (sink.log ? (size_t)MT_LOG_BLOCK : MT_WRITER_BUFFER))
		sink_flush();
}

/* Records without begin and end among them. */
static void sink_put_many(const unsigned char *records, size_t len, uint32_t n)
{
	if (sink.log) {
		for (size_t at = 0; at < len; at += ((const struct mt_hdr *)(records + at))->size)
			sink_put((const struct mt_hdr *)(records + at));
		return;
	}
	sink_flush();
	sink_write(records, len);
	sink.records += n;
}

static void sink_idle(void *arg)
{
	(void)arg;
	if (!sink.log)
		sink_flush();
}

/* ---- the order of a stream --------------------------------------------- */

static struct {
	const char *name;		/* of the file that is read */
	int status;
	bool open;			/* between begin and end */
	bool lost;			/* records of this stream are missing: it gets no end */
	uint64_t records;		/* since begin, as they were read */
} stream;

/* More would only repeat that the file is broken. */
#define COMPLAINTS_MAX 10

static void complain(uint64_t offset, const char *what)
{
	static const char *name;
	static unsigned complaints;

	complaints = name == stream.name ? complaints + 1 : 1;
	name = stream.name;
	stream.lost = true;
	stream.status = MT_FAIL;
	if (complaints < COMPLAINTS_MAX)
		mt_warn("%s: byte %llu: %s", stream.name, (unsigned long long)offset, what);
	else if (complaints == COMPLAINTS_MAX)
		mt_warn("%s: byte %llu: %s; there is more damage behind it", stream.name,
			(unsigned long long)offset, what);
}

/* What is whole shall arrive, and no reader accepts records without a begin. */
static void replace_begin(uint64_t offset)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct mt_begin begin = { .hdr.kind = MT_KIND_begin, .version = 1, .line = 64 };
	const char *const strings[] = { "mt-cat: the begin record was lost", "", "" };

	if (!stream.lost)
		complain(offset, "records without a begin record");
	stream.open = stream.lost = true;
	sink_put(mt_build(buf, &begin, strings));
}

static void take_begin(const struct mt_hdr *rec, uint64_t offset)
{
	if (stream.open && !stream.lost)
		complain(offset, "stream was cut: another begins before its end");
	if (((const struct mt_begin *)rec)->version != 1)
		mt_die(MT_FAIL, "%s: byte %llu: stream of a newer version of the format",
		       stream.name, (unsigned long long)offset);
	stream.open = true;
	stream.lost = false;
	stream.records = 1;
	sink_put(rec);
}

static void take_end(const struct mt_hdr *rec, uint64_t offset)
{
	char what[120];
	uint64_t want = ((const struct mt_end *)rec)->records;

	if (!stream.lost && want != stream.records) {
		snprintf(what, sizeof(what), "records are missing: end counts %llu, there were %llu",
			 (unsigned long long)want, (unsigned long long)stream.records);
		complain(offset, what);
	}
	if (!stream.lost)
		sink_put(rec);
	stream.open = stream.lost = false;
}

/* A block that has a begin or an end. */
static void take_marked(const struct mt_log_job *job)
{
	for (size_t at = 0; at < job->used; ) {
		const struct mt_hdr *rec = (const struct mt_hdr *)(job->records + at);

		at += rec->size;
		if (rec->kind == MT_KIND_begin) {
			take_begin(rec, job->offset);
			continue;
		}
		if (!stream.open)
			replace_begin(job->offset);
		if (rec->kind == MT_KIND_end) {
			take_end(rec, job->offset);
			continue;
		}
		stream.records++;
		if (passes(rec, job->number))
			sink_put(rec);
	}
}

static void take_job(const struct mt_log_job *job)
{
	stream.records += job->skipped;
	if (job->error) {
		complain(job->offset, job->error);
	} else if (job->marked) {
		take_marked(job);
	} else {
		if (!stream.open)
			replace_begin(job->offset);
		stream.records += job->block.records;
		sink_put_many(job->records, job->used, job->kept);
	}
}

/* ---- for the readers of other formats ---------------------------------- */

void cat_put(const struct mt_hdr *rec)
{
	if (passes(rec, 0))
		sink_put(rec);
}

void cat_idle(void *arg)
{
	sink_idle(arg);
}

void cat_complain(uint64_t offset, const char *what)
{
	complain(offset, what);
}

bool cat_lost(void)
{
	return stream.lost;
}

const char *cat_name(void)
{
	return stream.name;
}

/* They have no blocks. */
static void refuse_blocks(const char *format)
{
	if (options.blocks.first || options.blocks.last != UINT64_MAX)
		mt_die(MT_USAGE, "--blocks: %s is %s, which has none", stream.name, format);
}

/* ---- a log ------------------------------------------------------------- */

static void drain(void *pool)
{
	const struct mt_log_job *job;

	while ((job = mt_log_pool_take(pool)))
		take_job(job);
	sink_idle(NULL);
}

/* The log that is read. */
struct log {
	struct mt_log_reader in;
	struct mt_log_pool *pool;
	uint64_t size;			/* of the file; 0: not known */
	uint64_t number;		/* of the next block */
	uint64_t skipped;		/* records left out since the last job */
};

static void start_job(struct log *log, const struct mt_log_block *b, const void *payload)
{
	struct mt_log_job *job;

	while (!(job = mt_log_pool_idle(log->pool)))
		take_job(mt_log_pool_take(log->pool));
	job->block = *b;
	job->offset = log->in.offset;
	job->number = log->number;
	job->skipped = log->skipped;
	mt_progress(stream.name, job->offset, log->size);
	log->skipped = 0;
	if (mt_log_pool_submit(log->pool, payload) < 0)
		mt_die(MT_FAIL, "out of memory");
}

/* Damage is told where it stands among the records. */
static void damaged(struct log *log)
{
	drain(log->pool);
	complain(log->in.offset, log->in.error);
}

static void decode_block(struct log *log, const struct mt_log_block *b)
{
	const void *payload = mt_log_reader_payload(&log->in, b);

	if (payload)
		start_job(log, b, payload);
	else
		damaged(log);
}

static void skip_block(struct log *log, const struct mt_log_block *b)
{
	if (mt_log_reader_skip(&log->in, b) < 0)
		damaged(log);
	else
		log->skipped += b->records;
}

static void read_in_sequence(struct log *log)
{
	struct mt_log_block b;
	int got;

	while ((got = mt_log_reader_next(&log->in, &b)) != 0) {
		if (got < 0 || (b.coding == MT_LOG_INDEX && mt_log_reader_index(&log->in, &b) < 0)) {
			damaged(log);
		} else if (b.coding != MT_LOG_INDEX) {
			if (block_matches(&b, log->number))
				decode_block(log, &b);
			else
				skip_block(log, &b);
			log->number++;
		}
	}
}

/* The block that the index promises; false when something else is there. */
static bool go_to(struct mt_log_reader *in, const struct mt_log_entry *e)
{
	struct mt_log_block b;

	return mt_log_reader_seek(in, e->offset) == 0 && mt_log_reader_next(in, &b) > 0 &&
		in->offset == e->offset && !memcmp(&b, &e->block, sizeof(b));
}

/* Only the blocks that may match are read at all. */
static void read_by_index(struct log *log, struct mt_log_index *x)
{
	struct mt_log_entry e;

	for (; log->number < x->count; log->number++) {
		if (mt_log_index_get(x, log->number, &e) < 0)
			mt_die(MT_FAIL, "%s: index: %s", stream.name, strerror(errno));
		if (!block_matches(&e.block, log->number)) {
			log->skipped += e.block.records;
		} else if (go_to(&log->in, &e)) {
			decode_block(log, &e.block);
		} else {
			drain(log->pool);
			complain(e.offset, "no block is where the index says");
		}
	}
}

static void cat_log(struct log *log)
{
	static struct mt_log_index x;
	struct stat st;

	if (fstat(log->in.fd, &st) == 0 && S_ISREG(st.st_mode))
		log->size = (uint64_t)st.st_size;
	log->pool = mt_log_pool_new(options.jobs, filter_job, NULL);
	if (!log->pool)
		mt_die(MT_FAIL, "out of memory, or of threads");
	log->in.idle = drain;
	log->in.idle_arg = log->pool;
	if (options.select && mt_log_index_open(&x, log->in.fd))
		read_by_index(log, &x);
	else
		read_in_sequence(log);
	drain(log->pool);
	stream.records += log->skipped;
	mt_log_pool_free(log->pool);
	mt_progress_end();
	if (stream.open && !stream.lost)
		complain(log->in.base + log->in.used, "log was cut: it has no end record");
	stream.open = stream.lost = false;
}

/* ---- the list of blocks ------------------------------------------------ */

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

static void list_block(struct mt_out *out, uint64_t number, uint64_t offset,
		       const struct mt_log_block *b)
{
	mt_out_printf(out, "block=%llu offset=%llu bytes=%llu records=%u accesses=%u context=%u",
		      (unsigned long long)number, (unsigned long long)offset,
		      (unsigned long long)(sizeof(*b) + b->payload_size), b->records, b->accesses,
		      b->records - b->judged);
	list_range(out, "time", b->time_min, b->time_max, false);
	list_range(out, "pc", b->pc_min, b->pc_max, true);
	list_range(out, "paddr", b->paddr_min, b->paddr_max, true);
	list_cpus(out, b->cpus);
	mt_out_char(out, '\n');
}

static void list_log(struct log *log)
{
	static struct mt_out out;
	struct mt_log_block b;
	int got;

	mt_out_init(&out, STDOUT_FILENO);
	while ((got = mt_log_reader_next(&log->in, &b)) != 0) {
		if (got > 0 && b.coding == MT_LOG_INDEX) {
			got = mt_log_reader_index(&log->in, &b);
		} else if (got > 0) {
			list_block(&out, log->number++, log->in.offset, &b);
			got = mt_log_reader_skip(&log->in, &b);
		}
		if (got < 0)
			complain(log->in.offset, log->in.error);
	}
	if (mt_out_flush(&out) < 0)
		mt_die(MT_FAIL, "standard output: %s", strerror(errno));
}

/* ---- a stream ---------------------------------------------------------- */

/* bytes were already read from fd */
static void cat_stream(int fd, const void *bytes, size_t len)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	refuse_blocks("a stream");
	mt_reader_init(&in, fd);
	memcpy(in.buf, bytes, len);
	in.used = len;
	in.started = len > 0;
	in.idle = sink_idle;
	while ((got = mt_reader_next(&in, &rec)) > 0)
		if (passes(rec, 0))
			sink_put(rec);
	if (got < 0)
		complain(in.offset, in.error);
	stream.open = stream.lost = false;
}

/* ---- files ------------------------------------------------------------- */

static void cat_other(int fd, const void *bytes, size_t len)
{
	refuse_blocks("a classic log");
	cat_classic(fd, bytes, len);
	stream.open = stream.lost = false;
}

/* A stream opens with "MT"; whatever else may be a log whose start is damaged. */
static void cat_fd(int fd)
{
	struct log log = { .number = 0 };
	const void *bytes;
	long n;

	if (mt_log_reader_init(&log.in, fd) < 0)
		mt_die(MT_FAIL, "out of memory");
	n = mt_log_reader_peek(&log.in, &bytes, CAT_CLASSIC_PEEK);
	if (n < 0)
		complain(0, strerror(errno));
	else if (n == 0)
		complain(0, "empty: neither a log nor a stream");
	else if (options.index)
		list_log(&log);		/* of a stream: complains */
	else if (n >= 2 && !memcmp(bytes, "MT", 2))
		cat_stream(fd, log.in.buf, log.in.used);
	else if (cat_is_classic(bytes, (size_t)n))
		cat_other(fd, log.in.buf, log.in.used);
	else
		cat_log(&log);
	mt_log_reader_release(&log.in);
}

static void cat_file(const char *name)
{
	int fd;

	if (!strcmp(name, "-")) {
		stream.name = "standard input";
		if (isatty(STDIN_FILENO))
			mt_die(MT_USAGE, "standard input: is a terminal, expected a log: mt-cat LOG");
		cat_fd(STDIN_FILENO);
		return;
	}
	stream.name = name;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		mt_warn("%s: %s", name, strerror(errno));
		stream.status = MT_FAIL;
		return;
	}
	cat_fd(fd);
	close(fd);
}

static bool same_file(const struct stat *a, const char *name)
{
	struct stat b;

	return (strcmp(name, "-") ? stat(name, &b) : fstat(STDIN_FILENO, &b)) == 0 &&
		a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Truncating what is yet to be read would destroy it. */
static void refuse_own_input(const struct stat *st, char **files)
{
	if (!*files && same_file(st, "-"))
		mt_die(MT_USAGE, "--output: %s is also the input", options.output);
	for (; *files; files++)
		if (same_file(st, *files))
			mt_die(MT_USAGE, "--output: %s is also the input", options.output);
}

static void open_log(char **files)
{
	struct stat st;
	int how = O_RDWR | O_TRUNC;

	if (stat(options.output, &st) == 0) {
		if (S_ISREG(st.st_mode))
			refuse_own_input(&st, files);
		else
			how = O_WRONLY;	/* a FIFO or device: gets no index */
	}
	sink.name = options.output;
	sink.fd = open(options.output, how | O_CREAT | O_CLOEXEC, 0666);
	if (sink.fd < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
	sink.log = mt_log_encoder_new();
	if (!sink.log)
		mt_die(MT_FAIL, "out of memory");
}

static void open_sink(char **files)
{
	sink.fd = STDOUT_FILENO;
	sink.name = "standard output";
	if (options.output)
		open_log(files);
	else if (!options.index && isatty(STDOUT_FILENO))
		mt_die(MT_USAGE,
		       "standard output: is a terminal, records are binary: append | mt-totext");
	else
		mt_widen_pipe(sink.fd);
}

static void close_sink(void)
{
	struct stat st;

	sink_flush();
	if (!sink.log)
		return;
	if (fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode) && mt_log_finish(sink.fd) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
	if (close(sink.fd) < 0)
		mt_die(MT_FAIL, "%s: %s", sink.name, strerror(errno));
	mt_log_encoder_free(sink.log);
}

int main(int argc, char **argv)
{
	mt_start(argv);
	parse_options(argc, argv);
	open_sink(argv + optind);
	if (optind == argc)
		cat_file("-");
	for (int i = optind; i < argc; i++)
		cat_file(argv[i]);
	close_sink();
	return stream.status;
}
