/* SPDX-License-Identifier: MIT */
/* mt-addr2line: function, file and line of each code address, as definitions. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "sym/sym.h"

static const char help[] =
"usage: mt-addr2line [options] [FILE...] <stream >stream\n"
"\n"
"Passes the stream on and puts ahead of the first record that uses a code\n"
"address symbol records for it: function, file and line, the innermost inlined\n"
"function first.  FILEs are programs, shared objects, separate debug files,\n"
"vmlinux, kernel modules or lists of symbols (nm -S, /proc/kallsyms); mapped\n"
"files are opened where the log says they were.\n"
"\n"
"  --field NAME,...   fields that hold code addresses\n"
"                     (pc,pc2,target,return_pc,entry_pc)\n"
"  -C, --demangle     C++ names as in the source\n"
"  --no-inlines       only the innermost function of each address\n"
"  --debug-dir DIR    look here for .build-id/xx/yyy.debug first\n"
"  --root DIR         what a guest had mapped is looked for below DIR first\n"
"  --help             this text\n"
"\n"
"    mt-cat log.mt | mt-addr2line prog | mt-totext\n"
"    mt-cat log.mt | mt-shared | mt-top -n 20 moves | mt-addr2line -C | mt-totext\n"
"    mt-cat log.mt | mt-addr2line mscan.kern mtrace.ko | mt-totext\n";

#define MAX_FIELDS 8			/* code addresses in one record */

/* Where a kind of record has code addresses. */
struct plan {
	uint16_t offset[MAX_FIELDS];
	uint16_t process[MAX_FIELDS];	/* offset of the member with its process; 0: none */
	bool returns[MAX_FIELDS];	/* a return address: the call is before it */
	uint8_t n;
};

/* What is known about one pc of one process. */
struct known {
	struct sym_module *module;	/* NULL: none */
	uint64_t bias;
	uint64_t changes;		/* of the set, when this was last looked up; or NEVER */
	bool as_return;			/* so far only used as a return address */
};

#define NEVER UINT64_MAX

/* The pcs of one process: pc -> index into known, + 1. */
struct space { struct mt_table pcs; };

static struct {
	const char *fields;
	bool demangle, no_inlines;
} opt = { .fields = "pc,pc2,target,return_pc,entry_pc" };

static struct plan plans[65536];	/* by kind */
static struct sym_set set;
static struct mt_cpus cpus;
static struct mt_writer out;

static struct mt_table space_of;	/* process -> index into spaces, + 1 */
static struct space *spaces;
static size_t n_spaces, room_spaces;
static struct known *known;
static size_t n_known, room_known;

/* pcs that need nothing done, in front of the exact tables */
#define RECENT 8192
static struct recent { uint64_t pc, changes; uint32_t process; bool as_return; } recent[RECENT];

/* ---- fields ------------------------------------------------------------ */

static bool in_list(const char *name, const char *list)
{
	size_t n = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ',') && (!p[n] || p[n] == ','))
			return true;
	return false;
}

/* Who was called returns behind the call; allocators and locks log their caller that way. */
static bool is_return(const struct mt_type *t, const struct mt_field_info *f)
{
	static const struct { unsigned kind; const char *field; } returns[] = {
		{ MT_KIND_label, "pc" }, { MT_KIND_object, "pc" }, { MT_KIND_stack, "pc" },
		{ MT_KIND_lock, "pc" }, { MT_KIND_serial, "pc" }, { MT_KIND_locked, "pc2" },
	};

	for (size_t i = 0; i < sizeof(returns) / sizeof(returns[0]); i++)
		if (t->kind == returns[i].kind && !strcmp(f->name, returns[i].field))
			return true;
	return !strcmp(f->name, "return_pc");
}

/* Records of which these fields are instructions after all: entries, accesses under no lock. */
static bool has_no_return(const struct mt_hdr *rec)
{
	switch (rec->kind) {
	case MT_KIND_stack:
		return ((const struct mt_stack *)rec)->frame != MT_stack_frame_call;
	case MT_KIND_serial:
		return ((const struct mt_serial *)rec)->section == MT_serial_section_access;
	case MT_KIND_locked:
		return ((const struct mt_locked *)rec)->section == MT_serial_section_access;
	}
	return false;
}

/* Offset of the member that says whose address space it is, 0: none does; pc2 has process2. */
static uint16_t process_field(const struct mt_type *t, const struct mt_field_info *f)
{
	const struct mt_field_info *p = strcmp(f->name, "pc2") ? NULL : mt_field_find(t, "process2");

	if (!p)
		p = mt_field_find(t, "process");
	return p && p->width == 4 ? p->offset : 0;
}

static void plan_type(const struct mt_type *t, struct plan *p)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct mt_field_info *f = &t->fields[i];

		if (f->show != MT_HEX || f->width != 8 || p->n == MAX_FIELDS ||
		    t->kind == MT_KIND_symbol || !in_list(f->name, opt.fields))
			continue;
		p->offset[p->n] = f->offset;
		p->process[p->n] = process_field(t, f);
		p->returns[p->n++] = is_return(t, f);
	}
}

static bool is_address_field(const char *name)
{
	for (unsigned i = 0; i < mt_n_types; i++) {
		const struct mt_field_info *f = mt_field_find(&mt_types[i], name);

		if (f && f->show == MT_HEX && f->width == 8)
			return true;
	}
	return false;
}

static void plan_fields(void)
{
	char *list = mt_xstrdup(opt.fields);

	for (char *name = strtok(list, ","); name; name = strtok(NULL, ","))
		if (!is_address_field(name))
			mt_die(MT_USAGE, "--field: no record has an address '%s'", name);
	free(list);
	for (unsigned i = 0; i < mt_n_types; i++)
		plan_type(&mt_types[i], &plans[mt_types[i].kind]);
}

