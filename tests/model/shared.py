#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The answer of mt-shared, found the slow and obvious way.

usage: mt-tojson <stream | shared.py [--by WHAT] [--per WHAT] [--all] [--line-size N]
                                     [--shift N] [--min-moves N] [--min-cpus N]

Keeps every access of every line and looks back through them for each question.
Prints the rows as mt-tojson would.  Written from mt-shared(1).
"""
import argparse
import json
import math
import sys
from itertools import groupby

parser = argparse.ArgumentParser()
parser.add_argument("--by", default="line")
parser.add_argument("--per", default="")
parser.add_argument("--all", action="store_true")
parser.add_argument("--line-size", type=int, default=0)
parser.add_argument("--shift", type=int, default=0)
parser.add_argument("--min-moves", type=int, default=0)
parser.add_argument("--min-cpus", type=int, default=0)
options = parser.parse_args()

U64 = 1 << 64
FLAGS = ["load", "store", "atomic", "kernel", "moved", "split", "frame"]
CAUSES = ["syscall", "interrupt", "exception", "softirq", "thread", "scheduler"]
NO_ENTRY = (0, 0, 0)


class Touch:
    """One access, or its piece on one line."""

    def site(self):
        fine = options.by in ("address", "use", "byte")
        return (self.pc, self.process, self.cpu, self.object, self.field,
                self.entry if options.by in ("entry", "use") else NO_ENTRY,
                (self.addr + self.offset) % U64 if fine else 0,
                (self.offset, len(self.bytes)) if fine else (0, 0),
                self.task if options.by in ("task", "use") else 0)


class Entries:
    """Why each cpu is in the kernel: (pc, number, cause)."""

    def __init__(self):
        self.started, self.current = {}, {}

    def note(self, r):
        if r["type"] == "mode" and r["mode"] == "off":
            self.__init__()
        elif r["type"] == "entry" and r["state"] == "start":
            self.started[r["tag"]] = (int(r["pc"], 16), r["number"], CAUSES.index(r["cause"]))
        elif r["type"] == "entry" and r["state"] == "resume" and r["tag"] not in self.started:
            self.started[r["tag"]] = (int(r["pc"], 16), r["number"], CAUSES.index(r["cause"]))
        if r["type"] == "entry":
            on = r["state"] in ("start", "resume")
            self.current[r["cpu"]] = self.started[r["tag"]] if on else NO_ENTRY


def streams(text):
    """The records of each stream, from begin to end."""
    records = []
    for line in text:
        records.append(json.loads(line))
        if records[-1]["type"] == "end":
            yield records
            records = []


def read(records):
    """Lists of touches by line number, in the order of the log; and objects."""
    lines, kinds, running, tasks, entries = {}, {}, {}, {}, Entries()
    for r in records:
        entries.note(r)
        if r["type"] == "begin":
            begin, mode = r, r["mode"]
            size = options.line_size or r["line"]
            native = size == r["line"] and not options.shift
        elif r["type"] == "mode" and r["mode"] != "off":
            mode = r["mode"]
        elif r["type"] == "switch":
            running[r["cpu"]] = r["process"]
            tasks[r["cpu"]] = r["task"]
        elif r["type"] == "object":
            kinds[r["id"]] = r
        elif r["type"] == "access":
            at = int(r["paddr"], 16) + options.shift
            addr, left = int(r["addr"], 16), min(r["width"] or 1, begin["line"])
            while left:
                t = Touch()
                at %= U64
                t.line, t.offset = at // size, at % size
                t.bytes = set(range(t.offset, min(t.offset + left, size)))
                t.addr = (addr - t.offset) % U64
                t.pc, t.cpu = int(r["pc"], 16), r["cpu"]
                t.process = 0 if t.pc >> 63 else running.get(t.cpu, 0)
                t.object, t.field, t.flags = r["object"], r["field"], set(r["flags"])
                t.entry = entries.current.get(t.cpu, NO_ENTRY)
                if options.by == "entry" and t.entry != NO_ENTRY:
                    t.process = 0               # the kernel is one, whoever called it
                t.serial = sum(len(ts) for ts in lines.values())
                t.task, t.stack = tasks.get(t.cpu, 0), r["stack"]
                t.store = "store" in t.flags
                t.load = "load" in t.flags or not t.store
                t.trust = native and mode in ("movement", "all")
                t.complete = mode in ("all", "off") and begin["sample"] <= 1
                lines.setdefault(t.line, []).append(t)
                left -= len(t.bytes)
                at += len(t.bytes)
                addr += len(t.bytes)
    return begin, size, lines, kinds


def judge_moves(touches, cold):
    """Sets t.moved: by the flag, or by the movement rule."""
    everybody, holders = not cold, set()
    for t in touches:
        if t.store:
            moved = everybody or holders != {t.cpu}
            everybody, holders = False, {t.cpu}
        else:
            moved = not everybody and t.cpu not in holders
            if moved:
                holders.add(t.cpu)
        t.moved = "moved" in t.flags if t.trust else moved


def union(touches):
    return set().union(*(t.bytes for t in touches))


def judge_kind(touches, i):
    """'true', 'false' or None (not decided) for the move that is touches[i]."""
    t, window = touches[i], []
    for u in reversed(touches[:i]):
        if u.cpu == t.cpu and (u.store or not t.store):
            break
        if u.cpu != t.cpu and (u.store or t.store):
            window.append(u)
    else:
        return None                 # the first time
    if union(window) & t.bytes:
        return "true"
    cpus = {u.cpu for u in window}
    ever = union(u for u in touches[:i] if u.cpu in cpus and (u.store or t.store))
    if not window or (not t.complete and ever & t.bytes):
        return None
    return "false"


def class_of_bytes(touches):
    if len({t.cpu for t in touches}) < 2:
        return "none"
    if not any(t.store for t in touches):
        return "read"
    for cpu in {t.cpu for t in touches if t.store}:
        if union(t for t in touches if t.cpu == cpu and t.store) & \
           union(t for t in touches if t.cpu != cpu):
            return "true"
    return "false"


def make_sites(lines):
    """One dict for each (line, pc, process, cpu, object, field)."""
    sites = []
    for number, touches in lines.items():
        by_site = {}
        for t in touches:
            by_site.setdefault(t.site(), []).append(t)
        for (pc, process, cpu, obj, field, entry, addr, place, task), ts in by_site.items():
            moved = [t for t in ts if t.moved]
            sites.append({
                "line": number, "pc": pc, "process": process, "cpu": cpu,
                "addr": addr, "place": place, "task": task, "made": ts[0].serial,
                "moved": moved[0].serial if moved else None,
                "object": obj, "field": field, "moves": len(moved),
                "entry": entry, "entries": [t.entry for t in moved],
                "true": sum(t.kind == "true" for t in moved),
                "false": sum(t.kind == "false" for t in moved),
                "loads": sum(not t.store for t in ts), "stores": sum(t.store for t in ts),
                "reads": any(t.load for t in ts),
                "offset": (moved or ts)[0].offset,
                "flags": [f for f in FLAGS if f != "moved" and any(f in t.flags for t in ts)],
            })
    of_line = {}
    for s in sorted(sites, key=lambda s: (0, s["moved"]) if s["moves"] else (1, s["made"])):
        of_line[s["line"]] = s["age"] = of_line.get(s["line"], 0) + 1
    return sites


def rank(s):
    return (-s["moves"], -(s["loads"] + s["stores"]), s["line"], s["pc"], s["process"], s["cpu"],
            s["object"], s["field"], s["entry"], s["addr"], s["place"], s["task"])


def kind_of(kinds, obj, apart):
    """Number of an object's kind, by first definition; 0: no object."""
    def name(o):
        typed = o["ctype"] != ""
        return (o["ctype"], "" if typed and not apart else o["name"], "" if typed else o["pc"])
    names = []
    for o in kinds.values():
        if name(o) not in names:
            names.append(name(o))
    return 1 + names.index(name(kinds[obj])) if obj in kinds else 0


