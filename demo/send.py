#!/usr/bin/python3
"""Send street reports to a GeoReport server, as FixMyStreet does.

Each report becomes a form: the text in FixMyStreet's four parts, the place, a reporter (invented:
reports have none), attribute[fixmystreet_id], and for collections and bins an invented
attribute[uprn]. A failed connection or an answer of 5xx is tried again, with the same id, a
bounded number of times; anything else is final. Every tenth report that was taken is posted once
more, as an impatient client would.

The file of what was posted has one JSON object per line: the form as sent, the answer, when.
"""

import argparse
import concurrent.futures
import http.client
import itertools
import json
import random
import sys
import threading
import time
import urllib.parse
from xml.etree import ElementTree

UPRN_SERVICES = {"Missed Collection", "Missed Collection (Green Waste)", "Bin Repair",
                 "Garden Waste", "Trade Waste", "Rubbish (refuse and recycling)"}
FORENAMES = ["Aloysius", "Brónach", "Clementine", "Dafydd", "Eustace", "Fatuma", "Gwendolen",
             "Hyacinth", "Ingeborg", "Jedediah", "Kazimierz", "Lettice", "Mehmet", "Ngozi",
             "Wilhelmina Clementina Theodora-Anne"]
SURNAMES = ["Ackroyd-Pell", "Birtwhistle", "Crowther", "D'Arcy-Snook", "Entwistle-Onions",
            "Fothergill", "Greenhalgh", "Hołownia", "Illingworthy", "Jagger-Plumb", "Khoudari",
            "Longbottom", "Murgatroyd", "Nwachukwu",
            "Featherstonehaugh-Cholmondeley-Marjoribanks"]


def moment():
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1000000


def description(title, detail, ident):
    """The text as FixMyStreet writes it."""
    return ("title: %s\n\ndetail: %s\n\nurl: https://fixmystreet.example/report/%s\n\n"
            "Submitted via FixMyStreet\n" % (title, detail, ident))


def words(report):
    """Title and detail of a report, whatever of them is missing."""
    whole = report.get("description") or ""
    detail = report.get("detail") or report.get("title") or whole or "No more was said."
    title = report.get("title") or whole.partition(": ")[0] or detail.split("\n")[0][:60]
    return title, detail


def identity(report, place):
    """The id that the reporting site knows the report by."""
    return str(report.get("service_request_id") or 90000000 + place)


def property_number(chance):
    """An invented UPRN; some have leading zeros."""
    digits = str(chance.randrange(10 ** 5, 10 ** 9))
    return digits.zfill(12) if chance.random() < 0.5 else "1000" + digits[:8]


def reporter(report, chance, ident):
    """Who reports: invented; some do not say, some have no telephone."""
    if chance.random() < 0.1:
        return []
    given, family = chance.choice(FORENAMES), chance.choice(SURNAMES)
    fields = [("first_name", given), ("last_name", family),
              ("email", report.get("email") or "resident.%s@example.org" % ident)]
    if chance.random() < 0.5:
        fields.append(("phone", "01632 960%03d" % chance.randrange(1000)))
    return fields


def place(report, title):
    """Where: a pin, or for want of one some words."""
    if "lat" in report and "long" in report:
        return [("lat", str(report["lat"])), ("long", str(report["long"]))]
    return [("address_string", "Near: " + title)]


def form(report, position, key, jurisdiction):
    """The fields of the form, in order."""
    ident = identity(report, position)
    chance = random.Random("packhorse " + ident)
    title, detail = words(report)
    service = report.get("service_code") or report.get("service_name") or ""
    fields = [("api_key", key), ("jurisdiction_id", jurisdiction), ("service_code", service),
              ("description", description(title, detail, ident))]
    fields += reporter(report, chance, ident) + place(report, title)
    fields.append(("attribute[fixmystreet_id]", ident))
    if service in UPRN_SERVICES:
        fields.append(("attribute[uprn]", property_number(chance)))
    for code, value in (report.get("attributes") or {}).items():
        fields.append(("attribute[%s]" % code, str(value)))
    return fields


