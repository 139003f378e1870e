#!/bin/sh
# SPDX-License-Identifier: MIT
# mt-tohtml's page in a real browser: it sorts, filters, is drawn, and asks for nothing.
. "${SRC:-.}/tests/lib.sh"

command -v python3 >/dev/null || skip_all 'no python3'
for browser in chromium chromium-browser google-chrome none; do
	command -v $browser >/dev/null && break
done
[ $browser != none ] || skip_all 'no Chromium: apt-get install chromium'
ask() { timeout 120 python3 "$SRC/tests/helper/browser.py" --browser $browser "$@"; }
# line N of the answers
answer() { sed -n "$1p" got >one; echo "$2" >want; same want one "$3"; }

bad='<img src=http://127.0.0.1/x onerror=window.hacked=1><script>window.hacked=1</script>'
{
	echo "begin command=\"$bad\""
	echo 'field id=8 bytes=64 ctype="struct s" member_type="struct s"'
	i=1; while [ $i -le 7 ]; do
		echo "field id=$i offset=$((i * 8)) bytes=8 ctype=\"struct s\" path=\"f$i\""
		echo "object id=$i addr=$((i * 64)) bytes=64 storage=heap name=\"$bad\" ctype=\"struct s\""
		echo "shared by=field moves=$((i * 400)) loads=$((7 * i % 10)) stores=1 object=$i field=$i readers=\"0-$i\""
		echo "pair by=cpus moves=$((i * i)) to=$i from=0"
		i=$((i + 1))
	done
	echo 'stack id=1 pc=16'
	echo 'pair by=pair moves=3 stack=1 stack2=1 pc=16 pc2=16'
} | mkrec >reports.mt
mt-tohtml <reports.mt >page.html

column='i => [...document.querySelectorAll("#fields tbody tr")].filter(r => !r.hidden).map(r => r.cells[i].textContent).join(" ")'
click='i => document.querySelectorAll("#fields th")[i].click()'
type='s => { const box = document.querySelector("#fields input"); box.value = s; box.dispatchEvent(new Event("input")) }'
titles='[...document.querySelectorAll("#fields th")].map(t => t.textContent).join(" ")'
ask page.html "$titles" "($column)(0)" \
	"($click)(5), ($column)(5)" "($click)(5), ($column)(5)" \
	"($click)(0), ($column)(0)" "($click)(2), ($column)(2)" "($click)(2), ($column)(2)" \
	'document.querySelectorAll("#fields th")[2].ariaSort' \
	"($type)('F3'), ($column)(0)" "($type)(' s.f 1,2'), ($column)(0)" "($type)(''), ($column)(0).length" \
	'[...document.querySelectorAll("svg.cpus .mid:not(.label)")].map(t => t.textContent).join(" ")' \
	'getComputedStyle([...document.querySelectorAll("svg.cpus .heat")].pop()).fillOpacity' \
	'document.querySelector("svg.layout .heat").getBoundingClientRect().width' \
	'getComputedStyle(document.querySelector("svg.layout .heat")).fill' \
	'getComputedStyle(document.body).backgroundColor' \
	'[document.images.length, document.scripts.length, typeof window.hacked].join(" ")' \
	'document.querySelector("#pairs details").open = true, document.querySelector("#pairs li").getBoundingClientRect().height > 0' \
	'document.title.slice(0, 10)' >got 2>err
ok $? 'the browser opens the page'
answer 1 '"moves % what sharing readers loads stores"' 'the table that is asked about'
answer 2 '"2,800 2,400 2,000 1,600 1,200 800 400"' 'most moves first'
answer 3 '"9 8 7 5 4 2 1"' 'a click on a title sorts by its numbers, largest first'
answer 4 '"1 2 4 5 7 8 9"' '... a second one turns the order round'
answer 5 '"2,800 2,400 2,000 1,600 1,200 800 400"' '... numbers with commas too'
answer 6 '"struct s.f1 struct s.f2 struct s.f3 struct s.f4 struct s.f5 struct s.f6 struct s.f7"' '... names from a to z'
answer 7 '"struct s.f7 struct s.f6 struct s.f5 struct s.f4 struct s.f3 struct s.f2 struct s.f1"' '... and back'
answer 8 '"descending"' '... and says so to who cannot see the arrow'
answer 9 '"1,200"' 'the box filters rows, whatever the case of letters'
answer 10 '"1,200"' '... by several words'
answer 11 37 '... and an empty one shows all again'
answer 12 '"1 4 9 16 25 36 49"' 'the map of cpus shows its numbers'
answer 13 '"1"' '... and how dark they are'
answer 14 160 'heat is drawn as wide as its bytes'
answer 15 '"rgb(217, 72, 15)"' '... in its colour: the style is allowed'
answer 16 '"rgb(251, 251, 250)"' 'light, if that is wanted'
answer 17 '"0 1 undefined"' 'names that are markup make no element and run nothing'
answer 18 true 'call stacks can be opened'
answer 19 '"<img src=h"' '... and the title shows them as they are'
answer 20 '["errors", []]' 'the console has nothing to complain about'
grep -c 'page.html"\]\]$' got >count; grep '"loaded"' got | grep -o '://' | wc -l >>count
printf '1\n1\n' >want
same want count 'nothing is loaded but the page'

ask --dark page.html 'getComputedStyle(document.body).backgroundColor' >got 2>err
answer 1 '"rgb(20, 23, 26)"' 'dark, if that is wanted'
ask page.html '(s => { s.textContent = "window.hacked = 1"; document.body.append(s) })(document.createElement("script")), typeof window.hacked' \
	'(i => { i.src = "http://127.0.0.1:9/"; document.body.append(i) })(new Image()), 1' >got 2>err
answer 1 '"undefined"' 'a script that got into the page would not run'
has 'errors.*Content Security Policy.*Content Security Policy' got '... and nothing that got into it would load'
done_testing
