#!/usr/bin/python3
"""A simulated waste system: SOAP 1.1, method CreateWorksheet, in the documented shape of a
service that councils use, with a user name token in the Security header. Like the real one it
creates a second worksheet when it is sent the same one twice.

A worksheet is completed --status-after seconds after it was made; that is told to --webhook as a
SOAP call WorksheetPoke, again and again until the answer is 200 with the text OK.

Besides what simulator.py says:
    POST /_sim/complete {"id": N or "reference": R, "completedDate": "2024-10-27T01:30:00"}
completes a worksheet now, with the local time as given.
"""

import datetime
import sys
import time
import urllib.error
import urllib.request
from zoneinfo import ZoneInfo

from lxml import etree
from spyne import Application, ComplexModel, ServiceBase, Unicode, rpc
from spyne.model.primitive import Int
from spyne.protocol.soap import Soap11

import simulator
import soap

NAMESPACE = "http://webservices.whitespacews.com/"
INPUTS = "http://schemas.datacontract.org/2004/07/WSAPIAuth.Web.Inputs"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
HOOK = "https://www.jadu.net/hubis/webservices"
ACTION = NAMESPACE + "CreateWorksheet"
SERVICES = {"1": {"101", "102", "103"}, "2": {"101"}, "3": {"102"}, "4": {"103"},
            "10": set(), "11": set(), "12": set(), "13": set(), "14": set()}
LONDON = ZoneInfo("Europe/London")
FIRST_ID = 500001


def text(most):
    """Required text of 1 to `most` characters."""
    return Unicode(min_len=1, max_len=most, min_occurs=1, nillable=False)


def maybe(most):
    """Optional text, not empty when it is there."""
    return Unicode(min_len=1, max_len=most, min_occurs=0, nillable=False)


class ServiceItemInput(ComplexModel):
    __namespace__ = INPUTS
    __type_name__ = "Input.CreateWorksheetInput.ServiceItemInput"
    _type_info = [("ServiceItemId", text(9)), ("ServiceItemName", maybe(250)),
                  ("ServiceItemQuantity", maybe(9))]


class ServicePropertyInput(ComplexModel):
    __namespace__ = INPUTS
    __type_name__ = "Input.CreateWorksheetInput.ServicePropertyInput"
    _type_info = [("ServicePropertyId", text(9)), ("ServicePropertyValue", text(250))]


class ServiceItemInputs(ComplexModel):
    __namespace__ = NAMESPACE
    _type_info = [("item", ServiceItemInput.customize(
        max_occurs="unbounded", sub_ns=INPUTS, sub_name=ServiceItemInput.__type_name__))]


class ServicePropertyInputs(ComplexModel):
    __namespace__ = NAMESPACE
    _type_info = [("property", ServicePropertyInput.customize(
        max_occurs="unbounded", sub_ns=INPUTS, sub_name=ServicePropertyInput.__type_name__))]


class WorksheetInput(ComplexModel):
    __namespace__ = NAMESPACE
    __type_name__ = "worksheetInput"
    _type_info = [("Uprn", maybe(12)), ("ServiceId", text(9)), ("WorksheetReference", text(30)),
                  ("WorksheetMessage", text(2000)), ("WorksheetDueDate", maybe(16)),
                  ("ServiceItemInputs", ServiceItemInputs),
                  ("ServicePropertyInputs", ServicePropertyInputs),
                  ("AdHocRoundInstanceId", maybe(9))]


class WorksheetResponse(ComplexModel):
    __namespace__ = NAMESPACE
    _type_info = [("anyType", Unicode(max_occurs="unbounded"))]


class CreateWorksheetResult(ComplexModel):
    __namespace__ = NAMESPACE
    _type_info = [("ErrorCode", Int), ("ErrorDescription", Unicode),
                  ("WorksheetResponse", WorksheetResponse)]


class Service(ServiceBase):
    """The SOAP face of it."""
    waste = None

    @rpc(WorksheetInput, _in_variable_names={"given": "worksheetInput"},
         _returns=CreateWorksheetResult)
    def CreateWorksheet(context, given):
        return Service.waste.create(given)


