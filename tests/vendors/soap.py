"""SOAP 1.1 for the simulated vendor systems: spyne serves, and before it sees a call, the call
is held against the vendor's own schema file, which is stricter about headers and empty values.
"""

import io
import os

from lxml import etree
from spyne.server.wsgi import WsgiApplication

from simulator import Answer

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
FOLDER = os.path.dirname(os.path.abspath(__file__))
PARSER = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


class Refused(Exception):
    """A call that breaks the documented shape."""


def schema(name):
    """Compile a schema file of this folder."""
    return etree.XMLSchema(etree.parse(os.path.join(FOLDER, name)))


def fault(code, text, status=500):
    """A SOAP 1.1 fault; code "Client" or "Server"."""
    root = etree.Element("{%s}Envelope" % ENVELOPE, nsmap={"soapenv": ENVELOPE})
    body = etree.SubElement(root, "{%s}Body" % ENVELOPE)
    inner = etree.SubElement(body, "{%s}Fault" % ENVELOPE)
    etree.SubElement(inner, "faultcode").text = "soapenv:" + code
    etree.SubElement(inner, "faultstring").text = text
    return Answer(status, [("Content-Type", "text/xml; charset=utf-8")],
                  etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def envelope(request, action):
    """Check all but the payload; returns (header elements, the body's only element)."""
    if request.headers.get_content_type() != "text/xml":
        raise Refused("SOAP 1.1 wants Content-Type text/xml")
    given = request.headers.get("SOAPAction", "").strip().strip('"')
    if given != action:
        raise Refused("SOAPAction does not name " + action)
    try:
        root = etree.fromstring(request.body, etree.XMLParser(**PARSER))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("not XML: %s" % error) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("a document type is not taken")
    if root.tag != "{%s}Envelope" % ENVELOPE:
        raise Refused("not a SOAP 1.1 envelope")
    parts = list(root.iterchildren(tag=etree.Element))
    headers = []
    if parts and parts[0].tag == "{%s}Header" % ENVELOPE:
        headers = list(parts.pop(0).iterchildren(tag=etree.Element))
    if len(parts) != 1 or parts[0].tag != "{%s}Body" % ENVELOPE:
        raise Refused("the envelope wants one Body, after the Header")
    inner = list(parts[0].iterchildren(tag=etree.Element))
    if len(inner) != 1:
        raise Refused("the Body wants one element")
    return headers, inner[0]


def validate(compiled, element):
    """Hold an element against a compiled schema."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    if not compiled.validate(copy):
        error = compiled.error_log[0]
        raise Refused("line %d: %s" % (error.line, error.message))


def serve(application, request):
    """Let a spyne application answer the call."""
    environ = {
        "REQUEST_METHOD": request.method, "PATH_INFO": request.path, "SCRIPT_NAME": "",
        "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(request.body)), "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(), "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }
    started = []

    def start(status, headers, _error=None):
        started.append((int(status.split()[0]), headers))
        return lambda _bytes: None

    body = b"".join(WsgiApplication(application)(environ, start))
    status, headers = started[-1]
    return Answer(status, headers, body)
