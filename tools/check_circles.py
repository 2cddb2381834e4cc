#!/usr/bin/env python3
"""check_circles.py - no files of C call each other in a loop.

A file knows another when it names a ph_ function that is defined there; comments and texts do
not count. Files that know each other, at once or by way of others, can only be read, tested and
changed together: what the lower ones need belongs in a file of its own, below them.

It reads the source tree it lies in, or PACKHORSE_SOURCE, or the folders it is given.
"""
import os
import pathlib
import re
import sys

FOLDERS = ["lib", "transform", "broker", "adapters", "cli"]

NOT_CODE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)
# a definition's name begins its line; its body's brace comes before any semicolon
DEFINED = re.compile(r"^(ph_\w+)\([^;{]*\)\s*\{", re.M)
NAMED = re.compile(r"\bph_\w+\b")


def read(folders):
    """{file: {file it knows: the names by which it does}}"""
    paths = sorted(path for folder in folders for path in pathlib.Path(folder).rglob("*.c"))
    code = {str(path): NOT_CODE.sub(" ", path.read_text()) for path in paths}
    home = {name: path for path, text in code.items() for name in DEFINED.findall(text)}
    known = {path: {} for path in code}
    for path, text in code.items():
        for name in sorted(set(NAMED.findall(text))):
            if home.get(name, path) != path:
                known[path].setdefault(home[name], []).append(name)
    return known


def reach(known, start):
    """All files that `start` knows, at once or by way of others."""
    found, waiting = set(), [start]
    while waiting:
        for path in known[waiting.pop()]:
            if path not in found:
                found.add(path)
                waiting.append(path)
    return found


def circles(known):
    """Sets of files, each of which reaches all of its set."""
    reached = {path: reach(known, path) for path in known}
    left = sorted(path for path in known if path in reached[path])
    while left:
        ring = [path for path in left if left[0] in reached[path] and path in reached[left[0]]]
        left = [path for path in left if path not in ring]
        yield ring


def main():
    os.chdir(os.environ.get("PACKHORSE_SOURCE") or pathlib.Path(__file__).resolve().parent.parent)
    known = read(sys.argv[1:] or FOLDERS)
    found = list(circles(known))
    print("1..1")
    print(f"{'not ok' if found or not known else 'ok'} 1 - no files call each other in a loop")
    if not known:
        print(f"# there is no C file in {', '.join(sys.argv[1:] or FOLDERS)}")
    for ring in found:
        print(f"# a loop of {len(ring)} files:")
        for path in ring:
            for other in sorted(set(known[path]) & set(ring)):
                print(f"#   {path} -> {other}: {', '.join(known[path][other])}")
    return 1 if found or not known else 0


sys.exit(main())
