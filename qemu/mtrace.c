/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracer: a TCG plugin for QEMU >= 10.0 that logs the memory accesses of a
 * guest, one program or a whole machine.  See README.md.
 *
 * Decide at translation, append at execution: while nothing is recorded, blocks
 * are translated with the hypercall alone; switching drops all blocks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer.h"
#include "x86.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Ours; on a QEMU without it there is no such symbol. */
#pragma weak qemu_plugin_vcpu_yield
extern void qemu_plugin_vcpu_yield(void);

/* QEMU's own, where the binary exports them (Debian's does). */
extern __thread void *current_cpu __attribute__((weak, tls_model("initial-exec")));
extern void *qemu_get_cpu(int index) __attribute__((weak));
extern void cpu_exit(void *cpu) __attribute__((weak));
extern struct version_info {
	const int64_t *number;		/* major, minor, micro */
	const char *package;
} *qmp_query_version(void *error) __attribute__((weak));

struct tracer tracer = {
	.opt = { .fd = -1, .session = -1, .mode = MT_mode_movement, .start = true,
		 .lossless = true, .sample = 1, .line = 64 },
};

static uint64_t no_count;
struct vcpu nobody = { .count = &no_count };
struct vcpu *vcpus[VCPUS_MAX];
static void *cpu_states[VCPUS_MAX];	/* QEMU's, if by_current */
static __thread struct vcpu *self;

static pthread_mutex_t vcpu_lock = PTHREAD_MUTEX_INITIALIZER;	/* of slots and what follows */
static unsigned n_started, n_live;
static bool short_of_slots;
static uint64_t gone_accesses, gone_instructions;	/* of vCPUs that are no more */
static pthread_t first_thread;
/* If inline_count: instructions; a line for each, as threads add all the time. */
struct counter {
	uint64_t instructions, unused[7];
};
static struct qemu_plugin_scoreboard *board;

void tracer_warn(const char *format, ...)
{
	char text[512] = "mtrace: ";
	size_t used = strlen(text);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + used, sizeof(text) - used - 1, format, args);
	va_end(args);
	used += n < 0 ? 0 : (size_t)n;
	if (used > sizeof(text) - 2)
		used = sizeof(text) - 2;
	text[used] = '\n';
	if (write(STDERR_FILENO, text, used + 1) < 0)
		return;		/* nowhere left to say it */
}

/* ---- the vCPUs -------------------------------------------------------------- */

void vcpu_forget_pages(struct vcpu *v)
{
	/* The generation has 12 bits in a tag; after the last one all is erased. */
	v->generation += GENERATION;
	if (v->generation)
		return;
	memset(v->refs, 0, sizeof(v->refs));
	v->generation = GENERATION;
}

struct vcpu *vcpu_current(void)
{
	static void *last;
	static struct vcpu *last_vcpu;
	void *now = current_cpu;
	unsigned i;

	/* thread=single: no other thread asks. */
	if (now != last)
		for (i = 0; i < tracer.max_vcpus; i++)
			if (cpu_states[i] == now) {
				last = now;
				last_vcpu = vcpus[i];
			}
	return last_vcpu;
}

struct vcpu *vcpu_self(void)
{
	return self;
}

void tracer_totals(uint64_t *accesses, uint64_t *instructions)
{
	unsigned i;

	pthread_mutex_lock(&vcpu_lock);
	*accesses = gone_accesses;
	*instructions = gone_instructions;
	for (i = 0; i < n_started; i++) {
		*accesses += vcpus[i]->accesses;
		*instructions += vcpu_time(vcpus[i], 0);
	}
	pthread_mutex_unlock(&vcpu_lock);
}

void vcpus_each(void (*f)(struct vcpu *v, void *arg), void *arg)
{
	unsigned i;

	pthread_mutex_lock(&vcpu_lock);
	for (i = 0; i < n_started; i++)
		if (vcpus[i] != &nobody)
			f(vcpus[i], arg);
	pthread_mutex_unlock(&vcpu_lock);
}

