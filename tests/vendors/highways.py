#!/usr/bin/python3
"""A simulated highways system: SOAP 1.1, one method ProcessOperations, in the documented shape
of a connector that councils use. Like the real one it creates a second enquiry when it is sent
the same one twice.

It takes NewEnquiry and gives a number, and answers GetEnquiryStatusChanges with the rows of the
status log that were logged in the window, both ends included. An enquiry is inspected and then
mended, each step --status-after seconds after the one before. Status notes are private words of
officers. The log holds enquiries of other people too (--foreign).

Besides what simulator.py says:
    POST /_sim/status {"number": N or "reference": R, "code": C, "logged": TIME, "notes": TEXT}
writes a row into the status log now, which shows the given LoggedTime as it is written.
Operations for "on": send (NewEnquiry), poll.
"""

import datetime
import re
import sys
from zoneinfo import ZoneInfo

from spyne import Application, ComplexModel, ServiceBase, Unicode, rpc
from spyne.error import Fault as SoapFault
from spyne.protocol.soap import Soap11

import simulator
import soap

NAMESPACE = "http://www.confirm.co.uk/schema/am/connector/webservice"
ACTION = NAMESPACE + "/ProcessOperations"
SERVICES = {("SL", "LAMP"), ("SL", "BELI"), ("HM", "POTH"), ("HM", "ROAD"), ("HM", "SIGN"),
            ("HM", "GULL")}
LONDON = ZoneInfo("Europe/London")
FIRST_NUMBER = 2000001
FIRST_FOREIGN = 1000001
PRIVATE = "Private: gang 7 under Osbert Wigglesworth-Pym attended, key safe 4711"


def text(most):
    """Required text of 1 to `most` characters."""
    return Unicode(min_len=1, max_len=most, min_occurs=1, nillable=False)


def maybe(most):
    """Optional text, not empty when it is there."""
    return Unicode(min_len=1, max_len=most, min_occurs=0, nillable=False)


class Part(ComplexModel):
    """Everything lives in one namespace."""
    __namespace__ = NAMESPACE


class Authentication(Part):
    _type_info = [("Username", text(50)), ("Password", text(50)), ("DatabaseId", text(50))]


class EnquiryAttribute(Part):
    _type_info = [("EnqAttribTypeCode", text(4)), ("EnqAttribStringValue", maybe(250)),
                  ("EnqAttribValueCode", maybe(4)), ("EnqAttribDateValue", maybe(40))]


class EnquiryCustomer(Part):
    _type_info = [("CustomerEmail", maybe(100)), ("CustomerPhone", maybe(30)),
                  ("CustomerForename", maybe(30)), ("CustomerSurname", maybe(30)),
                  ("EnquiryMethodCode", text(4)), ("PointOfContactCode", maybe(4)),
                  ("CustomerTypeCode", maybe(4))]


class EnquiryDocument(Part):
    _type_info = [("DocumentNotes", maybe(250)), ("DocumentLocation", text(250))]


class NewEnquiry(Part):
    _type_info = [
        ("EnquiryNumber", text(12)), ("EnquiryX", maybe(12)), ("EnquiryY", maybe(12)),
        ("EnquiryDescription", text(2000)), ("ServiceCode", text(4)), ("SubjectCode", text(4)),
        ("LoggedTime", text(40)), ("ContactName", maybe(50)), ("ContactEmail", maybe(100)),
        ("ContactPhone", maybe(30)), ("EnquiryReference", text(30)),
        ("EnquiryLocation", maybe(2000)), ("StatusLogNotes", maybe(2000)),
        ("SiteCode", maybe(30)), ("CentralAssetId", maybe(30)), ("EnquiryClassCode", maybe(4)),
        ("AssignedOfficerCode", maybe(4)), ("ExternalSystemNumber", maybe(12)),
        ("ExternalSystemReference", maybe(50)),
        ("EnquiryAttribute", EnquiryAttribute.customize(max_occurs="unbounded")),
        ("EnquiryCustomer", EnquiryCustomer),
        ("EnquiryDocument", EnquiryDocument.customize(max_occurs="unbounded")),
    ]


class GetEnquiryStatusChanges(Part):
    _type_info = [("LoggedTimeFrom", text(40)), ("LoggedTimeTo", text(40))]


class Operation(Part):
    _type_info = [("NewEnquiry", NewEnquiry),
                  ("GetEnquiryStatusChanges", GetEnquiryStatusChanges)]


class OperationsRequest(Part):
    __type_name__ = "Request"
    _type_info = [("Authentication", Authentication.customize(min_occurs=1, nillable=False)),
                  ("Operation", Operation.customize(min_occurs=1, max_occurs=10,
                                                    nillable=False))]


