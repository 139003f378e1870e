#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""locks.py serial|guard [OPTION...]: what mt-serial or mt-locks says of a log.

Reads mt-tojson, writes a JSON object a row.  Slow and plain: every section and
every access is kept, and rows are made by going through all of them."""
import argparse
import collections
import json
import math
import sys

HANDLERS = ("interrupt", "softirq")
SECTIONS = ["lock", "retry", "access"]


class Entries:
    """Which call stack is current on each cpu: the rules of mt_entries.h."""

    def __init__(self):
        self.tags, self.current, self.aside = {}, {}, {}

    def leave(self, k):
        below = self.tags.get(k["below"])
        if below and not (below["current"] and below["cpu"] == k["cpu"] and below is not k):
            below = None
        if self.current.get(k["cpu"]) is k:
            self.current[k["cpu"]] = below
        if self.aside.get(k["cpu"]) is k:
            self.aside[k["cpu"]] = None
        k["current"] = False

    def note(self, r):
        if r["type"] == "switch":
            self.aside[r["cpu"]] = None
        if r["type"] == "begin" or r["type"] == "mode" and r["mode"] == "off":
            self.__init__()
        if r["type"] != "entry":
            return
        k = self.tags.get(r["tag"])
        if r["state"] in ("start", "resume"):
            if k is None:
                k = self.tags[r["tag"]] = {"pc": "0x0", "below": None, "current": False, "cpu": 0}
            self.leave(k)
            if r["state"] == "start" or k["pc"] == "0x0":
                k.update(pc=r["pc"], cause=r["cause"], task=r["task"])
            k.update(tag=r["tag"], cpu=r["cpu"])
            if r["state"] == "start":
                below = self.current.get(k["cpu"]) or self.aside.get(k["cpu"])
                k["below"] = below["tag"] if below and below is not k and below["task"] == k["task"] \
                    else None
            k["current"] = True
            self.current[k["cpu"]], self.aside[k["cpu"]] = k, None
        elif k:
            self.leave(k)
            if r["state"] == "pause":
                self.aside[k["cpu"]] = k
            else:
                del self.tags[r["tag"]]

    def handler(self, cpu):
        k = self.current.get(cpu)
        for _ in range(64):
            if not k:
                return None
            if k["cause"] in HANDLERS:
                return k["tag"]
            k = self.tags.get(k["below"])
        return None


class Log:
    def __init__(self, o):
        self.o = o
        self.rows = []                      # printed at the end

    def clear(self):
        self.sections, self.accesses, self.unheld, self.hidden = [], [], 0, collections.Counter()
        self.moves = self.atomics = 0
        self.spans = {}
        self.work = [0, 0]                  # instructions, cpus

    def begin(self, r):
        self.clear()
        self.entries, self.task, self.process = Entries(), {}, {}
        self.stacks = {}                    # strand: attempts and holds, latest last
        self.released = collections.Counter()
        self.n = 0
        self.name, self.field, self.storage = {}, {}, {}
        self.births, self.owner = {}, {}
        self.places = []                    # of objects, in the order of their definitions
        self.recording = True
        self.run = None if r["mode"] == "off" else ""
        self.said = r["mode"] != "off"
        self.start = 0
        self.cpus = r["cpus"]

    # ---- strands and locks

    def strand(self, cpu):
        tag = self.entries.handler(cpu)
        if tag is not None:
            return ("tag", tag)
        return ("task", self.task[cpu]) if self.task.get(cpu) else ("cpu", cpu)

    def space(self, cpu, addr):
        return 0 if int(addr, 16) >> 63 else self.process.get(cpu, 0)

    def everything(self):
        return [x for s in self.stacks.values() for x in s]

    def remove(self, x):
        self.stacks[x["strand"]].remove(x)

    def end(self, x, what, r):
        self.remove(x)
        x["object"] = self.place(x["addr"], x["key"][1])
        if what == "ended":
            x["instructions"] = r["time"] - x["start"]
        self.sections.append(dict(x, what=what, end=r["time"]))

    def set_place(self, x, r):
        x.update(cpu=r["cpu"], start=r["time"], pc=r["pc"], process=self.space(r["cpu"], r["pc"]),
                 task=r["task"] or self.task.get(r["cpu"], 0))

    def lock(self, r):
        mine = self.strand(r["cpu"])
        key = (r["addr"], self.space(r["cpu"], r["addr"]))
        these = [x for x in self.everything() if x["key"] == key]
        attempt = [x for x in these if x["strand"] == mine and x["tries"]]
        has = [x for x in these if x["strand"] == mine and not x["tries"]]

        def new(tries):
            self.n += 1
            x = {"strand": mine, "key": key, "tries": tries, "read": int(r["read"] != 0),
                 "name": r["name"] or r["addr"], "addr": r["addr"], "n": self.n, "depth": 1,
                 "waited": 0, "contended": 0, "moves": collections.Counter(), "atomics": 0,
                 "wait_moves": 0, "wait_atomics": 0, "instructions": 0}
            x["before"] = self.released[key, x["read"]]
            self.set_place(x, r)
            self.stacks.setdefault(mine, []).append(x)
            return x

        if r["op"] == "acquire":
            for x in attempt:
                self.remove(x)
            new(True)
        elif r["op"] == "acquired" and has:
            has[0]["depth"] += 1
            for x in attempt:
                has[0]["wait_moves"] += x["wait_moves"]
                has[0]["wait_atomics"] += x["wait_atomics"]
                self.remove(x)
        elif r["op"] == "acquired":
            x = attempt[0] if attempt else new(False)
            if x["tries"]:
                if x["cpu"] == r["cpu"]:
                    x["waited"] = max(0, r["time"] - x["start"])
                x["contended"] = int(self.released[key, x["read"]] != x["before"])
                x["tries"] = False
                self.remove(x)
                self.stacks[mine].append(x)
            self.set_place(x, r)
            for y in these:
                if y["strand"] != mine and not y["tries"] and not (y["read"] and x["read"]):
                    self.end(y, "lost", r)
        elif r["op"] == "failed":
            for x in attempt:
                self.end(x, "failed", r)
        elif r["op"] == "release":
            held = [x for x in these if not x["tries"]]
            near = sorted((x for x in held if x["cpu"] == r["cpu"]), key=lambda x: x["n"])
            writers = [x for x in held if not x["read"]]
            x = (has or near or writers or [None])[0]
            self.released[key, 0] += 1      # what a writer waits for
            self.released[key, 1] += not x["read"] if x else not r["read"]
            if not x:
                self.unheld += 1
                return
            x["depth"] -= 1
            if not x["depth"]:
                good = x["cpu"] == r["cpu"] and r["time"] >= x["start"]
                self.end(x, "ended" if good else "lost", r)

    def place(self, addr, process):
        """The innermost object there: of each layer the last one that was put there."""
        addr = int(addr, 16)
        for layer in (("stack",), ("heap", "static", "percpu"), ("block",)):
            these = [o for o in self.places if o["storage"] in layer and o["process"] == process]
            for i, o in enumerate(these):
                start, end = int(o["addr"], 16), int(o["addr"], 16) + o["bytes"]
                gone = any(int(p["addr"], 16) < end and int(p["addr"], 16) + p["bytes"] > start
                           for p in these[i + 1:])
                if start <= addr < end and not gone:
                    return o["id"]
        return 0

    # ---- accesses

    def access(self, r):
        moved = "moved" in r["flags"]
        hit = "atomic" in r["flags"] and not moved
        stack = self.stacks.get(self.strand(r["cpu"]))
        self.moves += moved
        self.atomics += hit
        self.guard(r, stack or [])
        if not stack:
            if self.o.unlocked:
                self.sections.append({
                    "what": "access", "name": self.name.get(r["object"], ""), "read": 0,
                    "addr": "0x0" if r["object"] else r["addr"], "object": r["object"],
                    "cpu": r["cpu"], "task": self.task.get(r["cpu"], 0), "pc": r["pc"],
                    "process": self.space(r["cpu"], r["pc"]), "instructions": 1, "waited": 0,
                    "contended": 0, "moves": collections.Counter([int(r["pc"], 16)] if moved else []),
                    "atomics": int(hit), "wait_moves": 0, "wait_atomics": 0})
        elif stack[-1]["tries"]:
            stack[-1]["wait_moves"] += moved
            stack[-1]["wait_atomics"] += hit
        else:
            stack[-1]["atomics"] += hit
            if moved:
                stack[-1]["moves"][int(r["pc"], 16)] += 1

    def guard(self, r, stack):
        hidden = False
        if r["object"] in self.owner and not self.o.hidden:
            kind, who = self.strand(r["cpu"])
            hidden = kind == "task" and self.owner[r["object"]] == who
            if not hidden:
                del self.owner[r["object"]]
        if r["field"]:
            subject = self.field.get(r["field"])
        else:
            subject = self.storage.get(r["object"])
        if not subject:
            return
        if hidden:
            self.hidden[subject] += 1
            return
        held = {}
        for x in stack:
            if not x["tries"] and held.get(x["name"]) != "write":
                held[x["name"]] = "read" if x["read"] else "write"
        self.accesses.append((subject, held, "store" in r["flags"], int(r["pc"], 16),
                              self.space(r["cpu"], r["pc"])))

    def label(self, r):
        if r["storage"] != "heap":
            return
        key = (r["addr"], r["process"])
        old = self.births.pop(key, None)
        if old:
            self.owner.pop(old[1], None)
        task = r["task"] or self.task.get(r["cpu"], 0)
        if r["op"] == "alloc" and self.recording and task:
            self.births[key] = [task, None]

    # ---- runs

    def close(self, instructions):
        self.work[0] += instructions or sum(max(0, b - a) for a, b in self.spans.values())
        self.work[1] = max(self.work[1], self.cpus or len(self.spans))
        self.spans = {}

    def mode(self, r):
        on = r["mode"] != "off"
        if not self.said and on:
            self.clear()
        if self.run is not None and not (on and r["name"] == self.run):
            self.close(max(0, r["instructions"] - self.start))
        if on and r["name"] != self.run:
            self.start = r["instructions"]
        self.said = True
        self.run = r["name"] if on else None
        self.recording = on

    def note(self, r):
        t = r["type"]
        if t == "begin":
            self.begin(r)
        elif t == "mode":
            self.mode(r)
            if r["mode"] == "off":
                self.stacks = {}
        elif t == "object":
            self.name[r["id"]] = r["ctype"] or r["name"]
            self.places.append(r)
            if r["storage"] in ("static", "percpu"):
                self.storage[r["id"]] = ("", r["name"], 0)
            birth = self.births.get((r["addr"], r["process"]))
            if birth and r["storage"] == "heap":
                birth[1] = r["id"]
                self.owner[r["id"]] = birth[0]
        elif t == "field":
            self.field[r["id"]] = (r["ctype"], r["path"], r["offset"])
        elif t == "task" and r["op"] == "create":
            for x in list(self.stacks.get(("task", r["task"]), [])):
                if x["tries"]:
                    self.remove(x)
                else:
                    self.end(x, "lost", r)
        if t in ("lock", "switch", "entry") and self.recording:
            a, _ = self.spans.get(r["cpu"], (r["time"], 0))
            self.spans[r["cpu"]] = (a, r["time"])
        if t == "lock" and self.recording:
            self.lock(r)
        elif t == "access" and self.recording:
            self.access(r)
        elif t == "label":
            self.label(r)
        elif t == "switch":
            self.task[r["cpu"]], self.process[r["cpu"]] = r["task"], r["process"]
        self.entries.note(r)
        if t == "end":
            if self.run is not None or not self.said:
                self.close(r["instructions"])
            if self.o.what == "serial":
                self.serial_rows()
            else:
                self.guard_rows()

    # ---- rows of mt-serial

    def key(self, s):
        by = self.o.by.split(",")
        section = 2 if s["what"] == "access" else 1 if s["name"].startswith("cmpxchg") else 0
        return (section, s["name"] if {"class", "lock", "pc"} & set(by) else "", s["read"],
                int(s["addr"], 16) if "lock" in by else 0,
                s.get("object", 0) if "lock" in by else 0, s["task"] if "task" in by else 0,
                s["process"] if {"lock", "pc"} & set(by) else 0,
                int(s["pc"], 16) if "pc" in by else 0, s["cpu"] if "cpu" in by else 0)

    def serial_rows(self):
        groups = collections.defaultdict(list)
        for s in self.sections:
            full = ("ended", "access")
            if s["what"] not in full:           # of these nothing else counts
                s.update(instructions=0, waited=0, contended=0, moves=collections.Counter(),
                         atomics=0, wait_moves=0, wait_atomics=0)
            groups[self.key(s)].append(s)
        every = [s for g in groups.values() for s in g]
        n_cpus = self.work[1]
        print(json.dumps({
            "type": "work", "total_instructions": self.work[0],
            "total_cycles": self.work[0] + self.o.miss_cost * self.moves, "total_moves": self.moves,
            "total_atomics": self.atomics, "total_waited": sum(s["waited"] for s in every),
            "waited_moves": sum(s["wait_moves"] for s in every),
            "waited_atomics": sum(s["wait_atomics"] for s in every),
            "total_mismatches": sum(s["what"] == "lost" for s in every),
            "unheld": self.unheld, "n_cpus": n_cpus}))
        rows = [self.serial_row(k, g, n_cpus) for k, g in groups.items()]
        for _, row in sorted(rows, key=lambda x: (-x[1]["cycles"], x[0])):
            print(json.dumps(row))

    def serial_row(self, key, group, n_cpus):
        moves, places, cpus = collections.Counter(), collections.Counter(), collections.Counter()
        for s in group:
            for pc, n in s["moves"].items():
                moves[pc, s["process"]] += n
            places[int(s["pc"], 16), s["process"]] += s["what"] in ("ended", "access")
            if s["instructions"]:
                cpus[s["cpu"]] += s["instructions"]
        total = sum(cpus.values())
        n = max(n_cpus, len(cpus))
        cycles = total + self.o.miss_cost * sum(moves.values())
        all_cycles = self.work[0] + self.o.miss_cost * self.moves
        place = min(places, key=lambda p: (-places[p], p[1], p[0]))
        addrs = {s["addr"] for s in group}
        objects = {s.get("object", 0) for s in group}
        spread = math.sqrt(max(0, sum((100 * x / total) ** 2 for x in cpus.values()) / n -
                               (100 / n) ** 2)) if total else 0
        return key, {
            "type": "serial", "cpu": key[8], "instructions": total, "cycles": cycles,
            "waited": sum(s["waited"] for s in group),
            "least": min(cpus.values()) if cpus and len(cpus) == n else 0,
            "longest": max(s["instructions"] for s in group),
            "acquires": sum(s["what"] in ("ended", "access") for s in group),
            "contended": sum(s["contended"] for s in group),
            "failed": sum(s["what"] == "failed" for s in group),
            "moves": sum(moves.values()), "wait_moves": sum(s["wait_moves"] for s in group),
            "atomics": sum(s["atomics"] for s in group),
            "wait_atomics": sum(s["wait_atomics"] for s in group),
            "mismatches": sum(s["what"] == "lost" for s in group),
            "share": cycles * 1000000 // all_cycles if all_cycles else 0,
            "spread": int(100 * spread + 0.5), "addr": addrs.pop() if len(addrs) == 1 else "0x0",
            "pc": hex(place[0]), "process": place[1],
            "pc2": hex(min(moves, key=lambda m: (-moves[m], m))[0]) if moves else "0x0",
            "object": objects.pop() if len(objects) == 1 else 0, "task": key[5],
            "cpus": len(cpus), "section": SECTIONS[key[0]], "read": key[2], "name": key[1],
            "by_cpu": " ".join("%d:%d" % c for c in sorted(cpus.items()))}

    # ---- rows of mt-locks

    def guard_rows(self):
        subjects = {a[0] for a in self.accesses}
        rows = []
        for subject in subjects:
            mine = [a for a in self.accesses if a[0] == subject]
            for name in {n for a in mine for n in a[1]}:
                n = collections.Counter((a[1].get(name, "none"), a[2]) for a in mine)
                stores = n["none", True] + n["read", True] + n["write", True]
                row = {
                    "type": "guard", "loads": len(mine) - stores, "stores": stores,
                    "write_loads": n["write", False], "write_stores": n["write", True],
                    "read_loads": n["read", False], "read_stores": n["read", True],
                    "hidden": self.hidden[subject],
                    "share": n["write", True] * 1000000 // stores if stores else 0,
                    "access_share": (len(mine) - n["none", True] - n["none", False]) * 1000000 //
                    len(mine), "offset": subject[2], "name": name, "ctype": subject[0],
                    "path": subject[1]}
                good = stores and len(mine) >= self.o.min_accesses and \
                    row["share"] >= self.o.min_share * 10000
                if good or self.o.all:
                    rows.append((row, self.pc_rows(mine, name, subject) if self.o.pcs else []))
        for row, pcs in sorted(rows, key=lambda x: (-x[0]["share"], -x[0]["write_stores"],
                                                    -x[0]["access_share"], x[0]["ctype"],
                                                    x[0]["path"], x[0]["name"])):
            print(json.dumps(row))
            for p in pcs:
                print(json.dumps(p))

    def pc_rows(self, mine, name, subject):
        n = collections.defaultdict(lambda: [0, 0])
        for _, held, store, pc, process in mine:
            n[("none", "read", "write").index(held.get(name, "none")), process, pc][store] += 1
        order = sorted(n.items(), key=lambda x: (-x[0][0], -x[1][1], -x[1][0], x[0][1], x[0][2]))
        return [{"type": "locked", "loads": v[0], "stores": v[1], "pc": hex(k[2]), "process": k[1],
                 "held": ("none", "read", "write")[k[0]], "name": name, "ctype": subject[0],
                 "path": subject[1]} for k, v in order]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["serial", "guard"])
    p.add_argument("--by", default="class")
    p.add_argument("--unlocked", action="store_true")
    p.add_argument("--miss-cost", type=int, default=0)
    p.add_argument("--all", action="store_true")
    p.add_argument("--pcs", action="store_true")
    p.add_argument("--hidden", action="store_true")
    p.add_argument("--min-share", type=int, default=95)
    p.add_argument("--min-accesses", type=int, default=10)
    log = Log(p.parse_args())
    for line in sys.stdin:
        log.note(json.loads(line))


main()
