"""Securego gosec's JSON (`gosec -fmt json`): security issues in Go code.

`line` and `column` are texts, `line` of several lines is `79-81`. Newer versions say the weakness (`cwe`, for a while with capital
members), number the lines in `code` and put one around the place, and with `-track-suppressions` keep what the code says to ignore,
with its `suppressions`: evidence of a state.
`Golang errors` are packages that do not compile, so were not looked at; where nothing else is in the report, the scan failed.
gosec's SARIF and SonarQube's generic issues are other formats; its CSV has no header to know it by.

An issue is told from the others by rule, file, and the code of its lines with its place among the equal ones of that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import documents, location
from transforms.domain.anchors import Place, anchor, ordinals, snippet
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "gosec"
TITLE = "gosec (JSON)"
SCANNER = "gosec"
CALIBRATION: dict[str, str] = {}  # LOW, MEDIUM, HIGH are the policy's

_NUMBERED = re.compile(r"(\d+): ?(.*)")

_Any = object


class Suppression(msgspec.Struct, gc=False):
    kind: _Any = None


class Issue(msgspec.Struct, gc=False):
    severity: _Any = None
    cwe: dict[str, _Any] | None = None
    rule_id: _Any = None
    details: _Any = None
    file: _Any = None
    code: _Any = None
    line: _Any = None
    column: _Any = None
    nosec: _Any = None
    suppressions: list[Suppression] | None = None


class Stats(msgspec.Struct):
    files: _Any = None


class Report(msgspec.Struct):
    issues: list[msgspec.Raw] | None = msgspec.field(name="Issues")
    stats: Stats | None = msgspec.field(name="Stats", default=None)
    errors: dict[str, _Any] | None = msgspec.field(name="Golang errors", default=None)


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    return head.is_json_object and {"Issues", "Stats"} <= head.json.keys()


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    report = documents.decode(_report, content, "an object with a list `Issues`")
    if report.errors and not report.issues and report.stats and report.stats.files == 0:
        failed = ", ".join(sorted(report.errors)[:3])
        raise FileRejected("failed_scan", seen=f"no file looked at, errors in {failed}", expected="a scan of at least one file")
    found: list[tuple[str, Issue, str, str, str | None, Place]] = []
    for pointer, raw, issue in documents.items(report.issues, _issue, "/Issues"):
        if isinstance(issue, Reject):
            yield issue
            continue
        rule, path = documents.text(issue.rule_id), documents.text(issue.file)
        if rule is None or path is None:
            yield documents.missing(pointer, "rule_id" if rule is None else "file", raw)
            continue
        first, last = _lines(issue.line)
        code = snippet(_code(issue.code, first, last))
        position = (first or 0, documents.line(issue.column) or 0, documents.text(issue.details) or "")
        found.append((pointer, issue, rule, path, code, Place((path, rule, code or ""), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, issue, rule, path, code, place in found:
        line, _, message = place.position
        where = anchor(code or rule, ranks[place])
        yield Result(
            pointer=pointer,
            title=documents.one_line(message) if message else rule,
            identity=(rule, path, where, message),
            severity=documents.text(issue.severity),
            rule=rule,
            cwes=cwe_numbers(*((issue.cwe.get("id"), issue.cwe.get("ID")) if issue.cwe else ())),
            file_path=path,
            line=line or None,
            location=location.code(path, where),
            source_state=_state(issue),
        )


def _lines(stated: _Any) -> tuple[int | None, int | None]:
    first, _, last = (documents.text(stated) or "").partition("-")
    return documents.line(first), documents.line(last) or documents.line(first)


def _code(stated: _Any, first: int | None, last: int | None) -> str | None:
    """The code of the issue's own lines: newer versions put one line around it and number them all."""
    code = documents.text(stated)
    if code is None or first is None or last is None:
        return code
    numbered = [_NUMBERED.match(line) for line in code.split("\n")]
    own = [match[2] for match in numbered if match and first <= int(match[1][:10]) <= last]
    return "\n".join(own) if own else code


def _state(issue: Issue) -> str | None:
    kinds = [":".join(("suppressed", kind)) if (kind := documents.text(entry.kind)) else "suppressed" for entry in issue.suppressions or ()]
    return ",".join(kinds) or ("suppressed" if issue.nosec is True else None)
