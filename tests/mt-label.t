#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-label: the object and the field that each access touches.
. "${SRC:-.}/tests/lib.sh"
MODEL=$SRC/tests/model

# answers fields|objects: what mt-label found for each access
answers() { mt-tojson | python3 "$MODEL/answers.py" "$1"; }

# ---- labels ------------------------------------------------------------------

mkrec >log <<'LOG'
label addr=0x1000 bytes=4096 storage=block name=pages
label addr=0x1100 bytes=64 pc=0x401000 name=malloc
access addr=0x1000 width=8
access addr=0x113f width=1
access addr=0x1140 width=1
label op=free addr=0x1100
access addr=0x1110 width=8
label addr=0x1100 bytes=32 pc=0x402000 name=malloc
access addr=0x1110 width=8
access addr=0x1120 width=8
access addr=0x9000 width=8
LOG
run mt-label <log
answers objects <out >got
cat >want <<'W'
0x1000 4096 block 0x0
0x1100 64 heap 0x401000
0x1000 4096 block 0x0
0x1000 4096 block 0x0
0x1100 32 heap 0x402000
0x1000 4096 block 0x0
-
W
same want got 'the innermost live label wins; an address that is used again is another object'
is_status 0 'status 0'
[ ! -s err ]; ok $? 'and nothing is said when labels and frees match'

mt-tojson <out | jq -r 'select(.type == "object" or .type == "access") |
	if .type == "object" then "define \(.id)" else "use \(.object)" end' >got
cat >want <<'W'
define 1
use 1
define 2
use 2
use 1
use 1
define 3
use 3
use 1
use 0
W
same want got 'an object is defined once, ahead of its first use; untouched ones never'

mkrec <<'LOG' | mt-label | mt-tojson | jq -r 'select(.type == "object" or .type == "lock") | "\(.type) \(.addr): \(.name)."' >got
lock addr=0 op=acquired
label addr=0x1000 bytes=64 storage=heap name=dentry
lock addr=0x1008 op=acquired name=mine
lock addr=0x1008 op=release name=mine
label addr=0x1000 op=free storage=heap
label addr=0x1000 bytes=64 storage=heap name=dentry
lock addr=0x1008 op=acquired name=spinlock
LOG
cat >want <<'W'
lock 0x0: .
object 0x1000: dentry.
lock 0x1008: mine.
lock 0x1008: mine.
object 0x1000: dentry.
lock 0x1008: spinlock.
W
same want got '... also if only its lock is used'

mt-label <out >again 2>err && cmp -s out again
ok $? 'what is labelled already passes unchanged'
mt-label <log | mt-label --stats 2>err >/dev/null; has '^mt-label: 0 of 0 accesses' err '--stats counts what it labelled'
mt-label --stats <log 2>err >/dev/null; has '6 of 7 accesses have an object: 2 heap, 0 static, 0 stack, 4 other' err '--stats says how many accesses have an object'

mkrec >log <<'LOG'
label addr=0x1000 bytes=64 name=malloc
label addr=0x1020 bytes=64 name=malloc
access addr=0x1010 width=8
access addr=0x1030 width=8
label op=free addr=0x5000
label addr=0x6000 bytes=0 name=malloc
access addr=0x6000 width=1
label op=free addr=0x6000
LOG
run mt-label <log; answers objects <out >got
printf -- '-\n0x1020 64 heap 0x0\n-\n' >want
same want got 'a new label replaces what it overlaps; 0 bytes hold nothing'
has '^mt-label: labels: 1 frees of what was not known, 1 replaced before they were freed, 1 of 0 bytes$' err 'which is counted in one line'
is_status 0 'and is no error'

mkrec >log <<'LOG'
begin machine=user
label addr=0x1000 bytes=64 process=1 task=7 storage=stack name=stack
label addr=0x1000 bytes=64 process=2 name=malloc
access addr=0x1000 paddr=0x1000000001000 width=8
access addr=0x1000 paddr=0x2000000001000 width=8
access addr=0x1000 paddr=0x3000000001000 width=8
LOG
mt-label <log | mt-tojson >out
jq -r 'select(.type == "access").object' out >got
printf '1\n2\n0\n' >want
same want got 'processes have their own objects; the physical address tells them apart'
jq -r 'select(.type == "object") | "\(.storage) \(.owner) \(.process)"' out >got
printf 'stack 7 1\nheap 0 2\n' >want
same want got 'a stack belongs to its thread'

