#!/usr/bin/env python3
"""Kills packhorsed with SIGKILL at random moments under load, and checks what it promised.

    tests/crash/kill.py [--cycles N] [--seed N] [--keep]

No acknowledged message may be lost, none delivered again once its settlement was confirmed, none of
one subject overtake another, and the books must balance at every start. The load's own files say
what was acknowledged (tests/crash/load.c); the broker is asked for its balance only. Prints TAP, and
the seed: the same seed kills at the same moments.
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

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PACKHORSE_BUILD", os.path.join(ROOT, "build"))
DEADLINE = 120


class Site:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="ph-crash-")
        self.run_dir = os.path.join(self.work, "run")
        os.mkdir(self.run_dir)
        self.control = os.path.join(self.run_dir, "control")
        self.site = os.path.join(self.work, "site")
        shutil.copytree(os.path.join(ROOT, "bench", "site"), self.site)
        # so often that most kills find one half done
        with open(os.path.join(self.site, "packhorse.yaml"), "a") as file:
            file.write("  stuck: {}\n")
            file.write("limits: {queue-memory: 1000, checkpoint-after: 20ms, segment-bytes: 1M, reserve-bytes: 1M, retain-bytes: 3M}\n")
        with open(os.path.join(self.site, "routes", "bench.yaml"), "a") as file:
            file.write('  - {route: what nobody takes, when: {type: "stuck.*"}, to: [stuck]}\n')
        self.env = dict(os.environ, PACKHORSE_STATE=os.path.join(self.work, "state"),
                        PACKHORSE_RUN=self.run_dir)
        self.log = open(os.path.join(self.work, "log"), "ab")
        self.broker = None

    def path(self, name):
        return os.path.join(self.work, name)

    def start(self):
        self.broker = subprocess.Popen(
            [os.path.join(BUILD, "broker", "packhorsed"), "-c", self.site],
            env=self.env, stdout=self.log, stderr=self.log)

    def kill(self):
        self.broker.send_signal(signal.SIGKILL)
        self.broker.wait()

    def load(self, role, name):
        return subprocess.Popen([os.path.join(BUILD, "tests", "crash", "load"), role, self.control,
                                 self.path(name)], stderr=self.log)

    def ask(self, *words, said=""):
        """One command; what it prints as JSON lines, None if it failed."""
        done = subprocess.run([os.path.join(BUILD, "cli", "packhorse"), "--socket", self.control, *words,
                               "--json"], input=said, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else None

    def status(self):
        """The broker's own counters; None while it does not answer."""
        rows = self.ask("status")
        return rows[0] if rows else None

    def stick(self, number):
        """A message that nobody takes; its acceptance number, None if it was not told."""
        event = {"specversion": "1.0", "id": f"stuck-{number}", "source": "urn:crash", "type": "stuck.v1",
                 "data": {"stuck": number}}
        rows = self.ask("message", "publish", "-", said=json.dumps(event) + "\n")
        return rows[0].get("acceptance") if rows and rows[0].get("status") == "accepted" else None

    def pending(self, queue):
        """How many of a queue are not settled; None while the broker does not answer."""
        rows = self.ask("queue", "show", queue)
        return rows[0]["books"]["pending"] if rows else None

    def carried(self):
        """How often the broker carried something forward."""
        with open(self.log.name, encoding="utf-8") as file:
            return file.read().count(" carried ")

    def wait_for(self, what, condition):
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self.broker.poll() is not None:
                sys.exit(f"Bail out! packhorsed ended by itself: see {self.log.name}")
            if condition():
                return
            time.sleep(0.02)
        sys.exit(f"Bail out! waited {DEADLINE} s for {what}: see {self.log.name}")


def facts(path):
    with open(path) as lines:
        for line in lines:
            parts = line.split()
            if line.endswith("\n") and len(parts) >= 2:
                yield parts[0], int(parts[1]), int(parts[2]) if len(parts) > 2 else 0


def judge(published, consumed):
    """Lost, delivered again after confirmation, and overtaken, from the two files alone."""
    acknowledged = {number for kind, number, _ in facts(published) if kind == "a"}
    seen, confirmed, last = set(), set(), {}
    again = overtaken = repeats = 0
    for kind, number, subject in facts(consumed):
        if kind == "s":
            confirmed.add(number)
            continue
        again += number in confirmed
        if number in seen:
            repeats += 1
        elif number < last.get(subject, 0):
            overtaken += 1
        seen.add(number)
        last[subject] = max(last.get(subject, 0), number)
    return acknowledged, len(acknowledged - seen), again, overtaken, repeats


class Points:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, what, truth):
        self.count += 1
        self.failed += not truth
        print(f"{'ok' if truth else 'not ok'} {self.count} - {what}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--keep", action="store_true", help="leave the work directory")
    options = parser.parse_args()
    dice, points, site = random.Random(options.seed), Points(), Site()
    print(f"# seed {options.seed}, {options.cycles} cycles, {site.work}", flush=True)
    site.start()
    publisher, consumer = site.load("publish", "published"), site.load("consume", "consumed")
    unbalanced, stuck = 0, {}
    for _ in range(options.cycles):
        time.sleep(dice.uniform(0.01, 0.5))  # the moment of the kill is what is random here
        site.kill()
        site.start()
        answer = [None]

        def up():
            answer[0] = site.status()
            return answer[0] is not None

        site.wait_for("the broker to come back", up)
        unbalanced += answer[0]["balance"] != 0
        for number in range(len(stuck), len(stuck) + 5):
            stuck[number] = site.stick(number)
    # few kills may leave no time for it
    site.wait_for("something to be carried", lambda: site.carried() > 0)
    publisher.send_signal(signal.SIGTERM)
    site.wait_for("every acknowledgement", lambda: publisher.poll() is not None)
    site.wait_for("an empty queue", lambda: site.pending("bench") == 0)
    consumer.send_signal(signal.SIGTERM)
    consumer.wait(DEADLINE)
    acknowledged, lost, again, overtaken, repeats = judge(site.path("published"),
                                                          site.path("consumed"))
    final = site.status()
    print(f"# {len(acknowledged)} acknowledged, {repeats} delivered again before they were confirmed")
    points.check(f"the load went on through {options.cycles} kills",
                 publisher.returncode == 0 and len(acknowledged) > 100)
    points.check(f"no acknowledged message lost ({lost})", lost == 0)
    points.check(f"none delivered again after its settlement was confirmed ({again})", again == 0)
    points.check(f"none overtook another of its subject ({overtaken})", overtaken == 0)
    points.check(f"the books balanced at every start ({unbalanced} did not)", unbalanced == 0)
    kept = [n for n, acceptance in stuck.items() if acceptance and
            f"stuck-{n}" in str(site.ask("message", "show", str(acceptance)))]
    points.check(f"what nobody takes is still there ({len(kept)} of {len(stuck)})",
                 len(kept) == len(stuck) == site.pending("stuck"))
    points.check(f"some of it was carried ({site.carried()} times)", site.carried() > 0)
    points.check("the books balance at the end", final is not None and final["balance"] == 0)
    site.broker.send_signal(signal.SIGTERM)
    site.broker.wait(DEADLINE)
    if not options.keep and points.failed == 0:
        shutil.rmtree(site.work)
    print(f"1..{points.count}")
    sys.exit(points.failed > 0)


if __name__ == "__main__":
    main()