class Waste(simulator.Simulator):
    """Rows of the file: worksheet (accepted), completed, and poked (the webhook has taken it)."""

    def __init__(self, options):
        super().__init__(options)
        self.schema = soap.schema("waste.xsd")
        self.security = soap.schema("waste-security.xsd")
        Service.waste = self
        # spyne's own schema of the two namespaces cannot say in which one an input's element
        # is, so the schema file beside this one does the validating.
        self.application = Application([Service], NAMESPACE, name="Waste",
                                       in_protocol=Soap11(), out_protocol=Soap11())
        self.begin()

    def begin(self):
        self.worksheets = {}
        self.completed = {}
        self.poked = set()
        self.again = {}
        self.pokes = 0
        for row in self.journal.rows:
            self._fold(row)

    def _fold(self, row):
        if row["kind"] == "worksheet":
            self.worksheets[row["id"]] = row
        elif row["kind"] == "completed":
            self.completed[row["id"]] = row
        else:
            self.poked.add(row["id"])

    def _keep(self, row):
        self.journal.append(row)
        self._fold(row)
        return row

    # -- the calls ---------------------------------------------------------------------

    def handle(self, request):
        if request.method == "GET":
            return soap.serve(self.application, request)
        try:
            headers, body = soap.envelope(request, ACTION)
            self._authenticate(headers)
            soap.validate(self.schema, body)
        except soap.Refused as refused:
            return soap.fault("Client", str(refused))
        return soap.serve(self.application, request)

    def _authenticate(self, headers):
        found = [one for one in headers if one.tag == "{%s}Security" % SECURITY]
        if len(found) != 1:
            raise soap.Refused("the Security header is missing")
        soap.validate(self.security, found[0])
        if found[0].get("{%s}mustUnderstand" % soap.ENVELOPE) != "1":
            raise soap.Refused("the Security header wants mustUnderstand")
        who = found[0].findtext(".//{%s}Username" % SECURITY)
        word = found[0].findtext(".//{%s}Password" % SECURITY)
        if (who, word) != (self.options.user, self.options.password):
            raise soap.Refused("the security token could not be authenticated")

    def fault(self, request, kind):
        if kind == "client":
            return soap.fault("Client", "The request cannot be processed")
        return soap.fault("Server", "The service is not available")

    def create(self, given):
        """Make a worksheet; returns the result."""
        items = [one.ServiceItemId for one in
                 (given.ServiceItemInputs.item if given.ServiceItemInputs else None) or []]
        known = SERVICES.get(given.ServiceId)
        if known is None:
            return CreateWorksheetResult(ErrorCode=6, ErrorDescription="Service is not known")
        if known and not set(items) & known or set(items) - known:
            return CreateWorksheetResult(ErrorCode=7,
                                         ErrorDescription="Item does not belong to the service")
        with self.lock:
            number = max([FIRST_ID - 1, *self.worksheets]) + 1
            self._keep({"kind": "worksheet", "id": number, "at": simulator.stamp(),
                        "reference": given.WorksheetReference, "record": self._record(given)})
        answer = WorksheetResponse(anyType=[str(number), given.WorksheetReference])
        return CreateWorksheetResult(ErrorCode=0, ErrorDescription="Success",
                                     WorksheetResponse=answer)

    @staticmethod
    def _record(given):
        record = {name: getattr(given, name) for name in
                  ("Uprn", "ServiceId", "WorksheetReference", "WorksheetMessage",
                   "WorksheetDueDate", "AdHocRoundInstanceId")
                  if getattr(given, name) is not None}
        if given.ServiceItemInputs:
            record["ServiceItemInputs"] = [
                {name: getattr(one, name) for name in one._type_info
                 if getattr(one, name) is not None} for one in given.ServiceItemInputs.item]
        if given.ServicePropertyInputs:
            record["ServicePropertyInputs"] = {
                one.ServicePropertyId: one.ServicePropertyValue
                for one in given.ServicePropertyInputs.property}
        return record

    # -- time passes -------------------------------------------------------------------

    def tick(self):
        after = self.options.status_after
        with self.lock:
            for number, row in list(self.worksheets.items()):
                made = datetime.datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
                age = (simulator.now() - made).total_seconds()
                if after > 0 and number not in self.completed and age >= after:
                    self._complete(number, None)
            due = [n for n in self.completed if n not in self.poked
                   and self.again.get(n, 0) <= time.monotonic()]
        for number in due if self.options.webhook and self.mode.name != "down" else []:
            self._poke(number)

    def _complete(self, number, local):
        local = local or simulator.now().astimezone(LONDON).strftime("%Y-%m-%dT%H:%M:%S")
        return self._keep({"kind": "completed", "id": number, "completedDate": local,
                           "reference": self.worksheets[number]["reference"],
                           "at": simulator.stamp()})

    def _poke(self, number):
        """Tell the webhook once; try again later unless it says OK."""
        row = self.completed.get(number)
        if row is None:  # forgotten meanwhile
            return
        root = etree.Element("{%s}Envelope" % soap.ENVELOPE, nsmap={"soap": soap.ENVELOPE})
        body = etree.SubElement(root, "{%s}Body" % soap.ENVELOPE)
        poke = etree.SubElement(body, "{%s}WorksheetPoke" % HOOK, nsmap={"hub": HOOK})
        for name, value in (("secret", self.options.secret), ("worksheetId", str(number)),
                            ("worksheetReference", row["reference"]),
                            ("completedDate", row["completedDate"])):
            etree.SubElement(poke, name).text = value
        request = urllib.request.Request(
            self.options.webhook, method="POST",
            data=etree.tostring(root, xml_declaration=True, encoding="utf-8"),
            headers={"Content-Type": "text/xml; charset=utf-8",
                     "SOAPAction": '"%s/WorksheetPoke"' % HOOK})
        self.pokes += 1
        self.again[number] = time.monotonic() + self.options.retry
        try:
            with urllib.request.urlopen(request, timeout=25) as answer:
                taken = answer.status == 200 and b"OK" in answer.read()
        except (OSError, urllib.error.HTTPError):
            taken = False
        with self.lock:
            if taken and self.completed.get(number) is row:
                self._keep({"kind": "poked", "id": number, "reference": row["reference"],
                            "at": simulator.stamp()})

    def order(self, name, body):
        if name != "complete":
            return None
        with self.lock:
            number = body.get("id")
            if number is None:
                found = [n for n, row in self.worksheets.items()
                         if row["reference"] == body["reference"]]
                if not found:
                    raise ValueError("no worksheet of that reference")
                number = found[-1]
            return self._complete(int(number), body.get("completedDate"))

    def describe(self):
        return {"worksheets": len(self.worksheets), "completed": len(self.completed),
                "poked": len(self.poked), "pokes": self.pokes}


def main():
    parser = simulator.arguments(__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--user", default="packhorse")
    parser.add_argument("--password", default="waste-password")
    parser.add_argument("--webhook", default="", help="where a completion is told")
    parser.add_argument("--secret", default="poke-secret", help="what a completion proves itself by")
    parser.add_argument("--retry", type=float, default=1.0, metavar="SECONDS",
                        help="between two tries of the webhook")
    simulator.run(Waste, parser)


if __name__ == "__main__":
    sys.exit(main())
