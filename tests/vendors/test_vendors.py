#!/usr/bin/python3
"""The simulated vendor systems, tried alone: what they take, what they refuse, how they misbehave
when told to, and that they go on after they were killed.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CONFIRM = "http://www.confirm.co.uk/schema/am/connector/webservice"
WASTE = "http://webservices.whitespacews.com/"

AUTH = ("<Authentication><Username>packhorse</Username><Password>highways-password</Password>"
        "<DatabaseId>DEMO</DatabaseId></Authentication>")
FIELDS = [
    ("EnquiryNumber", "1"), ("EnquiryX", "408120.25"), ("EnquiryY", "425310.75"),
    ("EnquiryDescription", "title: A hole &amp; more\r\n&#13;\U0001f407 \u201cquoted\u201d"),
    ("ServiceCode", "HM"), ("SubjectCode", "POTH"), ("LoggedTime", "2025-06-01T10:00:00+01:00"),
    ("EnquiryReference", "SR-0123456789ABC"), ("EnquiryLocation", "by the mill"),
    ("EnquiryCustomer", "<CustomerEmail>a@example.org</CustomerEmail>"
                        "<EnquiryMethodCode>WEB</EnquiryMethodCode>"),
]


class Simulator:
    """One simulator process and its doors."""

    def __init__(self, name, file, *options):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(FOLDER, name + ".py"), "--file", file, *options],
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.control = int(self.process.stdout.readline().split()[1])
        self.file = file

    def call(self, method, path, body=None, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def tell(self, name, **order):
        status, text = self.call("POST", "/_sim/" + name, json.dumps(order), port=self.control)
        return status, json.loads(text)

    def state(self):
        return json.loads(self.call("GET", "/_sim/state", port=self.control)[1])

    def rows(self, kind):
        with open(self.file, encoding="utf-8") as file:
            return [row for row in map(json.loads, file) if row["kind"] == kind]

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()


def wait_until(condition, seconds=60):
    """Wait for a condition with a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


def confirm(operation, auth=AUTH):
    return ('<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="%s"><s:Body>'
            '<ProcessOperationsRequest xmlns="%s"><Request>%s<Operation>%s</Operation></Request>'
            '</ProcessOperationsRequest></s:Body></s:Envelope>'
            % (SOAP, CONFIRM, auth, operation)).encode()


def enquiry(fields=None):
    return confirm("<NewEnquiry>%s</NewEnquiry>" % "".join(
        "<%s>%s</%s>" % (name, value, name) for name, value in fields or FIELDS))


def changed(name, value):
    return [(n, value if n == name else v) for n, v in FIELDS if n != name or value is not None]


class Case(unittest.TestCase):
    """One simulator for all tests of a class, told to forget everything before each. A test that
    starts another leaves none behind."""
    name = None
    options = ("--status-after", "0")

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = os.path.join(cls.folder.name, "accepted.jsonl")
        cls.sim = None
        cls.special = False

    @classmethod
    def tearDownClass(cls):
        if cls.sim:
            cls.sim.end()
        cls.folder.cleanup()

    def setUp(self):
        cls = type(self)
        if cls.special:
            cls.sim.end()
            os.unlink(cls.file)
        if cls.special or not cls.sim:
            cls.sim = Simulator(self.name, self.file, *self.options)
            cls.special = False
        else:
            self.assertEqual(self.sim.tell("reset")[0], 200)

    def start(self, *options):
        """Another with other options, on the same file."""
        cls = type(self)
        cls.sim = Simulator(self.name, self.file, *options)
        cls.special = True


