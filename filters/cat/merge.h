/* SPDX-License-Identifier: MIT */
/* Several logs as one stream, merged by their clocks. */
#ifndef CAT_MERGE_H
#define CAT_MERGE_H

/*
 * Each log is read by a process of its own, which calls alone for it: that one
 * writes the log as a stream to standard output and returns the exit status.
 * First all are started, then, maybe after the output was opened, merged; that
 * returns the worst status of theirs.
 */
void merge_start(char **names, int n, int (*alone)(const char *name));
int merge_all(void);

#endif
