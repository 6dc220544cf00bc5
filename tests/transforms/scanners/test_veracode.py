"""Veracode: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import recognise, veracode

FLAW = {"issueid": "7", "severity": "4", "categoryname": "SQL Injection", "cweid": "89", "sourcefile": "a.java", "sourcefilepath": "src", "line": "3"}


def xml(flaw: dict, kind: str = "staticflaws") -> bytes:
    attributes = " ".join(f'{name}="{value}"' for name, value in flaw.items())
    cwe = f'<cwe cweid="1" cwename="x"><{kind}><flaw {attributes}/></{kind}></cwe>'
    analysis = '<dynamic-analysis published_date="2020-06-02 10:02:01 UTC"/>'
    return (
        '<detailedreport xmlns="https://www.veracode.com/schema/reports/export/1.0" app_name="shop" last_update_time="2020-06-01 10:02:01 UTC">'
        f'{analysis}<severity level="4"><category categoryname="c">{cwe}</category></severity></detailedreport>'
    ).encode()


FINDING = {
    "issue_id": 7,
    "scan_type": "STATIC",
    "finding_status": {"status": "OPEN", "resolution": "UNRESOLVED"},
    "finding_details": {"severity": 5, "cwe": {"id": 89, "name": "SQL Injection"}, "file_path": "a.java", "file_line_number": 3},
}


def page(*findings: dict) -> bytes:
    return json.dumps({"_embedded": {"findings": list(findings)}, "_links": {}, "page": {}}).encode()


def parse(content: bytes) -> list:
    assert recognise(Head(content)) is veracode
    return list(veracode.parse(content, Scan()))


def test_a_static_flaw():
    [row] = parse(xml(FLAW))
    assert (row.title, row.severity, row.file_path, row.line, row.cwes) == ("SQL Injection", "4", "src/a.java", 3, (89,))
    assert row.location == ("code", "src/a.java|7") and row.target == "shop"


@pytest.mark.parametrize(
    ("change", "kind", "key"),
    [
        ({"url": "https://shop.example/a", "vuln_parameter": "q"}, "dynamicflaws", ("web", "https://shop.example:443|/a|q")),
        ({"sourcefile": ""}, "manualflaws", ("none", "")),
    ],
)
def test_flaws_of_other_analyses(change, kind, key):
    [row] = parse(xml(FLAW | change, kind))
    assert row.location == key and (row.captured.us == 1591092121000000) is (kind == "dynamicflaws")


@pytest.mark.parametrize(("change", "reason"), [({"issueid": ""}, "missing_issueid"), ({"url": "http://[x"}, "malformed")])
def test_a_flaw_without_its_number_or_with_a_broken_url_is_a_reject(change, reason):
    [row] = parse(xml(FLAW | change))
    assert isinstance(row, Reject) and row.reason == reason


def test_what_is_fixed_or_closed_was_not_found_by_this_scan():
    assert parse(xml(FLAW | {"remediation_status": "Fixed"})) == []
    assert parse(page(FINDING | {"finding_status": {"status": "CLOSED"}})) == []


@pytest.mark.parametrize(("resolution", "state"), [("UNRESOLVED", None), ("POTENTIAL_FALSE_POSITIVE", "potential false positive"), (None, None)])
def test_a_resolution_is_evidence(resolution, state):
    [row] = parse(page(FINDING | {"finding_status": {"status": "OPEN", "resolution": resolution}}))
    assert row.source_state == state and row.title == "SQL Injection"


def test_an_empty_page_is_a_report_and_a_frame_without_findings_is_none():
    assert parse(page()) == []
    with pytest.raises(FileRejected, match="malformed"):
        list(veracode.parse(b'{"_embedded": {}}', Scan()))


def test_a_component_without_its_vulnerability_is_a_reject():
    details = {"severity": 3, "component_filename": "a-1.0.jar", "version": "1.0", "cve": {"name": "SRCCLR-SID-9"}}
    rows = parse(page(FINDING | {"scan_type": "SCA", "finding_details": details}, FINDING | {"scan_type": "SCA", "finding_details": {}}))
    assert (rows[0].component_name, rows[0].vulnerability_ids) == ("a", ("SRCCLR-SID-9",)) and rows[1].reason == "missing_cve"