def reference_of(body, json_wanted):
    """The reference in an answer, or ""."""
    try:
        if json_wanted:
            return str(json.loads(body)[0].get("service_request_id") or "")
        found = ElementTree.fromstring(body).find("./request/service_request_id")
        return (found.text or "").strip() if found is not None else ""
    except (ValueError, LookupError, AttributeError, ElementTree.ParseError):
        return ""


class Sender:
    """Sends a list of reports from a few threads; counts as it goes."""

    def __init__(self, url, reports, out, key="", jurisdiction="", tries=60, workers=4,
                 rate=None, wait=0.5):
        self.url = urllib.parse.urlsplit(url)
        self.reports = reports
        self.key = key
        self.jurisdiction = jurisdiction
        self.tries = tries
        self.workers = workers
        self.wait = wait
        self.interval = 1 / rate if rate else 0
        self.answered = 0
        self.accepted = 0
        self.retries = 0
        self._out = open(out, "w", encoding="utf-8")
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def run(self):
        """Send all; returns how many were accepted."""
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(self._report, itertools.count(), self.reports))
        self._out.close()
        return self.accepted

    def _pace(self):
        with self._lock:
            self._next = max(self._next + self.interval, time.monotonic())
            pause = self._next - time.monotonic()
        if pause > 0:
            time.sleep(pause)

    def _report(self, position, report):
        self._pace()
        fields = form(report, position, self.key, self.jurisdiction)
        row = self._send(fields, position)
        with self._lock:
            self.answered += 1
            self.accepted += bool(row["reference"])
        self._write(row)
        if row["reference"] and position % 10 == 3:
            self._write({**self._send(fields, position), "repeat": True})

    def _write(self, row):
        with self._lock:
            self._out.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._out.flush()

    def _send(self, fields, position):
        """Post until there is an answer that is final, or the tries are used up."""
        json_wanted = position % 4 == 1
        row = {"id": dict(fields)["attribute[fixmystreet_id]"], "form": fields,
               "sent": moment(), "reference": ""}
        for attempt in range(1, self.tries + 1):
            status, body = self._post(fields, json_wanted)
            row.update(tries=attempt, status=status, answered=moment())
            if status < 500 and status != 0:
                break
            with self._lock:
                self.retries += 1
            time.sleep(self.wait)
        if 200 <= row["status"] < 300:
            row["reference"] = reference_of(body, json_wanted)
        else:
            row["answer"] = body.decode("utf-8", "replace")[:500]
        return row

    def _post(self, fields, json_wanted):
        """One POST; status 0 is a failed connection."""
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        try:
            path = "%s/requests.%s" % (self.url.path.rstrip("/"), "json" if json_wanted else "xml")
            connection.request("POST", path, urllib.parse.urlencode(fields).encode("ascii"),
                               {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()
        finally:
            connection.close()


def load(path):
    """The reports of a file, in the shape of an answer to GET requests."""
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    reports = content.get("service_requests") if isinstance(content, dict) else content
    if not isinstance(reports, list) or not all(isinstance(one, dict) for one in reports):
        raise ValueError("%s: not a list of reports" % path)
    return reports


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--url", required=True, help="where requests.xml is, without it")
    parser.add_argument("--key", default="")
    parser.add_argument("--jurisdiction", default="")
    parser.add_argument("--out", default="posted.jsonl")
    parser.add_argument("--rate", type=float, help="reports a second")
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("reports")
    options = parser.parse_args()
    try:
        reports = load(options.reports)
    except (OSError, ValueError, LookupError) as error:
        sys.exit("send: %s" % error)
    sender = Sender(options.url, reports, options.out, options.key, options.jurisdiction,
                    options.tries, options.workers, options.rate)
    sender.run()
    print("sent %d, accepted %d, tried again %d" % (len(reports), sender.accepted, sender.retries))
    return 0 if sender.accepted == len(reports) else 1


if __name__ == "__main__":
    sys.exit(main())
