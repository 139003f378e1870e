#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random-guest.py SEED [STEPS]: a log of a guest that could have been, as text for mkrec.

A few cpus run a few tasks: system calls with faults in them, interrupts, task
switches on the way, calls and returns on stacks of their own, locks, scopes
with variables, epochs, memory that is allocated, used and freed, files that
are mapped; and recording that is switched off and on.  All of it makes sense,
so that what is alive at any moment is known from what came before.
"""
import random
import sys

rnd = random.Random(int(sys.argv[1]))
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 400
CPUS, TASKS = rnd.choice([1, 2, 3]), 5


class Task:
    def __init__(self, number):
        self.number, self.process = number, 1 + number % 3
        self.entries = []               # tags, outermost first
        self.frames = []                # (slot, return_pc) outside of entries
        self.base = 0xffff888000000000 + number * 0x4000 * 2
        self.user = 0x7fff00000000 + number * 0x10000000


class Entry:
    def __init__(self, tag, cause, number, pc):
        self.tag, self.cause, self.number, self.pc, self.frames = tag, cause, number, pc, []
        self.scopes = 0


time = [0] * CPUS
tasks = {n: Task(n) for n in range(1, TASKS + 1)}
running = [None] * CPUS
interrupt = [None] * CPUS
objects, locks, tag, next_task = {}, {}, 0, TASKS + 1
scopes, epochs, gcs = {}, {}, {}


def put(cpu, text):
    time[cpu] += rnd.randint(0, 9)
    kind, rest = text.split(" ", 1)
    print("%s cpu=%d time=%d %s" % (kind, cpu, time[cpu], rest))


def top(cpu):
    """The entry that is current."""
    if interrupt[cpu]:
        return interrupt[cpu]
    t = running[cpu]
    return t.entries[-1] if t and t.entries else None


def entry(cpu, e, state):
    task = running[cpu].number if running[cpu] and e.cause in ("syscall", "exception") else 0
    put(cpu, "entry tag=%#x pc=%#x task=%d number=%d state=%s cause=%s" %
        (e.tag, e.pc, task, e.number, state, e.cause))


def start(cpu, cause):
    global tag
    tag += 1
    number = rnd.randint(0, 3)
    return Entry(tag, cause, number, 0xffffffff81000000 + number * 64 + len(cause) * 4096)


def switch(cpu):
    idle = [t for t in tasks.values() if t not in running]
    if interrupt[cpu] or not idle:
        return
    if top(cpu):
        entry(cpu, top(cpu), "pause")
    running[cpu] = rnd.choice(idle)
    put(cpu, "switch task=%d process=%d" % (running[cpu].number, running[cpu].process))
    if top(cpu):
        entry(cpu, top(cpu), "resume")
    call(cpu)                           # by which mt-stack sees whose stack it is


def go_in(cpu):
    if interrupt[cpu] or not running[cpu]:
        return
    t = running[cpu]
    if rnd.random() < 0.3:
        if top(cpu):
            entry(cpu, top(cpu), "pause")
        interrupt[cpu] = start(cpu, rnd.choice(["interrupt", "softirq"]))
        entry(cpu, interrupt[cpu], "start")
    elif len(t.entries) < 3:
        cause = "exception" if t.entries else rnd.choice(["syscall", "exception"])
        if t.entries:
            entry(cpu, t.entries[-1], "pause")
        t.entries.append(start(cpu, cause))
        entry(cpu, t.entries[-1], "start")


def go_out(cpu):
    e = top(cpu)
    if not e or e.scopes:
        return
    entry(cpu, e, "done")
    if e is interrupt[cpu]:
        interrupt[cpu] = None
    else:
        running[cpu].entries.pop()
    if top(cpu):
        entry(cpu, top(cpu), "resume")


def call(cpu):
    t, e = running[cpu], top(cpu)
    if not t:
        return
    frames = e.frames if e else t.frames
    depth = len(t.entries)
    if interrupt[cpu]:
        high, code = 0xffffc90000000000 + cpu * 0x4000 + 0x3ff0, 0xffffffff81200000
    elif e:
        high, code = t.base + 0x3ff0 - depth * 0x1000, 0xffffffff81100000
    else:
        high, code = t.user, 0x400000
    if frames and (rnd.random() < 0.45 or len(frames) == 8):
        slot, back = frames.pop()
        put(cpu, "call op=ret pc=%#x target=%#x return_pc=%#x sp=%#x" % (code, back, back, slot))
    else:
        back = code + rnd.randint(1, 9) * 16
        slot = (frames[-1][0] if frames else high) - rnd.randint(1, 4) * 8
        frames.append((slot, back))
        put(cpu, "call op=call pc=%#x target=%#x return_pc=%#x sp=%#x" % (back - 5, code, back, slot))


def allocate(cpu):
    addr = 0xffff888100000000 + rnd.randint(0, 40) * 256
    if objects and rnd.random() < 0.5:
        addr = rnd.choice(list(objects))
        storage = objects.pop(addr)
        put(cpu, "label addr=%#x op=free storage=%s" % (addr, storage))
    elif addr not in objects:
        objects[addr] = storage = rnd.choice(["heap", "heap", "unknown"])
        put(cpu, "label addr=%#x bytes=%d op=alloc storage=%s name=%s ctype=\"struct %s\"" %
            (addr, rnd.choice([64, 256, 256]), storage, rnd.choice("ab"), rnd.choice("st")))


def lock(cpu):
    addr = 0xffff888200000000 + rnd.randint(0, 3) * 64
    who = (interrupt[cpu] or running[cpu]) and id(interrupt[cpu] or running[cpu])
    if not who:
        return
    task = 0 if interrupt[cpu] else running[cpu].number
    if locks.get(addr) == who:
        del locks[addr]
        put(cpu, "lock addr=%#x pc=0xffffffff81300000 op=release task=%d name=l" % (addr, task))
    elif addr not in locks and not interrupt[cpu]:
        locks[addr] = who
        put(cpu, "lock addr=%#x pc=0xffffffff81300010 op=acquire task=%d name=l" % (addr, task))
        put(cpu, "lock addr=%#x pc=0xffffffff81300010 op=acquired task=%d name=l" % (addr, task))


def scope(cpu):
    e = top(cpu)
    if not e or interrupt[cpu]:
        return
    task = running[cpu].number
    if e.scopes and rnd.random() < 0.5:
        e.scopes -= 1
        put(cpu, "scope op=leave task=%d" % task)
    elif e.scopes and rnd.random() < 0.6:
        put(cpu, "var write=%d task=%d name=v%d" % (rnd.randint(0, 1), task, rnd.randint(0, 2)))
    elif e.scopes < 3:
        e.scopes += 1
        put(cpu, "scope op=enter task=%d name=\"op%d(x)\"" % (task, rnd.randint(0, 2)))


def epoch(cpu):
    t = running[cpu]
    if not t:
        return
    depth = epochs.get(t.number, 0)
    if depth and rnd.random() < 0.6:
        epochs[t.number] = depth - 1
        put(cpu, "epoch op=end task=%d" % t.number)
    elif depth < 2:
        epochs[t.number] = depth + 1
        put(cpu, "epoch op=begin task=%d" % t.number)


def collect(cpu):
    addr = 0xffff888300000000 + rnd.randint(0, 5) * 128
    if addr in gcs:
        del gcs[addr]
        put(cpu, "gc op=retire addr=%#x ctype=\"\"" % addr)
    else:
        gcs[addr] = True
        put(cpu, "gc op=create addr=%#x bytes=128 ctype=\"struct g\"" % addr)


def mapping(cpu):
    process = rnd.randint(1, 3)
    addr = 0x400000 + rnd.randint(0, 5) * 0x1000
    put(cpu, "map addr=%#x bytes=%d process=%d op=%s path=%s" %
        (addr, 0x1000 * rnd.randint(1, 3), process, rnd.choice(["map", "map", "unmap"]),
         rnd.choice(["/a", "/b", '""'])))


def renew(cpu):
    """A task ends, and another one begins under a new number."""
    global next_task
    idle = [t for t in tasks.values() if t not in running and not t.entries and
            id(t) not in locks.values()]
    if not idle:
        return
    gone = rnd.choice(idle)
    if epochs.get(gone.number):
        return
    del tasks[gone.number]
    put(cpu, "task task=%d process=%d op=exit" % (gone.number, gone.process))
    t = Task(next_task)
    next_task += 1
    tasks[t.number] = t
    put(cpu, "task task=%d process=%d op=create name=t%d" % (t.number, t.process, t.number))


def access(cpu):
    place = rnd.choice([0xffff888100000000, 0xffff888100000000, 0xffff888300000000, 0x400000])
    addr = place + rnd.randint(0, 41 * 256 // 8) * 8
    kernel = top(cpu) is not None
    pc = (0xffffffff81000000 if kernel else 0x400000) + rnd.randint(0, 9) * 4
    put(cpu, "access pc=%#x addr=%#x paddr=%#x width=8 flags=%s+moved%s" %
        (pc, addr, addr & 0xffffffff, rnd.choice(["load", "store", "load+store+atomic"]),
         "+kernel" if kernel else ""))


print("begin cpus=%d line=64 mode=all machine=system" % CPUS)
for t in tasks.values():
    print("task task=%d process=%d op=create name=t%d" % (t.number, t.process, t.number))
for c in range(CPUS):
    print("segment addr=%#x bytes=4096 owner=%d" % (0xffff888400000000 + c * 8192, c))
what = [access] * 12 + [call] * 5 + [go_in] * 2 + [go_out] * 2 + [switch, allocate, allocate, lock,
                                                                    lock, scope, scope, epoch,
                                                                    collect, mapping, renew]
for _ in range(steps):
    rnd.choice(what)(rnd.randrange(CPUS))
