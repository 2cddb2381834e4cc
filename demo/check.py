#!/usr/bin/python3
"""Did every report arrive, once, as it was written?

Reads the sender's file of what was posted and the vendor systems' own files of what they took,
and nothing of the bus (the numbers of settled and dead deliveries are given to it). Reports are
told apart by the reference the bus gave, never by their text: two people may write the same.

  lost        a report that was accepted and is not in a system it had to reach, or a vendor's
              change of status that the case system did not get (or, with --updates, that the
              GeoReport server does not show)
  duplicates  a report that a system holds twice, a change that came twice, a reference given to
              two reports, a report that got two references
  different   a field that is not what the rules make of the form

What is expected is said here and in services.csv, apart from the maps and tables under test.
"""

import argparse
import collections
import csv
import datetime
import json
import math
import os
import sys
from xml.etree import ElementTree

from coordinates import national_grid

FOLDER = os.path.dirname(os.path.abspath(__file__))
METRES = 5
CANONICAL = {"OPN": "open", "INV": "investigating", "INP": "in_progress", "FIX": "fixed",
             "DUP": "duplicate"}
CASE_STATUS = {"open": "new", "investigating": "in progress", "in_progress": "in progress",
               "fixed": "resolved", "duplicate": "duplicate"}
SPECIAL = {"attribute[fixmystreet_id]", "attribute[uprn]", "attribute[usrn]"}
ELLIPSIS = "…"
UNKNOWN = {"category": "general", "system": "", "first": "", "second": ""}


