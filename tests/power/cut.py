#!/usr/bin/env python3
"""Cuts the power of a machine that runs packhorsed, at random moments, and checks what it promised.

    tests/power/cut.py --root DIR [N] [--seed N] [--mutant NAME] [--keep]

The machine is QEMU with a disk of ours (disk.py): a cut takes the memory of the guest and, as the dice
say, what the disk was not told to flush. The guest tells us what was acknowledged and confirmed before
the cut; only that counts. After N cuts and one boot that empties the queues: nothing acknowledged is
lost, nothing confirmed is delivered again, nothing of one subject overtakes, the books balance at every
boot. Then the same with a broker that makes a mistake, by default that of never syncing: it has to be
noticed.

Prints TAP, and the seed: the same seed cuts at the same moments.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash")]
sys.dont_write_bytecode = True

from disk import Disk  # noqa: E402
from guest import PORTS, Guest, kernel_in, write_initramfs  # noqa: E402
from kill import BUILD, Points, judge  # noqa: E402

DEADLINE = 120
DISK_BYTES = 512 << 20
NUMBERS = 1000000  # message numbers of one boot
FIRST_FACTS = 200  # acknowledged before the power may fail under load


class Broken(Exception):
    """The broker broke a promise where no check at the end has to look for it."""


class Machine:
    def __init__(self, options, mutant):
        self.options, self.mutant = options, mutant
        self.cycle = 0
        self.work = tempfile.mkdtemp(prefix="ph-power-")
        self.boots = []
        self.initramfs, image = self.path("initramfs"), self.path("disk")
        write_initramfs(self.initramfs, BUILD, options.root)
        with open(image, "wb") as empty:
            empty.truncate(DISK_BYTES)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", image], check=True)
        self.disk = Disk(image, self.path("nbd"))

    def path(self, name):
        return os.path.join(self.work, name)

    def boot(self, mode):
        broker = "packhorsed-mutant" if self.mutant else "packhorsed"
        words = f"BROKER={broker} MODE={mode} FIRST={len(self.boots) * NUMBERS + 1}"
        if self.mutant:
            words += f" PACKHORSE_MUTANT={self.mutant}"
        self.disk.serve()
        self.boots.append(Guest(kernel_in(self.options.root), self.initramfs, self.path("nbd"),
                                self.path(f"boot-{len(self.boots) + 1}"), words))
        return self.boots[-1]

    def cut(self, dice):
        self.boots[-1].kill()
        return self.disk.cut(dice)

    def wait_for(self, what, condition):
        """Until the condition holds in the last boot, with an eye on what the guest says is wrong."""
        guest, deadline = self.boots[-1], time.monotonic() + DEADLINE
        while not condition():
            said = [line for line in guest.lines("console") if "broken: " in line or "panic" in line]
            if said:
                raise Broken(f"{said[0]} (see {guest.path('console')})")
            if guest.ended():
                sys.exit(f"Bail out! QEMU ended by itself: see {guest.path('qemu')}")
            if time.monotonic() > deadline:
                raise Broken(f"waited {DEADLINE} s for {what} (see {guest.path('console')})")
            time.sleep(0.1)

    def facts(self, port):
        """What all boots told on one port, in one file."""
        path = self.path(port)
        with open(path, "w") as file:
            for guest in self.boots:
                file.writelines(line + "\n" for line in guest.lines(port))
        return path

    def count(self, port, kind):
        """How many different messages one kind of fact was told about."""
        return len({line.split()[1] for guest in self.boots for line in guest.lines(port)
                    if line.startswith(kind + " ")})


def answers(guest, word):
    """The JSON lines of the guest's console behind this word."""
    start = word + " {"
    return [json.loads(line[line.index(start) + len(word):]) for line in guest.lines("console")
            if start in line and line.endswith("}")]


def kept(guest):
    return [row["ready"] + row["in_flight"] for row in answers(guest, "queue") if row["queue"] == "kept"]


def ready(guest):
    return "ready" in guest.lines("console")


def look(machine, guest):
    """After every start: the books, and that nothing acknowledged in earlier boots is missing."""
    machine.wait_for("the broker", lambda: ready(guest))
    balance = answers(guest, "status")[0]["balance"]
    if balance != 0:
        raise Broken(f"the books are out of balance by {balance}")
    told = machine.count("published", "a")
    if kept(guest)[0] < told:
        raise Broken(f"of {told} acknowledged messages {kept(guest)[0]} are there")


