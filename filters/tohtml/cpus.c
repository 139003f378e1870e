/* SPDX-License-Identifier: MIT */
/* Who took lines from whom: a map with a cell for each pair of cpus, of all and of the worst things. */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define uthash_fatal(what) mt_die(MT_FAIL, "out of memory")
#include <uthash.h>

#define SIDE 64				/* cells in a row; of more cpus some share one */
#define THINGS 12			/* maps besides that of all */

struct map {
	char *name;			/* HTML; "" for that of all */
	uint64_t moves;
	struct mt_table cells;		/* taker << 32 | giver -> moves */
	UT_hash_handle hh;
};

static struct map *maps;		/* uthash, by name */

/* ---- as they come ------------------------------------------------------------ */

static char *name_of(const struct mt_pair *p)
{
	struct mt_out *o = html_scratch();
	const struct mt_object *object = mt_names_object(&names, p->object);

	if (p->by == MT_pair_by_ctype_cpus && object && *mt_string(&object->hdr, 1))
		html_string(o, &object->hdr, 1);
	else if (p->by == MT_pair_by_field_cpus)
		mt_names_place(o, &names, p->object, p->field, p->line, html_name);
	else if (p->by != MT_pair_by_cpus)
		mt_names_place(o, &names, p->object, 0, p->line, html_name);
	return html_take(o);
}

static struct map *map_named(char *name)
{
	struct map *m;

	HASH_FIND_STR(maps, name, m);
	if (m) {
		free(name);
		return m;
	}
	m = mt_xcalloc(1, sizeof(*m));
	m->name = name;
	HASH_ADD_KEYPTR(hh, maps, m->name, strlen(m->name), m);
	return m;
}

void cpus_note(const struct mt_hdr *rec)
{
	const struct mt_pair *p = (const struct mt_pair *)rec;
	struct map *m;

	if (rec->kind != MT_KIND_pair || p->by < MT_pair_by_cpus || p->by > MT_pair_by_field_cpus)
		return;
	m = map_named(name_of(p));
	*mt_xtable_put(&m->cells, (uint64_t)p->to << 32 | p->from) += p->moves;
	m->moves += p->moves;
}

bool cpus_any(void)
{
	return maps != NULL;
}

/* ---- a drawing --------------------------------------------------------------- */

/* What is drawn: the cpus of a map, some to a cell if they are many. */
static struct {
	uint32_t *cpu;			/* sorted */
	size_t n, room;
	size_t each;			/* cpus in a cell */
	size_t side;			/* cells in a row */
	uint64_t moves[SIDE][SIDE];	/* of taker, giver */
	uint64_t most;
} draw;

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void add_cpu(uint32_t cpu)
{
	draw.cpu = mt_xgrow(draw.cpu, draw.n, &draw.room, sizeof(*draw.cpu));
	draw.cpu[draw.n++] = cpu;
}

static void each_cell(const struct map *m, void (*use)(uint64_t key, uint64_t moves))
{
	if (m->cells.has_zero)
		use(0, m->cells.zero);
	for (size_t i = 0; i < m->cells.n_slots; i++)
		if (m->cells.slots[i].key)
			use(m->cells.slots[i].key, m->cells.slots[i].value);
}

static void collect_cpus(uint64_t key, uint64_t moves)
{
	(void)moves;
	add_cpu((uint32_t)(key >> 32));
	add_cpu((uint32_t)key);
}

static void sort_cpus(void)
{
	size_t n = 0;

	qsort(draw.cpu, draw.n, sizeof(*draw.cpu), by_number);
	for (size_t i = 0; i < draw.n; i++)
		if (!n || draw.cpu[i] != draw.cpu[n - 1])
			draw.cpu[n++] = draw.cpu[i];
	draw.n = n;
	draw.each = (n + SIDE - 1) / SIDE;
	draw.side = (n + draw.each - 1) / draw.each;
}

static size_t cell_of(uint32_t cpu)
{
	const uint32_t *p = bsearch(&cpu, draw.cpu, draw.n, sizeof(cpu), by_number);

	return (size_t)(p - draw.cpu) / draw.each;
}

static void collect_moves(uint64_t key, uint64_t moves)
{
	uint64_t *cell = &draw.moves[cell_of((uint32_t)(key >> 32))][cell_of((uint32_t)key)];

	*cell += moves;
	if (*cell > draw.most)
		draw.most = *cell;
}

