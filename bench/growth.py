"""growth - what the bus costs as one thing grows and all else stays: the number of queues, the
destinations of each message, the size of messages, what is pending, what of that was carried forward,
the clients connected.

Each JSON line has "x", the size of the thing. Each point has a broker of its own with a site made for
it. ./dev bench plot draws them.
"""

import argparse
import contextlib
import os
import tempfile
import time

from harness import BUILD, Broker, fail, line, say

PACE = 500
MEMORY = 64 << 20  # bytes in flight when messages are large
STUCK, PASSING = 5000, 10000  # messages at a time: less than half of a segment is needed
TRIMMED = 300  # s for the last of a journal to be carried, and trimmed


def make_site(folder, queues, routes, limits=""):
    """A site of queues q0, q1, ... and routes {name: (type, [queue numbers])}."""
    os.makedirs(os.path.join(folder, "routes"), exist_ok=True)
    with open(os.path.join(folder, "packhorse.yaml"), "w") as out:
        out.write("state: ${PACKHORSE_STATE}\nrun: ${PACKHORSE_RUN}\njurisdiction: bench\n"
                  f"limits: {{sessions: 2048, queue-messages: 20000000{limits}}}\n"
                  "queues:\n")
        out.writelines(f"  q{number}: {{}}\n" for number in range(queues))
    with open(os.path.join(folder, "routes", "bench.yaml"), "w") as out:
        out.write("routes:\n")
        for name, (kind, targets) in routes.items():
            to = ", ".join(f"q{number}" for number in targets)
            out.write(f"  - {{route: {name}, purpose: measuring, when: {{type: \"{kind}\"}}, "
                      f"to: [{to}]}}\n")


