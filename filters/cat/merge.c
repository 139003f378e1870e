/* SPDX-License-Identifier: MIT */
/*
 * mt-cat --merge.  A process opens each log, with all that this is (damage, old
 * formats, its threads), and gives us a stream.  They are merged by one clock
 * each, the instructions that all of its cpus have executed, which are 0 at the
 * begin record.  What passes is chosen behind that: of the merged stream.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../libmt/mt_clock.h"
#include "cat.h"
#include "merge.h"
#include "numbers.h"
#include "stream.h"

struct input {
	const char *name;
	pid_t reader;
	int fd;
	struct mt_reader in;
	const struct mt_hdr *rec;	/* the next one; NULL: there are no more */
	struct mt_clock clock;		/* at it */
	struct numbers numbers;
	struct mt_begin *begin;
	struct mt_end end;
	bool ended;
	uint64_t accesses, instructions;	/* as its last mode record says */
};

static struct input *inputs;
static size_t n_inputs;
static int worst = MT_OK;

/* ---- the readers ----------------------------------------------------------- */

static void run_reader(const char *name, const int *ends, int (*alone)(const char *))
{
	for (size_t i = 0; i < n_inputs; i++)
		close(inputs[i].fd);
	close(ends[0]);
	if (dup2(ends[1], STDOUT_FILENO) < 0)
		mt_die(MT_FAIL, "%s: %s", name, strerror(errno));
	close(ends[1]);
	exit(alone(name));
}

static void start_reader(struct input *p, char *name, int (*alone)(const char *))
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || (p->reader = fork()) < 0)
		mt_die(MT_FAIL, "%s: no process to read it: %s", name, strerror(errno));
	if (!p->reader)
		run_reader(name, ends, alone);
	close(ends[1]);
	mt_widen_pipe(ends[0]);
	p->fd = ends[0];
	p->name = strcmp(name, "-") ? name : "standard input";
	mt_reader_init(&p->in, p->fd);
	p->in.idle = cat_idle;
}

void merge_start(char **names, int n, int (*alone)(const char *name))
{
	inputs = mt_xcalloc((size_t)n, sizeof(*inputs));
	for (int i = 0; i < n; i++, n_inputs++)
		start_reader(&inputs[i], names[i], alone);
}

static void end_reader(struct input *p)
{
	int how = 0, status;

	close(p->fd);
	while (waitpid(p->reader, &how, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(how))
		mt_warn("%s: its reader was ended by signal %d", p->name, WTERMSIG(how));
	status = WIFEXITED(how) ? WEXITSTATUS(how) : MT_FAIL;
	worst = status > worst ? status : worst;
}

/* ---- a record of one log ------------------------------------------------------ */

/* Of a log that is not whole its reader has said so. */
static void read_next(struct input *p)
{
	const struct mt_type *t;

	if (mt_reader_next(&p->in, &p->rec) <= 0) {
		p->rec = NULL;
		return;
	}
	if (p->rec->kind == MT_KIND_begin && p->begin)
		mt_die(MT_FAIL, "%s: several streams behind each other: cannot be merged", p->name);
	t = mt_type_of(p->rec->kind);
	if (t && t->class == MT_CLASS_report)
		mt_die(MT_FAIL, "%s: has a report (%s): what it was made from can be merged, rows cannot",
		       p->name, t->name);
	if (mt_clock_note(&p->clock, p->rec) < 0)
		mt_die(MT_FAIL, "out of memory");
}

static void advance(struct input *p)
{
	read_next(p);
	if (!p->rec || p->rec->kind != MT_KIND_end)
		return;
	p->end = *(const struct mt_end *)p->rec;
	p->ended = true;
	read_next(p);
}

/* Counts so far are those of all logs. */
static void add_up(struct input *p, struct mt_mode *m)
{
	p->accesses = m->accesses;
	p->instructions = m->instructions;
	m->accesses = m->instructions = 0;
	for (size_t i = 0; i < n_inputs; i++) {
		m->accesses += inputs[i].accesses;
		m->instructions += inputs[i].instructions;
	}
}

static void put(struct input *p)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_hdr *rec = memcpy(buf, p->rec, p->rec->size);

	numbers_change(&p->numbers, rec);
	if (rec->kind == MT_KIND_mode)
		add_up(p, (struct mt_mode *)rec);
	cat_put(rec);
}

/* ---- begin and end -------------------------------------------------------------- */

