#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tohtml: one page that needs no network, with the numbers of its reports.
. "${SRC:-.}/tests/lib.sh"

command -v python3 >/dev/null || skip_all 'no python3'
check() { python3 "$SRC/tests/helper/htmlcheck.py" "$@"; }

# ---- all sections; every row is small enough to be checked by eye
mkrec >reports.mt <<'LOG'
begin mode=movement machine=system cpus=4 quantum=1000 command="exim -bd" qemu="qemu 10" options=reproducible
mode mode=movement name="exim"
mode mode=off name="exim"
stat value=1000 name="accesses moved"
stat value=4 name="cpus"
stat value=80 name="appdata operations"
end
begin command="exim -bd" machine=system mode=movement cpus=4 quantum=1000 qemu="qemu 10" options=reproducible
field id=9 offset=0 bytes=192 ctype="struct dentry" member_type="struct dentry"
field id=1 offset=0 bytes=4 ctype="struct dentry" path="d_flags" member_type="unsigned int"
field id=2 offset=88 bytes=8 ctype="struct dentry" path="d_lockref.count" member_type="int"
field id=3 offset=128 bytes=16 ctype="struct dentry" path="d_child.next" member_type="struct list_head *"
object id=1 addr=0xffff888000000000 bytes=192 storage=heap name="dentry" ctype="struct dentry"
object id=2 addr=0xffffffff82000000 bytes=64 storage=static name="jiffies"
symbol pc=0xffffffff81000010 base=0xffffffff81000000 line_number=31 frame=0 frames=2 function="atomic_inc" file="/src/atomic.h"
symbol pc=0xffffffff81000010 base=0xffffffff81000000 line_number=99 frame=1 frames=2 function="dput" file="/src/dcache.c"
symbol pc=0xffffffff81000020 base=0xffffffff81000000 line_number=7 frames=1 function="__d_lookup" file="/src/dcache.c"
symbol pc=0xffffffff81000100 base=0xffffffff81000100 frames=1 function="__x64_sys_openat"
shared by=field moves=600 loads=100 stores=500 sharing=true object=1 field=2 pc=0xffffffff81000010 flags=load+store+atomic object2=1 field2=1 pc2=0xffffffff81000020 flags2=load readers="0-3" writers="0,2" entry_pc=0xffffffff81000100 number=257 cause=syscall
shared by=field moves=50 loads=50 sharing=false object=1 field=1 pc=0xffffffff81000020 readers="1"
shared by=field moves=70 stores=70 sharing=mixed object=2 pc=0xffffffff81000030 writers="3" readers="3"
end
begin
object id=1 addr=0x10 bytes=8 storage=static name="other"
field id=2 offset=0 bytes=8 ctype="long" path="not this one"
shared by=entry moves=5 loads=5 lines=3 entry_pc=0xffffffff81000100 number=1 cause=syscall
pair by=cpus moves=1500 to=0 from=1
pair by=cpus moves=25 to=1 from=0
pair by=cpus moves=7 to=3 from=1
pair by=object_cpus moves=9 to=3 from=1 object=1
LOG
mt-tohtml <reports.mt >page.html
check <page.html >wrong
ok $? 'the page is well-formed, loads nothing, and runs its own script only'
sed 's/^/# /' wrong
check --text <page.html >text
grep -A4 '^#fields' text >got
cat >want <<'EOT'
#fields
| moves | % | per op | what | sharing | readers | writers | loads | stores | moved most by | against | mostly in |
| 600 | 83.3 | 7.50 | struct dentry.d_lockref.count | true | 0-3 | 0,2 | 100 | 500 | atomic_inc at atomic.h:31 in dput atomic | __d_lookup at dcache.c:7 load struct dentry.d_flags | system call __x64_sys_openat |
| 70 | 9.7 | 0.88 | jiffies | mixed | 3 | 3 | 0 | 70 | 0xffffffff81000030 load jiffies | | |
| 50 | 6.9 | 0.62 | struct dentry.d_flags | false | 1 | | 50 | 0 | __d_lookup at dcache.c:7 load | | |
EOT
same want got 'fields: most moves first, by operation, with the code of both sides and what it is inlined into'
grep -A2 '^#entries' text >got
cat >want <<'EOT'
#entries
| moves | % | per op | entry | lines | loads |
| 5 | 100.0 | 0.06 | system call write | 3 | 5 |
EOT
same want got 'by system call; columns without anything are left out; ids hold within a stream'
has '<b>12.50</b><span>moves for each operation' page.html 'moves for each operation'
has '<title>exim -bd</title>' page.html 'the page is called what was traced'
[ "$(grep -c 'Traced: <code>exim -bd' page.html)" = 1 ]; ok $? '... which is said once, however many reports there are'
has 'Run: exim' page.html 'runs by name'
mt-tohtml --title 'a < b' <reports.mt >titled.html
has '<h1>a &#60; b</h1>' titled.html '--title'
mt-tohtml <reports.mt | cmp -s - page.html; ok $? 'the same input, the same bytes'

