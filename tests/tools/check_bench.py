#!/usr/bin/env python3
"""check_bench - the tools of the benchmarks: what they read out of a trace, what they draw, and that
the bare limit runs. Prints TAP."""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

SOURCE = os.environ.get("PACKHORSE_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PACKHORSE_BUILD", os.path.join(SOURCE, "build"))
sys.path.insert(0, os.path.join(SOURCE, "bench"))
sys.dont_write_bytecode = True

import peers  # noqa: E402
import plot  # noqa: E402

TRACE = """\
71    100.000000 fdatasync(5) = 0 <0.500000>
72    101.000000 fsync(6 <unfinished ...>
71    101.250000 pwritev2(7, [{iov_base="x", iov_len=1}], 1, 0, RWF_DSYNC) = 1 <0.250000>
72    102.000000 <... fsync resumed>) = 0 <1.000000>
71    103.000000 fdatasync(5) = -1 EIO (Input/output error) <0.500000>
71    104.000000 pwritev2(7, [{iov_base="x", iov_len=1}], 1, 0, 0) = 1 <0.250000>
"""
LINES = [
    {"machine": "any", "cpus": 2},
    {"bench": "growth-queues-rate", "unit": "msg/s", "median": 90, "min": 80, "max": 100, "x": 1},
    {"bench": "growth-queues-rate", "unit": "msg/s", "median": 45, "min": 40, "max": 50, "x": 1000},
    {"bench": "peer-a", "unit": "msg/s", "median": 10, "min": 9, "max": 11, "synced_ack": "no"},
    {"bench": "peer-packhorse", "unit": "msg/s", "median": 30, "min": 9, "max": 31},
]
points = 0
failed = 0


def point(name, got, wanted):
    global points, failed
    points += 1
    good = got == wanted
    failed += not good
    print(f"{'ok' if good else 'not ok'} {points} - {name}")
    if not good:
        print(f"# got {got!r}, not {wanted!r}")


def check_trace(folder):
    trace, times = os.path.join(folder, "trace"), os.path.join(folder, "times")
    with open(trace, "w") as out:
        out.write(TRACE)
    ends = peers.sync_ends(trace)
    point("syncs that ended well are read, whole, in two parts or by a flag", ends,
          [100.5, 101.5, 102.0])
    with open(times, "w") as out:
        out.write("100.1 100.6\n100.6 101.4\n101.9 102.0\n102.1 103.9\n")
    point("a message is synced when a sync ended after it was sent and before it came",
          peers.share_synced(ends, times), 0.5)
    point("the word for a share", [peers.verdict(share) for share in (0, 0.05, 0.5, 0.95, 1)],
          ["no", "no", "sometimes", "yes", "yes"])


def check_plot(folder):
    lines, into = os.path.join(folder, "lines"), os.path.join(folder, "svg")
    with open(lines, "w") as out:
        out.writelines(json.dumps(record) + "\n" for record in LINES)
    plot.main([lines, "--into", into])
    point("a picture for each thing that grows, and one of the peers",
          sorted(os.listdir(into)), ["growth-queues-rate.svg", "peers-throughput.svg"])
    name = "{http://www.w3.org/2000/svg}"
    curve = ET.parse(os.path.join(into, "growth-queues-rate.svg")).getroot()
    point("a curve has its points, from left to right and up to scale",
          curve.find(name + "polyline").get("points"), "80.0,63.0 610.0,166.5")
    bars = ET.parse(os.path.join(into, "peers-throughput.svg")).getroot()
    point("bars are sorted, and say who does not sync",
          [text.text for text in bars.findall(name + "text")][1:],
          ["packhorse", "30", "a (not synced)", "10"])


def check_loop(folder):
    done = subprocess.run([os.path.join(BUILD, "bench", "loop"), "--dir", folder, "--messages",
                           "1000", "--batch", "7", "--pace", "20000"],
                          capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    point("the bare limit carries whole frames only, and both sides keep latencies",
          (told.get("messages"), all(told.get(side, {}).get("p99", 0) > 0
                                     for side in ("ack_us", "delivery_us"))), (994, True))
    if done.returncode != 0:
        print(f"# {done.stderr.strip()}")


with tempfile.TemporaryDirectory() as work:
    check_trace(work)
    check_plot(work)
    check_loop(work)
print(f"1..{points}")
sys.exit(failed > 0)
