/* SPDX-License-Identifier: MIT */
/* mt-check: whether a stream keeps what mt-log(5) promises. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-check [--movement] [-q] <stream\n"
"\n"
"Verifies what a stream promises: time never runs back on a cpu, definitions\n"
"precede their use, frees match allocations, entries nest, tasks exist before\n"
"they run, accesses stay within a line, lost records add up.  Prints the first\n"
"20 problems with their byte offset and a count; status 3 when there is one.\n"
"What is odd but allowed is a note at the end.  Nothing is passed on.\n"
"\n"
"  -m, --movement   also replay the movement rule: each access's moved flag must\n"
"                   be what the order of the log says (logs of mode all)\n"
"  -q, --quiet      print nothing, the status says it\n"
"      --help       this text\n"
"\n"
"    mt-check <log.mt\n"
"    mt-cat log.mt | mt-check --movement || echo 'log.mt is not exact'\n";

#define SHOWN 20

static bool quiet, movement;
static struct mt_out out;
static uint64_t offset;			/* of the current record */
static uint64_t problems;

static void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void problem(const char *format, ...)
{
	char text[256];
	va_list args;

	if (problems++ >= SHOWN || quiet)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mt_out_printf(&out, "byte %llu: %s\n", (unsigned long long)offset, text);
}

/* What is known about the current stream; a begin clears it. */
static struct {
	struct mt_table times;		/* cpu -> time */
	struct mt_table ids[3];		/* object, field, stack: id -> 1 */
	struct mt_table labels;		/* hash of the start -> struct label */
	struct mt_table tasks;		/* task -> 1, alive */
	struct mt_table entries;	/* tag -> cpu + 1 where current; PAUSED; FORGOTTEN */
	struct mt_table current;	/* cpu -> tag of its entry, plus 1; 0: none */
	struct mt_table used;		/* tag / 64 -> a bit for each that ever started */
	struct mt_table held;		/* lock -> how often */
	struct mt_table segments;	/* cpu -> start of its per-cpu segment */
	uint32_t line, cpus;
	uint64_t lost;
	bool lost_unknown;
	uint64_t odd_releases, odd_frees;
	bool classic;			/* LOCKed instructions are a load and a store there */
	bool exact;			/* the movement rule can be checked where mode is all */
	bool replay;			/* and is, here */
	bool replayed;
	uint64_t mode;
} st;

/* ---- time -------------------------------------------------------------- */

static void check_time(const struct mt_hdr *rec)
{
	uint64_t *last = mt_xtable_put(&st.times, rec->cpu);

	if (rec->time < *last)
		problem("time of cpu %u runs back from %llu to %llu", rec->cpu,
			(unsigned long long)*last, (unsigned long long)rec->time);
	*last = rec->time;
}

/* ---- definitions ------------------------------------------------------- */

static struct mt_table *ids_of(unsigned kind)
{
	return kind == MT_KIND_object ? &st.ids[0] : kind == MT_KIND_field ? &st.ids[1] :
	       kind == MT_KIND_stack ? &st.ids[2] : NULL;
}

static void check_definition(const struct mt_type *t, const struct mt_hdr *rec)
{
	const struct mt_field_info *f = mt_field_find(t, "id");
	const struct mt_symbol *s = (const struct mt_symbol *)rec;
	uint64_t id, *defined;

	if (rec->kind == MT_KIND_symbol && s->frame >= s->frames)
		problem("frame %u of %u", s->frame, s->frames);
	if (!f)
		return;
	id = mt_field_u64(rec, f);
	if (!id) {
		problem("%s with id 0, which means none", t->name);
		return;
	}
	defined = mt_xtable_put(ids_of(t->kind), id);
	if (*defined)
		problem("%s %llu is defined twice", t->name, (unsigned long long)id);
	*defined = 1;
}

static void check_reference(const struct mt_field_info *f, const struct mt_hdr *rec,
			    const struct mt_type *to)
{
	uint64_t id = mt_field_u64(rec, f);
	const struct mt_table *ids = ids_of(to->kind);

	if (id && ids && !mt_table_get(ids, id))
		problem("%s %llu is used before its definition", f->name, (unsigned long long)id);
}

