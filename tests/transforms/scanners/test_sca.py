"""Scanners of dependencies: versions, dialects and faults that the golden reports do not show."""

from __future__ import annotations

import json

import pytest

from transforms.domain.documents import advisory_ids
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan
from transforms.scanners import formats

GHSA = "https://github.com/advisories/GHSA-gxpj-cx7g-858c"
CVE = "CVE-2021-44228"


def _content(document: object) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def _claimed(document: object) -> list[str]:
    return [name for name, module in formats().items() if module.recognise(Head(_content(document)))]


def _rows(format: str, document: object) -> list[Result | Reject]:
    assert _claimed(document) == [format]
    return list(formats()[format].parse(_content(document), Scan(zone_name="UTC")))


def _one(format: str, document: object) -> Result:
    (row,) = _rows(format, document)
    assert isinstance(row, Result), row
    return row


def _reasons(format: str, document: object) -> list[str]:
    return [row.reason for row in _rows(format, document) if isinstance(row, Reject)]


# What a report is ------------------------------------------------------------------------------------------------------------------

DC_XML = '<?xml version="1.0"?><analysis xmlns="https://jeremylong.github.io/DependencyCheck/dependency-check.4.0.xsd">{}</analysis>'
DC_JSON = {"reportSchema": "1.1", "scanInfo": {}, "projectInfo": {"name": "shop", "reportDate": "2024-05-01T10:00:00.123456789Z"}}
DC_CSV = (
    '"Project","ScanDate","DependencyName","DependencyPath","Description","License","Md5","Sha1","Identifiers","CPE","CVE","CWE","Vulnerability",'
    '"Source","CVSSv2_Severity","CVSSv2_Score","CVSSv2","CVSSv3_BaseSeverity","CVSSv3_BaseScore","CVSSv3","CPE Confidence","Evidence Count",'
    '"VendorProject","Product","Name","DateAdded","Description","RequiredAction","DueDate","Notes"\n'
)
ISSUE = {"id": "1", "issue_type": "vulnerability", "issue_status": "open"}
OPERATOR = {"apiVersion": "aquasecurity.github.io/v1alpha1", "metadata": {"name": "replicaset-web-5d59d67564", "namespace": "shop"}}
OSV = {"results": [], "experimental_config": {"licenses": {"summary": False, "allowlist": None}}}


@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("dependency_check", DC_XML.format("<dependencies/>").encode()),
        ("dependency_check", {**DC_JSON, "dependencies": []}),
        ("dependency_check", DC_CSV.encode()),
        ("dependency_track", {"version": "1.2", "meta": {}, "project": {}, "findings": []}),
        ("npm_audit", {"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {}}),
        ("npm_audit", {"actions": [], "advisories": {}, "muted": [], "metadata": {}}),
        ("osv_scanner", OSV),
        ("pip_audit", {"dependencies": [], "fixes": []}),
        ("pip_audit", [{"name": "a", "version": "1", "vulns": []}]),
        ("trivy_operator", {"apiVersion": "v1", "kind": "List", "items": [{**OPERATOR, "kind": "SbomReport", "report": {}}]}),
        ("trivy_operator", {**OPERATOR, "kind": "ConfigAuditReport", "report": {"checks": []}}),
        (
            "trivy_operator",
            {"verb": "delete", "operatorObject": {**OPERATOR, "kind": "ConfigAuditReport", "report": {"checks": [{"checkID": "KSV001"}]}}},
        ),
        ("jfrog_xray", {"total_rows": 0, "rows": []}),
        ("jfrog_xray", {"total_count": 0, "data": []}),
        ("jfrog_xray", {"scan_id": "1", "component_id": "gav://a:b:1", "status": "completed", "vulnerabilities": []}),
        ("jfrog_xray", {"vulnerabilities": None, "securityViolations": [], "licensesViolations": None, "errors": None}),
        ("veracode_sca", {"_embedded": {"issues": []}, "_links": {}, "page": {"total_elements": 0}}),
        ("veracode_sca", {"_embedded": {"issues": [{**ISSUE, "issue_status": "fixed"}, {**ISSUE, "issue_type": "license"}]}}),
        ("veracode_sca", {"records": [{"metadata": {}, "graphs": [], "libraries": [], "vulnerabilities": [], "unmatchedLibraries": []}]}),
        ("checkmarx_osa", [[], [{"id": "A", "name": "a:b", "version": "1", "confidenceLevel": 100}]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_report_of_nothing_is_of_its_format_and_has_no_results(format, document):
    assert _rows(format, document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"dependencies": {"left-pad": "^1.0.0"}, "name": "shop", "version": "1.0.0"},  # package.json
        {"error": {"code": 500, "message": "no"}},
        {"error": "no"},
        {"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Pod"}]},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "status": {}},
        {"rows": [{"id": 1}], "total_rows": 1},
        {"total_count": 1, "data": [{"id": 1}]},
        {"_embedded": {"findings": [{"scan_type": "SCA"}]}},
        {"results": [{"source": "a"}]},
        [[]],
        [[], []],
        [[1], [2]],
        b"[[" + b"\xff" * 20,
        b"<analysis><run/></analysis>",
    ],
    ids=repr,
)
def test_what_only_looks_like_such_a_report_is_left_alone(document):
    mine = {
        *("dependency_check", "dependency_track", "npm_audit", "osv_scanner", "pip_audit", "trivy_operator", "jfrog_xray", "veracode_sca")
    }
    assert not {*mine, "checkmarx_osa"} & set(_claimed(document))


