"""What scanners of secrets report stands nowhere in the warehouse: in no observation, no rejected row, no mart."""

import json

import pytest

SECRET = "not-a-secret-8f31c0d2a7"
CODE = f'token = "{SECRET}"'


def sarif(*results: object) -> dict:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "gitleaks"}}, "results": list(results)}]}


def sarif_result(**more: object) -> dict:
    region = {"startLine": 3, "snippet": {"text": CODE}}
    where = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": region, "contextRegion": region}}
    return {"ruleId": "token", "message": {"text": "token has detected secret for file a.py"}, "locations": [where], **more}


def gitlab(kind: str | None, *items: object) -> dict:
    return {"version": "15.0.0", "vulnerabilities": list(items), **({"scan": {"type": kind, "status": "success"}} if kind else {})}


GITLAB = {
    "id": "1", "category": "secret_detection", "name": "Token", "severity": "Critical", "raw_source_code_extract": SECRET,
    "location": {"file": "a.py", "start_line": 3}, "identifiers": [{"type": "gitleaks_rule_id", "name": "token", "value": "token"}],
    "details": {"code": {"type": "code", "value": CODE}},
}  # fmt: skip
LINES = {"Lines": [{"Number": 3, "Content": CODE, "Highlighted": CODE, "IsCause": True}]}
TRIVY = {"RuleID": "token", "Title": "Token", "Severity": "CRITICAL", "StartLine": 3, "EndLine": 3, "Match": CODE, "Code": LINES}
OPERATOR = {"ruleID": "token", "title": "Token", "severity": "CRITICAL", "target": "/app/a.py", "match": CODE}
SEMGREP = {
    "check_id": "secrets.token", "path": "a.py", "start": {"line": 3, "col": 1}, "end": {"line": 3, "col": 30},
    "extra": {"message": "A token", "severity": "ERROR", "lines": CODE, "metavars": {"$X": {"abstract_content": SECRET}}, "validation_state": "VALID"},
}  # fmt: skip
WIZ = {"description": "Token", "path": "/a.py", "lineNumber": 3, "type": "TOKEN", "snippet": CODE, "severity": "HIGH"}
WIZ_RULE = {"rule": {"id": "r", "name": "No tokens"}, "severity": "HIGH"}
WIZ_MATCH = {"fileName": "a.tf", "lineNumber": 3, "resourceName": "x", "matchContent": CODE}
LEAK = {"RuleID": "token", "Secret": SECRET, "Match": CODE, "File": "a.py", "StartLine": 3, "StartColumn": 7, "Commit": "c1"}
TRUFFLE = {
    "SourceMetadata": {"Data": {"Git": {"commit": "c1", "file": "a.py", "line": 3}}},
    "SourceName": "git", "DetectorName": "Token", "Verified": True, "Raw": SECRET, "RawV2": SECRET, "Redacted": SECRET,
}  # fmt: skip
CHECKOV = {"check_id": "CKV_SECRET_6", "check_name": "Token", "file_path": "/a.py", "file_line_range": [3, 4], "resource": "3a1f", "code_block": [[3, CODE]]}
DETECTED = {"type": "Secret Keyword", "hashed_secret": SECRET, "is_verified": False, "line_number": 3}
BANDIT = {
    "test_id": "B105", "filename": "a.py", "line_number": 3, "issue_severity": "LOW", "code": f"3 {CODE}\n",
    "issue_text": f"Possible hardcoded password: '{SECRET}'",
}  # fmt: skip


def without(item: dict, *names: str) -> dict:
    return {name: value for name, value in item.items() if name not in names}


def wiz(**lists: object) -> dict:
    return {"scanOriginResource": {"name": "app"}, "status": {"state": "SUCCESS"}, "createdAt": "2026-04-01T00:00:00Z", "result": lists}


def operator(*items: object, name: str = "app", **more: object) -> dict:
    return {
        "apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "ExposedSecretReport", "metadata": {"name": name},
        "report": {"secrets": list(items)}, **more,
    }  # fmt: skip


