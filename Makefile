# SPDX-License-Identifier: MIT
# One Makefile for the filters, the tracer and the tests.  QEMU and the other
# big products are built by scripts and cached outside the tree (make qemu).
#
#   B=DIR       where objects go          (build)
#   V=1      show commands
#   CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR  as everywhere; never overwritten here

B       ?= build
PREFIX  ?= /usr/local
# -O3: mt-shared takes 4 % less than with -O2, nothing takes more
CFLAGS  ?= -O3 -g
WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
# VERSION: the only place; goes into begin records and manuals
VERSION := 0.1
# What is made, a line each; V=1 shows the commands.
say      = $(if $(V),,@echo '  $(1)  $(patsubst $(B)/%,%,$@)' && )
MAKEFLAGS += --no-print-directory
ALL_CFLAGS = -std=gnu11 $(WARN) -DMT_VERSION='"$(VERSION)"' $(CFLAGS) -MMD -MP

LIBMT   := $(patsubst %.c,$(B)/%.o,$(wildcard filters/libmt/*.c))
SYM     := $(patsubst %.c,$(B)/%.o,$(wildcard filters/sym/*.c))
EXPR    := $(patsubst %.c,$(B)/%.o,$(wildcard filters/expr/*.c))
FILTERS := $(patsubst filters/%.c,$(B)/%,$(wildcard filters/mt-*.c))
HELPERS := $(patsubst tests/helper/%.c,$(B)/helper/%,$(wildcard tests/helper/*.c))
UNIT    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

all: $(FILTERS) $(B)/mt-shard-run			## the filters (default)

# ---- filters -------------------------------------------------------------

$(B)/libmt.a: $(LIBMT)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^
$(B)/libsym.a: $(SYM)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^

$(B)/mt-filter: $(EXPR)
# who reads ELF and DWARF; who opens classic logs and has threads
$(B)/mt-addr2line $(B)/mt-label: $(B)/libsym.a
$(B)/mt-addr2line $(B)/mt-label: LIBS = -ldw -lelf -lstdc++
$(B)/mt-cat: LIBS = -lz -lpthread
$(B)/mt-cat: $(patsubst %.c,$(B)/%.o,$(wildcard filters/cat/*.c))
$(B)/mt-shared: LIBS = -lm
$(B)/mt-tojson: $(patsubst %.c,$(B)/%.o,$(wildcard filters/tojson/*.c))
$(B)/mt-tosqlite: $(patsubst %.c,$(B)/%.o,$(wildcard filters/tosqlite/*.c)) $(addprefix $(B)/filters/locks/,holds.o)
$(B)/mt-tosqlite: LIBS = -lsqlite3
$(B)/mt-shared: $(patsubst %.c,$(B)/%.o,$(wildcard filters/shared/*.c))
$(B)/mt-syscalls: $(patsubst %.c,$(B)/%.o,$(wildcard filters/syscalls/*.c))
$(B)/mt-scopes: $(patsubst %.c,$(B)/%.o,$(wildcard filters/scopes/*.c))
$(B)/mt-stat: $(patsubst %.c,$(B)/%.o,$(wildcard filters/stat/*.c))
$(B)/mt-rcu: $(patsubst %.c,$(B)/%.o,$(wildcard filters/rcu/*.c))
$(B)/mt-sets: $(patsubst %.c,$(B)/%.o,$(wildcard filters/sets/*.c))
$(B)/mt-label: $(patsubst %.c,$(B)/%.o,$(wildcard filters/label/*.c))
$(B)/mt-totext: $(patsubst %.c,$(B)/%.o,$(wildcard filters/totext/*.c))
$(B)/mt-stack: $(patsubst %.c,$(B)/%.o,$(wildcard filters/stack/*.c))
$(B)/mt-diff: $(patsubst %.c,$(B)/%.o,$(wildcard filters/diff/*.c))
$(B)/mt-serial $(B)/mt-locks: $(patsubst %.c,$(B)/%.o,$(wildcard filters/locks/*.c))
$(B)/mt-serial $(B)/mt-locks: LIBS = -lm
$(B)/mt-scale: $(patsubst %.c,$(B)/%.o,$(wildcard filters/scale/*.c))
$(B)/mt-tohtml: $(patsubst %.c,$(B)/%.o,$(wildcard filters/tohtml/*.c))
$(B)/mt-tohtml: LIBS = -lm
# The page's style and script as C strings, with the hashes that its policy names.
PAGE := $(foreach f,page.css page.js,$(B)/filters/tohtml/$f.inc $(B)/filters/tohtml/$f.hash.inc)
$(B)/filters/tohtml/page.o: $(PAGE)
$(B)/filters/tohtml/page.o: ALL_CFLAGS += -I$(B)
$(B)/%.hash.inc: % Makefile
	@mkdir -p $(@D)
	$(call say,HASH)printf '"%s"\n' "$$(sha256sum <$< | cut -c-64 | tr a-f A-F | basenc --base16 -d | base64)" >$@
$(B)/%.inc: % Makefile
	@mkdir -p $(@D)
	$(call say,TEXT)sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< >$@

$(FILTERS): $(B)/mt-%: $(B)/filters/mt-%.o $(B)/libmt.a
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %libsym.a,$^) $(filter %libmt.a,$^) -ldeflate $(LIBS)

# A script, to be found where its programs are.
$(B)/mt-shard-run: filters/mt-shard-run
	$(call say,CP)install $< $@

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- mt-run and what it brings along ---------------------------------------

EXAMPLES := $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*/*.c))

