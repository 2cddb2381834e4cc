"""Frames and messages of the session protocol, written from doc/protocol.md alone.

Nothing here knows the C code: what it writes, packhorsed must read, and the other way round.
"""

import struct

TYPES = {
    "HELLO": 1, "WELCOME": 2, "REFUSED": 3, "PUBLISH": 4, "ACCEPTED": 5, "RESULT": 6, "SUBSCRIBE": 7,
    "SUBSCRIBED": 8, "DELIVER": 9, "SETTLE": 10, "SETTLED": 11, "PROGRESS": 12, "PROGRESSED": 13,
    "RESOLVE": 14, "RESOLVED": 15, "QUERY": 16, "ANSWER": 17, "PING": 18, "PONG": 19, "BYE": 20,
    "REATTACH": 21, "CURSOR": 22, "CURSORS": 23, "ANSWER_CURSOR": 24,
}
NAMES = {number: name for name, number in TYPES.items()}
TAGS = ["", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "partitionkey",
        "correlationid", "causationid", "traceparent", "expirytime", "dataclassification"]


class Bad(ValueError):
    """The bytes break a rule of doc/protocol.md."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Bad(f"needs {count} bytes at {self.at}, has {len(self.data) - self.at}")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def u8(self):
        return self.number("B")

    def u16(self):
        return self.number("H")

    def u32(self):
        return self.number("I")

    def u64(self):
        return self.number("Q")

    def blob16(self):
        return self.take(self.u16())

    def string(self):
        return self.blob16().decode("utf-8")

    def item32(self):
        return Reader(self.take(self.u32()))

    def left(self):
        return len(self.data) - self.at


def string(text):
    raw = text.encode("utf-8")
    return struct.pack("<H", len(raw)) + raw


# ---- section 2: the message ----

def encode_message(attributes, data):
    body = b""
    for name, value in attributes.items():
        raw = value.encode("utf-8")
        if name in TAGS[1:]:
            body += bytes([TAGS.index(name)])
        else:
            body += bytes([0, len(name)]) + name.encode("ascii") + b"\0"
        body += struct.pack("<H", len(raw)) + raw + b"\0"
    start = 16 + len(body)
    head = struct.pack("<IBBHIHH", start + len(data), 1, 0, len(attributes), start, 0, 0)
    return head + body + data


def decode_message(raw):
    reader = Reader(raw)
    length, version, flags, count, start, sealed, reserved = struct.unpack("<IBBHIHH", reader.take(16))
    if length != len(raw) or version != 1 or flags or sealed or reserved:
        raise Bad("message header")
    attributes = {}
    for _ in range(count):
        tag = reader.u8()
        if tag == 0:
            name = reader.take(reader.u8()).decode("ascii")
            if reader.u8() != 0:
                raise Bad("name without its zero")
        else:
            name = TAGS[tag]
        value = reader.string()
        if reader.u8() != 0:
            raise Bad("value without its zero")
        if name in attributes:
            raise Bad(f"{name} twice")
        attributes[name] = value
    if reader.at != start:
        raise Bad("attributes do not end at the data")
    if not all(attributes.get(name) for name in ("id", "source", "type")):
        raise Bad("id, source and type are required")
    return attributes, raw[start:]


# ---- section 3: the frame ----

def frame(kind, number=0, count=0, body=b""):
    return b"PH" + bytes([1, TYPES[kind]]) + struct.pack("<IQ", count, number) + body


def open_frame(raw):
    reader = Reader(raw)
    if reader.take(2) != b"PH" or reader.u8() != 1:
        raise Bad("frame header")
    kind = NAMES.get(reader.u8())
    if kind is None:
        raise Bad("frame type")
    return kind, reader.u32(), reader.u64(), reader


# ---- section 4: some frames ----

def hello(name, token, instance):
    return frame("HELLO", body=struct.pack("<HHBB", 1, 1, 1, 0) + string(name) + string(token) +
                 string(instance))


def publish(ticket, messages):
    body = b""
    for message in messages:
        body += struct.pack("<IH", 2 + len(message), 0) + message
    return frame("PUBLISH", ticket, len(messages), body)


def subscribe(number, queue, credit):
    return frame("SUBSCRIBE", number, body=string(queue) + struct.pack("<IB", credit, 0))


def settle(deliveries, outcome):
    body = b"".join(struct.pack("<HQB", 9, delivery, outcome) for delivery in deliveries)
    return frame("SETTLE", 0, len(deliveries), body)


def read_welcome(reader):
    version, _ = reader.u16(), reader.u16()
    heartbeat, greatest, window = reader.u32(), reader.u32(), reader.u32()
    return {"version": version, "heartbeat": heartbeat, "greatest": greatest, "window": window,
            "resume": reader.string(), "broker": reader.string()}


def read_delivery(reader):
    item = reader.item32()
    out = {"delivery": item.u64(), "attempt": item.u16(), "flags": item.u8(), "accepted": item.u64(),
           "reference": item.string(), "resume": item.blob16()}
    out["attributes"], out["data"] = decode_message(item.take(item.left()))
    return out


def read_result(reader):
    return {"ticket": reader.u64(), "result": reader.u8(), "acceptance": reader.u64(),
            "subject": reader.string(), "text": reader.string()}