static void check_values(const struct mt_field_info *f, const struct mt_hdr *rec)
{
	uint64_t n = mt_field_u64(rec, f), known = 0;

	if (f->show == MT_SHOW_ENUM && !mt_value_name(f->values, n))
		problem("%s has no value %llu", f->name, (unsigned long long)n);
	if (f->show != MT_SHOW_FLAGS)
		return;
	for (const struct mt_value *v = f->values; v->name; v++)
		known |= v->number;
	if (n & ~known)
		problem("%s has no bit 0x%llx", f->name, (unsigned long long)(n & ~known));
}

/* Which definition a field refers to, found once for each field. */
static const struct mt_type *refers(const struct mt_type *t, unsigned field)
{
	static struct { bool known; const struct mt_type *to; } cache[64][32];
	unsigned i = (unsigned)(t - mt_types);

	if (i >= 64 || field >= 32)
		return mt_refers_to(&t->fields[field]);
	if (!cache[i][field].known) {
		cache[i][field].known = true;
		cache[i][field].to = mt_refers_to(&t->fields[field]);
	}
	return cache[i][field].to;
}

static void check_fields(const struct mt_type *t, const struct mt_hdr *rec)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];
		const struct mt_type *to;

		if (f->values)
			check_values(f, rec);
		else if (f->width && (to = refers(t, i)))
			check_reference(f, rec, to);
	}
}

/* ---- labels ------------------------------------------------------------ */

/* Objects that are alive with the same table key. */
struct label {
	struct label *next;
	uint64_t addr;
	uint32_t process, storage;
};

static uint64_t label_key(const struct mt_label *l)
{
	return l->addr ^ (uint64_t)l->process << 48 ^ (uint64_t)l->storage << 60;
}

static void check_label(const struct mt_label *l)
{
	uint64_t *head = mt_xtable_put(&st.labels, label_key(l));
	struct label *first = (struct label *)(uintptr_t)*head, *at = first, *before = NULL;
	unsigned long long addr = l->addr;

	for (; at && (at->addr != l->addr || at->process != l->process ||
		      at->storage != l->storage); at = at->next)
		before = at;
	if (l->op == MT_label_op_alloc) {
		if (at) {
			problem("0x%llx is allocated twice without a free", addr);
			return;
		}
		at = mt_xmalloc(sizeof(*at));
		*at = (struct label){ first, l->addr, l->process, l->storage };
		*head = (uintptr_t)at;
	} else if (!at && l->storage == MT_storage_percpu) {
		/* The kernel has no list of those that are older than its hooks. */
		st.odd_frees++;
	} else if (!at) {
		problem("0x%llx is freed and was not allocated", addr);
	} else if (before) {
		before->next = at->next;
		free(at);
	} else {
		*head = (uintptr_t)at->next;
		free(at);
	}
	if (!*head)
		mt_table_remove(&st.labels, label_key(l));
}

static void free_labels(void)
{
	for (size_t i = 0; i <= st.labels.n_slots; i++) {
		uint64_t head = i < st.labels.n_slots ? st.labels.slots[i].value : st.labels.zero;
		struct label *at = (struct label *)(uintptr_t)head, *next;

		for (; at; at = next) {
			next = at->next;
			free(at);
		}
	}
	mt_table_release(&st.labels);
}

/* ---- tasks and entries -------------------------------------------------- */

static void check_task(const struct mt_task *t)
{
	if (t->op == MT_task_op_exit) {
		if (!mt_table_get(&st.tasks, t->task))
			problem("task %u exits and was not created", t->task);
		mt_table_remove(&st.tasks, t->task);
	} else {
		*mt_xtable_put(&st.tasks, t->task) = 1;
	}
}

static void check_switch(const struct mt_switch *s)
{
	if (s->task && !mt_table_get(&st.tasks, s->task))
		problem("task %u runs and was not created", s->task);
}

#define PAUSED (1ull << 32)		/* no cpu + 1 is that large */
#define FORGOTTEN (1ull << 33)

