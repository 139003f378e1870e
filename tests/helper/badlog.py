#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hostile and damaged logs, made from a good one.

usage: badlog.py list            the names, each with the message it must cause
       badlog.py NAME <log >bad  one of them; its checksums are right
       badlog.py good <log       as those with varint-cut, but for the cut
       badlog.py sweep <log      mt-cat on every prefix and every flipped byte
       badlog.py peak FILE       mt-cat FILE; its peak memory in KiB on stderr

The good log must have a small block for each record and no index.
"""
import resource
import struct
import subprocess
import sys
import zlib


def split(log):
    at, blocks = 0, []
    while at < len(log):
        size = 128 + struct.unpack_from("<I", log, at + 16)[0]
        blocks.append(log[at:at + size])
        at += size
    return blocks


def sealed(block, **fields):
    """The block with other header fields, and checksums that fit."""
    where = {"header_size": (8, "<H"), "version": (10, "<B"), "coding": (11, "<B"),
             "payload_size": (16, "<I"), "raw_size": (24, "<I"), "records": (28, "<I"),
             "accesses": (36, "<I")}
    b = bytearray(block)
    struct.pack_into("<II", b, 16, len(b) - 128, zlib.crc32(b[128:]))
    for name, value in fields.items():
        struct.pack_into(where[name][1], b, where[name][0], value)
    b[12:16] = bytes(4)
    struct.pack_into("<I", b, 12, zlib.crc32(b[:128]))
    return bytes(b)


def payload(block, data, **fields):
    return sealed(block[:128] + data, **fields)


def parts(*raw):
    """A payload of nine stored parts."""
    raw = list(raw) + [b""] * (9 - len(raw))
    return b"".join(struct.pack("<II", len(r), len(r)) for r in raw) + b"".join(raw)


def bomb():
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    return z.compress(bytes(50 << 20)) + z.flush()


def one_access(**other):
    """An access that takes a number from each part, some parts as given."""
    raw = {"runs": b"\1\0", "control": b"\xfb", "pc": b"\2", "shape": b"\x08\1", "addr": b"\2",
           "paddr": b"\2", "time": b"\2", "ids": b"\0\0\0"} | other
    return parts(*raw.values())


def cut_in(part, before=b""):
    """
    The last number of a part, of one byte or of nine, goes on where the part
    ends: what stands behind it in the payload, the next part, would end it.
    """
    return {"varint-cut-%s-%d" % (part, n):
            (lambda b, n=n: payload(b, one_access(**{part: before + b"\x82" * n})), SENSE)
            for n in (1, 9)}


ABSURD = "a block claims an absurd size"
SENSE = "a block's records make no sense"
PARTS = "a block's parts claim an absurd size"
INFLATE = "a block cannot be decompressed"
COUNT = "a block has another number of records than it says"
NEWER = "block of a newer version of the format"
ZEROS = b"\1" + b"\0"           # a run of one access of cpu 0

# name: what becomes of the second block, the message
BAD = {
    "raw-size": (lambda b: sealed(b, raw_size=0xFFFFFFFF), ABSURD),
    "payload-size": (lambda b: sealed(b, payload_size=0xFFFFFFF0), ABSURD),
    "payload-beyond-end": (lambda b: sealed(b, payload_size=9437184), "log ends inside a block"),
    "records": (lambda b: sealed(b, records=0xFFFFFFFF), ABSURD),
    "record-count": (lambda b: sealed(b, records=2), COUNT),
    "access-count": (lambda b: sealed(b, accesses=0), COUNT),
    "version": (lambda b: sealed(b, version=2), NEWER),
    "header-size": (lambda b: sealed(b, header_size=136), NEWER),
    "coding": (lambda b: sealed(b, coding=29), "a block is coded in a way that is not known here"),
    "no-parts": (lambda b: payload(b, b"x" * 71), "a block is too short"),
    "part-size": (lambda b: payload(b, struct.pack("<II", 0xFFFFFFFF, 0) + bytes(64)), PARTS),
    "part-sum": (lambda b: payload(b, struct.pack("<II", 0, 9) + bytes(64)), PARTS),
    "part-not-deflate": (lambda b: payload(b, struct.pack("<II", 9, 4) + bytes(64) + b"\xff" * 4),
                         INFLATE),
    "bomb": (lambda b: payload(b, bomb(), coding=1), INFLATE),
    "bomb-in-part": (lambda b: payload(b, struct.pack("<II", 100, len(bomb())) + bytes(64) + bomb()),
                     INFLATE),
    "part-too-short": (lambda b: payload(b, parts(ZEROS, b"\x0b")), SENSE),
    "part-left-over": (lambda b: payload(b, parts(ZEROS, b"\0", b"\0")), SENSE),
    "run-too-long": (lambda b: payload(b, parts(b"\1\x7f", b"\0")), SENSE),
    "run-beyond-control": (lambda b: payload(b, parts(b"\1\1", b"\0"), raw_size=112, records=2,
                                             accesses=2), SENSE),
    "run-huge": (lambda b: payload(b, parts(b"\1" + b"\xff" * 9 + b"\1", b"\0")), SENSE),
    "cpu-huge": (lambda b: payload(b, parts(b"\x82\x80\x80\x80\x10\0", b"\0")), SENSE),
    "varint-endless": (lambda b: payload(b, parts(b"\xff" * 40)), SENSE),
    "access-in-raw": (lambda b: payload(b, parts(b"\0\0", *[b""] * 7,
                                                 struct.pack("<HH", 4, 56) + bytes(52))), SENSE),
    "raw-frame": (lambda b: payload(b, parts(b"\0\0", *[b""] * 7,
                                             struct.pack("<HH", 777, 12) + bytes(52))), SENSE),
    "frame": (lambda b: payload(b, zlib.compress(bytes(56))[2:-4], coding=1),
              "not a record: its size is no multiple of 8"),
    "index-too-long": (lambda b: sealed(b, coding=255, payload_size=0xFFFFFFFF),
                       "log ends inside its index"),
}
for cut in (cut_in("runs", b"\1"), cut_in("pc"), cut_in("shape", b"\x08"), cut_in("addr"),
            cut_in("paddr"), cut_in("time"), cut_in("ids", b"\0\0")):
    BAD.update(cut)


def cat(data, *options):
    p = subprocess.run(["mt-cat", *options], input=data, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False)
    return p.returncode, p.stdout, p.stderr.decode().splitlines()


def check_cut(log, blocks, streams, cut):
    """Complete blocks arrive, one message, status 1."""
    end, whole = 0, 0
    while whole < len(blocks) and end + len(blocks[whole]) <= cut:
        end += len(blocks[whole])
        whole += 1
    status, out, err = cat(log[:cut])
    assert status == 1 and len(err) == 1, (cut, status, err)
    assert out == b"".join(streams[:whole]), cut


def check_flip(log, blocks, streams, at):
    """It is said, every other block arrives, and nothing pretends to be whole."""
    bad, end = 0, len(blocks[0])
    while end <= at:
        bad += 1
        end += len(blocks[bad])
    flipped = log[:at] + bytes([log[at] ^ 1 << at % 8]) + log[at + 1:]
    status, out, err = cat(flipped)
    assert status == 1 and len(err) == 1, (at, status, err)
    rest = b"".join(streams[:bad] + streams[bad + 1:-1])
    if bad == 0:                # a begin takes the place of the lost one
        assert out.endswith(rest) and b"the begin record was lost" in out, at
    elif bad == len(blocks) - 1:
        assert out == b"".join(streams[:-1]), at
    else:
        assert out == rest, at


def sweep(log):
    blocks = split(log)
    stream = cat(log)[1]
    streams, at = [], 0
    while at < len(stream):
        size = struct.unpack_from("<H", stream, at + 2)[0]
        streams.append(stream[at:at + size])
        at += size
    assert len(streams) == len(blocks)
    for cut in range(len(log)):
        check_cut(log, blocks, streams, cut)
    for at in range(len(log)):
        check_flip(log, blocks, streams, at)


def main():
    if sys.argv[1] == "list":
        for name, (_, message) in BAD.items():
            print(name, message, sep="\t")
        return
    if sys.argv[1] == "peak":
        status = subprocess.run(["mt-cat", "-j1", sys.argv[2]], check=False).returncode
        print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
        sys.exit(status)
    log = sys.stdin.buffer.read()
    if sys.argv[1] == "sweep":
        sweep(log)
        return
    blocks = split(log)
    if sys.argv[1] == "good":
        blocks[1] = payload(blocks[1], one_access())
    else:
        blocks[1] = BAD[sys.argv[1]][0](blocks[1])
    sys.stdout.buffer.write(b"".join(blocks))


main()