def rows_of(path, *kinds):
    """The rows of a file of JSON lines that are of these kinds (all, without any)."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if not kinds or row.get("kind") in kinds]


def services():
    """What is expected of each service code."""
    with open(os.path.join(FOLDER, "services.csv"), encoding="utf-8", newline="") as file:
        return {row["service_code"]: row for row in csv.DictReader(file)}


def fit(text, most):
    """Cut to a number of characters; the last one then says that there was more."""
    return text if len(text) <= most else text[:most - 1] + ELLIPSIS


def instant(text):
    """RFC 3339 as milliseconds since 1970."""
    head, _, rest = text.partition(".")
    digits = ""
    while rest and rest[0].isdigit():
        digits, rest = digits + rest[0], rest[1:]
    zone = (rest if digits else "").replace("Z", "+00:00")
    head = head.replace("Z", "+00:00")
    moment = datetime.datetime.fromisoformat(head + zone)
    return int(moment.timestamp() * 1000) + int((digits + "000")[:3])


class Report:
    """One accepted report: its form, and what the systems should hold of it."""

    def __init__(self, row, table):
        self.id = row["id"]
        self.reference = row["reference"]
        self.sent, self.answered = row["sent"], row["answered"]
        self.form = dict(row["form"])
        self.attributes = [(name[len("attribute["):-1], value) for name, value in row["form"]
                           if name.startswith("attribute[") and name not in SPECIAL]
        self.rule = table.get(self.form["service_code"], UNKNOWN)
        self.description = self.form["description"]
        self.summary = self.description.partition("\n")[0][len("title: "):]

    def systems(self):
        """The systems that have to have it."""
        return ["crm"] + ([self.rule["system"]] if self.rule["system"] else [])

    def highways(self):
        """Fields of an enquiry, but place and time."""
        form, rule = self.form, self.rule
        expected = {
            "EnquiryNumber": "1", "EnquiryDescription": fit(self.description, 2000),
            "ServiceCode": rule["first"], "SubjectCode": rule["second"],
            "EnquiryReference": self.reference, "EnquiryLocation": form.get("address_string"),
            "SiteCode": form.get("attribute[usrn]")}
        customer = {"CustomerEmail": form.get("email"), "CustomerPhone": form.get("phone"),
                    "CustomerForename": fit(form.get("first_name", ""), 30) or None,
                    "CustomerSurname": fit(form.get("last_name", ""), 30) or None}
        customer = {name: value for name, value in customer.items() if value}
        if customer:
            expected["EnquiryCustomer"] = {**customer, "EnquiryMethodCode": "WEB"}
        return expected

    def waste(self):
        """Fields of a worksheet."""
        form, rule = self.form, self.rule
        text = "%s\n\n%s" % (self.summary, self.description)
        if "lat" in form:
            text += "\n\n%s,%s" % (form["lat"], form["long"])
        expected = {"Uprn": form.get("attribute[uprn]"), "ServiceId": rule["first"],
                    "WorksheetReference": self.reference, "WorksheetMessage": fit(text, 2000)}
        if rule["second"]:
            expected["ServiceItemInputs"] = [{"ServiceItemId": rule["second"]}]
        return expected

    def crm(self):
        """Members of a case, but place, time and fields."""
        expected = {"externalRef": self.reference, "category": self.rule["category"],
                    "title": fit(self.summary, 120), "details": self.description}
        if self.form.get("email"):
            expected["customer"] = {"email": self.form["email"]}
        return expected


class Check:
    """Gathers what is wrong."""

    def __init__(self):
        self.lost = []
        self.duplicates = []
        self.different = []
        self.stray = []

    # -- fields ------------------------------------------------------------------------

    def same(self, where, got, expected):
        """One field; None means that it must not be there."""
        if got != expected:
            self.different.append("%s: got %s, expected %s" % (where, brief(got), brief(expected)))

    def fields(self, where, got, expected, apart):
        """All fields but those that are compared apart."""
        for name in sorted(set(expected) | set(got) - set(apart)):
            self.same("%s %s" % (where, name), got.get(name), expected.get(name))

    def when(self, where, got, report):
        """The time of acceptance lies between the first try and the answer."""
        try:
            moment = instant(got)
        except (TypeError, ValueError):
            self.different.append("%s: %r is no time" % (where, got))
            return
        if not report.sent - 1500 <= moment <= report.answered + 1500:
            self.different.append("%s: %s is not when it was accepted" % (where, got))

    def enquiry(self, report, row):
        """One enquiry of the highways system."""
        where = "highways " + report.reference
        got = row["record"]
        self.fields(where, got, report.highways(),
                    ("EnquiryX", "EnquiryY", "LoggedTime", "EnquiryAttribute"))
        self.when(where + " LoggedTime", got.get("LoggedTime"), report)
        if "lat" not in report.form:
            self.same(where + " EnquiryX", got.get("EnquiryX"), None)
            return
        east, north = national_grid(float(report.form["lat"]), float(report.form["long"]))
        off = math.dist((east, north), (float(got.get("EnquiryX", "nan")),
                                        float(got.get("EnquiryY", "nan"))))
        if not off <= METRES:
            self.different.append("%s: the place is %.1f m off" % (where, off))
        attributes = {one["EnqAttribStringValue"] for one in got.get("EnquiryAttribute", [])}
        if not attributes <= {value for _, value in report.attributes}:
            self.different.append(where + " EnquiryAttribute: a value nobody gave")

    def worksheet(self, report, row):
        """One worksheet of the waste system."""
        self.fields("waste " + report.reference, row["record"], report.waste(),
                    ("ServicePropertyInputs",))
        values = set(row["record"].get("ServicePropertyInputs", {}).values())
        if not values <= {value for _, value in report.attributes}:
            self.different.append("waste %s: a property nobody gave" % report.reference)

    def case(self, report, row):
        """One case of the case system."""
        where = "crm " + report.reference
        got = row["record"]
        self.fields(where, got, report.crm(), ("location", "openedAt", "fields"))
        self.when(where + " openedAt", got.get("openedAt"), report)
        expected = None
        if "lat" in report.form:
            expected = {"lat": float(report.form["lat"]), "long": float(report.form["long"])}
        self.same(where + " location", got.get("location"), expected)
        pairs = sorted((one["key"], one["value"]) for one in got.get("fields", []))
        self.same(where + " fields", pairs, sorted(report.attributes))

    # -- whole files -------------------------------------------------------------------

    def posted(self, rows, table):
        """Accepted reports by reference."""
        reports, references = {}, {}
        for row in rows:
            if not row["reference"]:
                continue
            before = references.setdefault((row["form"][2][1], row["id"]), row["reference"])
            if before != row["reference"]:
                self.duplicates.append("report %s got two references" % row["id"])
            if row.get("repeat"):
                continue
            if row["reference"] in reports:
                self.duplicates.append("%s was given to two reports" % row["reference"])
            reports[row["reference"]] = Report(row, table)
        return reports

    def system(self, name, reports, rows, compare):
        """One system's file: each expected report once, and nothing else."""
        held = collections.defaultdict(list)
        for row in rows:
            held[row["reference"]].append(row)
        for reference, report in reports.items():
            if name not in report.systems():
                continue
            if reference not in held:
                self.lost.append("%s does not have %s" % (name, reference))
            else:
                compare(report, held[reference][0])
        for reference, several in held.items():
            if len(several) > 1:
                self.duplicates.append("%s has %s %d times" % (name, reference, len(several)))
            if reference not in reports or name not in reports[reference].systems():
                self.stray.append("%s has %s, which it should not" % (name, reference))

    def changes(self, expected, rows):
        """The case system got each change of status once."""
        got = collections.defaultdict(collections.Counter)
        for row in rows:
            got[row["reference"]][row["record"]["status"]] += 1
            if row["record"].get("note"):
                self.different.append("crm %s: a note, and there was none" % row["reference"])
        for reference, updates in expected.items():
            wanted = collections.Counter(CASE_STATUS[status] for status in updates.values())
            self._compare("crm change of", reference, wanted, got.pop(reference, {}))
        for reference in got:
            self.stray.append("crm has changes of %s, which had none" % reference)

    def updates(self, expected, shown):
        """The GeoReport server shows each change once, with its status."""
        seen = collections.Counter((one["reference"], one["id"]) for one in shown)
        statuses = {(one["reference"], one["id"]): one["status"] for one in shown}
        for reference, updates in expected.items():
            for ident, status in updates.items():
                key = (reference, ident)
                if key not in seen:
                    self.lost.append("servicerequestupdates lacks %s of %s" % (ident, reference))
                else:
                    self.same("update %s status" % ident, statuses[key], status)
        for (reference, ident), times in seen.items():
            if times > 1:
                self.duplicates.append("servicerequestupdates shows %s twice" % ident)
            if ident not in expected.get(reference, {}):
                self.stray.append("servicerequestupdates shows %s of %s" % (ident, reference))

    def _compare(self, what, reference, wanted, got):
        for value in set(wanted) | set(got):
            less = wanted.get(value, 0) - got.get(value, 0)
            text = "%s %s: %s" % (what, reference, value)
            self.lost.extend([text] * max(less, 0))
            self.duplicates.extend([text] * max(-less, 0))


