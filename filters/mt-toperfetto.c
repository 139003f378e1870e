/* SPDX-License-Identifier: MIT */
/* mt-toperfetto: a stream as a timeline, in the Trace Event Format (JSON). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "libmt/mt_clock.h"
#include "libmt/mt_entries.h"
#include "libmt/mt_names.h"

static const char help[] =
"usage: mt-toperfetto [--every N] <stream\n"
"\n"
"Writes a timeline as JSON in the Trace Event Format, which ui.perfetto.dev and\n"
"chrome://tracing open.  For each cpu: which task runs, what the kernel was\n"
"entered for; locks that are waited for and held; abstract scopes; line moves and\n"
"accesses as counters; runs and appdata as marks.  A microsecond there is an\n"
"instruction of all cpus together.\n"
"\n"
"  -e, --every N   instructions between two values of a counter (default 10000)\n"
"      --help      this text\n"
"\n"
"    mt-cat log.mt | mt-toperfetto >log.json\n"
"    mt-cat log.mt | mt-addr2line prog | mt-toperfetto --every 1000 >log.json\n";

/* The groups of tracks; in each a track for a cpu. */
enum { P_ENTRIES = 1, P_TASKS, P_LOCKS, P_SCOPES, P_MOVES, P_ACCESSES };

static const char *const groups[] = {
	[P_ENTRIES] = "kernel entries", [P_TASKS] = "tasks", [P_LOCKS] = "locks",
	[P_SCOPES] = "scopes", [P_MOVES] = "moves", [P_ACCESSES] = "accesses",
};

struct cpu {
	uint32_t cpu;
	uint64_t tag;			/* of the entry that is shown, if in_entry */
	bool in_entry, in_task;
	uint64_t moves, accesses;	/* since the last value */
	bool counted;			/* the last value was not 0 */
};

static uint64_t every = 10000, next_value;
static struct mt_clock clock_now;
static struct mt_names names;
static struct mt_entries entries;
static struct mt_table index_of;	/* cpu -> index in cpus, plus 1 */
static struct cpu *cpus;
static size_t n_cpus, room;
static struct mt_table task_names;	/* task -> text of its own */
static struct mt_out out;
static const char *comma = "";

/* ---- events --------------------------------------------------------------- */

/* {"ph":"B","pid":1,"tid":0,"ts":17: the caller adds members and the brace. */
static void event(char phase, unsigned pid, uint32_t tid)
{
	mt_out_printf(&out, "%s\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%llu", comma, phase, pid, tid,
		      (unsigned long long)clock_now.now);
	comma = ",";
}

static void add_string(const char *member, const char *text)
{
	mt_out_printf(&out, ",\"%s\":", member);
	mt_out_json_string(&out, text, strlen(text));
}

static void end(void)
{
	mt_out_char(&out, '}');
}

