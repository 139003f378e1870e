#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Call stacks: a small machine that knows the truth, and a reader of answers.

usage: stacks.py make SEED RECORDS WANT    records for mkrec, true stacks
       stacks.py show [--calls] <JSON      the stack of each access, as told

The machine runs tasks on cpus: calls, returns, longjmps and tail calls, system
calls, faults, interrupts that change to the cpu's own stack, softirqs, task
switches, exits, execs.  It writes what the tracer would and, of each access, the
stack that a person who watched it would draw.  It knows nothing of slots being
compared; it keeps real stacks.

A stack is a line of words, outermost first: pc of a call, or cause:number:pc of
an entry; code of process N is N/pc.
"""
import json
import random
import sys

KERNEL = 0xffffffff81000000
DIRECT = 0xffff888000000000     # task stacks: aligned blocks side by side
STACK = 16384


def word(process, pc):
    return ("%d/" % process if process else "") + "0x%x" % pc


class Place:
    """A stack in memory: where its pointer is."""

    def __init__(self, top, bytes_):
        self.top, self.low, self.sp = top, top - bytes_ + 512, top


class Strand:
    """Calls that return in order: [(place, slot, sp before, word)]."""

    def __init__(self, below, place):
        self.below, self.place, self.frames = below, place, []
        self.sp_at_start = place.sp

    def stack(self):
        return self.below + [f[3] for f in self.frames]


class Entry(Strand):
    def __init__(self, tag, task, cause, number, pc, below, place):
        super().__init__(below + ["%s:%d:%s" % (cause, number, word(0, pc))], place)
        self.tag, self.task, self.cause, self.number, self.pc = tag, task, cause, number, pc


class Task:
    def __init__(self, tid, process, index):
        self.tid, self.process, self.cpu = tid, process, None
        self.kernel = Place(DIRECT + (index + 1) * STACK, STACK)
        self.entries = []
        self.exec()

    def exec(self):
        self.user = Strand([], Place(random.randrange(0x7ff000000000, 0x7fff00000000, 16), 1 << 19))


class Cpu:
    def __init__(self, n):
        self.n, self.task, self.time = n, None, 0
        # its own stack for interrupts: above or below those of the tasks
        high = random.random() < .5
        self.irq = Place((DIRECT + (1 << 40) if high else DIRECT - (1 << 30)) + n * STACK, STACK)
        self.idle = Strand([], Place(DIRECT + (1 << 30) + n * STACK, STACK))
        self.idle_entries = []

    def entries(self):
        return self.task.entries if self.task else self.idle_entries

    def strand(self):
        e = self.entries()
        return e[-1] if e else self.task.user if self.task else self.idle


class Machine:
    def __init__(self, records, want):
        self.records, self.want = records, want
        self.cpus = [Cpu(n) for n in range(3)]
        self.tasks, self.tags, self.tids, self.indices = [], 0, 100, list(range(40))
        self.cpu = None

    def put(self, text):
        self.cpu.time += 1
        print("%s cpu=%d time=%d" % (text, self.cpu.n, self.cpu.time), file=self.records)

    # ---- what code does ----

    def in_kernel(self):
        return bool(self.cpu.entries()) or not self.cpu.task

    def pc(self):
        n = random.randrange(1, 60) * 16
        return KERNEL + n if self.in_kernel() else 0x400000 + n

    def process(self):
        return 0 if self.in_kernel() else self.cpu.task.process

    def access(self, strand=None):
        self.put("access pc=0x%x addr=0x1000 paddr=0x1000 width=8 flags=load" %
                 (KERNEL if strand else self.pc()))
        print(" ".join((strand or self.cpu.strand()).stack()) or "-", file=self.want)

    def call(self, place=None):
        s = self.cpu.strand()
        place = place or (s.frames[-1][0] if s.frames else s.place)
        before = place.sp
        slot = place.sp - 8             # a function calls from one depth
        if slot < place.low:
            return False
        place.sp = slot - 8 * random.randrange(30)
        back = self.pc() + 5
        s.frames.append((place, slot, before, word(self.process(), back)))
        self.put("call op=call pc=0x%x target=0x%x return_pc=0x%x sp=0x%x" %
                 (back - 5, self.pc(), back, slot))
        return True

    def drop(self):
        """The innermost frame goes without a record."""
        place, slot, before, _ = self.cpu.strand().frames.pop()
        place.sp = before
        return slot

    def ret(self):
        if self.cpu.strand().frames:
            self.put("call op=ret pc=0x%x sp=0x%x" % (self.pc(), self.drop()))

    def longjmp(self):
        s = self.cpu.strand()
        for _ in range(random.randrange(len(s.frames) + 1)):
            self.drop()
        while not self.call() and s.frames:     # nothing tells of it until the next call
            self.drop()

    def unmatched(self):
        """A return of a call that nobody saw."""
        s = self.cpu.strand()
        if not s.frames:
            self.put("call op=ret pc=0x%x sp=0x%x" % (self.pc(), s.place.sp))

    # ---- entries ----

    def entry(self, state, e):
        self.put("entry state=%s tag=0x%x pc=0x%x task=%d number=%d cause=%s depth=%d" %
                 (state, e.tag, e.pc, e.task, e.number, e.cause, self.cpu.entries().index(e)))

    def enter(self, cause, number, place):
        e = self.cpu.entries()
        below = self.cpu.strand().stack() if cause in ("syscall", "exception") else []
        if e:
            self.entry("pause", e[-1])
        self.tags += 1
        e.append(Entry(self.tags, self.cpu.task.tid if self.cpu.task else 0, cause, number,
                       KERNEL + 0x1000 + number * 16, below, place))
        self.entry("start", e[-1])

    def top(self):
        """The stack that the kernel is on, or would be."""
        e = self.cpu.entries()
        if e:
            return e[-1].frames[-1][0] if e[-1].frames else e[-1].place
        return self.cpu.task.kernel if self.cpu.task else self.cpu.idle.place

    def leave(self):
        e = self.cpu.entries()
        if not e:
            return
        while e[-1].frames:
            if random.random() < .9:
                self.ret()
            else:
                self.drop()
        self.entry("done", e[-1])
        e.pop()
        if e:
            self.entry("resume", e[-1])

    def syscall(self):
        if self.cpu.task and not self.cpu.entries():
            self.enter("syscall", random.randrange(8), self.cpu.task.kernel)

    def exception(self):
        if len(self.cpu.entries()) < 5:
            self.enter("exception", 14, self.top())

    def interrupt(self):
        if len(self.cpu.entries()) < 5:
            self.enter("interrupt", 32 + random.randrange(4), self.top())
            self.call()
            self.call(self.cpu.irq)

    def softirq(self):
        e = self.cpu.entries()
        if e and e[-1].cause == "interrupt" and len(e) < 5:
            self.enter("softirq", random.randrange(10), self.top())

    # ---- tasks ----

    def switch(self):
        """As schedule() does it: the hook's own calls return on the other side."""
        e = self.cpu.entries()
        if any(x.cause in ("interrupt", "softirq") for x in e) or (self.cpu.task and not e):
            return
        waiting = [t for t in self.tasks if t.cpu is None and t is not self.cpu.task]
        to = random.choice(waiting + [None])
        before = self.cpu.strand()
        hooks = self.call() + self.call() if random.random() < .7 else 0
        if e:
            self.entry("pause", e[-1])
        if self.cpu.task:
            self.cpu.task.cpu = None
        self.cpu.task = to
        if to:
            to.cpu = self.cpu.n
        self.put("switch task=%d process=%d" % (to.tid if to else 0, to.process if to else 0))
        if self.cpu.entries():
            self.entry("resume", self.cpu.entries()[-1])
        for _ in range(hooks):
            self.access(before)
            place, slot, sp, _ = before.frames.pop()
            place.sp = sp
            self.put("call op=ret pc=0x%x sp=0x%x" % (KERNEL, slot))
        if self.cpu.strand().frames:
            self.ret()
        else:
            self.call()

    def create(self):
        if len(self.tasks) > 8:
            return
        tid = random.choice([self.tids, 100])       # numbers are used again
        if any(t.tid == tid for t in self.tasks):
            tid = self.tids
        self.tids += 1
        t = Task(tid, tid + 1000, self.indices.pop(0))
        self.indices.append(t.kernel.top // STACK % 40)
        self.tasks.append(t)
        self.put("task op=create task=%d process=%d" % (t.tid, t.process))

    def exit(self):
        e, t = self.cpu.entries(), self.cpu.task
        if not t or len(e) != 1 or e[0].cause != "syscall" or random.random() < .7:
            return
        self.put("task op=exit task=%d process=%d" % (t.tid, t.process))
        self.entry("done", e[-1])
        self.tasks.remove(t)
        self.cpu.task = None
        self.put("switch task=0")
        if self.cpu.entries():
            self.entry("resume", self.cpu.entries()[-1])
        self.call()

    def exec(self):
        t = self.cpu.task
        if not t or random.random() < .5:
            return
        if t.entries:           # prctl(PR_SET_NAME): nothing changes
            self.put("task op=exec task=%d process=%d name=x" % (t.tid, t.process))
            return
        self.enter("syscall", random.choice([59, 322]), t.kernel)
        t.exec()
        self.put("task op=exec task=%d process=%d name=y" % (t.tid, t.process))
        self.leave()

    def step(self):
        what = random.choices(
            [self.access, self.call, self.ret, self.longjmp, self.unmatched, self.syscall,
             self.exception, self.interrupt, self.softirq, self.leave, self.switch, self.create,
             self.exit, self.exec],
            [30, 30, 20, 3, 3, 6, 3, 4, 3, 12, 6, 2, 2, 2])[0]
        if random.random() < .2:
            self.cpu = random.choice(self.cpus)
        what()


def make(seed, records, want):
    random.seed(seed)
    print("begin machine=system mode=all cpus=3", file=records)
    m = Machine(records, want)
    m.cpu = m.cpus[0]
    for _ in range(4000):
        m.step()


def show(calls):
    stacks = {0: []}
    for line in sys.stdin:
        r = json.loads(line)
        if r["type"] == "stack":
            w = word(r["process"], int(r["pc"], 16))
            if r["frame"] == "cut":
                w = "..."
            elif r["frame"] != "call":
                w = "%s:%d:%s" % (r["frame"], r["number"], w)
            assert r["id"] not in stacks, "defined twice"
            stacks[r["id"]] = stacks[r["parent"]] + [w]
        elif r["type"] == "access" or (calls and r["type"] == "call"):
            print(" ".join(stacks[r["stack"]]) or "-")


if sys.argv[1] == "make":
    make(int(sys.argv[2]), open(sys.argv[3], "w"), open(sys.argv[4], "w"))
else:
    show("--calls" in sys.argv)
