#!/usr/bin/env python3
"""check_tutorial - doc/tutorial.md does what it says: its commands are run, one after another, and
print what the document shows. Prints TAP.

In the document
  - a block "console" holds commands ("$ ...") and below each what it prints; a line "..." there
    stands for any number of lines;
  - a block after a line that ends in "`FILE`:" is that file; if it is a "diff", the lines with "-"
    are in the file and become those with "+".
The commands run in a copy of doc/tutorial/vendor. What is there at the end is doc/tutorial/trees.

With --update the document's outputs (but for those with "...") and doc/tutorial/trees are
written anew. Read the difference before you keep it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("PACKHORSE_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("PACKHORSE_BUILD", os.path.join(SOURCE, "build")))
DOCUMENT = os.path.join(SOURCE, "doc", "tutorial.md")
FOLDER = os.path.join(SOURCE, "doc", "tutorial")
TIMEOUT = 60
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
NAMED = re.compile(r"`([^`\s]+)`:\n+$")

points = 0
failed = 0


def point(name, why=""):
    global points, failed
    points += 1
    failed += why != ""
    print(f"{'not ok' if why else 'ok'} {points} - {name}")
    for line in why.splitlines():
        print(f"# {line}")


def steps(text):
    """(kind, file, block, where in the text) for each fenced block."""
    for match in FENCE.finditer(text):
        name = NAMED.search(text[:match.start()])
        yield match[1], name and name[1], match[2], match.start(2)


def commands(block):
    """(command, what is shown below it)."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        line, _, shown = part.partition("\n")
        yield line, shown


def same(got, shown):
    pattern = "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line)
                      for line in shown.splitlines(keepends=True))
    return re.fullmatch(pattern, got) is not None


def run(command, place):
    env = dict(os.environ, PATH=f"{os.path.join(BUILD, 'cli')}:{os.environ['PATH']}",
               LC_ALL="C.UTF-8")
    done = subprocess.run(["sh", "-c", command], cwd=place, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
    got = done.stdout.decode()
    return got if got == "" or got.endswith("\n") else got + "\n"


def edit(path, block):
    """Why it cannot be done, or ""."""
    old = "".join(line[1:] for line in block.splitlines(keepends=True) if line[0] != "+")
    new = "".join(line[1:] for line in block.splitlines(keepends=True) if line[0] != "-")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        return f"these lines are there {text.count(old)} times:\n{old}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    return ""


def play(text, place):
    """Run the whole; returns the document as it ought to be."""
    out, end = "", 0
    for kind, name, block, at in steps(text):
        path = name and os.path.join(place, name)
        if kind == "console":
            out += text[end:at]
            end = at + len(block)
            for command, shown in commands(block):
                got = run(command, place)
                good = same(got, shown)
                point(command, "" if good else f"it printed:\n{got}")
                out += f"$ {command}\n{shown if good else got}"
        elif name and kind == "diff":
            point(f"edit {name}", edit(path, block))
        elif name:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(block)
    return out + text[end:]


def files(folder):
    """Each file below the folder, with what is in it."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                found[os.path.relpath(os.path.join(path, name), folder)] = file.read()
    return found


def compare(got, kept):
    return "\n".join(name for name in sorted(got.keys() | kept.keys())
                     if got.get(name) != kept.get(name))


def main():
    update = sys.argv[1:] == ["--update"]
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    with tempfile.TemporaryDirectory(prefix="ph-test.") as top:
        # canonical schemas are looked for in schemas/ two folders up from a connector
        place = os.path.join(top, "a", "b")
        shutil.copytree(os.path.join(FOLDER, "vendor"), place)
        for path, _, _ in os.walk(place):
            os.chmod(path, 0o755)  # a distribution's tree may be read-only
        os.symlink(os.path.join(SOURCE, "schemas"), os.path.join(top, "schemas"))
        os.symlink(os.path.join(SOURCE, "schemas"), os.path.join(top, "a", "schemas"))
        after = play(text, place)
        made, kept = os.path.join(place, "trees"), os.path.join(FOLDER, "trees")
        point("what is made is doc/tutorial/trees", compare(files(made), files(kept)))
        if update:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(made, kept)
            with open(DOCUMENT, "w", encoding="utf-8") as file:
                file.write(after)
    print(f"1..{points}")
    return failed > 0


sys.exit(main())