#: Report, and how many results and rejects it has.
REPORTS = {
    "sarif": (sarif(sarif_result(), {"kind": "fail", "properties": {"match": CODE}}), 1, 1),
    "sarif_torn": (sarif(sarif_result(), sarif_result(locations=CODE), SECRET), 1, 2),
    "sarif_run": ({"version": "2.1.0", "runs": [sarif(sarif_result())["runs"][0], {"results": SECRET}]}, 1, 1),
    "gitlab": (gitlab("secret_detection", GITLAB, without(GITLAB, "name", "identifiers")), 1, 1),
    "gitlab_torn": (gitlab(None, GITLAB, {**GITLAB, "location": CODE}, SECRET), 1, 2),
    "trivy": ({"SchemaVersion": 2, "ArtifactName": "app", "Results": [{"Target": "a.py", "Class": "secret", "Secrets": [TRIVY, without(TRIVY, "RuleID"), SECRET]}]}, 1, 2),
    "trivy_results": ({"SchemaVersion": 2, "ArtifactName": "app", "Results": [{"Secrets": [TRIVY]}, {"Target": "a", "Secrets": {"a": TRIVY}}]}, 0, 2),
    "operator": (operator(OPERATOR, without(OPERATOR, "ruleID"), SECRET), 1, 2),
    "operators": ({"apiVersion": "v1", "kind": "List", "items": [operator(OPERATOR, name="shop"), without(operator(OPERATOR), "kind"), {**operator(), "report": {"secrets": SECRET}}]}, 1, 2),
    "semgrep": ({"results": [SEMGREP, without(SEMGREP, "check_id"), {**SEMGREP, "start": SECRET}], "errors": []}, 1, 2),
    "wiz": (wiz(secrets=[WIZ, without(WIZ, "path"), SECRET], ruleMatches=[]), 1, 2),
    "wiz_rules": (wiz(ruleMatches=[{**WIZ_RULE, "matches": [WIZ_MATCH, without(WIZ_MATCH, "fileName"), SECRET]}, {"matches": [WIZ_MATCH]}, SECRET]), 1, 4),
    "gitleaks": ([LEAK, without(LEAK, "RuleID"), SECRET], 1, 2),
    "trufflehog": ([TRUFFLE, without(TRUFFLE, "DetectorName"), SECRET], 1, 2),
    "checkov": ({"check_type": "secrets", "results": {"failed_checks": [CHECKOV, without(CHECKOV, "check_id"), SECRET]}, "summary": {"failed": 1}}, 1, 2),
    "detect_secrets": ({"version": "1.5.0", "plugins_used": [], "results": {"a.py": [DETECTED, without(DETECTED, "type"), SECRET], "b.py": SECRET}}, 1, 3),
    "bandit": ({"results": [BANDIT, without(BANDIT, "test_id"), SECRET], "metrics": {}, "generated_at": "2026-04-01T00:00:00Z"}, 1, 2),
}  # fmt: skip


@pytest.fixture(scope="module")
def landed(tmp_path_factory, tools):
    """A warehouse with its marts, into which every report has gone."""
    zone = tools.Zone()
    for name, (document, *_) in REPORTS.items():
        zone.put(f"scans/{name}.json", json.dumps(document), target=name, captured_at="2026-04-01T00:00:00Z")
    folder = tmp_path_factory.mktemp("secrets")
    warehouse = tools.Warehouse(folder / "home")
    warehouse.run(zone.write(folder / "landing"), "2026-05-01T00:00:00Z", marts=True)
    return warehouse


def test_each_report_gives_results_and_rejects(landed):
    assert landed.files().items() >= {f"scans/{name}.json": ("loaded", results, 0, rejects) for name, (_, results, rejects) in REPORTS.items()}.items()


def test_no_column_of_any_table_holds_a_secret(landed):
    with landed.open() as connection:
        tables = connection.execute("SELECT DISTINCT schema_name, table_name FROM duckdb_columns() WHERE NOT internal").fetchall()
        assert {("record", "observation"), ("record", "rejected_row"), ("mart", "finding"), ("mart", "handoff")} <= set(tables)
        texts = "SELECT count(*) FROM {}.{} AS row WHERE contains(row::VARCHAR, ?)"
        assert [name for name in tables if connection.execute(texts.format(*name), [SECRET]).fetchone() != (0,)] == []


def test_a_reject_says_why_it_has_no_raw_text(landed):
    assert landed.sql("SELECT DISTINCT raw FROM record.rejected_row") == [("withheld: it may hold a secret",)]
