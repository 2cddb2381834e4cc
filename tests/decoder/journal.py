#!/usr/bin/env python3
"""Reads a journal directory and prints its records as JSON lines. Written from doc/journal.md alone.

    journal.py [--marks] DIRECTORY

Exits 0; 1 if there is damage (each place is printed on standard error), 2 if it cannot be read at all.
A torn end is told on standard error and is no damage.
"""

import json
import os
import re
import struct
import sys

HEAD = 4096
RECORD = 32
BODY_MAX = 2 << 20
TYPES = {
    1: "mark", 2: "queue", 3: "accept", 4: "outcome", 5: "attempt", 6: "progress", 7: "replay",
    8: "discard", 9: "cursor", 10: "bind", 11: "carry",
}


def make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = make_table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Invalid(Exception):
    """A body that breaks the rules of section 9."""


class Later(Exception):
    """Written by a later version."""


class Body:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Invalid("too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def text(self):
        return self.take(self.number(2)).decode("utf-8")

    def bytes32(self):
        return self.take(self.number(4)).hex()

    def binding(self):
        return {name: self.text() for name in ("entity", "system", "key", "canonical")}

    def bindings(self):
        count = self.number(2)
        if count > 32:
            raise Invalid("too many bindings")
        return [self.binding() for _ in range(count)]

    def failure(self):
        return {name: self.text() for name in ("stage", "reason", "path", "text")}


def mark(body):
    out = {"epoch": body.number(8), "oldest": body.number(4), "kind": body.number(1)}
    if out["kind"] not in (1, 2, 3, 4) or body.take(3) != bytes(3):
        raise Invalid("mark")
    return out


def queue(body):
    return {"number": body.number(2), "name": body.text()}


def accept(body):
    out = {"acceptance": body.number(8), "accepted_ms": body.number(8), "generation": body.number(4)}
    flags = body.number(1)
    if flags & ~7:
        raise Later(f"flags {flags}")
    out["hops"] = body.number(1)
    count = body.number(2)
    if count > 256 or (count == 0) != bool(flags & 4):
        raise Invalid("queues")
    out["id"] = body.take(16).hex()
    out["content"] = body.take(16).hex()
    out["queues"] = [body.number(2) for _ in range(count)]
    out["bindings"] = body.bindings()
    if flags & 1:
        out["cursor_name"] = body.text()
        out["cursor"] = body.bytes32()
    if flags & 2:
        out["failure"] = body.failure()
    if body.number(2) != 0:
        raise Later("sealed parts")
    out["message"] = body.bytes32()
    return out


def outcome(body):
    out = {"acceptance": body.number(8), "at_ms": body.number(8), "queue": body.number(2),
           "attempt": body.number(2), "outcome": body.number(1), "state": body.number(1)}
    flags = body.number(2)
    if flags & ~15:
        raise Later(f"flags {flags}")
    if out["outcome"] not in range(1, 6) or out["state"] not in range(1, 4):
        raise Invalid("outcome")
    if flags & 1:
        out["not_before_ms"] = body.number(8)
    if flags & 2:
        out["reference"] = body.text()
    if flags & 4:
        out["failure"] = body.failure()
    if flags & 8:
        out["bindings"] = body.bindings()
    return out


def attempt(body):
    return {"acceptance": body.number(8), "at_ms": body.number(8), "queue": body.number(2),
            "attempt": body.number(2)}


def progress(body):
    return {"acceptance": body.number(8), "queue": body.number(2), "reference": body.text(),
            "resume": body.bytes32()}


def replay(body):
    return {"acceptance": body.number(8), "at_ms": body.number(8), "queue": body.number(2),
            "by": body.text()}


def discard(body):
    return {**replay(body), "reason": body.text()}


def cursor(body):
    return {"name": body.text(), "value": body.bytes32()}


def bind(body):
    return {"bindings": body.bindings()}


def carry(body):
    kind = body.number(8)
    if kind not in (3, 4):
        raise Later(f"a carry of type {kind}")
    return {"carried": TYPES[kind], **BODIES[kind](body)}


BODIES = {1: mark, 2: queue, 3: accept, 4: outcome, 5: attempt, 6: progress, 7: replay, 8: discard,
          9: cursor, 10: bind, 11: carry}


def decode(kind, data):
    """The body of a record as a dictionary."""
    if kind not in BODIES:
        raise Later(f"record type {kind}")
    body = Body(data)
    out = BODIES[kind](body)
    if body.at != len(data):
        raise Invalid("too long")
    return out


class Segment:
    """One file: its header and its records."""

    def __init__(self, path):
        self.path = path
        self.named = int(os.path.basename(path)[:10])
        with open(path, "rb") as file:
            self.data = file.read()
        self.readable = self.read_head()

    def read_head(self):
        if len(self.data) < HEAD or self.data[:8] != b"PHJRNL\r\n":
            return False
        if struct.unpack_from("<I", self.data, HEAD - 4)[0] != crc32c(self.data[:HEAD - 4]):
            return False
        version, self.number = struct.unpack_from("<II", self.data, 8)
        if version != 1:
            raise Later(f"journal version {version}")
        self.id = self.data[16:32]
        self.size, self.first, self.epoch, self.made = struct.unpack_from("<QQQQ", self.data, 32)
        self.oldest = struct.unpack_from("<I", self.data, 64)[0]
        self.salt = crc32c(self.id + struct.pack("<I", self.number))
        return self.number == self.named and self.oldest <= self.number

    def record(self, offset):
        """(sequence, lag, type, wall time, body, next offset), or None."""
        if offset + RECORD > len(self.data):
            return None
        head_crc, body_crc, length, lag, sequence = struct.unpack_from("<IIIIQ", self.data, offset)
        kind, zero = self.data[offset + 24:offset + 26]
        padded = (length + 7) // 8 * 8
        end = offset + RECORD + padded
        if length > BODY_MAX or lag == 0 or lag > sequence or kind == 0 or zero != 0 or end > len(self.data):
            return None
        if crc32c(self.data[offset + 4:offset + RECORD], self.salt) != head_crc:
            return None
        if crc32c(self.data[offset + RECORD:end], self.salt) != body_crc:
            return None
        wall = int.from_bytes(self.data[offset + 26:offset + 32], "little")
        return sequence, lag, kind, wall, self.data[offset + RECORD:offset + RECORD + length], end

    def resync(self, offset, sequence):
        """The next place behind `offset` with a valid record of a larger sequence, or None."""
        for at in range(offset + 8, len(self.data) - RECORD + 1, 8):
            if self.data[at:at + 8] != bytes(8):
                found = self.record(at)
                if found and found[0] > sequence:
                    return at
        return None

    def marks(self):
        """The bodies of its valid marks, wherever they stand."""
        offset, sequence = HEAD, self.first
        while offset is not None:
            found = self.record(offset)
            if found and found[0] == sequence:
                if found[2] == 1:
                    yield found[4]
                sequence, offset = sequence + 1, found[5]
                continue
            offset = self.resync(offset, sequence)
            if offset is not None:
                sequence = self.record(offset)[0]


class Journal:
    """All segments of a directory."""

    def __init__(self, directory):
        names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"\d{10}\.segment", n))
        self.segments = [Segment(os.path.join(directory, n)) for n in names]
        self.id = next((s.id for s in self.segments if s.readable), None)
        self.records = []  # (sequence, type, wall time, body)
        self.damage = []  # words
        self.torn = None
        if not self.segments:
            raise Invalid("no segments")
        self.read()

    def note(self, path, offset, first, last):
        self.damage.append(f"{os.path.basename(path)}@{offset}: sequences {first} to {last}")

    def proven(self, segment):
        """The highest sequence that a valid record of this segment proves, searched everywhere."""
        highest, offset, sequence = segment.first - 1, HEAD, segment.first
        while offset is not None:
            found = segment.record(offset)
            if found and found[0] == sequence:
                highest = max(highest, found[0] - found[1])
                sequence, offset = found[0] + 1, found[5]
                continue
            offset = segment.resync(offset, sequence)
            if offset is not None:
                sequence = segment.record(offset)[0]
        return highest

    def oldest(self):
        """The number of the oldest segment kept: the highest that a header or a mark of this journal names."""
        ours = [s for s in self.segments if s.readable and s.id == self.id]
        named = [s.oldest for s in ours]
        for segment in ours:
            marks = [mark(Body(body))["oldest"] for body in segment.marks()]
            named += [oldest for oldest in marks if oldest <= segment.number]
        return max(named, default=1)

    def read(self):
        number = self.oldest()
        kept = [s for s in self.segments if s.named >= number]
        for index, segment in enumerate(kept):
            if segment.named != number:
                self.note(segment.path, 0, "?", "before this file")
            number = segment.named + 1
            if not segment.readable or segment.id != self.id:
                self.note(segment.path, 0, "?", "all of this file")
                continue
            following = [s.first for s in kept[index + 1:] if s.readable]
            self.walk(segment, following[0] if following else None)

    def walk(self, segment, stop):
        offset, sequence = HEAD, segment.first
        proven = stop - 1 if stop else self.proven(segment)
        while stop is None or sequence < stop:
            found = segment.record(offset)
            if found and found[0] == sequence:
                self.records.append((sequence,) + found[2:5])
                sequence, offset = sequence + 1, found[5]
                continue
            if sequence > proven:
                if any(segment.data[offset:]):
                    self.torn = f"{os.path.basename(segment.path)}@{offset}: from sequence {sequence} on"
                break
            at = segment.resync(offset, sequence)
            if at is None or (stop and segment.record(at)[0] >= stop):
                self.note(segment.path, offset, sequence, stop - 1)
                return
            self.note(segment.path, offset, sequence, segment.record(at)[0] - 1)
            offset, sequence = at, segment.record(at)[0]
        if stop is None and len(segment.data) < segment.size:
            self.note(segment.path, len(segment.data), sequence, "?")


def main(arguments):
    marks = "--marks" in arguments
    paths = [a for a in arguments if a != "--marks"]
    if len(paths) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        journal = Journal(paths[0])
        for sequence, kind, wall, data in journal.records:
            if kind != 1 or marks:
                line = {"sequence": sequence, "wall_ms": wall, "type": TYPES.get(kind, kind)}
                print(json.dumps({**line, **decode(kind, data)}))
    except (Invalid, Later, OSError) as wrong:
        print(f"journal.py: {wrong}", file=sys.stderr)
        return 2
    if journal.torn:
        print(f"torn {journal.torn}", file=sys.stderr)
    for place in journal.damage:
        print(f"damaged {place}", file=sys.stderr)
    return 1 if journal.damage else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
