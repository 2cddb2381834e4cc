#!/usr/bin/env python3
"""One publisher or one destination of the long test, until SIGTERM, with books of its own.

    tests/soak/traffic.py publish small|large|burst SOCKET FILE SEED
    tests/soak/traffic.py consume steady|picky|slow|dead SOCKET FILE SEED

FILE gets one line per fact, at once: "a N" message N was acknowledged; "d N S" message N of subject S was
delivered; "e N O" we ended that delivery with outcome O; "s N O" that is confirmed. A destination that gets
SIGUSR1 is quick from then on; a publisher sends a flood at once.
"""

import os
import random
import signal
import sys
import time

from packhorse import Client, EventKind, Message, Outcome, PackhorseError, Result, Status, Timeout

LARGE = 150000
FLOOD = 40000
WINDOW = 512


class Kind:
    """What a publisher sends: how many at a time, how often, of what size, about how many subjects."""

    def __init__(self, place, count, pause, sizes, subjects):
        self.place, self.count, self.pause = place, count, pause
        self.sizes, self.subjects = sizes, subjects


KINDS = {"small": Kind(1, 20, 0.1, (50, 1000), 2000), "large": Kind(2, 1, 0.3, (5000, LARGE), 40),
         "burst": Kind(3, 150, 5.0, (200, 2000), 10)}
PUBLISHERS = 10  # a message's number ends with the place of its publisher


class Traffic:
    def __init__(self, role, name, socket, path, seed):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.name, self.socket = name, socket
        self.dice = random.Random(f"{seed} {role} {name} {os.fstat(self.file).st_size}")
        self.stopping = self.quick = False
        signal.signal(signal.SIGTERM, self.on_term)
        signal.signal(signal.SIGUSR1, self.on_quick)
        self.client = None

    def on_term(self, *_):
        self.stopping = True

    def on_quick(self, *_):
        self.quick = True

    def fact(self, *words):
        os.write(self.file, (" ".join(map(str, words)) + "\n").encode())

    def connect(self):
        self.client = Client(self.socket, name="soak-" + self.name, window=WINDOW)
        self.client.connect(60)

    def next(self, timeout):
        try:
            return self.client.next(timeout)
        except Timeout:
            return None


class Publisher(Traffic):
    def publish(self):
        kind, number, due = KINDS[self.name], 0, time.monotonic()
        filler = self.dice.randbytes(LARGE)
        self.connect()
        while not self.stopping:
            count, self.quick = FLOOD if self.quick else kind.count, False
            for _ in range(count):
                number += 1
                self.send(kind, number, filler)
            due = max(due + kind.pause, time.monotonic())
            while not self.stopping and time.monotonic() < due:
                self.take(max(0.0, due - time.monotonic()))
        while self.client.pending > 0:
            self.take(0.1)

    def send(self, kind, number, filler):
        """Number it, and hand it over as soon as the window has room."""
        number = number * PUBLISHERS + kind.place
        subject = f"{self.name}-{self.dice.randrange(kind.subjects)}"
        message = Message(id=str(number), source="urn:soak:" + self.name, type=f"soak.{self.name}.v1",
                          data=filler[:self.dice.randint(*kind.sizes)],
                          attributes={"subject": subject})
        while True:
            try:
                self.client.publish(message)
                return
            except PackhorseError as error:
                if error.status is not Status.FULL:
                    raise
            self.take(0.1)

    def take(self, timeout):
        event = self.next(timeout)
        if event is None or event.kind is not EventKind.RESULT:
            return
        if event.result not in (Result.ACCEPTED, Result.DUPLICATE):
            sys.exit(f"traffic: {self.name}: {event.result.name}: {event.text}")
        self.fact("a", event.ticket * PUBLISHERS + KINDS[self.name].place)


class Destination(Traffic):
    def consume(self):
        held, leave = {}, 0
        while not self.stopping:
            if self.client is None:
                self.connect()
                self.client.subscribe(self.name, 8 if self.name == "slow" else 64)
                held, leave = {}, self.dice.randint(500, 3000)
            event = self.next(0.1)
            if event is None:
                continue
            if event.kind is EventKind.SETTLED:
                self.fact("s", *held.pop(event.delivery))
            elif event.kind is EventKind.DELIVERY:
                self.end(event, held)
                leave -= 1
            if self.name == "picky" and leave < 0 and not self.quick:
                self.client.close()  # with deliveries that are not confirmed
                self.client = None

    def end(self, event, held):
        number = int(event.message.id)
        self.fact("d", number, event.message.subject)
        if self.name == "slow" and not self.quick:
            time.sleep(0.02)  # its manner, not a wait for something
        outcome = self.judge(number, event.attempt)
        held[event.delivery] = (number, outcome.name)
        self.fact("e", number, outcome.name)
        self.client.settle(event.delivery, outcome, delay=0.05 if outcome is Outcome.RETRY else 0,
                           reason="soak" if outcome is Outcome.REJECTED else None)

    def judge(self, number, attempt):
        """Only one is hard to please: the number and the attempt decide."""
        count = number // PUBLISHERS
        if self.name != "picky":
            return Outcome.DELIVERED
        if count % 7 == 0 and attempt < 3:
            return Outcome.RETRY
        if count % 50 == 1:
            return Outcome.REJECTED
        return Outcome.DUPLICATE if count % 20 == 2 else Outcome.DELIVERED


def main():
    role, *rest = sys.argv[1:]
    if role == "publish":
        Publisher(role, *rest).publish()
    else:
        Destination(role, *rest).consume()


if __name__ == "__main__":
    main()