class Enquiry(Part):
    _type_info = [("EnquiryNumber", text(12))]


class NewEnquiryResponse(Part):
    _type_info = [("Enquiry", Enquiry)]


class EnquiryStatusLog(Part):
    _type_info = [("EnquiryLogNumber", text(12)), ("LogEffectiveTime", text(40)),
                  ("LoggedTime", text(40)), ("StatusLogNotes", maybe(2000)),
                  ("EnquiryStatusCode", text(4))]


class UpdatedEnquiry(Part):
    _type_info = [("EnquiryNumber", text(12)),
                  ("EnquiryStatusLog", EnquiryStatusLog.customize(max_occurs="unbounded"))]


class GetEnquiryStatusChangesResponse(Part):
    _type_info = [("UpdatedEnquiry", UpdatedEnquiry.customize(max_occurs="unbounded"))]


class OperationResponse(Part):
    _type_info = [("NewEnquiryResponse", NewEnquiryResponse),
                  ("GetEnquiryStatusChangesResponse", GetEnquiryStatusChangesResponse)]


class Fault(Part):
    _type_info = [("Reason", Unicode)]


class Connector(ServiceBase):
    """The SOAP face of it."""
    highways = None

    @rpc(OperationsRequest, _in_message_name="ProcessOperationsRequest",
         _in_variable_names={"request": "Request"},
         _out_message_name="ProcessOperationsResponse",
         _out_variable_names=["OperationResponse", "Fault"],
         _returns=[OperationResponse.customize(max_occurs="unbounded"), Fault])
    def ProcessOperations(context, request):
        return Connector.highways.operations(request)


def plain(part):
    """A model object as plain values, without what is absent."""
    if isinstance(part, list):
        return [plain(one) for one in part]
    if not isinstance(part, ComplexModel):
        return part
    values = ((name, getattr(part, name)) for name in type(part)._type_info)
    return {name: plain(value) for name, value in values if value is not None}


def shown(moment, number):
    """A moment as the connector writes it: four digits of fraction, Z or an offset."""
    moment = moment if number % 2 else moment.astimezone(LONDON)
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%04d" % (moment.microsecond // 100)
    offset = moment.strftime("%z")
    return whole + ("Z" if number % 2 else offset[:3] + ":" + offset[3:])


def instant(written):
    """A dateTime of the schema, with up to nine digits of fraction, as a moment."""
    match = re.fullmatch(r"(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", written)
    if not match:
        raise SoapFault("Client", "not a time: " + written)
    whole, fraction, zone = match.groups()
    fraction = ((fraction or "") + "000000")[:6]
    return datetime.datetime.fromisoformat(
        "%s.%s%s" % (whole, fraction, "+00:00" if zone == "Z" else zone))