class HighwaysCalls(Case):
    """The calls of the highways system."""
    name = "highways"
    options = ("--status-after", "0", "--foreign", "0")

    def send(self, body, **more):
        return self.sim.call("POST", "/", body, {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": '"%s/ProcessOperations"' % CONFIRM, **more})

    def poll(self, since="2020-01-01T00:00:00Z", until="2999-01-01T00:00:00Z"):
        return self.send(confirm(
            "<GetEnquiryStatusChanges><LoggedTimeFrom>%s</LoggedTimeFrom><LoggedTimeTo>%s"
            "</LoggedTimeTo></GetEnquiryStatusChanges>" % (since, until)))


class Highways(HighwaysCalls):
    """What it takes and refuses, and how time passes."""

    def test_takes_and_keeps_all(self):
        status, text = self.send(enquiry())
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r"NewEnquiryResponse>.*EnquiryNumber>2000001<")
        row, = self.sim.rows("enquiry")
        self.assertEqual(row["reference"], "SR-0123456789ABC")
        self.assertEqual(row["record"]["EnquiryDescription"],
                         "title: A hole & more\n\r\U0001f407 \u201cquoted\u201d")
        self.assertEqual(row["record"]["EnquiryCustomer"]["CustomerEmail"], "a@example.org")

    def test_creates_a_second_one_of_the_same(self):
        self.send(enquiry())
        _, text = self.send(enquiry())
        self.assertIn("2000002", text)
        self.assertEqual(len(self.sim.rows("enquiry")), 2)

    def test_refuses(self):
        swapped = FIELDS[:4] + [FIELDS[5], FIELDS[4]] + FIELDS[6:]
        for what, fields in [
                ("swapped", swapped), ("x after y", [FIELDS[0], FIELDS[2], FIELDS[1]] + FIELDS[3:]),
                ("empty", changed("EnquiryDescription", "")),
                ("over-long", changed("EnquiryDescription", "x" * 2001)),
                ("missing", changed("EnquiryReference", None)),
                ("unknown", FIELDS + [("Surprise", "1")]),
                ("naive time", changed("LoggedTime", "2025-06-01T10:00:00")),
                ("not a number", changed("EnquiryX", "far")),
                ("long surname", changed("EnquiryCustomer", "<CustomerSurname>%s</CustomerSurname>"
                                         "<EnquiryMethodCode>WEB</EnquiryMethodCode>" % ("y" * 31))),
                ("customer out of order",
                 changed("EnquiryCustomer", "<CustomerPhone>1</CustomerPhone><CustomerEmail>a@b"
                                            "</CustomerEmail><EnquiryMethodCode>W"
                                            "</EnquiryMethodCode>"))]:
            with self.subTest(what):
                status, text = self.send(enquiry(fields))
                self.assertEqual(status, 500)
                self.assertIn(":Client<", text)
        self.assertEqual(self.sim.rows("enquiry"), [])

    def test_2000_characters_outside_the_basic_plane(self):
        status, _ = self.send(enquiry(changed("EnquiryDescription", "\U0001f407" * 2000)))
        self.assertEqual(status, 200)

    def test_refuses_bad_envelopes(self):
        self.assertIn("not XML", self.send(b"<a")[1])
        self.assertIn("SOAPAction", self.send(enquiry(), SOAPAction='"other"')[1])
        self.assertIn("text/xml", self.send(enquiry(), **{"Content-Type": "text/plain"})[1])
        bomb = b'<!DOCTYPE a [<!ENTITY b "c">]>' + enquiry().split(b"?>", 1)[1]
        self.assertEqual(self.send(bomb)[0], 500)

    def test_faults_of_its_own(self):
        status, text = self.send(enquiry().replace(b"highways-password", b"wrong"))
        self.assertEqual(status, 200)
        self.assertRegex(text, r"ProcessOperationsResponse>.*Fault>.*Reason>Authentication")
        _, text = self.send(enquiry(changed("SubjectCode", "ZZZZ")))
        self.assertRegex(text, "Reason>Service HM with subject ZZZZ")
        self.assertEqual(self.sim.rows("enquiry"), [])

    def test_polls(self):
        self.send(enquiry())
        self.send(enquiry())
        for number in (2000001, 2000002):
            for code in ("INP", "FIX"):
                self.sim.tell("status", number=number, code=code)
        self.sim.tell("status", reference="SR-0123456789ABC", code="INP",
                      logged="2024-10-27T01:30:00.0000+00:00")
        status, text = self.poll()
        self.assertEqual(status, 200)
        self.assertEqual(text.count("UpdatedEnquiry>"), 2 * 3, text)
        self.assertEqual(text.count("EnquiryStatusLog>"), 2 * 5)
        self.assertIn("2024-10-27T01:30:00.0000+00:00", text)
        self.assertTrue(re.search(r"LoggedTime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{4}(Z|[+])", text))
        self.assertNotIn("UpdatedEnquiry", self.poll(until="2020-01-02T00:00:00Z")[1])

    def test_time_passes_and_survives_a_kill(self):
        self.sim.end()
        self.start("--status-after", "0.1", "--foreign", "1")
        self.send(enquiry())
        wait_until(lambda: len(self.sim.rows("status")) >= 4)
        self.sim.end(signal.SIGKILL)
        with open(self.file, "a", encoding="utf-8") as file:
            file.write('{"kind": "enqu')
        self.start("--status-after", "0.1", "--foreign", "1")
        codes = [row["code"] for row in self.sim.rows("status") if row["number"] == 2000001]
        self.assertEqual(codes, ["INP", "FIX"])
        self.assertIn("2000002", self.send(enquiry())[1])
        wait_until(lambda: len(self.sim.rows("status")) >= 6)

    def test_forgets_when_told(self):
        self.send(enquiry())
        self.sim.tell("mode", mode="slow", delay=60)
        late = threading.Thread(target=self.late)
        late.start()
        wait_until(lambda: self.sim.state()["calls"].get("slow"))
        self.assertEqual(self.sim.tell("reset")[0], 200)
        late.join()
        self.assertEqual(self.sim.rows("enquiry"), [])
        self.assertIn("2000001", self.send(enquiry())[1])
        self.assertEqual(len(self.sim.rows("enquiry")), 1)

    def late(self):
        """A call that the reset overtakes: it gets no answer."""
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.send(enquiry())


class Modes(HighwaysCalls):
    """The modes, tried on one simulator: they are the same code for all."""

    def test_down_refuses_and_comes_back(self):
        self.sim.tell("mode", mode="down")
        wait_until(self.refused)
        self.assertEqual(self.sim.tell("mode", mode="up")[0], 200)
        wait_until(lambda: not self.refused())
        self.assertEqual(self.send(enquiry())[0], 200)
        self.sim.tell("mode", mode="down", seconds=0.3)
        wait_until(lambda: self.sim.state()["mode"] == "up")
        wait_until(lambda: not self.refused())

    def refused(self):
        try:
            self.sim.call("GET", "/_sim/state")
        except ConnectionRefusedError:
            return True
        return False

    def test_down_503(self):
        self.sim.tell("mode", mode="down", how="503", count=1)
        self.assertEqual(self.send(enquiry())[0], 503)
        self.assertEqual(self.send(enquiry())[0], 200)

    def test_reset(self):
        self.sim.tell("mode", mode="down", how="reset", count=1)
        with self.assertRaises(ConnectionError):
            self.send(enquiry())
        self.assertEqual(self.sim.rows("enquiry"), [])

    def test_fault(self):
        self.sim.tell("mode", mode="fault", count=2)
        self.assertEqual(self.poll()[0], 200)
        self.assertIn(":Server<", self.send(enquiry())[1])
        self.assertIn(":Server<", self.send(enquiry())[1])
        self.sim.tell("mode", mode="fault", kind="client", count=1)
        self.assertIn(":Client<", self.send(enquiry())[1])
        self.assertEqual(self.sim.rows("enquiry"), [])

    def test_hang_keeps_and_never_answers(self):
        self.sim.tell("mode", mode="hang", count=1)
        connection = http.client.HTTPConnection("127.0.0.1", self.sim.port, timeout=60)
        connection.request("POST", "/", enquiry(), {
            "Content-Type": "text/xml", "SOAPAction": '"%s/ProcessOperations"' % CONFIRM})
        wait_until(lambda: len(self.sim.rows("enquiry")) == 1)
        connection.sock.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            connection.getresponse()
        connection.close()
        self.assertEqual(len(self.sim.rows("enquiry")), 1)

    def test_malformed(self):
        self.sim.tell("mode", mode="malformed", on="poll", count=1)
        connection = http.client.HTTPConnection("127.0.0.1", self.sim.port, timeout=60)
        connection.request("POST", "/", confirm(
            "<GetEnquiryStatusChanges><LoggedTimeFrom>2020-01-01T00:00:00Z</LoggedTimeFrom>"
            "<LoggedTimeTo>2999-01-01T00:00:00Z</LoggedTimeTo></GetEnquiryStatusChanges>"),
            {"Content-Type": "text/xml", "SOAPAction": '"%s/ProcessOperations"' % CONFIRM})
        self.assertTrue(connection.getresponse().read().endswith(b"<&\x80"))
        connection.close()

    def test_slow(self):
        self.sim.tell("mode", mode="slow", delay=0.3, count=1)
        start = time.monotonic()
        self.assertEqual(self.send(enquiry())[0], 200)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)
        for done in (False, True):
            self.sim.tell("mode", mode="slow", delay=600, count=1, done=done)
            before = len(self.sim.rows("enquiry"))
            call = threading.Thread(target=self.send, args=(enquiry(),))
            call.start()
            wait_until(lambda: self.sim.state()["calls"]["slow"] == 2 + done)
            if done:
                wait_until(lambda: len(self.sim.rows("enquiry")) == before + 1)
            self.assertTrue(call.is_alive())
            self.assertEqual(len(self.sim.rows("enquiry")), before + done)
            self.sim.tell("mode", mode="up")
            call.join(60)
            self.assertEqual(len(self.sim.rows("enquiry")), before + 1)

    def test_bad_orders(self):
        self.assertEqual(self.sim.tell("mode", mode="sideways")[0], 400)
        self.assertEqual(self.sim.tell("mode", mode="slow", delay="long")[0], 400)
        self.assertEqual(self.sim.tell("dance")[0], 404)


