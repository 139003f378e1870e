#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-addr2line: symbols of code addresses, from any ELF file and process.
# shellcheck disable=SC2094,SC3045  # compared with what was read; dash has ulimit -v
. "$SRC/tests/lib.sh"

cat >prog.c <<'C'
#include <stdio.h>
static inline __attribute__((always_inline)) int leaf(volatile int *p)
{
	return *p + 1;
}
static inline __attribute__((always_inline)) int middle(volatile int *p)
{
	return leaf(p) * 2;
}
__attribute__((noinline)) int work(volatile int *p)
{
	return middle(p);
}
int main(int argc, char **argv)
{
	(void)argv;
	printf("%d\n", work(&argc));
	return 0;
}
C
gcc -O2 -g -fPIE -pie -Wl,--build-id -o prog prog.c || skip_all 'no C compiler'

# address ELF SYMBOL: its link-time address in hex
address() { nm "$1" | sed -n "s/^0*\([0-9a-f]*\) [tT] $2\$/\1/p"; }
# code ELF: the address of each instruction
code() { objdump -d --no-show-raw-insn "$1" | sed -n 's/^ *\([0-9a-f]*\):.*/\1/p'; }
# symbols [OPTION...] : the symbol records for the records on standard input
symbols() { mkrec | mt-addr2line "$@" | mt-tojson | jq -c 'select(.type == "symbol")'; }
brief() { jq -r '"\(.pc) \(.frame)/\(.frames) \(.function) \(.file | sub(".*/"; "")):\(.line_number)"'; }

work=$(address prog work)
echo "access pc=0x$work" | symbols prog >out.json
brief <out.json >got
cat >want <<E
0x$work 0/3 leaf prog.c:4
0x$work 1/3 middle prog.c:8
0x$work 2/3 work prog.c:12
E
same want got 'a pc has one symbol record for each inlined call, the innermost first'
[ "$(jq -r .base out.json | sort -u)" = "0x$work" ]; ok $? 'base is the start of the symbol'
echo "access pc=0x$work" | symbols --no-inlines prog | brief >got
echo "0x$work 0/1 leaf prog.c:4" >want
same want got '--no-inlines leaves the innermost'

# ---- definitions precede use, once ---------------------------------------

printf 'access pc=0x%s\naccess pc=0x%s cpu=1\n' "$work" "$work" >two
mkrec <two >two.mt
mt-addr2line prog <two.mt >once.mt
mt-tojson <once.mt | jq -r .type | tr '\n' ' ' >got
echo 'begin symbol symbol symbol access access end ' | tr -d '\n' >want
same want got 'a pc is defined ahead of its first use, and once'
mt-addr2line prog <once.mt | cmp -s - once.mt
ok $? 'symbols that are there already are not told again'
cat two.mt two.mt | mt-addr2line prog | mt-tojson | grep -c '"type":"symbol"' >got
echo 6 >want
same want got 'the next stream in a row gets its own symbols'
mt-addr2line <two.mt | cmp -s - two.mt
ok $? 'without any file the stream passes unchanged'

# ---- mappings ------------------------------------------------------------

id=$(readelf -n prog | sed -n 's/.*Build ID: //p')
at() { printf '0x%x' $((0x$work + $1)); }
mkrec >maps.mt <<E
switch cpu=0 task=10 process=1
switch cpu=1 task=11 process=2
map process=1 addr=0x555500000000 bytes=0x4000 path=$PWD/prog build_id=$id
map process=2 addr=0x777700000000 bytes=0x4000 path=$PWD/prog build_id=$id
access cpu=0 pc=$(at 0x555500000000)
access cpu=1 pc=$(at 0x777700000000)
access cpu=1 pc=$(at 0x555500000000)
map process=2 addr=0x555500000000 bytes=0x4000 path=$PWD/prog build_id=$id
access cpu=1 pc=$(at 0x555500000000)
map process=1 op=unmap addr=0x555500000000 bytes=0x4000
map process=1 addr=0x555500001000 bytes=0x4000 path=$PWD/prog build_id=$id
access cpu=0 pc=$(at 0x555500000000)
access cpu=0 pc=$(at 0x555500001000)
E
mt-addr2line <maps.mt | mt-tojson | jq -r 'select(.type == "symbol" and .frame == 2) |
	"\(.process) \(.pc) \(.base) \(.function)"' >got
mt-addr2line <maps.mt 2>err | mt-tojson | jq -r 'select(.frame == 0 and .function == "leaf").process' |
	tr '\n' ' ' >processes
