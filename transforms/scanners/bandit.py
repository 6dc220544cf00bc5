"""PyCQA Bandit's report (`bandit -f json|csv|xml`): security issues in Python code.

Newer versions say the weakness (`issue_cwe`) and the column. CSV has the same columns, XML has the shape of JUnit's with the suite
`bandit` and states id, weakness and place in its text. `errors` are files that Bandit could not parse: no results; where it could
parse none, the scan failed.
`# nosec` leaves an issue out of the report altogether. Bandit's SARIF is the format `sarif`.

An issue is told from the others by test, file, and the code of its line with its place among the equal ones of that file: line
numbers move with every edit. The CSV and XML reports do not have the code: there it is the place among the test's issues in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transforms.domain import csv_reports, documents, location, secrets, xml
from transforms.domain.anchors import Place, anchor, ordinals, snippet
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM, Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers

NAME = "bandit"
TITLE = "Bandit (JSON, CSV, XML)"
SCANNER = "bandit"
CALIBRATION: dict[str, str] = {}  # LOW, MEDIUM, HIGH are the policy's; UNDEFINED is no rating

_COLUMNS = frozenset(("filename", "test_id", "test_name", "issue_severity", "issue_confidence", "issue_text"))
_TEST = re.compile(r"Test ID:\s*(?P<test>\S+)")
_CWE = re.compile(r"CWE:\s*CWE-(\d{1,6})\b|/definitions/(\d{1,6})\.html")
_PASSWORD = re.compile(r"(?<=hardcoded password: ').+(?=')", re.DOTALL)
_WHERE = re.compile(r"Location (?P<path>.*?)(?::(?P<line>\d+))?(?::\d+)?\s*$")

_Any = object


class Issue(msgspec.Struct, gc=False):
    filename: _Any = None
    test_id: _Any = None
    issue_text: _Any = None
    issue_severity: _Any = None
    issue_cwe: _Any = None
    line_number: _Any = None
    col_offset: _Any = None
    code: _Any = None


class Report(msgspec.Struct):
    results: list[msgspec.Raw] | None
    generated_at: _Any = None
    errors: _Any = None
    metrics: _Any = None


_report = msgspec.json.Decoder(Report)
_issue = msgspec.json.Decoder(Issue)


def recognise(head: Head) -> bool:
    if head.is_json_object:
        if not {"results", "metrics", "generated_at"} <= head.json.keys():
            return False
        item = head.item_keys("results")
        return not item or {"test_id", "issue_text"} <= item
    if head.xml_root:
        return head.xml_root == "testsuite" and re.search(r"""\bname=["']bandit["']""", head.xml_attributes) is not None
    return csv_reports.columns(head) >= _COLUMNS


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    first = content.removeprefix(BOM).lstrip()[:1]
    captured = None
    if first == b"<":
        issues = _xml(content)
    elif first in (b"{", b"["):
        report = documents.decode(_report, content, "an object with a list `results`")
        if _failed(report):
            raise FileRejected("failed_scan", seen="errors, and no line of code looked at", expected="a scan of at least one line")
        captured = scan.stamp(report.generated_at)
        issues = documents.items(report.results, _issue, "/results")
    else:
        issues = _csv(content)
    found: list[tuple[str, Issue, str, str, str | None, Place]] = []
    for pointer, _, issue in issues:
        if isinstance(issue, Reject):
            yield secrets.without_raw(issue)  # the code
            continue
        rule, path = documents.text(issue.test_id), documents.text(issue.filename)
        if rule is None or path is None:
            yield secrets.missing(pointer, "test_id" if rule is None else "filename")
            continue
        code = snippet(_line(issue))
        position = (documents.line(issue.line_number) or 0, documents.line(issue.col_offset) or 0, documents.text(issue.issue_text) or "")
        found.append((pointer, issue, rule, path, code, Place((path, rule, code or ""), position)))
    ranks = ordinals(place for *_, place in found)
    for pointer, issue, rule, path, code, place in found:
        line, _, message = place.position
        where = anchor(code or rule, ranks[place])
        yield Result(
            pointer=pointer,
            title=documents.one_line(_PASSWORD.sub("withheld", message)) if message else rule,
            identity=(rule, path, where, message),
            severity=documents.text(issue.issue_severity),
            rule=rule,
            cwes=_cwes(issue.issue_cwe),
            file_path=path,
            line=line or None,
            location=location.code(path, where),
            captured=captured,
        )


def _failed(report: Report) -> bool:
    totals = report.metrics.get("_totals") if isinstance(report.metrics, dict) else None
    return bool(report.errors) and not report.results and isinstance(totals, dict) and totals.get("loc") == 0


def _line(issue: Issue) -> str | None:
    """The text of the issue's own line in the excerpt, whose lines begin with their numbers; how many there are is an option."""
    if not isinstance(issue.code, str):
        return None
    number = f"{documents.line(issue.line_number)} "
    return next((line[len(number) :] for line in issue.code.split("\n") if line.startswith(number)), None)


def _cwes(stated: _Any) -> tuple[int, ...]:
    if isinstance(stated, dict):
        return cwe_numbers(stated.get("id"))
    return cwe_numbers([int(first or second) for first, second in _CWE.findall(stated)]) if isinstance(stated, str) else cwe_numbers(stated)


def _csv(content: bytes) -> Iterator[tuple[str, bytes, Issue | Reject]]:
    for row in csv_reports.rows(content):
        if isinstance(row, Reject):
            yield row.pointer, b"", row
            continue
        pointer, cells, raw = row
        yield pointer, raw.encode(), Issue(**{name: cells[name] for name in Issue.__struct_fields__ if name in cells})


def _xml(content: bytes) -> Iterator[tuple[str, bytes, Issue]]:
    for number, case in enumerate(xml.children(xml.parse_xml(content), "testcase"), 1):
        for error in xml.children(case, "error"):
            text = error.text or ""
            test, place = _TEST.search(text), _WHERE.search(text)
            yield (
                f"/testsuite/testcase[{number}]",
                text.encode(),
                Issue(
                    filename=case.get("classname") or (place["path"] if place else None),
                    test_id=test["test"] if test else None,
                    issue_text=error.get("message"),
                    issue_severity=error.get("type"),
                    issue_cwe=text,
                    line_number=place["line"] if place else None,
                ),
            )
