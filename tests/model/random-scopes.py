#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random-scopes.py FIRST LAST [STEPS]: small logs from these seeds, as text for mkrec.

Tasks that move between cpus, system calls with exceptions and interrupts on
top, scopes and variables, runs, objects under deferred freeing and epochs.
Sides are few, so that everything meets; now and then a record is lost.
"""
import random
import sys

first, last = int(sys.argv[1]), int(sys.argv[2])
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 150
KERNEL = 0xffff888000000000


def spread(at):
    """Four words here, four there, so that parts of a log have some each."""
    return at // 32 * 0x2000 + at % 32


class Log:
    def __init__(self, seed):
        self.rnd = rnd = random.Random(seed)
        self.mode = rnd.choice(["scope", "scope", "all", "kernel", "movement", "off"])
        self.machine = rnd.choice(["system", "user"])
        self.cpus = rnd.sample([0, 1, 2, 3, 70, 0xffffffff], rnd.randint(1, 4))
        self.with_tasks = rnd.random() < 0.7
        self.lossy = rnd.random() < 0.3
        self.running = {c: 0 for c in self.cpus}
        self.tasks = list(range(1, 4))
        self.stacks = {}                # task or -cpu: tags, outermost first
        self.tags = 0
        self.words = rnd.choice([4, 16, 64])
        self.objects = []
        print("begin line=%d mode=%s machine=%s" % (rnd.choice([64, 32]), self.mode, self.machine))

    def say(self, text, *values):
        if not (self.lossy and self.rnd.random() < 0.05):
            print(text % values)

    def strand(self, cpu):
        return self.stacks.setdefault(self.running[cpu] or -cpu - 1, [])

    def entry(self, cpu, state, tag, cause=0):
        self.say("entry cpu=%d state=%s tag=%d pc=%#x number=%d cause=%d task=%d", cpu, state, tag,
                 0xffffffff81000000 + 16 * cause + 256 * (tag % 2), tag % 2, cause,
                 self.running[cpu])

    def start(self, cpu):
        stack = self.strand(cpu)
        cause = self.rnd.choice([1, 2, 2]) if stack else self.rnd.choice([0, 0, 0, 1, 2])
        if stack and self.rnd.random() < 0.7:
            self.entry(cpu, "pause", stack[-1])
        self.tags += 1
        stack.append(self.tags)
        self.entry(cpu, "start", self.tags, cause)

    def done(self, cpu):
        stack = self.strand(cpu)
        if stack:
            self.entry(cpu, "done", stack.pop())
            if stack:
                self.entry(cpu, "resume", stack[-1])

    def switch(self, cpu):
        free = [t for t in self.tasks if t not in self.running.values()] + [0]
        if self.strand(cpu):
            self.entry(cpu, "pause", self.strand(cpu)[-1])
        self.running[cpu] = self.rnd.choice(free)
        self.say("switch cpu=%d task=%d process=%d", cpu, self.running[cpu], self.running[cpu] % 2)
        if self.strand(cpu):
            self.entry(cpu, "resume", self.strand(cpu)[-1])

    def scope(self, cpu):
        if self.rnd.random() < 0.6:
            self.say('scope cpu=%d op=enter name="%s"', cpu,
                     self.rnd.choice(["syscall:1", "syscall:2", "open(a)", "open(b)", "close", ""]))
            if self.rnd.random() < 0.8:
                self.say("var cpu=%d name=v%d write=%d", cpu, self.rnd.randint(1, 30),
                         self.rnd.random() < 0.3)
        else:
            self.say("scope cpu=%d op=leave", cpu)

    def gc(self, cpu):
        addr = KERNEL + spread(16 * self.rnd.randrange(self.words))
        dice = self.rnd.random()
        if dice < 0.35:
            self.say('gc cpu=%d op=create addr=%#x bytes=%d ctype=%s', cpu, addr,
                     self.rnd.choice([16, 32, 40]), self.rnd.choice(["node", "inode"]))
        elif dice < 0.65:
            self.say('gc cpu=%d op=retire addr=%#x ctype=%s', cpu, addr,
                     self.rnd.choice(['""', "late"]))
        elif dice < 0.85:
            self.say('label cpu=%d op=alloc addr=%#x bytes=%d name=cache storage=%s', cpu, addr,
                     self.rnd.choice([32, 64]), self.rnd.choice(["heap", "heap", "block"]))
        else:
            self.say('label cpu=%d op=free addr=%#x', cpu, addr)

    def switch_mode(self, cpu):
        self.say('mode cpu=%d mode=%s name=run%d', cpu,
                 self.rnd.choice(["off", "off", "scope", "kernel", "all", "movement"]),
                 self.rnd.randint(1, 2))

    def access(self, cpu):
        paddr = spread(8 * self.rnd.randrange(self.words)) + self.rnd.choice([0, 0, 4, 6])
        self.say("access cpu=%d pc=%#x addr=%#x paddr=%#x width=%d flags=%s object=%d stack=%d", cpu,
                 self.rnd.choice([0x400000, 0x400010, 0xffffffff81000000, 0xffffffff81000040]),
                 self.rnd.choice([KERNEL, KERNEL, KERNEL, 0]) + paddr, paddr,
                 self.rnd.choice([1, 2, 4, 8, 8, 16, 3]),
                 self.rnd.choice(["load", "load", "store", "load+store", "0"]) +
                 self.rnd.choice(["", "+moved", "+moved+atomic"]),
                 self.rnd.randint(0, 1), self.rnd.randint(0, 1))

    def step(self):
        cpu, dice = self.rnd.choice(self.cpus), self.rnd.random()
        if dice < 0.08:
            self.start(cpu)
        elif dice < 0.15:
            self.done(cpu)
        elif dice < 0.19 and self.with_tasks:
            self.switch(cpu)
        elif dice < 0.29:
            self.scope(cpu)
        elif dice < 0.35:
            self.say("var cpu=%d name=v%d write=%d", cpu, self.rnd.randint(1, 30),
                     self.rnd.random() < 0.3)
        elif dice < 0.40:
            self.gc(cpu)
        elif dice < 0.45:
            self.say("epoch cpu=%d op=%s", cpu, self.rnd.choice(["begin", "end"]))
        elif dice < 0.47:
            self.switch_mode(cpu)
        elif dice < 0.475:
            self.say("task cpu=%d task=%d op=exit", cpu, self.rnd.choice(self.tasks))
        elif dice < 0.48:
            self.say("appdata cpu=%d value=%d name=%s", cpu, self.rnd.randint(0, 9),
                     self.rnd.choice(["operations", "bytes"]))
        else:
            self.access(cpu)


for seed in range(first, last + 1):
    log = Log(seed)
    for _ in range(log.rnd.randint(0, steps)):
        log.step()
    print("end")
