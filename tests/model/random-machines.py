#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random-machines.py SEED RECORDS [user|system]: a log from that seed, as text for mkrec.

One machine, or one program, as mt-cat --merge meets them: cpus with times of
their own, and every kind of number that a log counts for itself, used again and
again, from small sets so that two logs have the same ones.
"""
import random
import sys

seed, records = int(sys.argv[1]), int(sys.argv[2])
rnd = random.Random(seed)
machine = sys.argv[3] if len(sys.argv) > 3 else rnd.choice(["user", "system"])
cpus = rnd.sample([0, 1, 2, 3, 7, 0xffffffff], rnd.randint(1, 4))
times = dict.fromkeys(cpus, 0)
speed = rnd.choice([1, 5, 100])


def pick(most):
    return rnd.randint(0, most)


def addr():
    return rnd.choice([0x401000, 0xffffffff81000000, 0xffff888000000000]) + 8 * pick(20)


def paddr():
    memory = pick(3) if machine == "user" else 0
    return memory << 48 | 0x1000 + 8 * pick(40)


KINDS = [
    lambda: "access pc=%d addr=%d paddr=%d width=8 flags=%s object=%d field=%d stack=%d" % (
        addr(), addr(), paddr(), rnd.choice(["load", "store+moved"]), pick(4), pick(4), pick(4)),
    lambda: "call pc=%d target=%d return_pc=%d sp=%d stack=%d" % (
        addr(), addr(), addr(), addr(), pick(4)),
    lambda: "entry tag=%d pc=%d task=%d number=3 state=%s" % (
        pick(200), addr(), pick(5), rnd.choice(["start", "done", "pause", "resume"])),
    lambda: "lock addr=%d pc=%d op=acquire task=%d name=l" % (addr(), addr(), pick(5)),
    lambda: "scope op=enter task=%d name=s" % pick(5),
    lambda: "gc addr=%d bytes=8 op=create task=%d ctype=t" % (addr(), pick(5)),
    lambda: "task task=%d process=%d parent=%d op=create name=t" % (pick(5), pick(4), pick(5)),
    lambda: "switch task=%d process=%d" % (pick(5), pick(4)),
    lambda: "map addr=%d bytes=4096 offset=4096 process=%d op=map path=/f" % (addr(), pick(4)),
    lambda: "label addr=%d bytes=64 pc=%d process=%d task=%d op=alloc name=l" % (
        addr(), addr(), pick(4), pick(5)),
    lambda: "segment addr=%d bytes=64 owner=%d" % (addr(), rnd.choice(cpus)),
    lambda: "symbol pc=%d base=%d process=%d frames=1 function=f" % (addr(), addr(), pick(4)),
    lambda: "object addr=%d bytes=64 pc=%d id=%d process=%d owner=%d storage=%s name=o" % (
        addr(), addr(), pick(4), pick(4), pick(5), rnd.choice(["heap", "percpu", "stack"])),
    lambda: "field offset=8 id=%d bytes=8 ctype=t path=m" % pick(4),
    lambda: "stack pc=%d id=%d parent=%d process=%d" % (addr(), pick(4), pick(4), pick(4)),
    lambda: "mode mode=all accesses=%d instructions=%d name=r" % (pick(99), pick(99)),
    lambda: "drop count=%d reason=full" % pick(9),
    lambda: "appdata value=5 name=n",
    lambda: "777 size=24 data=00ff",
]

print("begin line=64 machine=%s cpus=%d mode=all options=%s command=m%d" % (
    machine, 4 if machine == "system" else 0, rnd.choice(["icount", "icount+cold"]), seed))
for _ in range(records):
    cpu = rnd.choice(cpus)
    times[cpu] += pick(speed)
    kind, fields = rnd.choice(KINDS[:1] * 10 + KINDS)().split(" ", 1)
    print("%s cpu=%d time=%d %s" % (kind, cpu, rnd.choice([times[cpu]] * 9 + [0]), fields))
print("end dropped=%d accesses=%d instructions=%d" % (pick(9), pick(99), pick(99)))
