"""plot - draws the JSON lines of the other commands as SVG, into doc/performance/.

Lines with "x" become curves, one picture for each of their names; the peers' lines become bars. Only
what is in the files is drawn; pictures of other things stay as they are.
"""

import argparse
import json
import math
import os

from harness import ROOT, say

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 40, 50
INK, GRID, OURS, OTHERS = "#222222", "#d8d8d8", "#1f5fa8", "#9aa7b4"
X_TITLES = {"queues": "queues", "fanout": "destinations of each message", "size": "bytes of a message",
            "pending": "messages pending", "carried": "messages carried",
            "clients": "clients connected"}


def number(value):
    """A figure as an axis shows it."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def steps(most):
    """Up to six round values from 0 to at least `most`."""
    raw = most / 5 or 1
    size = 10 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw)
    return [step * count for count in range(math.ceil(most / step - 1e-9) + 1)]


class Picture:
    def __init__(self, title, height=HEIGHT):
        self.height = height
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" '
            f'role="img">', f"<title>{title}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
        self.text(WIDTH / 2, 22, title, "middle", 14)

    def text(self, x, y, words, anchor="start", size=12):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'font-size="{size}" fill="{INK}">{words}</text>')

    def line(self, x1, y1, x2, y2, colour=GRID):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{colour}"/>')

    def write(self, folder, name):
        path = os.path.join(folder, name + ".svg")
        with open(path, "w") as out:
            out.write("\n".join(self.parts + ["</svg>"]) + "\n")
        say(f"drew {os.path.relpath(path)}")


def curve(name, records):
    """y against x, which is on a logarithmic axis; a bar at each point from the least to the most."""
    thing = name.split("-")[1]
    picture = Picture(f"{name.removeprefix('growth-').replace('-', ' ')} ({records[0]['unit']})")
    records = sorted(records, key=lambda record: record["x"])
    places = [math.log10(max(record["x"], 0.1)) for record in records]
    low, high = min(places), max(places)
    levels = steps(max(record["max"] for record in records))

    def across(place):
        return LEFT + (place - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def up(value):
        return HEIGHT - BOTTOM - value / levels[-1] * (HEIGHT - TOP - BOTTOM)

    for level in levels:
        picture.line(LEFT, up(level), WIDTH - RIGHT, up(level))
        picture.text(LEFT - 8, up(level) + 4, number(level), "end")
    points = []
    for record, place in zip(records, places):
        x, y = across(place), up(record["median"])
        points.append(f"{x:.1f},{y:.1f}")
        picture.line(x, up(record["min"]), x, up(record["max"]), OTHERS)
        picture.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{OURS}"/>')
        picture.text(x, HEIGHT - BOTTOM + 18, number(record["x"]), "middle")
    picture.parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{OURS}" '
                         f'stroke-width="2"/>')
    picture.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, X_TITLES.get(thing, thing), "middle")
    return picture


def bars(title, records, prefix, suffix):
    """One bar per broker, ours in colour; what does not sync before it acknowledges is marked."""
    room = 230
    records = sorted(records, key=lambda record: -record["median"])
    picture = Picture(title, TOP + 26 * len(records) + 20)
    most = max(record["median"] for record in records)
    for row, record in enumerate(records):
        who = record["bench"].removeprefix(prefix).removesuffix(suffix)
        y = TOP + 26 * row
        wide = record["median"] / most * (WIDTH - room - 90)
        mark = " (not synced)" if record.get("synced_ack") == "no" else ""
        picture.text(room - 8, y + 15, who + mark, "end")
        picture.parts.append(
            f'<rect x="{room}" y="{y + 2}" width="{wide:.1f}" height="18" '
            f'fill="{OURS if who.startswith("packhorse") else OTHERS}"/>')
        picture.text(room + wide + 6, y + 15, number(record["median"]))
    return picture


def draw_peers(records, folder):
    peers = [record for record in records if record["bench"].startswith("peer-")]
    synced = {record["bench"]: record.get("synced_ack") for record in peers}
    groups = [("peers-throughput", "1-KB messages a second, durable acknowledgement", "")]
    for title in ("acknowledged", "delivered"):
        for part in ("median", "p99"):
            groups.append((f"peers-{title}-{part}",
                           f"publish to {title}, {part}, at 500 messages a second (us)",
                           f"-at-500-per-second-{title}-{part}"))
    for name, title, suffix in groups:
        chosen = [record for record in peers if record["bench"].endswith(suffix) and
                  (suffix or record["unit"] == "msg/s")]
        for record in chosen:
            record.setdefault("synced_ack", synced.get(record["bench"].removesuffix(suffix)))
        if chosen:
            bars(title, chosen, "peer-", suffix).write(folder, name)


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench plot", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=[os.path.join(ROOT, "bench", "baseline.jsonl")],
                        help="JSON lines (default: bench/baseline.jsonl)")
    parser.add_argument("--into", default=os.path.join(ROOT, "doc", "performance"))
    options = parser.parse_args(arguments)
    records = []
    for path in options.files:
        with open(path) as lines:
            records += [json.loads(text) for text in lines if '"bench"' in text]
    os.makedirs(options.into, exist_ok=True)
    curves = {}
    for record in records:
        if "x" in record:
            curves.setdefault(record["bench"], []).append(record)
    for name, points in curves.items():
        curve(name, points).write(options.into, name)
    draw_peers(records, options.into)
