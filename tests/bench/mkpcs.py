#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mkpcs.py ELF N OUT: N code addresses of ELF, seeded: about 24,000 distinct
ones, popular by Zipf's law as in a trace.  OUT.addr has one a line in hex,
OUT.txt the same as records for mkrec."""
import random
import subprocess
import sys

elf, n, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
random.seed(1)
functions = []
for line in subprocess.run(["nm", "-S", "--defined-only", elf], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines():
    words = line.split()
    if len(words) == 4 and words[2] in "tTwW" and int(words[1], 16) > 16:
        functions.append((int(words[0], 16), int(words[1], 16)))
pcs = list({base + random.randrange(size) for base, size in random.choices(functions, k=26000)})
weights = [1 / (i + 1) for i in range(len(pcs))]
drawn = random.choices(pcs, weights, k=n)
with open(out + ".addr", "w") as addr, open(out + ".txt", "w") as text:
    for pc in drawn:
        addr.write(f"{pc:#x}\n")
        text.write(f"access pc={pc:#x}\n")
