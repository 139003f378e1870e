/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode: who runs, what is mapped where, and how tracing goes on in
 * children and in the programs that they execute.
 *
 * All of it happens at system calls, which QEMU announces in the thread that
 * makes them.  Records that take something away (unmap, free) are logged
 * before the call, those that give after it, so that another thread that gets
 * the same addresses cannot come between.
 *
 * Each program image has a process number of its own, because addresses mean
 * something else in it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user.h"

/* Linux, x86-64: the guest's numbers, whatever the host is. */
enum {
	NR_close = 3, NR_mmap = 9, NR_munmap = 11, NR_rt_sigaction = 13, NR_rt_sigprocmask = 14,
	NR_mremap = 25, NR_dup2 = 33, NR_clone = 56, NR_execve = 59, NR_exit_group = 231,
	NR_prctl = 157, NR_dup3 = 292, NR_execveat = 322, NR_close_range = 436,
};

#define GUEST_MAP_ANONYMOUS 0x20
#define GUEST_MAP_STACK 0x20000
#define GUEST_CLONE_VM 0x100
#define GUEST_CLONE_VFORK 0x4000
#define GUEST_PR_SET_NAME 15

struct user user = { .lock = PTHREAD_MUTEX_INITIALIZER };
__thread struct user_thread self;

/* ---- records ------------------------------------------------------------ */

void user_put(struct mt_hdr *fixed, const char *const *strings)
{
	out_put(self.v, mt_build(user.record, fixed, strings));
}

static void put_task(uint32_t parent, unsigned op, const char *name)
{
	struct mt_task r = {
		.hdr.kind = MT_KIND_task, .task = self.task, .process = tracer.process,
		.parent = parent, .op = op,
	};

	user_put(&r.hdr, &name);
}

static void put_switch(void)
{
	struct mt_switch r = {
		.hdr.kind = MT_KIND_switch, .task = self.task, .process = tracer.process,
	};

	user_put(&r.hdr, NULL);
}

static void put_stack(struct range stack, unsigned op)
{
	struct mt_label r = {
		.hdr.kind = MT_KIND_label, .addr = stack.start, .process = tracer.process,
		.bytes = op == MT_label_op_alloc ? stack.end - stack.start : 0,
		.task = self.task, .op = op, .storage = MT_storage_stack,
	};
	const char *strings[] = { "stack", "" };

	user_put(&r.hdr, strings);
}

/* ---- guest memory ------------------------------------------------------- */

/* Within one page; false when the guest has no such memory. */
static bool read_piece(uint64_t addr, void *buf, size_t len)
{
	GByteArray *bytes = self.v->bytes;

	if (!qemu_plugin_read_memory_vaddr(addr, bytes, len))
		return false;
	memcpy(buf, bytes->data, len);
	return true;
}

bool user_read(uint64_t addr, void *buf, size_t len)
{
	char *to = buf;

	while (len) {
		size_t piece = PAGE - addr % PAGE;

		piece = piece < len ? piece : len;
		if (!read_piece(addr, to, piece))
			return false;
		addr += piece;
		to += piece;
		len -= piece;
	}
	return true;
}

long user_read_string(uint64_t addr, char *buf, size_t room)
{
	size_t len = 0;

	while (len < room) {
		size_t piece = PAGE - (addr + len) % PAGE;
		const char *end;

		piece = piece < room - len ? piece : room - len;
		if (!read_piece(addr + len, buf + len, piece))
			return -1;
		end = memchr(buf + len, 0, piece);
		if (end)
			return end - buf;
		len += piece;
	}
	return -1;
}

void *user_more(void *p, size_t used, size_t *room, size_t each)
{
	void *bigger;

	if (used < *room)
		return p;
	bigger = realloc(p, (*room + 64) * 2 * each);
	if (!bigger)
		abort();		/* as GLib does, in the same process */
	*room = (*room + 64) * 2;
	return bigger;
}

/* ---- heap blocks ---------------------------------------------------------- */

/*
 * The child of a fork has all of its parent's blocks, but under a process
 * number of its own: they are labelled again, so that nobody who reads the log
 * must know of forks.
 */