cat log log | mt-label | mt-tojson >out
jq -r 'select(.type == "access").object' out >got
printf '1\n2\n0\n3\n4\n0\n' >want
same want got 'each stream has its own objects; ids go on'

bad=
for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	python3 "$MODEL/labels.py" $seed text want
	mkrec <text | mt-label 2>/dev/null | answers objects >got
	cmp -s want got || bad="$bad $seed"
done
[ -z "$bad" ]; ok $? "random labels, frees and accesses: as a model that searches a list$bad"

# ---- fields ------------------------------------------------------------------

cat >types.c <<'C'
struct pair { char tag; int value; };
typedef struct { int counter; } atomic_t;
typedef atomic_t refcount_t;
union word { int i; long l; char c[8]; struct pair p; };
typedef struct node { struct node *next; int (*visit)(struct node *, long); } node_t;
typedef int row_t[3];
struct object {
	long hits;
	refcount_t refs;
	union { int first; short second; };
	struct { short a, b; } inner;
	union word word;
	struct pair pairs[3];
	int grid[2][3];
	row_t rows[2];
	struct pair many[65];
	unsigned ready : 1, mode : 3, level : 12;
	unsigned : 0;
	unsigned flags : 4;
	char name[16];
	const volatile node_t *const nodes[2];
	long long tail;
};
struct flex { int n; struct pair each[]; };
struct object object;
struct object objects[2];
static refcount_t count;
int plain;
const struct pair table[100] = { { 1, 2 } };
struct flex *flexible;
__thread int thread_local_one;
int main(void)
{
	static struct pair once;

	return object.hits + objects[1].tail + count.counter + plain + once.value +
	       table[plain].value + (flexible ? flexible->n : 0) + thread_local_one;
}
C

# Each line: variable, offset in it, width; then what the field must be.
cat >asked <<'A'
object 0 8|struct object|hits|0
object 4 4|struct object|hits|0
object 8 4|struct object|refs.counter|8
object 12 2|struct object|second|12
object 14 1|struct object|first|12
object 18 2|struct object|inner.b|18
object 20 1|struct object|<padding>|20
object 24 4|struct object|word.i|24
object 24 8|struct object|word.l|24
object 24 1|struct object|word.{c[0]|p.tag}|24
object 26 2|struct object|word.{i|l}|24
object 28 4|struct object|word.p.value|28
object 32 1|struct object|pairs[0].tag|32
object 33 1|struct object|pairs[0].<padding>|33
object 44 4|struct object|pairs[1].value|44
object 56 4|struct object|grid[0][0]|56
object 76 4|struct object|grid[1][2]|76
object 96 4|struct object|rows[1][1]|96
object 104 1|struct object|many[].tag|104
object 108 4|struct object|many[].value|108
object 612 4|struct object|many[].value|108
object 624 1|struct object|{ready|mode|level}|624
object 625 1|struct object|level|624
object 626 1|struct object|<padding>|626
object 628 4|struct object|flags|628
object 634 1|struct object|name[5]|634
object 656 8|struct object|nodes[1]|656
object 664 8|struct object|tail|664
objects 672 8|struct object[2]|[1].hits|672
objects 1336 8|struct object[2]|[1].tail|1336
count 0 4|atomic_t|counter|0
table 12 4|struct pair[100]|[].value|4
plain 0 4|||-1
A
cut -d'|' -f2- asked | sed 's/|/\t/; s/|\(-*[0-9]*\)$/\t\1/' >want

