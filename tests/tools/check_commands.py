#!/usr/bin/env python3
"""check_commands - packhorse(1), --help and the program say the same of every command, and every
error that a person can cause by what they type has a code that `packhorse errors` explains.
Prints TAP. No broker runs."""

import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("PACKHORSE_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("PACKHORSE_BUILD", os.path.join(SOURCE, "build")))
PROGRAM = os.path.join(BUILD, "cli", "packhorse")
PAGE = os.path.join(SOURCE, "doc", "packhorse.1")
COMMON = {"--json", "--socket", "-c", "--help"}
CODE = re.compile(r"PH\d{4}\b")

# What is typed; "site" is a folder without a site in it, "bad.json" and "bad.yaml" are what their
# names say, "text" is a file of one word, NOPE is not there.
MISTAKES = """
nope
help nope
queue nope
status more
status --nope
status --socket
status --socket NOPE
status --socket text
status -c NOPE
status -c site
queue ls --socket NOPE
dead ls --socket NOPE
dead replay crm/1 --socket NOPE
dead replay --all
adapter ls --socket NOPE
route explain nope
message publish NOPE
message publish bad.json --socket NOPE
message tail --queue crm --socket NOPE
message show 1 --reveal
message find --most x
case show x --socket NOPE
xref get a b
ledger snapshot x.db --socket NOPE
journal verify --state NOPE
journal verify --state site
journal verify -c site
journal info --state text
journal export --state NOPE
journal export --from x
journal export --type nope
errors nope
config check NOPE
config check text
map check NOPE
map check site
map check bad.yaml
map check text
map check -c NOPE
map run NOPE in text
map run bad.yaml in text
map run bad.yaml sideways text
map test NOPE
map test site
map new
map new --from NOPE --schema service-request
map new --from text --schema nope
map new --from text --schema service-request --format nope
map laws NOPE
map laws site --cases x
map coverage NOPE
map coverage site --floor 200
map diff NOPE site
map diff site text
map diff text text
codes unmapped -c NOPE
codes unmapped NOPE in text
codes unmapped text
schema check NOPE
schema check site
schema check bad.json
schema suite NOPE
schema suite text
schema suite site --remotes NOPE
"""

points = 0
failed = 0


def point(name, why=""):
    global points, failed
    points += 1
    failed += why != ""
    print(f"{'not ok' if why else 'ok'} {points} - {name}")
    for line in why.splitlines():
        print(f"# {line}")


def run(*words, folder=None):
    clean = {name: value for name, value in os.environ.items()
             if name not in ("PACKHORSE_RUN", "PACKHORSE_SITE")}
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, cwd=folder,
                          stdin=subprocess.DEVNULL, env=clean, timeout=60)


def helped():
    """Of each command that the program has: its options beside the common ones."""
    commands = {}
    for noun in re.findall(r"^  ([a-z]+) ", run("help").stdout, re.M):
        if noun == "help":
            continue
        text = run("help", noun).stdout
        verbs = [""] if text.startswith("usage: ") else re.findall(
            rf"^  packhorse {noun} ([a-z]+)", text, re.M)
        for verb in verbs:
            words = [noun, verb] if verb else [noun]
            text = run(*words, "--help").stdout
            commands[" ".join(words)] = set(
                re.findall(r"^  (--?[a-z-]+)", text, re.M))
    return commands


def written():
    """Of each command in the manual page: the options in its entry, and up to the next section."""
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    commands = {}
    for entry in re.split(r"^\.It Nm Cm ", page, flags=re.M)[1:]:
        entry, *rest = re.split(r"^\.(?:Ss|Sh) ", entry, maxsplit=1, flags=re.M)
        words = []
        for word in entry.split("\n")[0].split():
            if not re.fullmatch(r"[a-z]+", word):
                break
            words.append(word)
        options = {"--" + name for name in re.findall(r"Fl Fl ([a-z-]+)", entry)}
        commands[" ".join(words)] = options - COMMON
    # what is said of the two together stands after them
    commands["dead replay"] |= commands["dead discard"]
    return commands


def check_manual():
    program, page = helped(), written()
    point("the manual page has every command, and no other",
          "\n".join(sorted(program.keys() ^ page.keys())))
    for name in sorted(program.keys() & page.keys()):
        options = program[name]
        point(f"{name}: options in --help and in the manual page",
              "\n".join(sorted((options - COMMON) ^ page[name])
                        + sorted(COMMON - options)))


def why_not(words, folder):
    """What is wrong with how a mistake is told."""
    done = run(*words, folder=folder)
    codes = CODE.findall(done.stdout + done.stderr)
    if done.returncode not in (1, 2, 3) or not codes:
        return f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    if "cure:" not in run("errors", codes[0]).stdout:
        return f"{codes[0]} is not explained"
    done = run("--json", *words, folder=folder)
    lines = done.stderr + done.stdout
    try:
        rows = [json.loads(line) for line in lines.splitlines()]
    except ValueError:
        return f"--json: {lines}"
    told = [row.get("error", row).get("code") for row in rows]
    return "" if codes[0] in told else f"--json has no {codes[0]}: {lines}"


def check_mistakes():
    with tempfile.TemporaryDirectory(prefix="ph-test.") as folder:
        os.mkdir(os.path.join(folder, "site"))
        for name, text in (("bad.json", "{bad\n"), ("bad.yaml", "a: [1\n"), ("text", "word\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        for line in MISTAKES.strip().splitlines():
            point(f"packhorse {line}", why_not(line.split(), folder))


check_manual()
check_mistakes()
print(f"1..{points}")
sys.exit(failed > 0)
