#!/usr/bin/env python3
"""Runs packhorsed under a bit of everything for minutes or hours, and looks at its books and its size.

    tests/soak/soak.py [MINUTES] [--seed N] [--keep]

Three publishers (many small, few large, bursts) and four destinations: one steady, one that rejects, asks
for retries and leaves in the middle, one slow, and one that is dead until the end. In the first 40 % of the
time the broker, and now and then a destination, is killed with SIGKILL at random. In the rest the broker
lives one life, in which memory and open files are sampled: that life shows whether they stay flat. It
begins with a flood, which fills what is bounded (ids remembered, the ledger's cache). Then the dead
destination comes alive and everything has to be emptied.

The files of tests/soak/traffic.py decide what was lost or came twice, not the broker. Prints a table, TAP
and the seed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "crash"))
sys.dont_write_bytecode = True

from books import Books  # noqa: E402
from kill import BUILD, Points  # noqa: E402
from size import Sizes  # noqa: E402

PUBLISHERS = ("small", "large", "burst")
DESTINATIONS = ("steady", "picky", "slow")  # and "dead", at the end
DEADLINE = 180
FLOOD = 40000  # as traffic.py has it
SAMPLES = 40  # of the quiet life, with no stall of the machine among them
STALLS = 5  # and then we give up


class Bus:
    """The broker and its traffic, in a work directory of their own."""

    def __init__(self, seed):
        self.seed = seed
        self.work = tempfile.mkdtemp(prefix="ph-soak-")
        self.run_dir = os.path.join(self.work, "run")
        os.mkdir(self.run_dir)
        self.control = os.path.join(self.run_dir, "control")
        self.log = open(self.path("log"), "ab")
        self.env = dict(os.environ, PACKHORSE_STATE=self.path("state"), PACKHORSE_RUN=self.run_dir,
                        PYTHONPATH=os.path.join(ROOT, "bindings", "python"),
                        PYTHONDONTWRITEBYTECODE="1",
                        PACKHORSE_LIBRARY=os.path.join(BUILD, ".libs", "libpackhorse.so.0"))
        self.broker, self.traffic = None, {}
        self.unbalanced = 0

    def path(self, name):
        return os.path.join(self.work, name)

    def spawn(self, *command):
        return subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log)

    def start(self):
        """The broker, until it answers; its books have to balance there."""
        self.broker = self.spawn(os.path.join(BUILD, "broker", "packhorsed"), "-c",
                                 os.path.join(HERE, "site"))
        self.wait_for("the broker", lambda: self.ask("status"))
        self.unbalanced += self.ask("status")[0]["balance"] != 0

    def play(self, role, name):
        self.traffic[name] = self.spawn(sys.executable, os.path.join(HERE, "traffic.py"), role, name,
                                        self.control, self.path(name), str(self.seed))

    def ask(self, *words):
        """JSON lines of the command line; nothing while the broker does not answer."""
        done = subprocess.run([os.path.join(BUILD, "cli", "packhorse"), "--socket", self.control, *words,
                               "--json"], capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []

    def kill(self, name):
        """The broker, or a destination, which starts again at once."""
        victim = self.broker if name == "broker" else self.traffic[name]
        victim.kill()
        victim.wait()
        if name == "broker":
            self.start()
        else:
            self.play("consume", name)

    def look(self):
        """Nobody but us ends a process."""
        for name, process in dict(self.traffic, broker=self.broker).items():
            if process.poll() not in (None, 0):
                sys.exit(f"Bail out! {name} ended by itself: see {self.log.name}")

    def wait_for(self, what, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            self.look()
            if time.monotonic() > deadline:
                sys.exit(f"Bail out! waited {DEADLINE} s for {what}: see {self.log.name}")
            time.sleep(0.1)

    def waiting(self, *queues):
        return sum(row["ready"] + row["in_flight"] + row["held"] for row in self.ask("queue", "ls")
                   if row["queue"] in queues)

    def rejected(self):
        """How many dead letters there are, in all queues."""
        return sum(row["dead"] for row in self.ask("queue", "ls"))

    def stop(self):
        for process in [*self.traffic.values(), self.broker]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def rough_life(bus, dice, sizes, end):
    """Kills at random until then; how many of the broker, and of destinations."""
    kills = {"broker": 0, "destination": 0}
    while time.monotonic() < end:
        time.sleep(min(dice.uniform(1, 10), max(0.0, end - time.monotonic())))  # random is the point
        sizes.take("kills")
        bus.look()
        victim = "broker" if dice.random() < 0.7 else dice.choice(DESTINATIONS)
        bus.kill(victim)
        kills["broker" if victim == "broker" else "destination"] += 1
    return kills


def quiet_life(bus, sizes, end):
    """One life of the broker, sampled from behind the flood on; it may last a bit longer for it."""
    bus.kill("broker")
    sent = bus.ask("status")[0]["messages"]
    bus.traffic["small"].send_signal(signal.SIGUSR1)
    bus.wait_for("the flood", lambda: any(row["messages"] > sent + FLOOD for row in bus.ask("status")))
    bus.wait_for("the end of the flood", lambda: bus.waiting("steady", "picky") < 500)
    pause = max(0.5, (end - time.monotonic()) / SAMPLES)
    stalls = taken = 0
    while taken < SAMPLES:
        time.sleep(pause)
        bus.look()
        sizes.take("quiet")
        taken += 1
        if sizes.stalled(pause):
            stalls, taken = stalls + 1, 0
            print(f"# the machine stood still: sampling begins anew ({stalls})", flush=True)
            if stalls > STALLS:
                sys.exit(f"Bail out! the machine stood still {stalls} times: there is nothing to judge")


def finish(bus, sizes):
    """The publishers stop, the dead come alive, the slow hurry, and nothing is left."""
    for name in PUBLISHERS:
        bus.traffic[name].send_signal(signal.SIGTERM)
    bus.wait_for("every acknowledgement",
                 lambda: all(bus.traffic[name].poll() is not None for name in PUBLISHERS))
    bus.play("consume", "dead")
    for name in DESTINATIONS:
        bus.traffic[name].send_signal(signal.SIGUSR1)
    bus.wait_for("empty queues", lambda: [row["pending"] for row in bus.ask("status")] == [0])
    sizes.take("empty")
    for name in (*DESTINATIONS, "dead"):
        bus.traffic[name].send_signal(signal.SIGTERM)
        bus.traffic[name].wait(DEADLINE)


def check(bus, points, kills, sizes):
    books = Books({name: bus.path(name) for name in PUBLISHERS},
                  {name: bus.path(name) for name in (*DESTINATIONS, "dead")})
    status = bus.ask("status")[0]
    print(f"# {kills['broker']} kills of the broker, {kills['destination']} of destinations; "
          f"{books.summary()}", flush=True)
    for line in books.wrong[:20]:
        print(f"# {line}")
    points.check("messages of every kind were acknowledged", books.every_kind())
    points.check(f"none lost at any destination ({books.lost})", books.lost == 0)
    points.check(f"none came again after it was confirmed for good ({books.again})", books.again == 0)
    points.check(f"none overtook another of its subject ({books.overtaken})", books.overtaken == 0)
    points.check(f"the dead letters are those that were rejected ({books.rejected})",
                 bus.rejected() == books.rejected > 0)
    points.check(f"the books balanced at every start ({bus.unbalanced} did not)", bus.unbalanced == 0)
    points.check("the books balance at the end", status["balance"] == 0)
    for what, flat, why in sizes.verdicts():
        points.check(f"flat: {what}, {why}", flat)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float, nargs="?", default=5.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--keep", action="store_true", help="leave the work directory")
    options = parser.parse_args()
    if not 1 <= options.minutes <= 10080:
        parser.error("from one minute to a week")
    dice, points, bus = random.Random(options.seed), Points(), Bus(options.seed)
    print(f"# seed {options.seed}, {options.minutes:g} minutes, {bus.work}", flush=True)
    started, seconds = time.monotonic(), options.minutes * 60
    sizes = Sizes(bus, started)
    try:
        bus.start()
        for name in PUBLISHERS:
            bus.play("publish", name)
        for name in DESTINATIONS:
            bus.play("consume", name)
        kills = rough_life(bus, dice, sizes, started + 0.4 * seconds)
        quiet_life(bus, sizes, started + seconds)
        sizes.table()
        finish(bus, sizes)
        check(bus, points, kills, sizes)
    finally:
        bus.stop()
    if not options.keep and points.failed == 0:
        shutil.rmtree(bus.work)
    print(f"1..{points.count}")
    sys.exit(points.failed > 0)


if __name__ == "__main__":
    main()
