"""map - what a document costs on its way through a map, on one core and in one run.

Each line is the time of the processor for one document, in microseconds ("us"), with "bytes", its size,
"per_second", and where a library of ours took part "allocations": how often it and others called malloc
for a document, by library. Ratios are against the limits of the same turn: the same bytes through bare
libxml2 (SAX2, callbacks that do nothing) and through JSON readers, and against other engines doing the
same change. --sizes adds the cost of growing documents up to 10 MB, and of files of
100 MB in pieces.

Readers and engines that are not installed are left out, with a word; ./dev bench map installs those
of Debian. A Camel route and Bloblang are fetched and built into the build directory where Maven's
and Go's own sources of packages can be reached; each is kept only if it makes of the case the very
document that ours makes.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile

import map_peers
from harness import ROOT, call, line, program, say

HERE = os.path.join(ROOT, "bench", "map")
HIGHWAYS = os.path.join(ROOT, "adapters", "highways")
SAMPLES = os.path.join(HIGHWAYS, "samples", "confirm-enquiry")
CRM = os.path.join(ROOT, "adapters", "crm")
FORMATS = os.path.join(ROOT, "tests", "formats")
ENQUIRY = map_peers.ENQUIRY
REPORT = os.path.join(SAMPLES, "pothole.canonical.json")
CASE = map_peers.CASE
OPEN311 = os.path.join(ROOT, "adapters", "open311")
FORM = os.path.join(OPEN311, "samples", "open311-request", "report.in.form")
READERS = ["simdjson-dom", "simdjson-dom-to-tree", "simdjson-on-demand", "rapidjson-in-place", "cjson"]


def sample(name, file):
    """A document of the maps that the tests of the formats have."""
    return os.path.join(FORMATS, "samples", name, file)


def members(folder, count):
    """CSV: a header and so many rows of 44 or 45 bytes."""
    path = os.path.join(folder, f"members-{count}.csv")
    with open(path, "w", encoding="cp1252") as out:
        out.write("Member No,Surname,Forename,Changed,Remarks\n")
        for number in range(count):
            out.write(f"{number:07d},Wood,Zo\u00eb,01/02/2024 10:30,\"note, {number}\"\n")
    return path


def permits(folder, count):
    """Fixed width: so many lines of 33 bytes."""
    path = os.path.join(folder, f"permits-{count}.txt")
    with open(path, "w", encoding="latin-1") as out:
        for number in range(count):
            out.write(f"{number % 1000000:06d}Wood        00450020240115\n")
    return path


def case(folder, size):
    """A JSON case with a history that makes it so large."""
    with open(CASE, encoding="utf-8") as file:
        content = json.load(file)
    change = {"at": "2025-07-04T10:12:33+01:00", "by": "desk", "status": "in progress"}
    left = size - len(json.dumps(content, ensure_ascii=False).encode())
    content["changes"] = [change] * max(0, left // (len(json.dumps(change)) + 2))
    path = os.path.join(folder, f"case-{size}.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(content, out, ensure_ascii=False)
    return path


def status_rows(folder, size):
    """Rows of a status log in XML, each of another enquiry and each a message, so many bytes."""
    row = ("<c:UpdatedEnquiry><c:EnquiryNumber>{}</c:EnquiryNumber><c:EnquiryStatusLog>"
           "<c:EnquiryLogNumber>2</c:EnquiryLogNumber><c:LoggedTime>2018-03-01T13:30:00.4000Z"
           "</c:LoggedTime><c:StatusLogNotes>Gang 7 has the key</c:StatusLogNotes><c:EnquiryStatusCode>"
           "INP</c:EnquiryStatusCode></c:EnquiryStatusLog></c:UpdatedEnquiry>\n")
    path = os.path.join(folder, f"rows-{size}.xml")
    with open(path, "w") as out:
        out.write('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
                  '<c:ProcessOperationsResponse xmlns:c="http://www.confirm.co.uk/schema/am/connector/'
                  'webservice"><c:OperationResponse><c:GetEnquiryStatusChangesResponse>\n')
        for number in range(max(1, (size - 400) // (len(row) + 5))):
            out.write(row.format(2000000 + number))
        out.write("</c:GetEnquiryStatusChangesResponse></c:OperationResponse>"
                  "</c:ProcessOperationsResponse></s:Body></s:Envelope>\n")
    return path


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.plain = self.without_xsd()
        self.values, self.last = {}, {}
        self.tools = {name: self.build(name, compiler, source, libraries)
                      for name, compiler, source, libraries in (
                          ("readers", ["c++", "-std=c++17"], "readers.cc", ["simdjson", "cjson"]),
                          ("transforms", ["cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L"],
                           "transforms.c", ["xslt", "xml2", "jq"]))}
        self.peers = map_peers.peers(options.warm_up)

    def build(self, name, compiler, source, libraries):
        path = os.path.join(self.folder, name)
        done = subprocess.run(
            compiler + ["-O2", "-I" + ROOT, "-I/usr/include/libxml2", "-o", path,
                        os.path.join(HERE, source)] + ["-l" + name for name in libraries],
            capture_output=True, text=True)
        if done.returncode == 0:
            return path
        say(f"{source} does not build here, so what it measures is left out: ./dev bench map "
            "installs libsimdjson-dev, rapidjson-dev, libcjson-dev, libxslt1-dev and libjq-dev")
        return None

    def without_xsd(self):
        """The highways connector, whose maps name no schema of the vendor's."""
        folder = os.path.join(self.folder, "highways")
        shutil.copytree(HIGHWAYS, folder)
        path = os.path.join(folder, "maps", "confirm-enquiry.yaml")
        with open(path) as file:
            lines = [line for line in file if not line.lstrip().startswith("schema:")]
        with open(path, "w") as file:
            file.writelines(lines)
        return folder

    def take(self, name, command):
        """One measurement; nothing if the program is not there."""
        if command[0] is None:
            return
        self.last[name] = call([str(part) for part in command])[0]
        self.values.setdefault(name, []).append(self.last[name]["us"])

    def map(self, name, what, way, path, *folders):
        self.take(name, [program("bench", "maps"), what, way, path, self.options.seconds,
                         *folders, ROOT])

    def bare(self, name, path):
        self.take(name, [program("bench", "maps"), name, "-", path, self.options.seconds])

    def reader(self, name, path):
        self.take(name, [self.tools["readers"], name, path, self.options.seconds])

    def own(self, form, path):
        self.take(f"own-{form}-reader", [program("bench", "reader"), form, path,
                                         self.options.seconds])

    def transform(self, name, engine, source, path, *back):
        self.take(name, [self.tools["transforms"], engine, os.path.join(HERE, source), path,
                         self.options.seconds, *(os.path.join(HERE, b) for b in back)])

    def others(self, path):
        """The peers that change this document."""
        for peer in self.peers:
            if peer.path == path:
                self.last[peer.name] = peer.measure(self.options.seconds)
                self.values.setdefault(peer.name, []).append(self.last[peer.name]["us"])

    def turn(self):
        self.bare("sax2", ENQUIRY)
        self.own("xml", ENQUIRY)
        self.map("enquiry-xml-in", "confirm-enquiry", "in", ENQUIRY, self.plain)
        self.map("enquiry-xml-in-held-to-xsd", "confirm-enquiry", "in", ENQUIRY, HIGHWAYS)
        self.bare("sax2-parser-kept", ENQUIRY)
        self.transform("libxslt-enquiry-in", "xslt", "enquiry.xsl", ENQUIRY)
        self.others(ENQUIRY)
        self.map("enquiry-xml-out", "confirm-enquiry", "out", REPORT, self.plain)
        self.map("enquiry-xml-out-held-to-xsd", "confirm-enquiry", "out", REPORT, HIGHWAYS)
        for name in READERS:
            self.reader(name, CASE)
        self.bare("jansson", CASE)
        self.own("json", CASE)
        self.map("case-json-in", "crm-case", "in", CASE, CRM)
        self.map("case-json-there-and-back", "crm-case", "both", CASE, CRM)
        self.transform("libjq-case-in", "jq", "case.jq", CASE)
        self.transform("libjq-case-there-and-back", "jq", "case.jq", CASE, "case-back.jq")
        self.others(CASE)
        self.map("permits-fixed-in", "permit", "in", permits(self.folder, 30), FORMATS)
        self.map("permit-fixed-out", "permit", "out", sample("permit", "one.canonical.json"), FORMATS)
        self.map("patient-hl7-in", "hospital-patient", "in",
                 sample("hospital-patient", "update.in.hl7"), FORMATS)
        self.map("patient-hl7-out", "hospital-patient", "out",
                 sample("hospital-patient", "write.canonical.json"), FORMATS)
        self.map("members-csv-in", "library-member", "in", members(self.folder, 20), FORMATS)
        self.map("member-csv-out", "library-member", "out",
                 sample("library-member", "one.canonical.json"), FORMATS)
        self.map("report-form-in", "open311-request", "in", FORM, OPEN311)
        self.map("upload-multipart-in", "upload", "in", sample("upload", "form.in.mime"), FORMATS)

    def report(self):
        against = {"own-xml-reader": ["sax2"],
                   "enquiry-xml-in": ["sax2", "sax2-parser-kept", "libxslt-enquiry-in"],
                   "enquiry-xml-in-held-to-xsd": ["enquiry-xml-in", "sax2"],
                   "enquiry-xml-out-held-to-xsd": ["enquiry-xml-out"],
                   "own-json-reader": READERS + ["jansson"],
                   "case-json-in": ["simdjson-dom", "libjq-case-in"],
                   "case-json-there-and-back": ["simdjson-dom", "libjq-case-there-and-back"]}
        for peer in self.peers:
            against[peer.ours].append(peer.name)
        for name, values in self.values.items():
            self.line("map-" + name, values, self.last[name],
                      {base: self.values[base] for base in against.get(name, [])
                       if base in self.values})

    def line(self, name, values, last, ratio=None, **more):
        last = {key: value for key, value in last.items()
                if key in ("bytes", "allocations", "process_us")}
        line(name, "us", values, ratio, per_second=round(1e6 / min(values)), **last, **more)

    def growth(self):
        """Cost against size: nanoseconds for a byte should stay what they are."""
        for size in (1000, 10000, 100000, 1000000, 10000000):
            say(f"documents of {size} bytes")
            self.size("case-json", "crm-case", "in", case(self.folder, size), CRM)
            self.size("status-rows-xml", "confirm-status", "in",
                      status_rows(self.folder, size), HIGHWAYS)
            self.size("permits-fixed", "permit", "in", permits(self.folder, size // 33), FORMATS)
        for size in (1000000, 10000000, 100000000):
            say(f"files of {size} bytes in pieces")
            self.size("status-rows-xml", "confirm-status", "pieces",
                      status_rows(self.folder, size), HIGHWAYS)
            self.size("permits-fixed", "permit", "pieces", permits(self.folder, size // 33),
                      FORMATS)

    def size(self, name, what, way, path, folder):
        found = [call([program("bench", "maps"), what, way, path, str(self.options.seconds),
                       folder, ROOT])[0] for _ in range(min(3, self.options.runs))]
        values = [one["us"] for one in found]
        self.line(f"map-size-{name}-{way}", values, found[-1], x=found[-1]["bytes"],
                  ns_per_byte=round(min(values) * 1000 / found[-1]["bytes"], 2))


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench map", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="turns; figures are their medians")
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement")
    parser.add_argument("--sizes", action="store_true", help="cost against size, up to 10 MB")
    parser.add_argument("--warm-up", type=float, default=15, help="seconds that each route of Java's "
                        "runs before it is measured")
    parser.add_argument("--quick", action="store_true", help="one turn of short measurements")
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs, options.seconds, options.warm_up = 1, 0.1, 3
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="bench-map-") as folder:
        bench = Bench(options, folder)
        try:
            for number in range(options.runs):
                say(f"turn {number + 1} of {options.runs}")
                bench.turn()
        finally:
            for peer in bench.peers:
                peer.stop()
        bench.report()
        if options.sizes:
            bench.growth()