/* QEMU moves the counters when it makes room for more. */
static void find_counter(struct vcpu *v)
{
	v->count = tracer.inline_count ? qemu_plugin_scoreboard_find(board, v->index)
				       : &v->own_count;
}

static void take_slot(struct vcpu *v)
{
	int slot = tracer.system ? (int)v->index : lines_slot_take(&tracer.lines);

	/* Until there is room it counts as one of the others; rare, and told. */
	v->no_slot = slot < 0;
	v->slot = slot < 0 ? 0 : (uint32_t)slot;
	short_of_slots |= !tracer.system && n_live * 4 > lines_slots(&tracer.lines) * 3;
}

static void put_no_slot(struct vcpu *v)
{
	struct mt_drop drop = {
		.hdr = { .kind = MT_KIND_drop, .size = sizeof(drop) },
		.reason = MT_drop_reason_threads
	};

	out_put(v, &drop.hdr);
}

static struct vcpu *vcpu_start(unsigned index)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	if (!v || index >= VCPUS_MAX) {
		tracer_warn("no memory for cpu %u", index);
		_Exit(1);
	}
	v->index = index;
	v->generation = GENERATION;
	v->bytes = g_byte_array_new();
	v->calls = tracer.calls;
	v->cpu = tracer.system ? index : atomic_fetch_add(&tracer.session->next_cpu, 1);
	find_counter(v);
	if (tracer.inline_count)
		*(uint64_t *)v->count = 0;	/* the index may have been another thread's */
	pthread_mutex_lock(&vcpu_lock);
	n_live++;
	if (index >= n_started)
		n_started = index + 1;
	take_slot(v);
	vcpus[index] = self = v;
	pthread_mutex_unlock(&vcpu_lock);
	v->lane = lane_open(v->cpu, v->slot);
	if (!v->lane) {
		tracer_warn("no memory for cpu %u", index);
		_Exit(1);
	}
	if (v->no_slot)
		put_no_slot(v);
	if (!tracer.system)
		user_thread_start(v);
	return v;
}

struct vcpu *vcpu_started(unsigned index)
{
	struct vcpu *v = vcpu_running(index);

	return v->lane ? v : vcpu_start(index);
}

/*
 * One thread for several vCPUs, and a QEMU that hands out wrong indices then:
 * its own account of the running vCPU, or nothing (qemu/README.md).
 */
static void check_index(unsigned index)
{
	if (index == 0)
		first_thread = pthread_self();
	if (&qemu_get_cpu)
		cpu_states[index] = qemu_get_cpu((int)index);
	if (index == 0 || !pthread_equal(first_thread, pthread_self()) || &qemu_plugin_vcpu_yield)
		return;
	if (!&qemu_get_cpu || !cpu_states[index]) {
		tracer_warn("this QEMU gives plugins wrong cpu numbers with one thread for "
			    "several cpus: use thread=multi, one cpu, or the QEMU of 'make qemu'");
		_Exit(1);
	}
	tracer.by_current = true;
	access_select();
}

static void on_reset(qemu_plugin_id_t id);

static void on_vcpu_init(qemu_plugin_id_t id, unsigned index)
{
	(void)id;
	if (tracer.system)
		check_index(index);
	guest_find_registers();
	if (!vcpus[index]->lane)
		vcpu_start(index);
	if (short_of_slots)
		qemu_plugin_reset(tracer.id, on_reset);
}

static void on_vcpu_exit(qemu_plugin_id_t id, unsigned index)
{
	struct vcpu *v = vcpus[index];

	(void)id;
	if (tracer.system || !v->lane)
		return;
	user_thread_exit(v);
	pthread_mutex_lock(&vcpu_lock);
	gone_accesses += v->accesses;
	gone_instructions += vcpu_time(v, 0);
	vcpus[index] = &nobody;
	n_live--;
	self = NULL;
	pthread_mutex_unlock(&vcpu_lock);
	lane_close(v->lane);
	g_byte_array_free(v->bytes, TRUE);
	free(v);
}

