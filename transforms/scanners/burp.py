"""Burp Suite Professional's XML report (Report issues → XML), versions 1.5 to 2025: `issues` with one `issue` each.

Burp always writes a document type with its element declarations in front. It is cut off before the XML is read, so that any other
document type and any entity is refused as everywhere. Burp's HTML report is not read (the XML has all of it), nor is `items`, the XML
of saved requests, which has no issues.

One result is one issue. What tells it from the others is its type, name, host, path, insertion point and serial number: the serial is
unique within one Burp project only, so the location is origin, path and parameter. `exportTime` is when the report was written, with the
name of a zone that nothing can resolve: it is read as naive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from transforms.domain import location, portswigger, xml
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.head import BOM, Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "burp"
TITLE = "Burp Suite Professional (XML)"
SCANNER = "burp"
CALIBRATION: dict[str, str] = portswigger.SEVERITIES

_PROLOGUE_LIMIT = 16_384
#: Element and attribute declarations and nothing else: no entity, no outside reference.
_DECLARATIONS = re.compile(rb"<!DOCTYPE\s+issues\s*\[(?:\s*<!(?:ELEMENT|ATTLIST)\s[^<>]*>)*\s*\]\s*>")
_XML_1_1 = re.compile(rb"""\A\s*<\?xml\s+version=["']1\.1["']""")
_ZONE = re.compile(r"\s(?!UTC\b|GMT\b)[A-Z]{2,5}(?=\s\d{4}$)")
_RAW_TEXTS = ("serialNumber", "type", "name", "host", "path", "location", "severity")


def recognise(head: Head) -> bool:
    return head.xml_root == "issues" and "burpVersion" in head.xml_attributes


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    content = content.removeprefix(BOM)
    start = _XML_1_1.sub(b'<?xml version="1.0"', _DECLARATIONS.sub(b"", content[:_PROLOGUE_LIMIT], count=1), count=1)
    root = xml.parse_xml(start + content[_PROLOGUE_LIMIT:])
    captured = scan.stamp(_ZONE.sub("", root.get("exportTime") or ""))
    for number, issue in enumerate(xml.children(root, "issue"), 1):
        pointer = f"/issues/issue[{number}]"
        try:
            yield _result(pointer, issue, captured)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            raw = ", ".join(f"{name}={value}" for name in _RAW_TEXTS if (value := xml.text(issue, name)))
            yield Reject(pointer, reason, detail, raw[:RAW_LIMIT])


def _result(pointer: str, issue: Element, captured: Stamp | None) -> Result:
    """The issue. Raises ValueError `reason: detail`."""
    texts = {item.tag: item.text.strip() for item in issue if item.text and not item.text.isspace()}
    name, origin, path = texts.get("name"), texts.get("host"), texts.get("path")
    if not name:
        raise ValueError("missing_name: the issue has no name")
    if not origin:
        raise ValueError("missing_host: the issue has no host")
    try:
        url, endpoint = portswigger.address(origin, path)
    except ValueError as error:
        raise ValueError(f"malformed: {error}") from None
    kind, serial, where = texts.get("type"), texts.get("serialNumber"), texts.get("location")
    severity = texts.get("severity")
    return Result(
        pointer=pointer,
        title=name,
        identity=(kind, name, origin, path, where, serial),
        severity=severity,
        rule=portswigger.rule(kind, name),
        vulnerability_ids=portswigger.advisories(name, texts.get("issueDetail")),
        cwes=portswigger.weaknesses(texts.get("vulnerabilityClassifications")),
        endpoint=url,
        location=location.web(endpoint, portswigger.parameter(where)),
        target=endpoint.host,
        captured=captured,
        own_id=serial,
        source_state=portswigger.state(severity, texts.get("confidence")),
    )