static void name_tracks(uint32_t cpu)
{
	for (unsigned p = P_ENTRIES; p <= P_SCOPES; p++) {
		event('M', p, cpu);
		mt_out_str(&out, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
		mt_out_printf(&out, "cpu %u\"}", cpu);
		end();
	}
}

static void name_groups(void)
{
	for (unsigned p = P_ENTRIES; p <= P_ACCESSES; p++) {
		event('M', p, 0);
		mt_out_printf(&out, ",\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}", groups[p]);
		end();
	}
}

static struct cpu *cpu_of(uint32_t cpu)
{
	uint64_t *place = mt_xtable_put(&index_of, cpu);

	if (!*place) {
		cpus = mt_xgrow(cpus, n_cpus, &room, sizeof(*cpus));
		cpus[n_cpus++] = (struct cpu){ .cpu = cpu };
		*place = n_cpus;
		name_tracks(cpu);
	}
	return &cpus[*place - 1];
}

/* ---- counters ---------------------------------------------------------------- */

static void put_counter(unsigned pid, uint32_t cpu, uint64_t value)
{
	event('C', pid, cpu);
	mt_out_printf(&out, ",\"name\":\"cpu %u\",\"args\":{\"%s\":%llu}", cpu, groups[pid],
		      (unsigned long long)value);
	end();
}

static void put_counters(void)
{
	for (size_t i = 0; i < n_cpus; i++) {
		struct cpu *c = &cpus[i];

		if (!c->accesses && !c->counted)
			continue;
		put_counter(P_MOVES, c->cpu, c->moves);
		put_counter(P_ACCESSES, c->cpu, c->accesses);
		c->counted = c->accesses != 0;
		c->moves = c->accesses = 0;
	}
	next_value = clock_now.now + every;
}

static void count(const struct mt_access *a)
{
	struct cpu *c = cpu_of(a->hdr.cpu);

	c->accesses++;
	c->moves += (a->flags & MT_access_flag_moved) != 0;
}

/* ---- entries and tasks ------------------------------------------------------- */

static void end_entry(struct cpu *c)
{
	if (c->in_entry) {
		event('E', P_ENTRIES, c->cpu);
		end();
	}
	c->in_entry = false;
}

static void begin_entry(struct cpu *c, const struct mt_kentry *k)
{
	static struct mt_out text;

	mt_out_init(&text, -1);
	mt_names_entry(&text, &names, k->cause, k->number, k->pc, mt_out_bytes);
	event('B', P_ENTRIES, c->cpu);
	mt_out_str(&out, ",\"name\":");
	mt_out_json_string(&out, text.buf, text.used);
	mt_out_printf(&out, ",\"args\":{\"tag\":\"0x%llx\",\"task\":%u,\"number\":%u}",
		      (unsigned long long)k->tag, k->task, k->number);
	end();
	c->tag = k->tag;
	c->in_entry = true;
}

/* Has what runs on the cpu changed? */
static void sync_entry(uint32_t cpu)
{
	const struct mt_kentry *k = mt_entries_current(&entries, cpu);
	struct cpu *c = cpu_of(cpu);

	if (k && c->in_entry && c->tag == k->tag)
		return;
	end_entry(c);
	if (k)
		begin_entry(c, k);
}

static void end_task(struct cpu *c)
{
	if (c->in_task) {
		event('E', P_TASKS, c->cpu);
		end();
	}
	c->in_task = false;
}

static void note_task(const struct mt_task *t)
{
	uint64_t *name = mt_xtable_put(&task_names, t->task);

	free((void *)(uintptr_t)*name);
	*name = t->op == MT_task_op_exit ? 0 : (uintptr_t)mt_xstrdup(mt_string(&t->hdr, 0));
}

static void note_switch(const struct mt_switch *s)
{
	const uint64_t *name = mt_table_get(&task_names, s->task);
	struct cpu *c = cpu_of(s->hdr.cpu);

	end_task(c);
	if (!s->task)
		return;			/* idle */
	event('B', P_TASKS, c->cpu);
	add_string("name", name && *name ? (const char *)(uintptr_t)*name : "?");
	mt_out_printf(&out, ",\"args\":{\"task\":%u,\"process\":%u}", s->task, s->process);
	end();
	c->in_task = true;
}

/* ---- locks, scopes, marks ----------------------------------------------------- */

/* Holds of locks need not nest, so they are asynchronous: matched by name and id. */
static void async(char phase, unsigned pid, uint32_t cpu, const char *cat, const char *name,
		  uint64_t id)
{
	event(phase, pid, cpu);
	add_string("cat", cat);
	add_string("name", name);
	mt_out_printf(&out, ",\"id\":\"0x%llx\"", (unsigned long long)id);
	end();
}

static void note_lock(const struct mt_lock *l)
{
	const char *name = mt_string(&l->hdr, 0);
	uint32_t cpu = cpu_of(l->hdr.cpu)->cpu;
	uint64_t waits = l->addr ^ (uint64_t)cpu << 48 ^ 1ull << 47;	/* several wait for one lock */

	switch (l->op) {
	case MT_lock_op_acquire:
		async('b', P_LOCKS, cpu, "wait", name, waits);
		break;
	case MT_lock_op_acquired:
		async('e', P_LOCKS, cpu, "wait", name, waits);
		async('b', P_LOCKS, cpu, "lock", name, l->addr);
		break;
	case MT_lock_op_release:
		async('e', P_LOCKS, cpu, "lock", name, l->addr);
		break;
	case MT_lock_op_failed:
		async('e', P_LOCKS, cpu, "wait", name, waits);
		break;
	}
}

static void note_scope(const struct mt_scope *s)
{
	async(s->op == MT_scope_op_enter ? 'b' : 'e', P_SCOPES, cpu_of(s->hdr.cpu)->cpu, "scope",
	      mt_string(&s->hdr, 0), s->task ? s->task : s->hdr.cpu);
}

static void mark(const char *what, uint64_t value)
{
	event('i', P_ENTRIES, 0);
	mt_out_printf(&out, ",\"s\":\"g\",\"args\":{\"value\":%llu}", (unsigned long long)value);
	mt_out_str(&out, ",\"name\":");
	mt_out_json_string(&out, what, strlen(what));
	end();
}

static void note_mark(const struct mt_hdr *rec)
{
	static struct mt_out text;
	bool is_mode = rec->kind == MT_KIND_mode;
	const struct mt_mode *m = (const struct mt_mode *)rec;
	const struct mt_field_info *f = mt_field_find(mt_type_of(MT_KIND_mode), "mode");
	const char *mode = is_mode ? mt_value_name(f->values, m->mode) : NULL;

	mt_out_init(&text, -1);
	mt_out_str(&text, is_mode ? "mode " : "appdata ");
	mt_out_str(&text, mode ? mode : "");
	mt_out_str(&text, mode ? " " : "");
	mt_out_str(&text, mt_string(rec, 0));
	mt_out_char(&text, 0);
	mark(text.buf, is_mode ? m->instructions : ((const struct mt_appdata *)rec)->value);
}

/* ---- the whole ------------------------------------------------------------------ */

/* Slices that are open end with what made them known. */
static void end_all(bool tasks)
{
	for (size_t i = 0; i < n_cpus; i++) {
		end_entry(&cpus[i]);
		if (tasks)
			end_task(&cpus[i]);
	}
}

static void note(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_begin:
		end_all(true);
		break;
	case MT_KIND_access:
		count((const struct mt_access *)rec);
		break;
	case MT_KIND_entry:
		sync_entry(rec->cpu);
		break;
	case MT_KIND_mode:
		end_all(false);
		note_mark(rec);
		break;
	case MT_KIND_appdata:
		note_mark(rec);
		break;
	case MT_KIND_task:
		note_task((const struct mt_task *)rec);
		break;
	case MT_KIND_switch:
		note_switch((const struct mt_switch *)rec);
		break;
	case MT_KIND_lock:
		note_lock((const struct mt_lock *)rec);
		break;
	case MT_KIND_scope:
		note_scope((const struct mt_scope *)rec);
		break;
	}
}

static void take(const struct mt_hdr *rec)
{
	if (mt_clock_note(&clock_now, rec) < 0 || mt_names_note(&names, rec) < 0 ||
	    mt_entries_note(&entries, rec) < 0)
		mt_die(MT_FAIL, "out of memory");
	note(rec);
	if (clock_now.now >= next_value)
		put_counters();
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "every", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "e:h", options, NULL)) != -1)
		if (c == 'e')
			every = mt_number("--every", optarg, UINT32_MAX);
		else if (c == 'h')
			mt_help(help);
		else
			mt_bad_usage();
	mt_no_operands(argc, argv);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_text(&out, &in);
	mt_out_str(&out, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"clock\":\"instructions\"},\"traceEvents\":[");
	name_groups();
	while ((got = mt_reader_next(&in, &rec)) > 0)
		take(rec);
	put_counters();			/* a cut stream still gives a whole document */
	end_all(true);
	mt_out_str(&out, "\n]}\n");
	return mt_close_text(&in, got, &out);
}
