#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second decoder of stream and log, written from mt-log(5) alone.

usage: decode.py [--compare JSON] <stream-or-log

Prints each record as mt-tojson does: one JSON object a line, the same members
in the same order.  With --compare it prints instead where the lines of the
file JSON, made by mt-tojson, differ, and ends with status 1 if they do.

The tables stand here a second time on purpose.  A released record never
changes: a change in filters/libmt/mt_records.def that is not an addition makes
this program disagree.
"""
import argparse
import codecs
import io
import json
import struct
import sys

import blocks

# A record a line: name, kind, fields.  name[n] is n bytes in decimal, name[n]x
# in hex, name[n]=set one of a set, name[n]|set bits of it, "name" a string.
RECORDS = """
begin 0x544d version[4] line[4] cpus[4] quantum[4] sample[4] mode[2]=mode machine[2]=machine order[2]=order index[2]=vcpu_index options[4]|option "producer" "qemu" "command"
end 1 records[8] dropped[8] accesses[8] instructions[8]
drop 2 count[8] reason[8]=drop_reason
mode 3 mode[8]=mode accesses[8] instructions[8] "name"
access 4 pc[8]x addr[8]x paddr[8]x width[2] flags[2]|access_flag object[4] field[4] stack[4]
call 5 pc[8]x target[8]x return_pc[8]x sp[8]x op[4]=call_op stack[4]
entry 6 tag[8]x pc[8]x task[4] number[4] state[2]=entry_state cause[2]=entry_cause depth[4]
lock 7 addr[8]x pc[8]x op[2]=lock_op read[2] task[4] "name"
scope 8 op[4]=scope_op task[4] "name"
var 9 write[4] task[4] "name"
gc 10 addr[8]x bytes[8] op[4]=gc_op task[4] "ctype"
epoch 11 op[4]=epoch_op task[4]
appdata 12 value[8] "name"
task 16 task[4] process[4] parent[4] op[4]=task_op "name"
switch 17 task[4] process[4]
map 18 addr[8]x bytes[8] offset[8]x process[4] op[4]=map_op "path" "build_id"
label 19 addr[8]x bytes[8] pc[8]x process[4] task[4] op[4]=label_op storage[4]=storage "name" "ctype"
segment 20 addr[8]x bytes[8] owner[8]
section 21 addr[8]x bytes[8] "module" "name"
symbol 32 pc[8]x base[8]x process[4] line_number[4] frame[4] frames[4] "function" "file" "module"
object 33 addr[8]x bytes[8] pc[8]x id[4] process[4] owner[4] storage[4]=storage "name" "ctype"
field 34 offset[8] id[4] bytes[4] "ctype" "path" "member_type"
stack 35 pc[8]x id[4] parent[4] process[4] number[4] frame[8]=stack_frame
shared 48 moves[8] loads[8] stores[8] lines[8] line[8]x addr[8]x pc[8]x pc2[8]x entry_pc[8]x offset[4] offset2[4] object[4] object2[4] field[4] field2[4] process[4] flags[2]|access_flag flags2[2]|access_flag sharing[4]=sharing by[4]=shared_by number[4] cause[4]=entry_cause "readers" "writers"
stat 49 value[8] "name" "unit"
"""

# Sets count from 0; of bits the first is 1.
SETS = """
mode off movement scope kernel all
machine user system
order exact approximate
option calls locked cold icount reproducible
vcpu_index callback current
access_flag load store atomic kernel moved split frame
call_op call ret
entry_state start done pause resume
entry_cause syscall interrupt exception softirq thread scheduler
task_op create exec exit
map_op map unmap
label_op alloc free
stack_frame call syscall interrupt exception softirq thread scheduler cut
storage heap block static percpu stack file unknown
lock_op acquire acquired release failed
scope_op enter leave
gc_op create retire
epoch_op begin end
drop_reason full closed threads guest killed
sharing none read true false mixed
shared_by line object ctype field pc site entry
"""


def parse_tables():
    sets = {words[0]: words[1:] for words in map(str.split, SETS.split("\n")) if words}
    records = {}
    for words in map(str.split, RECORDS.split("\n")):
        if not words:
            continue
        fields, strings = [], []
        for word in words[2:]:
            if word[0] == '"':
                strings.append(word.strip('"'))
                continue
            name, _, rest = word.partition("[")
            width, _, show = rest.partition("]")
            fields.append((name, int(width), show[:1], sets.get(show[1:])))
        code = "<" + "".join({2: "H", 4: "I", 8: "Q"}[width] for _, width, _, _ in fields)
        records[int(words[1], 0)] = (words[0], fields, strings, struct.Struct(code))
    return records


RECORD_OF_KIND = parse_tables()
HEADER = struct.Struct("<HHIQ")


Damaged = blocks.Damaged


def value(number, show, names):
    if show == "x":
        return hex(number)
    if show == "=":
        return names[number] if number < len(names) else number
    if show == "|":
        found = [name for i, name in enumerate(names) if number >> i & 1]
        number &= ~((1 << len(names)) - 1)
        return found + ([hex(number)] if number else [])
    return number


# What is not UTF-8 is replaced byte by byte.
codecs.register_error("each", lambda e: ("\ufffd", e.start + 1))


def strings_of(body, names):
    found = {}
    for name in names:
        text, zero, body = body.partition(b"\0")
        if not zero:
            raise Damaged("a string without its zero")
        found[name] = text.decode("utf-8", "each")
    if len(body) > 7 or any(body):
        raise Damaged("bytes behind the last string")
    return found


def record(header, body):
    kind, size, cpu, time = header
    if kind not in RECORD_OF_KIND:
        return {"type": "unknown", "kind": kind, "size": size, "cpu": cpu, "time": time,
                "data": body.hex()}
    name, fields, strings, code = RECORD_OF_KIND[kind]
    if len(body) < code.size or (not strings and len(body) != code.size):
        raise Damaged("a known kind of another size")
    out = {"type": name, "cpu": cpu, "time": time}
    for (field, _, show, names), number in zip(fields, code.unpack_from(body)):
        out[field] = value(number, show, names)
    out.update(strings_of(body[code.size:], strings))
    return out


def records(stream):
    """The records of one or several streams, checked."""
    count = None
    while True:
        head = stream.read(16)
        if not head:
            break
        header = HEADER.unpack(head) if len(head) == 16 else None
        if not header or header[1] < 16 or header[1] % 8:
            raise Damaged("not a record header")
        body = stream.read(header[1] - 16)
        if len(body) != header[1] - 16:
            raise Damaged("the stream ends inside a record")
        r = record(header, body)
        if r["type"] == "begin":
            count = 0
        if count is None:
            raise Damaged("no begin")
        if r["type"] == "end":
            if r["records"] != count:
                raise Damaged("end counts %d records, there were %d" % (r["records"], count))
            count = None
        else:
            count += 1
        yield r
    if count is not None:
        raise Damaged("no end")


def compare(stream, path):
    wrong = n = 0
    with open(path, encoding="utf-8") as lines:
        for n, r in enumerate(records(stream), 1):
            line = lines.readline()
            try:
                theirs = json.loads(line, object_pairs_hook=list)
            except ValueError:
                theirs = line
            if theirs != list(r.items()):
                wrong += 1
                if wrong <= 5:
                    print("record %d: here %s\n  there %s" % (n, json.dumps(r), line.strip()))
        wrong += sum(1 for _ in lines)
    print("%d records, %d differences" % (n, wrong))
    return wrong > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compare", metavar="JSON")
    options = parser.parse_args()
    stream = sys.stdin.buffer
    try:
        if stream.peek(8)[:8] == blocks.MAGIC:
            stream = io.BytesIO(b"".join(blocks.records(stream)))
        if options.compare:
            return compare(stream, options.compare)
        for r in records(stream):
            print(json.dumps(r, separators=(",", ":")))
    except Damaged as e:
        print("decode.py: " + str(e), file=sys.stderr)
        return 1
    return 0


sys.exit(main())
