# SPDX-License-Identifier: MIT
"""The log at rest, read a second time: written from mt-log(5) alone.

records(file) gives the bytes of the records of a log; Damaged is raised where
mt-cat would complain.  Checks everything that the page promises.
"""
import struct
import zlib

MAGIC = b"\x8bmtlog\r\n"
HEADER = struct.Struct("<8sHBBIIIIIII6Q32sQ")
EVENTS = set(range(4, 13)) | set(range(48, 72))     # kinds of the classes event and report
ACCESS = struct.Struct("<HHIQQQQHHIII")
U64, U32 = 1 << 64, 1 << 32
GOLD = 0x9e3779b97f4a7c15


class Damaged(Exception):
    pass


def need(true, why):
    if not true:
        raise Damaged(why)


def h(key, bits):
    return key * GOLD % U64 >> (64 - bits)


class Part:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "a part is too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def varint(self):
        number = 0
        for i in range(10):
            byte = self.take(1)[0]
            number |= (byte & 127) << 7 * i
            if byte < 128:
                need(number < U64, "a varint of more than 64 bits")
                return number
        raise Damaged("a varint of more than ten bytes")

    def signed(self):
        number = self.varint()
        return -(number >> 1) - 1 if number & 1 else number >> 1


def inflate(data, size):
    z = zlib.decompressobj(-15)
    out = z.decompress(data, size + 1)
    need(z.eof and not z.unused_data and len(out) == size, "a DEFLATE stream of another size")
    return out


class Lane:
    pc = pc_before = addr = time = offset = 0


class Site:
    addr = stride = step = wait = width = flags = object = field = stack = 0


class Page:
    key = offset = 0


class Predictor:
    """Section 3.2."""

    def __init__(self, parts):
        (self.runs, self.control, self.pc, self.shape, self.addr, self.paddr, self.time, self.ids,
         self.raw) = parts
        self.lane = [Lane() for _ in range(256)]
        self.next2 = [0] * 8192
        self.next1 = [[0, 0] for _ in range(8192)]
        self.site = [Site() for _ in range(8192)]
        self.page = [Page() for _ in range(1024)]

    def next_pc(self, lane, control):
        i2, i1 = h(lane.pc ^ lane.pc_before * 2**20 % U64, 13), h(lane.pc, 13)
        pc = [self.next2[i2], *self.next1[i1], None][control & 3]
        if pc is None:
            pc = (lane.pc + self.pc.signed()) % U64
        self.next2[i2] = pc
        if self.next1[i1][0] != pc:
            self.next1[i1] = [pc, self.next1[i1][0]]
        lane.pc_before, lane.pc = lane.pc, pc
        return pc

    def next_addr(self, lane, site, control):
        how = control >> 2 & 3
        if how == 0:
            addr = site.addr + site.stride
        elif how == 1:
            addr = lane.addr + site.step
        else:
            addr = (site.addr if how == 2 else lane.addr) + self.addr.signed()
        addr %= U64
        site.stride, site.step = addr - site.addr, addr - lane.addr
        site.addr = lane.addr = addr
        return addr

    def next_paddr(self, lane, cpu, addr, control):
        p = addr // 4096
        if addr < 1 << 63:
            p ^= (cpu % 256 + 1) * 2**52 % U64
        page = self.page[h(p, 10)]
        if page.key != p:
            page.key, page.offset = p, lane.offset
        if control & 32:
            page.offset = (page.offset + self.paddr.signed()) % U64
        lane.offset = page.offset
        return (addr + page.offset) % U64

    def access(self, cpu):
        control = self.control.take(1)[0]
        lane = self.lane[cpu % 256]
        pc = self.next_pc(lane, control)
        site = self.site[h(pc ^ cpu % 256 * 2**48, 13)]
        addr = self.next_addr(lane, site, control)
        if control & 16:
            site.width, site.flags = self.shape.varint(), self.shape.varint()
            need(site.width < 65536 and site.flags < 65536, "width or flags of more than 16 bits")
        paddr = self.next_paddr(lane, cpu, addr, control)
        if control & 64:
            site.wait = self.time.signed()
        lane.time = (lane.time + site.wait) % U64
        if control & 128:
            site.object = (site.object + self.ids.signed()) % U32
            site.field = (site.field + self.ids.signed()) % U32
            site.stack = (site.stack + self.ids.signed()) % U32
        return ACCESS.pack(4, 56, cpu, lane.time, pc, addr, paddr, site.width, site.flags,
                           site.object, site.field, site.stack)

    def other(self):
        size = struct.unpack_from("<H", self.raw.data, self.raw.at + 2)[0]
        return self.raw.take(size)

    def records(self, raw_size):
        done = 0
        while done < raw_size:
            source, count = self.runs.varint(), self.runs.varint() + 1
            for _ in range(count):
                record = self.access(source - 1) if source else self.other()
                done += len(record)
                need(done <= raw_size, "more records than the header says")
                yield record
        for part in vars(self).values():
            need(not isinstance(part, Part) or part.at == len(part.data), "a part is too long")


