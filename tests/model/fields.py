#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What mt-label should call each member of each struct, from pahole's text.

usage: pahole -E FILE | fields.py QUERIES WANT [STRUCTS]

QUERIES is text for mkrec: for each struct a label and an access to the start
and the middle of each member, into the second element of arrays, too.  WANT has
a line for each access: type, path, offset.  Prints how many structs there are.
Written from mt-label(1), not from fields.c.
"""
import re
import sys

TAIL = re.compile(r"/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+)\s*\*/\s*$")
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")
DIMENSIONS = re.compile(r"\[(\d*)\]")


class Node:
    def __init__(self, kind, name=""):
        self.kind, self.name = kind, name       # struct, union, leaf
        self.dims, self.members, self.bits = [], [], None
        self.offset = self.size = self.each = 0
        self.ended = True


def declarator(node, text):
    pointer = re.search(r"\(\*+\s*(\w*)((\[\d*\])*)\)", text)
    plain = re.search(r"(\w+)?\s*(?::(\d+))?\s*((\[\d*\])*)$", text)
    if pointer:
        node.name, dims = pointer.group(1), pointer.group(2)
    else:
        node.name, dims = plain.group(1) or "", plain.group(3)
        node.bits = int(plain.group(2)) if plain.group(2) else None
    node.dims = [int(d or 0) for d in DIMENSIONS.findall(dims)]


def place(node, tail):
    node.offset, node.size = int(tail.group(1)), int(tail.group(3))
    if node.bits is not None:
        start = node.offset * 8 + int(tail.group(2) or 0)
        node.offset = start // 8
        node.size = (start + node.bits - 1) // 8 - start // 8 + 1
        node.bits = True
    node.each = node.size
    for d in node.dims:
        node.each = node.each // d if d else 0


def parse(lines):
    """All structs and unions of pahole -E, as nodes."""
    stack, done = [], []
    for line in lines:
        tail = TAIL.search(line)
        line = ATTRIBUTE.sub("", re.sub(r"/\*.*?\*/", "", line)).strip()
        if line.endswith("{"):
            words = line[:-1].split()
            kind = "union" if "union" in words else "struct"
            stack.append(Node(kind, words[-1] if not stack else ""))
        elif line.startswith("}"):
            node = stack.pop()
            text = line[1:].split(";")[0].strip()
            if stack:
                declarator(node, text)
                if tail:
                    place(node, tail)
                    stack[-1].members.append(node)
            else:
                done.append(node)
        elif ";" in line and tail and stack:
            node = Node("leaf")
            declarator(node, line.split(";")[0].strip())
            place(node, tail)
            stack[-1].members.append(node)
    return done


def extent(node):
    ends = [m.offset + m.size for m in node.members]
    return max(ends, default=0)


def resolve(node, at, width):
    """[(path, offset, room, size)] of what is at byte at; [] for padding."""
    found = []
    for m in node.members:
        flexible = m.dims and m.dims[0] == 0
        if at < m.offset or (at >= m.offset + m.size and not flexible):
            continue
        path, byte, shift, each = m.name, at, 0, m.size
        if m.dims and m.bits is None:
            if flexible:
                return []                       # pahole does not say how large one is
            for d in m.dims:
                each //= d
                index = (byte - m.offset) // each
                if d <= 64:
                    path += "[%d]" % index
                    shift += index * each
                else:
                    path += "[]"
                byte -= index * each
        if m.kind == "leaf" or not m.members:
            found.append((path, m.offset + shift, m.offset + each - byte, each))
            continue
        for inner, offset, room, size in resolve(m, byte, width):
            dot = "." if path and inner else ""
            found.append((path + dot + inner, offset + shift, room, size))
    if node.kind == "union" and len(found) > 1:
        exact = [f for f in found if f[2] == f[3] == width]
        whole = [f for f in found if f[2] >= width]
        found = exact or whole or found
    elif len(found) > 1 and not all(m.bits for m in node.members
                                    if m.offset <= at < m.offset + m.size):
        found = found[-1:]
    if len(found) > 1:
        path = "{" + "|".join(f[0] for f in found) + "}"
        start = min(f[1] for f in found)
        size = max(f[1] + f[3] for f in found) - start
        found = [(path, start, max(f[2] for f in found), size)]
    return found


def places(node, base=0):
    """(offset, width) worth asking for."""
    for m in node.members:
        copies = [0]
        each = m.each or m.size
        if m.dims and m.size >= 2 * each > 0:
            copies = [0, each, m.size - each]
        for c in copies:
            if m.kind != "leaf":
                yield from places(m, base + c)
            elif m.size:
                yield base + c + m.offset, min(each, 8)
                yield base + c + m.offset + min(each, 8) // 2, 1


def main():
    structs = {}
    for s in parse(sys.stdin):
        if s.name not in structs and re.fullmatch(r"\w+", s.name) and extent(s):
            structs[s.name] = s
    if len(sys.argv) > 3:
        structs = {k: v for k, v in structs.items() if k in sys.argv[3:]}
    base = 0x10000
    with open(sys.argv[1], "w") as queries, open(sys.argv[2], "w") as want:
        for name, s in structs.items():
            queries.write("label addr=%#x bytes=%d ctype=\"%s %s\"\n" % (base, extent(s), s.kind, name))
            for at, width in sorted(set(places(s))):
                answer = resolve(s, at, width)
                if not answer:
                    continue
                queries.write("access addr=%#x width=%d\n" % (base + at, width))
                want.write("%s %s\t%s\t%d\n" % (s.kind, name, answer[0][0], answer[0][1]))
            base += extent(s) // 4096 * 4096 + 8192
    print(len(structs))


if __name__ == "__main__":
    main()
