#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-label and mt-addr2line on kernels: a small one that is linked like Linux.
. "${SRC:-.}/tests/lib.sh"

command -v gcc >/dev/null || skip_all 'no gcc'

cat >kernel.c <<'C'
#define PERCPU __attribute__((section(".data..percpu")))
typedef struct { int counter; } atomic_t;
typedef struct raw_spinlock { struct { int val; } raw_lock; } raw_spinlock_t;
typedef struct spinlock { union { raw_spinlock_t rlock; }; } spinlock_t;
struct mutex { long owner; raw_spinlock_t wait_lock; };
struct lockref { union { unsigned long lock_count; struct { spinlock_t lock; int count; }; }; };
struct dentry { unsigned flags; struct dentry *parent; struct lockref d_lockref; };
struct file { void *f_op; atomic_t f_count; struct mutex f_pos_lock; };
struct inode { long i_ino; spinlock_t i_lock; };
struct demo_inode_info { char name[40]; struct inode vfs_inode; };
struct state { char room[4096]; };
struct task_struct { int pid; struct { long sp; struct state state; } thread; };
struct page { unsigned long flags; atomic_t _refcount; int pad; };
struct bio_vec { struct page *bv_page; unsigned bv_len, bv_offset; };
struct xa_node { char shift; void *slots[4]; };
struct empty { };
struct vma { long start; struct empty ctx; };
struct pool { long n; struct dentry *all; spinlock_t lock; };
struct rq { spinlock_t lock; int nr; struct task_struct *curr; };
PERCPU struct rq runqueues;
PERCPU int ticks[3];
spinlock_t big_lock;
struct file the_file;
struct pool *the_pool;
struct dentry *table[2];
extern void *kmalloc(unsigned long n);
static inline __attribute__((always_inline)) void *kzalloc(unsigned long n) { return kmalloc(n); }
__attribute__((noinline)) void *kmalloc(unsigned long n) { asm volatile(""); return (void *)n; }
__attribute__((noinline)) struct pool *new_pool(int n)
{
	struct pool *p;

	p = kzalloc(sizeof(*p));
	if (!p)
		return p;
	p->all = kzalloc((unsigned long)n * sizeof(struct dentry));
	if (p->all)
		p->all->flags = n;
	return p;
}
void _start(void)
{
	the_pool = new_pool(3);
	runqueues.nr++;
	ticks[1]++;
	big_lock.rlock.raw_lock.val++;
	the_file.f_count.counter++;
	table[0] = (struct dentry *)kmalloc(sizeof(struct demo_inode_info) + sizeof(struct bio_vec) +
		sizeof(struct xa_node) + sizeof(struct vma));
}
struct demo_inode_info *di; struct bio_vec *bv; struct xa_node *xn; struct vma *vm; struct task_struct *ts;
C

