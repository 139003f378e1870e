#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The original's analyses, slow and obviously right, of a classic log.

mscan.py LOG DIR [BUG,BUG...|all]   compares DIR/DOCUMENT.json, all that are
there, with what the log says; status 1 and a line for each that differs.
MSCAN_KERNEL: a C text of variables and the ELF file made of it, if the log has any.
mscan.py --bugs                     names of the original's errors

Each error of the original that was corrected is a name in BUGS: without it the
model is what we promise, with it what the original answered.
"""
import collections
import itertools
import json
import os
import re
import struct
import subprocess
import sys

import fields

BUGS = """by-tid stale-outside missed-start virtual-lines resume-pc first-to-last last-appdata
start-address started-in-run cpu-scopes byte-length one-epoch scope-mode idle-locks address-spaces
percpu-notype static-types""".split()
bugs = set()

START, DONE, VALUE, RESUME, PAUSE = 1, 2, 3, 4, 5
KERNEL = 1 << 47
Rec = collections.namedtuple("Rec", "kind cpu count time body")
Access = collections.namedtuple("Access", "op flags pc host addr width")
Part = collections.namedtuple("Part", "cpu write pc host addr width moved")


def entries(log):
    at = 0
    while at < len(log):
        kind, size, cpu, count, time = struct.unpack_from("<IHHQQ", log, at)
        yield Rec(kind, cpu, count, time, log[at + 24:at + size])
        at += size


def text(b):
    return b.split(b"\0")[0].decode()


def parts(r, a):
    """An access, divided where it crosses a line; only the first part moves."""
    host, addr, left, moved = a.host, a.addr, a.width, a.flags & 1
    while left:
        n = min(left, 64 - host % 64)
        yield Part(r.cpu, a.op != 1, a.pc, host, addr, n, moved)
        host, addr, left, moved = host + n, addr + n, left - n, 0


# ---- what all analyses know ---------------------------------------------------

class State:
    """Who runs where: tasks, call stacks, runs."""
    def __init__(self):
        self.mode, self.run, self.on = 0, "", False
        self.task = {}			# cpu -> tid
        self.tag = {}			# cpu -> tag of the current call stack
        self.info = {}			# tag -> (pc, tid)
        self.begins = self.ends = False

    def note(self, r):
        """What a record begins; what it ends, ends with leave()."""
        self.begins = self.ends = False
        if r.kind == 3 and r.body[0] == 1:
            mode, name = struct.unpack_from("<I64s", r.body, 12)
            name = text(name)
            self.ends = self.on and (not mode or name != self.run)
            self.begins = bool(mode) and (not self.on or name != self.run)
            self.next = mode, name
        elif r.kind == 4:
            tid, pc, tag, depth, state = fcall(r)
            if state == START or (state == RESUME and not self.info.get(tag, (0,))[0]):
                self.info[tag] = pc, tid
            if state in (START, RESUME):
                self.tag[r.cpu] = tag
        elif r.kind == 9:
            self.task[r.cpu] = struct.unpack("<Q", r.body)[0]

    def leave(self, r):
        if r.kind == 3 and r.body[0] == 1:
            self.mode, self.run = self.next
            self.on = bool(self.mode)
        elif r.kind == 4 and fcall(r)[4] not in (START, RESUME):
            tag = fcall(r)[2]
            if self.tag.get(r.cpu) == tag:
                self.tag[r.cpu] = None
            if fcall(r)[4] != PAUSE:
                self.info.pop(tag, None)

    def owner(self, cpu):
        return self.task.get(cpu) or ("cpu", cpu)

    def stack(self, cpu):
        return self.tag.get(cpu)


def fcall(r):
    return struct.unpack("<QQQHI", r.body)


class Analysis:
    def __init__(self, state):
        self.s = state

    def take(self, r):			# any entry
        pass

    def access(self, r, a):
        for p in parts(r, a):
            self.part(r, p)

    def part(self, r, p):
        pass

    def run_ends(self):
        pass


def line(p):
    return (p.addr if "virtual-lines" in bugs else p.host) >> 6


# ---- calls ---------------------------------------------------------------------

class Distinct(Analysis):
    """Distinct lines that move, for each call."""
    def __init__(self, s):
        super().__init__(s)
        self.calls, self.outside = {}, {}
        self.stats = collections.defaultdict(lambda: [0, 0])	# pc -> calls, lines
        self.tid, self.pc = {}, {}				# the original's
        self.lines = collections.defaultdict(set)

    def close(self, entry):
        self.stats[entry[0]][0] += 1
        self.stats[entry[0]][1] += len(entry[1])

    def take(self, r):
        if r.kind != 4:
            return
        tid, pc, tag, depth, state = fcall(r)
        if "by-tid" in bugs:
            self.original(r.cpu, tid, pc, state)
            return
        if state == START and tag in self.calls:
            self.close(self.calls.pop(tag))
        if state in (DONE, VALUE) and tag in self.calls:
            self.close(self.calls.pop(tag))
        if self.s.on and state in (START, RESUME) and ("missed-start" not in bugs or state == START):
            self.calls.setdefault(tag, (self.s.info[tag][0], set()))

    def original(self, cpu, tid, pc, state):
        if not self.s.on:
            return
        if state in (START, RESUME):
            self.tid[cpu] = tid
            self.lines[tid]
            if state == START:
                self.pc[tid] = pc
        elif state == PAUSE:
            self.tid[cpu] = 0
        else:
            t = self.tid.get(cpu, 0)
            if t in self.lines:
                self.close((self.pc.get(t, 0), self.lines.pop(t)))
            self.tid[cpu] = 0

    def part(self, r, p):
        if not p.moved:
            return
        tag = self.s.stack(r.cpu)
        if "by-tid" in bugs:
            if self.s.on:
                self.lines[self.tid.get(r.cpu, 0)].add(line(p))
        elif tag is None:
            key = 0 if "stale-outside" in bugs else self.s.owner(r.cpu)
            self.outside.setdefault(key, (0, set()))[1].add(line(p))
        elif tag in self.calls or "missed-start" not in bugs:
            self.calls.setdefault(tag, (self.s.info[tag][0], set()))[1].add(line(p))

    def access(self, r, a):		# what does not move still has a row
        if not a.flags & 1 and "by-tid" not in bugs:
            tag = self.s.stack(r.cpu)
            if tag is None:
                self.outside.setdefault(0 if "stale-outside" in bugs else self.s.owner(r.cpu), (0, set()))
            elif tag in self.calls or "missed-start" not in bugs:
                self.calls.setdefault(tag, (self.s.info[tag][0], set()))
        super().access(r, a)

    def run_ends(self):
        for c in list(self.calls.values()) + list(self.outside.values()):
            self.close(c)
        self.calls, self.outside = {}, {}

    def document(self):
        for t, lines in self.lines.items():
            self.close((self.pc.get(t, 0), lines))
        return {"0x%x" % pc: tuple(n) for pc, n in self.stats.items()}


class PerOp(Distinct):
    """The first entries of all, as one operation."""
    ENTRIES = ["0xffffffff81001000", "0xffffffff81001010"]

    def __init__(self, s):
        super().__init__(s)
        self.ops = 0

    def take(self, r):
        super().take(r)
        if r.kind == 11:
            value = struct.unpack("<HQ", r.body)[1]
            self.ops = value + (0 if "last-appdata" in bugs else self.ops)

    def document(self):
        stats = super().document()
        return self.ops, sum(stats[e][1] for e in self.ENTRIES if e in stats)


class Accesses(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.rows = []

    def access(self, r, a):
        self.rows.append((r.cpu, r.count, "l" if a.op == 1 else "s", a.flags & 1, a.pc, a.host, a.addr,
                          a.width, 0, self.s.stack(r.cpu) or 0))

    def document(self):
        return self.rows


class Fcalls(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.starts, self.rows = {}, []

    def take(self, r):
        if r.kind != 4:
            return
        tid, pc, tag, depth, state = fcall(r)
        if state == START:
            self.starts[tag] = r.count, pc
        elif state in (DONE, VALUE) and tag in self.starts:
            start, pc = self.starts.pop(tag)
            self.rows.append((tag, r.cpu, pc, start, r.count, int(state == VALUE)))

    def document(self):
        return self.rows


class SyscallAccesses(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.rows = collections.defaultdict(list)
        self.pc = {}			# of each cpu, the original's

    def take(self, r):
        if r.kind == 4:
            tid, pc, tag, depth, state = fcall(r)
            self.pc[r.cpu] = pc if state in (START, RESUME) else 0

    def entry(self, r):
        if "resume-pc" in bugs:
            return self.pc.get(r.cpu, 0)
        tag = self.s.stack(r.cpu)
        return self.s.info[tag][0] if tag is not None else 0

    def access(self, r, a):
        if self.s.on:
            self.rows["0x%x" % self.entry(r)].append(
                (a.pc, a.addr, a.flags & 1, a.flags >> 1 & 1, "ld" if a.op == 1 else "st"))

    def document(self):
        return {e: sorted(rows) for e, rows in self.rows.items()}


class SyscallPcs(SyscallAccesses):
    def access(self, r, a):
        for p in parts(r, a):		# each a record of the stream
            super().access(r, a)

    def document(self):
        return {e: dict(collections.Counter("0x%x" % row[0] for row in rows)) for e, rows in self.rows.items()}


class CallStacks(Analysis):
    """Frames are those of calls."""
    PC = 0xffffffff81000010

    def __init__(self, s):
        super().__init__(s)
        self.frames = collections.defaultdict(list)
        self.rows = []

    def take(self, r):
        tag = self.s.stack(r.cpu)
        if r.kind == 6 and tag is not None:
            target, return_pc, ret = struct.unpack("<QQI", r.body)
            if not ret:
                self.frames[tag].insert(0, return_pc)
            elif self.frames[tag]:
                self.frames[tag].pop(0)

    def run_ends(self):
        self.frames.clear()

    def part(self, r, p):
        tag = self.s.stack(r.cpu)
        if p.pc == self.PC and tag is not None and self.frames[tag]:
            self.rows.append(tuple(self.frames[tag]))

    def document(self):
        return sorted(self.rows)


# ---- objects, and who shares them ------------------------------------------------

class Kernel:
    """Variables as the C text declares them, and where nm and pahole say that they are."""
    def __init__(self, text, elf):
        self.structs, self.types, self.statics, self.template = {}, {}, [], []
        if not text:
            return
        for s in fields.parse(subprocess.check_output(["pahole", "-E", elf], text=True).splitlines()):
            self.structs[s.name] = s
        with open(text) as f:
            for d in re.findall(r"^(?:PERCPU |static )?((?:struct \w+|long int) \*?)(\w+)(?:\[(\d+)\])?;$", f.read(), re.M):
                self.types[d[1]] = d[0].strip(), int(d[2] or 0)
        rows = [line.split() for line in subprocess.check_output(["nm", "-S", elf], text=True).splitlines()]
        at = {r[-1]: int(r[0], 16) for r in rows}
        for r in rows:
            if r[-1] in self.types:
                o = int(r[0], 16), int(r[1], 16), r[-1]
                if at["__per_cpu_start"] <= o[0] < at["__per_cpu_end"]:
                    self.template.append((o[0] - at["__per_cpu_start"], *o[1:]))
                else:
                    self.statics.append((0, *o, False, 0))
        self.objects = list(self.statics)

    def segment(self, base):
        if "percpu-notype" not in bugs:
            self.objects += [(0, base + start, n, name, False, 0) for start, n, name in self.template]

    def at(self, addr):
        return next((o for o in self.objects if o[1] <= addr < o[1] + o[2]), None)

    def path(self, ctype, count, at, size):
        """(of the element, of what it has there, bytes into that)"""
        index, part = "", ""
        if count:
            index, at = "[%d]" % (at // (size // count)), at % (size // count)
        s = self.structs.get(ctype.replace("struct ", ""))
        if s:
            part, start = fields.resolve(s, at, 1)[0][:2]
            at = 0 if "[]" in part else at - start	# which of many is not said
        return index, ("." if part else "") + part, at

    def place(self, o, addr, more=0):
        """The original's way to write it, and more bytes; what is not of a known type has none."""
        ctype, count = self.types.get(o[3], ("struct " + o[3], 0))
        known = o[3] in self.types or (ctype.split()[1] in self.structs and o[2] == 48)
        if not known or (o[3] in self.types and "static-types" in bugs):
            return "%s+0x%x" % (o[3], addr - o[1] + more)
        index, part, rest = self.path(ctype, count, addr - o[1], o[2])
        rest += more if "[]" not in part else 0
        whole = ctype + ("[%d]" % count if count else "")
        if not index and not part:
            return "%s+0x%x" % (whole, rest)
        return "(*(%s)0x%x)%s%s%s" % (whole, o[1], index, part, "+0x%x" % rest if rest else "")


