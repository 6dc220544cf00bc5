"""Dialects and rules of the formats that the golden reports do not show: written here after the formats' own specifications."""

from __future__ import annotations

import json

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.instants import parse_stamp
from transforms.domain.location import NOWHERE, cloud, code, package
from transforms.domain.result import Reject, Scan
from transforms.scanners import formats


def _parse(format: str, document: object) -> list:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert [name for name, module in formats().items() if module.recognise(Head(content))] == [format]
    return list(formats()[format].parse(content, Scan()))


# SARIF


def _sarif(*results: dict, rules: list | None = None, **run: object) -> dict:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "CodeQL", "rules": rules or []}}, "results": list(results), **run}]}


def _at(path: str, line: int = 1, rule: str = "R1", **more: object) -> dict:
    place = {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": line}}}
    return {"ruleId": rule, "message": {"text": "m"}, "locations": [place], **more}


def test_each_sarif_run_has_the_scanner_of_its_own_tool():
    first, second = (_sarif(_at("a.py"))["runs"][0] for _ in range(2))
    second["tool"]["driver"]["name"] = "Bandit"
    assert [row.scanner for row in _parse("sarif", {"version": "2.1.0", "runs": [first, second]})] == ["codeql", "bandit"]


@pytest.mark.parametrize(
    ("result", "rule", "severity", "score"),
    [
        ({}, {}, "warning", None),
        ({"level": "error"}, {}, "error", None),
        ({}, {"defaultConfiguration": {"level": "note"}}, "note", None),
        ({"level": "error"}, {"properties": {"security-severity": "5.5"}}, None, 5.5),
        ({"level": "error", "properties": {"security-severity": 9}}, {"properties": {"security-severity": "5.5"}}, None, 9.0),
        ({}, {"properties": {"security-severity": "HIGH"}}, "HIGH", None),
        ({"kind": "review"}, {"defaultConfiguration": {"level": "error"}}, "none", None),
    ],
)
def test_sarif_severity_is_the_number_then_the_level_then_the_rules(result, rule, severity, score):
    (row,) = _parse("sarif", _sarif(_at("a.py", **result), rules=[{"id": "R1", **rule}]))
    assert (row.severity, row.score) == (severity, score)


def test_a_sarif_rule_in_an_extension_is_found_by_index_and_by_id():
    document = _sarif(
        {"rule": {"index": 0, "toolComponent": {"index": 0}}, "message": {"text": "m"}},
        {"ruleId": "X1/case", "message": {"text": "m"}},
    )
    document["runs"][0]["tool"]["extensions"] = [
        {"name": "pack", "rules": [{"id": "X1", "properties": {"security-severity": "7.5", "tags": ["external/cwe/cwe-079"]}}]}
    ]
    assert [(row.rule, row.score, row.cwes) for row in _parse("sarif", document)] == [("X1", 7.5, (79,)), ("X1/case", 7.5, (79,))]


def test_sarif_suppressions_are_a_state_and_passed_or_absent_results_are_none():
    rows = _parse(
        "sarif",
        _sarif(
            _at("a.py", suppressions=[{"kind": "inSource", "status": "accepted"}]),
            _at("b.py", kind="pass"),
            _at("c.py", kind="notApplicable"),
            _at("d.py", baselineState="absent"),
        ),
    )
    assert [(row.file_path, row.source_state) for row in rows] == [("a.py", "suppressed:inSource:accepted")]


def test_anchors_survive_lines_added_above_and_rows_in_another_order():
    before = _parse("sarif", _sarif(_at("a.py", 10), _at("a.py", 20), _at("a.py", 10, "R2")))
    after = _parse("sarif", _sarif(_at("a.py", 27), _at("a.py", 17, "R2"), _at("a.py", 17)))
    assert {row.location for row in before} == {row.location for row in after}
    assert len({row.location for row in before}) == 3


def test_a_hash_of_the_whole_file_is_no_part_of_a_sarif_anchor():
    def location(file_hash: str, line: int):
        (row,) = _parse(
            "sarif", _sarif(_at("a.py", line, partialFingerprints={"primaryLocationLineHash": "abc:1", "scanFileHash": file_hash}))
        )
        return row.location

    assert location("one", 1) == location("two", 9) == code("a.py", "primaryLocationLineHash:abc:1")


def _with_code(code: object, line: int = 1, **region: object) -> dict:
    result = _at("a.py", line)
    result["locations"][0]["physicalLocation"]["region"] |= {"snippet": code, **region}
    return result


def test_a_sarif_result_without_fingerprint_is_anchored_by_its_code_and_keeps_the_anchor_when_another_is_added_above():
    (before,) = _parse("sarif", _sarif(_with_code({"text": "    eval(x)\n"}, 10)))
    after = _parse(
        "sarif", _sarif(_with_code({"text": "eval(y)"}, 5), _with_code({"text": "eval(x)"}, 12), _with_code({"text": "eval( x)"}, 13))
    )
    assert before.location == after[1].location and len({row.location for row in after}) == 3
    marked = _with_code({"text": "eval(x)"}) | {"partialFingerprints": {"primaryLocationLineHash": "abc:1"}}
    assert [row.location for row in _parse("sarif", _sarif(marked))] == [code("a.py", "primaryLocationLineHash:abc:1")]


@pytest.mark.parametrize(
    "region", [{"snippet": 7}, {"snippet": {"text": " "}}, {"snippet": {"text": ["x"]}}, {"snippet": {"text": "x"}, "endLine": 11}]
)
def test_a_sarif_result_without_code_or_with_that_of_a_whole_function_is_anchored_by_its_rule(region):
    (row,) = _parse(
        "sarif", _sarif(_with_code(**{"code": region["snippet"]} | {name: value for name, value in region.items() if name != "snippet"}))
    )
    assert row.location == code("a.py", "R1")


def test_the_newest_version_of_a_sarif_fingerprint_is_the_own_id():
    (row,) = _parse("sarif", _sarif(_at("a.py", fingerprints={"context/v1": "old", "context/v10": "new", "context/v2": "mid"})))
    assert row.own_id == "new"


def test_sarif_paths_are_below_the_folder_that_the_tool_ran_in():
    run = {"invocations": [{"endTimeUtc": "2026-03-01T10:00:00Z", "workingDirectory": {"uri": "file:///home/ci/work"}}]}
    (row,) = _parse("sarif", _sarif(_at("file:///home/ci/work/src/a%20b.py"), **run))
    assert (row.file_path, row.captured) == ("src/a b.py", parse_stamp("2026-03-01T10:00:00Z"))


def test_a_sarif_result_at_a_web_address_is_a_web_location():
    (row,) = _parse("sarif", _sarif(_at("https://Shop.example/login?x=1")))
    assert (row.location.kind, row.location.key, row.file_path) == ("web", "https://shop.example:443|/login|", None)


def test_a_sarif_message_of_the_rule_has_its_arguments_filled_in():
    result = {**_at("a.py"), "message": {"id": "default", "arguments": ["p", "0"]}}
    (row,) = _parse("sarif", _sarif(result, rules=[{"id": "R1", "messageStrings": {"default": {"text": "{0} of {1} and {7}"}}}]))
    assert row.title == "p of 0 and {7}"


def test_a_sarif_rule_that_cannot_be_read_is_one_reject_and_its_results_live():
    rows = _parse("sarif", _sarif(_at("a.py"), rules=[{"id": "R1", "properties": 7}]))
    assert [type(row).__name__ for row in rows] == ["Reject", "Result"]


# Trivy


def test_trivy_cluster_resources_are_targets_of_their_own():
    resource = {
        "Namespace": "shop",
        "Kind": "Deployment",
        "Name": "web",
        "Results": [{"Target": "i:1 (debian 12)", "Vulnerabilities": [_cve("CVE-2024-1", "zlib")]}],
    }
    rows = _parse("trivy", {"ClusterName": "prod", "Resources": [resource, {**resource, "Name": "api"}]})
    assert [row.target for row in rows] == ["prod/shop/Deployment/web", "prod/shop/Deployment/api"]


def _cve(id: str, name: str, **more: object) -> dict:
    return {"VulnerabilityID": id, "PkgName": name, "InstalledVersion": "1", "Severity": "HIGH", **more}


def test_trivy_vectors_begin_with_the_source_of_the_severity():
    cvss = {
        "nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8},
        "ghsa": {"V3Vector": "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 8.4},
    }
    (row,) = _parse(
        "trivy",
        {
            "SchemaVersion": 2,
            "ArtifactName": "a",
            "Results": [{"Target": "t", "Vulnerabilities": [_cve("CVE-2024-1", "x", SeveritySource="ghsa", CVSS=cvss)]}],
        },
    )
    assert row.score == 8.4 and row.cvss_vectors[0].startswith("CVSS:3.1/AV:L")


def test_trivy_checks_that_passed_are_no_results_and_two_failures_of_one_rule_are_two_places():
    def failure(line: int, status: str = "FAIL") -> dict:
        return {"ID": "DS002", "Status": status, "Severity": "HIGH", "CauseMetadata": {"StartLine": line}}

    rows = _parse(
        "trivy",
        {
            "SchemaVersion": 2,
            "ArtifactName": ".",
            "Results": [{"Target": "Dockerfile", "Class": "config", "Misconfigurations": [failure(9), failure(3), failure(1, "PASS")]}],
        },
    )
    assert [(row.line, row.location) for row in rows] == [(9, code("Dockerfile", "DS002#1")), (3, code("Dockerfile", "DS002"))]
    assert {row.target for row in rows} == {None}


def test_a_trivy_misconfiguration_of_a_cloud_resource_is_there():
    item = {"ID": "AVD-AWS-0001", "Severity": "LOW", "CauseMetadata": {"Resource": "arn:aws:s3:::bucket"}}
    (row,) = _parse("trivy", {"SchemaVersion": 2, "ArtifactName": "acc", "Results": [{"Target": "s3", "Misconfigurations": [item]}]})
    assert row.location == cloud("arn:aws:s3:::bucket")


# Grype


def _match(**more: object) -> dict:
    return {
        "vulnerability": {"id": "GHSA-jfh8-c2jp-5v3q", "severity": "Critical"},
        "artifact": {"name": "log4j-core", "version": "2.14.1"},
        **more,
    }


def test_a_grype_match_has_the_ids_vectors_and_exploitation_of_the_vulnerabilities_it_is_about():
    related = {
        "id": "CVE-2021-44228",
        "cvss": [{"version": "3.1", "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "metrics": {"baseScore": 10}}],
    }
    related |= {"epss": [{"cve": "CVE-2021-44228", "epss": 0.94}], "knownExploited": [{"cve": "CVE-2021-44228"}]}
    document = {
        "matches": [_match(relatedVulnerabilities=[related])],
        "source": {"target": {"userInput": "shop:1"}},
        "descriptor": {"timestamp": "2026-03-01T10:00:00.123456789Z"},
    }
    (row,) = _parse("grype", document)
    assert row.vulnerability_ids == ("GHSA-JFH8-C2JP-5V3Q", "CVE-2021-44228")
    assert (row.score, row.epss, row.known_exploited, row.target) == (10, 0.94, True, "shop:1")
    assert row.captured == parse_stamp("2026-03-01T10:00:00.123456Z")


def test_a_package_has_one_name_whichever_scanner_found_it():
    artifact = {"name": "log4j-core", "version": "2.14.1", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}
    (grype,) = _parse("grype", {"matches": [_match(artifact=artifact)], "source": {}})
    (trivy,) = _parse(
        "trivy",
        {
            "SchemaVersion": 2,
            "ArtifactName": "a",
            "Results": [{"Target": "Java", "Vulnerabilities": [_cve("CVE-1", "org.apache.logging.log4j:log4j-core")]}],
        },
    )
    (bom,) = _parse(
        "cyclonedx", _bom([{"bom-ref": "c", "group": "org.apache.logging.log4j", **artifact}], [{"id": "CVE-1", "affects": [{"ref": "c"}]}])
    )
    assert grype.location == trivy.location == bom.location == package("org.apache.logging.log4j:log4j-core")


# Snyk


def _project(*issues: dict, **more: object) -> dict:
    return {"vulnerabilities": list(issues), "ok": False, "packageManager": "npm", "projectName": "shop", **more}


_ISSUE = {"id": "SNYK-JS-LODASH-1", "title": "Prototype Pollution", "severity": "high", "packageName": "lodash", "version": "4.0.0"}


def test_the_same_snyk_issue_on_two_paths_is_two_results_at_one_place():
    rows = _parse("snyk", _project({**_ISSUE, "from": ["shop@1", "a@1", "lodash@4.0.0"]}, {**_ISSUE, "from": ["shop@1", "lodash@4.0.0"]}))
    assert len({row.identity for row in rows}) == 2 and {row.location for row in rows} == {package("lodash")}


def test_snyk_before_critical_was_a_severity_and_with_cvss_4():
    sources = [
        {"type": "secondary", "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"},
        {"type": "primary", "vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
    ]
    (row,) = _parse("snyk", _project({**_ISSUE, "severityWithCritical": "critical", "cvssSources": sources}))
    assert row.severity == "critical" and row.cvss_vectors[0].startswith("CVSS:4.0/")


def test_a_snyk_project_that_was_not_tested_is_a_reject_among_the_others():
    rows = _parse("snyk", [{"ok": False, "error": "no lock file", "path": "/x"}, _project(_ISSUE)])
    assert [getattr(row, "reason", "result") for row in rows] == ["not_scanned", "result"]


def test_a_snyk_licence_issue_has_no_vulnerability_id_and_a_rule():
    (row,) = _parse("snyk", _project({**_ISSUE, "id": "snyk:lic:npm:lodash:GPL-3.0", "type": "license"}))
    assert (row.vulnerability_ids, row.rule) == ((), "snyk:lic:npm:lodash:GPL-3.0")


def test_snyk_infrastructure_issues_are_at_their_setting_whatever_the_line():
    def location(line: int):
        issue = {"id": "SNYK-CC-K8S-1", "title": "Privileged", "severity": "high", "path": ["spec", "privileged"], "lineNumber": line}
        (row,) = _parse("snyk", {"infrastructureAsCodeIssues": [issue], "targetFile": "k8s/a.yaml", "projectName": "shop"})
        return row.location

    assert location(3) == location(30) == code("k8s/a.yaml", "SNYK-CC-K8S-1:spec.privileged")


# Semgrep


def _finding(line: int, **extra: object) -> dict:
    return {
        "check_id": "r",
        "path": "a.py",
        "start": {"line": line, "col": 1},
        "end": {"line": line, "col": 9},
        "extra": {"message": "m", "severity": "ERROR", **extra},
    }


def test_semgrep_withholds_fingerprints_and_the_ordinal_stands_for_them():
    rows = _parse(
        "semgrep", {"results": [_finding(5, fingerprint="requires login"), _finding(3, fingerprint="requires login")], "errors": []}
    )
    assert [(row.location, row.own_id) for row in rows] == [(code("a.py", "r#1"), None), (code("a.py", "r"), None)]


def test_a_semgrep_dependency_finding_is_of_the_package():
    info = {"dependency_match": {"found_dependency": {"package": "lodash", "version": "4.0.0"}, "lockfile": "package-lock.json"}}
    (row,) = _parse(
        "semgrep", {"results": [_finding(5, sca_info=info, metadata={"sca-vuln-database-identifier": "cve-2024-1"})], "errors": []}
    )
    assert (row.location, row.vulnerability_ids, row.file_path) == (package("lodash"), ("CVE-2024-1",), "package-lock.json")


# CycloneDX


def _bom(components: list, vulnerabilities: list, **more: object) -> dict:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": components,
        "vulnerabilities": vulnerabilities,
        **more,
    }


def test_a_cyclonedx_vulnerability_is_one_result_for_each_component_that_it_affects():
    components = [{"name": "app", "bom-ref": "a", "components": [{"name": "core", "group": "@angular", "version": "1", "bom-ref": "b"}]}]
    refs = ["a", "b", "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#b", "pkg:npm/left-pad@1.3.0", "nowhere"]
    rows = _parse("cyclonedx", _bom(components, [{"id": "CVE-2024-1", "affects": [{"ref": ref} for ref in refs]}]))
    assert [row.component_name for row in rows] == ["app", "core", "core", "left-pad", None]
    assert [row.location for row in rows] == [
        package("app"),
        package("@angular/core"),
        package("@angular/core"),
        package("left-pad"),
        NOWHERE,
    ]
    assert len({row.identity for row in rows}) == len(refs)


def test_a_cyclonedx_vulnerability_that_affects_nothing_listed_is_a_result_all_the_same():
    (row,) = _parse("cyclonedx", _bom([], [{"id": "CVE-2024-1", "ratings": [{"score": 9.1}], "analysis": {"state": "in_triage"}}]))
    assert (row.severity, row.score, row.location, row.source_state) == (None, 9.1, NOWHERE, "in_triage")


def test_cyclonedx_severity_is_of_the_own_source_and_vectors_of_every_method():
    ratings = [
        {"source": {"name": "nvd"}, "severity": "high", "method": "CVSSv2", "vector": "(AV:N/AC:L/Au:N/C:P/I:P/A:P)", "score": 7.5},
        {
            "source": {"name": "nvd"},
            "severity": "critical",
            "method": "CVSSv31",
            "vector": "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "score": 9.8,
        },
        {"source": {"name": "debian"}, "severity": "low"},
        {"severity": "low", "method": "OWASP", "vector": "SL:1/M:1/O:0"},
    ]
    (row,) = _parse("cyclonedx", _bom([], [{"id": "CVE-2024-1", "source": {"name": "debian"}, "ratings": ratings}]))
    assert (row.severity, row.score) == ("low", 9.8)
    assert row.cvss_vectors == ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L/Au:N/C:P/I:P/A:P")


def test_cyclonedx_tools_of_both_ages_name_the_scanner_where_there_is_one():
    metadata = {"timestamp": "2026-03-01T10:00:00Z", "component": {"name": "shop:1", "type": "container"}}
    for tools, scanner in (
        ([{"name": "Trivy"}], "trivy"),
        ({"components": [{"name": "trivy"}]}, "trivy"),
        ([{"name": "syft"}, {"name": "grype"}], None),
    ):
        (row,) = _parse("cyclonedx", _bom([], [{"id": "CVE-2024-1"}], metadata={**metadata, "tools": tools}))
        assert (row.scanner, row.target, row.captured) == (scanner, "shop:1", parse_stamp("2026-03-01T10:00:00Z"))


def test_cyclonedx_as_xml_says_the_same_as_json():
    xml = b"""<?xml version="1.0"?><c:bom xmlns:c="http://cyclonedx.org/schema/bom/1.6">
      <c:components><c:component type="library" bom-ref="a"><c:name>app</c:name><c:components><c:component bom-ref="b">
      <c:name>lib</c:name><c:version>1</c:version></c:component></c:components></c:component></c:components>
      <c:vulnerabilities><c:vulnerability><c:id>CVE-2024-1</c:id>
      <c:ratings><c:rating><c:score>9.8</c:score><c:severity>critical</c:severity></c:rating></c:ratings>
      <c:affects><c:target><c:ref>b</c:ref></c:target></c:affects></c:vulnerability><c:vulnerability/></c:vulnerabilities></c:bom>"""
    components = [{"name": "app", "bom-ref": "a", "components": [{"name": "lib", "version": "1", "bom-ref": "b"}]}]
    json_bom = _bom(components, [{"id": "CVE-2024-1", "ratings": [{"score": 9.8, "severity": "critical"}], "affects": [{"ref": "b"}]}, {}])
    rows, others = _parse("cyclonedx", xml), _parse("cyclonedx", json_bom)
    assert [(row.identity, row.severity, row.score, row.location) for row in rows[:1]] == [
        (row.identity, row.severity, row.score, row.location) for row in others[:1]
    ]
    assert [row.reason for row in (rows[1], others[1])] == ["missing_id", "missing_id"] and isinstance(rows[1], Reject)


def test_an_entity_bomb_in_a_cyclonedx_file_is_rejected():
    bomb = (
        b'<!DOCTYPE bom [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><x>&b;</x></bom>'
    )
    with pytest.raises(FileRejected):
        _parse("cyclonedx", bomb)
