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
judged 67 accesses[8]
origin 68 host[8]x instructions[8] entry[4]=classic_entry detail[4]
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
shared 48 moves[8] loads[8] stores[8] lines[8] line[8]x addr[8]x pc[8]x pc2[8]x entry_pc[8]x weight[8] offset[4] offset2[4] object[4] object2[4] field[4] field2[4] process[4] flags[2]|access_flag flags2[2]|access_flag sharing[4]=sharing by[4]=shared_by number[4] cause[4]=entry_cause task[4] cpus[4] reader_cpus[4] writer_cpus[4] "readers" "writers"
stat 49 value[8] "name" "unit"
use 60 moves[8] true_moves[8] false_moves[8] loads[8] stores[8] line[8]x line_addr[8]x addr[8]x pc[8]x entry_pc[8]x object[4] field[4] task[4] process[4] number[4] cause[4]=entry_cause offset[4] line_bytes[4] width[4] flags[4]|access_flag age[8]
pair 61 moves[8] true_moves[8] false_moves[8] line[8]x pc[8]x pc2[8]x stack[4] stack2[4] object[4] object2[4] field[4] field2[4] process[4] process2[4] to[4] from[4] flags[4]|access_flag flags2[4]|access_flag offset[4] offset2[4] by[4]=pair_by lines[4] "takers" "givers"
heat 62 offset[8] bytes[8] moves[8] loads[8] stores[8] object[4] field[4] reader_cpus[4] writer_cpus[4] "readers" "writers"
diff 63 before[8] after[8] change[8] before_per_op[8] after_per_op[8] verdict[8]=verdict "report" "name" "value"
set 64 misses[8] hits[8] lines[8] set[4] ways[4]
miss 65 misses[8] addr[8]x paddr[8]x pc[8]x set[4] process[4] object[4] field[4] width[4] flags[4]|access_flag
serial 55 instructions[8] cycles[8] waited[8] least[8] longest[8] acquires[8] contended[8] failed[8] moves[8] wait_moves[8] atomics[8] wait_atomics[8] mismatches[8] share[8] spread[8] start[8] number[8] addr[8]x pc[8]x pc2[8]x object[4] task[4] process[4] cpus[4] section[2]=serial_section read[2] by[4]|serial_by "name" "by_cpu"
work 56 total_instructions[8] total_cycles[8] total_moves[8] total_atomics[8] total_waited[8] waited_moves[8] waited_atomics[8] total_mismatches[8] unheld[8] n_cpus[8]
scaling 57 cores[8] speedup[8] speedup_max[8] share[8] addr[8]x model[8]=scaling_model "name"
guard 58 loads[8] stores[8] write_loads[8] write_stores[8] read_loads[8] read_stores[8] hidden[8] share[8] access_share[8] offset[8] "name" "ctype" "path"
locked 59 loads[8] stores[8] moves[8] atomics[8] pc[8]x pc2[8]x addr[8]x offset[8] object[4] task[4] process[4] section[2]=serial_section held[2]=held "name" "ctype" "path"
syscall 50 lines[8] calls[8] cut[8] most[8] moves[8] loads[8] stores[8] atomics[8] entry_pc[8]x pc[8]x number[4] cause[4]=entry_cause process[4] by[4]=syscall_by "operation"
abstract 51 number[8] id[4] access[4]=var_access "name" "var"
unexpected 52 bytes[8] pairs[8] most[8] conflicts[8] id[4] id2[4] by[8]=unexpected_by "name" "name2"
testcase 53 number[8] conflicts[8] bytes[8] accesses[8] mode[8]=mode "name"
conflict 54 addr[8]x paddr[8]x bytes[8] pc[8]x pc2[8]x number[8] id[4] id2[4] cpu2[4] pairs[4] object[4] object2[4] field[4] field2[4] stack[4] stack2[4] process[4] process2[4] flags[4]|access_flag flags2[4]|access_flag
rcu 70 loads[8] stores[8] objects[8] retired[8] pc[8]x addr[8]x bytes[8] offset[8] width[8] number[8] process[4] object[4] field[4] stack[4] flags[4]|access_flag by[4]=rcu_by "ctype"
touch 71 pc[8]x addr[8]x paddr[8]x bytes[8] id[4] process[4] object[4] field[4] stack[4] flags[4]|access_flag
"""

# Sets count from 0; of bits the first is 1.
SETS = """
mode off movement scope kernel all
machine user system
order exact approximate
option calls locked cold icount reproducible always lossy
vcpu_index callback current
access_flag load store atomic kernel moved split frame
call_op call ret
entry_state start done pause resume
entry_cause syscall interrupt exception softirq thread scheduler
stack_frame call syscall interrupt exception softirq thread scheduler cut
task_op create exec exit
map_op map unmap
label_op alloc free
storage heap block static percpu stack file unknown
lock_op acquire acquired release failed
scope_op enter leave
gc_op create retire
epoch_op begin end
drop_reason full closed threads guest killed unknown damaged slow
classic_entry none label access host fcall segment call lock task sched machine appdata
sharing none read true false mixed
shared_by line object ctype field pc site entry task address
pair_by pair cpus line_cpus object_cpus ctype_cpus field_cpus part
verdict same better worse
serial_section lock retry access
serial_by class lock pc task cpu section
scaling_model contention amdahl step queue
held none read write
syscall_by entry site operation
var_access none read write
unexpected_by operation scope
rcu_by site object
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