static void print_cpus(size_t cell)
{
	size_t first = cell * draw.each, last = first + draw.each - 1;

	if (last >= draw.n)
		last = draw.n - 1;
	mt_out_printf(&page, first == last ? "%u" : "%u-%u", draw.cpu[first], draw.cpu[last]);
}

static void print_cell(size_t to, size_t from, unsigned px)
{
	uint64_t moves = draw.moves[to][from];
	unsigned x = 44 + (unsigned)from * px, y = 20 + (unsigned)to * px;

	mt_out_printf(&page, "<g><title>cpu ");
	print_cpus(to);
	mt_out_str(&page, " took ");
	mt_out_grouped(&page, moves);
	mt_out_str(&page, " from cpu ");
	print_cpus(from);
	mt_out_printf(&page, "</title><rect class=\"cell\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>",
		      x, y, px - 1, px - 1);
	if (moves) {
		mt_out_printf(&page, "<rect class=\"heat\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill-opacity=\"",
			      x, y, px - 1, px - 1);
		html_shade(&page, moves, draw.most);
		mt_out_str(&page, "\"/>");
	}
	if (moves && draw.side <= 16) {
		mt_out_printf(&page, "<text class=\"mid%s\" x=\"%u\" y=\"%u\">",
			      moves > draw.most / 3 ? " lit" : "", x + px / 2, y + px / 2 + 4);
		html_short(&page, moves);
		mt_out_str(&page, "</text>");
	}
	mt_out_str(&page, "</g>\n");
}

static void print_labels(unsigned px)
{
	mt_out_str(&page, "<text class=\"label\" x=\"0\" y=\"12\">by \\ of</text>\n");
	for (size_t i = 0; i < draw.side; i += draw.side <= 16 ? 1 : 8) {
		mt_out_printf(&page, "<text class=\"label mid\" x=\"%u\" y=\"12\">",
			      44 + (unsigned)i * px + px / 2);
		print_cpus(i);
		mt_out_printf(&page, "</text><text class=\"label end\" x=\"38\" y=\"%u\">",
			      20 + (unsigned)i * px + px / 2 + 4);
		print_cpus(i);
		mt_out_str(&page, "</text>\n");
	}
}

static void print_map(const struct map *m)
{
	unsigned px, width, height;

	draw.n = 0;
	draw.most = 0;
	memset(draw.moves, 0, sizeof(draw.moves));
	each_cell(m, collect_cpus);
	sort_cpus();
	each_cell(m, collect_moves);
	px = draw.side <= 8 ? 42 : draw.side <= 16 ? 34 : 12;
	width = 44 + (unsigned)draw.side * px;
	height = 20 + (unsigned)draw.side * px;
	mt_out_str(&page, draw.side > 6 ? "<div class=\"big wide\"><h3>" : "<div><h3>");
	mt_out_str(&page, *m->name ? m->name : "All lines");
	mt_out_str(&page, " <small>");
	mt_out_grouped(&page, m->moves);
	mt_out_printf(&page, " moves</small></h3>\n<svg class=\"cpus\" role=\"img\" width=\"%u\" height=\"%u\">\n",
		      width, height);
	print_labels(px);
	for (size_t to = 0; to < draw.side; to++)
		for (size_t from = 0; from < draw.side; from++)
			print_cell(to, from, px);
	mt_out_str(&page, "</svg></div>\n");
}

/* That of all first. */
static int by_moves(const struct map *a, const struct map *b)
{
	if (!*a->name || !*b->name)
		return *a->name ? 1 : -1;
	if (a->moves != b->moves)
		return a->moves > b->moves ? -1 : 1;
	return strcmp(a->name, b->name);
}

void cpus_print(void)
{
	unsigned n = 0;

	page_section("cpus", "Cpu by cpu",
		     "How many lines the cpu of a row took from the cpu of a column: of all lines, and of "
		     "the things that moved most. A cell is as dark as the square root of its part of the "
		     "darkest one.");
	HASH_SORT(maps, by_moves);
	mt_out_str(&page, "<div class=\"grid\">\n");
	for (const struct map *m = maps; m && n < THINGS + !*maps->name; m = m->hh.next, n++)
		print_map(m);
	mt_out_str(&page, "</div>\n");
	page_section_end();
}
