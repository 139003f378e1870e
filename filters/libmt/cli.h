/* SPDX-License-Identifier: MIT */
/*
 * What all programs share: start, complain, finish.  Unlike the library these
 * print and exit.
 */
#ifndef MT_CLI_H
#define MT_CLI_H

#include "mt.h"
#include "mt_entries.h"
#include "mt_intern.h"
#include "mt_runs.h"
#include "mt_text.h"

/* Exit status of every program; the worst thing that happened counts. */
enum { MT_OK = 0, MT_FAIL = 1, MT_USAGE = 2, MT_CHECK = 3 };

/*
 * First call of main: remembers the program's name for messages, makes a
 * reader that goes away kill us (even when the parent ignored SIGPIPE), and
 * sees to it that descriptors 0 to 2 are open.
 */
void mt_start(char **argv);

/* "PROGRAM: message" on stderr in one write; control characters replaced. */
void mt_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mt_die(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* --help: the text on standard output, status 0; fails when it cannot be written. */
void mt_help(const char *text) __attribute__((noreturn));

/* Wrong usage, after getopt_long has said what: points to --help, status 2. */
void mt_bad_usage(void) __attribute__((noreturn));

/* No operands are wanted: dies when there are any. */
void mt_no_operands(int argc, char **argv);

/*
 * Parses a whole unsigned number, decimal or 0x hex, of at most max; dies with
 * status 2 naming what (an option, say) and the text otherwise.
 */
uint64_t mt_number(const char *what, const char *text, uint64_t max);

/*
 * How far a long work is, in bytes (total 0: not known), on stderr if that is a
 * terminal, from the second second on and once a second; what is a file name.
 */
void mt_progress(const char *what, uint64_t done, uint64_t total);
void mt_progress_end(void);

/* Never NULL; die with status 1 when there is no memory. */
void *mt_xmalloc(size_t bytes);
void *mt_xcalloc(size_t n, size_t bytes);
char *mt_xstrdup(const char *s);

/* Makes room for one more element in a doubling array: p, or its new place. */
void *mt_xgrow(void *p, size_t used, size_t *room, size_t bytes_each);

/* mt_table_put and mt_cpus_note that cannot fail. */
uint64_t *mt_xtable_put(struct mt_table *m, uint64_t key);
void mt_xcpus_note(struct mt_cpus *c, const struct mt_hdr *rec);

/* So with mt_entries_note, mt_runs_note and mt_intern. */
void mt_xentries_note(struct mt_entries *e, const struct mt_hdr *rec);
int mt_xruns_note(struct mt_runs *r, const struct mt_hdr *rec);
uint32_t mt_xintern(struct mt_intern *t, const void *bytes, size_t len);
uint32_t mt_xintern_string(struct mt_intern *t, const char *s);

/*
 * A larger pipe costs less CPU for each byte: fewer wake-ups.  Where it is
 * refused (no pipe, the user's share of pipe memory used up) nothing is lost.
 */
void mt_widen_pipe(int fd);

/*
 * Standard input as a stream, standard output as a stream or as text.  Both
 * refuse a terminal where bytes are binary.  Opening the output ties it to the
 * input: it is flushed before the input would block.
 */
void mt_open_input(struct mt_reader *in);
void mt_open_output(struct mt_writer *out, struct mt_reader *in);
void mt_open_text(struct mt_out *out, struct mt_reader *in);

/*
 * Last calls: flush the output, then report a damaged input, so that what was
 * whole has arrived.  got is the last result of mt_reader_next, out NULL when
 * there is none.  They return the exit status.
 */
MT_MUST_CHECK int mt_close(struct mt_reader *in, int got, struct mt_writer *out);
MT_MUST_CHECK int mt_close_text(struct mt_reader *in, int got, struct mt_out *out);

#endif
