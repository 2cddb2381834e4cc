#!/usr/bin/env python3
"""The journal as two programs read it: the one that wrote it, and journal.py, which knows
doc/journal.md alone. They must agree on every record, on torn ends and on damage. Speaks TAP."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import journal

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("PACKHORSE_BUILD", os.getcwd())
WRITER = os.environ.get("WRITE_JOURNAL", os.path.join(BUILD, "tests", "decoder", "write_journal"))


def writer(*arguments, status=0):
    done = subprocess.run([WRITER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{arguments}: {done.returncode} {done.stderr}"
    return done.stdout


def decoder(directory, *options, status=0):
    done = subprocess.run([sys.executable, os.path.join(HERE, "journal.py"), *options, directory],
                          capture_output=True, text=True, check=False)
    assert done.returncode == status, f"decoder: {done.returncode} {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.splitlines()


def change(path, at, what):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(what)


def agree(directory):
    """Both read the same; returns the records."""
    before, told = decoder(directory)
    ours = [json.loads(line) for line in writer("print", directory).splitlines()]
    assert ours == before, "they differ"
    assert not told, told
    return ours


def unclosed(directory):
    """A journal that was not closed, of several files."""
    writer("write", directory, "1", "60")
    records = agree(directory)
    assert len(records) == 60 * 12, len(records)
    kinds = {record["type"] for record in records}
    assert kinds == {"queue", "accept", "outcome", "attempt", "progress", "replay", "discard", "cursor",
                     "bind", "carry"}, kinds
    assert len([n for n in os.listdir(directory) if n.endswith(".segment")]) > 2
    first = records[1]
    assert first["type"] == "accept" and first["acceptance"] == 1 and first["queues"] == [], first


def closed_and_opened_again(directory):
    """Kills, rewritten ends and clean stops, one after the other."""
    for first in range(1, 6):
        writer("write", directory, str(first), "1")
        if first % 2 == 0:
            writer("close", directory)
    records = agree(directory)
    assert [r["acceptance"] for r in records if r["type"] == "attempt"] == [1, 2, 3, 4, 5]
    numbers = [r["sequence"] for r in decoder(directory, "--marks")[0]]
    assert numbers == list(range(1, numbers[-1] + 1)), "sequences have gaps"
    marks = [r for r in decoder(directory, "--marks")[0] if r["type"] == "mark"]
    assert marks[-1]["kind"] == 3 and [m["epoch"] for m in marks if m["kind"] == 1] == list(range(1, 9)), marks


def last_segment(directory):
    return os.path.join(directory, sorted(n for n in os.listdir(directory) if n.endswith(".segment"))[-1])


def end_of(path):
    with open(path, "rb") as file:
        data = file.read()
    return len(data.rstrip(b"\0")) + 7 & ~7


def torn_end(directory):
    """Bytes behind the end: both name the same place, and the records stay."""
    writer("write", directory, "1", "3")
    path = last_segment(directory)
    change(path, end_of(path) + 16, b"half a record")
    records, told = decoder(directory)
    assert writer("check", directory).splitlines() == told and told[0].startswith("torn "), told
    assert agree(directory) == records


def damage(directory):
    """A byte that was synced is changed: both name the same place and serve all the others."""
    writer("write", directory, "1", "3")
    writer("close", directory)
    whole = decoder(directory)[0]
    path = os.path.join(directory, "0000000001.segment")
    for at in (4096 + 48 + 5, 4096 + 48 + 200, 9000):
        with open(path, "rb") as file:
            file.seek(at)
            byte = file.read(1)
        change(path, at, bytes([byte[0] ^ 0x10]))
        records, told = decoder(directory, status=1)
        assert writer("check", directory, status=1).splitlines() == told, told
        assert len(told) == 1 and told[0].startswith("damaged 0000000001.segment@"), told
        assert len(records) == len(whole) - 1 and all(r in whole for r in records)
        change(path, at, byte)
    assert agree(directory) == whole


def segments(directory):
    return sorted(n for n in os.listdir(directory) if n.endswith(".segment"))


def trimmed(directory):
    """The first file may have any number: what a mark or a header says is the oldest kept."""
    writer("write", directory, "1", "60")
    old = {name: open(os.path.join(directory, name), "rb").read() for name in segments(directory)}
    writer("trim", directory)
    kept = segments(directory)
    assert len(old) > 2 and kept[0] > sorted(old)[1], (list(old), kept)
    marks = [r for r in decoder(directory, "--marks")[0] if r["type"] == "mark"]
    assert marks[-1]["kind"] == 4 and marks[-1]["oldest"] == int(kept[0][:10]), marks
    records = decoder(directory)[0]
    assert records and records[0]["sequence"] > 1, "nothing, or all of it"
    # a trim that was stopped has left a file, which is damaged at that: it does not count
    left = os.path.join(directory, sorted(old)[1])
    with open(left, "wb") as file:
        file.write(old[sorted(old)[1]][:5000])
    assert decoder(directory) == (records, []), "what is older than the oldest kept counts"
    assert agree(directory) == records
    # the oldest kept is missing, and a later one is there
    writer("write", directory, "61", "60")
    first = segments(directory)[0]
    os.remove(os.path.join(directory, first))
    following = segments(directory)[0]
    told = decoder(directory, status=1)[1]
    assert told == [f"damaged {following}@0: sequences ? to before this file"], told


def other_version(directory):
    """A header that is not valid is damage; one of a later version is refused by its number."""
    writer("write", directory, "1", "1")
    path = os.path.join(directory, "0000000001.segment")
    change(path, 8, b"\7")
    told = decoder(directory, status=1)[1]
    assert told == ["damaged 0000000001.segment@0: sequences ? to all of this file"], told
    with open(path, "rb") as file:
        head = file.read(4092)
    change(path, 4092, journal.crc32c(head).to_bytes(4, "little"))
    assert decoder(directory, status=2)[1] == ["journal.py: journal version 7"]
    writer("check", directory, status=2)


def checksum(_directory):
    """The decoder's own checksum, by the vector on the page."""
    assert journal.crc32c(b"123456789") == 0xE3069283


def main():
    cases = [unclosed, closed_and_opened_again, torn_end, damage, trimmed, other_version, checksum]
    failed = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        root = tempfile.mkdtemp(prefix="ph-decoder-")
        try:
            case(os.path.join(root, "journal"))
            print(f"ok {number} - {case.__name__}")
        except AssertionError as wrong:
            failed += 1
            print(f"not ok {number} - {case.__name__}")
            print(f"# {wrong}"[:2000])
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
