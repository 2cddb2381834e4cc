#!/usr/bin/python3
"""The parts of a running site: a copy of the declarations, the simulated vendors, the broker.

Used by the demo and by the scenario tests. As a program:

    parts.py stage BUILD FOLDER RUN   lay out the demo's site in FOLDER/site, on free ports; prints
                                      what a shell has to know as NAME=VALUE
    parts.py orphans FOLDER           ids of processes that have a file open in this folder: hosts,
                                      which outlive a killed broker, are known by their locks
"""

import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"
SECRETS = {"highways-user": "packhorse", "highways-password": "highways-password",
           "waste-user": "packhorse", "waste-password": "waste-password",
           "waste-poke": "poke-secret", "open311-key": "demo-key", "crm-key": "crm-key"}
FOLDERS = ("", "broker", "cli", "adapters/host", "lib", "src", "sbin", "bin", "libexec/packhorse")


class Problem(Exception):
    """Something is not as it has to be; the text is for people."""


def filled(text, values):
    """The text with each ${NAME:-default} filled in."""
    def value(match):
        name, default = match.group(1), match.group(2)
        if name in values:
            return values[name]
        if default is None:
            raise Problem("no value for ${%s}" % name)
        return default
    return re.sub(r"\$\{([A-Z0-9_]+)(?::-([^}]*))?\}", value, text)


