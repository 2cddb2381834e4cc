#!/usr/bin/env python3
"""A checkpoint as two programs see it: the broker that took it, and checkpoint.py, which knows
doc/checkpoint.md alone. Speaks TAP."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import checkpoint
import duplicates
import journal

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("PACKHORSE_BUILD", os.getcwd())
DEADLINE = 60


class Broker:
    def __init__(self, work):
        self.work = work
        self.control = os.path.join(work, "run", "control")
        env = dict(os.environ, PACKHORSE_STATE=os.path.join(work, "state"),
                   PACKHORSE_RUN=os.path.join(work, "run"))
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "broker", "packhorsed"), "-c", os.path.join(ROOT, "bench", "site")],
            env=env, stderr=subprocess.DEVNULL)
        self.wait_for("an answer", lambda: self.ask("status").returncode == 0)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, "packhorsed ended by itself"
            assert time.monotonic() < deadline, f"waited {DEADLINE} s for {what}"
            time.sleep(0.05)

    def ask(self, *words, **more):
        return subprocess.run([os.path.join(BUILD, "cli", "packhorse"), "--socket", self.control, *words,
                               "--json"], capture_output=True, text=True, check=False, **more)

    def rows(self, *words, **more):
        done = self.ask(*words, **more)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0


def event(number, kind="bench.v1"):
    return json.dumps({"specversion": "1.0", "id": f"e{number}", "source": "urn:test", "type": kind,
                       "subject": f"s{number % 3}", "data": {"n": number}}) + "\n"


def live(work):
    """A short life; returns what the broker says of itself at its end, and its queue."""
    os.makedirs(os.path.join(work, "run"))
    broker = Broker(work)
    try:
        events = "".join(event(n) for n in range(20)) + event(99, "nobody.wants.v1")
        broker.rows("message", "publish", "-", input=events)
        broker.rows("message", "tail", "--queue", "bench", "--settle", "--count", "5", "--timeout", "20")
        broker.wait_for("five deliveries", lambda: broker.rows("status")[0]["delivered"] >= 5)
        status = broker.rows("status")[0]
        broker.stop()
    finally:
        if broker.process.poll() is None:
            broker.process.kill()
    return status


def newest(work):
    directory = os.path.join(work, "state", "checkpoint")
    return os.path.join(directory, sorted(n for n in os.listdir(directory) if n.endswith(".checkpoint"))[-1])


def agree(work):
    """Counters, queues and places are what broker and journal say."""
    status = live(work)
    with open(newest(work), "rb") as file:
        seen = checkpoint.read(file.read())
    queues = {one["name"]: one for one in seen["queues"]}
    held = {one["number"]: one["items"] for one in seen["items"]}
    assert set(queues) == {"inbound", "unrouted", "bench"}, queues
    for name in ("accepted", "delivered", "dead"):
        assert sum(one["books"][name] for one in seen["queues"]) == status[name], name
    ready = held[queues["bench"]["number"]]
    assert [one["state"] for one in ready] == ["ready"] * status["pending"], ready
    assert sorted(one["acceptance"] for one in ready) == list(range(6, 21)), ready
    dead = held[queues["unrouted"]["number"]]
    assert [(one["state"], one["stage"], one["reason"]) for one in dead] == [("dead", "route", "unrouted")]
    assert seen["last_acceptance"] == seen["messages"] == 21
    window = duplicates.read(os.path.join(work, "state", "duplicates.ring"), seen["duplicates"])
    assert window == list(range(1, 22)), window
    done = subprocess.run([sys.executable, os.path.join(HERE, "journal.py"),
                           os.path.join(work, "state", "journal")], capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[-1]["sequence"] == seen["place"]["sequence"], (records[-1], seen["place"])
    places = {one["acceptance"] for one in records if one["type"] == "accept"}
    assert {one["acceptance"] for one in seen["entries"]} <= places


def damage(work):
    """Any byte changed is damage for both."""
    live(work)
    path = newest(work)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for at in range(0, len(data), 7):
        data[at] ^= 0x10
        try:
            checkpoint.read(bytes(data))
            raise AssertionError(f"byte {at} was changed and not noticed")
        except checkpoint.Damaged:
            data[at] ^= 0x10


def unharmed(path):
    assert os.path.exists(path)


def spoil(path):
    with open(path, "r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 16)


def remember(work):
    """Repeats are known after a start, also when the ring is gone or damaged."""
    for nth, harm in enumerate((unharmed, os.remove, spoil)):
        place = os.path.join(work, str(nth))
        os.makedirs(place)
        before = live(place)
        harm(os.path.join(place, "state", "duplicates.ring"))
        broker = Broker(place)
        try:
            broker.rows("message", "publish", "-", input="".join(event(n) for n in range(20)))
            after = broker.rows("status")[0]
            assert after["accepted"] == before["accepted"], (harm, before, after)
            broker.rows("message", "publish", "-", input=event(50))
            after = broker.rows("status")[0]
            assert after["accepted"] == before["accepted"] + 1, (harm, before, after)
            broker.stop()
        finally:
            if broker.process.poll() is None:
                broker.process.kill()


def main():
    tests = [agree, damage, remember]
    failed = 0
    assert journal.crc32c(b"123456789") == 0xE3069283
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        work = tempfile.mkdtemp(prefix="ph-cp-")
        try:
            test(work)
            print(f"ok {number} - {test.__doc__}")
        except Exception as why:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__doc__}\n# {type(why).__name__}: {why}")
        shutil.rmtree(work)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
