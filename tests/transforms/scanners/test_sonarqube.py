"""SonarQube: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Scan
from transforms.scanners import recognise, sonarqube

ISSUE = {
    "key": "AX1",
    "rule": "java:S2068",
    "severity": "BLOCKER",
    "component": "shop:src/A.java",
    "project": "shop",
    "line": 3,
    "message": "Revoke this password.",
    "status": "OPEN",
    "type": "VULNERABILITY",
}


def answer(*issues: dict, **members: object) -> bytes:
    components = [{"key": "odd", "path": "src/odd.java"}]
    return json.dumps({"total": 1, "p": 1, "paging": {}, "issues": list(issues), "components": components, **members}).encode()


def parse(content: bytes) -> list:
    assert recognise(Head(content)) is sonarqube
    return list(sonarqube.parse(content, Scan()))


@pytest.mark.parametrize(
    ("change", "path"), [({}, "src/A.java"), ({"component": "odd"}, "src/odd.java"), ({"component": "shop"}, None), ({"project": None}, "shop:src/A.java")]
)
def test_the_file_of_a_component(change, path):
    [row] = parse(answer(ISSUE | change))
    assert row.file_path == path and row.location == (("code", f"{path}|AX1") if path else ("none", ""))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, None),
        ({"status": "RESOLVED", "resolution": "FALSE-POSITIVE"}, "resolved:false-positive"),
        ({"status": None, "issueStatus": "ACCEPTED"}, "accepted"),
    ],
)
def test_a_resolution_is_evidence(change, state):
    [row] = parse(answer(ISSUE | change))
    assert row.source_state == state


@pytest.mark.parametrize("change", [{"status": "CLOSED", "resolution": "FIXED"}, {"status": None, "issueStatus": "FIXED"}])
def test_a_closed_issue_was_not_found_by_the_last_analysis(change):
    assert parse(answer(ISSUE | change)) == []


def test_an_issue_without_severity_has_that_of_its_impact_on_security():
    impacts = [{"softwareQuality": "MAINTAINABILITY", "severity": "LOW"}, {"softwareQuality": "SECURITY", "severity": "HIGH"}]
    [row] = parse(answer(ISSUE | {"severity": None, "impacts": impacts}))
    assert row.severity == "HIGH"


def test_an_issue_of_dependency_check_is_of_a_package():
    message = "Filename: log4j-core-2.0.jar | Reference: CVE-2021-44228 | CVSS Score: 10.0 | Category: CWE-502 | Bad."
    [row] = parse(answer(ISSUE | {"message": message}))
    assert row.location == ("package", "log4j-core-2.0.jar") and row.vulnerability_ids == ("CVE-2021-44228",)
    assert (row.score, row.cwes) == (10.0, (502,))


@pytest.mark.parametrize(("change", "reason"), [({"rule": None}, "missing_rule"), ({"message": ""}, "missing_message")])
def test_an_issue_without_rule_or_message_is_a_reject(change, reason):
    [row] = parse(answer(ISSUE | change))
    assert row.reason == reason and row.raw


def test_an_empty_page_is_a_report():
    assert parse(answer()) == []


def html(row: str, end: str = "</html>") -> bytes:
    head = "".join(f"<th>{name}</th>" for name in ("Rule", "Severity", "Component", "Line", "Description", "Message"))
    return (
        "<!DOCTYPE html><html><head><title>SonarQube Vulnerability Report</title></head><body><dl><dt>Project Name</dt><dd>shop</dd></dl>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{row}</tbody></table></body>{end}"
    ).encode()


def test_an_html_report_without_keys_anchors_by_rule_and_ordinal():
    row = "<tr><td>r</td><td>MAJOR</td><td>a.py</td><td>{}</td><td>d</td><td>m</td></tr>"
    rows = parse(html(row.format(9) + row.format(4)))
    assert [found.location.key for found in rows] == ["a.py|r#1", "a.py|r"] and rows[0].target == "shop"


@pytest.mark.parametrize(
    "content", [html("", end=""), b"<html><title>SonarQube Report</title></html>"], ids=["cut off", "without a table"]
)
def test_html_that_is_no_whole_report_is_rejected(content):
    with pytest.raises(FileRejected, match="malformed"):
        parse(content)
