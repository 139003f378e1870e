#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mt-filter -e against a slow reading of its manual.

usage: expr.py LOG COUNT SEED

Makes COUNT random expressions, judges each event of LOG by them in three
values (True, False, None for unknown) and compares with what mt-filter passes.
"""
import json
import random
import subprocess
import sys

M64 = (1 << 64) - 1
FLAGS = {"load": 1, "store": 2, "atomic": 4, "kernel": 8, "moved": 16, "split": 32}
OPS = {"call": 0, "ret": 1, "acquire": 0, "acquired": 1, "release": 2}
OPS_OF = {"call": ("call", "ret"), "lock": ("acquire", "acquired", "release")}
NUMBERS = [0, 1, 2, 3, 4, 7, 8, 63, 64, 0x1000, 0x100000000, 0x8000000000000000, M64, M64 - 1]
FIELDS = ["cpu", "time", "pc", "addr", "paddr", "width", "object", "sp", "read", "task"]


def number(rec, name):
    """Value of a field, or None."""
    if name not in rec or name == "name":
        return None
    v = rec[name]
    return int(v, 16) if isinstance(v, str) else v


def flags(rec):
    return sum(FLAGS[f] for f in rec["flags"]) if "flags" in rec else None


def both(a, b, f):
    return None if a is None or b is None else f(a, b)


COMPARE = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}


def value(r, depth):
    """A number: its text, and what it is for a record."""
    k = r.randrange(8 if depth else 6)
    if k < 3:
        f = r.choice(FIELDS)
        return f, lambda rec: number(rec, f)
    if k < 5:
        n = r.choice(NUMBERS)
        return (hex(n) if r.random() < .5 else str(n)), lambda rec: n
    if k == 5:
        f = r.choice(list(FLAGS))
        return f"(flags & {f})", lambda rec: both(flags(rec), FLAGS[f], lambda a, b: a & b)
    ta, a = value(r, depth - 1)
    tb, b = value(r, depth - 1)
    if k == 6:
        return f"({ta} + {tb})", lambda rec: both(a(rec), b(rec), lambda x, y: x + y & M64)
    return f"({ta} - {tb})", lambda rec: both(a(rec), b(rec), lambda x, y: x - y & M64)


def leaf(r):
    k = r.randrange(6)
    if k < 2:
        (ta, a), (tb, b), op = value(r, 1), value(r, 1), r.choice(list(COMPARE))
        return f"{ta} {op} {tb}", lambda rec: both(a(rec), b(rec), COMPARE[op])
    if k == 2:
        f = r.choice(list(FLAGS))
        return f, lambda rec: both(flags(rec), FLAGS[f], lambda a, b: (a & b) != 0)
    if k == 3:
        o, yes = r.choice(list(OPS)), r.random() < .5

        def op(rec):
            if o not in OPS_OF.get(rec["type"], ()):
                return None
            return (rec["op"] == o) == yes
        return f"op {'==' if yes else '!='} {o}", op
    if k == 4:
        name, yes = r.choice(["a", "b", ""]), r.random() < .5
        return (f'name {"==" if yes else "!="} "{name}"',
                lambda rec: (rec["name"] == name) == yes if "name" in rec else None)
    ta, a = value(r, 1)
    items = []
    for _ in range(r.randrange(1, 4)):
        lo = r.choice(NUMBERS)
        items.append((lo, min(lo + r.choice([0, 1, 60, 1 << 40]), M64)))
    text = ", ".join(f"{lo}" if lo == hi else f"{lo}-{hi}" for lo, hi in items)
    return (f"{ta} in {{{text}}}",
            lambda rec: both(a(rec), 0, lambda x, _: any(lo <= x <= hi for lo, hi in items)))


def expression(r, depth):
    k = r.randrange(5) if depth else 0
    if k < 2:
        return leaf(r)
    ta, a = expression(r, depth - 1)
    if k == 2:
        return f"!({ta})", lambda rec: None if a(rec) is None else not a(rec)
    tb, b = expression(r, depth - 1)
    stop = k == 4       # the value that decides alone

    def logic(rec):
        x, y = a(rec), b(rec)
        if x is stop or y is stop:
            return stop
        return None if x is None or y is None else not stop
    return f"({ta}) {'||' if stop else '&&'} ({tb})", logic


def lines(command, data):
    p = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    return p.stdout


def main():
    log = open(sys.argv[1], "rb").read()
    r = random.Random(int(sys.argv[3]))
    records = [json.loads(x) for x in lines(["mt-tojson"], log).splitlines()]
    passed = 0
    for _ in range(int(sys.argv[2])):
        text, judge = expression(r, 3)
        negate = r.random() < .2
        want = [x for x in records if x["type"] not in ("begin", "end")
                and judge(x) is (not negate)]
        command = ["mt-filter", "--only", "-e", text] + ["--not"] * negate
        p = subprocess.run(command, input=log, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode == 2 and b"no record has all" in p.stderr:
            continue        # a part that is unknown for every kind of record is refused
        if p.returncode:
            sys.exit(f"{command}: status {p.returncode}: {p.stderr.decode()}")
        got = [json.loads(x) for x in lines(["mt-tojson"], p.stdout).splitlines()]
        got = [x for x in got if x["type"] not in ("begin", "end")]
        if got != want:
            print("differs:", command, "wanted", len(want), "got", len(got))
            sys.exit(1)
        passed += len(got)
    print(passed, "records passed")


main()