def copy_site(source, target, values):
    """A copy of a site with everything filled in, and the demo's secrets beside it."""
    for folder, _, names in os.walk(source):
        place = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
        os.makedirs(place, exist_ok=True)
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            with open(os.path.join(place, name), "w", encoding="utf-8") as file:
                file.write(filled(text, values))
    secrets = os.path.join(target, "secrets")
    os.makedirs(secrets, mode=0o700, exist_ok=True)
    for name, value in SECRETS.items():
        descriptor = os.open(os.path.join(secrets, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                             0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")


def program(build, name):
    """A program of a build (or of an installation)."""
    for folder in FOLDERS:
        path = os.path.join(build, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise Problem("%s: no program %s (build it first: ./dev build)" % (build, name))


def gather_plugins(build, target):
    """Links to the plug-ins of a build, which libtool leaves in several places."""
    os.makedirs(target, exist_ok=True)
    for name in ("http", "open311"):
        places = [os.path.join(build, folder, inner, name + ".so")
                  for folder in ("adapters/" + name, "adapters", "", "lib/packhorse/adapters")
                  for inner in (".libs", "")]
        found = next(filter(os.path.isfile, places), None)
        if found is None:
            raise Problem("%s: no plug-in %s.so (build it first: ./dev build)" % (build, name))
        link = os.path.join(target, name + ".so")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(os.path.abspath(found), link)
    return target


def free_port(wanted=0):
    """A port that is free now: the wanted one, if it is. Others come from below those that
    connections are given, so that nobody takes it while its server is away."""
    for port in [wanted] * bool(wanted) + random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Problem("no port is free")


def free_ports(names):
    """A free port for each name, all different."""
    ports = {}
    for name in names:
        port = free_port()
        while port in ports.values():
            port = free_port()
        ports[name] = port
    return ports


def wait_until(condition, seconds, what):
    """Wait for a condition with a deadline; returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise Problem("waited %g s in vain until %s" % (seconds, what))
        time.sleep(0.05)


# -- processes -----------------------------------------------------------------------------


def started(pid):
    """When a process was started, so that a reused number is not taken for it; None if gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Process:
    """One process with its file of output and a file that says which it is."""

    def __init__(self, folder, name):
        self.name = name
        self.log = os.path.join(folder, name + ".log")
        self._file = os.path.join(folder, name + ".pid")
        self._child = None
        self.pid, self._since = 0, None
        if os.path.exists(self._file):
            with open(self._file, encoding="ascii") as file:
                pid, since = file.read().split()
            self.pid, self._since = int(pid), since

    def alive(self):
        """Does it run?"""
        if self._child is not None:
            self._child.poll()
        return self.pid > 0 and started(self.pid) == self._since

    def start(self, argv, environment=None):
        """Start it, in a session of its own."""
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True,
                                           env={**os.environ, **(environment or {})})
        self.pid, self._since = self._child.pid, started(self._child.pid)
        with open(self._file, "w", encoding="ascii") as file:
            file.write("%d %s\n" % (self.pid, self._since))
        return self

    def signal(self, number):
        """Send a signal, if it runs."""
        if self.alive():
            os.kill(self.pid, number)

    def stop(self, seconds=60):
        """Ask it to end; after a while no longer ask."""
        self.signal(signal.SIGTERM)
        try:
            wait_until(lambda: not self.alive(), seconds, self.name + " has ended")
        except Problem:
            self.kill()
        if os.path.exists(self._file):
            os.unlink(self._file)

    def kill(self):
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        wait_until(lambda: not self.alive(), 60, self.name + " is gone")


def opened(pid):
    """Paths of the files that a process has open."""
    try:
        for number in os.listdir("/proc/%s/fd" % pid):
            yield os.readlink("/proc/%s/fd/%s" % (pid, number))
    except OSError:
        pass


def orphans(folder):
    """Processes that have a file open in this folder; not us or those who started us."""
    mine, pid = set(), os.getpid()
    while pid > 1:
        mine.add(pid)
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
    inside = os.path.realpath(folder) + "/"
    return [int(name) for name in filter(str.isdigit, os.listdir("/proc"))
            if int(name) not in mine and any(path.startswith(inside) for path in opened(name))]


def end_orphans(folder):
    """End what was left behind: hosts outlive a killed broker."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in orphans(folder):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        try:
            wait_until(lambda: not orphans(folder), 30, "all is ended")
            return
        except Problem:
            continue


# -- the simulated vendors -----------------------------------------------------------------


class Vendor:
    """One simulator."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = folder
        self.process = Process(folder, name)
        self.file = os.path.join(folder, name + ".jsonl")
        self.port = 0
        self.control = 0

    def start(self, port, options=(), control=0):
        """Start it; returns when it listens."""
        script = os.path.join(ROOT, "tests", "vendors", self.name + ".py")
        before = os.path.getsize(self.process.log) if os.path.exists(self.process.log) else 0
        self.process.start([PYTHON, "-B", script, "--port", str(port), "--control-port",
                            str(control), "--file", self.file, *options])

        def ready():
            with open(self.process.log, encoding="utf-8") as file:
                file.seek(before)
                said = dict(re.findall(r"^(ready|control) (\d+)$", file.read(), re.M))
            if not self.process.alive():
                raise Problem("%s did not start: see %s" % (self.name, self.process.log))
            return said if len(said) == 2 else None

        said = wait_until(ready, 60, self.name + " listens")
        self.port, self.control = int(said["ready"]), int(said["control"])
        return self

    def tell(self, order, **body):
        """Tell it how to behave."""
        request = urllib.request.Request(
            "http://127.0.0.1:%d/_sim/%s" % (self.control, order), method="POST",
            data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def state(self):
        """What it holds."""
        address = "http://127.0.0.1:%d/_sim/state" % self.control
        with urllib.request.urlopen(address, timeout=60) as answer:
            return json.load(answer)


# -- the bus -------------------------------------------------------------------------------


class Bus:
    """The broker (which starts the hosts) and the command line, on one site."""

    def __init__(self, build, folder, site, run):
        self.site, self.run = site, run
        self.broker = program(build, "packhorsed")
        self.command = program(build, "packhorse")
        self.process = Process(folder, "packhorsed")

    def start(self):
        """Start the broker; returns the seconds until it answered."""
        begin = time.monotonic()
        self.process.start([self.broker, "-c", self.site])

        def ready():
            if not self.process.alive():
                raise Problem("packhorsed did not start: see " + self.process.log)
            return self.ask("status", check=False).returncode == 0

        wait_until(ready, 60, "packhorsed answers")
        return time.monotonic() - begin

    def ask(self, *words, check=True):
        """Run the command line."""
        done = subprocess.run([self.command, *words, "--socket", os.path.join(self.run, "control")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              encoding="utf-8", timeout=60, check=False)
        if check and done.returncode != 0:
            raise Problem("packhorse %s: exit %d: %s" % (" ".join(words), done.returncode,
                                                         done.stderr.strip()))
        return done

    def rows(self, *words):
        """The objects that a verb prints with --json."""
        return [json.loads(line) for line in self.ask(*words, "--json").stdout.splitlines()]

    def queues(self):
        """Queues by name."""
        return {row["queue"]: row for row in self.rows("queue", "ls")}

    def up(self, names):
        """Are these adapters all up?"""
        states = {row["adapter"]: row["state"] for row in self.rows("adapter", "ls")}
        return all(states.get(name) == "up" for name in names)


def values(build, folder, run, ports):
    """What the demo's site is filled in with."""
    return {
        "PACKHORSE_STATE": os.path.join(folder, "state"), "PACKHORSE_RUN": run,
        "PACKHORSE_PLUGINS": gather_plugins(build, os.path.join(folder, "plugins")),
        "PACKHORSE_CONNECTORS": os.path.join(ROOT, "adapters"),
        "PACKHORSE_SCHEMAS": os.path.join(ROOT, "schemas"),
        "PACKHORSE_HOST": program(build, "packhorse-host"),
        **{"DEMO_%s_PORT" % name.upper(): str(port) for name, port in ports.items()}}


SERVERS = ("open311", "highways", "waste", "crm", "hook")


def stage(build, folder, run):
    """Lay out the demo's site for tests; returns what they have to know."""
    ports = free_ports(SERVERS)
    copy_site(os.path.join(ROOT, "demo", "site"), os.path.join(folder, "site"),
              values(build, folder, run, ports))
    return {"PACKHORSE": program(build, "packhorse"), "PACKHORSED": program(build, "packhorsed"),
            **{"PORT_" + name: str(port) for name, port in ports.items()}}


def main():
    try:
        words = sys.argv[1:]
        if words[:1] == ["stage"] and len(words) == 4:
            for name, value in stage(*words[1:]).items():
                print("%s=%s" % (name, shlex.quote(value)))
        elif words[:1] == ["orphans"] and len(words) == 2:
            print(*orphans(words[1]), sep="\n")
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (Problem, OSError, shutil.Error) as problem:
        sys.exit("parts: %s" % problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