/* Tags are counted up, so that 64 neighbours share a word. */
static bool used_before(uint64_t tag)
{
	uint64_t *word = mt_xtable_put(&st.used, tag / 64), bit = 1ull << tag % 64;
	bool was = *word & bit;

	*word |= bit;
	return was;
}

/* start or resume: current on its cpu, where nothing else is. */
static void check_enter(const struct mt_entry *e, const uint64_t *where)
{
	uint64_t *current = mt_xtable_put(&st.current, e->hdr.cpu);
	unsigned long long tag = e->tag;

	if (e->state == MT_entry_state_start) {
		if (where && *where != FORGOTTEN)
			problem("entry 0x%llx starts and is alive", tag);
		else if (used_before(e->tag))
			problem("entry 0x%llx starts and had been used before", tag);
		if (!e->pc)
			problem("entry 0x%llx starts at pc 0", tag);
	} else if (!where || (*where != PAUSED && *where != FORGOTTEN)) {
		problem("entry 0x%llx is taken up and was not set aside", tag);
	}
	if (*current)
		problem("entry 0x%llx %s on cpu %u where 0x%llx is current", tag,
			e->state == MT_entry_state_start ? "starts" : "is taken up", e->hdr.cpu,
			(unsigned long long)*current - 1);
	*current = e->tag + 1;
	*mt_xtable_put(&st.entries, e->tag) = (uint64_t)e->hdr.cpu + 1;
}

/* start -> current; current -> paused or gone; paused -> current */
static void check_entry(const struct mt_entry *e)
{
	const uint64_t *where = mt_table_get(&st.entries, e->tag);
	uint64_t *current;

	if (e->state == MT_entry_state_start || e->state == MT_entry_state_resume) {
		check_enter(e, where);
		return;
	}
	if (!where || (*where != (uint64_t)e->hdr.cpu + 1 && *where != FORGOTTEN))
		problem("entry 0x%llx %s and is not current on cpu %u", (unsigned long long)e->tag,
			e->state == MT_entry_state_done ? "ends" : "is set aside", e->hdr.cpu);
	current = mt_xtable_put(&st.current, e->hdr.cpu);
	if (*current == e->tag + 1)
		*current = 0;
	if (e->state == MT_entry_state_done)
		mt_table_remove(&st.entries, e->tag);
	else
		*mt_xtable_put(&st.entries, e->tag) = PAUSED;
}

/* How entries go on while nothing is recorded is told by some guests only. */
static void forget_entries(void)
{
	mt_table_release(&st.current);
	st.entries.zero = FORGOTTEN;
	for (size_t i = 0; i < st.entries.n_slots; i++)
		st.entries.slots[i].value = FORGOTTEN;
}

/* ---- locks --------------------------------------------------------------- */

/* Not a problem: locks may be held from before the log, or taken unseen. */
static void check_lock(const struct mt_lock *l)
{
	uint64_t *held;

	if (l->op == MT_lock_op_acquired) {
		++*mt_xtable_put(&st.held, l->addr);
	} else if (l->op == MT_lock_op_release) {
		held = mt_table_get(&st.held, l->addr);
		st.odd_releases += !held;
		if (held && !--*held)
			mt_table_remove(&st.held, l->addr);
	}
}

/* ---- ranges --------------------------------------------------------------- */

static void check_range(const char *what, uint64_t addr, uint64_t bytes)
{
	if (bytes && addr + (bytes - 1) < addr)
		problem("%s of %llu bytes at 0x%llx ends behind the last address", what,
			(unsigned long long)bytes, (unsigned long long)addr);
}

static void check_segment(const struct mt_segment *s)
{
	uint64_t *addr = mt_xtable_put(&st.segments, s->owner);
	unsigned long long cpu = s->owner;

	if (!s->bytes)
		problem("the segment of cpu %llu has no bytes", cpu);
	check_range("a segment", s->addr, s->bytes);
	if (st.cpus && s->owner >= st.cpus)
		problem("a segment of cpu %llu of %u", cpu, st.cpus);
	if (*addr && *addr != s->addr)
		problem("the segment of cpu %llu moves from 0x%llx to 0x%llx", cpu,
			(unsigned long long)*addr, (unsigned long long)s->addr);
	*addr = s->addr;
}