# ask PROGRAM: the questions of ./asked as a stream
ask() {
	nm "$1" | sort -k3 >symbols
	while IFS='|' read -r question _; do
		# shellcheck disable=SC2086
		set -- $question
		addr=$(awk -v s="$1" '$3 == s { print $1 }' symbols)
		echo "access addr=$(printf '%#x' $((0x$addr + $2))) width=$3"
	done <asked
}

for cc in gcc clang; do
	command -v $cc >/dev/null || { skip "no $cc" "fields of programs by $cc"; continue; }
	for dwarf in 2 3 4 5; do
		$cc -gdwarf-$dwarf -no-pie -fno-pie -O0 -o prog types.c 2>cc.err || cat cc.err
		ask prog | mkrec | mt-label prog 2>err | answers fields >got
		same want got "$cc, DWARF $dwarf: unions, bit-fields, anonymous members, arrays of arrays, typedefs"
	done
done
gcc -g -fdebug-types-section -no-pie -fno-pie -o prog types.c
ask prog | mkrec | mt-label prog 2>err | answers fields >got
same want got 'types in units of their own'
gcc -g -O0 -no-pie -fno-pie -o prog types.c
ask prog | mkrec | mt-label --no-fields prog | mt-tojson | jq -e -s 'all(.[]; .type != "field" and (.field // 0) == 0)' >/dev/null
ok $? '--no-fields: none'

# ---- --members: types as whole, before anybody touches all of them

echo "access addr=$(nm prog | awk '$3 == "object" { print "0x" $1 }') width=8" >one
cat one one | mkrec | mt-label --members prog >members.mt
mt-tojson <members.mt | jq -r 'select(.type == "field") | [.offset, .bytes, .path] | @tsv' | tr '\t' ' ' | sed 's/ $/ (all)/' >got
{
	cat <<'W'
0 672 (all)
0 8 hits
8 4 refs.counter
12 4 first
12 2 second
16 2 inner.a
18 2 inner.b
24 4 word.i
24 8 word.l
24 1 word.{c[0]|p.tag}
W
	for i in 1 2 3 4 5 6 7; do echo "$((24 + i)) 1 word.c[$i]"; done
	echo '28 4 word.p.value'
	for i in 0 1 2; do echo "$((32 + 8 * i)) 1 pairs[$i].tag"; echo "$((36 + 8 * i)) 4 pairs[$i].value"; done
	for i in 0 1; do for k in 0 1 2; do echo "$((56 + 12 * i + 4 * k)) 4 grid[$i][$k]"; done; done
	for i in 0 1; do for k in 0 1 2; do echo "$((80 + 12 * i + 4 * k)) 4 rows[$i][$k]"; done; done
	cat <<'W'
104 1 many[].tag
108 4 many[].value
624 2 {ready|mode|level}
628 1 flags
W
	for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo "$((629 + i)) 1 name[$i]"; done
	printf '%s\n' '648 8 nodes[0]' '656 8 nodes[1]' '664 8 tail'
} >want
same want got '--members: the type, and once all members of it, of unions and arrays too'
mt-tojson <members.mt | jq -r 'select(.type == "access").field as $f | $f' >got
mt-tojson <members.mt | jq -r 'select(.type == "field" and .path == "hits").id' | sed p >want
same want got '... accesses refer to them'
{ mkrec <one; mkrec <one; } | mt-label --members prog | mt-tojson | grep -c '"path":"tail"' >got
echo 2 >want
same want got '... which each stream has for itself'
ask prog | mkrec | mt-label --members prog | answers fields >got
ask prog | mkrec | mt-label prog | answers fields >want
same want got '... and what accesses touch is the same as without'
run mt-label --members --no-fields prog <log
is_status 2 '... but not without fields'

at() { nm prog | awk -v s="$1" '$3 ~ s { print "0x" $1; exit }'; }
{
	echo "access addr=$(at '^once') width=4"
	echo "access addr=$(at '^plain') width=4"
	echo "access addr=$(at '^object$') width=4"
} | mkrec | mt-label prog | mt-tojson >out
jq -r 'select(.type == "object") | "\(.name) \(.ctype) \(.bytes) \(.storage)"' out >got
cat >want.objects <<'W'
main::once struct pair 8 static
plain int 4 static
object struct object 672 static
W
same want.objects got 'variables have name, type and extent; those of functions too'
jq -r 'select(.type == "field") | .member_type' out >got
printf 'char\nlong int\n' >want.types
same want.types got 'fields have the type of the member'

