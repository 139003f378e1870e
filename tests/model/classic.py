#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logs of the original mtrace, written and rebuilt by another hand than mt-cat's.

classic.py make SEED N   a log of N entries of all types, each field random
classic.py back          a log again, from what mt-tojson makes of the stream
classic.py types         a log with each type four times

Bytes that mean nothing in an entry (behind the end of a name, other bits of a
flag byte, the time of an access or call) are zero in all three.
"""
import json
import random
import struct
import sys

SIZES = {1: 124, 2: 54, 3: 108, 4: 54, 5: 46, 6: 44, 7: 109, 8: 108, 9: 32, 10: 51, 11: 34,
         12: 89, 13: 89, 14: 105, 15: 25}
HEAD = "<IHHQQ"
STATES = {"start": 1, "done": 2, "resume": 4, "pause": 5}
STORAGE = {"heap": 1, "block": 2, "static": 3, "percpu": 4}
LOCK = {"acquire": 1, "acquired": 2, "release": 3}
TASK = {"create": 1, "exec": 2, "exit": 3}
MODE = {"off": 0, "movement": 1, "scope": 2, "kernel": 3}


def entry(kind, cpu, accesses, time, body):
    e = struct.pack(HEAD, kind, SIZES[kind], cpu, accesses, time) + body
    assert len(e) == SIZES[kind], (kind, len(e))
    return e


def machine(cpus, ram, quantum, sample, flags):
    return entry(10, 0, 0, 0, struct.pack("<HQQQB", cpus, ram, quantum, sample, flags))


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.accesses = 0
        self.time = {}

    def u64(self):
        return self.r.choice([0, 1, self.r.getrandbits(31), self.r.getrandbits(64), 2**64 - 1])

    def text(self):
        n = self.r.choice([0, 1, 5, 63, 64])
        return bytes(self.r.choice(b'ab"\\\n\x01 ~') for _ in range(n))

    def body(self, kind):
        r, u = self.r, self.u64
        if kind == 1:
            return struct.pack("<QI64sQQQ", u(), r.randint(1, 4), self.text(), u(), u(), u())
        if kind == 2:
            return struct.pack("<IBQQQB", r.randint(1, 3), r.randrange(8), u(),
                               r.getrandbits(40), u(), r.choice([1, 2, 4, 8, 16, 0, 255]))
        if kind == 3:
            what = r.choice([1, 1, 2, 3])
            if what == 1:
                return struct.pack("<IQI64s4x", 1, u() >> 1, r.randrange(4), self.text())
            return struct.pack("<IQQ64x", what, u() >> 1, u())
        if kind == 4:
            return struct.pack("<QQQHI", r.getrandbits(32), u(), u(), r.getrandbits(16), r.randint(1, 5))
        if kind == 5:
            a = u()
            return struct.pack("<QQHI", a, r.randint(a, 2**64 - 1), r.getrandbits(16), 4)
        if kind == 6:
            return struct.pack("<QQI", u(), u(), 0) if r.random() < .5 else struct.pack("<QQI", u(), 0, 1)
        if kind == 7:
            return struct.pack("<QQ64sIB", u(), u(), self.text(), r.randint(1, 3), r.randrange(2))
        if kind == 8:
            return struct.pack("<QQI64s", r.getrandbits(32), r.getrandbits(32), r.randint(1, 3), self.text())
        if kind == 9:
            return struct.pack("<Q", r.getrandbits(32))
        if kind == 11:
            return struct.pack("<HQ", r.getrandbits(16), u())
        if kind in (12, 13):
            return struct.pack("<B64s", r.randrange(2), self.text())
        if kind == 14:
            return struct.pack("<QQ64sB", u(), u(), self.text(), r.randrange(2))
        return struct.pack("<B", r.randrange(2))

    def next(self, kind):
        cpu = self.r.choice([0, 1, 7, 300])
        self.accesses += self.r.choice([0, 0, 1, 5, 2**33])
        self.time[cpu] = self.time.get(cpu, 0) + self.r.randrange(1000)
        e = entry(kind, cpu, self.accesses, 0 if kind in (2, 6) else self.time[cpu], self.body(kind))
        self.accesses += kind == 2
        return e


def make(seed, n):
    m = Maker(seed)
    head = machine(301, m.u64(), m.r.getrandbits(32), m.r.getrandbits(32), m.r.randrange(4))
    kinds = [k for k in SIZES if k != 10]
    return head * m.r.choice([1, 4]) + b"".join(m.next(m.r.choice(kinds)) for _ in range(n))


def types():
    m = Maker(15)
    return machine(301, 1 << 30, 100, 7, 3) * 2 + b"".join(m.next(k) for k in list(SIZES) * 4 if k != 10)


# ---- and back ----------------------------------------------------------------

class Back:
    def __init__(self):
        self.out = []
        self.accesses = 0
        self.rest = {}
        self.begin = None
        self.crossing = None		# access that goes on in the next record

    def put(self, rec, kind, body):
        time = 0 if kind in (2, 6, 10) else rec["time"]
        self.out.append(entry(kind, rec["cpu"], self.accesses, time, body))
        self.accesses += kind == 2
        self.rest = {}

    def origin(self, o):
        self.rest = o
        host = int(o["host"], 16)
        if o["entry"] == "machine":
            b = self.begin
            flags = ("locked" in b["options"]) + 2 * ("calls" in b["options"])
            self.put(o, 10, struct.pack("<HQQQB", b["cpus"], host, b["quantum"], b["sample"], flags))
        elif o["entry"] == "host":
            self.put(o, 3, struct.pack("<IQQ64x", o["detail"], o["instructions"], host))

    def flush(self):
        if self.crossing:
            a, op, flags, width = self.crossing
            self.crossing = None
            self.put(a, 2, struct.pack("<IBQQQB", op, flags, int(a["pc"], 16), int(a["paddr"], 16),
                                       int(a["addr"], 16), width))

    def access(self, a):
        if "split" in a["flags"] and self.crossing:
            first, op, flags, width = self.crossing
            self.crossing = (first, op, flags, width + a["width"])
            return
        self.flush()
        o = self.rest
        op = o.get("detail") or (1 if "load" in a["flags"] else 2)
        flags = ("moved" in a["flags"]) + 2 * ("atomic" in a["flags"]) + int(o.get("host", "0"), 16)
        self.crossing = (a, op, flags, a["width"])
        self.rest = {}
        if "split" not in a["flags"]:
            self.flush()

    def take(self, r):
        x = lambda f: int(r[f], 16)
        s = lambda f: r[f].encode()
        t = r["type"]
        if t != "access":
            self.flush()
        if t == "begin":
            self.begin, self.accesses = r, 0
        elif t == "judged":
            self.accesses = r["accesses"]
        elif t == "origin":
            self.origin(r)
        elif t == "access":
            self.access(r)
        elif t == "label":
            self.put(r, 1, struct.pack("<QI64sQQQ", int(self.rest.get("host", "0"), 16), STORAGE[r["storage"]],
                                       s("name"), x("addr"), r["bytes"], x("pc")))
        elif t == "mode":
            self.put(r, 3, struct.pack("<IQI64s4x", 1, r["instructions"], MODE[r["mode"]], s("name")))
        elif t == "entry":
            self.put(r, 4, struct.pack("<QQQHI", r["task"], x("pc"), x("tag"), r["depth"],
                                       self.rest.get("detail") or STATES[r["state"]]))
        elif t == "segment":
            self.put(r, 5, struct.pack("<QQHI", x("addr"), x("addr") + r["bytes"], r["owner"], 4))
        elif t == "call":
            ret = r["op"] == "ret"
            self.put(r, 6, struct.pack("<QQI", x("target"), 0 if ret else x("return_pc"), ret))
        elif t == "lock":
            self.put(r, 7, struct.pack("<QQ64sIB", x("pc"), x("addr"), s("name"), LOCK[r["op"]], r["read"]))
        elif t == "task":
            self.put(r, 8, struct.pack("<QQI64s", r["task"], r["process"], TASK[r["op"]], s("name")))
        elif t == "switch":
            self.put(r, 9, struct.pack("<Q", r["task"]))
        elif t == "appdata":
            self.put(r, 11, struct.pack("<HQ", self.rest.get("detail", 0), r["value"]))
        elif t == "scope":
            self.put(r, 12, struct.pack("<B64s", r["op"] == "leave", s("name")))
        elif t == "var":
            self.put(r, 13, struct.pack("<B64s", r["write"], s("name")))
        elif t == "gc":
            self.put(r, 14, struct.pack("<QQ64sB", x("addr"), r["bytes"], s("ctype"), r["op"] == "retire"))
        elif t == "epoch":
            self.put(r, 15, struct.pack("<B", r["op"] == "begin"))


def back(lines):
    b = Back()
    for line in lines:
        b.take(json.loads(line))
    return b"".join(b.out)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        out = make(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "types":
        out = types()
    else:
        out = back(sys.stdin)
    sys.stdout.buffer.write(out)