cat >want <<E
1 $(at 0x555500000000) $(at 0x555500000000) work
2 $(at 0x777700000000) $(at 0x777700000000) work
2 $(at 0x555500000000) $(at 0x555500000000) work
1 $(at 0x555500001000) $(at 0x555500001000) work
E
same want got 'map records place a position-independent file, for each process apart'
cp prog copy && mkdir -p dir && cp prog dir/prog
sed -n 1p want >want1
mkmap() { echo "map process=1 addr=0x555500000000 bytes=0x4000 path=$1 build_id=$2"
	echo 'switch cpu=0 task=10 process=1'; echo "access pc=$(at 0x555500000000)"; }
by() { symbols "$@" | jq -r 'select(.frame == 2) | "\(.process) \(.pc) \(.base) \(.function)"'; }
mkmap /gone/elsewhere "$id" | by copy >got
same want1 got 'an operand is matched by build-id, whatever its name'
mkmap /gone/prog '' | by dir/prog >got
same want1 got 'an operand is matched by name where the log has no build-id'
mkmap /gone/prog 0123456789 | by dir/prog >got 2>err
[ ! -s got ]; ok $? 'an operand with another build-id is not the file'
mkmap "$PWD/prog" 0123456789 | symbols 2>err >got
[ ! -s got ] && [ "$(wc -l <err)" -eq 1 ]; ok $? 'a mapped file that was rebuilt is not used'
has 'prog: is not the file that was traced' err 'and one line says so'
mkmap /gone/prog '' >in; mkrec <in >in.mt
run mt-addr2line <in.mt; is_status 0 'a mapped file that is not there is no error'
has '^mt-addr2line: 1 mapped file.* /gone/prog$' err 'but is told'
mkfifo fifo
mkmap "$PWD/fifo" '' >in; mkrec <in >in.mt
run timeout 20 mt-addr2line <in.mt; is_status 0 'a mapped path that is a FIFO is not waited for'
gcc -O2 -g -no-pie -o fixed prog.c
fixed=$(address fixed work)
echo "access pc=0x$fixed" | symbols fixed | jq -r 'select(.frame == 2).function' >got
echo work >want
same want got 'a fixed-address program needs no map record'
printf 'switch cpu=0 task=1 process=1\nmap process=1 addr=0x700000000000 bytes=0x1000 path=/gone\naccess pc=0x%s\naccess pc=0x%s\n' \
	"$work" "$fixed" | symbols prog fixed 2>err | jq -r 'select(.frame == 2).module' >got
echo fixed >want
same want got 'a position-independent one is not guessed where mappings are known'

# ---- which fields --------------------------------------------------------

printf 'call pc=0x%s target=0x%s return_pc=0x%s\n' "$work" "$(address prog main)" "$work" >in
symbols prog <in | jq -r 'select(.frame == .frames - 1).function' | tr '\n' ' ' >got
printf 'work main ' >want
same want got 'the target of a call is resolved too'
next=$(code prog | grep -A1 "^$work\$" | tail -1)
back() { symbols --field "$1" prog | jq -r 'select(.frame == 0) | "\(.pc) \(.function):\(.line_number)"'; }
echo "call return_pc=0x$next" | back return_pc >got
echo "0x$next leaf:4" >want
same want got 'a return address is resolved as the call before it'
echo "access pc=0x$next" | back pc >got
! cmp -s want got; ok $? 'while an access there is told exactly'
printf 'label pc=0x%s\naccess pc=0x%s\n' "$next" "$next" | back pc >both
sed 1d both | cmp -s - got && head -1 both | cmp -s - want
ok $? 'an exact use redefines what was a return address'
for record in 'lock' 'serial section=lock' 'serial section=retry'; do
	echo "$record pc=0x$next" | back pc >got
	same want got "where a lock was acquired is the call: $record"
done
echo "locked held=write pc2=0x$next" | back pc2 >got
same want got '... also in rows of what was done under it'
echo "access pc=0x$next" | back pc >want
echo "serial section=access pc=0x$next" | back pc >got
same want got '... but an access under no lock is told exactly'
run mt-addr2line --field pc,nonsense <two.mt; is_status 2 '--field with an unknown name is wrong usage'

# ---- where the DWARF is --------------------------------------------------