def row_key(s, kinds):
    if options.by == "line":
        return (s["line"],)
    if options.by == "object":
        return (s["object"],)
    if options.by == "ctype":
        return (kind_of(kinds, s["object"], False),)
    if options.by == "field":
        return (s["field"], 0 if s["field"] else kind_of(kinds, s["object"], True))
    if options.by == "entry":
        return s["entry"]
    if options.by == "task":
        return (s["task"],)
    if options.by in ("address", "use"):
        return (s["addr"], s["object"], s["line"])
    if options.by == "pc":
        return (s["process"], s["pc"])
    return (s["process"], s["pc"], s["line"])


def cpu_set(cpus):
    text, cpus = [], sorted(cpus)
    for _, run in groupby(enumerate(cpus), lambda p: p[1] - p[0]):
        run = [cpu for _, cpu in run]
        text.append(str(run[0]) if len(run) == 1 else "%d-%d" % (run[0], run[-1]))
    return ",".join(text)


def sharing(sites, classes):
    yes, no = sum(s["true"] for s in sites), sum(s["false"] for s in sites)
    if yes + no == 0:
        return max((classes[s["line"]] for s in sites), key=["none", "read", "false", "true"].index)
    if min(yes, no) > (yes + no) / 20:
        return "mixed"
    return "true" if yes >= no else "false"


