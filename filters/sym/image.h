/* SPDX-License-Identifier: MIT */
/* ELF files that we make in memory of what is none, or not yet. */
#ifndef SYM_IMAGE_H
#define SYM_IMAGE_H

#include "sym.h"

struct sym_image { unsigned char *p; uint64_t bytes; };	/* a NUL stands behind it */

/* Reads a whole file.  Returns NULL, or what is wrong: then *image is as before. */
const char *sym_read_all(int fd, uint64_t bytes, struct sym_image *image);

/* A relocatable file, linked by itself. */
const char *sym_link_module(int fd, uint64_t bytes, struct sym_image *image);

/* A list of symbols as nm, nm -S and /proc/kallsyms write it. */
const char *sym_image_of_text(int fd, uint64_t bytes, struct sym_image *image);

#endif
