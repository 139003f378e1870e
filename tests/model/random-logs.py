#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random-logs.py FIRST LAST [ACCESSES]: small logs from these seeds, as text for mkrec.

Few cpus, lines and instructions, so that everything meets; every kind of log
that mt-shared treats differently, and the corners: cpu ids with holes and
beyond 2^31, line 0 and the top of memory, accesses of odd widths.
"""
import random
import sys

first, last = int(sys.argv[1]), int(sys.argv[2])
accesses = int(sys.argv[3]) if len(sys.argv) > 3 else 60


def flags_text(flags):
    return "+".join(flags) or "0"


def log(seed):
    rnd = random.Random(seed)
    size = rnd.choice([64, 64, 64, 32, 128])
    mode = rnd.choice(["off", "all", "all", "movement", "movement", "kernel"])
    cold = rnd.random() < 0.3
    sample = rnd.choice([0, 1, 1, 1, 3])
    print("begin line=%d mode=%s options=%s sample=%d cpus=%d" %
          (size, mode, "cold" if cold else "0", sample, rnd.choice([0, 0, 8])))
    cpus = rnd.sample([0, 1, 2, 3, 5, 99, 255, 256, 0x80000001, 0xffffffff], rnd.randint(1, 6))
    base = rnd.choice([0, 0x1000, 0x7000fffff000, (1 << 64) - 4 * size, 3 << 48 | 0x1000])
    bytes_used = rnd.choice([8, size, 3 * size])
    pcs = rnd.sample([0x400000, 0x400010, 0x400020, 0x500000, 0xffffffff81000000,
                      0xffffffff81000040, 0], rnd.randint(1, 6))
    objects = rnd.choice([0, 3])
    for i in range(1, objects + 1):
        print('object id=%d addr=%#x bytes=32 pc=%#x storage=%s name=%s ctype="%s"' %
              (i, 0x1000 * i, rnd.choice([1, 2]), rnd.choice(["heap", "static"]),
               rnd.choice("ab"), rnd.choice(["", "struct s", "int"])))
    holders = {}
    current, aside, tags = {}, [], 0                    # entries: by cpu; set aside
    has_entries = rnd.random() < 0.5
    for _ in range(rnd.randint(0, accesses)):
        cpu = rnd.choice(cpus)
        dice = rnd.random()
        if dice < 0.03:
            print("switch cpu=%d task=%d process=%d" % (cpu, rnd.randint(1, 3), rnd.randint(0, 2)))
            continue
        if dice < 0.04:
            to = rnd.choice(["off", mode])
            print("mode mode=%s" % to)
            if to == "off":
                current, aside = {}, []
            continue
        if dice < 0.2 and has_entries:
            if cpu in current:
                state = rnd.choice(["done", "pause"])
                tag = current.pop(cpu)
                if state == "pause":
                    aside.append(tag)
            elif aside and rnd.random() < 0.5:
                state, tag = "resume", aside.pop(rnd.randrange(len(aside)))
                current[cpu] = tag
            else:
                tags += 1
                state, tag = "start", tags
                current[cpu] = tag
            print("entry cpu=%d state=%s tag=%d pc=%#x number=%d cause=%d" %
                  (cpu, state, tag, rnd.choice([0xffffffff81000000, 0xffffffff81000040, 0x500000]),
                   rnd.randint(1, 2), rnd.randint(0, 1)))
            continue
        flags = rnd.choice([["load"], ["load"], ["store"], ["store"], ["load", "store"], []])
        width = rnd.choice([0, 1, 2, 4, 4, 8, 8, 16, 3])
        offset = rnd.randrange(bytes_used)
        offset -= offset % (width or 1)
        if mode in ("all", "movement") and sample < 2:      # as the tracer makes them
            width = min(width or 1, size - offset % size)
            line = offset // size
            have = holders.setdefault(line, set() if cold else {"everybody"})
            store = "store" in flags
            hit = have == {cpu} if store else cpu in have or "everybody" in have
            if not hit:
                holders[line] = {cpu} if store else have | {cpu}
                flags = flags + ["moved"]
            elif mode == "movement" and rnd.random() < 0.95:
                continue                                    # the rest: hits of option locked
        elif rnd.random() < 0.4:
            flags = flags + ["moved"]
        if rnd.random() < 0.2:
            flags = flags + ["atomic"]
        at = (base + offset) % (1 << 64)
        alias = 0x10000 if rnd.random() < 0.9 else 0x30000      # the same bytes, elsewhere
        print("access cpu=%d pc=%#x addr=%#x paddr=%#x width=%d flags=%s object=%d field=%d stack=%d" %
              (cpu, rnd.choice(pcs), (at + alias) % (1 << 64), at, width, flags_text(flags),
               rnd.randint(0, objects), rnd.randint(0, 2), rnd.randint(0, 2)))
    print("end")


for seed in range(first, last + 1):
    log(seed)