objcopy --only-keep-debug prog prog.debug
strip -o stripped prog
echo "access pc=0x$work" >in
echo 3 >want
frames() { symbols "$@" | wc -l; }
mkdir -p "debug/.build-id/$(echo "$id" | cut -c 1-2)"
cp prog.debug "debug/.build-id/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-).debug"
frames --debug-dir debug stripped <in >got; same want got 'a debug file is found by build-id'
objcopy --add-gnu-debuglink=prog.debug stripped linked
frames linked <in >got; same want got 'a debug file is found by .gnu_debuglink'
mkdir .debug && mv prog.debug .debug
frames linked <in >got; same want got 'also in .debug'
cp linked other && echo >>.debug/prog.debug
echo 1 >want; frames other <in >got
printf 0 >none; [ "$(cat got)" -le 1 ]; ok $? 'a debug file with another checksum is not taken'
mkmap "$PWD/stripped" "$id" | by .debug/prog.debug >got
same want1 got 'a debug file as operand serves the mapped file'
gcc -O2 -shared -fPIC -s -o libwork.so prog.c
dyn=$(nm -D libwork.so | sed -n 's/^0*\([0-9a-f]*\) T work$/\1/p')
echo "access pc=0x$dyn" | symbols libwork.so | brief >got
echo "0x$dyn 0/1 work :0" >want
same want got 'a stripped shared object has its dynamic symbols'

# ---- the same as addr2line -----------------------------------------------

cat >cxx.cc <<'C'
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>
volatile long sink;
namespace space {
struct Thing {
	long a; std::map<int, std::string> names;
	explicit Thing(long x) : a(x) { sink = x; }
	virtual ~Thing() { sink = a; }
	inline long get(long k) const { return a * k; }
	long big(long k);
};
static inline __attribute__((always_inline)) long once(const Thing &t, long k) { return t.get(k) ^ sink; }
static inline __attribute__((always_inline)) long twice(long x) { return x * sink; }
long Thing::big(long k)
{
	std::vector<long> v;
	struct Local { __attribute__((noinline)) long hidden(long x) { return twice(x) + sink; } } local;
	names[(int)k] = std::to_string(k);
	for (long i = 0; i < k; i++)
		v.push_back(once(*this, i) + local.hidden(i));
	std::sort(v.begin(), v.end(), [](long x, long y) { return x > y; });
	return v[0] + (long)names.size();
}
template <typename T> T use(T x) { Thing t((long)x); return (T)t.big((long)x); }
}
namespace { __attribute__((noinline)) long anonymous(long x) { return x + sink; } }
extern "C" long plain(long x) { return space::use<long>(x) + (long)space::use<double>(x); }
int main(int argc, char **) { return (int)(plain(argc) + anonymous(argc)); }
C

# agrees NAME ELF: on every instruction
agrees() {
	code "$2" >pcs
	run python3 "$SRC/tests/model/addr2line.py" "$2" pcs
	is_status 0 "as addr2line -f -i on each pc of $1"
	sed 's/^/# /' out | cut -c 1-400
}