tracer: $(B)/libmtrace.so $(B)/libmtheap.so $(B)/mt-run $(B)/mtrace-magic $(B)/qemu-prefix $(EXAMPLES)	## mt-run and its plugin

$(B)/mt-run: $(addprefix $(B)/qemu/,mt-run.o launch.o session.o) $(B)/libmt.a
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldeflate -lz -lpthread

# The plugin: against the header of the QEMU that "make qemu" has built.
PLUGIN := $(patsubst %.c,$(B)/pic/%.o,$(addprefix qemu/,mtrace.c options.c access.c guest.c classic.c settings.c scopes.c x86.c traps.c entries.c locks.c out.c user.c user-maps.c user-exec.c turns.c \
	session.c launch.c elf-head.c) $(wildcard filters/libmt/mt_*.c))
GLIB   := -isystem $(shell pkg-config --variable=includedir glib-2.0 2>/dev/null)/glib-2.0 \
	-isystem $(shell pkg-config --variable=libdir glib-2.0 2>/dev/null)/glib-2.0/include

$(B)/pic/%.o: %.c $(B)/qemu-prefix Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden $(GLIB) -isystem "$$(cat $(B)/qemu-prefix)/include" -c -o $@ $<
$(B)/libmtrace.so: $(PLUGIN)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ -lglib-2.0 -ldeflate -lz -lpthread

# Loaded into the traced program: nothing of the tracer's own build flags.
$(B)/libmtheap.so: qemu/mt-heap.c kernel/mtrace.h filters/libmt/mt_struct.h filters/libmt/mt_records.def Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 $(WARN) -O2 -g -fPIC -shared -fvisibility=hidden -fno-builtin -o $@ $< -ldl

# For any guest, so without shared libraries.
$(B)/mtrace-magic: kernel/mtrace-magic.c kernel/mtrace.h filters/libmt/mt_struct.h filters/libmt/mt_records.def Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 $(WARN) $(CFLAGS) $(LDFLAGS) -static -o $@ $<