class Hook(BaseHTTPRequestHandler):
    """A webhook that says no the first time."""
    seen = []

    def do_POST(self):
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        good = len(self.seen) > 1
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(b"OK" if good else b"no")

    def log_message(self, *_):
        pass


class Waste(Case):
    name = "waste"
    inputs = "http://schemas.datacontract.org/2004/07/WSAPIAuth.Web.Inputs"

    def envelope(self, inner, password="waste-password", understand="1"):
        return ('<s:Envelope xmlns:s="%s"><s:Header><o:Security s:mustUnderstand="%s" xmlns:o='
                '"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
                '"><o:UsernameToken><o:Username>packhorse</o:Username><o:Password>%s</o:Password>'
                '</o:UsernameToken></o:Security></s:Header><s:Body><CreateWorksheet xmlns="%s" '
                'xmlns:i="%s"><worksheetInput>%s</worksheetInput></CreateWorksheet></s:Body>'
                '</s:Envelope>' % (SOAP, understand, password, WASTE, self.inputs, inner)).encode()

    def send(self, inner, **more):
        return self.sim.call("POST", "/", self.envelope(inner, **more), {
            "Content-Type": "text/xml", "SOAPAction": '"%sCreateWorksheet"' % WASTE})

    def inner(self, service="1", item="101", message="bin\U0001f5d1", more="", uprn="007"):
        items = ("<ServiceItemInputs><i:Input.CreateWorksheetInput.ServiceItemInput>"
                 "<i:ServiceItemId>%s</i:ServiceItemId>"
                 "</i:Input.CreateWorksheetInput.ServiceItemInput></ServiceItemInputs>" % item)
        return ("<Uprn>%s</Uprn><ServiceId>%s</ServiceId><WorksheetReference>SR-1"
                "</WorksheetReference><WorksheetMessage>%s</WorksheetMessage>%s%s"
                % (uprn, service, message, items if item else "", more))

    def test_takes_and_keeps_all(self):
        more = ("<ServicePropertyInputs><i:Input.CreateWorksheetInput.ServicePropertyInput>"
                "<i:ServicePropertyId>79</i:ServicePropertyId><i:ServicePropertyValue>No"
                "</i:ServicePropertyValue></i:Input.CreateWorksheetInput.ServicePropertyInput>"
                "</ServicePropertyInputs>")
        status, text = self.send(self.inner(more=more))
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r"ErrorCode>0<.*anyType>500001<")
        row, = self.sim.rows("worksheet")
        self.assertEqual(row["reference"], "SR-1")
        self.assertEqual(row["record"]["Uprn"], "007")
        self.assertEqual(row["record"]["WorksheetMessage"], "bin\U0001f5d1")
        self.assertEqual(row["record"]["ServiceItemInputs"], [{"ServiceItemId": "101"}])
        self.assertEqual(row["record"]["ServicePropertyInputs"], {"79": "No"})

    def test_refuses(self):
        wrong_place = self.inner().replace("i:ServiceItemId", "ServiceItemId")
        swapped = self.inner().replace("<ServiceId>1</ServiceId>", "", 1) + "<ServiceId>1</ServiceId>"
        for what, inner in [("over-long", self.inner(message="x" * 2001)),
                            ("empty", self.inner(message="")), ("swapped", swapped),
                            ("no items in inputs", self.inner(item="")
                             + "<ServiceItemInputs></ServiceItemInputs>"),
                            ("empty uprn", self.inner(uprn="")),
                            ("namespace of an input", wrong_place)]:
            with self.subTest(what):
                status, text = self.send(inner)
                self.assertEqual(status, 500)
                self.assertIn(":Client<", text)
        self.assertIn("authenticated", self.send(self.inner(), password="wrong")[1])
        self.assertIn("mustUnderstand", self.send(self.inner(), understand="0")[1])
        self.assertRegex(self.send(self.inner(service="99"))[1], "ErrorCode>6<")
        self.assertRegex(self.send(self.inner(item="999"))[1], "ErrorCode>7<")
        self.assertRegex(self.send(self.inner(service="10", item="101"))[1], "ErrorCode>7<")
        self.assertEqual(self.sim.rows("worksheet"), [])
        self.assertEqual(self.send(self.inner(service="10", item=""))[0], 200)

    def test_completion_is_told_until_ok(self):
        Hook.seen.clear()
        server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ("--status-after", "0", "--retry", "0.1", "--webhook",
                   "http://127.0.0.1:%d/hook" % server.server_port)
        self.sim.end()
        self.start(*options)
        self.send(self.inner())
        self.send(self.inner())
        self.sim.tell("complete", id=500001, completedDate="2024-10-27T01:30:00")
        wait_until(lambda: len(self.sim.rows("poked")) == 1)
        self.assertEqual(len(Hook.seen), 2)
        self.assertIn("<completedDate>2024-10-27T01:30:00</completedDate>", Hook.seen[0])
        self.assertRegex(Hook.seen[0], r"<hub:WorksheetPoke xmlns:hub=.*><secret>poke-secret<")
        self.sim.end(signal.SIGKILL)
        self.start(*options)
        self.sim.tell("complete", reference="SR-1")
        wait_until(lambda: len(self.sim.rows("poked")) == 2)
        self.assertEqual(len(Hook.seen), 3)
        self.assertIn("<worksheetId>500002</worksheetId>", Hook.seen[2])
        server.shutdown()
        server.server_close()


