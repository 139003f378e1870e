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
 * An execve is carried out here, before QEMU sees it: QEMU would hand it to
 * the host and lose the program.  We execute QEMU instead, with the same
 * plugin options, on the program.  Each program image has a process number of
 * its own, because addresses mean something else in it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf-head.h"
#include "launch.h"
#include "tracer.h"

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
#define PAGE 4096

/* ---- state -------------------------------------------------------------- */

/* A file as it is mapped; shared by its mappings. */
struct file {
	char *path;
	char build_id[ELF_BUILD_ID];
	dev_t dev;
	ino_t ino;
	unsigned used;
};

struct mapping {
	uint64_t start, end, offset;
	struct file *file;
};

struct range {
	uint64_t start, end;
};

/* A thread that is being cloned: who made it, by the stack that it starts on. */
struct birth {
	uint64_t sp;
	uint32_t parent;
};

/* An object that the program has labelled, with what a heap label can say. */
struct block {
	uint64_t addr, bytes, pc;	/* addr 0: free; bytes: index of the next free one */
};

static struct {
	char program[PATH_MAX];		/* path, as QEMU resolved it */
	char *qemu;			/* path of the binary that runs us */
	char *plugin;			/* the argument of -plugin */
	char *shim;			/* to be preloaded by programs that are executed; or NULL */
	char *runner;			/* /proc/PID of mt-run, to get closed descriptors back; or NULL */
	bool executed;			/* this is not the first program of its task */
	bool started;			/* the main thread has been seen */
	pthread_mutex_t lock;		/* of what follows */
	struct mapping *maps;		/* sorted, apart from each other */
	size_t n_maps, room_maps;
	struct range *stacks;		/* mmapped with MAP_STACK */
	size_t n_stacks, room_stacks;
	struct mt_table block_at;	/* address -> index in blocks, from 1 */
	struct block *blocks;
	size_t n_blocks, room_blocks, free_block;
	struct birth births[64];
	unsigned next_birth;
	_Alignas(8) unsigned char record[MT_RECORD_MAX];
} user = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A guest thread is a host thread. */
static __thread struct {
	struct vcpu *v;
	uint32_t task;
	struct range stack;		/* as labelled; 0: not */
	uint64_t arg[6];		/* of the system call that runs */
	bool left;			/* out_leave was called for an exec that QEMU carries out */
	uint64_t sigmask;		/* as the guest set it */
} self;

/* ---- records ------------------------------------------------------------ */

/*
 * The time is that of the system call's instruction: QEMU's counter must not be
 * read here, because it may move while this thread runs no guest code.
 */
static void put(struct mt_hdr *fixed, const char *const *strings)
{
	out_put(self.v, mt_build(user.record, fixed, strings));
}

static void put_task(uint32_t parent, unsigned op, const char *name)
{
	struct mt_task r = {
		.hdr.kind = MT_KIND_task, .task = self.task, .process = tracer.process,
		.parent = parent, .op = op,
	};

	put(&r.hdr, &name);
}

static void put_switch(void)
{
	struct mt_switch r = {
		.hdr.kind = MT_KIND_switch, .task = self.task, .process = tracer.process,
	};

	put(&r.hdr, NULL);
}

static void put_map(const struct mapping *m)
{
	struct mt_map r = {
		.hdr.kind = MT_KIND_map, .addr = m->start, .bytes = m->end - m->start,
		.offset = m->offset, .process = tracer.process, .op = MT_map_op_map,
	};
	const char *strings[] = { m->file->path, m->file->build_id };

	put(&r.hdr, strings);
}

static void put_unmap(uint64_t start, uint64_t end)
{
	struct mt_map r = {
		.hdr.kind = MT_KIND_map, .addr = start, .bytes = end - start,
		.process = tracer.process, .op = MT_map_op_unmap,
	};
	const char *strings[] = { "", "" };

	put(&r.hdr, strings);
}

