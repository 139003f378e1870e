#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lock-logs.py FIRST LAST [RECORDS]: small logs with locks from these seeds, as text for mkrec.

Few locks, tasks and cpus, so that everything meets: readers, recursion, attempts
that fail or nest, releases by another task or on another cpu, interrupts and
softirqs on top of system calls, tasks that move, objects that are freed or have
locks in them, several runs, locks without a name, and records that make no sense."""
import random
import sys

first, last = int(sys.argv[1]), int(sys.argv[2])
records = int(sys.argv[3]) if len(sys.argv) > 3 else 80


class Log:
    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.time = {}
        self.tags, self.paused, self.current = 0, [], {}
        self.objects, self.live = 0, {}

    def put(self, kind, cpu, text=""):
        """A record; now and then a cpu's clock goes back."""
        step = self.rnd.choice([0, 1, 3, 10, 50])
        self.time[cpu] = max(0, self.time.get(cpu, self.rnd.randrange(100)) +
                             (step if self.rnd.random() < 0.99 else -step))
        print("%s cpu=%d time=%d %s" % (kind, cpu, self.time[cpu], text))

    def lock(self, cpu):
        rnd = self.rnd
        n = rnd.randrange(4)
        op = rnd.choice(["acquire", "acquire", "acquired", "acquired", "acquired", "release",
                         "release", "release", "failed"])
        name = ["A", "B", "cmpxchg x", ""][n]
        self.put("lock", cpu, 'addr=%#x pc=%#x op=%s read=%d name="%s"' %
                 (rnd.choice([0x1000, 0xffff888000001000]) + 8 * n, rnd.choice([0x10, 0x20, 1 << 63]), op,
                  rnd.random() < 0.4, name))
        if op == "acquire" and rnd.random() < 0.7:
            self.put("lock", cpu, 'addr=%#x pc=0x30 op=acquired name="%s"' % (0x1000 + 8 * n, name))

    def entry(self, cpu):
        rnd = self.rnd
        if cpu in self.current and rnd.random() < 0.6:
            state = rnd.choice(["done", "pause"])
            tag = self.current.pop(cpu)
            if state == "pause":
                self.paused.append(tag)
        elif self.paused and rnd.random() < 0.5:
            state, tag = "resume", self.paused.pop(rnd.randrange(len(self.paused)))
            self.current[cpu] = tag
        else:
            self.tags += 1
            state, tag = "start", self.tags
            self.current[cpu] = tag
        self.put("entry", cpu, "state=%s tag=%d pc=0x100 task=%d cause=%s" %
                 (state, tag, rnd.choice([1, 1, 2]),
                  rnd.choice(["syscall", "interrupt", "softirq", "exception"])))

    def label(self, cpu):
        rnd = self.rnd
        addr = 0x5000 + 0x40 * rnd.randrange(3)
        if rnd.random() < 0.6:
            self.put("label", cpu, "addr=%#x bytes=64 op=alloc storage=heap task=%d name=c" %
                     (addr, rnd.choice([0, 0, 1, 2])))
            self.live.pop(addr, None)
        else:
            self.put("label", cpu, "addr=%#x op=free storage=heap" % addr)
            self.live.pop(addr, None)

    def access(self, cpu):
        rnd = self.rnd
        addr = rnd.choice([0x5000, 0x5040, 0x5080, 0x7000])
        if addr not in self.live:
            self.objects += 1
            self.live[addr] = self.objects
            storage = "static" if addr == 0x7000 else rnd.choice(["heap", "heap", "stack"])
            self.put("object", cpu, 'id=%d addr=%#x bytes=64 storage=%s name="v%d" ctype="%s"' %
                     (self.objects, addr, storage, addr, rnd.choice(["", "struct s"])))
        flags = rnd.choice(["load", "store", "load+store"]) + rnd.choice(["", "+moved", "+atomic",
                                                                         "+moved+atomic"])
        self.put("access", cpu, "pc=%#x addr=%#x paddr=%#x width=4 flags=%s object=%d field=%d" %
                 (rnd.choice([0, 0x40, 0x44, (1 << 63) + 5]), addr, addr << 9, flags,
                  rnd.choice([self.live[addr], self.live[addr], 0]),
                  rnd.choice([0, 0, 1, 2, 3]) if addr != 0x7000 else 0))

    def home(self, cpu):
        """An object that some locks are in: over, in, or in the place of others."""
        rnd = self.rnd
        self.objects += 1
        self.put("object", cpu, 'id=%d addr=%#x bytes=%d process=%d storage=%s name=home' %
                 (self.objects, rnd.choice([0x1000, 0x1008, 0xffff888000001000]),
                  rnd.choice([8, 16, 4096]), rnd.choice([0, 0, 1]),
                  rnd.choice(["heap", "static", "block", "stack"])))

    def mode(self, cpu, instructions):
        to = self.rnd.choice(["off", "movement"])
        self.put("mode", cpu, "mode=%s instructions=%d name=%s" %
                 (to, instructions, self.rnd.choice("rs")))

    def write(self):
        rnd = self.rnd
        print("begin mode=%s cpus=%d" % (rnd.choice(["off", "movement"]), rnd.choice([0, 0, 5])))
        for i, (ctype, path) in enumerate([("struct s", "a"), ("struct s", "b[0]"), ("struct t", "a")]):
            print('field id=%d offset=%d ctype="%s" path="%s"' % (i + 1, 8 * i, ctype, path))
        cpus = rnd.sample([0, 1, 63, 64, 300], rnd.randint(1, 3))
        told = rnd.random() < 0.5
        modes = rnd.random() < 0.5
        for i in range(rnd.randint(0, records)):
            cpu, dice = rnd.choice(cpus), rnd.random()
            if dice < 0.45:
                self.lock(cpu)
            elif dice < 0.85:
                self.access(cpu)
            elif dice < 0.90:
                self.entry(cpu)
            elif dice < 0.93:
                self.put("switch", cpu, "task=%d process=%d" % (rnd.randint(0, 2), rnd.randint(0, 2)))
            elif dice < 0.96:
                self.label(cpu)
            elif dice < 0.965:
                self.home(cpu)
            elif dice < 0.97:
                self.put("task", cpu, "task=%d op=%s" % (rnd.randint(1, 2), rnd.choice(["create", "exit"])))
            elif modes and dice < 0.99:
                self.mode(cpu, 100 * i if told else 0)
        print("end instructions=%d" % rnd.choice([0, 12345]))


for seed in range(first, last + 1):
    Log(seed).write()