cat >types.text <<'LOG'
label addr=0x10000 bytes=40 name=malloc ctype=pair
access addr=0x1000c width=4
label addr=0x20000 bytes=8 name=malloc ctype="struct pair"
access addr=0x20004 width=4
label addr=0x30000 bytes=1600 name=malloc ctype=pair
access addr=0x30014 width=4
label addr=0x40000 bytes=100 name=malloc ctype=flex
access addr=0x4000c width=1
access addr=0x40000 width=4
label addr=0x50000 bytes=12 name=malloc ctype="struct pair"
access addr=0x50008 width=4
label addr=0x60000 bytes=16 name=malloc ctype=node_t
access addr=0x60008 width=8
label addr=0x70000 bytes=16 name=malloc ctype="struct nobody"
access addr=0x70008 width=8
LOG
mkrec <types.text | mt-label prog | mt-tojson >out
python3 "$MODEL/answers.py" fields <out >got
printf '%s\t%s\t%s\n' 'struct pair[5]' '[1].value' 12 'struct pair' value 4 'struct pair[]' '[].value' 4 \
	'struct flex' 'each[].tag' 4 'struct flex' n 0 '' '' -1 'struct node' visit 8 '' '' -1 >want.named
same want.named got 'labels with a C type: one, several side by side, with an open end'
jq -r 'select(.type == "object" and .addr == "0x70000").ctype' out >got
echo 'struct nobody' >want.named
same want.named got 'a type that no file has keeps its name'
mkrec >log <<LOG
switch task=1 process=1
label addr=0x10000 bytes=8 name=malloc ctype="struct pair"
access addr=0x10004 width=4
map addr=0x400000 bytes=0x100000 process=1 path="$PWD/prog"
access addr=0x400000 width=4
label addr=0x20000 bytes=8 name=malloc ctype="struct pair"
access addr=0x20004 width=4
LOG
mt-label <log 2>err | mt-tojson | jq -r 'select(.type == "field") | .ctype + " " + .path' >got
echo 'struct pair value' >want.named
same want.named got '... until one is mapped that has it'
jq -r 'select(.type == "field" and .path == "visit").member_type' out >got
echo 'int (*)(struct node *, long int)' >want.named
same want.named got 'types of members are written as in C'

mkrec <types.text >log
cat log log | mt-label prog | mt-tojson >out
jq -r 'select(.type == "begin" or .type == "field") | .id // "begin"' out >got
printf '%s\n' begin 1 2 3 4 5 6 begin 1 2 3 4 5 6 >want.named
same want.named got 'each stream defines the fields that it uses'

cat >bases.cc <<'C'
namespace ns {
struct base { long id; virtual ~base(); static int shared; };
base::~base() {}
int base::shared;
struct other { int x, y; };
class derived : public base, private other { public: int own; other far[2]; };
struct last : derived { char end; };
last object;
}
int main() { return ns::object.own + ns::base::shared; }
C
if g++ -g -no-pie -fno-pie -o cprog bases.cc 2>/dev/null; then
	o=$(nm cprog | awk '$3 == "_ZN2ns6objectE" { print $1 }')
	for at in 0 8 16 20 24 28 40 44; do
		printf 'access addr=%#x width=4\n' $((0x$o + at))
	done | mkrec | mt-label cprog | mt-tojson >out
	python3 "$MODEL/answers.py" fields <out >got
	for f in _vptr.base:0 id:8 x:16 y:20 own:24 'far[0].x:28' 'far[1].y:40' end:44; do
		printf 'struct ns::last\t%s\t%s\n' "${f%:*}" "${f#*:}"
	done >want.cc
	same want.cc got 'C++: members of bases, in namespaces'
	jq -r 'select(.type == "object").name' out >got
	echo ns::object >want.cc
	same want.cc got 'and names are demangled'
