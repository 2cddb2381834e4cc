#!/usr/bin/env python3
"""Reads a checkpoint and prints it as one JSON object. Written from doc/checkpoint.md alone.

    checkpoint.py FILE

Exits 0; 1 if it is damaged.
"""

import json
import struct
import sys

from journal import crc32c

BOOKS = ["accepted", "replayed", "moved_in", "delivered", "duplicate", "dead", "discarded", "expired",
         "erased", "moved_out"]
STATES = {1: "ready", 2: "waiting", 3: "unknown", 4: "dead"}


class Damaged(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def blob(self, length_form):
        length = self.take(length_form)
        self.at += length
        if self.at > len(self.data):
            raise Damaged("a text is cut short")
        return self.data[self.at - length:self.at]

    def text(self):
        return self.blob("H").decode()

    def until_end(self, read):
        found = []
        while self.at < len(self.data):
            found.append(read(self))
        return found


def sections(data):
    if len(data) < 48 or data[:8] != b"PHCHKPT\n":
        raise Damaged("not a checkpoint")
    version, count, number, taken, length, zero, salt = struct.unpack_from("<IIQQQII", data, 8)
    if crc32c(data[:44]) != salt or version != 1 or length != len(data) or zero != 0:
        raise Damaged("the header")
    found, at = {"number": number, "taken_ms": taken}, 48
    for place in range(count):
        tag, _flags, size, body_crc, head_crc = struct.unpack_from("<IIQII", data, at)
        body = data[at + 24:at + 24 + size]
        if crc32c(data[at:at + 20], salt) != head_crc or len(body) != size or crc32c(body, salt) != body_crc:
            raise Damaged(f"section {tag}")
        if (tag == 0) != (place == count - 1) or tag in found:
            raise Damaged("the order of the sections")
        found[tag] = body
        at += 24 + size
    if at != len(data):
        raise Damaged("something follows")
    return found


def queue(r):
    number, name = r.take("H"), r.text()
    return {"number": number, "name": name, "books": dict(zip(BOOKS, r.take("10Q"))), "last_error": r.text()}


def entry(r):
    number, offset, key, accepted, count = r.take("QQQQB")
    return {"acceptance": number, "offset": offset, "key": key, "accepted_ms": accepted,
            "queues": [r.take("H") for _ in range(count)]}


def item(r):
    number, state, flags, attempts, only = r.take("QBBHB")
    one = {"acceptance": number, "state": STATES[state], "flags": flags, "attempts": attempts, "only": only}
    if state == 2:
        one["due_ms"] = r.take("Q")
    if state == 4:
        one["dead_ms"], one["offset"], one["record"] = r.take("QQB")
        one["stage"], one["reason"] = r.text(), r.text()
    return one


def items(r):
    number, count = r.take("HI")
    return {"number": number, "items": [item(r) for _ in range(count)]}


def shelf(r):
    number, following, oldest, taken, count = r.take("HQQII")
    return {"number": number, "next": following, "oldest": oldest, "taken": taken,
            "files": [r.take("QIQQ") for _ in range(count)]}


def read(data):
    parts = sections(data)
    partition, offset, sequence, length, crc, last, messages = Reader(parts[1]).take("IQQIIQQ")
    window = Reader(parts[7]).take("16sQQQQ")
    return {
        "number": parts["number"], "taken_ms": parts["taken_ms"],
        "place": {"partition": partition, "offset": offset, "sequence": sequence, "length": length, "crc": crc},
        "last_acceptance": last, "messages": messages,
        "queues": Reader(parts[2]).until_end(queue),
        "entries": Reader(parts[3]).until_end(entry),
        "items": Reader(parts[4]).until_end(items),
        "progress": Reader(parts[5]).until_end(lambda r: [r.take("Q"), r.text(), r.blob("I").hex()]),
        "cursors": Reader(parts[6]).until_end(lambda r: [r.text(), r.blob("I").hex()]),
        "duplicates": {"id": window[0].hex(), "cycle": window[1], "oldest": window[2], "count": window[3],
                       "newest": window[4]},
        "adapters": Reader(parts[8]).until_end(lambda r: r.text()),
        "shelves": Reader(parts[10]).until_end(shelf),
        "carried": Reader(parts[11]).until_end(lambda r: r.take("Q")) if 11 in parts else [],
        "ledger": list(Reader(parts[9]).take("QIQQ")) if 9 in parts else None,
    }


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    try:
        print(json.dumps(read(data)))
    except (Damaged, struct.error, KeyError) as why:
        sys.exit(f"damaged: {why}")


if __name__ == "__main__":
    main()
