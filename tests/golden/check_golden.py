#!/usr/bin/env python3
"""Every journal that a version of ours ever wrote is still read, record by record. Speaks TAP."""

import json
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("PACKHORSE_BUILD", os.getcwd())
WRITER = os.path.join(BUILD, "tests", "decoder", "write_journal")
DECODER = os.path.join(HERE, "..", "decoder", "journal.py")


def lines_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"{os.path.basename(command[0])} ended with {done.returncode}: {done.stderr.strip()}"]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(name, work):
    """What is wrong with this journal; None: nothing."""
    with lzma.open(os.path.join(HERE, name + ".jsonl.xz"), "rt", encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    with tarfile.open(os.path.join(HERE, name + ".tar.xz")) as archive:
        archive.extractall(work)
    directory = os.path.join(work, name)
    if lines_of(sys.executable, DECODER, directory) != expected:
        return "the decoder reads something else"
    for time in ("first", "second"):
        if lines_of(WRITER, "print", directory) != expected:
            return f"the program reads something else the {time} time"
    return None if len(expected) > 50 else "there is hardly anything in it"


def main():
    names = sorted(name[:-len(".tar.xz")] for name in os.listdir(HERE) if name.endswith(".tar.xz"))
    failed = 0
    for number, name in enumerate(names, 1):
        with tempfile.TemporaryDirectory(prefix="ph-golden-") as work:
            wrong = check(name, work)
        failed += wrong is not None
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}" + (f"\n# {wrong}" if wrong else ""))
    print(f"1..{len(names)}")
    sys.exit(failed > 0 or not names)


if __name__ == "__main__":
    main()