static void read_begin(struct input *p)
{
	read_next(p);
	if (!p->rec || p->rec->kind != MT_KIND_begin) {
		end_reader(p);		/* it has said what it found instead */
		exit(worst > MT_OK ? worst : MT_FAIL);
	}
	p->begin = memcpy(mt_xmalloc(p->rec->size), p->rec, p->rec->size);
	numbers_init(&p->numbers, p->begin, p->name);
	advance(p);
}

static void must_agree(const struct input *p, const char *what, uint32_t mine, uint32_t theirs)
{
	if (mine != theirs)
		mt_die(MT_FAIL, "%s: its %s is %u, and %u in %s: cannot be merged", p->name, what, mine,
		       theirs, inputs[0].name);
}

/* One access in so many; hand-made logs say 0. */
static uint32_t rate(const struct mt_begin *b)
{
	return b->sample ? b->sample : 1;
}

/* The text of all, each once. */
static char *join(unsigned string)
{
	char *all = mt_xstrdup(""), *longer;

	for (size_t i = 0; i < n_inputs; i++) {
		const char *one = mt_string(&inputs[i].begin->hdr, string);
		bool again = false;

		for (size_t j = 0; j < i && !again; j++)
			again = !strcmp(one, mt_string(&inputs[j].begin->hdr, string));
		if (again)
			continue;
		longer = mt_xmalloc(strlen(all) + strlen(one) + 4);
		sprintf(longer, "%s%s%s", all, *all ? " + " : "", one);
		free(all);
		all = longer;
	}
	return all;
}

/* What holds for all of them; nothing is known of the order of two of them but their clocks. */
static void combine(struct mt_begin *all, const struct mt_begin *b)
{
	all->cpus = all->cpus && b->cpus && b->cpus <= UINT32_MAX - all->cpus ? all->cpus + b->cpus : 0;
	all->quantum = all->quantum == b->quantum ? b->quantum : 0;
	if (b->machine == MT_machine_system)
		all->machine = MT_machine_system;
	if (b->index != MT_vcpu_index_callback)
		all->index = b->index;
	if (all->mode == MT_mode_off)
		all->mode = b->mode;
	all->options &= b->options;
	all->order = MT_order_approximate;
}

static void put_begin(void)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_begin all = *inputs[0].begin;
	char *strings[] = { join(0), join(1), join(2) };

	for (size_t i = 1; i < n_inputs; i++) {
		const struct mt_begin *b = inputs[i].begin;

		must_agree(&inputs[i], "size of a line", b->line, all.line);
		must_agree(&inputs[i], "rate of samples", rate(b), rate(&all));
		must_agree(&inputs[i], "version", b->version, all.version);
		combine(&all, b);
	}
	cat_put(mt_build(buf, &all, (const char *const *)strings));
	for (size_t i = 0; i < 3; i++)
		free(strings[i]);
}

static void put_end(void)
{
	struct mt_end all = inputs[0].end;

	for (size_t i = 0; i < n_inputs; i++)
		if (!inputs[i].ended) {
			stream_cut();
			return;
		}
	for (size_t i = 1; i < n_inputs; i++) {
		all.dropped += inputs[i].end.dropped;
		all.accesses += inputs[i].end.accesses;
		all.instructions += inputs[i].end.instructions;
	}
	cat_put(&all.hdr);
}

/* ---- all of them ------------------------------------------------------------------ */

/* At the same time the one that was named first. */
static bool is_before(const struct input *a, const struct input *b)
{
	return !b || a->clock.now < b->clock.now || (a->clock.now == b->clock.now && a < b);
}

/* The log that is next, and the one after which it no longer is. */
static struct input *find_next(struct input **other)
{
	struct input *first = NULL;

	*other = NULL;
	for (size_t i = 0; i < n_inputs; i++) {
		struct input *p = &inputs[i];

		if (!p->rec)
			continue;
		if (is_before(p, first)) {
			*other = first;
			first = p;
		} else if (is_before(p, *other)) {
			*other = p;
		}
	}
	return first;
}

int merge_all(void)
{
	struct input *p, *other;

	stream_file("merged logs");
	for (size_t i = 0; i < n_inputs; i++)
		read_begin(&inputs[i]);
	put_begin();
	while ((p = find_next(&other)))
		for (; p->rec && is_before(p, other); advance(p))
			put(p);
	put_end();
	for (size_t i = 0; i < n_inputs; i++)
		end_reader(&inputs[i]);
	stream_end_file(0);
	return worst;
}
