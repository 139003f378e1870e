#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""labels.py SEED LOG WANT: random labels, frees and accesses, as text for mkrec.

WANT has for each access the address, extent and storage of the object that it
touches, and its number, which its label has for a pc; "-" where there is none.
Keeps all objects in one list and looks at each of them for each question.
"""
import random
import sys

LAYERS = {"block": 0, "file": 0, "heap": 1, "static": 1, "percpu": 1, "stack": 2}
TOP = 1 << 64

rnd = random.Random(int(sys.argv[1]))
live, lives = [], 0


def last(o):
    return o["addr"] + max(o["bytes"], 1) - 1


def overlap(o, first, end):
    return o["addr"] <= end and last(o) >= first


def some_addr():
    base = rnd.choice([0, 0x10000, 0x10000, 0x10000, 0x7f0000000000, TOP - 0x3000])
    return (base + rnd.randrange(rnd.choice([0x40, 0x1000, 0x3000]))) % TOP


def alloc(log):
    global lives
    addr, storage = some_addr(), rnd.choice(list(LAYERS))
    size = rnd.choice([0, 1, 8, 40, 64, 1000, 4096, 1 << 16, 1 << 22, 1 << 40, TOP - 1])
    size = rnd.choice([size, rnd.randrange(100), rnd.randrange(100), rnd.randrange(3000)])
    process = 0 if addr >> 63 else rnd.randrange(2)
    lives += 1
    log.write("label addr=%#x bytes=%d process=%d storage=%s pc=%#x\n"
              % (addr, size, process, storage, lives))
    new = dict(addr=addr, bytes=min(size, TOP - addr), process=process, storage=storage,
               layer=LAYERS[storage], life=lives)
    live[:] = [o for o in live if o["process"] != process or o["layer"] != new["layer"]
               or not overlap(o, addr, last(new))]
    live.append(new)


def free(log):
    if live and rnd.random() < 0.9:
        o = rnd.choice(live)
        addr, process, storage = o["addr"], o["process"], o["storage"]
    else:
        addr, process, storage = some_addr(), rnd.randrange(2), rnd.choice(list(LAYERS))
        process = 0 if addr >> 63 else process
    log.write("label op=free addr=%#x process=%d storage=%s\n" % (addr, process, storage))
    here = [o for o in live if o["process"] == process and o["addr"] == addr]
    same = [o for o in here if o["layer"] == LAYERS[storage]]
    for o in (same or sorted(here, key=lambda o: o["layer"]))[:1]:
        live[:] = [p for p in live if p is not o and
                   not (p["process"] == process and p["layer"] > o["layer"]
                        and overlap(p, o["addr"], last(o)))]


def access(log, want):
    addr = some_addr()
    if live and rnd.random() < 0.8:
        o = rnd.choice(live)
        addr = rnd.choice([o["addr"], o["addr"] - 1, last(o), last(o) + 1,
                           o["addr"] + rnd.randrange(min(max(o["bytes"], 1), 5000))]) % TOP
    process = 0 if addr >> 63 else rnd.randrange(2)
    log.write("access cpu=%d addr=%#x width=1\n" % (process, addr))
    over = [o for o in live if o["process"] == process and o["bytes"]
            and o["addr"] <= addr <= last(o)]
    over.sort(key=lambda o: -o["layer"])
    o = over[0] if over else None
    want.write("%#x %d %s %#x\n" % (o["addr"], o["bytes"], o["storage"], o["life"]) if o else "-\n")


with open(sys.argv[2], "w") as log_file, open(sys.argv[3], "w") as want_file:
    log_file.write("switch cpu=1 task=2 process=1\n")
    for _ in range(1500):
        what = rnd.random()
        if what < 0.3:
            alloc(log_file)
        elif what < 0.45:
            free(log_file)
        else:
            access(log_file, want_file)
