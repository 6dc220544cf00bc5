"""Burp's five reports: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain import portswigger
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import formats, recognise

DTD = "<!DOCTYPE issues [<!ELEMENT issues (issue*)><!ATTLIST issues burpVersion CDATA \"\">]>"
ISSUE = {
    "serialNumber": "1",
    "type": "2097920",
    "name": "Cross-site scripting (reflected)",
    "host": "https://shop.example:8443",
    "path": "/search",
    "location": "/search [q parameter]",
    "severity": "High",
    "confidence": "Certain",
    "vulnerabilityClassifications": "&lt;a href='x'&gt;CWE-79: XSS&lt;/a&gt; CWE-80",
}


def xml(issue: dict = ISSUE, dtd: str = DTD, head: str = '<?xml version="1.0"?>') -> bytes:
    texts = "".join(f"<{name}>{value}</{name}>" for name, value in issue.items())
    return f'{head}{dtd}<issues burpVersion="2025.1" exportTime="Sat Sep 13 22:35:04 CEST 2014"><issue>{texts}</issue></issues>'.encode()


def parse(content: bytes, format: str = "burp") -> list:
    assert recognise(Head(content)).NAME == format
    return list(formats()[format].parse(content, Scan()))


@pytest.mark.parametrize("content", [xml(), xml(dtd=""), xml(head='<?xml version="1.1"?>')], ids=["declarations", "none", "xml 1.1"])
def test_the_xml_report_with_and_without_its_declarations(content):
    [row] = parse(content)
    assert (row.title, row.rule, row.severity, row.cwes) == ("Cross-site scripting (reflected)", "2097920", "High", (79, 80))
    assert row.location == ("web", "https://shop.example:8443|/search|q") and row.target == "shop.example"
    assert row.captured.precision == "naive" and row.own_id == "1" and row.source_state is None


@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE issues [<!ENTITY a "b">]>',
        '<!DOCTYPE issues [<!ELEMENT issues (issue*)><!ENTITY % a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE issues SYSTEM "http://evil.example/a.dtd">',
    ],
)
def test_any_other_document_type_is_refused(dtd):
    with pytest.raises(FileRejected, match="hostile_xml"):
        parse(xml(dtd=dtd))


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"name": ""}, "missing_name"), ({"host": " "}, "missing_host"), ({"host": "https://"}, "malformed"), ({"host": "https://a:x"}, "malformed")],
)
def test_an_issue_without_name_or_host_is_a_reject(change, reason):
    [row] = parse(xml(ISSUE | change))
    assert isinstance(row, Reject) and row.reason == reason and row.raw


def test_an_extensions_issue_is_ruled_by_its_name_and_a_false_positive_is_a_state():
    [row] = parse(xml(ISSUE | {"type": "134217728", "name": "Vulners: CVE-2021-44228", "severity": "False positive"}))
    assert row.rule == "Vulners: CVE-2021-44228" and row.vulnerability_ids == ("CVE-2021-44228",)
    assert row.severity == "False positive" and row.source_state == "false positive"


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("/a [q parameter]", "q"),
        ("/a [JSESSIONID cookie]", "JSESSIONID"),
        ("/a [User-Agent HTTP header]", "User-Agent"),
        ("/a [name of an arbitrarily supplied URL parameter]", "name of an arbitrarily supplied URL parameter"),
        ("/a [URL path folder 2]", "URL path folder 2"),
        ("/a", None),
        (None, None),
    ],
)
def test_the_insertion_point(caption, name):
    assert portswigger.parameter(caption) == name


API = {"issue_events": [], "scan_status": "succeeded", "task_id": "1"}


def test_a_failed_scan_is_rejected_and_a_finished_one_without_issues_is_empty():
    assert parse(json.dumps(API).encode(), "burp_api") == []
    with pytest.raises(FileRejected, match="failed_scan"):
        parse(json.dumps(API | {"scan_status": "failed"}).encode(), "burp_api")


GRAPHQL_ISSUE = {
    "issue_type": {"name": "SQL injection", "type_index": "1049088", "vulnerability_classifications_html": "<li>CWE-89</li>"},
    "severity": "high",
    "confidence": "false_positive",
    "origin": "https://shop.example",
    "path": "/login",
    "serial_number": "77",
    "description_html": "The value of the <b>user</b> request parameter is bad.",
}


def graphql(**scan: object) -> bytes:
    return json.dumps({"data": {"scan": {"id": "1", "issues": [GRAPHQL_ISSUE], **scan}}}).encode()


def test_the_graphql_answer_as_the_api_gives_it():
    [row] = parse(graphql(status="succeeded", end_time="2024-02-01T10:00:00Z"), "burp_graphql")
    assert (row.rule, row.cwes, row.own_id, row.source_state) == ("1049088", (89,), "77", "false positive")
    assert row.location == ("web", "https://shop.example:443|/login|user") and row.captured.precision == "zoned"
    with pytest.raises(FileRejected, match="failed_scan"):
        parse(graphql(status="failed"), "burp_graphql")


def test_a_dastardly_failure_without_details_is_at_the_url_of_its_message():
    suite = '<testsuite name="https://shop.example:443/a?b=1"><testcase name="X"><failure message="X found at https://shop.example/a" type="Low"/></testcase></testsuite>'
    [row] = parse(f'<testsuites failures="1" name="Dastardly scan results" tests="1">{suite}</testsuites>'.encode(), "burp_dastardly")
    assert (row.title, row.severity, row.endpoint, row.target) == ("X", "Low", "https://shop.example/a", "shop.example")


def html(rows: str, status: str = "Completed", end: str = "</html>") -> bytes:
    facts = f'<div class="label">Status:</div><div class="value">{status}</div>'
    table = f"<table class='issue-table'><tr><th>URLs</th></tr>{rows}</table>"
    return f"<html><body><span>Generated by Burp Suite DAST | x</span>{facts}<h1>Issues found on https://shop.example</h1>{table}</body>{end}".encode()


ROW = "<tr><td>/a</td><td>Low</td><td>Firm</td></tr>"


def test_the_html_report():
    [row] = parse(html(f'<tr class="issue-type-row"><td>TLS certificate [1]</td></tr>{ROW}'), "burp_suite_dast")
    assert (row.title, row.severity, row.endpoint, row.own_id) == ("TLS certificate", "Low", "https://shop.example/a", None)
    [reject] = parse(html(ROW), "burp_suite_dast")
    assert reject.reason == "missing_title"


@pytest.mark.parametrize(("content", "reason"), [(html("", "Failed"), "failed_scan"), (html("", end=""), "malformed")])
def test_a_failed_or_cut_html_report_is_rejected(content, reason):
    with pytest.raises(FileRejected, match=reason):
        parse(content, "burp_suite_dast")
