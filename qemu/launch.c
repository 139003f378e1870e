/* SPDX-License-Identifier: MIT */
/* Starting a program under qemu-x86_64. */
#define _GNU_SOURCE			/* asprintf */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"

#define HEAD 256			/* Linux: BINPRM_BUF_SIZE, what execve looks at */

/* ---- judging a file ---------------------------------------------------- */

static int not_for_qemu(struct launch *l, const char *why)
{
	l->why_not = why;
	return -1;
}

/* 0, an errno, or -1; on 0 the file's first bytes, with a NUL behind them. */
static int read_head(struct launch *l, char head[HEAD + 1], ssize_t *len)
{
	struct stat st;
	int fd;

	if (access(l->path, X_OK) < 0 || stat(l->path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	/* QEMU would run it without the other identity, not as the kernel does. */
	if ((st.st_mode & S_ISUID) && st.st_uid != geteuid())
		return not_for_qemu(l, "is set-user-ID");
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid())
		return not_for_qemu(l, "is set-group-ID");
	fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return not_for_qemu(l, "cannot be read");
	*len = pread(fd, head, HEAD, 0);
	close(fd);
	if (*len < 0)
		return not_for_qemu(l, "cannot be read");
	head[*len] = 0;
	return 0;
}

static bool is_ours(const char *head, size_t len)
{
	Elf64_Ehdr e;

	if (len < sizeof(e))
		return false;
	memcpy(&e, head, sizeof(e));
	return e.e_ident[EI_CLASS] == ELFCLASS64 && e.e_ident[EI_DATA] == ELFDATA2LSB &&
	       e.e_machine == EM_X86_64 && (e.e_type == ET_EXEC || e.e_type == ET_DYN);
}

/* Puts s in front of the arguments. */
static int push_arg(struct launch *l, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		return ENOMEM;
	memmove(l->args + 1, l->args, l->n_args * sizeof(*l->args));
	l->args[0] = copy;
	l->n_args++;
	return 0;
}

/*
 * head starts with "#!": the interpreter takes the script's place, its one
 * optional argument and the script's name come before the other arguments.
 */
static int follow_script(struct launch *l, char *head, ssize_t len)
{
	char *interpreter = head + 2 + strspn(head + 2, " \t");
	char *end = interpreter + strcspn(interpreter, " \t\n");
	char *line_end = head + strcspn(head, "\n");
	char *arg;

	/* A name that goes on after what the kernel reads would be a wrong one. */
	if (end == interpreter || (len == HEAD && !*end))
		return ENOEXEC;
	while (line_end > end && (line_end[-1] == ' ' || line_end[-1] == '\t'))
		line_end--;
	*line_end = 0;
	arg = end < line_end ? end + 1 : end;
	*end = 0;
	arg += strspn(arg, " \t");

	if (push_arg(l, l->path) || (*arg && push_arg(l, arg)))
		return ENOMEM;
	snprintf(l->path, sizeof(l->path), "%s", interpreter);
	l->script = 1;
	return 0;
}

int launch_find(struct launch *l, const char *path)
{
	char head[HEAD + 1];
	ssize_t len = 0;
	int bad;

	memset(l, 0, sizeof(*l));
	/* QEMU would take a leading '-' for an option. */
	if ((size_t)snprintf(l->path, sizeof(l->path), "%s%s", *path == '-' ? "./" : "", path) >=
	    sizeof(l->path))
		return ENAMETOOLONG;
	for (int scripts = 0; scripts <= LAUNCH_SCRIPTS; scripts++) {
		bad = read_head(l, head, &len);
		if (bad)
			return bad;
		if (len >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
			return is_ours(head, (size_t)len) ? 0 :
			       not_for_qemu(l, "is not an x86-64 program");
		if (head[0] != '#' || head[1] != '!')
			return ENOEXEC;
		if (scripts < LAUNCH_SCRIPTS)
			bad = follow_script(l, head, len);
		if (bad)
			return bad;
	}
	return ELOOP;
}

void launch_release(struct launch *l)
{
	while (l->n_args)
		free(l->args[--l->n_args]);
}

/* ---- QEMU's command line ------------------------------------------------ */

/* Variables that would act on QEMU itself, were they in its environment. */
static bool acts_on_qemu(const char *variable)
{
	return !strncmp(variable, "LD_", 3) || !strncmp(variable, "QEMU_", 5) ||
	       !strncmp(variable, "GLIBC_TUNABLES=", 15);
}

/* LD_PRELOAD=old with the shim in front, unless it is in it. */
static char *preload(const char *old, const char *shim)
{
	const char *value = old ? strchr(old, '=') + 1 : "";
	char *s;

	if (strstr(value, shim))
		return strdup(old);
	if (asprintf(&s, "LD_PRELOAD=%s%s%s", shim, *value ? ":" : "", value) < 0)
		return NULL;
	return s;
}

static int add(char **vector, unsigned *n, const char *s)
{
	vector[*n] = strdup(s);
	return vector[*n] ? (++*n, 0) : -1;
}

/*
 * One of the program's variables: what acts on QEMU goes by -E, unless -E
 * cannot say it (it splits at commas).
 */
static int add_variable(struct launch_command *c, const char *variable)
{
	if (!acts_on_qemu(variable) || strchr(variable, ',') || variable[0] == '=')
		return add(c->envp, &c->n_envp, variable);
	return add(c->argv, &c->n_argv, "-E") || add(c->argv, &c->n_argv, variable) ? -1 : 0;
}

static int add_environment(struct launch_command *c, const char *shim, char *const envp[])
{
	const char *old = NULL;
	char *ours;
	int bad;

	for (; *envp; envp++) {
		if (shim && !strncmp(*envp, "LD_PRELOAD=", 11))
			old = *envp;
		else if (add_variable(c, *envp))
			return -1;
	}
	if (!shim)
		return 0;
	ours = preload(old, shim);
	bad = !ours || add_variable(c, ours);
	free(ours);
	return bad ? -1 : 0;
}

static int fill(struct launch_command *c, const struct launch_setup *s,
		const struct launch *l, char *const argv[], char *const envp[])
{
	const char *name = l->script ? l->path : argv[0] ? argv[0] : "";

	if (add(c->argv, &c->n_argv, s->qemu) || add(c->argv, &c->n_argv, "-plugin") ||
	    add(c->argv, &c->n_argv, s->plugin) || add_environment(c, s->shim, envp) ||
	    add(c->argv, &c->n_argv, "-0") || add(c->argv, &c->n_argv, name) ||
	    add(c->argv, &c->n_argv, l->path))
		return -1;
	for (unsigned i = 0; i < l->n_args; i++)
		if (add(c->argv, &c->n_argv, l->args[i]))
			return -1;
	for (unsigned i = 1; argv[0] && argv[i]; i++)
		if (add(c->argv, &c->n_argv, argv[i]))
			return -1;
	return 0;
}

static size_t count(char *const vector[])
{
	size_t n = 0;

	while (vector[n])
		n++;
	return n;
}

int launch_command(struct launch_command *c, const struct launch_setup *s,
		   const struct launch *l, char *const argv[], char *const envp[])
{
	size_t variables = count(envp) + 1;	/* and LD_PRELOAD */

	memset(c, 0, sizeof(*c));
	c->argv = calloc(count(argv) + 2 * variables + l->n_args + 8, sizeof(*c->argv));
	c->envp = calloc(variables + 1, sizeof(*c->envp));
	if (c->argv && c->envp && !fill(c, s, l, argv, envp))
		return 0;
	launch_command_release(c);
	return -1;
}

void launch_command_release(struct launch_command *c)
{
	while (c->argv && c->n_argv)
		free(c->argv[--c->n_argv]);
	while (c->envp && c->n_envp)
		free(c->envp[--c->n_envp]);
	free(c->argv);
	free(c->envp);
	memset(c, 0, sizeof(*c));
}