def entry_of(sites):
    """What most moves of a row were made for."""
    entries = [e for s in sites for e in s["entries"]]
    return min(entries, key=lambda e: (-entries.count(e), e), default=NO_ENTRY)


def weight(sites, cpus):
    count = dict.fromkeys(cpus, 0)
    for s in sites:
        count[s["cpu"]] += s["loads"] + s["stores"]
    total = sum(count.values())
    squares = len(cpus) * sum(n * n for n in count.values()) - total * total
    return int(2000.0 * total / (math.sqrt(squares) / len(cpus))) if squares else total * 2000


def make_row(sites, every_site, lines, classes, size, cpus):
    def of_pc(s):
        return [u for u in sites if (u["pc"], u["process"]) == (s["pc"], s["process"])]

    def pc_rank(s):
        same = of_pc(s)
        return (-sum(u["moves"] for u in same), -sum(u["loads"] + u["stores"] for u in same),
                s["process"], s["pc"])
    one = min(of_pc(min(sites, key=pc_rank)), key=rank)
    others = [s for s in every_site if s["line"] == one["line"] and s["cpu"] != one["cpu"]]
    two = min(others, key=rank) if others else \
        {"pc": 0, "offset": 0, "object": 0, "field": 0, "flags": [], "process": 0}
    entry = one["entry"] if options.by == "entry" else entry_of(sites)
    numbers = {s["line"] for s in sites}
    single = numbers.pop() if len(numbers) == 1 else None
    return {
        "type": "shared", "cpu": 0, "time": 0,
        "moves": sum(s["moves"] for s in sites), "loads": sum(s["loads"] for s in sites),
        "stores": sum(s["stores"] for s in sites), "lines": len({s["line"] for s in sites}),
        "line": hex(0 if single is None else (single * size - options.shift) % U64),
        "addr": hex(0 if single is None else one["addr"] if options.by == "address" else
                    lines[single][0].addr),
        "pc": hex(one["pc"]), "pc2": hex(two["pc"]),
        "entry_pc": hex(entry[0]), "weight": weight(sites, cpus),
        "offset": one["offset"], "offset2": two["offset"],
        "object": one["object"], "object2": two["object"],
        "field": one["field"], "field2": two["field"],
        "process": one["process"] or two["process"],
        "flags": one["flags"], "flags2": two["flags"],
        "sharing": sharing(sites, classes), "by": options.by,
        "number": entry[1], "cause": CAUSES[entry[2]], "task": one["task"],
        "cpus": len({s["cpu"] for s in sites}),
        "reader_cpus": len({s["cpu"] for s in sites if s["reads"]}),
        "writer_cpus": len({s["cpu"] for s in sites if s["stores"]}),
        "readers": cpu_set({s["cpu"] for s in sites if s["reads"]}),
        "writers": cpu_set({s["cpu"] for s in sites if s["stores"]}),
    }