void tracer_slot_drop(uint32_t slot)
{
	pthread_mutex_lock(&vcpu_lock);
	if (!tracer.system)
		lines_slot_drop(&tracer.lines, slot);
	pthread_mutex_unlock(&vcpu_lock);
}

bool tracer_vcpus_known(void)
{
	return !tracer.system || n_live >= tracer.smp;
}

/* ---- translation -------------------------------------------------------------- */

static void on_block(unsigned index, void *instructions)
{
	struct vcpu *v = vcpu_running(index);
	uint32_t n = (uint32_t)(uintptr_t)instructions;

	v->own_count += n;
	if (!tracer.quantum)
		return;
	v->slice += n;
	if (v->slice < tracer.quantum)
		return;
	v->slice = 0;
	if (!tracer.system)
		turns_pass(v);
	else if (&qemu_plugin_vcpu_yield)
		qemu_plugin_vcpu_yield();
	else
		cpu_exit(current_cpu);
}

static void count_block(struct qemu_plugin_tb *tb, size_t n)
{
	if (tracer.inline_count)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
			qemu_plugin_scoreboard_u64_in_struct(board, struct counter, instructions), n);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
						     (void *)(uintptr_t)n);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i, size;
	bool recording = tracer.mode != MT_mode_off;
	uint8_t bytes[X86_MAX];

	(void)id;
	if (recording)
		count_block(tb, n);
	if (recording && tracer.system) {
		traps_block(tb);
		locks_block(tb);
	}
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct x86 x;

		size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
		x = x86_decode(bytes, size);
		if (x.hypercall)
			guest_instrument(insn, recording ? (unsigned)(n - i) : 0);
		if (tracer.system)
			traps_instrument(insn, &x, (unsigned)(n - i), recording);
		if (recording)
			access_instrument(insn, &x, (unsigned)(n - i));
		if (recording && tracer.system)
			locks_instrument(insn, &x, (unsigned)(n - i));
	}
}

/* QEMU has dropped all blocks, perhaps because the counters have moved. */
static void on_flush(qemu_plugin_id_t id)
{
	unsigned i;

	(void)id;
	for (i = 0; i < n_started; i++)
		if (vcpus[i] != &nobody)
			find_counter(vcpus[i]);
	access_flushed();
}

static void on_exit_qemu(qemu_plugin_id_t id, void *unused)
{
	(void)id, (void)unused;
	out_close();
}

static void register_all(void)
{
	qemu_plugin_id_t id = tracer.id;

	qemu_plugin_register_vcpu_init_cb(id, on_vcpu_init);
	qemu_plugin_register_vcpu_exit_cb(id, on_vcpu_exit);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_flush_cb(id, on_flush);
	qemu_plugin_register_atexit_cb(id, on_exit_qemu, NULL);
	if (!tracer.system)
		user_register();
}

/* ---- switching ---------------------------------------------------------------- */

/* Pages have moved or changed their meaning.  In the exclusive context. */
static void forget_all_pages(void)
{
	unsigned i;

	for (i = 0; i < n_started; i++)
		if (vcpus[i] != &nobody)
			vcpu_forget_pages(vcpus[i]);
}

/* More threads live than lines have bits.  In the exclusive context. */
static void grow_lines(void)
{
	unsigned i;

	pthread_mutex_lock(&vcpu_lock);
	if (!lines_grow(&tracer.lines, lines_words_for(n_live * 2)))
		tracer_warn("no memory: some lines are as at the start again");
	for (i = 0; i < n_started; i++)
		if (vcpus[i]->no_slot) {
			take_slot(vcpus[i]);
			vcpus[i]->lane->slot = vcpus[i]->slot;
		}
	short_of_slots = false;
	pthread_mutex_unlock(&vcpu_lock);
}