void user_label(const struct mt_label *label)
{
	uint64_t *at;
	size_t i;

	if (label->storage != MT_storage_heap)
		return;
	pthread_mutex_lock(&user.lock);
	at = mt_table_put(&user.block_at, label->addr);
	if (at && label->op == MT_label_op_alloc) {
		if (!*at && user.free_block) {
			*at = user.free_block;
			user.free_block = user.blocks[*at - 1].bytes;
		} else if (!*at) {
			user.blocks = user_more(user.blocks, user.n_blocks, &user.room_blocks,
						sizeof(*user.blocks));
			*at = ++user.n_blocks;
		}
		user.blocks[*at - 1] = (struct block){ label->addr, label->bytes, label->pc };
	} else if (at && *at) {
		i = *at;
		*at = 0;
		user.blocks[i - 1] = (struct block){ .bytes = user.free_block };
		user.free_block = i;
	}
	pthread_mutex_unlock(&user.lock);
}

static void put_blocks(void)
{
	static const char *const strings[] = { "malloc", "" };

	for (size_t i = 0; i < user.n_blocks; i++) {
		const struct block *b = &user.blocks[i];
		struct mt_label r = {
			.hdr.kind = MT_KIND_label, .addr = b->addr, .bytes = b->bytes,
			.pc = b->pc, .process = tracer.process, .op = MT_label_op_alloc,
			.storage = MT_storage_heap,
		};

		if (b->addr)
			user_put(&r.hdr, strings);
	}
}

/* ---- signals that kill -------------------------------------------------- */

/*
 * Where the guest leaves one of these to its default action, QEMU does so, too,
 * and the process would be gone with its last records.  Other deaths go
 * through QEMU's own end, and so through the plugin's.
 */
static const int killers[] = {
	SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGVTALRM,
	SIGPROF, SIGIO, SIGPWR,
};

/* Comes between a signal's default action and the process, if that is to die. */
static void guard_signal(int sig)
{
	struct sigaction action = { .sa_handler = out_die };
	struct sigaction now;

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(killers) / sizeof(*killers); i++)
		if (killers[i] == sig && !sigaction(sig, NULL, &now) && now.sa_handler == SIG_DFL)
			sigaction(sig, &action, NULL);
}

static void guard_signals(void)
{
	for (size_t i = 0; i < sizeof(killers) / sizeof(*killers); i++)
		guard_signal(killers[i]);
}

/* ---- threads ------------------------------------------------------------ */

static const char *program_name(void)
{
	const char *slash = strrchr(user.program, '/');

	return slash ? slash + 1 : user.program;
}

/* Who cloned the thread that starts on sp; to be asked once: stacks are used again. */
static uint32_t parent_by_stack(uint64_t sp)
{
	for (size_t i = 0; i < sizeof(user.births) / sizeof(*user.births); i++)
		if (user.births[i].sp == sp) {
			user.births[i].sp = 0;
			return user.births[i].parent;
		}
	return 0;
}

static struct range thread_stack(uint64_t sp)
{
	struct range none = { 0, 0 };

	for (size_t i = 0; i < user.n_stacks; i++)
		if (sp >= user.stacks[i].start && sp <= user.stacks[i].end)
			return user.stacks[i];
	return none;
}

/*
 * QEMU puts the path of the program, len bytes at AT_EXECFN, at the very top
 * of the stack, and makes the stack as large as the limit says, or 8 MiB if
 * that is more.
 */
static struct range main_stack(const uint64_t auxv[AT_last], uint64_t len)
{
	uint64_t bytes = 8 << 20;
	struct range stack;
	struct rlimit limit;

	if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur > bytes)
		bytes = limit.rlim_cur;
	stack.end = (auxv[AT_execfn] + len + PAGE) & -(uint64_t)PAGE;
	stack.start = (stack.end - bytes) & -(uint64_t)PAGE;
	return stack;
}