# ---- cpu by cpu
sed -n '/id="cpus"/,/<\/section>/p' page.html >cpus
has 'cpu 0 took 1,500 from cpu 1</title>' cpus 'cpu by cpu: who took how many from whom'
has '<text class="mid lit".*>1.5k</text>' cpus '... and shows it'
has 'fill-opacity="1.00"/><text class="mid lit"[^>]*>1.5k' cpus '... the most is darkest'
has 'cpu 1 took 0 from cpu 3</title>' cpus '... also where it is nothing'
has '<h3>other <small>9 moves' cpus '... and of single things'
i=0; while [ $i -lt 300 ]; do echo "pair by=cpus moves=$i to=$i from=$((i * 7 % 300))"; i=$((i + 1)); done >many
echo 'pair by=cpus moves=1 to=4294967295 from=0' >>many
mkrec <many | mt-tohtml >many.html
[ "$(grep -c '<title>cpu .* took ' many.html)" = 3721 ]; ok $? 'of 301 cpus some share a cell'
has 'cpu 4294967295 took 0 from cpu 295-299<' many.html '... up to the last one'
moved=$(sed -n 's/.* took \([0-9,]*\) from .*/\1/p' many.html | tr -d , | awk '{ n += $1 } END { print n }')
[ "$moved" = 44851 ]; ok $? '... and no move is lost'

# ---- layout: by field where there are no rows by byte
sed -n '/id="layouts"/,/<\/section>/p' page.html >layouts
grep -o '<title>[^<]*</title>' layouts >got
cat >want <<'EOT'
<title>d_flags: +0, 4 bytes, unsigned int</title>
<title>+0, 4 bytes: 50 moves</title>
<title>d_lockref.count: +88, 8 bytes, int</title>
<title>+88, 8 bytes: 600 moves</title>
EOT
same want got 'layout: members, and the heat of fields, of the lines that were used'
has '<rect class="heat" x="536" ' layouts '... at its place in the line: 56 + 20 * (88 - 64)'

# ---- layout: rows by byte, in an object that holds many of the type
mkrec >heat.mt <<'LOG'
field id=9 offset=0 bytes=72 ctype="struct s" member_type="struct s"
field id=1 offset=0 bytes=8 ctype="struct s" path="a"
field id=2 offset=8 bytes=4 ctype="struct s" path="u.{x|y}"
field id=3 offset=8 bytes=4 ctype="struct s" path="u.z"
field id=4 offset=60 bytes=8 ctype="struct s" path="across.counter"
field id=5 offset=12 bytes=1 ctype="struct s" path="n[0]"
field id=6 offset=13 bytes=1 ctype="struct s" path="n[1]"
field id=7 offset=14 bytes=1 ctype="struct s" path="n[2]"
field id=1 offset=0 bytes=8 ctype="struct s" path="a"
object id=1 addr=0x1000 bytes=7200 name="table" ctype="struct s"
shared by=field moves=999 object=1 field=1
heat object=1 field=1 offset=0 bytes=8 moves=5 loads=3 stores=2 readers="0-1,5" writers="4"
heat object=1 field=1 offset=144 bytes=8 moves=4 loads=4 readers="2,9" writers="4"
heat object=1 field=2 offset=10 bytes=2 moves=7
heat object=1 field=4 offset=132 bytes=8 moves=2 writers="0"
LOG
mt-tohtml <heat.mt >heat.html
sed -n '/id="layouts"/,/<\/section>/p' heat.html >layouts
grep -o '<title>[^<]*</title>' layouts >got
cat >want <<'EOT'
<title>a: +0, 8 bytes, </title>
<title>u.z: +8, 4 bytes, </title>
<title>n[0]: +12, 3 bytes, </title>
<title>across.counter: +60, 8 bytes, </title>
<title>+0, 8 bytes: 9 moves</title>
<title>+10, 2 bytes: 7 moves</title>
<title>+60, 4 bytes: 2 moves</title>
<title>across.counter: +60, 8 bytes, </title>
<title>+64, 4 bytes: 2 moves</title>
EOT
same want got 'heat of each byte, of all objects of a type in one; unions once, arrays as one, over line borders'
has '<td class="n">9</td><td class="n">7</td><td class="n">2</td>.*<td class="c">0-2,5,9</td><td class="c">4</td>' layouts \
	'... and who reads and writes'
