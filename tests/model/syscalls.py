#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The answer of mt-syscalls, found the slow and obvious way.

usage: mt-tojson <stream | syscalls.py [--accesses] [--all-accesses] [--per-run]

Keeps all accesses of all invocations, and counts at the end.  Prints the rows
as mt-tojson would.  Written from mt-syscalls(1).
"""
import sys

from running import CAUSES, Running, Runs, row, streams

ACCESSES = "--accesses" in sys.argv
ALL = "--all-accesses" in sys.argv
PER_RUN = "--per-run" in sys.argv
NONE = (0, 0, 0)


class Call:
    def __init__(self, key, cut):
        self.key, self.cut, self.accesses = key, cut, []


def counts(accesses):
    flags = [set(a["flags"]) for a in accesses]
    return {"moves": sum("moved" in f for f in flags),
            "loads": sum("store" not in f for f in flags),
            "stores": sum("store" in f for f in flags),
            "atomics": sum("atomic" in f for f in flags)}


def lines(call, size):
    return len({int(a["paddr"], 16) // size for a in call.accesses if ALL or "moved" in a["flags"]})


def put(key, by, accesses, pc=0, process=0, **numbers):
    row("syscall", **{**dict(lines=0, calls=0, cut=0, most=0), **numbers, **counts(accesses)},
        entry_pc="%#x" % key[0], pc="%#x" % pc, number=key[1], cause=CAUSES[key[2]],
        process=process, by=by, operation="")


def report(calls, size):
    entries = {}
    for call in calls:
        entries.setdefault(call.key, []).append(call)
    order = []
    for key, of in entries.items():
        n = [lines(c, size) for c in of]
        order.append((-sum(n), -len(of), key, max(n), sum(c.cut for c in of),
                      [a for c in of for a in c.accesses]))
    order.sort(key=lambda o: o[:3])
    for total, n, key, most, cut, accesses in order:
        put(key, "entry", accesses, lines=-total, calls=-n, cut=cut, most=most)
    for _, _, key, _, _, accesses in order if ACCESSES else []:
        sites = {}
        for a in accesses:
            sites.setdefault((int(a["pc"], 16), a["process"]), []).append(a)
        for (pc, process), of in sorted(sites.items(), key=lambda s: (
                -counts(s[1])["moves"], -len(s[1]), s[0])):
            put(key, "site", of, pc, process)


def analyse(records):
    running, runs = Running(), Runs()
    alive, outside, done = {}, {}, []           # by tag; by owner; ended
    begin, seen = records[0], False

    def end(calls, key, cut):
        if key in calls:
            calls[key].cut |= cut
            done.append(calls.pop(key))

    def call_of(tag, cut):
        e = running.by_tag[tag]
        if tag not in alive:
            alive[tag] = Call((e.pc, e.number, e.cause) if e.pc else NONE, cut)
        return alive[tag]

    for r in records:
        ends, begins = runs.change(r)
        if ends or r["type"] == "end":
            for tag in list(alive):
                end(alive, tag, True)
            for owner in list(outside):
                end(outside, owner, False)
        if r["type"] == "end" or (PER_RUN and (ends or begins)):
            for tag in list(alive):
                end(alive, tag, True)
            for owner in list(outside):
                end(outside, owner, False)
            report(done, begin["line"])
            done = []
        runs.note(r)
        if r["type"] == "entry" and r["state"] in ("start", "done"):
            end(alive, r["tag"], r["state"] == "start")
        running.note(r)
        if r["type"] == "entry" and r["state"] in ("start", "resume") and runs.on:
            call_of(r["tag"], r["state"] == "resume")
        if r["type"] == "task" and r["op"] == "exit":
            end(outside, r["task"], False)
        if r["type"] == "access":
            tag = running.current.get(r["cpu"])
            r["process"] = running.process_of(r["cpu"], int(r["pc"], 16))
            call = call_of(tag, True) if tag else outside.setdefault(
                running.owner(r["cpu"]), Call(NONE, False))
            call.accesses.append(r)


for stream in streams(sys.stdin):
    analyse(stream)
