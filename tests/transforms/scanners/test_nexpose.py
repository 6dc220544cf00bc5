"""Nexpose: statuses, times and faults that the golden reports do not show."""

from __future__ import annotations

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, nexpose, recognise

REPORT = """<NexposeReport version="2.0"><scans>{scans}</scans><nodes><node address="{host}"><endpoints><endpoint protocol="tcp" port="{port}">
<services><service name="HTTP"><tests><test id="{id}" key="/x" status="{status}" scan-id="1">text <b>found</b></test></tests></service></services>
</endpoint></endpoints></node></nodes><VulnerabilityDefinitions><vulnerability id="v-1" title="Old TLS" severity="8" cvssVector="(AV:N/AC:L/Au:N/C:P/I:N/A:N)">
<references><reference source="CVE">cve-2020-0001</reference><reference source="CVE">none</reference><reference source="CWE">CWE-327</reference></references>
</vulnerability></VulnerabilityDefinitions></NexposeReport>"""
SCAN = '<scan id="1" startTime="20210211T162340221" endTime="20210211T164705486" status="finished"/>'


def read(**values: str) -> list[Result | Reject]:
    data = REPORT.format(**{"scans": SCAN, "host": "10.0.0.1", "port": "443", "id": "V-1", "status": "vulnerable-version"} | values).encode()
    assert recognise(Head(data)) is formats()["nexpose"]
    return list(nexpose.parse(data, Scan()))


def test_a_vulnerable_service():
    (row,) = read()
    assert (row.title, row.score, row.vulnerability_ids, row.cwes) == ("Old TLS", 8, ("CVE-2020-0001",), (327,))
    assert (row.location.key, row.target, row.identity[-2:]) == ("10.0.0.1|443|tcp", "10.0.0.1", ("/x", "text found"))
    assert (row.captured.us, row.captured.precision) == (1613062025_486_000, "naive")


@pytest.mark.parametrize(
    "status, expected",
    [
        ("vulnerable-potential", [None]),
        ("exception-vulnerable-exploited", ["exception"]),
        ("not-vulnerable-version", []),
        ("unknown", []),
        ("", []),
    ],
)
def test_what_a_status_makes_of_a_test(status, expected):
    assert [row.source_state for row in read(status=status)] == expected


def test_what_is_missing():
    assert [row.reason for row in read(host=" ")] == ["missing_host"] and [row.reason for row in read(id="")] == ["missing_test_id"]
    assert [(row.title, row.score) for row in read(id="v-2")] == [("v-2", None)]
    assert [row.location.key for row in read(port="x")] == ["10.0.0.1||"]
    assert read(scans="")[0].captured is None


def test_a_report_of_failed_scans_is_rejected():
    with pytest.raises(FileRejected) as error:
        read(scans=SCAN.replace("finished", "error"))
    assert error.value.reason == "failed_scan"