has '>n\[3\]<' layouts '... elements are counted'

# ---- tables of any report
printf '%s\n' 'mode mode=all name="first & last"' 'rcu loads=3 stores=1 ctype="struct <i>"' \
	'mode mode=off' 'rcu loads=2 ctype="plain"' | mkrec | mt-tohtml >rcu.html
check --text <rcu.html | grep -A3 '^#rcu' >got
has 'first & last.*struct <i>' got 'reports without a form of their own are tables too; rows of a run say which'
has '^\| run ' got '... in a column of their own'
has '\| +\|.* plain' got '... that is empty outside of runs'
check <rcu.html >wrong; ok $? '... escaped'

i=0; while [ $i -lt 1000 ]; do echo "shared by=line moves=$((i * 7919 % 1000)) line=$i addr=$((i + 1))"; i=$((i + 1)); done | mkrec >lines.mt
mt-tohtml --top 3 <lines.mt | check --text | sed -n '/^#lines/,$s/^| \([0-9]*\) .*/\1/p' | tr '\n' ' ' >got
[ "$(cat got)" = '999 998 997 ' ]; ok $? '--top: the rows with most moves, wherever they stand'
mt-tohtml <lines.mt >lines.html
has 'Shown: 100 of 1,000 rows with 499,500 moves' lines.html '... without: 100; totals are those of all rows'
sum=$(mt-tojson <lines.mt | sed -n 's/.*"moves":\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n }')
[ "$sum" = 499500 ]; ok $? '... as mt-tojson has them'
run mt-tohtml --top 0 <lines.mt
is_status 2 '--top 0 is refused'

# ---- hostile names, everywhere
bad='<script>alert(1)</script>\x22\x27> onload=x \x0a\x01\xff\x1b[31m&amp;<!--]]>'
{
	echo "begin command=\"$bad\" qemu=\"$bad\" cpus=2"
	echo "mode mode=all name=\"$bad\""
	echo "stat value=1 name=\"$bad\" unit=\"$bad\""
	echo "object id=1 addr=1 bytes=64 name=\"$bad\" ctype=\"$bad\""
	echo "field id=1 offset=8 bytes=8 ctype=\"$bad\" path=\"$bad\" member_type=\"$bad\""
	echo "symbol pc=16 frames=2 function=\"$bad\" file=\"$bad\" module=\"$bad\""
	echo "symbol pc=16 frame=1 frames=2 function=\"$bad\""
	echo 'stack id=1 pc=16'
	for by in line object ctype field pc site entry task address; do
		echo "shared by=$by object=1 field=1 pc=16 pc2=16 object2=1 field2=1 entry_pc=16 moves=5 readers=\"$bad\" writers=\"$bad\""
	done
	for by in pair cpus line_cpus object_cpus ctype_cpus field_cpus; do
		echo "pair by=$by object=1 field=1 pc=16 pc2=16 stack=1 stack2=1 moves=1 takers=\"$bad\" givers=\"$bad\""
	done
	echo "heat object=1 field=1 offset=8 bytes=8 moves=1 readers=\"$bad\" writers=\"$bad\""
	echo "heat object=1 field=1 offset=8 bytes=8 moves=1 readers=\"0-\" writers=\"9-1,3\""
	echo "serial name=\"$bad\" by_cpu=\"$bad\" pc=16"
	echo "guard name=\"$bad\" ctype=\"$bad\" path=\"$bad\""
	echo "testcase name=\"$bad\" conflicts=1"
	echo "testcase name=\"fs-$bad""_$bad""_1_2\" conflicts=1"
	echo 'conflict pc=16 pc2=16 stack=1 stack2=1 object=1 field=1'
	echo "diff report=\"$bad\" name=\"$bad\" value=\"$bad\""
} | mkrec >bad.mt
mt-tohtml <bad.mt >bad.html
check <bad.html >wrong; ok $? 'names that are markup stay names, in every section'
sed 's/^/# /' wrong
has 'alert\(1\)&#60;/script&#62;&#34;&#39;&#62; onload' bad.html '... and can be read; quotes are escaped too'
mt-tohtml --title "<script>'\"" <bad.mt | check >wrong; ok $? '... also in the title'
mt-tohtml --svg <bad.mt >bad.svg
python3 -c 'import sys, xml.dom.minidom as x; d = x.parse("bad.svg"); sys.exit(bool(d.getElementsByTagName("script")))'
ok $? '... and in the picture, which is XML'
i=1; bad=0; while [ $i -le 8 ]; do
	mkkinds $i | mt-tohtml >any.html && check <any.html >wrong || bad=1
	mkkinds $i | mt-tohtml --text >any.txt || bad=1
	i=$((i + 1))