# link BASE: the kernel with its per-cpu template at BASE
link() {
	cat >script <<L
ENTRY(_start)
PHDRS { text PT_LOAD; data PT_LOAD; percpu PT_LOAD; }
SECTIONS {
	. = 0xffffffff81000000;
	.text : { *(.text*) } :text
	.rodata : { *(.rodata*) }
	. = 0xffffffff81200000;
	.data : { *(.data) *(.bss) *(COMMON) } :data
	.data..percpu $1 : { __per_cpu_start = .; *(.data..percpu) __per_cpu_end = .; } :percpu
	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
L
	gcc -g -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -fno-asynchronous-unwind-tables -fno-stack-protector \
		-fno-toplevel-reorder -c -o kernel.o kernel.c
	ld -T script -o vmlinux kernel.o 2>ld.err || cat ld.err
	nm vmlinux >symbols
}
at() { awk -v s="$1" '$3 == s { print "0x" $1 }' symbols; }
# plus ADDRESS N: of 16 digits; the shell's numbers have a sign, so only the lower half counts
plus() { printf '%.10s%08x' "$1" $((0x${1#0x????????} + $2)); }
low() { l=$(at "$1"); echo $((0x${l#0x????????})); }
begin='begin machine=system cpus=2'
# told: object and field of each access, one a line
told() {
	mt-tojson | jq -r '
		if .type == "object" then "o\t\(.id)\t\(.storage) \(.name)@\(.owner) \(.ctype)"
		elif .type == "field" then "f\t\(.id)\t\(.ctype).\(.path)"
		elif .type == "access" then "a\t\(.object)\t\(.field)" else empty end' |
	awk -F'\t' '$1 == "o" { o[$2] = $3 } $1 == "f" { f[$2] = $3 }
		$1 == "a" { print ($2 ? o[$2] : "-") " | " ($3 ? f[$3] : "-") }'
}

# ---- variables, per-cpu data -------------------------------------------------

for base in 0 0xffffffff81300000; do
	link $base
	first=$(low __per_cpu_start); bytes=$(($(low __per_cpu_end) - first))
	cpu0=0xffff888010000000; cpu1=0xffff888010020000
	rq=$(($(low runqueues) - first)); ticks=$(($(low ticks) - first))
	mkrec >log <<LOG
$begin
segment addr=$cpu0 bytes=$bytes owner=0
segment addr=$cpu1 bytes=$bytes owner=1
label addr=$(plus $cpu1 4096) bytes=24 storage=percpu name=percpu
access addr=$(plus $cpu0 $((rq + 4))) width=4
access addr=$(plus $cpu1 $((rq + 4))) width=4
access addr=$(plus $cpu1 $((rq + 8))) width=8
access addr=$(plus $cpu1 $((ticks + 8))) width=4
access addr=$(plus $cpu1 4100) width=4
access addr=$(plus $cpu0 8192) width=4
access addr=$(plus "$(at the_file)" 8) width=4
access addr=$(plus "$(at big_lock)" 0) width=4
access addr=$(plus "$(at table)" 8) width=8
access addr=0x$(printf %x $((rq + 4))) width=4
LOG
	run mt-label vmlinux <log; told <out >got
	cat >want <<'W'
percpu runqueues@0 struct rq | struct rq.nr
percpu runqueues@1 struct rq | struct rq.nr
percpu runqueues@1 struct rq | struct rq.curr
percpu ticks@1 int[3] | int[3].[2]
percpu percpu@1  | -
percpu per-cpu allocations@0  | -
static the_file@0 struct file | struct file.f_count.counter
static big_lock@0 struct spinlock | struct spinlock.rlock.raw_lock.val
static table@0 struct dentry *[2] | struct dentry *[2].[1]
- | -
W
	same want got "per-cpu variables of each cpu, template at $base; the template itself is nowhere"
done

mt-label <log | told | head -4 | sort -u >got
printf 'percpu per-cpu data@%s  | -\n' 0 1 >want
same want got 'without symbols: the per-cpu data of a cpu'

link 0
nm -S vmlinux >syms; grep -v ' U ' symbols >kallsyms
for list in syms kallsyms; do
	mt-label $list <log | told | sed 's/ *|.*//' >got
	cat >want <<'W'
percpu runqueues@0
percpu runqueues@1
percpu runqueues@1
percpu ticks@1
percpu percpu@1
percpu per-cpu allocations@0
static the_file@0
static big_lock@0
static table@0
-
W
	same want got "the same names from a list of symbols: $list"
done

# ---- what slab caches hold ---------------------------------------------------

addr=0xffff888000100000
heap() {	# NAME BYTES OFFSET WIDTH [FIELD=VALUE...]
	name=$1 bytes=$2 offset=$3 width=$4
	shift 4
	addr=$(plus "$addr" 65536)
	echo "label addr=$addr bytes=$bytes name=$name $*"
	echo "access addr=$(plus "$addr" "$offset") width=$width"
}
{
	echo "$begin"
	heap dentry 32 20 4
	heap filp 64 8 4
	heap demo_inode_cache 64 48 4
	heap task_struct 512 0 4
	heap biovec-16 256 24 4
	heap radix_tree_node 40 16 8
	heap vma 8 0 8
	heap page 16 8 4
	heap file 16 8 4
	heap dentry 4096 8 4
	heap no_such_cache 64 0 4
	heap kmalloc-64 64 0 4
} | mkrec >log
mt-label vmlinux <log | told >got
cat >want <<'W'
heap dentry@0 struct dentry | struct dentry.d_lockref.count
heap filp@0 struct file | struct file.f_count.counter
heap demo_inode_cache@0 struct demo_inode_info | struct demo_inode_info.vfs_inode.i_lock.rlock.raw_lock.val
heap task_struct@0 struct task_struct | struct task_struct.pid
heap biovec-16@0 struct bio_vec[16] | struct bio_vec[16].[1].bv_len
heap radix_tree_node@0 struct xa_node | struct xa_node.slots[1]
heap vma@0 struct vma | struct vma.start
heap page@0 struct page | struct page._refcount.counter
heap file@0  | -
heap dentry@0  | -
heap no_such_cache@0  | -
heap kmalloc-64@0  | -
W
same want got 'a cache by the name of its type, by rule, by table; never a type that does not fit'

objdump -d --no-show-raw-insn vmlinux | awk '
	/^[0-9a-f]+ <new_pool>:/ { here = 1 } /^$/ { here = 0 }
	was && here { print "0x" substr($1, 1, length($1) - 1); was = 0 }
	here && /call.*<kmalloc>/ { was = 1 }' >pcs
pool=$(sed -n 1p pcs) all=$(sed -n 2p pcs)
{
	echo "$begin"
	heap kmalloc-32 32 16 4 pc="$pool"
	heap kmalloc-96 96 $((24 + 20)) 4 pc="$all"
	heap kmalloc-16 16 0 4 pc="$pool"
} | mkrec >log
mt-label vmlinux <log | told >got
cat >want <<'W'
heap kmalloc-32@0 struct pool | struct pool.lock.rlock.raw_lock.val
heap kmalloc-96@0 struct dentry | struct dentry.d_lockref.count
heap kmalloc-16@0  | -
W
same want got 'kmalloc: by the variable, or the member, that the result goes into, through inlined helpers'

# ---- blocks, tables, stacks, regions ------------------------------------------

mkrec >log <<LOG
$begin
label addr=0xffffea0000000000 bytes=65536 storage=static name=vmemmap ctype="struct page"
label addr=0xffff888000200000 bytes=16384 storage=block name=pages
label addr=0xffff888000200000 bytes=16384 storage=stack task=77 name=sh
label addr=0xffff888000300000 bytes=4096 storage=block name=pages
label addr=0xffff888000300020 bytes=32 name=dentry
access addr=0xffffea0000000808 width=4
access addr=0xffff888000203ff8 width=8
access addr=0xffff888000300034 width=4
access addr=0xffff888000300000 width=4
label op=free addr=0xffff888000300000 storage=block
access addr=0xffff888000300034 width=4
access addr=0xffffc90000000000 width=4
access addr=0xffffffff81900000 width=4
access addr=0xffffffffff5fd000 width=4
access addr=0xfffffe0000001000 width=4
access addr=0x8000000000000000 width=4
access addr=0x7f0000000000 width=4
LOG
mt-label vmlinux <log >labelled; told <labelled >got
cat >want <<'W'
static vmemmap@0 struct page | struct page._refcount.counter
stack sh@77  | -
heap dentry@0 struct dentry | struct dentry.d_lockref.count
block pages@0  | -
unknown memory without a label@0  | -
unknown vmalloc area@0  | -
unknown kernel image@0  | -
unknown fixed mappings@0  | -
unknown entry area of a cpu@0  | -
unknown unknown kernel address@0  | -
- | -
W
same want got 'the innermost wins; a freed page takes its slab objects along; elsewhere: which region it is'
mt-stat <labelled | mt-tojson | jq -r 'select(.type == "stat") | "\(.value) \(.name)"' |
	grep -E 'accesses (in|with)' >got
cat >want <<'W'
1 accesses in block
1 accesses in heap
1 accesses in stack
1 accesses in static
1 accesses in unknown: entry area of a cpu
1 accesses in unknown: fixed mappings
1 accesses in unknown: kernel image
1 accesses in unknown: memory without a label
1 accesses in unknown: unknown kernel address
1 accesses in unknown: vmalloc area
1 accesses without an object
2 accesses with a field
W
same want got 'mt-stat counts them, by storage and by reason'

# ---- locks -------------------------------------------------------------------

mkrec >log <<LOG
$begin
segment addr=0xffff888010000000 bytes=$(low __per_cpu_end) owner=0
label addr=0xffff888000100000 bytes=32 name=dentry
label addr=0xffff888000110000 bytes=40 name=filp
label addr=0xffff888000120000 bytes=64 name=fancy_cache
label addr=0xffff888000130000 bytes=64 name=kmalloc-64
lock addr=0xffff888000100010 name=spinlock
lock addr=0xffff888000110010 name=mutex
lock addr=0xffff888000110018 name=spinlock read=1 op=release
lock addr=$(at big_lock) name=spinlock
lock addr=$(plus 0xffff888010000000 "$(low runqueues)") name=spinlock
lock addr=0xffff888000120008 name=rwsem
lock addr=0xffff888000130008 name=mutex
lock addr=0xffff888000990000 name=rwlock
lock addr=0xffff888000100010 name="my own class"
label op=free addr=0xffff888000100000
lock addr=0xffff888000100010 name=spinlock
LOG
mt-label vmlinux <log | mt-tojson | jq -r 'select(.type == "lock") | "\(.name) \(.op) \(.read)"' >got
cat >want <<'W'
struct dentry.d_lockref.lock acquire 0
struct file.f_pos_lock acquire 0
struct file.f_pos_lock.wait_lock release 1
big_lock acquire 0
struct rq.lock acquire 0
fancy_cache+0x8 acquire 0
mutex acquire 0
rwlock acquire 0
my own class acquire 0
spinlock acquire 0
W
same want got 'a lock is called after the member or variable that it is; else its kind stays'

# ---- kernel modules ----------------------------------------------------------

cat >mod.c <<'C'
struct counter { long pad; long hits; };
struct counter counters[2];
static int once = 3;
__attribute__((section(".data..percpu"))) struct counter percpu_hits;
static inline __attribute__((always_inline)) void bump(struct counter *c)
{
	c->hits++;
}
__attribute__((noinline)) long touch(int i)
{
	bump(&counters[i & 1]);
	return once += i;
}
long user(void) { return touch(1) + percpu_hits.hits; }
C
gcc -g -O2 -ffreestanding -fno-pic -mcmodel=kernel -fno-common -c -o demo-mod.ko mod.c
text=0xffffffffa0000000 data=0xffffffffa0002000 bss=0xffffffffa0004000
pc=$(plus $text "0x$(nm demo-mod.ko | awk '$3 == "touch" { print $1 }')")
cat >sections <<LOG
$begin
segment addr=0xffff888010000000 bytes=4096 owner=5
segment addr=0xffff888010020000 bytes=4096 owner=6
section addr=$text bytes=256 module=demo_mod name=.text
section addr=$data bytes=64 module=demo_mod name=.data
section addr=$bss bytes=64 module=demo_mod name=.bss
section addr=0x2000 bytes=16 module=demo_mod name=.data..percpu
LOG
{
	cat sections
	echo "access pc=$pc addr=$(plus $bss 24) width=8"
	echo "access pc=$pc addr=$data width=4"
	echo "access addr=0xffff888010022008 width=8"
	echo "section module=demo_mod"
	echo "access pc=$pc addr=$data width=4"
} | mkrec >log
mt-label demo-mod.ko <log | told >got
cat >want <<'W'
static counters@0 struct counter[2] | struct counter[2].[1].hits
static once@0 int | -
percpu percpu_hits@6 struct counter | struct counter.hits
unknown kernel modules@0  | -
W
same want got 'variables of a module, per-cpu ones too, where its sections are loaded, until it is unloaded'
{
	cat sections
	echo end
	echo "$begin"
	echo 'segment addr=0xffff888010000000 bytes=4096 owner=1'
	echo 'segment addr=0xffff888010040000 bytes=4096 owner=2'
	echo 'access addr=0xffff888010030000 width=8'
} | mkrec | mt-label demo-mod.ko | told >got
echo 'percpu per-cpu allocations@1  | -' >want
same want got 'another stream has its own distance from cpu to cpu'

mt-label <log | told | head -2 >got
cat >want <<'W'
file demo_mod .bss@0  | -
file demo_mod .data@0  | -
W
same want got 'without the file: the section of the module'
mt-addr2line demo-mod.ko vmlinux <log | mt-tojson | jq -r 'select(.type == "symbol") | "\(.function) \(.line_number)"' >got
printf 'bump 7\ntouch 11\n' >want
head -2 got >first
same want first 'code of a module has function and line'

# As addr2line has it for each instruction of a linked copy.
ld -Ttext=$text --defsym=_start=0 -o linked demo-mod.ko 2>/dev/null
objdump -d --no-show-raw-insn linked | awk '/^ *[0-9a-f]+:/ && !/nop/ { print "0x" substr($1, 1, length($1) - 1) }' >pcs
{ cat sections; sed 's/.*/access pc=& addr=0x1/' pcs; } | mkrec >log
mt-addr2line --no-inlines demo-mod.ko <log | mt-tojson |
	jq -r 'select(.type == "symbol") | "\(.function) \(.file | sub(".*/"; "")):\(.line_number)"' >got
xargs addr2line -f -e linked <pcs | paste -d' ' - - | sed 's, [^ ]*/, ,; s/ (.*//' >want
same want got "as addr2line has it, for each of $(wc -l <pcs) instructions"

# ---- a guest's files ----------------------------------------------------------

mkdir -p root/bin root/lib outside
echo 'int shared_one; int main(void) { return shared_one; }' >prog.c
gcc -g -no-pie -fno-pie -Wl,--build-id -o root/bin/prog prog.c
cp root/bin/prog outside/prog
ln -s ../../outside/prog root/bin/escape
ln -s "$PWD/outside/prog" root/bin/absolute
ln -s /bin/prog root/lib/link
where=$(nm root/bin/prog | awk '$3 == "shared_one" { print "0x" $1 }')
offset=$(readelf -lW root/bin/prog | awk '$1 == "LOAD" && $7 ~ /W/ { print $2, $3 }')
delta=$((${offset#* } - ${offset% *}))
# one PATH: the access to shared_one when the guest has mapped PATH
one() {
	mkrec <<LOG
$begin
map process=7 addr=$((where / 4096 * 4096)) bytes=4096 offset=$((where / 4096 * 4096 - delta)) path=$1
switch cpu=1 task=9 process=7
access cpu=1 addr=$where width=4
access cpu=0 addr=$where width=4
LOG
}
one /bin/prog >log
run mt-label --root root <log; told <out >got
printf 'static shared_one@0 int | -\n- | -\n' >want
same want got '--root: the file of the process that its cpu runs'
one /lib/link | mt-label --root root | told >got
same want got 'a link in it that begins with / stays in it'
for path in /bin/escape /bin/absolute /../outside/prog; do
	one $path | mt-label --root root 2>err | told | head -1
done >got
printf 'file %s@0  | -\n' escape absolute prog >want
same want got 'no link and no .. leads out of it'
one "$PWD/root/bin/prog" | mt-label 2>err | told | head -1 >got
printf 'file prog@0  | -\n' >want
same want got 'what a guest calls a path is not that path here, unless the build-id agrees'
run mt-label --root /no/such/root <log; is_status 1 'a root that is not there is an error'
has '^mt-label: /no/such/root: No such file or directory$' err 'which is told'

# ---- damage ------------------------------------------------------------------

bad=
for bytes in $(seq 0 97 "$(stat -c %s demo-mod.ko)"); do
	head -c "$bytes" demo-mod.ko >cut-mod.ko
	timeout 10 mt-label cut-mod.ko <log >out 2>err
	[ $? -le 1 ] || bad="$bad $bytes"
done
[ -z "$bad" ]; ok $? "a module that is cut anywhere is an error at most$bad"
for text in 'hello' 'ffffffff81000000' 'ffffffff81000000 T' '0000000000000000 T zero' 'ffffffff81000000 0000 T f'; do
	echo "$text" >list
	mt-label list <log >out 2>err
	echo $?
done | sort -u >got
echo 1 >want
same want got 'a text that is no list of symbols is refused'
done_testing
