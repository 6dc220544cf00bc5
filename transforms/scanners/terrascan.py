"""Tenable (Accurics) Terrascan's JSON (`terrascan scan -o json`): policies that infrastructure as code violates.

`scan_errors` name every kind of code that a folder does not hold, so they are no failure by themselves; a report that has nothing
but them and validated no policy is one. `skipped_violations` are what the code says to skip (`#ts:skip`), `passed_rules`
(`--show-passed`) what is in order: no results. Its YAML, XML, JUnit and SARIF reports are other formats.

A violation is told from the others by rule, file and resource, the enclosing block of code: the line moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "terrascan"
TITLE = "Terrascan (JSON)"
SCANNER = "terrascan"
CALIBRATION: dict[str, str] = {}  # LOW, MEDIUM, HIGH are the policy's

#: Go's own way to write an instant: `2021-05-19 13:13:06.083208 +0000 UTC`.
_GO_TIME = re.compile(r"(?P<instant>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?P<offset>[+-]\d{4})\b.*")

_Any = object


class Violation(msgspec.Struct, gc=False):
    rule_name: _Any = None
    description: _Any = None
    rule_id: _Any = None
    severity: _Any = None
    resource_name: _Any = None
    resource_type: _Any = None
    module_name: _Any = None
    file: _Any = None
    line: _Any = None


class Summary(msgspec.Struct):
    scanned_at: _Any = None
    policies_validated: _Any = None


class Results(msgspec.Struct):
    violations: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    scan_errors: list[_Any] | None = None
    scan_summary: Summary | None = None


class Report(msgspec.Struct):
    results: Results


_report = msgspec.json.Decoder(Report)
_violation = msgspec.json.Decoder(Violation)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognise(head: Head) -> bool:
    raw = head.json.get("results")
    if raw is None or not head.is_json_object or bytes(memoryview(raw)[:64]).lstrip()[:1] != b"{":
        return False
    try:
        members = _members.decode(raw).keys()
    except documents.UNREADABLE:
        return False
    return "scan_summary" in members and bool({"violations", "scan_errors", "skipped_violations"} & members)


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    results = documents.decode(_report, content, "an object with an object `results`").results
    summary = results.scan_summary or Summary()
    if results.scan_errors and not results.violations and summary.policies_validated == 0:
        raise FileRejected("failed_scan", seen="errors and no policy validated", expected="a scan that validated at least one policy")
    if results.violations is msgspec.UNSET:
        raise FileRejected("malformed", seen="results without `violations`", expected="a list, or null where nothing is violated")
    captured = scan.stamp(_zoned(summary.scanned_at))
    found: list[tuple[str, Violation, str, str | None, Place]] = []
    for pointer, raw, violation in documents.items(results.violations or None, _violation, "/results/violations"):
        if isinstance(violation, Reject):
            yield violation
            continue
        rule = documents.text(violation.rule_id) or documents.text(violation.rule_name)
        if rule is None:
            yield documents.missing(pointer, "rule_id", raw)
            continue
        parts = (documents.text(violation.resource_type), documents.text(violation.resource_name))
        resource = "/".join(part for part in parts if part) or None
        path, module = documents.text(violation.file), documents.text(violation.module_name)
        place = Place((path or "", rule, module or "", resource or ""), (documents.line(violation.line) or 0, 0, ""))
        found.append((pointer, violation, rule, resource, place))
    ranks = ordinals(place for *_, place in found)
    for pointer, violation, rule, resource, place in found:
        path, _, module, _ = place.within
        # `root` is the module that a folder is by itself.
        enclosing = f"{module}:{resource}" if module not in ("", "root") and resource else resource
        where = anchor(enclosing or rule, ranks[place])
        yield Result(
            pointer=pointer,
            title=documents.one_line(documents.text(violation.description) or documents.text(violation.rule_name) or rule),
            identity=(rule, path, where),
            severity=documents.text(violation.severity),
            rule=rule,
            component_name=resource,
            file_path=path or None,
            line=place.position[0] or None,
            location=location.code(path, where) if path else location.NOWHERE,
            captured=captured,
        )


def _zoned(stated: _Any) -> _Any:
    match = _GO_TIME.fullmatch(stated) if isinstance(stated, str) else None
    return f"{match['instant'].replace(' ', 'T')}{match['offset'][:3]}:{match['offset'][3:]}" if match else stated
