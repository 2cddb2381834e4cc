#!/usr/bin/python3
"""The demo's own tools, tried without the bus: the sender against a server that misbehaves, the
checker on files with planted losses, duplicates and changed fields.
"""

import contextlib
import copy
import io
import json
import os
import sys
import tempfile
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import check
import send
from coordinates import national_grid

FOLDER = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(FOLDER, "reports.json")


class Bus(BaseHTTPRequestHandler):
    """A GeoReport server with a bad day: each first try fails, in one of three ways."""
    tries = {}
    lock = threading.Lock()

    def do_POST(self):
        form = urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(),
                                      keep_blank_values=True, errors="strict")
        ident = dict(form)["attribute[fixmystreet_id]"]
        with self.lock:
            self.tries.setdefault(ident, []).append(form)
            attempt = len(self.tries[ident])
        if dict(form)["service_code"] == "Tree":
            self.answer(404, b"no such service")
        elif attempt == 1 and int(ident) % 3 == 0:
            self.answer(503, b"later")
        elif attempt == 1 and int(ident) % 3 == 1:
            self.close_connection = True
        else:
            reference = "SR-%013d" % int(ident)
            self.answer(201, (json.dumps([{"service_request_id": reference}])
                              if self.path.endswith(".json") else
                              "<service_requests><request><service_request_id>%s"
                              "</service_request_id></request></service_requests>"
                              % reference).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Send(unittest.TestCase):
    def setUp(self):
        Bus.tries = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bus)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/v2/" % self.server.server_port
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "posted.jsonl")
        self.reports = send.load(SAMPLE)

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def test_tries_again_with_the_same_id(self):
        sender = send.Sender(self.url, self.reports, self.out, "key", "here", wait=0.01)
        trees = sum(one["service_code"] == "Tree" for one in self.reports)
        self.assertEqual(sender.run(), len(self.reports) - trees)
        self.assertGreater(sender.retries, 20)
        rows = check.rows_of(self.out)
        self.assertEqual({r["status"] for r in rows if not r["reference"]}, {404})
        self.assertGreater(sum(bool(r.get("repeat")) for r in rows), 4)
        for ident, forms in Bus.tries.items():
            self.assertTrue(all(form == forms[0] for form in forms), ident)
        for row in rows:
            self.assertIn([tuple(pair) for pair in row["form"]], Bus.tries[row["id"]])

    def test_gives_up_after_bounded_tries(self):
        self.server.shutdown()
        self.server.server_close()
        sender = send.Sender(self.url, self.reports[:2], self.out, tries=3, wait=0.01)
        self.assertEqual(sender.run(), 0)
        self.assertEqual([(r["tries"], r["status"]) for r in check.rows_of(self.out)], [(3, 0)] * 2)

    def test_the_sample_is_ugly_enough(self):
        forms = [dict(send.form(one, n, "k", "j")) for n, one in enumerate(self.reports)]
        texts = [form["description"] for form in forms]
        self.assertGreaterEqual(len(forms), 60)
        self.assertTrue(all(len(text) <= 4000 for text in texts))
        self.assertTrue(any(len(text) > 2000 and ord(text[1999]) > 0xffff for text in texts))
        self.assertEqual(sum(len(text) == 2000 for text in texts), 1)
        for mark in ("\r\n", "\"", "'", "]]>", "@example", "\u0308", "\u2028", "\\", "%", "+"):
            self.assertTrue(any(mark in text for text in texts), mark)
        self.assertEqual({form["service_code"] for form in forms}, set(check.services()))
        self.assertEqual(len({form["attribute[fixmystreet_id]"] for form in forms}), len(forms))
        numbers = [form["attribute[uprn]"] for form in forms if "attribute[uprn]" in form]
        self.assertTrue(any(number.startswith("0") for number in numbers))
        self.assertTrue(any("attribute[column]" in form for form in forms))
        self.assertTrue(any("lat" not in form for form in forms))
        self.assertTrue(any("email" not in form for form in forms))