static void check_section(const struct mt_section *s)
{
	check_range("a section", s->addr, s->bytes);
	if (!*mt_string(&s->hdr, 0))
		problem("a section of a module without name");
	if (s->bytes && !*mt_string(&s->hdr, 1))
		problem("a section without name");
}

/* ---- accesses ---------------------------------------------------------- */

/*
 * The movement rule.  A line holds an epoch, raised by each store, and the
 * number of cpus that have the line since; a cpu has it when its own epoch is
 * the line's.  Epoch 0 is the start, when all cpus have it or none.
 */
struct line {
	uint64_t epoch;
	uint64_t holders;
};

static struct {
	struct mt_table index;		/* line number -> index in lines, plus 1 */
	struct line *lines;
	size_t n, room;
	struct mt_table epoch;		/* index << 32 | cpu -> epoch + 1 */
	bool cold;
} moves;

static void forget_moves(void)
{
	mt_table_release(&moves.index);
	mt_table_release(&moves.epoch);
	free(moves.lines);
	memset(&moves, 0, sizeof(moves));
}

static uint64_t line_index(uint64_t line)
{
	uint64_t *index = mt_xtable_put(&moves.index, line);

	if (!*index) {
		if (moves.n == UINT32_MAX)
			mt_die(MT_FAIL, "more than 4294967295 lines");
		moves.lines = mt_xgrow(moves.lines, moves.n, &moves.room, sizeof(*moves.lines));
		moves.lines[moves.n++] = (struct line){ 0, 0 };
		*index = moves.n;
	}
	return *index - 1;
}

static bool moves_line(const struct mt_access *a)
{
	uint64_t index = line_index(a->paddr / st.line);
	struct line *l = &moves.lines[index];
	uint64_t *mine = mt_xtable_put(&moves.epoch, index << 32 | a->hdr.cpu);
	bool all = !moves.cold && !l->epoch;	/* nobody wrote yet: every cpu holds it */
	bool has = all || *mine == l->epoch + 1;
	bool alone = has && (all ? st.cpus == 1 : l->holders == 1);

	if (a->flags & MT_access_flag_store) {
		if (alone && !all)
			return false;
		l->epoch++;
		l->holders = 1;
		*mine = l->epoch + 1;
		return !alone;
	}
	if (has)
		return false;
	*mine = l->epoch + 1;
	l->holders++;
	return true;
}

static void check_movement(const struct mt_access *a)
{
	bool moved = a->flags & MT_access_flag_moved;

	if (moves_line(a) != moved)
		problem("moved is %s, but by the order of the log the line was %s cpu %u",
			moved ? "set" : "not set", moved ? "already with" : "not (only) with",
			a->hdr.cpu);
}

static void check_access(const struct mt_access *a)
{
	unsigned both = MT_access_flag_load | MT_access_flag_store;

	if (!a->width)
		problem("an access of no bytes");
	if (st.line && a->paddr % st.line + a->width > st.line)
		problem("%u bytes at paddr 0x%llx cross a line of %u", a->width,
			(unsigned long long)a->paddr, st.line);
	if ((a->addr ^ a->paddr) & 4095)
		problem("addr 0x%llx and paddr 0x%llx differ within the page",
			(unsigned long long)a->addr, (unsigned long long)a->paddr);
	if (!(a->flags & both))
		problem("an access that neither reads nor writes");
	if ((a->flags & MT_access_flag_atomic) && (a->flags & both) != both && !st.classic)
		problem("an atomic access that is no read-modify-write");
	if (st.replay)
		check_movement(a);
}

/* ---- the stream -------------------------------------------------------- */

static void clear(void)
{
	mt_table_release(&st.times);
	for (int i = 0; i < 3; i++)
		mt_table_release(&st.ids[i]);
	free_labels();
	mt_table_release(&st.tasks);
	mt_table_release(&st.entries);
	mt_table_release(&st.current);
	mt_table_release(&st.used);
	mt_table_release(&st.held);
	mt_table_release(&st.segments);
	forget_moves();
	memset(&st, 0, sizeof(st));
}