/* ---- definitions ------------------------------------------------------- */

static void put_symbol(uint64_t pc, uint32_t process, const struct sym_place *at, uint64_t base,
		       const struct sym_frame *f, unsigned frame, unsigned frames)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	const struct mt_symbol symbol = {
		.hdr = { .kind = MT_KIND_symbol },
		.pc = pc,
		.base = base ? base + at->bias : 0,
		.process = process,
		.line_number = f->line,
		.frame = frame,
		.frames = frames,
	};
	const char *strings[] = {
		opt.demangle ? sym_demangle(f->function) : f->function,
		f->file,
		at->module->path,
	};

	mt_writer_put(&out, mt_build(buf, &symbol, strings));
}

static void define(uint64_t pc, uint32_t process, const struct sym_place *at)
{
	static struct sym_frame frames[SYM_FRAMES_MAX];
	uint64_t base;
	unsigned n = sym_frames(at->module, at->vaddr, !opt.no_inlines, frames, &base);

	for (unsigned i = 0; i < n; i++)
		put_symbol(pc, process, at, base, &frames[i], i, n);
}

/* ---- what is known ----------------------------------------------------- */

static struct known *find_known(uint32_t process, uint64_t pc)
{
	uint64_t *s = mt_xtable_put(&space_of, process), *i;

	if (!*s) {
		spaces = mt_xgrow(spaces, n_spaces, &room_spaces, sizeof(*spaces));
		spaces[n_spaces++] = (struct space){ 0 };
		*s = n_spaces;
	}
	i = mt_xtable_put(&spaces[*s - 1].pcs, pc);
	if (!*i) {
		known = mt_xgrow(known, n_known, &room_known, sizeof(*known));
		known[n_known++] = (struct known){ .changes = NEVER };
		*i = n_known;
	}
	return &known[*i - 1];
}

/* A new stream has other processes, and its reader knows no symbol yet. */
static void forget(void)
{
	for (size_t i = 0; i < n_spaces; i++)
		mt_table_release(&spaces[i].pcs);
	mt_table_release(&space_of);
	n_spaces = n_known = 0;
}

static void look_up(uint64_t pc, uint32_t process, bool as_return)
{
	struct known *k = find_known(process, pc);
	/* an instruction is told exactly, whoever returned there before */
	bool better = k->as_return && !as_return;
	struct sym_place at = { 0 };

	if (k->changes == set.changes && !better)
		return;
	sym_find(&set, process, pc - as_return, &at);
	if (k->changes == NEVER || k->module != at.module || k->bias != at.bias || better) {
		if (at.module)
			define(pc, process, &at);
		*k = (struct known){ at.module, at.bias, set.changes, as_return };
	}
	k->changes = set.changes;
}

static void use(uint64_t pc, uint32_t process, bool as_return)
{
	struct recent *r = &recent[((pc ^ (uint64_t)process << 40) * 0x9e3779b97f4a7c15ull) >> 51];

	if (r->pc == pc && r->process == process && r->changes == set.changes &&
	    r->as_return == as_return)
		return;
	look_up(pc, process, as_return);
	*r = (struct recent){ pc, set.changes, process, as_return };
}

/* Somebody upstream has told this one. */
static void note_symbol(const struct mt_symbol *s)
{
	struct sym_place at = { 0 };
	struct known *k;

	if (!*mt_string(&s->hdr, 0))
		return;
	k = find_known(s->process, s->pc);
	sym_find(&set, s->process, s->pc, &at);
	*k = (struct known){ at.module, at.bias, set.changes, false };
}

static void note(const struct mt_hdr *rec)
{
	const struct plan *p = &plans[rec->kind];
	const unsigned char *bytes = (const unsigned char *)rec;

	for (unsigned i = 0; i < p->n; i++) {
		uint64_t pc = *(const uint64_t *)(bytes + p->offset[i]);
		bool as_return = p->returns[i] && !has_no_return(rec);

		if (!pc)
			continue;
		use(pc, p->process[i] && !(pc >> 63) ? *(const uint32_t *)(bytes + p->process[i]) :
		    mt_cpus_process(&cpus, rec->cpu, pc), as_return);
	}
}

static void filter(const struct mt_hdr *rec)
{
	if (sym_note(&set, rec) && rec->kind == MT_KIND_begin)
		forget();
	mt_xcpus_note(&cpus, rec);
	if (rec->kind == MT_KIND_symbol)
		note_symbol((const struct mt_symbol *)rec);
	else
		note(rec);
	mt_writer_put(&out, rec);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "field", required_argument, NULL, 'f' },
		{ "demangle", no_argument, NULL, 'C' },
		{ "no-inlines", no_argument, NULL, 'n' },
		{ "debug-dir", required_argument, NULL, 'd' },
		{ "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "Ch", options, NULL)) != -1)
		switch (c) {
		case 'f':
			opt.fields = optarg;
			break;
		case 'C':
			opt.demangle = true;
			break;
		case 'n':
			opt.no_inlines = true;
			break;
		case 'd':
			sym_debug_dir(&set, optarg);
			break;
		case 'r':
			sym_root(&set, optarg);
			break;
		case 'h':
			mt_help(help);
		default:
			mt_bad_usage();
		}
	for (; optind < argc; optind++)
		sym_add_file(&set, argv[optind]);
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	plan_fields();
	mt_open_input(&in);
	mt_open_output(&out, &in);
	mt_writer_moves(&out);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		filter(rec);
	status = mt_close(&in, got, &out);
	sym_report_missing(&set);
	return status > set.status ? status : set.status;
}