done
ok $bad 'fields of any value in records of every kind'
{ echo 'object id=1 bytes=9 ctype="s"'; echo 'field id=1 bytes=8 ctype="s" path="a"'
i=0; while [ $i -lt 20000 ]; do echo "heat object=1 offset=$((i * 100)) bytes=$((1 + i % 2 * 500000000)) moves=1"; i=$((i + 1)); done; } |
	mkrec | timeout 20 mt-tohtml >wide.html
ok $? 'a type of any length is drawn in no time'
head -c 1000 reports.mt >cut.mt
run mt-tohtml <cut.mt
is_status 1 'a cut stream fails'
check <out >wrong; ok $? '... but the page has what there was, to its end'

# ---- test cases
mkrec >cases.mt <<'LOG'
testcase number=1 name="fs-open_open_0_1" conflicts=2
testcase number=2 name="fs-open_open_0_2" conflicts=0
testcase number=3 name="fs-read_link_3_1" conflicts=0
testcase number=4 name="fs-link_read_4_1" conflicts=1
testcase number=5 name="fs-mq_open_link_4_1" conflicts=0
testcase number=6 name="fs-futex_link_4_1" conflicts=300
testcase number=7 name="smoke" conflicts=0
LOG
mt-tohtml --text --title sv6 <cases.mt | sed 's/ *$//' >got
cat >want <<'EOT'
sv6 (4 of 7 cases scale)
1 of 4 pairs of calls scale in all cases

conflicts      other     futex      read      link      open
open                                                       1
link                         1         1
read
futex
other              .

percent        other     futex      read      link      open
open                                                     50%
link                      100%       50%
read
futex
other              .
EOT
same want got '--text: pairs of calls in the order of POSIX, the number with conflicts, and their part'
sed 's/fs-open_open_0_1" conflicts=2/fs-open_open_0_1" conflicts=0/; s/fs-open_open_0_2" conflicts=0/fs-open_open_0_2" conflicts=1/
	s/_3_1" conflicts=0/_3_1" conflicts=9/' >after <<'LOG'
testcase number=1 name="fs-open_open_0_1" conflicts=2
testcase number=2 name="fs-open_open_0_2" conflicts=0
testcase number=3 name="fs-read_link_3_1" conflicts=0
testcase number=4 name="fs-link_read_4_1" conflicts=1
testcase number=8 name="fs-read_read_0_0" conflicts=1
LOG
mkrec <after >after.mt
mt-tohtml --text --title sv6 --diff cases.mt <after.mt | sed 's/ *$//' >got
cat >want <<'EOT'
sv6 (1 of 5 cases scale; before, 4 of 7)
0 of 3 pairs of calls scale in all cases
+2 -1 cases with conflicts

change         other     futex      read      link      open
open                                                   +1 -1
link                         .     +1 -0
read                                   .
futex
other              .
EOT
same want got '--diff: what became of each case, by its name'
mt-tohtml --svg --title sv6 <cases.mt >map.svg
has 'sv6 \(4 of 7 cases scale\)</text>' map.svg '--svg: the same as a picture'
has '<title>open, open: 1 of 2 cases conflict</title>.*fill-opacity="0.50"/><text class="mid" x="[0-9]*" y="[0-9]*">1</text>' map.svg \
	'... a cell has the number and is as dark as its part'
mt-tohtml --tikz --title 'sv6_#' <cases.mt >map.tex
has '^.filldraw.draw=white,fill=red!50!black!8. .* rectangle .* node.midway. .1.;$' map.tex '--tikz: for LaTeX'
has 'sv6._.# .4 of 7 cases scale.};$' map.tex '... names mean nothing to TeX'
[ "$(tr -cd '{' <map.tex | wc -c)" = "$(tr -cd '}' <map.tex | wc -c)" ]; ok $? '... braces match'
mt-tohtml --tikz --diff after.mt <cases.mt >map.tex
has 'fill=blue!.*.+0 -1.;$' map.tex '... what became better is blue'
mt-tohtml --diff cases.mt <after.mt >page.html
check <page.html >wrong && grep -q '>+1 -1</text>' page.html; ok $? '... on the page too'
run mt-tohtml --diff nosuch <after.mt
is_status 1 'a run to compare with that cannot be opened fails'
done_testing