def cycle(machine, number, dice):
    """Boot, look, publish, and cut: two times of three under load, else while the broker recovers."""
    early, moment = dice.random() < 1 / 3, dice.random()
    guest, started = machine.boot("load"), time.monotonic()
    before = machine.count("published", "a")
    if early and number > 1:
        machine.wait_for("the disk", lambda: "mounted" in guest.lines("console"))
        time.sleep(1.5 * moment)  # the moment is what is random here
    else:
        look(machine, guest)
        machine.wait_for("the load", lambda: len(guest.lines("published")) >= FIRST_FACTS)
        time.sleep(3 * moment)
    survived, lost = machine.cut(dice)
    print(f"# cut {number}: {time.monotonic() - started:.1f} s after power on, "
          f"{machine.count('published', 'a') - before} acknowledged in this boot; of the disk's "
          f"unflushed blocks {survived} survived, {lost} did not", flush=True)


def empty(machine, dice):
    """The last boots: take everything, cut once more, and see that nothing of it is there again."""
    guest = machine.boot("empty")
    look(machine, guest)

    def done():
        return (answers(guest, "status")[-1]["pending"] == 0
                and machine.count("kept", "s") >= kept(guest)[0])

    machine.wait_for("empty queues", done)
    machine.cut(dice)
    guest = machine.boot("empty")
    machine.wait_for("the broker", lambda: ready(guest))
    return answers(guest, "status")[0]


def run(machine, dice):
    """All cycles of one broker: the judgement, or Broken."""
    for number in range(1, machine.options.cycles + 1):
        machine.cycle = number
        cycle(machine, number, random.Random(dice.getrandbits(64)))
    last = empty(machine, dice)
    published = machine.facts("published")
    acknowledged, lost, _, overtaken, _ = judge(published, machine.facts("kept"))
    _, _, again, overtaken_too, repeats = judge(published, machine.facts("consumed"))
    print(f"# {machine.options.cycles} cuts, {len(acknowledged)} acknowledged, {lost} lost; {repeats} "
          f"delivered again before they were confirmed; {machine.disk.flushes} flushes", flush=True)
    return len(acknowledged), lost, again, overtaken + overtaken_too, last


def try_broker(options, points, mutant):
    """One broker, sound or with its mistake, on a new disk, cut at the moments of the seed."""
    machine, broken, result = Machine(options, mutant), None, None
    print(f"# seed {options.seed}, {options.cycles} cuts, {mutant or 'the sound broker'}, "
          f"{machine.work}", flush=True)
    try:
        result = run(machine, random.Random(options.seed))
    except Broken as why:
        broken = why
    finally:
        machine.boots[-1].kill()
    if mutant:
        check_mutant(machine, points, broken, result)
    else:
        check_sound(machine, points, broken, result)
    if not options.keep and points.failed == 0:
        shutil.rmtree(machine.work)


def check_sound(machine, points, broken, result):
    if broken:
        points.check(f"cut {machine.cycle}: {broken}", False)
        return
    acknowledged, lost, again, overtaken, last = result
    points.check("messages were acknowledged before the cuts", acknowledged >= FIRST_FACTS)
    points.check(f"no acknowledged message lost ({lost})", lost == 0)
    points.check(f"none delivered again after its settlement was confirmed ({again})", again == 0)
    points.check(f"none overtook another of its subject ({overtaken})", overtaken == 0)
    points.check(f"what was settled does not come again after one more cut ({last['pending']} did)",
                 last["pending"] == 0)
    points.check("the books balanced at every boot and at the end", last["balance"] == 0)


def check_mutant(machine, points, broken, result):
    """It has to have worked before a cut, and to be noticed after it."""
    acknowledged = machine.count("published", "a")
    caught = broken is not None or any(result[1:4])
    how = ""
    if broken:
        how = f" in cycle {machine.cycle}: {broken}"
    elif caught:
        how = " at the end: {1} lost, {2} again, {3} overtaken".format(*result)
    points.check(f"the mutant {machine.mutant}, {acknowledged} acknowledged, is caught{how}",
                 acknowledged >= FIRST_FACTS and caught)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cycles", type=int, nargs="?", default=3, help="how many cuts (default 3)")
    parser.add_argument("--root", required=True, help="where Debian's kernel and busybox are unpacked")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--mutant", default="no-sync", help="the mistake that has to be noticed")
    parser.add_argument("--keep", action="store_true", help="leave the work directories")
    options = parser.parse_args()
    if options.cycles < 1:
        parser.error("at least one cut")
    points = Points()
    try_broker(options, points, "")
    try_broker(options, points, options.mutant)
    print(f"1..{points.count}")
    sys.exit(points.failed > 0)


if __name__ == "__main__":
    main()