static void take_mode(unsigned mode)
{
	static unsigned before = MT_mode_off;

	if (mode != MT_mode_off && mode != before)
		lines_reset(&tracer.lines);
	if (mode != MT_mode_off)
		tracer.judge_late = mode == MT_mode_all || mode == MT_mode_kernel;
	entries_reset(before, mode);
	before = mode;
}

/* In the exclusive context, all blocks dropped, all callbacks unregistered. */
static void on_reset(qemu_plugin_id_t id)
{
	(void)id;
	out_lock();
	if (short_of_slots)
		grow_lines();
	take_mode(tracer.mode);
	forget_all_pages();
	out_unlock();
	access_select();
	register_all();
}

void tracer_switch(unsigned mode)
{
	tracer.mode = mode;
	qemu_plugin_reset(tracer.id, on_reset);
}

void tracer_translate_anew(void)
{
	if (tracer.mode != MT_mode_off)
		qemu_plugin_reset(tracer.id, on_reset);
}

/* ---- fork (user mode) ----------------------------------------------------------- */

static void fork_prepare(void)
{
	out_fork_prepare();
	pthread_mutex_lock(&vcpu_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&vcpu_lock);
	out_fork_parent();
}

/* One thread is left: it becomes the first one of a new process. */
static void fork_child(void)
{
	struct vcpu *v = self;
	unsigned i;

	pthread_mutex_init(&vcpu_lock, NULL);
	out_fork_child();
	for (i = 0; i < n_started; i++)
		if (vcpus[i] != v)
			vcpus[i] = &nobody;
	gone_accesses = gone_instructions = 0;
	lines_reset(&tracer.lines);
	memset(tracer.lines.slots, LINES_FREE, lines_slots(&tracer.lines));
	if (!v)
		return;
	n_live = 1;
	v->accesses = v->now = v->stopped_at = v->skipped = 0;
	v->lost = 0;			/* they are told by the parent */
	*(uint64_t *)v->count = 0;
	v->cpu = atomic_fetch_add(&tracer.session->next_cpu, 1);
	tracer.process = atomic_fetch_add(&tracer.session->next_process, 1) + 1;
	vcpu_forget_pages(v);
	take_slot(v);
	v->lane = lane_open(v->cpu, v->slot);
	user_forked(v);
}

/* ---- begin ------------------------------------------------------------------------ */

/* A word or two of /proc/self/cmdline, whose words end with NUL. */
static bool on_command_line(const char *option, const char *with)
{
	static char text[65536];
	static size_t n;
	const char *p;
	FILE *f;

	if (!n && (f = fopen("/proc/self/cmdline", "re"))) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	for (p = text; p < text + n; p += strlen(p) + 1)
		if (!strcmp(p, option) && p + strlen(p) + 1 < text + n &&
		    strstr(p + strlen(p) + 1, with))
			return true;
	return false;
}

bool tracer_reproducible(void)
{
	return on_command_line("-icount", "sleep=off") && on_command_line("-rtc", "clock=vm");
}

static unsigned begin_options(bool parallel)
{
	const struct options *o = &tracer.opt;
	bool icount = on_command_line("-icount", "");
	bool reproducible = !parallel && o->lossless && tracer_reproducible();

	return (o->calls ? MT_option_calls : 0) | (o->locked ? MT_option_locked : 0) |
	       (o->cold ? MT_option_cold : 0) | (icount ? MT_option_icount : 0) |
	       (reproducible ? MT_option_reproducible : 0) |
	       (o->lossless ? 0 : MT_option_lossy);
}