class Crm(Case):
    name = "crm"
    case = {"externalRef": "SR-0123456789ABC", "category": "potholes", "title": "A hole",
            "details": "Deep\r\n\U0001f407", "openedAt": "2025-06-01T09:00:00.123Z",
            "location": {"lat": 53.72, "long": -1.86}, "customer": {"email": "a@example.org"},
            "fields": [{"key": "size", "value": "10cm"}]}

    def send(self, body, method="POST", path="/cases", kind="application/json",
             match=None):
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        headers = {"Content-Type": kind, **({"If-Match": match} if match else {})}
        status, text = self.sim.call(method, path, body, headers)
        return status, json.loads(text)

    def test_opens_and_changes(self):
        status, made = self.send(self.case)
        self.assertEqual((status, made["id"]), (201, "CAS-000001"))
        self.assertEqual(self.send(self.case)[1]["id"], "CAS-000002")
        status, case = self.send({"status": "resolved", "at": "2025-06-01T09:00:00Z"},
                                 "PATCH", "/cases/CAS-000001")
        self.assertEqual((status, case["status"]), (200, "resolved"))
        self.sim.end(signal.SIGKILL)
        self.start(*self.options)
        status, text = self.sim.call("GET", "/cases/CAS-000001")
        self.assertEqual(json.loads(text)["details"], self.case["details"])
        self.assertEqual(len(json.loads(text)["changes"]), 1)
        self.assertEqual(self.send(self.case)[1]["id"], "CAS-000003")

    def test_refuses(self):
        for what, change in [("long title", {"title": "x" * 121}), ("empty title", {"title": ""}),
                             ("unknown", {"surprise": 1}), ("text for number",
                                                            {"location": {"lat": "1", "long": 2}}),
                             ("half a place", {"location": {"lat": 1}}),
                             ("bad mail", {"customer": {"email": "a"}}),
                             ("naive", {"openedAt": "2025-06-01T09:00:00"})]:
            with self.subTest(what):
                self.assertEqual(self.send({**self.case, **change})[0], 422)
        self.assertEqual(self.send("{")[0], 400)
        self.assertEqual(self.send('{"title": "a", "title": "b"}')[0], 400)
        self.assertEqual(self.send(self.case, kind="text/plain")[0], 415)
        self.assertEqual(self.send({}, "PATCH", "/cases/CAS-9")[0], 404)
        self.send(self.case)
        self.assertEqual(self.send({"status": "gone", "at": "2025-06-01T09:00:00Z"}, "PATCH",
                                   "/cases/CAS-000001")[0], 422)
        self.assertEqual(len(self.sim.rows("case")), 1)

    def test_takes_whole_cases_of_the_state_they_were_read_in(self):
        self.send(self.case)
        whole = {**self.case, "status": "resolved"}
        path = "/cases/CAS-000001"
        self.assertEqual(self.send({"status": "resolved"}, "PUT", path)[0], 422)
        self.assertEqual(self.send({**whole, "id": "CAS-000001"}, "PUT", path)[0], 422)
        self.assertEqual(self.send(whole, "PUT", path, match='"1"')[0], 200)
        self.assertEqual(self.send(whole, "PUT", path, match='"1"')[0], 412)
        self.sim.tell("meddle", count=1)
        self.sim.call("GET", path)
        case = json.loads(self.sim.call("GET", path)[1])
        self.assertEqual((case["title"], case["status"]), ("Retitled 2", "resolved"))
        self.sim.tell("forget", id="CAS-000001")
        self.assertEqual(self.sim.call("GET", path)[0], 404)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