else
	skip 'no g++' 'C++'
fi

# ---- mapped files ------------------------------------------------------------

gcc -g -fPIE -pie -Wl,--build-id -o prog types.c
id=$(readelf -n prog | awk '/Build ID/ { print $3 }')
readelf -lW prog | awk '$1 == "LOAD" { print $2, $3, $5 }' >loads
while read -r offset vaddr bytes; do
	printf 'map addr=%#x bytes=%d offset=%#x process=1 path="%s" build_id=%s\n' \
		$((0x555500000000 + vaddr / 4096 * 4096)) $((bytes + vaddr % 4096)) \
		$((offset / 4096 * 4096)) "$PWD/prog" "$id"
done <loads >maps
sed 's/|.*//' asked | while read -r name offset width; do
	printf 'access addr=%#x width=%d paddr=%#x\n' \
		$((0x555500000000 + $(at "^$name\$") + offset)) "$width" $((1 << 48))
done >asked.pie
{ echo 'begin machine=user'; cat maps asked.pie; } | mkrec >log
mt-label <log | answers fields >got
same want got 'a position-independent program is found by its mapping'
mt-label prog <log | answers fields >got
same want got 'and as an operand'
cp prog stripped; objcopy --only-keep-debug prog prog.debug; strip stripped
sed "s,/prog\",/stripped\"," maps >maps.stripped
{ echo 'begin machine=user'; cat maps.stripped asked.pie; } | mkrec >log.stripped
mt-label prog.debug <log.stripped | answers fields >got
same want got 'a stripped program with its debug file as an operand'
mt-label <log.stripped | mt-tojson | jq -r 'select(.type == "object") | "\(.storage) \(.name)"' | sort -u >got
cat >want.sections <<'W'
file stripped .bss
file stripped .rodata
W
same want.sections got 'without symbols: the section of the file'

mkrec >log.data <<LOG
map addr=0x7f0000000000 bytes=4096 path="$PWD/types.c"
map addr=0x7f0000002000 bytes=8192 path=/nowhere/libgone.so.1
map addr=0x7f0000003000 bytes=4096 op=unmap
access addr=0x7f0000000010 width=1
access addr=0x7f0000002010 width=1
access addr=0x7f0000003010 width=1
LOG
mt-label <log.data 2>err | mt-tojson >out
jq -r 'select(.type == "object") | "\(.storage) \(.name) \(.addr) \(.bytes)"' out >got
cat >want.data <<'W'
file types.c 0x7f0000000000 4096
file libgone.so.1 0x7f0000002000 4096
W
same want.data got 'files that are not ELF, or not there, are objects as far as they are mapped'

# ---- heap blocks without a type ----------------------------------------------

cat >heap.c <<'C'
#include <stdlib.h>
struct queue { long head, tail; };
struct job { struct job *next; struct queue *owner; int id; };
struct big { char room[200]; };
struct text { int n; char bytes[]; };
struct queue *queue;
char *buffer;
void *nothing;
static struct job *new_job(struct job *next)
{
	return malloc(sizeof(struct job));
}
int main(int argc, char **argv)
{
	struct queue *declared = malloc(sizeof(*declared));
	struct big *assigned;
	struct text *text = malloc(sizeof(*text) + 50);
	queue = malloc(16);
	buffer = malloc(16);
	nothing = malloc(96);
	assigned = malloc(sizeof(*assigned) * 3);
	assigned->room[0] = (char)argc;
	return new_job(0)->id + (int)declared->head + text->n + assigned->room[5] + argv[0][0];
}
C