@pytest.mark.parametrize(
    ("format", "document"),
    [
        (
            "npm_audit",
            {"error": {"code": "ENOLOCK", "summary": "This command requires an existing lockfile.", "detail": "Try creating one"}},
        ),
        ("npm_audit", {"message": "request failed", "error": {"summary": "", "detail": ""}}),
        ("jfrog_xray", [{"scan_id": "1", "component_id": "gav://a:b:1", "status": "failed", "vulnerabilities": []}]),
    ],
    ids=["npm", "npm-message", "xray"],
)
def test_a_scan_that_failed_is_no_report_of_nothing(format, document):
    with pytest.raises(FileRejected) as caught:
        _rows(format, document)
    assert caught.value.reason == "failed_scan"


def test_one_failed_scan_among_others_is_one_rejected_row():
    scans = [{"scan_id": "1", "component_id": "gav://a:b:1", "status": status, "vulnerabilities": []} for status in ("completed", "failed")]
    assert _reasons("jfrog_xray", scans) == ["failed_scan"]


# Items without what they need ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "document", "reasons"),
    [
        ("dependency_check", DC_XML.format("<dependencies><dependency><vulnerabilities><vulnerability><name>CVE-2020-1234</name></vulnerability></vulnerabilities></dependency></dependencies>").encode(), ["missing_fileName"]),
        ("dependency_check", {**DC_JSON, "dependencies": [{"fileName": "a.jar", "vulnerabilities": [{"source": "NVD"}, 7]}]}, ["missing_name", "malformed"]),
        ("dependency_track", {"meta": {}, "project": {}, "findings": [{"component": {"name": "a"}, "vulnerability": {}}]}, ["missing_vulnId"]),
        ("npm_audit", {"auditReportVersion": 2, "vulnerabilities": {"a": {"name": "a", "via": []}, "b": 7, "c": {"via": [{"title": "x"}]}}}, ["missing_via", "malformed", "missing_source"]),
        ("npm_audit", {"actions": [], "metadata": {}, "advisories": {"1": {"id": 1}, "2": []}}, ["missing_module_name", "malformed"]),
        ("osv_scanner", {**OSV, "results": [{"source": {}, "packages": [{"package": {}, "vulnerabilities": [{"id": "GO-1-1"}, {}]}, 4]}]}, ["missing_package", "missing_id", "malformed"]),
        ("pip_audit", [{"name": "a", "version": "1", "vulns": [{}]}, {"name": "b", "skip_reason": "not on PyPI"}, {"name": "c"}], ["missing_id", "not_scanned", "not_scanned"]),
        ("trivy_operator", [{**OPERATOR, "kind": "VulnerabilityReport", "report": {"vulnerabilities": [{"resource": "a"}]}}, {}, 7], ["missing_vulnerabilityID", "missing_kind", "malformed"]),
        ("jfrog_xray", {"artifacts": [{"general": {}, "issues": [{"issue_id": "XRAY-1", "severity": "High"}]}]}, ["missing_impact_path"]),
        ("veracode_sca", {"_embedded": {"issues": [ISSUE, {**ISSUE, "vulnerability": {"id": 4}}]}}, ["missing_vulnerability", "missing_library"]),
        ("checkmarx_osa", [[{"id": "1", "cveName": CVE, "severity": {}, "libraryId": "Z"}, 7], []], ["unknown_library", "malformed"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_item_without_what_it_needs_is_one_rejected_row(format, document, reasons):
    assert _reasons(format, document) == reasons


# Values -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "ids"),
    [
        (["CVE-2021-44228", "cve-2021-44228"], ("CVE-2021-44228",)),
        (["48", 533, "CVE-20-1", "GHSA-xxxx", "CWE-79", "no id", "", None, "sonatype-"], ()),
        (["PYSEC-2021-76", "RHSA-2021:1234", "Cx08fcacc9-cb99", "sonatype-2020-1234"], ("PYSEC-2021-76", "RHSA-2021:1234", "CX08FCACC9-CB99", "SONATYPE-2020-1234")),
    ],
)  # fmt: skip
def test_only_what_has_the_form_of_an_advisorys_id_is_one(stated, ids):
    assert advisory_ids(stated) == ids


def _dependency(vulnerability: dict, **fields: object) -> dict:
    return {
        **DC_JSON,
        "dependencies": [
            {"fileName": "log4j-core-2.14.1.jar", "filePath": "C:\\app\\log4j.jar", "vulnerabilities": [vulnerability], **fields}
        ],
    }


def test_dependency_check_reads_json_with_the_names_that_its_template_misspells():
    vulnerability = {
        "source": "NVD",
        "name": CVE,
        "cvssv2": {"score": 9.3, "accessVector": "NETWORK", "accessComplexity": "MEDIUM", "authenticationr>": "NONE"}
        | {"confidentialImpact": "COMPLETE", "integrityImpact": "COMPLETE", "availabilityImpact": "COMPLETE", "severity": "HIGH"},
        "cvssv3": {
            "baseScore": 10.0,
            "attackVector": "NETWORK",
            "attackComplexity": "LOW",
            "privilegesRequired": "NONE",
            "userInteraction": "NONE",
        }
        | {"scope": "CHANGED", "confidentialityImpact": "HIGH", "integrityImpact": "HIGH", "availabilityImpact": "HIGH", "version": "3.1"}
        | {"baseSeverity>": "CRITICAL"},
        "cwes": ["CWE-502", "CWE-400", "NVD-CWE-noinfo"],
        "knownExploitedVulnerability": {"dateAdded": "2021-12-10"},
    }
    packages = [{"id": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "confidence": "HIGH"}]
    row = _one("dependency_check", _dependency(vulnerability, packages=packages))
    assert (row.component_name, row.component_version) == ("org.apache.logging.log4j:log4j-core", "2.14.1")
    assert row.cvss_vectors == ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "AV:N/AC:M/Au:N/C:C/I:C/A:C")
    assert (row.severity, row.score, row.cwes, row.known_exploited) == ("CRITICAL", 10.0, (502, 400), True)
    assert (row.file_path, row.target, row.captured is not None) == ("C:/app/log4j.jar", "shop", True)


@pytest.mark.parametrize(
    ("fields", "name", "version"),
    [
        ({"vulnerabilityIds": [{"id": "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*"}]}, "log4j", "2.14.1"),
        ({"packages": [{"id": "not a url"}], "vulnerabilityIds": [{"id": "cpe:2.3:a:x:*:*:*:*:*:*:*:*:*"}]}, "log4j-core-2.14.1.jar", None),
        (
            {"evidenceCollected": {"productEvidence": [{"confidence": "LOW", "source": "a", "value": "x"}, {"confidence": "HIGH", "source": "file", "value": "y"}]}},
            "y",
            None,
        ),
        ({"packages": [{"id": "pkg:javascript/jquery@1.7"}, {"id": "pkg:npm/jquery@1.7.2", "confidence": "HIGHEST"}]}, "jquery", "1.7.2"),
    ],
    ids=["cpe", "nothing", "evidence", "confidence"],
)  # fmt: skip
def test_dependency_checks_component_is_what_its_best_identifier_says(fields, name, version):
    row = _one("dependency_check", _dependency({"name": CVE, "severity": "HIGH"}, **fields))
    assert (row.component_name, row.component_version) == (name, version)


def test_dependency_check_reads_csv():
    row = _one(
        "dependency_check",
        (
            DC_CSV
            + '"shop","Wed, 1 May 2024 10:00:00 +0000","a-1.jar","/app/a-1.jar","text, with comma","","","","pkg:maven/org.a/a@1","cpe:2.3:a:a:a:1",'
            '"CVE-2020-1234","[CWE-400, CWE-502]","what it is","NVD","MEDIUM","5.0","/AV:N/AC:L/Au:N/C:N/I:N/A:P","HIGH","7.5",'
            '"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H","HIGHEST",12,"","","","","","","",""\n'
        ).encode(),
    )
    assert (row.component_name, row.component_version, row.severity, row.score) == ("org.a:a", "1", "HIGH", 7.5)
    assert row.cvss_vectors == ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "AV:N/AC:L/Au:N/C:N/I:N/A:P")
    assert (row.cwes, row.target, row.known_exploited) == ((400, 502), "shop", False)