class Check(unittest.TestCase):
    """Files as a faultless run would leave them, then one thing is made wrong."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        reports = send.load(SAMPLE)
        self.posted, self.rows = [], {"highways": [], "waste": [], "crm": []}
        now = 1700000000000
        for position, report in enumerate(reports):
            form = [list(pair) for pair in send.form(report, position, "k", "j")]
            self.posted.append({"id": dict(form)["attribute[fixmystreet_id]"], "form": form,
                                "sent": now, "answered": now + 40, "status": 201, "tries": 1,
                                "reference": "SR-%013d" % position})
        self.updates = []
        table = check.services()
        for number, row in enumerate(self.posted):
            self.fulfil(check.Report(row, table), number)

    def tearDown(self):
        self.folder.cleanup()

    def fulfil(self, report, number):
        """Write what the systems would hold of a report."""
        when = "2023-11-14T22:13:20.010Z"
        system = report.rule["system"]
        if system == "highways":
            record = report.highways()
            if "lat" in report.form:
                east, north = national_grid(float(report.form["lat"]), float(report.form["long"]))
                record.update(EnquiryX="%.2f" % east, EnquiryY="%.2f" % north)
            self.hold(system, "enquiry", report, {**record, "LoggedTime": when}, number=number)
            self.rows[system].append({"kind": "status", "number": number, "log": 2, "code": "FIX",
                                      "reference": report.reference})
        elif system == "waste":
            self.hold(system, "worksheet", report, report.waste(), id=number)
            self.rows[system].append({"kind": "completed", "id": number, "completedDate": "T",
                                      "reference": report.reference})
        record = {**report.crm(), "openedAt": when,
                  "fields": [{"key": k, "value": v} for k, v in report.attributes]}
        if "lat" in report.form:
            record["location"] = {"lat": float(report.form["lat"]),
                                  "long": float(report.form["long"])}
        self.hold("crm", "case", report, record)
        if system:
            self.hold("crm", "change", report, {"status": "resolved", "at": when})
            ident = "%d_%s" % (number, "2" if system == "highways" else "T")
            self.updates.append((ident, report.reference, "fixed"))

    def hold(self, system, kind, report, record, **more):
        record = {name: value for name, value in record.items() if value is not None}
        self.rows[system].append({"kind": kind, "reference": report.reference,
                                  "record": copy.deepcopy(record), **more})

    def row(self, system, kind, **record):
        """The first row of a kind whose record has these values."""
        return next(r for r in self.rows[system] if r["kind"] == kind
                    and all(r["record"].get(n) == v for n, v in record.items()))

    def check(self):
        """Run the checker; returns (exit code, its last line, what it complained of)."""
        paths = {}
        for name, rows in [("posted", self.posted), *self.rows.items()]:
            paths[name] = os.path.join(self.folder.name, name)
            with open(paths[name], "w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        updates = os.path.join(self.folder.name, "updates.xml")
        with open(updates, "w", encoding="utf-8") as file:
            file.write("<service_request_updates>%s</service_request_updates>" % "".join(
                "<request_update><update_id>%s</update_id><service_request_id>%s"
                "</service_request_id><status>%s</status></request_update>" % one
                for one in self.updates))
        taken = sum(r["kind"] not in ("status", "completed")
                    for rows in self.rows.values() for r in rows)
        arguments = ["check.py", "--updates", updates, "--delivered", str(taken), "--dead", "0"]
        for name, path in paths.items():
            arguments += ["--" + name, path]
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err):
            code = check.main()
        return code, out.getvalue().strip(), err.getvalue()

    def wrong(self, lost, duplicates, complaint):
        code, line, complaints = self.check()
        self.assertEqual(code, 1)
        self.assertIn("lost=%d duplicates=%d" % (lost, duplicates), line)
        self.assertIn(complaint, complaints)

    def test_faultless(self):
        code, line, complaints = self.check()
        self.assertEqual((code, complaints), (0, ""))
        self.assertRegex(line, r"^demo: accepted=\d+ delivered=\d+ dead=0 lost=0 duplicates=0$")

    def test_lost(self):
        for system, kind in (("highways", "enquiry"), ("waste", "worksheet"), ("crm", "case")):
            with self.subTest(system):
                kept = list(self.rows[system])
                self.rows[system].remove(self.row(system, kind))
                self.wrong(1, 0, "lost: %s does not have SR-" % system)
                self.rows[system] = kept

    def test_all_lost(self):
        self.rows = {name: [] for name in self.rows}
        self.assertEqual(self.check()[0], 1)

    def test_duplicates(self):
        for system, kind in (("highways", "enquiry"), ("waste", "worksheet"), ("crm", "case"),
                             ("crm", "change")):
            with self.subTest(system + kind):
                kept = list(self.rows[system])
                self.rows[system].append(self.row(system, kind))
                self.wrong(0, 1, "duplicates: " + system)
                self.rows[system] = kept

    def test_twins_that_were_exchanged(self):
        """Two reports with one text: one sent twice, the other lost."""
        twins = [r for r in self.rows["waste"] if r["kind"] == "worksheet"
                 and "Half a caravan" in r["record"]["WorksheetMessage"]]
        self.assertEqual(len(twins), 2)
        twins[0].update(copy.deepcopy(twins[1]))
        self.wrong(1, 1, "lost: waste")

    def test_swapped_references(self):
        first, second = [r for r in self.rows["crm"] if r["kind"] == "case"][:2]
        first["record"], second["record"] = second["record"], first["record"]
        self.wrong(0, 0, "different: crm SR-")

    def test_fields(self):
        long = next(r for r in self.rows["highways"] if r["kind"] == "enquiry"
                    and len(r["record"]["EnquiryDescription"]) == 2000
                    and r["record"]["EnquiryDescription"].endswith("…"))
        crlf = next(r for r in self.rows["highways"] if r["kind"] == "enquiry"
                    and "\r\n" in r["record"]["EnquiryDescription"])
        zeros = next(r for r in self.rows["waste"] if r["kind"] == "worksheet"
                     and r["record"].get("Uprn", "").startswith("0"))
        placed = next(r for r in self.rows["highways"] if "EnquiryX" in r.get("record", ""))
        case = self.row("crm", "case", category="fly-tipping")
        for row, name, value in [
                (long, "EnquiryDescription", long["record"]["EnquiryDescription"][:-2] + "…"),
                (crlf, "EnquiryDescription",
                 crlf["record"]["EnquiryDescription"].replace("\r\n", "\n")),
                (zeros, "Uprn", zeros["record"].get("Uprn", "").lstrip("0")),
                (placed, "EnquiryX", "%.2f" % (float(placed["record"].get("EnquiryX", 0)) + 8)),
                (placed, "SubjectCode", "SIGN?"),
                (placed, "LoggedTime", "2023-11-14T23:13:20+01:30"),
                (placed, "Surprise", "1"),
                (case, "location", {"lat": case["record"]["location"]["lat"] + 0.000001,
                                    "long": case["record"]["location"]["long"]}),
                (case, "fields", [{"key": "a", "value": "b"}]),
                (case, "title", case["record"]["title"] + " ")]:
            with self.subTest(name=name, value=value):
                kept = row["record"].get(name)
                row["record"][name] = value
                self.wrong(0, 0, "different: ")
                if kept is None:
                    del row["record"][name]
                else:
                    row["record"][name] = kept
        self.assertEqual(self.check()[0], 0)

    def test_strays(self):
        tree = self.row("crm", "case", category="tree")
        self.rows["waste"].append({"kind": "worksheet", "reference": tree["reference"],
                                   "record": {}})
        self.wrong(0, 0, "stray: waste")

    def test_changes(self):
        self.rows["crm"].remove(self.row("crm", "change"))
        self.wrong(1, 0, "lost: crm change of")
        self.tearDown()
        self.setUp()
        self.row("crm", "change")["record"]["status"] = "new"
        self.wrong(1, 1, "crm change of")
        self.tearDown()
        self.setUp()
        self.row("crm", "change")["record"]["note"] = "private"
        self.wrong(0, 0, "a note")

    def test_updates(self):
        kept = list(self.updates)
        self.updates.pop()
        self.wrong(1, 0, "servicerequestupdates lacks")
        self.updates = kept + kept[:1]
        self.wrong(0, 1, "shows %s twice" % kept[0][0])
        self.updates = kept[:-1] + [kept[-1][:2] + ("open",)]
        self.wrong(0, 0, "different: update")

    def test_references(self):
        self.posted.append({**self.posted[0], "repeat": True})
        self.assertEqual(self.check()[0], 0)
        self.posted.append({**self.posted[0], "repeat": True, "reference": "SR-other"})
        self.wrong(0, 1, "got two references")

    def test_refused(self):
        report = copy.deepcopy(self.posted[0])
        report.update(reference="", status=400, id="1")
        self.posted.append(report)
        self.wrong(0, 0, "refused: report 1: status 400")
        report["form"][2][1] = "No such service"
        self.assertEqual(self.check()[0], 0)
        report["status"] = 503
        self.wrong(0, 0, "status 503")


class Rest(unittest.TestCase):
    def test_national_grid(self):
        """The Ordnance Survey's example in its guide to coordinate systems, within 5 m."""
        east, north = national_grid(52 + 39 / 60 + 28.8282 / 3600, 1 + 42 / 60 + 57.8663 / 3600)
        self.assertLess(abs(east - 651409.804), 5)
        self.assertLess(abs(north - 313177.450), 5)

    def test_instants(self):
        self.assertEqual(check.instant("1970-01-01T00:00:01.5Z"), 1500)
        self.assertEqual(check.instant("1970-01-01T01:00:00.0001+01:00"), 0)
        self.assertEqual(check.instant("1970-01-01T00:00:00Z"), 0)

    def test_fit(self):
        self.assertEqual(check.fit("a" * 10, 10), "a" * 10)
        self.assertEqual(check.fit("\U0001f407" * 11, 10), "\U0001f407" * 9 + "…")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
