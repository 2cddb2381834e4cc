#!/usr/bin/python3
"""A simulated case system with a REST interface in JSON. Like many it takes no heed of
externalRef and opens a second case when it is sent the same one twice.

    POST  /cases        opens a case: 201 and {"id", "externalRef", "status"}
    GET   /cases/ID     the case with its changes
    PATCH /cases/ID     {"status", "note", "at"} changes it: 200 and the case
    PUT   /cases/ID     the whole case as it is to be, without id and changes: 200 and the case

A case has an ETag; a PUT with another one in If-Match gets 412.

Errors are {"errors": [{"path", "message"}]}: 400 not JSON, 401 key, 404, 412, 415, 422 shape.
Operations for "on": send (POST), update (PATCH, PUT), read.

    POST /_sim/meddle  {"count": N}   somebody else retitles a case after each of the next N reads
    POST /_sim/forget  {"id": ID}     the case is gone
"""

import json
import os
import sys

import jsonschema

import simulator
from simulator import json_answer

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Crm(simulator.Simulator):
    """Rows of the file: case, change and whole (accepted), meddled, forgotten."""

    def __init__(self, options):
        super().__init__(options)
        with open(os.path.join(FOLDER, "crm.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        definitions = schema["$defs"]
        self.shape = {
            name: jsonschema.Draft202012Validator({**definitions[name], "$defs": definitions})
            for name in ("case", "change", "whole")}
        self.begin()

    def begin(self):
        self.cases = {}
        self.versions = {}
        self.meddling = 0
        for row in self.journal.rows:
            self._fold(row)

    def _fold(self, row):
        self.versions[row["id"]] = self.versions.get(row["id"], 0) + 1
        if row["kind"] == "forgotten":
            del self.cases[row["id"]]
        elif row["kind"] in ("whole", "meddled"):
            case = self.cases[row["id"]]
            self.cases[row["id"]] = {"id": case["id"], "changes": case["changes"],
                                     **row["record"]}
        elif row["kind"] == "case":
            self.cases[row["id"]] = {"id": row["id"], "status": "new", "changes": [],
                                     **row["record"]}
        else:
            case = self.cases[row["id"]]
            case["status"] = row["record"]["status"]
            case["changes"].append(row["record"])

    def _keep(self, row):
        self.journal.append(row)
        self._fold(row)

    def operation(self, request):
        return {"POST": "send", "PATCH": "update", "PUT": "update"}.get(request.method, "read")

    def fault(self, request, kind):
        if kind == "client":
            return problem(422, "", "the case cannot be taken")
        return problem(500, "", "something went wrong")

    def handle(self, request):
        path = request.path.split("?")[0]
        if self.options.key and request.headers.get("X-Api-Key") != self.options.key:
            return problem(401, "", "the key is missing or wrong")
        if path == "/cases":
            return self._open(request) if request.method == "POST" else problem(405, "", "POST")
        if not path.startswith("/cases/"):
            return problem(404, "", "no such place")
        with self.lock:
            case = self.cases.get(path[len("/cases/"):])
            if case is None:
                return problem(404, "", "no such case")
            if request.method == "GET":
                return self._show(case)
            if request.method == "PATCH":
                return self._change(case, request)
            if request.method == "PUT":
                return self._replace(case, request)
        return problem(405, "", "GET, PATCH or PUT")

    def _tag(self, case):
        return '"%d"' % self.versions[case["id"]]

    def _show(self, case):
        answer = json_answer(200, case)
        answer = answer._replace(headers=answer.headers + [("ETag", self._tag(case))])
        if self.meddling:
            self.meddling -= 1
            record = {name: value for name, value in case.items() if name not in ("id", "changes")}
            self._keep({"kind": "meddled", "id": case["id"], "reference": case["externalRef"],
                        "at": simulator.stamp(),
                        "record": {**record, "title": "Retitled %d" % self.versions[case["id"]]}})
        return answer

    def _replace(self, case, request):
        if request.headers.get("If-Match", self._tag(case)) != self._tag(case):
            return problem(412, "", "somebody else was faster")
        value, refused = self._read(request, "whole")
        if refused:
            return refused
        self._keep({"kind": "whole", "id": case["id"], "reference": case["externalRef"],
                    "at": simulator.stamp(), "match": request.headers.get("If-Match"),
                    "record": value})
        return json_answer(200, self.cases[case["id"]])

    def order(self, name, body):
        with self.lock:
            if name == "meddle":
                self.meddling = int(body["count"])
                return {"meddling": self.meddling}
            if name == "forget":
                case = self.cases[body["id"]]
                self._keep({"kind": "forgotten", "id": case["id"],
                            "reference": case["externalRef"], "at": simulator.stamp()})
                return {"cases": len(self.cases)}
        return None

    def _read(self, request, shape):
        """The body, checked; returns (value, None) or (None, an Answer)."""
        if request.headers.get_content_type() != "application/json":
            return None, problem(415, "", "application/json is wanted")
        try:
            value = json.loads(request.body.decode("utf-8"), object_pairs_hook=once)
        except ValueError as error:
            return None, problem(400, "", str(error))
        errors = [{"path": "/" + "/".join(map(str, error.absolute_path)),
                   "message": "breaks %s" % error.validator}
                  for error in self.shape[shape].iter_errors(value)]
        return (None, json_answer(422, {"errors": errors})) if errors else (value, None)

    def _open(self, request):
        value, refused = self._read(request, "case")
        if refused:
            return refused
        with self.lock:
            name = "CAS-%06d" % (len(self.cases) + 1)
            self._keep({"kind": "case", "id": name, "reference": value["externalRef"],
                        "at": simulator.stamp(), "record": value})
        answer = json_answer(201, {"id": name, "externalRef": value["externalRef"],
                                   "status": "new"})
        return answer._replace(headers=answer.headers + [("Location", "/cases/" + name)])

    def _change(self, case, request):
        value, refused = self._read(request, "change")
        if refused:
            return refused
        self._keep({"kind": "change", "id": case["id"], "reference": case["externalRef"],
                    "at": simulator.stamp(), "record": value})
        return json_answer(200, case)

    def describe(self):
        return {"cases": len(self.cases),
                "changes": sum(len(case["changes"]) for case in self.cases.values())}


def once(pairs):
    """An object whose members have each their own name."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member is there twice")
    return value


def problem(status, path, message):
    """An error in the system's own shape."""
    return json_answer(status, {"errors": [{"path": path, "message": message}]})


def main():
    parser = simulator.arguments(__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--key", default="", help="wanted in the header X-Api-Key; empty: none")
    simulator.run(Crm, parser)


if __name__ == "__main__":
    sys.exit(main())
