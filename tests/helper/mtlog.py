#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A second decoder of logs, written from the text of mt-log(5) alone.

usage: mtlog.py decode <log >stream     with zlib, no code of ours
       mtlog.py blocks <log             offset and length of each block
       mtlog.py deflate <stream >log    coding 1, the records in one block
"""
import struct
import sys
import zlib

MAGIC = b"\x8bmtlog\r\n"
M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def blocks(log):
    """Yields offset, coding, raw_size, counts and payload of each block."""
    at = 0
    while at < len(log):
        h = log[at:at + 128]
        size, version, coding, crc, length, pcrc, raw, n, judged, accesses = \
            struct.unpack_from("<HBBIIIIIII", h, 8)
        assert h[:8] == MAGIC and size == 128 and version == 1
        assert zlib.crc32(h[:12] + bytes(4) + h[16:]) == crc
        payload = log[at + 128:at + 128 + length]
        assert zlib.crc32(payload) == pcrc
        yield at, coding, raw, (n, judged, accesses), payload
        at += 128 + length


def inflate(data):
    z = zlib.decompressobj(-15)
    out = z.decompress(data)
    assert z.eof and not z.unused_data
    return out


class Part:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        n = shift = 0
        while True:
            c = self.byte()
            n |= (c & 0x7F) << shift
            shift += 7
            if c < 0x80:
                return n & M64

    def signed(self):
        n = self.varint()
        return n >> 1 if n % 2 == 0 else -(n >> 1) - 1


def parts(payload):
    at = 72
    for i in range(9):
        raw, coded = struct.unpack_from("<II", payload, 8 * i)
        data = payload[at:at + coded]
        at += coded
        yield Part(data if raw == coded else inflate(data))
    assert at == len(payload)


def h(key, bits):
    return ((key * GOLDEN) & M64) >> (64 - bits)


class Lane:
    pc = pc_before = addr = time = offset = 0


class Site:
    addr = stride = step = wait = width = flags = 0
    ids = (0, 0, 0)


class Block:
    def __init__(self, payload):
        (self.runs, self.control, self.pc, self.shape, self.addr, self.paddr,
         self.time, self.ids, self.raw) = self.parts = list(parts(payload))
        self.lane, self.site, self.page = {}, {}, {}
        self.next2, self.next1 = {}, {}

    def access(self, c):
        lane = self.lane.setdefault(c % 256, Lane())
        control = self.control.byte()
        i2 = h(lane.pc ^ (lane.pc_before << 20 & M64), 13)
        i1 = h(lane.pc, 13)
        first, second = self.next1.get(i1, (0, 0))
        pc = [self.next2.get(i2, 0), first, second, None][control & 3]
        if pc is None:
            pc = (lane.pc + self.pc.signed()) & M64
        self.next2[i2] = pc
        if first != pc:
            self.next1[i1] = pc, first
        lane.pc_before, lane.pc = lane.pc, pc

        s = self.site.setdefault(h(pc ^ (c % 256) << 48, 13), Site())
        how = control >> 2 & 3
        base, step = [(s.addr, s.stride), (lane.addr, s.step), (s.addr, None),
                      (lane.addr, None)][how]
        addr = (base + (self.addr.signed() if step is None else step)) & M64
        s.stride, s.step = addr - s.addr, addr - lane.addr
        s.addr = lane.addr = addr
        if control & 16:
            s.width, s.flags = self.shape.varint(), self.shape.varint()

        p = addr >> 12
        if addr < 1 << 63:
            p ^= (c % 256 + 1) << 52 & M64
        key, offset = self.page.get(h(p, 10), (0, 0))
        if key != p:
            offset = lane.offset
        if control & 32:
            offset += self.paddr.signed()
        self.page[h(p, 10)] = p, offset
        lane.offset = offset

        if control & 64:
            s.wait = self.time.signed()
        lane.time = (lane.time + s.wait) & M64
        if control & 128:
            s.ids = tuple(i + self.ids.signed() & 0xFFFFFFFF for i in s.ids)
        return struct.pack("<HHIQQQQHHIII", 4, 56, c, lane.time, pc, addr,
                           (addr + offset) & M64, s.width, s.flags, *s.ids)

    def records(self, raw_size):
        out, left = [], raw_size
        while left:
            source, count = self.runs.varint(), self.runs.varint() + 1
            for _ in range(count):
                if source:
                    rec = self.access(source - 1)
                else:
                    at = self.raw.at
                    size, = struct.unpack_from("<H", self.raw.data, at + 2)
                    rec = self.raw.data[at:at + size]
                    self.raw.at += size
                out.append(rec)
                left -= len(rec)
        assert all(p.at == len(p.data) for p in self.parts)
        return out


def decode(log, out):
    for _, coding, raw_size, (n, _, accesses), payload in blocks(log):
        if coding == 255 or coding & 64:        # the index; a state
            continue
        if coding & 31 == 1:
            out.write(inflate(payload))
            continue
        recs = Block(payload).records(raw_size)
        assert len(recs) == n
        assert sum(r[:2] == b"\4\0" for r in recs) == accesses
        out.write(b"".join(recs))


def deflate(stream, out):
    n = accesses = at = 0
    while at < len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        n, accesses, at = n + 1, accesses + (kind == 4), at + size
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    payload = z.compress(stream) + z.flush()
    rest = struct.pack("<IIIIII", len(payload), zlib.crc32(payload), len(stream),
                       n, 0, accesses) + bytes(88)
    head = MAGIC + struct.pack("<HBB", 128, 1, 1)
    out.write(head + struct.pack("<I", zlib.crc32(head + bytes(4) + rest)) + rest + payload)


def main():
    data, out = sys.stdin.buffer.read(), sys.stdout.buffer
    if sys.argv[1] == "decode":
        decode(data, out)
    elif sys.argv[1] == "deflate":
        deflate(data, out)
    else:
        for at, coding, _, _, payload in blocks(data):
            print(at, 128 + len(payload), coding)


main()