# sites SIZE...: for each call of malloc and size: line of the call, size, type
sites() {
	objdump -d --no-show-raw-insn heap | awk '
		was && /^ / { print "0x" substr($1, 1, length($1) - 1); was = 0 }
		/call.*<malloc@plt>/ { was = 1 }' >pcs
	for bytes do
		while read -r pc; do
			addr=$((addr + 4096))
			echo "label addr=$addr bytes=$bytes pc=$pc name=malloc"
			echo "access addr=$((addr + 8)) width=1"
		done <pcs
	done | mkrec | mt-label heap | mt-tojson |
		jq -r 'select(.type == "object" and .ctype != "") | "\(.pc) \(.bytes) \(.ctype)"' |
		while read -r pc rest; do
			echo "$(addr2line -e heap "$(printf '%#x' $((pc - 1)))" | sed 's/.*://; s/ .*//') $rest"
		done | sort -u
}
addr=65536
cat >want.sites <<'W'
11 24 struct job
15 16 struct queue
17 54 struct text
18 16 struct queue
21 600 struct big[3]
W
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	$cc -g -O0 -no-pie -fno-pie -o heap heap.c
	sites 16 24 54 600 >got
	grep -v '^17 \(16\|24\|600\) ' got >got.sites
	same want.sites got.sites "$cc: the type of a block by the pointer that the call declares, stores into, or has"
	$cc -g -O2 -no-pie -fno-pie -o heap heap.c
	sites 16 | grep '^1[89] ' >got.sites
	echo '18 16 struct queue' >want
	same want got.sites "$cc -O2: by the variable that the result goes into; a char * is no struct"
done

# ---- what pahole says --------------------------------------------------------

# against FILE EXCEPTION NAME: all structs of FILE, but for what EXCEPTION matches
against() {
	pahole -E "$1" 2>/dev/null | python3 "$MODEL/fields.py" queries want.pahole >structs
	mkrec <queries | mt-label "$1" 2>/dev/null | answers fields >got.pahole
	# shellcheck disable=SC2086
	diff want.pahole got.pahole | grep -Ev "^[0-9]|^---|$2" >diff.pahole
	[ ! -s diff.pahole ]; ok $? "$3: $(cat structs) structs, $(wc -l <want.pahole) places"
	sed 's/^/# /' diff.pahole | head -20
}

id=$(readelf -n /lib/x86_64-linux-gnu/libc.so.6 2>/dev/null | awk '/Build ID/ { print $3 }')
debug=/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug
if ! command -v pahole >/dev/null; then
	skip 'no pahole' 'fields as pahole has them'
else
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		$cc -g -no-pie -o prog types.c
		# pahole 1.24 mixes up the dimensions of an array of a typedef (clang).
		against ./prog 'rows\[' "fields as pahole has them, $cc"
	done
	if [ -e "$debug" ]; then
		# parser_data: several structs have that name, each program takes its first.
		# database_pers_head: pahole 1.24 leaves out the length of a volatile array.
		against "$debug" 'struct (parser_data|database_pers_head)	' 'the C library, as pahole has it'
		[ "$(cat structs)" -ge 100 ]; ok $? 'these are 100 structs and more'
	else
		skip 'no libc6-dbg' 'the C library, as pahole has it'
	fi
fi

# ---- types that never end ----------------------------------------------------

echo 'int main(void) { return 0; }' >main.c
gcc -no-pie -o cycles main.c "$SRC/tests/data/bad-dwarf-cycles.s" 2>cc.err || cat cc.err
limit='prlimit --as=1000000000'
[ -z "${SANITIZED-}" ] || limit=		# the sanitizers reserve terabytes
for name in chain inside array either; do
	echo "access addr=$(nm cycles | awk -v s=$name '$3 == s { print "0x" $1 }') width=1"
done | mkrec >log
# shellcheck disable=SC2086  # no word, or two
run timeout 20 $limit mt-label cycles <log
is_status 0 'types that consist of themselves end, in bounded time and memory'
mt-tojson <out | jq -r 'select(.type == "object").name' >got
printf 'chain\ninside\narray\neither\n' >want
same want got 'and what has them still has its name'

# ---- wrong usage and damaged files -------------------------------------------

run mt-label --no-such-option <log; is_status 2 'an unknown option is wrong usage'
run mt-label /nowhere/prog <log; is_status 1 'an operand that is not there fails'
head -c 3000 prog >cut.elf
run mt-label cut.elf <log; is_status 1 'and so does one that is cut'

done_testing