def predicted(payload, raw_size):
    sizes = struct.unpack_from("<18I", payload)
    parts, at = [], 72
    for raw, coded in zip(sizes[::2], sizes[1::2]):
        data = payload[at:at + coded]
        at += coded
        parts.append(Part(data if raw == coded else inflate(data, raw)))
    need(at == len(payload), "the payload does not end with its last part")
    need(sum(sizes[::2]) <= 2 * raw_size, "parts of more than twice the records")
    return Predictor(parts).records(raw_size)


def split(raw):
    at = 0
    while at < len(raw):
        size = struct.unpack_from("<H", raw, at + 2)[0]
        yield raw[at:at + size]
        at += size


def check_summary(header, found):
    """What a header says about its records."""
    (_, _, _, _, _, _, _, raw_size, count, judged, accesses, *ranges, cpus, pages) = header
    events = [r for r in found if struct.unpack_from("<H", r)[0] in EVENTS]
    touches = [ACCESS.unpack(r) for r in events if r[:2] == b"\4\0"]
    need(sum(map(len, found)) == raw_size and len(found) == count, "raw_size or records")
    need(len(events) == judged and len(touches) == accesses, "judged or accesses")
    want = []
    for values in ([struct.unpack_from("<Q", r, 8)[0] for r in events],
                   [t[4] for t in touches], [t[6] for t in touches]):
        want += [min(values), max(values)] if values else [U64 - 1, 0]
    need(ranges == want, "the ranges")
    bits = sum(1 << c for c in {struct.unpack_from("<I", r, 4)[0] % 256 for r in events})
    need(int.from_bytes(cpus, "little") == bits, "the cpus")
    frames = any(r[:2] in (b"MT", b"\1\0") for r in found)
    need(frames == bool(header[3] & 32), "the bit of begin and end")
    need(pages == sum(1 << p for p in {(t[6] // 256 * GOLD % U64 >> 32) >> 26 for t in touches}),
         "the pages")


def check_state(found):
    """The records of a state: a stream of their own."""
    if not found:
        return
    need(found[0][:2] == b"MT" and found[-1][:2] == b"\1\0", "a state is no whole stream")
    need(struct.unpack_from("<Q", found[-1], 16)[0] == len(found) - 1, "a state's count")
    need(not any(r[:2] == b"\4\0" for r in found), "an access in a state")


def check_index(payload, entries):
    size, magic = struct.unpack_from("<Q8s", payload, len(payload) - 16)
    need(magic == b"mtindex\n" and size == 128 + len(payload), "the trailer")
    need(payload[:-16] == b"".join(struct.pack("<Q", at) + head for at, head in entries),
         "the entries")


def blocks(file):
    """Header and payload of each block."""
    offset = 0
    while True:
        head = file.read(128)
        if not head:
            return
        need(len(head) == 128, "the log ends inside a header")
        header = HEADER.unpack(head)
        need(header[:3] == (MAGIC, 128, 1), "not a block")
        need(zlib.crc32(head[:12] + bytes(4) + head[16:]) == header[4], "header checksum")
        payload = file.read(header[5])
        need(len(payload) == header[5], "the log ends inside a block")
        need(zlib.crc32(payload) == header[6], "payload checksum")
        yield offset, head, header, payload
        offset += 128 + len(payload)


def records(file):
    entries, indexed, state = [], False, []
    for offset, head, header, payload in blocks(file):
        coding = header[3]
        if coding == 255:
            need(not any(header[7:11]), "an index with records")
            if not indexed:             # of a second log: its offsets are its own
                check_index(payload, entries)
            indexed = True
            continue
        need(coding & 128 == 0 and coding & 31 in (1, 2), "unknown coding %d" % coding)
        entries.append((offset, head))
        found = list(split(inflate(payload, header[7])) if coding & 31 == 1 else
                     predicted(payload, header[7]))
        check_summary(header, found)
        if coding & 64:
            state += found
            continue
        check_state(state)
        state = []
        yield from found
    check_state(state)
