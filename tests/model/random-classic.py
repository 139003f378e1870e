#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logs of the original mtrace as a kernel on a few cpus would make them.

random-classic.py SEED KIND MODE [STEPS [SYMBOLS]]

KIND tame: nothing happens that one of the original's bugs makes wrong: one run
in which all calls begin and end, accesses only inside of calls and within a
line, one virtual address for each place, at most one interrupt at a time,
locks and epochs that do not nest.
KIND wild: what real logs have beside that.  MODE: movement, scope or kernel.
SYMBOLS, as nm -S writes them: variables that are touched, too, those of the
per-cpu template in each cpu's copy.
"""
import importlib.util
import os
import random
import struct
import sys

spec = importlib.util.spec_from_file_location("classic", os.path.join(os.path.dirname(__file__), "classic.py"))
classic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(classic)

K = 0xffff888000000000			# heap, then pages, then objects under deferred freeing
ALIAS = 0xffffc90000000000		# the same memory once more
HOST = 0x7f0000000000			# K in QEMU
GC = 0x40000
PERCPU = 0x500000			# a copy each 64 KiB
STRIDE = 512 * 64			# lines so far apart fall into one set
USER = 0x400000
TEXT = 0xffffffff81000000
MODES = {"off": 0, "movement": 1, "scope": 2, "kernel": 3}
START, DONE, VALUE, RESUME, PAUSE = 1, 2, 3, 4, 5


class Stack:				# a call stack
    def __init__(self, tag, task, pc):
        self.tag, self.task, self.pc = tag, task, pc
        self.scopes, self.calls, self.locks = [], [], []


class Task:
    def __init__(self, tid):
        self.tid, self.stack, self.epochs, self.scopes, self.cpu = tid, None, 0, 0, None


def variables(text):
    """Of what nm -S writes: [(address, bytes)], the same from the template's start, and its bytes."""
    rows = [line.split() for line in text.splitlines()]
    at = {r[-1]: int(r[0], 16) for r in rows}
    start, end = at.get("__per_cpu_start", 0), at.get("__per_cpu_end", 0)
    every = [(int(r[0], 16), int(r[1], 16)) for r in rows if len(r) == 4 and r[2] in "bBdD"]
    return ([v for v in every if not start <= v[0] < end],
            [(a - start, n) for a, n in every if start <= a < end], end - start)