static void check_begin(const struct mt_begin *b)
{
	clear();
	st.line = b->line;
	st.cpus = b->cpus;
	st.mode = b->mode;
	moves.cold = b->options & MT_option_cold;
	if (!b->line || (b->line & (b->line - 1))) {
		problem("a line of %u bytes", b->line);
		st.line = 0;
	}
	st.exact = movement && st.line && b->order == MT_order_exact && b->sample <= 1;
	st.replay = st.exact && b->mode == MT_mode_all;
	st.replayed = st.replay;
}

/* The tracer begins anew, as at the start, when it goes over to another mode. */
static void check_mode(const struct mt_mode *m)
{
	bool cold = moves.cold;

	if (m->mode == MT_mode_off) {
		forget_entries();
		mt_table_release(&st.held);
	} else if (m->mode != st.mode) {
		forget_moves();
		moves.cold = cold;
	}
	st.mode = m->mode;
	st.replay = st.exact && m->mode == MT_mode_all;
	st.replayed |= st.replay;
}

static void check_end(const struct mt_end *e)
{
	if (st.lost_unknown ? e->dropped < st.lost : e->dropped != st.lost)
		problem("end counts %llu lost records, drop records %llu",
			(unsigned long long)e->dropped, (unsigned long long)st.lost);
	if (movement && !st.replayed)
		problem("--movement needs a log of every access (mode all) in exact order");
	if (st.odd_releases && !quiet)
		mt_out_printf(&out, "note: %llu releases of locks whose taking was not recorded\n",
			      (unsigned long long)st.odd_releases);
	if (st.odd_frees && !quiet)
		mt_out_printf(&out, "note: %llu frees of per-cpu memory whose allocation was not recorded\n",
			      (unsigned long long)st.odd_frees);
}

static void note_drop(const struct mt_drop *d)
{
	st.lost += d->count;
	st.lost_unknown |= !d->count;
	st.exact = st.replay = false;	/* what is lost may have moved lines */
}

static void check_event(const struct mt_hdr *rec)
{
	check_time(rec);
	if (rec->kind == MT_KIND_access)
		check_access((const struct mt_access *)rec);
	else if (rec->kind == MT_KIND_entry)
		check_entry((const struct mt_entry *)rec);
	else if (rec->kind == MT_KIND_lock)
		check_lock((const struct mt_lock *)rec);
	else if (rec->kind == MT_KIND_origin)
		st.classic = true;
}

static void check_context(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin:
		check_begin((const struct mt_begin *)rec);
		break;
	case MT_KIND_end:
		check_end((const struct mt_end *)rec);
		break;
	case MT_KIND_drop:
		note_drop((const struct mt_drop *)rec);
		break;
	case MT_KIND_mode:
		check_mode((const struct mt_mode *)rec);
		break;
	case MT_KIND_task:
		check_task((const struct mt_task *)rec);
		break;
	case MT_KIND_switch:
		check_time(rec);
		check_switch((const struct mt_switch *)rec);
		break;
	case MT_KIND_label:
		check_label((const struct mt_label *)rec);
		break;
	case MT_KIND_segment:
		check_segment((const struct mt_segment *)rec);
		break;
	case MT_KIND_section:
		check_section((const struct mt_section *)rec);
		break;
	}
}

static void check(const struct mt_hdr *rec)
{
	const struct mt_type *t = mt_type_of(rec->kind);

	if (!t)
		return;
	if (t->class == MT_CLASS_context)
		check_context(rec);
	else if (t->class == MT_CLASS_event)
		check_event(rec);
	check_fields(t, rec);
	if (t->class == MT_CLASS_definition)
		check_definition(t, rec);
}

/* ---- main -------------------------------------------------------------- */

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "movement", no_argument, NULL, 'm' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "mqh", options, NULL)) != -1)
		switch (c) {
		case 'm':
			movement = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	mt_no_operands(argc, argv);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&out, &in);

	while ((got = mt_reader_next(&in, &rec)) > 0) {
		offset = in.offset;
		check(rec);
	}
	if (problems > SHOWN && !quiet)
		mt_out_printf(&out, "%llu problems in all\n", (unsigned long long)problems);
	status = mt_close_text(&in, got, &out);
	return status ? status : problems ? MT_CHECK : MT_OK;
}
