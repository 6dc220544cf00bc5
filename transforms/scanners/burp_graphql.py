"""Issues of a scan from the GraphQL API of Burp Suite DAST (Enterprise), `query { scan(id: …) { issues(…) { … } } }`.

Two frames: the answer as the API gives it (`data.scan.issues`), and DefectDojo's, where the answers' issues are gathered in a list
`Issues`. The query chooses the members, so everything but the issue type's name, the origin and the path may be absent. The HTML members
may be null.

One result is one issue: its type, origin, path and serial number. A scan that `failed` is rejected; the capture is its end.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location, portswigger
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import Stamp
from transforms.domain.result import Reject, Result, Scan

NAME = "burp_graphql"
TITLE = "Burp Suite DAST GraphQL API (JSON)"
SCANNER = "burp"
CALIBRATION: dict[str, str] = portswigger.SEVERITIES

_Any = object


class IssueType(msgspec.Struct, gc=False):
    name: _Any = None
    type_index: _Any = None
    vulnerability_classifications_html: _Any = None


class Issue(msgspec.Struct, gc=False):
    issue_type: IssueType | None = None
    severity: _Any = None
    confidence: _Any = None
    origin: _Any = None
    path: _Any = None
    serial_number: _Any = None
    description_html: _Any = None


class ApiScan(msgspec.Struct):
    issues: list[msgspec.Raw] | None = None
    status: _Any = None
    end_time: _Any = None
    start_time: _Any = None


class Data(msgspec.Struct):
    scan: ApiScan | None = None


class Report(msgspec.Struct):
    Issues: list[msgspec.Raw] | None = None
    data: Data | None = None


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    if "Issues" in head.json:
        return "issue_type" in head.item_keys("Issues")
    data = head.json.get("data")
    return data is not None and b'"issue_type"' in bytes(data) and b'"scan"' in bytes(data)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with `Issues` or `data.scan.issues`")
    if report.Issues is not None:
        yield from _results(report.Issues, "/Issues", None)
        return
    answer = report.data.scan if report.data else None
    if answer is None or answer.issues is None:
        raise FileRejected("malformed", seen="neither `Issues` nor `data.scan.issues`", expected="one of them, a list")
    if answer.status == "failed":
        raise FileRejected("failed_scan", seen="status failed", expected="a scan that ran")
    yield from _results(answer.issues, "/data/scan/issues", scan.stamp(answer.end_time) or scan.stamp(answer.start_time))


def _results(issues: list[msgspec.Raw], where: str, captured: Stamp | None) -> Iterator[Result | Reject]:
    for pointer, raw, issue in documents.items(issues, _issue, where):
        if isinstance(issue, Reject):
            yield issue
            continue
        kind = issue.issue_type or IssueType()
        name, origin, path = documents.text(kind.name), documents.text(issue.origin), documents.text(issue.path)
        if name is None or origin is None:
            yield documents.missing(pointer, "name" if name is None else "origin", raw)
            continue
        try:
            url, endpoint = portswigger.address(origin, path)
        except ValueError as error:
            yield documents.reject(pointer, "malformed", str(error), raw)
            continue
        index, serial, severity = documents.text(kind.type_index), documents.text(issue.serial_number), documents.text(issue.severity)
        detail = documents.text(issue.description_html)
        yield Result(
            pointer=pointer,
            title=name,
            # Without a serial number the detail is what is left to tell two issues of one type at one path.
            identity=(index, name, origin, path, serial or detail),
            severity=severity,
            rule=portswigger.rule(index, name),
            vulnerability_ids=portswigger.advisories(name, detail),
            cwes=portswigger.weaknesses(documents.text(kind.vulnerability_classifications_html)),
            endpoint=url,
            location=location.web(endpoint, portswigger.parameter_in(detail)),
            target=endpoint.host,
            captured=captured,
            own_id=serial,
            source_state=portswigger.state(severity, documents.text(issue.confidence)),
        )
