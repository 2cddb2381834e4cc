"""map_peers - what other engines are fetched and built for bench map: Camel routes, and Bloblang.

Each is built once into the build directory, by Maven or Go with whatever source of packages they are
set up for here. One that cannot be had, that does not run, or that makes of the case another document
than our map does, is left out with a word.

map.py pins itself to one processor after this is imported; Java's compilers may use them all.
"""

import glob
import json
import os
import shutil
import subprocess

from harness import BUILD, ROOT, call, program, say

HERE = os.path.join(ROOT, "bench", "map")
CASE = os.path.join(HERE, "case.json")
ENQUIRY = os.path.join(ROOT, "adapters", "highways", "samples", "confirm-enquiry", "read-back.in.xml")
SCHEMAS = os.path.join(ROOT, "schemas")
SCHEMA = os.path.join(SCHEMAS, "service-request.v1.schema.json")
MAP = os.path.join(ROOT, "adapters", "crm", "maps", "crm-case.yaml")
CACHE = os.path.join(BUILD, "bench", "map-peers")
PROCESSORS = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
CASES = [  # the way, the name of it, and which of our lines it stands beside
    ("in", "case-in", "case-json-in"),
    ("in-validated", "case-in-validated", "case-json-in"),
    ("both", "case-there-and-back", "case-json-there-and-back"),
    ("both-validated", "case-there-and-back-validated", "case-json-there-and-back"),
]


class Missing(Exception):
    """Why one is left out."""


def must(command, where, **env):
    """Run a tool to its end."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed")
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=600,
                              stdin=subprocess.DEVNULL, env=dict(os.environ, **env))
    except subprocess.TimeoutExpired:
        raise Missing(f"{command[0]} takes more than 10 minutes") from None
    if done.returncode != 0:
        words = [text for text in (done.stdout + done.stderr).splitlines()
                 if text.strip() and "downloading" not in text]
        raise Missing(f"{command[0]} fails: {words[0][:200] if words else done.returncode}")


def stale(made, *sources):
    """Whether what was made is older than what it is made of."""
    return not os.path.exists(made) or any(
        os.path.getmtime(source) > os.path.getmtime(made) for source in sources)


def use_all_processors():
    if PROCESSORS is not None:
        os.sched_setaffinity(0, PROCESSORS)


class Bloblang:
    """Bloblang in a process of its own for each measurement."""

    @staticmethod
    def build():
        made, source = os.path.join(CACHE, "bloblang"), os.path.join(HERE, "bloblang")
        if stale(made, *glob.glob(os.path.join(source, "*"))):
            must(["go", "build", "-o", made, "."], source, GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")

    def __init__(self, way, name, path, ours):
        self.name, self.path, self.ours = f"bloblang-{name}", path, ours
        self.way = way

    def command(self, what):
        source = os.path.join(HERE, "bloblang")
        return [os.path.join(CACHE, "bloblang"), self.way, self.path, str(what),
                os.path.join(source, "case.blobl"), os.path.join(source, "case-back.blobl"), SCHEMA]

    def start(self, _):
        pass

    def show(self):
        return call(self.command("show"))[0]

    def measure(self, seconds):
        return call(self.command(seconds))[0]

    def stop(self):
        pass


class Camel:
    """A route in a Java machine that stays for the whole run, so that it is warmed up once."""

    @staticmethod
    def build():
        source, made = os.path.join(HERE, "camel"), os.path.join(CACHE, "camel")
        if not stale(os.path.join(made, "CamelPeer.class"), *glob.glob(os.path.join(source, "*"))):
            return
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(source, made)
        must(["mvn", "-q", "-B", "-Dstyle.color=never", "dependency:copy-dependencies",
              "-DoutputDirectory=lib"], made)
        must(["javac", "-cp", "lib/*", "-d", ".", "CamelPeer.java"], made)

    def __init__(self, way, name, path, ours):
        self.name, self.path, self.ours = f"camel-{name}", path, ours
        self.way, self.process = way, None

    def start(self, warm_up):
        """Its compilers may use every processor; the thread that is measured is one."""
        made = os.path.join(CACHE, "camel")
        self.process = subprocess.Popen(
            ["java", "-XX:+UseSerialGC", "-Xms256m", "-Xmx256m", "-cp", f"{made}:{made}/lib/*",
             "CamelPeer", self.way, self.path, os.path.join(HERE, "enquiry.xsl"), SCHEMA],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True, preexec_fn=use_all_processors)
        say(f"{self.name} warms up for {warm_up:g} s")
        self.ask(f"warm {warm_up}")

    def ask(self, order):
        try:
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer == "":
            raise Missing("it ends by itself")
        return json.loads(answer)

    def show(self):
        return self.ask("show")

    def measure(self, seconds):
        return self.ask(f"measure {seconds}")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def through(way, text):
    """What our map makes of a document."""
    done = subprocess.run([program("cli", "packhorse"), "map", "run", "--schemas", SCHEMAS, MAP, way,
                           "-"], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def expected():
    """What comes out of the case, by the first word of the way."""
    with open(CASE, encoding="utf-8") as file:
        there = through("in", file.read())
    return {"in": json.loads(there), "both": json.loads(through("out", there))}


def engine(kind, works, warm_up):
    """Those of one engine that can be measured."""
    good = []
    try:
        os.makedirs(CACHE, exist_ok=True)
        kind.build()
        wanted = expected()
        for one in (kind(*work) for work in works):
            good.append(one)
            one.start(warm_up)
            if one.path == CASE and one.show() != wanted[one.way.split("-")[0]]:
                raise Missing(f"{one.name} makes another document than our map")
    except (Missing, OSError, subprocess.SubprocessError, ValueError) as why:
        say(f"{kind.__name__} is left out: {why}")
        for one in good:
            one.stop()
        return []
    return good


def peers(warm_up):
    """All that can be measured here."""
    cases = [(way, name, CASE, ours) for way, name, ours in CASES]
    return (engine(Camel, [("xslt", "xslt-enquiry-in", ENQUIRY, "enquiry-xml-in")] + cases, warm_up) +
            engine(Bloblang, cases, warm_up))
