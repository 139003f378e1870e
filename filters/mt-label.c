/* SPDX-License-Identifier: MIT */
/* mt-label: which object, and which field of it, each access touches. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "libmt/cli.h"
#include "label/fields.h"
#include "label/label.h"

static const char help[] =
"usage: mt-label [OPTION...] [FILE...] <stream\n"
"\n"
"Finds for each access of the stream the object that it touches - heap block,\n"
"variable, stack, part of a mapped file - and the struct field, by the label\n"
"records of the stream and the symbol tables and DWARF of the ELF files that\n"
"it maps.  Everything passes on; accesses carry the ids of object and field\n"
"records, which stand ahead of their first use, and locks the name of their\n"
"class.\n"
"\n"
"  FILE               vmlinux, a kernel module, a list of symbols (nm -S,\n"
"                     /proc/kallsyms), a program, shared object or debug file,\n"
"                     used where its build-id or name fits, before what is mapped\n"
"  --root DIR         what a guest had mapped is looked for below DIR first\n"
"  --debug-dir DIR    look for debug files in DIR too, before /usr/lib/debug\n"
"  --no-fields        objects only\n"
"  --members          define all members of each type, also those not touched\n"
"  --stats            at the end say on stderr how many accesses have an object\n"
"  --help             this text\n"
"\n"
"    mt-cat log.mt | mt-label | mt-shared --by field | mt-top -n 10 moves | mt-totext\n"
"    mt-cat log.mt | mt-label prog | mt-tojson | jq -c 'select(.type == \"field\")'\n"
"    mt-cat log.mt | mt-label mscan.kern mtrace.ko | mt-stat | mt-totext\n";

/* ---- state ------------------------------------------------------------- */

/* What a lock is called, by its address: most are taken again and again. */
#define LOCKS 4096
static struct { uint64_t addr, stamp; uint32_t process; const char *kind, *name; } locks[LOCKS];

static struct label_set set;
static struct fields fields;
static struct mt_writer out;
static uint32_t n_objects, stream;
static bool user_mode, no_fields, members, stats, labelled_before;
static struct mt_table defined;		/* number of a type -> stream in which its members were */
static struct { uint64_t accesses, with[MT_storage_unknown + 1]; } count;

/* What the last accesses to an address found; it holds while the stamp is the same. */
#define CACHE_BITS 16

static struct cached {
	uint64_t addr, stamp;
	uint32_t process, object, field;
	uint16_t width, storage;
} cache[1 << CACHE_BITS] __attribute__((aligned(32)));

/* ---- definitions ------------------------------------------------------- */

static void define(const struct mt_hdr *cause, void *fixed, const char *const *s)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_hdr *h = fixed;

	h->cpu = cause->cpu;
	h->time = cause->time;
	mt_writer_put(&out, mt_build(buf, fixed, s));
}

static void define_field(const struct mt_hdr *cause, struct field *f)
{
	struct mt_field rec = {
		.hdr.kind = MT_KIND_field, .offset = f->offset, .id = f->id,
		.bytes = f->bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)f->bytes,
	};

	f->stream = stream;
	define(cause, &rec, (const char *const[]){ f->ctype, f->path, f->member_type });
}

static void define_member(const void *cause, struct field *f)
{
	if (f->stream != stream)
		define_field(cause, f);
}

/* For those who draw types; each once in a stream. */
static void define_members(const struct mt_hdr *cause, struct sym_type *t)
{
	uint64_t *in = mt_xtable_put(&defined, t->number);

	if (*in == stream)
		return;
	*in = stream;
	define_member(cause, field_whole(&fields, t));
	fields_of(&fields, t, define_member, cause);
}

static void define_object(const struct mt_hdr *cause, struct object *o)
{
	struct mt_object rec = {
		.hdr.kind = MT_KIND_object,
		.addr = o->extent.addr, .bytes = o->extent.bytes, .pc = o->pc,
		.process = o->extent.process, .owner = o->owner, .storage = o->storage,
	};

	if (n_objects == UINT32_MAX)
		mt_die(MT_FAIL, "more than %u objects", n_objects);
	rec.id = o->id = ++n_objects;
	define(cause, &rec, (const char *const[]){ o->name, o->type ? o->type->own_name : o->ctype });
	if (members && o->type)
		define_members(cause, o->type);
}

/* ---- accesses ---------------------------------------------------------- */

static uint32_t process_of(const struct mt_access *a)
{
	uint32_t process = user_mode ? (uint32_t)(a->paddr >> 48) : 0;

	return process ? process : mt_cpus_process(&set.cpus, a->hdr.cpu, a->addr);
}

static void resolve(const struct mt_access *a, struct cached *c)
{
	struct object *o = label_object_at(&set, c->process, a->addr);
	struct field *f = NULL;

	c->object = c->field = 0;
	if (!o)
		return;
	if (!o->id)
		define_object(&a->hdr, o);
	c->object = o->id;
	c->storage = o->storage;
	if (o->type && !no_fields)
		f = field_at(&fields, o->type, label_offset(o, a->addr), a->width);
	if (!f)
		return;
	if (f->stream != stream)
		define_field(&a->hdr, f);
	c->field = f->id;
}

/* Where it stands: a copy of each would cost as much as the rest. */
static void label_access(struct mt_access *a)
{
	uint32_t process = process_of(a);
	struct cached *c = &cache[label_mix(process, a->addr) >> (64 - CACHE_BITS)];
	uint64_t stamp = label_stamp(&set, process, a->addr);

	if (c->addr != a->addr || c->stamp != stamp || c->process != process || c->width != a->width) {
		*c = (struct cached){ .addr = a->addr, .stamp = stamp, .process = process,
				      .width = a->width };
		resolve(a, c);
	}
	a->object = c->object;
	a->field = c->field;
	count.accesses++;
	count.with[c->storage] += c->object != 0;
	mt_writer_put(&out, &a->hdr);
}