# Where mt-run finds QEMU: the directory that "make qemu" fills.
$(B)/qemu-prefix: qemu/build-qemu $(wildcard qemu/patches/*)
	@mkdir -p $(@D)
	qemu/build-qemu --print >$@ || true
# And an installed qemu-mtrace-linux its kernel: what "make kernel" fills.
$(B)/kernel-prefix: kernel/build-kernel kernel/mtrace.config kernel/mtrace.h $(wildcard kernel/hooks/*) \
		filters/libmt/mt_struct.h filters/libmt/mt_records.def
	@mkdir -p $(@D)
	kernel/build-kernel --print >$@ || true

# As a program's author would build them; -O1 keeps the lines telling.
$(B)/examples/%: examples/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -std=gnu11 $(WARN) -O1 -g -o $@ $< -lpthread

# MOSBENCH's programs, in the directory where mosbench/NAME/run looks for them.
mosbench:					## the programs of MOSBENCH, for this machine
	$(MAKE) -C mosbench B='$(CURDIR)/mosbench/build'
# And the one that tests run in guests: nothing of the tracer's own build flags.
$(B)/mosbench/micro: FORCE
	$(MAKE) -C mosbench B='$(abspath $(B))/mosbench' CFLAGS='-O2 -g' '$(abspath $(B))/mosbench/micro'
FORCE:

# ---- tests ---------------------------------------------------------------

PRELOAD := $(patsubst tests/preload/%.c,$(B)/%.so,$(wildcard tests/preload/*.c))

helpers: $(HELPERS) $(UNIT) $(PRELOAD) $(B)/mosbench/micro
$(HELPERS): $(B)/helper/%: $(B)/tests/helper/%.o $(B)/libmt.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(HELPERS): LIBS = -ldeflate
$(UNIT): LIBS = -lcmocka -ldeflate -lz -lpthread
$(UNIT): $(B)/unit/%: $(B)/tests/unit/%.o $(B)/libmt.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(PRELOAD): $(B)/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -O2 -fPIC -shared -o $@ $<

NEED_BUILD := gcc make pkg-config libc6-dev libdw-dev libelf-dev uthash-dev libdeflate-dev \
	zlib1g-dev libsqlite3-dev libglib2.0-dev
NEED_DEMO  := pigz
NEED_BOOT  := busybox-static
NEED_CHECK := perl python3 jq libcmocka-dev binutils elfutils llvm clang dwarves cpio g++ \
	pigz xz-utils gzip libc6-dbg strace mmdebstrap e2fsprogs uidmap parallel sqlite3 babeltrace2 python3-bt2
NEED_LINT  := git clang cppcheck shellcheck mandoc universal-ctags
NEED_BENCH := valgrind zstd gzip time llvm binutils elfutils pigz python3

check:						## all set-up, then every test
	tests/need $(NEED_BUILD) $(NEED_BOOT) $(NEED_CHECK)
	qemu/build-qemu
	kernel/build-kernel
	$(MAKE) all tracer test

test: all helpers				## every test, nothing installed or fetched
	SRC='$(CURDIR)' B='$(abspath $(B))' CMOCKA_MESSAGE_OUTPUT=TAP prove -j2 tests/*.t $(UNIT)

check-asan:					## the filter tests under the address and undefined sanitizers
	tests/need $(NEED_BUILD) $(NEED_CHECK)
	SANITIZED=1 $(MAKE) B=$(B)-asan CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' all test

lint:						## cppcheck, shellcheck, mandoc, house rules, clang
	tests/need $(NEED_BUILD) $(NEED_LINT)
	tests/lint
	$(MAKE) B=$(B)-clang CC=clang all

bench:						## speed and memory beside the peers, in one run
	tests/need $(NEED_BUILD) $(NEED_BENCH)
	qemu/build-qemu
	$(MAKE) all tracer helpers
	SRC='$(CURDIR)' B='$(abspath $(B))' tests/bench/run

demo:						## all set-up, then the lines that move most in two real programs
	tests/need $(NEED_BUILD) $(NEED_DEMO)
	qemu/build-qemu
	$(MAKE) all tracer
	B='$(B)' examples/demo

first-boot:					## all set-up, then the fields of a traced Linux that move most
	tests/need $(NEED_BUILD) $(NEED_BOOT)
	qemu/build-qemu
	kernel/build-kernel
	$(MAKE) all tracer
	B='$(B)' examples/first-boot/run

qemu:						## build QEMU with the tracer's patches, or find it in the cache
	qemu/build-qemu

kernel:						## build the guest kernel and its hooks, or find them in the cache
	kernel/build-kernel

regression:					## the same with a planted regression, for tests/regression.t
	kernel/build-kernel --patch tests/guest/regression/open-files.patch

image:						## make the guest's root with all packages of MOSBENCH, or find it in the cache
	image/build-image

doc: $(B)/helper/mt-records			## write the tables of mt-log(5) anew from the record table
	tests/mkdoc '$(B)' doc/mt-log.5

# Filters, tracer, manuals and headers; QEMU and the kernel stay where they were built.
BIN  = $(DESTDIR)$(PREFIX)/bin
PLUG = $(DESTDIR)$(PREFIX)/lib/mtrace
INC  = $(DESTDIR)$(PREFIX)/include/mtrace
MAN  = $(DESTDIR)$(PREFIX)/share/man
install: all tracer $(B)/kernel-prefix		## into DESTDIR/PREFIX
	install -d $(BIN) $(PLUG)/guest $(PLUG)/mosbench $(INC)/filters/libmt $(INC)/kernel $(MAN)/man1 $(MAN)/man5 $(MAN)/man7
	install $(FILTERS) $(B)/mt-shard-run $(B)/mt-run qemu/qemu-mtrace-linux image/new-mtrace-image mosbench/mtrace-mosbench $(BIN)
	install $(B)/mtrace-magic image/mkinitramfs image/build-image image/build-mosbench $(PLUG)
	tar -C mosbench --exclude=build --exclude=mtrace-mosbench -c . | tar -C $(PLUG)/mosbench -x --no-same-owner
	install image/guest/init $(PLUG)/guest
	install -m 644 $(B)/libmtrace.so $(B)/libmtheap.so $(B)/qemu-prefix $(B)/kernel-prefix $(PLUG)
	install -m 644 filters/libmt/mt_struct.h filters/libmt/mt_records.def $(INC)/filters/libmt
	install -m 644 image/cache.sh $(PLUG)
	install -m 644 kernel/mtrace.h $(INC)/kernel
	for n in 1 5 7; do install -m 644 doc/*.$$n $(MAN)/man$$n || exit 1; done

clean:						## remove the build directories
	rm -rf $(B) $(B)-asan $(B)-clang

help:						## this list
	@sed -n 's/^\([a-z-]*\):.*## */\1\t/p' Makefile | expand -t 16

.PHONY: all tracer helpers mosbench check test check-asan lint bench demo first-boot qemu kernel regression image doc install clean help
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
