"""harness - what the benchmark scripts share: a broker to measure, medians, JSON lines.

Each line: {"bench", "unit", "median", "min", "max", "runs"} and, where it means something, "ratio"
against other lines of the same run. A ratio is the median of the ratios of single turns, each of
measurements made right after one another: a noisy minute hits both alike.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("PACKHORSE_BUILD", os.path.join(ROOT, "build"))
SEGMENT = 64 << 20  # bytes of a journal's segment, as options.def has it
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"bench: {text}")


def program(*parts):
    path = os.path.join(BUILD, *parts)
    if not os.path.exists(path):
        fail(f"{path} is not built: run ./dev build first")
    return path


def call(command, timeout=900):
    """Run a measuring program, in a session of its own: its JSON lines."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        out, errors = process.communicate(timeout=timeout)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # it has children
        process.wait()
        raise
    if process.returncode != 0:
        fail(f"{' '.join(command)}: {errors.strip() or process.returncode}")
    return [json.loads(text) for text in out.splitlines()]


def line(name, unit, values, ratio=None, **more):
    """Print one JSON line. `ratio`: name of the base -> its values, turn by turn."""
    record = {"bench": name, "unit": unit, "median": round(statistics.median(values), 2),
              "min": round(min(values), 2), "max": round(max(values), 2), "runs": len(values)}
    if ratio:
        record["ratio"] = {
            base: round(statistics.median(a / b for a, b in zip(values, others)), 3)
            for base, others in ratio.items()}
    record.update(more)
    print(json.dumps(record), flush=True)
    return record


def latency_lines(name, results, key):
    """The lines of the latencies that paced runs have measured, in microseconds."""
    for part in ("median", "p99"):
        line(f"{name}-{part}", "us", [result[key][part] for result in results])


class Process:
    """What /proc says of a process."""

    def __init__(self, pid):
        self.pid = pid

    def status(self, field):
        with open(f"/proc/{self.pid}/status") as lines:
            for text in lines:
                if text.startswith(field + ":"):
                    return int(text.split()[1])
        return 0

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK


class Broker(Process):
    """packhorsed on an empty state directory, and how long it took to be ready."""

    def __init__(self, where, site=None):
        self.site = site or os.path.join(ROOT, "bench", "site")
        self.work = tempfile.mkdtemp(prefix="bench-", dir=where)
        self.run_dir = tempfile.mkdtemp(prefix="phb", dir="/tmp")
        self.control = os.path.join(self.run_dir, "control")
        self.process = None
        self.start()

    def start(self, wait=60):
        env = dict(os.environ, PACKHORSE_STATE=os.path.join(self.work, "state"),
                   PACKHORSE_RUN=self.run_dir)
        with open(os.path.join(self.work, "log"), "ab") as log:
            started = time.monotonic()
            self.process = subprocess.Popen(
                [program("broker", "packhorsed"), "-c", self.site],
                env=env, stdout=log, stderr=log)
        super().__init__(self.process.pid)
        while not os.path.exists(self.control):
            if self.process.poll() is not None or time.monotonic() - started > wait:
                with open(os.path.join(self.work, "log")) as log:
                    fail(f"packhorsed did not start: {log.read()[-2000:]}")
            time.sleep(0.001)
        self.ready_ms = (time.monotonic() - started) * 1000

    def bus(self, **options):
        """One run of bench/bus through this broker."""
        command = [program("bench", "bus"), "--socket", self.control]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        return call(command)[0]

    @contextlib.contextmanager
    def load(self, **options):
        """bench/bus at work meanwhile, for as long as it is wanted."""
        before = self.told()["messages"]
        command = [program("bench", "bus"), "--socket", self.control, "--messages", "1000000000"]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            while self.told()["messages"] < before + 20000:
                if process.poll() is not None:
                    break
            yield
            if process.poll() is not None:
                fail("the load has ended by itself")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # it has children
            process.wait()

    def command(self, *words):
        """One command of an operator: what it prints."""
        return subprocess.run([program("cli", "packhorse"), "--socket", self.control, *words],
                              capture_output=True, text=True, check=True).stdout

    def command_ms(self, *words):
        """How long one takes, the start of its process included."""
        started = time.monotonic()
        self.command(*words)
        return (time.monotonic() - started) * 1000

    def told(self):
        """What `packhorse status` tells."""
        return json.loads(self.command("status", "--json").splitlines()[0])

    def ledger_ms(self):
        """Milliseconds from now until the ledger has all that is in the journal."""
        started = time.monotonic()
        while self.told()["ledger"] != "current":
            time.sleep(0.01)
        return (time.monotonic() - started) * 1000

    def stored_bytes(self):
        """Bytes written to the journal since it was made: all segments are full but the last."""
        position = self.told()["synced_position"]
        return (position >> 32) * SEGMENT + (position & 0xffffffff)

    def oldest_segment(self):
        """Number of the journal's first file that was not trimmed."""
        names = os.listdir(os.path.join(self.work, "state", "journal"))
        return min(int(name.split(".")[0]) for name in names if name.endswith(".segment"))

    def halt(self):
        """Stop the process; its state stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def kill(self):
        """As a crash does: nothing is written down, and the socket's name stays until it is unlinked."""
        self.process.kill()
        self.process.wait()
        os.unlink(self.control)

    def stop(self):
        """Stop, check the books, and leave nothing."""
        try:
            balance = self.told()["balance"]
        finally:
            self.discard()
        if balance != 0:
            fail("the books do not balance")

    def discard(self):
        try:
            self.halt()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.discard()
