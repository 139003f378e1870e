# SPDX-License-Identifier: MIT
# One Makefile for the filters, the tracer and the tests.  QEMU and the other
# big products are built by scripts and cached outside the tree (make qemu).
#
#   B=DIR       where objects go          (build)
#   CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR  as everywhere; never overwritten here

B       ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
# VERSION: the only place; goes into begin records and manuals
VERSION := 0.1
ALL_CFLAGS = -std=gnu11 $(WARN) -DMT_VERSION='"$(VERSION)"' $(CFLAGS) -MMD -MP

LIBMT   := $(patsubst %.c,$(B)/%.o,$(wildcard filters/libmt/*.c))
SYM     := $(patsubst %.c,$(B)/%.o,$(wildcard filters/sym/*.c))
FILTERS := $(patsubst filters/%.c,$(B)/%,$(wildcard filters/mt-*.c))
HELPERS := $(patsubst tests/helper/%.c,$(B)/helper/%,$(wildcard tests/helper/*.c))
UNIT    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

all: $(FILTERS)					## the filters (default)

# ---- filters -------------------------------------------------------------

$(B)/libmt.a: $(LIBMT)
	rm -f $@ && $(AR) rcs $@ $^
$(B)/libsym.a: $(SYM)
	rm -f $@ && $(AR) rcs $@ $^

# who reads ELF and DWARF; who opens logs
$(B)/mt-addr2line $(B)/mt-label: $(B)/libsym.a
$(B)/mt-addr2line $(B)/mt-label: LIBS = -ldw -lelf -lstdc++
$(B)/mt-cat: LIBS = -ldeflate -lz -lpthread

$(FILTERS): $(B)/mt-%: $(B)/filters/mt-%.o $(B)/libmt.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %libsym.a,$^) $(filter %libmt.a,$^) $(LIBS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- tests ---------------------------------------------------------------

helpers: $(HELPERS) $(UNIT)
$(B)/helper/%: $(B)/tests/helper/%.o $(B)/libmt.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

test: all helpers				## every test, nothing installed or fetched
	SRC='$(CURDIR)' B='$(abspath $(B))' CMOCKA_MESSAGE_OUTPUT=TAP prove -j2 tests/*.t

clean:						## remove the build directory
	rm -rf $(B)

help:						## this list
	@sed -n 's/^\([a-z-]*\):.*## */\1\t/p' Makefile | expand -t 16

.PHONY: all helpers test clean help
.DELETE_ON_ERROR:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