kernel = Kernel(*os.environ.get("MSCAN_KERNEL", " ").split(" "))


class Labels:
    """Objects as a list; the innermost one is the last but for blocks."""
    def __init__(self):
        self.live, self.n = [], 0

    def take(self, r):
        host, storage, name, addr, nbytes, pc = struct.unpack("<QI64sQQQ", r.body)
        block = storage == 2
        if nbytes:
            self.n += 1
            self.live = [o for o in self.live if o[4] != block or addr + nbytes <= o[1] or o[1] + o[2] <= addr]
            self.live.append((self.n, addr, nbytes, text(name), block, pc))
            return
        for o in [o for o in self.live if o[1] == addr and o[4] == block]:
            self.live = [x for x in self.live if not (o[1] <= x[1] and x[1] + x[2] <= o[1] + o[2])]

    def at(self, addr):
        for block in False, True:
            for o in self.live:
                if o[4] == block and o[1] <= addr < o[1] + o[2]:
                    return o
        return kernel.at(addr)


class WithLabels(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.labels = Labels()

    def take(self, r):
        if r.kind == 1:
            self.labels.take(r)

    def place(self, addr):
        o = self.labels.at(addr)
        return kernel.place(o, addr) if o else "0x%x" % addr


class SharedAddresses(WithLabels):
    def __init__(self, s):
        super().__init__(s)
        self.rows = {}
        self.cpus = 0

    def take(self, r):
        super().take(r)
        if r.kind == 10:
            self.cpus = struct.unpack_from("<H", r.body)[0]

    def part(self, r, p):
        o = self.labels.at(p.addr)
        key = p.addr, o if o else 0
        row = self.rows.setdefault(key, (o[3] if o else "", self.place(p.addr), collections.Counter(),
                                         [0] * self.cpus))
        row[2]["0x%x" % p.pc] += 1
        row[3][r.cpu] += 1

    def document(self):
        return sorted((name, place, sorted(pcs.items()), cpus, sum(cpus))
                      for name, place, pcs, cpus in self.rows.values())


class SharedCachelines(Analysis):
    """Lines that somebody writes and two cpus touch."""
    def __init__(self, s):
        super().__init__(s)
        self.lines = {}

    def part(self, r, p):
        if "scope-mode" in bugs and self.s.mode != 2:
            return
        addrs, reads, writes = self.lines.setdefault(line(p), (set(), collections.Counter(), collections.Counter()))
        addrs.add(p.addr)
        (writes if p.write else reads)[r.cpu] += 1

    def document(self):
        return sorted((sorted(addrs), sorted(reads.items()), sorted(writes.items()))
                      for addrs, reads, writes in self.lines.values() if writes and len({*reads, *writes}) > 1)


class FalseSharing(WithLabels):
    """Lines on which two cpus use different objects, one of them writing."""
    def __init__(self, s):
        super().__init__(s)
        self.lines = collections.defaultdict(list)

    def part(self, r, p):
        o = self.labels.at(p.addr)
        self.lines[line(p)].append((r.cpu, p.write, p.pc, o if o and not o[4] else None))

    def document(self):
        out = collections.defaultdict(set)
        for uses in self.lines.values():
            objects = {o for cpu, write, pc, o in uses if o}
            if any(a[3] and b[3] and a[3] != b[3] and a[0] != b[0] and (a[1] or b[1])
                   for a, b in itertools.combinations(uses, 2)):
                for pc in {u[2] for u in uses}:
                    out["0x%x" % pc] |= {(o[3], "0x%x" % o[5]) for o in objects}
        return {pc: sorted(names) for pc, names in out.items()}


class CacheSim(Analysis):
    """Of each cpu a cache of 512 sets of 8 lines, first in first out, by virtual address."""
    def __init__(self, s):
        super().__init__(s)
        self.sets = collections.defaultdict(list)
        self.misses = collections.defaultdict(int)
        self.addrs = collections.defaultdict(set)

    def space(self, cpu, addr):
        return None if addr >= KERNEL or "address-spaces" in bugs else self.s.owner(cpu)

    def part(self, r, p):
        if "scope-mode" in bugs and self.s.mode != 2:
            return
        key, l = (r.cpu, p.addr // 64 % 512), (p.addr // 64, self.space(r.cpu, p.addr))
        ways = self.sets[key]
        if l in ways:
            return
        ways.append(l)
        del ways[:-8]
        self.misses[key] += 1
        self.addrs[key].add(p.addr)

    def document(self):
        out = collections.defaultdict(list)
        for key, n in self.misses.items():
            out["cpu%d" % key[0]].append((n, sorted(self.addrs[key])))
        return {cpu: sorted(sets) for cpu, sets in out.items()}


class CheckGc(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.objects, self.held, self.tid = {}, collections.Counter(), {}
        self.rows = {}

    def who(self, cpu):
        return self.tid.get(cpu, 0) if "one-epoch" in bugs else self.s.owner(cpu)

    def take(self, r):
        if r.kind == 4:
            tid, pc, tag, depth, state = fcall(r)
            self.tid[r.cpu] = tid if state in (START, RESUME) else 0
        elif r.kind == 14:
            base, nbytes, name, flags = struct.unpack("<QQ64sB", r.body)
            if flags & 1:
                self.objects.pop(base, None)
            else:
                self.objects[base] = nbytes, text(name)
                self.rows = {k: v for k, v in self.rows.items()}
        elif r.kind == 15 and "one-epoch" in bugs:
            self.held[self.who(r.cpu)] = r.body[0] & 1
        elif r.kind == 15:
            held = self.held[self.who(r.cpu)] + (1 if r.body[0] & 1 else -1)
            self.held[self.who(r.cpu)] = max(held, 0)

    def part(self, r, p):
        if "scope-mode" in bugs and self.s.mode < 2:
            return
        if self.held[self.who(r.cpu)]:
            return
        for base, (nbytes, name) in self.objects.items():
            if base <= p.addr < base + nbytes:
                self.rows.setdefault((name, "0x%x" % p.pc, "0x%x" % base, nbytes), set()).add(p.addr)

    def document(self):
        return sorted(self.rows)


class Sections(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.held, self.rows, self.said = {}, [], False

    def strand(self, r):
        tag = self.s.stack(r.cpu)
        return ("irq", tag) if tag is not None and not self.s.info[tag][1] else self.s.owner(r.cpu)

    def take(self, r):
        if r.kind == 3 and not self.said and "idle-locks" not in bugs:
            self.rows = []		# what ended before the first run
        self.said |= r.kind == 3
        if r.kind != 7 or (not self.s.on and self.said and "idle-locks" not in bugs):
            return
        pc, lock, name, op, read = struct.unpack("<QQ64sIB", r.body)
        who = (self.strand(r), lock)
        if op == 2:
            if who in self.held:
                self.held[who][0] += 1
            else:
                self.held[who] = [1, r.cpu, r.time, pc]
        elif op == 3:
            if who not in self.held:	# taken by somebody else, or before the run
                of_cpu = [w for w, h in self.held.items() if w[1] == lock and h[1] == r.cpu]
                who = of_cpu[-1] if of_cpu else None
            if not who:
                return
            h = self.held[who]
            h[0] -= 1
            if not h[0]:
                del self.held[who]
                if h[1] == r.cpu:
                    self.rows.append(("0x%x" % h[3], lock, h[2], r.time, r.time - h[2]))

    def run_ends(self):
        self.held.clear()

    def document(self):
        return sorted(self.rows)


class Summary(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.n, self.since, self.first, self.last = 0, None, None, 0

    def take(self, r):
        if r.kind != 3 or r.body[0] != 1:
            return
        at, mode = struct.unpack_from("<QI", r.body, 4)
        self.first = at if self.first is None else self.first
        self.last = at
        if self.since is not None:
            self.n += at - self.since
        self.since = at if mode else None

    def document(self):
        return self.last - self.first if "first-to-last" in bugs and self.first is not None else self.n


# ---- scopes ----------------------------------------------------------------------

class Scope:
    def __init__(self, n, name):
        self.n, self.name, self.cpus, self.vars, self.bytes = n, name, set(), {}, {}


def touch(memory, p, start_only):
    """A byte belongs to the first store to it, or else to the first load."""
    for i in range(1 if start_only else p.width):
        old = memory.get(p.host + i)
        if not old or (p.write and not old[0]):
            memory[p.host + i] = p.write, p.pc, p.addr + i


class Scopes(Analysis):
    def __init__(self, s):
        super().__init__(s)
        self.open = collections.defaultdict(list)	# owner -> scopes, outermost first
        self.kept, self.n = [], 0
        self.started = set()

    def owner(self, cpu):
        tag = self.s.stack(cpu)
        return ("tag", tag) if tag is not None else self.s.owner(cpu)

    def owners(self, cpu):
        """A system call works for its task, too; an interrupt for nobody."""
        tag = self.s.stack(cpu)
        if tag is not None and "started-in-run" not in bugs and self.s.info[tag][1]:
            return [("tag", tag), self.s.owner(cpu)]
        return [self.owner(cpu)]

    def close(self, scope):
        if scope.vars:
            self.kept.append(scope)

    def end(self, owner):
        for scope in reversed(self.open.pop(owner, [])):
            self.close(scope)

    def take(self, r):
        if r.kind == 4:
            tid, pc, tag, depth, state = fcall(r)
            if state == START and self.s.on:
                self.started.add(("tag", tag))
            if state in (START, DONE, VALUE):
                self.end(("tag", tag))
        elif r.kind == 12:
            self.take_scope(r)
        elif r.kind == 13:
            scopes = self.open.get(self.owner(r.cpu))
            if scopes:
                name = text(r.body[1:])
                scopes[-1].vars[name] = bool(r.body[0] & 1) or scopes[-1].vars.get(name, False)

    def take_scope(self, r):
        owner = self.owner(r.cpu)
        if r.body[0] & 1:
            if self.open.get(owner):
                self.close(self.open[owner].pop())
        elif self.s.on and ("started-in-run" not in bugs or owner in self.started):
            self.n += 1
            self.open[owner].append(Scope(self.n, text(r.body[1:])))

    def part(self, r, p):
        for owner in self.owners(r.cpu):
            for scope in self.open.get(owner, []):
                scope.cpus.add(r.cpu)
                touch(scope.bytes, p, "start-address" in bugs)

    def run_ends(self):
        for owner in list(self.open):
            self.end(owner)
        self.started = set()

    def document(self):
        return sorted((s.name, sorted(v for v in s.vars if not s.vars[v]), sorted(v for v in s.vars if s.vars[v]))
                      for s in self.kept)


class Unexpected(Scopes):
    def pairs(self):
        self.counts = collections.Counter({"total scopes": len(self.kept)})
        found = set()
        for x, y in itertools.combinations(sorted(self.kept, key=lambda s: (s.name.split("(")[0], s.name, s.n)), 2):
            if x.cpus & y.cpus:
                continue
            self.counts["compared scopes"] += 1
            logical = any(v in y.vars and (x.vars[v] or y.vars[v]) for v in x.vars)
            shared = frozenset((b, meeting(x, y, b)) for b in x.bytes
                               if b in y.bytes and (x.bytes[b][0] or y.bytes[b][0]))
            self.counts[KINDS[logical, bool(shared)]] += 1
            if shared and not logical:
                found.add((x.name, y.name, shared))
        return found

    def document(self):
        return sorted((a, b, sorted(shared)) for a, b, shared in self.pairs())


KINDS = {(False, False): "logically unshared/physically unshared",
         (False, True): "logically unshared/physically shared",
         (True, True): "logically shared  /physically shared",
         (True, False): "logically shared  /physically unshared (imprecise spec)"}


def meeting(x, y, b):
    return "".join(sorted("rw"[s.bytes[b][0]] for s in (x, y))) if x.name == y.name else \
        "".join("rw"[s.bytes[b][0]] for s in (x, y))


class ScopeSummary(Unexpected):
    def document(self):
        self.pairs()
        return {k: n for k, n in self.counts.items() if n}


class Testcases(Scopes):
    """Bytes that two cpus touch and one writes, in each run."""
    def __init__(self, s):
        super().__init__(s)
        self.tests, self.memory, self.lens, self.depth = [], collections.defaultdict(dict), {}, collections.Counter()

    def take(self, r):
        super().take(r)
        if r.kind == 12 and text(r.body[1:]).startswith("syscall:"):
            self.depth[r.cpu] += -1 if r.body[0] & 1 else 1

    def judged(self, r, p):
        if self.s.mode < 2 or p.addr < KERNEL:
            return False
        if self.s.mode == 3:
            return True
        if "cpu-scopes" in bugs:
            return self.depth[r.cpu] > 0
        return any(s.name.startswith("syscall:") for o in self.owners(r.cpu) for s in self.open.get(o, []))

    def part(self, r, p):
        if self.judged(r, p):
            touch(self.memory[r.cpu], p, False)

    def lost(self, touches):
        """The original merged what one instruction touched, with lengths of 8 bits."""
        runs, gone = [], set()
        for b in sorted(touches):
            if runs and runs[-1][-1] == b - 1 and touches[runs[-1][-1]][:2] == touches[b][:2]:
                runs[-1].append(b)
            else:
                runs.append([b])
        for run in runs:
            gone |= set(run[len(run) % 256:]) if len(run) > 255 else set()
        return gone

    def run_ends(self):
        super().run_ends()
        if self.s.mode < 2:
            return
        shared = set()
        gone = {c: self.lost(m) if "byte-length" in bugs else set() for c, m in self.memory.items()}
        for a, b in itertools.combinations(self.memory, 2):
            for byte in set(self.memory[a]) & set(self.memory[b]):
                if (self.memory[a][byte][0] or self.memory[b][byte][0]) and byte not in gone[a] | gone[b]:
                    shared.add(byte)
        self.tests.append((self.s.run, sorted(shared)))
        self.memory.clear()

    def document(self):
        return self.tests


DOCUMENTS = {
    "distinct-per-entry": Distinct, "distinct-per-op": PerOp, "accesses": Accesses, "fcalls": Fcalls,
    "syscall-accesses": SyscallAccesses, "syscall-accesses-pc": SyscallPcs, "call-stacks": CallStacks,
    "shared-addresses": SharedAddresses, "shared_cachelines": SharedCachelines,
    "false-sharing": FalseSharing, "cachesim_cpus": CacheSim, "checkgc": CheckGc, "sections": Sections,
    "summary": Summary, "abstract-scopes": Scopes, "unexpected-sharing": Unexpected,
    "scope-summary": ScopeSummary, "testcases": Testcases,
}


def answers(log, names):
    state = State()
    all_ = {name: DOCUMENTS[name](state) for name in names}
    kernel.objects = list(kernel.statics)
    for r in entries(log):
        state.note(r)
        if r.kind == 5:
            kernel.segment(struct.unpack_from("<Q", r.body)[0])
        for a in all_.values():
            if state.ends:
                a.run_ends()
            a.take(r)
            if r.kind == 2:
                a.access(r, Access(*struct.unpack("<IBQQQB", r.body)))
        state.leave(r)
    for a in all_.values():
        a.run_ends()
    return {name: a.document() for name, a in all_.items()}


# ---- documents, as the model has them ------------------------------------------------

HOST, K, ALIAS = 0x7f0000000000, 0xffff888000000000, 0xffffc90000000000


def number(s):
    return int(s, 16)


def host(s):				# random-classic.py's
    addr = number(s)
    return addr - (ALIAS if addr >= ALIAS else K) + HOST


def place(name):
    return name


def read_accesses(d):
    return [(a["cpu"], a["access-count"], a["access-type"], a["traffic"], number(a["pc"]), number(a["host-addr"]),
             number(a["guest-addr"]), a["bytes"], a["deps"], number(a["fcall"])) for a in d]


def read_stacks(d):
    rows = [tuple(number(f["return-pc"]) for f in s["call-stack"] if f["type"] == "call") for s in d]
    return sorted(r for r in rows if r)


def read_cachesim(d):
    return {cpu: sorted((s["misses"], sorted({number(a["rawaddr"]) for a in s["accesses"]}))
                        for s in sets if s["misses"]) for cpu, sets in d.items()}


def read_unexpected(d):
    out = set()
    step = 8 if "start-address" in bugs else 1		# where accesses of tame logs start
    for u in d:
        shared = set()
        for a in u["shared"]:
            kind = "".join(sorted(a["type"])) if u["s1"] == u["s2"] else a["type"]
            shared |= {(host(a["rawaddr"]) + i, kind) for i in range(0, a["size"], step)}
        out.add((u["s1"], u["s2"], frozenset(shared)))
    return sorted((a, b, sorted(shared)) for a, b, shared in out)


def counted(counts):
    return sorted((i, n) for i, n in enumerate(counts) if n)


READERS = {
    "distinct-per-entry": lambda d: {e["entry"]: (e["calls"], e["distinct"]) for e in d},
    "distinct-per-op": lambda d: (d["ops"], d["distinct"]),
    "accesses": read_accesses,
    "fcalls": lambda d: [(number(f["tag"]), f["cpu"], number(f["pc"]), f["start-access-count"],
                          f["done-access-count"], f["done-value"]) for f in d],
    "syscall-accesses": lambda d: {e: sorted((number(a["pc"]), number(a["guest_addr"]), a["traffic"], a["lock"],
                                              a["access_type"]) for a in rows) for e, rows in d.items()},
    "syscall-accesses-pc": lambda d: {e: {p["pc"]: p["count"] for p in rows} for e, rows in d.items()},
    "call-stacks": read_stacks,
    "shared-addresses": lambda d: sorted((a["name"], a["address"], sorted((p["info"], p["count"])
                                          for p in a["count-per-pc"]), a["count-per-cpu"], a["count"]) for a in d),
    "shared_cachelines": lambda d: sorted((sorted(number(a["rawaddr"]) for a in l["accesses"]),
                                           counted(l["cpureads"]), counted(l["cpuwrites"])) for l in d),
    "false-sharing": lambda d: {f["pc"]: sorted((i["name"], i["alloc-pc"]) for i in f["instances"]) for f in d},
    "cachesim_cpus": read_cachesim,
    "checkgc": lambda d: sorted({(t, r["access"]["pc"], r["object_base"], r["object_bytes"])
                                 for t, rows in d.items() for r in rows}),
    "sections": lambda d: sorted((s["pc"], number(s["lock"]), s["start"], s["stop"], s["total"]) for s in d),
    "summary": lambda d: d["total-instructions"],
    "abstract-scopes": lambda d: sorted((s["name"], sorted(s["aread"]), sorted(s["awrite"])) for s in d),
    "unexpected-sharing": read_unexpected,
    "scope-summary": lambda d: {k: n for k, n in d.items() if n},
    "testcases": lambda d: [(t["name"], sorted({host(a["rawaddr"]) + i for a in t["shared"]
                                                for i in range(a["size"])})) for t in d],
}


def misnamed(document):
    """Places in variables that a document calls something else: bytes of an access are
    in the field that it begins in."""
    if isinstance(document, list):
        return [x for d in document for x in misnamed(d)]
    if not isinstance(document, dict):
        return []
    found = [x for d in document.values() for x in misnamed(d)]
    addr = number(document.get("rawaddr", "0x0"))
    o = kernel.at(addr)
    begins = range(max(addr - 15, o[1]), addr + 1) if o else []
    if o and document["addr"] not in [kernel.place(o, a, addr - a) for a in begins]:
        found.append(document["addr"])
    return found


def compare(log, directory):
    names = [n for n in DOCUMENTS if os.path.exists("%s/%s.json" % (directory, n))]
    wanted, status = answers(log, names), 0
    for name in names:
        with open("%s/%s.json" % (directory, name)) as f:
            document = json.load(f)[name]
        got = READERS[name](document)
        wrong = misnamed(document)
        if got != wanted[name] or wrong:
            print(name, "differs", *wrong[:3])
            if os.environ.get("MSCAN_SHOW"):
                print("  want", wanted[name], "\n  got ", got)
            status = 1
    return status


if __name__ == "__main__":
    if sys.argv[1:] == ["--bugs"]:
        print(*BUGS, sep="\n")
    else:
        if len(sys.argv) > 3:
            bugs |= set(BUGS if sys.argv[3] == "all" else sys.argv[3].split(","))
        with open(sys.argv[1], "rb") as f:
            sys.exit(compare(f.read(), sys.argv[2]))
