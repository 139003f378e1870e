# SPDX-License-Identifier: MIT
"""For the models: the records of a stream, who runs on each cpu, and the runs."""
import json

CAUSES = ["syscall", "interrupt", "exception", "softirq", "thread", "scheduler"]


def streams(text):
    """The records of each stream, from begin to end."""
    records = []
    for line in text:
        records.append(json.loads(line))
        if records[-1]["type"] == "end":
            yield records
            records = []


class Entry:
    """A call stack of the kernel that is alive."""
    pc = number = task = 0
    cause = 0
    cpu = below = None
    current = False


class Running:
    """The task, and the entry that is current, of each cpu.  From mt_entries.h."""

    def __init__(self):
        self.task, self.process, self.by_tag, self.current, self.aside = {}, {}, {}, {}, {}

    def leave(self, tag):
        e = self.by_tag[tag]
        if self.current.get(e.cpu) == tag:
            below = self.by_tag.get(e.below)
            again = below and below.current and below.cpu == e.cpu and below is not e
            self.current[e.cpu] = e.below if again else None
        if self.aside.get(e.cpu) == tag:
            self.aside[e.cpu] = None
        e.current = False

    def enter(self, r):
        tag, cpu = r["tag"], r["cpu"]
        e = self.by_tag.setdefault(tag, Entry())
        self.leave(tag)
        if r["state"] == "start" or not e.pc:
            e.pc, e.number, e.task = int(r["pc"], 16), r["number"], r["task"]
            e.cause = CAUSES.index(r["cause"])
        e.cpu = cpu
        if r["state"] == "start":
            below = self.current.get(cpu) or self.aside.get(cpu)
            e.below = below if below and below != tag and self.by_tag[below].task == e.task else None
        e.current = True
        self.current[cpu], self.aside[cpu] = tag, None

    def note(self, r):
        if r["type"] == "begin" or (r["type"] == "mode" and r["mode"] == "off"):
            self.by_tag, self.current, self.aside = {}, {}, {}
        if r["type"] == "switch":
            self.task[r["cpu"]], self.process[r["cpu"]] = r["task"], r["process"]
            self.aside[r["cpu"]] = None
        elif r["type"] == "entry" and r["state"] in ("start", "resume"):
            self.enter(r)
        elif r["type"] == "entry" and r["tag"] in self.by_tag:
            self.leave(r["tag"])
            if r["state"] == "pause":
                self.aside[self.by_tag[r["tag"]].cpu] = r["tag"]
            else:
                del self.by_tag[r["tag"]]

    def owner(self, cpu, task=0):
        """The task, or the cpu where no task is known."""
        task = task or self.task.get(cpu, 0)
        return task if task else (1 << 32) | cpu

    def process_of(self, cpu, addr):
        return 0 if addr >> 63 else self.process.get(cpu, 0)


class Runs:
    """Number, name and mode of the run; on: inside one."""
    on, number, name, mode = False, 0, "", "off"

    def change(self, r):
        """(a run ends, a run begins) with this record."""
        if r["type"] == "begin":
            return self.on, r["mode"] != "off"
        if r["type"] == "end":
            return self.on, False
        if r["type"] != "mode":
            return False, False
        if r["mode"] == "off":
            return self.on, False
        if self.on and r["name"] == self.name:
            return False, False
        return self.on, True

    def note(self, r):
        ends, begins = self.change(r)
        if r["type"] == "begin":
            self.number, self.name = 0, ""
        if r["type"] in ("begin", "mode"):
            self.mode = r["mode"]
        if begins and r["type"] == "mode":
            self.name = r["name"]
        self.number += begins
        if ends or begins:
            self.on = begins


def row(kind, **fields):
    """A report record as mt-tojson writes it."""
    fields = {"type": kind, "cpu": fields.pop("cpu", 0), "time": fields.pop("time", 0), **fields}
    print(json.dumps(fields, separators=(",", ":"), ensure_ascii=False))
