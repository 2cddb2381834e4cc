#!/usr/bin/env python3
"""check_conversions - packhorse-map(5) shows every conversion with an example in both directions,
and the examples are true: each becomes a map with samples, and `packhorse map test` runs them all.
Prints TAP.

An example stands in a literal block below the conversion's name, another after an empty line:

  a <-> (X, Y) | codes(t.csv)                    one link
  t.csv: X,Y,canonical                           a row of a code table
  with ref.20417=SR-4XN7QK2M9TREE                a value, or the answer to a reference
  {"a":"potholes"} <-> {"X":"HM","Y":"POTH"}     canonical, vendor's; "->" is out only, "<-" in only
  {"a":"gullies"} -> PH2313                      an error

A conversion without an example in one direction says so in its text: "In only" or "Out only"."""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("PACKHORSE_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("PACKHORSE_BUILD", os.path.join(SOURCE, "build")))
PAGE = os.path.join(SOURCE, "doc", "packhorse-map.5")
EXAMPLE = re.compile(r"(\{.*\}|PH\d{4}) (<->|->|<-) (\{.*\}|PH\d{4})$")
ENTITY = "service-request"

points = 0
failed = 0


def point(name, why=""):
    global points, failed
    points += 1
    failed += why != ""
    print(f"{'not ok' if why else 'ok'} {points} - {name}")
    for line in why.splitlines():
        print(f"# {line}")


def plain(line):
    """A line of the page as it is read."""
    line = re.sub(r"\\\[u([0-9A-F]{4,5})\]", lambda m: chr(int(m[1], 16)), line)
    return line.replace(r"\e", "\\").replace(r"\(dq", '"').replace(r"\&", "")


def entries():
    """Of each conversion: its name, its text, its examples as lists of lines."""
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    part = page.split(".Sh CONVERSIONS\n")[1].split("\n.Sh ")[0]
    for entry in re.split(r"^\.It (?:Fn|Ic) ", part, flags=re.M)[1:]:
        blocks = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", entry, re.M)
        yield (re.split(r"\s", entry)[0], entry,
               [[plain(line) for line in example.splitlines()]
                for block in blocks for example in block.split("\n\n")])


def known():
    """The conversions that the sources have, and the condition of a link."""
    names = {"when"}
    for path in glob.glob(os.path.join(SOURCE, "transform", "convert*.c")):
        with open(path, encoding="utf-8") as file:
            names |= set(re.findall(r"ph_convert_class ph_convert_\w+ = \{\s*"
                                    r"\.name = \"([^\"]+)\"", file.read()))
    return names


def schema_of(value):
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": False,
                "properties": {name: schema_of(v) for name, v in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0])}
    kind = {bool: "boolean", str: "string", int: "number", float: "number"}
    return {"type": kind[type(value)]}


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_case(folder, name, left, arrow, right, settings):
    base = f"samples/example/{name}"
    if left.startswith("PH") or right.startswith("PH"):
        settings = dict(settings, expect={"code": left if left.startswith("PH") else right})
    if left.startswith("{"):
        write(folder, base + ".canonical.json", left)
    if right.startswith("{"):
        kind = {"<->": "both", "->": "out", "<-": "in"}[arrow]
        write(folder, f"{base}.{kind}.json", right)
    write(folder, base + ".yaml", json.dumps(settings))


def build(folder, lines):
    """A connector from an example; the directions in which something is shown."""
    shown, fields = set(), {}
    tables, settings = {}, {"values": {}, "references": {}}
    for line in lines[1:]:
        row = re.match(r"([\w-]+\.csv): (.*)", line)
        if row:
            tables[row[1]] = tables.get(row[1], "") + row[2] + "\n"
        elif line.startswith("with "):
            name, _, value = line[5:].partition("=")
            own = settings["references" if name.startswith("ref.") else "values"]
            own[name.removeprefix("ref.")] = value
    for number, match in enumerate(filter(None, map(EXAMPLE.match, lines[1:]))):
        write_case(folder, f"case-{number}", match[1], match[2], match[3], settings)
        fields.update(json.loads(match[1]) if match[1].startswith("{") else {})
        if "PH" not in (match[1][:2], match[3][:2]):
            shown |= {"->": {"out"}, "<-": {"in"}, "<->": {"in", "out"}}[match[2]]
    for name, text in tables.items():
        write(folder, f"codes/{name}", text)
    schema = dict(schema_of(fields), **{"x-entity": ENTITY, "x-version": 1, "x-id-prefix": "SR",
                                        "$id": f"urn:packhorse:schema:{ENTITY}:1"})
    write(folder, f"schemas/{ENTITY}.v1.schema.json", json.dumps(schema))
    linked = re.findall(r"\w+", re.split("<->|->|<-", lines[0])[0])
    drop = json.dumps([name for name in fields if name not in linked])
    write(folder, "maps/example.yaml", f"map: example\ncanonical: {ENTITY}@1\n"
          f"vendor: {{format: json}}\nlinks:\n  - {lines[0]}\ndrop: {{canonical: {drop}}}\n")
    return shown


def main():
    found = list(entries())
    names = [name for name, _, _ in found]
    point("every conversion is in packhorse-map(5)",
          "\n".join(sorted(known() ^ set(names))))
    with tempfile.TemporaryDirectory(prefix="ph-test.") as top:
        for name, text, blocks in found:
            shown = set()
            odd = [line for block in blocks for line in block[1:] if not EXAMPLE.match(line)
                   and not line.startswith("with ") and ".csv: " not in line]
            for number, block in enumerate(blocks):
                folder = os.path.join(top, f"{name}-{number}")
                shown |= build(folder, block)
                done = subprocess.run(
                    [os.path.join(BUILD, "cli", "packhorse"), "map", "test", folder],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
                point(f"{name}: {block[0]}", "" if done.returncode == 0 else done.stdout)
            wanted = {"in", "out"} - ({"out"} if "\nIn only" in text else set()) - (
                {"in"} if "\nOut only" in text else set())
            point(f"{name} is shown in both directions",
                  "\n".join(sorted(wanted - shown) + odd))
    print(f"1..{points}")
    return failed > 0


sys.exit(main())
