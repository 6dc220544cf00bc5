"""Amazon Inspector: the shapes that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import aws_inspector2, formats, recognise

ARN = "arn:aws:inspector2:eu-west-1:1:finding/f1"
BASE = {"findingArn": ARN, "awsAccountId": "1", "severity": "HIGH", "status": "ACTIVE", "lastObservedAt": "2026-01-02T03:04:05Z"}
PORT = BASE | {"title": "Port 22 is reachable from an Internet Gateway", "type": "NETWORK_REACHABILITY", "resources": [{"id": "i-1"}]}
FUNCTION = "arn:aws:lambda:eu-west-1:1:function:f"
CSV = (
    "AWS Account Id,Severity,Finding Type,Title,Finding ARN,Last Seen,Resource ID,Affected Packages,Package Installed Version,"
    "File Path,Inspector Score,Inspector Score Vector,Status,Vulnerability Id,Epss Score\n"
)


def code(number: int, line: int) -> dict:
    details = {"cwes": ["CWE-798"], "detectorId": "python/creds@v1.0", "filePath": {"filePath": "app.py", "startLine": line}}
    return BASE | {
        "findingArn": f"{ARN}{number}",
        "title": "CWE-798 - Hardcoded credentials",
        "type": "CODE_VULNERABILITY",
        "resources": [{"id": FUNCTION}],
        "codeVulnerabilityDetails": details,
    }


def read(content: object) -> list[Result | Reject]:
    data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    assert recognise(Head(data)) is formats()["aws_inspector2"]
    return list(aws_inspector2.parse(data, Scan()))


@pytest.mark.parametrize("document", [{"findings": [PORT]}, [PORT], PORT, {"detail-type": "Inspector2 Finding", "detail": PORT}], ids=list("abcd"))
def test_a_finding_reads_alike_in_every_frame(document):
    (row,) = read(document)
    assert (row.rule, row.location, row.target, row.own_id) == (PORT["title"], ("cloud", "i-1"), "i-1", ARN)
    assert row.captured.precision == "zoned" and row.source_state is None


def test_a_weakness_of_code_keeps_its_place_when_lines_move():
    first, second = read({"findings": [code(1, 10), code(2, 20)]})
    moved = read({"findings": [code(2, 120), code(1, 110)]})
    assert first.location == ("code", "app.py|python/creds@v1.0") and second.location == ("code", "app.py|python/creds@v1.0#1")
    assert {row.location for row in moved} == {first.location, second.location}
    assert (first.rule, first.cwes, first.line, first.file_path) == ("python/creds@v1.0", (798,), 10, "app.py")


def test_related_cves_name_an_advisory_and_not_another_cve():
    def names(own, related):
        details = {"vulnerabilityId": own, "relatedVulnerabilities": related}
        return read([BASE | {"title": own, "packageVulnerabilityDetails": details}])[0].vulnerability_ids

    assert names("GHSA-2222-3333-4444", ["CVE-2024-0001"]) == ("GHSA-2222-3333-4444", "CVE-2024-0001")
    assert names("CVE-2024-0002", ["CVE-2024-0001", "GHSA-2222-3333-4444"]) == ("CVE-2024-0002", "GHSA-2222-3333-4444")


def test_the_exported_csv():
    row, bad = read(
        CSV + f'1,CRITICAL,PACKAGE_VULNERABILITY,"CVE-2024-1 - b, a",{ARN},2026-01-02T03:04:05Z,i-1,"b, a","2, 1",/x,9.8,'
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,CLOSED,CVE-2024-1,0.5\n1,LOW,X,No ARN,,,,,,,,,,,\n"
    )
    assert (row.component_name, row.component_version, row.location) == ("a", "1", ("package", "a"))
    assert (row.score, row.epss, row.source_state, row.vulnerability_ids) == (9.8, 0.5, "closed", ("CVE-2024-1",))
    assert isinstance(bad, Reject) and bad.reason == "missing_finding_arn"


def test_what_has_no_findings_is_rejected():
    with pytest.raises(FileRejected):
        list(aws_inspector2.parse(b"{}", Scan()))