/* ---- locks -------------------------------------------------------------- */

/* What tracers say that cannot know the class. */
static bool is_kind(const char *name)
{
	static const char *const kinds[] = { "", "spinlock", "rwlock", "mutex", "rwsem", "semaphore" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name, kinds[i]))
			return true;
	return false;
}

/* The object of a lock is defined, too: locks are told apart by it. */
static const char *name_lock(const struct mt_hdr *rec, uint32_t process, uint64_t addr,
			     const char *kind)
{
	struct object *o = labelled_before ? NULL : label_object_at(&set, process, addr);

	if (o && !o->id)
		define_object(rec, o);
	return is_kind(kind) ? label_lock_class(&set, process, addr, kind) : kind;
}

static void label_lock(const struct mt_hdr *rec)
{
	static _Alignas(8) unsigned char buf[MT_RECORD_MAX];
	struct mt_lock l = *(const struct mt_lock *)rec;
	uint32_t process = mt_cpus_process(&set.cpus, rec->cpu, l.addr);
	uint64_t slot = label_mix(process, l.addr) >> 52;
	uint64_t stamp = label_stamp(&set, process, l.addr);
	const char *kind = mt_string(rec, 0);

	if (locks[slot].addr != l.addr || locks[slot].stamp != stamp ||
	    locks[slot].process != process || strcmp(locks[slot].kind, kind) != 0) {
		kind = label_intern(&set, kind);
		locks[slot].addr = l.addr;
		locks[slot].stamp = stamp;
		locks[slot].process = process;
		locks[slot].kind = kind;
		locks[slot].name = name_lock(rec, process, l.addr, kind);
	}
	mt_writer_put(&out, mt_build(buf, &l, &locks[slot].name));
}

/* A stream has its own objects; ids go on, so that they stay unique. */
static void begin(const struct mt_hdr *rec)
{
	user_mode = ((const struct mt_begin *)rec)->machine == MT_machine_user;
	label_begin(&set);
	stream++;
	labelled_before = false;
}

/* Records that were labelled by an earlier mt-label keep their ids. */
static void definition(uint32_t first_id)
{
	if (first_id && !labelled_before)
		mt_die(MT_FAIL, "standard input: is labelled already, but not all of it");
	labelled_before = true;
}

static void take(const struct mt_hdr *rec)
{
	static uint32_t first;

	switch (rec->kind) {
	case MT_KIND_begin:
		begin(rec);
		first = n_objects;
		break;
	case MT_KIND_label:
		label_note(&set, rec);
		break;
	case MT_KIND_object:
	case MT_KIND_field:
		definition(n_objects - first);
		break;
	case MT_KIND_segment:
		label_note_segment(&set, (const struct mt_segment *)rec);
		break;
	case MT_KIND_access:
		if (labelled_before)
			break;
		label_access((struct mt_access *)rec);
		return;
	case MT_KIND_call:		/* most records of a kernel: nothing to learn */
		mt_writer_put(&out, rec);
		return;
	case MT_KIND_lock:
		label_lock(rec);
		return;
	}
	mt_xcpus_note(&set.cpus, rec);
	if (sym_note(&set.sym, rec))
		set.epoch++;
	mt_writer_put(&out, rec);
}

/* ---- main -------------------------------------------------------------- */

static void report(void)
{
	uint64_t with = 0;
	size_t i;

	if (set.unknown_frees || set.overlaps || set.empty)
		mt_warn("labels: %llu frees of what was not known, %llu replaced before they were freed, "
			"%llu of 0 bytes", (unsigned long long)set.unknown_frees,
			(unsigned long long)set.overlaps, (unsigned long long)set.empty);
	sym_report_missing(&set.sym);
	if (!stats)
		return;
	for (i = 0; i <= MT_storage_unknown; i++)
		with += count.with[i];
	mt_warn("%llu of %llu accesses have an object: %llu heap, %llu static, %llu stack, %llu other",
		(unsigned long long)with, (unsigned long long)count.accesses,
		(unsigned long long)count.with[MT_storage_heap],
		(unsigned long long)count.with[MT_storage_static],
		(unsigned long long)count.with[MT_storage_stack],
		(unsigned long long)(with - count.with[MT_storage_heap] -
				     count.with[MT_storage_static] - count.with[MT_storage_stack]));
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug-dir", required_argument, NULL, 'd' },
		{ "root", required_argument, NULL, 'r' },
		{ "no-fields", no_argument, NULL, 'n' },
		{ "members", no_argument, NULL, 'm' },
		{ "stats", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'd': sym_debug_dir(&set.sym, optarg); break;
		case 'r': sym_root(&set.sym, optarg); break;
		case 'n': no_fields = true; break;
		case 'm': members = true; break;
		case 's': stats = true; break;
		case 'h': mt_help(help);
		default: mt_bad_usage();
		}
	if (members && no_fields)
		mt_die(MT_USAGE, "--members, --no-fields: one says the opposite of the other");
}

int main(int argc, char **argv)
{
	static struct mt_reader in;
	const struct mt_hdr *rec;
	int got, status;

	mt_start(argv);
	parse_options(argc, argv);
	mt_open_input(&in);
	mt_open_output(&out, &in);
	for (int i = optind; i < argc; i++)
		sym_add_file(&set.sym, argv[i]);
	label_begin(&set);

	while ((got = mt_reader_next(&in, &rec)) > 0)
		take(rec);
	status = mt_close(&in, got, &out);
	if (status == MT_OK)
		report();
	return status > set.sym.status ? status : set.sym.status;
}