class Guest:
    def __init__(self, seed, wild, mode, symbols=""):
        self.r = r = random.Random(seed)
        self.wild, self.mode = wild, mode
        self.out, self.count, self.tags = [], 0, 0
        self.n_cpus = r.randint(2, 4)
        self.time = [r.randrange(1000) for _ in range(self.n_cpus)]
        self.tasks = [Task(100 + i) for i in range(self.n_cpus + 2)]
        self.task = [None] * self.n_cpus		# of each cpu
        self.irqs = [[] for _ in range(self.n_cpus)]	# interrupts on it, innermost last
        self.heap, self.pages, self.gc = {}, set(), {}
        self.lock_holders = {}
        self.on = False
        self.runs = 0
        self.statics, self.percpu, self.template = variables(symbols)

    # ---- entries of the log

    def put(self, kind, cpu, body):
        self.time[cpu] += self.r.randrange(50)
        time = 0 if kind in (2, 6) else self.time[cpu]
        self.out.append(classic.entry(kind, cpu, self.count, time, body))
        self.count += kind == 2

    def text(self, s):
        return s.encode().ljust(64, b"\0")

    def switch_mode(self, mode, name):
        self.put(3, 0, struct.pack("<IQI64s4x", 1, sum(self.time), MODES[mode], self.text(name)))
        self.on = mode != "off"

    def fcall(self, cpu, stack, state):
        tid = stack.task if state in (START, RESUME) else 0
        pc = stack.pc if state == START or state == RESUME and not (self.wild and stack.pc & 16) else 0
        self.put(4, cpu, struct.pack("<QQQHI", tid, pc, stack.tag, 0, state))

    def current(self, cpu):
        if self.irqs[cpu]:
            return self.irqs[cpu][-1]
        return self.task[cpu].stack if self.task[cpu] else None

    # ---- what cpus do

    def begin(self):
        for n in range(2):
            self.out.append(classic.machine(self.n_cpus, 1 << 30, 100, 1, 2))
        for t in self.tasks:
            self.put(8, 0, struct.pack("<QQI64s", t.tid, t.tid, 1, self.text("task")))
        for cpu in range(self.n_cpus):
            if self.percpu:
                base = K + PERCPU + 0x10000 * cpu
                self.put(5, 0, struct.pack("<QQHI", base, base + self.template, cpu, 4))
            self.schedule(cpu)

    def schedule(self, cpu):
        old, free = self.task[cpu], [t for t in self.tasks if t.cpu is None]
        if self.irqs[cpu] or not free or (not self.wild and old and old.stack and old.stack.scopes):
            return
        new = self.r.choice(free)
        if old:
            if old.stack:
                self.fcall(cpu, old.stack, PAUSE)
            old.cpu = None
        self.put(9, cpu, struct.pack("<Q", new.tid))
        self.task[cpu], new.cpu = new, cpu
        if new.stack:
            self.fcall(cpu, new.stack, RESUME)

    def new_stack(self, task, pc):
        self.tags += 1
        return Stack(self.tags << 8 | self.r.randrange(16), task, pc)

    def enter(self, cpu):			# a system call
        t = self.task[cpu]
        if self.irqs[cpu] or t.stack:
            return
        t.stack = self.new_stack(t.tid, TEXT + 0x1000 + 16 * self.r.randrange(4))
        self.fcall(cpu, t.stack, START)
        if self.r.random() < .8:
            self.open_scope(cpu, t.stack, "syscall:%d" % self.r.randrange(3))

    def end_state(self):
        return VALUE if self.wild and self.r.random() < .4 else DONE

    def leave(self, cpu):
        s = self.current(cpu)
        if not s or s.locks or self.irqs[cpu]:
            return
        if not self.wild:
            self.end_epochs(cpu)
        while s.scopes and (not self.wild or self.r.random() < .9):
            self.close_scope(cpu, s)
        self.fcall(cpu, s, self.end_state())
        self.task[cpu].stack = None

    def interrupt(self, cpu):
        if (self.irqs[cpu] and not self.wild) or (not self.wild and any(self.irqs)) or len(self.irqs[cpu]) > 2:
            return
        below = self.current(cpu)
        if below:
            self.fcall(cpu, below, PAUSE)
        self.irqs[cpu].append(self.new_stack(0, TEXT + 0x2000 + 16 * self.r.randrange(2)))
        self.fcall(cpu, self.irqs[cpu][-1], START)

    def interrupted(self, cpu):
        if not self.irqs[cpu] or self.irqs[cpu][-1].locks:
            return
        self.fcall(cpu, self.irqs[cpu].pop(), self.end_state())
        below = self.current(cpu)
        if below:
            self.fcall(cpu, below, RESUME)

    def place(self, cpu):
        r, irq = self.r, bool(self.irqs[cpu])
        what = r.random()
        if self.mode == "kernel" and what < .1:
            at = 8 * r.randrange(8)
            return USER + at, 0x300000 + at
        if what < .5:
            at = 8 * r.randrange(64)
        elif what < .6:
            at = 0x100000 + STRIDE * r.randrange(12)
        elif what < .75 and (self.wild or not irq):
            at = GC + 8 * r.randrange(32)
        else:
            at = 0x10000 + 8 * r.randrange(1024)
        return (ALIAS if self.wild and r.random() < .1 else K) + at, at

    def variable_at(self, cpu):
        """A part of a variable: address, place and width."""
        r = self.r
        if r.random() < .5:
            start, nbytes = r.choice(self.statics)
            base = HOST - ALIAS
        else:
            start, nbytes = r.choice(self.percpu)
            start += K + PERCPU + 0x10000 * r.choice([cpu, cpu, r.randrange(self.n_cpus)])
            base = HOST - K
        width = r.choice([w for w in (1, 2, 4, 8, 16) if w <= nbytes])
        addr = start + r.randrange(nbytes - width + 1)
        return addr, addr + base - HOST, width

    def access(self, cpu):
        r, s = self.r, self.current(cpu)
        if not self.on or (not s and not self.wild):
            return
        if self.mode == "scope" and not (s and s.scopes) and not (self.wild and r.random() < .2):
            return
        addr, at = self.place(cpu)
        width = 8
        if self.statics and r.random() < .5:
            addr, at, width = self.variable_at(cpu)
        elif self.wild and r.random() < .3:
            shift = r.randrange(8)
            width = r.choice([1, 2, 4, 8, 16])
            addr, at = addr + shift, at + shift
        op = r.choice([1, 1, 2]) if addr > USER + 64 else 1
        flags = 1 if self.mode != "movement" or r.random() < .8 else 2
        pc = TEXT + 0x10 * r.randrange(12)
        self.put(2, cpu, struct.pack("<IBQQQB", 3 if op == 2 and r.random() < .1 else op, flags, pc,
                                     HOST + at, addr, width))

    def fill(self, cpu):			# one instruction over some hundred bytes
        r, s = self.r, self.current(cpu)
        if self.mode == "movement" or not self.on or not s or not s.scopes:
            return
        at, pc = 0x12000, TEXT + 0x500
        for i in range(40 if self.wild else 3):
            self.put(2, cpu, struct.pack("<IBQQQB", 2, 1, pc, HOST + at + 8 * i, K + at + 8 * i, 8))

    # ---- objects, locks, scopes, epochs

    def label(self, cpu, storage, at, name, nbytes):
        self.put(1, cpu, struct.pack("<QI64sQQQ", HOST + at, storage, self.text(name), K + at, nbytes,
                                     TEXT + 0x3000 + at % 7))

    def allocate(self, cpu):
        r = self.r
        if r.random() < .2:
            page = 0x10000 + 0x1000 * r.randrange(2)
            self.label(cpu, 2, page, "pages", 0 if page in self.pages else 4096)
            self.pages ^= {page}
            return
        at = 32 * r.randrange(32)
        if at in self.heap:
            self.label(cpu, 1, at, self.heap.pop(at), 0)
        elif not any(at < a + 48 and a < at + 48 for a in self.heap):
            self.heap[at] = r.choice(['den"try', "inode", "fi\\le"])
            self.label(cpu, 1, at, self.heap[at], 48)

    def collect(self, cpu):
        at = GC + 64 * self.r.randrange(4)
        if at in self.gc:
            del self.gc[at]
            self.put(14, cpu, struct.pack("<QQ64sB", K + at, 0, b"", 1))
        else:
            self.gc[at] = True
            self.put(14, cpu, struct.pack("<QQ64sB", K + at, 48, self.text("rcu%d" % self.r.randrange(2)), 0))

    def epoch(self, cpu):
        t = self.task[cpu]
        if self.irqs[cpu] or not t.stack:
            return
        begins = not t.epochs or (self.wild and t.epochs < 3 and self.r.random() < .4)
        t.epochs += 1 if begins else -1
        self.put(15, cpu, struct.pack("<B", begins))

    def end_epochs(self, cpu):
        while self.task[cpu].epochs:
            self.task[cpu].epochs -= 1
            self.put(15, cpu, struct.pack("<B", 0))

    def lock(self, cpu):
        r, s = self.r, self.current(cpu)
        if not s:
            return
        if s.locks and r.random() < .6:
            addr, read = s.locks.pop(r.randrange(len(s.locks)) if self.wild else -1)
            self.put_lock(cpu, 3, addr, 0)
            self.lock_holders[addr].remove(s.tag)
            return
        addr, read = K + 0x20000 + 8 * r.randrange(3), self.wild and r.random() < .3
        readers = [a for x in self.stacks() for a, rd in x.locks if a == addr and rd]
        holders = self.lock_holders.setdefault(addr, [])
        again = self.wild and holders and all(h == s.tag for h in holders) and (addr, read) in s.locks
        shared = read and len(readers) == len(holders) and s.tag not in holders
        if (not holders or again or shared) and (self.wild or not self.irqs[cpu]):
            self.put_lock(cpu, 1, addr, read)
            self.put_lock(cpu, 2, addr, read)
            s.locks.append((addr, read))
            holders.append(s.tag)

    def put_lock(self, cpu, op, addr, read):
        pc = TEXT + 0x4000 + 16 * self.r.randrange(3)
        self.put(7, cpu, struct.pack("<QQ64sIB", pc, addr, self.text("lock%d" % (addr & 8)), op, read))

    def stacks(self):
        return [t.stack for t in self.tasks if t.stack] + [s for irqs in self.irqs for s in irqs]

    def open_scope(self, cpu, s, name):
        s.scopes.append(name)
        self.put(12, cpu, struct.pack("<B64s", 0, self.text(name)))
        if self.r.random() < .8:
            self.variable(cpu)

    def close_scope(self, cpu, s):
        self.put(12, cpu, struct.pack("<B64s", 1, self.text(s.scopes.pop())))

    def scope(self, cpu):
        s = self.current(cpu)
        if not s or (self.irqs[cpu] and not self.wild):
            return
        if len(s.scopes) > 1 and self.r.random() < .6:
            self.close_scope(cpu, s)
        elif len(s.scopes) < 4:
            self.open_scope(cpu, s, self.r.choice(["open(%d)", "stat(%d)"]) % self.r.randrange(2))

    def user_scope(self, cpu):			# of a task, outside of calls
        t = self.task[cpu]
        if not self.wild or self.current(cpu):
            return
        leaves = t.scopes and self.r.random() < .5
        t.scopes += -1 if leaves else 1
        self.put(12, cpu, struct.pack("<B64s", leaves, self.text("user()")))

    def variable(self, cpu):
        if self.current(cpu) or self.wild:
            self.put(13, cpu, struct.pack("<B64s", self.r.randrange(2), self.text("v%d" % self.r.randrange(12))))

    def call(self, cpu):
        s = self.current(cpu)
        if not s:
            return
        if s.calls and self.r.random() < .45:
            self.put(6, cpu, struct.pack("<QQI", s.calls.pop(), 0, 1))
        elif len(s.calls) < 6:
            s.calls.append(TEXT + 0x5000 + 0x10 * self.r.randrange(6))
            self.put(6, cpu, struct.pack("<QQI", TEXT + 0x6000, s.calls[-1], 0))

    def appdata(self, cpu):
        self.put(11, cpu, struct.pack("<HQ", 0, self.r.randrange(100)))

    # ---- runs

    def settle(self):				# all calls end
        for cpu in range(self.n_cpus):
            while self.irqs[cpu]:
                self.release_all(cpu)
                self.interrupted(cpu)
        for t in self.tasks:
            if t.stack and t.cpu is None:
                self.move_here(t)
            if t.stack:
                self.release_all(t.cpu)
                self.leave(t.cpu)

    def move_here(self, t):
        old = self.task[0]
        if old.stack:
            self.fcall(0, old.stack, PAUSE)
        old.cpu, self.task[0], t.cpu = None, t, 0
        self.put(9, 0, struct.pack("<Q", t.tid))
        self.fcall(0, t.stack, RESUME)

    def release_all(self, cpu):
        s = self.current(cpu)
        while s.locks:
            addr, read = s.locks.pop()
            self.put_lock(cpu, 3, addr, 0)
            self.lock_holders[addr].remove(s.tag)

    def switch_run(self):
        if self.on:
            self.switch_mode("off", "run%d" % self.runs)
        else:
            self.runs += 1
            self.switch_mode(self.mode, "run%d" % self.runs)

    def run(self, steps):
        acts = ([self.access] * 40 + [self.enter] * 6 + [self.leave] * 4 + [self.interrupt] * 2 +
                [self.interrupted] * 4 + [self.schedule] * 3 + [self.allocate] * 4 + [self.lock] * 6 +
                [self.collect] * 2 + [self.epoch] * 3 + [self.scope] * 4 + [self.variable] * 4 + [self.call] * 6 +
                [self.user_scope] * 2 + [self.fill])
        self.begin()
        if not self.wild:
            for _ in range(30):
                self.allocate(0)
            self.switch_run()
        for step in range(steps):
            if self.wild and self.r.random() < (.02 if not self.on else .006):
                self.switch_run()
            self.r.choice(acts)(self.r.randrange(self.n_cpus))
        if not self.wild:
            self.settle()
        if self.on and not (self.wild and self.r.random() < .5):
            self.appdata(0)
            self.switch_run()
        if self.wild:
            self.appdata(1)
        return b"".join(self.out)


if __name__ == "__main__":
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 600
    symbols = ""
    if len(sys.argv) > 5:
        with open(sys.argv[5]) as f:
            symbols = f.read()
    sys.stdout.buffer.write(Guest(int(sys.argv[1]), sys.argv[2] == "wild", sys.argv[3], symbols).run(steps))