def make_uses(sites, lines, size):
    """Every site of an address row as a row of its own."""
    for s in sorted(sites, key=lambda s: (s["process"], s["pc"], rank(s))):
        yield {
            "type": "use", "cpu": s["cpu"], "time": 0, "moves": s["moves"],
            "true_moves": s["true"], "false_moves": s["false"], "loads": s["loads"],
            "stores": s["stores"], "line": hex((s["line"] * size - options.shift) % U64),
            "line_addr": hex(lines[s["line"]][0].addr), "addr": hex(s["addr"]),
            "pc": hex(s["pc"]), "entry_pc": hex(s["entry"][0]), "object": s["object"],
            "field": s["field"], "task": s["task"], "process": s["process"],
            "number": s["entry"][1], "cause": CAUSES[s["entry"][2]], "offset": s["place"][0],
            "line_bytes": size, "width": s["place"][1], "flags": s["flags"], "age": s["age"],
        }


# ---- heat ------------------------------------------------------------------

def report_heat(sites, kinds):
    """Byte by byte; neighbours with the same numbers are one row."""
    bytes_of = {}
    for s in sites:
        kind = kind_of(kinds, s["object"], True)
        start = s["addr"] - int(kinds[s["object"]]["addr"], 16) if kind else -1
        for at in range(start, start + s["place"][1]) if start >= 0 else ():
            bytes_of.setdefault((kind, at), []).append((s, start))
    last = None
    for (kind, at), used in sorted(bytes_of.items(), key=lambda b: b[0]):
        spans = {}
        for s, start in used:                           # most accesses name the field
            key = (start, start + s["place"][1], s["cpu"], s["field"], s["reads"])
            spans[key] = spans.get(key, 0) + s["loads"] + s["stores"]
        fields = [(-n, key) for key, n in spans.items() if key[3] and n]
        row = {
            "type": "heat", "cpu": 0, "time": 0, "offset": at, "bytes": 1,
            "moves": sum(s["moves"] for s, _ in used), "loads": sum(s["loads"] for s, _ in used),
            "stores": sum(s["stores"] for s, _ in used),
            "object": next(o for o in kinds if kind_of(kinds, o, True) == kind),
            "field": min(fields)[1][3] if fields else 0,
            "reader_cpus": len({s["cpu"] for s, _ in used if s["reads"]}),
            "writer_cpus": len({s["cpu"] for s, _ in used if s["stores"]}),
            "readers": cpu_set({s["cpu"] for s, _ in used if s["reads"]}),
            "writers": cpu_set({s["cpu"] for s, _ in used if s["stores"]}),
        }
        if last and last["offset"] + last["bytes"] == at and \
           {**last, "offset": 0, "bytes": 0} == {**row, "offset": 0, "bytes": 0}:
            last["bytes"] += 1
            continue
        put_heat(last)
        last = row
    put_heat(last)


def put_heat(row):
    if row and row["moves"] >= options.min_moves:
        print(json.dumps(row, separators=(",", ":")))


# ---- pairs -----------------------------------------------------------------

def giver_of(touches, i):
    """The access that the move touches[i] took the line from; None: nobody."""
    t, loads = touches[i], []
    for u in reversed(touches[:i]):
        if u.store:
            if u.cpu != t.cpu:
                return u
            break
        loads.append(u)
    others = [u for u in loads if u.cpu != t.cpu]
    return others[0] if t.store and others else None


def party(t):
    return (t.pc, t.cpu, t.process, t.object, t.field, t.stack, t.offset)


def pair_key(taker, giver, line, kinds):
    if options.by == "pair":
        return (taker[0], taker[2], taker[5], giver[0], giver[2], giver[5])
    thing = {
        "": lambda: (),
        "line": lambda: (line,),
        "object": lambda: (taker[3],),
        "ctype": lambda: (kind_of(kinds, taker[3], False),),
        "field": lambda: (taker[4], 0 if taker[4] else kind_of(kinds, taker[3], True)),
    }[options.per]()
    return thing + (taker[1], giver[1])


