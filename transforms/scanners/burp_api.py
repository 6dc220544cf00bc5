"""Burp Suite's REST API, `GET /v0.1/scan/ID`: the progress of a scan with the issues found so far (Professional, and Enterprise's agent).

One result is one issue event. It is told from the others by type, origin, path, caption (which names the insertion point) and serial
number. The answer has no time of its own: the capture is the latest request that is kept as evidence. A scan that `failed` is rejected;
one that still runs is a partial one, and is taken for what it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, portswigger
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "burp_api"
TITLE = "Burp Suite REST API (JSON)"
SCANNER = "burp"
CALIBRATION: dict[str, str] = portswigger.SEVERITIES

_REQUEST_TIME = re.compile(rb'"request_time"\s*:\s*"?(\d{13})\b')

_Any = object


class Issue(msgspec.Struct, gc=False):
    name: _Any = None
    type_index: _Any = None
    serial_number: _Any = None
    origin: _Any = None
    path: _Any = None
    severity: _Any = None
    confidence: _Any = None
    caption: _Any = None
    description: _Any = None
    issue_background: _Any = None
    vulnerability_classifications: _Any = None


class Event(msgspec.Struct, gc=False):
    id: _Any = None
    issue: Issue | None = None


class Report(msgspec.Struct):
    issue_events: list[msgspec.Raw] | None
    scan_status: _Any = None
    message: _Any = None


_report = msgspec.json.Decoder(Report)
_event = msgspec.json.Decoder(Event)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"issue_events", "scan_status"} <= head.json.keys()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `issue_events`")
    if report.scan_status == "failed":
        raise FileRejected("failed_scan", seen=f"scan_status failed: {documents.text(report.message) or 'no message'}", expected="a scan that ran")
    captured = _captured(content, scan)
    for pointer, raw, event in documents.items(report.issue_events, _event, "/issue_events"):
        if isinstance(event, Reject):
            yield event
            continue
        issue = event.issue or Issue()
        name, origin, path = documents.text(issue.name), documents.text(issue.origin), documents.text(issue.path)
        if name is None or origin is None:
            yield documents.missing(pointer, "name" if name is None else "origin", raw)
            continue
        try:
            url, endpoint = portswigger.address(origin, path)
        except ValueError as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        kind, caption, serial = documents.text(issue.type_index), documents.text(issue.caption), documents.text(issue.serial_number)
        severity, confidence = documents.text(issue.severity), documents.text(issue.confidence)
        yield Result(
            pointer=pointer,
            title=name,
            identity=(kind, name, origin, path, caption, serial),
            severity=severity,
            rule=portswigger.rule(kind, name),
            vulnerability_ids=portswigger.advisories(name, documents.text(issue.description)),
            cwes=portswigger.weaknesses(documents.text(issue.vulnerability_classifications)),
            endpoint=url,
            location=location.web(endpoint, portswigger.parameter(caption)),
            target=endpoint.host,
            captured=captured,
            own_id=serial,
            source_state=portswigger.state(severity, confidence),
        )


def _captured(content: bytes, scan: Scan) -> Stamp | None:
    latest = max((int(time) for time in _REQUEST_TIME.findall(content)), default=None)
    return scan.stamp(latest / 1000) if latest is not None else None