static void put_stack(struct range stack, unsigned op)
{
	struct mt_label r = {
		.hdr.kind = MT_KIND_label, .addr = stack.start, .process = tracer.process,
		.bytes = op == MT_label_op_alloc ? stack.end - stack.start : 0,
		.task = self.task, .op = op, .storage = MT_storage_stack,
	};
	const char *strings[] = { "stack", "" };

	put(&r.hdr, strings);
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

static bool read_guest(uint64_t addr, void *buf, size_t len)
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

/* The string at addr, its NUL included; its length, or -1. */
static long read_string(uint64_t addr, char *buf, size_t room)
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

/* ---- mappings ----------------------------------------------------------- */

static void *more(void *p, size_t used, size_t *room, size_t each)
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

static void file_drop(struct file *f)
{
	if (--f->used)
		return;
	free(f->path);
	free(f);
}

/* The file behind descriptor fd, known as path; NULL if it is not a regular file. */
static struct file *file_get(int fd, const char *path)
{
	struct stat st;
	struct file *f;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	for (size_t i = user.n_maps; i-- > 0; ) {
		f = user.maps[i].file;
		if (f->ino == st.st_ino && f->dev == st.st_dev && !strcmp(f->path, path)) {
			f->used++;
			return f;
		}
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->used = 1;
	elf_build_id(fd, f->build_id);
	return f;
}

/* The first mapping that ends after addr. */
static size_t map_find(uint64_t addr)
{
	size_t low = 0, high = user.n_maps;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (user.maps[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void map_insert(size_t i, struct mapping m)
{
	user.maps = more(user.maps, user.n_maps, &user.room_maps, sizeof(*user.maps));
	memmove(&user.maps[i + 1], &user.maps[i], (user.n_maps - i) * sizeof(*user.maps));
	user.maps[i] = m;
	user.n_maps++;
}

/* Takes the range out of what is mapped; true if there was anything. */
static bool map_carve(uint64_t start, uint64_t end)
{
	size_t i = map_find(start);
	bool any = false;

	while (i < user.n_maps && user.maps[i].start < end) {
		struct mapping *m = &user.maps[i];
		struct mapping rest = *m;

		any = true;
		rest.offset += end - m->start;
		rest.start = end;
		if (m->start < start) {
			m->end = start;
			if (rest.end > end) {
				rest.file->used++;
				map_insert(i + 1, rest);
			}
			i++;
		} else if (m->end > end) {
			*m = rest;
		} else {
			file_drop(m->file);
			user.n_maps--;
			memmove(m, m + 1, (user.n_maps - i) * sizeof(*m));
		}
	}
	return any;
}

/* Takes over the caller's use of the file. */
static void map_add(uint64_t start, uint64_t bytes, uint64_t offset, struct file *f)
{
	struct mapping m = {
		.start = start, .end = (start + bytes + PAGE - 1) & -(uint64_t)PAGE,
		.offset = offset, .file = f,
	};

	if (m.end <= m.start) {
		file_drop(f);
		return;
	}
	map_carve(m.start, m.end);
	map_insert(map_find(m.start), m);
	put_map(&m);
}

static void map_remove(uint64_t start, uint64_t bytes)
{
	uint64_t end = (start + bytes + PAGE - 1) & -(uint64_t)PAGE;

	if (end > start && map_carve(start, end))
		put_unmap(start, end);
}

static void map_fd(uint64_t start, uint64_t bytes, int fd, uint64_t offset)
{
	char link[32], path[PATH_MAX];
	struct file *f;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return;
	path[len] = 0;
	f = file_get(fd, path);
	if (f)
		map_add(start, bytes, offset, f);
}

/* mremap: the same file elsewhere, or more or less of it. */
static void map_move(uint64_t old, uint64_t old_bytes, uint64_t new, uint64_t bytes)
{
	size_t i = map_find(old);
	struct mapping m;

	if (i == user.n_maps || user.maps[i].start > old)
		return;
	m = user.maps[i];
	m.file->used++;
	if (old_bytes)
		map_remove(old, old_bytes);
	map_add(new, bytes, m.offset + (old - m.start), m.file);
}

/* ---- the first program -------------------------------------------------- */

/*
 * What the loader mapped for a program or its interpreter.  First the whole
 * extent, as ld.so does for libraries: so what is behind the file's bytes
 * (.bss) belongs to it, too.
 */
static void map_image(const struct elf_head *e, int fd, const char *path, uint64_t bias)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < (pass ? e->n_loads : e->n_loads ? 1 : 0); i++) {
			const struct elf_load *l = &e->loads[i];
			uint64_t skew = l->vaddr % PAGE;
			uint64_t bytes = pass ? l->file_bytes : e->end - l->vaddr;
			struct file *f = bytes ? file_get(fd, path) : NULL;

			if (f)
				map_add(bias + l->vaddr - skew, bytes + skew, l->offset - skew, f);
		}
	}
}

/* Values of the auxiliary vector, the kernel's numbers. */
enum { AT_base = 7, AT_entry = 9, AT_execfn = 31, AT_last = 32 };

static bool read_auxv(uint64_t sp, uint64_t values[AT_last])
{
	uint64_t word, pair[2], strings = 0;

	memset(values, 0, AT_last * sizeof(*values));
	if (!read_guest(sp, &word, sizeof(word)) || word > 0x1000000)
		return false;
	sp += 8 + 8 * word + 8;		/* argc, argv, NULL */
	do {
		if (!read_guest(sp, &word, sizeof(word)) || strings++ > 0x1000000)
			return false;
		sp += 8;
	} while (word);			/* environment */
	for (unsigned i = 0; i < 64; i++, sp += sizeof(pair)) {
		if (!read_guest(sp, pair, sizeof(pair)))
			return false;
		if (!pair[0])
			return true;
		if (pair[0] < AT_last)
			values[pair[0]] = pair[1];
	}
	return false;
}

static void map_program(const uint64_t auxv[AT_last])
{
	struct elf_head *e = malloc(sizeof(*e));
	char real[PATH_MAX];
	int fd = e ? open(user.program, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (fd >= 0 && elf_read(fd, e)) {
		map_image(e, fd, user.program, auxv[AT_entry] - e->entry);
		close(fd);
		fd = -1;
		if (e->interpreter[0] && auxv[AT_base] && realpath(e->interpreter, real))
			fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && elf_read(fd, e) && e->n_loads)
			map_image(e, fd, real, auxv[AT_base] - e->loads[0].vaddr);
	}
	if (fd >= 0)
		close(fd);
	free(e);
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
			user.blocks = more(user.blocks, user.n_blocks, &user.room_blocks,
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
			put(&r.hdr, strings);
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

static void start_program(uint64_t sp)
{
	uint64_t auxv[AT_last];
	bool known = read_auxv(sp, auxv);
	long len = known ? read_string(auxv[AT_execfn], user.program, sizeof(user.program)) : -1;

	if (len < 0)
		user.program[0] = 0;
	put_task(0, user.executed ? MT_task_op_exec : MT_task_op_create, program_name());
	put_switch();
	guard_signals();
	if (len < 0)
		return;
	map_program(auxv);
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
	for (size_t i = 0; i < user.n_maps; i++)
		put_map(&user.maps[i]);
	if (self.stack.end)
		put_stack(self.stack, MT_label_op_alloc);
	put_blocks();
}

/* ---- exec --------------------------------------------------------------- */

#define STRING_MAX (128 << 10)		/* Linux: MAX_ARG_STRLEN */

static void free_vector(char **vector)
{
	for (char **p = vector; p && *p; p++)
		free(*p);
	free(vector);
}

/*
 * A NULL-terminated vector of strings in guest memory, address 0 an empty one,
 * as for Linux; NULL if it cannot be read.
 */
static char **read_vector(uint64_t addr)
{
	char *text = malloc(STRING_MAX), **vector = NULL;
	size_t n = 0, slots = 0;
	bool good = text != NULL;
	uint64_t p = 0;

	while (good) {
		vector = more(vector, n, &slots, sizeof(*vector));
		vector[n] = NULL;
		good = !addr || read_guest(addr + 8 * n, &p, sizeof(p));
		if (!good || !p)
			break;
		good = read_string(p, text, STRING_MAX) >= 0;
		vector[n++] = good ? strdup(text) : NULL;
	}
	free(text);
	if (good)
		return vector;
	free_vector(vector);
	return NULL;
}

/* The program's own name for itself would be QEMU. */
static bool names_own_binary(const char *path)
{
	char own[64];

	snprintf(own, sizeof(own), "/proc/%d/exe", (int)getpid());
	return !strcmp(path, "/proc/self/exe") || !strcmp(path, own) ||
	       !strcmp(path, "/proc/thread-self/exe");
}

/* The file that execve(path) or execveat(fd, path) means. */
static bool exec_path(char path[PATH_MAX], int dir, uint64_t addr)
{
	char name[PATH_MAX], link[32];
	ssize_t len;

	if (read_string(addr, name, sizeof(name)) < 0)
		return false;
	if (names_own_binary(name)) {
		memcpy(path, user.program, PATH_MAX);
		return true;
	}
	if (dir == AT_FDCWD || *name == '/') {
		memcpy(path, name, PATH_MAX);
		return true;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	len = readlink(link, path, PATH_MAX - 1);
	if (len <= 0 || (size_t)len + strlen(name) + 2 > PATH_MAX)
		return false;
	snprintf(path + len, PATH_MAX - (size_t)len, "%s%s", *name ? "/" : "", name);
	return true;
}

/* Descriptors that the next image needs; everywhere else they close on exec. */
static void keep_descriptors(bool keep)
{
	int fds[] = { tracer.opt.session, tracer.opt.fd };

	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static bool have_descriptors(void)
{
	return tracer.opt.session >= 0 && fcntl(tracer.opt.session, F_GETFD) >= 0 &&
	       tracer.opt.fd >= 0 && fcntl(tracer.opt.fd, F_GETFD) >= 0;
}

/*
 * A signal that came since the guest last looked waits in QEMU, with all
 * signals blocked; the next program would start with all of them blocked, and
 * without this one.  QEMU's own execve sees that and lets the guest handle the
 * signal first; then we are asked again.
 */
static bool signal_waits(void)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGTERM) && sigismember(&now, SIGUSR1) &&
	       sigismember(&now, SIGCHLD) && sigismember(&now, SIGWINCH) &&
	       !(self.sigmask & (UINT64_C(1) << (SIGWINCH - 1)));
}

static void exec_qemu(const struct launch *l, char *const *argv, char *const *envp)
{
	const struct launch_setup setup = { user.qemu, user.plugin, user.shim };
	struct launch_command c;

	if (launch_command(&c, &setup, l, argv, envp) < 0)
		return;
	out_leave();
	keep_descriptors(true);
	execve(user.qemu, c.argv, c.envp);
	keep_descriptors(false);
	out_return();
	launch_command_release(&c);
}

/* Returns if the call is QEMU's business: it fails, or the kernel must do it. */
static void try_exec(int dir, uint64_t path_addr, uint64_t argv_addr, uint64_t envp_addr)
{
	char path[PATH_MAX];
	char **argv, **envp;
	struct launch l;
	int bad;

	if (signal_waits() || !exec_path(path, dir, path_addr))
		return;
	bad = launch_find(&l, path);
	if (bad > 0) {
		launch_release(&l);
		return;			/* an error that the kernel will say, too */
	}
	argv = read_vector(argv_addr);
	envp = read_vector(envp_addr);
	if (argv && envp && !bad && user.plugin && have_descriptors())
		exec_qemu(&l, argv, envp);
	free_vector(argv);
	free_vector(envp);
	launch_release(&l);

	/* Still here: if QEMU's own try succeeds, the program runs untraced. */
	out_leave();
	self.left = true;
	atomic_fetch_add(&tracer.session->untraced, 1);
}

/* ---- descriptors of ours that the program closed ------------------------ */

/* Daemons and the like close whatever is open. */
static void restore_descriptor(int fd)
{
	char path[64];
	int again;

	if (fd < 0 || fcntl(fd, F_GETFD) >= 0 || !user.runner)
		return;
	snprintf(path, sizeof(path), "%s/fd/%d", user.runner, fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0)
		again = open(path, O_WRONLY | O_CLOEXEC);	/* a pipe */
	if (again < 0 || again == fd)
		return;
	dup3(again, fd, O_CLOEXEC);
	close(again);
}

void user_restore_descriptors(void)
{
	restore_descriptor(tracer.opt.session);
	restore_descriptor(tracer.opt.fd);
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
	user.stacks = more(user.stacks, user.n_stacks, &user.room_stacks, sizeof(*user.stacks));
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

	if (!set_addr || !read_guest(set_addr, &set, sizeof(set)))
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
		try_exec(AT_FDCWD, a[0], a[1], a[2]);
		return;
	case NR_execveat:
		try_exec((int)a[0], a[1], a[2], a[3]);
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
			map_remove(a[0], a[1]);
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
		map_fd(addr, bytes, (int)self.arg[4], offset);
	else if (flags & GUEST_MAP_STACK)
		note_stack(addr, bytes);
}

static void renamed(uint64_t name_addr)
{
	char name[16] = "";

	if (read_guest(name_addr, name, sizeof(name) - 1) ||
	    read_string(name_addr, name, sizeof(name)) >= 0)
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
			map_move(self.arg[0], self.arg[1], (uint64_t)ret, self.arg[2]);
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
	keep_descriptors(false);
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
	return 0;
}