def brief(value):
    """A value short enough to show; long texts by their length and where they end."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 90 else "%s...%s (%d characters)" % (
        text[:30], text[-40:], len(value) if isinstance(value, str) else len(text))


def vendor_changes(highways, waste, reports):
    """What the vendors' files say was changed: {reference: {update id: canonical status}}."""
    expected = collections.defaultdict(dict)
    for row in highways:
        if row["kind"] == "status" and row["reference"] in reports and row["code"] in CANONICAL:
            ident = "%d_%d" % (row["number"], row["log"])
            expected[row["reference"]][ident] = CANONICAL[row["code"]]
    for row in waste:
        if row["kind"] == "completed":
            ident = "%d_%s" % (row["id"], row["completedDate"])
            expected[row["reference"]][ident] = "fixed"
    return expected


def shown_updates(path):
    """The updates in an answer of GET servicerequestupdates.xml."""
    found = ElementTree.parse(path).getroot().findall("request_update")
    return [{"id": one.findtext("update_id"), "reference": one.findtext("service_request_id"),
             "status": one.findtext("status")} for one in found]


def rightly(row, table):
    """Was this report refused as it should be: told so, for a reason?"""
    fields = dict(row["form"])
    told = 400 <= row["status"] < 500
    return told and (fields["service_code"] not in table
                     or not 1 <= len(fields["description"]) <= 4000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--posted", required=True)
    for name in ("highways", "waste", "crm"):
        parser.add_argument("--" + name, required=True, help="what the %s system took" % name)
    parser.add_argument("--updates", help="an answer of GET servicerequestupdates.xml")
    parser.add_argument("--delivered", type=int, required=True)
    parser.add_argument("--dead", type=int, required=True)
    options = parser.parse_args()

    check = Check()
    table = services()
    posted = rows_of(options.posted)
    refused = [row for row in posted if not row["reference"]]
    reports = check.posted(posted, table)
    highways, waste = rows_of(options.highways), rows_of(options.waste)
    crm = rows_of(options.crm)
    check.system("highways", reports, [r for r in highways if r["kind"] == "enquiry"],
                 check.enquiry)
    check.system("waste", reports, [r for r in waste if r["kind"] == "worksheet"],
                 check.worksheet)
    check.system("crm", reports, [r for r in crm if r["kind"] == "case"], check.case)
    expected = vendor_changes(highways, waste, reports)
    check.changes(expected, [r for r in crm if r["kind"] == "change"])
    if options.updates:
        check.updates(expected, shown_updates(options.updates))

    for name in ("lost", "duplicates", "stray", "different"):
        for text in getattr(check, name)[:20]:
            print("demo: %s: %s" % (name, text), file=sys.stderr)
    for row in refused:
        print("demo: refused: report %s: status %s" % (row["id"], row["status"]), file=sys.stderr)
    taken = sum(row["kind"] in ("enquiry", "worksheet", "case", "change")
                for row in highways + waste + crm)
    if options.delivered != taken:
        print("demo: the systems hold %d things, %d deliveries are settled"
              % (taken, options.delivered), file=sys.stderr)
    print("demo: accepted=%d delivered=%d dead=%d lost=%d duplicates=%d"
          % (len(reports), options.delivered, options.dead, len(check.lost),
             len(check.duplicates)))
    refused = [row for row in refused if not rightly(row, table)]
    wrong = (check.lost or check.duplicates or check.stray or check.different or refused
             or not reports or options.delivered != taken)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