def flag_list(flags):
    return [f for f in FLAGS if f != "moved" and f in flags]


def make_pair(takings, flags, size):
    """takings: [(line, taker, giver, kinds of moves)], the one to show first."""
    line, one, two, _ = takings[0]
    kinds = [k for x in takings for k in x[3]]
    numbers = {x[0] for x in takings}
    whole = options.by == "cpus" and not options.per
    return {
        "type": "pair", "cpu": 0, "time": 0, "moves": len(kinds),
        "true_moves": kinds.count("true"), "false_moves": kinds.count("false"),
        "line": hex(line if len(numbers) == 1 else 0),
        "pc": hex(one[0]), "pc2": hex(two[0]), "stack": one[5], "stack2": two[5],
        "object": 0 if whole else one[3], "object2": 0 if whole else two[3],
        "field": 0 if whole else one[4], "field2": 0 if whole else two[4],
        "process": one[2], "process2": two[2], "to": one[1], "from": two[1],
        "flags": flag_list(set().union(*(flags[x[1]] for x in takings))),
        "flags2": flag_list(set().union(*(flags[x[2]] for x in takings))),
        "offset": one[6], "offset2": two[6],
        "by": "pair" if options.by == "pair" else (options.per and options.per + "_") + "cpus",
        "lines": len(numbers),
        "takers": cpu_set({x[1][1] for x in takings}),
        "givers": cpu_set({x[2][1] for x in takings}),
    }


def report_pairs(lines, kinds, size):
    takings, flags = {}, {}
    for number, touches in lines.items():
        line = (number * size - options.shift) % U64
        for i, t in enumerate(touches):
            giver = giver_of(touches, i) if t.moved else None
            if giver:
                takings.setdefault((line, party(t), party(giver)), []).append(t.kind)
                for u in (t, giver):
                    flags.setdefault(party(u), set()).update(u.flags)
    groups = {}
    for (line, taker, giver), moves in takings.items():
        groups.setdefault(pair_key(taker, giver, line, kinds), []).append((line, taker, giver, moves))
    rows = []
    for key, group in groups.items():
        group.sort(key=lambda x: (-len(x[3]), x[0], x[1], x[2]))
        row = make_pair(group, flags, size)
        if row["moves"] >= options.min_moves:
            key = (key[0], key[1] << 32 | key[2], key[3], key[4] << 32 | key[5]) \
                if options.by == "pair" else key
            rows.append(((-row["moves"], key), row))
    for _, row in sorted(rows, key=lambda r: r[0]):
        print(json.dumps(row, separators=(",", ":")))


# ---- all together ------------------------------------------------------------

def report(records):
    begin, size, lines, kinds = read(records)
    for touches in lines.values():
        judge_moves(touches, "cold" in begin["options"])
        for i, t in enumerate(touches):
            t.kind = judge_kind(touches, i) if t.moved else None
    classes = {n: class_of_bytes(ts) for n, ts in lines.items()}
    cpus = {t.cpu for ts in lines.values() for t in ts}
    cpus = list(cpus) + [("idle", i) for i in range(begin["cpus"] - len(cpus))]
    sites = [s for s in make_sites(lines)
             if options.all or classes[s["line"]] in ("true", "false")]
    if options.by == "byte":
        return report_heat(sites, kinds)
    if options.by in ("pair", "cpus"):
        return report_pairs(lines, kinds, size)
    groups = {}
    for s in sites:
        groups.setdefault(row_key(s, kinds), []).append(s)
    rows = []
    for key, group in groups.items():
        row = make_row(group, sites, lines, classes, size, cpus)
        if row["moves"] >= options.min_moves and row["cpus"] >= options.min_cpus:
            rows.append(((-row["moves"], int(row["line"], 16), key), row, group))
    for _, row, group in sorted(rows, key=lambda r: r[0]):
        for r in make_uses(group, lines, size) if options.by == "use" else [row]:
            print(json.dumps(r, separators=(",", ":")))
    return None


for stream in streams(sys.stdin):
    report(stream)
