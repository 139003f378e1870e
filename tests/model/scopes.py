#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The answer of mt-scopes, found the slow and obvious way.

usage: mt-tojson <stream | scopes.py [--by operation|scope] [--conflicts N]
                                     [--list] [--testcases] [--prefix TEXT] [--per-run]

Keeps the access of each byte of each scope, and compares all pairs of scopes.
Prints the rows as mt-tojson would.  Written from mt-scopes(1).
"""
import argparse
import itertools
import sys

from running import Running, Runs, row, streams

parser = argparse.ArgumentParser()
parser.add_argument("--by", default="operation")
parser.add_argument("--conflicts", type=int, default=25)
parser.add_argument("--list", action="store_true")
parser.add_argument("--testcases", action="store_true")
parser.add_argument("--prefix", default="syscall:")
parser.add_argument("--per-run", action="store_true")
options = parser.parse_args()

FLAGS = ["load", "store", "atomic", "kernel", "moved", "split", "frame"]


class Touched:
    """The first store to each byte, or else the first load."""

    def __init__(self):
        self.bytes = {}

    def add(self, r):
        for at in range(r["paddr"], r["paddr"] + min(r["width"], 64)):
            old = self.bytes.get(at)
            if not old or (r["store"] and not old["store"]):
                self.bytes[at] = r

    def same_as(self, other):
        return {b: r["store"] for b, r in self.bytes.items()} == \
               {b: r["store"] for b, r in other.bytes.items()}


class Scope:
    def __init__(self, r, number):
        self.id, self.name, self.cpu, self.time = number, r["name"], r["cpu"], r["time"]
        self.vars, self.cpus, self.touched = {}, set(), Touched()

    def shares_variable(self, other):
        return any(v in other.vars and "write" in (w, other.vars[v]) for v, w in self.vars.items())

    def shared_bytes(self, other):
        mine, theirs = self.touched.bytes, other.touched.bytes
        return [b for b in mine if b in theirs and (mine[b]["store"] or theirs[b]["store"])]

    def same_as(self, other):
        return (self.name, self.cpus, self.vars) == (other.name, other.cpus, other.vars) and \
            self.touched.same_as(other.touched)


class Open:
    """Scopes that are open, by who opened them: ("tag", n) or ("task", n)."""

    def __init__(self, running, closed):
        self.running, self.closed, self.of, self.opened = running, closed, {}, 0

    def owner(self, cpu, task):
        tag = self.running.current.get(cpu)
        return ("tag", tag) if tag else ("task", self.running.owner(cpu, task))

    def chain(self, cpu):
        tag, found = self.running.current.get(cpu), []
        while tag:
            found += self.of.get(("tag", tag), [])
            e = self.running.by_tag.get(tag)
            if e.cause not in (0, 2):
                return found
            tag = e.below if e.cause == 2 and e.below in self.running.by_tag else None
            if e.cause == 2 and e.below and not tag:
                break
        return found + self.of.get(("task", self.running.owner(cpu)), [])

    def end(self, owner):
        for s in reversed(self.of.pop(owner, [])):
            self.closed(s)

    def end_all(self):
        for owner in sorted(self.of):
            self.end(owner)

    def note(self, r, on):
        if r["type"] == "scope" and r["op"] == "enter" and on:
            self.opened += 1
            self.of.setdefault(self.owner(r["cpu"], r["task"]), []).append(Scope(r, self.opened))
        elif r["type"] == "scope" and r["op"] == "leave":
            of = self.of.get(self.owner(r["cpu"], r["task"]))
            if of:
                self.closed(of.pop())
        elif r["type"] == "var":
            of = self.of.get(self.owner(r["cpu"], r["task"]))
            if of and (r["write"] or r["name"] not in of[-1].vars):
                of[-1].vars[r["name"]] = "write" if r["write"] else "read"
        elif r["type"] == "task" and r["op"] == "exit":
            self.end(("task", r["task"]))
        elif r["type"] == "entry" and r["state"] in ("start", "done"):
            self.end(("tag", r["tag"]))


def meetings(sides, size):
    """Conflicts of some footprints by number: [(bytes, first, second, pairs)]."""
    found = []
    for at in sorted({b for _, t in sides for b in t.bytes}):
        here = [(n, t.bytes[at]) for n, t in sides if at in t.bytes]
        writers = [x for x in here if x[1]["store"]]
        if not writers or len(here) < 2:
            continue
        other = next(x for x in here if x[0] != writers[0][0])
        two = sorted([writers[0], other], key=lambda x: x[0])
        pairs = len(writers) * (len(writers) - 1) // 2 + len(writers) * (len(here) - len(writers))
        key = tuple((n, r["site"]) for n, r in two) + (pairs,)
        last = found[-1] if found else None
        if last and last["key"] == key and last["end"] == at and at % size:
            last["end"] += 1
        else:
            found.append({"key": key, "at": at, "end": at + 1, "two": [r for _, r in two],
                          "pairs": pairs})
    return found


def put_conflict(c, number=0, one=0, two=0):
    a, b = c["two"]
    fields = {}
    for name in ("object", "field", "stack", "process"):
        fields[name], fields[name + "2"] = a[name], b[name]
    flags = [[f for f in FLAGS if f in r["flags"] and f not in ("moved", "split")] for r in (a, b)]
    row("conflict", cpu=a["cpu"], addr="%#x" % ((c["at"] + a["addr"] - a["paddr"]) % (1 << 64)),
        paddr="%#x" % c["at"], bytes=c["end"] - c["at"], pc="%#x" % a["pc"], pc2="%#x" % b["pc"],
        number=number, id=one, id2=two, cpu2=b["cpu"], pairs=c["pairs"], **fields,
        flags=flags[0], flags2=flags[1])


def operation(name):
    return name.split("(")[0]


def report_pairs(kept, size):
    counts = {"both": 0, "logical": 0, "physical": 0}
    kinds, compared, findings = [], 0, {}
    for s in sorted(kept, key=lambda s: s.id):      # the first of those that did the same
        for k in kinds:
            if k.same_as(s):
                s.kind = k
                break
        else:
            kinds.append(s)
            s.kind = s
    for i, a in enumerate(kept):
        for b in kept[i + 1:]:
            x, y = sorted((a, b), key=lambda s: (operation(s.name), s.name, s.kind.id))
            if x.cpus & y.cpus:
                continue
            compared += 1
            shared = len(x.shared_bytes(y))
            logical = x.shares_variable(y)
            counts["both"] += logical and shared > 0
            counts["logical"] += logical and not shared
            if not shared or logical:
                continue
            counts["physical"] += 1
            key = (operation(x.name), operation(y.name)) if options.by == "operation" else \
                (x.kind.id, y.kind.id)
            findings.setdefault(key, []).append((shared, x.kind, y.kind))
    for value, name in ((len(kept), "total scopes"), (compared, "compared scopes"),
                        (compared - sum(counts.values()), "logically unshared/physically unshared"),
                        (counts["both"], "logically shared/physically shared"),
                        (counts["physical"], "logically unshared/physically shared"),
                        (counts["logical"], "logically shared/physically unshared")):
        row("stat", value=value, name=name, unit="")
    def names(s):
        return operation(s.name), s.name, s.id
    rows = []
    for of in findings.values():
        most, x, y = min(of, key=lambda f: (-f[0], names(f[1]), names(f[2])))
        rows.append((-sum(f[0] for f in of), -len(of), names(x), names(y), most, x, y))
    for total, pairs, _, _, most, x, y in sorted(rows, key=lambda r: r[:4]):
        found = meetings([(0, x.touched), (1, y.touched)], size)
        cut = operation if options.by == "operation" else str
        row("unexpected", bytes=-total, pairs=-pairs, most=most, conflicts=len(found), id=x.id,
            id2=y.id, by=options.by, name=cut(x.name), name2=cut(y.name))
        for c in found[:options.conflicts]:
            put_conflict(c, one=x.id, two=y.id)


def list_scope(s, number):
    for v in sorted(s.vars) or [None]:
        row("abstract", cpu=s.cpu, time=s.time, number=number, id=s.id, access=s.vars[v] if v else "none",
            name=s.name, var=v or "")


def analyse(records):
    running, runs, kept = Running(), Runs(), []
    size, guest = records[0]["line"], records[0]["machine"] == "system"
    test, sides, judged = None, {}, 0
    numbers = itertools.count(1)

    def closed(s):
        if options.list:
            list_scope(s, next(numbers))
        elif s.vars:
            kept.append(s)

    scopes = Open(running, closed)
    for r in records:
        ends, _ = runs.change(r)
        if ends or r["type"] == "end":
            scopes.end_all()
            if test:
                found = meetings(sorted(sides.items()), size)
                row("testcase", number=runs.number, conflicts=len(found),
                    bytes=sum(c["end"] - c["at"] for c in found), accesses=judged,
                    mode=test, name=runs.name)
                for c in found:
                    put_conflict(c, number=runs.number)
            test, sides, judged = None, {}, 0
            if not options.list and not options.testcases and (options.per_run or r["type"] == "end"):
                if (options.per_run and ends) or not options.per_run:
                    report_pairs(kept, size)
                    kept = []
        runs.note(r)
        if options.testcases and runs.on and runs.mode in ("scope", "kernel") and not test:
            test = runs.mode
        scopes.note(r, runs.on)
        running.note(r)
        if r["type"] != "access":
            continue
        for k in ("pc", "addr", "paddr"):
            r[k] = int(r[k], 16)
        r["store"] = "store" in r["flags"]
        r["process"] = running.process_of(r["cpu"], r["pc"])
        r["site"] = (r["pc"], r["addr"] - r["paddr"], r["process"], r["object"], r["field"],
                     r["stack"], tuple(f for f in r["flags"] if f not in ("moved", "split")),
                     r["cpu"])
        inside = scopes.chain(r["cpu"])
        for s in inside:
            s.cpus.add(r["cpu"])
            s.touched.add(r)
        if test and (test == "kernel" or any(s.name.startswith(options.prefix) for s in inside)) \
                and (not guest or r["addr"] >> 63):
            judged += 1
            sides.setdefault(r["cpu"], Touched()).add(r)


for stream in streams(sys.stdin):
    analyse(stream)