static void start_program(uint64_t sp)
{
	uint64_t auxv[AT_last];
	bool known = user_read_auxv(sp, auxv);
	long len = known ? user_read_string(auxv[AT_execfn], user.program, sizeof(user.program)) : -1;

	if (len < 0)
		user.program[0] = 0;
	put_task(0, user.executed ? MT_task_op_exec : MT_task_op_create, program_name());
	put_switch();
	guard_signals();
	if (len < 0)
		return;
	user_map_program(auxv);
	self.stack = main_stack(auxv, (uint64_t)len);
}

static void start_thread(uint64_t sp)
{
	put_task(parent_by_stack(sp), MT_task_op_create, program_name());
	put_switch();
	self.stack = thread_stack(sp);
}

void user_thread_start(struct vcpu *v)
{
	sigset_t mask;
	uint64_t sp = guest_register(v, 4);	/* rsp */
	bool first;

	self.v = v;
	self.task = (uint32_t)gettid();
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	memcpy(&self.sigmask, &mask, sizeof(self.sigmask));
	pthread_mutex_lock(&user.lock);
	first = !user.started;
	user.started = true;
	if (first)
		start_program(sp);
	else
		start_thread(sp);
	if (self.stack.end)
		put_stack(self.stack, MT_label_op_alloc);
	pthread_mutex_unlock(&user.lock);
	/* However soon it is killed: that it ran, and what it was, is in the log. */
	if (first)
		out_drain();
	turns_enter(v);
}

void user_thread_exit(struct vcpu *v)
{
	if (self.v != v)
		return;
	turns_leave();
	pthread_mutex_lock(&user.lock);
	if (self.stack.end)
		put_stack(self.stack, MT_label_op_free);
	put_task(0, MT_task_op_exit, "");
	pthread_mutex_unlock(&user.lock);
	self.v = NULL;
}

/* ---- fork --------------------------------------------------------------- */

/* Another thread may be in the middle of a change when this one forks. */
static void before_fork(void)
{
	pthread_mutex_lock(&user.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&user.lock);
}

static void after_fork_in_child(void)
{
	pthread_mutex_init(&user.lock, NULL);
}

void user_forked(struct vcpu *v)
{
	uint32_t parent = self.task;

	turns_forked();
	self.v = v;
	self.task = (uint32_t)gettid();
	put_task(parent, MT_task_op_create, program_name());
	put_switch();
	user_put_maps();
	if (self.stack.end)
		put_stack(self.stack, MT_label_op_alloc);
	put_blocks();
}

/* ---- system calls ------------------------------------------------------- */

static void note_birth(uint64_t flags, uint64_t sp)
{
	if (!(flags & GUEST_CLONE_VM) || (flags & GUEST_CLONE_VFORK))
		return;
	user.births[user.next_birth++ % 64] = (struct birth){ sp, self.task };
}

static void note_stack(uint64_t start, uint64_t bytes)
{
	user.stacks = user_more(user.stacks, user.n_stacks, &user.room_stacks, sizeof(*user.stacks));
	user.stacks[user.n_stacks++] = (struct range){ start, start + bytes };
}

static void forget_stacks(uint64_t start, uint64_t bytes)
{
	for (size_t i = user.n_stacks; i-- > 0; )
		if (user.stacks[i].start < start + bytes && start < user.stacks[i].end)
			user.stacks[i] = user.stacks[--user.n_stacks];
}

/* How the guest changes its signal mask; see signal_waits. */
static void note_sigmask(uint64_t how, uint64_t set_addr)
{
	uint64_t set;

	if (!set_addr || !user_read(set_addr, &set, sizeof(set)))
		return;
	if (how == 0)			/* SIG_BLOCK */
		self.sigmask |= set;
	else if (how == 1)
		self.sigmask &= ~set;
	else if (how == 2)
		self.sigmask = set;
}

/* What a system call is about to change; its arguments are in self.arg. */
static void note_call(int64_t num)
{
	const uint64_t *a = self.arg;

	switch (num) {
	case NR_execve:
		user_exec(AT_FDCWD, a[0], a[1], a[2]);
		return;
	case NR_execveat:
		user_exec((int)a[0], a[1], a[2], a[3]);
		return;
	case NR_rt_sigprocmask:
		note_sigmask(a[0], a[1]);
		return;
	case NR_exit_group:
		user_thread_exit(self.v);
		return;
	case NR_munmap:
	case NR_clone:
		pthread_mutex_lock(&user.lock);
		if (num == NR_munmap) {
			user_map_remove(a[0], a[1]);
			forget_stacks(a[0], a[1]);
		} else {
			note_birth(a[0], a[1]);
		}
		pthread_mutex_unlock(&user.lock);
	}
}

