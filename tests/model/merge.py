#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""merge.py MERGED LOG...: is MERGED what mt-cat --merge must make of the logs?

All are JSON, a record a line, as decode.py and mt-tojson print it.  Says what is
wrong first, if something is, and ends with status 1.

The clock of a log is the instructions that its cpus have executed since the
first record of each.  The next record is the one of the log whose clock at its
next record is least, of two the log that was named first.  Numbers of a log may
change, each always to the same one, and no two of different logs become one.
"""
import json
import sys

# The fields that hold numbers of the log; all others must be as they were.
SPACES = {
    "cpu": "cpu", "task": "task", "process": "process", "object": "object", "field": "field",
    "stack": "stack", "tag": "entry",
    ("task", "parent"): "task", ("stack", "parent"): "stack", ("segment", "owner"): "cpu",
    ("object", "id"): "object", ("field", "id"): "field", ("stack", "id"): "stack",
}
COUNTS = ["accesses", "instructions"]           # of a mode record: so far, in all logs


def load(name):
    with open(name, encoding="utf-8", errors="surrogateescape") as lines:
        return [json.loads(line) for line in lines]


def ticks(log):
    """The clock of a log at each of its records."""
    now, last = 0, {}
    for rec in log:
        if rec.get("time") and rec["type"] not in ("begin", "end"):
            was = last.get(rec["cpu"], 0)
            if was and rec["time"] > was:
                now += rec["time"] - was
            last[rec["cpu"]] = max(was, rec["time"])
        yield now


def in_order(logs):
    """(log's number, record) as they must follow each other."""
    clocks = [list(ticks(log)) for log in logs]
    all_of_them = [(clocks[i][at], i, at) for i, log in enumerate(logs) for at in range(len(log))]
    # A clock never runs back, so that this is the order of a merge.
    return [(i, logs[i][at]) for _, i, at in sorted(all_of_them)]


class Numbers:
    """What each number of each log became."""

    def __init__(self):
        self.to, self.back = {}, {}

    def same(self, log, space, old, new):
        return self.to.setdefault((log, space, old), new) == new and \
            self.back.setdefault((space, new), (log, old)) == (log, old)


def space_of(rec, name):
    if rec["type"] == "object" and name == "owner":
        return {"percpu": "cpu", "stack": "task"}.get(rec["storage"])
    return SPACES.get((rec["type"], name), None if (rec["type"], name) == ("field", "field")
                      else SPACES.get(name))


def value_fits(numbers, log, user, machine, rec, name, old, new):
    space = space_of(rec, name)
    if name == "paddr":
        old, new = int(old, 16), int(new, 16)
        memory = old >> 48
        return old % 2**48 == new % 2**48 and numbers.same(
            log, "process" if user and memory else "memory", memory, new >> 48) and \
            numbers.same(log, "lines", memory, new >> 48)
    if space:
        # 0 is none, but for what is counted from 0
        return old == new if old in (0, "0x0") and space not in ("cpu", "entry") else \
            numbers.same(log, space, old, new)
    if isinstance(old, str) and old.startswith("0x") and old != new:
        # a kernel address of another machine than the first: the highest bits say which
        return int(old, 16) >> 57 == 127 and int(old, 16) ^ int(new, 16) == machine << 57
    return old == new


def fits(numbers, log, user, machine, rec, got, counts):
    if rec.keys() != got.keys() or rec["type"] != got["type"]:
        return False
    for name, old in rec.items():
        if rec["type"] == "mode" and name in COUNTS:
            counts[name][log] = old
            if got[name] != sum(counts[name].values()) % 2**64:
                return False
        elif not value_fits(numbers, log, user, machine, rec, name, old, got[name]):
            return False
    return True


def check(merged, logs):
    numbers, counts = Numbers(), {name: {} for name in COUNTS}
    users = [log[0]["machine"] == "user" for log in logs]
    machines = [0 if user else users[:i].count(False) for i, user in enumerate(users)]
    bodies = [[r for r in log if r["type"] not in ("begin", "end")] for log in logs]
    want = in_order(bodies)
    if merged[0]["type"] != "begin":
        return "no begin"
    whole = all(log[-1]["type"] == "end" for log in logs)
    if whole != (merged[-1]["type"] == "end"):
        return "an end that should not be there, or none"
    got = merged[1:-1] if whole else merged[1:]
    for at, (log, rec) in enumerate(want):
        if at == len(got):
            return "records are missing: %d of %d" % (at, len(want))
        if not fits(numbers, log, users[log], machines[log], rec, got[at], counts):
            return "record %d: of log %d\n  %s\nbecame\n  %s" % (at, log, rec, got[at])
    if len(got) != len(want):
        return "more records than there were"
    if whole:
        for name in ["dropped"] + COUNTS:
            if merged[-1][name] != sum(log[-1][name] for log in logs) % 2**64:
                return "end: %s is no sum" % name
    return None


wrong = check(load(sys.argv[1]), [load(name) for name in sys.argv[2:]])
if wrong:
    sys.exit(wrong)
