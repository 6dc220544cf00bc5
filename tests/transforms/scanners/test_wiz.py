"""Wiz's CSV: states, times and faults that the golden reports do not show."""

from __future__ import annotations

import pytest

from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, recognise, wiz

ISSUES = "Created At,Title,Severity,Status,Resource external ID,Control ID,Issue ID,Resource vertex ID,Resource Name\n"
ISSUE = "2026-01-02T03:04:05Z,Public bucket,HIGH,{},arn:aws:s3:::b,c1,i1,v1,b\n"
FINDINGS = "ID,WizURL,Name,HasCisaKevExploit,FindingStatus,Severity,VendorSeverity,LastDetected,DetailedName,Version,AssetID,AssetName\n"


def read(content: str) -> list[Result | Reject]:
    assert recognise(Head(content.encode())) is formats()["wiz"]
    return list(wiz.parse(content.encode(), Scan()))


@pytest.mark.parametrize(
    "status, state, is_dated", [("OPEN", None, False), ("IN_PROGRESS", None, False), ("RESOLVED", "resolved", True), ("REJECTED", "rejected", True)]
)
def test_an_issue_that_is_not_open_was_seen_when_it_was_created(status, state, is_dated):
    (row,) = read(ISSUES + ISSUE.format(status))
    assert (row.source_state, row.captured is not None) == (state, is_dated)
    assert (row.rule, row.own_id, row.location, row.target) == ("c1", "i1", ("cloud", "arn:aws:s3:::b"), "b")


def test_a_vulnerability_finding():
    row, bad = read(FINDINGS + "f1,u,CVE-2024-1,true,Resolved,Critical,Low,2026-01-02T03:04:05Z,openssl,3.0,a1,web-1\nf2,u,CVE-2024-2,false,Open,,,,,,,\n")
    assert (row.severity, row.known_exploited, row.source_state, row.target) == ("Critical", True, "resolved", "web-1")
    assert row.location == ("package", "openssl") and row.captured.precision == "zoned"
    assert isinstance(bad, Reject) and bad.reason == "missing_detailedname"


def test_an_issue_without_its_id_is_a_reject():
    (bad,) = read(ISSUES + "2026-01-02T03:04:05Z,Public bucket,HIGH,OPEN,x,c1,,v1,b\n")
    assert bad.reason == "missing_issue_id"