class Highways(simulator.Simulator):
    """Rows of the file: enquiry (accepted) and status (a row of the log)."""

    def __init__(self, options):
        super().__init__(options)
        self.schema = soap.schema("highways.xsd")
        Connector.highways = self
        self.application = Application([Connector], NAMESPACE, name="Connector",
                                       in_protocol=Soap11(validator="lxml"),
                                       out_protocol=Soap11())
        self.begin()

    def begin(self):
        self.enquiries = {}
        self.log = []
        self.steps = {}
        self.windows = []  # asked for, oldest first
        for row in self.journal.rows:
            self._fold(row)
        for number in range(FIRST_FOREIGN, FIRST_FOREIGN + self.options.foreign):
            if number not in self.enquiries:
                self._keep({"kind": "foreign", "number": number, "at": simulator.stamp()})

    def _fold(self, row):
        number = row["number"]
        if row["kind"] in ("enquiry", "foreign"):
            self.enquiries[number] = row
            self.steps[number] = 1
        else:
            self.log.append(row)
            self.steps[number] = max(self.steps.get(number, 1), row["log"])

    def _keep(self, row):
        self.journal.append(row)
        self._fold(row)
        return row

    # -- the calls ---------------------------------------------------------------------

    def operation(self, request):
        return "poll" if b"GetEnquiryStatusChanges" in request.body else "send"

    def handle(self, request):
        if request.method == "GET":
            return soap.serve(self.application, request)
        try:
            _, body = soap.envelope(request, ACTION)
            soap.validate(self.schema, body)
        except soap.Refused as refused:
            return soap.fault("Client", str(refused))
        return soap.serve(self.application, request)

    def fault(self, request, kind):
        if kind == "client":
            return soap.fault("Client", "The request cannot be processed")
        return soap.fault("Server", "The database is not available")

    def operations(self, request):
        """Do what a request asks; returns (operation responses, fault)."""
        who = request.Authentication
        asked = (who.Username, who.Password, who.DatabaseId)
        if asked != (self.options.user, self.options.password, self.options.database):
            return [], Fault(Reason="Authentication failed")
        with self.lock:
            wrong = next(filter(None, map(self._wrong, request.Operation)), None)
            if wrong:
                return [], Fault(Reason=wrong)
            return [self._one(one) for one in request.Operation], None

    @staticmethod
    def _wrong(operation):
        new = operation.NewEnquiry
        if new is None:
            return None
        if new.EnquiryNumber != "1":
            return "EnquiryNumber of a new enquiry must be 1"
        if (new.ServiceCode, new.SubjectCode) not in SERVICES:
            return "Service %s with subject %s is not known" % (new.ServiceCode, new.SubjectCode)
        if (new.EnquiryX is None) != (new.EnquiryY is None):
            return "EnquiryX and EnquiryY go together"
        return None

    def _one(self, operation):
        if operation.NewEnquiry is not None:
            number = self._create(operation.NewEnquiry)
            reply = NewEnquiryResponse(Enquiry=Enquiry(EnquiryNumber=str(number)))
            return OperationResponse(NewEnquiryResponse=reply)
        asked = operation.GetEnquiryStatusChanges
        self.windows.append({"since": asked.LoggedTimeFrom, "until": asked.LoggedTimeTo})
        changes = self._changes(instant(asked.LoggedTimeFrom), instant(asked.LoggedTimeTo))
        reply = GetEnquiryStatusChangesResponse(UpdatedEnquiry=changes)
        return OperationResponse(GetEnquiryStatusChangesResponse=reply)

    def _create(self, new):
        number = max([FIRST_NUMBER - 1, *self.enquiries]) + 1
        self._keep({"kind": "enquiry", "number": number, "reference": new.EnquiryReference,
                    "at": simulator.stamp(), "record": plain(new)})
        return number

    def _changes(self, since, until):
        """Rows logged in the window: even numbers gathered, odd ones one row at a time."""
        gathered = {}
        changes = []
        for row in self.log:
            if not since <= instant(row["at"]) <= until:
                continue
            number = row["number"]
            if number % 2 or number not in gathered:
                gathered[number] = UpdatedEnquiry(EnquiryNumber=str(number), EnquiryStatusLog=[])
                changes.append(gathered[number])
            gathered[number].EnquiryStatusLog.append(EnquiryStatusLog(
                EnquiryLogNumber=str(row["log"]), LogEffectiveTime=row["logged"],
                LoggedTime=row["logged"], StatusLogNotes=row["notes"],
                EnquiryStatusCode=row["code"]))
        return changes

    # -- time passes -------------------------------------------------------------------

    @staticmethod
    def _plan(number):
        """The codes an enquiry goes through after it is opened."""
        first = "INV" if number % 5 == 0 else "INP"
        last = "DUP" if number % 7 == 0 else "FIX"
        return [first, "FOR", last] if number % 6 == 0 else [first, last]

    def tick(self):
        after = self.options.status_after
        if after <= 0:
            return
        with self.lock:
            for number, row in list(self.enquiries.items()):
                done = self.steps[number] - 1
                plan = self._plan(number)
                age = (simulator.now() - instant(row["at"])).total_seconds()
                if done < len(plan) and age >= after * (done + 1):
                    self._status(number, plan[done], None, PRIVATE)

    def _status(self, number, code, logged, notes):
        moment = simulator.now()
        log = self.steps[number] + 1
        return self._keep({
            "kind": "status", "number": number, "log": log,
            "reference": self.enquiries[number].get("reference"), "code": code,
            "logged": logged or shown(moment, number + log), "notes": notes,
            "at": simulator.stamp(moment)})

    def order(self, name, body):
        if name != "status":
            return None
        with self.lock:
            number = body.get("number")
            if number is None:
                found = [n for n, row in self.enquiries.items()
                         if row.get("reference") == body["reference"]]
                if not found:
                    raise ValueError("no enquiry of that reference")
                number = found[-1]
            return self._status(int(number), body["code"], body.get("logged"),
                                body.get("notes", PRIVATE))

    def _done(self):
        """Has every enquiry gone through its plan?"""
        return all(self.steps[number] > len(self._plan(number)) for number in self.enquiries)

    def describe(self):
        return {"enquiries": sum(row["kind"] == "enquiry" for row in self.enquiries.values()),
                "statuses": len(self.log), "done": self._done(),
                "windows": self.windows}


def main():
    parser = simulator.arguments(__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--user", default="packhorse")
    parser.add_argument("--password", default="highways-password")
    parser.add_argument("--database", default="DEMO")
    parser.add_argument("--foreign", type=int, default=3, help="enquiries of other people")
    simulator.run(Highways, parser)


if __name__ == "__main__":
    sys.exit(main())
