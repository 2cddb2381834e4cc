#!/usr/bin/python3
"""A whole session with a running packhorsed, spoken from doc/protocol.md alone.

    session.py CONTROL-SOCKET QUEUE EVENT-TYPE

Publishes three messages (one of them twice), takes them from the queue, settles them, and checks
every byte of what comes back. Prints TAP.
"""

import json
import os
import socket
import sys
import time

import zmq

import frames

DEADLINE = 60.0


def grant(path):
    """Section 6: the control socket gives an endpoint and a one-time token."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(DEADLINE)
        control.connect(path)
        control.sendall(b'{"verb":"session.open","args":{"name":"decoder"}}\n')
        lines = control.makefile("r")
        row, end = json.loads(lines.readline()), json.loads(lines.readline())
    assert end["end"] is True and end["exit"] == 0, end
    return row["endpoint"], row["token"]


class Session:
    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)

    def say(self, raw):
        self.socket.send(raw)

    def hear(self, *kinds):
        """The next frame of one of these kinds; pings are answered, others are skipped."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if not self.socket.poll(100):
                continue
            kind, count, number, reader = frames.open_frame(self.socket.recv())
            if kind == "PING":
                self.say(frames.frame("PONG", number))
            if kind in kinds:
                return kind, count, number, reader
        raise TimeoutError(f"no {' or '.join(kinds)} came")


POINTS = [0]


def check(what, truth):
    POINTS[0] += 1
    print(f"{'ok' if truth else 'not ok'} {POINTS[0]} - {what}", flush=True)
    return truth


def results(session, wanted):
    """Tickets with what became of them, from ACCEPTED and RESULT frames."""
    got = {}
    while len(got) < wanted:
        kind, count, number, reader = session.hear("ACCEPTED", "RESULT")
        if kind == "ACCEPTED":
            first = reader.u64()
            got.update({number + i: (0, first + i) for i in range(count)})
        else:
            for _ in range(count):
                item = frames.read_result(reader)
                got[item["ticket"]] = (item["result"], item["acceptance"])
    return got


def main():
    control, queue, event_type = sys.argv[1:4]
    endpoint, token = grant(control)
    session = Session(endpoint)
    session.say(frames.hello("decoder", token, os.urandom(8).hex()))
    kind, _, _, reader = session.hear("WELCOME", "REFUSED")
    check("a one-time token is welcomed", kind == "WELCOME")
    check("the protocol is version 1", frames.read_welcome(reader)["version"] == 1)

    again = Session(endpoint)
    again.say(frames.hello("decoder", token, os.urandom(8).hex()))
    check("the same token twice is refused", again.hear("WELCOME", "REFUSED")[0] == "REFUSED")

    run = os.urandom(6).hex()
    data = ["{}", "{\"text\":\"caf\u00e9 \U0001f6b2\"}", "x" * 1000]
    events = [{"id": f"{run}-{i}", "source": "urn:decoder", "type": event_type, "subject": f"D-{run}",
               "extra1": f"value {i}"} for i in range(3)]
    raw = [frames.encode_message(event, text.encode()) for event, text in zip(events, data)]
    session.say(frames.publish(1, raw))
    session.say(frames.publish(4, [raw[0]]))
    session.say(frames.publish(5, [frames.encode_message(events[0], b"other content")]))
    got = results(session, 5)
    check("three are accepted", all(got[t][0] == 0 for t in (1, 2, 3)))
    check("acceptance numbers follow on", got[2][1] == got[1][1] + 1 and got[3][1] == got[1][1] + 2)
    check("a repeat is a duplicate of the first", got[4] == (1, got[1][1]))
    check("other content under the same id is a conflict", got[5][0] == 3)

    session.say(frames.subscribe(9, queue, 10))
    check("the subscription is granted", session.hear("SUBSCRIBED")[3].u32() == 0)
    deliveries, settled = [], set()
    while len(deliveries) < 3 or len(settled) < 3:
        kind, count, number, reader = session.hear("DELIVER", "SETTLED")
        if kind == "SETTLED":
            settled.update(reader.u64() for _ in range(count))
            continue
        check("deliveries name the subscription", number == 9)
        for _ in range(count):
            item = frames.read_delivery(reader)
            deliveries.append(item)
            session.say(frames.settle([item["delivery"]], 1))
    check("in order of acceptance, one at a time for one subject",
          [d["attributes"]["id"] for d in deliveries] == [e["id"] for e in events])
    check("every attribute comes back", [d["attributes"] for d in deliveries] == events)
    check("every byte comes back", [d["data"].decode() for d in deliveries] == data)
    check("a delivery is its queue's number and its acceptance number",
          all(d["delivery"] & ((1 << 48) - 1) == got[t][1] for d, t in zip(deliveries, (1, 2, 3))))
    check("every outcome is confirmed", settled == {d["delivery"] for d in deliveries})

    session.say(b"PH\x01\x63" + bytes(12))
    check("an unknown frame type ends the session", session.hear("REFUSED")[0] == "REFUSED")
    print(f"1..{POINTS[0]}")


if __name__ == "__main__":
    main()