class Growth:
    def __init__(self, options):
        self.options = options

    def points(self, measure, sizes):
        """measure(broker-maker, size) -> {name: (unit, value)}, `runs` times per size."""
        for size in sizes:
            say(f"{measure.__name__} {size}")
            found = {}
            for _ in range(self.options.runs):
                for name, (unit, value) in measure(size).items():
                    found.setdefault((name, unit), []).append(value)
            for (name, unit), values in found.items():
                line(f"growth-{measure.__name__}-{name}", unit, values, x=size)

    @contextlib.contextmanager
    def broker(self, queues=1, routes=None, limits=""):
        """A broker with a site of its own; neither stays, whatever happens."""
        with tempfile.TemporaryDirectory(prefix="bench-site-") as folder:
            make_site(folder, queues, routes or {"all": ("bench.*", [0])}, limits)
            with Broker(self.options.dir, folder) as broker:
                yield broker

    def amount(self, messages):
        return max(500, int(messages * self.options.scale))

    def queues(self, count):
        with self.broker(count, {
                f"r{number}": (f"bench.{number:06}.v1", [number]) for number in range(count)}) as broker:
            shape = {"queue": "q", "queues": count} if count > 1 else {"queue": "q0"}
            before = broker.cpu_seconds()
            amount = self.amount(50000)
            rate = broker.bus(messages=amount, types=count, **shape)["rate"]
            cost = (broker.cpu_seconds() - before) * 1e6 / amount
            resident = broker.status("VmRSS") / 1024
        return {"rate": ("msg/s", rate), "processor": ("us/msg", cost),
                "resident": ("MB", resident)}

    def fanout(self, count):
        with self.broker(count, {"all": ("bench.*", list(range(count)))}) as broker:
            shape = {"queue": "q", "queues": count} if count > 1 else {"queue": "q0"}
            amount = self.amount(50000 // count + 2000)
            before = broker.cpu_seconds()
            stored = broker.stored_bytes()
            rate = broker.bus(messages=amount, fanout=count, size=1024, **shape)["rate"]
            stored = (broker.stored_bytes() - stored) / amount
            cost = (broker.cpu_seconds() - before) * 1e6 / amount
        return {"rate": ("msg/s", rate), "deliveries": ("deliveries/s", rate * count),
                "stored": ("bytes/msg", stored),
                "processor": ("us/msg", cost)}

    def size(self, size):
        with self.broker() as broker:
            flight = max(8, min(4096, MEMORY // size))
            amount = max(100, int(min(50000, (256 << 20) // size) * self.options.scale))
            rate = broker.bus(queue="q0", messages=amount, size=size, window=flight,
                              credit=flight)["rate"]
        return {"rate": ("msg/s", rate), "throughput": ("MB/s", rate * size / 1e6)}

    def pending(self, count):
        with self.broker() as broker:
            if count > 0:
                broker.bus(queue="q0", messages=count, size=1024, batch=64, consume="no")
            paced = broker.bus(queue="q0", messages=self.options.paced, pace=PACE, size=1024,
                               consume="no")["ack_us"]
            rate = broker.bus(queue="q0", messages=self.amount(50000), size=1024,
                              consume="no")["rate"]
            resident = broker.status("RssAnon") / 1024
            broker.halt()
            broker.start(wait=300)
        return {"ack-median": ("us", paced["median"]), "ack-p99": ("us", paced["p99"]),
                "publish-rate": ("msg/s", rate), "resident-anonymous": ("MB", resident),
                "ready-after-restart": ("ms", broker.ready_ms)}

    def carried(self, count):
        """Nobody takes q0; what goes through q1 fills the journal, of which nothing is retained."""
        routes = {"stuck": ("bench.000000.v1", [0]), "passing": ("bench.000001.v1", [1])}
        with self.broker(2, routes, ", retain: 0, checkpoint-after: 500ms") as broker:
            def passing():
                broker.bus(queue="q1", type=1, messages=PASSING, size=1024, batch=64)
            left = count
            while left > 0:
                broker.bus(queue="q0", messages=min(left, STUCK), size=1024, batch=64, consume="no")
                left -= min(left, STUCK)
                passing()
            last, deadline = broker.told()["synced_position"] >> 32, time.monotonic() + TRIMMED
            while count > 0 and broker.oldest_segment() <= last:
                if time.monotonic() > deadline:
                    fail(f"the journal still begins with segment {broker.oldest_segment()}")
                passing()
                time.sleep(0.2)
            broker.kill()
            broker.start(wait=300)
            killed = broker.ready_ms
            broker.halt()
            broker.start(wait=300)
        return {"ready-after-kill": ("ms", killed),
                "ready-after-restart": ("ms", broker.ready_ms)}

    def clients(self, count):
        with self.broker() as broker:
            shape = {"queue": "q0", "size": 1024, "idle": max(0, count - 2)}
            paced = broker.bus(messages=self.options.paced, pace=PACE, **shape)["ack_us"]
            rate = broker.bus(messages=self.amount(50000), **shape)["rate"]
            resident = broker.status("VmHWM") / 1024
        return {"rate": ("msg/s", rate), "ack-median": ("us", paced["median"]),
                "ack-p99": ("us", paced["p99"]), "resident-peak": ("MB", resident)}


def up_to(sizes, most):
    return [size for size in sizes if size < most] + [most]


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench growth", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs per point, for the median")
    parser.add_argument("--only", help="with commas between: queues,fanout,size,pending,"
                        "carried,clients")
    parser.add_argument("--pending", type=int, default=100000,
                        help="most messages pending; the goal is told for 10000000")
    parser.add_argument("--carried", type=int, default=10000,
                        help="most messages carried; 1000000 take some minutes")
    parser.add_argument("--clients", type=int, default=1000, help="most clients connected")
    parser.add_argument("--queues", type=int, default=1000, help="most queues")
    parser.add_argument("--paced", type=int, default=1000, help="messages of the latency runs")
    parser.add_argument("--dir", default=BUILD, help="where the journals go: a real disk")
    parser.add_argument("--quick", action="store_true", help="one run per point, of a fifth")
    options = parser.parse_args(arguments)
    options.scale = 0.2 if options.quick else 1
    if options.quick:
        options.runs, options.paced = 1, 300
    growth = Growth(options)
    started = time.monotonic()
    plan = {"queues": up_to([1, 10, 100], options.queues), "fanout": [1, 2, 5, 10, 20],
            "size": [100, 1000, 10000, 100000, 1000000],
            "pending": up_to([0, 1000, 10000, 100000, 1000000], options.pending),
            "carried": up_to([0, 10000, 100000], options.carried),
            "clients": up_to([2, 10, 100], options.clients)}
    for name in (options.only.split(",") if options.only else plan):
        growth.points(getattr(growth, name), plan[name])
    say(f"growth took {time.monotonic() - started:.0f} s")
