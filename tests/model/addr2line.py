#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""addr2line.py ELF PCS: mt-addr2line against binutils addr2line -f -i.

PCS has one pc a line in hex.  Every pc on which they differ must be explained:

  beyond   no function holds the pc (padding, PLT); binutils names the symbol
           before it, and the file of that symbol's STT_FILE
  guess    there is no DWARF; binutils takes a file name from the symbol table
  names    only the names differ, and they are symbols of the same address
  binutils llvm-symbolizer says what we say (2.40 misses ranges that DW_FORM_rnglistx
           names, and puts code of included files into the including one)

Prints the counts; status 1 if any pc is left.
"""
import collections
import json
import os
import subprocess
import sys

elf, pcs_file = sys.argv[1:]
pcs = ["%x" % int(line, 16) for line in open(pcs_file)]


def ours():
    text = "".join(pc + "\n" for pc in pcs).encode()
    for command in ["mkpcs"], ["mt-addr2line", elf], ["mt-tojson"]:
        text = subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE).stdout
    text = text.decode()
    result = {}
    for line in text.splitlines():
        if not line.startswith('{"type":"symbol"'):
            continue
        r = json.loads(line)
        frames = result.setdefault(r["pc"][2:], [])
        assert r["frame"] == len(frames), line
        frames.append((r["function"] or "??", r["file"] or "??", r["line_number"]))
    return result


def theirs(command, wanted):
    text = subprocess.run(command + ["-a", "-f", "-i", "-e", elf],
                          input="".join("0x%s\n" % pc for pc in wanted), text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    result, frames, function = {}, None, None
    for line in text.splitlines():
        if function is None and line.startswith("0x") and ":" not in line:
            frames = result.setdefault("%x" % int(line, 16), [])
        elif function is None:
            function = line
        else:
            file, number = line.split(" (disc")[0].rsplit(":", 1)
            frames.append((function, file or "??", 0 if number == "?" else int(number)))
            function = None
    return result


def debug_file():
    text = subprocess.run(["readelf", "-n", elf], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    build_id = text.partition("Build ID: ")[2].split()[:1]
    path = "/usr/lib/debug/.build-id/%s/%s.debug" % (build_id[0][:2], build_id[0][2:]) \
        if build_id else ""
    return path if os.path.exists(path) else elf


def symbols():
    inside, names = [], collections.defaultdict(set)
    for file in [elf], ["-D", elf], [debug_file()]:
        text = subprocess.run(["nm", "-S", *file], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, check=False).stdout
        for line in text.splitlines():
            words = line.split()
            if len(words) == 4 and words[2] in "tTwWiI":
                start = int(words[0], 16)
                inside.append((start, start + int(words[1], 16)))
                names[words[3].split("@")[0]].add(start)
    return inside, names


def basenames(frames):
    return [(f, os.path.basename(path), line) for f, path, line in frames]


mine, other = ours(), theirs(["addr2line"], pcs)
different = [pc for pc in dict.fromkeys(pcs) if mine.get(pc, [("??", "??", 0)]) != other[pc]]
llvm = theirs(["llvm-symbolizer", "--output-style=GNU", "--no-demangle"], different) if different else {}
inside, names = symbols()
count = collections.Counter(pcs=len(set(pcs)), same=len(set(pcs)) - len(different))
for pc in different:
    a, b = mine.get(pc, [("??", "??", 0)]), other[pc]
    address = int(pc, 16)
    if a[-1][0] == "??" and not any(start <= address < end for start, end in inside):
        count["beyond"] += 1
    elif [f[1:] for f in a] == [f[1:] for f in b] and all(
            x[0] == y[0] or names[x[0]] & names[y[0]] for x, y in zip(a, b)):
        count["names"] += 1
    elif len(a) == 1 and a[0] == (b[0][0], "??", 0) and b[0][2] == 0:
        count["guess"] += 1
    elif basenames(a) == basenames(llvm[pc]) or (
            [f[0] for f in a] == [f[0] for f in b] and
            [f[1:] for f in basenames(a)] == [f[1:] for f in basenames(llvm[pc])]):
        count["binutils"] += 1
    else:
        count["unexplained"] += 1
        if count["unexplained"] <= 5:
            print("0x" + pc, a, b, llvm[pc], sep="\n  ")
print(" ".join("%s=%d" % item for item in count.items()))
sys.exit(count["unexplained"] > 0)
