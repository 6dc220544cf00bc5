"""Checkmarx SAST, CxFlow and Checkmarx One: the shapes and faults that the real reports in tests/golden do not show."""

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Scan
from transforms.scanners import formats, recognise


def parse(format: str, document: object) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert recognise(Head(content)).NAME == format
    return list(formats()[format].parse(content, Scan()))


# SAST -----------------------------------------------------------------------------------------------------------------------------


def flow(similarity: str, line: int, state: str = "0", file: str = "a.py") -> str:
    node = f"<PathNode><FileName>{file}</FileName><Line>{line}</Line><Column>1</Column><Name>x</Name></PathNode>"
    return f'<Result FileName="s.py" Severity="High" state="{state}"><Path PathId="1" SimilarityId="{similarity}">{node}</Path></Result>'


def sast(results: str, name: str = "SQL_Injection") -> bytes:
    return f'<CxXMLResults ProjectName="p" ScanStart="Friday, May 1, 2020 1:00:00 PM"><Query name="{name}" cweId="89">{results}</Query></CxXMLResults>'.encode()


def test_the_anchor_is_the_similarity_and_no_line_moves_it():
    before, after = (parse("checkmarx", sast(flow("7", line) + flow("7", line + 9) + flow("8", 3))) for line in (10, 400))
    assert [row.location for row in before] == [row.location for row in after]
    assert [row.identity for row in before] == [row.identity for row in after]
    assert [row.location.key for row in before] == ["a.py|7", "a.py|7#1", "a.py|8"]


@pytest.mark.parametrize(("state", "seen"), [("0", None), ("1", "not exploitable"), ("4", "proposed not exploitable"), ("9", None)])
def test_the_state_is_evidence(state, seen):
    [row] = parse("checkmarx", sast(flow("7", 1, state)))
    assert row.source_state == seen and row.target == "p" and row.captured.precision == "naive"


def test_a_result_without_a_path_is_at_its_own_file_and_a_query_without_name_is_a_reject():
    [row] = parse("checkmarx", sast('<Result FileName="s.py" Line="4"/>'))
    assert (row.file_path, row.line, row.severity) == ("s.py", 4, None)
    [reject] = parse("checkmarx", sast(flow("7", 1), name=""))
    assert isinstance(reject, Reject) and reject.reason == "missing_name"


# CxFlow ---------------------------------------------------------------------------------------------------------------------------

XISSUE = {"vulnerability": "XSS", "similarityId": "5", "severity": "High", "cwe": "79", "filename": "a.java"}


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, [None]),
        ({"details": {"88": {"falsePositive": True}, "92": None}}, [88, 92]),
        ({"additionalDetails": {"results": [{"sink": {"line": "5"}}, {"source": {"line": "9"}}]}}, [5, 9]),
    ],
)
def test_an_issue_is_a_result_for_each_flow_or_line(change, lines):
    rows = parse("checkmarx_cxflow_sast", {"xissues": [XISSUE | change]})
    assert [row.line for row in rows] == lines
    assert len({row.location for row in rows}) == len(rows)
    assert rows[0].source_state == ("false positive" if "details" in change else None)


# Checkmarx One --------------------------------------------------------------------------------------------------------------------


def result(**members: object) -> dict:
    return {"type": "sast", "id": "1", "similarityId": "7", "status": "NEW", "state": "TO_VERIFY", "severity": "HIGH", **members}


def results(*items: dict) -> dict:
    return {"results": list(items), "totalCount": len(items), "scanID": "s"}


@pytest.mark.parametrize(
    ("data", "key", "component"),
    [
        ({"packageIdentifier": "Npm-@angular/core-8.2.0-rc.1"}, "@angular/core", ("@angular/core", "8.2.0-rc.1")),
        ({"packageName": "openssl", "packageVersion": "1.1", "imageName": "shop", "imageTag": "2"}, "openssl", ("openssl", "1.1")),
        ({"packageIdentifier": "odd"}, "odd", ("odd", None)),
    ],
)
def test_a_package_by_its_identifier_or_its_name(data, key, component):
    [row] = parse("checkmarx_one", results(result(type="sca", id="CVE-2020-1234", data=data)))
    assert row.location == ("package", key) and (row.component_name, row.component_version) == component
    assert row.vulnerability_ids == ("CVE-2020-1234",) and row.target == ("shop:2" if "imageName" in data else None)


def test_secrets_have_a_rule_and_a_file():
    [row] = parse("checkmarx_one", results(result(type="sscs-secret-detection", data={"ruleName": "aws-key", "fileName": "a.env", "line": 3})))
    assert (row.rule, row.file_path, row.line, row.location.key) == ("aws-key", "a.env", 3, "a.env|7")


def test_what_is_fixed_is_no_result_and_what_lacks_its_name_is_a_reject():
    rows = parse("checkmarx_one", results(result(status="FIXED"), result(data={}), result(type="sca", data={})))
    assert [row.reason for row in rows] == ["missing_name", "missing_package"]


def test_a_report_with_vulnerable_packages():
    advisory = {"cveName": "CVE-2020-1234", "severity": "High", "score": 7.5, "state": "Not Exploitable"}
    packages = [
        {"packageName": "lodash", "packageVersion": "1", "vulnerabilities": [advisory, {"severity": "Low"}]},
        {"packageName": "lodash", "packageVersion": "2", "packageCategory": [{"categoryResults": [advisory, 7]}]},
        {"packageName": "lodash", "somethingElse": []},
    ]
    rows = parse("checkmarx_one", {"reportHeader": {"projectName": "p"}, "scaScanResults": {"packages": packages}})
    assert sorted(row.reason for row in rows if isinstance(row, Reject)) == ["malformed", "missing_id", "missing_vulnerabilities"]
    found = [row for row in rows if not isinstance(row, Reject)]
    assert [(row.component_version, row.score, row.source_state, row.target) for row in found] == [
        ("1", 7.5, "not exploitable", "p"),
        ("2", 7.5, "not exploitable", "p"),
    ]


def test_a_frame_without_results_is_rejected():
    with pytest.raises(FileRejected, match="malformed"):
        list(formats()["checkmarx_one"].parse(b'{"reportHeader": {}}', Scan()))
