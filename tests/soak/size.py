"""How large the broker is over time: memory and open files from /proc, and the disk."""

import os
import statistics
import time

COLUMNS = (("s", "s"), ("life", "life"), ("anon_kb", "anon kB"), ("rss_kb", "rss kB"), ("fds", "files"),
           ("client_kb", "clients kB"), ("client_fds", "clients' files"), ("disk_kb", "disk kB"),
           ("pending", "pending"))
# what has to stay flat: its name, and how much it may grow in the quiet life
FLAT = (("anon_kb", "the broker's memory", 1024), ("fds", "the broker's open files", 4),
        ("client_kb", "the clients' memory", 1024), ("client_fds", "the clients' open files", 4))
WARM = 1 / 3  # of the quiet life is for caches and limits to fill
LATE = 5  # seconds, or two pauses, that a sample may come late; else the machine stood still


def memory(pid, field):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def disk(path):
    """What is allocated, in kB; files may go away meanwhile."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks
            except FileNotFoundError:
                pass
    return total // 2


def trend(rows, field):
    """(growth a minute, growth over the rows) of the straight line through them."""
    slope = statistics.linear_regression([row["s"] for row in rows], [row[field] for row in rows]).slope
    return slope * 60, slope * (rows[-1]["s"] - rows[0]["s"])


class Sizes:
    def __init__(self, bus, started):
        self.bus, self.started, self.rows = bus, started, []

    def take(self, life):
        pid, clients = self.bus.broker.pid, [p.pid for p in self.bus.traffic.values() if p.poll() is None]
        status = self.bus.ask("status")
        self.rows.append({
            "s": round(time.monotonic() - self.started, 1), "life": life,
            "anon_kb": memory(pid, "RssAnon"), "rss_kb": memory(pid, "VmRSS"), "fds": open_files(pid),
            "client_kb": sum(memory(client, "RssAnon") for client in clients),
            "client_fds": sum(map(open_files, clients)),
            "disk_kb": disk(self.bus.path("state")),
            "pending": status[0]["pending"] if status else -1})

    def stalled(self, pause):
        """Did the machine stand still before the latest sample? What gathered meanwhile, and what it takes
        to work it off, is no leak: then the samples up to here are not judged, and we begin anew."""
        rows = [row for row in self.rows if row["life"] == "quiet"]
        if len(rows) < 2 or rows[-1]["s"] - rows[-2]["s"] <= pause + max(LATE, 2 * pause):
            return False
        for row in rows:
            row["life"] = "stalled"
        return True

    def quiet(self):
        rows = [row for row in self.rows if row["life"] == "quiet"]
        return rows[int(len(rows) * WARM):]

    def table(self):
        print("# " + "  ".join(f"{title:>14}" for _, title in COLUMNS))
        for row in self.rows:
            print("# " + "  ".join(f"{row[field]:>14}" for field, _ in COLUMNS))
        rows = self.quiet()
        slopes = ", ".join(f"{title} {trend(rows, field)[0]:+.1f}" for field, title in COLUMNS[2:])
        print(f"# a minute, from {rows[0]['s']} s on: {slopes}", flush=True)

    def verdicts(self):
        """(what, whether it is flat, the figures): a twentieth of the median may come, or a little."""
        rows = self.quiet()
        for field, name, little in FLAT:
            growth, middle = trend(rows, field)[1], statistics.median(row[field] for row in rows)
            most = max(little, middle / 20)
            yield name, growth <= most, f"{growth:+.1f} at {middle:g}, {most:g} allowed"
