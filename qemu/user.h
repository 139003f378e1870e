/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User mode: what its parts share. */
#ifndef MTRACE_USER_H
#define MTRACE_USER_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "elf-head.h"
#include "tracer.h"

#define PAGE 4096

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

extern struct user {
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
} user;

/* A guest thread is a host thread. */
extern __thread struct user_thread {
	struct vcpu *v;
	uint32_t task;
	struct range stack;		/* as labelled; 0: not */
	uint64_t arg[6];		/* of the system call that runs */
	bool left;			/* out_leave was called for an exec that QEMU carries out */
	uint64_t sigmask;		/* as the guest set it */
} self;

/* ---- user.c: records and guest memory ------------------------------------ */

/*
 * The time is that of the system call's instruction: QEMU's counter must not be
 * read here, because it may move while this thread runs no guest code.
 */
void user_put(struct mt_hdr *fixed, const char *const *strings);

bool user_read(uint64_t addr, void *buf, size_t len);

/* The string at addr, its NUL included; its length, or -1. */
long user_read_string(uint64_t addr, char *buf, size_t room);

/* An array with room for one more than used. */
void *user_more(void *p, size_t used, size_t *room, size_t each);

/* ---- user-maps.c: what is mapped where; with user.lock held --------------- */

/* Values of the auxiliary vector, the kernel's numbers. */
enum { AT_base = 7, AT_entry = 9, AT_execfn = 31, AT_last = 32 };

bool user_read_auxv(uint64_t sp, uint64_t values[AT_last]);
void user_map_program(const uint64_t auxv[AT_last]);

void user_map_fd(uint64_t start, uint64_t bytes, int fd, uint64_t offset);
void user_map_remove(uint64_t start, uint64_t bytes);
void user_map_move(uint64_t old, uint64_t old_bytes, uint64_t new, uint64_t bytes);
void user_put_maps(void);	/* all of them, for a child */

/* ---- user-exec.c --------------------------------------------------------- */

/* Returns if the call is QEMU's business: it fails, or the kernel must do it. */
void user_exec(int dir, uint64_t path_addr, uint64_t argv_addr, uint64_t envp_addr);

/* Descriptors that the next image needs; everywhere else they close on exec. */
void user_keep_descriptors(bool keep);

#endif
