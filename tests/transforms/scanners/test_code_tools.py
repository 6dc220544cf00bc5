"""Scanners of code and of infrastructure as code: versions, dialects and faults that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan, cwe_numbers
from transforms.scanners import formats

BANDIT = {"errors": [], "generated_at": "2024-05-01T10:00:00Z", "metrics": {}}
SARIF_RUN = {"tool": {"driver": {"name": "CodeQL"}}}
GITLAB = {
    "version": "15.0.7",
    "scan": {"type": "sast", "status": "success", "scanner": {"id": "semgrep"}, "end_time": "2024-05-01T10:00:00"},
}


def _rows(format: str, document: object) -> list[Result | Reject]:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert [name for name, module in formats().items() if module.recognise(Head(content))] == [format]
    return list(formats()[format].parse(content, Scan(zone_name="Europe/Berlin")))


def _one(format: str, document: object) -> Result:
    (row,) = _rows(format, document)
    assert isinstance(row, Result), row
    return row


def _vulnerability(**fields: object) -> dict:
    return {
        "id": "8a5c",
        "name": "Weak hash",
        "severity": "High",
        "identifiers": [{"type": "semgrep_id", "name": "B303", "value": "bandit.B303"}],
        **fields,
    }


# What a report is ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("bandit", {**BANDIT, "results": []}),
        ("bandit", b"filename,test_name,test_id,issue_severity,issue_confidence,issue_cwe,issue_text,line_number,line_range,more_info\n"),
        ("bandit", b'<?xml version=\'1.0\'?><testsuite name="bandit" tests="0"></testsuite>'),
        ("gosec", {"Golang errors": {}, "Issues": [], "Stats": {"files": 3, "lines": 9, "nosec": 0, "found": 0}, "GosecVersion": "2.18.2"}),
        ("gosec", {"Golang errors": {}, "Issues": None, "Stats": {"files": 3}}),
        ("checkov", {"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0, "checkov_version": "3.2.0"}),
        ("kics", {"kics_version": "v2.1.0", "files_scanned": 2, "queries_total": 40, "queries": []}),
        ("terrascan", {"results": {"violations": None, "skipped_violations": None, "scan_summary": {"policies_validated": 8}}}),
        ("tfsec", {"results": None}),
        ("gitlab", {**GITLAB, "vulnerabilities": []}),
        ("gitlab", {"version": "14.1.2", "vulnerabilities": None, "remediations": None, "scan": {}}),
        ("snyk_issues", {"jsonapi": {"version": "1.0"}, "data": [], "links": {"self": "/rest/orgs/1/issues?version=2024-10-15"}}),
    ],
)
def test_a_report_of_nothing_is_recognised_and_has_no_results(format, document):
    assert _rows(format, document) == []


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"results": []},
        {"findings": []},
        {"results": [], "errors": []},
        {"vulnerabilities": {}, "metadata": {}},
        {"vulnerabilities": [{"id": "1", "severity": "low"}]},
        [{"file": "a.sh", "line": 1, "endLine": 1, "column": 1, "level": "error", "code": 2086, "message": "x"}],
        {"jsonapi": {"version": "1.0"}, "data": [], "links": {"self": "/rest/orgs/1/projects"}},
        {"queries": []},
        b'<testsuite name="junit"></testsuite>',
    ],
    ids=str,
)
def test_what_others_write_too_is_left_to_them(document):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    mine = ("bandit", "gosec", "hadolint", "checkov", "kics", "terrascan", "tfsec", "gitlab", "snyk_issues")
    assert not [name for name in mine if formats()[name].recognise(Head(content))]


@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("gosec", {"Golang errors": {"/a.go": [{"line": 1, "error": "x"}]}, "Issues": [], "Stats": {"files": 0}}),
        (
            "checkov",
            {
                "check_type": "terraform",
                "results": {"failed_checks": [], "parsing_errors": ["/a.tf"]},
                "summary": {"passed": 0, "parsing_errors": 1},
            },
        ),
        ("terrascan", {"results": {"scan_errors": [{"errMsg": "x"}], "violations": None, "scan_summary": {"policies_validated": 0}}}),
        ("gitlab", {"version": "15.0.7", "vulnerabilities": [], "scan": {"type": "sast", "status": "failure", "scanner": {}}}),
        ("bandit", {**BANDIT, "errors": [{"filename": "a.py", "reason": "syntax error"}], "metrics": {"_totals": {"loc": 0}}, "results": []}),
        ("semgrep", {"version": "1.50.0", "results": [], "errors": [{"level": "error", "type": "SemgrepError"}], "paths": {"scanned": []}}),
        ("sarif", {"version": "2.1.0", "runs": [{**SARIF_RUN, "invocations": [{"executionSuccessful": False}], "results": []}]}),
    ],
)
def test_a_scan_that_failed_is_no_clean_scan(format, document):
    with pytest.raises(FileRejected) as raised:
        _rows(format, document)
    assert raised.value.reason == "failed_scan"


@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("bandit", {**BANDIT, "errors": [{"filename": "a.py", "reason": "syntax error"}], "metrics": {"_totals": {"loc": 9}}, "results": []}),
        ("semgrep", {"version": "1.50.0", "results": [], "errors": [{"level": "warn"}], "paths": {"scanned": ["a.py"]}}),
        ("sarif", {"version": "2.1.0", "runs": [{**SARIF_RUN, "invocations": [{"executionSuccessful": True}], "results": []}]}),
    ],
)
def test_a_scan_that_looked_at_something_and_found_nothing_is_a_clean_scan(format, document):
    assert _rows(format, document) == []


def test_of_several_runs_the_one_that_failed_is_a_reject_and_one_with_results_keeps_them():
    failed = {**SARIF_RUN, "invocations": [{"executionSuccessful": False}]}
    found = [{"ruleId": "R1", "message": {"text": "weak hash"}}]
    rows = _rows("sarif", {"version": "2.1.0", "runs": [{**failed, "results": []}, {**failed, "results": found}]})
    assert [(row.pointer, row.reason if isinstance(row, Reject) else row.title) for row in rows] == [
        ("/runs/0/invocations", "not_scanned"),
        ("/runs/1/results/0", "weak hash"),
    ]


@pytest.mark.parametrize(
    ("format", "document", "reason"),
    [
        ("bandit", {**BANDIT, "results": [{"issue_text": "x", "test_id": "B1"}]}, "missing_filename"),
        ("gosec", {"Issues": [{"file": "a.go"}], "Stats": {}}, "missing_rule_id"),
        ("hadolint", [{"code": "DL1", "column": 1, "file": "", "level": "error", "line": 1, "message": "x"}], "missing_file"),
        ("checkov", {"check_type": "k8s", "results": {"failed_checks": [{"check_name": "x", "file_path": "/a"}]}}, "missing_check_id"),
        ("kics", {"queries_total": 1, "files_scanned": 1, "queries": [{"files": []}]}, "missing_query_id"),
        ("kics", {"queries_total": 1, "files_scanned": 1, "queries": [{"query_id": "a", "files": [{"line": 1}]}]}, "missing_file_name"),
        ("terrascan", {"results": {"scan_summary": {}, "violations": [{"file": "a.tf"}]}}, "missing_rule_id"),
        ("tfsec", {"results": [{"rule_id": "a", "rule_provider": "aws", "location": None}]}, "missing_location"),
        ("gitlab", {**GITLAB, "vulnerabilities": [{"severity": "Low", "location": {}, "identifiers": []}]}, "missing_name"),
        ("gitlab", {**GITLAB, "vulnerabilities": [_vulnerability(location={"hostname": "http://[", "path": "/"})]}, "malformed"),
        ("semgrep", {"findings": [{"match_based_id": "a", "rule_name": "r", "location": {}}]}, "missing_path"),
    ],
)
def test_an_item_without_what_it_needs_is_one_reject(format, document, reason):
    (row,) = _rows(format, document)
    assert isinstance(row, Reject) and row.reason == reason and row.raw


@pytest.mark.parametrize(
    ("stated", "numbers"),
    [
        ("CWE-79", (79,)),
        ("79: XSS", (79,)),
        ("cwe_022", (22,)),
        ("²", ()),
        ("9" * 5000, ()),
        ("\n\n", ()),
        ("79abc", ()),
        ("CWE-0", ()),
        (True, ()),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_weakness_that_is_no_number_is_none_and_breaks_nothing(stated, numbers):
    assert cwe_numbers(stated) == numbers
    assert _one("gosec", {"Issues": [{"rule_id": "G1", "file": "a.go", "cwe": {"id": stated}}], "Stats": {}}).cwes == numbers
    identifiers = [{"type": "cwe", "value": "rule", "name": stated}, {"type": "cwe", "value": stated}]
    assert _one("gitlab", {**GITLAB, "vulnerabilities": [_vulnerability(identifiers=identifiers, location={"file": "a"})]}).cwes == numbers


# Bandit ----------------------------------------------------------------------------------------------------------------------------


def test_bandit_reads_the_weakness_and_the_columns_of_new_versions():
    issue = {
        "code": "9 def f():\n10     yaml.load(x)\n11 \n",
        "col_offset": 4,
        "filename": "./a.py",
        "issue_confidence": "HIGH",
        "issue_cwe": {"id": 20, "link": "https://cwe.mitre.org/data/definitions/20.html"},
        "issue_severity": "UNDEFINED",
        "issue_text": "Use of unsafe yaml load.",
        "line_number": 10,
        "test_id": "B506",
    }
    row = _one("bandit", {**BANDIT, "results": [issue]})
    assert (row.cwes, row.line, row.severity, row.rule) == ((20,), 10, "UNDEFINED", "B506")
    assert row.captured and row.captured.precision == "zoned"
    # Lines above it, another indentation and more context do not move it.
    moved = {**issue, "line_number": 31, "col_offset": 8, "code": "29 a\n30 if b:\n31         yaml.load(x)\n"}
    assert _one("bandit", {**BANDIT, "results": [moved]}).location == row.location


def test_bandit_tells_equal_lines_of_a_file_apart():
    issue = {"filename": "a.py", "test_id": "B101", "issue_text": "assert", "issue_severity": "LOW"}
    rows = _rows("bandit", {**BANDIT, "results": [{**issue, "line_number": n, "code": f"{n} assert x\n"} for n in (9, 2)]})
    assert len({row.location for row in rows}) == len({row.identity for row in rows}) == 2


def test_bandit_csv_and_xml_have_the_same_results():
    by_csv = _one(
        "bandit",
        b"filename,test_name,test_id,issue_severity,issue_confidence,issue_cwe,issue_text,line_number,col_offset,end_col_offset,line_range,more_info\n"
        b'a.py,blacklist,B404,LOW,HIGH,https://cwe.mitre.org/data/definitions/78.html,"Consider, subprocess",4,0,17,[4],https://x\n',
    )
    by_xml = _one(
        "bandit",
        b'<testsuite name="bandit" tests="1"><testcase classname="a.py" name="blacklist"><error more_info="https://x" type="LOW" '
        b'message="Consider, subprocess">Test ID: B404 Severity: LOW Confidence: HIGH\nCWE: CWE-78 (https://cwe.mitre.org/data/definitions/78.html)\n'
        b"Consider, subprocess\nLocation a.py:4</error></testcase></testsuite>",
    )
    for name in ("title", "rule", "severity", "cwes", "file_path", "line", "location", "identity"):
        assert getattr(by_csv, name) == getattr(by_xml, name), name
    assert (by_csv.cwes, by_csv.line) == ((78,), 4)


# gosec -----------------------------------------------------------------------------------------------------------------------------


def test_gosec_anchors_old_and_numbered_code_alike_and_reads_suppressions():
    issue = {
        "severity": "HIGH",
        "rule_id": "G402",
        "details": "TLS",
        "file": "/a.go",
        "line": "79",
        "code": "tls.Config{}",
        "cwe": {"ID": "295"},
    }
    old = _one("gosec", {"Issues": [issue], "Stats": {"files": 1}})
    new = {
        **issue,
        "line": "91-91",
        "column": "2",
        "code": "90: }\n91: \ttls.Config{}\n92: }\n",
        "suppressions": [{"kind": "inSource", "justification": "x"}],
    }
    row = _one("gosec", {"Issues": [new], "Stats": {"files": 1}})
    assert row.location == old.location and old.cwes == (295,) and row.line == 91
    assert (old.source_state, row.source_state) == (None, "suppressed:inSource")


# Infrastructure as code --------------------------------------------------------------------------------------------------------------


def test_checkov_reads_every_framework_of_a_list_and_packages_of_one():
    terraform = {
        "check_id": "CKV_AWS_20",
        "check_name": "S3",
        "file_path": "/a.tf",
        "resource": "aws_s3_bucket.b",
        "file_line_range": [1, 5],
        "severity": None,
    }
    package = {
        "check_id": "BC_CVE_2021_33203",
        "check_name": "SCA package scan",
        "file_path": "/requirements.txt",
        "resource": "requirements.txt.django",
        "severity": "MODERATE",
        "vulnerability_details": {
            "id": "CVE-2021-33203",
            "package_name": "Django",
            "package_version": "1.2",
            "cvss": 4.9,
            "vector": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:N/A:N",
        },
    }
    document = [
        {"check_type": "terraform", "results": {"failed_checks": [terraform]}, "summary": {"passed": 1}},
        {"check_type": "sca_package", "results": {"failed_checks": [package]}, "summary": {}},
        {"check_type": "kubernetes", "results": {"failed_checks": [], "parsing_errors": ["/b.yaml"]}, "summary": {"passed": 0}},
    ]
    first, second, third = _rows("checkov", document)
    assert (first.severity, first.component_name, first.location.key) == (None, "aws_s3_bucket.b", "a.tf|aws_s3_bucket.b")
    assert (second.title, second.vulnerability_ids, second.location) == (
        "CVE-2021-33203 in Django 1.2",
        ("CVE-2021-33203",),
        ("package", "django"),
    )
    assert second.score == 4.9 and second.cvss_vectors and second.component_version == "1.2"
    assert isinstance(third, Reject) and third.reason == "not_scanned"


def test_checkov_does_not_call_the_hash_of_a_secret_a_component():
    check = {
        "check_id": "CKV_SECRET_6",
        "check_name": "Base64",
        "file_path": "/a.yml",
        "resource": "d70eab08607a",
        "file_line_range": [3, 4],
    }
    row = _one("checkov", {"check_type": "secrets", "results": {"failed_checks": [check]}})
    assert row.component_name is None and row.location.key == "a.yml|d70eab08607a"


def test_kics_reads_the_resource_the_weakness_and_the_end_of_the_scan():
    place = {
        "file_name": "a.tf",
        "similarity_id": "f00",
        "line": 4,
        "resource_type": "aws_s3_bucket",
        "resource_name": "b",
        "search_key": "aws_s3_bucket[b]",
    }
    query = {"query_id": "q1", "query_name": "Bucket open", "severity": "TRACE", "cwe": "732", "platform": "Terraform", "files": [place]}
    row = _one(
        "kics",
        {
            "queries_total": 1,
            "files_scanned": 1,
            "queries": [query],
            "start": "2024-05-01T10:00:00Z",
            "end": "2024-05-01T10:00:05.123456789Z",
        },
    )
    assert (row.component_name, row.cwes, row.own_id, row.location.key) == ("aws_s3_bucket.b", (732,), "f00", "a.tf|f00")
    assert row.captured and row.captured.us % 1_000_000 == 123456


def test_terrascan_anchors_at_the_resource_of_its_module():
    violation = {
        "rule_id": "AC_AWS_0207",
        "severity": "HIGH",
        "resource_name": "b",
        "resource_type": "aws_s3_bucket",
        "module_name": "logs",
        "file": "m.tf",
        "line": 3,
    }
    first = _one(
        "terrascan", {"results": {"violations": [violation], "scan_summary": {"scanned_at": "2021-05-19 13:13:06.083208 +0000 UTC"}}}
    )
    again = _one("terrascan", {"results": {"violations": [{**violation, "line": 30}], "scan_summary": {}}})
    assert first.location == again.location and first.location.key == "m.tf|logs:aws_s3_bucket/b"
    assert first.captured and first.captured.precision == "zoned"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"status": 0}, 1),
        ({"status": 1}, 0),
        ({"status": 2}, 0),
        ({"status": "failed"}, 1),
        ({"status": "ignored"}, 0),
        ({"passed": True}, 0),
        ({"status": [0]}, 1),
    ],
    ids=str,
)
def test_tfsec_passed_and_ignored_checks_are_no_findings(fields, found):
    check = {
        "rule_id": "AVD-AWS-0107",
        "long_id": "aws-ec2-no-public-ingress-sgr",
        "rule_provider": "aws",
        "location": {"filename": "a.tf", "start_line": 3},
    }
    rows = _rows("tfsec", {"results": [{**check, "resource": "aws_security_group_rule.x", "severity": "CRITICAL", **fields}]})
    assert len(rows) == found
    assert [(row.rule, row.component_name) for row in rows] == [("aws-ec2-no-public-ingress-sgr", "aws_security_group_rule.x")] * found


# GitLab ----------------------------------------------------------------------------------------------------------------------------


def test_gitlab_times_are_utc_whatever_the_zone_of_the_source():
    row = _one("gitlab", {**GITLAB, "vulnerabilities": [_vulnerability(location={"file": "a.py", "start_line": 3})]})
    assert row.captured and (row.captured.us, row.captured.precision) == (1714557600_000000, "zoned")
    assert (row.scanner, row.rule, row.own_id) == ("semgrep", "bandit.B303", "8a5c")


@pytest.mark.parametrize(
    ("type", "scan", "fields", "scanner"),
    [
        ("bandit_test_id", None, {}, "bandit"),
        ("ZAProxy_PluginId", None, {}, "zaproxy"),
        ("bandit_test_id", {"scanner": {"id": "semgrep"}}, {}, "semgrep"),
        ("bandit_test_id", {"scanner": {"id": "semgrep"}}, {"scanner": {"id": "eslint"}}, "eslint"),
        ("cwe", None, {}, None),
        (["bandit_test_id"], None, {}, None),
    ],
)
def test_gitlab_names_the_scanner_by_its_rule_where_the_report_does_not(type, scan, fields, scanner):
    item = _vulnerability(location={"file": "a.py"}, identifiers=[{"type": type, "name": "B303", "value": "B303"}], **fields)
    document = {name: value for name, value in GITLAB.items() if name != "scan"} | ({"scan": scan} if scan else {})
    assert _one("gitlab", {**document, "vulnerabilities": [item]}).scanner == scanner


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "a.py|bandit.B303"),
        ({"cve": f"a.py:{'0f' * 32}:B303"}, f"a.py|{'0f' * 32}"),
        (
            {
                "tracking": {
                    "type": "source",
                    "items": [
                        {
                            "signatures": [
                                {"algorithm": "location", "value": "a.py:3"},
                                {"algorithm": "scope_offset", "value": "a.py|f[0]:2"},
                            ]
                        }
                    ],
                }
            },
            "a.py|a.py\\|f[0]:2",
        ),
        ({"tracking": {"items": [{"signatures": [{"algorithm": ["x"], "value": 1}]}]}}, "a.py|bandit.B303"),
    ],
)
def test_gitlab_anchors_code_by_what_survives_line_drift(fields, key):
    for line in (3, 33):
        row = _one("gitlab", {**GITLAB, "vulnerabilities": [_vulnerability(location={"file": "a.py", "start_line": line}, **fields)]})
        assert row.location == ("code", key)


@pytest.mark.parametrize(
    ("kind", "where", "location", "target"),
    [
        ("secret_detection", {"file": ".env", "commit": {"sha": "0"}, "start_line": 1}, ("code", ".env|bandit.B303"), None),
        (
            "dependency_scanning",
            {"file": "pom.xml", "dependency": {"package": {"name": "io.netty/netty"}}},
            ("package", "io.netty:netty"),
            None,
        ),
        (
            "dependency_scanning",
            {"file": "package.json", "dependency": {"package": {"name": "@angular/core"}}},
            ("package", "@angular/core"),
            None,
        ),
        (
            "cluster_image_scanning",
            {"image": "i:1", "dependency": {"package": {"name": "apt"}}, "kubernetes_resource": {"name": "d"}},
            ("package", "apt"),
            "i:1",
        ),
        (
            "api_fuzzing",
            {"hostname": "https://h:8443", "path": "/v1/x", "param": "q", "method": "PUT"},
            ("web", "https://h:8443|/v1/x|q"),
            None,
        ),
        ("dast", {"hostname": "h", "path": "a"}, ("web", "http://h:80|/a|"), None),
        ("coverage_fuzzing", {"crash_type": "Heap", "crash_state": "f\ng\n", "crash_address": "0x1"}, ("code", "f|bandit.B303"), None),
        ("sast", {}, ("none", ""), None),
    ],
)
def test_gitlab_locations_are_of_the_kind_of_scan(kind, where, location, target):
    document = {
        **GITLAB,
        "scan": {**GITLAB["scan"], "type": kind},
        "vulnerabilities": [_vulnerability(location=where)],
        "dependency_files": [{"path": "pom.xml", "package_manager": "maven"}],
    }
    row = _one("gitlab", document)
    assert (row.location, row.target) == (location, target)
    assert row.identity[0] == kind


def test_gitlab_reads_advisories_weaknesses_vectors_and_flags():
    identifiers = [
        {"type": "gemnasium", "name": "Gemnasium-1", "value": "7368f513-0aa9"},
        {"type": "GHSA", "value": "ghsa-jfh8-c2jp-5v3q"},
        {"type": "cve", "value": "CVE-2021-44228"},
        {"type": "cwe", "value": "CWE-502"},
        {"type": "cwe", "value": "a_rule", "name": "CWE-20"},
        {"type": "owasp", "value": "A1:2017"},
        {"type": "cve", "value": "none yet"},
    ]
    item = _vulnerability(
        identifiers=identifiers,
        location={"file": "go.sum", "dependency": {"package": {"name": "log4j"}, "version": "2.14"}},
        cvss_vectors=[{"vendor": "NVD", "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}],
        flags=[{"type": "flagged-as-likely-false-positive", "origin": "vet", "description": "x"}],
    )
    row = _one("gitlab", {**GITLAB, "vulnerabilities": [item]})
    assert row.vulnerability_ids == ("GHSA-JFH8-C2JP-5V3Q", "CVE-2021-44228")
    assert (row.cwes, row.rule, row.title) == ((502, 20), "7368f513-0aa9", "Weak hash in log4j 2.14")
    assert row.cvss_vectors and row.source_state == "flagged-as-likely-false-positive"


def test_gitlab_of_trivys_template_names_the_image_of_what_is_inside_it_and_no_id():
    def item(image: str) -> dict:
        location = {"image": image, "dependency": {"package": {"name": image}, "version": "1"}}
        return _vulnerability(id="CVE-2021-1", identifiers=[{"type": "cve", "value": "CVE-2021-0001"}], location=location)

    first = item("registry:5000/a/b:1.2")
    first["id"] = first["identifiers"][0]["value"]
    rows = _rows("gitlab", {"version": "14.0.6", "vulnerabilities": [first, item("Node.js"), item("var/www/composer.lock")]})
    assert [row.target for row in rows] == ["registry:5000/a/b:1.2"] * 3
    assert [row.own_id for row in rows] == [None, "CVE-2021-1", "CVE-2021-1"]


def test_gitlab_reads_the_bare_list_of_the_first_versions():
    item = {
        "category": "sast",
        "message": "Weak hash",
        "cve": "x",
        "severity": "Undefined",
        "scanner": {"id": "Brakeman"},
        "location": {"file": "a.rb"},
        "identifiers": [],
    }
    row = _one("gitlab", [item])
    assert (row.pointer, row.title, row.scanner, row.severity) == ("/0", "Weak hash", "brakeman", "Undefined")


# Platforms -------------------------------------------------------------------------------------------------------------------------


def test_semgrep_platform_findings_of_the_supply_chain_are_at_their_package():
    finding = {
        "id": 7,
        "match_based_id": "ab_0",
        "rule_name": "ssc-1",
        "severity": "critical",
        "status": "ignored",
        "repository": {"name": "o/r"},
        "location": {"file_path": "package-lock.json", "line": 9},
        "vulnerability_identifier": "CVE-2022-31129",
        "found_dependency": {"package": "moment", "version": "2.29.2"},
        "epss_score": {"score": 0.5, "percentile": 0.9},
        "rule": {"message": "Slow", "cwe_names": ["CWE-1333: Regex", "CWE-400: Consumption"]},
    }
    row = _one("semgrep", {"findings": [finding]})
    assert (row.location, row.vulnerability_ids, row.cwes) == (("package", "moment"), ("CVE-2022-31129",), (1333, 400))
    assert (row.own_id, row.target, row.source_state, row.epss, row.title) == ("7", "o/r", "ignored", 0.5, "Slow")


@pytest.mark.parametrize(
    ("representations", "locations"),
    [
        ([{"dependency": {"package_name": "a", "package_version": v}} for v in ("1", "2", "1")], [("package", "a")] * 2),
        ([{"sourceLocation": {"file": "a.js", "region": {"start": {"line": 3}}}}], [("code", "a.js|K")]),
        ([{"cloud_resource": {"resource": {"native_id": "arn:aws:s3:::b"}}}], [("cloud", "arn:aws:s3:::b")]),
        ([{"resourcePath": "Deployment/x"}], [("code", "Deployment/x|K")]),
        ([{"dependency": None}, {"sourceLocation": "x"}, {}], [("none", "")]),
        (None, [("none", "")]),
    ],
)
def test_snyk_issues_have_a_result_for_each_place(representations, locations):
    attributes = {
        "title": "T",
        "key": "K",
        "type": "code",
        "status": "resolved",
        "ignored": True,
        "effective_severity_level": "high",
        "problems": [{"id": "javascript/Sqli"}],
        "coordinates": [{"representations": representations}],
    }
    rows = _rows("snyk_issues", {"jsonapi": {}, "data": [{"id": "i", "attributes": attributes, "relationships": {}}]})
    assert [row.location for row in rows] == locations and len({row.identity for row in rows}) == len(rows)
    assert {(row.rule, row.vulnerability_ids, row.source_state) for row in rows} == {("javascript/Sqli", (), "resolved,ignored")}


def test_snyk_code_in_sarif_has_snyks_own_words():
    def run(name: str) -> dict:
        return {
            "tool": {"driver": {"name": name}},
            "results": [{"ruleId": "r", "level": level, "message": {"text": level}} for level in ("error", "note")],
        }

    document = {"version": "2.1.0", "runs": [run("SnykCode"), run("other")]}
    assert [row.severity for row in _rows("sarif", document)] == ["high", "low", "error", "note"]