/* What `make qemu` noted beside the program; else what the program exports. */
static void add_version(char *name, size_t room, const char *noted)
{
	const struct version_info *v;
	char line[100] = "";
	size_t used = strlen(name);
	FILE *f = fopen(noted, "re");

	if (f && fgets(line, sizeof(line), f) && !strncmp(line, "qemu ", 5)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(name + used, room - used, "%s", line + 4);
	} else if (&qmp_query_version && (v = qmp_query_version(NULL))) {
		snprintf(name + used, room - used, " %d.%d.%d", (int)v->number[0],
			 (int)v->number[1], (int)v->number[2]);
	}
	if (f)
		fclose(f);
}

/* "qemu-x86_64 10.0.2+ds, mended" */
static const char *qemu_name(void)
{
	static char name[512];
	char path[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	if (n < 0)
		return "";
	path[n] = 0;
	slash = strrchr(path, '/');
	snprintf(name, sizeof(name), "%.200s", slash + 1);
	strcpy(slash, "/../version");
	add_version(name, sizeof(name) - 16, path);
	strcat(name, &qemu_plugin_vcpu_yield ? ", mended" : ", not mended");
	return name;
}

const struct mt_hdr *tracer_begin(void *buf, bool parallel)
{
	const struct options *o = &tracer.opt;
	struct mt_begin begin = {
		.hdr = { .kind = MT_KIND_begin },
		.version = 1, .line = o->line, .quantum = o->quantum, .sample = o->sample,
		.cpus = tracer.system ? tracer.smp : 0,
		.mode = (uint16_t)(o->start ? o->mode : MT_mode_off),
		.machine = tracer.system ? MT_machine_system : MT_machine_user,
		.order = parallel || !tracer.system ? MT_order_approximate : MT_order_exact,
		.index = tracer.by_current ? MT_vcpu_index_current : MT_vcpu_index_callback,
		.options = begin_options(parallel),
	};
	const char *strings[] = { "mtrace " MT_VERSION, qemu_name(), o->command };

	return mt_build(buf, &begin, strings);
}

/* ---- installation --------------------------------------------------------------------- */

static int install_user(void)
{
	tracer.inline_count = !tracer.opt.quantum;
	board = qemu_plugin_scoreboard_new(sizeof(struct counter));
	tracer.process = atomic_fetch_add(&tracer.session->next_process, 1) + 1;
	pthread_atfork(fork_prepare, fork_parent, fork_child);
	return user_install();
}

/* In user mode threads take turns from the start, or never. */
bool tracer_can_yield(void)
{
	if (!tracer.system)
		return !tracer.inline_count;
	return &qemu_plugin_vcpu_yield || (&cpu_exit && &qemu_get_cpu);
}

static int check_quantum(void)
{
	if (!tracer.opt.quantum || tracer_can_yield())
		return 0;
	tracer_warn("quantum: this QEMU cannot end a cpu's turn; use the QEMU of 'make qemu'");
	return -1;
}

static unsigned log2_of(uint32_t n)
{
	return 31 - (unsigned)__builtin_clz(n);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	unsigned i, words = 1;

	tracer.id = id;
	tracer.system = info->system_emulation;
	if (strcmp(info->target_name, "x86_64")) {
		tracer_warn("the guest is %s; only x86_64 can be traced", info->target_name);
		return -1;
	}
	if (options_read(argc, argv) < 0 || check_quantum() < 0)
		return -1;
	if (tracer.system) {
		tracer.smp = (unsigned)info->system.smp_vcpus;
		tracer.max_vcpus = (unsigned)info->system.max_vcpus;
		words = lines_words_for(tracer.max_vcpus);
	}
	for (i = 0; i < VCPUS_MAX; i++)
		vcpus[i] = &nobody;
	if (!lines_init(&tracer.lines, log2_of(tracer.opt.line), words, tracer.opt.cold)) {
		tracer_warn("no memory");
		return -1;
	}
	if (out_open() < 0 || (!tracer.system && install_user() < 0))
		return -1;
	tracer.mode = tracer.opt.start ? tracer.opt.mode : MT_mode_off;
	take_mode(tracer.mode);
	access_select();
	register_all();
	return 0;
}