if command -v llvm-symbolizer >/dev/null; then
	for how in 'gcc -gdwarf-2' 'gcc -gdwarf-3' 'gcc -gdwarf-4' 'gcc -gdwarf-5' \
		'clang -gdwarf-3' 'clang -gdwarf-5'; do
		# shellcheck disable=SC2086  # compiler and option
		$how -O2 -o c.out prog.c && agrees "a C program, $how" ./c.out
	done
	for how in 'g++ -gdwarf-2' 'g++ -gdwarf-4 -O0' 'g++ -gdwarf-5 -no-pie -gz' 'clang++ -gdwarf-4' 'clang++ -gdwarf-5'; do
		# shellcheck disable=SC2086
		${how%% *} -O2 ${how#* } -o cxx.out cxx.cc && agrees "a C++ program, $how" ./cxx.out
	done
	libc=$(ldd prog | sed -n 's/.*=> \(.*libc.so[^ ]*\) .*/\1/p')
	code "$libc" | awk 'NR % 15 == 0' >pcs
	run python3 "$SRC/tests/model/addr2line.py" "$libc" pcs
	is_status 0 "as addr2line -f -i on $(wc -l <pcs) pcs of libc"
	sed 's/^/# /' out | cut -c 1-400
else
	skip 'no llvm-symbolizer to judge differences' 'as addr2line -f -i'
fi

g++ -O2 -g -o cxx.out cxx.cc
code cxx.out | mkpcs >cxx.mt
mt-addr2line ./cxx.out <cxx.mt | mt-tojson | jq -r 'select(.type == "symbol").function' | c++filt >want
mt-addr2line -C ./cxx.out <cxx.mt | mt-tojson | jq -r 'select(.type == "symbol").function' >got
same want got '-C gives the names that c++filt gives'
readelf --debug-dump=info cxx.out | grep -q DW_AT_ranges; ok $? '(and the program has split ranges)'

# ---- hostile files -------------------------------------------------------

# judged NAME ELF: status 1 and one line, or 0; never more, never a signal
judged() {
	([ -n "${SANITIZED-}" ] || ulimit -v 2000000; timeout 20 mt-addr2line -C "$2" <cxx.mt >/dev/null 2>err); status=$?
	[ "$status" -le 1 ] && [ "$(wc -l <err)" -eq "$status" ]
}
bad=0 size=$(wc -c <cxx.out)
for part in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	head -c $((size * part / 16)) cxx.out >./cut
	if ! judged 'a cut file' ./cut || [ "$status" -ne 1 ]; then bad=1; sed "s/^/# cut $part: $status /" err; fi
done
ok $bad 'a program that was cut is an error, said in one line'
run mt-addr2line prog.c <two.mt; is_status 1 'an operand that is no ELF file is an error'
has '^mt-addr2line: prog.c: neither an ELF file nor a list of symbols' err 'and says which'
run mt-addr2line . <two.mt; is_status 1 'a directory is an error'

# Two abstract origins that point at each other, a sibling that points back,
# and a function of 2^62 bytes.
cat >cycle.s <<'S'
	.text
	.globl f
	.type f, @function
f:	ret
	.size f, 1
	.section .debug_abbrev,"",@progbits
	.byte 1, 0x11, 1, 0x11, 1, 0x12, 7, 0, 0	# unit: low_pc, high_pc data8
	.byte 2, 0x2e, 1, 0x11, 1, 0x12, 7, 0x31, 0x13, 1, 0x13, 0, 0 # function: origin, sibling
	.byte 3, 0x13, 1, 1, 0x13, 0, 0			# struct: sibling
	.byte 0
	.section .debug_info,"",@progbits
u:	.long e - u - 4
	.short 4
	.long 0
	.byte 8, 1
	.quad f, 1
a:	.byte 2
	.quad f, 0x3fffffffffffffff
	.long b - u, a - u
	.byte 0
b:	.byte 2
	.quad f, 1
	.long a - u, a - u
	.byte 0
	.byte 3
	.long a - u
	.byte 0, 0
e:
S
gcc -c -o cycle.o cycle.s && gcc -shared -nostdlib -o cycle.so cycle.o
echo "access pc=0x$(nm cycle.so | sed -n 's/ T f//p')" | mkrec >f.mt
([ -n "${SANITIZED-}" ] || ulimit -v 2000000; timeout 20 mt-addr2line cycle.so <f.mt >cycle.mt 2>err); status=$?
is_status 1 'cyclic DWARF references end, with status 1'
[ "$(wc -l <err)" -eq 1 ]; ok $? 'and one line'
mt-tojson <cycle.mt | jq -r 'select(.type == "symbol").function' >got
echo f >want
same want got 'and the symbol table still names the function'

# A name of 700 bytes that stands for 2^100: (S0_,S0_) again and again.
python3 - >long.s <<'P'
name = "_Z1fI1A" + "".join("1BI%s%sE" % (("S_",) * 2 if i == 0 else
    ("S%s_" % ("" if i < 1 else "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 36]),) * 2)
    for i in range(30)) + "EvT_"
print("\t.text\n\t.globl %s\n\t.type %s, @function\n%s: ret\n\t.size %s, 1" % ((name,) * 4))
P
gcc -c -o long.o long.s && gcc -shared -nostdlib -o long.so long.o
code long.so | mkpcs >long.mt
([ -n "${SANITIZED-}" ] || ulimit -v 4000000; timeout 20 mt-addr2line -C long.so <long.mt >/dev/null 2>err); status=$?
[ "$status" -le 1 ]; ok $? 'a mangled name that grows without end does not hang -C'

# Each byte of the debug sections broken in turn, in steps that differ.
cat >break.py <<'P'
import random, sys
data = bytearray(open(sys.argv[1], "rb").read())
random.seed(int(sys.argv[2]))
for _ in range(random.choice([1, 3, 20])):
    data[random.randrange(64, len(data))] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
open("broken", "wb").write(data)
P
strip -g -o small prog; gcc -O1 -g -o small prog.c; code small | mkpcs >cxx.mt
bad=0 i=0
while [ $i -lt 60 ]; do
	python3 break.py small $i
	judged 'a broken file' ./broken || { bad=1; echo "# seed $i: status $status"; sed 's/^/# /' err; }
	i=$((i + 1))
done
ok $bad 'a program with random bytes broken: status 0 or 1, at most one line'

done_testing