def test_dependency_tracks_api_answers_with_the_bare_list():
    finding = {
        "component": {"name": "log4j-core", "group": "org.apache.logging.log4j", "version": "2.14.1", "projectName": "shop"}
        | {"purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"},
        "vulnerability": {
            "vulnId": CVE,
            "source": "NVD",
            "severity": "UNASSIGNED",
            "cvssV4Vector": "CVSS:4.0/AV:N/AC:L",
            "aliases": [{"snykId": "SNYK-JAVA-1"}],
        },
        "analysis": {"state": "FALSE_POSITIVE", "isSuppressed": True},
        "matrix": "a:b:c",
    }
    row = _one("dependency_track", [finding])
    assert (row.severity, row.target, row.own_id, row.source_state) == ("UNASSIGNED", "shop", "a:b:c", "false_positive,suppressed")
    assert row.vulnerability_ids == (CVE, "SNYK-JAVA-1") and row.location.key == "org.apache.logging.log4j:log4j-core"


def test_pnpm_writes_npms_older_form_with_scores_and_lists():
    advisory = {
        "id": 1094222,
        "module_name": "debug",
        "title": "ReDoS in debug",
        "severity": "low",
        "cwe": ["CWE-400", "CWE-1333"],
        "cvss": {"score": 3.7, "vectorString": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:L"},
        "cves": ["CVE-2017-16137"],
        "url": GHSA,
        "findings": [{"version": "2.6.8", "paths": [".>debug"]}, {"version": "3.0.0"}, {"version": "2.6.8"}],
    }
    rows = _rows("npm_audit", {"actions": [], "advisories": {"1094222": advisory}, "muted": [], "metadata": {}})
    assert [(row.component_version, row.rule, row.cwes) for row in rows] == [
        ("2.6.8", "GHSA-GXPJ-CX7G-858C", (400, 1333)),
        ("3.0.0", "GHSA-GXPJ-CX7G-858C", (400, 1333)),
    ]
    assert rows[0].vulnerability_ids == ("CVE-2017-16137", "GHSA-GXPJ-CX7G-858C") and len({row.identity for row in rows}) == 2


def test_an_edit_of_an_npm_advisory_moves_no_finding():
    def report(number: int) -> dict:
        via = {"source": number, "name": "@a/b", "title": "t", "url": GHSA, "severity": "high", "cvss": {"score": 0, "vectorString": None}}
        return {"auditReportVersion": 2, "vulnerabilities": {"@a/b": {"name": "@a/b", "severity": "high", "via": [via, "c"]}}}

    before, after = _one("npm_audit", report(1)), _one("npm_audit", report(2))
    assert (before.identity, before.rule) == (after.identity, after.rule)
    assert before.pointer == "/vulnerabilities/@a~1b/via/0" and before.score is None


def test_osv_scanner_has_scores_by_group_and_images_by_name():
    package = {
        "package": {"name": "openssl", "version": "1.1.1k", "ecosystem": "Debian:11"},
        "vulnerabilities": [{"id": "DEBIAN-CVE-2023-1234", "upstream": ["CVE-2023-1234"], "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]}],
        "groups": [{"ids": ["DEBIAN-CVE-2023-1234"], "max_severity": "7.5", "experimentalAnalysis": {"DEBIAN-CVE-2023-1234": {"called": False}}}, 7],
    }  # fmt: skip
    row = _one("osv_scanner", {"results": [{"source": {"path": "shop:1.0", "type": "docker"}, "packages": [package]}]})
    assert (row.target, row.file_path, row.score, row.source_state) == ("shop:1.0", None, 7.5, "uncalled")
    assert row.vulnerability_ids == ("DEBIAN-CVE-2023-1234", "CVE-2023-1234") and len(row.cvss_vectors) == 1


@pytest.mark.parametrize(
    ("identifier", "name", "version"),
    [
        ("gav://org.yaml:snakeyaml:1.16", "org.yaml:snakeyaml", "1.16"),
        ("gav://test", "test", None),
        ("npm://@angular/core:9.0.0", "@angular/core", "9.0.0"),
        ("deb://debian:buster:libx11:2:1.6.4-3", "libx11", "2:1.6.4-3"),
        ("rpm://el7:libxml2:0:2.9.1-6.el7", "libxml2", "2.9.1-6.el7"),
        ("alpine://3.12:openssl:1.1.1k-r0", "openssl", "1.1.1k-r0"),
        ("go://github.com/gin-gonic/gin:1.6.0", "github.com/gin-gonic/gin", "1.6.0"),
        ("generic://sha256:3666f307a676/app.jar", "app.jar", None),
        ("docker://shop/web:1.0", "shop/web", "1.0"),
    ],
)
def test_xrays_identifiers_are_read_as_names_of_their_ecosystems(identifier, name, version):
    row = _one(
        "jfrog_xray",
        {
            "total_rows": 1,
            "rows": [{"issue_id": "XRAY-1", "vulnerable_component": identifier, "impacted_artifact": "docker://shop/web:1.0"}],
        },
    )
    assert (row.component_name, row.component_version, row.target) == (name, version, "shop/web:1.0")


def test_xrays_violations_and_simple_json_have_issues_of_security_only():
    components = {"gav://a:b:1": {}, "gav://a:c:2": {}}
    violations = [
        {"type": kind, "issue_id": "XRAY-1", "summary": "s", "severity": "Information", "components": components}
        for kind in ("security", "license")
    ]
    rows = _rows("jfrog_xray", [{"scan_id": "1", "component_id": "docker://shop:1", "violations": violations}])
    assert [(row.component_name, row.rule, row.target) for row in rows] == [("a:b", "XRAY-1", "shop:1"), ("a:c", "XRAY-1", "shop:1")]
    simple = {"severity": "High", "impactedPackageName": "a:b", "impactedPackageVersion": "1", "issueId": "XRAY-1", "summary": "s"}
    row = _one(
        "jfrog_xray",
        {
            "vulnerabilities": [{**simple, "cves": [{"id": CVE, "cvssV3": "10.0"}], "applicable": "Not Applicable"}],
            "securityViolations": None,
        },
    )
    assert (row.vulnerability_ids, row.score, row.source_state) == ((CVE,), 10.0, "not_applicable")


def test_veracodes_agent_points_at_its_libraries():
    record = {
        "metadata": {"requestDate": "2024-05-01T10:00:00.000+0000"},
        "graphs": [],
        "libraries": [
            {
                "name": "Log4j",
                "coordinateType": "MAVEN",
                "coordinate1": "org.a",
                "coordinate2": "log4j",
                "versions": [{"version": "2.14.1"}],
            }
        ],
        "vulnerabilities": [
            {
                "id": 33244,
                "title": "RCE",
                "cve": "2021-44228",
                "cvss3Score": 10,
                "libraries": [{"_links": {"ref": "/records/0/libraries/0/versions/0"}}],
            },
            {"id": 1, "title": "x", "libraries": [{"_links": {"ref": "/records/0/libraries/9/versions/0"}}, {"_links": None}]},
        ],
    }
    row, *rejects = _rows("veracode_sca", {"records": [record]})
    assert (row.component_name, row.component_version, row.vulnerability_ids, row.score) == ("org.a:log4j", "2.14.1", (CVE,), 10.0)
    assert row.captured is not None and [reject.reason for reject in rejects] == ["missing_library"] * 2


# Trivy Operator ---------------------------------------------------------------------------------------------------------------------


def _audited(name: str, kind: str = "ReplicaSet", check: str = "KSV014") -> dict:
    labels = {"trivy-operator.resource.kind": kind, "trivy-operator.resource.name": name, "trivy-operator.resource.namespace": "shop"}
    check_ = {"checkID": check, "success": False, "severity": "LOW", "title": "Root", "messages": [f"of {name}"]}
    return {
        **OPERATOR,
        "kind": "ConfigAuditReport",
        "metadata": {"labels": labels},
        "report": {"checks": [check_, {**check_, "success": True}]},
    }


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("web-5d59d67564", "ReplicaSet", "shop/ReplicaSet/web"),
        ("web-frontend", "ReplicaSet", "shop/ReplicaSet/web-frontend"),
        ("backup-28473945", "Job", "shop/Job/backup"),
        ("web-5d59d67564", "Deployment", "shop/Deployment/web-5d59d67564"),
    ],
)
def test_a_rollout_moves_no_workload(name, kind, target):
    row = _one("trivy_operator", _audited(name, kind))
    assert (row.target, row.location.key) == (target, target)


@pytest.mark.parametrize("check", ["KSV014", "KSV-0014", "AVD-KSV-0014"])
def test_a_check_has_one_id_in_every_version_and_kind_of_report(check):
    alone = _one("trivy_operator", _audited("web-5d59d67564", check=check))
    item = {"checkID": check, "success": False, "target": "shop/replicaset-web-5d59d67564"}
    control = {"id": "5.2.1", "name": "Minimise", "severity": "HIGH", "checks": [item, {"success": True}]}
    compliance = {**OPERATOR, "kind": "ClusterComplianceReport", "status": {"detailReport": {"results": [control]}}}
    of_control = _one("trivy_operator", {"apiVersion": "v1", "kind": "List", "items": [compliance]})
    assert alone.rule == of_control.rule == "AVD-KSV-0014" and alone.vulnerability_ids == ("AVD-KSV-0014",)
    assert (alone.target, alone.location) == (of_control.target, of_control.location)
    assert (of_control.severity, of_control.title) == ("HIGH", "Minimise")


def test_a_compliance_summary_has_its_failed_controls():
    controls = [
        {"id": "1.1", "name": "a", "severity": "HIGH", "totalFail": 3},
        {"id": "1.2", "totalFail": 0},
        {"id": "1.3"},
        {"totalFail": 1},
    ]
    report = {**OPERATOR, "kind": "ClusterComplianceReport", "status": {"summaryReport": {"id": "cis", "controlCheck": controls}}}
    result, reject = _rows("trivy_operator", report)
    assert (result.rule, result.severity, reject.reason) == ("cis/1.1", "HIGH", "missing_id")


def test_the_webhooks_envelope_is_opened():
    assert _one("trivy_operator", {"verb": "update", "operatorObject": _audited("web-5d59d67564")}).rule == "AVD-KSV-0014"


# Damage -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [7, "text", None, [], {"nested": {}}], ids=repr)
def test_a_retyped_field_of_checkmarx_costs_at_most_its_own_item(wrong):
    item = {"id": "1", "cveName": CVE, "severity": {"name": "High"}, "libraryId": "A", "score": 9, "state": {"name": "NOT_EXPLOITABLE"}}
    libraries = [{"id": "A", "name": "a:b", "version": "1", "confidenceLevel": 100}]
    for field in item:
        rows = _rows("checkmarx_osa", [[item, {**item, field: wrong}], libraries])
        assert isinstance(rows[0], Result) and rows[0].source_state == "not_exploitable", field
