#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The answer of mt-rcu, found the slow and obvious way.

usage: mt-tojson <stream | rcu.py [--by object] [--freed-only] [--published] [--per-run]

Keeps the touches of every object in a list.  Prints the rows as mt-tojson
would.  Written from mt-rcu(1).
"""
import sys

from running import Running, Runs, row, streams

BY_OBJECT = "object" in sys.argv
FREED_ONLY = "--freed-only" in sys.argv
PUBLISHED = "--published" in sys.argv
PER_RUN = "--per-run" in sys.argv
FLAGS = ["load", "store", "atomic", "kernel", "moved", "split", "frame"]


class Object:
    def __init__(self, **what):
        self.__dict__.update(what)
        self.published, self.touches = False, []

    def holds(self, process, addr):
        return self.process == process and self.addr <= addr < self.addr + self.bytes


def report(done):
    rows = {}
    for o, retired in done:
        if FREED_ONLY and not retired:
            continue
        for t in o.touches:
            key = (t["pc_"], t["process"], o.number if BY_OBJECT else 0, o.ctype)
            rows.setdefault(key, []).append((o.number, t["offset"], o, retired, t))
    order = []
    for key, touches in rows.items():
        of = {(o.number): retired for _, _, o, retired, _ in touches}
        order.append((-len(touches), -len(of), key[0], key[1],
                      min(of) if BY_OBJECT else min(of), key[3], touches, of))
    for _, _, pc, process, _, ctype, touches, of in sorted(order, key=lambda o: o[:6]):
        _, offset, o, _, t = min(touches, key=lambda x: x[:2])  # min keeps the first of equals
        flags = {f for x in touches for f in x[4]["flags"]} - {"moved", "split"}
        row("rcu", loads=sum("store" not in x[4]["flags"] for x in touches),
            stores=sum("store" in x[4]["flags"] for x in touches),
            objects=len(of), retired=sum(of.values()), pc="%#x" % pc, addr="%#x" % o.addr,
            bytes=o.bytes, offset=offset, width=t["width"], number=o.number, process=process, object=t["object"],
            field=t["field"], stack=t["stack"], flags=[f for f in FLAGS if f in flags],
            by="object" if BY_OBJECT else "site", ctype=ctype)


def analyse(records):
    running, runs = Running(), Runs()
    alive, done, depth, births = [], [], {}, 0

    def finish(o, retired):
        if o.touches and (o.managed or retired):
            kept = Object(**o.__dict__)
            kept.touches = o.touches
            done.append((kept, retired))
        o.touches = []

    def remove(o):
        finish(o, False)
        alive.remove(o)

    def born(managed, process, addr, size, ctype, creator):
        nonlocal births
        births += 1
        for o in [o for o in alive if o.managed == managed and o.process == process and
                  o.addr < addr + size and addr < o.addr + o.bytes]:
            remove(o)
        alive.append(Object(managed=managed, process=process, addr=addr, bytes=size,
                            ctype=ctype, creator=creator, number=births))

    def remove_with_inner(o):
        if not o.managed:       # and what lies in it
            for i in [i for i in alive if i.managed and i.process == o.process and
                      o.addr < i.addr + i.bytes and i.addr < o.addr + o.bytes]:
                remove(i)
        remove(o)

    def find(process, addr):
        at = [o for o in alive if o.holds(process, addr)]
        return next((o for o in at if o.managed), at[0] if at else None)

    for r in records:
        if r["type"] == "end" or (PER_RUN and any(runs.change(r))):
            for o in alive:
                finish(o, False)
            report(done)
            done = []
        runs.note(r)
        running.note(r)
        cpu = r["cpu"]
        if r["type"] == "epoch":
            owner = running.owner(cpu, r["task"])
            depth[owner] = max(0, depth.get(owner, 0) + (1 if r["op"] == "begin" else -1))
        elif r["type"] == "gc":
            addr = int(r["addr"], 16)
            process = running.process_of(cpu, addr)
            if r["op"] == "create" and r["bytes"]:
                born(True, process, addr, r["bytes"], r["ctype"], running.owner(cpu, r["task"]))
            elif r["op"] == "retire" and find(process, addr):
                o = find(process, addr)
                o.ctype = r["ctype"] or o.ctype
                finish(o, True)
                remove_with_inner(o)
        elif r["type"] == "label" and r["storage"] == "heap":
            addr = int(r["addr"], 16)
            if r["op"] == "alloc" and r["bytes"]:
                born(False, r["process"], addr, r["bytes"], r["ctype"] or r["name"],
                     running.owner(cpu, r["task"]))
            elif r["op"] == "free":
                for o in [o for o in alive if not o.managed and o.addr == addr and
                          o.process == r["process"]]:
                    remove_with_inner(o)
        elif r["type"] == "access":
            addr, owner = int(r["addr"], 16), running.owner(cpu)
            o = find(running.process_of(cpu, addr), addr)
            if o and owner != o.creator:
                o.published = True
            if o and not depth.get(owner) and (o.published or not PUBLISHED):
                r["pc_"] = int(r["pc"], 16)
                r["process"] = running.process_of(cpu, r["pc_"])
                r["offset"] = addr - o.addr
                o.touches.append(r)


for stream in streams(sys.stdin):
    analyse(stream)
