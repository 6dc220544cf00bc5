"""Qualys WAS: reports, states and faults that the golden reports do not show."""

from __future__ import annotations

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats, qualys_was, recognise

VULNERABILITY = """<VULNERABILITY><UNIQUE_ID>u1</UNIQUE_ID><QID>{qid}</QID><URL>{url}</URL><PARAM>q</PARAM><STATUS>{status}</STATUS>
<LAST_TIME_DETECTED>12 Mar 2020 04:42PM GMT-0400</LAST_TIME_DETECTED><IGNORED>{ignored}</IGNORED></VULNERABILITY>"""
APPLICATIONS = """<WAS_WEBAPP_REPORT><RESULTS><WEB_APPLICATION><NAME>Shop</NAME><VULNERABILITY_LIST>{vulnerability}</VULNERABILITY_LIST>
<SENSITIVE_CONTENT_LIST><SENSITIVE_CONTENT><UNIQUE_ID>u2</UNIQUE_ID><QID>7</QID><URL>https://a.example.com/b</URL></SENSITIVE_CONTENT></SENSITIVE_CONTENT_LIST>
</WEB_APPLICATION></RESULTS><GLOSSARY><QID_LIST><QID><QID>7</QID><SEVERITY>5</SEVERITY><TITLE>Injection</TITLE><CWE>CWE-89, CWE-20</CWE>
<CVE_LIST><CVE><ID>CVE-2024-0001</ID></CVE></CVE_LIST><CVSS_V3><BASE>9.8</BASE></CVSS_V3></QID></QID_LIST></GLOSSARY></WAS_WEBAPP_REPORT>"""
SCAN = "<WAS_SCAN_REPORT>{rest}<APPENDIX><SCAN_LIST><SCAN><STATUS>{status}</STATUS></SCAN></SCAN_LIST></APPENDIX></WAS_SCAN_REPORT>"


def read(**values: str) -> list[Result | Reject]:
    found = VULNERABILITY.format(**{"qid": "7", "url": "https://a.example.com:8443/b?x=1", "status": "ACTIVE", "ignored": "false"} | values)
    content = APPLICATIONS.format(vulnerability=found).encode()
    assert recognise(Head(content)) is formats()["qualys_was"]
    return list(qualys_was.parse(content, Scan()))


def test_a_report_of_web_applications():
    row, sensitive = read()
    assert (row.title, row.severity, row.score, row.cwes, row.vulnerability_ids) == ("Injection", "5", 9.8, (89, 20), ("CVE-2024-0001",))
    assert (row.location.key, row.target, row.own_id, row.source_state) == ("https://a.example.com:8443|/b|q", "Shop", "u1", None)
    assert row.captured.precision == "zoned" and sensitive.own_id == "u2"


@pytest.mark.parametrize(
    "values, state", [({"status": "FIXED"}, "fixed"), ({"ignored": "true"}, "ignored"), ({"status": "FIXED", "ignored": "true"}, "fixed,ignored")]
)
def test_what_is_not_open_says_so(values, state):
    assert read(**values)[0].source_state == state


def test_what_is_missing():
    assert read(qid="")[0].reason == "missing_qid"
    unknown, *_ = read(qid="8", url="not a url:x")
    assert (unknown.title, unknown.severity, unknown.location.kind, unknown.endpoint) == ("QID 8", None, "none", None)


@pytest.mark.parametrize("rest, status, reason", [("<RESULTS/>", "Error", "failed_scan"), ("", "Finished", "malformed")])
def test_a_report_that_failed_or_shows_no_results_is_rejected(rest, status, reason):
    with pytest.raises(FileRejected) as error:
        list(qualys_was.parse(SCAN.format(rest=rest, status=status).encode(), Scan()))
    assert error.value.reason == reason