static void on_syscall(qemu_plugin_id_t id, unsigned index, int64_t num, uint64_t a1,
		       uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
		       uint64_t a7, uint64_t a8)
{
	(void)id, (void)index, (void)a7, (void)a8;
	if (!self.v)
		return;
	self.arg[0] = a1, self.arg[1] = a2, self.arg[2] = a3;
	self.arg[3] = a4, self.arg[4] = a5, self.arg[5] = a6;
	note_call(num);
	turns_leave();
}

static void mapped(uint64_t addr)
{
	uint64_t bytes = self.arg[1], flags = self.arg[3], offset = self.arg[5];

	if (!(flags & GUEST_MAP_ANONYMOUS))
		user_map_fd(addr, bytes, (int)self.arg[4], offset);
	else if (flags & GUEST_MAP_STACK)
		note_stack(addr, bytes);
}

static void renamed(uint64_t name_addr)
{
	char name[16] = "";

	if (user_read(name_addr, name, sizeof(name) - 1) ||
	    user_read_string(name_addr, name, sizeof(name)) >= 0)
		put_task(0, MT_task_op_exec, name);
}

static void on_return(qemu_plugin_id_t id, unsigned index, int64_t num, int64_t ret)
{
	(void)id, (void)index;
	if (!self.v)
		return;
	turns_enter(self.v);
	switch (num) {
	case NR_execve:
	case NR_execveat:		/* it failed */
		if (self.left) {
			out_return();
			atomic_fetch_sub(&tracer.session->untraced, 1);
		}
		self.left = false;
		return;
	case NR_rt_sigaction:
		guard_signal((int)self.arg[0]);
		return;
	case NR_close:
	case NR_dup2:
	case NR_dup3:
	case NR_close_range:
		user_restore_descriptors();
		return;
	case NR_mmap:
	case NR_mremap:
	case NR_prctl:
		if (ret < 0 && ret > -4096)
			return;
		pthread_mutex_lock(&user.lock);
		if (num == NR_mmap)
			mapped((uint64_t)ret);
		else if (num == NR_mremap)
			user_map_move(self.arg[0], self.arg[1], (uint64_t)ret, self.arg[2]);
		else if (self.arg[0] == GUEST_PR_SET_NAME)
			renamed(self.arg[1]);
		pthread_mutex_unlock(&user.lock);
	}
}

/* ---- installation ------------------------------------------------------- */

bool user_option(const char *key, const char *value)
{
	if (!strcmp(key, "shim"))
		user.shim = strdup(value);
	else if (!strcmp(key, "runner"))
		user.runner = strdup(value);
	else if (!strcmp(key, "executed"))
		user.executed = true;
	else
		return false;
	return true;
}

void user_register(void)
{
	qemu_plugin_register_vcpu_syscall_cb(tracer.id, on_syscall);
	qemu_plugin_register_vcpu_syscall_ret_cb(tracer.id, on_return);
}

/* The argument of -plugin for the next program: as this QEMU got it. */
static char *next_plugin_argument(void)
{
	size_t room = 0;
	char *word = NULL, *found = NULL;
	bool next = false;
	FILE *f = fopen("/proc/self/cmdline", "re");

	while (f && !found && getdelim(&word, &room, 0, f) > 0) {
		if (next && asprintf(&found, "%s%s", word, user.executed ? "" : ",executed=on") < 0)
			found = NULL;
		next = !strcmp(word, "-plugin");
	}
	free(word);
	if (f)
		fclose(f);
	return found;
}

int user_install(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len > 0) {
		path[len] = 0;
		user.qemu = strdup(path);
		user.plugin = next_plugin_argument();
	}
	user_keep_descriptors(false);
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
	return 0;
}
