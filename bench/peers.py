"""peers - other brokers, side by side with Packhorse, on this machine and in one run.

Each is started here on the loopback with an empty directory of its own, tuned as its manual advises
for messages that must not be lost, and stopped and removed at the end. Each is driven by a small C
client of bench/peers through the same driver: 1-KB messages, a publisher with 4,096 messages in
flight and durable acknowledgement, a consumer in another process that acknowledges. The brokers
take turns. A broker that is not installed is skipped, with a line that says so: ./dev bench peers
installs them all from Debian.

A short separate run under strace looks whether a sync of the broker ended between the sending of a
message and its acknowledgement, and between its sending and its delivery: "synced" is that for the
delivery, "synced_ack" for the acknowledgement: yes, no or sometimes.
"""

import argparse
import bisect
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import BUILD, ROOT, Broker, Process, call, fail, line, say

PACE = 500
SIZE = 1024
TRACE_PACE = 20
TRACED = "trace=fsync,fdatasync,msync,sync_file_range,pwritev2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_nobody(command):
    """As root, run a command as nobody: no broker here needs more, and some refuse root."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"] + command


def give_to_nobody(path):
    if os.getuid() == 0:
        who = pwd.getpwnam("nobody")
        os.chown(path, who.pw_uid, who.pw_gid)


def version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package],
                          capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def descendants(pid):
    """A process and its children's children."""
    found, ahead = [], [pid]
    while ahead:
        one = ahead.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as children:
                    ahead += [int(child) for child in children.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


class Service:
    """A broker of somebody else's: how it is started, and what drives it."""

    name = package = client = ""
    needs = []      # files without which it is skipped
    libraries = []  # of the client
    sources = []    # of the client, besides its own and the driver
    wait = 60
    cases = []      # name, options of the client, messages of one run
    paced = {}      # options of the client when latency is measured, by case

    def __init__(self, where):
        self.work = tempfile.mkdtemp(prefix=f"bench-{self.name}-", dir=where)
        os.chmod(self.work, 0o755)
        give_to_nobody(self.work)
        self.port = free_port()
        self.processes = []
        self.number = 0

    @classmethod
    def missing(cls):
        return [path for path in cls.needs if not os.path.exists(path)]

    def launch(self, command, **env):
        with open(os.path.join(self.work, "log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                as_nobody(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd=self.work, start_new_session=True,
                env=dict(os.environ, HOME=self.work, TMPDIR=self.work, **env)))

    def run(self, command):
        done = subprocess.run(as_nobody(command), capture_output=True, text=True, cwd=self.work)
        if done.returncode != 0:
            fail(f"{' '.join(command)}: {done.stderr.strip()}")

    def start(self):
        started = time.monotonic()
        self.begin()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                pass
            if time.monotonic() - started > self.wait or self.processes[-1].poll() is not None:
                with open(os.path.join(self.work, "log"), errors="replace") as log:
                    fail(f"{self.name} did not start: {log.read()[-2000:]}")
            time.sleep(0.01)
        self.ready_ms = (time.monotonic() - started) * 1000

    def pids(self):
        return [pid for process in self.processes for pid in descendants(process.pid)]

    def resident_mb(self):
        total = 0
        for pid in self.pids():
            try:
                total += Process(pid).status("VmRSS")
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total / 1024

    def drive(self, options, messages, pace=0):
        self.number += 1
        command = [self.client, "--queue", f"q{os.getpid()}x{self.number}", "--port",
                   str(self.port), "--messages", str(messages), "--pace", str(pace),
                   "--size", str(SIZE)]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        return call(command)[0]

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self.processes):
                try:
                    os.killpg(process.pid, number)
                    process.wait(15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass
        shutil.rmtree(self.work, ignore_errors=True)


class RabbitMQ(Service):
    name, package = "rabbitmq", "rabbitmq-server"
    needs = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/include/amqp.h"]
    source, libraries = "amqp", ["rabbitmq"]
    cases = [("rabbitmq-classic", {"kind": "classic"}, 40000),
             ("rabbitmq-quorum", {"kind": "quorum"}, 40000)]

    def begin(self):
        names, dist = free_port(), free_port()
        with open(os.path.join(self.work, "plugins"), "w") as plugins:
            plugins.write("[].")
        # the port mapper of Erlang would stay behind if the broker started one
        self.launch(["epmd", "-port", str(names), "-address", "127.0.0.1"])
        self.launch(
            ["/usr/lib/rabbitmq/bin/rabbitmq-server"], ERL_EPMD_PORT=str(names),
            ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_DIST_PORT=str(dist),
            RABBITMQ_NODENAME=f"bench{self.port}@localhost", RABBITMQ_MNESIA_BASE=self.work,
            RABBITMQ_LOG_BASE=self.work, RABBITMQ_PID_FILE=os.path.join(self.work, "pid"),
            RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(self.work, "plugins"))


class Nats(Service):
    name, package = "nats", "nats-server"
    needs = ["/usr/sbin/nats-server"]
    source, sources = "nats", ["line.c"]
    cases = [("nats-jetstream", {}, 80000)]

    def begin(self):
        config = os.path.join(self.work, "config")
        with open(config, "w") as out:
            out.write(f'listen: "127.0.0.1:{self.port}"\n'
                      f'jetstream {{ store_dir: "{self.work}/store" }}\n')
        self.launch([self.needs[0], "-c", config])


class Redis(Service):
    name, package = "redis", "redis-server"
    needs = ["/usr/bin/redis-server", "/usr/include/hiredis/hiredis.h"]
    source, libraries = "redis", ["hiredis"]
    cases = [("redis-streams-always", {}, 100000)]

    def begin(self):
        self.launch([
            self.needs[0], "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.work,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            "--auto-aof-rewrite-percentage", "0"])


class PostgreSQL(Service):
    name, package = "postgresql", "postgresql-15"
    needs = ["/usr/lib/postgresql/15/bin/postgres", "/usr/include/postgresql/libpq-fe.h"]
    source, libraries = "postgresql", ["pq"]
    cases = [("postgresql-batches-of-100", {"batch": 100}, 100000)]
    paced = {"postgresql-batches-of-100": {"batch": 1}}

    def begin(self):
        data = os.path.join(self.work, "data")
        binaries = os.path.dirname(self.needs[0])
        self.run([f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"])
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
            "shared_buffers": "512MB", "max_wal_size": "4GB", "jit": "off",
            "synchronous_commit": "on", "fsync": "on"}
        command = [self.needs[0], "-D", data]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        self.launch(command)


class ActiveMQ(Service):
    name, package = "activemq", "activemq"
    needs = ["/usr/share/java/activemq-run.jar", "/usr/share/java/activemq-stomp.jar",
             "/usr/bin/java"]
    source, sources = "stomp", ["line.c"]
    cases = [("activemq", {}, 5000), ("activemq-transactions-of-100", {"batch": 100}, 20000)]
    paced = {"activemq": {}}

    def begin(self):
        self.launch([
            "java", "-Xms512M", "-Xmx512M", "-Dactivemq.home=/usr/share/activemq",
            f"-Dactivemq.base={self.work}", f"-Dactivemq.data={self.work}/data",
            f"-Djava.io.tmpdir={self.work}", "-jar", self.needs[0], "start",
            f"broker:(stomp://127.0.0.1:{self.port})"
            f"?persistent=true&useJmx=false&dataDirectory={self.work}/data"])


class Packhorse(Service):
    """Ourselves, as one of them."""

    name, package = "packhorse", None
    cases = [("packhorse", {"batch": 1}, 200000),
             ("packhorse-frames-of-64", {"batch": 64}, 200000)]
    paced = {"packhorse": {"batch": 1}}

    def __init__(self, where):
        self.work = None
        self.broker = Broker(where)
        self.processes = [self.broker.process]

    def start(self):
        self.ready_ms = self.broker.ready_ms

    def drive(self, options, messages, pace=0):
        return self.broker.bus(messages=messages, pace=pace, size=SIZE, **options)

    def stop(self):
        self.broker.discard()


SERVICES = [RabbitMQ, Nats, Redis, PostgreSQL, ActiveMQ]


def build_client(service, folder):
    service.client = os.path.join(folder, service.source)
    here = os.path.join(ROOT, "bench")
    files = [f"peers/{service.source}.c", "peers/peer.c", "measure.c"]
    files += ["peers/" + name for name in service.sources]
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "-O2", "-std=c11", "-Wall", "-Wextra",
         "-D_POSIX_C_SOURCE=200809L", "-D_XOPEN_SOURCE=700", "-I" + ROOT,
         "-I/usr/include/postgresql", "-o", service.client]
        + [os.path.join(here, name) for name in files]
        + ["-l" + name for name in service.libraries], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"the client of {service.name} does not build:\n{done.stderr}")


# ---- is it synced? ----

LINE = re.compile(r"^\d+\s+([\d.]+) (?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")


def sync_ends(path):
    """When each sync of a trace (strace -f -ttt -T) ended, in order."""
    ends = []
    with open(path, errors="replace") as trace:
        for text in trace:
            found = LINE.match(text.rstrip())
            if not found or "<unfinished" in text:
                continue
            at, call_name, rest = float(found[1]), found[2] or found[4], found[3] or found[5]
            took = re.search(r"= 0 <([\d.]+)>$|= \d+ <([\d.]+)>$", text.rstrip())
            if not took or (call_name == "pwritev2" and "SYNC" not in rest):
                continue
            ends.append(at if found[4] else at + float(took[1] or took[2]))
    return sorted(ends)


def share_synced(ends, path):
    """Of the messages of a times file, how many had a sync end between sending and arriving."""
    total = synced = 0
    with open(path) as times:
        for text in times:
            sent, at = (float(word) for word in text.split())
            first = bisect.bisect_left(ends, sent)
            synced += first < len(ends) and ends[first] <= at
            total += 1
    return synced / total


def verdict(share):
    return "yes" if share >= 0.95 else "no" if share <= 0.05 else "sometimes"


def trace_syncs(service, options):
    """The shares of messages synced before they were acknowledged and before they were delivered."""
    if not shutil.which("strace"):
        return None
    with tempfile.TemporaryDirectory(prefix="bench-trace-") as folder:
        return trace_in(folder, service, options)


def trace_in(folder, service, options):
    trace, times = os.path.join(folder, "trace"), os.path.join(folder, "times")
    command = ["strace", "-f", "-ttt", "-T", "-qq", "-e", TRACED, "-e", "signal=none",
               "-o", trace]
    for pid in service.pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        time.sleep(1)  # until it has attached to every thread
        if tracer.poll() is not None:
            say(f"no trace of {service.name}: {tracer.stderr.read().decode().strip()[-200:]}")
            return None
        os.environ["PACKHORSE_BENCH_TIMES"] = times
        service.drive(options, 2 * TRACE_PACE, TRACE_PACE)
    finally:
        os.environ.pop("PACKHORSE_BENCH_TIMES", None)
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
    ends = sync_ends(trace)
    return [share_synced(ends, f"{times}.{side}") for side in ("acknowledged", "delivered")]


# ---- the run ----

class Comparison:
    def __init__(self, options):
        self.options = options
        self.services = []
        self.rates, self.paced, self.shares = {}, {}, {}
        self.idle, self.peak = {}, {}

    def prepare(self, folder):
        wanted = self.options.only.split(",") if self.options.only else None
        for service in SERVICES:
            if wanted and service.name not in wanted:
                continue
            if service.missing():
                line_skipped(service)
                continue
            build_client(service, folder)
            self.services.append(service)
        self.services.append(Packhorse)

    def start(self):
        classes, self.services = self.services, []
        for service in classes:
            say(f"starting {service.name}")
            started = service(self.options.dir)
            self.services.append(started)
            started.start()
        time.sleep(2)  # RabbitMQ goes on starting after its port is open
        for service in self.services:
            self.idle[service.name] = service.resident_mb()

    def each(self):
        for service in self.services:
            for name, options, messages in service.cases:
                yield service, name, options, messages
                self.peak[service.name] = max(
                    self.peak.get(service.name, 0), service.resident_mb())

    def warm_up(self):
        for service, _, options, messages in self.each():
            service.drive(options, max(1000, messages // 5))

    def trace(self):
        for service, name, options, _ in self.each():
            slow = service.paced.get(name, options)
            if service.paced and name not in service.paced:
                continue
            self.shares[name] = trace_syncs(service, slow)

    def turn(self):
        for service, name, options, messages in self.each():
            amount = max(1000, messages // self.options.share)
            self.rates.setdefault(name, []).append(service.drive(options, amount)["rate"])
            slow = service.paced.get(name, None if service.paced else options)
            if slow is not None:
                self.paced.setdefault(name.split("-batches-")[0], []).append(
                    service.drive(slow, self.options.paced, PACE))

    def ratios(self, name, values):
        """Ours against everybody else."""
        if not name.startswith("packhorse"):
            return None
        return {other: rates for other, rates in values.items()
                if not other.startswith("packhorse")}

    def report(self):
        for service, name, _, _ in self.each():
            more = {"version": version(service.package)} if service.package else {}
            shares = self.shares.get(name)
            if shares:
                more.update(synced_ack=verdict(shares[0]), synced=verdict(shares[1]),
                            share_synced_ack=round(shares[0], 3),
                            share_synced=round(shares[1], 3))
            line(f"peer-{name}", "msg/s", self.rates[name],
                 self.ratios(name, self.rates), **more)
        for key, title in (("ack_us", "acknowledged"), ("delivery_us", "delivered")):
            for part in ("median", "p99"):
                values = {name: [result[key][part] for result in results]
                          for name, results in self.paced.items()}
                for name in values:
                    line(f"peer-{name}-at-{PACE}-per-second-{title}-{part}", "us",
                         values[name], self.ratios(name, values))
        for service in self.services:
            line(f"peer-{service.name}-ready-after-start", "ms", [service.ready_ms])
            line(f"peer-{service.name}-resident-idle", "MB", [self.idle[service.name]])
            line(f"peer-{service.name}-resident-after-load", "MB", [self.peak[service.name]])

    def stop(self):
        for service in self.services:
            if not isinstance(service, type):
                service.stop()


def line_skipped(service):
    say(f"{service.name} is skipped: {', '.join(service.missing())} is not there")


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench peers", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="turns; figures are their medians")
    parser.add_argument("--paced", type=int, default=2500, help="messages of the latency runs")
    parser.add_argument("--only", help="names with commas between: " +
                        ",".join(service.name for service in SERVICES))
    parser.add_argument("--dir", default=BUILD, help="where their data goes: a real disk")
    parser.add_argument("--quick", action="store_true", help="one turn of a fifth")
    options = parser.parse_args(arguments)
    options.share = 5 if options.quick else 1
    if options.quick:
        options.runs, options.paced = 1, 500
    folder = tempfile.mkdtemp(prefix="bench-clients-")
    measured = Comparison(options)
    try:
        measured.prepare(folder)
        measured.start()
        measured.warm_up()
        measured.trace()
        for number in range(options.runs):
            say(f"turn {number + 1} of {options.runs}")
            measured.turn()
        measured.report()
    finally:
        measured.stop()
        shutil.rmtree(folder, ignore_errors=True)
