#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The answer of mt-sets, found the slow and obvious way.

usage: mt-tojson <stream | sets.py [--sets N] [--ways N] [--line N]
                                   [--policy lru|fifo] [--index physical|virtual] [--per-run]

Keeps each set as a list, the line to go first at its front, and prints the rows
of mt-sets --misses as mt-tojson would.  Written from mt-sets(1).
"""
import argparse
import json
import sys

from running import Runs

parser = argparse.ArgumentParser()
parser.add_argument("--sets", type=int, default=512)
parser.add_argument("--ways", type=int, default=8)
parser.add_argument("--line", type=int, default=64)
parser.add_argument("--policy", default="lru")
parser.add_argument("--index", default="physical")
parser.add_argument("--per-run", action="store_true")
options = parser.parse_args()

U64 = 1 << 64
FLAGS = ["load", "store", "atomic", "kernel", "moved", "split", "frame"]


def pieces(access):
    addr, paddr = int(access["addr"], 16), int(access["paddr"], 16)
    left = min(access["width"] or 1, 4096)
    while left:
        at = addr if options.index == "virtual" else paddr
        width = min(left, options.line - at % options.line)
        yield addr, paddr, at // options.line, width
        addr, paddr, left = (addr + width) % U64, (paddr + width) % U64, left - width


def report(records):
    caches, hits, misses, first, process, runs = {}, {}, {}, {}, {}, Runs()
    for r in records:
        if options.per_run and any(runs.change(r)):
            put_rows(hits, misses, first)
            hits, misses, first = {}, {}, {}
        runs.note(r)
        if r["type"] == "switch":
            process[r["cpu"]] = r["process"]
        if r["type"] != "access":
            continue
        cpu, pc = r["cpu"], int(r["pc"], 16)
        for addr, paddr, line, width in pieces(r):
            number = line % options.sets
            user = 0 if addr >> 63 or options.index == "physical" else process.get(cpu, 0)
            held, tag = caches.setdefault((cpu, number), []), (line, user)
            if tag in held:
                hits[cpu, number] = hits.get((cpu, number), 0) + 1
                if options.policy == "lru":
                    held.append(held.pop(held.index(tag)))
                continue
            held.append(tag)
            del held[:-options.ways]
            key = (cpu, number, addr, pc, 0 if pc >> 63 else process.get(cpu, 0), r["object"],
                   r["field"], width)
            misses[key] = misses.get(key, 0) + 1
            first.setdefault(key, (paddr, r["flags"]))
    put_rows(hits, misses, first)


def put_rows(hits, misses, first):
    def line_of(key):
        return (key[2] if options.index == "virtual" else first[key][0]) // options.line
    rows = []
    for cpu, number in {k[:2] for k in [*hits, *misses]}:
        mine = [k for k in misses if k[:2] == (cpu, number)]
        rows.append((-sum(misses[k] for k in mine), cpu, number,
                     len({(line_of(k), first[k][0] // options.line) for k in mine})))
    for count, cpu, number, lines in sorted(rows):
        if not count:
            continue
        print(json.dumps({
            "type": "set", "cpu": cpu, "time": 0, "misses": -count,
            "hits": hits.get((cpu, number), 0), "lines": lines, "set": number,
            "ways": options.ways}, separators=(",", ":")))
    for k in sorted(misses, key=lambda k: (-misses[k], k[0], k[1], line_of(k),
                                           first[k][0] // options.line, k[2:])):
        print(json.dumps({
            "type": "miss", "cpu": k[0], "time": 0, "misses": misses[k], "addr": hex(k[2]),
            "paddr": hex(first[k][0]), "pc": hex(k[3]), "set": k[1], "process": k[4],
            "object": k[5], "field": k[6], "width": k[7],
            "flags": [f for f in FLAGS if f in first[k][1]]}, separators=(",", ":")))


stream = []
for text in sys.stdin:
    stream.append(json.loads(text))
    if stream[-1]["type"] == "end":
        report(stream)
        stream = []
